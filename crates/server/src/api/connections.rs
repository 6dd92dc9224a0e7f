//! `/api/v1/connections/NAME/…`: whether a business system answers, and what is in it.

use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::{Path, State};
use base::{Error, Result, units};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Page;
use crate::caller::Caller;
use crate::codes::REQUEST_TIMEOUT;
use crate::failure::Answer;
use crate::platform::Platform;
use crate::router::At;

/// Longest wait for a business system.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// Most tables or files listed.
const OBJECTS_MAX: usize = 10_000;

pub(super) fn routes() -> OpenApiRouter<Platform> {
    OpenApiRouter::new().routes(routes!(check)).routes(routes!(objects))
}

/// That a connection works.
#[derive(Debug, Serialize, ToSchema)]
struct ConnectionCheck {
    /// What answered, such as `SQLite 3.50.2`.
    system: String,
    /// How long it took.
    millis: u64,
}

/// A table or a file of a connection.
#[derive(Debug, Serialize, ToSchema)]
struct SourceObject {
    /// Its schema; `files` for files.
    schema: String,
    /// Its name; for files the path below the location.
    name: String,
    /// About how many rows it has, if that is known without counting.
    rows: Option<u64>,
}

/// Try a connection
///
/// Reaches the business system, signs in and looks. A failure says what is wrong and what to do.
#[utoipa::path(post, path = "/api/v1/connections/{name}/check", tag = "connections", operation_id = "check_connection", params(("name" = String, Path, description = "the connection")),
    responses((status = 200, description = "it works", body = ConnectionCheck)))]
async fn check(State(platform): At, Caller(pass): Caller, Path(name): Path<String>) -> Answer<Json<ConnectionCheck>> {
    let began = Instant::now();
    let source = Box::pin(platform.engine().source(&pass, &name)).await?;
    let system = in_time(source.check()).await?;
    Ok(Json(ConnectionCheck { system, millis: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX) }))
}

/// List the tables or files of a connection
///
/// At most 10,000, sorted by schema and name.
#[utoipa::path(get, path = "/api/v1/connections/{name}/objects", tag = "connections", operation_id = "list_connection_objects", params(("name" = String, Path, description = "the connection")),
    responses((status = 200, description = "what is in it", body = Page<SourceObject>)))]
async fn objects(State(platform): At, Caller(pass): Caller, Path(name): Path<String>) -> Answer<Json<Page<SourceObject>>> {
    let source = Box::pin(platform.engine().source(&pass, &name)).await?;
    let found = in_time(source.tables()).await?;
    let view = |object: connect::SourceTable| SourceObject { schema: object.schema, name: object.table, rows: object.rows };
    Ok(Json(Page::whole(found.into_iter().take(OBJECTS_MAX).map(view).collect())))
}

async fn in_time<T>(answer: impl Future<Output = Result<T>>) -> Result<T> {
    let answer = tokio::time::timeout(ANSWER_WITHIN, answer).await;
    answer.unwrap_or_else(|_late| Err(Error::new(&REQUEST_TIMEOUT).with("limit", units::duration(ANSWER_WITHIN))))
}
