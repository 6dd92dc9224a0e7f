//! Memory: one budget for all queries, a share for each, spilling inside the share.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::{FairSpillPool, MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation};

/// The budget of the whole process, in bytes.
#[derive(Debug)]
pub struct Budget {
    limit: usize,
    used: AtomicUsize,
}

impl Budget {
    /// A budget of this many bytes.
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, used: AtomicUsize::new(0) })
    }

    /// Bytes that queries hold now.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Bytes that are free.
    pub(crate) fn left(&self) -> usize {
        self.limit.saturating_sub(self.used())
    }

    /// Takes bytes that are free; false if there are not so many.
    pub(crate) fn try_take(&self, bytes: usize) -> bool {
        self.used
            .try_update(Ordering::AcqRel, Ordering::Relaxed, |used| used.checked_add(bytes).filter(|sum| *sum <= self.limit))
            .is_ok()
    }

    fn take(&self, bytes: usize) {
        self.used.fetch_add(bytes, Ordering::AcqRel);
    }

    /// Gives bytes back.
    pub(crate) fn give_back(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::AcqRel);
    }
}

/// One query's pool: operators that can spill share it fairly (DataFusion's `FairSpillPool`), and each grant is also taken
/// from the process's [`Budget`]. A refusal by either makes the operator spill, or ends the query with an error that names it.
#[derive(Debug)]
pub struct QueryPool {
    share: FairSpillPool,
    limit: usize,
    budget: Arc<Budget>,
}

impl QueryPool {
    /// A share of at most `limit` bytes of the budget.
    pub fn new(budget: Arc<Budget>, limit: usize) -> Self {
        Self { share: FairSpillPool::new(limit), limit, budget }
    }
}

impl fmt::Display for QueryPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "query({} of {})", base::units::bytes(self.reserved() as u64), base::units::bytes(self.limit as u64))
    }
}

impl MemoryPool for QueryPool {
    fn name(&self) -> &str {
        "query"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        self.share.register(consumer);
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.share.unregister(consumer);
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.budget.take(additional);
        self.share.grow(reservation, additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.share.shrink(reservation, shrink);
        self.budget.give_back(shrink);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        if !self.budget.try_take(additional) {
            return Err(DataFusionError::ResourcesExhausted(format!(
                "{} asked for {} more while all queries together hold {} of {}",
                reservation.consumer().name(),
                base::units::bytes(additional as u64),
                base::units::bytes(self.budget.used() as u64),
                base::units::bytes(self.budget.limit as u64),
            )));
        }
        self.share.try_grow(reservation, additional).inspect_err(|_| self.budget.give_back(additional))
    }

    fn reserved(&self) -> usize {
        self.share.reserved()
    }

    fn memory_limit(&self) -> MemoryLimit {
        MemoryLimit::Finite(self.limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_share_gives_the_budget_back() {
        let budget = Budget::new(1000);
        let small: Arc<dyn MemoryPool> = Arc::new(QueryPool::new(Arc::clone(&budget), 100));
        let large: Arc<dyn MemoryPool> = Arc::new(QueryPool::new(Arc::clone(&budget), 2000));
        let first = MemoryConsumer::new("first").register(&small);
        assert!(first.try_grow(101).is_err(), "more than the share");
        assert_eq!(budget.used(), 0);
        first.try_grow(100).expect("the share");
        let second = MemoryConsumer::new("second").register(&large);
        assert!(second.try_grow(901).is_err(), "more than the budget");
        second.try_grow(900).expect("what is left");
        drop(first);
        drop(second);
        assert_eq!(budget.used(), 0);
    }
}
