//! `/api/v1/pipelines/NAME/…`: starting runs, one or many.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::runs::RunCreated;
use crate::caller::Caller;
use crate::failure::Answer;
use crate::input;
use crate::platform::Platform;
use crate::router::At;

pub(super) fn routes() -> OpenApiRouter<Platform> {
    OpenApiRouter::new().routes(routes!(start)).routes(routes!(backfill))
}

/// How to start a run.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct StartRequest {
    /// Values of the pipeline's `${name}`.
    #[serde(default)]
    #[schema(value_type = Object)]
    parameters: Map<String, Value>,
    /// The scheduled time it stands for; now if not given.
    #[serde(default)]
    instance: Option<DateTime<Utc>>,
}

/// Which days to run for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct BackfillRequest {
    /// The first business day.
    first: NaiveDate,
    /// The last business day.
    last: NaiveDate,
    /// Values of the pipeline's `${name}`, the same for each day.
    #[serde(default)]
    #[schema(value_type = Object)]
    parameters: Map<String, Value>,
}

/// The runs of a backfill.
#[derive(Debug, Serialize, ToSchema)]
struct BackfillCreated {
    /// Their ids, by day.
    ids: Vec<String>,
}

/// Start a run
#[utoipa::path(post, path = "/api/v1/pipelines/{name}/runs", tag = "pipelines", operation_id = "start_run", params(("name" = String, Path, description = "the pipeline")),
    request_body = StartRequest, responses((status = 201, description = "it is queued", body = RunCreated)))]
async fn start(
    State(platform): At,
    Caller(pass): Caller,
    Path(name): Path<String>,
    input::Json(request): input::Json<StartRequest>,
) -> Answer<(StatusCode, Json<RunCreated>)> {
    let options = flow::StartOptions { parameters: request.parameters, instance: request.instance };
    let id = platform.flow().start(&pass, &name, options).await?.to_string();
    Ok((StatusCode::CREATED, Json(RunCreated { id })))
}

/// Run for each day of a range
#[utoipa::path(post, path = "/api/v1/pipelines/{name}/backfills", tag = "pipelines", operation_id = "start_backfill", params(("name" = String, Path, description = "the pipeline")),
    request_body = BackfillRequest, responses((status = 201, description = "they are queued", body = BackfillCreated)))]
async fn backfill(
    State(platform): At,
    Caller(pass): Caller,
    Path(name): Path<String>,
    input::Json(request): input::Json<BackfillRequest>,
) -> Answer<(StatusCode, Json<BackfillCreated>)> {
    let ids = platform.flow().backfill(&pass, &name, request.first, request.last, request.parameters).await?;
    Ok((StatusCode::CREATED, Json(BackfillCreated { ids: ids.iter().map(ToString::to_string).collect() })))
}
