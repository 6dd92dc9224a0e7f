//! Only what a table gained between two versions: the files that were added, for those who read nothing twice.

use std::collections::HashSet;
use std::sync::Arc;

use base::{Error, Result};
use futures::FutureExt;
use futures::future::BoxFuture;

use crate::entries::Entry;
use crate::files::Files;
use crate::origin::AsOf;
use crate::snapshot::Snapshot;
use crate::table::Table;
use crate::{codes, errors};

impl Table {
    /// The first version behind `after`, up to this handle's, that did more than add rows, and what it was. Where files were
    /// merely put together, no rows changed. An entry of the log that was tidied up counts too, for nobody knows.
    pub async fn rewritten_since(&self, after: u64) -> Result<Option<(u64, String)>> {
        let entries = self.entries(after, self.version()).await?;
        Ok(entries.iter().find_map(|(version, entry)| Some((*version, rewrites(entry.as_ref())?))))
    }

    /// A handle that holds only the rows added behind `after` up to `version`.
    pub(crate) fn gained(&self, after: u64, version: u64) -> BoxFuture<'_, Result<Table>> {
        async move {
            let end = self.at(AsOf::Version(version)).await?;
            end.snapshot.demand_ours()?;
            if after > version {
                return Err(Error::new(&codes::LAKE_VERSION_NOT_FOUND).with("table", self.name()).with("version", after));
            }
            // Files by the version that still has them: what was put together later is read as it was before.
            let mut parts: Vec<(u64, HashSet<String>)> = Vec::new();
            let mut pending: HashSet<String> = HashSet::new();
            for (number, entry) in end.entries(after, version).await? {
                if let Some(operation) = rewrites(entry.as_ref()) {
                    let error = Error::new(&codes::LAKE_REWRITTEN).with("table", self.name()).with("version", number);
                    return Err(error.with("operation", operation).with("after", after));
                }
                let Some(entry) = entry else { continue };
                let moved: HashSet<String> = pending.intersection(&entry.rearranged).cloned().collect();
                if !moved.is_empty() {
                    pending.retain(|path| !moved.contains(path));
                    parts.push((number - 1, moved));
                }
                pending.extend(entry.added);
            }
            parts.push((version, pending));
            let mut files = Vec::with_capacity(parts.len());
            for (number, paths) in parts {
                files.push((self.at(AsOf::Version(number)).await?.files_as(&end.snapshot)?, paths));
            }
            let gathered = Files::gathered(&files, &end.snapshot.scanned).map_err(|error| errors::input(self.name(), error))?;
            let snapshot = Arc::new(end.snapshot.with_files(gathered));
            self.lake.0.snapshots.hold(&snapshot);
            Ok(Table { lake: self.lake.clone(), snapshot })
        }
        .boxed()
    }

    /// The files of this version with the columns of another.
    fn files_as(&self, other: &Snapshot) -> Result<Arc<Files>> {
        if self.version() == other.version() {
            return other.files();
        }
        let files = Files::load(&self.snapshot.state, &other.scanned).map_err(|error| errors::log(self.name(), error))?;
        Ok(Arc::new(files))
    }
}

/// What an entry did beyond adding rows.
fn rewrites(entry: Option<&Entry>) -> Option<String> {
    match entry {
        None => Some("no longer in the log".to_owned()),
        Some(entry) => entry.takes.then(|| entry.operation.clone()),
    }
}
