//! `/api/v1/tokens`: what programs sign in with.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use guard::{Scope, TokenInfo, TokenRequest};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Page;
use crate::caller::Caller;
use crate::failure::Answer;
use crate::input::{self, Query};
use crate::platform::Platform;
use crate::router::At;

pub(super) fn routes() -> OpenApiRouter<Platform> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(revoke))
}

/// A token, without its secret.
#[derive(Debug, Serialize, ToSchema)]
struct Token {
    id: String,
    /// Whom it acts as.
    user: String,
    name: String,
    /// How it narrows what the user may do: rules of `allow` and `on`; null if it does not.
    #[schema(value_type = Option<Vec<Object>>)]
    scope: Value,
    created_by: String,
    created_at: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
    /// To the minute.
    last_used_at: Option<DateTime<Utc>>,
}

/// A token that was just made.
#[derive(Serialize, ToSchema)]
struct TokenCreated {
    /// What a program sends as `Authorization: Bearer TOKEN`; never shown again.
    token: String,
    #[serde(flatten)]
    info: Token,
}

/// What a token is for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CreateRequest {
    /// Whom it acts as; the caller if not given. Another user's takes an administrator.
    #[serde(default)]
    user: Option<String>,
    /// What it is called in lists.
    #[serde(default)]
    name: String,
    /// How long it lasts, in seconds; until it is revoked if not given.
    #[serde(default)]
    expires_in_seconds: Option<u64>,
    /// How it narrows what the user may do, as rules such as `{"allow":["execute"],"on":["service:flights"]}`.
    #[serde(default)]
    #[schema(value_type = Option<Vec<Object>>)]
    scope: Scope,
}

/// Whose tokens.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Whose {
    /// Of this user; the caller's own if not given.
    user: Option<String>,
    /// Of everybody; takes an administrator.
    #[serde(default)]
    all: bool,
}

/// List tokens
#[utoipa::path(get, path = "/api/v1/tokens", tag = "tokens", operation_id = "list_tokens", params(Whose), responses((status = 200, description = "the tokens", body = Page<Token>)))]
async fn list(State(platform): At, Caller(pass): Caller, Query(whose): Query<Whose>) -> Answer<Json<Page<Token>>> {
    let user = match (&whose.user, whose.all) {
        (Some(user), _) => Some(user.as_str()),
        (None, true) => None,
        (None, false) => Some(pass.user()),
    };
    let tokens = platform.guard().list_tokens(&pass, user).await?;
    Ok(Json(Page::whole(tokens.into_iter().map(Token::from).collect())))
}

/// Make a token
#[utoipa::path(post, path = "/api/v1/tokens", tag = "tokens", operation_id = "create_token", request_body = CreateRequest,
    responses((status = 201, description = "the token; its secret is shown this once", body = TokenCreated)))]
async fn create(
    State(platform): At,
    Caller(pass): Caller,
    input::Json(request): input::Json<CreateRequest>,
) -> Answer<(StatusCode, Json<TokenCreated>)> {
    let expires_in = request.expires_in_seconds.map(Duration::from_secs);
    let user = request.user.unwrap_or_else(|| pass.user().to_owned());
    let request = TokenRequest { user, name: request.name, expires_in, scope: request.scope };
    let (info, secret) = platform.guard().create_token(&pass, request).await?;
    Ok((StatusCode::CREATED, Json(TokenCreated { token: secret.expose().to_owned(), info: info.into() })))
}

/// Revoke a token
#[utoipa::path(delete, path = "/api/v1/tokens/{id}", tag = "tokens", operation_id = "revoke_token", params(("id" = String, Path, description = "the token's id")),
    responses((status = 204, description = "it is revoked")))]
async fn revoke(State(platform): At, Caller(pass): Caller, Path(id): Path<String>) -> Answer<StatusCode> {
    platform.guard().revoke_token(&pass, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<TokenInfo> for Token {
    fn from(info: TokenInfo) -> Self {
        Self {
            id: info.id,
            user: info.user,
            name: info.name,
            scope: serde_json::to_value(info.scope).unwrap_or_default(),
            created_by: info.created_by,
            created_at: info.created_at,
            expires_at: info.expires_at,
            last_used_at: info.last_used_at,
        }
    }
}
