//! Writing transactions: taken at once where the database has one writer, repeated a few times when they collide.

use std::time::Duration;

use base::Result;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveModelTrait, ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, EntityTrait, Insert, Iterable, SqlErr};

use crate::Meta;
use crate::connection::Database;
use crate::failures::is_contention;

/// How often a colliding transaction is tried.
const ATTEMPTS_MAX: u32 = 6;

/// The wait after the first collision; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// Begins a transaction that will write.
pub(crate) async fn begin(database: &Database) -> Result<DatabaseTransaction, DbErr> {
    database.begin().await
}

/// Runs a whole transaction, again if it collides with another.
pub(crate) async fn retried<T, F, W>(meta: &Meta, mut work: F) -> Result<T>
where
    F: FnMut() -> W,
    W: Future<Output = Result<T, DbErr>>,
{
    let mut pause = FIRST_PAUSE;
    for _ in 1..ATTEMPTS_MAX {
        match meta.database().transaction(work()).await {
            Err(error) if is_contention(&error) => {
                tracing::debug!(%error, "a metadata transaction collided; trying again");
                // The low bits of a fresh id spread processes that collided at the same moment.
                let jitter = uuid::Uuid::now_v7().as_bytes()[15];
                tokio::time::sleep(pause.mul_f64(0.5 + f64::from(jitter) / 255.0)).await;
                pause *= 2;
            }
            done => return done.map_err(|error| meta.failed(error)),
        }
    }
    meta.database().transaction(work()).await.map_err(|error| meta.failed(error))
}

/// Inserts a row unless one with its key is there; says whether it did.
///
/// MySQL counts a "do nothing" as one changed row, so there the refusal itself is the answer; PostgreSQL would abort the
/// transaction on a refusal, so there the clause is.
pub(crate) async fn insert_new<A, C>(database: &C, row: A) -> Result<bool, DbErr>
where
    A: ActiveModelTrait,
    C: ConnectionTrait,
{
    let mut insert = Insert::one(row);
    if database.get_database_backend() != DbBackend::MySql {
        insert = insert.on_conflict(OnConflict::new().do_nothing().to_owned());
    }
    match insert.exec_without_returning(database).await {
        Ok(count) => Ok(count == 1),
        Err(DbErr::RecordNotInserted) => Ok(false),
        Err(error) if matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Inserts a row, or overwrites all other columns of the one with the same primary key.
pub(crate) async fn upsert<A, C>(database: &C, row: A) -> Result<(), DbErr>
where
    A: ActiveModelTrait,
    C: ConnectionTrait,
{
    let keys = <<A::Entity as EntityTrait>::PrimaryKey as Iterable>::iter();
    let columns = <<A::Entity as EntityTrait>::Column as Iterable>::iter();
    let clause = OnConflict::columns(keys).update_columns(columns).to_owned();
    Insert::one(row).on_conflict(clause).exec_without_returning(database).await.map(|_| ())
}
