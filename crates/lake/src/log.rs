//! A table's log on our store. A commit whose outcome the store left unclear is looked up before anyone is told that it failed.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use deltalake_core::kernel::Version;
use deltalake_core::kernel::transaction::TransactionError;
use deltalake_core::logstore::{CommitOrBytes, LogStore, LogStoreConfig, LogStoreRef, StorageConfig, default_logstore};
use deltalake_core::{DeltaResult, ObjectStore};
use object_store::prefix::PrefixStore;
use url::Url;
use uuid::Uuid;

use crate::listing::Ordered;

/// The log of the table at `path` below `root`, which is the lake's store; `url` names that store.
pub(crate) fn open(root: &Arc<dyn ObjectStore>, url: &Url, path: &object_store::path::Path) -> LogStoreRef {
    let ordered: Arc<dyn ObjectStore> = Arc::new(Ordered(root.clone()));
    let table: Arc<dyn ObjectStore> = Arc::new(PrefixStore::new(ordered.clone(), path.clone()));
    let mut location = url.clone();
    location.set_path(&format!("/{path}/"));
    Arc::new(Log(default_logstore(table, ordered, &location, &StorageConfig::default())))
}

struct Log(LogStoreRef);

#[async_trait]
impl LogStore for Log {
    /// The name the commit code knows as "takes the bytes of a commit, and puts them only if absent".
    fn name(&self) -> String {
        self.0.name()
    }

    async fn read_commit_entry(&self, version: Version) -> DeltaResult<Option<Bytes>> {
        self.0.read_commit_entry(version).await
    }

    /// A request whose answer got lost may be sent twice by the store's client, and the second then finds the first one's
    /// object. The bytes of every commit are unique (they hold an id), so equal bytes at this version are our own commit.
    async fn write_commit_entry(&self, version: Version, entry: CommitOrBytes, operation: Uuid) -> Result<(), TransactionError> {
        let error = match self.0.write_commit_entry(version, entry.clone(), operation).await {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        let CommitOrBytes::LogBytes(ours) = entry else { return Err(error) };
        match self.0.read_commit_entry(version).await {
            Ok(Some(found)) if found == ours => Ok(()),
            // Somebody else has this version: a plain conflict, whatever the store said.
            Ok(Some(_)) => Err(TransactionError::VersionAlreadyExists(version)),
            Ok(None) | Err(_) => Err(error),
        }
    }

    async fn abort_commit_entry(&self, version: Version, entry: CommitOrBytes, operation: Uuid) -> Result<(), TransactionError> {
        self.0.abort_commit_entry(version, entry, operation).await
    }

    async fn get_latest_version(&self, start: Version) -> DeltaResult<Version> {
        deltalake_core::logstore::get_latest_version(self, start).await
    }

    fn object_store(&self, operation: Option<Uuid>) -> Arc<dyn ObjectStore> {
        self.0.object_store(operation)
    }

    fn root_object_store(&self, operation: Option<Uuid>) -> Arc<dyn ObjectStore> {
        self.0.root_object_store(operation)
    }

    fn config(&self) -> &LogStoreConfig {
        self.0.config()
    }
}
