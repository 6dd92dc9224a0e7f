//! Columns being built: one builder a column, filled value by value, which says of each value whether it fits.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryBuilder, BooleanArray, BooleanBufferBuilder, BooleanBuilder, Decimal128Builder, ListArray, PrimitiveBuilder,
    RecordBatch, RecordBatchOptions, StringBuilder,
};
use arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::compute::{cast, filter_record_batch};
use arrow::datatypes::{
    DataType, Date32Type, FieldRef, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, SchemaRef,
    Time64MicrosecondType, TimeUnit, TimestampMicrosecondType,
};
use base::{Error, Result};

use crate::codes::{COLUMN_TYPE_UNSUPPORTED, READER_FAILED};
use crate::values;

/// A batch is given when its values have so many bytes at their source, however few rows they are.
pub(crate) const BATCH_BYTES_MAX: u64 = 4 << 20;
/// Bytes that a text is taken to have before any was seen.
const TEXT_BYTES: usize = 8;

/// The first number that has too many digits, for each count of digits that decimals may have.
const LIMITS: [u128; 39] = {
    let mut limits = [1; 39];
    let mut digits = 1;
    while digits < limits.len() {
        limits[digits] = limits[digits - 1] * 10;
        digits += 1;
    }
    limits
};

/// A column being built.
pub(crate) struct Cells {
    kind: Kind,
    /// What the schema says; cast to at the end if it differs from what is built.
    data_type: DataType,
}

enum Kind {
    Boolean(BooleanBuilder),
    Int8(PrimitiveBuilder<Int8Type>),
    Int16(PrimitiveBuilder<Int16Type>),
    Int32(PrimitiveBuilder<Int32Type>),
    Int64(PrimitiveBuilder<Int64Type>),
    Float32(PrimitiveBuilder<Float32Type>),
    Float64(PrimitiveBuilder<Float64Type>),
    Text(StringBuilder),
    Binary(BinaryBuilder),
    Date(PrimitiveBuilder<Date32Type>),
    Time(PrimitiveBuilder<Time64MicrosecondType>),
    Timestamp(PrimitiveBuilder<TimestampMicrosecondType>, bool),
    Decimal(Decimal128Builder, u8, i8),
    List(Box<List>),
}

struct List {
    item: FieldRef,
    child: Cells,
    offsets: Vec<i32>,
    valid: BooleanBufferBuilder,
}

impl Kind {
    /// A builder with room for so many values, and so many bytes of texts.
    fn new(data_type: &DataType, rows: usize, bytes: usize) -> Option<Self> {
        Some(match data_type {
            DataType::Boolean => Self::Boolean(BooleanBuilder::with_capacity(rows)),
            DataType::Int8 => Self::Int8(PrimitiveBuilder::with_capacity(rows)),
            DataType::Int16 => Self::Int16(PrimitiveBuilder::with_capacity(rows)),
            DataType::Int32 => Self::Int32(PrimitiveBuilder::with_capacity(rows)),
            DataType::Int64 => Self::Int64(PrimitiveBuilder::with_capacity(rows)),
            DataType::Float32 => Self::Float32(PrimitiveBuilder::with_capacity(rows)),
            DataType::Float64 => Self::Float64(PrimitiveBuilder::with_capacity(rows)),
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Self::Text(StringBuilder::with_capacity(rows, bytes)),
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView => {
                Self::Binary(BinaryBuilder::with_capacity(rows, bytes))
            }
            DataType::Date32 => Self::Date(PrimitiveBuilder::with_capacity(rows)),
            DataType::Time64(TimeUnit::Microsecond) => Self::Time(PrimitiveBuilder::with_capacity(rows)),
            DataType::Timestamp(TimeUnit::Microsecond, zone) => {
                Self::Timestamp(PrimitiveBuilder::with_capacity(rows).with_data_type(data_type.clone()), zone.is_some())
            }
            DataType::Decimal128(precision, scale) if *scale >= 0 => {
                Self::Decimal(Decimal128Builder::with_capacity(rows).with_data_type(data_type.clone()), *precision, *scale)
            }
            DataType::List(item) => Self::List(Box::new(List {
                item: item.clone(),
                child: Cells::new(item.data_type(), rows)?,
                offsets: vec![0],
                valid: BooleanBufferBuilder::new(rows),
            })),
            _ => return None,
        })
    }
}

impl Cells {
    /// A builder for the type, or `None` if values of that type cannot be built one by one.
    pub fn new(data_type: &DataType, rows: usize) -> Option<Self> {
        Some(Self { kind: Kind::new(data_type, rows, rows * TEXT_BYTES)?, data_type: data_type.clone() })
    }

    /// Adds a value given as text; false, and nothing added, if it does not fit.
    #[inline]
    pub fn text(&mut self, text: &str) -> bool {
        match &mut self.kind {
            Kind::Text(cells) => cells.append_value(text),
            Kind::Int64(cells) => return put(values::integer(text), |value| cells.append_value(value)),
            Kind::Float64(cells) => return put(values::float(text), |value| cells.append_value(value)),
            Kind::Timestamp(cells, zoned) => {
                // A text with an offset does not fit a column of bare clock times: which clock would be a guess. A bare time
                // in a column of instants is taken as UTC.
                let instant = values::instant(text).filter(|instant| *zoned || !instant.zoned);
                return put(instant, |instant| cells.append_value(instant.micros));
            }
            Kind::Date(cells) => return put(values::date(text), |value| cells.append_value(value)),
            Kind::Boolean(cells) => return put(values::boolean(text), |value| cells.append_value(value)),
            Kind::Time(cells) => return put(values::time(text), |value| cells.append_value(value)),
            Kind::Decimal(cells, precision, scale) => {
                return put(values::decimal(text, *precision, *scale), |value| cells.append_value(value));
            }
            Kind::Int8(_) | Kind::Int16(_) | Kind::Int32(_) => {
                return values::integer(text).is_some_and(|value| self.integer(value));
            }
            Kind::Float32(cells) => return put(values::float(text), |value| cells.append_value(value as f32)),
            Kind::Binary(cells) => cells.append_value(text),
            Kind::List(_) => return false,
        }
        true
    }

    /// Adds a whole number, also to columns that hold it exactly as something else; false if it does not fit.
    #[inline]
    pub fn integer(&mut self, value: i64) -> bool {
        /// Above it neighbouring whole numbers share one float.
        const FLOAT_EXACT_MAX: u64 = 1 << 53;
        match &mut self.kind {
            Kind::Int64(cells) => cells.append_value(value),
            Kind::Int32(cells) => return put(i32::try_from(value).ok(), |value| cells.append_value(value)),
            Kind::Int16(cells) => return put(i16::try_from(value).ok(), |value| cells.append_value(value)),
            Kind::Int8(cells) => return put(i8::try_from(value).ok(), |value| cells.append_value(value)),
            Kind::Float64(cells) if value.unsigned_abs() <= FLOAT_EXACT_MAX => cells.append_value(value as f64),
            Kind::Boolean(cells) if value == 0 || value == 1 => cells.append_value(value == 1),
            Kind::Decimal(_, _, _) => return self.text(&value.to_string()),
            _ => return false,
        }
        true
    }

    /// Adds a date in days, or a time or timestamp in microseconds; false if this is no column of them.
    #[inline]
    pub fn moment(&mut self, value: i64) -> bool {
        match &mut self.kind {
            Kind::Date(cells) => return put(i32::try_from(value).ok(), |value| cells.append_value(value)),
            Kind::Time(cells) => cells.append_value(value),
            Kind::Timestamp(cells, _) => cells.append_value(value),
            _ => return false,
        }
        true
    }

    /// Adds a floating-point number; false if it does not fit.
    #[inline]
    pub fn float(&mut self, value: f64) -> bool {
        match &mut self.kind {
            Kind::Float64(cells) => cells.append_value(value),
            Kind::Float32(cells) => cells.append_value(value as f32),
            Kind::Decimal(_, _, _) if value.is_finite() => return self.text(&value.to_string()),
            _ => return false,
        }
        true
    }

    /// Adds a truth value; false if this is no column of them.
    pub fn boolean(&mut self, value: bool) -> bool {
        match &mut self.kind {
            Kind::Boolean(cells) => cells.append_value(value),
            _ => return false,
        }
        true
    }

    /// Adds bytes; false if this is no column of them.
    pub fn bytes(&mut self, value: &[u8]) -> bool {
        match &mut self.kind {
            Kind::Binary(cells) => cells.append_value(value),
            _ => return false,
        }
        true
    }

    /// Adds an unscaled decimal of this column's own scale; false if it has too many digits.
    pub fn decimal(&mut self, value: i128) -> bool {
        match &mut self.kind {
            Kind::Decimal(cells, precision, _) => {
                let fits = LIMITS.get(usize::from(*precision)).is_none_or(|limit| value.unsigned_abs() < *limit);
                put(fits.then_some(value), |value| cells.append_value(value))
            }
            _ => false,
        }
    }

    /// Adds a list by filling its items; false, and a NULL added, if one of them does not fit.
    pub fn list(&mut self, fill: impl FnOnce(&mut Cells) -> bool) -> bool {
        let Kind::List(list) = &mut self.kind else { return false };
        let fits = fill(&mut list.child);
        // Items of a list that does not fit stay behind the offsets of its row, which is filtered out.
        list.offsets.push(i32::try_from(list.child.len()).unwrap_or(i32::MAX));
        list.valid.append(fits);
        fits
    }

    /// Adds a NULL.
    #[inline]
    pub fn null(&mut self) {
        match &mut self.kind {
            Kind::Boolean(cells) => cells.append_null(),
            Kind::Int8(cells) => cells.append_null(),
            Kind::Int16(cells) => cells.append_null(),
            Kind::Int32(cells) => cells.append_null(),
            Kind::Int64(cells) => cells.append_null(),
            Kind::Float32(cells) => cells.append_null(),
            Kind::Float64(cells) => cells.append_null(),
            Kind::Text(cells) => cells.append_null(),
            Kind::Binary(cells) => cells.append_null(),
            Kind::Date(cells) => cells.append_null(),
            Kind::Time(cells) => cells.append_null(),
            Kind::Timestamp(cells, _) => cells.append_null(),
            Kind::Decimal(cells, _, _) => cells.append_null(),
            Kind::List(list) => {
                list.offsets.push(i32::try_from(list.child.len()).unwrap_or(i32::MAX));
                list.valid.append(false);
            }
        }
    }

    /// How many values were added.
    pub fn len(&self) -> usize {
        use arrow::array::ArrayBuilder;
        match &self.kind {
            Kind::Boolean(cells) => cells.len(),
            Kind::Int8(cells) => cells.len(),
            Kind::Int16(cells) => cells.len(),
            Kind::Int32(cells) => cells.len(),
            Kind::Int64(cells) => cells.len(),
            Kind::Float32(cells) => cells.len(),
            Kind::Float64(cells) => cells.len(),
            Kind::Text(cells) => cells.len(),
            Kind::Binary(cells) => cells.len(),
            Kind::Date(cells) => cells.len(),
            Kind::Time(cells) => cells.len(),
            Kind::Timestamp(cells, _) => cells.len(),
            Kind::Decimal(cells, _, _) => cells.len(),
            Kind::List(list) => list.offsets.len() - 1,
        }
    }

    /// The column so far; the builder is empty again.
    pub fn finish(&mut self) -> Result<ArrayRef> {
        let (rows, bytes) = (self.len(), self.text_bytes());
        let array = self.build()?;
        // A builder gives its room away with the column; the next batch will need about as much, and growing to it is dear.
        if !matches!(self.kind, Kind::List(_))
            && let Some(kind) = Kind::new(&self.data_type, rows, bytes + bytes / 8)
        {
            self.kind = kind;
        }
        Ok(array)
    }

    /// Bytes of the texts that were added.
    fn text_bytes(&self) -> usize {
        match &self.kind {
            Kind::Text(cells) => cells.values_slice().len(),
            Kind::Binary(cells) => cells.values_slice().len(),
            _ => 0,
        }
    }

    fn build(&mut self) -> Result<ArrayRef> {
        let array: ArrayRef = match &mut self.kind {
            Kind::Boolean(cells) => Arc::new(cells.finish()),
            Kind::Int8(cells) => Arc::new(cells.finish()),
            Kind::Int16(cells) => Arc::new(cells.finish()),
            Kind::Int32(cells) => Arc::new(cells.finish()),
            Kind::Int64(cells) => Arc::new(cells.finish()),
            Kind::Float32(cells) => Arc::new(cells.finish()),
            Kind::Float64(cells) => Arc::new(cells.finish()),
            Kind::Text(cells) => Arc::new(cells.finish()),
            Kind::Binary(cells) => Arc::new(cells.finish()),
            Kind::Date(cells) => Arc::new(cells.finish()),
            Kind::Time(cells) => Arc::new(cells.finish()),
            Kind::Timestamp(cells, _) => Arc::new(cells.finish()),
            Kind::Decimal(cells, _, _) => Arc::new(cells.finish()),
            Kind::List(list) => {
                let offsets = OffsetBuffer::new(ScalarBuffer::from(std::mem::replace(&mut list.offsets, vec![0])));
                let child = list.child.finish()?;
                Arc::new(
                    ListArray::try_new(list.item.clone(), offsets, child, Some(NullBuffer::new(list.valid.finish())))
                        .map_err(failed)?,
                )
            }
        };
        if *array.data_type() == self.data_type { Ok(array) } else { cast(&array, &self.data_type).map_err(failed) }
    }
}

#[inline]
fn put<T>(value: Option<T>, append: impl FnOnce(T)) -> bool {
    match value {
        Some(value) => {
            append(value);
            true
        }
        None => false,
    }
}

fn failed(error: arrow::error::ArrowError) -> Error {
    Error::new(&READER_FAILED).with("place", "a batch").because(error)
}

/// All columns of a schema being built. A row that turns out not to fit is marked, and left out at the end.
pub(crate) struct Table {
    schema: SchemaRef,
    /// One for each field of the schema; whoever fills them gives each as many values.
    pub columns: Vec<Cells>,
    kept: Vec<bool>,
}

impl Table {
    /// Builders for the schema; fails at a type that cannot be read into, naming the column and `place`.
    pub fn new(schema: SchemaRef, rows: usize, place: &str) -> Result<Self> {
        let columns = schema.fields().iter().map(|field| {
            Cells::new(field.data_type(), rows).ok_or_else(|| {
                Error::new(&COLUMN_TYPE_UNSUPPORTED)
                    .with("column", field.name())
                    .with("place", place)
                    .with("type", field.data_type())
            })
        });
        let columns = columns.collect::<Result<_>>()?;
        Ok(Self { schema, columns, kept: Vec::new() })
    }

    /// Counts a row that was added to every column; `fits` false leaves it out of the batch.
    pub fn row(&mut self, fits: bool) {
        self.kept.push(fits);
    }

    /// Rows counted since the last batch, those left out included.
    pub fn rows(&self) -> usize {
        self.kept.len()
    }

    /// The rows that fit; the table is empty again.
    pub fn finish(&mut self) -> Result<RecordBatch> {
        let kept = std::mem::take(&mut self.kept);
        let columns = self.columns.iter_mut().map(Cells::finish).collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(kept.len()));
        let batch = RecordBatch::try_new_with_options(self.schema.clone(), columns, &options).map_err(failed)?;
        if kept.iter().all(|fits| *fits) {
            return Ok(batch);
        }
        filter_record_batch(&batch, &BooleanArray::from(kept)).map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::AsArray;
    use arrow::datatypes::{Field, Int64Type, Schema};

    use super::*;

    #[test]
    fn decimals_have_no_more_digits_than_declared() {
        for precision in [1, 15, 38] {
            let mut cells = Cells::new(&DataType::Decimal128(precision, 0), 1).expect("a known type");
            let limit = 10_i128.pow(precision.into());
            assert!(cells.decimal(limit - 1) && cells.decimal(1 - limit));
            assert!(!cells.decimal(limit) && !cells.decimal(-limit) && !cells.decimal(i128::MIN));
            assert_eq!(cells.len(), 2);
        }
    }

    #[test]
    fn rows_that_do_not_fit_leave_no_trace() {
        let item = Arc::new(Field::new_list_field(DataType::Int64, true));
        let schema = Arc::new(Schema::new(vec![
            Field::new("id", DataType::Int64, true),
            Field::new("name", DataType::Utf8View, true),
            Field::new("tags", DataType::List(item), true),
        ]));
        let mut table = Table::new(schema.clone(), 4, "t").expect("all types are known");
        for (id, tags) in [("1", "10"), ("x", "20"), ("3", "y")] {
            let mut fits = table.columns[0].text(id);
            if !fits {
                table.columns[0].null();
            }
            assert!(table.columns[1].text(id));
            fits &= table.columns[2].list(|items| items.text("7") & items.text(tags));
            table.row(fits);
        }
        let batch = table.finish().expect("equal lengths");
        assert_eq!(batch.schema(), schema);
        assert_eq!(batch.column(0).as_primitive::<Int64Type>().values(), &[1]);
        assert_eq!(batch.column(2).as_list::<i32>().value(0).as_primitive::<Int64Type>().values(), &[7, 10]);
        assert_eq!(table.finish().expect("empty").num_rows(), 0);
    }
}
