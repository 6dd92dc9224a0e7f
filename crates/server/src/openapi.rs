//! The OpenAPI 3.1 document, made from the code that answers.

use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Info, License, OpenApi, Ref, RefOr, ResponseBuilder, ResponsesBuilder};

use crate::api;

/// Where the document is served.
pub const PATH: &str = "/api/openapi.json";

/// Every address that answers without a token; none of them answers with data. Everything else takes a `Caller`.
pub const PUBLIC: &[(&str, &str)] =
    &[("get", "/healthz"), ("get", "/readyz"), ("get", "/metrics"), ("get", PATH), ("post", "/api/v1/sessions")];

/// The document as it is committed at `api/openapi.json`.
pub fn openapi() -> String {
    let (_, mut document) = api::routes().split_for_parts();
    finish(&mut document);
    text(&document)
}

/// Pretty JSON with a newline at its end.
pub(crate) fn text(document: &OpenApi) -> String {
    let mut text = document.to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}

/// Adds what holds for every operation: who may call it and how it fails.
pub(crate) fn finish(document: &mut OpenApi) {
    let mut info = Info::new("dataux", env!("CARGO_PKG_VERSION"));
    info.description = Some("The dataux data platform: SQL, resources, pipelines, runs, data services.".to_owned());
    info.license = Some(License::new("Apache-2.0"));
    document.info = info;
    let components = document.components.get_or_insert_default();
    components.add_security_scheme("bearer", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    for (path, item) in &mut document.paths.paths {
        let operations = [("get", &mut item.get), ("post", &mut item.post), ("put", &mut item.put), ("delete", &mut item.delete)];
        for (method, operation) in operations {
            if let Some(operation) = operation {
                describe(operation, PUBLIC.contains(&(method, path.as_str())));
            }
        }
    }
}

fn describe(operation: &mut Operation, public: bool) {
    operation.security = Some(if public { Vec::new() } else { vec![SecurityRequirement::new("bearer", Vec::<String>::new())] });
    let body = ContentBuilder::new().schema(Some(Ref::from_schema_name("ErrorBody"))).build();
    let failure = ResponseBuilder::new()
        .description("what went wrong, whose fault it is, and what to do")
        .content("application/json", body);
    let failure = ResponsesBuilder::new().response("default", RefOr::T(failure.build())).build();
    operation.responses.responses.extend(failure.responses);
}
