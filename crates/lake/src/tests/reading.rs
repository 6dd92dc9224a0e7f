//! What a scan opens, what the planner is told, what older versions hold.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, TimeUnit};
use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_plan::{ExecutionPlan, displayable};

use super::{Home, all, batch, ids, query, session, stream, table};
use crate::{AsOf, Mode, Origin, Settings, Table, TableOptions, codes};

/// The files the plan of a query would open.
async fn opened(table: &Table, sql: &str) -> usize {
    let plan = session(table).await.sql(sql).await.expect("a query").create_physical_plan().await.expect("a plan");
    fn count(plan: &Arc<dyn ExecutionPlan>) -> usize {
        let here = plan.downcast_ref::<DataSourceExec>().and_then(|scan| scan.data_source().downcast_ref::<FileScanConfig>());
        let here = here.map_or(0, |scan| scan.file_groups.iter().map(|group| group.len()).sum());
        here + plan.children().into_iter().map(count).sum::<usize>()
    }
    count(&plan)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_are_pruned_before_they_are_opened() {
    let home = Home::new().await;
    let table = home.create("t", &["part"]).await;
    home.append(&table, &[(1, "a", Some("x")), (2, "b", None), (3, "c", Some("z"))]).await;
    home.append(&table, &[(101, "a", None), (102, "b", Some("m"))]).await;
    let table = home.table("t").await;
    assert_eq!(table.partitioned_by(), ["part"]);
    assert_eq!(opened(&table, "SELECT id FROM t").await, 5);
    assert_eq!(opened(&table, "SELECT id FROM t WHERE part = 'a'").await, 2);
    assert_eq!(opened(&table, "SELECT id FROM t WHERE part IN ('a', 'c') AND id < 50").await, 2);
    assert_eq!(opened(&table, "SELECT id FROM t WHERE id > 100").await, 2);
    assert_eq!(opened(&table, "SELECT id FROM t WHERE note > 'y'").await, 1);
    assert_eq!(opened(&table, "SELECT id FROM t WHERE id = 77").await, 0);
    assert_eq!(opened(&table, "SELECT id FROM t LIMIT 1").await, 1);
    assert_eq!(opened(&table, "SELECT count(*) FROM t").await, 0, "the count is in the log");
    assert_eq!(ids(&table, "part = 'b'").await, [2, 102]);
    assert_eq!(ids(&table, "part IN ('a', 'c') AND id < 50").await, [1, 3]);
    assert_eq!(ids(&table, "note IS NULL").await, [2, 101]);
    assert_eq!(ids(&table, "id = 77").await, [0i64; 0]);
    // Columns come in the table's order, though the partition column is read last.
    let rows = query(&table, "SELECT * FROM t WHERE id = 3").await;
    let names: Vec<_> = rows[0].schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(names, ["id", "part", "note"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_planner_knows_counts_and_bounds() {
    let home = Home::new().await;
    let table = home.create("t", &[]).await;
    home.append(&table, &[(5, "a", Some("x")), (2, "b", None)]).await;
    home.append(&table, &[(9, "a", None)]).await;
    let table = home.table("t").await;
    let details = table.details().expect("known");
    assert_eq!((details.rows, details.files), (Some(3), 2));
    let statistics = table.provider().expect("a provider").statistics().expect("known");
    assert_eq!(statistics.num_rows.get_value(), Some(&3));
    assert_eq!(statistics.num_rows.is_exact(), Some(true));
    let id = &statistics.column_statistics[0];
    assert_eq!(id.min_value.get_value().map(ToString::to_string).as_deref(), Some("2"));
    assert_eq!(id.max_value.get_value().map(ToString::to_string).as_deref(), Some("9"));
    assert_eq!(id.max_value.is_exact(), Some(true));
    assert_eq!(statistics.column_statistics[2].null_count.get_value(), Some(&2));
    assert_eq!(statistics.column_statistics[1].max_value.is_exact(), Some(false), "text may have been cut");
    let rows = query(&table, "SELECT count(*), min(id), max(id), max(note) FROM t").await;
    let whole: Vec<i64> = (0..3).map(|column| rows[0].column(column).as_primitive::<Int64Type>().value(0)).collect();
    assert_eq!(whole, [3, 2, 9]);
    let plan = session(&table).await.sql("SELECT count(*), min(id) FROM t").await.expect("a query");
    let plan = plan.create_physical_plan().await.expect("a plan");
    assert!(!displayable(plan.as_ref()).indent(false).to_string().contains("DataSourceExec: file"), "it would read files");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_types_come_back_as_they_went() {
    let fields = vec![
        Field::new("flag", DataType::Boolean, true),
        Field::new("small", DataType::UInt8, true),
        Field::new("big", DataType::UInt64, true),
        Field::new("float", DataType::Float64, true),
        Field::new("money", DataType::Decimal128(12, 2), true),
        Field::new("day", DataType::Date32, true),
        Field::new("at", DataType::Timestamp(TimeUnit::Nanosecond, Some("+08:00".into())), true),
        Field::new("local", DataType::Timestamp(TimeUnit::Millisecond, None), true),
        Field::new("bytes", DataType::LargeBinary, true),
        Field::new("list", DataType::List(Arc::new(Field::new("item", DataType::Int32, true))), true),
    ];
    let json = r#"{"flag":true,"small":200,"big":18446744073709551615,"float":1.5,"money":12.34,"day":"2024-02-29","at":"2024-02-29T12:00:00.123456+08:00","local":"2024-02-29T12:00:00.001","bytes":"00ff","list":[1,null]}
{"flag":null,"small":1,"big":1,"float":-0.5,"money":-0.01,"day":"1969-12-31","at":"1969-12-31T23:59:59.999999+00:00","local":"1960-01-01T00:00:00","bytes":null,"list":null}"#;
    let schema = Arc::new(Schema::new(fields));
    let mut reader = arrow::json::ReaderBuilder::new(schema.clone()).build(json.as_bytes()).expect("a reader");
    let given: RecordBatch = reader.next().expect("a batch").expect("rows");

    let home = Home::new().await;
    for partition_by in [vec![], vec!["at".to_owned(), "day".to_owned(), "money".to_owned(), "flag".to_owned()]] {
        let name = table(if partition_by.is_empty() { "plain" } else { "parted" });
        let options = TableOptions { partition_by, comment: Some("all types".to_owned()) };
        let made = home.lake.create(&home.pass, &name, schema.clone(), options).await.expect("a table");
        assert_eq!(made.schema().fields(), crate::delta_schema(&schema).expect("kept").fields());
        assert_eq!(made.comment(), Some("all types"));
        made.write(&home.pass, Mode::Append, stream(vec![given.clone()]), Origin::of("ann")).await.expect("written");
        let made = home.lake.table(&home.pass, &name).await.expect("a table");
        let rows = query(&made, "SELECT * FROM t ORDER BY small DESC").await;
        let rows = arrow::compute::concat_batches(&rows[0].schema(), &rows).expect("one batch");
        let fit = crate::fit::Fit::new(&name, &made.schema(), &given.schema()).expect("fits").apply(&given).expect("fits");
        for (index, field) in fit.schema().fields().iter().enumerate() {
            let back: ArrayRef = arrow::compute::cast(rows.column(index), field.data_type()).expect("the same type");
            assert_eq!(back.as_ref(), fit.column(index).as_ref(), "{}", field.name());
        }
        // Bounds of every type prune without losing rows.
        for (filter, expected) in [
            ("money < 0", 1),
            ("at >= TIMESTAMP '2024-02-29T04:00:00.123456Z'", 1),
            ("at < TIMESTAMP '1970-01-01T00:00:00Z'", 1),
            ("day = DATE '2024-02-29'", 1),
            ("big > 18446744073709551614", 1),
            ("local < TIMESTAMP '1960-01-01T00:00:00.001'", 1),
            ("float > 1.5", 0),
            ("flag IS NULL", 1),
        ] {
            let rows = query(&made, &format!("SELECT small FROM t WHERE {filter}")).await;
            assert_eq!(rows.iter().map(RecordBatch::num_rows).sum::<usize>(), expected, "{filter}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn versions_and_times_bring_back_what_was() {
    let home = Home::new().await;
    let table = home.create("t", &[]).await;
    home.append(&table, &[(1, "a", None)]).await;
    tokio::time::sleep(std::time::Duration::from_millis(30)).await;
    let between = chrono::Utc::now();
    tokio::time::sleep(std::time::Duration::from_millis(30)).await;
    let origin = Origin { pipeline: Some("p".to_owned()), position: Some(serde_json::json!({ "file": 2 })), ..Origin::of("ann") };
    table.write(&home.pass, Mode::Append, stream(vec![batch(&[(2, "a", None)])]), origin.clone()).await.expect("written");
    let table = home.table("t").await;
    assert_eq!(table.version(), 2);
    assert_eq!(ids(&table.at(AsOf::Version(1)).await.expect("there"), "true").await, [1]);
    assert_eq!(ids(&table.at(AsOf::Timestamp(between)).await.expect("there"), "true").await, [1]);
    assert_eq!(ids(&table.at(AsOf::Timestamp(chrono::Utc::now())).await.expect("there"), "true").await, [1, 2]);
    assert_eq!(
        ids(&table.at(AsOf::Version(1)).await.expect("there").at(AsOf::Version(2)).await.expect("there"), "true").await,
        [1, 2]
    );
    for missing in [AsOf::Version(3), AsOf::Timestamp(between - chrono::Duration::days(1))] {
        assert!(table.at(missing).await.expect_err("not there").is(&codes::LAKE_VERSION_NOT_FOUND));
    }
    let history = table.history(2).await.expect("a history");
    assert_eq!(history.iter().map(|line| line.version).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(history[0].origin.as_ref(), Some(&origin));
    assert_eq!((history[0].rows, history[0].operation.as_str()), (Some(1), "WRITE"));
    assert_eq!(table.history(10).await.expect("a history").len(), 3);
    assert_eq!(table.history(10).await.expect("a history")[2].operation, "CREATE TABLE");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_what_is_there_and_sees_others_changes() {
    let home = Home::with(Settings { listing_age_max: std::time::Duration::ZERO, ..Settings::default() }).await;
    assert!(home.lake.schemas().await.expect("none").is_empty());
    assert!(home.lake.tables("ods").await.expect("none").is_empty());
    home.create("b", &[]).await;
    home.create("a", &[]).await;
    std::fs::create_dir_all(home.folder.path().join("lake/ods/no_table/x")).expect("a folder");
    assert_eq!(home.lake.schemas().await.expect("listed"), ["ods"]);
    assert_eq!(home.lake.tables("ods").await.expect("listed"), ["a", "b"]);
    assert!(home.lake.tables("../x").await.is_err());

    // Another process writes, drops and makes anew; this one sees it at the next open.
    let other = home.other();
    let b = other.table(&home.pass, &table("b")).await.expect("a table");
    b.write(&home.pass, Mode::Append, stream(vec![batch(&[(1, "a", None)])]), Origin::of("x")).await.expect("written");
    assert_eq!(ids(&home.table("b").await, "true").await, [1]);
    other.drop(&home.pass, &table("b")).await.expect("dropped");
    let error = home.lake.table(&home.pass, &table("b")).await.expect_err("dropped");
    assert!(error.is(&codes::LAKE_TABLE_NOT_FOUND), "{error}");
    assert_eq!(home.lake.tables("ods").await.expect("listed"), ["a"]);
    let fields = vec![Field::new("x", DataType::Int64, true)];
    other.create(&home.pass, &table("b"), Arc::new(Schema::new(fields)), TableOptions::default()).await.expect("made anew");
    assert_eq!(home.table("b").await.schema().field(0).name(), "x");
    assert!(home.lake.exists(&table("b")).await.expect("looked"));

    // Creating again is fine if it is the same.
    home.create("a", &[]).await;
    let other = Arc::new(Schema::new(vec![Field::new("id", DataType::Utf8, true)]));
    let error = home.lake.create(&home.pass, &table("a"), other, TableOptions::default()).await.expect_err("different");
    assert!(error.is(&codes::LAKE_TABLE_EXISTS), "{error}");
    assert!(all(&home.table("a").await).await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_that_create_the_same_table_both_have_it() {
    let home = Home::new().await;
    let makers = (0..4).map(|_| {
        let (lake, pass) = (home.other(), home.pass.clone());
        tokio::spawn(async move {
            lake.create(&pass, &table("t"), super::schema(), TableOptions::default()).await.map(|t| t.version())
        })
    });
    for maker in futures::future::join_all(makers).await {
        assert_eq!(maker.expect("no panic").expect("made or found"), 0);
    }
}
