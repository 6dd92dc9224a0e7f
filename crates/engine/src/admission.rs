//! Admission: so many queries run, so many wait, the rest are told to come back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base::{Error, Result};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::codes;

/// The gate of one engine.
#[derive(Debug)]
pub struct Admission {
    running: Arc<Semaphore>,
    running_max: usize,
    waiting: AtomicUsize,
    waiting_max: usize,
}

impl Admission {
    /// A gate for this many running and waiting queries.
    pub fn new(running_max: usize, waiting_max: usize) -> Self {
        Self { running: Arc::new(Semaphore::new(running_max)), running_max, waiting: AtomicUsize::new(0), waiting_max }
    }

    /// Waits for a turn; the permit is held until the query's stream is dropped.
    pub async fn enter(&self) -> Result<OwnedSemaphorePermit> {
        if let Ok(permit) = Arc::clone(&self.running).try_acquire_owned() {
            return Ok(permit);
        }
        let _waiting = Waiting::begin(self)?;
        Arc::clone(&self.running).acquire_owned().await.map_err(|closed| Error::new(&codes::ENGINE_INTERNAL).because(closed))
    }
}

/// Counts one waiting query for as long as it waits, also when its caller gives up.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn begin(admission: &'a Admission) -> Result<Self> {
        let waiting = Self(&admission.waiting);
        if admission.waiting.fetch_add(1, Ordering::AcqRel) >= admission.waiting_max {
            return Err(Error::new(&codes::QUERY_BUSY).with("running", admission.running_max));
        }
        Ok(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn refuses_when_the_queue_is_full_and_forgets_those_who_leave() {
        let gate = Arc::new(Admission::new(1, 1));
        let running = gate.enter().await.expect("first");
        let waiter = tokio::spawn({
            let gate = Arc::clone(&gate);
            async move { gate.enter().await.map(drop) }
        });
        while gate.waiting.load(Ordering::Acquire) == 0 {
            tokio::task::yield_now().await;
        }
        assert!(gate.enter().await.expect_err("queue is full").is(&codes::QUERY_BUSY));
        waiter.abort();
        assert!(waiter.await.is_err());
        assert_eq!(gate.waiting.load(Ordering::Acquire), 0);
        drop(running);
        drop(gate.enter().await.expect("free again"));
    }
}
