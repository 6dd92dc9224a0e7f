//! The kinds of store there are: one file each, one line here.

mod azure;
mod cos;
mod gcs;
mod hdfs;
mod local;
mod obs;
mod oss;
mod patient;
mod request;
mod s3;

pub(crate) use local::Outside;
pub(crate) use request::Request;

use async_trait::async_trait;
use base::{Error, Result};

use crate::codes::STORE_LOCATION_INVALID;
use crate::store::Store;

/// A kind of store.
#[async_trait]
pub(crate) trait Opener: Sync {
    /// The URL schemes it answers to.
    fn schemes(&self) -> &'static [&'static str];
    /// The settings it knows.
    fn settings(&self) -> &'static [&'static str];
    /// Opens a location; sends no request.
    async fn open(&self, request: &Request<'_>) -> Result<Store>;
}

const ALL: &[&dyn Opener] = &[&local::Local, &s3::S3, &azure::Azure, &gcs::Gcs, &oss::Oss, &cos::Cos, &obs::Obs, &hdfs::Hdfs];

/// The kind of store of a scheme.
pub(crate) fn of(scheme: &str, location: &str) -> Result<&'static dyn Opener> {
    ALL.iter().find(|opener| opener.schemes().contains(&scheme)).copied().ok_or_else(|| {
        let known = ALL.iter().flat_map(|opener| opener.schemes()).map(|scheme| format!("{scheme}://"));
        let reason = format!("the scheme `{scheme}` is not known; known are {}", known.collect::<Vec<_>>().join(", "));
        Error::new(&STORE_LOCATION_INVALID).with("location", location).with("reason", reason)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes_find_their_store() {
        let error = of("ftp", "ftp://host").err().expect("unknown");
        assert!(error.is(&STORE_LOCATION_INVALID) && error.to_string().contains("oss://"), "{error}");
        for scheme in ["file", "s3", "s3a", "az", "abfss", "gs", "oss", "cos", "cosn", "obs", "hdfs"] {
            assert!(of(scheme, "").is_ok(), "{scheme}");
        }
    }
}
