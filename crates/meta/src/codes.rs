//! The errors of the platform's own state: what the database says, and what a compare-and-set refuses.

base::codes! {
    DATABASE_URL_WRONG: User, false, 400, "22023",
        "the database URL is wrong: {reason}" / "数据库 URL 有误：{reason}",
        "write sqlite:PATH, mysql://…, postgres://…, or a JDBC URL such as jdbc:mysql://host:3306/dataux" /
        "请写作 sqlite:路径、mysql://…、postgres://… 或 JDBC URL，例如 jdbc:mysql://host:3306/dataux";
    DATABASE_UNAVAILABLE: Platform, true, 503, "08006",
        "the metadata database {database} cannot be reached: {reason}" / "无法连接元数据库 {database}：{reason}",
        "check that it runs, that this host may reach it, and the user and password; see DATABASE_URL" /
        "请检查数据库是否运行、本机能否访问、用户与密码是否正确；参见 DATABASE_URL";
    DATABASE_BUSY: Platform, true, 503, "40001",
        "the metadata database {database} was too busy: {reason}" / "元数据库 {database} 过于繁忙：{reason}",
        "try again; if it lasts, look for a long transaction in that database" / "请重试；若持续出现，请检查该库中的长事务";
    DATABASE_FAILED: Platform, false, 500, "58000",
        "the metadata database {database} refused a statement: {reason}" / "元数据库 {database} 拒绝了语句：{reason}",
        "the log has the details; the schema or the disk of that database may be damaged or full" /
        "详见日志；该库的结构可能损坏或磁盘已满";
    DATABASE_FULL: Platform, true, 507, "53100",
        "no space is left for the metadata database {database}: {reason}" / "元数据库 {database} 的磁盘空间已满：{reason}",
        "free or add space, then try again" / "请释放或增加空间后重试";
    MIGRATION_FAILED: Platform, false, 500, "58000",
        "the tables of the metadata database {database} could not be brought up to date: {reason}" /
        "无法更新元数据库 {database} 的表结构：{reason}",
        "the database user needs the rights to create tables and indexes" / "数据库用户需要建表与建索引的权限";
    STATE_DAMAGED: Platform, false, 500, "XX001",
        "a row of table {table} in the metadata database cannot be read: {reason}" / "无法读取元数据表 {table} 中的一行：{reason}",
        "it was changed by another program; restore it from a backup" / "它被其他程序修改过；请从备份恢复";
    VERSION_CONFLICT: User, false, 409, "40001",
        "{kind} `{name}` was changed by someone else: expected version {expected}, found {found}" /
        "{kind} `{name}` 已被他人修改：期望版本 {expected}，实际版本 {found}",
        "read it again and repeat your change" / "请重新读取后再次修改";
    AUDIT_CHAIN_MOVED: Platform, false, 500, "XX001",
        "the audit chain {chain} does not end where this process left it" / "审计链 {chain} 的末尾与本进程记录不符",
        "someone changed the audit tables, or two processes share one chain; run the audit verification" /
        "审计表被修改，或两个进程共用一条链；请运行审计校验";
    REDIS_URL_WRONG: User, false, 400, "22023",
        "the address of Redis is wrong: {reason}" / "Redis 地址有误：{reason}",
        "set REDIS_HOST and REDIS_PORT, or REDIS_URL such as redis://redis.example.org:6379/0; rediss:// means TLS" /
        "请设置 REDIS_HOST 与 REDIS_PORT，或设置 REDIS_URL，例如 redis://redis.example.org:6379/0；rediss:// 表示 TLS";
    CACHE_UNUSABLE: Platform, false, 500, "58000",
        "the shared cache {place} cannot be set up: {reason}" / "无法使用共享缓存 {place}：{reason}",
        "TLS needs the certificates of authorities on this machine; or unset REDIS_HOST and REDIS_URL" /
        "TLS 需要本机的根证书；或取消设置 REDIS_HOST 与 REDIS_URL";
}
