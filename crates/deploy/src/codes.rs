//! What can go wrong between a topology and its clusters, in the words users see.

base::codes! {
    TOOL_MISSING: User, false, 400, "58P01",
        "`{tool}` is not on this host: {reason}" / "本机没有 `{tool}`：{reason}",
        "install it and put it on the PATH, or name it with --{flag} or {variable}" / "请安装并放入 PATH，或用 --{flag} 或 {variable} 指定";
    TOOL_OLD: User, false, 400, "0A000",
        "`{tool}` is {version}; {needed} or later is needed" / "`{tool}` 的版本是 {version}；需要 {needed} 或更新",
        "install a newer one, or name it with --{flag} or {variable}" / "请安装更新的版本，或用 --{flag} 或 {variable} 指定";
    TOOL_FAILED: Source, false, 502, "58030",
        "{site}: `{command}` failed: {reason}" / "{site}：`{command}` 失败：{reason}",
        "" / "";
    CHART_INVALID: User, false, 400, "22023",
        "{site}: the chart cannot be rendered: {reason}" / "{site}：无法渲染 chart：{reason}",
        "the values come from the provider, `spec.values`, the site's `values_files` and its `values`, in this order"
        / "取值依次来自提供商、`spec.values`、站点的 `values_files` 和 `values`";
    CLUSTER_UNREACHABLE: Source, true, 503, "08001",
        "{site}: its cluster does not answer: {reason}" / "{site}：集群没有应答：{reason}",
        "check the address in the kubeconfig, the VPN, and that the cluster runs" / "请检查 kubeconfig 中的地址、VPN，以及集群是否在运行";
    CLUSTER_CREDENTIALS: User, false, 401, "28000",
        "{site}: its cluster does not accept the credentials: {reason}" / "{site}：集群不接受该凭据：{reason}",
        "fetch new credentials from the provider; docs/guide/install.md has the command of each"
        / "请从云厂商重新获取凭据；各厂商的命令见 docs/guide/install.md";
    CLUSTER_FORBIDDEN: User, false, 403, "42501",
        "{site}: not allowed there: {reason}" / "{site}：没有权限：{reason}",
        "`dataux deploy preflight` lists what the account needs" / "`dataux deploy preflight` 会列出该账号所需的权限";
    SITE_UNKNOWN: User, false, 404, "42704",
        "the topology has no site `{site}`[; did you mean `{near}`?]" / "拓扑中没有站点 `{site}`[；是否指 `{near}`？]",
        "" / "";
    SITE_LOCKED: User, true, 409, "55006",
        "{site}: {holder} is deploying there since {since}" / "{site}：{holder} 自 {since} 起正在部署",
        "wait until that is done; a lock whose holder died is taken over after {seconds} s" / "请等待其完成；持有者消失后，锁会在 {seconds} 秒后被接管";
    SITE_LOCK_LOST: Platform, true, 409, "55006",
        "{site}: the lock was lost: {reason}" / "{site}：锁已丢失：{reason}",
        "see what the other one did with `dataux deploy status`, then run it again" / "请用 `dataux deploy status` 查看对方的操作，然后重试";
    SITE_DRIFTED: User, false, 409, "55000",
        "{site}: {objects} were changed by others since Helm installed them" / "{site}：{objects} 在 Helm 安装后被他人修改",
        "look with `dataux deploy diff`; --overwrite-drift sets them back" / "请用 `dataux deploy diff` 查看；--overwrite-drift 会将其改回";
    SITE_OWNED: User, false, 409, "55000",
        "{site}: the release belongs to {owner}" / "{site}：该发布由 {owner} 管理",
        "give {owner} what `dataux deploy render --format` writes; --take-over deploys all the same, and {owner} may undo it"
        / "请把 `dataux deploy render --format` 的结果交给 {owner}；--take-over 会强行部署，但 {owner} 可能撤销";
    RELEASE_PENDING: User, false, 409, "55006",
        "{site}: Helm holds the release as {status}" / "{site}：Helm 中该发布的状态为 {status}",
        "another Helm is at work, or was killed: `dataux deploy rollback --site {site}` goes back to the last good revision"
        / "另一个 Helm 正在操作或已被终止：`dataux deploy rollback --site {site}` 可回到上一个正常版本";
    RELEASE_MISSING: User, false, 404, "42704",
        "{site}: there is no release `{release}` in namespace `{namespace}`" / "{site}：命名空间 `{namespace}` 中没有发布 `{release}`",
        "install it with `dataux deploy apply`" / "请用 `dataux deploy apply` 安装";
    REVISION_MISSING: User, false, 404, "42704",
        "{site}: there is no revision to go back to: {reason}" / "{site}：没有可回退的版本：{reason}",
        "`dataux deploy status` shows the revision that runs" / "`dataux deploy status` 会显示当前版本";
    RELEASE_FAILED: Source, false, 502, "58030",
        "{site}: Helm could not finish: {reason}" / "{site}：Helm 未能完成：{reason}",
        "" / "";
    PLAN_STALE: User, false, 409, "40001",
        "{site}: the plan is of another state: {reason}" / "{site}：计划已过时：{reason}",
        "make a new one with `dataux deploy plan`" / "请用 `dataux deploy plan` 重新生成";
    PLAN_UNREADABLE: User, false, 400, "22023",
        "{path} is not a plan: {reason}" / "{path} 不是计划文件：{reason}",
        "plans are what `dataux deploy plan --out FILE` writes" / "计划由 `dataux deploy plan --out FILE` 生成";
    WAVE_FAILED: Source, false, 502, "58030",
        "wave {wave} failed at {failed}; not begun: {left}" / "第 {wave} 批在 {failed} 失败；尚未开始：{left}",
        "mend the cause and run the same command again: sites that are done are left alone. To go back: dataux deploy rollback -f {file} {back}"
        / "修复原因后重新运行同一命令：已完成的站点不会再动。若要回退：dataux deploy rollback -f {file} {back}";
    DEPLOY_FILE: User, false, 400, "58030",
        "{path}: {reason}" / "{path}：{reason}",
        "" / "";
}
