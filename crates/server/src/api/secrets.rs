//! `/api/v1/secrets`: the encrypted store. Values go in and never come out.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use base::Secret;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Page;
use crate::caller::Caller;
use crate::failure::Answer;
use crate::input;
use crate::platform::Platform;
use crate::router::At;

pub(super) fn routes() -> OpenApiRouter<Platform> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(put, delete))
}

/// A secret, without its value.
#[derive(Debug, Serialize, ToSchema)]
struct SecretView {
    /// Its name; connections refer to it as `secret:NAME`.
    name: String,
    /// When its value was last set.
    updated_at: DateTime<Utc>,
}

/// A secret's value.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SecretRequest {
    /// The value.
    value: String,
}

/// List the names of secrets
#[utoipa::path(get, path = "/api/v1/secrets", tag = "secrets", operation_id = "list_secrets", responses((status = 200, description = "names, never values", body = Page<SecretView>)))]
async fn list(State(platform): At, Caller(pass): Caller) -> Answer<Json<Page<SecretView>>> {
    let secrets = platform.guard().list_secrets(&pass).await?;
    let view = |secret: guard::SecretInfo| SecretView { name: secret.name, updated_at: secret.updated_at };
    Ok(Json(Page::whole(secrets.into_iter().map(view).collect())))
}

/// Set a secret
#[utoipa::path(put, path = "/api/v1/secrets/{name}", tag = "secrets", operation_id = "put_secret", params(("name" = String, Path, description = "the secret")),
    request_body = SecretRequest, responses((status = 204, description = "it is kept")))]
async fn put(
    State(platform): At,
    Caller(pass): Caller,
    Path(name): Path<String>,
    input::Json(request): input::Json<SecretRequest>,
) -> Answer<StatusCode> {
    platform.guard().put_secret(&pass, &name, Secret::new(request.value)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Forget a secret
#[utoipa::path(delete, path = "/api/v1/secrets/{name}", tag = "secrets", operation_id = "delete_secret", params(("name" = String, Path, description = "the secret")),
    responses((status = 204, description = "it is gone")))]
async fn delete(State(platform): At, Caller(pass): Caller, Path(name): Path<String>) -> Answer<StatusCode> {
    platform.guard().delete_secret(&pass, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}
