//! Exactly once, side by side, all or nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::{Int32Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::error::DataFusionError;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use guard::{Object, Privilege};

use super::{Home, all, batch, ids, schema, stream, table};
use crate::{Mode, Origin, Settings, TableOptions, codes};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_adds_nothing_and_reads_nothing() {
    let home = Home::new().await;
    let table = home.create("orders", &[]).await;
    let origin = |version| Origin::of("ann").with_transaction("orders-source", version);
    let first = table.write(&home.pass, Mode::Append, stream(vec![batch(&[(1, "a", None)])]), origin(7)).await.expect("written");
    assert_eq!((first.version, first.rows, first.files, first.duplicate), (1, 1, 1, false));

    let reads = Arc::new(AtomicUsize::new(0));
    let counted = reads.clone();
    let rows = futures::stream::poll_fn(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        std::task::Poll::Ready(None)
    });
    let rows = Box::pin(RecordBatchStreamAdapter::new(schema(), rows));
    let replay = table.write(&home.pass, Mode::Append, rows, origin(7)).await.expect("known");
    assert!(replay.duplicate && replay.version == 1);
    assert_eq!(reads.load(Ordering::SeqCst), 0, "the stream was read");
    // Another process knows it too, from the log alone, and an older version is no news either.
    let other = home.other().table(&home.pass, &super::table("orders")).await.expect("a table");
    let older = other.write(&home.pass, Mode::Append, stream(vec![batch(&[(2, "a", None)])]), origin(6)).await.expect("known");
    assert!(older.duplicate);
    assert_eq!(other.transaction_version("orders-source").await.expect("read"), Some(7));
    assert_eq!(other.transaction_version("other").await.expect("read"), None);

    let next = table.write(&home.pass, Mode::Append, stream(vec![batch(&[(2, "a", None)])]), origin(8)).await.expect("written");
    assert!(!next.duplicate);
    assert_eq!(ids(&home.table("orders").await, "true").await, [1, 2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_transaction_from_two_processes_lands_once() {
    let home = Home::new().await;
    home.create("orders", &[]).await;
    for round in 0..4 {
        let writes = (0..4).map(|_| {
            let (lake, pass) = (home.other(), home.pass.clone());
            tokio::spawn(async move {
                let table = lake.table(&pass, &table("orders")).await.expect("a table");
                let origin = Origin::of("ann").with_transaction("source", round);
                table.write(&pass, Mode::Append, stream(vec![batch(&[(round, "a", None)])]), origin).await.expect("an answer")
            })
        });
        let done = futures::future::join_all(writes).await;
        let landed = done.iter().filter(|commit| !commit.as_ref().expect("no panic").duplicate).count();
        assert_eq!(landed, 1);
    }
    assert_eq!(ids(&home.table("orders").await, "true").await, [0, 1, 2, 3]);
    // The losers' files are gone again.
    let files = std::fs::read_dir(home.path("orders")).expect("a folder").count();
    assert_eq!(files, 4 + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn appends_of_many_writers_all_land() {
    let home = Home::new().await;
    home.create("events", &[]).await;
    let writers = (0..4i64).map(|writer| {
        let (lake, pass) = (if writer % 2 == 0 { home.lake.clone() } else { home.other() }, home.pass.clone());
        tokio::spawn(async move {
            for turn in 0..6i64 {
                let table = lake.table(&pass, &table("events")).await.expect("a table");
                let rows = stream(vec![batch(&[(writer * 100 + turn, "a", None)])]);
                table.write(&pass, Mode::Append, rows, Origin::of("ann")).await.expect("written");
            }
        })
    });
    for writer in futures::future::join_all(writers).await {
        writer.expect("no panic");
    }
    let expected: Vec<i64> = (0..4).flat_map(|writer| (0..6).map(move |turn| writer * 100 + turn)).collect();
    let table = home.table("events").await;
    assert_eq!(ids(&table, "true").await, expected);
    assert_eq!(table.version(), 24);
    // Checkpoints came beside the writes, and a fresh reader is content with them.
    assert_eq!(ids(&home.other().table(&home.pass, &super::table("events")).await.expect("a table"), "true").await, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replace_takes_all_places_in_one_commit() {
    let home = Home::new().await;
    let table = home.create("t", &["part"]).await;
    home.append(&table, &[(1, "a", None), (2, "b", Some("x"))]).await;
    home.append(&table, &[(3, "a", None)]).await;
    let before = home.table("t").await;
    let rows = stream(vec![batch(&[(9, "c", Some("new"))])]);
    let commit = table.write(&home.pass, Mode::Replace, rows, Origin::of("ann")).await.expect("replaced");
    assert_eq!(commit.version, 3);
    assert_eq!(all(&home.table("t").await).await, [(9, "c".to_owned(), Some("new".to_owned()))]);
    assert_eq!(ids(&before, "true").await, [1, 2, 3], "the older handle changed");
    let none = table.write(&home.pass, Mode::Replace, stream(vec![]), Origin::of("ann")).await.expect("replaced by nothing");
    assert_eq!((none.version, none.rows), (4, 0));
    assert!(all(&home.table("t").await).await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn merge_does_what_a_map_does() {
    let settings = Settings { file_bytes_target: 1, row_group_rows_max: 1000, ..Settings::default() };
    let home = Home::with(settings).await;
    for partition in [&[] as &[&str], &["part"]] {
        let name = if partition.is_empty() { "plain" } else { "parted" };
        let table = home.create(name, partition).await;
        let mut reference: BTreeMap<(i64, String), Option<String>> = BTreeMap::new();
        let mut seed: i64 = 1;
        for round in 0..6 {
            let mut rows = Vec::new();
            for _ in 0..200 {
                seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
                let note = ["x", "y", "z"][(seed / 7 % 3) as usize];
                rows.push((seed % 300, ["a", "b"][(seed / 1000 % 2) as usize], (seed % 5 != 0).then_some(note)));
            }
            for (id, part, note) in &rows {
                reference.insert((*id, (*part).to_owned()), note.map(str::to_owned));
            }
            let batches = rows.chunks(64).map(batch).collect();
            let keys = vec!["id".to_owned(), "part".to_owned()];
            let origin = Origin::of("ann").with_transaction("m", round);
            let commit = table.write(&home.pass, Mode::Merge { keys }, stream(batches), origin).await.expect("merged");
            assert!(!commit.duplicate);
            let expected: Vec<_> = reference.iter().map(|((id, part), note)| (*id, part.clone(), note.clone())).collect();
            assert_eq!(all(&home.table(name).await).await, expected);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn merge_leaves_files_without_its_keys_alone() {
    let home = Home::new().await;
    let table = home.create("t", &[]).await;
    home.append(&table, &[(1, "a", None), (2, "a", None)]).await;
    home.append(&table, &[(10, "a", None), (20, "a", None)]).await;
    home.append(&table, &[(11, "a", None), (19, "a", None)]).await;
    let keys = vec!["id".to_owned()];
    let rows = stream(vec![batch(&[(10, "b", Some("old")), (15, "b", None), (10, "b", Some("last"))])]);
    let commit = table.write(&home.pass, Mode::Merge { keys }, rows, Origin::of("ann")).await.expect("merged");
    assert_eq!(commit.rows, 2);
    let expected = [
        (1, "a", None),
        (2, "a", None),
        (10, "b", Some("last")),
        (11, "a", None),
        (15, "b", None),
        (19, "a", None),
        (20, "a", None),
    ];
    let expected: Vec<_> = expected.iter().map(|row| (row.0, row.1.to_owned(), row.2.map(str::to_owned))).collect();
    assert_eq!(all(&home.table("t").await).await, expected);
    let log = std::fs::read_to_string(home.path("t").join("_delta_log/00000000000000000004.json")).expect("the commit");
    assert_eq!(log.lines().filter(|line| line.starts_with("{\"remove\"")).count(), 1, "{log}");

    let keys = vec!["note".to_owned()];
    let rows = stream(vec![batch(&[(1, "a", None)])]);
    let error = table.write(&home.pass, Mode::Merge { keys }, rows, Origin::of("ann")).await.expect_err("an empty key");
    assert!(error.is(&codes::LAKE_MERGE_KEY) && error.to_string().contains("`note`"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_fit_is_refused_by_name_and_leaves_nothing() {
    let home = Home::new().await;
    let table = home.create("t", &[]).await;
    let fields = vec![Field::new("id", DataType::Utf8, false)];
    let wrong =
        RecordBatch::try_new(Arc::new(Schema::new(fields)), vec![Arc::new(StringArray::from(vec!["x"]))]).expect("a batch");
    let error = table.write(&home.pass, Mode::Append, stream(vec![wrong]), Origin::of("ann")).await.expect_err("text");
    assert!(error.is(&codes::LAKE_TYPE_MISMATCH) && error.to_string().contains("`id`"), "{error}");
    let fields = vec![Field::new("id", DataType::Int32, false), Field::new("what", DataType::Int32, true)];
    let ones: Arc<Int32Array> = Arc::new(Int32Array::from(vec![1]));
    let extra = RecordBatch::try_new(Arc::new(Schema::new(fields)), vec![ones.clone(), ones.clone()]).expect("a batch");
    let error = table.write(&home.pass, Mode::Append, stream(vec![extra]), Origin::of("ann")).await.expect_err("extra");
    assert!(error.is(&codes::LAKE_EXTRA_COLUMN) && error.to_string().contains("`what`"), "{error}");
    // A narrower column, and the others left out.
    let fields = vec![Field::new("id", DataType::Int32, false)];
    let narrow = RecordBatch::try_new(Arc::new(Schema::new(fields)), vec![ones]).expect("a batch");
    table.write(&home.pass, Mode::Append, stream(vec![narrow]), Origin::of("ann")).await.expect("fits");
    assert_eq!(all(&home.table("t").await).await, [(1, String::new(), None)]);

    // The source fails after many rows: its error comes out as it is, and nothing is written.
    let before = std::fs::read_dir(home.path("t")).expect("a folder").count();
    let good: Vec<_> = (0..200_000).map(|id| (id, "a", Some("note"))).collect();
    let failure = base::Error::new(&codes::LAKE_FILES_GONE).with("table", "of the source");
    let rows = vec![Ok(batch(&good)), Err(DataFusionError::External(Box::new(failure)))];
    let rows = Box::pin(RecordBatchStreamAdapter::new(schema(), futures::stream::iter(rows)));
    let error = table.write(&home.pass, Mode::Append, rows, Origin::of("ann")).await.expect_err("the source failed");
    assert!(error.is(&codes::LAKE_FILES_GONE), "{error}");
    assert_eq!(std::fs::read_dir(home.path("t")).expect("a folder").count(), before);
    assert_eq!(home.table("t").await.version(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_without_a_commit_are_not_seen() {
    let home = Home::new().await;
    let table = home.create("t", &[]).await;
    home.append(&table, &[(1, "a", None)]).await;
    // What a writer that died before its commit leaves behind.
    let base = home.lake.latest(table.name()).await.expect("a version");
    let rows = futures::stream::iter([Ok(batch(&[(2, "a", None)]))]);
    let orphans = crate::write::NewFiles::write(&home.lake, &base, Box::pin(rows)).await.expect("files");
    assert_eq!(orphans.adds.len(), 1);
    assert_eq!(ids(&home.other().table(&home.pass, table.name()).await.expect("a table"), "true").await, [1]);
    // Nor is a commit that was only begun, under the name a store gives unfinished objects.
    let log = home.path("t").join("_delta_log");
    std::fs::write(log.join("00000000000000000002.json#1"), "{").expect("written");
    assert_eq!(ids(&home.other().table(&home.pass, table.name()).await.expect("a table"), "true").await, [1]);
    home.append(&table, &[(3, "a", None)]).await;
    assert_eq!(ids(&home.table("t").await, "true").await, [1, 3]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_opens_without_leave() {
    let home = Home::new().await;
    let table = home.create("t", &[]).await;
    home.append(&table, &[(1, "a", None)]).await;
    let rule = guard::ScopeRule { allow: vec![Privilege::Select], on: vec!["lake.ods.t".parse().expect("a pattern")] };
    let request = guard::TokenRequest {
        user: "admin".to_owned(),
        name: "reader".to_owned(),
        expires_in: None,
        scope: guard::Scope::only(vec![rule]),
    };
    let token = home.guard.create_token(&home.pass, request).await.expect("a token");
    let reader = home.guard.authenticate(token.1.expose()).await.expect("a pass");
    assert!(reader.allows(Privilege::Select, &Object::Table(table.name())));
    let opened = home.lake.table(&reader, table.name()).await.expect("may be read");
    let refused = |error: base::Error| assert_eq!(error.code().http, 403, "{error}");
    refused(
        opened.write(&reader, Mode::Append, stream(vec![batch(&[(2, "a", None)])]), Origin::of("x")).await.expect_err("write"),
    );
    refused(opened.optimize(&reader).await.expect_err("optimize"));
    refused(opened.vacuum(&reader, crate::RETENTION_FLOOR, false, false).await.expect_err("vacuum"));
    refused(opened.restore(&reader, crate::AsOf::Version(0)).await.expect_err("restore"));
    refused(home.lake.drop(&reader, table.name()).await.expect_err("drop"));
    refused(home.lake.create(&reader, &super::table("u"), schema(), TableOptions::default()).await.expect_err("create"));
    refused(home.lake.table(&reader, &super::table("u")).await.expect_err("another table"));
}
