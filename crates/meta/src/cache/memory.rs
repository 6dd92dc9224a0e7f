//! What is kept in this process, bounded by bytes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::future::Cache;

/// Bytes that all keys and values may have together.
const BYTES_MAX: u64 = 64 << 20;

/// Longest time anything is kept; what is asked for may be younger.
const KEPT_MAX: Duration = Duration::from_secs(86_400);

/// What an entry costs beside its key and its bytes.
const ENTRY_BYTES: usize = 256;

/// Bytes and the moment they speak of.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub bytes: Arc<[u8]>,
    pub at: Instant,
}

/// The entries of this process; those used least go first.
#[derive(Debug)]
pub(super) struct Memory(Cache<String, Kept>);

impl Default for Memory {
    fn default() -> Self {
        let weigh = |key: &String, kept: &Kept| u32::try_from(key.len() + kept.bytes.len() + ENTRY_BYTES).unwrap_or(u32::MAX);
        Self(Cache::builder().max_capacity(BYTES_MAX).weigher(weigh).time_to_live(KEPT_MAX).build())
    }
}

impl Memory {
    pub async fn get(&self, key: &str) -> Option<Kept> {
        self.0.get(key).await
    }

    pub async fn put(&self, key: &str, kept: Kept) {
        self.0.insert(key.to_owned(), kept).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn is_bounded_by_bytes() {
        let memory = Memory::default();
        for number in 0..100 {
            let bytes: Arc<[u8]> = vec![0; 1 << 20].into();
            memory.put(&format!("{number}"), Kept { bytes, at: Instant::now() }).await;
        }
        memory.0.run_pending_tasks().await;
        assert!(memory.0.weighted_size() <= BYTES_MAX, "{} bytes", memory.0.weighted_size());
    }
}
