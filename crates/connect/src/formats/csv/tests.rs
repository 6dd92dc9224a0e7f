//! Delimited text against the `csv` crate as the reference: whatever it writes is read back, wherever blocks are cut.

use arrow::array::AsArray;
use storage::{StoreOptions, open};
use tokio::runtime::Handle;

use super::*;
use crate::source::{Position, Reading};
use crate::suite::{Plain, all};
use crate::workers;

/// A small generator of numbers, so that a failure comes again.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

#[tokio::test]
async fn what_the_reference_writes_is_read_back_wherever_blocks_are_cut() {
    const PIECES: [&str; 10] = ["a", "\"", "\n", "\r\n", ",", "中", " ", "\"\"", "x,y", "NA"];
    let folder = tempfile::tempdir().expect("a scratch folder");
    let store = open(folder.path().to_str().expect("UTF-8"), &StoreOptions::default(), &Plain).await.expect("a folder");
    let mut numbers = Numbers(7);
    for round in 0..60 {
        let columns = 1 + numbers.below(4) as usize;
        let mut rows: Vec<Vec<String>> = Vec::new();
        for _ in 0..numbers.below(30) {
            let mut field = || (0..numbers.below(5)).map(|_| PIECES[numbers.below(10) as usize]).collect::<String>();
            rows.push((0..columns).map(|_| format!("v{}", field())).collect());
        }
        let mut writer = csv::WriterBuilder::new();
        if round % 2 == 0 {
            writer.terminator(csv::Terminator::CRLF);
        }
        if round % 3 == 0 {
            writer.quote_style(csv::QuoteStyle::Always);
        }
        let mut writer = writer.from_writer(Vec::new());
        writer.write_record((0..columns).map(|index| format!("c{index}"))).expect("memory");
        rows.iter().for_each(|row| writer.write_record(row).expect("memory"));
        let text = writer.into_inner().expect("memory");
        let name = format!("{round}.csv");
        std::fs::write(folder.path().join(&name), &text).expect("writable");

        let mark = FileMark { path: name, etag: None, size: text.len() as u64 };
        let schema = Arc::new(Schema::new(
            (0..columns).map(|index| Field::new(format!("c{index}"), arrow::datatypes::DataType::Utf8, true)).collect::<Vec<_>>(),
        ));
        for block_bytes in [1, 7, 64, 4096] {
            let options =
                Options { store: store.clone(), handle: Handle::current(), members: Vec::new(), expansion_max: 10, block_bytes };
            let dialect = CsvFormat::default().dialect().expect("the default");
            let decoder = Decoder::new(dialect.clone(), schema.clone(), 5, "t").expect("texts");
            let known = Known::new(dialect, &schema, schema.clone(), false);
            let parts = workers::parts(Blocks::new(Arc::new(known), options, vec![mark.clone()]), vec![decoder], None);
            let reading =
                Reading { schema: schema.clone(), parts, total_rows: None, total_bytes: None, position: Position::Snapshot };
            let read = all(reading).await.expect("read");
            assert!(read.rejects.is_empty(), "round {round}, blocks of {block_bytes}: {:?}", read.rejects);
            let found: Vec<Vec<String>> = (0..read.batch.num_rows())
                .map(|row| read.batch.columns().iter().map(|column| column.as_string::<i32>().value(row).to_owned()).collect())
                .collect();
            assert_eq!(found, rows, "round {round}, blocks of {block_bytes}");
        }
    }
}
