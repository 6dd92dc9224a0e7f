//! Keeping tables: restore, vacuum, checkpoints.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use base::{Error, Result, units};
use deltalake_core::checkpoints;
use deltalake_core::kernel::transaction::CommitProperties;
use deltalake_core::kernel::{Action, LogicalFileView};
use deltalake_core::operations::vacuum::VacuumMode;
use deltalake_core::protocol::DeltaOperation;
use futures::{StreamExt, TryStreamExt};
use guard::{Object, Pass, Privilege};
use object_store::ObjectStoreExt;
use object_store::path::Path;

use crate::commit::{ATTEMPTS_MAX, Change, Landed, ORIGIN_KEY, Written, conflict, pause};
use crate::lake::{Lake, folder};
use crate::origin::{AsOf, Commit, Origin};
use crate::snapshot::Snapshot;
use crate::table::Table;
use crate::{codes, errors};

/// Files younger than this may belong to a write that is still running, or to a reader elsewhere.
pub const RETENTION_FLOOR: Duration = Duration::from_secs(24 * 60 * 60);

/// Longest wait for what runs beside commits when a process ends.
const SETTLE_MAX: Duration = Duration::from_secs(30);

/// Files looked for at the same time.
const LOOKS_MAX: usize = 32;

/// What a compaction did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Optimized {
    /// The version after it.
    pub version: u64,
    /// Small files that went.
    pub files_removed: u64,
    /// Files that took their places.
    pub files_added: u64,
}

/// What a vacuum did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vacuumed {
    /// Files deleted, or, for a trial, that would be; below the table's folder.
    pub files: Vec<String>,
    /// The version after it.
    pub version: u64,
}

impl Table {
    /// Makes the newest version hold what an earlier one held, as a new commit: nothing is lost, and it can be undone the
    /// same way. Fails if files of that version were vacuumed. Demands Modify.
    pub async fn restore(&self, pass: &Pass, as_of: AsOf) -> Result<Commit> {
        pass.demand(Privilege::Modify, &Object::Table(self.name()))?;
        let origin = Origin::of(pass.user());
        let target = self.at(as_of).await?.snapshot;
        target.demand_ours()?;
        let wanted = by_path(&target);
        self.demand_files(&target, wanted.keys()).await?;
        for attempt in 0..ATTEMPTS_MAX {
            let turn = self.lake.0.turns.of(self.name());
            let turn = turn.lock().await;
            let latest = self.lake.latest(self.name()).await?;
            latest.demand_ours()?;
            let there = by_path(&latest);
            let mut actions = Vec::new();
            if latest.state.metadata() != target.state.metadata() {
                actions.push(Action::Metadata(target.state.metadata().clone()));
            }
            let gone = there.iter().filter(|(path, _)| !wanted.contains_key(*path));
            actions.extend(gone.map(|(_, file)| Action::Remove(file.remove_action(true))));
            let mut written = Written::default();
            for (_, file) in wanted.iter().filter(|(path, _)| !there.contains_key(*path)) {
                #[allow(deprecated)] // The log library has no other public way to an action that it already holds.
                let mut add = file.add_action();
                add.data_change = true;
                written.rows += file.num_records().unwrap_or(0) as u64;
                written.bytes += add.size.max(0).cast_unsigned();
                written.files += 1;
                actions.push(Action::Add(add));
            }
            let operation = DeltaOperation::Restore { version: Some(target.version()), datetime: None };
            let change = Change { actions, operation, written };
            let at = Table { lake: self.lake.clone(), snapshot: latest };
            if let Landed::At(landed) = at.commit(&change, &origin).await? {
                let Written { rows, bytes, files } = written;
                return Ok(Commit { version: landed.version(), rows, bytes, files, duplicate: false });
            }
            drop(turn);
            pause(attempt).await;
        }
        Err(conflict(self.name()))
    }

    async fn demand_files(&self, target: &Snapshot, paths: impl Iterator<Item = &Path>) -> Result<()> {
        let folder = folder(self.name());
        let paths: Vec<Path> = paths.map(|path| Path::from_iter(folder.parts().chain(path.parts()))).collect();
        let missing: Vec<()> = futures::stream::iter(paths)
            .map(|path| async move {
                match self.lake.0.store.head(&path).await {
                    Ok(_) => Ok(None),
                    Err(object_store::Error::NotFound { .. }) => Ok(Some(())),
                    Err(error) => Err(errors::store(path, error)),
                }
            })
            .buffer_unordered(LOOKS_MAX)
            .try_filter_map(|missing| async move { Ok(missing) })
            .try_collect()
            .await?;
        if missing.is_empty() {
            return Ok(());
        }
        let error = Error::new(&codes::LAKE_FILES_GONE).with("table", self.name()).with("version", target.version());
        Err(error.with("count", missing.len()))
    }

    /// Deletes the files that no version younger than `retention` needs, and what failed writes left behind. Versions that
    /// something in this process still reads keep their files; readers elsewhere are protected by time alone, so less than
    /// [`RETENTION_FLOOR`] is refused unless `force`d, and then only files a commit has taken out are deleted. Time travel
    /// ends where vacuum was. With `trial`, only says what would go. Demands Manage.
    pub async fn vacuum(&self, pass: &Pass, retention: Duration, force: bool, trial: bool) -> Result<Vacuumed> {
        pass.demand(Privilege::Manage, &Object::Table(self.name()))?;
        let floor = retention >= RETENTION_FLOOR;
        if !floor && !force {
            return Err(Error::new(&codes::LAKE_RETENTION_TOO_SHORT)
                .with("floor", units::duration(RETENTION_FLOOR))
                .with("asked", units::duration(retention)));
        }
        let turn = self.lake.0.turns.of(self.name());
        let _turn = turn.lock().await;
        let latest = self.lake.latest(self.name()).await?;
        let held = self.lake.0.snapshots.held(self.name());
        let origin = serde_json::to_value(Origin::of(pass.user())).map_err(|error| errors::log(self.name(), error.into()))?;
        let properties = CommitProperties::default()
            .with_metadata(HashMap::from([(ORIGIN_KEY.to_owned(), origin)]))
            .with_create_checkpoint(false)
            .with_cleanup_expired_logs(Some(false));
        let retention = chrono::Duration::from_std(retention).unwrap_or(chrono::Duration::MAX);
        let vacuum = latest
            .delta()
            .vacuum()
            .with_retention_period(retention)
            .with_enforce_retention_duration(false)
            .with_keep_versions(&held)
            .with_mode(if floor { VacuumMode::Full } else { VacuumMode::Lite })
            .with_dry_run(trial)
            .with_commit_properties(properties);
        let (_, metrics) = Box::pin(vacuum.into_future()).await.map_err(|error| errors::log(self.name(), error))?;
        let version = self.lake.latest(self.name()).await?.version();
        Ok(Vacuumed { files: metrics.files_deleted, version })
    }
}

impl Lake {
    /// Writes a checkpoint and tidies up old log entries, beside whatever goes on.
    pub(crate) fn checkpoint_soon(&self, snapshot: Arc<Snapshot>) {
        let mut tasks = self.0.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(async move {
            let table = snapshot.delta();
            if let Err(error) = Box::pin(checkpoints::create_checkpoint(&table, None)).await {
                // The log is whole without it, only longer to read; the next one tries again.
                tracing::warn!(table = %snapshot.name, version = snapshot.version(), %error, "no checkpoint could be written");
                return;
            }
            if let Err(error) = Box::pin(checkpoints::cleanup_metadata(&table, None)).await {
                tracing::warn!(table = %snapshot.name, %error, "old log entries could not be removed");
            }
        });
    }

    /// Waits for what runs beside commits (checkpoints), for a bounded time. To be called before a process ends: one that
    /// commits once and goes would otherwise never leave a checkpoint behind.
    pub async fn settle(&self) {
        let mut tasks = std::mem::take(&mut *self.0.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        let all = async { while tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(SETTLE_MAX, all).await.is_err() {
            tracing::warn!("a checkpoint takes too long and is given up");
        }
    }
}

fn by_path(snapshot: &Snapshot) -> HashMap<Path, LogicalFileView> {
    snapshot.state.log_data().iter().map(|file| (file.object_store_path(), file)).collect()
}
