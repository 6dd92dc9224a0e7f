//! What a lake keeps in memory: the newest snapshot of the tables in use, who reads which, and recent listings.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use base::TableName;

use crate::snapshot::Snapshot;

/// Listings kept at a time.
const LISTINGS_MAX: usize = 4096;

/// Snapshots by table, the longest unused going first.
#[derive(Debug)]
pub(crate) struct Snapshots {
    max: usize,
    clock: AtomicU64,
    newest: Mutex<HashMap<TableName, (Arc<Snapshot>, u64)>>,
    held: Mutex<HashMap<TableName, Vec<Weak<Snapshot>>>>,
}

impl Snapshots {
    pub(crate) fn new(max: usize) -> Self {
        Self { max: max.max(1), clock: AtomicU64::new(0), newest: Mutex::default(), held: Mutex::default() }
    }

    /// The newest known snapshot.
    pub(crate) fn get(&self, name: &TableName) -> Option<Arc<Snapshot>> {
        let now = self.clock.fetch_add(1, Ordering::Relaxed);
        let mut newest = lock(&self.newest);
        let (snapshot, used) = newest.get_mut(name)?;
        *used = now;
        Some(snapshot.clone())
    }

    /// Keeps a snapshot, unless a newer one of the same table is known.
    pub(crate) fn put(&self, snapshot: &Arc<Snapshot>) {
        self.hold(snapshot);
        let now = self.clock.fetch_add(1, Ordering::Relaxed);
        let mut newest = lock(&self.newest);
        if let Some((known, _)) = newest.get(&snapshot.name)
            && known.version() > snapshot.version()
            && known.state.metadata().id() == snapshot.state.metadata().id()
        {
            return;
        }
        newest.insert(snapshot.name.clone(), (snapshot.clone(), now));
        if newest.len() > self.max
            && let Some(oldest) = newest.iter().min_by_key(|(_, (_, used))| *used).map(|(name, _)| name.clone())
        {
            newest.remove(&oldest);
        }
    }

    /// Remembers that this snapshot may have readers.
    pub(crate) fn hold(&self, snapshot: &Arc<Snapshot>) {
        let mut held = lock(&self.held);
        let of_table = held.entry(snapshot.name.clone()).or_default();
        of_table.retain(|known| known.strong_count() > 0);
        of_table.push(Arc::downgrade(snapshot));
        if held.len() > self.max * 4 {
            held.retain(|_, snapshots| snapshots.iter().any(|known| known.strong_count() > 0));
        }
    }

    /// The versions of a table that something in this process still reads.
    pub(crate) fn held(&self, name: &TableName) -> Vec<u64> {
        let held = lock(&self.held);
        let versions = held.get(name).into_iter().flatten().filter_map(Weak::upgrade).map(|snapshot| snapshot.version());
        let mut versions: Vec<u64> = versions.collect();
        versions.sort_unstable();
        versions.dedup();
        versions
    }

    /// Forgets a table.
    pub(crate) fn forget(&self, name: &TableName) {
        lock(&self.newest).remove(name);
    }
}

/// Names, and when they were listed.
type Listed = (Instant, Arc<[String]>);

/// Lists of names that are believed for a while.
#[derive(Debug)]
pub(crate) struct Listings<K> {
    age_max: Duration,
    known: Mutex<HashMap<K, Listed>>,
}

impl<K: Hash + Eq> Listings<K> {
    pub(crate) fn new(age_max: Duration) -> Self {
        Self { age_max, known: Mutex::default() }
    }

    pub(crate) fn get(&self, key: &K) -> Option<Arc<[String]>> {
        let known = lock(&self.known);
        let (at, names) = known.get(key)?;
        (at.elapsed() < self.age_max).then(|| names.clone())
    }

    pub(crate) fn put(&self, key: K, names: Arc<[String]>) {
        let mut known = lock(&self.known);
        if known.len() >= LISTINGS_MAX {
            known.clear();
        }
        known.insert(key, (Instant::now(), names));
    }

    pub(crate) fn forget(&self, key: &K) {
        lock(&self.known).remove(key);
    }
}

/// One lock a table, so that writers of this process take turns to commit instead of racing.
#[derive(Debug, Default)]
pub(crate) struct Turns(Mutex<HashMap<TableName, Weak<tokio::sync::Mutex<()>>>>);

impl Turns {
    pub(crate) fn of(&self, name: &TableName) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = lock(&self.0);
        if let Some(turn) = turns.get(name).and_then(Weak::upgrade) {
            return turn;
        }
        turns.retain(|_, turn| turn.strong_count() > 0);
        let turn = Arc::new(tokio::sync::Mutex::new(()));
        turns.insert(name.clone(), Arc::downgrade(&turn));
        turn
    }
}

/// What these locks guard is whole between any two statements, so a panic elsewhere does not spoil it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
