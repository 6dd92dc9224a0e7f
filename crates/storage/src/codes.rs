//! What can go wrong with a location, in the words users see.

base::codes! {
    STORE_LOCATION_INVALID: User, false, 400, "22023",
        "`{location}` is not a location: {reason}" / "`{location}` 不是合法的位置：{reason}",
        "write a folder's path, file:///folder, s3://bucket/prefix or the URL of another store" / "请写文件夹路径、file:///文件夹、s3://桶/前缀 或其他存储的 URL";
    STORE_SETTING_INVALID: User, false, 400, "22023",
        "the settings of `{location}` are wrong: {reason}" / "`{location}` 的设置有误：{reason}",
        "" / "";
    STORE_OUTSIDE: User, false, 403, "42501",
        "`{path}` leads outside `{location}`" / "`{path}` 指向 `{location}` 之外",
        "a location never follows `..` or a symbolic link out of its own folder; declare the other folder as a location of its own"
        / "位置不会沿 `..` 或符号链接离开自身文件夹；请将目标文件夹另行声明为一个位置";
    STORE_LOCATION_MISSING: Source, false, 404, "58P01",
        "`{location}` does not exist" / "`{location}` 不存在",
        "check the spelling, or create the folder or bucket" / "请检查拼写，或先创建该文件夹或桶";
    STORE_OBJECT_MISSING: Source, false, 404, "58P01",
        "`{path}` does not exist in `{location}`" / "`{location}` 中不存在 `{path}`",
        "it may have been moved or deleted since it was listed" / "该文件可能在列出之后已被移动或删除";
    STORE_KEY_REFUSED: User, false, 401, "28000",
        "`{location}` does not accept the access key: {reason}" / "`{location}` 不接受该访问密钥：{reason}",
        "check the references to the key in the settings and `region`, and that this machine's clock is right"
        / "请检查设置中对密钥的引用、`region`，以及本机时钟是否准确";
    STORE_DENIED: User, false, 403, "42501",
        "no permission for `{path}` in `{location}`: {reason}" / "对 `{location}` 中的 `{path}` 没有权限：{reason}",
        "give the key, or the user this process runs as, the permission to list, read and write there"
        / "请授予该密钥（或运行本进程的用户）在此处列出、读取和写入的权限";
    STORE_FULL: Platform, true, 507, "53100",
        "no space is left in `{location}`: {reason}" / "`{location}` 空间已满：{reason}",
        "free or add space, then try again" / "请释放或增加空间后重试";
    STORE_UNREACHABLE: Source, true, 503, "08001",
        "`{location}` does not answer: {reason}" / "`{location}` 没有响应：{reason}",
        "check `endpoint` and the network; the request was retried within its bound" / "请检查 `endpoint` 与网络；请求已在限度内重试";
    STORE_CHANGED: Source, true, 409, "40001",
        "`{path}` in `{location}` changed while it was read" / "读取期间 `{location}` 中的 `{path}` 发生了变化",
        "run it again; write files under another name and rename them when they are complete" / "请重新运行；写入方应先用其他文件名写入，完成后再改名";
    STORE_CREATES_RACE: User, false, 400, "0A000",
        "`{location}` cannot keep two writers apart: {reason}" / "`{location}` 无法隔离并发写入：{reason}",
        "switch off the versions of the bucket, or keep tables in another store; reading and publishing files work"
        / "请关闭该桶的版本控制，或将表放在其他存储中；读取与发布文件不受影响";
    STORE_EXISTS: User, false, 409, "58P02",
        "`{path}` already exists in `{location}`" / "`{location}` 中已存在 `{path}`",
        "" / "";
    STORE_FAILED: Source, true, 502, "58030",
        "`{location}` failed at `{path}`: {reason}" / "`{location}` 在 `{path}` 处出错：{reason}",
        "" / "";
}
