//! Ids that sort by the time they were made.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// One execution of a pipeline: a version 7 UUID, so runs sort by start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(Uuid);

impl RunId {
    /// A new id, later than every earlier one of this process.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

impl FromStr for RunId {
    type Err = crate::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::parse_str(text).map(Self).map_err(|_| {
            crate::Error::new(&crate::errors::INVALID_NAME)
                .with("what", "run")
                .with("name", text)
                .with("rule", "a run id is a UUID, as `dataux runs` prints it")
        })
    }
}

/// A fresh id as text, for rows that have no better key.
pub fn fresh() -> String {
    Uuid::now_v7().as_hyphenated().to_string()
}
