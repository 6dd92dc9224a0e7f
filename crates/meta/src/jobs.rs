//! The queue that all workers share: each job is held by one worker at a time, with a fence, by the database's clock.

use std::time::Duration;

use base::Result;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{ExprTrait, LockBehavior, LockType};
use sea_orm::{ActiveValue::Set, ConnectionTrait, DatabaseTransaction, DbErr, QueryOrder, QuerySelect};
use serde_json::Value;

use crate::clock::{database_now, database_now_plus, micros, now};
use crate::failures::damaged;
use crate::transactions::{begin, insert_new, retried};
use crate::{Meta, counters};

/// Jobs a worker looks at in one round, so that those that others snatch away cost no new search.
const CANDIDATES: u64 = 8;

/// Rounds of jobs all snatched away after which a worker says there is none.
const ROUNDS_MAX: usize = 4;

/// Jobs by kind and key.
#[derive(Debug, Clone)]
pub struct Jobs {
    meta: Meta,
}

/// Work to do.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// What sort of work; workers ask by kind.
    pub kind: String,
    /// Unique in its kind while the job is there, so that the same work is queued once.
    pub key: String,
    /// What the worker needs to know.
    pub payload: Value,
    /// Not before this long from now.
    pub run_after: Duration,
    /// Larger goes first.
    pub priority: i32,
}

/// A job that a worker holds until its time is up.
#[derive(Debug, Clone, PartialEq)]
pub struct TakenJob {
    /// The job's id.
    pub id: String,
    /// Its kind.
    pub kind: String,
    /// Its key.
    pub key: String,
    /// What the worker needs to know.
    pub payload: Value,
    /// Larger than every fence given before, to any job; goes with each write the job makes.
    pub fence: i64,
    /// From 1.
    pub attempt: i32,
}

impl Jobs {
    pub(crate) fn new(meta: Meta) -> Self {
        Self { meta }
    }

    /// Queues a job; false if one with its kind and key is queued or under way.
    pub async fn push(&self, job: &Job) -> Result<bool> {
        retried(&self.meta, || async {
            let transaction = begin(self.meta.database()).await?;
            let pushed = push_in(&transaction, job).await?;
            transaction.commit().await?;
            Ok(pushed)
        })
        .await
    }

    /// Takes the most urgent job of these kinds that is due and that nobody holds.
    pub async fn take(&self, kinds: &[&str], owner: &str, ttl: Duration) -> Result<Option<TakenJob>> {
        for _ in 0..ROUNDS_MAX {
            // A read without any lock first: idle workers ask often.
            let due = self.due(kinds).all(self.meta.database()).await.map_err(|error| self.meta.failed(error))?;
            if due.is_empty() {
                return Ok(None);
            }
            for candidate in due {
                if let Some(row) = retried(&self.meta, || self.take_once(&candidate, owner, ttl)).await? {
                    return Ok(Some(TakenJob {
                        payload: serde_json::from_str(&row.payload).map_err(|error| damaged("jobs", error))?,
                        id: row.id,
                        kind: row.kind,
                        key: row.job_key,
                        fence: row.fence,
                        attempt: row.attempt,
                    }));
                }
            }
        }
        Ok(None)
    }

    fn due(&self, kinds: &[&str]) -> Select<row::Entity> {
        let backend = self.meta.database().get_database_backend();
        row::Entity::find()
            .filter(row::Column::Kind.is_in(kinds.iter().copied()))
            .filter(Expr::col(row::Column::RunAfter).lte(database_now(backend)))
            .filter(Expr::col(row::Column::ExpiresAt).lte(database_now(backend)))
            .order_by_desc(row::Column::Priority)
            .order_by_asc(row::Column::RunAfter)
            .order_by_asc(row::Column::Id)
            .limit(CANDIDATES)
    }

    async fn take_once(&self, job: &row::Model, owner: &str, ttl: Duration) -> Result<Option<row::Model>, DbErr> {
        let transaction = begin(self.meta.database()).await?;
        let backend = transaction.get_database_backend();
        // One row by its key: a locking search would make MySQL lock every row that it sorts. SQLite has no row locks and
        // leaves the clause out; there the transaction is alone anyhow.
        let free = row::Entity::find_by_id(job.id.clone())
            .filter(row::Column::Fence.eq(job.fence))
            .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
        let Some(found) = free.one(&transaction).await? else { return Ok(None) };
        let fence = counters::next(&transaction, counters::FENCE).await?;
        let taken = row::Entity::update_many()
            .col_expr(row::Column::Owner, Expr::value(owner))
            .col_expr(row::Column::Fence, Expr::value(fence))
            .col_expr(row::Column::Attempt, Expr::col(row::Column::Attempt).add(1))
            .col_expr(row::Column::ExpiresAt, database_now_plus(backend, ttl))
            .filter(row::Column::Id.eq(&found.id))
            .filter(row::Column::Fence.eq(found.fence))
            .filter(Expr::col(row::Column::ExpiresAt).lte(database_now(backend)))
            .exec(&transaction)
            .await?;
        if taken.rows_affected != 1 {
            return Ok(None);
        }
        transaction.commit().await?;
        Ok(Some(row::Model { fence, attempt: found.attempt + 1, ..found }))
    }

    /// Holds a job for `ttl` from now; false if it is no longer ours, and then the work must stop.
    pub async fn renew(&self, job: &TakenJob, ttl: Duration) -> Result<bool> {
        let backend = self.meta.database().get_database_backend();
        let updated = retried(&self.meta, || {
            held(job).col_expr(row::Column::ExpiresAt, database_now_plus(backend, ttl)).exec(self.meta.database())
        })
        .await?;
        Ok(updated.rows_affected == 1)
    }

    /// Removes a job that is done; false if it was no longer ours.
    pub async fn finish(&self, job: &TakenJob) -> Result<bool> {
        let deleted = retried(&self.meta, || {
            row::Entity::delete_many()
                .filter(row::Column::Id.eq(&job.id))
                .filter(row::Column::Fence.eq(job.fence))
                .exec(self.meta.database())
        })
        .await?;
        Ok(deleted.rows_affected == 1)
    }

    /// Gives a job back, to be taken again after that long; false if it was no longer ours.
    pub async fn fail(&self, job: &TakenJob, retry_after: Duration) -> Result<bool> {
        let backend = self.meta.database().get_database_backend();
        let updated = retried(&self.meta, || {
            held(job)
                .col_expr(row::Column::ExpiresAt, Expr::value(0_i64))
                .col_expr(row::Column::RunAfter, database_now_plus(backend, retry_after))
                .exec(self.meta.database())
        })
        .await?;
        Ok(updated.rows_affected == 1)
    }

    /// How many jobs of a kind are due and wait for a worker, and for how long the oldest has.
    pub async fn waiting(&self, kind: &str) -> Result<(u64, Duration)> {
        let database = self.meta.database();
        let now = || database_now(database.get_database_backend());
        let found = row::Entity::find()
            .select_only()
            .column_as(row::Column::Id.count(), "waiting")
            .column_as(row::Column::RunAfter.min(), "since")
            .expr_as(now(), "now")
            .filter(row::Column::Kind.eq(kind))
            .filter(Expr::col(row::Column::RunAfter).lte(now()))
            .filter(Expr::col(row::Column::ExpiresAt).lte(now()))
            .into_tuple::<(i64, Option<i64>, i64)>()
            .one(database)
            .await;
        let (count, since, now) = found.map_err(|error| self.meta.failed(error))?.unwrap_or_default();
        let micros = since.map_or(0, |since| now.saturating_sub(since));
        Ok((u64::try_from(count).unwrap_or(0), Duration::from_micros(u64::try_from(micros).unwrap_or(0))))
    }

    /// How many jobs of a kind are there, waiting or held.
    pub async fn count(&self, kind: &str) -> Result<u64> {
        let count = row::Entity::find().filter(row::Column::Kind.eq(kind)).count(self.meta.database()).await;
        count.map_err(|error| self.meta.failed(error))
    }
}

fn held(job: &TakenJob) -> sea_orm::UpdateMany<row::Entity> {
    row::Entity::update_many().filter(row::Column::Id.eq(&job.id)).filter(row::Column::Fence.eq(job.fence))
}

/// Queues a job within a transaction.
pub(crate) async fn push_in(transaction: &DatabaseTransaction, job: &Job) -> Result<bool, DbErr> {
    let id = base::ids::fresh();
    let row = row::ActiveModel {
        id: Set(id.clone()),
        kind: Set(job.kind.clone()),
        job_key: Set(job.key.clone()),
        payload: Set(job.payload.to_string()),
        run_after: Set(i64::MAX),
        priority: Set(job.priority),
        owner: Set(String::new()),
        fence: Set(0),
        expires_at: Set(0),
        attempt: Set(0),
        created_at: Set(micros(now())),
    };
    if !insert_new(transaction, row).await? {
        return Ok(false);
    }
    // Inserts take values only, so the database's clock comes in by an update.
    let due = database_now_plus(transaction.get_database_backend(), job.run_after);
    let update = row::Entity::update_many().col_expr(row::Column::RunAfter, due).filter(row::Column::Id.eq(id));
    update.exec(transaction).await?;
    Ok(true)
}

mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "jobs")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub kind: String,
        pub job_key: String,
        pub payload: String,
        pub run_after: i64,
        pub priority: i32,
        pub owner: String,
        pub fence: i64,
        pub expires_at: i64,
        pub attempt: i32,
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
