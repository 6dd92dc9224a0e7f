//! What every connector offers: describe, read in bounded batches from a fixed position, and perhaps answer live.

use std::fmt::Debug;

use arrow::datatypes::{Field, SchemaRef};
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use base::Result;
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::formats::FilesTarget;

/// Bytes of a rejected record that are kept.
pub const RAW_BYTES_MAX: usize = 64 << 10;

/// An open connection to a business system.
#[async_trait]
pub trait Source: Send + Sync + Debug {
    /// Whether it can be reached and read; answers what it is, such as `SQLite 3.50.2`.
    async fn check(&self) -> Result<String>;

    /// The tables (or files) there are, sorted by schema and name.
    async fn tables(&self) -> Result<Vec<SourceTable>>;

    /// The columns of a target; for files they are inferred from samples. Fails if the target is missing.
    async fn describe(&self, target: &Target) -> Result<SchemaRef>;

    /// Fixes the position, then answers with streams that read up to it. Nothing runs on after the streams are dropped.
    async fn read(&self, request: ReadRequest) -> Result<Reading>;

    /// The dialect for filters, if the tables can also be queried live.
    fn live(&self) -> Option<Dialect>;
}

/// A table of a source.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct SourceTable {
    /// Its schema; `main` in SQLite, `files` for files.
    pub schema: String,
    /// Its name; for files the path below the location.
    pub table: String,
    /// About how many rows it has, if the source knows without counting.
    pub rows: Option<u64>,
}

/// What is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// A table of a database.
    Table {
        /// Its schema.
        schema: String,
        /// Its name.
        table: String,
    },
    /// Files of a location.
    Files(FilesTarget),
}

/// What is read and how. Start from [`ReadRequest::whole`].
#[derive(Debug, Clone)]
pub struct ReadRequest {
    /// The table or files.
    pub target: Target,
    /// Only these columns, in this order; all if `None`.
    pub columns: Option<Vec<String>>,
    /// Wanted types by column name; a value that does not fit is rejected. Columns that are not named keep their own type.
    pub declared: Option<SchemaRef>,
    /// Conditions in the source's dialect, all of which must hold. Only for sources that are [`Source::live`].
    pub filters: Vec<String>,
    /// At most so many rows in all; they then come as one part.
    pub limit: Option<u64>,
    /// Read only what is new by a column that grows.
    pub cursor: Option<Cursor>,
    /// Files that were read before: those with the same path, etag and size are skipped.
    pub seen: Vec<FileMark>,
    /// Read no further than an earlier read of the same target and cursor: just the files of its position, and no row beyond
    /// its value. [`Position::Snapshot`] bounds nothing, for that moment is over.
    pub until: Option<Position>,
    /// At most so many rows in one batch.
    pub batch_rows: usize,
    /// At most so many parts, each of which is read by a thread or connection of its own.
    pub parallel: usize,
}

impl ReadRequest {
    /// Everything, in one part, in batches of 8,192 rows.
    pub fn whole(target: Target) -> Self {
        Self {
            target,
            columns: None,
            declared: None,
            filters: Vec::new(),
            limit: None,
            cursor: None,
            seen: Vec::new(),
            until: None,
            batch_rows: 8192,
            parallel: 1,
        }
    }
}

/// A column that grows, and how far it was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// Its name. It may hold no NULL, since a NULL is never newer than anything.
    pub column: String,
    /// The value of [`Position::Cursor`] of the last read; `None` for the first.
    pub after: Option<Value>,
}

/// A read that has begun. Dropping it stops it.
pub struct Reading {
    /// The columns of every batch.
    pub schema: SchemaRef,
    /// Streams that may be read at once or one after the other, in any order; together they are the whole.
    pub parts: Vec<BoxStream<'static, Result<Piece>>>,
    /// How many rows to expect, if known; for progress only.
    pub total_rows: Option<u64>,
    /// How many bytes to expect as [`Piece::bytes`] counts them, if known; for progress only.
    pub total_bytes: Option<u64>,
    /// Where the reader stands when all parts are read to their end.
    pub position: Position,
}

impl Debug for Reading {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reading")
            .field("parts", &self.parts.len())
            .field("total_rows", &self.total_rows)
            .field("total_bytes", &self.total_bytes)
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

/// How far a target was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Position {
    /// All of it, as it was at one moment.
    Snapshot,
    /// Up to and including a value of a cursor column; `None` while the table has no rows.
    Cursor {
        /// The column.
        column: String,
        /// The highest value read: a number, or text in the source's own form.
        value: Option<Value>,
    },
    /// These files, each whole. Files that were skipped as seen are not among them.
    Files(Vec<FileMark>),
}

/// A version of a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FileMark {
    /// Its path below the connection's location.
    pub path: String,
    /// The store's own mark of this version, if it has one.
    pub etag: Option<String>,
    /// Its size in bytes.
    pub size: u64,
}

/// One step of a stream.
#[derive(Debug, Clone)]
pub struct Piece {
    /// Rows that fit; may be empty.
    pub batch: RecordBatch,
    /// Records that do not fit.
    pub rejects: Vec<Reject>,
    /// Bytes of the source that this step used up (compressed, if the source is).
    pub bytes: u64,
}

/// A record that is set aside, never dropped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reject {
    /// A stable word for why, one of [`crate::causes`].
    pub cause: std::borrow::Cow<'static, str>,
    /// Why, in a sentence that names the column and never the value.
    pub message: String,
    /// The record as it stood in the source, at most [`RAW_BYTES_MAX`] bytes of it.
    pub raw: Vec<u8>,
    /// Where it stood, such as `flights.csv:17`.
    pub position: String,
}

/// How a live source writes SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
    /// MySQL and MariaDB, in sessions with `NO_BACKSLASH_ESCAPES`.
    Mysql,
}

impl Dialect {
    /// A name as an identifier of this dialect.
    pub fn quote(self, name: &str) -> String {
        match self {
            Self::Sqlite | Self::Postgres => crate::select::quoted(name),
            Self::Mysql => crate::select::backquoted(name),
        }
    }
}

/// Which conditions on a column mean the same at the source as here. Columns of [`Source::describe`] carry it as metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filters {
    /// All of its type.
    All,
    /// Those with texts in ASCII, since the column's character set may lack other letters.
    Ascii,
    /// None: the column is given out as another type than the source compares it by, such as a duration as a number.
    None,
}

impl Filters {
    const KEY: &str = "dataux.filters";

    /// What the field says.
    pub fn of(field: &Field) -> Self {
        match field.metadata().get(Self::KEY).map(String::as_str) {
            None => Self::All,
            Some("ascii") => Self::Ascii,
            Some(_) => Self::None,
        }
    }

    /// The field saying so.
    pub fn mark(self, field: Field) -> Field {
        let mut metadata = field.metadata().clone();
        match self {
            Self::All => metadata.remove(Self::KEY),
            Self::Ascii => metadata.insert(Self::KEY.to_owned(), "ascii".to_owned()),
            Self::None => metadata.insert(Self::KEY.to_owned(), "none".to_owned()),
        };
        field.with_metadata(metadata)
    }
}
