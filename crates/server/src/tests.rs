//! The whole router over a fresh home: who gets in, what is refused, and how answers and errors look.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response, StatusCode, header};
use base::Secret;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::{Platform, Settings, openapi, router};

const PASSWORD: &str = "correct horse battery staple";

struct Fixture {
    _folder: tempfile::TempDir,
    platform: Platform,
    router: Router,
}

async fn fixture() -> Fixture {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = Settings {
        admin_password: Some(Secret::new(PASSWORD)),
        threads: Some(1),
        memory_bytes: Some(256 << 20),
        ..Settings::of_home(folder.path().join("home"))
    };
    let platform = Platform::open(settings).await.expect("opens");
    assert!(platform.ensure_admin().await.expect("made").is_none(), "a password was given");
    let router = router(platform.clone());
    Fixture { _folder: folder, platform, router }
}

impl Fixture {
    async fn send(&self, request: Request<Body>) -> Response<Body> {
        match self.router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }

    async fn token(&self) -> String {
        let body = json!({ "user": "admin", "password": PASSWORD });
        let (status, body) = read(self.send(post("/api/v1/sessions", None, &body)).await).await;
        assert_eq!(status, StatusCode::CREATED, "{body}");
        body["token"].as_str().expect("a token").to_owned()
    }

    async fn apply(&self, token: &str, yaml: &str) -> Value {
        let request = Request::post("/api/v1/apply")
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .header(header::CONTENT_TYPE, "application/yaml")
            .body(Body::from(yaml.to_owned()))
            .expect("a request");
        let (status, body) = read(self.send(request).await).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        body
    }
}

fn post(path: &str, token: Option<&str>, body: &Value) -> Request<Body> {
    let mut request = Request::post(path).header(header::CONTENT_TYPE, "application/json");
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    request.body(Body::from(body.to_string())).expect("a request")
}

fn get(path: &str, token: &str) -> Request<Body> {
    Request::get(path).header(header::AUTHORIZATION, format!("Bearer {token}")).body(Body::empty()).expect("a request")
}

async fn text(response: Response<Body>) -> String {
    let bytes = to_bytes(response.into_body(), 16 << 20).await.expect("a body");
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

async fn read(response: Response<Body>) -> (StatusCode, Value) {
    let status = response.status();
    let text = text(response).await;
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_in_without_a_token() {
    let fixture = fixture().await;
    let document: Value = serde_json::from_str(&openapi::openapi()).expect("JSON");
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().expect("paths");
    let mut refused = 0;
    for (path, methods) in paths {
        for method in methods.as_object().expect("methods").keys() {
            if openapi::PUBLIC.contains(&(method.as_str(), path.as_str())) {
                continue;
            }
            let uri: String = path.replace("{kind}", "Pipeline").replace("{name}", "lake.a.b").replace("{id}", "0");
            for token in [None, Some("Bearer wrong"), Some("Basic YWRtaW46YWRtaW4="), Some("Bearer ")] {
                let mut request = Request::builder().method(method.to_uppercase().as_str()).uri(&uri);
                request = request.header(header::CONTENT_TYPE, "application/json");
                if let Some(token) = token {
                    request = request.header(header::AUTHORIZATION, token);
                }
                let (status, body) = read(fixture.send(request.body(Body::from("{}")).expect("a request")).await).await;
                assert_eq!(status, StatusCode::UNAUTHORIZED, "{method} {path} with {token:?}: {body}");
                assert!(body["trace_id"].as_str().is_some_and(|id| id.len() == 32), "{method} {path}: {body}");
                refused += 1;
            }
        }
    }
    assert!(refused > 100, "{refused} requests are too few to be all");
}

#[tokio::test(flavor = "multi_thread")]
async fn public_addresses_answer_without_data() {
    let fixture = fixture().await;
    for path in ["/healthz", "/readyz", "/metrics", openapi::PATH] {
        let response = fixture.send(Request::get(path).body(Body::empty()).expect("a request")).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        let text = text(response).await;
        if path == "/metrics" {
            for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
                assert!(line.starts_with("dataux_"), "{line}");
            }
            assert!(text.contains("dataux_build_info") && text.contains("# HELP dataux_http_requests_total"), "{text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sql_answers_in_every_format() {
    let fixture = fixture().await;
    let token = fixture.token().await;
    let body = json!({ "sql": "select 1 as n, $who as who union all select 2, null order by n", "parameters": { "who": "a'b" } });
    for (accept, expected) in [
        ("application/x-ndjson", "{\"n\":1,\"who\":\"a'b\"}\n{\"n\":2,\"who\":null}\n"),
        ("text/csv", "n,who\n1,a'b\n2,\n"),
        ("application/json", "[{\"n\":1,\"who\":\"a'b\"},{\"n\":2,\"who\":null}]"),
    ] {
        let mut request = post("/api/v1/sql", Some(&token), &body);
        request.headers_mut().insert(header::ACCEPT, accept.parse().expect("a header"));
        let response = fixture.send(request).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert!(response.headers()[header::CONTENT_TYPE].to_str().expect("text").starts_with(accept));
        assert_eq!(text(response).await, expected);
    }
    let mut request = post("/api/v1/sql", Some(&token), &body);
    request.headers_mut().insert(header::ACCEPT, "application/vnd.apache.arrow.stream".parse().expect("a header"));
    let response = fixture.send(request).await;
    let bytes = to_bytes(response.into_body(), 1 << 20).await.expect("a body");
    assert_eq!(&bytes[..4], [0xff; 4], "an IPC stream begins with a continuation marker");
    let mut request = post("/api/v1/sql", Some(&token), &body);
    request.headers_mut().insert(header::ACCEPT, "image/png".parse().expect("a header"));
    assert_eq!(fixture.send(request).await.status(), StatusCode::NOT_ACCEPTABLE);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_input_is_told_what_is_wrong() {
    let fixture = fixture().await;
    let token = fixture.token().await;
    let sent = |body: Value| fixture.send(post("/api/v1/sql", Some(&token), &body));
    let (status, body) = read(sent(json!({ "sq": "select 1" })).await).await;
    assert_eq!((status, body["code"].as_str()), (StatusCode::BAD_REQUEST, Some("body_invalid")));
    assert!(body["message"].as_str().expect("text").contains("did you mean `sql`"), "{body}");
    let (status, body) = read(sent(json!({ "sql": "select 1 from nowhere" })).await).await;
    assert_eq!((status, body["code"].as_str()), (StatusCode::NOT_FOUND, Some("table_not_found")), "{body}");
    let (status, body) = read(sent(json!({ "sql": "x".repeat((1 << 20) + 1) })).await).await;
    assert_eq!((status, body["code"].as_str()), (StatusCode::PAYLOAD_TOO_LARGE, Some("statement_too_long")));
    let (status, body) = read(sent(json!({ "sql": format!("select {}1{}", "(".repeat(1000), ")".repeat(1000)) })).await).await;
    assert_eq!((status, body["code"].as_str()), (StatusCode::BAD_REQUEST, Some("statement_too_deep")), "{body}");
    let (status, body) = read(sent(json!({ "sql": "x".repeat(5 << 20) })).await).await;
    assert_eq!((status, body["code"].as_str()), (StatusCode::PAYLOAD_TOO_LARGE, Some("body_too_large")));
    let (status, _) = read(sent(json!({ "sql": "drop table x" })).await).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let mut request = post("/api/v1/sql", Some(&token), &json!({}));
    request.headers_mut().insert(header::CONTENT_TYPE, "text/plain".parse().expect("a header"));
    assert_eq!(fixture.send(request).await.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let deep = format!("{{\"sql\":\"select 1\",\"parameters\":{{\"a\":{}{}}}}}", "[".repeat(100), "]".repeat(100));
    let request = Request::post("/api/v1/sql")
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(deep))
        .expect("a request");
    let (_, body) = read(fixture.send(request).await).await;
    assert_eq!(body["code"], "body_too_deep");
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_speak_the_callers_language_and_name_the_trace() {
    let fixture = fixture().await;
    let token = fixture.token().await;
    let mut request = get("/api/v1/nothing", &token);
    request.headers_mut().insert(header::ACCEPT_LANGUAGE, "zh-CN,en;q=0.5".parse().expect("a header"));
    request
        .headers_mut()
        .insert("traceparent", "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01".parse().expect("a header"));
    let response = fixture.send(request).await;
    assert_eq!(response.headers()["x-trace-id"], "0123456789abcdef0123456789abcdef");
    let (status, body) = read(response).await;
    assert_eq!((status, body["code"].as_str()), (StatusCode::NOT_FOUND, Some("address_not_found")));
    assert!(body["message"].as_str().expect("text").contains("不存在"));
    assert_eq!(body["trace_id"], "0123456789abcdef0123456789abcdef");
    let (status, body) = read(fixture.send(post("/api/v1/whoami", Some(&token), &json!({}))).await).await;
    assert_eq!((status, body["code"].as_str()), (StatusCode::METHOD_NOT_ALLOWED, Some("method_not_allowed")));
    let (status, body) = read(fixture.send(get("/api/v1/runs?pipelin=a", &token)).await).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(body["message"].as_str().expect("text").contains("did you mean `pipeline`"), "{body}");
}

const SERVICE: &str = "apiVersion: dataux/v1\nkind: DataService\nname: numbers\nspec:\n  description: Small numbers\n  \
    sql: select column1 as n from (values (1), (2), (3), (4), (5)) where column1 >= $from order by n\n  \
    parameters: {from: {type: integer, default: 1}}\n  paging: {default_rows: 2, max_rows: 4}\n  cache: {fresh_for: 60s}\n  rate: {per_second: 0.1, burst: 8}\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_service_answers_pages_and_refuses_what_it_does_not_know() {
    let fixture = fixture().await;
    let token = fixture.token().await;
    fixture.apply(&token, SERVICE).await;
    let (status, body) = read(fixture.send(get("/services/numbers?from=2", &token)).await).await;
    assert_eq!((status, &body), (StatusCode::OK, &json!({ "items": [{"n": 2}, {"n": 3}], "next": 2 })));
    let response = fixture.send(get("/services/numbers?from=2&offset=2", &token)).await;
    assert_eq!(response.headers()[header::CACHE_CONTROL], "private, max-age=60");
    assert_eq!(read(response).await.1, json!({ "items": [{"n": 4}, {"n": 5}], "next": null }));
    let response = fixture.send(get("/services/numbers?limit=4&format=csv", &token)).await;
    assert_eq!(text(response).await, "n\n1\n2\n3\n4\n");
    let (_, body) = read(fixture.send(get("/services/numbers?form=2", &token)).await).await;
    assert!(body["message"].as_str().expect("text").contains("did you mean `from`"), "{body}");
    let (_, body) = read(fixture.send(get("/services/numbers/openapi.json", &token)).await).await;
    let row = &body["paths"]["/services/numbers"]["get"]["responses"]["200"]["content"]["application/json"]["schema"];
    assert_eq!(row["properties"]["items"]["items"]["properties"]["n"]["type"], json!(["integer", "null"]), "{body}");
    let (status, body) = read(fixture.send(get("/services/nambers", &token)).await).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(body["message"].as_str().expect("text").contains("`numbers`"), "{body}");
    let mut last = None;
    for _ in 0..6 {
        last = Some(fixture.send(get("/services/numbers", &token)).await);
    }
    let last = last.expect("sent");
    assert_eq!(last.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(last.headers().contains_key(header::RETRY_AFTER));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_without_grants_is_refused_and_it_is_written_down() {
    let fixture = fixture().await;
    let admin = fixture.token().await;
    fixture.apply(&admin, SERVICE).await;
    fixture.apply(&admin, "apiVersion: dataux/v1\nkind: User\nname: guest\nspec: {display_name: Guest}\n").await;
    let request = post("/api/v1/tokens", Some(&admin), &json!({ "user": "guest", "name": "test" }));
    let (status, body) = read(fixture.send(request).await).await;
    assert_eq!(status, StatusCode::CREATED, "{body}");
    let guest = body["token"].as_str().expect("a token").to_owned();
    for path in [
        "/services/numbers",
        "/services/numbers/openapi.json",
        "/api/v1/resources",
        "/api/v1/resources/DataService/numbers",
        "/api/v1/audit",
        "/api/v1/tables/lake.a.b",
    ] {
        let (status, body) = read(fixture.send(get(path, &guest)).await).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{path}: {body}");
    }
    fixture.platform.close().await;
    let (status, body) = read(fixture.send(get("/api/v1/audit?principal=guest&limit=100", &admin)).await).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let refused =
        body["items"].as_array().expect("items").iter().filter(|item| item["action"] == "service" && item["allowed"] == false);
    assert_eq!(refused.count(), 1, "{body}");
}

/// Ten to the power of `digits` rows.
fn many(digits: usize) -> String {
    let ten = "(values (0),(1),(2),(3),(4),(5),(6),(7),(8),(9))";
    let tables: Vec<String> = (0..digits).map(|index| format!("{ten} as t{index}(n{index})")).collect();
    format!("select t0.n0 as n from {}", tables.join(" cross join "))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_in_the_middle_is_never_taken_for_the_end() {
    let fixture = fixture().await;
    let token = fixture.token().await;
    let body = json!({ "sql": many(5), "limit_rows": 20_000 });
    let response = fixture.send(post("/api/v1/sql", Some(&token), &body)).await;
    assert_eq!(response.status(), StatusCode::OK);
    let text = text(response).await;
    let last: Value = serde_json::from_str(text.lines().last().expect("lines")).expect("JSON");
    assert_eq!(last["error"]["code"], "query_rows_limit", "{last}");
    for accept in ["text/csv", "application/vnd.apache.arrow.stream", "application/json"] {
        let mut request = post("/api/v1/sql", Some(&token), &body);
        request.headers_mut().insert(header::ACCEPT, accept.parse().expect("a header"));
        let response = fixture.send(request).await;
        let error = to_bytes(response.into_body(), 16 << 20).await.expect_err(accept);
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
        while let Some(found) = cause.filter(|found| !found.is::<base::Error>()) {
            cause = found.source();
        }
        assert!(cause.is_some(), "{accept}: the platform's own error is not what ended the body: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn serves_over_the_network_cancels_and_drains() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let fixture = fixture().await;
    let token = fixture.token().await;
    let Fixture { _folder, mut platform, router } = fixture;
    drop(router);
    let settings = Settings { listen: ([127, 0, 0, 1], 0).into(), ..platform.settings().clone() };
    platform = Platform::open(settings).await.expect("opens again");
    let (ready, address) = tokio::sync::oneshot::channel();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let told = |is: crate::Ready| ready.send(is.address).expect("somebody waits");
    let stopping = async move {
        let _ = stopped.await;
    };
    let served = tokio::spawn(crate::serve_platform(platform.clone(), None, told, stopping));
    let address = address.await.expect("listens");

    let body = json!({ "sql": many(9) }).to_string();
    let mut client = tokio::net::TcpStream::connect(address).await.expect("connects");
    let request = format!(
        "POST /api/v1/sql HTTP/1.1\r\nhost: test\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    client.write_all(request.as_bytes()).await.expect("sent");
    let mut first = [0; 1024];
    let length = client.read(&mut first).await.expect("first rows come before the last are computed");
    assert!(first[..length].starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&first[..length]));
    drop(client);
    // The query ends because nobody reads any more, and its end is written down.
    let cancelled = async {
        loop {
            let filter = guard::AuditFilter { action: Some("sql".to_owned()), limit: 10, ..guard::AuditFilter::default() };
            let page = platform.guard().audit().page(&filter).await.expect("a page");
            if page.items.iter().any(|item| item.event["error"] == "cancelled") {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), cancelled).await.expect("it was cancelled");
    stop.send(()).expect("it still serves");
    served.await.expect("no panic").expect("ends well");
    assert!(tokio::net::TcpStream::connect(address).await.is_err(), "it listens no more");
}
