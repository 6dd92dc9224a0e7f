//! Which tables there are for a pass, their columns, and the open connections behind the live ones.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arrow::datatypes::SchemaRef;
use base::names::{LAKE, QUARANTINE_SUFFIX};
use base::nearest::nearest;
use base::{Error, Result, TableName};
use chrono::{DateTime, Utc};
use connect::{ConnectionSpec, Source, Target};
use datafusion::catalog::TableProvider;
use guard::{Object, Pass, Privilege};
use serde::Serialize;

use crate::codes;
use crate::governed::Listing;
use crate::live::LiveTable;
use crate::query::Engine;

/// Longest wait for one connection when tables are listed.
const LIST_TIMEOUT: Duration = Duration::from_secs(3);

/// Open connections that are kept.
const SOURCES_MAX: usize = 256;

/// A table that a pass may read.
#[derive(Debug, Clone, Serialize)]
pub struct TableEntry {
    /// `catalog.schema.table`.
    pub name: TableName,
    /// Where its rows are.
    pub kind: TableKind,
}

/// Where a table's rows are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TableKind {
    /// In the lake.
    Table,
    /// In the lake: the records that another table did not take.
    Quarantine,
    /// In a business system.
    Live,
    /// In the tables that a declared query reads.
    View,
}

/// A table's columns and, for a lake table, its size.
#[derive(Debug, Clone, Serialize)]
pub struct TableInfo {
    /// `catalog.schema.table`.
    pub name: TableName,
    /// Where its rows are.
    pub kind: TableKind,
    /// What it shows, if it is a view and somebody said so.
    pub description: Option<String>,
    /// Its query, if it is a view and the pass may see it.
    pub sql: Option<String>,
    /// The columns in order.
    pub columns: Vec<Column>,
    /// The newest version, in the lake.
    pub version: Option<u64>,
    /// Rows, if known without reading them.
    pub rows: Option<u64>,
    /// Bytes on the store, in the lake.
    pub bytes: Option<u64>,
    /// Data files, in the lake.
    pub files: Option<u64>,
}

/// A column.
#[derive(Debug, Clone, Serialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its Arrow type.
    #[serde(rename = "type")]
    pub data_type: String,
    /// Whether it may be null.
    pub nullable: bool,
    /// What it means, if it is a view's and somebody said so.
    pub description: Option<String>,
}

/// Connections that are open, by name, with the time their resource was changed.
#[derive(Debug, Default)]
pub(crate) struct Sources(Mutex<HashMap<String, OpenSource>>);

/// When the resource of an open connection was changed, and the connection.
type OpenSource = (DateTime<Utc>, Arc<dyn Source>);

impl Engine {
    /// The tables this pass may read. A connection that does not answer in time is left out.
    pub async fn tables(&self, pass: &Pass) -> Result<Vec<TableEntry>> {
        let mut entries = Vec::new();
        for schema in self.lake().schemas().await? {
            for table in self.lake().tables(&schema).await? {
                let kind = if table.ends_with(QUARANTINE_SUFFIX) { TableKind::Quarantine } else { TableKind::Table };
                entries.extend(TableName::new(LAKE, &schema, table).ok().map(|name| TableEntry { name, kind }));
            }
        }
        let views = self.views().await?;
        // Where a table was put into a view's place by other means, the view is what is read.
        entries.retain(|entry| !views.contains_key(&entry.name));
        entries.extend(views.keys().map(|name| TableEntry { name: name.clone(), kind: TableKind::View }));
        entries.sort_by(|one, other| one.name.cmp(&other.name));
        entries.retain(|entry| pass.allows(Privilege::Select, &Object::Table(&entry.name)));
        let connections = self.shared().parts.catalog.rows::<ConnectionSpec>().await?;
        for (resource, _) in connections {
            let listed = tokio::time::timeout(LIST_TIMEOUT, async {
                let source = self.open_source(&resource.name).await?;
                if source.live().is_some() { source.tables().await } else { Ok(Vec::new()) }
            });
            let Ok(Ok(tables)) = listed.await else { continue };
            for table in tables {
                let Ok(name) = TableName::new(&resource.name, table.schema, table.table) else { continue };
                if pass.allows(Privilege::Select, &Object::Table(&name)) {
                    entries.push(TableEntry { name, kind: TableKind::Live });
                }
            }
        }
        Ok(entries)
    }

    /// A table's columns and size.
    pub async fn describe(&self, pass: &Pass, name: &TableName) -> Result<TableInfo> {
        pass.demand(Privilege::Select, &Object::Table(name))?;
        if let Some(view) = self.views().await?.get(name) {
            return self.describe_view(pass, view).await;
        }
        let plain = |kind: TableKind, schema: &SchemaRef| TableInfo {
            name: name.clone(),
            kind,
            description: None,
            sql: None,
            columns: columns(schema),
            version: None,
            rows: None,
            bytes: None,
            files: None,
        };
        if name.is_lake() {
            let table = self.lake_table(pass, name).await?;
            let details = table.details()?;
            let kind = if name.table().ends_with(QUARANTINE_SUFFIX) { TableKind::Quarantine } else { TableKind::Table };
            return Ok(TableInfo {
                version: Some(table.version()),
                rows: details.rows,
                bytes: Some(details.bytes),
                files: Some(details.files),
                ..plain(kind, &table.schema())
            });
        }
        let source = self.open_source(name.catalog()).await?;
        let target = Target::Table { schema: name.schema().to_owned(), table: name.table().to_owned() };
        Ok(plain(TableKind::Live, &source.describe(&target).await?))
    }

    /// An open connection, for who may select from all of it.
    pub async fn source(&self, pass: &Pass, connection: &str) -> Result<Arc<dyn Source>> {
        pass.demand(Privilege::Select, &Object::Catalog(connection))?;
        self.open_source(connection).await
    }

    /// Opens with the rights of who declared the connection, or gives the one that is open; the caller has asked the pass for
    /// what it wants of it.
    async fn open_source(&self, connection: &str) -> Result<Arc<dyn Source>> {
        let parts = &self.shared().parts;
        let Some((resource, spec)) = parts.catalog.row::<ConnectionSpec>(connection).await? else {
            return Err(self.no_catalog(connection).await);
        };
        let kept = self.shared().sources.0.lock().unwrap_or_else(PoisonError::into_inner).get(connection).cloned();
        if let Some((since, source)) = kept
            && since == resource.updated_at
        {
            return Ok(source);
        }
        let owner = parts.guard.pass_of(&resource.updated_by).await?;
        let opened = connect::open(&owner, connection, &spec, &parts.connections).await?;
        let mut sources = self.shared().sources.0.lock().unwrap_or_else(PoisonError::into_inner);
        if sources.len() >= SOURCES_MAX {
            sources.clear();
        }
        sources.insert(connection.to_owned(), (resource.updated_at, Arc::clone(&opened)));
        Ok(opened)
    }

    /// The place of a connection that holds files, to write below it; asks for the right to modify the connection.
    pub async fn files_store(&self, pass: &Pass, connection: &str) -> Result<storage::Store> {
        let parts = &self.shared().parts;
        let Some((_, spec)) = parts.catalog.row::<ConnectionSpec>(connection).await? else {
            return Err(self.no_catalog(connection).await);
        };
        connect::files_store(pass, connection, &spec, &parts.connections).await
    }

    /// A table of a connection; the caller has asked the pass.
    pub(crate) async fn live_table(&self, name: &TableName) -> Result<Arc<dyn TableProvider>> {
        let source = self.open_source(name.catalog()).await?;
        Ok(Arc::new(LiveTable::open(source, name, self.shared().parts.settings.threads).await?))
    }

    pub(crate) async fn listing(&self, pass: &Pass) -> Result<Listing> {
        let mut listing = Listing::new();
        for entry in self.tables(pass).await? {
            let schemas = listing.entry(entry.name.catalog().to_owned()).or_default();
            schemas.entry(entry.name.schema().to_owned()).or_default().insert(entry.name.table().to_owned(), entry.kind);
        }
        Ok(listing)
    }

    /// The error for a lake table that is not there, with the nearest name among those the pass may read.
    pub(crate) async fn no_table(&self, pass: &Pass, name: &TableName) -> Error {
        let mut names = Vec::new();
        for schema in self.lake().schemas().await.unwrap_or_default() {
            for table in self.lake().tables(&schema).await.unwrap_or_default() {
                names.extend(TableName::lake(&schema, table).ok());
            }
        }
        names.extend(self.views().await.iter().flat_map(|views| views.keys()).cloned());
        names.retain(|name| pass.allows(Privilege::Select, &Object::Table(name)));
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let near = nearest(&name.to_string(), names.iter().map(String::as_str));
        Error::new(&codes::TABLE_NOT_FOUND).with("table", name).with("near", near.unwrap_or_default())
    }

    async fn no_catalog(&self, name: &str) -> Error {
        let connections = self.shared().parts.catalog.rows::<ConnectionSpec>().await.unwrap_or_default();
        let near = nearest(name, connections.iter().map(|(resource, _)| resource.name.as_str()).chain([LAKE]));
        let near = near.map(|near| format!("{near}.*")).unwrap_or_default();
        Error::new(&codes::TABLE_NOT_FOUND).with("table", format!("{name}.*")).with("near", near)
    }
}

pub(crate) fn columns(schema: &SchemaRef) -> Vec<Column> {
    let column = |field: &arrow::datatypes::FieldRef| Column {
        name: field.name().clone(),
        data_type: field.data_type().to_string(),
        nullable: field.is_nullable(),
        description: None,
    };
    schema.fields().iter().map(column).collect()
}
