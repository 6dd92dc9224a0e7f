//! Every error the lake can answer with.

base::codes! {
    LAKE_TABLE_NOT_FOUND: User, false, 404, "42P01",
        "table {table} does not exist in the lake" / "湖中不存在表 {table}",
        "list the tables of its schema, or create it first" / "请列出该 schema 的表，或先创建它";
    LAKE_TABLE_EXISTS: User, false, 409, "42P07",
        "table {table} already exists and is different: {reason}" / "表 {table} 已存在且定义不同：{reason}",
        "write the columns it has, or evolve it" / "请按其现有列写入，或先演进表结构";
    LAKE_COLUMNS_DIFFER: User, false, 409, "42804",
        "the new rows do not fit table {table}: {reason}" / "新数据与表 {table} 不符：{reason}",
        "" / "";
    LAKE_REWRITTEN: User, false, 409, "55000",
        "version {version} of table {table} ({operation}) did not only add rows, so what is new since version {after} cannot be told" / "表 {table} 的版本 {version}（{operation}）不只是追加数据，无法得知版本 {after} 之后新增了什么",
        "read the whole table once" / "请完整读取该表一次";
    LAKE_MOVED: Platform, true, 409, "40001",
        "table {table} is at version {version} already" / "表 {table} 已到版本 {version}",
        "look at it again" / "请重新查看";
    LAKE_VERSION_NOT_FOUND: User, false, 404, "42704",
        "table {table} has no version {version}" / "表 {table} 没有版本 {version}",
        "its history lists the versions that can still be read" / "请查看其历史中仍可读取的版本";
    LAKE_NOT_A_TABLE_NAME: User, false, 400, "42602",
        "{table} is not a table of the lake" / "{table} 不是湖中的表",
        "tables of the lake are named lake.schema.table" / "湖中表的名称形如 lake.schema.table";
    LAKE_EXTRA_COLUMN: User, false, 400, "42703",
        "column `{column}` is not in table {table}" / "表 {table} 中没有列 `{column}`",
        "leave the column out, or evolve the table to have it" / "请去掉该列，或演进表结构以加入它";
    LAKE_MISSING_COLUMN: User, false, 400, "23502",
        "column `{column}` of table {table} may not be empty, but the data has no such column" / "表 {table} 的列 `{column}` 不可为空，但数据中没有该列",
        "" / "";
    LAKE_TYPE_MISMATCH: User, false, 400, "42804",
        "column `{column}` is {given}, but table {table} holds {expected}" / "列 `{column}` 的类型为 {given}，而表 {table} 中为 {expected}",
        "cast the column, or widen it in the table" / "请转换该列的类型，或在表中加宽它";
    LAKE_VALUE_DOES_NOT_FIT: User, false, 400, "22003",
        "a value of column `{column}` does not fit {expected} of table {table}" / "列 `{column}` 的某个值超出表 {table} 中类型 {expected} 的范围",
        "widen the column in the table" / "请在表中加宽该列";
    LAKE_NULL_NOT_ALLOWED: User, false, 400, "23502",
        "column `{column}` of table {table} may not be empty, but a row has no value" / "表 {table} 的列 `{column}` 不可为空，但某行没有值",
        "" / "";
    LAKE_TYPE_UNSUPPORTED: User, false, 400, "0A000",
        "column `{column}` has type {given}, which a table cannot hold" / "列 `{column}` 的类型 {given} 无法存入表中",
        "cast the column to a number, text, date or timestamp" / "请将该列转换为数值、文本、日期或时间戳";
    LAKE_COLUMNS_INVALID: User, false, 400, "42P16",
        "the columns cannot make a table: {reason}" / "这些列无法构成表：{reason}",
        "" / "";
    LAKE_CONFLICT: Platform, true, 409, "40001",
        "table {table} was changed by others while this change was made ({attempts} attempts)" / "修改表 {table} 期间它被他人改动（已尝试 {attempts} 次）",
        "run it again" / "请重新执行";
    LAKE_SCHEMA_CHANGED: Platform, true, 409, "40001",
        "the columns of table {table} were changed while this write ran" / "写入期间表 {table} 的列被改动",
        "run it again" / "请重新执行";
    LAKE_COMMIT_UNCLEAR: Platform, true, 503, "40003",
        "it is not known whether the commit to table {table} took place: {reason}" / "无法确定对表 {table} 的提交是否成功：{reason}",
        "run it again with the same transaction: rows are not doubled" / "请用同一事务重试：数据不会重复";
    LAKE_MERGE_TOO_LARGE: User, false, 400, "54000",
        "the rows to merge into table {table} take more than {limit} of memory" / "要合并到表 {table} 的数据超过 {limit} 内存",
        "merge in smaller parts, or replace the table" / "请分批合并，或整体替换该表";
    LAKE_MERGE_KEY: User, false, 400, "42703",
        "merge key `{column}` of table {table} cannot be used: {reason}" / "表 {table} 的合并键 `{column}` 不可用：{reason}",
        "" / "";
    LAKE_RETENTION_TOO_SHORT: User, false, 400, "22023",
        "files younger than {floor} may still be read or written; {asked} would delete them" / "不足 {floor} 的文件可能仍在被读写；{asked} 会删除它们",
        "keep at least {floor}, or force it when nothing else runs" / "请至少保留 {floor}，或在无其他任务运行时强制执行";
    LAKE_FILES_GONE: User, false, 410, "58P01",
        "version {version} of table {table} cannot be restored: {count} of its files were vacuumed" / "无法恢复表 {table} 的版本 {version}：其中 {count} 个文件已被清理",
        "" / "";
    LAKE_EVOLUTION_INVALID: User, false, 400, "42P16",
        "table {table} cannot be changed so: {reason}" / "表 {table} 不能这样修改：{reason}",
        "" / "";
    LAKE_FEATURE_UNSUPPORTED: User, false, 400, "0A000",
        "table {table} uses {feature}, which this platform reads but does not write" / "表 {table} 使用了 {feature}，本平台可读取但不写入",
        "" / "";
    LAKE_STORE_FAILED: Platform, true, 503, "58030",
        "the lake's store failed at {place}: {reason}" / "湖存储在 {place} 处失败：{reason}",
        "check that the store is reachable and has space" / "请检查存储是否可达且空间充足";
    LAKE_LOG_FAILED: Platform, false, 500, "XX001",
        "the log of table {table} could not be used: {reason}" / "表 {table} 的日志无法使用：{reason}",
        "" / "";
    LAKE_WRITE_FAILED: Platform, false, 500, "58030",
        "rows could not be written to table {table}: {reason}" / "无法将数据写入表 {table}：{reason}",
        "" / "";
}
