//! Alibaba Cloud OSS. Where its bucket keeps versions it ignores the condition of a create, which is found out before the first.

use async_trait::async_trait;
use base::Result;
use object_store_opendal::OpendalStore;
use opendal::Operator;

use super::patient::Patient;
use super::{Opener, Request};
use crate::store::Store;

/// Alibaba Cloud OSS.
pub(crate) struct Oss;

#[async_trait]
impl Opener for Oss {
    fn schemes(&self) -> &'static [&'static str] {
        &["oss"]
    }

    fn settings(&self) -> &'static [&'static str] {
        &["endpoint", "region", "access_key_id", "secret_access_key", "session_token", "anonymous", "allow_http", "path_style"]
    }

    async fn open(&self, request: &Request<'_>) -> Result<Store> {
        let bucket = request.bucket("oss")?;
        let endpoint = request.regional_endpoint(|region| format!("https://oss-{region}.aliyuncs.com"))?;
        let mut builder = opendal::services::Oss::default().bucket(&bucket.name).endpoint(&endpoint);
        if request.options.path_style == Some(true) {
            builder = builder.addressing_style("path");
        }
        match request.access_key().await? {
            Some((id, key)) => {
                builder = builder.access_key_id(id.expose()).access_key_secret(key.expose());
                if let Some(token) = request.secret(request.options.session_token.as_ref()).await? {
                    builder = builder.security_token(token.expose());
                }
            }
            None if request.options.anonymous => builder = builder.allow_anonymous(),
            // The library asks the environment for a key or the pod's role.
            None => {}
        }
        let operator = Operator::new(builder).map_err(|error| request.wrong(error.kind()))?.finish();
        Ok(bucket.store(Patient::proving(OpendalStore::new(operator))))
    }
}
