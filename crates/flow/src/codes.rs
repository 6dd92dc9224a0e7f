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
    FLOW_INTERNAL: Platform, false, 500, "XX000",
        "the pipeline engine failed: {reason}" / "流水线引擎内部错误：{reason}",
        "" / "";
}
