//! `/api/v1/resources`, `/api/v1/apply`, `/api/v1/kinds`: what users declare.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use catalog::{Action, ApplyOptions};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Page;
use crate::caller::Caller;
use crate::failure::Answer;
use crate::input::{Query, Text};
use crate::platform::Platform;
use crate::router::At;

pub(super) fn routes() -> OpenApiRouter<Platform> {
    OpenApiRouter::new()
        .routes(routes!(kinds))
        .routes(routes!(schema))
        .routes(routes!(apply))
        .routes(routes!(list))
        .routes(routes!(list_kind))
        .routes(routes!(get, delete))
}

/// A kind of resource.
#[derive(Debug, Serialize, ToSchema)]
struct KindView {
    /// Its name, such as `Pipeline`.
    kind: &'static str,
}

/// A declared resource.
#[derive(Debug, Serialize, ToSchema)]
struct Resource {
    kind: String,
    name: String,
    /// The spec, defaults filled in.
    #[schema(value_type = Object)]
    spec: Value,
    /// The YAML as it was written.
    text: String,
    /// Grows by one with each change.
    version: i64,
    updated_at: DateTime<Utc>,
    updated_by: String,
}

/// What an apply did to one resource.
#[derive(Debug, Serialize, ToSchema)]
struct Change {
    kind: String,
    name: String,
    /// `created`, `updated` or `unchanged`.
    action: &'static str,
    /// One line for each value that is different.
    diff: Vec<String>,
}

/// What an apply did.
#[derive(Debug, Serialize, ToSchema)]
struct Changes {
    changes: Vec<Change>,
}

/// How to apply.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct How {
    /// Say what would change and change nothing.
    #[serde(default)]
    dry_run: bool,
    /// The file's name, for errors.
    file: Option<String>,
}

/// List the kinds of resources
#[utoipa::path(get, path = "/api/v1/kinds", tag = "resources", operation_id = "list_kinds", responses((status = 200, description = "the kinds", body = Page<KindView>)))]
async fn kinds(State(platform): At, Caller(_pass): Caller) -> Json<Page<KindView>> {
    Json(Page::whole(platform.catalog().kinds().iter().map(|kind| KindView { kind: kind.name }).collect()))
}

/// The JSON Schema of a kind's documents
#[utoipa::path(get, path = "/api/v1/schemas/{kind}", tag = "resources", operation_id = "get_schema", params(("kind" = String, Path, description = "the kind, such as Pipeline")),
    responses((status = 200, description = "a JSON Schema", body = Object)))]
async fn schema(State(platform): At, Caller(_pass): Caller, Path(kind): Path<String>) -> Answer<Json<Value>> {
    Ok(Json((platform.catalog().kind(&kind)?.schema)()))
}

/// Bring what is stored to what the documents declare
///
/// Applying the same documents again changes nothing.
#[utoipa::path(post, path = "/api/v1/apply", tag = "resources", operation_id = "apply", params(How),
    request_body(content((String = "application/yaml"), (Object = "application/json"))), responses((status = 200, description = "what changed", body = Changes)))]
async fn apply(State(platform): At, Caller(pass): Caller, Query(how): Query<How>, Text(text): Text) -> Answer<Json<Changes>> {
    let file: String = how.file.as_deref().unwrap_or("body").chars().take(200).collect();
    let options = ApplyOptions { dry_run: how.dry_run };
    let declarations = platform.catalog().read(&pass, &text, &file)?;
    Box::pin(platform.engine().review(&pass, &declarations)).await?;
    Box::pin(platform.flow().review(&declarations)).await?;
    let changes = platform.catalog().apply(&pass, declarations, options).await?;
    platform.services().forget();
    let changes = changes
        .into_iter()
        .map(|change| Change {
            kind: change.kind,
            name: change.name,
            action: match change.action {
                Action::Created => "created",
                Action::Updated => "updated",
                Action::Unchanged => "unchanged",
            },
            diff: change.diff,
        })
        .collect();
    Ok(Json(Changes { changes }))
}

/// List every resource
#[utoipa::path(get, path = "/api/v1/resources", tag = "resources", operation_id = "list_resources", responses((status = 200, description = "the resources", body = Page<Resource>)))]
async fn list(State(platform): At, Caller(pass): Caller) -> Answer<Json<Page<Resource>>> {
    let resources = platform.catalog().list(&pass, None).await?;
    Ok(Json(Page::whole(resources.into_iter().map(Resource::from).collect())))
}

/// List the resources of a kind
#[utoipa::path(get, path = "/api/v1/resources/{kind}", tag = "resources", operation_id = "list_resources_of_kind", params(("kind" = String, Path, description = "the kind, such as Pipeline")),
    responses((status = 200, description = "the resources", body = Page<Resource>)))]
async fn list_kind(State(platform): At, Caller(pass): Caller, Path(kind): Path<String>) -> Answer<Json<Page<Resource>>> {
    let resources = platform.catalog().list(&pass, Some(&kind)).await?;
    Ok(Json(Page::whole(resources.into_iter().map(Resource::from).collect())))
}

/// Look at a resource
#[utoipa::path(get, path = "/api/v1/resources/{kind}/{name}", tag = "resources", operation_id = "get_resource",
    params(("kind" = String, Path, description = "the kind, such as Pipeline"), ("name" = String, Path, description = "the name")),
    responses((status = 200, description = "the resource", body = Resource)))]
async fn get(State(platform): At, Caller(pass): Caller, Path((kind, name)): Path<(String, String)>) -> Answer<Json<Resource>> {
    Ok(Json(platform.catalog().get(&pass, &kind, &name).await?.into()))
}

/// Remove a resource
///
/// What it described outside, such as a table's rows, stays.
#[utoipa::path(delete, path = "/api/v1/resources/{kind}/{name}", tag = "resources", operation_id = "delete_resource",
    params(("kind" = String, Path, description = "the kind, such as Pipeline"), ("name" = String, Path, description = "the name")),
    responses((status = 204, description = "it is gone")))]
async fn delete(State(platform): At, Caller(pass): Caller, Path((kind, name)): Path<(String, String)>) -> Answer<StatusCode> {
    platform.catalog().delete(&pass, &kind, &name).await?;
    platform.services().forget();
    Ok(StatusCode::NO_CONTENT)
}

impl From<catalog::Resource> for Resource {
    fn from(resource: catalog::Resource) -> Self {
        let catalog::Resource { kind, name, spec, text, version, updated_at, updated_by } = resource;
        Self { kind, name, spec, text, version, updated_at, updated_by }
    }
}
