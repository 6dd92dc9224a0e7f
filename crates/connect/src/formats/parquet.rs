//! Apache Parquet: row group by row group, only the columns that are wanted.

use std::collections::{HashSet, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef, Schema, SchemaRef, TimeUnit};
use base::{Error, Result};
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use object_store::{GetOptions, GetRange};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::arrow::{ParquetRecordBatchStreamBuilder, ProjectionMask};
use parquet::basic::Type as PhysicalType;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use storage::Store;
use tokio::runtime::Handle;

use crate::codes::{FILE_CORRUPT, READER_FAILED};
use crate::columns;
use crate::fit::{fit, kept, same_names};
use crate::marks;
use crate::source::{FileMark, Piece};
use crate::workers::{Outlet, sharing};

/// Apache Parquet; it says of itself all that there is to know.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ParquetFormat {}

/// Bytes of the footer that are asked for at once; most footers fit.
const FOOTER_BYTES: usize = 64 << 10;
/// Bytes of a batch, about.
const BATCH_BYTES: i64 = 8 << 20;

/// One version of a file in a store.
struct FileReader {
    store: Store,
    mark: FileMark,
}

impl AsyncFileReader for FileReader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, parquet::errors::Result<Bytes>> {
        async move {
            let options = GetOptions::new().with_range(Some(GetRange::Bounded(range)));
            let result =
                marks::get(&self.store, &self.mark, options).await.map_err(|error| ParquetError::External(Box::new(error)))?;
            let explain = |error| ParquetError::External(Box::new(self.store.explain(&self.mark.path, error)));
            result.bytes().await.map_err(explain)
        }
        .boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, parquet::errors::Result<Arc<ParquetMetaData>>> {
        async move {
            let size = self.mark.size;
            let reader = ParquetMetaDataReader::new().with_prefetch_hint(Some(FOOTER_BYTES));
            reader.load_and_finish(self, size).await.map(Arc::new)
        }
        .boxed()
    }
}

fn explain(place: &str, error: ParquetError) -> Error {
    match error {
        ParquetError::External(source) => match source.downcast::<Error>() {
            Ok(ours) => *ours,
            Err(source) => Error::new(&FILE_CORRUPT).with("place", place).with("reason", source),
        },
        error => Error::new(&FILE_CORRUPT).with("place", place).because(error),
    }
}

/// The columns of the first sample, in the types in which they are given out; the other samples must have the same.
pub(crate) async fn infer(store: &Store, samples: &[FileMark]) -> Result<Schema> {
    let mut found: Option<Schema> = None;
    for mark in samples {
        let builder = open(store, mark).await?;
        let schema = kept(builder.schema());
        match &found {
            None => found = Some(schema),
            Some(first) => same_names(&mark.path, first, &schema)?,
        }
    }
    found.ok_or_else(|| Error::new(&READER_FAILED).with("place", "a Parquet file").with("reason", "there is none"))
}

async fn open(store: &Store, mark: &FileMark) -> Result<ParquetRecordBatchStreamBuilder<FileReader>> {
    let wrong = |error| explain(&mark.path, error);
    let mut reader = FileReader { store: store.clone(), mark: mark.clone() };
    let mut found = ArrowReaderMetadata::load_async(&mut reader, ArrowReaderOptions::new()).await.map_err(wrong)?;
    if let Some(schema) = far_reaching(&found) {
        let options = ArrowReaderOptions::new().with_schema(schema);
        found = ArrowReaderMetadata::try_new(found.metadata().clone(), options).map_err(wrong)?;
    }
    Ok(ParquetRecordBatchStreamBuilder::new_with_metadata(reader, found))
}

/// The columns with timestamps of 96 bits as microseconds, where they would be nanoseconds that wrap around after the year 2262.
fn far_reaching(found: &ArrowReaderMetadata) -> Option<SchemaRef> {
    let columns = found.parquet_schema();
    let old = (0..columns.num_columns()).filter(|leaf| columns.column(*leaf).physical_type() == PhysicalType::INT96);
    let roots: HashSet<usize> = old.map(|leaf| columns.get_column_root_idx(leaf)).collect();
    if roots.is_empty() {
        return None;
    }
    let field = |(index, field): (usize, &FieldRef)| match field.data_type() {
        DataType::Timestamp(TimeUnit::Nanosecond, zone) if roots.contains(&index) => {
            Arc::new(field.as_ref().clone().with_data_type(DataType::Timestamp(TimeUnit::Microsecond, zone.clone())))
        }
        _ => field.clone(),
    };
    let fields: Vec<FieldRef> = found.schema().fields().iter().enumerate().map(field).collect();
    Some(Arc::new(Schema::new_with_metadata(fields, found.schema().metadata().clone())))
}

/// What is read of Parquet files.
pub(crate) struct Plan {
    pub store: Store,
    /// All columns of the files; `None` if files may have columns that are not read.
    pub strict: Option<Schema>,
    pub schema: SchemaRef,
    pub batch_rows: usize,
    pub limit: Option<u64>,
}

/// A row group, and which rows of the file it has.
struct Work {
    mark: FileMark,
    row_group: usize,
    /// Rows of a batch: so many as are wanted, fewer if they are large.
    batch_rows: usize,
    first_row: u64,
    bytes: u64,
}

/// The parts of a reading, and how many rows there are. All footers are read here.
pub(crate) async fn parts(
    plan: Plan,
    files: &[FileMark],
    parallel: usize,
) -> Result<(Vec<BoxStream<'static, Result<Piece>>>, u64)> {
    let mut works = VecDeque::new();
    let mut rows = 0;
    for mark in files {
        let builder = open(&plan.store, mark).await?;
        if let Some(strict) = &plan.strict {
            same_names(&mark.path, strict, builder.schema())?;
        }
        let groups = builder.metadata().row_groups();
        let share = mark.size / groups.len().max(1) as u64;
        let mut first_row = 1;
        for (row_group, group) in groups.iter().enumerate() {
            let fitting = BATCH_BYTES.saturating_mul(group.num_rows()) / group.total_byte_size().max(1);
            let batch_rows = usize::try_from(fitting).unwrap_or(1).clamp(1, plan.batch_rows);
            works.push_back(Work { mark: mark.clone(), row_group, batch_rows, first_row, bytes: share });
            first_row += group.num_rows() as u64;
        }
        rows += first_row - 1;
    }
    let parallel = parallel.clamp(1, works.len().max(1));
    let (limit, plan, handle) = (plan.limit, Arc::new(plan), Handle::current());
    let worker = |_| {
        let (plan, handle) = (plan.clone(), handle.clone());
        move |work: Work, outlet: &mut Outlet<'_>| plan.row_group(&handle, &work, outlet)
    };
    Ok((sharing(move || Ok(works.pop_front()), (0..parallel).map(worker).collect(), limit), rows))
}

impl Plan {
    /// Gives the rows of a row group; false if no more are wanted.
    fn row_group(&self, handle: &Handle, work: &Work, outlet: &mut Outlet<'_>) -> Result<bool> {
        let place = work.mark.path.as_str();
        let wrong = |error| explain(place, error);
        let reader = handle.block_on(async {
            let builder = open(&self.store, &work.mark).await?;
            let found = builder.schema().clone();
            let mut roots = Vec::new();
            for field in self.schema.fields() {
                let names = || found.fields().iter().map(|field| field.name().as_str());
                roots.push(found.index_of(field.name()).map_err(|_| columns::missing(field.name(), names(), place))?);
            }
            let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
            let mut stream = builder
                .with_projection(mask)
                .with_row_groups(vec![work.row_group])
                .with_batch_size(work.batch_rows)
                .build()
                .map_err(wrong)?;
            stream.next_row_group().await.map_err(wrong)
        })?;
        let Some(reader) = reader else { return Ok(true) };
        let mut row = work.first_row;
        let mut bytes = work.bytes;
        for batch in reader {
            let batch = batch.map_err(|error| Error::new(&FILE_CORRUPT).with("place", place).because(error))?;
            // The file's own order of columns is not ours.
            let order =
                self.schema.fields().iter().map(|field| batch.schema().index_of(field.name())).collect::<Result<Vec<_>, _>>();
            let batch = order.and_then(|order| batch.project(&order));
            let batch = batch.map_err(|error| Error::new(&READER_FAILED).with("place", place).because(error))?;
            let (fitting, rejects) = fit(&batch, &self.schema, place, row)?;
            row += batch.num_rows() as u64;
            if !outlet.give(Piece { batch: fitting, rejects, bytes: std::mem::take(&mut bytes) }) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
