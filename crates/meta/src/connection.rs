//! The connection to the database: nobody waits on it for ever, and while it is known to be down hardly anybody waits at all.

use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr,
    SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
};
use tokio::time::Instant;

use crate::failures::is_lost;

/// Longest wait for one statement, or for a transaction to begin, of a database that is a server.
const STATEMENT_WAIT: Duration = Duration::from_secs(10);

/// Longest wait for a whole transaction.
const TRANSACTION_WAIT: Duration = Duration::from_secs(60);

/// The same while the database is known to be down.
const TRY_WAIT: Duration = Duration::from_secs(3);

/// While the database is down one statement is tried this often, to notice that it is back; the others fail at once.
const TRY_EVERY: Duration = Duration::from_secs(1);

/// A pool of connections with patience. SQLite has its own, which counts waiting writers, and is never away.
pub(crate) struct Database {
    pool: DatabaseConnection,
    /// When it was tried last, while it is down.
    down: Mutex<Option<Instant>>,
}

impl Database {
    pub(crate) fn new(pool: DatabaseConnection) -> Self {
        Self { pool, down: Mutex::default() }
    }

    /// Begins a transaction that will write. SQLite must know at once: a reader that becomes a writer fails when another wrote.
    pub(crate) async fn begin(&self) -> Result<DatabaseTransaction, DbErr> {
        let mode = Some(SqliteTransactionMode::Immediate);
        let options = TransactionOptions { sqlite_transaction_mode: mode, ..TransactionOptions::default() };
        let pool = self.pool.clone();
        self.within(STATEMENT_WAIT, async move { pool.begin_with_options(options).await }).await
    }

    /// A whole transaction, whose statements do not wait one by one.
    pub(crate) async fn transaction<T>(&self, work: impl Future<Output = Result<T, DbErr>>) -> Result<T, DbErr> {
        if self.is_server() {
            return tokio::time::timeout(TRANSACTION_WAIT, work).await.unwrap_or_else(|_| Err(late(TRANSACTION_WAIT)));
        }
        work.await
    }

    pub(crate) async fn ping(&self) -> Result<(), DbErr> {
        let pool = self.pool.clone();
        // The driver's future is large.
        self.within(STATEMENT_WAIT, async move { Box::pin(pool.ping()).await }).await
    }

    pub(crate) async fn close(&self) -> Result<(), DbErr> {
        self.pool.clone().close().await
    }

    fn is_server(&self) -> bool {
        self.pool.get_database_backend() != DbBackend::Sqlite
    }

    /// Does it as a task of its own: a statement that is dropped half way, because its asker left or would not wait, leaves its
    /// answer on the connection for whoever asks next.
    async fn within<T: Send + 'static>(
        &self,
        limit: Duration,
        work: impl Future<Output = Result<T, DbErr>> + Send + 'static,
    ) -> Result<T, DbErr> {
        if !self.is_server() {
            return work.await;
        }
        let limit = if self.may_try()? { limit } else { TRY_WAIT };
        let done = match tokio::time::timeout(limit, tokio::spawn(work)).await {
            Ok(Ok(done)) => done,
            Ok(Err(error)) => Err(DbErr::Custom(error.to_string())),
            Err(_late) => Err(late(limit)),
        };
        *self.down() = done.as_ref().is_err_and(is_lost).then(Instant::now);
        done
    }

    /// Whether it answered last time; an error if it did not a moment ago.
    fn may_try(&self) -> Result<bool, DbErr> {
        let mut down = self.down();
        match down.as_mut() {
            Some(tried) if tried.elapsed() < TRY_EVERY => Err(gone("it did not answer a moment ago")),
            Some(tried) => {
                *tried = Instant::now();
                Ok(false)
            }
            None => Ok(true),
        }
    }

    fn down(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.down.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn late(limit: Duration) -> DbErr {
    gone(&format!("no answer within {}", base::units::duration(limit)))
}

fn gone(reason: &str) -> DbErr {
    DbErr::Conn(RuntimeErr::Internal(reason.to_owned()))
}

#[async_trait]
impl ConnectionTrait for Database {
    fn get_database_backend(&self) -> DbBackend {
        self.pool.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let pool = self.pool.clone();
        self.within(STATEMENT_WAIT, async move { pool.execute_raw(statement).await }).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let (pool, sql) = (self.pool.clone(), sql.to_owned());
        self.within(STATEMENT_WAIT, async move { pool.execute_unprepared(&sql).await }).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let pool = self.pool.clone();
        self.within(STATEMENT_WAIT, async move { pool.query_one_raw(statement).await }).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let pool = self.pool.clone();
        self.within(STATEMENT_WAIT, async move { pool.query_all_raw(statement).await }).await
    }

    fn support_returning(&self) -> bool {
        self.pool.support_returning()
    }
}
