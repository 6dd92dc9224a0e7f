//! The errors of this room.

base::codes! {
    RESOURCE_NOT_FOUND: User, false, 404, "42704",
        "{kind} `{name}` does not exist[; did you mean `{near}`?]" / "{kind} `{name}` 不存在[；是否指 `{near}`？]",
        "`dataux get {kind}` lists what there is" / "用 `dataux get {kind}` 查看已有的资源";
    RESOURCE_CHANGED: User, true, 409, "40001",
        "{kind} `{name}` was changed by somebody else meanwhile" / "{kind} `{name}` 已同时被他人修改",
        "apply again: the current state will be read anew" / "请重新执行 apply，系统会重新读取当前状态";
    KIND_UNKNOWN: User, false, 404, "42704",
        "kind `{kind}` is not known[; did you mean `{near}`?]" / "未知的资源类型 `{kind}`[；是否指 `{near}`？]",
        "the kinds are {known}" / "可用的类型：{known}";
    RESOURCE_DAMAGED: Platform, false, 500, "XX001",
        "the stored {kind} `{name}` cannot be read by this version: {reason}" / "本版本无法读取已保存的 {kind} `{name}`：{reason}",
        "apply the resource again with this version's schema" / "请按本版本的格式重新 apply 该资源";
    APPLY_NARROWED: User, false, 403, "42501",
        "a narrowed token of {user} cannot declare resources, because they run with all rights of {user}" / "{user} 的受限令牌不能声明资源，因为资源以 {user} 的全部权限运行",
        "use a token without a scope, or sign in" / "请使用不受限的令牌，或登录后操作";
    RESOURCE_TWICE: User, false, 400, "42710",
        "{kind} `{name}` is declared twice in one apply" / "同一次 apply 中重复声明了 {kind} `{name}`",
        "keep one of them" / "请只保留一份";
}
