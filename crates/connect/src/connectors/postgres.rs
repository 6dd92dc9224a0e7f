//! PostgreSQL: tables copied in binary form, in parallel and in one snapshot.

mod copy;
mod session;
#[cfg(test)]
mod tests;
mod types;

use std::pin::pin;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use base::document::Wrong;
use base::{Result, SecretRef};
use futures::StreamExt;
use futures::stream::BoxStream;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::copy::Copy;
use self::session::{Server, Session};
use self::types::{Column, Form, unsupported};
use crate::codes::{CURSOR_UNFIT, SOURCE_FAILED, SOURCE_LOST, SOURCE_TABLE_MISSING, SOURCE_UNREACHABLE, TARGET_INVALID};
use crate::columns::{missing, settle};
use crate::connectors::Connector;
use crate::login::{Login, Options, connect_timeout_seconds, read_timeout_seconds};
use crate::select::{Select, literal, quoted};
use crate::source::{Cursor, Dialect, Piece, Position, ReadRequest, Reading, Source, SourceTable, Target};
use crate::spec::{ConnectionSpec, Context};
use crate::tasks;
use crate::tls::Tls;

/// Connections of one read.
const PARALLEL_MAX: usize = 16;
/// Pages below which another connection is not worth its start: 8 MiB of them.
const PAGES_MIN: u64 = 1024;
/// The first version that reads a range of pages without the others.
const RANGES_SINCE: i32 = 140_000;
/// Messages taken at once.
const MESSAGES_MAX: usize = 4096;

/// A PostgreSQL database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PostgresOptions {
    /// Name or address of the server.
    pub host: String,
    /// Its port.
    #[serde(default = "port")]
    pub port: u16,
    /// The database.
    pub database: String,
    /// The user, who needs no more than the right to read.
    pub user: String,
    /// Where the user's password is: `env:NAME`, `file:PATH` or `secret:NAME`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretRef>,
    /// Whether the connection is encrypted.
    #[serde(default)]
    pub tls: Tls,
    /// Where the certificates of the authorities are that may vouch for the server, in PEM form: `file:PATH`, `env:NAME` or
    /// `secret:NAME`. Needed by `tls: verify-full`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_ca: Option<SecretRef>,
    /// Longest wait for a connection, in seconds.
    #[serde(default = "connect_timeout_seconds")]
    pub connect_timeout_seconds: u32,
    /// Longest silence of the server in the middle of a read, in seconds.
    #[serde(default = "read_timeout_seconds")]
    pub read_timeout_seconds: u32,
}

fn port() -> u16 {
    5432
}

impl PostgresOptions {
    /// What the types cannot say.
    pub fn check(&self) -> std::result::Result<(), Wrong> {
        self.login().check()
    }
}

impl Options for PostgresOptions {
    fn login(&self) -> Login<'_> {
        Login {
            host: &self.host,
            port: self.port,
            database: Some(&self.database),
            user: &self.user,
            password: self.password.as_ref(),
            tls: self.tls,
            tls_ca: self.tls_ca.as_ref(),
            connect_timeout_seconds: self.connect_timeout_seconds,
            read_timeout_seconds: self.read_timeout_seconds,
        }
    }
}

/// The connector.
pub(crate) struct Postgres;

#[async_trait]
impl Connector for Postgres {
    async fn open(&self, name: &str, spec: &ConnectionSpec, context: &Context) -> Result<Option<Arc<dyn Source>>> {
        let Some(options) = &spec.postgres else { return Ok(None) };
        Ok(Some(Arc::new(PostgresSource { server: Arc::new(Server::resolve(name, options, context).await?) })))
    }
}

#[derive(Debug)]
struct PostgresSource {
    server: Arc<Server>,
}

/// A table, view or the like.
struct Relation {
    place: String,
    from: String,
    columns: Vec<Column>,
    pages: u64,
    rows: Option<u64>,
    /// Whether its rows have places that a range of pages can name.
    has_pages: bool,
}

const TABLES: &str = "
    select n.nspname::text, c.relname::text, case when c.reltuples >= 0 and c.relkind in ('r', 'm') then c.reltuples::int8 end
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname not like 'pg\\_%' and n.nspname <> 'information_schema'
    order by 1, 2";

const RELATION: &str = "
    select c.oid, c.relkind::text, case when c.reltuples >= 0 then c.reltuples::int8 end,
           case when c.relkind in ('r', 'm') then pg_relation_size(c.oid) / current_setting('block_size')::int8 else 0 end,
           current_setting('server_version_num')::int4
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = $1 and c.relname = $2 and c.relkind in ('r', 'p', 'v', 'm', 'f')";

impl PostgresSource {
    async fn relation(&self, session: &Session, target: &Target) -> Result<Relation> {
        let Target::Table { schema, table } = target else {
            return Err(self.server.error(&TARGET_INVALID).with("reason", "it is a database; name a schema and a table"));
        };
        let place = format!("{schema}.{table}");
        let rows = session.query(RELATION, &[schema, table]).await?;
        let Some(row) = rows.first() else {
            return Err(self.server.error(&SOURCE_TABLE_MISSING).with("table", place));
        };
        let (kind, version): (String, i32) = (row.get(1), row.get(4));
        Ok(Relation {
            columns: types::columns(session, row.get(0)).await?,
            from: format!("{}.{}", quoted(schema), quoted(table)),
            place,
            pages: u64::try_from(row.get::<_, i64>(3)).unwrap_or_default(),
            rows: row.get::<_, Option<i64>>(2).and_then(|rows| u64::try_from(rows).ok()).filter(|_| kind != "v"),
            // Older servers read the whole table for each range.
            has_pages: version >= RANGES_SINCE && (kind == "r" || kind == "m"),
        })
    }

    /// The highest value of the cursor's column as text, refusing columns that cannot be one.
    async fn upper(&self, session: &Session, relation: &Relation, cursor: &Cursor) -> Result<Option<Value>> {
        let names = || relation.columns.iter().map(|column| column.name.as_str());
        let column = relation.columns.iter().find(|column| column.name == cursor.column);
        let column = column.ok_or_else(|| missing(&cursor.column, names(), &relation.place))?;
        let wrong = |reason: &str| {
            let error = self.server.error(&CURSOR_UNFIT).with("place", &relation.place);
            error.with("column", &cursor.column).with("reason", reason.to_owned())
        };
        let (name, from) = (quoted(&column.name), &relation.from);
        if column.nullable {
            let nulls = format!("select exists(select from {from} where {name} is null)");
            if session.query_one(&nulls, &[]).await?.get(0) {
                return Err(wrong("it holds NULL, and a row with NULL would never be read again"));
            }
        }
        let row = session.query_one(&format!("select max({name})::text from {from}"), &[]).await;
        let row = row.map_err(|error| if error.is(&SOURCE_FAILED) { wrong("its type has no highest value") } else { error })?;
        let highest: Option<String> = row.get(0);
        Ok(match (highest, &column.form) {
            // An empty table leaves the position where it was.
            (None, _) => cursor.after.clone(),
            (Some(text), Some(Form::Int2 | Form::Int4 | Form::Int8)) => text.parse::<i64>().map(Value::from).ok(),
            (Some(text), _) => Some(text.into()),
        })
    }

    /// A saved value as SQL.
    fn value(&self, relation: &Relation, cursor: &Cursor, value: &Value) -> Result<String> {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => {
                let error = self.server.error(&CURSOR_UNFIT).with("place", &relation.place).with("column", &cursor.column);
                return Err(error.with("reason", "its saved position is neither a number nor a text"));
            }
        };
        let shown = relation.columns.iter().find(|column| column.name == cursor.column).map(|column| column.shown.clone());
        Ok(format!("{}::{}", literal(&text), shown.unwrap_or_else(|| "text".to_owned())))
    }

    /// Further sessions that see what the first one sees; fewer than asked for if the server has no more to give.
    async fn beside(&self, first: &Session, count: usize) -> Result<Vec<Session>> {
        if count == 0 {
            return Ok(Vec::new());
        }
        let snapshot: String = first.query_one("select pg_export_snapshot()", &[]).await?.get(0);
        let mut sessions = Vec::with_capacity(count);
        for _ in 0..count {
            match self.server.connect().await {
                Ok(session) => {
                    session.run(&format!("set transaction snapshot {}", literal(&snapshot))).await?;
                    sessions.push(session);
                }
                Err(error) if error.is(&SOURCE_UNREACHABLE) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(sessions)
    }
}

#[async_trait]
impl Source for PostgresSource {
    async fn check(&self) -> Result<String> {
        let session = self.server.connect().await?;
        let version: String = session.query_one("select current_setting('server_version')", &[]).await?.get(0);
        Ok(format!("PostgreSQL {version}"))
    }

    async fn tables(&self) -> Result<Vec<SourceTable>> {
        let session = self.server.connect().await?;
        let rows = session.query(TABLES, &[]).await?;
        let table = |row: &tokio_postgres::Row| SourceTable {
            schema: row.get(0),
            table: row.get(1),
            rows: row.get::<_, Option<i64>>(2).and_then(|rows| u64::try_from(rows).ok()),
        };
        Ok(rows.iter().map(table).collect())
    }

    async fn describe(&self, target: &Target) -> Result<SchemaRef> {
        let session = self.server.connect().await?;
        let relation = self.relation(&session, target).await?;
        // A column that cannot be read does not hide the others.
        let fields = relation.columns.iter().filter_map(Column::live_field);
        Ok(Arc::new(Schema::new(fields.collect::<Vec<_>>())))
    }

    async fn read(&self, request: ReadRequest) -> Result<Reading> {
        let first = self.server.connect().await?;
        let relation = self.relation(&first, &request.target).await?;
        let Relation { place, columns, .. } = &relation;

        // A column that cannot be read is an error only if it is asked for, and not if it is declared to be a text.
        let unread = |column: &Column| column.field().unwrap_or_else(|| Field::new(&column.name, DataType::Null, true));
        let found = Schema::new(columns.iter().map(unread).collect::<Vec<_>>());
        let schema = settle(&found, request.declared.as_ref(), request.columns.as_deref(), place)?;
        let mut expressions = Vec::with_capacity(schema.fields().len());
        let mut forms = Vec::with_capacity(schema.fields().len());
        for field in schema.fields() {
            let column = columns.iter().find(|column| column.name == *field.name());
            let form = match column.and_then(|column| column.form.clone()) {
                Some(form) if form.data_type() == *field.data_type() => form,
                None if field.data_type().is_null() => return Err(unsupported(place, field.name(), column)),
                _ => Form::Parsed(field.data_type().clone()),
            };
            expressions.push(form.expression(field.name()));
            forms.push(form);
        }

        let mut select = Select {
            columns: expressions,
            from: relation.from.clone(),
            conditions: request.filters.clone(),
            limit: request.limit,
        };
        let mut position = Position::Snapshot;
        if let Some(cursor) = &request.cursor {
            let upper = match &request.until {
                Some(Position::Cursor { column, value }) if *column == cursor.column => value.clone(),
                _ => self.upper(&first, &relation, cursor).await?,
            };
            let name = quoted(&cursor.column);
            if let Some(after) = &cursor.after {
                select.conditions.push(format!("{name} > {}", self.value(&relation, cursor, after)?));
            }
            match &upper {
                Some(upper) => select.conditions.push(format!("{name} <= {}", self.value(&relation, cursor, upper)?)),
                None => select.conditions.push("false".to_owned()),
            }
            position = Position::Cursor { column: cursor.column.clone(), value: upper };
        }
        // A wrong filter is reported now, to whoever asked, and not by the stream.
        first.prepare(&select.to_string()).await?;

        let follows = request.cursor.as_ref().is_some_and(|cursor| cursor.after.is_some());
        let alone = request.limit.is_some() || follows || !relation.has_pages;
        let wanted = (relation.pages / PAGES_MIN).clamp(1, request.parallel.clamp(1, PARALLEL_MAX) as u64) as usize;
        let mut sessions = if alone { Vec::new() } else { self.beside(&first, wanted - 1).await? };
        sessions.insert(0, first);

        let count = sessions.len() as u64;
        let batch_rows = request.batch_rows.max(1);
        let mut parts = Vec::with_capacity(sessions.len());
        for (part, session) in (0_u64..).zip(sessions) {
            let mut select = Select {
                columns: select.columns.clone(),
                from: select.from.clone(),
                conditions: select.conditions.clone(),
                ..select
            };
            let (from, to) = (relation.pages * part / count, relation.pages * (part + 1) / count);
            if part > 0 {
                select.conditions.push(format!("ctid >= '({from},0)'::tid"));
            }
            // The last range is open: pages that were added since the size was asked belong to it.
            if part + 1 < count {
                select.conditions.push(format!("ctid < '({to},0)'::tid"));
            }
            let place = if count > 1 { format!("{place}:part {}", part + 1) } else { place.clone() };
            let copy = Copy::new(place, forms.clone(), schema.clone(), batch_rows)?;
            parts.push(stream(session, format!("copy ({select}) to stdout (format binary)"), copy));
        }
        let whole = request.filters.is_empty() && request.cursor.is_none();
        let total_rows = relation.rows.filter(|_| whole).map(|rows| rows.min(request.limit.unwrap_or(u64::MAX)));
        Ok(Reading { schema, parts, total_rows, total_bytes: None, position })
    }

    fn live(&self) -> Option<Dialect> {
        Some(Dialect::Postgres)
    }
}

/// The pieces of one copy.
fn stream(session: Session, sql: String, mut copy: Copy) -> BoxStream<'static, Result<Piece>> {
    tasks::part(|outbox| async move {
        let lost = |error| session.server.explain(&SOURCE_LOST, error);
        let rows = session.server.answered(session.client.copy_out(sql.as_str())).await?.map_err(lost)?;
        // Rows that have come are taken together, so that the clock is asked once for many.
        let mut rows = pin!(rows.ready_chunks(MESSAGES_MAX));
        let mut pieces = Vec::new();
        while let Some(messages) = session.server.answered(rows.next()).await? {
            for message in messages {
                copy.take(&message.map_err(lost)?, &mut pieces)?;
                for piece in pieces.drain(..) {
                    if !outbox.give(piece).await {
                        return Ok(());
                    }
                }
            }
        }
        if let Some(piece) = copy.finish()? {
            outbox.give(piece).await;
        }
        Ok(())
    })
}
