//! The cache: bytes for a while and counts of calls, in this process's memory and, if there is one, in the Redis of all replicas.
//!
//! Nothing is kept here whose loss is an error. While Redis does not answer, each process goes on with its own memory: slower,
//! never wrong, and never waiting longer than [`ANSWER_WITHIN`]. A key holds everything that its bytes depend on (versions of
//! the policy, of a declaration), so nothing has to be called back.

mod buckets;
mod memory;
mod shared;
#[cfg(test)]
mod suite;
mod url;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use base::Result;

use buckets::Buckets;
use memory::{Kept, Memory};
use shared::Shared;

pub use buckets::Bucket;
pub use shared::ANSWER_WITHIN;
pub use url::RedisUrl;

/// The cache of one process. Clones share it.
#[derive(Clone)]
pub struct Cache {
    inner: Arc<Inner>,
}

struct Inner {
    memory: Memory,
    buckets: Buckets,
    shared: Option<Shared>,
    here: AtomicU64,
    there: AtomicU64,
    misses: AtomicU64,
}

/// Bytes that were kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The bytes.
    pub bytes: Arc<[u8]>,
    /// How old they are.
    pub age: Duration,
}

/// What the cache did since the process began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheNumbers {
    /// Reads answered from this process's memory.
    pub here: u64,
    /// Reads answered by Redis.
    pub there: u64,
    /// Reads that found nothing.
    pub misses: u64,
    /// Requests that Redis failed or did not answer in time.
    pub failures: u64,
    /// Whether Redis answers; none: there is no Redis.
    pub shared_up: Option<bool>,
}

impl Cache {
    /// A cache in this process's memory alone.
    pub fn in_memory() -> Self {
        Self::over(None)
    }

    /// A cache that other processes share; `platform` keeps platforms apart that use one Redis. Tries to connect for a moment;
    /// a Redis that is not there is no error, it is looked for from then on.
    ///
    /// Errors: TLS that cannot be set up on this machine.
    pub async fn in_redis(url: &RedisUrl, platform: &str) -> Result<Self> {
        Ok(Self::over(Some(Shared::open(url, platform).await?)))
    }

    fn over(shared: Option<Shared>) -> Self {
        let (memory, buckets) = (Memory::default(), Buckets::default());
        let (here, there, misses) = Default::default();
        Self { inner: Arc::new(Inner { memory, buckets, shared, here, there, misses }) }
    }

    /// The bytes of a key, if they are younger than `fresh_for`, which is the same in every call with this key.
    pub async fn get(&self, key: &str, fresh_for: Duration) -> Option<Found> {
        let inner = &self.inner;
        if let Some(kept) = inner.memory.get(key).await.filter(|kept| kept.at.elapsed() < fresh_for) {
            inner.here.fetch_add(1, Ordering::Relaxed);
            return Some(Found { bytes: kept.bytes, age: kept.at.elapsed() });
        }
        let found = match &inner.shared {
            Some(shared) => shared.get(key, fresh_for).await,
            None => None,
        };
        let Some(found) = found else {
            inner.misses.fetch_add(1, Ordering::Relaxed);
            return None;
        };
        inner.there.fetch_add(1, Ordering::Relaxed);
        if let Some(at) = Instant::now().checked_sub(found.age) {
            inner.memory.put(key, Kept { bytes: Arc::clone(&found.bytes), at }).await;
        }
        Some(found)
    }

    /// Keeps bytes that say what was so at `at`, until `fresh_for` after it.
    pub async fn put(&self, key: &str, bytes: Arc<[u8]>, at: Instant, fresh_for: Duration) {
        let Some(left) = fresh_for.checked_sub(at.elapsed()).filter(|left| !left.is_zero()) else { return };
        self.inner.memory.put(key, Kept { bytes: Arc::clone(&bytes), at }).await;
        if let Some(shared) = &self.inner.shared {
            shared.put(key, &bytes, left).await;
        }
    }

    /// Takes one call out of a bucket, or says after how long there will be one. Processes with one Redis share the bucket;
    /// while it does not answer, each has one of its own.
    pub async fn take(&self, key: &str, bucket: Bucket) -> Result<(), Duration> {
        if let Some(shared) = &self.inner.shared
            && let Some(taken) = shared.take(key, bucket).await
        {
            return taken;
        }
        self.inner.buckets.take(key, bucket, Instant::now())
    }

    /// What it did so far.
    pub fn numbers(&self) -> CacheNumbers {
        let inner = &self.inner;
        CacheNumbers {
            here: inner.here.load(Ordering::Relaxed),
            there: inner.there.load(Ordering::Relaxed),
            misses: inner.misses.load(Ordering::Relaxed),
            failures: inner.shared.as_ref().map_or(0, Shared::failures),
            shared_up: inner.shared.as_ref().map(Shared::is_up),
        }
    }
}

impl std::fmt::Debug for Cache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cache").field("shared", &self.inner.shared).finish_non_exhaustive()
    }
}
