//! Google Cloud Storage.

use async_trait::async_trait;
use base::Result;
use object_store::gcp::GoogleCloudStorageBuilder;

use super::request::retries;
use super::{Opener, Request};
use crate::store::Store;

/// Google Cloud Storage.
pub(crate) struct Gcs;

#[async_trait]
impl Opener for Gcs {
    fn schemes(&self) -> &'static [&'static str] {
        &["gs"]
    }

    fn settings(&self) -> &'static [&'static str] {
        &["endpoint", "anonymous", "allow_http", "service_account"]
    }

    async fn open(&self, request: &Request<'_>) -> Result<Store> {
        let bucket = request.bucket("gs")?;
        let options = request.options;
        let mut builder = GoogleCloudStorageBuilder::new()
            .with_bucket_name(&bucket.name)
            .with_retry(retries())
            .with_client_options(request.client());
        if let Some(endpoint) = request.endpoint()? {
            builder = builder.with_base_url(&endpoint);
        }
        match request.secret(options.service_account.as_ref()).await? {
            Some(_) if options.anonymous => {
                return Err(request.wrong("`anonymous` and `service_account` exclude each other"));
            }
            Some(key) => builder = builder.with_service_account_key(key.expose()),
            None if options.anonymous => builder = builder.with_skip_signature(true),
            // Where clusters and people put the file that says who a process is; without it the machine is asked.
            None => {
                if let Ok(path) = std::env::var("GOOGLE_APPLICATION_CREDENTIALS") {
                    builder = builder.with_application_credentials(path);
                }
            }
        }
        // The library's message may quote the key that it could not read.
        let unusable =
            |_| request.wrong("the service account's key cannot be used: it must be the JSON text that Google gave out");
        Ok(bucket.store(builder.build().map_err(unusable)?))
    }
}
