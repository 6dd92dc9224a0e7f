//! `/api/v1/sessions`, `/api/v1/whoami`: signing in and out.

use axum::Json;
use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base::{Error, Secret};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::caller::{Address, COOKIE, Caller, bearer, cookie};
use crate::codes::TOKEN_REQUIRED;
use crate::failure::Answer;
use crate::input;
use crate::platform::Platform;
use crate::router::At;

pub(super) fn routes() -> OpenApiRouter<Platform> {
    OpenApiRouter::new().routes(routes!(login)).routes(routes!(keep, logout)).routes(routes!(whoami))
}

/// Who signs in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LoginRequest {
    /// The user's name.
    user: String,
    /// The user's password.
    password: String,
    /// Keep the session in a cookie that scripts cannot read, instead of answering its token. It holds for requests that
    /// carry the header `x-dataux-console`, whatever its value.
    #[serde(default)]
    cookie: bool,
}

/// A session.
#[derive(Serialize, ToSchema)]
struct Session {
    /// To be sent as `Authorization: Bearer TOKEN`; null if a cookie holds it.
    token: Option<String>,
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
    headers: HeaderMap,
    input::Json(request): input::Json<LoginRequest>,
) -> Answer<Response> {
    let password = Secret::new(request.password);
    let (token, principal) = platform.guard().login(&request.user, &password, address.as_deref()).await?;
    let shown = (!request.cookie).then(|| token.expose().to_owned());
    let session = Session { token: shown, user: principal.user, expires_at: principal.expires_at };
    let answer = (StatusCode::CREATED, Json(session));
    if !request.cookie {
        return Ok(answer.into_response());
    }
    let life = (principal.expires_at - Utc::now()).num_seconds();
    Ok(([(header::SET_COOKIE, baked(&headers, token.expose(), Some(life)))], answer).into_response())
}

/// Sign in a browser with a token
///
/// Keeps the token of this request in a cookie that scripts cannot read, as `login` does for a password.
#[utoipa::path(put, path = "/api/v1/sessions/current", tag = "sessions", operation_id = "keep_token", responses((status = 204, description = "the cookie is set")))]
async fn keep(Caller(_pass): Caller, parts: Parts) -> Answer<Response> {
    let token = bearer(&parts).ok_or_else(|| Error::new(&TOKEN_REQUIRED))?;
    Ok(([(header::SET_COOKIE, baked(&parts.headers, token, None))], StatusCode::NO_CONTENT).into_response())
}

/// Sign out
///
/// Ends the session whose token is sent, and forgets the cookie. An API token in a cookie is only forgotten: other programs
/// may use it.
#[utoipa::path(delete, path = "/api/v1/sessions/current", tag = "sessions", operation_id = "logout", responses((status = 204, description = "it is ended")))]
async fn logout(State(platform): At, Caller(_pass): Caller, parts: Parts) -> Answer<Response> {
    let token = bearer(&parts).ok_or_else(|| Error::new(&TOKEN_REQUIRED))?;
    let kept = cookie(&parts) == Some(token);
    if !(kept && token.starts_with(guard::TOKEN_PREFIX)) {
        platform.guard().logout(token).await?;
    }
    if !kept {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    Ok(([(header::SET_COOKIE, baked(&parts.headers, "", Some(0)))], StatusCode::NO_CONTENT).into_response())
}

/// The cookie's line; `life` in seconds, until the browser closes if none. Where the browser came by HTTPS, it returns by
/// nothing else.
fn baked(headers: &HeaderMap, token: &str, life: Option<i64>) -> String {
    let secure = headers.get("x-forwarded-proto").is_some_and(|proto| proto.as_bytes().starts_with(b"https"));
    let life = life.map(|seconds| format!("; Max-Age={seconds}")).unwrap_or_default();
    format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict{life}{}", if secure { "; Secure" } else { "" })
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
