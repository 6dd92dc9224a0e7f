//! What the database's errors mean to a caller: unreachable, busy, or wrong.

use base::Error;
use sea_orm::sqlx;
use sea_orm::{DbErr, RuntimeErr};

use crate::codes::{DATABASE_BUSY, DATABASE_FAILED, DATABASE_FULL, DATABASE_UNAVAILABLE, MIGRATION_FAILED, STATE_DAMAGED};

/// The error of a statement.
pub(crate) fn on_statement(error: DbErr, place: &str) -> Error {
    let code = if is_contention(&error) {
        &DATABASE_BUSY
    } else if is_lost(&error) {
        &DATABASE_UNAVAILABLE
    } else if is_full(&error) {
        &DATABASE_FULL
    } else {
        &DATABASE_FAILED
    };
    Error::new(code).with("database", place).because(error)
}

/// The error of the first connection.
pub(crate) fn on_connect(error: DbErr, place: &str) -> Error {
    Error::new(&DATABASE_UNAVAILABLE).with("database", place).because(error)
}

/// The error of a migration.
pub(crate) fn on_migrate(error: DbErr, place: &str) -> Error {
    if is_lost(&error) || is_contention(&error) {
        return on_statement(error, place);
    }
    Error::new(&MIGRATION_FAILED).with("database", place).because(error)
}

/// A row holds something this crate never wrote.
pub(crate) fn damaged(table: &'static str, reason: impl std::fmt::Display) -> Error {
    Error::new(&STATE_DAMAGED).with("table", table).with("reason", reason)
}

/// Whether the same transaction may pass if it is simply tried again.
pub(crate) fn is_contention(error: &DbErr) -> bool {
    let Some(sqlx::Error::Database(error)) = driver_error(error) else { return false };
    if let Some(mysql) = error.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>() {
        // 1205: lock wait timeout; 1213: deadlock; 1020: record changed since last read (MariaDB).
        return matches!(mysql.number(), 1205 | 1213 | 1020);
    }
    let code = error.code().unwrap_or_default();
    if error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().is_some() {
        // Serialisation failure and deadlock.
        return matches!(&*code, "40001" | "40P01");
    }
    // SQLite's extended codes keep the primary code in the low byte: 5 is BUSY, 6 is LOCKED.
    code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6))
}

/// Whether the database found no space for what it was to write.
fn is_full(error: &DbErr) -> bool {
    let Some(sqlx::Error::Database(error)) = driver_error(error) else { return false };
    if let Some(mysql) = error.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>() {
        // 1021: disk full; 1114: table full.
        return matches!(mysql.number(), 1021 | 1114);
    }
    let code = error.code().unwrap_or_default();
    if error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().is_some() {
        return code == "53100";
    }
    code.parse::<u32>().is_ok_and(|code| code & 0xff == 13)
}

/// Whether the connection, not the statement, failed.
pub(crate) fn is_lost(error: &DbErr) -> bool {
    if matches!(error, DbErr::Conn(_) | DbErr::ConnectionAcquire(_)) {
        return true;
    }
    match driver_error(error) {
        Some(sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed) => true,
        // Class 57P: the server is shutting down or starting.
        Some(sqlx::Error::Database(error)) => error.code().is_some_and(|code| code.starts_with("57P") || code.starts_with("08")),
        _ => false,
    }
}

fn driver_error(error: &DbErr) -> Option<&sqlx::Error> {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(error))
        | DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error)) => Some(error.as_ref()),
        _ => None,
    }
}
