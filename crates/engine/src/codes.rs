//! The errors of this room.

base::codes! {
    SYNTAX_ERROR: User, false, 400, "42601",
        "the statement cannot be read: {reason}" / "语句无法解析：{reason}",
        "" / "";
    STATEMENT_INVALID: User, false, 400, "42000",
        "the statement cannot be planned: {reason}" / "语句无法执行：{reason}",
        "" / "";
    STATEMENT_NOT_ALLOWED: User, false, 403, "42501",
        "only queries run here; {what} does not" / "此处只能执行查询，不支持 {what}",
        "data is changed by pipelines, resources by `dataux apply`" / "数据由流水线修改，资源由 `dataux apply` 修改";
    STATEMENT_TOO_LONG: User, false, 413, "54000",
        "the statement has {bytes} bytes; at most {max} are taken" / "语句长 {bytes} 字节，上限为 {max}",
        "pass long lists as parameters, or join with a table" / "请用参数传递长列表，或与表关联";
    STATEMENT_TOO_DEEP: User, false, 400, "54001",
        "the statement is nested more deeply than {max} levels" / "语句嵌套超过 {max} 层",
        "split it into common table expressions" / "请拆分为公用表表达式";
    STATEMENTS_SEVERAL: User, false, 400, "42601",
        "one statement was expected and {count} were sent" / "应为一条语句，收到 {count} 条",
        "send them one by one" / "请逐条发送";
    TABLE_NOT_FOUND: User, false, 404, "42P01",
        "table {table} does not exist[; did you mean {near}?]" / "表 {table} 不存在[；是否指 {near}？]",
        "`show tables` lists the tables you may read" / "用 `show tables` 查看可读的表";
    VIEW_BROKEN: User, false, 409, "55000",
        "view {view} cannot be read with the rights of {declarer}, who declared it[: {reason}]" / "视图 {view} 无法以其声明者 {declarer} 的权限读取[：{reason}]",
        "grant {declarer} what is missing, or let somebody who may read the tables apply the view again; `dataux describe {view}` says what is wrong to those who look after views" / "请授予 {declarer} 所缺权限，或由可读取相关表的用户重新 apply 该视图；视图管理者可用 `dataux describe {view}` 查看原因";
    VIEW_CIRCLE: User, false, 409, "42P19",
        "view {view} reads itself" / "视图 {view} 引用了自身",
        "change the SQL of one of the views" / "请修改其中一个视图的 SQL";
    VIEW_TOO_DEEP: User, false, 400, "54001",
        "below view {view} more than {max} views stand on one another" / "视图 {view} 之下的视图嵌套超过 {max} 层",
        "let it read tables, or write one of the views as a table by a pipeline" / "请直接读取表，或用流水线把其中一个视图写成表";
    VIEWS_TOO_WIDE: User, false, 400, "54001",
        "with its views the statement reads {count} tables; at most {max} are taken" / "语句连同其视图读取 {count} 个表，上限为 {max}",
        "write one of the views as a table by a pipeline" / "请用流水线把其中一个视图写成表";
    VIEW_HAS_NO_VERSIONS: User, false, 400, "0A000",
        "{view} is a view and has no versions of its own" / "{view} 是视图，自身没有版本",
        "ask for a version of a table behind it, or write VERSION AS OF in the view's SQL" / "请查询其背后的表的版本，或在视图的 SQL 中使用 VERSION AS OF";
    VIEW_IS_NO_TABLE: User, false, 409, "42809",
        "{view} is a view, not a table: it has no rows, files or versions of its own" / "{view} 是视图而非表：自身没有数据行、文件和版本",
        "read it with SELECT; to write a table, choose another name or delete the view first" / "请用 SELECT 读取；如要写入表，请改用其他名称或先删除该视图";
    VIEW_NOT_EXPLAINED: User, false, 403, "42501",
        "the plan shows what is behind view {view}, which {user} may not read" / "执行计划会显示视图 {view} 背后的内容，而 {user} 无权读取",
        "run the query without EXPLAIN, or ask for `select` on the tables behind the view" / "请不加 EXPLAIN 执行查询，或申请视图背后各表的查询权限";
    VIEW_CHANGED: User, false, 409, "40001",
        "view {view} was changed after the versions to read were settled" / "确定读取版本之后，视图 {view} 已被修改",
        "resume or rerun the run" / "请恢复或重新执行该运行";
    COLUMN_NOT_FOUND: User, false, 400, "42703",
        "column {column} does not exist[; did you mean {near}?][; there are {columns}]" / "列 {column} 不存在[；是否指 {near}？][；可用的列：{columns}]",
        "`\\d TABLE` or `dataux describe table` lists the columns" / "用 `\\d 表名` 或 `dataux describe table` 查看各列";
    PARAMETER_MISSING: User, false, 400, "07001",
        "the statement needs the parameter ${name}, which was not given" / "语句需要参数 ${name}，但未提供",
        "" / "";
    PARAMETER_INVALID: User, false, 400, "22023",
        "parameter ${name} does not fit: {reason}" / "参数 ${name} 不合适：{reason}",
        "" / "";
    QUERY_TIMEOUT: User, true, 408, "57014",
        "the query ran longer than its limit of {limit}" / "查询超过时限 {limit}",
        "narrow it with a filter, or ask for a longer limit" / "请缩小范围，或申请更长的时限";
    QUERY_ROWS_LIMIT: User, false, 413, "54000",
        "the answer has more than the {limit} rows allowed" / "结果超过允许的 {limit} 行",
        "add a LIMIT, aggregate, or ask for a higher limit" / "请加 LIMIT、做聚合，或申请更高上限";
    QUERY_BYTES_LIMIT: User, false, 413, "54000",
        "the answer has more than the {limit} allowed" / "结果超过允许的 {limit}",
        "select fewer columns or rows" / "请选择更少的列或行";
    QUERY_MEMORY_LIMIT: User, false, 507, "53200",
        "the query needs more memory than it may have: {reason}" / "查询所需内存超过上限：{reason}",
        "filter earlier, join on fewer rows, or raise the memory limit" / "请提前过滤、减少关联行数，或提高内存上限";
    QUERY_FAILED: User, false, 400, "22000",
        "the query failed: {reason}" / "查询失败：{reason}",
        "" / "";
    QUERY_BUSY: Platform, true, 503, "53300",
        "the platform is running as many queries as it may ({running}) and the queue is full" / "并发查询已达上限（{running}），队列已满",
        "try again in a moment" / "请稍后重试";
    ENGINE_INTERNAL: Platform, false, 500, "XX000",
        "the engine failed: {reason}" / "引擎内部错误：{reason}",
        "please report this with the trace id" / "请附上追踪编号反馈此问题";
}
