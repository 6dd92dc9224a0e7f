//! Compaction: many small files become few of the target size, with the same rows in the same order.

use std::collections::{BTreeMap, HashSet};

use base::Result;
use deltalake_core::kernel::Action;
use deltalake_core::protocol::DeltaOperation;
use guard::{Object, Pass, Privilege};

use crate::codes;
use crate::commit::{ATTEMPTS_MAX, Change, Landed, conflict, pause};
use crate::maintain::Optimized;
use crate::origin::Origin;
use crate::snapshot::Snapshot;
use crate::table::Table;
use crate::write::{NewFiles, removes};

/// Files are compacted if they are below this share of the target size.
const SMALL_SHARE: f64 = 0.7;

/// Bytes compacted in one commit; a long compaction shows its work, and loses little if others get in between.
const COMMIT_BYTES_MAX: u64 = 1 << 30;

impl Table {
    /// Compacts the newest version's small files. Rows do not change, so readers and writers are not disturbed; a change
    /// of the same files by others in between ends it, with what was compacted so far. Demands Modify.
    pub async fn optimize(&self, pass: &Pass) -> Result<Optimized> {
        pass.demand(Privilege::Modify, &Object::Table(self.name()))?;
        let origin = Origin::of(pass.user());
        let mut total = Optimized::default();
        let mut seen = HashSet::new();
        loop {
            let latest = self.lake.latest(self.name()).await?;
            latest.demand_ours()?;
            total.version = latest.version();
            let Some(chosen) = choose(&latest, self.lake.0.settings.file_bytes_target, &seen)? else { return Ok(total) };
            let at = Table { lake: self.lake.clone(), snapshot: latest.clone() };
            let files = latest.files()?;
            let old: HashSet<String> = chosen.iter().flatten().map(|index| files.files[*index].path.to_string()).collect();
            let mut new = NewFiles::default();
            for group in &chosen {
                match NewFiles::write(&self.lake, &latest, at.read(group, None)?).await {
                    Ok(more) => new.extend(more),
                    Err(error) => {
                        new.remove(&self.lake).await;
                        return Err(error);
                    }
                }
            }
            for add in &mut new.adds {
                add.data_change = false;
            }
            seen.extend(old.iter().cloned());
            total.files_removed += old.len() as u64;
            total.files_added += new.written.files;
            total.version = self.exchange(&old, new, &origin).await?;
        }
    }

    /// Commits new files for old ones, for as long as the old ones are there.
    async fn exchange(&self, old: &HashSet<String>, new: NewFiles, origin: &Origin) -> Result<u64> {
        for attempt in 0..ATTEMPTS_MAX {
            let turn = self.lake.0.turns.of(self.name());
            let turn = turn.lock().await;
            let latest = self.lake.latest(self.name()).await?;
            let files = latest.files()?;
            let found: HashSet<usize> = files
                .files
                .iter()
                .enumerate()
                .filter_map(|(index, file)| old.contains(file.path.as_ref()).then_some(index))
                .collect();
            if found.len() != old.len() {
                break;
            }
            let mut actions = removes(&latest, |index| found.contains(&index), false);
            actions.extend(new.adds.iter().cloned().map(Action::Add));
            let target_size = self.lake.0.settings.file_bytes_target.cast_signed();
            let operation = DeltaOperation::Optimize { predicate: None, target_size };
            let change = Change { actions, operation, written: new.written };
            match (Table { lake: self.lake.clone(), snapshot: latest }).commit(&change, origin).await {
                Ok(Landed::At(landed)) => return Ok(landed.version()),
                Ok(Landed::Moved) => {}
                Err(error) => {
                    if !error.is(&codes::LAKE_COMMIT_UNCLEAR) {
                        new.remove(&self.lake).await;
                    }
                    return Err(error);
                }
            }
            drop(turn);
            pause(attempt).await;
        }
        new.remove(&self.lake).await;
        Err(conflict(self.name()))
    }
}

/// Groups of small files of one partition each, in the order they were made; none if there is nothing to gain.
fn choose(snapshot: &Snapshot, target: u64, seen: &HashSet<String>) -> Result<Option<Vec<Vec<usize>>>> {
    let files = snapshot.files()?;
    let small = (target as f64 * SMALL_SHARE) as u64;
    let mut partitions: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (index, file) in files.files.iter().enumerate() {
        if file.size < small && !seen.contains(file.path.as_ref()) {
            partitions.entry(format!("{:?}", file.partition)).or_default().push(index);
        }
    }
    let (mut groups, mut bytes) = (Vec::new(), 0);
    'all: for mut members in partitions.into_values() {
        members.sort_by(|left, right| files.files[*left].path.cmp(&files.files[*right].path));
        let (mut group, mut group_bytes) = (Vec::new(), 0);
        for index in members {
            if group_bytes >= target {
                close(&mut groups, std::mem::take(&mut group));
                group_bytes = 0;
            }
            if bytes >= COMMIT_BYTES_MAX {
                close(&mut groups, group);
                break 'all;
            }
            group.push(index);
            group_bytes += files.files[index].size;
            bytes += files.files[index].size;
        }
        close(&mut groups, group);
    }
    Ok((!groups.is_empty()).then_some(groups))
}

/// One file alone gains nothing.
fn close(groups: &mut Vec<Vec<usize>>, group: Vec<usize>) {
    if group.len() > 1 {
        groups.push(group);
    }
}
