//! The errors that only a command line can make: wrong usage, local files, a server that does not answer.

base::codes! {
    COMMAND_USAGE: User, false, 400, "22023",
        "{reason}" / "{reason}",
        "see `dataux {command} --help`" / "请见 `dataux {command} --help`";
    OUTPUT_UNSUPPORTED: User, false, 400, "22023",
        "`{command}` does not write {output}; it writes {outputs}" / "`{command}` 不能输出 {output}；可用：{outputs}",
        "" / "";
    CONFIRMATION_MISSING: User, false, 400, "22023",
        "{what} needs a yes, and there is no terminal to ask on" / "{what} 需要确认，但当前没有可询问的终端",
        "add --yes" / "请加上 --yes";
    LOCAL_FILE: User, false, 400, "58030",
        "{path}: {reason}" / "{path}：{reason}",
        "" / "";
    HOME_MISSING: User, false, 404, "58P01",
        "there is no platform in {home}" / "{home} 中没有平台",
        "make one with `dataux init --home {home}` or `dataux demo --home {home}`, or name another with --home"
        / "可用 `dataux init --home {home}` 或 `dataux demo --home {home}` 新建，或用 --home 指定其他目录";
    TOKEN_MISSING: User, false, 401, "28000",
        "there is no token for {server}" / "没有 {server} 的令牌",
        "`dataux login --server {server}`, or give --token or DATAUX_TOKEN" / "请 `dataux login --server {server}`，或给出 --token 或 DATAUX_TOKEN";
    SERVER_UNREACHABLE: Platform, true, 503, "08001",
        "no answer from {server}: {reason}" / "{server} 没有应答：{reason}",
        "check the address, and that `dataux serve` runs there" / "请检查地址，以及 `dataux serve` 是否在运行";
    ANSWER_UNREADABLE: Platform, false, 502, "08P01",
        "the answer to {request} could not be read: {reason}" / "无法读懂 {request} 的应答：{reason}",
        "compare the versions: `dataux version` here and on the server" / "请比较两端的 `dataux version`";
    ANSWER_BROKEN: Platform, true, 502, "08006",
        "the answer ended before it was complete: {reason}" / "应答未完整即中断：{reason}",
        "what was printed is a part; run it again" / "已输出的只是一部分，请重试";
    CODE_UNKNOWN: User, false, 404, "42704",
        "error code `{code}` is not known" / "没有错误码 `{code}`",
        "`dataux explain` lists them all" / "`dataux explain` 列出全部";
    EXAMPLE_UNUSABLE: Platform, false, 500, "XX000",
        "the example could not be built in {place}: {reason}" / "无法在 {place} 建立示例：{reason}",
        "" / "";
    TERMINAL_UNUSABLE: Platform, false, 500, "58030",
        "the terminal could not be used: {reason}" / "无法使用终端：{reason}",
        "use -c, -f or a pipe instead" / "请改用 -c、-f 或管道";
}
