//! The errors of this room.

base::codes! {
    UNKNOWN_FORMAT: User, false, 406, "22023",
        "format `{format}` is not offered here; offered are {offered}" / "此处不提供格式 `{format}`，可用格式：{offered}",
        "choose one by `Accept` or `?format=`" / "请用 `Accept` 或 `?format=` 选择";
    ENCODING_FAILED: Platform, false, 500, "XX000",
        "the answer could not be written in this format: {reason}" / "结果无法写成该格式：{reason}",
        "cast the column to a simpler type, or ask for Arrow" / "请把该列转换为更简单的类型，或改用 Arrow 格式";
    SERVICE_PARAMETER_UNKNOWN: User, false, 400, "22023",
        "data service `{service}` has no parameter `{name}`[; did you mean `{near}`?]" / "数据服务 `{service}` 没有参数 `{name}`[；是否指 `{near}`？]",
        "its parameters are {known}" / "可用的参数：{known}";
    SERVICE_PARAMETER_MISSING: User, false, 400, "22004",
        "data service `{service}` needs the parameter `{name}`" / "数据服务 `{service}` 需要参数 `{name}`",
        "GET /services/{service}/openapi.json says what each parameter takes" / "参数说明见 GET /services/{service}/openapi.json";
    SERVICE_PARAMETER_INVALID: User, false, 400, "22023",
        "parameter `{name}` does not fit: {reason}" / "参数 `{name}` 不合适：{reason}",
        "" / "";
    SERVICE_RATE_EXCEEDED: User, true, 429, "53400",
        "data service `{service}` takes {rate} requests a second from each token" / "数据服务 `{service}` 对每个令牌限每秒 {rate} 次请求",
        "wait {seconds} s, then send the request again" / "请等待 {seconds} 秒后重试";
}
