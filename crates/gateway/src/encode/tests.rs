//! The encoders against texts written by hand after what Python's `json` and `csv` read and write.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, ListArray, StringArray,
    StringViewArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use arrow::ipc::reader::StreamReader;
use arrow::record_batch::RecordBatch;
use base::Error;
use futures::stream;
use futures::{StreamExt, TryStreamExt};

use super::*;

fn batch() -> RecordBatch {
    let columns: [(&str, ArrayRef); 9] = [
        ("n", Arc::new(Int64Array::from(vec![Some(9_223_372_036_854_775_807), None]))),
        ("x", Arc::new(Float64Array::from(vec![1.5, f64::NAN]))),
        (
            "price",
            Arc::new(Decimal128Array::from(vec![Some(-12_345_i128), None]).with_precision_and_scale(20, 2).expect("a decimal")),
        ),
        ("text", Arc::new(StringArray::from(vec!["a\"b,\n中", ""]))),
        ("ok", Arc::new(BooleanArray::from(vec![true, false]))),
        ("day", Arc::new(Date32Array::from(vec![Some(15_706), None]))),
        ("at", Arc::new(TimestampMicrosecondArray::from(vec![Some(1_357_016_400_000_000), None]).with_timezone("+00:00"))),
        ("bytes", Arc::new(BinaryArray::from(vec![Some(&[0_u8, 255, 16][..]), None]))),
        ("list", Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>([Some(vec![Some(1), None]), None]))),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true))).expect("equal lengths")
}

async fn all(format: Format, batches: Vec<RecordBatch>) -> Vec<u8> {
    let schema = batches.first().map_or_else(|| Arc::new(Schema::empty()), RecordBatch::schema);
    let pieces = encode(format, schema, stream::iter(batches.into_iter().map(Ok)));
    pieces.try_collect::<Vec<_>>().await.expect("no error").concat()
}

async fn text(format: Format, batches: Vec<RecordBatch>) -> String {
    String::from_utf8(all(format, batches).await).expect("UTF-8")
}

const ROWS: [&str; 2] = [
    r#"{"n":9223372036854775807,"x":1.5,"price":"-123.45","text":"a\"b,\n中","ok":true,"day":"2013-01-01","at":"2013-01-01T05:00:00Z","bytes":"AP8Q","list":[1,null]}"#,
    r#"{"n":null,"x":null,"price":null,"text":"","ok":false,"day":null,"at":null,"bytes":null,"list":null}"#,
];

#[tokio::test]
async fn json_keeps_every_value_exact() {
    assert_eq!(text(Format::JsonLines, vec![batch()]).await, format!("{}\n{}\n", ROWS[0], ROWS[1]));
    assert_eq!(text(Format::Json, vec![batch(), batch()]).await, format!("[{0},{1},{0},{1}]", ROWS[0], ROWS[1]));
    assert_eq!(text(Format::Json, vec![]).await, "[]");
    let framed = framed_json(batch().schema(), stream::iter([Ok(batch())]), || ",\"next\":null}".to_owned());
    let framed = framed.try_collect::<Vec<_>>().await.expect("no error").concat();
    let parsed: serde_json::Value = serde_json::from_slice(&framed).expect("JSON");
    assert_eq!(parsed["items"][0]["bytes"], "AP8Q");
}

#[tokio::test]
async fn csv_parts_null_from_empty() {
    let expected = "n,x,price,text,ok,day,at,bytes,list\n\
        9223372036854775807,1.5,-123.45,\"a\"\"b,\n中\",true,2013-01-01,2013-01-01T05:00:00Z,\"AP8Q\",\"[1,null]\"\n\
        ,NaN,,\"\",false,,,,\n";
    assert_eq!(text(Format::Csv, vec![batch()]).await, expected);
}

#[tokio::test]
async fn arrow_is_read_back_and_holds_plain_types() {
    let views: ArrayRef = Arc::new(StringViewArray::from(vec![Some("a longer text than fits a view"), None]));
    let batch = RecordBatch::try_from_iter_with_nullable([("v", views, true)]).expect("one column");
    let bytes = all(Format::Arrow, vec![batch.clone(), batch.slice(1, 1)]).await;
    let reader = StreamReader::try_new(bytes.as_slice(), None).expect("a stream");
    assert_eq!(reader.schema().field(0).data_type(), &DataType::Utf8);
    let rows: usize = reader.map(|batch| batch.expect("a batch").num_rows()).sum();
    assert_eq!(rows, 3);
    let empty = all(Format::Arrow, vec![]).await;
    assert_eq!(StreamReader::try_new(empty.as_slice(), None).expect("a stream").count(), 0);
}

#[tokio::test]
async fn equal_names_do_not_hide_each_other() {
    let column: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let fields = ["id", "id_2", "id"].map(|name| Field::new(name, DataType::Int64, false));
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields.to_vec())), vec![column; 3]).expect("three columns");
    assert_eq!(text(Format::JsonLines, vec![batch.clone()]).await, "{\"id\":1,\"id_2\":1,\"id_3\":1}\n");
    assert_eq!(text(Format::Csv, vec![batch]).await, "id,id_2,id\n1,1,1\n");
}

#[tokio::test]
async fn pieces_are_bounded_and_the_first_comes_before_the_last_batch() {
    let column: ArrayRef = Arc::new(StringArray::from(vec!["x".repeat(1000); 1000]));
    let batch = RecordBatch::try_from_iter([("text", column)]).expect("one column");
    for format in [Format::JsonLines, Format::Csv] {
        let never_ending = stream::iter([Ok(batch.clone())]).chain(stream::pending());
        let mut pieces = encode(format, batch.schema(), never_ending);
        for _ in 0..10 {
            let piece = pieces.next().await.expect("a piece").expect("no error");
            assert!(piece.len() <= PIECE_BYTES + 2000, "{} bytes", piece.len());
        }
    }
}

#[tokio::test]
async fn an_error_comes_through_and_ends_the_bytes() {
    let broken = stream::iter([Ok(batch()), Err(Error::new(&crate::codes::ENCODING_FAILED).with("reason", "cut"))]);
    let pieces: Vec<_> = encode(Format::Json, batch().schema(), broken).collect().await;
    assert!(pieces.last().expect("an error").is_err());
    assert!(pieces.iter().flatten().all(|piece| !piece.ends_with(b"]")));
}

#[test]
fn accept_chooses_the_heaviest_offer() {
    let offered = [Format::JsonLines, Format::Csv, Format::Arrow];
    let chosen = |accept| Format::from_accept(accept, &offered).map_err(|error| error.to_string());
    assert_eq!(chosen(None), Ok(Format::JsonLines));
    assert_eq!(chosen(Some("*/*")), Ok(Format::JsonLines));
    assert_eq!(chosen(Some("text/csv;q=0.5, application/vnd.apache.arrow.stream")), Ok(Format::Arrow));
    assert_eq!(chosen(Some("text/html, text/*;q=0.2")), Ok(Format::Csv));
    assert!(chosen(Some("image/png")).expect_err("not offered").contains("image/png"));
    assert_eq!(Format::from_name("csv", &offered).expect("offered"), Format::Csv);
}
