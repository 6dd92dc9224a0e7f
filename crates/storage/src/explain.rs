//! From an object store's error to one that says where, whose fault, and what to do.

use std::io::ErrorKind;

use base::{Code, Error};
use object_store::Error as StoreError;

use crate::codes::{
    STORE_CHANGED, STORE_CREATES_RACE, STORE_DENIED, STORE_EXISTS, STORE_FAILED, STORE_FULL, STORE_KEY_REFUSED,
    STORE_LOCATION_INVALID, STORE_LOCATION_MISSING, STORE_OBJECT_MISSING, STORE_OUTSIDE, STORE_UNREACHABLE,
};
use crate::stores::Outside;

/// Turns an error of `object_store` at `path` of `location` into the platform's own.
pub fn explain(location: &str, path: impl std::fmt::Display, error: StoreError) -> Error {
    let code = match &error {
        StoreError::NotSupported { .. } => &STORE_CREATES_RACE,
        StoreError::AlreadyExists { .. } => &STORE_EXISTS,
        StoreError::Precondition { .. } | StoreError::NotModified { .. } => &STORE_CHANGED,
        StoreError::InvalidPath { .. } => &STORE_LOCATION_INVALID,
        _ if cause::<Outside>(&error).is_some() => &STORE_OUTSIDE,
        _ => match (trouble(&error), &error) {
            (Some(code), _) => code,
            (None, StoreError::NotFound { .. }) => &STORE_OBJECT_MISSING,
            (None, _) if io_kind(&error) == Some(ErrorKind::NotFound) => &STORE_OBJECT_MISSING,
            (None, _) => &STORE_FAILED,
        },
    };
    Error::new(code).with("location", location).with("path", path).because(error)
}

/// What is wrong with a store as a whole, if that is behind an error of any library: its key, its place, its space, or that it
/// does not answer.
pub fn trouble(error: &(dyn std::error::Error + 'static)) -> Option<&'static Code> {
    let text = chain(error);
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let found = cause::<StoreError>(error);
    // As opendal names kinds of trouble.
    let denied =
        matches!(found, Some(StoreError::PermissionDenied { .. } | StoreError::Generic { store: "PermissionDenied", .. }));
    match io_kind(error) {
        _ if says(&["NoSuchBucket", "ContainerNotFound", "The specified bucket does not exist"]) => Some(&STORE_LOCATION_MISSING),
        // S3 answers 403 both for a wrong key and for a right key without permission; only the body tells them apart.
        _ if says(KEY_WORDS) || matches!(found, Some(StoreError::Unauthenticated { .. })) => Some(&STORE_KEY_REFUSED),
        _ if denied || says(&["lacked the necessary privileges", "403 Forbidden"]) => Some(&STORE_DENIED),
        Some(ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) => Some(&STORE_DENIED),
        Some(ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => Some(&STORE_FULL),
        Some(
            ErrorKind::ConnectionRefused
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::TimedOut,
        ) => Some(&STORE_UNREACHABLE),
        Some(ErrorKind::NotFound) => None,
        _ if says(&["XMinioStorageFull", "QuotaExceeded"]) => Some(&STORE_FULL),
        _ if says(&["HTTP error", "error sending request", "InstanceCredentials"]) => Some(&STORE_UNREACHABLE),
        _ => None,
    }
}

/// What stores call a key that is wrong, old, or of another place.
const KEY_WORDS: &[&str] = &[
    "InvalidAccessKeyId",
    "AuthenticationFailed",
    "failed to authenticate",
    "401 Unauthorized",
    "SignatureDoesNotMatch",
    "ExpiredToken",
    "InvalidToken",
    "RequestTimeTooSkewed",
    "AuthorizationHeaderMalformed",
];

fn io_kind(error: &(dyn std::error::Error + 'static)) -> Option<ErrorKind> {
    cause::<std::io::Error>(error).map(std::io::Error::kind)
}

/// The first cause of a type, at any depth.
fn cause<'a, T: std::error::Error + 'static>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(at) = next {
        if let Some(found) = at.downcast_ref::<T>() {
            return Some(found);
        }
        next = at.source();
    }
    None
}

fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = String::new();
    let mut next = Some(error);
    while let Some(at) = next {
        text.push_str(&at.to_string());
        text.push('\n');
        next = at.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn what_a_listing_says_is_told_apart() {
        let check = |text: &'static str, code: &'static base::Code| {
            let error = explain("az://landing", "in", StoreError::Generic { store: "azure", source: text.into() });
            assert!(error.is(code), "{text}: {error:?}");
        };
        check("403 Forbidden: <Code>AuthorizationFailure</Code> Server failed to authenticate the request.", &STORE_KEY_REFUSED);
        check("403 Forbidden: <Code>SignatureDoesNotMatch</Code>", &STORE_KEY_REFUSED);
        check("403 Forbidden: <Code>AccessDenied</Code>", &STORE_DENIED);
        check("401 Unauthorized", &STORE_KEY_REFUSED);
        check("500 Internal Server Error", &STORE_FAILED);
    }

    #[test]
    fn what_the_disk_says_is_passed_on() {
        let check = |kind: io::ErrorKind, code: &'static base::Code| {
            let source = Box::new(io::Error::from(kind));
            let error = explain("/data/lake", "t/part-1", StoreError::Generic { store: "local", source });
            assert!(error.is(code), "{kind}: {error:?}");
            assert!(error.to_string().contains("/data/lake"), "{error}");
        };
        check(io::ErrorKind::StorageFull, &STORE_FULL);
        check(io::ErrorKind::QuotaExceeded, &STORE_FULL);
        check(io::ErrorKind::PermissionDenied, &STORE_DENIED);
        check(io::ErrorKind::ReadOnlyFilesystem, &STORE_DENIED);
        check(io::ErrorKind::NotFound, &STORE_OBJECT_MISSING);
        check(io::ErrorKind::ConnectionRefused, &STORE_UNREACHABLE);
        check(io::ErrorKind::BrokenPipe, &STORE_FAILED);
    }
}
