//! `GET /api/v1/pipelines/NAME/graph`: the order of a pipeline's steps, and the tables between them.

use axum::Json;
use axum::extract::{Path, State};
use base::document::Wrong;
use base::{Error, TableName};
use flow::PipelineSpec;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::caller::Caller;
use crate::codes::BODY_INVALID;
use crate::failure::Answer;
use crate::platform::Platform;
use crate::router::At;

pub(super) fn routes() -> OpenApiRouter<Platform> {
    OpenApiRouter::new().routes(routes!(graph))
}

/// A pipeline as a graph.
#[derive(Debug, Serialize, ToSchema)]
struct PipelineGraph {
    /// In the order of the pipeline.
    steps: Vec<GraphStep>,
}

/// A step and what it waits for.
#[derive(Debug, Serialize, ToSchema)]
struct GraphStep {
    name: String,
    /// `collect`, `sql`, `check` or `publish`.
    verb: &'static str,
    /// The lake tables it reads.
    reads: Vec<String>,
    /// The lake tables it writes, its quarantine included.
    writes: Vec<String>,
    /// The steps that must end before it.
    before: Vec<String>,
}

/// Look at the order of a pipeline's steps
#[utoipa::path(get, path = "/api/v1/pipelines/{name}/graph", tag = "pipelines", operation_id = "get_pipeline_graph", params(("name" = String, Path, description = "the pipeline")),
    responses((status = 200, description = "the steps", body = PipelineGraph)))]
async fn graph(State(platform): At, Caller(pass): Caller, Path(name): Path<String>) -> Answer<Json<PipelineGraph>> {
    let resource = platform.catalog().get(&pass, "Pipeline", &name).await?;
    let spec: PipelineSpec = serde_json::from_value(resource.spec).map_err(|error| unreadable(error.to_string()))?;
    let views = Box::pin(platform.engine().behind_views(&[])).await?;
    let steps = steps(&spec, &views).map_err(|wrong| unreadable(format!("{}: {}", wrong.field, wrong.reason)))?;
    Ok(Json(PipelineGraph { steps }))
}

fn steps(spec: &PipelineSpec, views: &flow::Views) -> Result<Vec<GraphStep>, Wrong> {
    let names = |tables: Vec<TableName>| tables.iter().map(ToString::to_string).collect();
    let before = spec.dependencies(views)?;
    let steps = spec.steps.iter().zip(before).map(|(step, before)| {
        let does = step.step()?;
        let before = before.into_iter().map(|index| spec.steps[index].name.clone()).collect();
        Ok(GraphStep {
            name: step.name.clone(),
            verb: does.verb(),
            reads: names(does.reads()?),
            writes: names(does.writes()),
            before,
        })
    });
    steps.collect()
}

/// A stored pipeline of another version.
fn unreadable(reason: String) -> Error {
    Error::new(&BODY_INVALID).with("reason", reason)
}
