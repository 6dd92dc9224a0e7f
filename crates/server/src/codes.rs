//! The errors of this room.

base::codes! {
    TOKEN_REQUIRED: User, false, 401, "28000",
        "this address needs a token" / "此地址需要令牌",
        "send `Authorization: Bearer TOKEN`; `dataux login` or `dataux token create` gives one" / "请发送 `Authorization: Bearer 令牌`；可用 `dataux login` 或 `dataux token create` 获取";
    ADDRESS_NOT_FOUND: User, false, 404, "42704",
        "there is nothing at {path}" / "{path} 不存在",
        "GET /api/openapi.json lists the addresses" / "地址列表见 GET /api/openapi.json";
    METHOD_NOT_ALLOWED: User, false, 405, "0A000",
        "{method} is not offered at {path}" / "{path} 不支持 {method}",
        "GET /api/openapi.json lists the methods" / "可用方法见 GET /api/openapi.json";
    BODY_INVALID: User, false, 400, "22023",
        "the request's body cannot be read: {reason}" / "请求体无法解析：{reason}",
        "" / "";
    BODY_TOO_LARGE: User, false, 413, "54000",
        "the request's body is larger than {limit}" / "请求体超过 {limit}",
        "send it in parts" / "请分批发送";
    BODY_TOO_DEEP: User, false, 400, "54001",
        "the request's body is nested more deeply than {limit} levels" / "请求体嵌套超过 {limit} 层",
        "" / "";
    BODY_UNFINISHED: User, true, 400, "08006",
        "the request's body ended early: {reason}" / "请求体提前结束：{reason}",
        "" / "";
    MEDIA_TYPE_WRONG: User, false, 415, "22023",
        "the body is `{found}`, and {wanted} is expected here" / "请求体类型为 `{found}`，此处应为 {wanted}",
        "set `Content-Type`" / "请设置 `Content-Type`";
    QUERY_STRING_INVALID: User, false, 400, "22023",
        "the query string cannot be read: {reason}" / "查询字符串无法解析：{reason}",
        "" / "";
    REQUEST_TIMEOUT: Platform, true, 504, "57014",
        "the request was not answered within {limit}" / "请求未在 {limit} 内得到答复",
        "try again; if it happens often, look at the server's log with the trace id" / "请重试；若经常发生，请凭追踪编号查看服务日志";
    ANSWER_CUT: User, true, 408, "57014",
        "the answer was cut because its reader had stopped reading" / "读取方停止读取，答复已被中断",
        "read faster, or ask for fewer rows" / "请加快读取，或减少行数";
    SERVER_BUSY: Platform, true, 503, "53300",
        "the server is answering as many requests as it may ({limit})" / "并发请求已达上限（{limit}）",
        "try again in a moment" / "请稍后重试";
    SERVER_PANICKED: Platform, false, 500, "XX000",
        "the server failed while answering" / "服务在处理请求时出错",
        "please report this with the trace id" / "请附上追踪编号反馈此问题";
    SERVER_NOT_READY: Platform, true, 503, "57P03",
        "the server cannot serve now: {reason}" / "服务暂不可用：{reason}",
        "" / "";
    SERVER_LEAVING: Platform, true, 503, "57P01",
        "the server is shutting down" / "服务正在关闭",
        "send new requests to another server of this platform, or try again when this one is back" / "请将新请求发往本平台的其他服务，或等它恢复后重试";
    HOME_IN_USE: User, false, 409, "55006",
        "another `dataux serve` (process {process}) is running on {home}" / "已有 `dataux serve`（进程 {process}）正在使用 {home}",
        "stop it first, or choose another --home; commands other than serve work beside it" / "请先停止它，或另选 --home；serve 以外的命令可以同时使用";
    HOME_UNUSABLE: Platform, false, 500, "58030",
        "the home {home} cannot be used: {reason}" / "无法使用目录 {home}：{reason}",
        "check that the folder exists, is yours and has space" / "请检查目录是否存在、权限与剩余空间";
    REPLICA_ALONE: User, false, 409, "55000",
        "this process is one of {replicas} replicas (DATAUX_REPLICAS), and {setting} names nothing that all of them reach" / "本进程是 {replicas} 个副本之一（DATAUX_REPLICAS），而 {setting} 没有指向所有副本都能访问的位置",
        "set DATABASE_URL to MySQL or PostgreSQL, DATAUX_LAKE to an object store or a shared folder, and DATAUX_MASTER_KEY or DATAUX_MASTER_KEY_FILE; or run one replica" / "请将 DATABASE_URL 设为 MySQL 或 PostgreSQL，DATAUX_LAKE 设为对象存储或共享目录，并设置 DATAUX_MASTER_KEY 或 DATAUX_MASTER_KEY_FILE；或只运行一个副本";
    ROLE_ALONE: User, false, 409, "55000",
        "this process is only a part of a platform (role {roles}), and {setting} names nothing that the other parts reach" / "本进程只承担平台的一部分（角色 {roles}），而 {setting} 没有指向其他部分都能访问的位置",
        "set DATABASE_URL to MySQL or PostgreSQL, DATAUX_LAKE to an object store or a shared folder, and DATAUX_MASTER_KEY or DATAUX_MASTER_KEY_FILE; or leave --role and DATAUX_ROLE out, and one process does everything" / "请将 DATABASE_URL 设为 MySQL 或 PostgreSQL，DATAUX_LAKE 设为对象存储或共享目录，并设置 DATAUX_MASTER_KEY 或 DATAUX_MASTER_KEY_FILE；或不设 --role 与 DATAUX_ROLE，由一个进程承担全部工作";
    ROLE_LACKS: User, false, 404, "0A000",
        "this process has the role {roles}, and does not serve {path}" / "本进程的角色为 {roles}，不提供 {path}",
        "the API is served by processes with the role control or query, the console by control" / "API 由角色为 control 或 query 的进程提供，控制台由 control 提供";
    LISTEN_FAILED: User, false, 500, "58030",
        "cannot listen on {address}: {reason}" / "无法监听 {address}：{reason}",
        "choose another address with --listen, such as 127.0.0.1:8081" / "请用 --listen 另选地址，例如 127.0.0.1:8081";
}

/// The tables of every room that the server is made of.
pub(crate) const ROOMS: &[&[&base::Code]] = &[
    base::errors::ALL,
    meta::codes::ALL,
    guard::codes::ALL,
    catalog::codes::ALL,
    storage::codes::ALL,
    lake::codes::ALL,
    connect::codes::ALL,
    engine::codes::ALL,
    flow::codes::ALL,
    gateway::codes::ALL,
    ALL,
];

#[cfg(test)]
mod tests {
    #[test]
    fn names_are_unique_over_all_rooms() {
        let mut seen = std::collections::HashSet::new();
        for code in super::ROOMS.iter().copied().flatten() {
            assert!(seen.insert(code.name), "{} is declared twice", code.name);
        }
    }
}
