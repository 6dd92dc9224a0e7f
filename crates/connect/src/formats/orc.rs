//! Apache ORC: stripe by stripe, only the columns that are wanted.

mod chunks;
mod stripe_bytes;

use std::collections::VecDeque;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::error::ArrowError;
use base::{Error, Result};
use futures::stream::BoxStream;
use orc_rust::TimestampPrecision;
use orc_rust::arrow_reader::ArrowReaderBuilder;
use orc_rust::error::OrcError;
use orc_rust::projection::ProjectionMask;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use storage::Store;
use tokio::runtime::Handle;

use crate::codes::{COLUMN_TYPE_UNSUPPORTED, FILE_CORRUPT, FILE_TRUNCATED, READER_FAILED};
use crate::columns;
use crate::compression;
use crate::fit::{fit, kept, same_names};
use crate::panics::guarded;
use crate::source::{FileMark, Piece};
use crate::workers::{Outlet, sharing};
use stripe_bytes::StripeBytes;

/// Apache ORC; it says of itself all that there is to know.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrcFormat {}

/// Bytes of one stripe of the columns that are read, which are in memory at once. Writers make stripes of 64 to 256 MB.
const STRIPE_BYTES_MAX: u64 = 1 << 30;
/// Bytes of a batch, about.
const BATCH_BYTES: u64 = 8 << 20;
/// How many times its stored size a stripe's data has in memory, about.
const UNPACKED_RATIO: u64 = 8;
/// What timestamps are read as, so that no year and no nanosecond is lost before it is known what fits.
const MOMENT: DataType = DataType::Decimal128(38, 9);

/// The columns of the first sample, in the types in which they are given out; the other samples must have the same. Blocks.
pub(crate) fn infer(store: &Store, handle: &Handle, samples: &[FileMark]) -> Result<Schema> {
    let mut found: Option<Schema> = None;
    for mark in samples {
        let schema = kept(&open(store, handle, mark)?.schema());
        match &found {
            None => found = Some(schema),
            Some(first) => same_names(&mark.path, first, &schema)?,
        }
    }
    found.ok_or_else(|| Error::new(&READER_FAILED).with("place", "an ORC file").with("reason", "there is none"))
}

fn open(store: &Store, handle: &Handle, mark: &FileMark) -> Result<ArrowReaderBuilder<StripeBytes>> {
    if mark.size == 0 {
        return Err(Error::new(&FILE_TRUNCATED).with("place", &mark.path).with("reason", "it holds nothing"));
    }
    let bytes = StripeBytes::new(store.clone(), handle.clone(), mark.clone());
    let packing = bytes.packing();
    let builder = guarded(&mark.path, || ArrowReaderBuilder::try_new(bytes).map_err(|error| explain(&mark.path, error)))?;
    if let Some(compression) = builder.file_metadata().compression() {
        let described = compression.to_string();
        let size = described.split_once(' ').map_or("", |(_, size)| size);
        if !chunks::is_believable(size) {
            return Err(corrupt(&mark.path, "it says that its chunks are far larger than any program makes them"));
        }
        // From here on all that is read is packed in chunks, and is looked at.
        let _ = packing.set(compression.compression_type());
    }
    Ok(builder.with_timestamp_precision(TimestampPrecision::Microsecond))
}

fn explain(place: &str, error: OrcError) -> Error {
    match error {
        OrcError::IoError { source, .. } => compression::explain(place, source),
        // In lists and structs to the microsecond, in columns that are declared as something else within 64 bits.
        OrcError::DecodeTimestamp { .. } => Error::new(&COLUMN_TYPE_UNSUPPORTED)
            .with("column", "of timestamps inside another column, or declared as something else")
            .with("place", place)
            .with("type", "timestamp, with digits or years that cannot be kept"),
        // Its own words name lines of its code and may hold values.
        OrcError::OutOfSpec { msg, .. } | OrcError::Unexpected { msg, .. } => corrupt(place, &msg),
        OrcError::UnsupportedTypeVariant { msg, .. } => corrupt(place, &format!("it holds what cannot be read: {msg}")),
        OrcError::DecodeProto { .. } => corrupt(place, "its description cannot be read; it may be cut off, or no ORC file"),
        _ => corrupt(place, "its data cannot be unpacked"),
    }
}

fn corrupt(place: &str, reason: &str) -> Error {
    Error::new(&FILE_CORRUPT).with("place", place).with("reason", reason)
}

/// What is read of ORC files.
pub(crate) struct Plan {
    pub store: Store,
    /// All columns of the files; `None` if files may have columns that are not read.
    pub strict: Option<Schema>,
    pub schema: SchemaRef,
    pub batch_rows: usize,
    pub limit: Option<u64>,
}

/// A stripe, and which rows of the file it has.
struct Work {
    mark: FileMark,
    offset: u64,
    stored: u64,
    rows: u64,
    first_row: u64,
    bytes: u64,
}

/// The parts of a reading, and how many rows there are. All footers are read here. Blocks.
pub(crate) fn parts(
    plan: Plan,
    handle: &Handle,
    files: &[FileMark],
    parallel: usize,
) -> Result<(Vec<BoxStream<'static, Result<Piece>>>, u64)> {
    let mut works = VecDeque::new();
    let mut rows = 0_u64;
    for mark in files {
        let builder = open(&plan.store, handle, mark)?;
        if let Some(strict) = &plan.strict {
            same_names(&mark.path, strict, &builder.schema())?;
        }
        let stripes = builder.file_metadata().stripe_metadatas();
        let share = mark.size / stripes.len().max(1) as u64;
        let mut first_row = 1_u64;
        for stripe in stripes {
            let (stored, rows) = (stripe.data_length(), stripe.number_of_rows());
            works.push_back(Work { mark: mark.clone(), offset: stripe.offset(), stored, rows, first_row, bytes: share });
            first_row = first_row.saturating_add(rows);
        }
        rows = rows.saturating_add(first_row - 1);
    }
    let parallel = parallel.clamp(1, works.len().max(1));
    let (limit, plan) = (plan.limit, Arc::new(plan));
    let worker = |_| {
        let (plan, handle) = (plan.clone(), handle.clone());
        move |work: Work, outlet: &mut Outlet<'_>| plan.stripe(&handle, &work, outlet)
    };
    Ok((sharing(move || Ok(works.pop_front()), (0..parallel).map(worker).collect(), limit), rows))
}

impl Plan {
    /// Gives the rows of a stripe; false if no more are wanted.
    fn stripe(&self, handle: &Handle, work: &Work, outlet: &mut Outlet<'_>) -> Result<bool> {
        let place = work.mark.path.as_str();
        if work.stored > STRIPE_BYTES_MAX {
            let reason = format!("a stripe has {} bytes; at most {STRIPE_BYTES_MAX} are read", work.stored);
            return Err(corrupt(place, &reason));
        }
        let builder = open(&self.store, handle, &work.mark)?;
        let found = builder.schema();
        for field in self.schema.fields() {
            let names = || found.fields().iter().map(|field| field.name().as_str());
            found.index_of(field.name()).map_err(|_| columns::missing(field.name(), names(), place))?;
        }
        let names: Vec<&str> = self.schema.fields().iter().map(|field| field.name().as_str()).collect();
        let mask = ProjectionMask::named_roots(builder.file_metadata().root_data_type(), &names);
        let builder = builder.with_projection(mask);
        let read = Arc::new(self.read_as(&builder.schema()));
        let offset = work.offset as usize;
        let mut reader =
            builder.with_schema(read).with_batch_size(self.rows_at_once(work)).with_file_byte_range(offset..offset + 1).build();
        let mut row = work.first_row;
        let mut bytes = work.bytes;
        while let Some(batch) = guarded(place, || self.next(&mut reader, place))? {
            let (fitting, rejects) = fit(&batch, &self.schema, place, row)?;
            row += batch.num_rows() as u64;
            if !outlet.give(Piece { batch: fitting, rejects, bytes: std::mem::take(&mut bytes) }) {
                return Ok(false);
            }
        }
        if row - work.first_row != work.rows {
            let reason = format!("a stripe has {} rows where {} were announced", row - work.first_row, work.rows);
            return Err(corrupt(place, &reason));
        }
        Ok(true)
    }

    /// The next batch, its columns in our order.
    fn next(
        &self,
        reader: &mut dyn Iterator<Item = Result<RecordBatch, ArrowError>>,
        place: &str,
    ) -> Result<Option<RecordBatch>> {
        let Some(batch) = reader.next() else { return Ok(None) };
        let batch = batch.map_err(|error| match error {
            ArrowError::ExternalError(source) => match source.downcast::<OrcError>() {
                Ok(error) => explain(place, *error),
                Err(_) => corrupt(place, "its data cannot be decoded"),
            },
            error => Error::new(&FILE_CORRUPT).with("place", place).because(error),
        })?;
        let schema = batch.schema();
        let order = self.schema.fields().iter().map(|field| schema.index_of(field.name())).collect::<Result<Vec<_>, _>>();
        let ordered = order.and_then(|order| batch.project(&order));
        ordered.map(Some).map_err(|error| Error::new(&READER_FAILED).with("place", place).because(error))
    }

    /// The stored columns in the types in which they are decoded.
    fn read_as(&self, found: &Schema) -> Schema {
        let field = |field: &Arc<Field>| {
            let wanted = self.schema.field_with_name(field.name()).map(Field::data_type);
            match (field.data_type(), wanted) {
                (DataType::Timestamp(..), Ok(DataType::Timestamp(..))) => Field::new(field.name(), MOMENT, true),
                (DataType::Timestamp(_, zone), _) => {
                    Field::new(field.name(), DataType::Timestamp(TimeUnit::Nanosecond, zone.clone()), true)
                }
                _ => field.as_ref().clone(),
            }
        };
        Schema::new(found.fields().iter().map(field).collect::<Vec<_>>())
    }

    /// Rows of a batch: so many as are wanted, fewer if they are large.
    fn rows_at_once(&self, work: &Work) -> usize {
        let fitting = BATCH_BYTES.saturating_mul(work.rows) / work.stored.saturating_mul(UNPACKED_RATIO).max(1);
        usize::try_from(fitting).unwrap_or(usize::MAX).clamp(1, self.batch_rows)
    }
}
