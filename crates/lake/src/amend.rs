//! Commits that take the places of certain rows and keep all others: what an earlier attempt of the same transaction added,
//! or what a version held.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::RecordBatch;
use base::{Error, Result};
use deltalake_core::kernel::Action;
use deltalake_core::protocol::DeltaOperation;
use futures::stream::BoxStream;

use crate::codes;
use crate::commit::{ATTEMPTS_MAX, Change, Landed, conflict, pause};
use crate::origin::{AsOf, Commit, Origin};
use crate::snapshot::Snapshot;
use crate::table::Table;
use crate::write::{NewFiles, operation, removes, replayed};

impl Table {
    /// Adds rows, and takes out what the same version of the same transaction added before. If that cannot be told apart any
    /// more, because it was put together with other rows, it stays, and the answer says `duplicate`.
    pub(crate) async fn amend(
        &self,
        base: Arc<Snapshot>,
        rows: BoxStream<'static, Result<RecordBatch>>,
        origin: &Origin,
    ) -> Result<Commit> {
        let new = NewFiles::write(&self.lake, &base, rows).await?;
        let landed = self.amended(&base, &new, origin).await;
        new.settle(&self.lake, landed).await
    }

    async fn amended(&self, base: &Snapshot, new: &NewFiles, origin: &Origin) -> Result<Commit> {
        for attempt in 0..ATTEMPTS_MAX {
            let turn = self.lake.0.turns.of(self.name());
            let turn = turn.lock().await;
            let latest = self.lake.latest(self.name()).await?;
            if latest.schema != base.schema || latest.partitions() != base.partitions() {
                return Err(Error::new(&codes::LAKE_SCHEMA_CHANGED).with("table", self.name()));
            }
            let known = replayed(&latest, origin).await?;
            let at = Table { lake: self.lake.clone(), snapshot: latest };
            let earlier = match (&origin.transaction, &known) {
                (Some(transaction), Some(_)) => at.added_by(transaction).await?,
                _ => HashSet::new(),
            };
            let there = places(&at.snapshot, &earlier)?;
            if let Some(known) = known
                && (there.len() != earlier.len() || earlier.is_empty() && new.adds.is_empty())
            {
                return Ok(known);
            }
            let mut actions = removes(&at.snapshot, |index| there.contains(&index), true);
            actions.extend(new.adds.iter().cloned().map(Action::Add));
            let change = Change { actions, operation: operation(&at.snapshot, false), written: new.written };
            match at.commit(&change, origin).await? {
                Landed::At(landed) => return Ok(new.commit(&landed)),
                Landed::Moved => {}
            }
            drop(turn);
            pause(attempt).await;
        }
        Err(conflict(self.name()))
    }

    /// Takes the places of the rows of version `of`; what was added since stays.
    pub(crate) async fn rewrite(
        &self,
        base: Arc<Snapshot>,
        of: u64,
        rows: BoxStream<'static, Result<RecordBatch>>,
        origin: &Origin,
    ) -> Result<Commit> {
        let old = self.at(AsOf::Version(of)).await?.snapshot.files()?;
        let old: HashSet<String> = old.files.iter().map(|file| file.path.to_string()).collect();
        let new = NewFiles::write(&self.lake, &base, rows).await?;
        self.land(&base, new, DeltaOperation::Update { predicate: None }, origin, |latest| {
            let there = places(latest, &old)?;
            if there.len() != old.len() {
                return Err(Error::new(&codes::LAKE_MOVED).with("table", &latest.name).with("version", latest.version()));
            }
            Ok(removes(latest, |index| there.contains(&index), true))
        })
        .await
    }
}

/// Where files stand in a version.
fn places(snapshot: &Snapshot, paths: &HashSet<String>) -> Result<HashSet<usize>> {
    let files = snapshot.files()?;
    let all = files.files.iter().enumerate();
    Ok(all.filter(|(_, file)| paths.contains(file.path.as_ref())).map(|(index, _)| index).collect())
}
