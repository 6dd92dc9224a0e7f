//! S3 and what speaks its protocol: MinIO, Ceph, R2 and others behind an `endpoint`.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base::{Error, Result};
use object_store::aws::AmazonS3Builder;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};
use url::Url;

use crate::codes::{STORE_LOCATION_INVALID, STORE_SETTING_INVALID};
use crate::store::Store;
use crate::stores::{Opener, Request};

/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest time for one request with its body; large objects are read and written in parts well below it.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(120);
/// Retries of one request that failed for a passing reason.
const RETRIES_MAX: usize = 4;
/// Longest time over all retries of one request.
const RETRY_TIME_MAX: Duration = Duration::from_secs(60);

/// The S3 protocol.
pub(crate) struct S3;

#[async_trait]
impl Opener for S3 {
    fn schemes(&self) -> &'static [&'static str] {
        &["s3", "s3a"]
    }

    async fn open(&self, request: &Request<'_>) -> Result<Store> {
        let (url, bucket, prefix) = parse(request.location)?;
        let options = request.options;
        let wrong = |reason: &str| Error::new(&STORE_SETTING_INVALID).with("location", request.location).with("reason", reason);

        let mut client = ClientOptions::new().with_connect_timeout(CONNECT_TIMEOUT).with_timeout(REQUEST_TIMEOUT);
        let mut builder = AmazonS3Builder::new().with_bucket_name(&bucket).with_retry(RetryConfig {
            backoff: BackoffConfig::default(),
            max_retries: RETRIES_MAX,
            retry_timeout: RETRY_TIME_MAX,
        });
        builder = builder.with_region(options.region.as_deref().unwrap_or("us-east-1"));
        if let Some(endpoint) = &options.endpoint {
            let parsed = Url::parse(endpoint).map_err(|error| wrong("`endpoint` is not a URL").because(error))?;
            match parsed.scheme() {
                "https" => {}
                "http" if options.allow_http => client = client.with_allow_http(true),
                "http" => return Err(wrong("`endpoint` is http://; set `allow_http: true` if the network is trusted")),
                _ => return Err(wrong("`endpoint` must begin with https:// or http://")),
            }
            builder = builder.with_endpoint(endpoint.trim_end_matches('/'));
        }
        let path_style = options.path_style.unwrap_or(options.endpoint.is_some());
        builder = builder.with_virtual_hosted_style_request(!path_style).with_client_options(client);

        match (&options.access_key_id, &options.secret_access_key) {
            (Some(_), _) | (_, Some(_)) if options.anonymous => {
                return Err(wrong("`anonymous` and an access key exclude each other"));
            }
            (Some(id), Some(key)) => {
                let (id, key) = (request.secrets.resolve(id).await?, request.secrets.resolve(key).await?);
                builder = builder.with_access_key_id(id.expose()).with_secret_access_key(key.expose());
                if let Some(token) = &options.session_token {
                    builder = builder.with_token(request.secrets.resolve(token).await?.expose());
                }
            }
            (Some(_), None) => return Err(wrong("`access_key_id` is set and `secret_access_key` is not")),
            (None, Some(_)) => return Err(wrong("`secret_access_key` is set and `access_key_id` is not")),
            (None, None) if options.anonymous => builder = builder.with_skip_signature(true),
            (None, None) => {}
        }
        let store = builder.build().map_err(|error| wrong("").with("reason", &error))?;
        let object_store: Arc<dyn ObjectStore> = match prefix.as_ref() {
            "" => Arc::new(store),
            _ => Arc::new(PrefixStore::new(store, prefix)),
        };
        Ok(Store { url, object_store })
    }
}

fn parse(location: &str) -> Result<(Url, String, Path)> {
    let wrong = |reason: String| Error::new(&STORE_LOCATION_INVALID).with("location", location).with("reason", reason);
    let rest = location.split_once("://").map_or("", |(_, rest)| rest);
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.is_empty() || bucket.contains(['@', '?', '#', ':']) {
        return Err(wrong("write s3://bucket/prefix; keys and endpoints belong in the settings".to_owned()));
    }
    if prefix.split('/').any(|part| part == "." || part == "..") {
        return Err(wrong("a prefix has no `.` or `..`".to_owned()));
    }
    let path = Path::parse(prefix.trim_end_matches('/')).map_err(|error| wrong(error.to_string()))?;
    let mut url = Url::parse(&format!("s3://{bucket}/")).map_err(|error| wrong(error.to_string()))?;
    if !path.as_ref().is_empty() {
        url.set_path(&format!("{path}/"));
    }
    Ok((url, bucket.to_owned(), path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_bucket_and_prefix_apart() {
        let (url, bucket, prefix) = parse("s3://lake/a/b/").expect("right");
        assert_eq!((url.as_str(), bucket.as_str(), prefix.as_ref()), ("s3://lake/a/b/", "lake", "a/b"));
        assert_eq!(parse("s3://lake").expect("right").0.as_str(), "s3://lake/");
        for bad in ["s3://", "s3:///a", "s3://key:secret@lake/a", "s3://lake/../x", "s3://lake/a//b"] {
            assert!(parse(bad).is_err(), "{bad} was taken");
        }
    }
}
