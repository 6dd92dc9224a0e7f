//! Buckets of calls in this process, in bounded memory.
//!
//! A bucket is one number: the moment at which it will be full again. A call moves that moment by the time that one call takes
//! to come back, and is refused if that is further ahead than an empty bucket's. Redis computes the same in one script.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Most buckets kept. A full bucket says nothing, so full ones go first when there are more.
const BUCKETS_MAX: usize = 10_000;

/// Calls that may be made: `burst` at once, `per_second` in the long run; both above zero.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    /// Calls that come back each second.
    pub per_second: f64,
    /// Calls in a full bucket.
    pub burst: f64,
}

impl Bucket {
    /// The time in which one call comes back, in microseconds.
    pub(super) fn micros_per_call(self) -> f64 {
        (1e6 / self.per_second).max(1.0)
    }
}

/// The buckets of one process, by the moment at which each is full.
#[derive(Debug)]
pub(super) struct Buckets {
    began: Instant,
    full_at: Mutex<HashMap<String, f64>>,
}

impl Default for Buckets {
    fn default() -> Self {
        Self { began: Instant::now(), full_at: Mutex::default() }
    }
}

impl Buckets {
    /// Takes one call, or says after how long there will be one.
    pub fn take(&self, key: &str, bucket: Bucket, now: Instant) -> Result<(), Duration> {
        let now = now.saturating_duration_since(self.began).as_secs_f64() * 1e6;
        let call = bucket.micros_per_call();
        let whole = call * bucket.burst;
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let known = full_at.get_mut(key);
        // A bucket that was slower to fill once is not owed more than it holds now, from now on.
        let full = known.as_deref().copied().unwrap_or(now).clamp(now, now + whole);
        let wait = full - now - (whole - call);
        // Half a microsecond is what arithmetic costs, not a call.
        let refused = wait > 0.5;
        let after = if refused { full } else { full + call };
        match known {
            Some(known) => *known = after,
            None => {
                if full_at.len() >= BUCKETS_MAX {
                    make_room(&mut full_at, now);
                }
                full_at.insert(key.to_owned(), after);
            }
        }
        if refused {
            return Err(Duration::from_micros(wait.ceil() as u64));
        }
        Ok(())
    }
}

fn make_room(full_at: &mut HashMap<String, f64>, now: f64) {
    full_at.retain(|_, full| *full > now);
    while full_at.len() >= BUCKETS_MAX {
        // The one that is nearly full has the least to lose.
        let Some(nearest) = full_at.iter().min_by(|a, b| a.1.total_cmp(b.1)).map(|(key, _)| key.clone()) else { return };
        full_at.remove(&nearest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_the_rate() {
        let buckets = Buckets::default();
        let bucket = Bucket { per_second: 0.5, burst: 2.0 };
        let start = Instant::now();
        let seconds = Duration::from_secs;
        let take = |key: &str, after: u64| buckets.take(key, bucket, start + seconds(after));
        let waits = |taken: Result<(), Duration>, expected: u64| {
            taken.is_err_and(|wait| wait.abs_diff(seconds(expected)) < Duration::from_millis(1))
        };
        assert_eq!((take("s", 0), take("s", 0)), (Ok(()), Ok(())));
        assert!(waits(take("s", 0), 2));
        assert_eq!(take("other", 0), Ok(()));
        assert_eq!(take("s", 2), Ok(()));
        assert!(waits(take("s", 3), 1));
        assert_eq!((take("s", 60), take("s", 60)), (Ok(()), Ok(())), "a full bucket holds no more than its burst");
        assert!(take("s", 60).is_err());
    }

    #[test]
    fn a_new_rate_holds_at_once() {
        let buckets = Buckets::default();
        let start = Instant::now();
        let (slow, fast) = (Bucket { per_second: 0.01, burst: 5.0 }, Bucket { per_second: 100.0, burst: 1.0 });
        while buckets.take("s", slow, start).is_ok() {}
        assert!(buckets.take("s", fast, start).is_err_and(|wait| wait <= Duration::from_millis(11)));
        assert_eq!(buckets.take("s", fast, start + Duration::from_millis(11)), Ok(()));
    }

    #[test]
    fn stays_within_its_room() {
        let buckets = Buckets::default();
        let bucket = Bucket { per_second: 1.0, burst: 1.0 };
        let start = Instant::now();
        for caller in 0..BUCKETS_MAX + 10 {
            buckets.take(&caller.to_string(), bucket, start).expect("new callers have calls");
        }
        assert!(buckets.full_at.lock().expect("not poisoned").len() <= BUCKETS_MAX);
    }
}
