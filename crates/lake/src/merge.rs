//! Merge: rows with equal keys are replaced, others added, by rewriting only the files that hold such keys.
//!
//! The source rows are held in memory (up to [`crate::Settings::merge_bytes_max`]), because they are needed three times: to
//! know their keys, to be written, and again if somebody else commits first. Files are read one after the other, as streams.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch};
use arrow::compute::{SortOptions, filter_record_batch, sort_to_indices};
use arrow::datatypes::SchemaRef;
use arrow::row::{RowConverter, SortField};
use base::{Error, Result, TableName, units};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, ident, lit};
use deltalake_core::protocol::{DeltaOperation, MergePredicate};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};

use crate::commit::{Change, Landed, Written, conflict, pause};
use crate::origin::{Commit, Origin};
use crate::snapshot::Snapshot;
use crate::table::Table;
use crate::write::{NewFiles, removes, replayed};
use crate::writer::bytes_of;
use crate::{codes, errors};

/// How often a merge is made anew when others commit first; the later ones keep others of this process waiting.
const REWRITES_MAX: u32 = 6;
const REWRITES_FREE: u32 = 2;

/// Merges rows that have the table's columns.
pub(crate) async fn merge(
    table: &Table,
    base: Arc<Snapshot>,
    keys: &[String],
    rows: BoxStream<'static, Result<RecordBatch>>,
    origin: &Origin,
) -> Result<Commit> {
    let limit = table.lake.0.settings.merge_bytes_max;
    let source = Arc::new(Source::read(&base.name, &base.schema, keys, rows, limit).await?);
    if source.batches.is_empty() && origin.transaction.is_none() && origin.position.is_none() {
        return Ok(Commit { version: base.version(), rows: 0, bytes: 0, files: 0, duplicate: false });
    }
    let name = table.name();
    for attempt in 0..REWRITES_MAX {
        let turn = table.lake.0.turns.of(name);
        let turn = if attempt < REWRITES_FREE { None } else { Some(turn.lock().await) };
        let latest = table.lake.latest(name).await?;
        if let Some(duplicate) = replayed(&latest, origin).await? {
            return Ok(duplicate);
        }
        if latest.schema != base.schema || latest.partitions() != base.partitions() {
            return Err(Error::new(&codes::LAKE_SCHEMA_CHANGED).with("table", name));
        }
        let at = Table { lake: table.lake.clone(), snapshot: latest.clone() };
        let touched = touched(&at, &source).await?;
        let new = NewFiles::write(&table.lake, &latest, merged(&at, &source, touched.clone())).await?;
        let actions: Vec<_> = removes(&latest, |index| touched.contains(&index), true)
            .into_iter()
            .chain(new.adds.iter().cloned().map(deltalake_core::kernel::Action::Add))
            .collect();
        let written = Written { rows: source.rows, ..new.written };
        let change = Change { actions, operation: operation(keys), written };
        match at.commit(&change, origin).await {
            Ok(Landed::At(landed)) => return Ok(Commit { rows: source.rows, ..new.commit(&landed) }),
            Ok(Landed::Moved) => new.remove(&table.lake).await,
            Err(error) => {
                if !error.is(&codes::LAKE_COMMIT_UNCLEAR) {
                    new.remove(&table.lake).await;
                }
                return Err(error);
            }
        }
        drop(turn);
        pause(attempt).await;
    }
    Err(conflict(name))
}

/// The rows of a merge into a table that is not there yet: the last of each key.
pub(crate) async fn last_of_keys(
    name: &TableName,
    schema: &SchemaRef,
    keys: &[String],
    rows: BoxStream<'static, Result<RecordBatch>>,
    limit: usize,
) -> Result<BoxStream<'static, Result<RecordBatch>>> {
    let source = Source::read(name, schema, keys, rows, limit).await?;
    Ok(futures::stream::iter(source.batches.into_iter().map(Ok)).boxed())
}

/// The rows of the touched files that stay, one file after the other, and then the new ones.
fn merged(at: &Table, source: &Arc<Source>, touched: Vec<usize>) -> BoxStream<'static, Result<RecordBatch>> {
    let (at, of) = (at.clone(), source.clone());
    let kept =
        futures::stream::iter(touched).map(move |index| Ok(others(at.read(&[index], None)?, of.clone(), at.name().clone())));
    let fresh: Vec<Result<RecordBatch>> = source.batches.iter().cloned().map(Ok).collect();
    kept.try_flatten().chain(futures::stream::iter(fresh)).boxed()
}

/// The rows to merge: the last of each key, and what is needed to find their keys in the table.
struct Source {
    batches: Vec<RecordBatch>,
    rows: u64,
    /// The key columns' places in the table.
    columns: Vec<usize>,
    converter: RowConverter,
    keys: HashMap<Box<[u8]>, (usize, usize)>,
    /// Where each key column's values lie.
    ranges: Vec<Expr>,
}

impl Source {
    async fn read(
        name: &TableName,
        schema: &SchemaRef,
        keys: &[String],
        mut rows: BoxStream<'static, Result<RecordBatch>>,
        limit: usize,
    ) -> Result<Self> {
        let wrong = |column: &str, reason: &str| {
            Error::new(&codes::LAKE_MERGE_KEY).with("column", column).with("table", name).with("reason", reason)
        };
        if keys.is_empty() {
            return Err(wrong("", "name at least one column"));
        }
        let columns: Vec<usize> = keys
            .iter()
            .map(|key| schema.index_of(key).map_err(|_| wrong(key, "the table has no such column")))
            .collect::<Result<_>>()?;
        let sort = columns.iter().map(|index| SortField::new(schema.field(*index).data_type().clone())).collect();
        let converter = RowConverter::new(sort).map_err(|error| wrong(&keys[0], &error.to_string()))?;

        let (mut batches, mut bytes) = (Vec::new(), 0);
        while let Some(batch) = rows.next().await {
            let batch = batch?;
            bytes += bytes_of(batch.columns());
            if bytes > limit {
                let limit = units::bytes(limit as u64);
                return Err(Error::new(&codes::LAKE_MERGE_TOO_LARGE).with("table", name).with("limit", limit));
            }
            if let Some(empty) = columns.iter().find(|index| batch.column(**index).null_count() > 0) {
                return Err(wrong(schema.field(*empty).name(), "a row has no value for it"));
            }
            if batch.num_rows() > 0 {
                batches.push(batch);
            }
        }
        let key_names = keys.to_vec();
        let table = name.clone();
        tokio::task::spawn_blocking(move || {
            last_of_each(batches, columns, converter, &key_names).map_err(|error| errors::write(&table, error))
        })
        .await
        .map_err(|error| errors::write(name, error))?
    }

    /// For each row of the key columns, whether its key is in the source.
    fn holds(&self, keys: &[ArrayRef]) -> Result<Vec<bool>, arrow::error::ArrowError> {
        let rows = self.converter.convert_columns(keys)?;
        Ok(rows.iter().map(|row| self.keys.contains_key(row.as_ref())).collect())
    }
}

fn last_of_each(
    batches: Vec<RecordBatch>,
    columns: Vec<usize>,
    converter: RowConverter,
    names: &[String],
) -> Result<Source, arrow::error::ArrowError> {
    let mut keys: HashMap<Box<[u8]>, (usize, usize)> = HashMap::new();
    for (place, batch) in batches.iter().enumerate() {
        let of_batch: Vec<ArrayRef> = columns.iter().map(|index| batch.column(*index).clone()).collect();
        for (row, key) in converter.convert_columns(&of_batch)?.iter().enumerate() {
            match keys.get_mut(key.as_ref()) {
                Some(last) => *last = (place, row),
                None => {
                    keys.insert(key.as_ref().into(), (place, row));
                }
            }
        }
    }
    let mut last: Vec<Vec<bool>> = batches.iter().map(|batch| vec![false; batch.num_rows()]).collect();
    for (place, row) in keys.values() {
        last[*place][*row] = true;
    }
    let batches = batches
        .iter()
        .zip(last)
        .map(|(batch, last)| filter_record_batch(batch, &BooleanArray::from(last)))
        .collect::<Result<Vec<_>, _>>()?;
    let ranges = columns.iter().zip(names).filter_map(|(index, name)| range(&batches, *index, name)).collect();
    Ok(Source { rows: keys.len() as u64, batches, columns, converter, keys, ranges })
}

/// Where the values of a column lie, as a filter; none if they have no order.
fn range(batches: &[RecordBatch], column: usize, name: &str) -> Option<Expr> {
    let end = |descending: bool| -> Option<ScalarValue> {
        let options = SortOptions { descending, nulls_first: false };
        let mut found: Option<ScalarValue> = None;
        for batch in batches.iter().filter(|batch| batch.num_rows() > 0) {
            let array = batch.column(column);
            let first = sort_to_indices(array, Some(options), Some(1)).ok()?.value(0) as usize;
            let value = ScalarValue::try_from_array(array, first).ok()?;
            found = match found {
                None => Some(value),
                Some(known) => {
                    let replaces = if descending { value > known } else { value < known };
                    Some(if replaces { value } else { known })
                }
            };
        }
        found
    };
    let (least, greatest) = (end(false)?, end(true)?);
    Some(ident(name).between(lit(least), lit(greatest)))
}

/// The files that hold keys of the source: those whose statistics allow it, and then those that really do.
async fn touched(table: &Table, source: &Arc<Source>) -> Result<Vec<usize>> {
    let may = table.scan()?.kept(&table.lake.0.session.state(), &source.ranges);
    let mut touched = Vec::new();
    for index in may {
        let mut rows = table.read(&[index], Some(&source.columns))?;
        while let Some(batch) = rows.try_next().await? {
            let found = source.holds(batch.columns()).map_err(|error| errors::write(table.name(), error))?;
            if found.contains(&true) {
                touched.push(index);
                break;
            }
        }
    }
    Ok(touched)
}

/// The rows whose keys are not in the source.
fn others(
    rows: BoxStream<'static, Result<RecordBatch>>,
    source: Arc<Source>,
    table: TableName,
) -> BoxStream<'static, Result<RecordBatch>> {
    rows.map(move |batch| {
        let batch = batch?;
        let keys: Vec<ArrayRef> = source.columns.iter().map(|index| batch.column(*index).clone()).collect();
        let failed = |error: arrow::error::ArrowError| errors::write(&table, error);
        let found = source.holds(&keys).map_err(failed)?;
        let others: BooleanArray = found.into_iter().map(|found| Some(!found)).collect();
        filter_record_batch(&batch, &others).map_err(failed)
    })
    .boxed()
}

fn operation(keys: &[String]) -> DeltaOperation {
    let predicate = keys.iter().map(|key| format!("target.`{key}` = source.`{key}`")).collect::<Vec<_>>().join(" AND ");
    DeltaOperation::Merge {
        predicate: None,
        merge_predicate: Some(predicate),
        matched_predicates: vec![MergePredicate { action_type: "update".to_owned(), predicate: None }],
        not_matched_predicates: vec![MergePredicate { action_type: "insert".to_owned(), predicate: None }],
        not_matched_by_source_predicates: Vec::new(),
    }
}
