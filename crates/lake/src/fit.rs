//! Fits batches to a table: columns by name, missing ones empty, types widened where nothing is lost, anything else refused
//! with the column's name and without the value.

use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Schema, SchemaRef, TimeUnit};
use base::{Error, Result, TableName};

use crate::codes;
use crate::schema::kept_type;

/// How each column of a table is made from batches of one schema.
pub(crate) struct Fit {
    table: TableName,
    schema: SchemaRef,
    columns: Vec<From>,
}

enum From {
    Missing,
    Same(usize),
    Cast(usize),
    /// A time of day is a number of microseconds, for which it must first be in microseconds.
    TimeOfDay(usize),
}

impl Fit {
    /// Checks the columns and types of `given` against the table's.
    pub(crate) fn new(table: &TableName, schema: &SchemaRef, given: &Schema) -> Result<Self> {
        for field in given.fields() {
            if schema.field_with_name(field.name()).is_err() {
                return Err(Error::new(&codes::LAKE_EXTRA_COLUMN).with("column", field.name()).with("table", table));
            }
        }
        let columns = schema
            .fields()
            .iter()
            .map(|field| {
                let Ok(index) = given.index_of(field.name()) else {
                    if field.is_nullable() {
                        return Ok(From::Missing);
                    }
                    return Err(Error::new(&codes::LAKE_MISSING_COLUMN).with("column", field.name()).with("table", table));
                };
                let (from, to) = (given.field(index).data_type(), field.data_type());
                if from == to {
                    Ok(From::Same(index))
                } else if matches!(from, DataType::Time32(_) | DataType::Time64(_)) && to == &DataType::Int64 {
                    Ok(From::TimeOfDay(index))
                } else if fits(from, to, field.name())? {
                    Ok(From::Cast(index))
                } else {
                    Err(Error::new(&codes::LAKE_TYPE_MISMATCH)
                        .with("column", field.name())
                        .with("given", from)
                        .with("table", table)
                        .with("expected", to))
                }
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Self { table: table.clone(), schema: schema.clone(), columns })
    }

    /// The batch with the table's columns, in its order and types.
    pub(crate) fn apply(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let rows = batch.num_rows();
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(self.columns.len());
        for (from, field) in self.columns.iter().zip(self.schema.fields()) {
            let to = field.data_type();
            let column = match from {
                From::Missing => new_null_array(to, rows),
                From::Same(index) => batch.column(*index).clone(),
                From::Cast(index) => self.cast(batch.column(*index), to, field.name())?,
                From::TimeOfDay(index) => {
                    let micros = self.cast(batch.column(*index), &DataType::Time64(TimeUnit::Microsecond), field.name())?;
                    self.cast(&micros, to, field.name())?
                }
            };
            if !field.is_nullable() && column.logical_null_count() > 0 {
                let error = Error::new(&codes::LAKE_NULL_NOT_ALLOWED);
                return Err(error.with("column", field.name()).with("table", &self.table));
            }
            columns.push(column);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)
            .map_err(|error| crate::errors::write(&self.table, error))
    }

    /// Arrow's own message names the value, so it is not kept.
    fn cast(&self, column: &ArrayRef, to: &DataType, name: &str) -> Result<ArrayRef> {
        let strict = CastOptions { safe: false, ..CastOptions::default() };
        cast_with_options(column, to, &strict).map_err(|_| {
            Error::new(&codes::LAKE_VALUE_DOES_NOT_FIT).with("column", name).with("expected", to).with("table", &self.table)
        })
    }
}

/// Whether a column of type `from` may be written to one of type `to`: the type it is kept as, or a wider one. Unsigned
/// 64-bit numbers may also go to signed ones; each value is checked.
pub(crate) fn fits(from: &DataType, to: &DataType, column: &str) -> Result<bool> {
    use DataType::{Decimal128, Float32, Float64, Int8, Int16, Int32, Int64, Null, UInt64};

    if from == &Null || (from == &UInt64 && to == &Int64) {
        return Ok(true);
    }
    let kept = kept_type(from, column)?;
    Ok(same(&kept, to)
        || match (&kept, to) {
            (Int8, Int16 | Int32 | Int64) | (Int16, Int32 | Int64) | (Int32, Int64) => true,
            (Float32, Float64) | (Int8 | Int16 | Int32, Float64) => true,
            (Int8 | Int16 | Int32 | Int64, Decimal128(digits, scale)) => {
                i16::from(*digits) - i16::from(*scale) >= integer_digits(&kept)
            }
            (Decimal128(from_digits, from_scale), Decimal128(to_digits, to_scale)) => {
                to_scale >= from_scale
                    && i16::from(*to_digits) - i16::from(*to_scale) >= i16::from(*from_digits) - i16::from(*from_scale)
            }
            _ => false,
        })
}

fn integer_digits(given: &DataType) -> i16 {
    match given {
        DataType::Int8 => 3,
        DataType::Int16 => 5,
        DataType::Int32 => 10,
        _ => 19,
    }
}

/// Equal but for the names of what lists and maps hold, for metadata, and for what may be empty (Arrow's cast checks that).
pub(crate) fn same(left: &DataType, right: &DataType) -> bool {
    match (left, right) {
        (DataType::List(left), DataType::List(right)) | (DataType::Map(left, _), DataType::Map(right, _)) => {
            same(left.data_type(), right.data_type())
        }
        (DataType::Struct(left), DataType::Struct(right)) => {
            let pair = left.len() == 2 && left[0].name() == "key" && left[1].name() == "value";
            left.len() == right.len()
                && left
                    .iter()
                    .zip(right)
                    .all(|(left, right)| (pair || left.name() == right.name()) && same(left.data_type(), right.data_type()))
        }
        _ => left == right,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int32Array, Int64Array, StringViewArray, Time64NanosecondArray, UInt64Array};
    use arrow::datatypes::Field;

    use super::*;

    fn table() -> TableName {
        TableName::lake("ods", "t").expect("a name")
    }

    fn schema(fields: &[(&str, DataType, bool)]) -> SchemaRef {
        Arc::new(Schema::new(
            fields.iter().map(|(name, data_type, nullable)| Field::new(*name, data_type.clone(), *nullable)).collect::<Vec<_>>(),
        ))
    }

    #[test]
    fn widens_fills_and_reorders() {
        let target = schema(&[
            ("id", DataType::Int64, false),
            ("name", DataType::Utf8, true),
            ("price", DataType::Decimal128(12, 2), true),
            ("at", DataType::Int64, true),
        ]);
        let given = schema(&[
            ("at", DataType::Time64(TimeUnit::Nanosecond), true),
            ("name", DataType::Utf8View, true),
            ("id", DataType::Int32, true),
        ]);
        let batch = RecordBatch::try_new(
            given.clone(),
            vec![
                Arc::new(Time64NanosecondArray::from(vec![1_500, 2_000])),
                Arc::new(StringViewArray::from(vec![Some("a"), None])),
                Arc::new(Int32Array::from(vec![1, 2])),
            ],
        )
        .expect("a batch");
        let fitted = Fit::new(&table(), &target, &given).expect("fits").apply(&batch).expect("fits");
        assert_eq!(fitted.schema(), target);
        assert_eq!(fitted.column(2).null_count(), 2);
        assert_eq!(fitted.column(3).as_ref(), &Int64Array::from(vec![1, 2]) as &dyn Array);
    }

    #[test]
    fn refuses_with_the_name_and_without_the_value() {
        let target = schema(&[("id", DataType::Int64, false)]);
        let extra = schema(&[("id", DataType::Int64, false), ("more", DataType::Int64, true)]);
        assert!(Fit::new(&table(), &target, &extra).err().expect("extra").is(&codes::LAKE_EXTRA_COLUMN));
        let empty = schema(&[]);
        assert!(Fit::new(&table(), &target, &empty).err().expect("missing").is(&codes::LAKE_MISSING_COLUMN));
        let text = schema(&[("id", DataType::Utf8, false)]);
        assert!(Fit::new(&table(), &target, &text).err().expect("type").is(&codes::LAKE_TYPE_MISMATCH));
        let unsigned = schema(&[("id", DataType::UInt64, true)]);
        let fit = Fit::new(&table(), &target, &unsigned).expect("checked by value");
        let batch = RecordBatch::try_new(unsigned.clone(), vec![Arc::new(UInt64Array::from(vec![u64::MAX]))]).expect("a batch");
        let error = fit.apply(&batch).expect_err("too large");
        assert!(error.is(&codes::LAKE_VALUE_DOES_NOT_FIT) && !error.to_string().contains("18446744073709551615"), "{error}");
        let batch = RecordBatch::try_new(unsigned, vec![Arc::new(UInt64Array::from(vec![None]))]).expect("a batch");
        assert!(fit.apply(&batch).expect_err("empty").is(&codes::LAKE_NULL_NOT_ALLOWED));
    }
}
