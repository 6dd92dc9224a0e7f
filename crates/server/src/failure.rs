//! An error on its way out: status, headers, and the JSON body in the caller's language.

use std::sync::Arc;

use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base::{Error, Language};

/// What endpoints answer with when they fail.
#[derive(Debug)]
pub struct Failure(pub Error);

/// What endpoints answer with.
pub type Answer<T> = Result<T, Failure>;

/// The error of a response whose body is not written yet; `observe` writes it, because only it knows language and trace.
#[derive(Debug, Clone)]
pub(crate) struct Reported(pub Arc<Error>);

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = status(&self.0).into_response();
        response.extensions_mut().insert(Reported(Arc::new(self.0)));
        response
    }
}

/// The error as a response.
pub(crate) fn written(error: &Error, language: Language, trace: &str) -> Response {
    let mut response = (status(error), Json(error.to_json(language, Some(trace)))).into_response();
    let headers = response.headers_mut();
    if let Some(seconds) = retry_after(error) {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if error.code().http == 401 {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"dataux\""));
    }
    headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(if language == Language::Zh { "zh" } else { "en" }));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The language a request asks for.
pub(crate) fn language(headers: &HeaderMap) -> Language {
    let accept = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    accept.map(Language::from_accept).unwrap_or_default()
}

fn status(error: &Error) -> StatusCode {
    StatusCode::from_u16(error.code().http).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Seconds after which the same request may succeed.
fn retry_after(error: &Error) -> Option<u64> {
    match error.code().http {
        429 | 503 => Some(error.arguments().get("seconds").and_then(|seconds| seconds.parse().ok()).unwrap_or(1)),
        _ => None,
    }
}
