//! The steps of runs: written under the fence of the run they belong to.

use base::{Result, RunId};
use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, ConnectionTrait, DatabaseTransaction, DbErr, QueryOrder};
use serde_json::Value;

use crate::clock::{micros, time};
use crate::failures::damaged;
use crate::runs::{Runs, json, run};
use crate::transactions::{begin, retried, upsert};

/// One step of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct StepRow {
    /// The run.
    pub run_id: RunId,
    /// The step's name, unique in its run.
    pub step: String,
    /// Such as `running`.
    pub state: String,
    /// From 1 once it began.
    pub attempt: i32,
    /// Rows done.
    pub rows: i64,
    /// Bytes done.
    pub bytes: i64,
    /// Rows put into quarantine.
    pub rejected: i64,
    /// Rows to do, if known.
    pub total_rows: Option<i64>,
    /// Bytes to do, if known.
    pub total_bytes: Option<i64>,
    /// When this attempt began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// Why it failed.
    pub error: Option<Value>,
    /// What it hands on, such as the version it committed.
    pub output: Value,
}

impl StepRow {
    /// A step in `state` that has done nothing yet.
    pub fn new(run_id: RunId, step: impl Into<String>, state: impl Into<String>) -> Self {
        Self {
            run_id,
            step: step.into(),
            state: state.into(),
            attempt: 0,
            rows: 0,
            bytes: 0,
            rejected: 0,
            total_rows: None,
            total_bytes: None,
            started_at: None,
            finished_at: None,
            error: None,
            output: Value::Null,
        }
    }
}

impl Runs {
    /// Writes a step as it is now. With a fence, refuses (false) unless the run's fence is not higher.
    pub async fn update_step(&self, row: &StepRow, fence: Option<i64>) -> Result<bool> {
        retried(&self.meta, || async {
            let transaction = begin(self.meta.database()).await?;
            if let Some(fence) = fence {
                // Taking the run's row keeps a new owner from slipping in between this check and the step's write.
                let held = run::Entity::update_many()
                    .col_expr(run::Column::Fence, Expr::value(fence))
                    .filter(run::Column::Id.eq(row.run_id.to_string()))
                    .filter(run::Column::Fence.lte(fence))
                    .exec(&transaction)
                    .await?;
                if held.rows_affected != 1 {
                    return Ok(false);
                }
            }
            upsert(&transaction, store(row)).await?;
            transaction.commit().await?;
            Ok(true)
        })
        .await
    }
}

/// Stores the steps of a new run.
pub(crate) async fn insert_in(transaction: &DatabaseTransaction, steps: &[StepRow]) -> Result<(), DbErr> {
    row::Entity::insert_many(steps.iter().map(store)).exec_without_returning(transaction).await.map(|_| ())
}

/// The steps of a run, by name.
pub(crate) async fn of<C: ConnectionTrait>(database: &C, id: RunId) -> Result<Vec<row::Model>, DbErr> {
    row::Entity::find().filter(row::Column::RunId.eq(id.to_string())).order_by_asc(row::Column::Step).all(database).await
}

/// Removes the steps of a run.
pub(crate) async fn delete_in(transaction: &DatabaseTransaction, id: RunId) -> Result<(), DbErr> {
    row::Entity::delete_many().filter(row::Column::RunId.eq(id.to_string())).exec(transaction).await.map(|_| ())
}

fn store(row: &StepRow) -> row::ActiveModel {
    row::ActiveModel {
        run_id: Set(row.run_id.to_string()),
        step: Set(row.step.clone()),
        state: Set(row.state.clone()),
        attempt: Set(row.attempt),
        row_count: Set(row.rows),
        byte_count: Set(row.bytes),
        rejected: Set(row.rejected),
        total_rows: Set(row.total_rows),
        total_bytes: Set(row.total_bytes),
        started_at: Set(row.started_at.map(micros)),
        finished_at: Set(row.finished_at.map(micros)),
        error: Set(row.error.as_ref().map(Value::to_string)),
        output: Set(row.output.to_string()),
    }
}

pub(crate) fn read(row: row::Model) -> Result<StepRow> {
    Ok(StepRow {
        run_id: row.run_id.parse().map_err(|error| damaged("run_steps", error))?,
        error: row.error.as_deref().map(|text| json("run_steps", text)).transpose()?,
        output: json("run_steps", &row.output)?,
        step: row.step,
        state: row.state,
        attempt: row.attempt,
        rows: row.row_count,
        bytes: row.byte_count,
        rejected: row.rejected,
        total_rows: row.total_rows,
        total_bytes: row.total_bytes,
        started_at: row.started_at.map(time),
        finished_at: row.finished_at.map(time),
    })
}

mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "run_steps")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub run_id: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub step: String,
        pub state: String,
        pub attempt: i32,
        pub row_count: i64,
        pub byte_count: i64,
        pub rejected: i64,
        pub total_rows: Option<i64>,
        pub total_bytes: Option<i64>,
        pub started_at: Option<i64>,
        pub finished_at: Option<i64>,
        pub error: Option<String>,
        pub output: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
