//! What machines ask: does it live, can it serve, how is it, how is it spoken to.

use std::time::Duration;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use base::Result;
use meta::RunFilter;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ErrorBody;
use crate::exposition::Exposition;
use crate::failure::Answer;
use crate::metrics;
use crate::platform::{Platform, machine_memory};
use crate::roles::Role;
use crate::router::At;

/// Most runs counted for one state.
const RUNS_COUNTED_MAX: u64 = 1000;

/// Longest wait for what is in the database; who asks for numbers has little patience.
const DATABASE_WAIT: Duration = Duration::from_secs(2);

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
    let (engine, roles) = (platform.engine(), platform.settings().roles);
    let (spill_bytes, spill_files) = engine.spilled();
    ::metrics::gauge!(metrics::BUILD, "version" => OK.version, "role" => roles.to_string()).set(1.0);
    ::metrics::counter!(metrics::SPILL_FILES).absolute(spill_files);
    cache(platform.cache().numbers());
    platform.counting().pass_on(platform.flow().take_counted());
    recorder.run_upkeep();
    let mut text = Exposition::default();
    for (name, value) in [
        (metrics::UPTIME, platform.uptime().as_secs_f64()),
        (metrics::PROCESS_MEMORY, metrics::process_memory()),
        (metrics::PROCESS_MEMORY_LIMIT, machine_memory() as f64),
        (metrics::QUERY_MEMORY, engine.memory_used() as f64),
        (metrics::QUERY_MEMORY_LIMIT, engine.memory_limit() as f64),
        (metrics::SPILL_BYTES, spill_bytes as f64),
        (metrics::PLANS, engine.plans_kept() as f64),
        (metrics::WARM, engine.warm_bytes() as f64),
    ] {
        text.number(name, value);
    }
    if roles.has(Role::Control) {
        text.number(metrics::LEADS, if platform.flow().leads() { 1.0 } else { 0.0 });
    }
    // Without the metadata the other numbers are still worth having.
    let shared = tokio::time::timeout(DATABASE_WAIT, shared(&platform, &mut text)).await;
    text.number(metrics::DATABASE_UP, if matches!(shared, Ok(Ok(()))) { 1.0 } else { 0.0 });
    platform.survey().tell(&mut text, platform.settings().metrics_names);
    let body = recorder.render() + text.text();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], body).into_response()
}

/// What is in the database, where every server finds the same.
async fn shared(platform: &Platform, text: &mut Exposition) -> Result<()> {
    let meta = platform.meta();
    let mut runs = Vec::new();
    for state in ["queued", "running"] {
        let filter = RunFilter { state: Some(state.to_owned()), limit: RUNS_COUNTED_MAX, ..RunFilter::default() };
        runs.push((state, meta.runs().list(&filter).await?.len() as f64));
    }
    let (waiting, oldest) = platform.flow().waiting().await?;
    let now = chrono::Utc::now();
    let tokens = meta.tokens().list(None).await?;
    let open = tokens.iter().filter(|token| token.revoked_at.is_none() && token.expires_at.is_none_or(|end| end > now)).count();
    text.numbers(metrics::RUNS, "state", runs);
    text.number(metrics::JOBS_WAITING, waiting as f64);
    text.number(metrics::JOBS_OLDEST, oldest.as_secs_f64());
    text.number(metrics::SESSIONS, open as f64);
    Ok(())
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
