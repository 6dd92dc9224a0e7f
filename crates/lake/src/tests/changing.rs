//! Writing by name, taking the places of certain rows, and reading only what is new.

use arrow::array::Int32Array;
use base::Error;

use super::*;
use crate::{AsOf, Evolve, codes};

impl Home {
    async fn write(&self, mode: Mode, evolve: Evolve, rows: SendableRecordBatchStream, origin: Origin) -> Result<Commit, Error> {
        self.lake.write(&self.pass, &table("t"), mode, evolve, rows, origin).await
    }

    async fn rows(&self, mode: Mode, rows: &[Row], origin: Origin) -> Commit {
        self.write(mode, Evolve::No, stream(vec![batch(rows)]), origin).await.expect("written")
    }

    async fn now(&self) -> Vec<i64> {
        ids(&self.table("t").await, "true").await
    }
}

fn first(app_version: i64) -> Origin {
    Origin::of("ann").with_transaction("app", app_version)
}

/// One column of other types than [`schema`] has.
fn other(name: &str, data_type: &DataType, nullable: bool) -> SendableRecordBatchStream {
    let one: arrow::array::ArrayRef = Arc::new(Int32Array::from(vec![1]));
    let column = arrow::compute::cast(&one, data_type).expect("a cast");
    let fields = vec![Field::new(name, data_type.clone(), nullable)];
    stream(vec![RecordBatch::try_new(Arc::new(Schema::new(fields)), vec![column]).expect("a batch")])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_write_makes_the_table_in_the_same_commit() {
    let home = Home::new().await;
    let broken =
        futures::stream::iter([Ok(batch(&[(1, "a", None)])), Err(datafusion::error::DataFusionError::Internal("x".into()))]);
    let broken = Box::pin(RecordBatchStreamAdapter::new(schema(), broken));
    home.write(Mode::Append, Evolve::No, broken, first(1)).await.expect_err("it breaks");
    assert!(!home.lake.exists(&table("t")).await.expect("looked"));
    assert_eq!(std::fs::read_dir(home.path("t")).map_or(0, Iterator::count), 0, "nothing is left");

    let keys = vec!["id".to_owned()];
    let made = home.rows(Mode::Merge { keys }, &[(1, "a", None), (2, "b", None), (1, "c", None)], first(1)).await;
    assert_eq!((made.version, made.rows), (0, 2));
    assert_eq!(all(&home.table("t").await).await, [(1, "c".to_owned(), None), (2, "b".to_owned(), None)]);
    assert!(home.rows(Mode::Append, &[(3, "a", None)], first(1)).await.duplicate);
    assert!(!home.rows(Mode::Append, &[(3, "a", None)], first(2)).await.duplicate);
    assert_eq!(home.now().await, [1, 2, 3]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_that_write_first_all_have_their_rows() {
    let home = Home::new().await;
    let writers = (0..4).map(|number| {
        let (lake, pass) = (home.other(), home.pass.clone());
        // Not all name the columns in the same order.
        let rows = batch(&[(number, "a", None)]);
        let rows = stream(vec![if number % 2 == 0 { rows } else { rows.project(&[2, 0, 1]).expect("columns") }]);
        tokio::spawn(async move { lake.write(&pass, &table("t"), Mode::Append, Evolve::No, rows, Origin::of("x")).await })
    });
    for writer in futures::future::join_all(writers).await {
        writer.expect("no panic").expect("written");
    }
    assert_eq!(home.now().await, [0, 1, 2, 3]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn columns_change_as_far_as_is_declared() {
    let home = Home::new().await;
    let write = |mode: Mode, evolve: Evolve, rows: SendableRecordBatchStream| home.write(mode, evolve, rows, Origin::of("x"));
    write(Mode::Append, Evolve::No, other("n", &DataType::Int32, false)).await.expect("made");
    let refused = |error: Error, word: &str| {
        assert!(error.is(&codes::LAKE_COLUMNS_DIFFER) && error.to_string().contains(word), "{error}");
        assert!(error.advice(base::Language::En).is_some(), "{error}");
    };
    // Narrower types fit without a word.
    write(Mode::Append, Evolve::No, other("n", &DataType::Int16, true)).await.expect("fits");
    refused(write(Mode::Append, Evolve::Add, other("n", &DataType::Int64, true)).await.expect_err("wider"), "`n`");
    write(Mode::Append, Evolve::Widen, other("n", &DataType::Int64, true)).await.expect("widened");
    assert_eq!(home.table("t").await.schema().field(0), &Field::new("n", DataType::Int64, true));
    refused(write(Mode::Append, Evolve::Replace, other("n", &DataType::Utf8, true)).await.expect_err("text"), "`n`");
    refused(write(Mode::Append, Evolve::Widen, other("N", &DataType::Int64, true)).await.expect_err("case"), "case");
    refused(write(Mode::Append, Evolve::Add, other("m", &DataType::Int64, true)).await.expect_err("lacks n"), "`n`");
    let before = home.table("t").await.version();
    write(Mode::Replace, Evolve::Replace, other("m", &DataType::Utf8, true)).await.expect("replaced");
    let now = home.table("t").await;
    assert_eq!(
        (now.version(), now.schema().field(0).name().as_str(), now.details().expect("known").rows),
        (before + 1, "m", Some(1))
    );
    let old = now.at(AsOf::Version(before)).await.expect("there");
    assert_eq!((old.schema().field(0).name().as_str(), old.details().expect("known").rows), ("n", Some(3)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attempt_takes_the_place_of_the_one_before() {
    let home = Home::new().await;
    home.rows(Mode::Amend, &[(1, "a", None)], first(1)).await;
    home.rows(Mode::Append, &[(2, "a", None)], Origin::of("other")).await;
    home.rows(Mode::Amend, &[(3, "a", None), (4, "a", None)], first(1)).await;
    assert_eq!(home.now().await, [2, 3, 4]);
    home.rows(Mode::Amend, &[(5, "a", None)], first(2)).await;
    assert_eq!(home.now().await, [2, 3, 4, 5]);
    // An attempt without rows takes back what was added.
    home.rows(Mode::Amend, &[], first(2)).await;
    assert_eq!(home.now().await, [2, 3, 4]);
    // What was put together with other rows cannot be told apart any more.
    home.rows(Mode::Amend, &[(6, "a", None)], first(3)).await;
    home.table("t").await.optimize(&home.pass).await.expect("optimized");
    assert!(home.rows(Mode::Amend, &[(7, "a", None)], first(3)).await.duplicate);
    assert_eq!(home.now().await, [2, 3, 4, 6]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_is_rewritten_and_what_came_since_stays() {
    let home = Home::new().await;
    let of = home.rows(Mode::Append, &[(1, "a", None), (2, "a", None)], Origin::of("x")).await.version;
    home.rows(Mode::Append, &[(3, "a", None)], Origin::of("x")).await;
    home.rows(Mode::Rewrite { of }, &[(2, "b", None)], first(1)).await;
    assert_eq!(home.now().await, [2, 3]);
    assert!(home.rows(Mode::Rewrite { of }, &[(9, "b", None)], first(1)).await.duplicate);
    let error = home.write(Mode::Rewrite { of }, Evolve::No, stream(vec![batch(&[(9, "b", None)])]), first(2)).await;
    assert!(error.expect_err("changed since").is(&codes::LAKE_MOVED));
    let now = home.table("t").await.version();
    home.rows(Mode::Rewrite { of: now }, &[], first(2)).await;
    assert!(home.now().await.is_empty());
    let behind = |version: Option<u64>| {
        home.write(Mode::Behind { version }, Evolve::No, stream(vec![batch(&[(4, "a", None)])]), Origin::of("x"))
    };
    assert!(behind(None).await.expect_err("it is there").is(&codes::LAKE_MOVED));
    assert!(behind(Some(now)).await.expect_err("it is older").is(&codes::LAKE_MOVED));
    behind(Some(now + 1)).await.expect("right behind");
    assert_eq!(home.now().await, [4]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_gained_is_read_though_files_were_put_together() {
    let home = Home::new().await;
    for number in 0..6 {
        home.rows(Mode::Append, &[(number, "a", None)], Origin::of("x")).await;
        if number == 3 {
            home.table("t").await.optimize(&home.pass).await.expect("optimized");
        }
    }
    let now = home.table("t").await;
    let gained = |after: u64, version: u64| {
        let now = now.clone();
        async move {
            let table = now.at(AsOf::Gained { after, version }).await.expect("only added to");
            assert_eq!(table.details().expect("known").rows, Some(ids(&table, "true").await.len() as u64));
            ids(&table, "true").await
        }
    };
    assert_eq!(now.version(), 6, "six rows and one compaction");
    assert_eq!(gained(1, 6).await, [2, 3, 4, 5]);
    assert_eq!(gained(1, 3).await, [2, 3]);
    assert_eq!(gained(3, 4).await, [] as [i64; 0]);
    assert_eq!(gained(6, 6).await, [] as [i64; 0]);
    assert_eq!(ids(&now.at(AsOf::Gained { after: 0, version: 6 }).await.expect("there"), "id > 3").await, [4, 5]);
    assert_eq!(now.rewritten_since(0).await.expect("looked"), None);
    // A wider column is the same rows; fewer rows are not.
    let evolution = crate::Evolution { add: vec![Field::new("more", DataType::Int64, true)], ..Default::default() };
    now.evolve(&home.pass, &evolution).await.expect("evolved");
    let rows = stream(vec![batch(&[(1, "b", None)])]);
    let merge = Mode::Merge { keys: vec!["id".to_owned()] };
    now.write(&home.pass, merge, rows, Origin::of("x")).await.expect("merged");
    let now = home.table("t").await;
    let (version, operation) = now.rewritten_since(6).await.expect("looked").expect("a merge");
    assert_eq!((version, operation.as_str()), (8, "MERGE"));
    let error = now.at(AsOf::Gained { after: 6, version: 8 }).await.expect_err("rewritten");
    assert!(error.is(&codes::LAKE_REWRITTEN), "{error}");
    assert!(now.at(AsOf::Gained { after: 9, version: 8 }).await.is_err());
}
