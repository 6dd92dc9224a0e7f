//! The console: its built files, which are inside this binary, and the page that starts it.
//!
//! `make console` builds them into `console/dist`. A binary that was built without them says so at `/`.

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use base::Error;
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::codes::ADDRESS_NOT_FOUND;
use crate::failure::{Answer, Failure};
use crate::platform::Platform;

/// What stands in the page where its nonce belongs.
const NONCE_PLACE: &str = "CSP_NONCE";

/// The page of a binary that has no console.
const MISSING: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>dataux</title><h1>dataux</h1>\
    <p>This server runs, and was built without its console. To build it, install Node.js 20.19 or later and run <code>make build</code>.\
    <p lang=\"zh\">服务正在运行，但构建时未包含控制台。请安装 Node.js 20.19 或更新版本，然后运行 <code>make build</code>。\
    <p><a href=\"/api/openapi.json\">/api/openapi.json</a></html>\n";

/// The files that Vite built, each also compressed with gzip.
#[derive(RustEmbed)]
#[folder = "../../console/dist"]
struct Files;

/// The page at `/` and at every address below `/console/` that is not a file. Nobody needs to sign in for these files: they
/// hold no data, and ask the API for it.
pub(crate) fn routes() -> Router<Platform> {
    Router::new()
        .route("/", get(start))
        .route("/console", get(start))
        .route("/console/", get(start))
        .route("/console/{*path}", get(file))
}

async fn start() -> Response {
    page()
}

async fn file(Path(path): Path<String>, headers: HeaderMap) -> Answer<Response> {
    // A file that is gone after an upgrade must be missed, not replaced by the page.
    let named = path.starts_with("assets/") || path == "favicon.svg";
    if !named {
        return Ok(page());
    }
    let missing = || Failure(Error::new(&ADDRESS_NOT_FOUND).with("path", format!("/console/{path}")));
    let gzip =
        headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).is_some_and(|value| value.contains("gzip"));
    let packed = if gzip { Files::get(&format!("{path}.gz")) } else { None };
    let encoded = packed.is_some();
    let found: EmbeddedFile = packed.or_else(|| Files::get(&path)).ok_or_else(missing)?;
    let mut response = found.data.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type(&path)));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if encoded {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    // The name of an asset has a hash of what is in it.
    let kept = if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "public, max-age=3600" };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(kept));
    Ok(response)
}

/// The page, never cached, with a policy that lets it load nothing from elsewhere and run nothing written into it.
fn page() -> Response {
    let Some(index) = Files::get("index.html") else { return Html(MISSING).into_response() };
    let nonce = format!("{}{}", base::ids::fresh(), base::ids::fresh()).replace('-', "");
    let text = String::from_utf8_lossy(&index.data).replace(NONCE_PLACE, &nonce);
    let mut response = Html(text).into_response();
    let policy = format!(
        "default-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; object-src 'none'; base-uri 'none'; \
         form-action 'self'; frame-ancestors 'none'"
    );
    let headers = response.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    response
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, ending)| ending) {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("json") => "application/json",
        _ => "application/octet-stream",
    }
}
