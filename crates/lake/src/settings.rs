//! What a lake and a table can be told.

use std::time::Duration;

/// Bounds and choices of one lake.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How new data files are compressed.
    pub compression: Compression,
    /// A data file is closed at the first row group that ends beyond this many bytes.
    pub file_bytes_target: u64,
    /// A row group is closed at this many rows ...
    pub row_group_rows_max: usize,
    /// ... or at this many encoded bytes.
    pub row_group_bytes_max: usize,
    /// Threads that encode one write at the same time.
    pub encoders: usize,
    /// Memory one write may hold in files that are open at the same time (partitioned tables), in bytes.
    pub open_bytes_max: usize,
    /// Memory the source rows of one merge may take, in bytes.
    pub merge_bytes_max: usize,
    /// Snapshots kept in memory.
    pub snapshots_max: usize,
    /// How long a listing of schemas or tables is believed.
    pub listing_age_max: Duration,
    /// A checkpoint is written after every this many commits.
    pub checkpoint_commits: u64,
    /// Whether scans hand out text as views, which the engine filters and groups faster.
    pub text_views: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            compression: Compression::Zstd,
            file_bytes_target: 128 << 20,
            row_group_rows_max: 512 << 10,
            row_group_bytes_max: 64 << 20,
            encoders: 2,
            open_bytes_max: 512 << 20,
            merge_bytes_max: 1 << 30,
            snapshots_max: 256,
            listing_age_max: Duration::from_secs(3),
            checkpoint_commits: 10,
            text_views: true,
        }
    }
}

/// How Parquet pages are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Zstandard at level 1: smaller, nearly as fast.
    Zstd,
    /// Snappy: fastest.
    Snappy,
}

/// What a table is created with beside its columns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableOptions {
    /// Columns whose values part the table into files; numbers, text, dates, timestamps or booleans.
    pub partition_by: Vec<String>,
    /// A sentence for people.
    pub comment: Option<String>,
}
