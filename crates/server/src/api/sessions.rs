//! `/api/v1/sessions`, `/api/v1/whoami`: signing in and out.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::request::Parts;
use base::{Error, Secret};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::caller::{Address, Caller, bearer};
use crate::codes::TOKEN_REQUIRED;
use crate::failure::Answer;
use crate::input;
use crate::platform::Platform;
use crate::router::At;

pub(super) fn routes() -> OpenApiRouter<Platform> {
    OpenApiRouter::new().routes(routes!(login)).routes(routes!(logout)).routes(routes!(whoami))
}

/// Who signs in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LoginRequest {
    /// The user's name.
    user: String,
    /// The user's password.
    password: String,
}

/// A session.
#[derive(Serialize, ToSchema)]
struct Session {
    /// To be sent as `Authorization: Bearer TOKEN`.
    token: String,
    user: String,
    expires_at: DateTime<Utc>,
}

/// Who the caller is.
#[derive(Debug, Serialize, ToSchema)]
struct Whoami {
    user: String,
    /// Its roles, included ones too.
    roles: Vec<String>,
    /// Whether it may do everything.
    admin: bool,
    /// The API token it uses, if it is one.
    token_id: Option<String>,
}

/// Sign in
#[utoipa::path(post, path = "/api/v1/sessions", tag = "sessions", operation_id = "login", request_body = LoginRequest,
    responses((status = 201, description = "the session", body = Session)))]
async fn login(
    State(platform): At,
    Address(address): Address,
    input::Json(request): input::Json<LoginRequest>,
) -> Answer<(StatusCode, Json<Session>)> {
    let password = Secret::new(request.password);
    let (token, principal) = platform.guard().login(&request.user, &password, address.as_deref()).await?;
    let session = Session { token: token.expose().to_owned(), user: principal.user, expires_at: principal.expires_at };
    Ok((StatusCode::CREATED, Json(session)))
}

/// Sign out
///
/// Ends the session whose token is sent.
#[utoipa::path(delete, path = "/api/v1/sessions/current", tag = "sessions", operation_id = "logout", responses((status = 204, description = "it is ended")))]
async fn logout(State(platform): At, Caller(_pass): Caller, parts: Parts) -> Answer<StatusCode> {
    let token = bearer(&parts).ok_or_else(|| Error::new(&TOKEN_REQUIRED))?;
    platform.guard().logout(token).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Who am I?
#[utoipa::path(get, path = "/api/v1/whoami", tag = "sessions", operation_id = "whoami", responses((status = 200, description = "the caller", body = Whoami)))]
async fn whoami(Caller(pass): Caller) -> Json<Whoami> {
    Json(Whoami {
        user: pass.user().to_owned(),
        roles: pass.roles().to_vec(),
        admin: pass.is_admin(),
        token_id: pass.token_id().map(str::to_owned),
    })
}
