//! The data files themselves, read by the Parquet crate and not by our scan.

use std::sync::Arc;

use arrow::array::{AsArray, Int64Array, ListArray, RecordBatch, StringArray, StructArray};
use arrow::datatypes::{DataType, Field, Fields, Int32Type, Int64Type, Schema};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

use super::{Home, batch, query, stream, table};
use crate::{Mode, Origin, Settings, TableOptions};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_keep_their_order_over_row_groups_and_files() {
    let settings = Settings { row_group_rows_max: 70_000, file_bytes_target: 400_000, ..Settings::default() };
    let home = Home::with(settings).await;
    let made = home.create("t", &[]).await;
    let rows: Vec<_> =
        (0..400_000i64).map(|id| (id, if id % 3 == 0 { "a" } else { "b" }, (id % 7 != 0).then_some("note"))).collect();
    let commit = made
        .write(&home.pass, Mode::Append, stream(rows.chunks(8192).map(batch).collect()), Origin::of("x"))
        .await
        .expect("written");
    assert_eq!(commit.rows, 400_000);
    assert!(commit.files > 1, "{commit:?}");
    let log = std::fs::read_to_string(home.path("t").join("_delta_log/00000000000000000001.json")).expect("the commit");
    let adds: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .filter(|line: &Value| line.get("add").is_some())
        .collect();
    assert_eq!(adds.len() as u64, commit.files);
    let (mut next, mut bytes) = (0, 0);
    for add in &adds {
        let path = home.path("t").join(add["add"]["path"].as_str().expect("a path"));
        let size = std::fs::metadata(&path).expect("there").len();
        assert_eq!(add["add"]["size"], size);
        bytes += size;
        let statistics: Value = serde_json::from_str(add["add"]["stats"].as_str().expect("statistics")).expect("JSON");
        assert_eq!(statistics["minValues"]["id"], next);
        let reader = ParquetRecordBatchReaderBuilder::try_new(std::fs::File::open(&path).expect("opens")).expect("Parquet");
        assert!(reader.metadata().num_row_groups() >= 1);
        assert!(reader.metadata().row_groups().iter().all(|group| group.num_rows() <= 140_000));
        let mut nulls = 0;
        for rows in reader.build().expect("a reader") {
            let rows = rows.expect("rows");
            for (row, id) in rows.column(0).as_primitive::<Int64Type>().values().iter().enumerate() {
                assert_eq!(*id, next);
                assert_eq!(rows.column(2).is_null(row), *id % 7 == 0);
                nulls += i64::from(rows.column(2).is_null(row));
                next += 1;
            }
        }
        assert_eq!(statistics["maxValues"]["id"], next - 1);
        assert_eq!(statistics["nullCount"]["note"], nulls);
        assert_eq!(statistics["maxValues"]["note"], "note");
    }
    assert_eq!((next, bytes), (400_000, commit.bytes));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nested_columns_are_kept() {
    let point = Fields::from(vec![Field::new("x", DataType::Int64, true), Field::new("name", DataType::Utf8, true)]);
    let list = DataType::List(Arc::new(Field::new("item", DataType::Int32, true)));
    let fields = vec![
        Field::new("point", DataType::Struct(point.clone()), true),
        Field::new("numbers", list, true),
        Field::new("last", DataType::Int64, true),
    ];
    let schema = Arc::new(Schema::new(fields));
    let points = StructArray::new(
        point,
        vec![Arc::new(Int64Array::from(vec![1, 2])), Arc::new(StringArray::from(vec![Some("a"), None]))],
        None,
    );
    let numbers = ListArray::from_iter_primitive::<Int32Type, _, _>(vec![Some(vec![Some(1), None]), None]);
    let columns: Vec<arrow::array::ArrayRef> = vec![Arc::new(points), Arc::new(numbers), Arc::new(Int64Array::from(vec![7, 8]))];
    let given = RecordBatch::try_new(schema.clone(), columns).expect("a batch");
    let home = Home::new().await;
    let made = home.lake.create(&home.pass, &table("t"), schema, TableOptions::default()).await.expect("a table");
    made.write(&home.pass, Mode::Append, stream(vec![given.clone(), given]), Origin::of("x")).await.expect("written");
    let made = home.table("t").await;
    let rows = query(&made, "SELECT point['x'] + numbers[1] + last FROM t WHERE last = 7").await;
    let sums: Vec<i64> = rows.iter().flat_map(|rows| rows.column(0).as_primitive::<Int64Type>().values().to_vec()).collect();
    assert_eq!(sums, [9, 9]);
    let done = made.optimize(&home.pass).await.expect("nothing to do");
    assert_eq!(done.files_removed, 0);
}
