//! The platform's own state — resources, accounts, audit, runs, leases, jobs, positions — in SQLite, PostgreSQL or MySQL; and
//! what replicas share for a while, in memory or Redis.
//!
//! All SQL over that state is in this crate, one repository a file. Two rules keep several processes on one database safe:
//! every change compares what it read (a version, a state, a fence) in its `WHERE` and looks at the number of changed rows,
//! and whatever expires does so by the clock of the database, never by that of a process.

pub mod accounts;
pub mod audit;
pub mod cache;
mod checkpoints;
mod clock;
pub mod codes;
mod connection;
mod counters;
mod facts;
mod failures;
mod jdbc;
pub mod jobs;
pub mod leases;
pub mod logs;
mod migrations;
pub mod positions;
pub mod resources;
pub mod runs;
pub mod secrets;
pub mod steps;
mod stores;
#[cfg(test)]
mod suite;
pub mod tokens;
mod transactions;
pub mod url;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base::Result;
use sea_orm::DbErr;

use connection::Database;

pub use accounts::{AccountRow, Accounts};
pub use audit::{Audit, AuditFilter, AuditHead, AuditRow};
pub use cache::{Bucket, Cache, CacheNumbers, RedisUrl};
pub use jobs::{Job, Jobs, TakenJob};
pub use leases::{Lease, Leases};
pub use logs::LogRow;
pub use positions::{LedgerEntry, Positions};
pub use resources::{ResourceRow, Resources};
pub use runs::{RunChange, RunFilter, RunRow, Runs};
pub use secrets::{SecretRow, Secrets};
pub use steps::StepRow;
pub use tokens::{TokenKind, TokenRow, Tokens};
pub use url::DatabaseUrl;

/// The platform's own state. Clones share one pool of connections.
#[derive(Clone)]
pub struct Meta {
    inner: Arc<Inner>,
}

struct Inner {
    database: Database,
    /// The URL without its password, for messages.
    place: String,
    /// How many changes of policy this process made itself.
    policy_writes: AtomicU64,
}

impl Meta {
    /// Connects, and brings the tables up to date; of several processes that start at once, one migrates and the others wait.
    pub async fn open(url: &DatabaseUrl) -> Result<Self> {
        let place = url.to_string();
        let pool = stores::connect(url).await.map_err(|error| failures::on_connect(error, &place))?;
        let database = Database::new(pool);
        migrations::run(&database).await.map_err(|error| failures::on_migrate(error, &place))?;
        Ok(Self { inner: Arc::new(Inner { database, place, policy_writes: AtomicU64::new(0) }) })
    }

    /// Asks the database for a sign of life.
    pub async fn ping(&self) -> Result<()> {
        self.database().ping().await.map_err(|error| self.failed(error))
    }

    /// Closes the connections; what is under way ends first.
    pub async fn close(&self) -> Result<()> {
        self.database().close().await.map_err(|error| self.failed(error))
    }

    /// Where the state is kept, without a password.
    pub fn place(&self) -> &str {
        &self.inner.place
    }

    /// What users declare.
    pub fn resources(&self) -> Resources {
        Resources::new(self.clone())
    }

    /// Passwords and lockouts.
    pub fn accounts(&self) -> Accounts {
        Accounts::new(self.clone())
    }

    /// API tokens and sessions, by the hash of their secret.
    pub fn tokens(&self) -> Tokens {
        Tokens::new(self.clone())
    }

    /// The encrypted store's rows; this crate sees no plain text.
    pub fn secrets(&self) -> Secrets {
        Secrets::new(self.clone())
    }

    /// The audit chains' rows.
    pub fn audit(&self) -> Audit {
        Audit::new(self.clone())
    }

    /// Runs, their steps and logs.
    pub fn runs(&self) -> Runs {
        Runs::new(self.clone())
    }

    /// Leases with fences.
    pub fn leases(&self) -> Leases {
        Leases::new(self.clone())
    }

    /// The queue that all workers share.
    pub fn jobs(&self) -> Jobs {
        Jobs::new(self.clone())
    }

    /// How far each application transaction has read its source.
    pub fn positions(&self) -> Positions {
        Positions::new(self.clone())
    }

    /// Grows when this process itself changes users, roles, grants or views, or revokes a token: a sign, without asking the
    /// database, that a cached policy is old.
    pub fn policy_writes(&self) -> u64 {
        self.inner.policy_writes.load(Ordering::Acquire)
    }

    pub(crate) fn note_policy_write(&self) {
        self.inner.policy_writes.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn database(&self) -> &Database {
        &self.inner.database
    }

    pub(crate) fn failed(&self, error: DbErr) -> base::Error {
        failures::on_statement(error, &self.inner.place)
    }
}

impl std::fmt::Debug for Meta {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Meta").field(&self.inner.place).finish()
    }
}
