//! `/api/v1/users/NAME/password`: users are resources, but a password is not part of what is declared.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use base::Secret;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::caller::Caller;
use crate::failure::Answer;
use crate::input::Json;
use crate::platform::Platform;
use crate::router::At;

pub(super) fn routes() -> OpenApiRouter<Platform> {
    OpenApiRouter::new().routes(routes!(set_password))
}

/// A new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PasswordRequest {
    /// The password.
    password: String,
}

/// Set a user's password
///
/// Their own, or anybody's for an administrator. Ends the user's sessions.
#[utoipa::path(put, path = "/api/v1/users/{name}/password", tag = "users", operation_id = "set_password", params(("name" = String, Path, description = "the user")),
    request_body = PasswordRequest, responses((status = 204, description = "it is set")))]
async fn set_password(
    State(platform): At,
    Caller(pass): Caller,
    Path(name): Path<String>,
    Json(request): Json<PasswordRequest>,
) -> Answer<StatusCode> {
    platform.guard().set_password(&pass, &name, Secret::new(request.password)).await?;
    Ok(StatusCode::NO_CONTENT)
}
