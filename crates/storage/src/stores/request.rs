//! What a store is opened with, and what all stores ask of it alike: addresses, keys, bounds of requests.

use std::sync::Arc;
use std::time::Duration;

use base::{Error, Result, Secret, SecretRef, Secrets};
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};
use url::Url;

use crate::codes::{STORE_LOCATION_INVALID, STORE_SETTING_INVALID};
use crate::options::StoreOptions;
use crate::store::Store;

/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest time for one request with its body; large objects are read and written in parts well below it.
pub(super) const REQUEST_TIMEOUT: Duration = Duration::from_secs(120);
/// Retries of one request that failed for a passing reason.
pub(super) const RETRIES_MAX: usize = 4;
/// Longest time over all retries of one request.
const RETRY_TIME_MAX: Duration = Duration::from_secs(60);

/// What a store is opened with.
pub(crate) struct Request<'a> {
    /// As the user wrote it.
    pub location: &'a str,
    pub options: &'a StoreOptions,
    pub secrets: &'a dyn Secrets,
    /// Whether a missing local folder is made.
    pub create: bool,
}

/// A bucket (or what a store calls so) and a prefix in it.
pub(super) struct Bucket {
    pub url: Url,
    pub name: String,
    pub prefix: Path,
}

impl Bucket {
    /// The store below the prefix.
    pub fn store(self, store: impl ObjectStore) -> Store {
        let object_store: Arc<dyn ObjectStore> = match self.prefix.as_ref() {
            "" => Arc::new(store),
            _ => Arc::new(PrefixStore::new(store, self.prefix)),
        };
        Store { url: self.url, object_store }
    }
}

impl Request<'_> {
    /// An error about a setting.
    pub fn wrong(&self, reason: impl std::fmt::Display) -> Error {
        Error::new(&STORE_SETTING_INVALID).with("location", self.location).with("reason", reason)
    }

    /// An error about the URL.
    pub fn misplaced(&self, reason: impl std::fmt::Display) -> Error {
        Error::new(&STORE_LOCATION_INVALID).with("location", self.location).with("reason", reason)
    }

    /// Takes `scheme://bucket/prefix` apart; the URL is given out with `scheme`, whatever name of it was used.
    pub(super) fn bucket(&self, scheme: &str) -> Result<Bucket> {
        let rest = self.location.split_once("://").map_or("", |(_, rest)| rest);
        let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if name.is_empty() || name.contains(['@', '?', '#', ':']) {
            return Err(self.misplaced(format!("write {scheme}://bucket/prefix; keys and endpoints belong in the settings")));
        }
        let prefix = self.prefix(prefix)?;
        let url = self.url(scheme, name, &prefix)?;
        Ok(Bucket { url, name: name.to_owned(), prefix })
    }

    /// The path below a bucket.
    pub fn prefix(&self, text: &str) -> Result<Path> {
        if text.split('/').any(|part| part == "." || part == "..") {
            return Err(self.misplaced("a prefix has no `.` or `..`"));
        }
        Path::parse(text.trim_end_matches('/')).map_err(|error| self.misplaced(error))
    }

    /// A URL that ends with a slash.
    pub fn url(&self, scheme: &str, authority: &str, prefix: &Path) -> Result<Url> {
        let mut url = Url::parse(&format!("{scheme}://{authority}/")).map_err(|error| self.misplaced(error))?;
        if !prefix.as_ref().is_empty() {
            url.set_path(&format!("{prefix}/"));
        }
        Ok(url)
    }

    /// The endpoint without a slash at its end; fails if it is no web address, or an open one that was not allowed.
    pub fn endpoint(&self) -> Result<Option<String>> {
        let Some(endpoint) = &self.options.endpoint else { return Ok(None) };
        let parsed = Url::parse(endpoint).map_err(|error| self.wrong("`endpoint` is not a URL").because(error))?;
        match parsed.scheme() {
            _ if parsed.host_str().is_none_or(str::is_empty) => Err(self.wrong("`endpoint` names no host")),
            "https" => Ok(()),
            "http" if self.options.allow_http => Ok(()),
            "http" => Err(self.wrong("`endpoint` is http://; set `allow_http: true` if the network is trusted")),
            _ => Err(self.wrong("`endpoint` must begin with https:// or http://")),
        }?;
        Ok(Some(endpoint.trim_end_matches('/').to_owned()))
    }

    /// The endpoint, or the one a region has; `of` makes it from the region.
    pub fn regional_endpoint(&self, of: impl Fn(&str) -> String) -> Result<String> {
        match (self.endpoint()?, &self.options.region) {
            (Some(endpoint), _) => Ok(endpoint),
            (None, Some(region)) if region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') => Ok(of(region)),
            (None, Some(_)) => Err(self.wrong("`region` is a word such as cn-hangzhou")),
            (None, None) => Err(self.wrong("set `endpoint` or `region`")),
        }
    }

    /// Both parts of the access key, or neither.
    pub async fn access_key(&self) -> Result<Option<(Secret, Secret)>> {
        match (&self.options.access_key_id, &self.options.secret_access_key) {
            (Some(_), _) | (_, Some(_)) if self.options.anonymous => {
                Err(self.wrong("`anonymous` and an access key exclude each other"))
            }
            (Some(id), Some(key)) => Ok(Some((self.secrets.resolve(id).await?, self.secrets.resolve(key).await?))),
            (Some(_), None) => Err(self.wrong("`access_key_id` is set and `secret_access_key` is not")),
            (None, Some(_)) => Err(self.wrong("`secret_access_key` is set and `access_key_id` is not")),
            (None, None) => Ok(None),
        }
    }

    /// A secret, if there is a reference to one.
    pub async fn secret(&self, reference: Option<&SecretRef>) -> Result<Option<Secret>> {
        match reference {
            Some(reference) => self.secrets.resolve(reference).await.map(Some),
            None => Ok(None),
        }
    }

    /// The bounds of connections and requests.
    pub fn client(&self) -> ClientOptions {
        let client = ClientOptions::new().with_connect_timeout(CONNECT_TIMEOUT).with_timeout(REQUEST_TIMEOUT);
        client.with_allow_http(self.options.allow_http)
    }
}

/// The bounds of retries.
pub(super) fn retries() -> RetryConfig {
    RetryConfig { backoff: BackoffConfig::default(), max_retries: RETRIES_MAX, retry_timeout: RETRY_TIME_MAX }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;

    use super::*;

    struct Nothing;

    impl Secrets for Nothing {
        fn resolve<'a>(&'a self, _: &'a SecretRef) -> Pin<Box<dyn Future<Output = Result<Secret>> + Send + 'a>> {
            Box::pin(async { panic!("no secret is asked for") })
        }
    }

    #[test]
    fn takes_bucket_and_prefix_apart() {
        let options = StoreOptions::default();
        let bucket = |location: &str| Request { location, options: &options, secrets: &Nothing, create: false }.bucket("s3");
        let found = bucket("s3a://lake/a/b/").expect("right");
        assert_eq!((found.url.as_str(), found.name.as_str(), found.prefix.as_ref()), ("s3://lake/a/b/", "lake", "a/b"));
        assert_eq!(bucket("s3://lake").expect("right").url.as_str(), "s3://lake/");
        for bad in ["s3://", "s3:///a", "s3://key:secret@lake/a", "s3://lake/../x", "s3://lake/a//b"] {
            assert!(bucket(bad).is_err(), "{bad} was taken");
        }
    }
}
