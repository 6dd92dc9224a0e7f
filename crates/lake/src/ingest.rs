//! Writing by name: a table that is not there is made by its first write, in the same commit as its rows, and one whose
//! columns differ is changed as far as that is declared.

use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use base::{Error, Result, TableName};
use datafusion::execution::SendableRecordBatchStream;
use deltalake_core::kernel::Action;
use deltalake_core::protocol::{DeltaOperation, SaveMode};
use guard::{Object, Pass, Privilege};

use crate::commit::{Change, conflict};
use crate::evolve::{Evolution, declared, evolved};
use crate::lake::{Lake, demand_lake};
use crate::origin::{Commit, Mode, Origin};
use crate::settings::TableOptions;
use crate::snapshot::Snapshot;
use crate::table::Table;
use crate::write::{NewFiles, fitted, operation, removes, replayed};
use crate::{codes, schema};

/// How far a write may change a table's columns; each allows what stands before it too.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Evolve {
    /// Not at all.
    #[default]
    No,
    /// New columns are added at the end, and are empty for the rows that are there.
    Add,
    /// Columns become wider without loss, and may be empty where they might not.
    Widen,
    /// With [`Mode::Replace`], the table takes the columns of its new rows, whatever they are.
    Replace,
}

/// What has to be done before rows of these columns can be written.
enum Step {
    Nothing,
    Evolve(Evolution),
    Overwrite(Schema),
}

impl Lake {
    /// Writes rows in one commit, as [`Table::write`] does. A table that is not there is made with the kept columns of the
    /// rows, by that same commit; it then demands Create on the schema besides Modify on the table. A table that is there
    /// must have all columns of the rows and no others, in types that hold them, or `evolve` must allow the difference.
    pub async fn write(
        &self,
        pass: &Pass,
        name: &TableName,
        mode: Mode,
        evolve: Evolve,
        rows: SendableRecordBatchStream,
        origin: Origin,
    ) -> Result<Commit> {
        demand_lake(name)?;
        let given = Arc::new(schema::delta_schema(&rows.schema())?);
        let found = match self.latest(name).await {
            Ok(found) => found,
            Err(error) if error.is(&codes::LAKE_TABLE_NOT_FOUND) => {
                return Box::pin(self.write_first(pass, name, mode, &given, rows, &origin)).await;
            }
            Err(error) => return Err(error),
        };
        pass.demand(Privilege::Modify, &Object::Table(name))?;
        found.demand_ours()?;
        // What was committed before changes no columns now.
        if mode != Mode::Amend
            && let Some(duplicate) = replayed(&found, &origin).await?
        {
            return Ok(duplicate);
        }
        let step = settle(&found, &rows.schema(), &given, evolve, mode == Mode::Replace)?;
        let table = Table { lake: self.clone(), snapshot: found };
        match step {
            Step::Nothing => {}
            Step::Evolve(evolution) => {
                Box::pin(table.evolve(pass, &evolution)).await?;
            }
            Step::Overwrite(columns) => return Box::pin(table.overwrite(Arc::new(columns), rows, &origin)).await,
        }
        table.write(pass, mode, rows, origin).await
    }

    async fn write_first(
        &self,
        pass: &Pass,
        name: &TableName,
        mode: Mode,
        given: &SchemaRef,
        rows: SendableRecordBatchStream,
        origin: &Origin,
    ) -> Result<Commit> {
        pass.demand(Privilege::Create, &Object::Schema { catalog: name.catalog(), schema: name.schema() })?;
        pass.demand(Privilege::Modify, &Object::Table(name))?;
        if matches!(mode, Mode::Rewrite { .. } | Mode::Behind { version: Some(_) }) {
            return Err(Error::new(&codes::LAKE_TABLE_NOT_FOUND).with("table", name));
        }
        let creation = crate::commit::creation(name, given, &TableOptions::default())?;
        let rows = fitted(name, given, rows)?;
        let rows = match &mode {
            Mode::Merge { keys } => crate::merge::last_of_keys(name, given, keys, rows, self.0.settings.merge_bytes_max).await?,
            _ => rows,
        };
        let new = NewFiles::write_as(self, name, &[], given, rows).await?;
        let mut actions = creation.actions();
        actions.extend(new.adds.iter().cloned().map(Action::Add));
        let operation = DeltaOperation::Write { mode: SaveMode::ErrorIfExists, partition_by: None, predicate: None };
        match crate::commit::first(self, name, &Change { actions, operation, written: new.written }, origin).await {
            Ok(Some(landed)) => Ok(new.commit(&landed)),
            Ok(None) => self.second(name, &mode, given, new, origin).await,
            Err(error) => {
                if !error.is(&codes::LAKE_COMMIT_UNCLEAR) {
                    new.remove(self).await;
                }
                Err(error)
            }
        }
    }

    /// Somebody made the table at the same time: rows for the same columns are added to it.
    async fn second(&self, name: &TableName, mode: &Mode, given: &SchemaRef, new: NewFiles, origin: &Origin) -> Result<Commit> {
        let base = self.latest(name).await?;
        if !takes(&base, given) || !matches!(mode, Mode::Append | Mode::Replace) {
            new.remove(self).await;
            return Err(match mode {
                Mode::Behind { .. } => Error::new(&codes::LAKE_MOVED).with("table", name).with("version", base.version()),
                _ => conflict(name),
            });
        }
        let replace = mode == &Mode::Replace;
        let table = Table { lake: self.clone(), snapshot: base.clone() };
        let more = |latest: &Snapshot| Ok(if replace { removes(latest, |_| true, true) } else { Vec::new() });
        table.land(&base, new, operation(&base, replace), origin, more).await
    }
}

impl Table {
    /// Takes the places of all rows, with other columns, in one commit.
    async fn overwrite(&self, columns: SchemaRef, rows: SendableRecordBatchStream, origin: &Origin) -> Result<Commit> {
        let base = self.snapshot.clone();
        if let Some(lost) = base.partitions().iter().find(|name| columns.index_of(name).is_err()) {
            let reason = format!("it is parted by `{lost}`, which the new rows do not have");
            return Err(Error::new(&codes::LAKE_EVOLUTION_INVALID).with("table", self.name()).with("reason", reason));
        }
        let rows = fitted(self.name(), &columns, rows)?;
        let new = NewFiles::write_as(&self.lake, self.name(), base.partitions(), &columns, rows).await?;
        self.land(&base, new, operation(&base, true), origin, |latest| {
            let mut actions = declared(latest, &columns)?;
            actions.extend(removes(latest, |_| true, true));
            Ok(actions)
        })
        .await
    }
}

/// Whether files that were written for these columns, in whatever order, can stand in the table as they are.
fn takes(base: &Snapshot, given: &Schema) -> bool {
    let holds = |known: &Arc<Field>| {
        given.field_with_name(known.name()).is_ok_and(|field| {
            crate::fit::same(known.data_type(), field.data_type()) && (known.is_nullable() || !field.is_nullable())
        })
    };
    base.partitions().is_empty() && base.schema.fields().len() == given.fields().len() && base.schema.fields().iter().all(holds)
}

/// What must change in the table for rows that come as `raw` and are kept as `given`, or the error that names a column.
fn settle(found: &Snapshot, raw: &Schema, given: &Schema, evolve: Evolve, replace: bool) -> Result<Step> {
    let mut evolution = Evolution::default();
    let mut refused = None;
    for (came, field) in raw.fields().iter().zip(given.fields()) {
        let missing = |what: String, hint: String| {
            let error = Error::new(&codes::LAKE_COLUMNS_DIFFER).with("table", &found.name).with("reason", what);
            Some(error.hint(hint))
        };
        let name = field.name();
        let Ok(known) = found.schema.field_with_name(name) else {
            let twin = found.schema.fields().iter().find(|known| known.name().eq_ignore_ascii_case(name));
            if let Some(twin) = twin {
                let what = format!("column `{name}` differs only in case from `{}`", twin.name());
                refused = refused.or(missing(what, "give it the name that the table has".to_owned()));
            } else if evolve >= Evolve::Add {
                evolution.add.push(field.as_ref().clone().with_nullable(true));
            } else {
                let what = format!("column `{name}` ({}) is new", field.data_type());
                refused = refused.or(missing(what, "declare `evolve: add` on the step to add it, or leave it out".to_owned()));
            }
            continue;
        };
        let (old, new) = (known.data_type(), field.data_type());
        if !crate::fit::fits(came.data_type(), old, name)? {
            let wider = crate::fit::fits(old, new, name)? && !found.partitions().contains(name);
            let what = format!("column `{name}` is {new} now, and the table holds {old}");
            if !wider {
                let hint = format!("cast it to {old}; in mode replace, `evolve: replace` takes it as it is");
                refused = refused.or(missing(what, hint));
            } else if evolve >= Evolve::Widen {
                evolution.widen.push((name.clone(), new.clone()));
            } else {
                let hint = "declare `evolve: widen` on the step to widen the table's column, or cast it".to_owned();
                refused = refused.or(missing(what, hint));
            }
        }
        if field.is_nullable() && !known.is_nullable() && evolve >= Evolve::Widen {
            evolution.relax.push(name.clone());
        }
    }
    if let Some(lost) = found.schema.fields().iter().find(|known| given.field_with_name(known.name()).is_err()) {
        let what = format!("column `{}` is missing from them", lost.name());
        let hint = "select it, as NULL if there is nothing for it; in mode replace, `evolve: replace` drops it";
        let error = Error::new(&codes::LAKE_COLUMNS_DIFFER).with("table", &found.name).with("reason", what);
        refused = refused.or(Some(error.hint(hint)));
    }
    match refused {
        Some(_) if evolve == Evolve::Replace && replace => {
            Ok(Step::Overwrite(Schema::new(given.fields().iter().map(maybe_empty).collect::<Vec<_>>())))
        }
        Some(error) => Err(error),
        None if evolution.is_empty() => Ok(Step::Nothing),
        // All rows go, so none needs to be rewritten.
        None if replace => Ok(evolved(found, &evolution)?.map_or(Step::Nothing, Step::Overwrite)),
        None => Ok(Step::Evolve(evolution)),
    }
}

/// Columns of a table that takes what comes may be empty.
fn maybe_empty(field: &Arc<Field>) -> Arc<Field> {
    Arc::new(field.as_ref().clone().with_nullable(true))
}
