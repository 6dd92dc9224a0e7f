//! SQLite database files, read only and in one snapshot.

mod rows;
#[cfg(test)]
mod tests;
mod types;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::{Schema, SchemaRef};
use async_trait::async_trait;
use base::document::Wrong;
use base::{Error, Result};
use rusqlite::types::Value as Sql;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::codes::{
    CURSOR_UNFIT, DATABASE_INVALID, DATABASE_MISSING, READER_FAILED, SOURCE_BUSY, SOURCE_DENIED, SOURCE_FAILED,
    SOURCE_TABLE_MISSING, TARGET_INVALID,
};
use crate::columns::{missing, settle};
use crate::connectors::Connector;
use crate::select::{Select, quoted};
use crate::source::{Cursor, Dialect, Position, ReadRequest, Reading, Source, SourceTable, Target};
use crate::spec::{ConnectionSpec, Context};
use crate::workers::interruptible;

/// How long a lock of another program is waited for.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Rows that are counted for progress; tables with more are estimated by their highest row id.
const COUNTED_MAX: u64 = 1_000_000;
/// The schema of every table: attached databases are not read.
const MAIN: &str = "main";

/// A SQLite database file. It is opened read-only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SqliteOptions {
    /// The file's path; a relative one begins where the platform's home says.
    pub path: String,
}

impl SqliteOptions {
    /// What the types cannot say.
    pub fn check(&self) -> Result<(), Wrong> {
        if self.path.trim().is_empty() { Err(Wrong::new("path", "name the database file")) } else { Ok(()) }
    }
}

/// The connector.
pub(crate) struct Sqlite;

#[async_trait]
impl Connector for Sqlite {
    async fn open(&self, name: &str, spec: &ConnectionSpec, context: &Context) -> Result<Option<Arc<dyn Source>>> {
        let Some(options) = &spec.sqlite else { return Ok(None) };
        let path = context.base_dir.join(&options.path);
        Ok(Some(Arc::new(SqliteSource { file: File { connection: name.to_owned(), path } })))
    }
}

#[derive(Debug)]
struct SqliteSource {
    file: File,
}

/// The database file of a connection.
#[derive(Debug, Clone)]
struct File {
    connection: String,
    path: PathBuf,
}

impl File {
    fn error(&self, code: &'static base::Code) -> Error {
        Error::new(code).with("connection", &self.connection).with("place", self.path.display())
    }

    fn explain(&self, error: rusqlite::Error) -> Error {
        let code = match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => &SOURCE_BUSY,
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt | ErrorCode::CannotOpen) => &DATABASE_INVALID,
            Some(ErrorCode::PermissionDenied | ErrorCode::AuthorizationForStatementDenied) => &SOURCE_DENIED,
            _ if error.to_string().contains("no such table") => &SOURCE_TABLE_MISSING,
            _ => &SOURCE_FAILED,
        };
        self.error(code).with("table", "(dropped)").because(error)
    }

    fn open(&self) -> Result<Connection> {
        match std::fs::metadata(&self.path) {
            Ok(found) if found.is_file() => {}
            Ok(_) => return Err(self.error(&DATABASE_INVALID).with("reason", "it is a folder")),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(self.error(&DATABASE_MISSING)),
            Err(error) => return Err(self.error(&DATABASE_INVALID).because(error)),
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags).map_err(|error| self.explain(error))?;
        connection.busy_timeout(BUSY_TIMEOUT).map_err(|error| self.explain(error))?;
        // The first statement is what finds out whether this is a database at all.
        connection.execute_batch("begin; select 1 from sqlite_schema limit 1").map_err(|error| self.explain(error))?;
        Ok(connection)
    }

    /// Opens the file and works on it on a blocking thread, in one read transaction.
    async fn with<T: Send + 'static>(&self, work: impl FnOnce(&File, Connection) -> Result<T> + Send + 'static) -> Result<T> {
        let file = self.clone();
        match tokio::task::spawn_blocking(move || file.open().and_then(|connection| work(&file, connection))).await {
            Ok(result) => result,
            Err(error) => Err(self.error(&READER_FAILED).because(error)),
        }
    }

    fn columns(&self, connection: &Connection, table: &str) -> Result<Schema> {
        let schema = types::columns(connection, table).map_err(|error| self.explain(error))?;
        schema.ok_or_else(|| self.error(&SOURCE_TABLE_MISSING).with("table", format!("{MAIN}.{table}")))
    }

    fn table<'a>(&self, target: &'a Target) -> Result<&'a str> {
        let wrong = |reason: String| Err(self.error(&TARGET_INVALID).with("reason", reason));
        match target {
            Target::Table { schema, table } if schema == MAIN => Ok(table),
            Target::Table { schema, .. } => wrong(format!("schema `{schema}` does not exist; a SQLite file has `{MAIN}` only")),
            Target::Files(_) => wrong("it is a database; name a table".to_owned()),
        }
    }

    /// The highest value of the cursor's column, refusing columns that cannot be one.
    fn upper(&self, connection: &Connection, table: &str, cursor: &Cursor) -> Result<Option<Value>> {
        let wrong = |reason: &str| {
            self.error(&CURSOR_UNFIT).with("place", table).with("column", &cursor.column).with("reason", reason.to_owned())
        };
        let (column, from) = (quoted(&cursor.column), quoted(table));
        let nulls = format!("select exists(select 1 from {from} where {column} is null)");
        if connection.query_row(&nulls, [], |row| row.get::<_, bool>(0)).map_err(|error| self.explain(error))? {
            return Err(wrong("it holds NULL, and a row with NULL would never be read again"));
        }
        let highest = connection.query_row(&format!("select max({column}) from {from}"), [], |row| row.get::<_, Sql>(0));
        match highest.map_err(|error| self.explain(error))? {
            // An empty table leaves the position where it was.
            Sql::Null => Ok(cursor.after.clone()),
            Sql::Integer(value) => Ok(Some(value.into())),
            Sql::Real(value) => Ok(Some(value.into())),
            Sql::Text(text) => Ok(Some(text.into())),
            Sql::Blob(_) => Err(wrong("it holds binary values")),
        }
    }

    fn bind(&self, table: &str, cursor: &Cursor, value: &Value) -> Result<Sql> {
        match value {
            Value::Number(number) => number.as_i64().map(Sql::Integer).or_else(|| number.as_f64().map(Sql::Real)),
            Value::String(text) => Some(Sql::Text(text.clone())),
            _ => None,
        }
        .ok_or_else(|| {
            let error = self.error(&CURSOR_UNFIT).with("place", table).with("column", &cursor.column);
            error.with("reason", "its saved position is neither a number nor a text")
        })
    }

    /// About how many rows the table has.
    fn rows(connection: &Connection, table: &str) -> Option<u64> {
        let from = quoted(table);
        let counted = format!("select count(*) from (select 1 from {from} limit {})", COUNTED_MAX + 1);
        let counted: i64 = connection.query_row(&counted, [], |row| row.get(0)).ok()?;
        let counted = u64::try_from(counted).ok()?;
        if counted <= COUNTED_MAX {
            return Some(counted);
        }
        let highest: Option<i64> = connection.query_row(&format!("select max(rowid) from {from}"), [], |row| row.get(0)).ok()?;
        highest.and_then(|rows| u64::try_from(rows).ok())
    }
}

#[async_trait]
impl Source for SqliteSource {
    async fn check(&self) -> Result<String> {
        self.file.with(|_, _| Ok(format!("SQLite {}", rusqlite::version()))).await
    }

    async fn tables(&self) -> Result<Vec<SourceTable>> {
        self.file
            .with(|file, connection| {
                let names = "select name from sqlite_schema where type in ('table', 'view') and name not like 'sqlite\\_%' escape '\\' \
                             order by name";
                let names = connection.prepare(names).and_then(|mut statement| {
                    statement.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()
                });
                let names = names.map_err(|error| file.explain(error))?;
                let table = |table| SourceTable { schema: MAIN.to_owned(), table, rows: None };
                Ok(names.into_iter().map(table).collect())
            })
            .await
    }

    async fn describe(&self, target: &Target) -> Result<SchemaRef> {
        let table = self.file.table(target)?.to_owned();
        self.file.with(move |file, connection| file.columns(&connection, &table).map(Arc::new)).await
    }

    async fn read(&self, request: ReadRequest) -> Result<Reading> {
        let table = self.file.table(&request.target)?.to_owned();
        self.file.with(move |file, connection| read(file, connection, &table, &request)).await
    }

    fn live(&self) -> Option<Dialect> {
        Some(Dialect::Sqlite)
    }
}

fn read(file: &File, connection: Connection, table: &str, request: &ReadRequest) -> Result<Reading> {
    let place = format!("{MAIN}.{table}");
    let found = file.columns(&connection, table)?;
    let schema = settle(&found, request.declared.as_ref(), request.columns.as_deref(), &place)?;
    let mut select = Select {
        columns: schema.fields().iter().map(|field| quoted(field.name())).collect(),
        from: quoted(table),
        conditions: request.filters.clone(),
        limit: request.limit,
    };
    if select.columns.is_empty() {
        select.columns.push("null".to_owned());
    }
    let mut bound = Vec::new();
    let mut position = Position::Snapshot;
    if let Some(cursor) = &request.cursor {
        if found.index_of(&cursor.column).is_err() {
            return Err(missing(&cursor.column, found.fields().iter().map(|field| field.name().as_str()), &place));
        }
        let upper = match &request.until {
            Some(Position::Cursor { column, value }) if *column == cursor.column => value.clone(),
            _ => file.upper(&connection, table, cursor)?,
        };
        let column = quoted(&cursor.column);
        if let Some(after) = &cursor.after {
            bound.push(file.bind(table, cursor, after)?);
            select.conditions.push(format!("{column} > ?{}", bound.len()));
        }
        match &upper {
            Some(upper) => {
                bound.push(file.bind(table, cursor, upper)?);
                select.conditions.push(format!("{column} <= ?{}", bound.len()));
            }
            None => select.conditions.push("false".to_owned()),
        }
        position = Position::Cursor { column: cursor.column.clone(), value: upper };
    }
    // A part of a table is not worth counting the whole for.
    let whole = request.filters.is_empty() && request.cursor.is_none() && request.limit.is_none();
    let total_rows = if whole { File::rows(&connection, table) } else { None };

    let sql = select.to_string();
    // A wrong filter is reported now, to whoever asked, and not by the stream.
    drop(connection.prepare(&sql).map_err(|error| file.explain(error))?);
    let work =
        rows::Work { file: file.clone(), place, sql, bound, schema: schema.clone(), batch_rows: request.batch_rows.max(1) };
    let interrupt = connection.get_interrupt_handle();
    let part = interruptible(move |give| work.run(&connection, give), move || interrupt.interrupt());
    Ok(Reading { schema, parts: vec![part], total_rows, total_bytes: None, position })
}
