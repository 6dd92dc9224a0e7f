//! `/api/v1/quarantine`: the records that tables did not take: by cause, as they came, through their step again, or gone.

use std::collections::HashMap;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use base::{Result, TableName};
use engine::{Limits, Statement, TableKind};
use futures::TryStreamExt;
use gateway::framed_json;
use guard::Pass;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Page;
use crate::caller::{Address, Caller};
use crate::failure::Answer;
use crate::input::{self, Query};
use crate::observe::Trace;
use crate::platform::Platform;
use crate::router::At;
use crate::statement::{Account, Accounted, Broken, Door, body};

/// Longest time a quarantine is read for.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Most records shown at once.
const RECORDS_MAX: u64 = 10_000;

pub(super) fn routes() -> OpenApiRouter<Platform> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(show, drop_records)).routes(routes!(replay))
}

/// Records of one table, run, step and cause.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct QuarantineSummary {
    /// The table that did not take them.
    table: String,
    run: Option<String>,
    step: Option<String>,
    cause: Option<String>,
    records: u64,
}

/// Which records.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Which {
    /// Found by this run.
    run: Option<String>,
    /// Not taken for this cause.
    cause: Option<String>,
    /// At most so many; 100 if not given.
    limit: Option<u64>,
}

/// List what is in quarantine, by table, run, step and cause
#[utoipa::path(get, path = "/api/v1/quarantine", tag = "quarantine", operation_id = "list_quarantine", responses((status = 200, description = "counts of records", body = Page<QuarantineSummary>)))]
async fn list(State(platform): At, Caller(pass): Caller) -> Answer<Json<Page<QuarantineSummary>>> {
    let tables = Box::pin(platform.engine().tables(&pass)).await?;
    let mut items = Vec::new();
    for entry in tables.into_iter().filter(|entry| matches!(entry.kind, TableKind::Quarantine)) {
        items.extend(counts(&platform, &pass, &entry.name).await?);
    }
    Ok(Json(Page::whole(items)))
}

/// Look at records in quarantine, newest first
///
/// `name` is the table that did not take them. `raw` is the record as it came, in base64.
#[utoipa::path(get, path = "/api/v1/quarantine/{name}", tag = "quarantine", operation_id = "get_quarantine", params(("name" = String, Path, description = "catalog.schema.table"), Which),
    responses((status = 200, description = "the records", body = Object)))]
async fn show(
    State(platform): At,
    Caller(pass): Caller,
    Address(address): Address,
    Extension(trace): Extension<Trace>,
    Path(name): Path<String>,
    Query(which): Query<Which>,
) -> Answer<Response> {
    let table = name.parse::<TableName>()?.quarantine()?;
    let limit = which.limit.unwrap_or(100).clamp(1, RECORDS_MAX);
    let sql = format!(
        "select run, step, at, cause, message, position, raw from {} where ($run is null or run = $run) and ($cause is null or cause = $cause) \
         order by at desc limit {limit}",
        quoted(&table)
    );
    let mut parameters = Map::new();
    parameters.insert("run".to_owned(), which.run.into());
    parameters.insert("cause".to_owned(), which.cause.into());
    let mut account = Account::open(&platform, &pass, Door::Sql, String::new(), &trace, address);
    account.detail(json!({ "sql": sql }));
    account.tables([table.to_string()]);
    let answer = match run(&platform, &pass, &sql, &parameters).await {
        Ok(answer) => answer,
        Err(error) => {
            return Err(account.refuse(error).await.into());
        }
    };
    let batches = answer.stream.map_err(engine::error);
    let pieces = framed_json(answer.schema, batches, || ",\"next\":null}".to_owned());
    let body = body(&platform, Accounted::new(pieces, account, Broken::Abort), TIMEOUT);
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}

/// Which records go through their step again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ReplayRequest {
    /// Only those found by this run.
    #[serde(default)]
    run: Option<String>,
    /// Only those not taken for this cause.
    #[serde(default)]
    cause: Option<String>,
    /// Only say what would become of them.
    #[serde(default)]
    dry_run: bool,
}

/// The runs of a replay.
#[derive(Debug, Serialize, ToSchema)]
struct ReplayCreated {
    /// Their ids, one a pipeline.
    ids: Vec<String>,
    /// Records that go through their step again.
    records: u64,
    /// Records that stay, because no pipeline declares their step any more.
    left: u64,
}

/// Which records go.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Gone {
    /// Found by this run.
    run: Option<String>,
    /// Not taken for this cause.
    cause: Option<String>,
}

/// What was dropped.
#[derive(Debug, Serialize, ToSchema)]
struct DropReport {
    /// How many records.
    dropped: u64,
}

/// Send records in quarantine through their step again
///
/// By the pipeline's declaration of today. Those that fit now go to the table and leave the quarantine, the others stay with
/// the cause that keeps them now. It is a run like others; its step says in `output.outcome.replay` what became of the records.
#[utoipa::path(post, path = "/api/v1/quarantine/{name}/replay", tag = "quarantine", operation_id = "replay_quarantine", params(("name" = String, Path, description = "catalog.schema.table")),
    request_body = ReplayRequest, responses((status = 201, description = "it is queued", body = ReplayCreated)))]
async fn replay(
    State(platform): At,
    Caller(pass): Caller,
    Path(name): Path<String>,
    input::Json(request): input::Json<ReplayRequest>,
) -> Answer<(StatusCode, Json<ReplayCreated>)> {
    let ReplayRequest { run, cause, dry_run } = request;
    let request = flow::ReplayRequest { table: name.parse()?, run, cause, dry_run };
    let started = Box::pin(platform.flow().replay(&pass, request)).await?;
    let ids = started.runs.iter().map(ToString::to_string).collect();
    Ok((StatusCode::CREATED, Json(ReplayCreated { ids, records: started.records, left: started.left })))
}

/// Drop records in quarantine for good
#[utoipa::path(delete, path = "/api/v1/quarantine/{name}", tag = "quarantine", operation_id = "drop_quarantine", params(("name" = String, Path, description = "catalog.schema.table"), Gone),
    responses((status = 200, description = "they are gone", body = DropReport)))]
async fn drop_records(
    State(platform): At,
    Caller(pass): Caller,
    Path(name): Path<String>,
    Query(gone): Query<Gone>,
) -> Answer<Json<DropReport>> {
    let request = flow::ReplayRequest { table: name.parse()?, run: gone.run, cause: gone.cause, dry_run: false };
    let dropped = Box::pin(platform.flow().drop_quarantined(&pass, request)).await?;
    Ok(Json(DropReport { dropped }))
}

async fn counts(platform: &Platform, pass: &Pass, table: &TableName) -> Result<Vec<QuarantineSummary>> {
    let sql = format!(
        "select run, step, cause, count(*) as records from {} group by run, step, cause order by run desc, step, cause limit 1000",
        quoted(table)
    );
    let answer = run(platform, pass, &sql, &Map::new()).await?;
    let batches = answer.stream.map_err(engine::error);
    let pieces: Vec<_> = gateway::encode(gateway::Format::Json, answer.schema, batches).try_collect().await?;
    let rows: Vec<Map<String, Value>> = serde_json::from_slice(&pieces.concat()).unwrap_or_default();
    let source = table.table().strip_suffix(base::names::QUARANTINE_SUFFIX).unwrap_or(table.table());
    let source = format!("{}.{}.{source}", table.catalog(), table.schema());
    let text = |row: &Map<String, Value>, key: &str| row.get(key).and_then(Value::as_str).map(str::to_owned);
    Ok(rows
        .iter()
        .map(|row| QuarantineSummary {
            table: source.clone(),
            run: text(row, "run"),
            step: text(row, "step"),
            cause: text(row, "cause"),
            records: row.get("records").and_then(Value::as_u64).unwrap_or(0),
        })
        .collect())
}

async fn run(platform: &Platform, pass: &Pass, sql: &str, parameters: &Map<String, Value>) -> Result<engine::Answer> {
    let limits = Limits { timeout: TIMEOUT, ..Limits::default() };
    let newest = HashMap::new();
    Box::pin(platform.engine().query(pass, Statement { sql, parameters, limits, at: &newest })).await
}

/// A name as SQL writes it; its parts were checked and hold no quotes.
fn quoted(table: &TableName) -> String {
    format!("\"{}\".\"{}\".\"{}\"", table.catalog(), table.schema(), table.table())
}
