//! What can go wrong with a source as a whole, in the words users see; what is wrong with one record is in [`crate::causes`].

base::codes! {
    CONNECTION_INVALID: User, false, 400, "22023",
        "connection {connection} is declared wrongly: {reason}" / "连接 {connection} 的声明有误：{reason}",
        "" / "";
    TARGET_INVALID: User, false, 400, "22023",
        "connection {connection} cannot read that: {reason}" / "连接 {connection} 无法读取：{reason}",
        "" / "";
    COLUMN_MISSING: Source, false, 400, "42703",
        "{place} has no column `{column}`; it has {columns}" / "{place} 没有列 `{column}`；现有列：{columns}",
        "correct the name, or leave the column out" / "请更正列名，或去掉该列";
    COLUMN_TYPE_UNSUPPORTED: Source, false, 400, "0A000",
        "column `{column}` of {place} has type {type}, which cannot be read" / "{place} 的列 `{column}` 为 {type} 类型，尚不能读取",
        "leave the column out by naming the others in `columns`" / "请在 `columns` 中列出其余列，以跳过该列";
    FILES_MISSING: Source, false, 404, "58P01",
        "no file of {location} matches `{files}`" / "{location} 中没有与 `{files}` 匹配的文件",
        "check the pattern; `**` goes into folders, `*` stays in one" / "请检查匹配模式；`**` 会进入子文件夹，`*` 只匹配同一层";
    FILES_TOO_MANY: User, false, 400, "54000",
        "more than {limit} files of {location} match `{files}`" / "{location} 中与 `{files}` 匹配的文件超过 {limit} 个",
        "narrow the pattern, such as to one day or folder" / "请缩小匹配范围，例如限定到某一天或某个文件夹";
    FILE_EMPTY: Source, false, 422, "22000",
        "{place} is empty: it has not even a header" / "{place} 为空：连表头也没有",
        "check what writes the file, or leave the file out of the pattern" / "请检查写入方，或在匹配模式中排除该文件";
    FILE_TRUNCATED: Source, false, 422, "22000",
        "{place} ends too early: {reason}" / "{place} 不完整，提前结束：{reason}",
        "the file was cut off when it was written or copied; write or copy it again" / "文件在写入或复制时被截断；请重新写入或复制";
    FILE_CORRUPT: Source, false, 422, "22000",
        "{place} cannot be read: {reason}" / "{place} 无法读取：{reason}",
        "check that the file is what its format says, and copy it again" / "请检查文件与所声明的格式是否一致，并重新复制";
    FILE_ENCODING: Source, false, 422, "22021",
        "the header of {place} is not {encoding}: {reason}" / "{place} 的表头不是 {encoding} 编码：{reason}",
        "set `encoding` to the file's own, such as `gbk`, or save the file as UTF-8" / "请将 `encoding` 设为文件的实际编码（例如 `gbk`），或把文件另存为 UTF-8";
    FILE_UTF16: Source, false, 422, "22021",
        "{place} begins with the mark of UTF-16, which cannot be read" / "{place} 以 UTF-16 标记开头，无法读取",
        "save the file as UTF-8" / "请将文件另存为 UTF-8";
    FILE_HEADER_INVALID: Source, false, 422, "22000",
        "the header of {place} cannot be used: {reason}" / "{place} 的表头无法使用：{reason}",
        "correct the file, or set `header: false` and name the columns by declaring them" / "请修正文件，或设置 `header: false` 并在声明中给出列名";
    FILE_COLUMNS_DIFFER: Source, false, 422, "22000",
        "{place} has other columns than the files read with it: {reason}" / "{place} 的列与一同读取的其他文件不同：{reason}",
        "read files of different shape by different patterns, or name the columns they share in `columns`"
        / "请用不同的匹配模式读取结构不同的文件，或在 `columns` 中列出共有的列";
    FILE_EXPANDS: Source, false, 422, "54000",
        "{place} unpacks to more than {limit} times its size" / "{place} 解压后超过其大小的 {limit} 倍",
        "if the file is honest, raise `expansion_max` of the connection" / "如确认文件正常，请调大连接的 `expansion_max`";
    FILE_TOO_LARGE: Source, false, 422, "54000",
        "{place} has {size} bytes; a workbook of this kind is read up to {limit}" / "{place} 有 {size} 字节；此类工作簿最多读取 {limit} 字节",
        "save it as .csv or Parquet, or in parts" / "请另存为 .csv 或 Parquet，或拆分为多个文件";
    SHEET_MISSING: Source, false, 422, "42P01",
        "{place} has no sheet {sheet}; it has {found}" / "{place} 没有工作表 {sheet}；现有：{found}",
        "correct `sheet`: the name as the workbook shows it, or the place from 1" / "请更正 `sheet`：填写工作簿中显示的名称，或从 1 开始的序号";
    ARCHIVE_MEMBER_MISSING: Source, false, 422, "58P01",
        "no member of {place} matches `{members}`; it holds {found}" / "{place} 中没有与 `{members}` 匹配的文件；其中有 {found}",
        "set `members` to a pattern that matches" / "请将 `members` 设为能匹配的模式";
    DATABASE_MISSING: Source, false, 404, "3D000",
        "connection {connection}: {place} does not exist" / "连接 {connection}：{place} 不存在",
        "check the path or the name of the database" / "请检查路径或数据库名";
    DATABASE_INVALID: Source, false, 422, "58030",
        "connection {connection}: {place} is not a database that can be read: {reason}" / "连接 {connection}：{place} 不是可读取的数据库：{reason}",
        "check that the path names the database file itself and that it was copied whole" / "请确认路径指向数据库文件本身，且文件复制完整";
    SOURCE_BUSY: Source, true, 503, "55P03",
        "connection {connection}: {place} is locked: {reason}" / "连接 {connection}：{place} 被锁定：{reason}",
        "another program holds a lock for long; try again when it is done" / "另有程序长时间持有锁；请待其完成后重试";
    SOURCE_UNREACHABLE: Source, true, 503, "08001",
        "connection {connection}: {place} does not answer: {reason}" / "连接 {connection}：{place} 没有响应：{reason}",
        "check that the server runs and that host, port and firewall are right" / "请检查服务器是否运行，以及主机、端口、防火墙是否正确";
    SOURCE_LOST: Source, true, 503, "08006",
        "connection {connection}: the connection to {place} broke while reading: {reason}" / "连接 {connection}：读取期间与 {place} 的连接中断：{reason}",
        "what was not committed is read again when the run is repeated" / "重新运行时会重新读取尚未提交的数据";
    SOURCE_TIMEOUT: Source, true, 504, "57014",
        "connection {connection}: {place} sent nothing for {seconds} s" / "连接 {connection}：{place} 在 {seconds} 秒内没有任何响应",
        "look for locks and long statements there, or raise the timeout of the connection" / "请检查对端的锁与慢语句，或调大连接的超时设置";
    SOURCE_LOGIN_REFUSED: Source, false, 502, "28P01",
        "connection {connection}: {place} refuses the login: {reason}" / "连接 {connection}：{place} 拒绝登录：{reason}",
        "check `user`, the secret behind `password`, and what the server allows from this machine" / "请检查 `user`、`password` 所引用的密钥，以及服务器是否允许本机登录";
    SOURCE_TLS_REFUSED: Source, false, 502, "08001",
        "connection {connection}: no encryption to be trusted with {place}: {reason}" / "连接 {connection}：无法与 {place} 建立可信的加密连接：{reason}",
        "check `tls` and `tls_ca` of the connection, and the server's certificate: who signed it, for which name, until when"
        / "请检查连接的 `tls` 与 `tls_ca`，以及服务器证书的签发者、域名与有效期";
    SOURCE_DENIED: Source, false, 502, "42501",
        "connection {connection}: no permission: {reason}" / "连接 {connection}：没有权限：{reason}",
        "grant the user of the connection the right to read it" / "请授予该连接的用户读取权限";
    SOURCE_TABLE_MISSING: Source, false, 404, "42P01",
        "connection {connection} has no table {table}" / "连接 {connection} 没有表 {table}",
        "check the name, including upper and lower case; it may have been dropped or renamed" / "请检查名称（包括大小写）；该表可能已被删除或改名";
    SOURCE_FAILED: Source, false, 502, "58030",
        "connection {connection}: {place} reports: {reason}" / "连接 {connection}：{place} 报告：{reason}",
        "" / "";
    CURSOR_UNFIT: User, false, 400, "22023",
        "column `{column}` of {place} cannot be a cursor: {reason}" / "{place} 的列 `{column}` 不能用作游标：{reason}",
        "use a column that only grows and is never NULL, such as an id or a time of change" / "请使用只增不减且不为 NULL 的列，例如自增主键或更新时间";
    PUSH_BODY_CORRUPT: User, false, 400, "22000",
        "the body cannot be unpacked: {reason}" / "请求体无法解压：{reason}",
        "send it as gzip with `Content-Encoding: gzip`, or as it is" / "请以 gzip 压缩并带上 `Content-Encoding: gzip`，或不压缩直接发送";
    PUSH_BODY_TOO_LARGE: User, false, 413, "54000",
        "the body has more than {limit}" / "请求体超过 {limit}",
        "send the lines in several requests" / "请分多次请求发送";
    READER_FAILED: Platform, true, 500, "XX000",
        "reading {place} stopped: {reason}" / "读取 {place} 中止：{reason}",
        "" / "";
}
