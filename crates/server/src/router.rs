//! Every address of the server: the API, data services, and what machines ask.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base::Error;

use crate::codes::{ADDRESS_NOT_FOUND, METHOD_NOT_ALLOWED, ROLE_LACKS};
use crate::failure::{Failure, Reported};
use crate::observe::{Gate, observe};
use crate::platform::Platform;
use crate::roles::{Role, Roles};
use crate::{api, console, metrics, openapi};

/// The router of a platform, as far as its roles go. The same one answers over the network and inside a command.
pub fn router(platform: Platform) -> Router {
    metrics::recorder();
    let roles = platform.settings().roles;
    let mut routes = if roles.serves() { offered() } else { Router::from(api::machines()) };
    if roles.has(Role::Control) {
        routes = routes.merge(console::routes());
    }
    routes
        .fallback(move |request: Request| async move { Failure(nothing_there(roles, &request)) })
        .method_not_allowed_fallback(|request: Request| async move {
            let error = Error::new(&METHOD_NOT_ALLOWED).with("method", request.method()).with("path", shown_path(&request));
            Failure(error)
        })
        .layer(from_fn(ours))
        .layer(from_fn_with_state(Gate::default(), observe))
        .with_state(platform)
}

/// The API and the document that describes it.
fn offered() -> Router<Platform> {
    let (routes, mut document) = api::routes().split_for_parts();
    openapi::finish(&mut document);
    let document: Arc<str> = openapi::text(&document).into();
    routes.route(
        openapi::PATH,
        get(move || std::future::ready(([(header::CONTENT_TYPE, "application/json")], document.to_string()))),
    )
}

fn nothing_there(roles: Roles, request: &Request) -> Error {
    // Who serves the console serves everything that there is.
    let error = match roles.has(Role::Control) {
        true => Error::new(&ADDRESS_NOT_FOUND),
        false => Error::new(&ROLE_LACKS).with("roles", roles),
    };
    error.with("path", shown_path(request))
}

/// Errors that the framework answers by itself, such as a path that is not UTF-8, in our form.
async fn ours(request: Request, next: Next) -> Response {
    let path = shown_path(&request);
    let response = next.run(request).await;
    let text = response.headers().get(header::CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"text/plain"));
    let foreign = response.status().is_client_error() && response.extensions().get::<Reported>().is_none() && text;
    match response.status() {
        StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND if foreign => {
            Failure(Error::new(&ADDRESS_NOT_FOUND).with("path", path)).into_response()
        }
        _ => response,
    }
}

fn shown_path(request: &Request) -> String {
    request.uri().path().chars().take(200).collect()
}

/// Keeps the platform's type in one place for endpoints.
pub(crate) type At = State<Platform>;
