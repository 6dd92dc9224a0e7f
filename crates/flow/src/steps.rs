//! What a step can do: one verb a file. A new verb is a file here, a field of `StepSpec`, and a line in its `step`.

use std::sync::Arc;

use async_trait::async_trait;
use base::document::Wrong;
use base::{Result, RunId, TableName};
use chrono::{DateTime, Utc};
use engine::Engine;
use guard::{Guard, Pass};
use lake::{Mode, Origin};
use meta::Meta;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::instance::Instance;
use crate::plan::{Outcome, Plan};
use crate::progress::Progress;
use crate::runs::Log;

pub mod check;
pub mod collect;
pub mod publish;
pub(crate) mod replay;
pub mod sql;

/// Commits searched for a position that `meta` has lost.
const HISTORY_MAX: usize = 10_000;

/// A verb. `plan` looks and fixes; `run` does, and doing it twice with one plan is as doing it once.
#[async_trait]
pub trait Step: Send + Sync {
    /// The verb, such as `collect`.
    fn verb(&self) -> &'static str;

    /// The lake tables it reads.
    fn reads(&self) -> Result<Vec<TableName>, Wrong>;

    /// The lake tables it writes, its quarantine included.
    fn writes(&self) -> Vec<TableName>;

    /// What the types of the spec cannot say.
    fn check(&self) -> Result<(), Wrong>;

    /// Fixes what every attempt must agree on.
    async fn plan(&self, context: &StepContext) -> Result<Plan>;

    /// Does it.
    async fn run(&self, context: &StepContext, plan: &Plan) -> Result<Outcome>;
}

/// What a step works with.
#[derive(Clone)]
pub struct StepContext {
    /// Reads and writes.
    pub engine: Engine,
    /// Secrets of connections.
    pub guard: Guard,
    /// Positions.
    pub meta: Meta,
    /// The rights of the pipeline's owner.
    pub pass: Pass,
    /// The pipeline's name.
    pub pipeline: String,
    /// The step's name.
    pub step: String,
    /// The run.
    pub run: RunId,
    /// The run's time and parameters.
    pub instance: Instance,
    /// When the step first began; the same for every attempt, because it is written into rows.
    pub started_at: DateTime<Utc>,
    /// Counters that people watch.
    pub progress: Arc<Progress>,
    /// The run's log.
    pub log: Log,
}

impl StepContext {
    /// The application id of this step's transactions on a table.
    pub fn app_id(&self, table: &TableName) -> String {
        format!("dataux/{}/{}/{table}", self.pipeline, self.step)
    }

    /// The source position that a transaction of this step noted: in the metadata, or else in the table's history.
    pub(crate) async fn position_of(&self, table: &TableName, app_id: &str, version: i64) -> Result<Option<Value>> {
        if let Some(position) = self.meta.positions().get(app_id, version).await? {
            return Ok(Some(position));
        }
        self.position_in_history(table, app_id, version).await
    }

    /// The position that a transaction noted in a table's history.
    pub(crate) async fn position_in_history(&self, table: &TableName, app_id: &str, version: i64) -> Result<Option<Value>> {
        let table = self.engine.lake_table(&self.pass, table).await?;
        let origins = table.history(HISTORY_MAX).await?.into_iter().filter_map(|version| version.origin);
        let mut matching = origins.filter(|origin| {
            origin.transaction.as_ref().is_some_and(|transaction| transaction.app_id == app_id && transaction.version == version)
        });
        Ok(matching.next().and_then(|origin| origin.position))
    }

    /// Who and what writes, for the commit; position and transaction are the caller's to fill.
    pub fn origin(&self) -> Origin {
        Origin {
            principal: self.pass.user().to_owned(),
            pipeline: Some(self.pipeline.clone()),
            step: Some(self.step.clone()),
            run: Some(self.run.to_string()),
            position: None,
            transaction: None,
            time: Utc::now(),
        }
    }

    /// The last transaction of this step that the table (or a quarantine) holds, if the table exists.
    pub async fn last_transaction(&self, table: &TableName) -> Result<Option<i64>> {
        match self.engine.lake_table(&self.pass, table).await {
            Ok(table_now) => table_now.transaction_version(&self.app_id(table)).await,
            Err(error) if error.code().http == 404 => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// A step has its own time limit; its queries need only an end.
pub(crate) const QUERY_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(7 * 86_400);

/// How rows go into a table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WriteMode {
    /// The new rows take the place of all old ones.
    #[default]
    Replace,
    /// The new rows are added.
    Append,
    /// A new row takes the place of the old row with the same keys.
    Merge,
}

/// How far a step may change the columns of its table; each allows what stands before it too. Time travel still reads old
/// versions with their own columns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Evolve {
    /// Not at all: rows with other columns are refused.
    #[default]
    No,
    /// Columns that are new are added, and are empty for the rows that are there.
    Add,
    /// Types become wider where nothing is lost (`int32` to `int64`, `float32` to `float64`, more digits of a decimal), and
    /// columns may be empty where they might not.
    Widen,
    /// In mode replace, the table takes the columns of its new rows, whatever they are.
    Replace,
}

impl Evolve {
    /// The lake's word for it.
    pub const fn to_lake(self) -> lake::Evolve {
        match self {
            Self::No => lake::Evolve::No,
            Self::Add => lake::Evolve::Add,
            Self::Widen => lake::Evolve::Widen,
            Self::Replace => lake::Evolve::Replace,
        }
    }

    /// Only who replaces all rows may replace all columns.
    pub fn check(self, mode: WriteMode) -> Result<(), Wrong> {
        if self == Self::Replace && mode != WriteMode::Replace {
            return Err(Wrong::new("evolve", "`evolve: replace` belongs to mode replace; use `widen` or `add`"));
        }
        Ok(())
    }

    #[allow(clippy::trivially_copy_pass_by_ref)] // serde's form of it
    pub(crate) fn is_no(&self) -> bool {
        *self == Self::No
    }
}

impl WriteMode {
    /// The lake's word for it.
    pub fn to_lake(self, keys: &[String]) -> Mode {
        match self {
            Self::Replace => Mode::Replace,
            Self::Append => Mode::Append,
            Self::Merge => Mode::Merge { keys: keys.to_vec() },
        }
    }

    /// Keys belong to merge and to nothing else.
    pub fn check(self, keys: &[String]) -> Result<(), Wrong> {
        match (self, keys.is_empty()) {
            (Self::Merge, true) => Err(Wrong::new("keys", "merge needs `keys`, the columns that name a row")),
            (Self::Replace | Self::Append, false) => Err(Wrong::new("keys", "keys belong to mode merge")),
            _ => Ok(()),
        }
    }
}

/// The target of a write must be a table of the lake and no quarantine.
pub(crate) fn check_target(into: &TableName) -> Result<(), Wrong> {
    if !into.is_lake() {
        return Err(Wrong::new("into", format!("`{into}` is not in the lake; write lake.schema.table")));
    }
    if into.table().ends_with(base::names::QUARANTINE_SUFFIX) {
        return Err(Wrong::new("into", format!("`{into}` is a quarantine, which fills by itself")));
    }
    Ok(())
}
