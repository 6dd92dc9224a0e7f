//! `POST /api/v1/sql`: one query, its rows streamed.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use base::Result;
use engine::{Limits, Statement};
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use gateway::{Format, encode};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::caller::{Address, Caller};
use crate::failure::{Answer, language};
use crate::input::Json;
use crate::observe::Trace;
use crate::platform::Platform;
use crate::router::At;
use crate::statement::{Account, Accounted, Broken, Door, Rows, body, kept_text};

/// Longest time a caller may ask for, in seconds.
const TIMEOUT_SECONDS_MAX: u64 = 3600;

/// What this door offers; the first is the default.
const OFFERED: [Format; 4] = [Format::JsonLines, Format::Csv, Format::Arrow, Format::Json];

pub(super) fn routes() -> OpenApiRouter<Platform> {
    OpenApiRouter::new().routes(routes!(run))
}

/// A statement.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SqlRequest {
    /// One query, EXPLAIN or SHOW.
    sql: String,
    /// Values of its `$name` parameters.
    #[serde(default)]
    #[schema(value_type = Object)]
    parameters: Map<String, Value>,
    /// Most rows of the answer; more is an error.
    #[serde(default)]
    limit_rows: Option<u64>,
    /// Longest time, in seconds; 300 if not given, at most 3600.
    #[serde(default)]
    timeout_seconds: Option<u64>,
}

/// Run one query
///
/// The rows come as JSON lines, CSV, an Arrow IPC stream or one JSON array, by `Accept`; the first rows leave before the last are
/// computed, and closing the connection cancels the query. An error before the first row has a status of its own. An
/// error after it ends JSON lines with a line `{"error":{…}}`, and cuts the connection for the other forms.
#[utoipa::path(post, path = "/api/v1/sql", tag = "sql", operation_id = "run_sql", request_body = SqlRequest, responses(
    (status = 200, description = "the rows", content(
        (String = "application/x-ndjson"), (String = "text/csv"), (Vec<u8> = "application/vnd.apache.arrow.stream"), (Vec<Object> = "application/json"),
    ))))]
async fn run(
    State(platform): At,
    Caller(pass): Caller,
    Address(address): Address,
    Extension(trace): Extension<Trace>,
    headers: HeaderMap,
    Json(request): Json<SqlRequest>,
) -> Answer<Response> {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let format = Format::from_accept(accept, &OFFERED)?;
    let mut account = Account::open(&platform, &pass, Door::Sql, String::new(), &trace, address);
    let names: Vec<&String> = request.parameters.keys().collect();
    account.detail(json!({ "sql": kept_text(&request.sql), "parameters": names, "format": format.name() }));
    let timeout = Duration::from_secs(request.timeout_seconds.unwrap_or(300).clamp(1, TIMEOUT_SECONDS_MAX));
    let limits = Limits { rows: request.limit_rows, timeout, ..Limits::default() };
    let newest = HashMap::new();
    let statement = Statement { sql: &request.sql, parameters: &request.parameters, limits, at: &newest };
    let answer = match Box::pin(platform.engine().query(&pass, statement)).await {
        Ok(answer) => answer,
        Err(error) => {
            return Err(account.refuse(error).await.into());
        }
    };
    account.tables(answer.tables.keys().map(ToString::to_string));
    let mut batches: BoxStream<'static, Result<_>> = answer.stream.map_err(engine::error).boxed();
    // What fails before its first row still has a status.
    let first = match batches.next().await.transpose() {
        Ok(first) => first,
        Err(error) => {
            return Err(account.refuse(error).await.into());
        }
    };
    let count = Arc::default();
    account.count(Rows::Here(Arc::clone(&count)));
    let batches = stream::iter(first.map(Ok)).chain(batches).inspect_ok(move |batch| {
        count.fetch_add(batch.num_rows() as u64, Ordering::AcqRel);
    });
    let broken = match format {
        Format::JsonLines => Broken::LastLine(language(&headers), trace),
        _ => Broken::Abort,
    };
    let pieces = encode(format, answer.schema, batches);
    let body = body(&platform, Accounted::new(pieces, account, broken), timeout);
    Ok(([(header::CONTENT_TYPE, format.content_type())], body).into_response())
}
