//! What an engine may use of its machine.

use std::path::PathBuf;

/// Settings of one engine, in bytes and counts.
#[derive(Debug, Clone)]
pub struct EngineSettings {
    /// Memory that all queries together may reserve.
    pub memory_bytes: usize,
    /// Memory that one query may reserve before it spills.
    pub query_memory_bytes: usize,
    /// Threads that compute; also the partitions of a query.
    pub threads: usize,
    /// Where queries spill; made when it is first needed, emptied of old spills at start.
    pub spill_dir: PathBuf,
    /// Disk that all spills together may use.
    pub spill_bytes_max: u64,
    /// Queries that run at once.
    pub queries_max: usize,
    /// Queries that may wait for their turn.
    pub queue_max: usize,
}

impl EngineSettings {
    /// Settings for a machine with this much memory and this many cores.
    pub fn for_machine(memory_bytes: usize, threads: usize, spill_dir: PathBuf) -> Self {
        let threads = threads.max(1);
        Self {
            memory_bytes,
            query_memory_bytes: memory_bytes / 2,
            threads,
            spill_dir,
            spill_bytes_max: 100 << 30,
            queries_max: threads * 8,
            queue_max: 1024,
        }
    }
}
