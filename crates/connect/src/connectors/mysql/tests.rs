//! The MySQL connector against a real server, named by `DATAUX_TEST_MYSQL_URL` (`mysql://user:password@host:port/db`, a user
//! who may create databases and users, and end sessions): the MariaDB of `scripts/servers`, or the MySQL of `scripts/mysql`.

use std::path::Path;

use arrow::array::AsArray;
use arrow::datatypes::{Int64Type, TimeUnit};
use futures::TryStreamExt;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Opts};
use serde_json::Value;

use super::*;
use crate::causes;
use crate::codes::*;
use crate::source::{Cursor, Filters};
use crate::suite::{ROWS, Subject, all, conforms, context, open, texts, tls};

struct Scratch {
    driver: Conn,
    opts: Opts,
    schema: String,
    mariadb: bool,
}

impl Scratch {
    /// A database of its own in the server of the tests.
    async fn new(statements: &[&str]) -> Self {
        let url = std::env::var("DATAUX_TEST_MYSQL_URL")
            .expect("DATAUX_TEST_MYSQL_URL is not set; `make test` starts the MariaDB that this test needs");
        let opts = Opts::from_url(&url).expect("a MySQL URL");
        let mut driver = Conn::new(opts.clone()).await.expect("the server of the tests");
        let version: Option<String> = driver.query_first("select version()").await.expect("valid SQL");
        let mariadb = version.is_some_and(|version| version.contains("MariaDB"));
        let schema = format!("test {}", base::ids::fresh());
        let mut scratch = Self { driver, opts, schema, mariadb };
        let made = scratch.name();
        scratch.run(&format!("create database {made} character set utf8mb4")).await;
        scratch.run(&format!("use {made}")).await;
        for statement in statements {
            scratch.run(statement).await;
        }
        scratch
    }

    fn name(&self) -> String {
        backquoted(&self.schema)
    }

    async fn run(&mut self, sql: &str) {
        self.driver.query_drop(sql).await.expect("valid SQL");
    }

    async fn count(&mut self, sql: &str) -> i64 {
        self.driver.query_first(sql).await.expect("valid SQL").expect("a row")
    }

    fn options(&self) -> MysqlOptions {
        MysqlOptions {
            host: self.opts.ip_or_hostname().to_owned(),
            port: self.opts.tcp_port(),
            database: None,
            user: self.opts.user().expect("a user").to_owned(),
            password: self.opts.pass().map(|password| SecretRef::Store(password.to_owned())),
            tls: Tls::Disable,
            tls_ca: None,
            zero_dates: ZeroDates::Quarantine,
            connect_timeout_seconds: 5,
            read_timeout_seconds: 20,
        }
    }

    async fn source(&self) -> Arc<dyn Source> {
        opened(self.options()).await
    }

    fn table(&self, name: &str) -> Target {
        Target::Table { schema: self.schema.clone(), table: name.to_owned() }
    }

    async fn done(mut self) {
        self.run(&format!("drop database {}", self.name())).await;
    }
}

async fn opened(options: MysqlOptions) -> Arc<dyn Source> {
    let spec = ConnectionSpec { mysql: Some(options), ..ConnectionSpec::default() };
    open(&spec, Path::new("/")).await.expect("opening sends nothing")
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the MariaDB of make test (DATAUX_TEST_MYSQL_URL)"]
async fn conforms_to_the_suite() {
    let mut scratch = Scratch::new(&["create table people (id bigint primary key, name varchar(40), score double)"]).await;
    for row in ROWS {
        scratch.driver.exec_drop("insert into people values (?, ?, ?)", row.to_vec()).await.expect("valid");
    }
    scratch.run("create view seen as select * from people").await;
    scratch.run("create table `od``d` like people").await;
    scratch.run("insert into `od``d` select * from people").await;
    scratch.run("create table old engine = myisam as select * from people").await;
    let source = scratch.source().await;
    for name in ["people", "seen", "od`d", "old"] {
        conforms(&Subject { source: source.clone(), target: scratch.table(name), missing: scratch.table("persons") }).await;
    }
    let tables = source.tables().await.expect("listable");
    let ours: Vec<&str> =
        tables.iter().filter(|found| found.schema == scratch.schema).map(|found| found.table.as_str()).collect();
    assert_eq!(ours, ["od`d", "old", "people", "seen"]);
    assert!(tables.iter().all(|found| found.schema != "mysql"));
    let product = if scratch.mariadb { "MariaDB 1" } else { "MySQL " };
    assert!(source.check().await.expect("reachable").starts_with(product));

    let only = opened(MysqlOptions { database: Some(scratch.schema.clone()), ..scratch.options() }).await;
    assert!(only.tables().await.expect("listable").iter().all(|found| found.schema == scratch.schema));
    let elsewhere = Target::Table { schema: "mysql".to_owned(), table: "user".to_owned() };
    assert!(only.describe(&elsewhere).await.expect_err("another database").is(&SOURCE_TABLE_MISSING));
    scratch.done().await;
}

const TYPES: &str = "create table t (
    ok tinyint(1), tiny tinyint unsigned, small smallint, medium mediumint unsigned, whole int unsigned, large bigint,
    huge bigint unsigned, single float, wide double, price decimal(12,2), longest decimal(65,30), flag bit(1), bits bit(10),
    all_bits bit(64), note text, code varchar(5), fixed char(4), latin varchar(10) character set latin1,
    chinese varchar(10) character set gbk, raw blob, two binary(2), day date, span time(6), at datetime(6), moment timestamp(6) null,
    y year, doc json, mood enum('sad','it''s'), tags set('a','b'))";

/// Types that only MariaDB has.
const TYPES_OF_MARIADB: &str = "alter table t add id uuid, add address inet6";

#[tokio::test]
#[ignore = "needs the MariaDB of make test (DATAUX_TEST_MYSQL_URL)"]
async fn every_type_keeps_its_values() {
    let mut scratch = Scratch::new(&[TYPES, "insert into t () values ()"]).await;
    scratch.run("set time_zone = '+08:00'").await;
    scratch
        .run(
            "insert into t values (1, 255, -32768, 16777215, 4294967295, -9223372036854775808, 18446744073709551615, 1.5, 0.1,
                -1234567890.12, 12345678901234567890123456789012345.5, b'1', b'1000000001', 18446744073709551615, '中文😀', 'abc',
                'ab', 'é', '中', x'00ff', x'0100', '1900-02-28', '-838:59:58.999999', '2013-01-01 05:00:00.000001',
                '2013-01-01 05:00:00', 2155, '{\"a\": 1}', 'it''s', 'a,b')",
        )
        .await;
    if scratch.mariadb {
        scratch.run(TYPES_OF_MARIADB).await;
        scratch.run("update t set id = '00112233-4455-6677-8899-aabbccddeeff', address = '::1' where ok = 1").await;
    }
    let source = scratch.source().await;
    let reading = source.read(ReadRequest::whole(scratch.table("t"))).await.expect("readable");
    let types: Vec<String> = reading.schema.fields().iter().map(|field| field.data_type().to_string()).collect();
    let read = all(reading).await.expect("read");
    assert!(read.rejects.is_empty(), "{:?}", read.rejects);
    let rows = texts(&read.batch);
    let row = rows.iter().find(|row| row[0].is_some()).expect("the row with values");
    let mut expected = vec![
        ("Int8", "1"),
        ("Int16", "255"),
        ("Int16", "-32768"),
        ("Int32", "16777215"),
        ("Int64", "4294967295"),
        ("Int64", "-9223372036854775808"),
        ("Decimal128(20, 0)", "18446744073709551615"),
        ("Float32", "1.5"),
        ("Float64", "0.1"),
        ("Decimal128(12, 2)", "-1234567890.12"),
        ("Utf8", "12345678901234567890123456789012345.500000000000000000000000000000"),
        ("Boolean", "true"),
        ("Int64", "513"),
        ("Decimal128(20, 0)", "18446744073709551615"),
        ("Utf8", "中文😀"),
        ("Utf8", "abc"),
        ("Utf8", "ab"),
        ("Utf8", "é"),
        ("Utf8", "中"),
        ("Binary", "00ff"),
        ("Binary", "0100"),
        ("Date32", "1900-02-28"),
        ("Int64", "-3020398999999"),
        ("Timestamp(µs)", "2013-01-01T05:00:00.000001"),
        ("Timestamp(µs, \"UTC\")", "2012-12-31T21:00:00Z"),
        ("Int16", "2155"),
        ("Utf8", "{\"a\": 1}"),
        ("Utf8", "it's"),
        ("Utf8", "a,b"),
    ];
    let mut unlike = vec!["flag", "bits", "all_bits", "span", "y", "doc"];
    if scratch.mariadb {
        expected.extend([("Utf8", "00112233-4455-6677-8899-aabbccddeeff"), ("Utf8", "::1")]);
        // Its JSON is a text by another name.
        unlike.truncate(5);
        unlike.extend(["id", "address"]);
    }
    let found = types.iter().map(String::as_str).zip(row.iter().map(|value| value.as_deref().expect("a value")));
    assert_eq!(found.collect::<Vec<_>>(), expected);
    let empty = rows.iter().find(|row| row[0].is_none()).expect("the row of NULLs");
    assert_eq!(empty.iter().flatten().count(), 0);

    let described = source.describe(&scratch.table("t")).await.expect("there");
    let marked = |filters: Filters| -> Vec<&str> {
        described.fields().iter().filter(|field| Filters::of(field) == filters).map(|field| field.name().as_str()).collect()
    };
    assert_eq!(marked(Filters::None), unlike);
    assert_eq!(marked(Filters::Ascii), ["latin", "chinese"]);

    let timestamp = |zone: Option<&str>| DataType::Timestamp(TimeUnit::Microsecond, zone.map(Arc::from));
    let declared = [
        ("longest", DataType::Float64),
        ("large", DataType::Utf8),
        ("huge", DataType::Utf8),
        ("tiny", DataType::Float64),
        ("at", timestamp(Some("UTC"))),
        ("moment", DataType::Utf8),
        ("day", timestamp(None)),
        ("span", DataType::Utf8),
        ("price", DataType::Decimal128(20, 4)),
        ("bits", DataType::Decimal128(10, 1)),
        ("single", DataType::Decimal128(5, 2)),
    ];
    let fields: Vec<Field> = declared.iter().map(|(name, data_type)| Field::new(*name, data_type.clone(), true)).collect();
    let request = ReadRequest {
        declared: Some(Arc::new(Schema::new(fields))),
        columns: Some(declared.iter().map(|(name, _)| (*name).to_owned()).collect()),
        ..ReadRequest::whole(scratch.table("t"))
    };
    let read = all(source.read(request).await.expect("readable")).await.expect("read");
    assert!(read.rejects.is_empty(), "{:?}", read.rejects);
    let rows = texts(&read.batch);
    let row: Vec<&str> = rows[1].iter().map(|value| value.as_deref().expect("a value")).collect();
    let expected = [
        "1.234567890123457e34",
        "-9223372036854775808",
        "18446744073709551615",
        "255.0",
        "2013-01-01T05:00:00.000001Z",
        "2012-12-31 21:00:00+00:00",
        "1900-02-28T00:00:00",
        "-838:59:58.999999",
        "-1234567890.1200",
        "513.0",
        "1.50",
    ];
    assert_eq!(row, expected);
    scratch.done().await;
}

#[tokio::test]
#[ignore = "needs the MariaDB of make test (DATAUX_TEST_MYSQL_URL)"]
async fn what_has_no_place_is_refused_or_set_aside() {
    let mut scratch = Scratch::new(&[
        "set sql_mode = 'ALLOW_INVALID_DATES'",
        "create table t (id int primary key, day date, at datetime, moment timestamp null, mood enum('a'), note varchar(20))",
        "insert into t values (1, '0000-00-00', null, null, null, null), (2, null, '2013-00-01 05:00:00', null, null, null),
            (3, '2013-02-30', '0000-05-05', null, null, null), (4, null, null, '0000-00-00', null, null), (5, null, null, null, 'b', null),
            (6, '2013-02-28', null, null, 'a', 'x'), (7, null, '0000-05-05', null, null, null)",
        "create table odd (id int, place point not null, shape polygon)",
        "insert into odd values (1, point(1, 2), null)",
    ])
    .await;
    let source = scratch.source().await;
    let read = all(source.read(ReadRequest::whole(scratch.table("t"))).await.expect("readable")).await.expect("read");
    assert_eq!(read.batch.num_rows(), 1);
    let told: Vec<&str> = read.rejects.iter().map(|reject| reject.message.as_str()).collect();
    let expected = [
        "column `day`: a date without a year, a month or a day is no date",
        "column `at`: a date without a year, a month or a day is no date",
        "column `day`: the month has no such day",
        "column `moment`: a date without a year, a month or a day is no date",
        "column `mood`: the value is none of its labels",
        "column `at`: a date without a year, a month or a day is no date",
    ];
    assert_eq!(told, expected);
    assert!(read.rejects.iter().all(|reject| reject.cause == causes::VALUE_UNFIT));
    assert_eq!(
        String::from_utf8_lossy(&read.rejects[1].raw),
        "{\"id\":2,\"day\":null,\"at\":\"2013-00-01 05:00:00\",\"moment\":null,\"mood\":null,\"note\":null}"
    );
    assert!(read.rejects[0].position.ends_with(".t:1"), "{}", read.rejects[0].position);

    let lenient = opened(MysqlOptions { zero_dates: ZeroDates::Null, ..scratch.options() }).await;
    let read = all(lenient.read(ReadRequest::whole(scratch.table("t"))).await.expect("readable")).await.expect("read");
    assert_eq!((read.batch.num_rows(), read.rejects.len()), (5, 2));
    let declared = Arc::new(Schema::new(vec![Field::new("note", DataType::Int64, true)]));
    let request = ReadRequest { declared: Some(declared), ..ReadRequest::whole(scratch.table("t")) };
    let read = all(lenient.read(request).await.expect("readable")).await.expect("read");
    assert_eq!(read.rejects.last().expect("not a number").message, "column `note`: the value does not fit its type");

    // Bytes that a column of texts was made to hold.
    scratch.run("create table broken (note varchar(10) character set binary)").await;
    scratch.run("insert into broken values (x'41ff')").await;
    scratch.run("alter table broken modify note varbinary(10)").await;
    let declared = Arc::new(Schema::new(vec![Field::new("note", DataType::Utf8, true)]));
    let request = ReadRequest { declared: Some(declared), ..ReadRequest::whole(scratch.table("broken")) };
    let read = all(source.read(request).await.expect("readable")).await.expect("read");
    assert_eq!(read.rejects[0].cause, causes::ENCODING_INVALID);

    let error = source.read(ReadRequest::whole(scratch.table("odd"))).await.expect_err("a point");
    assert!(error.is(&COLUMN_TYPE_UNSUPPORTED) && error.to_string().contains("`place`"), "{error}");
    let described = source.describe(&scratch.table("odd")).await.expect("there");
    assert_eq!(described.fields().len(), 1, "what cannot be read hides nothing else");
    let (columns, declared) = (Some(vec!["place".to_owned()]), Schema::new(vec![Field::new("place", DataType::Utf8, true)]));
    let request = ReadRequest { columns, declared: Some(Arc::new(declared)), ..ReadRequest::whole(scratch.table("odd")) };
    let read = all(source.read(request).await.expect("a text is always there")).await.expect("read");
    assert_eq!(texts(&read.batch)[0][0].as_deref(), Some("POINT(1 2)"));
    scratch.done().await;
}

const MANY: &str = "create table t (id bigint not null, line int not null, note varchar(200), primary key (id, line))";
const FILL: &str = "insert into t select i, 1, repeat('x', 100) from (NUMBERS) n where i <= 200000";
const FILL_LATE: &str = "insert into t select i, 2, 'late' from (NUMBERS) n where i between 200001 and 210000";

/// A statement in which `NUMBERS` stands for a query of the whole numbers from 1 to 1,000,000.
fn with_numbers(sql: &str) -> String {
    let digits = "(select 0 d union select 1 union select 2 union select 3 union select 4
                   union select 5 union select 6 union select 7 union select 8 union select 9)";
    let places = ["a", "b", "c", "d", "e", "f"];
    let number: Vec<String> = (0..).zip(places).map(|(power, place)| format!("{place}.d * {}", 10_u32.pow(power))).collect();
    let from = places.map(|place| format!("{digits} {place}")).join(" cross join ");
    sql.replace("NUMBERS", &format!("select 1 + {} as i from {from}", number.join(" + ")))
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the MariaDB of make test (DATAUX_TEST_MYSQL_URL)"]
async fn parallel_parts_see_one_moment_and_every_row_once() {
    let mut scratch = Scratch::new(&[MANY, &with_numbers(FILL), "analyze table t"]).await;
    let source = scratch.source().await;
    let target = scratch.table("t");
    let whole = || ReadRequest { parallel: 3, ..ReadRequest::whole(target.clone()) };
    let reading = source.read(whole()).await.expect("readable");
    assert_eq!(reading.parts.len(), 3);
    let mut other = Conn::new(scratch.opts.clone()).await.expect("another session");
    other.query_drop(format!("use {}", scratch.name())).await.expect("there");
    other.query_drop("delete from t where id % 2 = 0").await.expect("the lock is gone");
    other.query_drop(with_numbers(FILL_LATE)).await.expect("valid");
    let read = all(reading).await.expect("read");
    assert_eq!(read.batch.num_rows(), 200_000);
    let ids = read.batch.column(0).as_primitive::<Int64Type>();
    assert_eq!(ids.values().iter().sum::<i64>(), 200_000 * 200_001 / 2);

    let cursor = Some(Cursor { column: "id".to_owned(), after: None });
    let reading = source.read(ReadRequest { cursor: cursor.clone(), ..whole() }).await.expect("readable");
    assert_eq!(reading.position, Position::Cursor { column: "id".to_owned(), value: Some(210_000.into()) });
    assert_eq!(reading.parts.len(), 3);
    assert_eq!(all(reading).await.expect("read").batch.num_rows(), 110_000);
    let until = Some(Position::Cursor { column: "id".to_owned(), value: Some(1000.into()) });
    let reading = source.read(ReadRequest { cursor, until, ..whole() }).await.expect("readable");
    assert_eq!(all(reading).await.expect("read").batch.num_rows(), 500);

    // A user who may not lock tables, and a table that another transaction holds, are read by one connection.
    let reader = format!("r{}", &base::ids::fresh()[24..]);
    scratch.run(&format!("create user `{reader}`@'%' identified by 'x'")).await;
    scratch.run(&format!("grant select on {}.* to `{reader}`@'%'", scratch.name())).await;
    let options = MysqlOptions { user: reader.clone(), password: Some(SecretRef::Store("x".to_owned())), ..scratch.options() };
    let reading = opened(options).await.read(whole()).await.expect("readable");
    assert_eq!(reading.parts.len(), 1);
    assert_eq!(all(reading).await.expect("read").batch.num_rows(), 110_000);
    scratch.run(&format!("drop user `{reader}`@'%'")).await;
    other.query_drop("begin").await.expect("valid");
    other.query_drop("update t set note = 'held' where id = 1").await.expect("valid");
    let reading = source.read(whole()).await.expect("readable");
    assert_eq!(reading.parts.len(), 1);
    other.query_drop("rollback").await.expect("valid");
    assert_eq!(all(reading).await.expect("read").batch.num_rows(), 110_000);
    scratch.done().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the MariaDB of make test (DATAUX_TEST_MYSQL_URL)"]
async fn trouble_says_whose_and_whether_to_retry() {
    let mut scratch = Scratch::new(&[MANY, &with_numbers(FILL)]).await;
    let fails = async |change: &dyn Fn(&mut MysqlOptions), code: &'static base::Code| {
        let mut options = scratch.options();
        change(&mut options);
        let error = opened(options).await.check().await.expect_err("trouble");
        assert!(error.is(code), "{error:?}");
        assert!(!error.to_string().contains("wrong-password"), "{error}");
    };
    fails(&|options| options.port = 1, &SOURCE_UNREACHABLE).await;
    fails(&|options| options.host = "no-such-host.invalid".to_owned(), &SOURCE_UNREACHABLE).await;
    fails(&|options| options.database = Some("no_such_database".to_owned()), &DATABASE_MISSING).await;
    fails(&|options| options.password = Some(SecretRef::Store("wrong-password".to_owned())), &SOURCE_LOGIN_REFUSED).await;
    fails(&|options| options.password = None, &SOURCE_LOGIN_REFUSED).await;

    let source = scratch.source().await;
    let target = scratch.table("t");
    let whole = || ReadRequest { batch_rows: 100, ..ReadRequest::whole(target.clone()) };
    // Other tests have sessions of their own.
    let ours = format!(
        "from information_schema.processlist where info like '%{}%' and id <> connection_id() and command = 'Execute'",
        scratch.schema
    );
    // The server ends the session in the middle.
    let mut reading = source.read(whole()).await.expect("readable");
    assert!(reading.parts[0].try_next().await.expect("a first piece").is_some());
    let session = scratch.count(&format!("select id {ours}")).await;
    scratch.run(&format!("kill {session}")).await;
    let error = reading.parts.remove(0).try_for_each(|_| std::future::ready(Ok(()))).await.expect_err("cut off");
    assert!(error.is(&SOURCE_LOST) && error.code().retry, "{error:?}");

    // A reader that is dropped leaves nothing running behind.
    let mut reading = source.read(whole()).await.expect("readable");
    assert!(reading.parts[0].try_next().await.expect("a first piece").is_some());
    drop(reading);
    let mut left = 100;
    while scratch.count(&format!("select count(*) {ours}")).await > 0 {
        left -= 1;
        assert!(left > 0, "the statement still runs");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }

    // A table that is dropped while it is read is kept by the reader's own lock; afterwards it is gone.
    let reading = source.read(whole()).await.expect("readable");
    scratch.run("set lock_wait_timeout = 1").await;
    assert!(scratch.driver.query_drop("drop table t").await.is_err());
    assert_eq!(all(reading).await.expect("read").batch.num_rows(), 200_000);
    scratch.run("set lock_wait_timeout = 60").await;
    scratch.run("drop table t").await;
    let error = source.read(whole()).await.expect_err("dropped");
    assert!(error.is(&SOURCE_TABLE_MISSING) && error.to_string().contains(".t"), "{error}");
    scratch.done().await;
}

#[tokio::test]
#[ignore = "needs the MariaDB of make test (DATAUX_TEST_MYSQL_URL)"]
async fn a_cursor_may_be_a_time_and_no_text_that_is_vague() {
    let mut scratch = Scratch::new(&[
        "create table t (id int, at timestamp(6) not null, name varchar(20), code varchar(20) collate utf8mb4_bin not null,
            price decimal(10,2) not null, ratio double, huge bigint unsigned not null)",
    ])
    .await;
    let source = scratch.source().await;
    let target = scratch.table("t");
    let read = async |after: Option<Value>, column: &str| {
        let cursor = Some(Cursor { column: column.to_owned(), after });
        let columns = Some(vec!["id".to_owned()]);
        let reading = source.read(ReadRequest { cursor, columns, ..ReadRequest::whole(target.clone()) }).await?;
        let Position::Cursor { value, .. } = reading.position.clone() else { panic!("a cursor") };
        Ok::<_, base::Error>((value, all(reading).await?.batch.num_rows()))
    };
    assert_eq!(read(None, "at").await.expect("empty"), (None, 0));
    scratch.run("set time_zone = '+08:00'").await;
    scratch
        .run(
            "insert into t values (1, '2013-01-01 05:00:00.123456', null, 'a\\\\''', 1.5, null, 1),
                (2, '2013-01-02', null, 'B', 2.25, null, 18446744073709551615)",
        )
        .await;
    let (first, rows) = read(None, "at").await.expect("two");
    assert_eq!((first.clone(), rows), (Some("2013-01-01 16:00:00.000000".into()), 2));
    scratch
        .run("insert into t values (3, '2013-01-03', null, 'b', 3, null, 3), (0, '2012-12-31', null, 'A', 0.5, null, 4)")
        .await;
    let (second, rows) = read(first, "at").await.expect("one");
    assert_eq!(rows, 1);
    assert_eq!(read(second.clone(), "at").await.expect("none"), (second, 0));
    assert_eq!(read(Some("a\\'".into()), "code").await.expect("one"), (Some("b".into()), 1));
    assert_eq!(read(Some("2.25".into()), "price").await.expect("one"), (Some("3.00".into()), 1));
    assert_eq!(read(Some(3.into()), "huge").await.expect("two"), (Some("18446744073709551615".into()), 2));
    for column in ["name", "ratio"] {
        assert!(read(None, column).await.expect_err("no cursor").is(&CURSOR_UNFIT));
    }
    for (value, column) in [(Value::Bool(true), "at"), ("1 or 1".into(), "price"), ("2013' or '1".into(), "at")] {
        let error = read(Some(value), column).await.expect_err("no position");
        assert!(error.is(&CURSOR_UNFIT), "{error}");
    }
    scratch.run("alter table t modify at timestamp null, modify id int null").await;
    scratch.run("insert into t values (null, null, null, '', 0, null, 0)").await;
    assert!(read(None, "id").await.expect_err("it holds NULL").is(&CURSOR_UNFIT));
    scratch.done().await;
}

#[tokio::test]
#[ignore = "needs the MariaDB of make test (DATAUX_TEST_MYSQL_URL)"]
async fn encryption_is_there_or_refused() {
    let scratch = Scratch::new(&["create table t as select 1 as id"]).await;
    let server = async |tls: Tls, tls_ca: Option<SecretRef>, host: Option<&str>, port: Option<u16>| {
        let host = host.map_or_else(|| scratch.options().host, str::to_owned);
        let port = port.unwrap_or_else(|| scratch.options().port);
        let options = MysqlOptions { tls, tls_ca, host, port, ..scratch.options() };
        Arc::new(Server::resolve("test", &options, &context(Path::new("/"))).await.expect("certificates"))
    };
    for (tls, tls_ca) in [(Tls::Require, None), (Tls::VerifyFull, Some(tls::authority()))] {
        let server = server(tls, tls_ca, None, None).await;
        let mut session = server.connect().await.expect("encrypted");
        let rows = session.query("show status like 'ssl_cipher'", &[]).await.expect("known");
        assert!(
            rows.first().and_then(|row| text(row, 1)).is_some_and(|cipher| cipher.contains("AES") || cipher.contains("CHACHA"))
        );
        let source = MysqlSource { server };
        let read = all(source.read(ReadRequest::whole(scratch.table("t"))).await.expect("readable")).await.expect("read");
        assert_eq!(read.batch.num_rows(), 1);
    }
    let refused = async |server: Arc<Server>, word: &str| {
        let Err(error) = server.connect().await else { panic!("not to be trusted") };
        assert!(error.is(&SOURCE_TLS_REFUSED) && error.to_string().contains(word), "{error}");
    };
    refused(server(Tls::VerifyFull, Some(tls::stranger()), None, None).await, "UnknownIssuer").await;
    refused(server(Tls::VerifyFull, Some(tls::authority()), Some("localhost"), None).await, "not valid for name").await;
    let plain = tls::PlainServer::start(greeting("mysql_native_password"), Vec::new()).await;
    refused(server(Tls::Require, None, None, Some(plain.port)).await, "does not speak TLS").await;
    refused(server(Tls::VerifyFull, Some(tls::authority()), None, Some(plain.port)).await, "does not speak TLS").await;
    scratch.done().await;
}

#[tokio::test]
#[ignore = "needs the MariaDB of make test (DATAUX_TEST_MYSQL_URL)"]
async fn a_password_reaches_the_server_with_and_without_encryption() {
    let scratch = Scratch::new(&[]).await;
    let user = format!("u{}", &base::ids::fresh()[24..]);
    let login = async |tls: Tls, password: Option<&str>| {
        let tls_ca = (tls == Tls::VerifyFull).then(tls::authority);
        let password = password.map(|text| SecretRef::Store(text.to_owned()));
        opened(MysqlOptions { user: user.clone(), password, tls, tls_ca, ..scratch.options() }).await.check().await
    };
    let ways = [Tls::Disable, Tls::Require, Tls::VerifyFull];
    // MySQL remembers a password that it has once seen whole, so the first login goes another way than those after it.
    let driver = &mut Conn::new(scratch.opts.clone()).await.expect("another session");
    for tls in ways {
        driver.query_drop(format!("create user `{user}`@'%' identified by 'a b\u{e9}中'")).await.expect("valid");
        for password in [None, Some(""), Some("wrong"), Some("a b\u{e9}")] {
            let error = login(tls, password).await.expect_err("not the password");
            assert!(error.is(&SOURCE_LOGIN_REFUSED), "{tls:?} {error:?}");
        }
        for _ in 0..2 {
            login(tls, Some("a b\u{e9}中")).await.expect("the password");
        }
        assert!(login(tls, Some("wrong")).await.expect_err("not the password").is(&SOURCE_LOGIN_REFUSED));
        driver.query_drop(format!("alter user `{user}`@'%' identified by ''")).await.expect("valid");
        login(tls, None).await.expect("no password is asked for");
        driver.query_drop(format!("drop user `{user}`@'%'")).await.expect("valid");
    }
    if !scratch.mariadb {
        let plugin: Option<String> = driver
            .query_first("select plugin from mysql.user where user = substring_index(user(), '@', 1)")
            .await
            .expect("valid");
        assert_eq!(plugin.as_deref(), Some("caching_sha2_password"), "nothing else was tried");
    }
    scratch.done().await;
}

#[tokio::test]
async fn a_server_whose_key_is_none_takes_nobody_down() {
    let packet = |number: u8, payload: &[u8]| [&[payload.len() as u8, 0, 0, number], payload].concat();
    // It wants the whole password, and gives what it should be encrypted with.
    let answer = [packet(2, &[1, 4]), packet(4, b"\x01no key")].concat();
    let plain = tls::PlainServer::start(greeting("caching_sha2_password"), answer).await;
    let options = MysqlOptions {
        host: "127.0.0.1".to_owned(),
        port: plain.port,
        database: None,
        user: "u".to_owned(),
        password: Some(SecretRef::Store("secret".to_owned())),
        tls: Tls::Disable,
        tls_ca: None,
        zero_dates: ZeroDates::Quarantine,
        connect_timeout_seconds: 5,
        read_timeout_seconds: 5,
    };
    let error = opened(options).await.check().await.expect_err("no key");
    assert!(error.is(&SOURCE_LOGIN_REFUSED) && error.to_string().contains("key"), "{error}");
}

/// The first packet of a server that knows no TLS, and one way to log in.
fn greeting(plugin: &str) -> Vec<u8> {
    const PROTOCOL_41_AND_LONG_PASSWORD: u16 = 0x0201;
    const SECURE_CONNECTION: u16 = 0x8000;
    const PLUGIN_AUTH: u16 = 0x0008;
    let mut payload = b"\x0a8.0.36\0".to_vec();
    payload.extend([1, 0, 0, 0]);
    payload.extend(b"saltsalt\0");
    payload.extend((PROTOCOL_41_AND_LONG_PASSWORD | SECURE_CONNECTION).to_le_bytes());
    payload.extend([45, 2, 0]);
    payload.extend(PLUGIN_AUTH.to_le_bytes());
    payload.push(21);
    payload.extend([0; 10]);
    payload.extend(b"saltsaltsalt\0");
    payload.extend(plugin.as_bytes());
    payload.push(0);
    let mut packet = vec![payload.len() as u8, 0, 0, 0];
    packet.extend(payload);
    packet
}
