//! By hand.
use super::*;
use std::time::Instant;
use crate::Evolution;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hand() {
    let _ = std::fs::remove_dir_all("/tmp/laketest");
    std::fs::create_dir_all("/tmp/laketest").expect("x");
    let home = Home::new().await;
    let store: Arc<dyn ObjectStore> = Arc::new(LocalFileSystem::new_with_prefix("/tmp/laketest").expect("a store"));
    let lake = Lake::with_settings(store, Settings { checkpoint_commits: 3, ..Settings::default() }).expect("lake");
    let pass = &home.pass;
    // partitioned, merged, checkpointed, evolved
    let t = lake.create(pass, &table("parted"), schema(), TableOptions { partition_by: vec!["part".into()], comment: Some("hi".into()) }).await.expect("t");
    for i in 0..5i64 {
        let rows: Vec<Row> = (0..1000).map(|r| (i * 500 + r, ["a b/ü", "b", "ok=1"][(r % 3) as usize], (r % 5 != 0).then_some("n"))).collect();
        t.write(pass, Mode::Merge { keys: vec!["id".into(), "part".into()] }, stream(rows.chunks(100).map(batch).collect()), Origin::of("x").with_transaction("app", i)).await.expect("w");
    }
    t.evolve(pass, &Evolution { add: vec![Field::new("at", DataType::Timestamp(arrow::datatypes::TimeUnit::Microsecond, None), true)], widen: vec![] }).await.expect("e");
    t.optimize(pass).await.expect("o");
    let t = lake.table(pass, &table("parted")).await.expect("t");
    println_(format!("parted rows {:?} v{}", t.details().expect("d"), t.version()));
    // speed
    let n = 3_000_000i64;
    let fields = vec![
        Field::new("id", DataType::Int64, false), Field::new("a", DataType::Float64, true), Field::new("b", DataType::Int32, true),
        Field::new("c", DataType::Utf8, true), Field::new("d", DataType::Utf8, true), Field::new("e", DataType::Date32, true),
        Field::new("f", DataType::Timestamp(arrow::datatypes::TimeUnit::Microsecond, Some("UTC".into())), true), Field::new("g", DataType::Decimal128(12, 2), true),
    ];
    let wide = Arc::new(Schema::new(fields));
    let mut batches = vec![];
    for s in (0..n).step_by(8192) {
        let e = (s + 8192).min(n);
        let cols: Vec<arrow::array::ArrayRef> = vec![
            Arc::new(Int64Array::from_iter_values(s..e)),
            Arc::new(arrow::array::Float64Array::from_iter_values((s..e).map(|v| (v * 7919 % 100003) as f64 / 7.0))),
            Arc::new(arrow::array::Int32Array::from_iter_values((s..e).map(|v| (v * 31 % 1000) as i32))),
            Arc::new(StringArray::from_iter_values((s..e).map(|v| format!("name {}", v * 17 % 50000)))),
            Arc::new(StringArray::from_iter_values((s..e).map(|v| format!("comment number {} of many words {}", v, v * 13)))),
            Arc::new(arrow::array::Date32Array::from_iter_values((s..e).map(|v| (v / 1000) as i32))),
            Arc::new(arrow::array::TimestampMicrosecondArray::from_iter_values((s..e).map(|v| v * 1_000_003)).with_timezone("UTC")),
            Arc::new(arrow::array::Decimal128Array::from_iter_values((s..e).map(|v| i128::from(v * 3 % 1000000))).with_precision_and_scale(12, 2).expect("p")),
        ];
        batches.push(RecordBatch::try_new(wide.clone(), cols).expect("b"));
    }
    let bytes: usize = batches.iter().map(|b| b.get_array_memory_size()).sum();
    let t = lake.create(pass, &table("wide"), wide.clone(), TableOptions::default()).await.expect("t");
    let start = Instant::now();
    let c = t.write(pass, Mode::Append, stream(batches.clone()), Origin::of("x")).await.expect("w");
    println_(format!("write {n} rows, {} MB arrow: {:?} -> {c:?}", bytes >> 20, start.elapsed()));
    let start = Instant::now();
    let mut w = parquet::arrow::ArrowWriter::try_new(std::fs::File::create("/tmp/laketest/single.parquet").expect("f"), wide.clone(), Some(parquet::file::properties::WriterProperties::builder().set_compression(parquet::basic::Compression::ZSTD(parquet::basic::ZstdLevel::try_new(1).expect("z"))).build())).expect("w");
    for b in &batches { w.write(b).expect("w"); }
    w.close().expect("c");
    println_(format!("ArrowWriter on one thread: {:?}", start.elapsed()));
    let t = lake.table(pass, &table("wide")).await.expect("t");
    let start = Instant::now();
    let r = query(&t, "SELECT sum(a), max(c), count(distinct b) FROM t").await;
    println_(format!("scan {:?} {:?}", start.elapsed(), r[0].num_rows()));
    let start = Instant::now();
    for _ in 0..100 { lake.table(pass, &table("wide")).await.expect("t"); }
    println_(format!("100 opens {:?}", start.elapsed()));
    let start = Instant::now();
    for i in 0..100i64 {
        let t = lake.table(pass, &table("parted")).await.expect("t");
        let cols = batch(&[(i + 100000, "b", None)]);
        t.write(pass, Mode::Append, stream(vec![cols]), Origin::of("x").with_transaction("small", i)).await.expect("w");
    }
    println_(format!("100 small commits {:?}", start.elapsed()));
    for i in 0..1000 {
        let d = format!("/tmp/laketest/many/t{i}/_delta_log");
        std::fs::create_dir_all(&d).expect("d");
        std::fs::copy("/tmp/laketest/ods/wide/_delta_log/00000000000000000000.json", format!("{d}/00000000000000000000.json")).expect("c");
    }
    let start = Instant::now();
    let many = lake.tables("many").await.expect("listed");
    println_(format!("{} tables listed {:?}", many.len(), start.elapsed()));
}

fn println_(text: String) {
    use std::io::Write;
    writeln!(std::io::stderr(), "{text}").expect("out");
}
