//! Changing a table's columns, by declaration only: new columns, wider types, empty values. Nothing is ever dropped or narrowed here.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use base::{Error, Result};
use deltalake_core::kernel::{Action, Add, MetadataExt};
use deltalake_core::protocol::DeltaOperation;
use futures::StreamExt;
use guard::{Object, Pass, Privilege};

use crate::commit::{ATTEMPTS_MAX, Change, Landed, conflict, pause};
use crate::fit::Fit;
use crate::origin::{Commit, Origin};
use crate::snapshot::Snapshot;
use crate::table::Table;
use crate::write::{NewFiles, removes};
use crate::{codes, errors, schema};

/// What a table's columns are to become.
#[derive(Debug, Clone, Default)]
pub struct Evolution {
    /// Columns to add at the end; they may be empty, and are for the rows that are there.
    pub add: Vec<Field>,
    /// Columns to widen, and their new types. All files are rewritten, so that every reader sees one type.
    pub widen: Vec<(String, DataType)>,
    /// Columns that may be empty from now on.
    pub relax: Vec<String>,
}

impl Evolution {
    /// Whether nothing is to change.
    pub fn is_empty(&self) -> bool {
        self.add.is_empty() && self.widen.is_empty() && self.relax.is_empty()
    }
}

impl Table {
    /// Adds, widens and relaxes columns in one commit. What is there already is left as it is, so declaring twice is harmless.
    /// Demands Modify.
    pub async fn evolve(&self, pass: &Pass, evolution: &Evolution) -> Result<Commit> {
        pass.demand(Privilege::Modify, &Object::Table(self.name()))?;
        let origin = Origin::of(pass.user());
        for attempt in 0..ATTEMPTS_MAX {
            let turn = self.lake.0.turns.of(self.name());
            // The longer it takes to get through, the sooner others of this process must wait.
            let turn = if evolution.widen.is_empty() || attempt > 0 { Some(turn.lock().await) } else { None };
            let latest = self.lake.latest(self.name()).await?;
            latest.demand_ours()?;
            let Some(columns) = evolved(&latest, evolution)? else {
                return Ok(Commit { version: latest.version(), rows: 0, bytes: 0, files: 0, duplicate: true });
            };
            let at = Table { lake: self.lake.clone(), snapshot: latest.clone() };
            let new = if widens(&latest, &columns) { at.rewritten(&columns).await? } else { NewFiles::default() };
            let mut actions = declared(&latest, &columns)?;
            if !new.adds.is_empty() {
                // The rows are the same, so who reads only what is new need not read them again.
                actions.extend(removes(&latest, |_| true, false));
                actions.extend(new.adds.iter().cloned().map(|add| Action::Add(Add { data_change: false, ..add })));
            }
            let fields = schema::to_delta(&columns)?.fields().cloned().collect();
            let change = Change { actions, operation: DeltaOperation::AddColumn { fields }, written: new.written };
            match at.commit(&change, &origin).await {
                Ok(Landed::At(landed)) => return Ok(new.commit(&landed)),
                Ok(Landed::Moved) => new.remove(&self.lake).await,
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
        Err(conflict(self.name()))
    }

    /// All rows of this version with other types.
    async fn rewritten(&self, columns: &Schema) -> Result<NewFiles> {
        let old = self.snapshot.schema.fields().len();
        let wider = Arc::new(Schema::new(columns.fields().iter().take(old).cloned().collect::<Vec<_>>()));
        let fit = Fit::new(self.name(), &wider, &self.snapshot.schema)?;
        let all: Vec<usize> = (0..self.snapshot.files()?.files.len()).collect();
        let rows = self.read(&all, None)?.map(move |batch| fit.apply(&batch?)).boxed();
        NewFiles::write_as(&self.lake, self.name(), self.snapshot.partitions(), &wider, rows).await
    }
}

/// The columns a version would have; none if it has them.
pub(crate) fn evolved(snapshot: &Snapshot, evolution: &Evolution) -> Result<Option<Schema>> {
    let invalid =
        |reason: String| Error::new(&codes::LAKE_EVOLUTION_INVALID).with("table", &snapshot.name).with("reason", reason);
    let mut fields: Vec<FieldRef> = snapshot.schema.fields().iter().cloned().collect();
    for (name, wanted) in &evolution.widen {
        let wanted = schema::kept_type(wanted, name)?;
        let Some(field) = fields.iter_mut().find(|field| field.name() == name) else {
            return Err(invalid(format!("it has no column `{name}`")));
        };
        if snapshot.partitions().contains(name) {
            return Err(invalid(format!("it is parted by `{name}`")));
        }
        let narrow = field.data_type().clone();
        if crate::fit::same(&narrow, &wanted) {
            continue;
        }
        if !crate::fit::fits(&narrow, &wanted, name)? {
            return Err(invalid(format!("`{name}` is {narrow}, which is not within {wanted}")));
        }
        *field = Arc::new(field.as_ref().clone().with_data_type(wanted));
    }
    for name in &evolution.relax {
        match fields.iter_mut().find(|field| field.name() == name) {
            Some(field) => *field = Arc::new(field.as_ref().clone().with_nullable(true)),
            None => return Err(invalid(format!("it has no column `{name}`"))),
        }
    }
    for added in &evolution.add {
        let wanted = schema::kept_type(added.data_type(), added.name())?;
        match fields.iter().find(|field| field.name().eq_ignore_ascii_case(added.name())) {
            Some(field) if field.name() == added.name() && crate::fit::same(field.data_type(), &wanted) => continue,
            Some(field) => {
                return Err(invalid(format!("it has a column `{}` of type {}", field.name(), field.data_type())));
            }
            None if !added.is_nullable() && snapshot.files()?.rows() != Some(0) => {
                return Err(invalid(format!("`{}` may not be empty, but rows are there", added.name())));
            }
            None => fields.push(Arc::new(added.clone().with_data_type(wanted))),
        }
    }
    let columns = schema::delta_schema(&Schema::new(fields))?;
    Ok((columns.fields() != snapshot.schema.fields()).then_some(columns))
}

fn widens(snapshot: &Snapshot, columns: &Schema) -> bool {
    snapshot.schema.fields().iter().zip(columns.fields()).any(|(old, new)| !crate::fit::same(old.data_type(), new.data_type()))
}

/// The metadata, and the protocol where the new columns need another.
pub(crate) fn declared(snapshot: &Snapshot, columns: &Schema) -> Result<Vec<Action>> {
    let metadata = snapshot.state.metadata().clone().with_schema(&schema::to_delta(columns)?);
    let metadata = metadata.map_err(|error| errors::log(&snapshot.name, error.into()))?;
    let mut actions = vec![Action::Metadata(metadata)];
    if schema::has_zoneless(columns) && !schema::has_zoneless(&snapshot.schema) {
        let protocol = crate::commit::protocol(columns).map_err(|error| errors::log(&snapshot.name, error.into()))?;
        actions.insert(0, Action::Protocol(protocol));
    }
    Ok(actions)
}
