//! HDFS, by its own protocol: one name node, or a name service of several.

use async_trait::async_trait;
use base::Result;
use hdfs_native_object_store::HdfsObjectStoreBuilder;

use super::patient::Patient;
use super::request::Bucket;
use super::{Opener, Request};
use crate::store::Store;

/// HDFS. With Kerberos the ticket is taken from the credential cache of the process; else its user is `HADOOP_USER_NAME`.
pub(crate) struct Hdfs;

#[async_trait]
impl Opener for Hdfs {
    fn schemes(&self) -> &'static [&'static str] {
        &["hdfs"]
    }

    fn settings(&self) -> &'static [&'static str] {
        &["hadoop"]
    }

    async fn open(&self, request: &Request<'_>) -> Result<Store> {
        let rest = request.location.split_once("://").map_or("", |(_, rest)| rest);
        let (host, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if host.is_empty() || host.contains(['@', '?', '#']) {
            return Err(request.misplaced("write hdfs://namenode:8020/folder, or hdfs://nameservice/folder"));
        }
        let prefix = request.prefix(prefix)?;
        let url = request.url("hdfs", host, &prefix)?;
        let builder = HdfsObjectStoreBuilder::new().with_url(format!("hdfs://{host}")).with_config(&request.options.hadoop);
        let store = builder.build().map_err(|error| request.wrong(&error))?;
        Ok(Bucket { url, name: host.to_owned(), prefix }.store(Patient::new(store)))
    }
}
