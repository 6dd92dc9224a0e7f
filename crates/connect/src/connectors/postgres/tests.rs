//! The PostgreSQL connector against a real server, named by `DATAUX_TEST_POSTGRES_URL` (`postgres://user:password@host:port/db`,
//! a user who may create schemas and terminate backends).

use std::path::Path;

use arrow::array::AsArray;
use arrow::datatypes::{DataType, Field};
use futures::TryStreamExt;
use tokio_postgres::config::Host;
use tokio_postgres::{Client, Config, NoTls};

use super::*;
use crate::causes;
use crate::codes::*;
use crate::suite::{ROWS, Subject, all, conforms, context, open, texts, tls};

struct Scratch {
    client: Client,
    config: Config,
    schema: String,
}

impl Scratch {
    /// A schema of its own in the server of the tests.
    async fn new(sql: &str) -> Self {
        let url = std::env::var("DATAUX_TEST_POSTGRES_URL")
            .expect("DATAUX_TEST_POSTGRES_URL is not set; `make test` starts the PostgreSQL that this test needs");
        let config: Config = url.parse().expect("a PostgreSQL URL");
        let (client, driver) = config.connect(NoTls).await.expect("the server of the tests");
        tokio::spawn(driver);
        let schema = format!("test {}", base::ids::fresh());
        let scratch = Self { client, config, schema };
        scratch.run(&format!("create schema {0}; set search_path = {0}; {sql}", quoted(&scratch.schema))).await;
        scratch
    }

    async fn run(&self, sql: &str) {
        self.client.batch_execute(sql).await.expect("valid SQL");
    }

    fn options(&self) -> PostgresOptions {
        let Some(Host::Tcp(host)) = self.config.get_hosts().first() else { panic!("a TCP address") };
        let password = self.config.get_password().map(|password| String::from_utf8_lossy(password).into_owned());
        PostgresOptions {
            host: host.clone(),
            port: self.config.get_ports().first().copied().unwrap_or(5432),
            database: self.config.get_dbname().expect("a database").to_owned(),
            user: self.config.get_user().expect("a user").to_owned(),
            password: password.map(SecretRef::Store),
            tls: Tls::Disable,
            tls_ca: None,
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

    async fn done(self) {
        self.run(&format!("drop schema {} cascade", quoted(&self.schema))).await;
    }
}

async fn opened(options: PostgresOptions) -> Arc<dyn Source> {
    let spec = ConnectionSpec { postgres: Some(options), ..ConnectionSpec::default() };
    open(&spec, Path::new("/")).await.expect("opening sends nothing")
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the PostgreSQL of make test (DATAUX_TEST_POSTGRES_URL)"]
async fn conforms_to_the_suite() {
    let scratch = Scratch::new("create table people (id bigint primary key, name text, score double precision)").await;
    for [id, name, score] in ROWS {
        let sql = "insert into people values ($1::text::bigint, $2, $3::text::double precision)";
        scratch.client.execute(sql, &[&id, &name, &score]).await.expect("valid");
    }
    scratch.run("create view seen as select * from people; create table split (like people) partition by range (id)").await;
    scratch
        .run("create table split_1 partition of split for values from (0) to (9); insert into split select * from people")
        .await;
    let source = scratch.source().await;
    for name in ["people", "seen", "split"] {
        let missing = scratch.table("persons");
        conforms(&Subject { source: source.clone(), target: scratch.table(name), missing }).await;
    }
    let tables = source.tables().await.expect("listable");
    assert_eq!(tables.iter().filter(|table| table.schema == scratch.schema).count(), 4);
    scratch.done().await;
}

#[tokio::test]
#[ignore = "needs the PostgreSQL of make test (DATAUX_TEST_POSTGRES_URL)"]
async fn every_type_keeps_its_values() {
    let scratch = Scratch::new(
        "create type mood as enum ('sad', 'glad'); create domain cents as numeric(12,2) not null; create domain pence as cents;
         create table t (
            ok bool, small int2, medium int4, large int8, real float4, double float8, price numeric(12,2), bare numeric,
            note text, code varchar(5), fixed char(4), raw bytea, day date, clock time, at timestamp, moment timestamptz,
            id uuid, doc json, docb jsonb, mood mood, whole int4[], words text[], moods mood[], span interval, zoned timetz,
            address inet, pence pence);
         insert into t values
            (true, -32768, 2147483647, -9223372036854775808, 1.5, 0.1, -1234567890.12, 123456789012345678901234567890.5,
             '中文', 'abc', 'ab', '\\x00ff', '1900-02-28', '23:59:59.999999', '2013-01-01 05:00:00.000001',
             '2013-01-01 05:00:00+08', '00112233-4455-6677-8899-aabbccddeeff', '{\"a\": 1}', '{\"a\": 1}', 'glad', '{1,null,3}',
             '{a,\"b,c\"}', '{sad,glad}', '1 day 00:00:01', '05:00:00+08', '10.0.0.1', 0.05),
            (null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null,
             null, null, '{}', null, null, null, null, 0)",
    )
    .await;
    let source = scratch.source().await;
    let reading = source.read(ReadRequest::whole(scratch.table("t"))).await.expect("readable");
    let types: Vec<String> = reading.schema.fields().iter().map(|field| field.data_type().to_string()).collect();
    let read = all(reading).await.expect("read");
    assert!(read.rejects.is_empty(), "{:?}", read.rejects);
    let rows = texts(&read.batch);
    let row = rows.iter().find(|row| row[0].is_some()).expect("the row with values");
    let expected = [
        ("Boolean", "true"),
        ("Int16", "-32768"),
        ("Int32", "2147483647"),
        ("Int64", "-9223372036854775808"),
        ("Float32", "1.5"),
        ("Float64", "0.1"),
        ("Decimal128(12, 2)", "-1234567890.12"),
        ("Utf8", "123456789012345678901234567890.5"),
        ("Utf8", "中文"),
        ("Utf8", "abc"),
        ("Utf8", "ab  "),
        ("Binary", "00ff"),
        ("Date32", "1900-02-28"),
        ("Time64(µs)", "23:59:59.999999"),
        ("Timestamp(µs)", "2013-01-01T05:00:00.000001"),
        ("Timestamp(µs, \"UTC\")", "2012-12-31T21:00:00Z"),
        ("Utf8", "00112233-4455-6677-8899-aabbccddeeff"),
        ("Utf8", "{\"a\": 1}"),
        ("Utf8", "{\"a\": 1}"),
        ("Utf8", "glad"),
        ("List(Int32)", "[1, , 3]"),
        ("List(Utf8)", "[a, b,c]"),
        ("List(Utf8)", "[sad, glad]"),
        ("Int64", "86401000000"),
        ("Utf8", "05:00:00+08"),
        ("Utf8", "10.0.0.1/32"),
        ("Decimal128(12, 2)", "0.05"),
    ];
    assert_eq!(types, expected.map(|(data_type, _)| data_type.to_owned()));
    assert_eq!(row.iter().map(|value| value.as_deref().expect("a value")).collect::<Vec<_>>(), expected.map(|(_, value)| value));
    let empty = rows.iter().find(|row| row[0].is_none()).expect("the row of NULLs");
    assert_eq!(empty.iter().flatten().collect::<Vec<_>>(), ["[]", "0.00"]);

    let declared = Schema::new(vec![
        Field::new("bare", DataType::Decimal128(38, 4), true),
        Field::new("large", DataType::Utf8, true),
        Field::new("moment", DataType::Timestamp(arrow::datatypes::TimeUnit::Microsecond, None), true),
    ]);
    let request = ReadRequest {
        declared: Some(Arc::new(declared)),
        columns: Some(vec!["bare".to_owned(), "large".to_owned(), "id".to_owned()]),
        ..ReadRequest::whole(scratch.table("t"))
    };
    let read = all(source.read(request).await.expect("readable")).await.expect("read");
    assert_eq!(texts(&read.batch)[1][0].as_deref(), Some("123456789012345678901234567890.5000"));
    scratch.done().await;
}

#[tokio::test]
#[ignore = "needs the PostgreSQL of make test (DATAUX_TEST_POSTGRES_URL)"]
async fn what_has_no_place_is_refused_or_set_aside() {
    let scratch = Scratch::new(
        "create table t (id int, price numeric(5,2), day date, at timestamp, span interval, matrix int[]);
         insert into t values (1, 'NaN', null, null, null, null), (2, null, 'infinity', null, null, null),
            (3, null, null, '-infinity', null, null), (4, null, null, null, '1 month', null),
            (5, null, null, null, null, '{{1},{2}}'), (6, 1.5, '2013-01-01', null, '1 second', '{}');
         create table odd (id int, place point, many point[])",
    )
    .await;
    let source = scratch.source().await;
    let read = all(source.read(ReadRequest::whole(scratch.table("t"))).await.expect("readable")).await.expect("read");
    assert_eq!(read.batch.num_rows(), 1);
    let told: Vec<&str> = read.rejects.iter().map(|reject| reject.message.as_str()).collect();
    let expected = [
        "column `price`: NaN and infinity are no decimals",
        "column `day`: infinity is no date",
        "column `at`: infinity is no time",
        "column `span`: an interval with months has no fixed length",
        "column `matrix`: an array of more than one dimension is no list",
    ];
    assert_eq!(told, expected);
    assert!(read.rejects.iter().all(|reject| reject.cause == causes::VALUE_UNFIT));
    assert!(read.rejects[0].raw.starts_with(b"{\"id\":1,\"price\":\"NaN\""), "{}", String::from_utf8_lossy(&read.rejects[0].raw));
    assert!(read.rejects[0].position.ends_with(".t:1"), "{}", read.rejects[0].position);

    let error = source.read(ReadRequest::whole(scratch.table("odd"))).await.expect_err("a point");
    assert!(error.is(&COLUMN_TYPE_UNSUPPORTED) && error.to_string().contains("`place`"), "{error}");
    let columns = Some(vec!["id".to_owned()]);
    assert!(source.read(ReadRequest { columns, ..ReadRequest::whole(scratch.table("odd")) }).await.is_ok());
    scratch.run("insert into odd values (1, '(1,2)', null)").await;
    let (columns, declared) = (Some(vec!["place".to_owned()]), Schema::new(vec![Field::new("place", DataType::Utf8, true)]));
    let request = ReadRequest { columns, declared: Some(Arc::new(declared)), ..ReadRequest::whole(scratch.table("odd")) };
    let read = all(source.read(request).await.expect("a text is always there")).await.expect("read");
    assert_eq!(texts(&read.batch)[0][0].as_deref(), Some("(1,2)"));
    scratch.done().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the PostgreSQL of make test (DATAUX_TEST_POSTGRES_URL)"]
async fn parallel_parts_see_one_moment_and_every_row_once() {
    let scratch =
        Scratch::new("create table t as select n as id, repeat('x', 100) as note from generate_series(1, 300000) n; analyze t")
            .await;
    let source = scratch.source().await;
    let reading = source.read(ReadRequest { parallel: 4, ..ReadRequest::whole(scratch.table("t")) }).await.expect("readable");
    assert_eq!((reading.parts.len(), reading.total_rows), (4, Some(300_000)));
    scratch.run("insert into t select n, 'late' from generate_series(300001, 310000) n; delete from t where id % 2 = 0").await;
    let read = all(reading).await.expect("read");
    assert_eq!(read.batch.num_rows(), 300_000);
    let ids = read.batch.column(0).as_primitive::<arrow::datatypes::Int32Type>();
    assert_eq!(ids.values().iter().map(|id| i64::from(*id)).sum::<i64>(), 300_000 * 300_001 / 2);

    let cursor = Some(Cursor { column: "id".to_owned(), after: None });
    scratch.run("alter table t alter id set not null").await;
    let reading =
        source.read(ReadRequest { cursor, parallel: 3, ..ReadRequest::whole(scratch.table("t")) }).await.expect("readable");
    assert_eq!(reading.position, Position::Cursor { column: "id".to_owned(), value: Some(309_999.into()) });
    assert_eq!(reading.parts.len(), 3);
    assert_eq!(all(reading).await.expect("read").batch.num_rows(), 155_000);
    scratch.done().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the PostgreSQL of make test (DATAUX_TEST_POSTGRES_URL)"]
async fn trouble_says_whose_and_whether_to_retry() {
    let scratch =
        Scratch::new("create table t as select n as id, repeat('x', 1000) as note from generate_series(1, 200000) n").await;
    let fails = async |change: &dyn Fn(&mut PostgresOptions), code: &'static base::Code| {
        let mut options = scratch.options();
        change(&mut options);
        let error = opened(options).await.check().await.expect_err("trouble");
        assert!(error.is(code), "{error:?}");
        assert!(!error.to_string().contains("wrong-password"), "{error}");
    };
    fails(&|options| options.port = 1, &SOURCE_UNREACHABLE).await;
    fails(&|options| options.host = "no-such-host.invalid".to_owned(), &SOURCE_UNREACHABLE).await;
    fails(&|options| options.database = "no_such_database".to_owned(), &DATABASE_MISSING).await;
    fails(&|options| options.password = Some(SecretRef::Store("wrong-password".to_owned())), &SOURCE_LOGIN_REFUSED).await;
    fails(&|options| options.password = None, &SOURCE_LOGIN_REFUSED).await;

    let source = scratch.source().await;
    let whole = || ReadRequest::whole(scratch.table("t"));
    // The server ends the session in the middle.
    let mut reading = source.read(ReadRequest { batch_rows: 100, ..whole() }).await.expect("readable");
    assert!(reading.parts[0].try_next().await.expect("a first piece").is_some());
    // Other tests have sessions of their own.
    let ours = format!("query like 'copy%{}%' and pid <> pg_backend_pid()", scratch.schema);
    scratch.run(&format!("select pg_terminate_backend(pid) from pg_stat_activity where {ours}")).await;
    let error = reading.parts.remove(0).try_for_each(|_| std::future::ready(Ok(()))).await.expect_err("cut off");
    assert!(error.is(&SOURCE_LOST) && error.code().retry, "{error:?}");

    // A reader that is dropped leaves nothing running behind.
    let mut reading = source.read(ReadRequest { batch_rows: 100, ..whole() }).await.expect("readable");
    assert!(reading.parts[0].try_next().await.expect("a first piece").is_some());
    drop(reading);
    let running = format!("select count(*) from pg_stat_activity where {ours}");
    let mut left = 100;
    while scratch.client.query_one(&running, &[]).await.expect("countable").get::<_, i64>(0) > 0 {
        left -= 1;
        assert!(left > 0, "the copy still runs");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }

    // A table that is dropped while it is read is kept by the reader's own lock; afterwards it is gone.
    let reading = source.read(whole()).await.expect("readable");
    scratch.run("set lock_timeout = '200ms'").await;
    assert!(scratch.client.batch_execute("drop table t").await.is_err());
    assert_eq!(all(reading).await.expect("read").batch.num_rows(), 200_000);
    scratch.run("set lock_timeout = 0; drop table t").await;
    let error = source.read(whole()).await.expect_err("dropped");
    assert!(error.is(&SOURCE_TABLE_MISSING) && error.to_string().contains(".t"), "{error}");
    scratch.done().await;
}

#[tokio::test]
#[ignore = "needs the PostgreSQL of make test (DATAUX_TEST_POSTGRES_URL)"]
async fn a_cursor_may_be_a_time() {
    let scratch = Scratch::new("create table t (id int, at timestamptz not null, place point)").await;
    let source = scratch.source().await;
    let read = async |after: Option<Value>, column: &str| {
        let cursor = Some(Cursor { column: column.to_owned(), after });
        let columns = Some(vec!["id".to_owned()]);
        let reading = source.read(ReadRequest { cursor, columns, ..ReadRequest::whole(scratch.table("t")) }).await?;
        let Position::Cursor { value, .. } = reading.position.clone() else { panic!("a cursor") };
        Ok::<_, base::Error>((value, all(reading).await?.batch.num_rows()))
    };
    assert_eq!(read(None, "at").await.expect("empty"), (None, 0));
    scratch.run("insert into t values (1, '2013-01-01 05:00:00.123456+08'), (2, '2013-01-02')").await;
    let (first, rows) = read(None, "at").await.expect("two");
    assert_eq!(rows, 2);
    scratch.run("insert into t values (3, '2013-01-03'), (0, '2012-12-31')").await;
    let (second, rows) = read(first, "at").await.expect("one");
    assert_eq!(rows, 1);
    assert_eq!(read(second.clone(), "at").await.expect("none"), (second, 0));
    assert!(read(None, "place").await.expect_err("points have no order").is(&CURSOR_UNFIT));
    let error = read(Some(Value::Bool(true)), "at").await.expect_err("no position");
    assert!(error.is(&CURSOR_UNFIT), "{error}");
    scratch.done().await;
}

#[tokio::test]
#[ignore = "needs the PostgreSQL of make test (DATAUX_TEST_POSTGRES_URL)"]
async fn encryption_is_there_or_refused() {
    let scratch = Scratch::new("create table t as select 1 as id").await;
    let with = async |tls: Tls, tls_ca: Option<SecretRef>, host: Option<&str>| {
        let host = host.map_or_else(|| scratch.options().host, str::to_owned);
        opened(PostgresOptions { tls, tls_ca, host, ..scratch.options() }).await
    };
    let encrypted = "select ssl from pg_stat_ssl where pid = pg_backend_pid()";
    for (tls, tls_ca) in [(Tls::Require, None), (Tls::VerifyFull, Some(tls::authority()))] {
        let options = PostgresOptions { tls, tls_ca: tls_ca.clone(), ..scratch.options() };
        let server = Server::resolve("test", &options, &context(Path::new("/"))).await.expect("certificates");
        let session = Arc::new(server).connect().await.expect("encrypted");
        assert!(session.query_one(encrypted, &[]).await.expect("known").get::<_, bool>(0), "{tls:?}");
        let source = with(tls, tls_ca, None).await;
        let read = all(source.read(ReadRequest::whole(scratch.table("t"))).await.expect("readable")).await.expect("read");
        assert_eq!(read.batch.num_rows(), 1);
    }
    let refused = async |source: Arc<dyn Source>, word: &str| {
        let error = source.check().await.expect_err("not to be trusted");
        assert!(error.is(&SOURCE_TLS_REFUSED) && error.to_string().contains(word), "{error}");
    };
    refused(with(Tls::VerifyFull, Some(tls::stranger()), None).await, "UnknownIssuer").await;
    refused(with(Tls::VerifyFull, Some(tls::authority()), Some("localhost")).await, "not valid for name").await;
    // A server that answers the question for TLS with no.
    let plain = tls::PlainServer::start(Vec::new(), b"N".to_vec()).await;
    for tls in [Tls::Require, Tls::VerifyFull] {
        let tls_ca = (tls == Tls::VerifyFull).then(tls::authority);
        let options = PostgresOptions { tls, tls_ca, port: plain.port, ..scratch.options() };
        refused(opened(options).await, "does not support TLS").await;
    }
    scratch.done().await;
}
