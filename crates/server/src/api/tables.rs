//! `/api/v1/tables`: what can be read, its columns and versions, and the upkeep of lake tables.

use axum::Json;
use axum::extract::{Path, State};
use base::{Result, TableName, units};
use chrono::{DateTime, Utc};
use engine::TableKind;
use guard::{Object, Pass, Privilege};
use lake::AsOf;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Page;
use crate::caller::Caller;
use crate::failure::Answer;
use crate::input::{self, Query};
use crate::platform::Platform;
use crate::router::At;
use crate::statement::event;

/// Most versions of one page of a history.
const HISTORY_MAX: usize = 1000;

pub(super) fn routes() -> OpenApiRouter<Platform> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(describe))
        .routes(routes!(history))
        .routes(routes!(optimize))
        .routes(routes!(vacuum))
        .routes(routes!(restore))
}

/// A table that the caller may read.
#[derive(Debug, Serialize, ToSchema)]
struct TableEntry {
    /// `catalog.schema.table`.
    name: String,
    /// `table` and `quarantine` are in the lake, `live` is in a business system, `view` is a query over others.
    kind: &'static str,
}

/// A table's columns and size.
#[derive(Debug, Serialize, ToSchema)]
struct TableInfo {
    /// `catalog.schema.table`.
    name: String,
    /// `table`, `quarantine`, `live` or `view`.
    kind: &'static str,
    /// What a view shows, if it says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// A view's query, for its declarer and for who looks after views.
    #[serde(skip_serializing_if = "Option::is_none")]
    sql: Option<String>,
    columns: Vec<Column>,
    /// The newest version, in the lake.
    version: Option<u64>,
    /// Rows, if known without reading them.
    rows: Option<u64>,
    /// Bytes on the store, in the lake.
    bytes: Option<u64>,
    /// Data files, in the lake.
    files: Option<u64>,
}

/// A column.
#[derive(Debug, Serialize, ToSchema)]
struct Column {
    name: String,
    /// Its Arrow type.
    #[serde(rename = "type")]
    data_type: String,
    nullable: bool,
    /// What it means, if a view says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
}

/// One version of a table.
#[derive(Debug, Serialize, ToSchema)]
struct VersionView {
    version: u64,
    at: DateTime<Utc>,
    /// What was done, such as `WRITE` or `OPTIMIZE`.
    operation: String,
    /// Rows written, if the writer said so.
    rows: Option<u64>,
    /// Who or what wrote it: principal, pipeline, step, run, source position.
    #[schema(value_type = Option<Object>)]
    origin: Option<Value>,
}

/// How many versions.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct HowMany {
    /// At most so many; 100 if not given.
    limit: Option<usize>,
}

/// What to keep.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct VacuumRequest {
    /// How long files that no version needs any more stay for readers of old versions, such as `7d`; 7 days if not given.
    #[serde(default)]
    retention: Option<String>,
    /// Only say what would go.
    #[serde(default)]
    trial: bool,
}

/// What a compaction did.
#[derive(Debug, Serialize, ToSchema)]
struct OptimizeReport {
    /// The version after it.
    version: u64,
    /// Small files that went.
    files_removed: u64,
    /// Files that took their places.
    files_added: u64,
}

/// What a vacuum did.
#[derive(Debug, Serialize, ToSchema)]
struct VacuumReport {
    /// The version after it.
    version: u64,
    /// Files deleted, or, for a trial, that would be.
    files: Vec<String>,
}

/// What a restore did.
#[derive(Debug, Serialize, ToSchema)]
struct RestoreReport {
    /// The version that holds the old rows again.
    version: u64,
}

/// Where to go back to: one of the two.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RestoreRequest {
    /// This version.
    #[serde(default)]
    version: Option<u64>,
    /// The version of this time.
    #[serde(default)]
    timestamp: Option<DateTime<Utc>>,
}

/// List the tables that the caller may read
#[utoipa::path(get, path = "/api/v1/tables", tag = "tables", operation_id = "list_tables", responses((status = 200, description = "the tables", body = Page<TableEntry>)))]
async fn list(State(platform): At, Caller(pass): Caller) -> Answer<Json<Page<TableEntry>>> {
    let tables = Box::pin(platform.engine().tables(&pass)).await?;
    let view = |entry: engine::TableEntry| TableEntry { name: entry.name.to_string(), kind: kind(entry.kind) };
    Ok(Json(Page::whole(tables.into_iter().map(view).collect())))
}

/// Look at a table
#[utoipa::path(get, path = "/api/v1/tables/{name}", tag = "tables", operation_id = "get_table", params(("name" = String, Path, description = "catalog.schema.table")),
    responses((status = 200, description = "the table", body = TableInfo)))]
async fn describe(State(platform): At, Caller(pass): Caller, Path(name): Path<String>) -> Answer<Json<TableInfo>> {
    let info = Box::pin(platform.engine().describe(&pass, &name.parse()?)).await?;
    let columns = info.columns.into_iter();
    Ok(Json(TableInfo {
        name: info.name.to_string(),
        kind: kind(info.kind),
        description: info.description,
        sql: info.sql,
        columns: columns.map(Column::from).collect(),
        version: info.version,
        rows: info.rows,
        bytes: info.bytes,
        files: info.files,
    }))
}

/// List the versions of a lake table, newest first
#[utoipa::path(get, path = "/api/v1/tables/{name}/history", tag = "tables", operation_id = "get_table_history", params(("name" = String, Path, description = "catalog.schema.table"), HowMany),
    responses((status = 200, description = "the versions", body = Page<VersionView>)))]
async fn history(
    State(platform): At,
    Caller(pass): Caller,
    Path(name): Path<String>,
    Query(many): Query<HowMany>,
) -> Answer<Json<Page<VersionView>>> {
    let table = Box::pin(platform.engine().lake_table(&pass, &name.parse()?)).await?;
    let versions = Box::pin(table.history(many.limit.unwrap_or(100).clamp(1, HISTORY_MAX))).await?;
    let view = |version: lake::VersionInfo| VersionView {
        version: version.version,
        at: version.at,
        operation: version.operation,
        rows: version.rows,
        origin: version.origin.and_then(|origin| serde_json::to_value(origin).ok()),
    };
    Ok(Json(Page::whole(versions.into_iter().map(view).collect())))
}

/// Put small files of a lake table together
#[utoipa::path(post, path = "/api/v1/tables/{name}/optimize", tag = "tables", operation_id = "optimize_table", params(("name" = String, Path, description = "catalog.schema.table")),
    responses((status = 200, description = "what was done", body = OptimizeReport)))]
async fn optimize(State(platform): At, Caller(pass): Caller, Path(name): Path<String>) -> Answer<Json<OptimizeReport>> {
    let name: TableName = name.parse()?;
    let table = upkeep(&platform, &pass, &name, Privilege::Modify, "table.optimize", Value::Null).await?;
    let done = platform.engine().compute(async move { Box::pin(table.optimize(&pass)).await }).await?;
    Ok(Json(OptimizeReport { version: done.version, files_removed: done.files_removed, files_added: done.files_added }))
}

/// Delete files of a lake table that no kept version needs
#[utoipa::path(post, path = "/api/v1/tables/{name}/vacuum", tag = "tables", operation_id = "vacuum_table", params(("name" = String, Path, description = "catalog.schema.table")),
    request_body = VacuumRequest, responses((status = 200, description = "what was done", body = VacuumReport)))]
async fn vacuum(
    State(platform): At,
    Caller(pass): Caller,
    Path(name): Path<String>,
    input::Json(request): input::Json<VacuumRequest>,
) -> Answer<Json<VacuumReport>> {
    let name: TableName = name.parse()?;
    let retention = units::parse_duration(request.retention.as_deref().unwrap_or("7d"))?;
    let detail = json!({ "retention": request.retention, "trial": request.trial });
    let table = upkeep(&platform, &pass, &name, Privilege::Manage, "table.vacuum", detail).await?;
    let trial = request.trial;
    let done = platform.engine().compute(async move { Box::pin(table.vacuum(&pass, retention, false, trial)).await }).await?;
    Ok(Json(VacuumReport { version: done.version, files: done.files }))
}

/// Bring a lake table back to an earlier version, as a new version
#[utoipa::path(post, path = "/api/v1/tables/{name}/restore", tag = "tables", operation_id = "restore_table", params(("name" = String, Path, description = "catalog.schema.table")),
    request_body = RestoreRequest, responses((status = 200, description = "the new version", body = RestoreReport)))]
async fn restore(
    State(platform): At,
    Caller(pass): Caller,
    Path(name): Path<String>,
    input::Json(request): input::Json<RestoreRequest>,
) -> Answer<Json<RestoreReport>> {
    let name: TableName = name.parse()?;
    let to = match (request.version, request.timestamp) {
        (Some(version), None) => AsOf::Version(version),
        (None, Some(timestamp)) => AsOf::Timestamp(timestamp),
        _ => {
            let reason = "give `version` or `timestamp`";
            return Err(base::Error::new(&crate::codes::BODY_INVALID).with("reason", reason).into());
        }
    };
    let detail = json!({ "version": request.version, "timestamp": request.timestamp });
    let table = upkeep(&platform, &pass, &name, Privilege::Modify, "table.restore", detail).await?;
    let commit = platform.engine().compute(async move { Box::pin(table.restore(&pass, to)).await }).await?;
    Ok(Json(RestoreReport { version: commit.version }))
}

/// The table, for one who may do this to it; written down before it is done, and when it is refused.
async fn upkeep(
    platform: &Platform,
    pass: &Pass,
    name: &TableName,
    privilege: Privilege,
    action: &'static str,
    detail: Value,
) -> Result<lake::Table> {
    let mut event = event(pass, action, format!("Table/{name}"), detail);
    let allowed = pass.demand(privilege, &Object::Table(name));
    if let Err(error) = &allowed {
        event.allowed = false;
        event.error = Some(error.code().name.to_owned());
    }
    platform.guard().audit().record_now(event).await?;
    allowed?;
    Box::pin(platform.engine().lake_table(pass, name)).await
}

impl From<engine::Column> for Column {
    fn from(column: engine::Column) -> Self {
        let engine::Column { name, data_type, nullable, description } = column;
        Self { name, data_type, nullable, description }
    }
}

const fn kind(kind: TableKind) -> &'static str {
    match kind {
        TableKind::Table => "table",
        TableKind::Quarantine => "quarantine",
        TableKind::Live => "live",
        TableKind::View => "view",
    }
}
