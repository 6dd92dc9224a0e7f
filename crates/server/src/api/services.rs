//! `GET /services/NAME`: calls of data services, and the document of each; `/api/v1/services`: which there are.

use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use gateway::{Call, Declaration, Format, ParameterType, Payload};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Page;
use crate::caller::{Address, Caller};
use crate::failure::{Answer, language};
use crate::observe::Trace;
use crate::platform::Platform;
use crate::router::At;
use crate::statement::{Account, Accounted, Broken, Door, Rows, body};

/// Longest time a caller may stop reading.
const READER_PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn routes() -> OpenApiRouter<Platform> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(call)).routes(routes!(describe))
}

/// A data service that the caller may call.
#[derive(Debug, Serialize, ToSchema)]
struct Service {
    name: String,
    /// Where it is called.
    path: String,
    description: String,
    parameters: Vec<ServiceParameter>,
    /// How old an answer may be, in seconds; null if every call runs the statement.
    fresh_for_seconds: Option<f64>,
    /// Calls that one token may make each second in the long run; null if there is no limit.
    calls_per_second: Option<f64>,
    /// Grows by one with each change.
    version: i64,
    updated_at: DateTime<Utc>,
}

/// A parameter of a service, beside `limit`, `offset` and `format`.
#[derive(Debug, Serialize, ToSchema)]
struct ServiceParameter {
    name: String,
    /// `string`, `integer`, `number`, `boolean`, `date`, `timestamp`, `enum` or `list`.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    kind: ParameterType,
    required: bool,
    description: String,
}

/// List the data services that the caller may call
#[utoipa::path(get, path = "/api/v1/services", tag = "services", operation_id = "list_services",
    responses((status = 200, description = "the services", body = Page<Service>)))]
async fn list(State(platform): At, Caller(pass): Caller) -> Answer<axum::Json<Page<Service>>> {
    let services = platform.services().list(&pass).await?;
    Ok(axum::Json(Page::whole(services.into_iter().map(Service::from).collect())))
}

impl From<Declaration> for Service {
    fn from(declared: Declaration) -> Self {
        let Declaration { name, version, changed, spec } = declared;
        let fresh_for_seconds = spec.fresh_for().map(|fresh_for| fresh_for.as_secs_f64());
        let parameter = |(name, parameter): (String, gateway::Parameter)| ServiceParameter {
            name,
            kind: parameter.kind,
            required: parameter.required,
            description: parameter.description,
        };
        Self {
            path: format!("/services/{name}"),
            name,
            description: spec.description,
            parameters: spec.parameters.into_iter().map(parameter).collect(),
            fresh_for_seconds,
            calls_per_second: spec.rate.map(|rate| rate.per_second),
            version,
            updated_at: changed,
        }
    }
}

/// Call a data service
///
/// The parameters are the service's own; `GET /services/{name}/openapi.json` describes them. Every service also takes `limit`,
/// `offset` and `format` (json, ndjson, csv, arrow).
#[utoipa::path(get, path = "/services/{name}", tag = "services", operation_id = "call_service", params(("name" = String, Path, description = "the service")), responses(
    (status = 200, description = "one page of rows", content(
        (Object = "application/json"), (String = "application/x-ndjson"), (String = "text/csv"), (Vec<u8> = "application/vnd.apache.arrow.stream"),
    ))))]
async fn call(
    State(platform): At,
    Caller(pass): Caller,
    Address(address): Address,
    Extension(trace): Extension<Trace>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Answer<Response> {
    let mut account = Account::open(&platform, &pass, Door::Service, format!("service/{name}"), &trace, address);
    let query = query.unwrap_or_default();
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let served = match Box::pin(platform.services().call(&pass, Call { name: &name, query: &query, accept })).await {
        Ok(served) => served,
        Err(error) => {
            return Err(account.refuse(error).await.into());
        }
    };
    let kept = served.kept;
    account.detail(json!({ "format": served.format.name(), "kept": kept }));
    account.tables(served.tables.iter().cloned());
    account.count(Rows::There(served.rows));
    let bytes = match served.payload {
        Payload::Whole(whole) => {
            account.done(whole.len());
            account.close().await?;
            Body::from(whole)
        }
        Payload::Stream(pieces) => {
            let broken = match served.format {
                Format::JsonLines => Broken::LastLine(language(&headers), trace),
                _ => Broken::Abort,
            };
            body(&platform, Accounted::new(pieces, account, broken), READER_PATIENCE)
        }
    };
    let mut response = ([(header::CONTENT_TYPE, served.format.content_type())], bytes).into_response();
    if kept {
        platform.counting().cached(name);
    }
    if let Some(fresh_for) = served.fresh_for {
        let headers = response.headers_mut();
        if let Ok(control) = HeaderValue::from_str(&format!("private, max-age={}", fresh_for.as_secs())) {
            headers.insert(header::CACHE_CONTROL, control);
        }
        headers.insert(header::AGE, HeaderValue::from(served.age.as_secs()));
        headers.insert(header::VARY, HeaderValue::from_static("authorization, accept"));
    }
    Ok(response)
}

/// Describe a data service
///
/// The OpenAPI 3.1 document of this one service.
#[utoipa::path(get, path = "/services/{name}/openapi.json", tag = "services", operation_id = "describe_service", params(("name" = String, Path, description = "the service")),
    responses((status = 200, description = "an OpenAPI document", body = Object)))]
async fn describe(State(platform): At, Caller(pass): Caller, Path(name): Path<String>) -> Answer<axum::Json<Value>> {
    Ok(axum::Json(Box::pin(platform.services().openapi(&pass, &name)).await?))
}
