//! Restore, compaction, vacuum, evolution, checkpoints.

use std::time::Duration;

use arrow::array::{Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};

use super::{Home, all, batch, ids, query, stream, table};
use crate::{AsOf, Evolution, Mode, Origin, RETENTION_FLOOR, Settings, codes};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restore_is_a_new_commit_and_can_be_undone() {
    let home = Home::new().await;
    let table = home.create("t", &[]).await;
    home.append(&table, &[(1, "a", None)]).await;
    home.append(&table, &[(2, "a", None)]).await;
    table.write(&home.pass, Mode::Replace, stream(vec![batch(&[(3, "a", None)])]), Origin::of("x")).await.expect("replaced");
    let commit = table.restore(&home.pass, AsOf::Version(2)).await.expect("restored");
    assert_eq!((commit.version, commit.rows), (4, 2));
    assert_eq!(ids(&home.table("t").await, "true").await, [1, 2]);
    table.restore(&home.pass, AsOf::Version(3)).await.expect("undone");
    let table = home.table("t").await;
    assert_eq!(ids(&table, "true").await, [3]);
    assert_eq!(table.history(1).await.expect("a history")[0].operation, "RESTORE");
    assert!(table.restore(&home.pass, AsOf::Version(99)).await.expect_err("no such").is(&codes::LAKE_VERSION_NOT_FOUND));
    std::fs::remove_file(data_files(&home, "t").into_iter().min().expect("the oldest file")).expect("removed");
    let error = table.restore(&home.pass, AsOf::Version(1)).await.expect_err("its file is gone");
    assert!(error.is(&codes::LAKE_FILES_GONE), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn compaction_changes_files_and_not_rows() {
    let home = Home::new().await;
    for (name, parts) in [("plain", 1), ("parted", 2)] {
        let table = home.create(name, if parts == 1 { &[] } else { &["part"] }).await;
        for id in 0..6 {
            home.append(&table, &[(id, if id % 2 == 0 { "a" } else { "b" }, Some("x"))]).await;
        }
        let before = all(&home.table(name).await).await;
        let done = table.optimize(&home.pass).await.expect("compacted");
        assert_eq!((done.files_removed, done.files_added), (6, parts));
        let table = home.table(name).await;
        assert_eq!(all(&table).await, before);
        assert_eq!(table.details().expect("known").files, parts);
        assert_eq!(table.details().expect("known").rows, Some(6));
        let again = table.optimize(&home.pass).await.expect("nothing to do");
        assert_eq!((again.files_removed, again.version), (0, done.version));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn vacuum_keeps_what_readers_hold() {
    let home = Home::new().await;
    let table = home.create("t", &[]).await;
    home.append(&table, &[(1, "a", None)]).await;
    let reader = home.table("t").await;
    table.write(&home.pass, Mode::Replace, stream(vec![batch(&[(2, "a", None)])]), Origin::of("x")).await.expect("replaced");
    table.write(&home.pass, Mode::Replace, stream(vec![batch(&[(3, "a", None)])]), Origin::of("x")).await.expect("replaced");
    assert_eq!(data_files(&home, "t").len(), 3);

    let error = table.vacuum(&home.pass, Duration::ZERO, false, false).await.expect_err("too short");
    assert!(error.is(&codes::LAKE_RETENTION_TOO_SHORT), "{error}");
    let done = table.vacuum(&home.pass, RETENTION_FLOOR, false, false).await.expect("vacuumed");
    assert!(done.files.is_empty(), "nothing is that old");
    tokio::time::sleep(Duration::from_millis(20)).await;
    let trial = table.vacuum(&home.pass, Duration::ZERO, true, true).await.expect("tried");
    assert_eq!((trial.files.len(), data_files(&home, "t").len()), (1, 3));
    let done = table.vacuum(&home.pass, Duration::ZERO, true, false).await.expect("vacuumed");
    assert_eq!(done.files, trial.files);
    assert_eq!(ids(&reader, "true").await, [1], "the reader's file is gone");
    assert_eq!(ids(&home.table("t").await, "true").await, [3]);

    // A running query holds its version, even when handle and provider are gone.
    let context = super::session(&reader).await;
    let plan = context.sql("SELECT id FROM t").await.expect("a query").create_physical_plan().await.expect("a plan");
    drop((context, reader));
    table.vacuum(&home.pass, Duration::ZERO, true, false).await.expect("vacuumed");
    assert_eq!(data_files(&home, "t").len(), 2);
    drop(plan);
    table.vacuum(&home.pass, Duration::ZERO, true, false).await.expect("vacuumed");
    assert_eq!(data_files(&home, "t").len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn columns_are_added_and_widened_by_declaration() {
    let home = Home::new().await;
    let schema = Schema::new(vec![Field::new("id", DataType::Int32, false), Field::new("part", DataType::Utf8, true)]);
    let options = crate::TableOptions { partition_by: vec!["part".to_owned()], comment: None };
    let made = home.lake.create(&home.pass, &table("t"), std::sync::Arc::new(schema), options).await.expect("a table");
    let rows = |ids: Vec<i32>| {
        let fields = vec![Field::new("id", DataType::Int32, false)];
        let ids = std::sync::Arc::new(arrow::array::Int32Array::from(ids));
        stream(vec![RecordBatch::try_new(std::sync::Arc::new(Schema::new(fields)), vec![ids]).expect("a batch")])
    };
    made.write(&home.pass, Mode::Append, rows(vec![1, 2]), Origin::of("x")).await.expect("written");
    let zoneless = DataType::Timestamp(arrow::datatypes::TimeUnit::Second, None);
    let wider = Evolution {
        add: vec![Field::new("note", DataType::Utf8, true), Field::new("at", zoneless, true)],
        widen: vec![("id".to_owned(), DataType::Int64)],
        relax: vec!["id".to_owned()],
    };
    let commit = made.evolve(&home.pass, &wider).await.expect("evolved");
    assert_eq!((commit.version, commit.rows), (2, 2));
    assert!(made.evolve(&home.pass, &wider).await.expect("already so").duplicate);
    let now = home.table("t").await;
    let types: Vec<String> = now.schema().fields().iter().map(|field| field.data_type().to_string()).collect();
    assert_eq!(types, ["Int64", "Utf8", "Utf8", "Timestamp(µs)"]);
    let big = vec![Field::new("id", DataType::Int64, false)];
    let big = RecordBatch::try_new(
        std::sync::Arc::new(Schema::new(big)),
        vec![std::sync::Arc::new(Int64Array::from(vec![1i64 << 40]))],
    );
    now.write(&home.pass, Mode::Append, stream(vec![big.expect("a batch")]), Origin::of("x")).await.expect("written");
    assert_eq!(ids(&home.table("t").await, "note IS NULL AND at IS NULL").await, [1, 2, 1 << 40]);
    // A writer of the old columns goes on, and older versions stay as they were.
    now.write(&home.pass, Mode::Append, rows(vec![3]), Origin::of("x")).await.expect("written");
    assert_eq!(home.table("t").await.at(AsOf::Version(1)).await.expect("there").schema().fields().len(), 2);
    for wrong in [
        Evolution { widen: vec![("id".to_owned(), DataType::Int16)], ..Evolution::default() },
        Evolution { widen: vec![("part".to_owned(), DataType::Binary)], ..Evolution::default() },
        Evolution { add: vec![Field::new("ID", DataType::Int16, true)], ..Evolution::default() },
        Evolution { add: vec![Field::new("must", DataType::Int16, false)], ..Evolution::default() },
    ] {
        let error = now.evolve(&home.pass, &wrong).await.expect_err("wrong");
        assert!(error.is(&codes::LAKE_EVOLUTION_INVALID), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn checkpoints_come_and_are_enough() {
    let home = Home::with(Settings { checkpoint_commits: 5, ..Settings::default() }).await;
    let table = home.create("t", &["part"]).await;
    for id in 0..9 {
        let origin = Origin::of("x").with_transaction("app", id);
        table.write(&home.pass, Mode::Append, stream(vec![batch(&[(id, "a", Some("n"))])]), origin).await.expect("written");
    }
    let checkpoint = home.path("t").join("_delta_log/00000000000000000009.checkpoint.parquet");
    home.lake.settle().await;
    assert!(checkpoint.exists(), "no checkpoint was written");
    // Without the entries before it, everything is still known: rows, statistics, transactions.
    for version in 0..9 {
        std::fs::remove_file(home.path("t").join(format!("_delta_log/{version:020}.json"))).expect("removed");
    }
    let fresh = home.other().table(&home.pass, &super::table("t")).await.expect("opens from the checkpoint");
    assert_eq!(ids(&fresh, "part = 'a' AND id > 3").await, [4, 5, 6, 7, 8]);
    assert_eq!(fresh.transaction_version("app").await.expect("read"), Some(8));
    assert_eq!(fresh.details().expect("known").rows, Some(9));
    assert_eq!(query(&fresh, "SELECT count(*) FROM t").await[0].num_rows(), 1);
    assert!(fresh.at(AsOf::Version(3)).await.expect_err("tidied up").is(&codes::LAKE_VERSION_NOT_FOUND));
    assert_eq!(fresh.history(20).await.expect("what is left").len(), 1);
    assert_eq!(home.other().tables("ods").await.expect("listed"), ["t"]);
}

fn data_files(home: &Home, name: &str) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(home.path(name)).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.filter(|path| path.extension().is_some_and(|extension| extension == "parquet")).collect()
}
