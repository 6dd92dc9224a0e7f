//! Runs: every change of state compares the state before and the fence of whoever makes it.

use base::{Result, RunId};
use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, DbErr, QueryOrder, QuerySelect};
use serde_json::Value;

use crate::clock::{micros, now, time};
use crate::failures::damaged;
use crate::jobs::{Job, push_in};
use crate::transactions::{begin, insert_new, retried};
use crate::{Meta, StepRow, logs, steps};

/// Most runs of one page.
const PAGE_ROWS_MAX: u64 = 1000;

/// Runs by id. What the states are called is `flow`'s business.
#[derive(Debug, Clone)]
pub struct Runs {
    pub(crate) meta: Meta,
}

/// One execution of a pipeline.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRow {
    /// Its id; sorts by the time it was made.
    pub id: RunId,
    /// The pipeline's name.
    pub pipeline: String,
    /// Such as `queued`.
    pub state: String,
    /// The scheduled time it stands for.
    pub instance: Option<DateTime<Utc>>,
    /// Parameters by name.
    pub parameters: Value,
    /// The user it acts as.
    pub created_by: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When its first step began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// Why it failed, as errors are sent.
    pub error: Option<Value>,
    /// Larger goes first.
    pub priority: i32,
    /// A run with the same key is made only once, however many schedulers try; none: no such limit.
    pub dedup_key: Option<String>,
    /// Whether somebody asked it to end.
    pub cancel_requested: bool,
    /// The highest fence that wrote to it.
    pub fence: i64,
}

impl RunRow {
    /// A run in `state`, made now, with nothing else set.
    pub fn new(id: RunId, pipeline: impl Into<String>, state: impl Into<String>, created_by: impl Into<String>) -> Self {
        Self {
            id,
            pipeline: pipeline.into(),
            state: state.into(),
            instance: None,
            parameters: Value::Object(serde_json::Map::new()),
            created_by: created_by.into(),
            created_at: now(),
            started_at: None,
            finished_at: None,
            error: None,
            priority: 0,
            dedup_key: None,
            cancel_requested: false,
            fence: 0,
        }
    }
}

/// Which runs to list; all conditions hold together.
#[derive(Debug, Clone, Default)]
pub struct RunFilter {
    /// Of this pipeline.
    pub pipeline: Option<String>,
    /// In this state.
    pub state: Option<String>,
    /// Older than this run, for the next page.
    pub before: Option<RunId>,
    /// At most this many; 0 and more than 1000 mean 1000.
    pub limit: u64,
}

/// What a change of a run's state writes besides the state.
#[derive(Debug, Clone, Default)]
pub struct RunChange {
    /// Sets the start.
    pub started_at: Option<DateTime<Utc>>,
    /// `Some(None)` clears the end, as a resumed run needs.
    pub finished_at: Option<Option<DateTime<Utc>>>,
    /// `Some(None)` clears the error.
    pub error: Option<Option<Value>>,
    /// Sets or clears the request to cancel.
    pub cancel_requested: Option<bool>,
}

impl Runs {
    pub(crate) fn new(meta: Meta) -> Self {
        Self { meta }
    }

    /// Stores a run with its steps; false, and nothing stored, if its id or its `dedup_key` is there already.
    pub async fn insert(&self, run: &RunRow, steps: &[StepRow]) -> Result<bool> {
        self.insert_with(run, steps, None).await
    }

    /// Stores a run with its steps and pushes its job in one transaction, so that no run waits for a job that never was.
    pub async fn insert_queued(&self, run: &RunRow, steps: &[StepRow], job: &Job) -> Result<bool> {
        self.insert_with(run, steps, Some(job)).await
    }

    async fn insert_with(&self, run: &RunRow, steps: &[StepRow], job: Option<&Job>) -> Result<bool> {
        retried(&self.meta, || async {
            let transaction = begin(self.meta.database()).await?;
            if !insert_new(&transaction, store_run(run)).await? {
                return Ok(false);
            }
            if !steps.is_empty() {
                steps::insert_in(&transaction, steps).await?;
            }
            if let Some(job) = job {
                push_in(&transaction, job).await?;
            }
            transaction.commit().await?;
            Ok(true)
        })
        .await
    }

    /// A run with its steps, in the order of their names.
    pub async fn get(&self, id: RunId) -> Result<Option<(RunRow, Vec<StepRow>)>> {
        let database = self.meta.database();
        let found = run::Entity::find_by_id(id.to_string()).one(database).await.map_err(|error| self.meta.failed(error))?;
        let Some(run) = found else { return Ok(None) };
        let steps = steps::of(database, id).await.map_err(|error| self.meta.failed(error))?;
        Ok(Some((read_run(run)?, steps.into_iter().map(steps::read).collect::<Result<_>>()?)))
    }

    /// The newest runs that fit, newest first, without their steps.
    pub async fn list(&self, filter: &RunFilter) -> Result<Vec<RunRow>> {
        let limit = if filter.limit == 0 { PAGE_ROWS_MAX } else { filter.limit.min(PAGE_ROWS_MAX) };
        let mut query = run::Entity::find().order_by_desc(run::Column::Id).limit(limit);
        if let Some(pipeline) = &filter.pipeline {
            query = query.filter(run::Column::Pipeline.eq(pipeline));
        }
        if let Some(state) = &filter.state {
            query = query.filter(run::Column::State.eq(state));
        }
        if let Some(before) = filter.before {
            query = query.filter(run::Column::Id.lt(before.to_string()));
        }
        let rows = query.all(self.meta.database()).await.map_err(|error| self.meta.failed(error))?;
        rows.into_iter().map(read_run).collect()
    }

    /// Makes `fence` the run's fence, after which no write with a lower one passes; false if a higher one was there.
    pub async fn claim(&self, id: RunId, fence: i64) -> Result<bool> {
        let change = run::ActiveModel { fence: Set(fence), ..Default::default() };
        self.change(id, change, &[], Some(fence)).await
    }

    /// Moves a run from one of the states `from` to `to`. With a fence, refuses if a higher one wrote before. False: not moved.
    pub async fn set_run_state(&self, id: RunId, from: &[&str], to: &str, fence: Option<i64>, change: RunChange) -> Result<bool> {
        let mut row = run::ActiveModel { state: Set(to.to_owned()), ..Default::default() };
        if let Some(at) = change.started_at {
            row.started_at = Set(Some(micros(at)));
        }
        if let Some(at) = change.finished_at {
            row.finished_at = Set(at.map(micros));
        }
        if let Some(error) = change.error {
            row.error = Set(error.map(|error| error.to_string()));
        }
        if let Some(requested) = change.cancel_requested {
            row.cancel_requested = Set(requested);
        }
        if let Some(fence) = fence {
            row.fence = Set(fence);
        }
        self.change(id, row, from, fence).await
    }

    /// Asks a run that has not ended to end; false if it is unknown or has ended.
    pub async fn request_cancel(&self, id: RunId) -> Result<bool> {
        let change = run::ActiveModel { cancel_requested: Set(true), ..Default::default() };
        let updated = retried(&self.meta, || {
            run::Entity::update_many()
                .set(change.clone())
                .filter(run::Column::Id.eq(id.to_string()))
                .filter(run::Column::FinishedAt.is_null())
                .exec(self.meta.database())
        })
        .await?;
        Ok(updated.rows_affected == 1)
    }

    /// Whether somebody asked the run to end.
    pub async fn cancel_requested(&self, id: RunId) -> Result<bool> {
        let run = run::Entity::find_by_id(id.to_string()).one(self.meta.database()).await;
        Ok(run.map_err(|error| self.meta.failed(error))?.is_some_and(|run| run.cancel_requested))
    }

    async fn change(&self, id: RunId, row: run::ActiveModel, from: &[&str], fence: Option<i64>) -> Result<bool> {
        let updated = retried(&self.meta, || {
            let mut update = run::Entity::update_many().set(row.clone()).filter(run::Column::Id.eq(id.to_string()));
            if !from.is_empty() {
                update = update.filter(run::Column::State.is_in(from.iter().copied()));
            }
            if let Some(fence) = fence {
                update = update.filter(run::Column::Fence.lte(fence));
            }
            update.exec(self.meta.database())
        })
        .await?;
        Ok(updated.rows_affected == 1)
    }

    /// Removes a run with its steps and logs.
    pub async fn delete(&self, id: RunId) -> Result<bool> {
        retried(&self.meta, || async {
            let transaction = begin(self.meta.database()).await?;
            steps::delete_in(&transaction, id).await?;
            logs::delete_in(&transaction, id).await?;
            let deleted = run::Entity::delete_by_id(id.to_string()).exec(&transaction).await?;
            transaction.commit().await?;
            Ok::<_, DbErr>(deleted.rows_affected == 1)
        })
        .await
    }
}

fn store_run(row: &RunRow) -> run::ActiveModel {
    run::ActiveModel {
        id: Set(row.id.to_string()),
        pipeline: Set(row.pipeline.clone()),
        state: Set(row.state.clone()),
        instance: Set(row.instance.map(micros)),
        parameters: Set(row.parameters.to_string()),
        created_by: Set(row.created_by.clone()),
        created_at: Set(micros(row.created_at)),
        started_at: Set(row.started_at.map(micros)),
        finished_at: Set(row.finished_at.map(micros)),
        error: Set(row.error.as_ref().map(Value::to_string)),
        priority: Set(row.priority),
        dedup_key: Set(row.dedup_key.clone()),
        cancel_requested: Set(row.cancel_requested),
        fence: Set(row.fence),
        log_lines: Set(0),
    }
}

fn read_run(row: run::Model) -> Result<RunRow> {
    Ok(RunRow {
        id: row.id.parse().map_err(|error| damaged("runs", error))?,
        parameters: json("runs", &row.parameters)?,
        error: row.error.as_deref().map(|text| json("runs", text)).transpose()?,
        pipeline: row.pipeline,
        state: row.state,
        instance: row.instance.map(time),
        created_by: row.created_by,
        created_at: time(row.created_at),
        started_at: row.started_at.map(time),
        finished_at: row.finished_at.map(time),
        priority: row.priority,
        dedup_key: row.dedup_key,
        cancel_requested: row.cancel_requested,
        fence: row.fence,
    })
}

pub(crate) fn json(table: &'static str, text: &str) -> Result<Value> {
    serde_json::from_str(text).map_err(|error| damaged(table, error))
}

pub(crate) mod run {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "runs")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub pipeline: String,
        pub state: String,
        pub instance: Option<i64>,
        pub parameters: String,
        pub created_by: String,
        pub created_at: i64,
        pub started_at: Option<i64>,
        pub finished_at: Option<i64>,
        pub error: Option<String>,
        pub priority: i32,
        pub dedup_key: Option<String>,
        pub cancel_requested: bool,
        pub fence: i64,
        pub log_lines: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
