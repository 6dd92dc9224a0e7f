//! Tencent Cloud COS. Where its bucket keeps versions it ignores the condition of a create, which is found out before the first.

use async_trait::async_trait;
use base::Result;
use object_store_opendal::OpendalStore;
use opendal::Operator;

use super::patient::Patient;
use super::{Opener, Request};
use crate::store::Store;

/// Tencent Cloud COS.
pub(crate) struct Cos;

#[async_trait]
impl Opener for Cos {
    fn schemes(&self) -> &'static [&'static str] {
        &["cos", "cosn"]
    }

    fn settings(&self) -> &'static [&'static str] {
        &["endpoint", "region", "access_key_id", "secret_access_key", "allow_http"]
    }

    async fn open(&self, request: &Request<'_>) -> Result<Store> {
        let bucket = request.bucket("cos")?;
        let endpoint = request.regional_endpoint(|region| format!("https://cos.{region}.myqcloud.com"))?;
        let mut builder = opendal::services::Cos::default().bucket(&bucket.name).endpoint(&endpoint);
        if let Some((id, key)) = request.access_key().await? {
            // Else a token in the environment would be sent with a key that it does not belong to.
            builder = builder.secret_id(id.expose()).secret_key(key.expose()).disable_config_load();
        }
        let operator = Operator::new(builder).map_err(|error| request.wrong(error.kind()))?.finish();
        Ok(bucket.store(Patient::proving(OpendalStore::new(operator))))
    }
}
