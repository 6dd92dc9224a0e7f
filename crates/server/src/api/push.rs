//! `POST /api/v1/push/CONNECTION/TARGET`: lines of JSON that a system sends by itself.

use std::time::{Duration, Instant};

use axum::body::to_bytes;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, header};
use axum::{Extension, Json};
use base::{Error, Result, units};
use bytes::Bytes;
use guard::{Event, Pass};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::caller::{Address, Caller};
use crate::codes::{BODY_TOO_LARGE, BODY_UNFINISHED, MEDIA_TYPE_WRONG};
use crate::failure::Answer;
use crate::observe::Trace;
use crate::platform::Platform;
use crate::router::At;

/// Largest body taken as it is sent, and unpacked.
const BODY_BYTES_MAX: usize = 16 << 20;
const UNPACKED_BYTES_MAX: usize = 64 << 20;

/// Longest time a body may take to come.
const BODY_WITHIN: Duration = Duration::from_secs(60);

/// What a body of lines may be called.
const MEDIA_TYPES: [&str; 4] = ["application/x-ndjson", "application/ndjson", "application/jsonl", "application/json"];

pub(super) fn routes() -> OpenApiRouter<Platform> {
    OpenApiRouter::new().routes(routes!(push))
}

/// What became of the lines.
#[derive(Debug, Serialize, ToSchema)]
struct PushReport {
    /// The table they were sent to.
    table: String,
    /// Names this request; bad lines stand in the table's quarantine as found by this run.
    id: String,
    /// Lines that are in the table.
    accepted: u64,
    /// Lines that did not fit and are in its quarantine.
    quarantined: u64,
    /// An earlier request with the same `Idempotency-Key` had brought them already; nothing was added now.
    duplicate: bool,
}

/// Send lines of JSON
///
/// One JSON object a line, perhaps packed with gzip. The answer comes when the lines are in the table; requests that come
/// together share a commit. With an `Idempotency-Key` the same request may be sent again and adds nothing twice. While too
/// much waits, the answer is 429 with `Retry-After`.
#[utoipa::path(post, path = "/api/v1/push/{connection}/{target}", tag = "push", operation_id = "push_lines",
    params(("connection" = String, Path, description = "a connection that declares `push`"), ("target" = String, Path, description = "one of its targets"),
        ("Idempotency-Key" = Option<String>, Header, description = "tells a request that is sent again; at most 200 visible ASCII characters"),
        ("Content-Encoding" = Option<String>, Header, description = "`gzip`, if the body is packed")),
    request_body(content = String, content_type = "application/x-ndjson", description = "at most 16 MiB as sent, 64 MiB unpacked"),
    responses((status = 200, description = "the lines are kept", body = PushReport)))]
async fn push(
    State(platform): At,
    Caller(pass): Caller,
    Address(address): Address,
    Extension(trace): Extension<Trace>,
    Path((connection, target)): Path<(String, String)>,
    request: Request,
) -> Answer<Json<PushReport>> {
    let began = Instant::now();
    let mut event =
        Event { trace_id: Some(trace.0.to_string()), address, ..Event::by(&pass, "push", format!("Connection/{connection}")) };
    let answer = taken(&platform, &pass, &connection, &target, request, &mut event).await;
    event.millis = Some(u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX));
    if let Err(error) = &answer {
        event.allowed = !matches!(error.code().http, 401 | 403);
        event.error = Some(error.code().name.to_owned());
    }
    let audited = platform.guard().audit().record(event).await;
    let report = answer?;
    audited?;
    Ok(Json(report))
}

async fn taken(
    platform: &Platform,
    pass: &Pass,
    connection: &str,
    target: &str,
    request: Request,
    event: &mut Event,
) -> Result<PushReport> {
    // Before a byte of the body is read.
    let to = Box::pin(platform.flow().push_target(pass, connection, target)).await?;
    event.tables = vec![to.table.to_string()];
    let (parts, body) = request.into_parts();
    let packed = check(&parts.headers)?;
    let key = parts.headers.get("idempotency-key").map(|key| key.to_str().unwrap_or_default());
    let sent = whole(&parts.headers, body).await?;
    event.bytes = Some(sent.len() as u64);
    let lines = if packed { unpacked(sent).await? } else { sent };
    let pushed = Box::pin(platform.flow().push(&to, lines, key)).await?;
    if !pushed.duplicate {
        platform.counting().pushed(connection, pushed.accepted, event.bytes.unwrap_or(0), pushed.quarantined);
    }
    event.rows = Some(if pushed.duplicate { 0 } else { pushed.accepted });
    let more = json!({ "target": target, "quarantined": pushed.quarantined, "duplicate": pushed.duplicate });
    if let (Some(detail), Some(more)) = (event.detail.as_object_mut(), more.as_object()) {
        detail.extend(more.clone());
    } else {
        event.detail = more;
    }
    Ok(PushReport {
        table: to.table.to_string(),
        id: pushed.id,
        accepted: pushed.accepted,
        quarantined: pushed.quarantined,
        duplicate: pushed.duplicate,
    })
}

/// Whether the body is packed; an error for one that is no lines of JSON.
fn check(headers: &HeaderMap) -> Result<bool> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media = text(header::CONTENT_TYPE).split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if !MEDIA_TYPES.contains(&media.as_str()) {
        let found: String = media.chars().take(80).collect();
        return Err(Error::new(&MEDIA_TYPE_WRONG).with("found", found).with("wanted", MEDIA_TYPES[0]));
    }
    match text(header::CONTENT_ENCODING).trim().to_ascii_lowercase().as_str() {
        "" | "identity" => Ok(false),
        "gzip" | "x-gzip" => Ok(true),
        other => {
            let found: String = other.chars().take(80).collect();
            Err(Error::new(&MEDIA_TYPE_WRONG).with("found", found).with("wanted", "gzip"))
        }
    }
}

async fn whole(headers: &HeaderMap, body: axum::body::Body) -> Result<Bytes> {
    let too_large = || Error::new(&BODY_TOO_LARGE).with("limit", units::bytes(BODY_BYTES_MAX as u64));
    let said = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if said.is_some_and(|length| length > BODY_BYTES_MAX) {
        return Err(too_large());
    }
    match tokio::time::timeout(BODY_WITHIN, to_bytes(body, BODY_BYTES_MAX)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) => {
            let limit = std::error::Error::source(&error).is_some_and(|source| source.to_string().contains("length limit"));
            Err(if limit { too_large() } else { Error::new(&BODY_UNFINISHED).because(error) })
        }
        Err(_late) => {
            let reason = format!("it did not come within {}", units::duration(BODY_WITHIN));
            Err(Error::new(&BODY_UNFINISHED).with("reason", reason))
        }
    }
}

async fn unpacked(packed: Bytes) -> Result<Bytes> {
    let work = tokio::task::spawn_blocking(move || connect::gunzip(&packed, UNPACKED_BYTES_MAX));
    let unpacked = work.await.map_err(|error| Error::new(&BODY_UNFINISHED).because(error))?;
    unpacked.map(Bytes::from)
}
