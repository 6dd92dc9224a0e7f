//! How far a step is, counted while it works.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters of one attempt of one step. A total of zero means that it is not known.
#[derive(Debug, Default)]
pub struct Progress {
    rows: AtomicU64,
    bytes: AtomicU64,
    rejected: AtomicU64,
    total_rows: AtomicU64,
    total_bytes: AtomicU64,
}

/// The counters at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Rows taken so far.
    pub rows: u64,
    /// Bytes of the source read so far.
    pub bytes: u64,
    /// Records that went to quarantine.
    pub rejected: u64,
    /// Rows there will be.
    pub total_rows: Option<u64>,
    /// Bytes there will be.
    pub total_bytes: Option<u64>,
}

impl Progress {
    /// Counts a piece of work.
    pub fn add(&self, rows: u64, bytes: u64, rejected: u64) {
        self.rows.fetch_add(rows, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.rejected.fetch_add(rejected, Ordering::Relaxed);
    }

    /// States the whole, as far as the source knows it.
    pub fn expect(&self, rows: Option<u64>, bytes: Option<u64>) {
        self.total_rows.store(rows.unwrap_or(0), Ordering::Relaxed);
        self.total_bytes.store(bytes.unwrap_or(0), Ordering::Relaxed);
    }

    /// The counters now.
    pub fn counts(&self) -> Counts {
        let some = |counter: &AtomicU64| Some(counter.load(Ordering::Relaxed)).filter(|total| *total > 0);
        Counts {
            rows: self.rows.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            rejected: self.rejected.load(Ordering::Relaxed),
            total_rows: some(&self.total_rows),
            total_bytes: some(&self.total_bytes),
        }
    }
}
