//! The newest snapshot of a table, asked for by many at once: of those who come together, one looks.
//!
//! Nobody is answered with a look that began before he asked, so whoever asks after a commit sees it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use base::{Result, TableName};
use guard::{Object, Pass, Privilege};
use lake::Table;

use crate::query::Engine;

/// Tables whose last look is kept.
const TABLES_MAX: usize = 4096;

/// The looks at each table.
#[derive(Debug, Default)]
pub(crate) struct Looks(Mutex<HashMap<TableName, Arc<Look>>>);

#[derive(Debug, Default)]
struct Look {
    /// How many looks have begun.
    begun: AtomicU64,
    /// The last that ended.
    last: tokio::sync::Mutex<Option<Seen>>,
}

/// What a look saw, by its number; also a failure, so that those who wait behind it do not all go and wait for the same store.
#[derive(Debug)]
struct Seen {
    number: u64,
    what: Result<Table>,
}

impl Seen {
    fn told(&self) -> Result<Table> {
        match &self.what {
            Ok(table) => Ok(table.clone()),
            Err(error) => Err(error.again()),
        }
    }
}

impl Looks {
    fn of(&self, name: &TableName) -> Arc<Look> {
        let mut looks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = looks.get(name) {
            return Arc::clone(known);
        }
        if looks.len() >= TABLES_MAX {
            looks.clear();
        }
        Arc::clone(looks.entry(name.clone()).or_default())
    }

    /// Forgets what was seen, and with it the snapshots, which hold on to files.
    pub fn forget(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl Engine {
    /// The table as it is now, for a pass that may read it.
    pub(crate) async fn newest(&self, pass: &Pass, name: &TableName) -> Result<Table> {
        pass.demand(Privilege::Select, &Object::Table(name))?;
        let look = self.shared().looks.of(name);
        let asked = look.begun.load(Ordering::Acquire);
        let mut last = look.last.lock().await;
        if let Some(seen) = last.as_ref().filter(|seen| seen.number > asked) {
            return seen.told();
        }
        let number = look.begun.fetch_add(1, Ordering::AcqRel) + 1;
        let what = self.lake().table(pass, name).await;
        last.insert(Seen { number, what }).told()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_look_a_table() {
        let looks = Looks::default();
        let name = |table: &str| TableName::lake("a", table).expect("a name");
        assert!(Arc::ptr_eq(&looks.of(&name("t")), &looks.of(&name("t"))));
        assert!(!Arc::ptr_eq(&looks.of(&name("t")), &looks.of(&name("u"))));
        for number in 0..TABLES_MAX + 10 {
            looks.of(&name(&format!("t{number}")));
        }
        assert!(looks.0.lock().expect("not poisoned").len() <= TABLES_MAX);
    }
}
