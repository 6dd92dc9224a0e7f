//! The databases that can keep the state: each file turns a parsed URL into a pool of connections, set up as that database needs.

mod mysql;
mod postgres;
mod sqlite;

use std::time::Duration;

use sea_orm::sqlx::pool::PoolOptions;
use sea_orm::{DatabaseConnection, DbErr, RuntimeErr, sqlx};

use crate::url::{DatabaseUrl, Engine, Target};

/// Most connections of one process.
const CONNECTIONS_MAX: u32 = 10;

/// Connections that nobody used for so long are closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(300);

/// Connects. The drivers' futures are large, so each is boxed.
pub(crate) async fn connect(url: &DatabaseUrl) -> Result<DatabaseConnection, DbErr> {
    for warning in url.warnings() {
        tracing::warn!("{warning}");
    }
    if !url.unused().is_empty() {
        tracing::debug!(options = ?url.unused(), "options of the database URL that have no use here");
    }
    match &url.target {
        Target::Sqlite(path) => Box::pin(sqlite::connect(path)).await,
        Target::Server(server) => match server.engine {
            Engine::Postgres => Box::pin(postgres::connect(server)).await,
            Engine::MySql => Box::pin(mysql::connect(server)).await,
        },
    }
}

fn pool<D: sqlx::Database>(wait: Duration) -> PoolOptions<D> {
    PoolOptions::new().max_connections(CONNECTIONS_MAX).acquire_timeout(wait).idle_timeout(IDLE_TIMEOUT)
}

fn connection_error(error: sqlx::Error) -> DbErr {
    DbErr::Conn(RuntimeErr::SqlxError(error.into()))
}
