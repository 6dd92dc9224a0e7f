//! What happens around every request: a trace id, limits, errors in the caller's language, a log line and numbers.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base::{Error, units};
use futures::FutureExt;
use tokio::sync::Semaphore;

use crate::codes::{REQUEST_TIMEOUT, SERVER_BUSY, SERVER_PANICKED};
use crate::failure::{Failure, Reported, language, written};
use crate::metrics;

/// Header that carries the trace id of an answer.
pub const TRACE_HEADER: HeaderName = HeaderName::from_static("x-trace-id");

/// Requests whose answer has not begun, at once.
pub const REQUESTS_MAX: usize = 1024;

/// Longest time until an answer begins. Statements, services and maintenance have limits of their own, below it.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(3600 + 60);

/// The id by which an answer, its log lines and its audit belong together.
#[derive(Debug, Clone)]
pub struct Trace(pub Arc<str>);

/// The gate for [`REQUESTS_MAX`].
#[derive(Debug, Clone)]
pub(crate) struct Gate(Arc<Semaphore>);

impl Default for Gate {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(REQUESTS_MAX)))
    }
}

/// The middleware that stands outermost.
pub(crate) async fn observe(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let trace = trace_of(&request);
    let language = language(request.headers());
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    // The route and not the path: paths hold names, and every name would be a series of its own.
    let route = request.extensions().get::<MatchedPath>().map_or("other", |route| route.as_str()).to_owned();
    request.extensions_mut().insert(Trace(Arc::clone(&trace)));
    let running = Running::begin();
    let mut response = answer(&gate, &route, request, next).await;
    drop(running);
    if let Some(Reported(error)) = response.extensions_mut().remove::<Reported>() {
        report(&error, &trace, &route);
        response = written(&error, language, &trace);
    }
    let seconds = began.elapsed().as_secs_f64();
    let status = response.status();
    ::metrics::counter!(metrics::REQUESTS, "method" => method.to_string(), "route" => route.clone(), "status" => status.as_u16().to_string()).increment(1);
    ::metrics::histogram!(metrics::REQUEST_SECONDS, "method" => method.to_string(), "route" => route).record(seconds);
    tracing::debug!(trace = &*trace, %method, path, status = status.as_u16(), seconds, "request");
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&trace) {
        headers.insert(TRACE_HEADER, value);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

async fn answer(gate: &Gate, route: &str, request: Request, next: Next) -> Response {
    // Whether the process lives must be answered when everything else waits.
    let _permit = if route == "/healthz" {
        None
    } else {
        match Arc::clone(&gate.0).try_acquire_owned() {
            Ok(permit) => Some(permit),
            Err(_) => return Failure(Error::new(&SERVER_BUSY).with("limit", REQUESTS_MAX)).into_response(),
        }
    };
    let answer = AssertUnwindSafe(next.run(request)).catch_unwind();
    match tokio::time::timeout(ANSWER_WITHIN, answer).await {
        Ok(Ok(response)) => response,
        Ok(Err(panic)) => {
            let said =
                panic.downcast_ref::<&str>().map(|text| (*text).to_owned()).or_else(|| panic.downcast_ref::<String>().cloned());
            tracing::error!(route, said, "an endpoint panicked");
            Failure(Error::new(&SERVER_PANICKED)).into_response()
        }
        Err(_late) => Failure(Error::new(&REQUEST_TIMEOUT).with("limit", units::duration(ANSWER_WITHIN))).into_response(),
    }
}

/// The trace of the caller's `traceparent`, if it sent one, else a new one; 32 hexadecimal digits either way.
fn trace_of(request: &Request) -> Arc<str> {
    let parent = request.headers().get("traceparent").and_then(|value| value.to_str().ok());
    let given = parent.and_then(|parent| parent.split('-').nth(1)).filter(|id| {
        id.len() == 32 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) && id.bytes().any(|byte| byte != b'0')
    });
    given.map_or_else(|| base::ids::fresh().replace('-', "").into(), Arc::from)
}

fn report(error: &Error, trace: &str, route: &str) {
    let code = error.code();
    match StatusCode::from_u16(code.http).map(|status| status.is_server_error()) {
        Ok(false) => tracing::debug!(trace, route, code = code.name, "refused: {error}"),
        _ => tracing::warn!(trace, route, code = code.name, "failed: {error}"),
    }
}

struct Running;

impl Running {
    fn begin() -> Self {
        ::metrics::gauge!(metrics::REQUESTS_RUNNING).increment(1);
        Self
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        ::metrics::gauge!(metrics::REQUESTS_RUNNING).decrement(1);
    }
}
