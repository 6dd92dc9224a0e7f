//! How many calls a token may make: a bucket of calls for each token and service, in bounded memory.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::spec::Rate;

/// Most buckets kept. A full bucket says nothing, so full ones go first when there are more.
const BUCKETS_MAX: usize = 10_000;

/// The buckets of one process. Several processes each give a token the whole rate.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    buckets: Mutex<HashMap<(String, String), Bucket>>,
}

#[derive(Debug)]
struct Bucket {
    calls: f64,
    at: Instant,
    per_second: f64,
    burst: f64,
}

impl Bucket {
    fn fill(&mut self, now: Instant) {
        let seconds = now.saturating_duration_since(self.at).as_secs_f64();
        self.calls = (self.calls + seconds * self.per_second).min(self.burst);
        self.at = now;
    }
}

impl Rates {
    /// Takes one call from the bucket, or says after how many whole seconds there will be one.
    pub fn take(&self, service: &str, caller: &str, rate: &Rate, now: Instant) -> Result<(), u64> {
        let burst = rate.burst.map_or(rate.per_second.max(1.0), f64::from);
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (service.to_owned(), caller.to_owned());
        if buckets.len() >= BUCKETS_MAX && !buckets.contains_key(&key) {
            make_room(&mut buckets, now);
        }
        let bucket = buckets.entry(key).or_insert(Bucket { calls: burst, at: now, per_second: rate.per_second, burst });
        (bucket.per_second, bucket.burst) = (rate.per_second, burst);
        bucket.fill(now);
        if bucket.calls >= 1.0 {
            bucket.calls -= 1.0;
            return Ok(());
        }
        Err(((1.0 - bucket.calls) / bucket.per_second).ceil().max(1.0) as u64)
    }
}

fn make_room(buckets: &mut HashMap<(String, String), Bucket>, now: Instant) {
    buckets.retain(|_, bucket| {
        bucket.fill(now);
        bucket.calls < bucket.burst
    });
    while buckets.len() >= BUCKETS_MAX {
        // The one used longest ago has the least to lose.
        let Some(oldest) = buckets.iter().min_by_key(|(_, bucket)| bucket.at).map(|(key, _)| key.clone()) else { return };
        buckets.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_burst_then_the_rate() {
        let rates = Rates::default();
        let rate = Rate { per_second: 0.5, burst: Some(2) };
        let start = Instant::now();
        assert_eq!(rates.take("s", "t", &rate, start), Ok(()));
        assert_eq!(rates.take("s", "t", &rate, start), Ok(()));
        assert_eq!(rates.take("s", "t", &rate, start), Err(2));
        assert_eq!(rates.take("s", "other", &rate, start), Ok(()));
        assert_eq!(rates.take("s", "t", &rate, start + Duration::from_secs(2)), Ok(()));
        assert_eq!(rates.take("s", "t", &rate, start + Duration::from_secs(3)), Err(1));
    }

    #[test]
    fn stays_within_its_room() {
        let rates = Rates::default();
        let rate = Rate { per_second: 1.0, burst: Some(1) };
        let start = Instant::now();
        for caller in 0..BUCKETS_MAX + 10 {
            rates.take("s", &caller.to_string(), &rate, start).expect("new callers have calls");
        }
        assert!(rates.buckets.lock().expect("not poisoned").len() <= BUCKETS_MAX);
    }
}
