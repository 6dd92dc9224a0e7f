//! SQLite: one file, used by a server and by commands beside it at the same time.

use std::fs;
use std::io::{Error as IoError, ErrorKind};
use std::path::Path;
use std::time::Duration;

use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sea_orm::sqlx::{self, ConnectOptions, Connection};
use sea_orm::{DatabaseConnection, DbErr, SqlxSqliteConnector};

use super::{connection_error, pool};
use crate::failures::is_contention;

/// How long a writer waits for another, in this process or beside it.
const BUSY_TIMEOUT: Duration = Duration::from_secs(15);

/// How often a new file is tried while others make it ready, and the wait between.
const FIRST_ATTEMPTS: u32 = 50;
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// SQLite has one writer at a time; these few let readers go on beside it.
const CONNECTIONS_MAX: u32 = 5;

pub(super) async fn connect(path: &Path) -> Result<DatabaseConnection, DbErr> {
    let owned = path.to_owned();
    let prepared = tokio::task::spawn_blocking(move || prepare(&owned)).await.map_err(IoError::other);
    prepared.and_then(|prepared| prepared).map_err(|error| connection_error(sqlx::Error::Io(error)))?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .busy_timeout(BUSY_TIMEOUT)
        .foreign_keys(true)
        .disable_statement_logging();
    let pool = pool(BUSY_TIMEOUT * 2)
        .max_connections(CONNECTIONS_MAX)
        .test_before_acquire(false)
        .after_release(|connection, _| Box::pin(is_clean(connection)));
    let mut left = FIRST_ATTEMPTS;
    let pool = loop {
        left -= 1;
        match pool.clone().connect_with(options.clone()).await.map_err(connection_error) {
            // A new file becomes one with a journal that readers do not wait for; SQLite lets nobody wait for that moment.
            Err(error) if left > 0 && is_contention(&error) => tokio::time::sleep(FIRST_PAUSE).await,
            connected => break connected?,
        }
    };
    Ok(SqlxSqliteConnector::from_sqlx_sqlite_pool(pool))
}

/// Whether a connection may be used again; if not, it is closed.
///
/// When the disk is full SQLite rolls a transaction back by itself. The driver's own rollback then fails and it goes on
/// counting the transaction as open, so that what follows would never commit and would hold the lock of the only writer.
async fn is_clean(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    connection.ping().await?;
    Ok(!connection.is_in_transaction())
}

/// Makes the file, or takes it back, for its owner's eyes only; SQLite gives its journal the same mode.
fn prepare(path: &Path) -> Result<(), IoError> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)?;
    }
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => close_to_others(path),
        Err(error) => Err(error),
        Ok(_) => Ok(()),
    }
}

#[cfg(unix)]
fn close_to_others(path: &Path) -> Result<(), IoError> {
    use std::os::unix::fs::PermissionsExt;

    let mode = fs::metadata(path)?.permissions().mode();
    if mode & 0o077 == 0 {
        return Ok(());
    }
    // Another user's file that we may use cannot be changed by us; that is its owner's choice.
    match fs::set_permissions(path, fs::Permissions::from_mode(0o600)) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            tracing::warn!(path = %path.display(), "others may read the metadata database");
            Ok(())
        }
        done => done,
    }
}

#[cfg(not(unix))]
fn close_to_others(_path: &Path) -> Result<(), IoError> {
    Ok(())
}
