//! A snapshot's data files with what its log knows of them: rows, bounds, empty values, partition values.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, StructArray, TimestampMicrosecondArray, UInt64Array};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{DataType, TimeUnit, TimestampMicrosecondType};
use chrono::{DateTime, Utc};
use datafusion::common::pruning::PruningStatistics;
use datafusion::common::stats::{NdvFallback, Precision};
use datafusion::common::{Column, ColumnStatistics, ScalarValue, Statistics};
use datafusion::datasource::table_schema::TableSchema;
use deltalake_core::table::state::DeltaTableState;
use deltalake_core::{DeltaResult, DeltaTableError};
use object_store::path::Path;

/// What a text, binary or nested value is taken to weigh in memory, in bytes, where the planner asks for sizes.
const VARIABLE_BYTES: usize = 24;

/// One data file.
#[derive(Debug, Clone)]
pub(crate) struct DataFile {
    /// Below the table's folder.
    pub path: Path,
    /// Bytes.
    pub size: u64,
    /// When it was made, as the log says; data files never change.
    pub modified: DateTime<Utc>,
    /// Rows, if the log says.
    pub rows: Option<u64>,
    /// One value a partition column.
    pub partition: Vec<ScalarValue>,
}

/// All files of a snapshot, and their statistics by column as arrays with one entry a file.
#[derive(Debug)]
pub(crate) struct Files {
    pub files: Vec<DataFile>,
    /// Whether some rows of files are marked as deleted beside them, which our scan does not read.
    pub marked: bool,
    rows: UInt64Array,
    columns: HashMap<String, Bounds>,
    /// For each file, in the order of the scan's schema (file columns, then partition columns).
    pub statistics: Vec<Arc<Statistics>>,
    /// All files together.
    pub total: Statistics,
}

#[derive(Debug, Clone, Default)]
struct Bounds {
    min: Option<ArrayRef>,
    max: Option<ArrayRef>,
    nulls: Option<ArrayRef>,
}

impl Files {
    /// Reads the files of a loaded state, typed as the scan will read them.
    pub(crate) fn load(state: &DeltaTableState, schema: &TableSchema) -> DeltaResult<Self> {
        let batches = state.add_actions_batches(false)?;
        let actions = match batches.first() {
            Some(first) => Some(concat_batches(&first.schema(), &batches)?),
            None => None,
        };
        let count = actions.as_ref().map_or(0, RecordBatch::num_rows);
        let rows = match actions.as_ref().and_then(|actions| actions.column_by_name("num_records")) {
            Some(rows) => cast(rows, &DataType::UInt64)?.as_primitive().clone(),
            None => UInt64Array::new_null(count),
        };
        let columns = match &actions {
            Some(actions) => bounds(actions, schema, &rows)?,
            None => HashMap::new(),
        };
        let partitions: Vec<Option<&ArrayRef>> = schema
            .table_partition_cols()
            .iter()
            .map(|field| columns.get(field.name()).and_then(|bounds| bounds.min.as_ref()))
            .collect();
        let mut marked = false;
        let mut files = Vec::with_capacity(count);
        for (index, view) in state.log_data().iter().enumerate() {
            if index >= count {
                return Err(DeltaTableError::generic("the log lists more files than their statistics"));
            }
            marked |= view.deletion_vector_descriptor().is_some();
            let partition = partitions
                .iter()
                .zip(schema.table_partition_cols())
                .map(|(values, field)| match values {
                    Some(values) => ScalarValue::try_from_array(values, index),
                    None => ScalarValue::try_from(field.data_type()),
                })
                .collect::<Result<Vec<_>, _>>()
                .map_err(|error| DeltaTableError::generic(error.to_string()))?;
            files.push(DataFile {
                path: view.object_store_path(),
                size: view.size().max(0).cast_unsigned(),
                modified: view.modification_datetime()?,
                rows: rows.is_valid(index).then(|| rows.value(index)),
                partition,
            });
        }
        let statistics: Vec<Arc<Statistics>> =
            files.iter().enumerate().map(|(index, file)| Arc::new(of_file(index, file.rows, &columns, schema))).collect();
        let total = merged(statistics.iter().map(Arc::as_ref), schema)?;
        Ok(Self { files, marked, rows, columns, statistics, total })
    }

    /// Some files of several versions together. What is known of their values is for the planner's counts; it prunes no files.
    pub(crate) fn gathered(
        parts: &[(Arc<Files>, HashSet<String>)],
        schema: &TableSchema,
    ) -> Result<Self, datafusion::error::DataFusionError> {
        let (mut files, mut statistics) = (Vec::new(), Vec::new());
        for (part, paths) in parts {
            let chosen = part.files.iter().zip(&part.statistics).filter(|(file, _)| paths.contains(file.path.as_ref()));
            for (file, known) in chosen {
                files.push(file.clone());
                statistics.push(known.clone());
            }
        }
        let rows = files.iter().map(|file: &DataFile| file.rows).collect();
        let total = merged(statistics.iter().map(Arc::as_ref), schema)?;
        Ok(Self { files, marked: false, rows, columns: HashMap::new(), statistics, total })
    }

    /// Rows of all files, if each says how many it has.
    pub(crate) fn rows(&self) -> Option<u64> {
        self.files.iter().map(|file| file.rows).sum()
    }

    /// Bytes of all files.
    pub(crate) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }
}

/// The statistics of several files together.
pub(crate) fn merged<'a>(
    statistics: impl Iterator<Item = &'a Statistics>,
    schema: &TableSchema,
) -> Result<Statistics, datafusion::error::DataFusionError> {
    let mut statistics = statistics.peekable();
    if statistics.peek().is_none() {
        let mut none = Statistics::new_unknown(schema.table_schema());
        none.num_rows = Precision::Exact(0);
        return Ok(none);
    }
    Statistics::try_merge_iter_with_ndv_fallback(statistics, schema.table_schema(), NdvFallback::Max)
}

fn bounds(actions: &RecordBatch, schema: &TableSchema, rows: &UInt64Array) -> DeltaResult<HashMap<String, Bounds>> {
    let group = |name: &str| actions.column_by_name(name).and_then(|column| column.as_struct_opt());
    let (mins, maxes, nulls, partitions) = (group("min"), group("max"), group("null_count"), group("partition"));
    let pick = |from: Option<&StructArray>, name: &str, to: &DataType| -> DeltaResult<Option<ArrayRef>> {
        let Some(from) = from else { return Ok(None) };
        let Some(column) = from.column_by_name(name) else { return Ok(None) };
        // What cannot be read as the column's type says nothing.
        let Ok(column) = cast(column, to) else { return Ok(None) };
        Ok(Some(masked(&column, from)?))
    };
    let mut columns = HashMap::new();
    for field in schema.file_schema().fields() {
        // What is nested has no bounds of its own.
        let (mins, maxes) = if field.data_type().is_nested() { (None, None) } else { (mins, maxes) };
        let bounds = Bounds {
            min: pick(mins, field.name(), field.data_type())?,
            max: pick(maxes, field.name(), field.data_type())?.map(|max| padded(&max)),
            nulls: pick(nulls, field.name(), &DataType::UInt64)?,
        };
        columns.insert(field.name().clone(), bounds);
    }
    for field in schema.table_partition_cols() {
        let values = pick(partitions, field.name(), field.data_type())?;
        let nulls = values.as_ref().map(|values| {
            let counts = (0..values.len())
                .map(|index| if values.is_valid(index) { Some(0) } else { rows.is_valid(index).then(|| rows.value(index)) });
            Arc::new(counts.collect::<UInt64Array>()) as ArrayRef
        });
        columns.insert(field.name().clone(), Bounds { min: values.clone(), max: values, nulls });
    }
    Ok(columns)
}

/// A field of a group, empty where the whole group is.
fn masked(column: &ArrayRef, group: &StructArray) -> DeltaResult<ArrayRef> {
    match group.nulls() {
        None => Ok(column.clone()),
        Some(valid) => {
            let absent = BooleanArray::new(!valid.inner(), None);
            Ok(arrow::compute::nullif(column, &absent)?)
        }
    }
}

/// Upper bounds of timestamps may have been cut to milliseconds, as the protocol has it, so the rest is added.
fn padded(max: &ArrayRef) -> ArrayRef {
    match max.data_type() {
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            let values: &TimestampMicrosecondArray = max.as_primitive::<TimestampMicrosecondType>();
            let padded = values
                .unary::<_, TimestampMicrosecondType>(|value| if value % 1000 == 0 { value.saturating_add(999) } else { value });
            Arc::new(padded.with_timezone_opt(zone.clone()))
        }
        _ => max.clone(),
    }
}

fn of_file(index: usize, rows: Option<u64>, columns: &HashMap<String, Bounds>, schema: &TableSchema) -> Statistics {
    let count = rows.map_or(Precision::Absent, |rows| Precision::Exact(rows as usize));
    let mut width = 0;
    let partition_from = schema.file_schema().fields().len();
    let column_statistics = schema
        .table_schema()
        .fields()
        .iter()
        .enumerate()
        .map(|(position, field)| {
            let bytes = field.data_type().primitive_width().unwrap_or(VARIABLE_BYTES);
            width += bytes;
            let bounds = columns.get(field.name());
            let exact = position >= partition_from || is_exact(field.data_type());
            let bound = |array: Option<&ArrayRef>| match array {
                Some(array) if array.is_valid(index) => match ScalarValue::try_from_array(array, index) {
                    Ok(value) if exact => Precision::Exact(value),
                    Ok(value) => Precision::Inexact(value),
                    Err(_) => Precision::Absent,
                },
                _ => Precision::Absent,
            };
            let nulls = bounds
                .and_then(|bounds| bounds.nulls.as_ref())
                .filter(|nulls| nulls.is_valid(index))
                .map_or(Precision::Absent, |nulls| {
                    Precision::Exact(nulls.as_primitive::<arrow::datatypes::UInt64Type>().value(index) as usize)
                });
            ColumnStatistics {
                null_count: nulls,
                max_value: bound(bounds.and_then(|bounds| bounds.max.as_ref())),
                min_value: bound(bounds.and_then(|bounds| bounds.min.as_ref())),
                sum_value: Precision::Absent,
                distinct_count: if position >= partition_from { Precision::Exact(1) } else { Precision::Absent },
                byte_size: rows.map_or(Precision::Absent, |rows| Precision::Inexact(rows as usize * bytes)),
            }
        })
        .collect();
    let total_byte_size = rows.map_or(Precision::Absent, |rows| Precision::Inexact(rows as usize * width));
    Statistics { num_rows: count, total_byte_size, column_statistics }
}

/// Whether bounds of this type in a log are values of the file, not merely bounds: text may be cut, timestamps rounded,
/// and decimals and floats have passed through JSON numbers.
fn is_exact(given: &DataType) -> bool {
    matches!(given, DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 | DataType::Date32 | DataType::Boolean)
}

impl PruningStatistics for Files {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        self.columns.get(&column.name)?.min.clone()
    }

    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        self.columns.get(&column.name)?.max.clone()
    }

    fn num_containers(&self) -> usize {
        self.files.len()
    }

    fn null_counts(&self, column: &Column) -> Option<ArrayRef> {
        self.columns.get(&column.name)?.nulls.clone()
    }

    fn row_counts(&self) -> Option<ArrayRef> {
        Some(Arc::new(self.rows.clone()))
    }

    fn contained(&self, _column: &Column, _values: &std::collections::HashSet<ScalarValue>) -> Option<BooleanArray> {
        None
    }
}
