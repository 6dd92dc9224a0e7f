//! The errors of the doors: who you are, what you may, and what cannot be written down.

base::codes! {
    NOT_AUTHENTICATED: User, false, 401, "28000",
        "this request does not say who you are, or its token is wrong, expired or revoked" / "请求未说明身份，或令牌错误、过期或已吊销",
        "log in, or send `Authorization: Bearer TOKEN` with a token of `dataux token create`" /
        "请登录，或在 `Authorization: Bearer TOKEN` 中携带 `dataux token create` 生成的令牌";
    LOGIN_REFUSED: User, false, 401, "28P01",
        "the user or the password is wrong, or the account is locked for a while" / "用户或密码错误，或账号暂时被锁定",
        "after several failures an account is locked for up to 15 minutes; an administrator can set a new password" /
        "多次失败后账号最长锁定 15 分钟；管理员可以重设密码";
    LOGIN_BUSY: Platform, true, 503, "53300",
        "too many logins at once" / "同时登录的请求过多",
        "try again in a few seconds" / "请稍后重试";
    NOT_ALLOWED: User, false, 403, "42501",
        "user `{user}` may not {privilege} {object}" / "用户 `{user}` 无权{privilege_zh} {object}",
        "an administrator can give the right with a Grant" / "管理员可以通过 Grant 授权";
    USER_UNKNOWN: User, false, 404, "42704",
        "there is no user `{user}`, or it is disabled" / "用户 `{user}` 不存在或已停用",
        "declare it with a resource of kind User" / "请用 User 资源声明该用户";
    TOKEN_UNKNOWN: User, false, 404, "42704",
        "there is no token `{id}` to revoke" / "没有可吊销的令牌 `{id}`",
        "list the tokens to see their ids" / "请列出令牌以查看其标识";
    PASSWORD_WEAK: User, false, 400, "22023",
        "the password is refused: {reason}" / "密码不符合要求：{reason}",
        "" / "";
    MASTER_KEY_WRONG: Platform, false, 500, "58000",
        "the master key {place} cannot be used: {reason}" / "主密钥 {place} 不可用：{reason}",
        "without the same key the stored secrets cannot be read; restore the key from its backup" /
        "没有同一密钥就无法读取已存的密钥；请从备份恢复";
    SECRET_UNKNOWN: User, false, 404, "42704",
        "there is no secret `{name}`" / "没有名为 `{name}` 的密钥",
        "put it with `dataux secret put`" / "请用 `dataux secret put` 保存";
    AUDIT_UNAVAILABLE: Platform, true, 503, "53400",
        "the audit cannot be written, so this is refused: {reason}" / "审计无法写入，因此拒绝执行：{reason}",
        "check the metadata database; it must take writes" / "请检查元数据库是否可写";
}
