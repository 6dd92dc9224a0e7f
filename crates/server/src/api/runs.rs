//! `/api/v1/runs`: executions of pipelines, watched and steered.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use base::{Language, Result, RunId};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Page;
use crate::caller::Caller;
use crate::failure::{Answer, language, retold};
use crate::input::Query;
use crate::platform::Platform;
use crate::router::At;

/// Most runs of one page.
const PAGE_MAX: u64 = 1000;

pub(super) fn routes() -> OpenApiRouter<Platform> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(get))
        .routes(routes!(logs))
        .routes(routes!(cancel))
        .routes(routes!(resume))
        .routes(routes!(rerun))
}

/// One execution of a pipeline.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Run {
    id: String,
    pipeline: String,
    /// `queued`, `running`, `succeeded`, `failed` or `cancelled`.
    state: &'static str,
    /// The scheduled time it stands for.
    instance: Option<DateTime<Utc>>,
    #[schema(value_type = Object)]
    parameters: Value,
    created_by: String,
    created_at: DateTime<Utc>,
    started_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
    /// Why it failed.
    #[schema(value_type = Option<super::ErrorBody>)]
    error: Option<Value>,
    /// Somebody asked it to end.
    cancel_requested: bool,
    /// In the order of the pipeline; empty in lists.
    steps: Vec<RunStep>,
}

/// One step of a run.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RunStep {
    step: String,
    /// `pending`, `running`, `succeeded`, `failed`, `skipped` or `cancelled`.
    state: String,
    /// From 1 once it began.
    attempt: i32,
    /// Rows taken so far.
    rows: i64,
    /// Bytes read so far.
    bytes: i64,
    /// Records in quarantine so far.
    rejected: i64,
    /// Rows there will be, if known.
    total_rows: Option<i64>,
    /// Bytes there will be, if known.
    total_bytes: Option<i64>,
    started_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
    #[schema(value_type = Option<super::ErrorBody>)]
    error: Option<Value>,
    /// Input versions, output version, what the checks found.
    #[schema(value_type = Object)]
    output: Value,
}

/// A line of a run's log.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LogLine {
    /// Its number in the run; send the last one as `after`.
    seq: i64,
    at: DateTime<Utc>,
    /// `info`, `warn` or `error`.
    level: String,
    /// The step it is about.
    step: Option<String>,
    text: String,
}

/// The id of a run.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RunCreated {
    pub id: String,
}

/// Which runs.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Which {
    /// Of this pipeline.
    pipeline: Option<String>,
    /// In this state.
    state: Option<String>,
    /// Behind this run in the list; `next` of the page before.
    after: Option<String>,
    /// At most so many; 50 if not given.
    limit: Option<u64>,
}

/// List runs, newest first
#[utoipa::path(get, path = "/api/v1/runs", tag = "runs", operation_id = "list_runs", params(Which),
    responses((status = 200, description = "the runs that the caller may see", body = Page<Run>)))]
async fn list(
    State(platform): At,
    Caller(pass): Caller,
    headers: HeaderMap,
    Query(which): Query<Which>,
) -> Answer<Json<Page<Run>>> {
    let limit = which.limit.unwrap_or(50).clamp(1, PAGE_MAX);
    let before = which.after.map(|after| after.parse::<RunId>()).transpose()?;
    let filter = flow::RunFilter { pipeline: which.pipeline, state: which.state, before, limit };
    let runs = platform.flow().list(&pass, filter).await?;
    let full = runs.len() as u64 == limit;
    let next = runs.last().filter(|_| full).map(|run| run.id.clone());
    Ok(Json(Page { items: runs.into_iter().map(|run| Run::told(run, language(&headers))).collect(), next }))
}

/// Look at a run and its steps
#[utoipa::path(get, path = "/api/v1/runs/{id}", tag = "runs", operation_id = "get_run", params(("id" = String, Path, description = "the run")),
    responses((status = 200, description = "the run", body = Run)))]
async fn get(State(platform): At, Caller(pass): Caller, headers: HeaderMap, Path(id): Path<String>) -> Answer<Json<Run>> {
    Ok(Json(Run::told(platform.flow().get(&pass, id.parse()?).await?, language(&headers))))
}

/// From where to read a log.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Behind {
    /// Lines behind this number; all if not given.
    after: Option<i64>,
}

/// Read a run's log
///
/// At most a thousand lines; `next` is null while there is nothing more.
#[utoipa::path(get, path = "/api/v1/runs/{id}/logs", tag = "runs", operation_id = "get_run_logs", params(("id" = String, Path, description = "the run"), Behind),
    responses((status = 200, description = "lines in order", body = Page<LogLine>)))]
async fn logs(
    State(platform): At,
    Caller(pass): Caller,
    Path(id): Path<String>,
    Query(from): Query<Behind>,
) -> Answer<Json<Page<LogLine>>> {
    let lines = platform.flow().logs(&pass, id.parse()?, from.after.unwrap_or(0)).await?;
    let next = lines.last().map(|line| line.seq.to_string());
    Ok(Json(Page { items: lines.into_iter().map(LogLine::from).collect(), next }))
}

/// Ask a run to end
#[utoipa::path(post, path = "/api/v1/runs/{id}/cancel", tag = "runs", operation_id = "cancel_run", params(("id" = String, Path, description = "the run")),
    responses((status = 200, description = "it was asked; its worker hears of it within a second or two", body = Run)))]
async fn cancel(State(platform): At, Caller(pass): Caller, headers: HeaderMap, Path(id): Path<String>) -> Answer<Json<Run>> {
    let id = id.parse()?;
    platform.flow().cancel(&pass, id).await?;
    Ok(Json(Run::told(platform.flow().get(&pass, id).await?, language(&headers))))
}

/// Go on with a run that failed or was cancelled
///
/// Steps that succeeded stay; the others are tried again.
#[utoipa::path(post, path = "/api/v1/runs/{id}/resume", tag = "runs", operation_id = "resume_run", params(("id" = String, Path, description = "the run")),
    responses((status = 200, description = "it is queued again", body = Run)))]
async fn resume(State(platform): At, Caller(pass): Caller, headers: HeaderMap, Path(id): Path<String>) -> Answer<Json<Run>> {
    let id = id.parse()?;
    platform.flow().resume(&pass, id).await?;
    Ok(Json(Run::told(platform.flow().get(&pass, id).await?, language(&headers))))
}

/// Run again, with the same parameters and instance
#[utoipa::path(post, path = "/api/v1/runs/{id}/rerun", tag = "runs", operation_id = "rerun_run", params(("id" = String, Path, description = "the run")),
    responses((status = 201, description = "the new run", body = RunCreated)))]
async fn rerun(
    State(platform): At,
    Caller(pass): Caller,
    Path(id): Path<String>,
) -> Answer<(axum::http::StatusCode, Json<RunCreated>)> {
    let id: Result<RunId> = platform.flow().rerun(&pass, id.parse()?).await;
    Ok((axum::http::StatusCode::CREATED, Json(RunCreated { id: id?.to_string() })))
}

impl Run {
    /// The run with its errors in this language.
    fn told(run: flow::Run, language: Language) -> Self {
        let told = |error: Option<Value>| {
            error.map(|mut error| {
                retold(&mut error, language);
                error
            })
        };
        Self {
            id: run.id,
            pipeline: run.pipeline,
            state: run.state.as_str(),
            instance: run.instance,
            parameters: run.parameters,
            created_by: run.created_by,
            created_at: run.created_at,
            started_at: run.started_at,
            finished_at: run.finished_at,
            error: told(run.error),
            cancel_requested: run.cancel_requested,
            steps: run
                .steps
                .into_iter()
                .map(|step| RunStep {
                    step: step.step,
                    state: step.state,
                    attempt: step.attempt,
                    rows: step.rows,
                    bytes: step.bytes,
                    rejected: step.rejected,
                    total_rows: step.total_rows,
                    total_bytes: step.total_bytes,
                    started_at: step.started_at,
                    finished_at: step.finished_at,
                    error: told(step.error),
                    output: step.output,
                })
                .collect(),
        }
    }
}

impl From<flow::LogLine> for LogLine {
    fn from(line: flow::LogLine) -> Self {
        Self { seq: line.seq, at: line.at, level: line.level, step: line.step, text: line.text }
    }
}
