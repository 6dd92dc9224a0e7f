//! The SQLite connector on files made by SQLite itself.

use std::fs;

use tempfile::TempDir;

use super::*;
use crate::causes;
use crate::suite::{ROWS, Subject, all, conforms, open, texts};

fn database(sql: &str) -> (TempDir, Connection) {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let connection = Connection::open(folder.path().join("shop.db")).expect("writable");
    connection.execute_batch(sql).expect("valid SQL");
    (folder, connection)
}

async fn source(folder: &TempDir, path: &str) -> Arc<dyn Source> {
    let spec = ConnectionSpec { sqlite: Some(SqliteOptions { path: path.to_owned() }), ..ConnectionSpec::default() };
    open(&spec, folder.path()).await.expect("opening sends nothing")
}

fn table(name: &str) -> Target {
    Target::Table { schema: MAIN.to_owned(), table: name.to_owned() }
}

#[tokio::test(flavor = "multi_thread")]
async fn conforms_to_the_suite() {
    let (folder, connection) = database("create table people (id integer primary key, name text, score real)");
    for [id, name, score] in ROWS {
        connection.execute("insert into people values (?1, ?2, ?3)", [id, name, score]).expect("valid");
    }
    let source = source(&folder, "shop.db").await;
    conforms(&Subject { source: source.clone(), target: table("people"), missing: table("persons") }).await;
    let reading = source.read(ReadRequest::whole(table("people"))).await.expect("readable");
    assert_eq!(reading.total_rows, Some(5));
    assert_eq!(source.live(), Some(Dialect::Sqlite));
}

#[tokio::test]
async fn values_that_do_not_fit_their_column_are_set_aside() {
    let (folder, _connection) = database(
        "create table t (id integer, note text, raw blob);
         insert into t values (1, 'a', x'01'), ('many', 'b', x'02'), (2.5, 'c', null), (4, cast(x'ff' as text), null), (5, 'e', 'text');",
    );
    let reading = source(&folder, "shop.db").await.read(ReadRequest::whole(table("t"))).await.expect("readable");
    let read = all(reading).await.expect("read");
    assert_eq!(texts(&read.batch).len(), 2);
    let told: Vec<_> = read.rejects.iter().map(|reject| (&*reject.cause, &*reject.position)).collect();
    let unfit = causes::VALUE_UNFIT;
    assert_eq!(told, [(unfit, "main.t:2"), (unfit, "main.t:3"), (causes::ENCODING_INVALID, "main.t:4")]);
    assert_eq!(read.rejects[0].message, "column `id`: the text value does not fit Int64");
    assert!(read.rejects[0].raw.starts_with(b"{\"id\":\"many\",\"note\":\"b\""), "{:?}", read.rejects[0]);
}

#[tokio::test]
async fn trouble_says_what_and_where() {
    let (folder, connection) = database("create table t (id integer); insert into t values (1)");
    fs::write(folder.path().join("text.db"), "no database at all, but long enough to be looked at").expect("writable");
    let fails = async |path: &str, code: &'static base::Code| {
        let error = source(&folder, path).await.check().await.expect_err("trouble");
        assert!(error.is(code), "{path}: {error:?}");
    };
    fails("none.db", &DATABASE_MISSING).await;
    fails("text.db", &DATABASE_INVALID).await;
    fails(".", &DATABASE_INVALID).await;
    let source = source(&folder, "shop.db").await;
    let other = Target::Table { schema: "other".to_owned(), table: "t".to_owned() };
    assert!(source.describe(&other).await.expect_err("no such schema").is(&TARGET_INVALID));

    let reading = source.read(ReadRequest::whole(table("t"))).await.expect("readable");
    // The reader's snapshot keeps a writer out until it is dropped, and the table cannot vanish under it.
    assert!(connection.execute_batch("pragma busy_timeout = 0; drop table t").is_err());
    assert_eq!(all(reading).await.expect("read").batch.num_rows(), 1);
    connection.execute_batch("drop table t").expect("nobody reads any more");
    let error = source.read(ReadRequest::whole(table("t"))).await.expect_err("dropped");
    assert!(error.is(&SOURCE_TABLE_MISSING) && error.to_string().contains("main.t"), "{error}");

    connection.execute_batch("create table u (id integer); begin exclusive").expect("free");
    let error = source.check().await.expect_err("locked");
    assert!(error.is(&SOURCE_BUSY) && error.code().retry, "{error:?}");
}

#[tokio::test]
async fn a_cursor_reads_what_came_and_nothing_twice() {
    let (folder, connection) = database("create table t (id integer, at text not null)");
    let source = source(&folder, "shop.db").await;
    let read = async |after: Option<Value>| {
        let cursor = Some(Cursor { column: "at".to_owned(), after });
        let reading = source.read(ReadRequest { cursor, ..ReadRequest::whole(table("t")) }).await.expect("readable");
        let Position::Cursor { value, .. } = reading.position.clone() else { panic!("a cursor") };
        (value, all(reading).await.expect("read").batch.num_rows())
    };
    assert_eq!(read(None).await, (None, 0));
    connection.execute_batch("insert into t values (1, '2013-01-01'), (2, '2013-01-02')").expect("valid");
    let (first, rows) = read(None).await;
    assert_eq!((first.clone(), rows), (Some("2013-01-02".into()), 2));
    connection.execute_batch("insert into t values (3, '2013-01-03'), (0, '2012-12-31')").expect("valid");
    assert_eq!(read(first).await, (Some("2013-01-03".into()), 1));
}
