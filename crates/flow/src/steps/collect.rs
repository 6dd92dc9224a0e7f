//! `collect`: brings a table or files from a connection into the lake, exactly once.
//!
//! The source position travels in the commit (`Origin::position`), so the table itself says how far it was read. The copy in
//! `meta` is only an index: it is written after the commit and rebuilt from the table's history when it is missing.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use async_trait::async_trait;
use base::document::Wrong;
use base::{Error, ResourceName, Result, TableName};
use connect::{
    AvroFormat, CsvFormat, Cursor, ExcelFormat, FileMark, FilesTarget, Format, JsonLinesFormat, OrcFormat, ParquetFormat, Piece,
    Position, ReadRequest, Target,
};
use futures::StreamExt;
use meta::LedgerEntry;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Evolve, Step, StepContext, WriteMode, check_target};
use crate::codes;
use crate::plan::{Outcome, Plan};
use crate::quarantine::Bad;
use crate::runs::Level;
use crate::split::{self, Output, Sorted};

/// Rows of a batch read from a source.
const BATCH_ROWS: usize = 8192;

/// Parts of a source read at the same time.
const PARALLEL: usize = 4;

/// Brings data from a connection into a lake table: a database's `table`, or `files`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CollectStep {
    /// The connection.
    pub from: ResourceName,
    /// A table of a database, as `schema.table`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// A pattern of file paths below the connection's location, such as `flights*.csv.zip`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<String>,
    /// In zip files, the members to read; those whose ending is the format's if none are named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub members: Option<String>,
    /// How CSV files are written. The format is taken from the file's ending if none is stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub csv: Option<CsvFormat>,
    /// How files of JSON lines are written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json_lines: Option<JsonLinesFormat>,
    /// How Parquet files are read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parquet: Option<ParquetFormat>,
    /// How Avro files are read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avro: Option<AvroFormat>,
    /// How ORC files are read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orc: Option<OrcFormat>,
    /// Which sheet of workbooks is read, and which cells of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub excel: Option<ExcelFormat>,
    /// The lake table.
    pub into: TableName,
    /// How the rows go in. With files, append and merge read only files that are new.
    #[serde(default)]
    pub mode: WriteMode,
    /// The columns that name a row, for mode merge.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
    /// Types of columns, where they are not to be found out: `flight: int32`, `amount: decimal(12,2)`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub columns: BTreeMap<String, String>,
    /// How far the table's columns may change when the source's do: `add`, `widen`, or in mode replace `replace`.
    #[serde(default, skip_serializing_if = "Evolve::is_no")]
    pub evolve: Evolve,
    /// A column that only grows; each run then reads what is beyond the last one's highest value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

impl CollectStep {
    pub(crate) fn target(&self) -> Result<Target, Wrong> {
        match (&self.table, &self.files) {
            (Some(table), None) => {
                let (schema, table) = table
                    .split_once('.')
                    .ok_or_else(|| Wrong::new("table", format!("`{table}`: write schema.table, such as main.planes")))?;
                Ok(Target::Table { schema: schema.to_owned(), table: table.to_owned() })
            }
            (None, Some(files)) => {
                let target = FilesTarget { files: files.clone(), members: self.members.clone(), format: self.format() };
                target.check()?;
                Ok(Target::Files(target))
            }
            _ => Err(Wrong::new("from", "name either a `table` or `files` to collect")),
        }
    }

    fn format(&self) -> Option<Format> {
        let format = Format {
            csv: self.csv.clone(),
            json_lines: self.json_lines.clone(),
            parquet: self.parquet.clone(),
            avro: self.avro.clone(),
            orc: self.orc.clone(),
            excel: self.excel.clone(),
        };
        (format != Format::default()).then_some(format)
    }

    pub(crate) fn declared(&self) -> Result<Option<SchemaRef>, Wrong> {
        if self.columns.is_empty() {
            return Ok(None);
        }
        let fields = self.columns.iter().map(|(name, kind)| {
            let data_type = connect::data_type(kind)
                .ok_or_else(|| Wrong::new("columns", format!("{name}: `{kind}` is not a type; known are {}", connect::TYPES)))?;
            Ok(Field::new(name, data_type, true))
        });
        Ok(Some(Arc::new(Schema::new(fields.collect::<Result<Vec<_>, Wrong>>()?))))
    }

    /// The position that the table holds from this step, and the files read so far.
    async fn resume_from(&self, context: &StepContext, last: i64) -> Result<(Option<Position>, Vec<FileMark>)> {
        let app_id = context.app_id(&self.into);
        let positions = context.meta.positions();
        let stored = match positions.get(&app_id, last).await? {
            Some(position) => position,
            None => {
                let found = context.position_in_history(&self.into, &app_id, last).await?;
                let position = found.ok_or_else(|| {
                    Error::new(&codes::POSITION_LOST).with("step", &context.step).with("version", last).with("table", &self.into)
                })?;
                note_position(context, &app_id, last, &position).await?;
                position
            }
        };
        // A position that cannot be read must not pass for none: the source would be read from its start and doubled.
        let position = serde_json::from_value(stored).map_err(|error| Error::new(&codes::FLOW_INTERNAL).because(error))?;
        let seen = positions.ledger(&app_id, last).await?;
        Ok((Some(position), seen.into_iter().map(mark_of).collect()))
    }

    /// How far an earlier attempt had read that set records aside and went no further. Its records are there to stay, so what
    /// goes into the table must be what that attempt read, though the source may have grown.
    async fn half_done(&self, context: &StepContext, transaction: i64) -> Result<Option<Position>> {
        let quarantine = self.into.quarantine()?;
        if self.mode == WriteMode::Replace || context.last_transaction(&quarantine).await? != Some(transaction) {
            return Ok(None);
        }
        let found = context.position_in_history(&quarantine, &context.app_id(&quarantine), transaction).await?;
        Ok(found.and_then(|position| serde_json::from_value(position).ok()))
    }
}

#[async_trait]
impl Step for CollectStep {
    fn verb(&self) -> &'static str {
        "collect"
    }

    fn reads(&self) -> Result<Vec<TableName>, Wrong> {
        Ok(Vec::new())
    }

    fn writes(&self) -> Vec<TableName> {
        let quarantine = self.into.quarantine().ok();
        [Some(self.into.clone()), quarantine].into_iter().flatten().collect()
    }

    fn check(&self) -> Result<(), Wrong> {
        check_target(&self.into)?;
        self.mode.check(&self.keys)?;
        self.evolve.check(self.mode)?;
        self.target()?;
        self.declared()?;
        if self.cursor.is_some() && self.table.is_none() {
            return Err(Wrong::new("cursor", "a cursor belongs to a table; files are remembered one by one"));
        }
        if self.cursor.is_some() && self.mode == WriteMode::Replace {
            return Err(Wrong::new("mode", "a cursor reads only what is new: use append or merge"));
        }
        if self.table.is_some() && self.cursor.is_none() && self.mode == WriteMode::Append {
            return Err(Wrong::new(
                "mode",
                "appending a whole table again and again doubles it: name a `cursor`, or use replace or merge",
            ));
        }
        Ok(())
    }

    async fn plan(&self, context: &StepContext) -> Result<Plan> {
        let last = context.last_transaction(&self.into).await?;
        let since = match (last, self.mode) {
            (None, _) | (_, WriteMode::Replace) => None,
            (Some(last), _) => {
                let (position, seen) = self.resume_from(context, last).await?;
                Some(json!({ "position": position, "seen": seen }))
            }
        };
        Ok(Plan { transaction: Some(last.unwrap_or(0) + 1), since, ..Plan::default() })
    }

    async fn run(&self, context: &StepContext, plan: &Plan) -> Result<Outcome> {
        let wrong = |wrong: Wrong| Error::new(&codes::FLOW_INTERNAL).with("reason", wrong.reason);
        let since: Since = match &plan.since {
            Some(since) => {
                serde_json::from_value(since.clone()).map_err(|error| Error::new(&codes::FLOW_INTERNAL).because(error))?
            }
            None => Since::default(),
        };
        let after = match since.position {
            Some(Position::Cursor { value, .. }) => value,
            _ => None,
        };
        let mut until = None;
        if let Some(transaction) = plan.transaction {
            if context.last_transaction(&self.into).await? >= Some(transaction) {
                return Ok(Outcome { table: Some(self.into.clone()), duplicate: true, ..Outcome::default() });
            }
            until = self.half_done(context, transaction).await?;
        }
        let bounded = matches!(until, Some(Position::Files(_) | Position::Cursor { .. }));
        let source = context.engine.source(&context.pass, self.from.as_str()).await?;
        let request = ReadRequest {
            declared: self.declared().map_err(wrong)?,
            cursor: self.cursor.as_ref().map(|column| Cursor { column: column.clone(), after }),
            seen: since.seen,
            until,
            batch_rows: BATCH_ROWS,
            parallel: PARALLEL,
            ..ReadRequest::whole(self.target().map_err(wrong)?)
        };
        let reading = source.read(request).await?;
        context.progress.expect(reading.total_rows, reading.total_bytes);
        let position =
            serde_json::to_value(&reading.position).map_err(|error| Error::new(&codes::FLOW_INTERNAL).because(error))?;
        if let Position::Files(files) = &reading.position {
            context.log.write(Level::Info, Some(&context.step), &format!("{} new files", files.len()));
            if files.is_empty() && self.mode != WriteMode::Replace && plan.transaction.is_some_and(|transaction| transaction > 1)
            {
                return Ok(Outcome { table: Some(self.into.clone()), ..Outcome::default() });
            }
        }
        let parts = reading.parts.len().max(1);
        let rows = futures::stream::iter(reading.parts).flatten_unordered(parts).map(|piece| piece.map(sorted)).boxed();
        let output = Output {
            into: &self.into,
            mode: self.mode.to_lake(&self.keys),
            evolve: self.evolve.to_lake(),
            // Files and cursors bound a second attempt; a whole table is read as it is then.
            repeats: reading.position != Position::Snapshot,
            schema: reading.schema,
            transaction: plan.transaction,
            position: Some(position.clone()),
        };
        let commit = split::write(context, output, rows, || Ok(())).await?;
        if let Some(transaction) = plan.transaction.filter(|_| !commit.duplicate) {
            note_position(context, &context.app_id(&self.into), transaction, &position).await?;
        }
        if bounded {
            // Now what the source has gained since.
            return self.run(context, &self.plan(context).await?).await;
        }
        Ok(Outcome {
            table: Some(self.into.clone()),
            version: Some(commit.version),
            duplicate: commit.duplicate,
            ..Outcome::default()
        })
    }
}

/// What was read before, as the plan keeps it.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Since {
    position: Option<Position>,
    seen: Vec<FileMark>,
}

fn sorted(piece: Piece) -> Sorted {
    let bad = piece.rejects.into_iter().map(|reject| Bad {
        cause: reject.cause.into_owned(),
        message: reject.message,
        raw: reject.raw,
        position: reject.position,
    });
    Sorted { good: piece.batch, bad: bad.collect(), bytes: piece.bytes }
}

/// Notes what a commit holds, after it was made.
async fn note_position(context: &StepContext, app_id: &str, version: i64, position: &Value) -> Result<()> {
    if let Ok(Position::Files(files)) = serde_json::from_value(position.clone()) {
        let entries = files.into_iter().map(entry_of).collect();
        context.meta.positions().ledger_put(app_id, version, entries).await?;
    }
    context.meta.positions().put(app_id, version, position).await
}

fn entry_of(mark: FileMark) -> LedgerEntry {
    LedgerEntry { path: mark.path, etag: mark.etag.unwrap_or_default(), size: i64::try_from(mark.size).unwrap_or(i64::MAX) }
}

fn mark_of(entry: LedgerEntry) -> FileMark {
    let etag = Some(entry.etag).filter(|etag| !etag.is_empty());
    FileMark { path: entry.path, etag, size: u64::try_from(entry.size).unwrap_or(0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_would_double_rows() {
        let step = |yaml: &str| base::document::parse::<CollectStep>(yaml, "test.yaml").expect(yaml);
        let files = step("{from: a, files: 'in/*.CSV.gz', into: lake.ods.t}");
        assert!(matches!(files.target(), Ok(Target::Files(FilesTarget { format: None, .. }))));
        assert!(step("{from: a, files: '../in', into: lake.ods.t}").check().is_err());
        assert!(
            step("{from: a, table: main.t, into: lake.ods.t, mode: append}")
                .check()
                .expect_err("doubles")
                .reason
                .contains("cursor")
        );
        assert!(step("{from: a, table: main.t, into: lake.ods.t__quarantine}").check().is_err());
    }
}
