//! The tables and how they came to be: one file a step, run once by one process while the others wait.

mod m0001_declared;
mod m0002_audit;
mod m0003_work;
mod m0004_upkeep;

use std::collections::HashSet;

use sea_orm::sea_query::{ColumnDef, Index, IndexCreateStatement, TableCreateStatement};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};
use sea_orm_migration::{MigrationTrait, MigratorTrait, SchemaManager, async_trait};

use crate::connection::Database;
use crate::transactions::begin;

/// The key of the lock, as a number and as a name; any that others are unlikely to use.
const LOCK_NUMBER: i64 = 0x6461_7461_7578;

/// How long a process waits while another migrates, in seconds.
const LOCK_WAIT_SECONDS: u32 = 120;

struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_declared::Migration),
            Box::new(m0002_audit::Migration),
            Box::new(m0003_work::Migration),
            Box::new(m0004_upkeep::Migration),
        ]
    }
}

/// Brings the tables up to date. Steps of a newer release that are there already are left alone, so that two releases can
/// run beside each other during an upgrade.
pub(crate) async fn run(database: &Database) -> Result<(), DbErr> {
    if is_done(database).await {
        return Ok(());
    }
    let backend = database.get_database_backend();
    // SQLite's writing transaction is the lock; the others have one that ends with the transaction or the session.
    let transaction = begin(database).await?;
    match backend {
        DbBackend::Postgres => {
            transaction.execute_unprepared(&format!("SELECT pg_advisory_xact_lock({LOCK_NUMBER})")).await?;
        }
        DbBackend::MySql => {
            let lock = format!("SELECT GET_LOCK(LEFT(CONCAT('dataux.', DATABASE()), 64), {LOCK_WAIT_SECONDS}) AS held");
            let row = transaction.query_one_raw(Statement::from_string(backend, lock)).await?;
            let held: Option<i64> = row.map(|row| row.try_get("", "held")).transpose()?.flatten();
            if held != Some(1) {
                return Err(DbErr::Migration("another process has been migrating for too long".to_owned()));
            }
        }
        _ => {}
    }
    let done = if is_done(&transaction).await { Ok(()) } else { Migrator::up(&transaction, None).await };
    if backend == DbBackend::MySql {
        transaction.execute_unprepared("SELECT RELEASE_LOCK(LEFT(CONCAT('dataux.', DATABASE()), 64))").await?;
    }
    done?;
    transaction.commit().await
}

/// Whether every step is recorded. A missing table is an error of the statement and means no.
async fn is_done<C: ConnectionTrait>(database: &C) -> bool {
    let backend = database.get_database_backend();
    if backend == DbBackend::Postgres && !exists_in_postgres(database).await {
        // Within a transaction the failed statement would end it.
        return false;
    }
    let query = Statement::from_string(backend, "SELECT version FROM seaql_migrations");
    let Ok(rows) = database.query_all_raw(query).await else { return false };
    let applied: HashSet<String> = rows.iter().filter_map(|row| row.try_get("", "version").ok()).collect();
    Migrator::migrations().iter().all(|migration| applied.contains(migration.name()))
}

async fn exists_in_postgres<C: ConnectionTrait>(database: &C) -> bool {
    let query = "SELECT to_regclass('seaql_migrations') IS NOT NULL AS there";
    let row = database.query_one_raw(Statement::from_string(DbBackend::Postgres, query)).await;
    matches!(row, Ok(Some(row)) if row.try_get("", "there").unwrap_or(false))
}

/// Columns in the types that mean the same on every database.
#[derive(Clone, Copy)]
struct Columns(DbBackend);

impl Columns {
    fn of(manager: &SchemaManager<'_>) -> Self {
        Self(manager.get_database_backend())
    }

    /// A short text that may be a key: at most `length` characters.
    fn name(self, column: &'static str, length: u32) -> ColumnDef {
        ColumnDef::new(column).string_len(length).not_null().to_owned()
    }

    /// A text of any length; MySQL's plain TEXT ends at 64 KiB.
    fn text(self, column: &'static str) -> ColumnDef {
        let mut column = ColumnDef::new(column);
        if self.0 == DbBackend::MySql {
            column.custom("longtext")
        } else {
            column.text()
        };
        column.not_null().to_owned()
    }

    /// Bytes of any length.
    fn bytes(self, column: &'static str) -> ColumnDef {
        let mut column = ColumnDef::new(column);
        if self.0 == DbBackend::MySql {
            column.custom("longblob")
        } else {
            column.blob()
        };
        column.not_null().to_owned()
    }

    /// A whole number of 64 bits, or a time in microseconds.
    fn whole(self, column: &'static str) -> ColumnDef {
        ColumnDef::new(column).big_integer().not_null().to_owned()
    }

    /// A whole number of 32 bits.
    fn small(self, column: &'static str) -> ColumnDef {
        ColumnDef::new(column).integer().not_null().to_owned()
    }

    /// True or false.
    fn flag(self, column: &'static str) -> ColumnDef {
        ColumnDef::new(column).boolean().not_null().to_owned()
    }
}

/// The same column, which may be empty.
fn or_null(mut column: ColumnDef) -> ColumnDef {
    column.null().to_owned()
}

/// An index over columns, named so that no two tables' meet.
fn index(name: &'static str, columns: &[&'static str]) -> IndexCreateStatement {
    let mut index = Index::create();
    index.name(name);
    for column in columns {
        index.col(*column);
    }
    index
}

/// Creates a table with its indexes unless it is there: MySQL cannot undo half a migration, so each step can be repeated.
async fn create(
    manager: &SchemaManager<'_>,
    mut table: TableCreateStatement,
    name: &'static str,
    indexes: Vec<IndexCreateStatement>,
) -> Result<(), DbErr> {
    table.table(name).if_not_exists();
    let on_mysql = manager.get_database_backend() == DbBackend::MySql;
    if on_mysql {
        // Names differ by case and accent, as on the other databases.
        table.character_set("utf8mb4").collate("utf8mb4_bin");
        for index in &indexes {
            table.index(&mut index.clone());
        }
    }
    manager.create_table(table).await?;
    if !on_mysql {
        for mut index in indexes {
            manager.create_index(index.table(name).if_not_exists().to_owned()).await?;
        }
    }
    Ok(())
}
