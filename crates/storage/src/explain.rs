//! From an object store's error to one that says where, whose fault, and what to do.

use base::Error;
use object_store::Error as StoreError;

use crate::codes::{
    STORE_CHANGED, STORE_CREATES_RACE, STORE_DENIED, STORE_EXISTS, STORE_FAILED, STORE_FULL, STORE_KEY_REFUSED,
    STORE_LOCATION_INVALID, STORE_LOCATION_MISSING, STORE_OBJECT_MISSING, STORE_OUTSIDE, STORE_UNREACHABLE,
};
use crate::stores::Outside;

/// Turns an error of `object_store` at `path` of `location` into the platform's own.
pub fn explain(location: &str, path: impl std::fmt::Display, error: StoreError) -> Error {
    let text = chain(&error);
    let code = match &error {
        _ if ["NoSuchBucket", "ContainerNotFound", "The specified bucket does not exist"]
            .iter()
            .any(|word| text.contains(word)) =>
        {
            &STORE_LOCATION_MISSING
        }
        StoreError::NotSupported { .. } => &STORE_CREATES_RACE,
        // S3 answers 403 both for a wrong key and for a right key without permission; only the body tells them apart.
        _ if [
            "InvalidAccessKeyId",
            "AuthenticationFailed",
            "SignatureDoesNotMatch",
            "ExpiredToken",
            "InvalidToken",
            "RequestTimeTooSkewed",
            "AuthorizationHeaderMalformed",
        ]
        .iter()
        .any(|word| text.contains(word)) =>
        {
            &STORE_KEY_REFUSED
        }
        StoreError::NotFound { .. } => &STORE_OBJECT_MISSING,
        StoreError::Unauthenticated { .. } => &STORE_KEY_REFUSED,
        StoreError::PermissionDenied { .. } => &STORE_DENIED,
        StoreError::AlreadyExists { .. } => &STORE_EXISTS,
        StoreError::Precondition { .. } | StoreError::NotModified { .. } => &STORE_CHANGED,
        StoreError::InvalidPath { .. } => &STORE_LOCATION_INVALID,
        StoreError::Generic { .. } if cause::<Outside>(&error).is_some() => &STORE_OUTSIDE,
        StoreError::Generic { .. } => match cause::<std::io::Error>(&error).map(std::io::Error::kind) {
            Some(std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem) => &STORE_DENIED,
            Some(std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded) => &STORE_FULL,
            Some(std::io::ErrorKind::NotFound) => &STORE_OBJECT_MISSING,
            Some(
                std::io::ErrorKind::ConnectionRefused
                | std::io::ErrorKind::ConnectionReset
                | std::io::ErrorKind::ConnectionAborted
                | std::io::ErrorKind::HostUnreachable
                | std::io::ErrorKind::NetworkUnreachable
                | std::io::ErrorKind::TimedOut,
            ) => &STORE_UNREACHABLE,
            // As opendal names kinds of trouble.
            _ if matches!(&error, StoreError::Generic { store: "PermissionDenied", .. }) => &STORE_DENIED,
            _ if text.contains("XMinioStorageFull") || text.contains("QuotaExceeded") => &STORE_FULL,
            _ if text.contains("HTTP error")
                || text.contains("error sending request")
                || text.contains("InstanceCredentials") =>
            {
                &STORE_UNREACHABLE
            }
            _ => &STORE_FAILED,
        },
        _ => &STORE_FAILED,
    };
    Error::new(code).with("location", location).with("path", path).because(error)
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
