//! Writing: rows become data files, data files become one commit.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::{DataType, Schema, SchemaRef};
use arrow::row::{RowConverter, SortField};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use base::{Error, Result, TableName};
use datafusion::execution::SendableRecordBatchStream;
use deltalake_core::kernel::{Action, Add};
use deltalake_core::protocol::{DeltaOperation, SaveMode};
use futures::StreamExt;
use futures::stream::BoxStream;
use guard::{Object, Pass, Privilege};
use object_store::ObjectStoreExt;
use object_store::path::Path;

use crate::commit::{ATTEMPTS_MAX, Change, Landed, Written, conflict, pause};
use crate::fit::Fit;
use crate::lake::{Lake, folder};
use crate::origin::{Commit, Mode, Origin};
use crate::snapshot::Snapshot;
use crate::table::{Table, transaction_version};
use crate::writer::FileWriter;
use crate::{codes, errors, statistics};

/// Files of one write that may be open at the same time (one a partition).
const OPEN_FILES_MAX: usize = 128;

impl Table {
    /// Writes rows to the table's newest version, in one commit. Demands Modify.
    ///
    /// If the origin has a transaction and the table knows that version of it or a later one, nothing is read or written
    /// and the answer says `duplicate`. Columns are matched by name; see the crate's documentation for types. An empty
    /// append without transaction or position commits nothing. Memory is bounded by two slabs of rows and one encoded row
    /// group a file; a merge holds its source rows in memory, up to a bound.
    pub async fn write(&self, pass: &Pass, mode: Mode, rows: SendableRecordBatchStream, origin: Origin) -> Result<Commit> {
        pass.demand(Privilege::Modify, &Object::Table(self.name()))?;
        let base = self.lake.latest(self.name()).await?;
        base.demand_ours()?;
        // What an earlier attempt added is there to be replaced, so it is no reason to stop.
        if mode != Mode::Amend
            && let Some(duplicate) = replayed(&base, &origin).await?
        {
            return Ok(duplicate);
        }
        let rows = fitted(self.name(), &base.schema, rows)?;
        match mode {
            Mode::Merge { keys } => return Box::pin(crate::merge::merge(self, base, &keys, rows, &origin)).await,
            Mode::Amend => return Box::pin(self.amend(base, rows, &origin)).await,
            Mode::Rewrite { of } => return Box::pin(self.rewrite(base, of, rows, &origin)).await,
            Mode::Append | Mode::Replace | Mode::Behind { .. } => {}
        }
        let replace = mode == Mode::Replace;
        let new = NewFiles::write(&self.lake, &base, rows).await?;
        if !replace && new.adds.is_empty() && origin.transaction.is_none() && origin.position.is_none() {
            return Ok(Commit { version: base.version(), rows: 0, bytes: 0, files: 0, duplicate: false });
        }
        self.land(&base, new, operation(&base, replace), &origin, |latest| match mode {
            Mode::Replace => Ok(removes(latest, |_| true, true)),
            Mode::Behind { version } if version != Some(latest.version()) => {
                Err(Error::new(&codes::LAKE_MOVED).with("table", &latest.name).with("version", latest.version()))
            }
            _ => Ok(Vec::new()),
        })
        .await
    }

    /// Commits new files on whatever version is newest, with what `more` makes of that version, for as long as its columns
    /// are those the files were written for.
    pub(crate) async fn land(
        &self,
        base: &Snapshot,
        new: NewFiles,
        operation: DeltaOperation,
        origin: &Origin,
        more: impl Fn(&Snapshot) -> Result<Vec<Action>>,
    ) -> Result<Commit> {
        let landed = self.attempts(base, &new, operation, origin, more).await;
        new.settle(&self.lake, landed).await
    }

    async fn attempts(
        &self,
        base: &Snapshot,
        new: &NewFiles,
        operation: DeltaOperation,
        origin: &Origin,
        more: impl Fn(&Snapshot) -> Result<Vec<Action>>,
    ) -> Result<Commit> {
        for attempt in 0..ATTEMPTS_MAX {
            let turn = self.lake.0.turns.of(self.name());
            let turn = turn.lock().await;
            let latest = self.lake.latest(self.name()).await?;
            if let Some(duplicate) = replayed(&latest, origin).await? {
                return Ok(duplicate);
            }
            if latest.schema != base.schema
                || latest.partitions() != base.partitions()
                || latest.state.metadata().id() != base.state.metadata().id()
            {
                return Err(Error::new(&codes::LAKE_SCHEMA_CHANGED).with("table", self.name()));
            }
            let mut actions = more(&latest)?;
            actions.extend(new.adds.iter().cloned().map(Action::Add));
            let change = Change { actions, operation: operation.clone(), written: new.written };
            match (Table { lake: self.lake.clone(), snapshot: latest }).commit(&change, origin).await? {
                Landed::At(landed) => return Ok(new.commit(&landed)),
                Landed::Moved => {}
            }
            drop(turn);
            pause(attempt).await;
        }
        Err(conflict(self.name()))
    }
}

/// Rows as a table with these columns takes them.
pub(crate) fn fitted(
    name: &TableName,
    schema: &SchemaRef,
    rows: SendableRecordBatchStream,
) -> Result<BoxStream<'static, Result<RecordBatch>>> {
    let fit = Fit::new(name, schema, &rows.schema())?;
    let name = name.clone();
    let fitted = rows.map(move |batch| match batch {
        Ok(batch) => fit.apply(&batch),
        Err(error) => Err(errors::input(&name, error)),
    });
    Ok(fitted.boxed())
}

/// How a write is called in the history.
pub(crate) fn operation(base: &Snapshot, replace: bool) -> DeltaOperation {
    let mode = if replace { SaveMode::Overwrite } else { SaveMode::Append };
    let partition_by = (!base.partitions().is_empty()).then(|| base.partitions().to_vec());
    DeltaOperation::Write { mode, partition_by, predicate: None }
}

/// The answer for a transaction the table already has.
pub(crate) async fn replayed(snapshot: &Snapshot, origin: &Origin) -> Result<Option<Commit>> {
    let Some(transaction) = &origin.transaction else { return Ok(None) };
    let known = transaction_version(snapshot, &transaction.app_id).await?;
    Ok(known.is_some_and(|known| known >= transaction.version).then(|| Commit {
        version: snapshot.version(),
        rows: 0,
        bytes: 0,
        files: 0,
        duplicate: true,
    }))
}

/// The actions that take files out of a version.
pub(crate) fn removes(snapshot: &Snapshot, which: impl Fn(usize) -> bool, data_change: bool) -> Vec<Action> {
    let files = snapshot.state.log_data();
    let removed = files.iter().enumerate().filter(|(index, _)| which(*index));
    removed.map(|(_, file)| Action::Remove(file.remove_action(data_change))).collect()
}

/// Data files that are in the store, but in no version yet.
#[derive(Debug, Default)]
pub(crate) struct NewFiles {
    pub adds: Vec<Add>,
    pub written: Written,
    paths: Vec<Path>,
}

impl NewFiles {
    /// Writes rows that have the columns of `base`; on error nothing of them stays, as far as the store lets us.
    pub(crate) async fn write(lake: &Lake, base: &Snapshot, rows: BoxStream<'static, Result<RecordBatch>>) -> Result<Self> {
        Self::write_as(lake, &base.name, base.partitions(), &base.schema, rows).await
    }

    /// The same for a table that is about to have these columns, parted by some of them.
    pub(crate) async fn write_as(
        lake: &Lake,
        name: &TableName,
        partition_by: &[String],
        schema: &SchemaRef,
        mut rows: BoxStream<'static, Result<RecordBatch>>,
    ) -> Result<Self> {
        let mut files = OpenFiles::new(lake, name, partition_by, schema)?;
        while let Some(batch) = rows.next().await {
            let pushed = match batch {
                Ok(batch) => Box::pin(files.push(batch)).await,
                Err(error) => Err(error),
            };
            if let Err(error) = pushed {
                files.abort().await;
                return Err(error);
            }
        }
        Box::pin(files.finish()).await
    }

    /// Takes other files in.
    pub(crate) fn extend(&mut self, more: Self) {
        self.adds.extend(more.adds);
        self.paths.extend(more.paths);
        self.written.rows += more.written.rows;
        self.written.bytes += more.written.bytes;
        self.written.files += more.written.files;
    }

    /// The answer once these are committed.
    pub(crate) fn commit(&self, landed: &Snapshot) -> Commit {
        let Written { rows, bytes, files } = self.written;
        Commit { version: landed.version(), rows, bytes, files, duplicate: false }
    }

    /// Removes the files if the commit surely does not need them.
    pub(crate) async fn settle(self, lake: &Lake, landed: Result<Commit>) -> Result<Commit> {
        match &landed {
            Ok(commit) if !commit.duplicate => {}
            // The commit may still come to be, and would then need its files.
            Err(error) if error.is(&codes::LAKE_COMMIT_UNCLEAR) => {}
            _ => self.remove(lake).await,
        }
        landed
    }

    /// Removes the files of a write that did not come to be; what stays is for vacuum.
    pub(crate) async fn remove(self, lake: &Lake) {
        for path in self.paths {
            if let Err(error) = lake.0.store.delete(&path).await {
                tracing::debug!(%path, %error, "an orphan could not be removed; vacuum will");
            }
        }
    }
}

/// The files one write has open: one, or one a partition.
struct OpenFiles {
    lake: Lake,
    name: TableName,
    partition_by: Vec<String>,
    /// Columns of the files, and their places in the batches.
    schema: SchemaRef,
    columns: Vec<usize>,
    partitions: Vec<usize>,
    converter: Option<RowConverter>,
    open: HashMap<Box<[u8]>, OpenFile>,
    done: NewFiles,
}

struct OpenFile {
    values: HashMap<String, Option<String>>,
    writer: FileWriter,
}

impl OpenFiles {
    fn new(lake: &Lake, name: &TableName, partition_by: &[String], schema: &SchemaRef) -> Result<Self> {
        let partitions: Vec<usize> = partition_by.iter().filter_map(|name| schema.index_of(name).ok()).collect();
        let columns: Vec<usize> = (0..schema.fields().len()).filter(|index| !partitions.contains(index)).collect();
        let fields: Vec<_> = columns.iter().map(|index| schema.fields()[*index].clone()).collect();
        let converter = match partitions.as_slice() {
            [] => None,
            some => {
                let sort = some.iter().map(|index| SortField::new(schema.field(*index).data_type().clone())).collect();
                Some(RowConverter::new(sort).map_err(|error| errors::write(name, error))?)
            }
        };
        Ok(Self {
            lake: lake.clone(),
            name: name.clone(),
            partition_by: partition_by.to_vec(),
            schema: Arc::new(Schema::new(fields)),
            columns,
            partitions,
            converter,
            open: HashMap::new(),
            done: NewFiles::default(),
        })
    }

    async fn push(&mut self, batch: RecordBatch) -> Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let failed = |error: arrow::error::ArrowError| errors::write(&self.name, error);
        let values: Vec<ArrayRef> = self.partitions.iter().map(|index| batch.column(*index).clone()).collect();
        let rest = batch.project(&self.columns).map_err(failed)?.with_schema(self.schema.clone()).map_err(failed)?;
        let Some(converter) = &self.converter else { return self.push_to(Box::default(), &values, 0, rest).await };
        let rows = converter.convert_columns(&values).map_err(failed)?;
        // In order of first appearance, so that the same input makes the same files.
        let mut groups: Vec<(Box<[u8]>, Vec<u32>)> = Vec::new();
        let mut known: HashMap<Box<[u8]>, usize> = HashMap::new();
        for (index, row) in rows.iter().enumerate() {
            let place = match known.get(row.as_ref()) {
                Some(place) => *place,
                None => {
                    known.insert(row.as_ref().into(), groups.len());
                    groups.push((row.as_ref().into(), Vec::new()));
                    groups.len() - 1
                }
            };
            groups[place].1.push(index as u32);
        }
        if let [(key, _)] = groups.as_mut_slice() {
            return self.push_to(std::mem::take(key), &values, 0, rest).await;
        }
        for (key, indices) in groups {
            let first = indices[0] as usize;
            let part = take_record_batch(&rest, &UInt32Array::from(indices));
            let part = part.map_err(|error| errors::write(&self.name, error))?;
            self.push_to(key, &values, first, part).await?;
        }
        Ok(())
    }

    /// Adds rows to the file of a partition, whose values are in row `row` of `values`.
    async fn push_to(&mut self, key: Box<[u8]>, values: &[ArrayRef], row: usize, rows: RecordBatch) -> Result<()> {
        if !self.open.contains_key(&key) {
            self.make_room().await?;
            let file = self.open_file(values, row)?;
            self.open.insert(key.clone(), file);
        }
        let Some(file) = self.open.get_mut(&key) else { return Ok(()) };
        file.writer.push(rows).await?;
        if file.writer.sent() >= self.lake.0.settings.file_bytes_target {
            self.close(&key).await?;
        }
        Ok(())
    }

    fn open_file(&self, values: &[ArrayRef], row: usize) -> Result<OpenFile> {
        let mut spelled = HashMap::new();
        for (name, array) in self.partition_by.iter().zip(values) {
            spelled.insert(name.clone(), spell(array, row).map_err(|error| errors::write(&self.name, error))?);
        }
        let path = folder(&self.name).join(format!("part-{}.parquet", uuid::Uuid::now_v7()));
        let settings = &self.lake.0.settings;
        let writer = FileWriter::open(&self.name, &self.lake.0.store, path, &self.schema, settings)?;
        Ok(OpenFile { values: spelled, writer })
    }

    /// Ends the largest files while there are too many, or they hold too much.
    async fn make_room(&mut self) -> Result<()> {
        loop {
            let held: usize = self.open.values().map(|file| file.writer.memory()).sum();
            if self.open.len() < OPEN_FILES_MAX && held < self.lake.0.settings.open_bytes_max {
                return Ok(());
            }
            let largest = self.open.iter().max_by_key(|(_, file)| file.writer.memory()).map(|(key, _)| key.clone());
            let Some(largest) = largest else { return Ok(()) };
            self.close(&largest).await?;
        }
    }

    async fn close(&mut self, key: &[u8]) -> Result<()> {
        let Some(file) = self.open.remove(key) else { return Ok(()) };
        self.done.paths.push(file.writer.path().clone());
        if file.writer.rows() == 0 {
            file.writer.abort().await;
            return Ok(());
        }
        let written = Box::pin(file.writer.finish()).await?;
        self.done.written.rows += written.rows;
        self.done.written.bytes += written.bytes;
        self.done.written.files += 1;
        self.done.adds.push(Add {
            path: written.path.filename().unwrap_or_default().to_owned(),
            partition_values: file.values,
            size: written.bytes.cast_signed(),
            modification_time: chrono::Utc::now().timestamp_millis(),
            data_change: true,
            stats: Some(statistics::of_file(&written.metadata)),
            tags: None,
            deletion_vector: None,
            base_row_id: None,
            default_row_commit_version: None,
            clustering_provider: None,
        });
        Ok(())
    }

    async fn finish(mut self) -> Result<NewFiles> {
        let mut keys: Vec<Box<[u8]>> = self.open.keys().cloned().collect();
        keys.sort_unstable();
        for key in keys {
            if let Err(error) = self.close(&key).await {
                self.abort().await;
                return Err(error);
            }
        }
        Ok(self.done)
    }

    async fn abort(self) {
        for file in self.open.into_values() {
            file.writer.abort().await;
        }
        self.done.remove(&self.lake).await;
    }
}

/// A partition value as the log spells it. Empty text has no spelling of its own there and is kept as no value.
fn spell(array: &ArrayRef, row: usize) -> Result<Option<String>, arrow::error::ArrowError> {
    if array.is_null(row) {
        return Ok(None);
    }
    let text = match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().value(row).to_owned(),
        _ => {
            let options = FormatOptions::default()
                .with_date_format(Some("%Y-%m-%d"))
                .with_timestamp_format(Some("%Y-%m-%d %H:%M:%S%.6f"))
                .with_timestamp_tz_format(Some("%Y-%m-%d %H:%M:%S%.6f"));
            ArrayFormatter::try_new(array.as_ref(), &options)?.value(row).try_to_string()?
        }
    };
    Ok((!text.is_empty()).then_some(text))
}
