//! Answers kept for a stated time, bounded by bytes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use moka::future::Cache;

/// Bytes that all kept answers of a process may have together.
const CACHE_BYTES_MAX: u64 = 64 << 20;
/// Largest answer kept, in bytes.
pub(crate) const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Everything an answer depends on. The tables' versions are not part of it: how old an answer may be is what the service states.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    /// The service.
    pub service: String,
    /// Its version, so that a changed statement never answers with old rows.
    pub version: i64,
    /// The policy under which the rows were read, so that a revoked grant holds for kept answers as well.
    pub policy: i64,
    /// Parameters, page and format, in one canonical text.
    pub request: String,
}

/// An answer that was given before.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    /// The whole body.
    pub body: Bytes,
    /// Rows in it.
    pub rows: u64,
    /// Tables it was read from.
    pub tables: Arc<[String]>,
    /// When it was read.
    pub at: Instant,
}

/// The kept answers of a process.
#[derive(Debug, Clone)]
pub(crate) struct Answers(Cache<Arc<Key>, Kept>);

impl Answers {
    pub fn new() -> Self {
        let weigh = |key: &Arc<Key>, kept: &Kept| {
            let tables: usize = kept.tables.iter().map(String::len).sum();
            u32::try_from(key.service.len() + key.request.len() + kept.body.len() + tables + 256).unwrap_or(u32::MAX)
        };
        let cache = Cache::builder().max_capacity(CACHE_BYTES_MAX).weigher(weigh).time_to_live(Duration::from_secs(86_400));
        Self(cache.build())
    }

    /// The answer, if it is not older than `fresh_for`.
    pub async fn get(&self, key: &Arc<Key>, fresh_for: Duration) -> Option<Kept> {
        self.0.get(key).await.filter(|kept| kept.at.elapsed() < fresh_for)
    }

    pub async fn put(&self, key: Arc<Key>, kept: Kept) {
        if kept.body.len() <= ANSWER_BYTES_MAX {
            self.0.insert(key, kept).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn keeps_small_answers_while_they_are_fresh() {
        let answers = Answers::new();
        let key = |version| Arc::new(Key { service: "s".into(), version, policy: 1, request: "a=1".into() });
        let kept = |body: Bytes, at| Kept { body, rows: 1, tables: Arc::from([]), at };
        let now = Instant::now();
        answers.put(key(1), kept(Bytes::from_static(b"x"), now)).await;
        assert!(answers.get(&key(1), Duration::from_secs(60)).await.is_some());
        assert!(answers.get(&key(1), Duration::ZERO).await.is_none());
        assert!(answers.get(&key(2), Duration::from_secs(60)).await.is_none());
        answers.put(key(3), kept(Bytes::from(vec![0; ANSWER_BYTES_MAX + 1]), now)).await;
        assert!(answers.get(&key(3), Duration::from_secs(60)).await.is_none());
    }
}
