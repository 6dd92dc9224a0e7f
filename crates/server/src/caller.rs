//! Who asks: the pass of a request, without which no endpoint touches data.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderName, header};
use base::Error;
use guard::Pass;

use crate::codes::TOKEN_REQUIRED;
use crate::failure::Failure;
use crate::platform::Platform;

/// The cookie that holds the session of a browser; scripts cannot read it.
pub(crate) const COOKIE: &str = "dataux_session";

/// The header without which the cookie is nobody's. A page of another origin cannot make a browser send it.
pub(crate) const CONSOLE_HEADER: HeaderName = HeaderName::from_static("x-dataux-console");

/// The caller's pass. In this process a command puts one into the request; over the network it comes from the bearer token, or
/// from the console's cookie.
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

/// The token of the request: the header's, else the cookie's.
pub(crate) fn bearer(parts: &Parts) -> Option<&str> {
    if !parts.headers.contains_key(header::AUTHORIZATION) {
        return cookie(parts);
    }
    let value = parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// The token of the console's cookie, if the console sent it.
pub(crate) fn cookie(parts: &Parts) -> Option<&str> {
    parts.headers.get(CONSOLE_HEADER)?;
    let cookies = parts.headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, token)| *name == COOKIE && !token.is_empty()).map(|(_, token)| token)
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

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn token(headers: &[(&str, &str)]) -> Option<String> {
        let mut request = Request::get("/api/v1/whoami");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).expect("a request").into_parts();
        bearer(&parts).map(str::to_owned)
    }

    #[test]
    fn a_cookie_counts_only_with_the_header_of_the_console() {
        let cookie = ("cookie", "theme=dark; dataux_session=dts_a; other=1");
        let ours = ("x-dataux-console", "1");
        assert_eq!(token(&[cookie]), None);
        assert_eq!(token(&[cookie, ours]).as_deref(), Some("dts_a"));
        assert_eq!(token(&[("cookie", "dataux_session="), ours]), None);
        assert_eq!(token(&[("cookie", "not_dataux_session=dts_a"), ours]), None);
        // Who sends a token means that token, also where a cookie lies about.
        assert_eq!(token(&[cookie, ours, ("authorization", "Bearer dtx_b")]).as_deref(), Some("dtx_b"));
        assert_eq!(token(&[cookie, ours, ("authorization", "Basic dtx_b")]), None);
    }
}
