//! Who asks: the pass of a request, without which no endpoint touches data.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::header;
use axum::http::request::Parts;
use base::Error;
use guard::Pass;

use crate::codes::TOKEN_REQUIRED;
use crate::failure::Failure;
use crate::platform::Platform;

/// The caller's pass. In this process a command puts one into the request; over the network it comes from the bearer token.
#[derive(Debug, Clone)]
pub struct Caller(pub Pass);

impl FromRequestParts<Platform> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, platform: &Platform) -> Result<Self, Failure> {
        // Headers cannot put anything into the extensions, and nobody but guard can make a pass.
        if let Some(pass) = parts.extensions.get::<Pass>() {
            return Ok(Self(pass.clone()));
        }
        let bearer = bearer(parts).ok_or_else(|| Error::new(&TOKEN_REQUIRED))?;
        Ok(Self(platform.guard().authenticate(bearer).await?))
    }
}

/// The token of the request.
pub(crate) fn bearer(parts: &Parts) -> Option<&str> {
    let value = parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// The address that the request came from; nothing inside this process.
#[derive(Debug, Clone, Default)]
pub struct Address(pub Option<String>);

impl<S: Sync> FromRequestParts<S> for Address {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip().to_string())))
    }
}
