//! What is measured: one table of names, units and labels, from which /metrics and its reference page are made.

use std::fmt::Write as _;
use std::sync::OnceLock;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

/// One metric.
#[derive(Debug)]
pub struct Metric {
    /// Its name in Prometheus.
    pub name: &'static str,
    /// How it behaves.
    pub kind: MetricKind,
    /// The unit of its values.
    pub unit: &'static str,
    /// What tells its series apart.
    pub labels: &'static [&'static str],
    /// What it says.
    pub help: &'static str,
}

/// How a metric behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts in buckets.
    Histogram,
}

macro_rules! metrics_table {
    ($($constant:ident = $name:literal, $kind:ident, $unit:literal, [$($label:literal),*], $help:literal;)*) => {
        $(pub(crate) const $constant: &str = $name;)*
        /// Every metric of the platform.
        pub const METRICS: &[Metric] = &[$(Metric {
            name: $name, kind: MetricKind::$kind, unit: $unit, labels: &[$($label),*], help: $help,
        }),*];
    };
}

metrics_table! {
    REQUESTS = "dataux_http_requests_total", Counter, "requests", ["method", "route", "status"], "Requests answered, by the route as the API document writes it.";
    REQUEST_SECONDS = "dataux_http_request_seconds", Histogram, "seconds", ["method", "route"], "Time until an answer began.";
    REQUESTS_RUNNING = "dataux_http_requests_running", Gauge, "requests", [], "Requests whose answer has not begun.";
    STATEMENTS = "dataux_statements_total", Counter, "statements", ["door", "outcome"], "SQL statements ended, by the door they came through (sql, service) and how (ok, failed, refused, cancelled).";
    STATEMENT_SECONDS = "dataux_statement_seconds", Histogram, "seconds", ["door"], "Time from the start of a statement to its last row.";
    STATEMENT_ROWS = "dataux_statement_rows_total", Counter, "rows", ["door"], "Rows sent to clients.";
    STATEMENT_BYTES = "dataux_statement_bytes_total", Counter, "bytes", ["door"], "Bytes of rows sent to clients.";
    SERVICE_CACHED = "dataux_service_cached_total", Counter, "calls", ["service"], "Calls of data services answered from kept answers.";
    CACHE_READS = "dataux_cache_reads_total", Counter, "reads", ["from"], "Reads of the cache, by where the answer was: memory, shared (Redis), or nothing.";
    CACHE_FAILURES = "dataux_cache_failures_total", Counter, "requests", [], "Requests that Redis failed or did not answer in time; the server went on without it.";
    CACHE_SHARED_UP = "dataux_cache_shared_up", Gauge, "1", [], "1 while Redis answers, 0 while it does not; absent without Redis.";
    PLANS = "dataux_plans_kept", Gauge, "plans", [], "Plans kept for statements of data services.";
    WARM = "dataux_warm_bytes", Gauge, "bytes", [], "Rows of tables in frequent use that are kept in memory; part of what queries have reserved.";
    RUNS = "dataux_runs", Gauge, "runs", ["state"], "Runs of pipelines that have not ended, by state.";
    SESSIONS = "dataux_sessions_open", Gauge, "sessions", [], "Sessions and API tokens that are valid now.";
    QUERY_MEMORY = "dataux_query_memory_bytes", Gauge, "bytes", [], "Memory that running queries have reserved.";
    PROCESS_MEMORY = "dataux_process_memory_bytes", Gauge, "bytes", [], "Resident memory of the process.";
    UPTIME = "dataux_uptime_seconds", Gauge, "seconds", [], "Time since the process began to serve.";
    BUILD = "dataux_build_info", Gauge, "1", ["version"], "Always 1; the label is the version that runs.";
}

/// Buckets of durations, in seconds.
const SECONDS: [f64; 14] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0, 300.0];

/// The recorder of this process. One process has one, however many platforms it opens.
pub fn recorder() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        let builder = PrometheusBuilder::new();
        let recorder = match builder.set_buckets(&SECONDS) {
            Ok(builder) => builder,
            Err(_empty) => PrometheusBuilder::new(),
        }
        .build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("another recorder of metrics is installed; /metrics will be empty");
        }
        for metric in METRICS {
            match metric.kind {
                MetricKind::Counter => metrics::describe_counter!(metric.name, metric.help),
                MetricKind::Gauge => metrics::describe_gauge!(metric.name, metric.help),
                MetricKind::Histogram => metrics::describe_histogram!(metric.name, metric.help),
            }
        }
        metrics::gauge!(BUILD, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
        handle
    })
}

/// The reference page of the metrics, in Markdown.
pub fn reference() -> String {
    let mut page = String::from(
        "# Metrics\n\n`GET /metrics` answers in Prometheus text.\n\n| name | type | unit | labels | meaning |\n|---|---|---|---|---|\n",
    );
    for metric in METRICS {
        let kind = format!("{:?}", metric.kind).to_lowercase();
        let labels = metric.labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", ");
        // Writing to a string cannot fail.
        let _ = writeln!(page, "| `{}` | {kind} | {} | {labels} | {} |", metric.name, metric.unit, metric.help);
    }
    page
}

/// Resident memory of this process in bytes; 0 where the system does not say.
pub(crate) fn process_memory() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kibibytes.unwrap_or(0.0) * 1024.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_ours_and_say_their_unit() {
        for metric in METRICS {
            assert!(metric.name.starts_with("dataux_"), "{}", metric.name);
            assert_eq!(metric.kind == MetricKind::Counter, metric.name.ends_with("_total"), "{}", metric.name);
            assert!(metric.kind != MetricKind::Histogram || metric.name.ends_with("_seconds"), "{}", metric.name);
            assert!(reference().contains(metric.name));
        }
        assert!(process_memory() > 1e6);
    }
}
