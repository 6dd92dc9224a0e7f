//! Where a commit comes from and what it did.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Who and what made a commit. Stored in the commit itself, under `dataux.origin`, so that rows and their origin cannot part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// The user in whose name it was made.
    pub principal: String,
    /// The pipeline, if one wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<String>,
    /// The pipeline's step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// The run's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// The source position after this commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Value>,
    /// What makes a replay recognisable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction: Option<Transaction>,
    /// When the writer began, by its own clock; for people, nothing is decided by it.
    pub time: DateTime<Utc>,
}

impl Origin {
    /// An origin that names only its principal.
    pub fn of(principal: impl Into<String>) -> Self {
        Self {
            principal: principal.into(),
            pipeline: None,
            step: None,
            run: None,
            position: None,
            transaction: None,
            time: Utc::now(),
        }
    }

    /// The same, recognisable on replay.
    pub fn with_transaction(mut self, app_id: impl Into<String>, version: i64) -> Self {
        self.transaction = Some(Transaction { app_id: app_id.into(), version });
        self
    }
}

/// A version of an application's progress. A commit of a version not above the last one adds nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transaction {
    /// The application: one per source and target table.
    pub app_id: String,
    /// Grows with the input, never with the attempt.
    pub version: i64,
}

/// What a write does with the rows that are there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// Keeps them.
    Append,
    /// Takes all their places, in one commit.
    Replace,
    /// Keeps them, and takes the place of what an earlier attempt of the same transaction added.
    Amend,
    /// Takes the places of the rows of that version and keeps what was added since; fails if others have changed those rows.
    Rewrite {
        /// The version.
        of: u64,
    },
    /// Keeps them, and lands right behind that version or not at all.
    Behind {
        /// The version; none: the table is not there yet.
        version: Option<u64>,
    },
    /// Rows with equal keys are replaced, others are added; of several new rows with one key the last counts.
    Merge {
        /// The columns that tell rows apart; their values may not be empty.
        keys: Vec<String>,
    },
}

/// What a write did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// The table's version that holds it.
    pub version: u64,
    /// Rows written (for a merge: new and replacing rows, not the ones carried over).
    pub rows: u64,
    /// Bytes of new data files.
    pub bytes: u64,
    /// New data files.
    pub files: u64,
    /// Whether its transaction was there already, so nothing was read or written.
    pub duplicate: bool,
}

/// A state of a table in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AsOf {
    /// By number.
    Version(u64),
    /// The last version committed at or before this time, by the store's clock.
    Timestamp(DateTime<Utc>),
    /// Only the rows that were added between two versions; fails if rows were also taken away in between.
    Gained {
        /// What this version holds is left out.
        after: u64,
        /// Up to and including this one.
        version: u64,
    },
}

/// One line of a table's history.
#[derive(Debug, Clone, PartialEq)]
pub struct VersionInfo {
    /// The version.
    pub version: u64,
    /// When it was committed.
    pub at: DateTime<Utc>,
    /// What was done, such as `WRITE` or `OPTIMIZE`.
    pub operation: String,
    /// Rows written, if the writer said so.
    pub rows: Option<u64>,
    /// Who wrote it, if it was this platform.
    pub origin: Option<Origin>,
}

/// The size of a table at a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Details {
    /// Rows, exact, if every file says how many it has.
    pub rows: Option<u64>,
    /// Bytes of its data files.
    pub bytes: u64,
    /// Data files.
    pub files: u64,
}
