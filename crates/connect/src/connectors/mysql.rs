//! MySQL and MariaDB: tables read row by row in binary form, in parallel by ranges of their key and at one moment.

mod cursor;
mod part;
mod rows;
mod session;
#[cfg(test)]
mod tests;
mod types;

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use base::document::Wrong;
use base::{Result, SecretRef};
use mysql_async::Row;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::part::Work;
use self::rows::Reader;
use self::session::{Server, Session};
use self::types::{Column, Form, number, text, unsupported};
use crate::codes::{SOURCE_TABLE_MISSING, SOURCE_UNREACHABLE, TARGET_INVALID};
use crate::columns::settle;
use crate::connectors::Connector;
use crate::login::{Login, Options, connect_timeout_seconds, read_timeout_seconds};
use crate::select::{Select, backquoted};
use crate::source::{Dialect, Position, ReadRequest, Reading, Source, SourceTable, Target};
use crate::spec::{ConnectionSpec, Context};
use crate::tls::Tls;

/// Connections of one read.
const PARALLEL_MAX: usize = 16;
/// Bytes below which another connection is not worth its start.
const PART_BYTES_MIN: u64 = 8 << 20;

/// A MySQL or MariaDB server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MysqlOptions {
    /// Name or address of the server.
    pub host: String,
    /// Its port.
    #[serde(default = "port")]
    pub port: u16,
    /// The one database that is read; all that the user may see if it is not given. A database is a schema here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// The user, who needs the right to read and, for several connections to read a table as of one moment, to lock tables.
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
    /// What becomes of `0000-00-00` and of dates without a year, a month or a day.
    #[serde(default)]
    pub zero_dates: ZeroDates,
    /// Longest wait for a connection, in seconds.
    #[serde(default = "connect_timeout_seconds")]
    pub connect_timeout_seconds: u32,
    /// Longest silence of the server in the middle of a read, in seconds.
    #[serde(default = "read_timeout_seconds")]
    pub read_timeout_seconds: u32,
}

/// What becomes of a date that is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ZeroDates {
    /// Its row is set aside.
    #[default]
    Quarantine,
    /// It is read as NULL.
    Null,
}

fn port() -> u16 {
    3306
}

impl MysqlOptions {
    /// What the types cannot say.
    pub fn check(&self) -> std::result::Result<(), Wrong> {
        self.login().check()
    }
}

impl Options for MysqlOptions {
    fn login(&self) -> Login<'_> {
        Login {
            host: &self.host,
            port: self.port,
            database: self.database.as_deref(),
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
pub(crate) struct Mysql;

#[async_trait]
impl Connector for Mysql {
    async fn open(&self, name: &str, spec: &ConnectionSpec, context: &Context) -> Result<Option<Arc<dyn Source>>> {
        let Some(options) = &spec.mysql else { return Ok(None) };
        Ok(Some(Arc::new(MysqlSource { server: Arc::new(Server::resolve(name, options, context).await?) })))
    }
}

#[derive(Debug)]
struct MysqlSource {
    server: Arc<Server>,
}

/// A table or view.
struct Relation {
    place: String,
    from: String,
    columns: Vec<Column>,
    bytes: u64,
    rows: Option<u64>,
    /// The first column of the primary key if it is a whole number, and if readers can see the table at one moment at all.
    key: Option<String>,
}

const TABLES: &str = "
    select table_schema, table_name, case when table_type <> 'VIEW' then table_rows end from information_schema.tables
    where table_type in ('BASE TABLE', 'SYSTEM VERSIONED', 'VIEW')
      and table_schema not in ('mysql', 'information_schema', 'performance_schema', 'sys')
    order by 1, 2";

const RELATION: &str = "
    select table_schema, table_name, table_type, engine, table_rows, data_length from information_schema.tables
    where table_schema = ? and table_name = ? and table_type in ('BASE TABLE', 'SYSTEM VERSIONED', 'VIEW')";

const KEY: &str = "
    select column_name from information_schema.statistics
    where table_schema = ? and table_name = ? and index_name = 'PRIMARY' and seq_in_index = 1";

impl MysqlSource {
    /// Whether a database is one of this connection.
    fn offers(&self, schema: &str) -> bool {
        self.server.options.database.as_ref().is_none_or(|only| only.eq_ignore_ascii_case(schema))
    }

    async fn relation(&self, session: &mut Session, target: &Target) -> Result<Relation> {
        let Target::Table { schema, table } = target else {
            return Err(self.server.error(&TARGET_INVALID).with("reason", "it is a database; name a schema and a table"));
        };
        let place = format!("{schema}.{table}");
        session.count_anew().await?;
        let rows = if self.offers(schema) { session.query(RELATION, &[schema, table]).await? } else { Vec::new() };
        let Some(row) = rows.first() else {
            return Err(self.server.error(&SOURCE_TABLE_MISSING).with("table", place));
        };
        // As the server writes them: some take any case for the same.
        let (schema, table) = (text(row, 0).unwrap_or_default(), text(row, 1).unwrap_or_default());
        let count = |index| number(row, index).and_then(|count| u64::try_from(count).ok());
        let columns = types::columns(session, &schema, &table).await?;
        let mut key = None;
        if text(row, 3).is_some_and(|engine| engine == "InnoDB") {
            let first = session.query(KEY, &[&schema, &table]).await?.first().and_then(|row| text(row, 0));
            let whole = |column: &&Column| matches!(column.form, Some(Form::Integer(_) | Form::Unsigned));
            key = first.filter(|first| columns.iter().filter(whole).any(|column| column.name == *first));
        }
        Ok(Relation {
            from: format!("{}.{}", backquoted(&schema), backquoted(&table)),
            place,
            columns,
            bytes: count(5).unwrap_or_default(),
            rows: count(4).filter(|_| text(row, 2).is_some_and(|kind| kind != "VIEW")),
            key,
        })
    }

    /// Sessions that see the same moment, each in a transaction; only the first one if the others could not begin with it.
    async fn together(&self, first: Session, relation: &Relation, wanted: usize) -> Result<Vec<Session>> {
        let mut sessions = vec![first];
        while sessions.len() < wanted {
            match self.server.connect().await {
                Ok(session) => sessions.push(session),
                Err(error) if error.is(&SOURCE_UNREACHABLE) => break,
                Err(error) => return Err(error),
            }
        }
        // While the table is locked nobody writes to it, and no transaction that wrote to it is open.
        let held = if sessions.len() > 1 { self.server.hold(&relation.from).await? } else { None };
        if held.is_none() {
            sessions.truncate(1);
        }
        for session in &mut sessions {
            session.begin().await?;
        }
        if let Some(mut held) = held {
            held.run("unlock tables").await?;
        }
        Ok(sessions)
    }
}

#[async_trait]
impl Source for MysqlSource {
    async fn check(&self) -> Result<String> {
        let mut session = self.server.connect().await?;
        let rows = session.query("select version()", &[]).await?;
        let version = rows.first().and_then(|row| text(row, 0)).unwrap_or_default();
        let product = if version.contains("MariaDB") { "MariaDB" } else { "MySQL" };
        Ok(format!("{product} {}", version.split('-').next().unwrap_or_default()))
    }

    async fn tables(&self) -> Result<Vec<SourceTable>> {
        let mut session = self.server.connect().await?;
        let rows = session.query(TABLES, &[]).await?;
        let table = |row: &Row| SourceTable {
            schema: text(row, 0).unwrap_or_default(),
            table: text(row, 1).unwrap_or_default(),
            rows: number(row, 2).and_then(|rows| u64::try_from(rows).ok()),
        };
        let mut tables: Vec<SourceTable> = rows.iter().map(table).filter(|table| self.offers(&table.schema)).collect();
        // The server sorts by a collation of its own.
        tables.sort();
        Ok(tables)
    }

    async fn describe(&self, target: &Target) -> Result<SchemaRef> {
        let mut session = self.server.connect().await?;
        let relation = self.relation(&mut session, target).await?;
        // A column that cannot be read does not hide the others.
        let fields = relation.columns.iter().filter_map(Column::live_field);
        Ok(Arc::new(Schema::new(fields.collect::<Vec<_>>())))
    }

    async fn read(&self, request: ReadRequest) -> Result<Reading> {
        let mut first = self.server.connect().await?;
        let relation = self.relation(&mut first, &request.target).await?;
        let Relation { place, columns, .. } = &relation;

        // A column that cannot be read is an error only if it is asked for, and not if it is declared to be something.
        let unread = |column: &Column| column.field().unwrap_or_else(|| Field::new(&column.name, DataType::Null, true));
        let found = Schema::new(columns.iter().map(unread).collect::<Vec<_>>());
        let schema = settle(&found, request.declared.as_ref(), request.columns.as_deref(), place)?;
        let mut expressions = Vec::with_capacity(schema.fields().len());
        let mut readers = Vec::with_capacity(schema.fields().len());
        for field in schema.fields() {
            let column = columns.iter().find(|column| column.name == *field.name());
            let form = match column {
                Some(Column { form: Some(form), .. }) => form.clone(),
                Some(column) if !field.data_type().is_null() => column.declared(),
                _ => return Err(unsupported(place, field.name(), column)),
            };
            expressions.push(form.expression(field.name()));
            readers.push(Reader::new(form, field.data_type()));
        }
        if expressions.is_empty() {
            expressions.push("1".to_owned());
        }
        let mut select = Select {
            columns: expressions,
            from: relation.from.clone(),
            conditions: request.filters.clone(),
            limit: request.limit,
        };

        let follows = request.cursor.as_ref().is_some_and(|cursor| cursor.after.is_some());
        let alone = request.limit.is_some() || follows || relation.key.is_none();
        let wanted = (relation.bytes / PART_BYTES_MIN).clamp(1, request.parallel.clamp(1, PARALLEL_MAX) as u64) as usize;
        let mut sessions = self.together(first, &relation, if alone { 1 } else { wanted }).await?;
        let count = sessions.len();
        let mut ranges = vec![Vec::new()];
        let mut position = Position::Snapshot;
        for (index, session) in sessions.iter_mut().enumerate() {
            if index == 0 {
                position = self.follow(session, &relation, &request, &mut select).await?;
                if let Some(key) = relation.key.as_ref().filter(|_| count > 1) {
                    ranges = part::ranges(session, &relation.from, key, count).await?;
                }
            }
            // A wrong filter is reported now, to whoever asked, and not by the stream; and from now on the table stays.
            session.run(&Select { limit: Some(0), ..select.clone() }.to_string()).await?;
        }

        let work = Arc::new(Work::new(place.clone(), select, ranges, schema.clone(), readers, request.batch_rows.max(1)));
        let parts = sessions.into_iter().map(|session| part::stream(session, work.clone())).collect();
        let whole = request.filters.is_empty() && request.cursor.is_none();
        let total_rows = relation.rows.filter(|_| whole).map(|rows| rows.min(request.limit.unwrap_or(u64::MAX)));
        Ok(Reading { schema, parts, total_rows, total_bytes: None, position })
    }

    fn live(&self) -> Option<Dialect> {
        Some(Dialect::Mysql)
    }
}
