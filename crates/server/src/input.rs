//! Bodies and query strings, bounded, strict, and with errors that say where.

use std::time::Duration;

use axum::body::to_bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header;
use axum::http::request::Parts;
use base::nearest::nearest;
use base::{Error, units};
use bytes::Bytes;
use serde::de::DeserializeOwned;

use crate::codes::{BODY_INVALID, BODY_TOO_DEEP, BODY_TOO_LARGE, BODY_UNFINISHED, MEDIA_TYPE_WRONG, QUERY_STRING_INVALID};
use crate::failure::Failure;

/// Largest body taken, in bytes; as large as the largest document file.
pub const BODY_BYTES_MAX: usize = base::document::TEXT_BYTES_MAX;

/// Deepest nesting of a JSON body.
pub const BODY_DEPTH_MAX: usize = 64;

/// Longest time a body may take to come.
const BODY_WITHIN: Duration = Duration::from_secs(60);

/// A JSON body. `Content-Type` must say so: a form of a foreign page cannot.
#[derive(Debug)]
pub struct Json<T>(pub T);

/// A body of text, such as YAML documents.
#[derive(Debug)]
pub struct Text(pub String);

/// A query string; unknown keys are refused by the types that are read.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Failure> {
        let media = media_type(&request);
        if media != "application/json" && !media.ends_with("+json") {
            return Err(Error::new(&MEDIA_TYPE_WRONG).with("found", media).with("wanted", "application/json").into());
        }
        let bytes = whole(request).await?;
        Ok(Self(read(&bytes)?))
    }
}

impl<S: Send + Sync> FromRequest<S> for Text {
    type Rejection = Failure;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Failure> {
        let media = media_type(&request);
        let known = ["application/yaml", "application/x-yaml", "text/yaml", "application/json", "text/plain"];
        if !known.contains(&media.as_str()) {
            return Err(Error::new(&MEDIA_TYPE_WRONG).with("found", media).with("wanted", "application/yaml").into());
        }
        let bytes = whole(request).await?;
        String::from_utf8(bytes.into()).map(Self).map_err(|error| Error::new(&BODY_INVALID).because(error).into())
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Failure> {
        let read = axum::extract::Query::<T>::try_from_uri(&parts.uri);
        read.map(|query| Self(query.0)).map_err(|error| {
            let reason = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
            Error::new(&QUERY_STRING_INVALID).with("reason", helped(&reason)).into()
        })
    }
}

fn media_type(request: &Request) -> String {
    let value = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("nothing");
    value.split(';').next().unwrap_or_default().trim().chars().take(80).collect::<String>().to_ascii_lowercase()
}

async fn whole(request: Request) -> Result<Bytes, Error> {
    let too_large = || Error::new(&BODY_TOO_LARGE).with("limit", units::bytes(BODY_BYTES_MAX as u64));
    let said = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if said.is_some_and(|length| length > BODY_BYTES_MAX) {
        return Err(too_large());
    }
    let read = tokio::time::timeout(BODY_WITHIN, to_bytes(request.into_body(), BODY_BYTES_MAX)).await;
    let read = read.map_err(|_late| {
        let reason = format!("it did not come within {}", units::duration(BODY_WITHIN));
        Error::new(&BODY_UNFINISHED).with("reason", reason)
    })?;
    read.map_err(|error| {
        let limit = std::error::Error::source(&error).is_some_and(|source| source.to_string().contains("length limit"));
        if limit { too_large() } else { Error::new(&BODY_UNFINISHED).because(error) }
    })
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    if depth(bytes) > BODY_DEPTH_MAX {
        return Err(Error::new(&BODY_TOO_DEEP).with("limit", BODY_DEPTH_MAX));
    }
    // An empty body is what a client sends that has nothing to say.
    let bytes = if bytes.is_empty() { b"{}" } else { bytes };
    serde_json::from_slice(bytes).map_err(|error| Error::new(&BODY_INVALID).with("reason", helped(&error.to_string())))
}

/// The deepest nesting of a JSON text, without building it.
fn depth(bytes: &[u8]) -> usize {
    let (mut depth, mut deepest, mut quoted, mut escaped) = (0_usize, 0, false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'[' | b'{' if !quoted => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// Adds the nearest known name to serde's sentence about an unknown one.
fn helped(reason: &str) -> String {
    let near = reason.find("unknown ").and_then(|start| {
        let mut names = reason[start..].split('`').skip(1).step_by(2);
        nearest(names.next()?, names)
    });
    match near {
        Some(near) => format!("{reason}; did you mean `{near}`?"),
        None => reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Wanted {
        #[allow(dead_code)]
        sql: String,
    }

    #[test]
    fn says_where_and_what_was_meant() {
        let wrong = |text: &str| read::<Wanted>(text.as_bytes()).expect_err(text).to_string();
        assert!(wrong("{\"sq\": 1}").contains("did you mean `sql`?"));
        assert!(wrong("{\"sql\": }").contains("line 1 column 9"));
        assert!(wrong("").contains("missing field `sql`"));
        assert!(wrong(&"[".repeat(1000)).contains("64 levels"));
        assert_eq!(depth(br#"{"a": ["[[[", "\"[", {}]}"#), 3);
    }
}
