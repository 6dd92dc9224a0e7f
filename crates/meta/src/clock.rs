//! Time in the database: microseconds since 1970 UTC as a 64-bit integer, the same on every database.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sea_orm::DbBackend;
use sea_orm::sea_query::{Expr, ExprTrait, SimpleExpr};

/// A time as it is stored.
pub(crate) fn micros(time: DateTime<Utc>) -> i64 {
    time.timestamp_micros()
}

/// A stored time; what is beyond the calendar becomes its end.
pub(crate) fn time(micros: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros).unwrap_or(if micros < 0 {
        DateTime::<Utc>::MIN_UTC
    } else {
        DateTime::<Utc>::MAX_UTC
    })
}

/// This process's time, at the precision that is stored.
pub(crate) fn now() -> DateTime<Utc> {
    time(micros(Utc::now()))
}

/// The database's own time, so that leases do not depend on the clocks of those who hold them.
pub(crate) fn database_now(backend: DbBackend) -> SimpleExpr {
    Expr::cust(match backend {
        DbBackend::Sqlite => "CAST(unixepoch('subsec') * 1000000 AS INTEGER)",
        DbBackend::Postgres => "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)",
        _ => "CAST(UNIX_TIMESTAMP(SYSDATE(6)) * 1000000 AS SIGNED)",
    })
}

/// The database's time after `delay`.
pub(crate) fn database_now_plus(backend: DbBackend, delay: Duration) -> SimpleExpr {
    database_now(backend).add(i64::try_from(delay.as_micros()).unwrap_or(i64::MAX / 4))
}
