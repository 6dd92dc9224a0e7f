//! What is fixed before a step writes: versions of its inputs, the source position, the number of its transaction.

use std::collections::{BTreeMap, HashMap};

use base::{Result, TableName};
use lake::Table;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::steps::StepContext;

/// A step's plan; stored with the run before the first row is written, and used again by every later attempt.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The version at which each lake table is read.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<TableName, u64>,
    /// The views through which they are read, with their declarations.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub views: BTreeMap<TableName, String>,
    /// The number of the transaction that this step commits; one more than the table's last one by the same step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction: Option<i64>,
    /// Where the source is read from, as the connector wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Value>,
    /// Inputs of which only what came behind this version is read.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub after: BTreeMap<TableName, u64>,
    /// The table is made anew from whole inputs, although the step is incremental.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub refresh: bool,
}

impl Plan {
    /// The versions between which inputs are read that are not read whole.
    pub fn spans(&self) -> BTreeMap<TableName, (u64, u64)> {
        let span = |(table, after): (&TableName, &u64)| Some((table.clone(), (*after, *self.inputs.get(table)?)));
        self.after.iter().filter_map(span).collect()
    }

    /// Fixes the versions of the lake tables that are read under these names, views seen through; answers the tables.
    pub(crate) async fn read(&mut self, context: &StepContext, names: &[TableName]) -> Result<BTreeMap<TableName, Table>> {
        let engine::Inputs { tables, views } = context.engine.inputs(&context.pass, names).await?;
        self.inputs.extend(tables.iter().map(|(table, now)| (table.clone(), now.version())));
        self.views.extend(views);
        Ok(tables)
    }

    /// The inputs in the form that `engine` takes.
    pub fn fixed(&self) -> HashMap<TableName, u64> {
        self.inputs.iter().map(|(table, version)| (table.clone(), *version)).collect()
    }
}

/// What a step left.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The table written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<TableName>,
    /// Its version after this step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// An earlier attempt had committed already, so nothing was added.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub duplicate: bool,
    /// What each check found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<CheckResult>,
    /// What became of records in quarantine, if this was a replay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay: Option<Replayed>,
}

/// What became of the records of a replay.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replayed {
    /// Records that were looked at.
    pub records: u64,
    /// Those that fit now and went to the table; of a dry run, those that would.
    pub moved: u64,
    /// Those that stay in quarantine, by cause.
    pub stayed: BTreeMap<String, u64>,
    /// Nothing was changed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckResult {
    /// The check's name.
    pub check: String,
    /// Rows (or groups of rows) that do not fit.
    pub failing: u64,
    /// `passed`, `warned`, `quarantined` or `stopped`.
    pub outcome: String,
}
