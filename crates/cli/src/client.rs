//! One way to ask the platform: requests of its HTTP API, sent to a server or to the same router in this process.

pub mod home;
pub mod server;
pub mod target;

use std::time::Duration;

use base::{Error, Language};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use futures::stream::BoxStream;
use reqwest::Method;
use serde_json::Value;
use url::Url;

use crate::failure::{Failure, Outcome, Problem};
use home::Home;
use server::Server;
use target::Target;

/// Largest JSON answer kept in memory, in bytes.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// Longest wait for an answer that is not streamed; maintenance of a large table takes minutes.
const ANSWER_WAIT: Duration = Duration::from_secs(30 * 60);

/// A platform that answers.
pub struct Client {
    way: Way,
    language: Language,
}

/// How requests travel.
enum Way {
    Home(Box<Home>),
    Server(Server),
}

/// An answer that arrives piece by piece.
pub struct Answer {
    /// The pieces.
    pub pieces: BoxStream<'static, Outcome<Bytes>>,
}

/// A request on its way to being sent.
#[must_use]
pub struct Call<'a> {
    client: &'a Client,
    method: Method,
    url: Result<Url, url::ParseError>,
    accept: &'static str,
    body: Option<(&'static str, Bytes)>,
}

/// A request as both ways take it.
pub struct Request {
    /// GET, POST, …
    pub method: Method,
    /// Path and query; the host is a placeholder.
    pub url: Url,
    /// Headers by name.
    pub headers: Vec<(&'static str, String)>,
    /// Type and content.
    pub body: Option<(&'static str, Bytes)>,
}

/// What both ways answer.
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// The body.
    pub pieces: BoxStream<'static, Outcome<Bytes>>,
}

impl Client {
    /// Opens the home or prepares to speak to the server.
    pub async fn open(target: Target, language: Language) -> Outcome<Self> {
        let way = match target {
            Target::Home(path) => Way::Home(Box::new(Home::open(&path).await?)),
            Target::Server { url, token } => Way::Server(Server::new(url, token)?),
        };
        Ok(Self { way, language })
    }

    /// The same for a home that is open already.
    pub fn of_home(home: Home, language: Language) -> Self {
        Self { way: Way::Home(Box::new(home)), language }
    }

    /// The home, if this is one.
    pub fn home(&self) -> Option<&Home> {
        match &self.way {
            Way::Home(home) => Some(home),
            Way::Server(_) => None,
        }
    }

    /// Ends background work of a home and writes down what is still to be written.
    pub async fn close(self) {
        if let Way::Home(home) = self.way {
            home.close().await;
        }
    }

    /// GET of `/a/b` for `["a", "b"]`; each segment is encoded.
    pub fn get(&self, path: &[&str]) -> Call<'_> {
        self.call(Method::GET, path)
    }

    /// POST.
    pub fn post(&self, path: &[&str]) -> Call<'_> {
        self.call(Method::POST, path)
    }

    /// PUT.
    pub fn put(&self, path: &[&str]) -> Call<'_> {
        self.call(Method::PUT, path)
    }

    /// DELETE.
    pub fn delete(&self, path: &[&str]) -> Call<'_> {
        self.call(Method::DELETE, path)
    }

    fn call(&self, method: Method, path: &[&str]) -> Call<'_> {
        let url = Url::parse("http://home/").map(|mut url| {
            if let Ok(mut segments) = url.path_segments_mut() {
                segments.clear().extend(path);
            }
            url
        });
        Call { client: self, method, url, accept: "application/json", body: None }
    }

    async fn send(&self, mut request: Request) -> Outcome<Reply> {
        let language = if self.language == Language::Zh { "zh" } else { "en" };
        request.headers.push(("accept-language", language.to_owned()));
        match &self.way {
            Way::Home(home) => home.send(request).await,
            Way::Server(server) => server.send(request).await,
        }
    }
}

impl Call<'_> {
    /// Adds `key=value` to the query.
    pub fn query(mut self, key: &str, value: impl AsRef<str>) -> Self {
        if let Ok(url) = &mut self.url {
            url.query_pairs_mut().append_pair(key, value.as_ref());
        }
        self
    }

    /// Adds `key=value` if there is a value.
    pub fn query_if(self, key: &str, value: Option<impl AsRef<str>>) -> Self {
        match value {
            Some(value) => self.query(key, value),
            None => self,
        }
    }

    /// A JSON body.
    pub fn json(mut self, value: &Value) -> Self {
        self.body = Some(("application/json", value.to_string().into()));
        self
    }

    /// A body of YAML documents.
    pub fn yaml(mut self, text: String) -> Self {
        self.body = Some(("application/yaml", text.into()));
        self
    }

    /// The type of answer wanted; JSON if not said.
    pub fn accept(mut self, kind: &'static str) -> Self {
        self.accept = kind;
        self
    }

    /// Sends; an answer of status 400 and more is a failure.
    pub async fn answer(self) -> Outcome<Answer> {
        let place = self.place();
        let unreadable = |reason: &dyn std::fmt::Display| {
            Failure::Own(Error::new(&crate::codes::ANSWER_UNREADABLE).with("request", &place).with("reason", reason))
        };
        let url = self.url.map_err(|error| unreadable(&error))?;
        let headers = vec![("accept", self.accept.to_owned())];
        let reply = self.client.send(Request { method: self.method, url, headers, body: self.body }).await?;
        if reply.status < 400 {
            return Ok(Answer { pieces: reply.pieces });
        }
        let bytes = collect(reply.pieces).await.unwrap_or_default();
        let mut problem = match serde_json::from_slice::<Problem>(&bytes) {
            Ok(problem) if !problem.code.is_empty() || !problem.message.is_empty() => problem,
            _ => {
                let first: String =
                    String::from_utf8_lossy(&bytes).lines().next().unwrap_or_default().chars().take(200).collect();
                let mut problem = unreadable(&format!("status {}: {first}", reply.status))
                    .problem(self.client.language)
                    .ok_or(Failure::Said(1))?;
                problem.retry = matches!(reply.status, 429 | 502..=504);
                problem
            }
        };
        problem.http = reply.status;
        Err(problem.into())
    }

    /// Sends and reads the whole answer as JSON; `null` when it is empty.
    pub async fn value(self) -> Outcome<Value> {
        let place = self.place();
        let unreadable = |reason: &dyn std::fmt::Display| {
            Failure::Own(Error::new(&crate::codes::ANSWER_UNREADABLE).with("request", &place).with("reason", reason))
        };
        let whole = async { collect(self.answer().await?.pieces).await };
        let bytes = tokio::time::timeout(ANSWER_WAIT, Box::pin(whole)).await.map_err(|_| unreadable(&"it took too long"))??;
        if bytes.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&bytes).map_err(|error| unreadable(&error))
    }

    /// The items of a list, page after page up to `limit`.
    pub async fn items(self, limit: usize) -> Outcome<Vec<Value>> {
        let (client, method, url, accept) = (self.client, self.method.clone(), self.url.clone(), self.accept);
        let (mut items, mut next) = (Vec::new(), None::<String>);
        loop {
            let call = Call { client, method: method.clone(), url: url.clone(), accept, body: None };
            let page = call.query_if("after", next.as_deref()).value().await?;
            let (page_items, page_next) = match page {
                Value::Array(items) => (items, Value::Null),
                Value::Object(mut page) => {
                    let items = match page.remove("items") {
                        Some(Value::Array(items)) => items,
                        _ => Vec::new(),
                    };
                    (items, page.remove("next").unwrap_or(Value::Null))
                }
                _ => (Vec::new(), Value::Null),
            };
            let empty = page_items.is_empty();
            items.extend(page_items);
            next = match page_next {
                Value::String(next) if !next.is_empty() => Some(next),
                Value::Number(next) => Some(next.to_string()),
                _ => None,
            };
            if next.is_none() || empty || items.len() >= limit {
                items.truncate(limit);
                return Ok(items);
            }
        }
    }

    fn place(&self) -> String {
        format!("{} {}", self.method, self.url.as_ref().map_or("", |url| url.path()))
    }
}

/// The whole of a bounded answer.
async fn collect(mut pieces: BoxStream<'static, Outcome<Bytes>>) -> Outcome<Bytes> {
    let mut whole = BytesMut::new();
    while let Some(piece) = pieces.next().await {
        whole.extend_from_slice(&piece?);
        if whole.len() > ANSWER_BYTES_MAX {
            let limit = base::units::bytes(ANSWER_BYTES_MAX as u64);
            return Err(Error::new(&crate::codes::ANSWER_BROKEN).with("reason", format!("it is larger than {limit}")).into());
        }
    }
    Ok(whole.freeze())
}

/// A failure while the answer arrives; an error of the platform inside a transport's error is shown as itself.
fn broken(error: impl std::error::Error + Send + Sync + 'static) -> Failure {
    Error::new(&crate::codes::ANSWER_BROKEN).because(error).into()
}
