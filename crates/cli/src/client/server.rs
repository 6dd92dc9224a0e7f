//! Requests over the network, with the user's token.

use std::time::Duration;

use base::{Error, Secret};
use futures::{StreamExt, TryStreamExt};

use super::{Reply, Request, broken};
use crate::failure::{Failure, Outcome};

/// Longest wait for a connection.
const CONNECT_WAIT: Duration = Duration::from_secs(10);

/// A server, by its address.
pub struct Server {
    url: String,
    token: Option<Secret>,
    http: reqwest::Client,
}

impl Server {
    /// Nothing is sent yet.
    pub fn new(url: String, token: Option<Secret>) -> Outcome<Self> {
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_WAIT)
            .user_agent(concat!("dataux/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| unreachable(&url, error))?;
        Ok(Self { url, token, http })
    }

    /// Sends one request.
    pub async fn send(&self, request: Request) -> Outcome<Reply> {
        let path = &request.url[url::Position::BeforePath..];
        let mut builder = self.http.request(request.method, format!("{}{path}", self.url));
        for (name, value) in request.headers {
            builder = builder.header(name, value);
        }
        if let Some(token) = &self.token {
            builder = builder.bearer_auth(token.expose());
        }
        if let Some((kind, bytes)) = request.body {
            builder = builder.header("content-type", kind).body(bytes);
        }
        let response = builder.send().await.map_err(|error| unreachable(&self.url, error.without_url()))?;
        let status = response.status().as_u16();
        if status == 401 && self.token.is_none() {
            return Err(Error::new(&crate::codes::TOKEN_MISSING).with("server", &self.url).into());
        }
        let pieces = response.bytes_stream().map_err(|error| broken(error.without_url()));
        Ok(Reply { status, pieces: pieces.boxed() })
    }
}

fn unreachable(url: &str, error: reqwest::Error) -> Failure {
    Error::new(&crate::codes::SERVER_UNREACHABLE).with("server", url).because(error).into()
}

#[cfg(test)]
mod tests {
    use axum::extract::Path;
    use axum::http::{HeaderMap, StatusCode};
    use axum::routing::{get, post};
    use axum::{Json, Router};
    use base::Language;
    use serde_json::{Value, json};

    use crate::client::Client;
    use crate::client::target::Target;

    /// A small stand-in for the API.
    async fn serve() -> String {
        let router = Router::new()
            .route(
                "/api/v1/echo/{name}",
                get(|Path(name): Path<String>, headers: HeaderMap| async move {
                    let header =
                        |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
                    Json(json!({ "name": name, "token": header("authorization"), "language": header("accept-language") }))
                }),
            )
            .route(
                "/api/v1/refused",
                get(|| async {
                    (
                        StatusCode::FORBIDDEN,
                        Json(json!({"code": "not_allowed", "message": "no", "blame": "user", "retry": false})),
                    )
                }),
            )
            .route("/api/v1/proxy", get(|| async { (StatusCode::BAD_GATEWAY, "<html>bad gateway</html>") }))
            .route(
                "/api/v1/pages",
                get(|query: axum::extract::RawQuery| async move {
                    match query.0.as_deref() {
                        None => Json(json!({ "items": [1, 2], "next": "2" })),
                        _ => Json(json!({ "items": [3], "next": null })),
                    }
                }),
            )
            .route("/api/v1/text", post(|body: String| async move { Json(Value::String(body)) }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        tokio::spawn(async move { axum::serve(listener, router).await });
        format!("http://{address}")
    }

    async fn client(token: Option<&str>) -> Client {
        let target = Target::Server { url: serve().await, token: token.map(base::Secret::new) };
        Client::open(target, Language::Zh).await.expect("opens")
    }

    #[tokio::test]
    async fn segments_are_encoded_and_the_token_travels() {
        let client = client(Some("secret")).await;
        let echo = client.get(&["api", "v1", "echo", "a b/ü"]).value().await.expect("answers");
        assert_eq!(echo, json!({ "name": "a b/ü", "token": "Bearer secret", "language": "zh" }));
        let text = client.post(&["api", "v1", "text"]).yaml("a: 1".into()).value().await.expect("answers");
        assert_eq!(text, "a: 1");
        assert_eq!(client.get(&["api", "v1", "pages"]).items(10).await.expect("two pages"), [1, 2, 3]);
    }

    #[tokio::test]
    async fn errors_keep_their_code_and_decide_the_exit() {
        let client = client(Some("t")).await;
        let refused = client.get(&["api", "v1", "refused"]).value().await.expect_err("403");
        assert_eq!(refused.exit(), 4);
        assert_eq!(refused.problem(Language::En).expect("shown").code, "not_allowed");
        let proxy = client.get(&["api", "v1", "proxy"]).value().await.expect_err("502");
        let problem = proxy.problem(Language::En).expect("shown");
        assert!(problem.retry && problem.message.contains("status 502"), "{problem:?}");
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_says_so() {
        let target = Target::Server { url: "http://127.0.0.1:9".into(), token: None };
        let client = Client::open(target, Language::En).await.expect("nothing is sent yet");
        let failure = client.get(&["healthz"]).value().await.expect_err("nobody listens on discard");
        let problem = failure.problem(Language::En).expect("shown");
        assert_eq!(problem.code, "server_unreachable");
        assert!(problem.retry);
    }
}
