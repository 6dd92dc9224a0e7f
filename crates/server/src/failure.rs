//! An error on its way out: status, headers, and the JSON body in the caller's language.

use std::sync::Arc;

use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base::{Code, Error, Language};
use serde_json::Value;

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

/// Tells a stored error in another language than the one it was stored in: its sentence, and its advice where that was the
/// code's own. An error of a version with other codes stays as it is.
pub(crate) fn retold(error: &mut Value, language: Language) {
    if let Some(cause) = error.get_mut("cause") {
        retold(cause, language);
        let (message, hint) = (cause["message"].clone(), cause["hint"].clone());
        error["arguments"]["reason"] = message;
        error["hint"] = hint;
    }
    let Some(code) = error["code"].as_str().and_then(code_named) else { return };
    let argument = |key: &str| error["arguments"][key].as_str();
    let message = code.message(language, argument);
    let own = code.advice(Language::En, argument).is_some_and(|advice| error["hint"].as_str() == Some(advice.as_str()));
    let hint = if own { code.advice(language, argument) } else { None };
    error["message"] = message.into();
    if let Some(hint) = hint {
        error["hint"] = hint.into();
    }
}

fn code_named(name: &str) -> Option<&'static Code> {
    crate::codes::ROOMS.iter().flat_map(|room| room.iter()).find(|code| code.name == name).copied()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_errors_are_told_in_both_languages() {
        let missing = Error::new(&connect::codes::SOURCE_TABLE_MISSING).with("connection", "crm").with("table", "public.t");
        let mut stored = missing.to_json(Language::En, None);
        retold(&mut stored, Language::Zh);
        assert_eq!(stored["message"], "连接 crm 没有表 public.t");
        assert_eq!(stored["hint"], connect::codes::SOURCE_TABLE_MISSING.hint_zh);
        let mut run =
            Error::new(&flow::codes::STEP_FAILED).with("step", "take").with("reason", &missing).to_json(Language::En, None);
        run["cause"] = missing.to_json(Language::En, None);
        retold(&mut run, Language::Zh);
        assert_eq!(run["message"], "步骤 `take` 失败：连接 crm 没有表 public.t");
        assert_eq!(run["hint"], connect::codes::SOURCE_TABLE_MISSING.hint_zh);
        let mut own = missing.hint("ask Ann").to_json(Language::En, None);
        retold(&mut own, Language::Zh);
        assert_eq!(own["hint"], "ask Ann");
        let mut unknown = serde_json::json!({ "code": "of_another_version", "message": "said" });
        retold(&mut unknown, Language::Zh);
        assert_eq!(unknown["message"], "said");
    }
}
