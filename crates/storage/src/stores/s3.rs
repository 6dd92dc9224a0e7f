//! S3 and what speaks its protocol: MinIO, Ceph, R2 and others behind an `endpoint`.

use async_trait::async_trait;
use base::Result;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};

use super::request::retries;
use super::{Opener, Request};
use crate::store::Store;

/// The S3 protocol.
pub(crate) struct S3;

/// Where clusters tell a process who it is, and what the library calls that.
const IDENTITY: [(&str, AmazonS3ConfigKey); 5] = [
    ("AWS_WEB_IDENTITY_TOKEN_FILE", AmazonS3ConfigKey::WebIdentityTokenFile),
    ("AWS_ROLE_ARN", AmazonS3ConfigKey::RoleArn),
    ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", AmazonS3ConfigKey::ContainerCredentialsRelativeUri),
    ("AWS_CONTAINER_CREDENTIALS_FULL_URI", AmazonS3ConfigKey::ContainerCredentialsFullUri),
    ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", AmazonS3ConfigKey::ContainerAuthorizationTokenFile),
];

#[async_trait]
impl Opener for S3 {
    fn schemes(&self) -> &'static [&'static str] {
        &["s3", "s3a"]
    }

    fn settings(&self) -> &'static [&'static str] {
        &["endpoint", "region", "access_key_id", "secret_access_key", "session_token", "anonymous", "allow_http", "path_style"]
    }

    async fn open(&self, request: &Request<'_>) -> Result<Store> {
        let bucket = request.bucket("s3")?;
        let options = request.options;
        let endpoint = request.endpoint()?;
        let path_style = options.path_style.unwrap_or(endpoint.is_some());
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&bucket.name)
            .with_region(options.region.as_deref().unwrap_or("us-east-1"))
            .with_virtual_hosted_style_request(!path_style)
            .with_retry(retries())
            .with_client_options(request.client());
        if let Some(endpoint) = endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        match request.access_key().await? {
            Some((id, key)) => {
                builder = builder.with_access_key_id(id.expose()).with_secret_access_key(key.expose());
                if let Some(token) = request.secret(options.session_token.as_ref()).await? {
                    builder = builder.with_token(token.expose());
                }
            }
            None if options.anonymous => builder = builder.with_skip_signature(true),
            None => {
                for (variable, key) in IDENTITY {
                    if let Ok(value) = std::env::var(variable) {
                        builder = builder.with_config(key, value);
                    }
                }
            }
        }
        Ok(bucket.store(builder.build().map_err(|error| request.wrong(&error))?))
    }
}
