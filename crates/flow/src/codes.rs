//! The errors of this room.

base::codes! {
    RUN_NOT_FOUND: User, false, 404, "42704",
        "run {run} does not exist" / "运行 {run} 不存在",
        "`dataux runs` lists them" / "用 `dataux runs` 查看";
    RUN_STATE: User, false, 409, "55000",
        "run {run} is {state}, so it cannot be {verb}" / "运行 {run} 处于 {state} 状态，不能执行 {verb}",
        "" / "";
    RUN_CANCELLED: User, false, 409, "57014",
        "the run was cancelled" / "运行已被取消",
        "" / "";
    RUN_LOST: Platform, true, 503, "57P01",
        "the run was taken over by another worker" / "运行已被其他工作进程接管",
        "" / "";
    RUN_HANDED_BACK: Platform, true, 503, "57P01",
        "the worker is ending and hands the run back to the queue" / "工作进程正在退出，运行已交还队列",
        "" / "";
    STEP_FAILED: User, false, 422, "22000",
        "step `{step}` failed: {reason}" / "步骤 `{step}` 失败：{reason}",
        "`dataux logs` shows its log; `dataux resume` goes on from here" / "用 `dataux logs` 查看日志，用 `dataux resume` 从此处继续";
    STEP_TIMEOUT: User, true, 408, "57014",
        "step `{step}` ran longer than its limit of {limit}" / "步骤 `{step}` 超过时限 {limit}",
        "raise `timeout` on the step" / "请调大该步骤的 `timeout`";
    STEP_UNKNOWN: User, false, 400, "42704",
        "pipeline `{pipeline}` has no step `{step}` any more" / "流水线 `{pipeline}` 中已没有步骤 `{step}`",
        "start a new run" / "请启动新的运行";
    STEPS_UNORDERED: User, false, 409, "55000",
        "the steps of pipeline `{pipeline}` have no order any more: {reason}" / "流水线 `{pipeline}` 的步骤已无法排序：{reason}",
        "a view that a step reads stands on a table that a later step writes: change the view or the pipeline" / "某步骤读取的视图建立在后续步骤写入的表之上：请修改该视图或流水线";
    VIEW_NOT_INCREMENTAL: User, false, 409, "0A000",
        "step `{step}` cannot read only what is new of {view}, because it is a view" / "步骤 `{step}` 无法只读取 {view} 的新增数据，因为它是视图",
        "name tables that the query reads by themselves under `incremental`; what it reads through a view is read whole" / "请在 `incremental` 中列出查询直接读取的表；通过视图读取的内容总是全量读取";
    CHECK_FAILED: User, false, 422, "23514",
        "check `{check}` on {table} failed for {count} rows; nothing was committed" / "{table} 的质量检查 `{check}` 有 {count} 行不通过，未提交任何数据",
        "look at the rows, or let the check `warn` or `quarantine`" / "请查看这些行，或将该检查改为 `warn` 或 `quarantine`";
    INSTANCE_PARAMETER: User, false, 400, "22023",
        "`${{{name}}}` is not a known run parameter" / "`${{{name}}}` 不是已知的运行参数",
        "known are bizdate, cyctime, formats such as yyyymmdd-1, and what the run was started with" / "可用：bizdate、cyctime、yyyymmdd-1 等格式，以及启动运行时传入的参数";
    INSTANCE_QUOTED: User, false, 400, "22023",
        "`${{{name}}}` stands inside quotes, where it would be plain text" / "`${{{name}}}` 位于引号内，会被当作普通文本",
        "write it without quotes; it is bound as a value" / "请去掉引号，它会作为值绑定";
    SCHEDULE_INVALID: User, false, 400, "22023",
        "schedule `{schedule}` cannot be read: {reason}" / "调度 `{schedule}` 无法解析：{reason}",
        "" / "";
    POSITION_LOST: Platform, false, 500, "XX001",
        "the source position of step `{step}` at transaction {version} of {table} is neither in the log nor in the metadata" / "步骤 `{step}` 在 {table} 事务 {version} 处的来源位点已丢失",
        "run the step once with mode replace" / "请以 replace 模式重新采集一次";
    PUBLISH_FAILED: Source, true, 502, "58030",
        "{file} could not be written to `{connection}`: {reason}" / "无法将 {file} 写入 `{connection}`：{reason}",
        "" / "";
    INPUT_REWRITTEN: User, false, 409, "55000",
        "step `{step}` reads only what is new of {input}, but version {version} of it ({operation}) did not only add rows" / "步骤 `{step}` 只读取 {input} 的新增数据，但其版本 {version}（{operation}）不只是追加",
        "appending again would double rows: run the step once with mode replace and without `incremental`, then change it back" / "继续追加会造成重复：请先以 replace 模式、不带 `incremental` 运行一次，再改回来";
    REPLAY_NOTHING: User, false, 404, "02000",
        "{table} has no such records in quarantine" / "{table} 的隔离区中没有这样的记录",
        "`dataux quarantine list` says what there is" / "用 `dataux quarantine list` 查看现有记录";
    REPLAY_STEP_GONE: User, false, 409, "55000",
        "no pipeline declares the step `{step}` that found these records of {table}" / "没有流水线声明发现 {table} 这些记录的步骤 `{step}`",
        "send or collect them again from their source; `dataux quarantine drop` removes them" / "请从来源重新发送或采集；用 `dataux quarantine drop` 删除这些记录";
    REPLAY_AMBIGUOUS: User, false, 409, "55000",
        "the pipelines {pipelines} all have a step `{step}` that writes {table}" / "流水线 {pipelines} 都有写入 {table} 的步骤 `{step}`",
        "replay the records of one run with `--run`" / "请用 `--run` 指定某次运行的记录";
    REPLAY_TOO_LARGE: User, false, 413, "54000",
        "a replay takes at most {limit} records, and there are more" / "一次重放最多 {limit} 条记录，实际更多",
        "replay those of one run or one cause" / "请按运行或原因分批重放";
    REPLAY_UNSTABLE: Platform, true, 409, "40001",
        "the quarantine of {table} was changed by others again and again" / "{table} 的隔离区不断被他人改动",
        "run it again" / "请重新执行";
    PUSH_TARGET_NOT_FOUND: User, false, 404, "42704",
        "connection `{connection}` has no push target `{target}`[; did you mean `{near}`?]" / "连接 `{connection}` 没有推送目标 `{target}`[；是否指 `{near}`？]",
        "targets are declared under `push` of the connection" / "推送目标在连接的 `push` 下声明";
    PUSH_BUSY: Platform, true, 429, "53300",
        "too much is waiting to be written to {table}" / "等待写入 {table} 的数据过多",
        "send it again after a moment, with the same Idempotency-Key" / "请稍后用相同的 Idempotency-Key 重新发送";
    PUSH_KEY_INVALID: User, false, 400, "22023",
        "an Idempotency-Key has 1 to {limit} visible ASCII characters" / "Idempotency-Key 须为 1 到 {limit} 个可见 ASCII 字符",
        "" / "";
    FLOW_INTERNAL: Platform, false, 500, "XX000",
        "the pipeline engine failed: {reason}" / "流水线引擎内部错误：{reason}",
        "" / "";
}
