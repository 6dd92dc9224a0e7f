//! The kinds of store there are: one file each, one line here.

mod local;
mod s3;

pub(crate) use local::Outside;

use async_trait::async_trait;
use base::{Error, Result, Secrets};

use crate::codes::{STORE_LOCATION_INVALID, STORE_SCHEME_UNAVAILABLE};
use crate::options::StoreOptions;
use crate::store::Store;

/// A kind of store.
#[async_trait]
pub(crate) trait Opener: Sync {
    /// The URL schemes it answers to.
    fn schemes(&self) -> &'static [&'static str];
    /// Opens a location; sends no request.
    async fn open(&self, request: &Request<'_>) -> Result<Store>;
}

/// What a store is opened with.
pub(crate) struct Request<'a> {
    /// As the user wrote it.
    pub location: &'a str,
    pub options: &'a StoreOptions,
    pub secrets: &'a dyn Secrets,
    /// Whether a missing local folder is made.
    pub create: bool,
}

const ALL: &[&dyn Opener] = &[&local::Local, &s3::S3];

/// Stores the platform is meant to reach and cannot yet: refused by name, so that nobody takes it for a slip of the pen.
const NOT_YET: &[(&str, &str)] = &[
    ("abfs", "Azure storage"),
    ("abfss", "Azure storage"),
    ("az", "Azure storage"),
    ("cos", "Tencent COS"),
    ("cosn", "Tencent COS"),
    ("gs", "Google Cloud Storage"),
    ("hdfs", "HDFS"),
    ("obs", "Huawei OBS"),
    ("oss", "Alibaba OSS"),
];

/// The kind of store of a scheme, or an error that says whether the scheme is unknown or not available yet.
pub(crate) fn of(scheme: &str, location: &str) -> Result<&'static dyn Opener> {
    if let Some(opener) = ALL.iter().find(|opener| opener.schemes().contains(&scheme)) {
        return Ok(*opener);
    }
    match NOT_YET.iter().find(|(known, _)| *known == scheme) {
        Some((_, what)) => Err(Error::new(&STORE_SCHEME_UNAVAILABLE).with("what", what).with("location", location)),
        None => Err(Error::new(&STORE_LOCATION_INVALID)
            .with("location", location)
            .with("reason", format!("the scheme `{scheme}` is not known"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stores_to_come_are_refused_by_name() {
        let error = of("oss", "oss://bucket/a").err().expect("refused");
        assert!(error.is(&STORE_SCHEME_UNAVAILABLE) && error.to_string().contains("Alibaba OSS"), "{error}");
        assert!(of("ftp", "ftp://host").err().expect("unknown").is(&STORE_LOCATION_INVALID));
        assert!(of("s3", "s3://bucket").is_ok());
    }
}
