//! The outside world: business systems read as streams of Arrow batches, with what does not fit set aside and explained.
//!
//! A [`Source`] is opened with a pass, by the one function [`open`]. It fixes what it is going to read (the [`Position`])
//! before the first row, so that a repeated read of the same position gives the same rows.

mod blocks;
pub mod causes;
mod cells;
pub mod codes;
mod columns;
mod compression;
mod connectors;
mod encodings;
mod file_bytes;
mod fit;
mod formats;
mod framing;
mod guess;
mod login;
mod marks;
mod open;
mod panics;
mod records;
mod select;
mod source;
mod spec;
#[cfg(test)]
mod suite;
mod tasks;
mod tls;
mod values;
mod words;
mod workers;

pub use blocks::RECORD_BYTES_MAX;
pub use connectors::files::FilesOptions;
pub use connectors::mysql::{MysqlOptions, ZeroDates};
pub use connectors::postgres::PostgresOptions;
pub use connectors::push::{PushOptions, PushTarget, gunzip};
pub use connectors::sqlite::SqliteOptions;
pub use formats::avro::AvroFormat;
pub use formats::csv::CsvFormat;
pub use formats::excel::{ExcelFormat, Sheet};
pub use formats::json_lines::JsonLinesFormat;
pub use formats::orc::OrcFormat;
pub use formats::parquet::ParquetFormat;
pub use formats::{FilesTarget, Format};
pub use open::{files_store, open};
pub use records::{Form, Records};
pub use source::{
    Cursor, Dialect, FileMark, Filters, Piece, Position, RAW_BYTES_MAX, ReadRequest, Reading, Reject, Source, SourceTable, Target,
};
pub use spec::{ConnectionSpec, Context};
pub use tls::Tls;
pub use words::{TYPES, data_type};
