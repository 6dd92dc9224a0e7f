//! `/api/v1/audit`: who did what, and whether the record is whole.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use guard::{AuditEntry, AuditFilter, Object, Privilege};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Page;
use crate::caller::Caller;
use crate::failure::Answer;
use crate::input::Query;
use crate::platform::Platform;
use crate::router::At;

/// Most events of one page.
const PAGE_MAX: u64 = 1000;

pub(super) fn routes() -> OpenApiRouter<Platform> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(verify))
}

/// Something that happened or was refused.
#[derive(Debug, Serialize, ToSchema)]
struct AuditItem {
    id: String,
    at: DateTime<Utc>,
    /// The chain of the process that wrote it.
    chain: String,
    /// Its number in the chain.
    seq: i64,
    /// Principal, action, object, detail, allowed, error, rows, bytes, millis, trace_id, address, tables.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    event: Map<String, Value>,
}

/// Which events.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Which {
    /// What this user did.
    principal: Option<String>,
    /// This action, such as `sql` or `token.create`.
    action: Option<String>,
    /// On this object.
    object: Option<String>,
    /// Only what was allowed, or only what was refused.
    allowed: Option<bool>,
    /// Not before this time.
    since: Option<DateTime<Utc>>,
    /// Not after this time.
    until: Option<DateTime<Utc>>,
    /// Behind this event in the list; `next` of the page before.
    after: Option<String>,
    /// At most so many; 100 if not given.
    limit: Option<u64>,
}

/// One chain of hashes.
#[derive(Debug, Serialize, ToSchema)]
struct Chain {
    chain: String,
    /// Rows up to the first that is wrong, or all.
    rows: u64,
    /// What is wrong and where; null if nothing is.
    problem: Option<String>,
}

/// What a verification found.
#[derive(Debug, Serialize, ToSchema)]
struct Report {
    /// Whether every chain is whole.
    ok: bool,
    chains: Vec<Chain>,
}

/// List events, newest first
#[utoipa::path(get, path = "/api/v1/audit", tag = "audit", operation_id = "list_audit", params(Which), responses((status = 200, description = "the events", body = Page<AuditItem>)))]
async fn list(State(platform): At, Caller(pass): Caller, Query(which): Query<Which>) -> Answer<Json<Page<AuditItem>>> {
    pass.demand(Privilege::Manage, &Object::Platform)?;
    let filter = AuditFilter {
        principal: which.principal,
        action: which.action,
        object: which.object,
        allowed: which.allowed,
        since: which.since,
        until: which.until,
        before: which.after,
        limit: which.limit.unwrap_or(100).clamp(1, PAGE_MAX),
    };
    let page = platform.guard().audit().page(&filter).await?;
    Ok(Json(Page { items: page.items.into_iter().map(AuditItem::from).collect(), next: page.next }))
}

/// Check the chain of every process
#[utoipa::path(get, path = "/api/v1/audit/verify", tag = "audit", operation_id = "verify_audit", responses((status = 200, description = "what was found", body = Report)))]
async fn verify(State(platform): At, Caller(pass): Caller) -> Answer<Json<Report>> {
    pass.demand(Privilege::Manage, &Object::Platform)?;
    let found = platform.guard().audit().verify().await?;
    let ok = found.is_sound();
    let chain = |report: guard::ChainReport| Chain { chain: report.chain, rows: report.rows, problem: report.problem };
    Ok(Json(Report { ok, chains: found.chains.into_iter().map(chain).collect() }))
}

impl From<AuditEntry> for AuditItem {
    fn from(entry: AuditEntry) -> Self {
        let mut event = match entry.event {
            Value::Object(members) => members,
            other => Map::from_iter([("event".to_owned(), other)]),
        };
        // These four stand in the hashed text as well; the time there is a bare number.
        for twice in ["id", "at", "chain", "seq"] {
            event.shift_remove(twice);
        }
        Self { id: entry.id, at: entry.at, chain: entry.chain, seq: entry.seq, event }
    }
}
