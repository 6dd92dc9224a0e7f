//! Huawei Cloud OBS. It has no create that refuses to overwrite, so files are read there and published, and no lake lives there.

use async_trait::async_trait;
use base::Result;
use object_store_opendal::OpendalStore;
use opendal::Operator;

use super::patient::Patient;
use super::{Opener, Request};
use crate::store::Store;

/// Huawei Cloud OBS.
pub(crate) struct Obs;

#[async_trait]
impl Opener for Obs {
    fn schemes(&self) -> &'static [&'static str] {
        &["obs"]
    }

    fn settings(&self) -> &'static [&'static str] {
        &["endpoint", "region", "access_key_id", "secret_access_key", "allow_http"]
    }

    async fn open(&self, request: &Request<'_>) -> Result<Store> {
        let bucket = request.bucket("obs")?;
        let endpoint = request.regional_endpoint(|region| format!("https://obs.{region}.myhuaweicloud.com"))?;
        let mut builder = opendal::services::Obs::default().bucket(&bucket.name).endpoint(&endpoint);
        if let Some((id, key)) = request.access_key().await? {
            builder = builder.access_key_id(id.expose()).secret_access_key(key.expose());
        }
        let operator = Operator::new(builder).map_err(|error| request.wrong(error.kind()))?.finish();
        Ok(bucket.store(Patient::new(OpendalStore::new(operator))))
    }
}
