//! The outside world: business systems read as streams of Arrow batches, with what does not fit set aside and explained.
//!
//! A [`Source`] is opened with a pass, by the one function [`open`]. It fixes what it is going to read (the [`Position`])
//! before the first row, so that a repeated read of the same position gives the same rows.

pub mod codes;
mod connectors;
mod formats;
mod open;
mod source;
mod spec;

pub use connectors::files::FilesOptions;
pub use connectors::postgres::{PostgresOptions, Tls};
pub use connectors::sqlite::SqliteOptions;
pub use formats::csv::CsvFormat;
pub use formats::json_lines::JsonLinesFormat;
pub use formats::parquet::ParquetFormat;
pub use formats::{FilesTarget, Format};
pub use open::open;
pub use source::{
    Cursor, Dialect, FileMark, Piece, Position, RAW_BYTES_MAX, ReadRequest, Reading, Reject, Source, SourceTable, Target,
};
pub use spec::{ConnectionSpec, Context};
