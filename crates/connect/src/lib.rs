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
mod marks;
mod open;
mod select;
mod source;
mod spec;
#[cfg(test)]
mod suite;
mod values;
mod workers;

pub use blocks::RECORD_BYTES_MAX;
pub use connectors::files::FilesOptions;
pub use connectors::postgres::{PostgresOptions, Tls};
pub use connectors::sqlite::SqliteOptions;
pub use formats::csv::CsvFormat;
pub use formats::json_lines::JsonLinesFormat;
pub use formats::parquet::ParquetFormat;
pub use formats::{FilesTarget, Format};
pub use open::{files_store, open};
pub use source::{
    Cursor, Dialect, FileMark, Piece, Position, RAW_BYTES_MAX, ReadRequest, Reading, Reject, Source, SourceTable, Target,
};
pub use spec::{ConnectionSpec, Context};
