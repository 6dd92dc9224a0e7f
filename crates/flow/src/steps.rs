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

use crate::instance::Instance;
use crate::plan::{Outcome, Plan};
use crate::progress::Progress;
use crate::runs::Log;

pub mod check;
pub mod collect;
pub mod publish;
pub mod sql;

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
