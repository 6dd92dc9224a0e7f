//! What machines ask: does it live, can it serve, how is it, how is it spoken to.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use meta::RunFilter;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ErrorBody;
use crate::failure::Answer;
use crate::metrics;
use crate::platform::Platform;
use crate::router::At;

/// Most runs counted for one state.
const RUNS_COUNTED_MAX: u64 = 1000;

pub(super) fn routes() -> OpenApiRouter<Platform> {
    OpenApiRouter::new().routes(routes!(healthz)).routes(routes!(readyz)).routes(routes!(numbers))
}

/// A state of the server.
#[derive(Debug, Serialize, ToSchema)]
struct Health {
    /// `ok`.
    status: &'static str,
    /// The version that runs.
    version: &'static str,
}

const OK: Health = Health { status: "ok", version: env!("CARGO_PKG_VERSION") };

/// Does the process live?
///
/// Speaks of the process alone: a database that is down must not restart the fleet.
#[utoipa::path(get, path = "/healthz", tag = "health", operation_id = "healthz", responses((status = 200, description = "it lives", body = Health)))]
async fn healthz() -> axum::Json<Health> {
    axum::Json(OK)
}

/// Can it serve?
///
/// The metadata answers and the lake's store takes a file.
#[utoipa::path(get, path = "/readyz", tag = "health", operation_id = "readyz",
    responses((status = 200, description = "it can serve", body = Health), (status = 503, description = "it cannot", body = ErrorBody)))]
async fn readyz(State(platform): At) -> Answer<axum::Json<Health>> {
    platform.ready().await?;
    Ok(axum::Json(OK))
}

/// Metrics in Prometheus text
///
/// docs/reference/metrics.md lists them.
#[utoipa::path(get, path = "/metrics", tag = "health", operation_id = "metrics", responses((status = 200, description = "Prometheus text", body = String, content_type = "text/plain")))]
async fn numbers(State(platform): At) -> Response {
    let recorder = metrics::recorder();
    ::metrics::gauge!(metrics::UPTIME).set(platform.uptime().as_secs_f64());
    ::metrics::gauge!(metrics::PROCESS_MEMORY).set(metrics::process_memory());
    ::metrics::gauge!(metrics::QUERY_MEMORY).set(platform.engine().memory_used() as f64);
    ::metrics::gauge!(metrics::PLANS).set(platform.engine().plans_kept() as f64);
    ::metrics::gauge!(metrics::WARM).set(platform.engine().warm_bytes() as f64);
    cache(platform.cache().numbers());
    // Without the metadata the other numbers are still worth having.
    for state in ["queued", "running"] {
        let filter = RunFilter { state: Some(state.to_owned()), limit: RUNS_COUNTED_MAX, ..RunFilter::default() };
        if let Ok(runs) = platform.meta().runs().list(&filter).await {
            ::metrics::gauge!(metrics::RUNS, "state" => state).set(runs.len() as f64);
        }
    }
    if let Ok(tokens) = platform.meta().tokens().list(None).await {
        let now = chrono::Utc::now();
        let open =
            tokens.iter().filter(|token| token.revoked_at.is_none() && token.expires_at.is_none_or(|end| end > now)).count();
        ::metrics::gauge!(metrics::SESSIONS).set(open as f64);
    }
    recorder.run_upkeep();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], recorder.render()).into_response()
}

/// The cache counts by itself.
fn cache(numbers: meta::CacheNumbers) {
    for (from, count) in [("memory", numbers.here), ("shared", numbers.there), ("nothing", numbers.misses)] {
        ::metrics::counter!(metrics::CACHE_READS, "from" => from).absolute(count);
    }
    ::metrics::counter!(metrics::CACHE_FAILURES).absolute(numbers.failures);
    if let Some(up) = numbers.shared_up {
        ::metrics::gauge!(metrics::CACHE_SHARED_UP).set(if up { 1.0 } else { 0.0 });
    }
}
