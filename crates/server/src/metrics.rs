//! What is measured: one table of names, units and labels, from which /metrics and its reference page are made.

use std::fmt::Write as _;
use std::sync::OnceLock;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

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
    RUNS = "dataux_runs", Gauge, "runs", ["state"], "Runs of pipelines that have not ended, by state (queued, running). Read from the database, so every process tells the same.";
    RUNS_ENDED = "dataux_runs_ended_total", Counter, "runs", ["pipeline", "outcome"], "Runs that ended in this process, by how (succeeded, failed, cancelled).";
    RUN_SECONDS = "dataux_run_seconds", Histogram, "seconds", ["outcome"], "Time from a run's first step to its end.";
    STEPS_ENDED = "dataux_steps_ended_total", Counter, "steps", ["verb", "connection", "outcome"], "Steps that ended in this process, by what they do (collect, sql, check, publish) and the connection at their other end.";
    MOVED_ROWS = "dataux_moved_rows_total", Counter, "rows", ["verb", "connection"], "Rows that steps took, and that were pushed (verb push).";
    MOVED_BYTES = "dataux_moved_bytes_total", Counter, "bytes", ["verb", "connection"], "Bytes that steps read from their source, and that were pushed.";
    QUARANTINED = "dataux_quarantined_records_total", Counter, "records", ["verb", "connection"], "Records that went to a quarantine.";
    JOBS_WAITING = "dataux_jobs_waiting", Gauge, "jobs", [], "Runs that are due and wait for a worker. Read from the database.";
    JOBS_OLDEST = "dataux_jobs_oldest_waiting_seconds", Gauge, "seconds", [], "For how long the oldest of them has waited; 0 if none does.";
    LEADS = "dataux_scheduler_leads", Gauge, "1", [], "1 in the one process that looks after schedules, 0 in the others with that role.";
    LATE_SECONDS = "dataux_schedule_late_seconds", Histogram, "seconds", [], "Time from a schedule's due time until its run was queued.";
    PIPELINE_SUCCEEDED = "dataux_pipeline_succeeded_timestamp_seconds", Gauge, "seconds", ["pipeline"], "When a run of the pipeline last ended well, since 1970; 0 if none did. Told by one process.";
    PIPELINE_DUE = "dataux_pipeline_due_timestamp_seconds", Gauge, "seconds", ["pipeline"], "When a schedule was last to start the pipeline, since 1970; absent without a schedule. Told by one process.";
    PIPELINE_FAILING = "dataux_pipeline_failing", Gauge, "1", ["pipeline"], "1 if the run of the pipeline that ended last failed, else 0. Told by one process.";
    TABLE_CHANGED = "dataux_table_changed_timestamp_seconds", Gauge, "seconds", ["table"], "When the newest version of a table of the lake was written, since 1970. Told by one process.";
    TABLES = "dataux_tables", Gauge, "tables", ["schema"], "Tables of the lake. Told by one process.";
    STORAGE_BYTES = "dataux_storage_bytes", Gauge, "bytes", ["schema"], "Data files of the newest versions of the lake's tables. Told by one process.";
    STORAGE_FILES = "dataux_storage_files", Gauge, "files", ["schema"], "How many those are. Told by one process.";
    UNMEASURED = "dataux_unmeasured", Gauge, "1", ["what"], "Pipelines and tables without series of their own, because there are too many. Told by one process.";
    SESSIONS = "dataux_sessions_open", Gauge, "sessions", [], "Sessions and API tokens that are valid now. Read from the database.";
    QUERY_MEMORY = "dataux_query_memory_bytes", Gauge, "bytes", [], "Memory that running queries have reserved.";
    QUERY_MEMORY_LIMIT = "dataux_query_memory_limit_bytes", Gauge, "bytes", [], "Memory that they may reserve together.";
    SPILL_BYTES = "dataux_spill_bytes", Gauge, "bytes", [], "What running queries have put aside on disk.";
    SPILL_FILES = "dataux_spill_files_total", Counter, "files", [], "Files that queries began to put something aside.";
    PROCESS_MEMORY = "dataux_process_memory_bytes", Gauge, "bytes", [], "Resident memory of the process.";
    PROCESS_MEMORY_LIMIT = "dataux_process_memory_limit_bytes", Gauge, "bytes", [], "Memory that the process may have: the container's limit, or the machine's memory.";
    DATABASE_UP = "dataux_database_up", Gauge, "1", [], "1 if the metadata database answered this process within two seconds, else 0.";
    UPTIME = "dataux_uptime_seconds", Gauge, "seconds", [], "Time since the process began to serve.";
    BUILD = "dataux_build_info", Gauge, "1", ["version", "role"], "Always 1; the labels are the version that runs, and what it does.";
}

/// Buckets of runs and of late schedules, in seconds: they take longer than answers.
const LONG_SECONDS: [f64; 12] = [0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 10_800.0, 43_200.0, 86_400.0];

/// Buckets of durations, in seconds.
const SECONDS: [f64; 14] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0, 300.0];

/// The recorder of this process. One process has one, however many platforms it opens.
pub fn recorder() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        // Only an empty list of buckets would be refused.
        let recorder = bucketed().unwrap_or_else(|_empty| PrometheusBuilder::new()).build_recorder();
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
        handle
    })
}

fn bucketed() -> Result<PrometheusBuilder, BuildError> {
    let long = [RUN_SECONDS, LATE_SECONDS].map(|name| Matcher::Full(name.to_owned()));
    let builder = PrometheusBuilder::new().set_buckets(&SECONDS)?;
    long.into_iter().try_fold(builder, |builder, name| builder.set_buckets_for_metric(name, &LONG_SECONDS))
}

/// The reference page of the metrics, in Markdown.
pub fn reference() -> String {
    let mut page = String::from(
        "# Metrics\n\n`GET /metrics` answers in Prometheus text, without a login. This page is made from `crates/server/src/metrics.rs`.\n\n\
         Labels are bounded: `route` is an address as the API document writes it; of pipelines, connections and data services at most 500 have \
         series of their own, and the others are counted as `other`; tables and pipelines beyond 500 and schemas beyond 100 are \
         left out, and `dataux_unmeasured` says how many. Unless `DATAUX_METRICS_NAMES` is true, the labels `pipeline`, `connection`, \
         `service` and `schema` are empty, of pipelines the one most behind is told, and of tables none. \"Told by one process\": of several servers one looks, so the others \
         have no such series.\n\n| name | type | unit | labels | meaning |\n|---|---|---|---|---|\n",
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
        }
        let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/metrics.md");
        if std::env::var_os("DATAUX_BLESS").is_some() {
            std::fs::write(&page, reference()).expect("the page is written");
        }
        let written = std::fs::read_to_string(&page).expect("the page");
        assert!(written == reference(), "docs/reference/metrics.md is stale: run this test with DATAUX_BLESS=1");
        assert!(process_memory() > 1e6);
    }
}
