//! The files connector on small files of every kind and every kind of trouble.

use std::fs;
use std::io::{Read, Write};

use arrow::datatypes::{DataType, Field, Schema};
use arrow_avro::compression::CompressionCodec;
use arrow_avro::writer::{AvroWriter, WriterBuilder};
use orc_rust::ArrowWriterBuilder;
use tempfile::TempDir;

use super::*;
use crate::causes;
use crate::codes::*;
use crate::formats::Format;
use crate::formats::avro::AvroFormat;
use crate::formats::csv::CsvFormat;
use crate::formats::excel::{ExcelFormat, Sheet};
use crate::suite::{All, ROWS, Subject, all, conforms, open, texts};

const CSV: &str = "id,name,score\n1,ann,0.5\n2,\"bob, \"\"the\"\" 2nd\",-1.25\n3,NA,2.0\n4,中文,\n5,eve,100.0\n";

fn files(pattern: &str) -> FilesTarget {
    FilesTarget::new(pattern)
}

fn csv(pattern: &str, format: CsvFormat) -> FilesTarget {
    FilesTarget { format: Some(Format { csv: Some(format), ..Format::default() }), ..FilesTarget::new(pattern) }
}

fn na() -> CsvFormat {
    CsvFormat { nulls: vec!["NA".to_owned(), String::new()], ..CsvFormat::default() }
}

async fn source(folder: &FilePath) -> Arc<dyn Source> {
    let files = FilesOptions { location: ".".to_owned(), store: StoreOptions::default(), expansion_max: None };
    open(&ConnectionSpec { files: Some(files), ..ConnectionSpec::default() }, folder).await.expect("a folder")
}

async fn read(folder: &FilePath, target: FilesTarget) -> Result<All> {
    all(source(folder).await.read(ReadRequest::whole(Target::Files(target))).await?).await
}

fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().expect("a scratch folder");
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("writable");
        fs::write(path, bytes).expect("writable");
    }
    folder
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    writer.write_all(bytes).expect("memory");
    writer.finish().expect("memory")
}

fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in members {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).expect("memory");
        writer.write_all(bytes).expect("memory");
    }
    writer.finish().expect("memory").into_inner()
}

/// The suite's rows, typed.
fn typed() -> arrow::array::RecordBatch {
    let text = |column: usize| ROWS.iter().map(move |row| row[column]);
    let ids: arrow::array::Int64Array = text(0).map(|id| id.and_then(|id| id.parse().ok())).collect();
    let names: arrow::array::StringArray = text(1).collect();
    let scores: arrow::array::Float64Array = text(2).map(|score| score.and_then(|score| score.parse().ok())).collect();
    let columns: [(&str, arrow::array::ArrayRef, bool); 3] =
        [("id", Arc::new(ids), true), ("name", Arc::new(names), true), ("score", Arc::new(scores), true)];
    arrow::array::RecordBatch::try_from_iter_with_nullable(columns).expect("equal lengths")
}

fn parquet() -> Vec<u8> {
    let batch = typed();
    let properties = ::parquet::file::properties::WriterProperties::builder().set_max_row_group_row_count(Some(2)).build();
    let mut writer = ::parquet::arrow::ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).expect("memory");
    writer.write(&batch).expect("memory");
    writer.into_inner().expect("memory")
}

/// In blocks of two rows.
fn avro(codec: Option<CompressionCodec>) -> Vec<u8> {
    let batch = typed();
    let builder = WriterBuilder::new(batch.schema().as_ref().clone()).with_compression(codec);
    let mut writer: AvroWriter<Vec<u8>> = builder.build(Vec::new()).expect("memory");
    for at in [0, 2, 4] {
        writer.write(&batch.slice(at, 2.min(batch.num_rows() - at))).expect("memory");
    }
    writer.finish().expect("memory");
    writer.into_inner()
}

/// In two stripes.
fn orc() -> Vec<u8> {
    let batch = typed();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriterBuilder::new(&mut bytes, batch.schema()).try_build().expect("memory");
    writer.write(&batch.slice(0, 3)).expect("memory");
    writer.flush_stripe().expect("memory");
    writer.write(&batch.slice(3, 2)).expect("memory");
    writer.close().expect("memory");
    bytes
}

/// A workbook with the cells of `rows` in its second sheet, each of which is XML of a cell without its place.
fn xlsx(first_row: usize, rows: &[&[&str]]) -> Vec<u8> {
    let mut data = String::new();
    for (row, cells) in rows.iter().enumerate() {
        let row = first_row + row;
        data.push_str(&format!("<row r=\"{row}\">"));
        for (cell, column) in cells.iter().zip('B'..) {
            data.push_str(&cell.replacen("<c", &format!("<c r=\"{column}{row}\""), 1));
        }
        data.push_str("</row>");
    }
    let sheet = |data: &str| {
        format!(
            "<worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><sheetData>{data}</sheetData></worksheet>"
        )
    };
    let relations = |entries: &str| {
        format!("<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">{entries}</Relationships>")
    };
    let kinds = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let relation =
        |id: u8, kind: &str, target: &str| format!("<Relationship Id=\"r{id}\" Type=\"{kinds}/{kind}\" Target=\"{target}\"/>");
    let workbook = format!(
        "<workbook xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\" xmlns:r=\"{kinds}\"><sheets>\
         <sheet name=\"Notes\" sheetId=\"1\" r:id=\"r1\"/><sheet name=\"Rows\" sheetId=\"2\" r:id=\"r2\"/></sheets></workbook>"
    );
    let books = relation(1, "worksheet", "worksheets/sheet1.xml") + &relation(2, "worksheet", "worksheets/sheet2.xml");
    let styles = "<styleSheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><cellXfs>\
                  <xf numFmtId=\"0\"/><xf numFmtId=\"14\"/><xf numFmtId=\"22\"/></cellXfs></styleSheet>";
    zip(&[
        ("_rels/.rels", relations(&relation(1, "officeDocument", "xl/workbook.xml")).as_bytes()),
        ("xl/workbook.xml", workbook.as_bytes()),
        ("xl/_rels/workbook.xml.rels", relations(&books).as_bytes()),
        ("xl/styles.xml", styles.as_bytes()),
        ("xl/worksheets/sheet1.xml", sheet("").as_bytes()),
        ("xl/worksheets/sheet2.xml", sheet(&data).as_bytes()),
    ])
}

fn excel(pattern: &str, format: ExcelFormat) -> FilesTarget {
    FilesTarget { format: Some(Format { excel: Some(format), ..Format::default() }), ..FilesTarget::new(pattern) }
}

fn rows_sheet() -> ExcelFormat {
    ExcelFormat { sheet: Some(Sheet::Name("Rows".to_owned())), ..ExcelFormat::default() }
}

const TEXT_CELLS: [&str; 3] = ["<c t=\"str\"><v>id</v></c>", "<c t=\"str\"><v>name</v></c>", "<c t=\"str\"><v>score</v></c>"];

#[tokio::test(flavor = "multi_thread")]
async fn every_format_and_packing_conforms() {
    let lines = "{\"id\":1,\"name\":\"ann\",\"score\":0.5}\n{\"id\":2,\"name\":\"bob, \\\"the\\\" 2nd\",\"score\":-1.25}\n\n\
                 {\"id\":3,\"score\":2.0}\r\n{\"id\":4,\"name\":\"中文\",\"score\":null}\n{\"id\":5,\"name\":\"eve\",\"score\":100}";
    let (gbk, ..) = encoding_rs::GBK.encode(CSV);
    let half = CSV.len() / 2;
    let packed = zstd::encode_all(CSV.as_bytes(), 3).expect("memory");
    let two_members = [gzip(&CSV.as_bytes()[..half]), gzip(&CSV.as_bytes()[half..])].concat();
    let sheet: [&[&str]; 6] = [
        &TEXT_CELLS,
        &["<c><v>1</v></c>", "<c t=\"inlineStr\"><is><t>ann</t></is></c>", "<c><v>0.5</v></c>"],
        &["<c><v>2</v></c>", "<c t=\"str\"><v>bob, &quot;the&quot; 2nd</v></c>", "<c><v>-1.25</v></c>"],
        &["<c><v>3</v></c>", "<c/>", "<c><v>2</v></c>"],
        &["<c><v>4</v></c>", "<c t=\"str\"><v>中文</v></c>"],
        &["<c><v>5</v></c>", "<c t=\"str\"><v>eve</v></c>", "<c><v>100</v></c>"],
    ];
    let folder = folder(&[
        ("table.avro", &avro(None)),
        ("packed/1.avro", &avro(Some(CompressionCodec::Deflate))),
        ("packed/2.avro", &avro(Some(CompressionCodec::Snappy))),
        ("packed/3.avro", &avro(Some(CompressionCodec::ZStandard))),
        ("packed/4.avro", &avro(Some(CompressionCodec::Bzip2))),
        ("packed/5.avro", &avro(Some(CompressionCodec::Xz))),
        ("table.avro.gz", &gzip(&avro(None))),
        ("avro.zip", &zip(&[("in/table.avro", &avro(Some(CompressionCodec::Deflate))), ("readme.md", b"# no rows")])),
        ("table.orc", &orc()),
        ("table.xlsx", &xlsx(3, &sheet)),
        ("plain.csv", CSV.as_bytes()),
        ("windows.csv", format!("\u{feff}{}", CSV.replace('\n', "\r\n").trim_end()).as_bytes()),
        ("gbk.csv", &gbk),
        ("packed.csv.gz", &two_members),
        ("packed.csv.zst", &packed),
        ("packed.csv.zip", &zip(&[("a/rows.csv", CSV.as_bytes()), ("readme.md", b"# no rows")])),
        ("tabs.tsv", CSV.replace(", \"\"", "; \"\"").replace(',', "\t").replace(';', ",").as_bytes()),
        ("lines.jsonl", lines.as_bytes()),
        ("table.parquet", &parquet()),
        ("parts/1.csv", b"id,name,score\n1,ann,0.5\n2,\"bob, \"\"the\"\" 2nd\",-1.25\n"),
        ("parts/2.csv", "name,score,id\nNA,2.0,3\n中文,,4\neve,100.0,5\n".as_bytes()),
    ]);
    let gbk = CsvFormat { encoding: "gbk".to_owned(), ..na() };
    let targets = [
        csv("plain.csv", na()),
        csv("windows.csv", na()),
        csv("gbk.csv", gbk),
        csv("packed.csv.gz", na()),
        csv("packed.csv.zst", na()),
        csv("*.csv.zip", na()),
        csv("tabs.tsv", CsvFormat { delimiter: '\t', ..na() }),
        files("lines.jsonl"),
        files("*.parquet"),
        csv("parts/*.csv", na()),
        files("table.avro"),
        files("packed/1.avro"),
        files("packed/2.avro"),
        files("packed/3.avro"),
        files("packed/4.avro"),
        files("packed/5.avro"),
        files("*.avro.gz"),
        FilesTarget { format: Some(Format { avro: Some(AvroFormat::default()), ..Format::default() }), ..files("avro.zip") },
        files("*.orc"),
        excel("*.xlsx", rows_sheet()),
        excel("*.xlsx", ExcelFormat { range: Some("B3:D".to_owned()), header_row: Some(3), ..rows_sheet() }),
    ];
    let source = source(folder.path()).await;
    for target in targets {
        let missing = Target::Files(FilesTarget { files: "none/*.csv".to_owned(), ..target.clone() });
        conforms(&Subject { source: source.clone(), target: Target::Files(target), missing }).await;
    }
}

#[tokio::test]
async fn only_what_does_not_fit_is_set_aside() {
    let text = "id,name,at\n1,a,2013-01-01\nx,b,2013-01-02\n3,c\n4,d,2013-01-04,extra\n5,\"e\ne\",2013-02-30\n6,\"f\"f,2013-01-06\n\
                7,\"g,2013-01-07\n8,h,2013-01-08\n";
    let folder = folder(&[("a.csv", text.as_bytes())]);
    let declared = Schema::new(vec![Field::new("id", DataType::Int64, true), Field::new("at", DataType::Date32, true)]);
    for batch_rows in [1, 3, 100] {
        let request = ReadRequest {
            declared: Some(Arc::new(declared.clone())),
            batch_rows,
            ..ReadRequest::whole(Target::Files(files("a.csv")))
        };
        let All { batch, mut rejects, .. } =
            all(source(folder.path()).await.read(request).await.expect("readable")).await.expect("read");
        let ids: Vec<_> = texts(&batch).into_iter().map(|row| row[0].clone().expect("not null")).collect();
        assert_eq!(ids, ["1", "8"]);
        rejects.sort_by(|a, b| a.position.cmp(&b.position));
        let told: Vec<_> = rejects.iter().map(|reject| (&*reject.cause, &*reject.position, &*reject.raw)).collect();
        let expected = [
            (causes::VALUE_UNFIT, "a.csv:3", "x,b,2013-01-02"),
            (causes::TOO_FEW_FIELDS, "a.csv:4", "3,c"),
            (causes::TOO_MANY_FIELDS, "a.csv:5", "4,d,2013-01-04,extra"),
            (causes::VALUE_UNFIT, "a.csv:6", "5,\"e\ne\",2013-02-30"),
            (causes::QUOTE_MISPLACED, "a.csv:8", "6,\"f\"f,2013-01-06"),
            (causes::QUOTE_OPEN, "a.csv:9", "7,\"g,2013-01-07"),
        ];
        assert_eq!(told, expected.map(|(cause, position, raw)| (cause, position, raw.as_bytes())));
        assert_eq!(rejects[0].message, "column `id`: the value does not fit Int64");
        assert_eq!(rejects[3].message, "column `at`: the value does not fit Date32");
    }
}

#[tokio::test]
async fn values_beyond_the_samples_are_set_aside_and_never_null() {
    let mut text = String::from("id,v\n");
    for id in 0..12_000 {
        text.push_str(&format!("{id},{id}\n"));
    }
    text.push_str("12000,late\n12001,7\n");
    let folder = folder(&[("a.csv", text.as_bytes())]);
    let All { batch, rejects, largest, .. } = read(folder.path(), files("a.csv")).await.expect("read");
    assert_eq!((batch.num_rows(), rejects.len(), largest), (12_001, 1, 8192));
    assert_eq!(batch.column(1).null_count(), 0);
    assert_eq!((&*rejects[0].position, &*rejects[0].raw), ("a.csv:12002", &b"12000,late"[..]));
}

#[tokio::test]
async fn bytes_that_are_no_text_are_set_aside_with_their_bytes() {
    let folder =
        folder(&[("a.csv", b"id,v\n1,a\n2,\xD6\xD0\n3,c\n"), ("b.csv", b"id,v\n1,\xD6\xD0\n2,\xFF\n3,\"x\ny\"\nz,1,2\n")]);
    let utf8 = read(folder.path(), files("a.csv")).await.expect("read");
    assert_eq!((utf8.batch.num_rows(), &*utf8.rejects[0].cause), (2, causes::ENCODING_INVALID));
    assert_eq!((&*utf8.rejects[0].raw, &*utf8.rejects[0].position), (&b"2,\xD6\xD0"[..], "a.csv:3"));
    let gbk = CsvFormat { encoding: "gbk".to_owned(), ..CsvFormat::default() };
    let gbk = read(folder.path(), csv("b.csv", gbk)).await.expect("read");
    assert_eq!(texts(&gbk.batch)[0][1].as_deref(), Some("中"));
    assert_eq!(gbk.batch.num_rows(), 2);
    let told: Vec<_> = gbk.rejects.iter().map(|reject| (&*reject.raw, &*reject.position)).collect();
    assert_eq!(told, [(&b"2,\xFF"[..], "b.csv:3"), (&b"z,1,2"[..], "b.csv:6")]);
}

#[tokio::test]
async fn long_lines_and_open_quotes_harm_only_themselves() {
    let mut text = b"id,v\n1,a\n2,\"opened\n".to_vec();
    text.extend(b"3,c\n".repeat(10));
    text.extend(b"9,");
    text.extend(std::iter::repeat_n(b'x', crate::RECORD_BYTES_MAX + 5_000_000));
    text.extend(b"\n10,end\n");
    let folder = folder(&[("a.csv", &text)]);
    let All { batch, rejects, .. } = read(folder.path(), files("a.csv")).await.expect("read");
    assert_eq!(batch.num_rows(), 12);
    let told: Vec<_> = rejects.iter().map(|reject| (&*reject.cause, &*reject.position, reject.raw.len())).collect();
    assert_eq!(told, [(causes::QUOTE_OPEN, "a.csv:3", 9), (causes::RECORD_TOO_LONG, "a.csv:14", crate::RAW_BYTES_MAX)]);
}

#[tokio::test]
async fn trouble_with_a_file_says_which_and_what() {
    let long = "1,some text that packs\n".repeat(5000);
    let gz = gzip(format!("id,v\n{long}").as_bytes());
    let zipped = zip(&[("a.csv", format!("id,v\n{long}").as_bytes())]);
    let mut flipped = zipped.clone();
    flipped[200] ^= 0xFF;
    let bomb = zstd::encode_all(std::io::repeat(b'0').take(200 << 20), 1).expect("memory");
    let folder = folder(&[
        ("empty.csv", b""),
        ("header.csv", b"id,v\n"),
        ("cut.csv.gz", &gz[..gz.len() / 2]),
        ("cut.csv.zip", &zipped[..zipped.len() / 2]),
        ("flipped.csv.zip", &flipped),
        ("many.zip", &zip(&[("a.md", b"x"), ("b.md", b"y")])),
        ("bomb.csv.zst", &bomb),
        ("utf16.csv", b"\xFF\xFEi\0d\0\n\0"),
        ("gbk.csv", b"id,\xD6\xD0\n1,2\n"),
        ("twice.csv", b"id,id\n1,2\n"),
        ("differ/1.csv", b"id,v\n1,2\n"),
        ("differ/2.csv", b"id,w\n1,2\n"),
        ("not.parquet", b"id,v\n1,2\n"),
        ("data.bin", b"id,v\n1,2\n"),
    ]);
    let fails = async |pattern: &str, code: &'static base::Code| {
        let error = read(folder.path(), files(pattern)).await.err().unwrap_or_else(|| panic!("{pattern} was read"));
        assert!(error.is(code), "{pattern}: {error:?}");
    };
    fails("empty.csv", &FILE_EMPTY).await;
    fails("cut.csv.gz", &FILE_TRUNCATED).await;
    fails("cut.csv.zip", &FILE_TRUNCATED).await;
    fails("flipped.csv.zip", &FILE_CORRUPT).await;
    fails("utf16.csv", &FILE_UTF16).await;
    fails("gbk.csv", &FILE_ENCODING).await;
    fails("twice.csv", &FILE_HEADER_INVALID).await;
    fails("differ/*.csv", &FILE_COLUMNS_DIFFER).await;
    fails("not.parquet", &FILE_CORRUPT).await;
    fails("bomb.csv.zst", &FILE_EXPANDS).await;
    fails("nothing/*.csv", &FILES_MISSING).await;
    fails("data.bin", &TARGET_INVALID).await;
    fails("../x.csv", &TARGET_INVALID).await;
    let members = read(folder.path(), csv("many.zip", CsvFormat::default())).await.err().expect("no member");
    assert!(members.is(&ARCHIVE_MEMBER_MISSING) && members.to_string().contains("a.md, b.md"), "{members}");
    let none = read(folder.path(), files("header.csv")).await.expect("no rows are no error");
    assert_eq!((none.batch.num_rows(), none.batch.num_columns()), (0, 2));
}

#[tokio::test]
async fn json_is_taken_strictly() {
    let text = "{\"id\":1,\"v\":{\"a\":[1,2]},\"w\":\"2013-01-01\"}\n{\"id\":1.5,\"v\":null,\"w\":null}\nnot json\n[1]\n\
                {\"id\":2,\"new\":1}\n{\"id\":\"3\"}\n";
    let folder = folder(&[("a.jsonl", text.as_bytes())]);
    let declared = Arc::new(Schema::new(vec![Field::new("id", DataType::Int64, true)]));
    let request = ReadRequest { declared: Some(declared), ..ReadRequest::whole(Target::Files(files("a.jsonl"))) };
    let source = source(folder.path()).await;
    let All { batch, rejects, .. } = all(source.read(request).await.expect("readable")).await.expect("read");
    assert_eq!(
        texts(&batch),
        [
            [Some("1".to_owned()), Some("{\"a\":[1,2]}".to_owned()), Some("2013-01-01".to_owned()), None],
            [Some("2".to_owned()), None, None, Some("1".to_owned())]
        ]
    );
    let told: Vec<_> = rejects.iter().map(|reject| (&*reject.cause, &*reject.position)).collect();
    let expected = [
        (causes::VALUE_UNFIT, "a.jsonl:2"),
        (causes::JSON_INVALID, "a.jsonl:3"),
        (causes::JSON_INVALID, "a.jsonl:4"),
        (causes::VALUE_UNFIT, "a.jsonl:6"),
    ];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn cells_that_do_not_fit_are_named() {
    let sheet: [&[&str]; 7] = [
        &TEXT_CELLS,
        &["<c><v>1</v></c>", "<c t=\"str\"><v>ann</v></c>", "<c s=\"1\"><v>41275</v></c>"],
        &["<c t=\"e\"><v>#N/A</v></c>", "<c t=\"str\"><v>bob</v></c>", "<c s=\"1\"><v>41276</v></c>"],
        &["<c/>", "<c/>", "<c/>"],
        &["<c><v>3.5</v></c>", "<c><v>7</v></c>", "<c s=\"1\"><v>41277</v></c>"],
        &["<c><v>4</v></c>", "<c t=\"b\"><v>1</v></c>", "<c s=\"1\"><v>41278</v></c>", "<c t=\"str\"><v>note</v></c>"],
        &["<c t=\"str\"><v>5</v></c>", "<c/>", "<c s=\"2\"><v>41278.75</v></c>"],
    ];
    let folder = folder(&[("a.xlsx", &xlsx(1, &sheet))]);
    let declared = Schema::new(vec![Field::new("id", DataType::Int32, true), Field::new("score", DataType::Date32, true)]);
    let request = ReadRequest {
        declared: Some(Arc::new(declared)),
        ..ReadRequest::whole(Target::Files(excel("a.xlsx", ExcelFormat { sheet: Some(Sheet::Number(2)), ..rows_sheet() })))
    };
    let All { batch, rejects, .. } = all(source(folder.path()).await.read(request).await.expect("readable")).await.expect("read");
    let row = |id: &str, name: &str, score: &str| vec![Some(id.to_owned()), Some(name.to_owned()), Some(score.to_owned())];
    assert_eq!(texts(&batch), [row("1", "ann", "2013-01-01")]);
    let told: Vec<_> = rejects.iter().map(|reject| (&*reject.cause, &*reject.position, &*reject.raw)).collect();
    let expected = [
        (causes::CELL_ERROR, "a.xlsx:Rows!B3", r##"{"id":"#N/A","name":"bob","score":"2013-01-02"}"##),
        (causes::VALUE_UNFIT, "a.xlsx:Rows!B5", r#"{"id":"3.5","name":"7","score":"2013-01-03"}"#),
        (causes::TOO_MANY_FIELDS, "a.xlsx:Rows!E6", r#"{"id":"4","name":"true","score":"2013-01-04","E":"note"}"#),
        (causes::VALUE_UNFIT, "a.xlsx:Rows!D7", r#"{"id":"5","score":"2013-01-04 18:00:00"}"#),
    ];
    assert_eq!(told, expected.map(|(cause, position, raw)| (cause, position, raw.as_bytes())));
    assert_eq!(rejects[0].message, "column `id`: the cell holds the error #N/A");
}

#[tokio::test]
async fn broken_files_of_records_are_refused_by_name() {
    let (whole, stored, book) = (avro(Some(CompressionCodec::Deflate)), orc(), xlsx(1, &[&TEXT_CELLS]));
    let mut remarked = whole.clone();
    let last = remarked.len() - 1;
    remarked[last] ^= 1;
    let expanding = arrow::array::StringArray::from(vec!["x".repeat(100 << 20)]);
    let expanding =
        arrow::array::RecordBatch::try_from_iter([("v", Arc::new(expanding) as arrow::array::ArrayRef)]).expect("one column");
    let builder = WriterBuilder::new(expanding.schema().as_ref().clone()).with_compression(Some(CompressionCodec::ZStandard));
    let mut writer: AvroWriter<Vec<u8>> = builder.build(Vec::new()).expect("memory");
    writer.write(&expanding).expect("memory");
    writer.finish().expect("memory");
    let mut bomb = book.clone();
    bomb.truncate(0);
    bomb.extend(zip(&[("xl/worksheets/sheet1.xml", &vec![b' '; 200 << 20]), ("xl/workbook.xml", b"<workbook/>")]));
    let folder = folder(&[
        ("empty.avro", b""),
        ("cut.avro", &whole[..whole.len() - 20]),
        ("between.avro", &whole[..whole.len() - 1]),
        ("mark.avro", &remarked),
        ("bomb.avro", &writer.into_inner()),
        ("not.avro", b"id,v\n1,2\n"),
        ("empty.orc", b""),
        ("cut.orc", &stored[..stored.len() - 9]),
        ("head.orc", &stored[..3]),
        ("not.orc", b"id,v\n1,2\n"),
        ("empty.xlsx", b""),
        ("cut.xlsx", &book[..book.len() / 2]),
        ("bomb.xlsx", &bomb),
        ("not.xls", b"id,v\n1,2\n"),
        ("cut.xls", b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"),
    ]);
    let fails = async |name: &str, code: &'static base::Code| {
        let error = read(folder.path(), files(name)).await.err().unwrap_or_else(|| panic!("{name} was read"));
        assert!(error.is(code) && error.to_string().contains(name), "{name}: {error:?}");
    };
    for name in ["empty.avro", "cut.avro", "between.avro", "empty.orc", "empty.xlsx", "cut.xlsx"] {
        fails(name, &FILE_TRUNCATED).await;
    }
    for name in ["mark.avro", "not.avro", "cut.orc", "head.orc", "not.orc", "not.xls", "cut.xls"] {
        fails(name, &FILE_CORRUPT).await;
    }
    for name in ["bomb.avro", "bomb.xlsx"] {
        fails(name, &FILE_EXPANDS).await;
    }
}

#[tokio::test]
async fn avro_files_of_different_age_are_read_in_a_declared_schema() {
    let batch = typed();
    let older = batch.project(&[0, 1]).expect("two columns");
    let write = |batch: &arrow::array::RecordBatch| {
        let mut writer = AvroWriter::new(Vec::new(), batch.schema().as_ref().clone()).expect("memory");
        writer.write(batch).expect("memory");
        writer.finish().expect("memory");
        writer.into_inner()
    };
    let folder = folder(&[("1.avro", &write(&older)), ("2.avro", &write(&batch))]);
    let error = read(folder.path(), files("*.avro")).await.err().expect("they differ");
    assert!(error.is(&FILE_COLUMNS_DIFFER), "{error:?}");
    let schema = r#"{"type":"record","name":"topLevelRecord","fields":[{"name":"id","type":["null","long"],"default":null},
                     {"name":"score","type":["null","double"],"default":null}]}"#;
    let format = Format { avro: Some(AvroFormat { schema: Some(schema.to_owned()) }), ..Format::default() };
    let target = FilesTarget { format: Some(format), ..files("*.avro") };
    let found = read(folder.path(), target).await.expect("read");
    assert_eq!((found.batch.num_rows(), found.batch.num_columns(), found.rejects.len()), (10, 2, 0));
    assert_eq!(found.batch.column(1).null_count(), 6);
}

#[tokio::test]
async fn a_file_that_changes_under_the_reader_is_noticed() {
    let folder = folder(&[("a.csv", b"id\n1\n")]);
    let source = source(folder.path()).await;
    let reading = source.read(ReadRequest::whole(Target::Files(files("a.csv")))).await.expect("readable");
    fs::write(folder.path().join("a.csv"), "id\n1\n2\n").expect("writable");
    let error = all(reading).await.err().expect("it changed");
    assert!(error.is(&storage::codes::STORE_CHANGED), "{error:?}");
    let reading = source.read(ReadRequest::whole(Target::Files(files("a.csv")))).await.expect("readable");
    fs::remove_file(folder.path().join("a.csv")).expect("writable");
    assert!(all(reading).await.err().expect("it is gone").is(&storage::codes::STORE_OBJECT_MISSING));
}

#[tokio::test]
async fn without_a_header_columns_are_named_by_place() {
    let folder = folder(&[("a.csv", b"1,x\n2,y\n")]);
    let format = || CsvFormat { header: false, ..CsvFormat::default() };
    let plain = read(folder.path(), csv("a.csv", format())).await.expect("read");
    assert_eq!(plain.batch.schema().field(1).name(), "column_2");
    let declared = Schema::new(vec![Field::new("id", DataType::Int32, true), Field::new("name", DataType::Utf8, true)]);
    let request = ReadRequest { declared: Some(Arc::new(declared)), ..ReadRequest::whole(Target::Files(csv("a.csv", format()))) };
    let named = all(source(folder.path()).await.read(request).await.expect("readable")).await.expect("read");
    assert_eq!((named.batch.num_rows(), named.batch.schema().field(0).name().as_str()), (2, "id"));
    assert_eq!(named.batch.schema().field(0).data_type(), &DataType::Int32);
}

/// `DATAUX_TEST_S3_ENDPOINT`, `…_BUCKET`, `…_ACCESS_KEY_ID` and `…_SECRET_ACCESS_KEY` name the server.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the MinIO of make test (DATAUX_TEST_S3_ENDPOINT)"]
async fn files_of_an_object_store_conform() {
    let set = |name: &str| {
        let name = format!("DATAUX_TEST_S3_{name}");
        std::env::var(&name).unwrap_or_else(|_| panic!("{name} is not set: run this by scripts/servers"))
    };
    let secret = |name: &str| Some(base::SecretRef::Store(set(name)));
    let store = StoreOptions {
        endpoint: Some(set("ENDPOINT")),
        access_key_id: secret("ACCESS_KEY_ID"),
        secret_access_key: secret("SECRET_ACCESS_KEY"),
        allow_http: true,
        ..StoreOptions::default()
    };
    let location = format!("s3://{}/{}", set("BUCKET"), base::ids::fresh());
    let written = storage::open(&location, &store, &crate::suite::Plain).await.expect("opened");
    // Larger than the chunks in which it is read.
    let mut large = b"id,note\n".to_vec();
    for id in 0..300_000 {
        large.extend(format!("{id},{}\n", "x".repeat(60)).bytes());
    }
    let sheet: [&[&str]; 6] = [
        &TEXT_CELLS,
        &["<c><v>1</v></c>", "<c t=\"str\"><v>ann</v></c>", "<c><v>0.5</v></c>"],
        &["<c><v>2</v></c>", "<c t=\"str\"><v>bob, &quot;the&quot; 2nd</v></c>", "<c><v>-1.25</v></c>"],
        &["<c><v>3</v></c>", "<c/>", "<c><v>2</v></c>"],
        &["<c><v>4</v></c>", "<c t=\"str\"><v>中文</v></c>"],
        &["<c><v>5</v></c>", "<c t=\"str\"><v>eve</v></c>", "<c><v>100</v></c>"],
    ];
    let objects: [(&str, Vec<u8>); 8] = [
        ("table.avro", avro(Some(CompressionCodec::Snappy))),
        ("table.orc", orc()),
        ("table.xlsx", xlsx(1, &sheet)),
        ("day=1/plain.csv", CSV.as_bytes().to_vec()),
        ("packed.csv.gz", gzip(CSV.as_bytes())),
        ("packed.csv.zip", zip(&[("a/rows.csv", CSV.as_bytes()), ("readme.md", b"# no rows")])),
        ("table.parquet", parquet()),
        ("large.csv", large),
    ];
    for (name, bytes) in objects {
        let path = Path::parse(name).expect("a path");
        object_store::ObjectStoreExt::put(&*written.object_store, &path, bytes.into()).await.expect("writable");
    }
    let files_options = FilesOptions { location, store, expansion_max: None };
    let spec = ConnectionSpec { files: Some(files_options), ..ConnectionSpec::default() };
    let source = open(&spec, FilePath::new("/")).await.expect("opened");
    for target in [
        csv("day=*/*.csv", na()),
        csv("*.csv.gz", na()),
        csv("packed.csv.zip", na()),
        files("*.parquet"),
        files("*.avro"),
        files("*.orc"),
        excel("*.xlsx", rows_sheet()),
    ] {
        let missing = Target::Files(FilesTarget { files: "none/*.csv".to_owned(), ..target.clone() });
        conforms(&Subject { source: source.clone(), target: Target::Files(target), missing }).await;
    }
    let whole = || ReadRequest { parallel: 2, ..ReadRequest::whole(Target::Files(files("large.csv"))) };
    let reading = source.read(whole()).await.expect("readable");
    let total = reading.total_bytes;
    let read = all(reading).await.expect("read");
    assert_eq!((read.batch.num_rows(), Some(read.bytes)), (300_000, total));

    let reading = source.read(whole()).await.expect("readable");
    let path = Path::from("large.csv");
    object_store::ObjectStoreExt::put(&*written.object_store, &path, "id,note\n1,new\n".into()).await.expect("writable");
    let error = all(reading).await.err().expect("it changed");
    assert!(error.is(&storage::codes::STORE_CHANGED), "{error:?}");
}
