//! The lake: Delta tables on any object store. Open, scan, write once, merge, travel in time, maintain.
//!
//! A table is a folder `<schema>/<table>/` with a `_delta_log`. Nothing opens one without a [`guard::Pass`]. Reading is a
//! native Parquet scan whose files, partition values and statistics come from the log; writing is our own bounded Parquet
//! writer; and every write ends in one function, `Table::commit`, so that rows, source position and origin travel in the
//! same commit.
//!
//! # Types
//!
//! Delta has no unsigned numbers, no nanoseconds and no time of day. [`delta_schema`] says what a schema is kept as: `UInt8`,
//! `UInt16`, `UInt32` become `Int16`, `Int32`, `Int64`; `UInt64` becomes `Decimal(20, 0)`; timestamps of any unit become
//! microseconds (with a zone: UTC; without: without); times of day become `Int64` microseconds since midnight; large and
//! view strings, binaries and lists become plain ones; dictionaries become their values.

mod amend;
mod cache;
pub mod codes;
mod commit;
mod entries;
mod errors;
mod evolve;
mod files;
mod fit;
mod gained;
mod ingest;
mod lake;
mod listing;
mod log;
mod maintain;
mod merge;
mod optimize;
mod origin;
mod pruning;
mod scan;
mod schema;
mod settings;
mod snapshot;
mod statistics;
mod table;
mod write;
mod writer;

pub use evolve::Evolution;
pub use ingest::Evolve;
pub use lake::Lake;
pub use maintain::{Optimized, RETENTION_FLOOR, Vacuumed};
pub use origin::{AsOf, Commit, Details, Mode, Origin, Transaction, VersionInfo};
pub use pruning::kept;
pub use schema::delta_schema;
pub use settings::{Compression, Settings, TableOptions};
pub use table::Table;

#[cfg(test)]
mod tests;
