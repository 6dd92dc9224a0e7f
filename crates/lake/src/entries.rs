//! What single entries of a table's log say, for those who ask how a table came to be and not only what it is.

use std::collections::HashSet;

use base::{Error, Result};
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use serde::Deserialize;

use crate::errors;
use crate::origin::Transaction;
use crate::table::Table;

/// Entries read at the same time.
const ENTRIES_AHEAD: usize = 8;

/// Most entries looked through for a transaction.
const SEARCHED_MAX: u64 = 10_000;

/// One commit.
#[derive(Debug, Default)]
pub(crate) struct Entry {
    /// What was done, such as `WRITE`.
    pub operation: String,
    /// Files with rows that are new.
    pub added: HashSet<String>,
    /// Whether rows were taken away.
    pub takes: bool,
    /// Files that went although their rows stayed.
    pub rearranged: HashSet<String>,
    transactions: Vec<Transaction>,
}

#[derive(Deserialize)]
struct Line {
    add: Option<File>,
    remove: Option<File>,
    txn: Option<Txn>,
    #[serde(rename = "commitInfo")]
    information: Option<Information>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    path: String,
    #[serde(default = "yes")]
    data_change: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Txn {
    app_id: String,
    version: i64,
}

#[derive(Deserialize)]
struct Information {
    operation: Option<String>,
}

fn yes() -> bool {
    true
}

impl Entry {
    fn read(bytes: &[u8]) -> serde_json::Result<Self> {
        let mut entry = Self::default();
        for line in serde_json::Deserializer::from_slice(bytes).into_iter::<Line>() {
            let line = line?;
            match (line.add, line.remove) {
                (Some(file), _) if file.data_change => {
                    entry.added.insert(decoded(&file.path));
                }
                (_, Some(file)) if file.data_change => entry.takes = true,
                (_, Some(file)) => {
                    entry.rearranged.insert(decoded(&file.path));
                }
                _ => {}
            }
            entry.transactions.extend(line.txn.map(|txn| Transaction { app_id: txn.app_id, version: txn.version }));
            if let Some(operation) = line.information.and_then(|information| information.operation) {
                entry.operation = operation;
            }
        }
        Ok(entry)
    }
}

/// The path as a snapshot names it.
fn decoded(path: &str) -> String {
    Path::from_url_path(path).map_or_else(|_| path.to_owned(), |path| path.to_string())
}

impl Table {
    /// One entry; none if it was tidied up.
    async fn entry(&self, version: u64) -> Result<Option<Entry>> {
        let bytes = self.snapshot.log.read_commit_entry(version).await.map_err(|error| errors::log(self.name(), error))?;
        let entry = bytes.map(|bytes| Entry::read(&bytes)).transpose();
        entry.map_err(|error| errors::log(self.name(), error.into()))
    }

    /// The entries behind a version, up to another, in order.
    pub(crate) async fn entries(&self, after: u64, up_to: u64) -> Result<Vec<(u64, Option<Entry>)>> {
        let versions = futures::stream::iter(after + 1..=up_to);
        let read = versions.map(|version| async move { Ok::<_, Error>((version, self.entry(version).await?)) });
        read.buffered(ENTRIES_AHEAD).try_collect().await
    }

    /// The files that a transaction added last, searched from this handle's version backwards.
    pub(crate) async fn added_by(&self, transaction: &Transaction) -> Result<HashSet<String>> {
        let oldest = self.version().saturating_sub(SEARCHED_MAX);
        let versions = futures::stream::iter((oldest..=self.version()).rev());
        let mut read = versions.map(|version| self.entry(version)).buffered(ENTRIES_AHEAD).boxed();
        while let Some(entry) = read.try_next().await? {
            let Some(entry) = entry else { break };
            if entry.transactions.contains(transaction) {
                return Ok(entry.added);
            }
        }
        Ok(HashSet::new())
    }
}
