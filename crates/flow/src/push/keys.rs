//! The keys of requests that a table's commits name, remembered for a while.

use std::collections::{HashMap, VecDeque};

use base::Result;
use chrono::{DateTime, TimeDelta, Utc};
use lake::Table;
use serde::{Deserialize, Serialize};

use super::Pushed;

/// How long a key is remembered, at most.
const AGE_HOURS: i64 = 24;
/// How many keys are, and how many commits are searched for them after a start.
const KEYS_MAX: usize = 200_000;
const COMMITS_MAX: u64 = 10_000;

/// A request with a key, as a commit names it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Named {
    pub by: String,
    pub key: String,
    pub answer: Pushed,
}

/// What a commit of pushed rows says of where they came from.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Pushes {
    /// `CONNECTION/TARGET`.
    pub push: String,
    pub requests: u64,
    pub keys: Vec<Named>,
}

/// Keys of one table by user and key.
#[derive(Debug, Default)]
pub(super) struct Keys {
    table: Option<String>,
    seen: Option<u64>,
    known: HashMap<(String, String), Pushed>,
    order: VecDeque<(DateTime<Utc>, (String, String))>,
}

impl Keys {
    /// The answer of an earlier request of this user with this key.
    pub fn get(&self, by: &str, key: &str) -> Option<&Pushed> {
        self.known.get(&(by.to_owned(), key.to_owned()))
    }

    /// Reads what commits say that were made since the last look.
    pub async fn catch_up(&mut self, table: Option<&Table>) -> Result<()> {
        let Some(table) = table else {
            *self = Self::default();
            return Ok(());
        };
        if self.table.as_deref() != Some(table.id()) || self.seen.is_some_and(|seen| seen > table.version()) {
            *self = Self { table: Some(table.id().to_owned()), ..Self::default() };
        }
        let unseen = self.seen.map_or(table.version() + 1, |seen| table.version() - seen);
        if unseen > 0 {
            let history = table.history(usize::try_from(unseen.min(COMMITS_MAX)).unwrap_or(usize::MAX)).await?;
            for commit in history.into_iter().rev() {
                let position = commit.origin.and_then(|origin| origin.position);
                let Some(pushes) = position.and_then(|position| serde_json::from_value::<Pushes>(position).ok()) else {
                    continue;
                };
                for named in pushes.keys {
                    let name = (named.by, named.key);
                    if self.known.insert(name.clone(), named.answer).is_none() {
                        self.order.push_back((commit.at, name));
                    }
                }
            }
            self.seen = Some(table.version());
        }
        let oldest = Utc::now() - TimeDelta::hours(AGE_HOURS);
        while self.order.len() > KEYS_MAX || self.order.front().is_some_and(|(at, _)| *at < oldest) {
            let Some((_, name)) = self.order.pop_front() else { break };
            self.known.remove(&name);
        }
        Ok(())
    }
}
