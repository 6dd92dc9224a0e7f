//! One data file, from batches to the store: columns are encoded side by side while the next rows come in, row groups leave
//! for the store as they are done, and what is in memory stays bounded.

mod chunks;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::datatypes::{FieldRef, SchemaRef};
use base::{Error, Result, TableName};
use bytes::Bytes;
use object_store::ObjectStore;
use object_store::buffered::BufWriter;
use object_store::path::Path;
use parquet::arrow::ArrowSchemaConverter;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::basic::{Compression as Codec, ZstdLevel};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use tokio::io::AsyncWriteExt;
use tokio::task::JoinHandle;

use self::chunks::Chunks;
use crate::errors;
use crate::settings::{Compression, Settings};

/// Rows or bytes of batches that are encoded in one go.
const SLAB_ROWS: usize = 64 << 10;
const SLAB_BYTES: usize = 16 << 20;

/// What leaves for the store at once, in bytes, and how many such parts may be under way. Smaller files are one request.
const PART_BYTES: usize = 8 << 20;
const PARTS_MAX: usize = 4;

/// How much of a text bound is kept in footers and logs, in bytes.
const BOUND_BYTES: usize = 64;

/// A file that is being written.
pub(crate) struct FileWriter {
    table: TableName,
    store: Arc<dyn ObjectStore>,
    path: Path,
    fields: Vec<FieldRef>,
    upload: BufWriter,
    writer: Option<SerializedFileWriter<Chunks>>,
    factory: ArrowRowGroupWriterFactory,
    /// The open row group's columns, unless they are being encoded.
    columns: Option<Vec<Column>>,
    encoding: Option<Encoding>,
    pending: Vec<RecordBatch>,
    pending_rows: usize,
    pending_bytes: usize,
    group_rows: usize,
    group_bytes: usize,
    groups: usize,
    rows: u64,
    sent: u64,
    limits: Limits,
}

#[derive(Debug, Clone, Copy)]
struct Limits {
    rows: usize,
    bytes: usize,
    encoders: usize,
}

/// A file that is complete in the store.
#[derive(Debug)]
pub(crate) struct Written {
    pub path: Path,
    pub rows: u64,
    pub bytes: u64,
    pub metadata: ParquetMetaData,
}

/// One column's writers, one a leaf.
struct Column {
    index: usize,
    leaves: Vec<ArrowColumnWriter>,
}

/// A slab under way: the columns come back from the threads that encode them.
struct Encoding {
    threads: Vec<JoinHandle<Result<Vec<Encoded>, parquet::errors::ParquetError>>>,
    /// Whether the row group ends with it.
    last: bool,
}

enum Encoded {
    Open(Column),
    Closed(usize, Vec<ArrowColumnChunk>),
}

impl FileWriter {
    /// Begins a file at `path` of the store. `schema` has no partition columns.
    pub(crate) fn open(
        table: &TableName,
        store: &Arc<dyn ObjectStore>,
        path: Path,
        schema: &SchemaRef,
        settings: &Settings,
    ) -> Result<Self> {
        let failed = |error: parquet::errors::ParquetError| errors::write(table, error);
        let codec = match settings.compression {
            Compression::Zstd => Codec::ZSTD(ZstdLevel::try_new(1).map_err(failed)?),
            Compression::Snappy => Codec::SNAPPY,
        };
        let properties = WriterProperties::builder()
            .set_created_by(concat!("dataux ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_compression(codec)
            .set_statistics_enabled(EnabledStatistics::Page)
            .set_statistics_truncate_length(Some(BOUND_BYTES))
            .set_column_index_truncate_length(Some(BOUND_BYTES))
            .build();
        let parquet = ArrowSchemaConverter::new().convert(schema).map_err(failed)?;
        let writer =
            SerializedFileWriter::new(Chunks::default(), parquet.root_schema_ptr(), Arc::new(properties)).map_err(failed)?;
        let factory = ArrowRowGroupWriterFactory::new(&writer, schema.clone());
        Ok(Self {
            table: table.clone(),
            store: store.clone(),
            upload: BufWriter::with_capacity(store.clone(), path.clone(), PART_BYTES).with_max_concurrency(PARTS_MAX),
            path,
            fields: schema.fields().iter().cloned().collect(),
            writer: Some(writer),
            factory,
            columns: None,
            encoding: None,
            pending: Vec::new(),
            pending_rows: 0,
            pending_bytes: 0,
            group_rows: 0,
            group_bytes: 0,
            groups: 0,
            rows: 0,
            sent: 0,
            limits: Limits {
                rows: settings.row_group_rows_max.max(1),
                bytes: settings.row_group_bytes_max.max(1),
                encoders: settings.encoders.max(1),
            },
        })
    }

    /// Takes rows, which must have the file's columns.
    pub(crate) async fn push(&mut self, batch: RecordBatch) -> Result<()> {
        self.pending_rows += batch.num_rows();
        self.pending_bytes += bytes_of(batch.columns());
        self.rows += batch.num_rows() as u64;
        self.pending.push(batch);
        if self.pending_rows >= SLAB_ROWS || self.pending_bytes >= SLAB_BYTES {
            self.encode(false).await?;
        }
        Ok(())
    }

    /// Bytes in the store or on their way there.
    pub(crate) fn sent(&self) -> u64 {
        self.sent
    }

    /// Rows taken.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// Bytes held in memory, about.
    pub(crate) fn memory(&self) -> usize {
        self.pending_bytes + self.group_bytes
    }

    /// Where the file is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Ends the file.
    pub(crate) async fn finish(mut self) -> Result<Written> {
        self.settle().await?;
        if self.pending_rows > 0 || self.group_rows > 0 {
            self.encode(true).await?;
            self.settle().await?;
        }
        let table = self.table.clone();
        let mut writer = self.writer.take().ok_or_else(|| gone(&table))?;
        let metadata = writer.finish().map_err(|error| errors::write(&table, error))?;
        let rest = writer.inner_mut().take();
        self.send(rest).await?;
        self.upload.shutdown().await.map_err(|error| errors::store(&self.path, from_io(error)))?;
        Ok(Written { path: self.path, rows: self.rows, bytes: self.sent, metadata })
    }

    /// Gives the file up; what of it is in the store is removed as far as possible.
    pub(crate) async fn abort(mut self) {
        if let Some(encoding) = self.encoding.take() {
            for thread in encoding.threads {
                thread.abort();
            }
        }
        if let Err(error) = self.upload.abort().await {
            tracing::debug!(path = %self.path, %error, "an unfinished file could not be removed; vacuum will");
        }
        drop(self.store);
    }

    /// Sets the pending rows to be encoded; waits only for the slab before them.
    async fn encode(&mut self, last: bool) -> Result<()> {
        self.settle().await?;
        let batches = std::mem::take(&mut self.pending);
        self.group_rows += std::mem::take(&mut self.pending_rows);
        self.pending_bytes = 0;
        let last = last || self.group_rows >= self.limits.rows || self.group_bytes >= self.limits.bytes;
        let columns = match self.columns.take() {
            Some(columns) => columns,
            None => self.open_group()?,
        };
        let mut work: Vec<(Column, FieldRef, Vec<ArrayRef>, usize)> = columns
            .into_iter()
            .map(|column| {
                let arrays: Vec<ArrayRef> = batches.iter().map(|batch| batch.column(column.index).clone()).collect();
                let bytes = bytes_of(&arrays);
                let field = self.fields[column.index].clone();
                (column, field, arrays, bytes)
            })
            .collect();
        // The heaviest first, so that no thread is left with a heavy one at the end.
        work.sort_by_key(|(.., bytes)| std::cmp::Reverse(*bytes));
        let work = Arc::new(Mutex::new(VecDeque::from(work)));
        let threads = (0..self.limits.encoders)
            .map(|_| {
                let work = work.clone();
                tokio::task::spawn_blocking(move || {
                    let mut done = Vec::new();
                    loop {
                        let next = work.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                        let Some((column, field, arrays, _)) = next else { return Ok(done) };
                        done.push(encode(column, &field, &arrays, last)?);
                    }
                })
            })
            .collect();
        self.encoding = Some(Encoding { threads, last });
        Ok(())
    }

    fn open_group(&mut self) -> Result<Vec<Column>> {
        let writers = self.factory.create_column_writers(self.groups).map_err(|error| errors::write(&self.table, error))?;
        let mut writers = writers.into_iter();
        let columns = self
            .fields
            .iter()
            .enumerate()
            .map(|(index, field)| Column { index, leaves: writers.by_ref().take(leaves(field.data_type())).collect() });
        Ok(columns.collect())
    }

    /// Waits for the slab under way; if it ends a row group, writes and sends that.
    async fn settle(&mut self) -> Result<()> {
        let Some(encoding) = self.encoding.take() else { return Ok(()) };
        let (mut open, mut closed) = (Vec::new(), Vec::new());
        for thread in encoding.threads {
            let done = thread.await.map_err(|error| errors::write(&self.table, error))?;
            for column in done.map_err(|error| errors::write(&self.table, error))? {
                match column {
                    Encoded::Open(column) => open.push(column),
                    Encoded::Closed(index, chunks) => closed.push((index, chunks)),
                }
            }
        }
        if !encoding.last {
            open.sort_by_key(|column| column.index);
            self.group_bytes = open.iter().flat_map(|column| &column.leaves).map(ArrowColumnWriter::memory_size).sum();
            self.columns = Some(open);
            return Ok(());
        }
        closed.sort_by_key(|(index, _)| *index);
        let table = self.table.clone();
        let mut writer = self.writer.take().ok_or_else(|| gone(&table))?;
        // Copying a row group's pages together is work, too; each column's are free once they are copied.
        let appended = tokio::task::spawn_blocking(move || {
            let mut group = writer.next_row_group()?;
            for chunk in closed.into_iter().flat_map(|(_, chunks)| chunks) {
                chunk.append_to_row_group(&mut group)?;
            }
            group.close()?;
            let written = writer.inner_mut().take();
            Ok::<_, parquet::errors::ParquetError>((writer, written))
        });
        let (writer, written) = appended
            .await
            .map_err(|error| errors::write(&self.table, error))?
            .map_err(|error| errors::write(&self.table, error))?;
        self.writer = Some(writer);
        self.groups += 1;
        self.group_rows = 0;
        self.group_bytes = 0;
        self.send(written).await
    }

    async fn send(&mut self, chunks: Vec<Bytes>) -> Result<()> {
        for chunk in chunks {
            self.sent += chunk.len() as u64;
            self.upload.put(chunk).await.map_err(|error| errors::store(&self.path, error))?;
        }
        Ok(())
    }
}

fn encode(
    mut column: Column,
    field: &FieldRef,
    arrays: &[ArrayRef],
    last: bool,
) -> Result<Encoded, parquet::errors::ParquetError> {
    for array in arrays {
        for (writer, leaf) in column.leaves.iter_mut().zip(compute_leaves(field, array)?) {
            writer.write(&leaf)?;
        }
    }
    if !last {
        return Ok(Encoded::Open(column));
    }
    let chunks = column.leaves.into_iter().map(ArrowColumnWriter::close).collect::<Result<Vec<_>, _>>()?;
    Ok(Encoded::Closed(column.index, chunks))
}

/// The bytes of what arrays show; batches are often slices of larger ones.
pub(crate) fn bytes_of(arrays: &[ArrayRef]) -> usize {
    arrays.iter().map(|array| array.to_data().get_slice_memory_size().unwrap_or_else(|_| array.get_array_memory_size())).sum()
}

/// How many Parquet columns a column becomes.
fn leaves(given: &arrow::datatypes::DataType) -> usize {
    use arrow::datatypes::DataType;
    match given {
        DataType::Struct(fields) => fields.iter().map(|field| leaves(field.data_type())).sum(),
        DataType::List(inner) | DataType::Map(inner, _) => leaves(inner.data_type()),
        _ => 1,
    }
}

fn gone(table: &TableName) -> Error {
    Error::new(&crate::codes::LAKE_WRITE_FAILED).with("table", table).with("reason", "an earlier error ended this file")
}

/// The store's error inside an I/O error.
fn from_io(error: std::io::Error) -> object_store::Error {
    match error.downcast::<object_store::Error>() {
        Ok(inner) => inner,
        Err(error) => object_store::Error::Generic { store: "upload", source: Box::new(error) },
    }
}
