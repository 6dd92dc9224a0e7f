//! Batches that came typed, brought to the wanted types without loss; rows that would lose something are set aside.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, RecordBatchOptions};
use arrow::compute::kernels::cmp::not_distinct;
use arrow::compute::{CastOptions, cast_with_options, filter_record_batch};
use arrow::datatypes::{DataType, Decimal128Type, Field, Schema, SchemaRef, TimeUnit, TimestampMicrosecondType};
use arrow::error::ArrowError;
use arrow::json::LineDelimitedWriter;
use base::{Error, Result};

use crate::causes::VALUE_UNFIT;
use crate::cells::Cells;
use crate::codes::{COLUMN_TYPE_UNSUPPORTED, FILE_COLUMNS_DIFFER, READER_FAILED};
use crate::source::{RAW_BYTES_MAX, Reject};

/// Digits behind the point of seconds that come as decimals, as ORC's timestamps do, whose range no 64 bits hold.
const NANOSECOND_DIGITS: i8 = 9;
const NANOS_OF_MICRO: i128 = 1_000;

/// Casts each column to the type of the schema's column of the same place. `first` is the number of the batch's first row in
/// `place`, from 1.
pub(crate) fn fit(batch: &RecordBatch, schema: &SchemaRef, place: &str, first: u64) -> Result<(RecordBatch, Vec<Reject>)> {
    let failed = |error: ArrowError| Error::new(&READER_FAILED).with("place", place).because(error);
    let mut columns = Vec::with_capacity(batch.num_columns());
    let mut unfit: Vec<Option<usize>> = vec![None; batch.num_rows()];
    for (index, (column, field)) in batch.columns().iter().zip(schema.fields()).enumerate() {
        let column = if column.data_type() == field.data_type() {
            column.clone()
        } else {
            let cast = change(column, field.data_type()).ok_or_else(|| {
                Error::new(&COLUMN_TYPE_UNSUPPORTED)
                    .with("column", field.name())
                    .with("place", place)
                    .with("type", column.data_type())
            })?;
            for row in (0..cast.len()).filter(|row| cast.is_null(*row) && !column.is_null(*row)) {
                unfit[row].get_or_insert(index);
            }
            cast
        };
        columns.push(column);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    let whole = RecordBatch::try_new_with_options(schema.clone(), columns, &options).map_err(failed)?;
    if unfit.iter().all(Option::is_none) {
        return Ok((whole, Vec::new()));
    }
    let keep = BooleanArray::from(unfit.iter().map(Option::is_none).collect::<Vec<_>>());
    let rejects = unfit.iter().enumerate().filter_map(|(row, column)| Some((row, (*column)?))).map(|(row, column)| {
        let field = schema.field(column);
        Reject {
            cause: VALUE_UNFIT.into(),
            message: format!("column `{}`: the value does not fit {}", field.name(), field.data_type()),
            raw: json(&batch.slice(row, 1)),
            position: format!("{place}:{}", first + row as u64),
        }
    });
    let rejects = rejects.collect();
    Ok((filter_record_batch(&whole, &keep).map_err(failed)?, rejects))
}

/// The column in another type, with NULL for values that it cannot hold exactly; `None` if there is no way at all.
fn change(column: &ArrayRef, wanted: &DataType) -> Option<ArrayRef> {
    let safe = CastOptions { safe: true, ..CastOptions::default() };
    if let (DataType::Utf8, false) = (column.data_type(), is_text(wanted)) {
        let mut cells = Cells::new(wanted, column.len())?;
        for text in column.as_string::<i32>() {
            if text.is_none_or(|text| !cells.text(text)) {
                cells.null();
            }
        }
        return cells.finish().ok();
    }
    if let (DataType::Decimal128(_, NANOSECOND_DIGITS), DataType::Timestamp(TimeUnit::Microsecond, zone)) =
        (column.data_type(), wanted)
    {
        let micros = column.as_primitive::<Decimal128Type>().unary_opt::<_, TimestampMicrosecondType>(|nanos| {
            (nanos % NANOS_OF_MICRO == 0).then_some(nanos / NANOS_OF_MICRO).and_then(|micros| i64::try_from(micros).ok())
        });
        return Some(Arc::new(micros.with_timezone_opt(zone.clone())));
    }
    let there = cast_with_options(column, wanted, &safe).ok()?;
    if widens(column.data_type(), wanted) {
        return Some(there);
    }
    let back = cast_with_options(&there, column.data_type(), &safe).ok()?;
    let same = if column.data_type().is_nested() { same_nested(&back, column) } else { not_distinct(&back, column).ok()? };
    if same.true_count() == same.len() {
        return Some(there);
    }
    arrow::compute::nullif(&there, &arrow::compute::not(&same).ok()?).ok()
}

/// Which rows of two columns of lists, structs or maps are equal.
fn same_nested(one: &ArrayRef, other: &ArrayRef) -> BooleanArray {
    if one == other {
        return BooleanArray::from(vec![true; one.len()]);
    }
    (0..one.len()).map(|row| Some(one.slice(row, 1) == other.slice(row, 1))).collect()
}

fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

/// Changes of form alone, which need no check.
fn widens(found: &DataType, wanted: &DataType) -> bool {
    is_text(wanted) || matches!(wanted, DataType::Binary) || matches!(found, DataType::Dictionary(..))
}

/// A row as JSON, bounded.
fn json(row: &RecordBatch) -> Vec<u8> {
    let mut writer = LineDelimitedWriter::new(Vec::new());
    // Types that JSON cannot show are left to the position to find.
    if writer.write(row).and_then(|()| writer.finish()).is_err() {
        return Vec::new();
    }
    let mut raw = writer.into_inner();
    raw.truncate(raw.trim_ascii_end().len().min(RAW_BYTES_MAX));
    raw
}

/// The schema in the types that Delta tables keep.
pub(crate) fn kept(found: &Schema) -> Schema {
    let field = |field: &Arc<Field>| {
        Field::new(field.name(), crate::columns::kept_as(field.data_type()), true).with_metadata(field.metadata().clone())
    };
    Schema::new(found.fields().iter().map(field).collect::<Vec<_>>())
}

/// Fails if a file at `place` has other columns than `wanted`; their order and their types may differ.
pub(crate) fn same_names(place: &str, wanted: &Schema, found: &Schema) -> Result<()> {
    let lacks = wanted.fields().iter().find(|field| found.index_of(field.name()).is_err());
    let extra = || found.fields().iter().find(|field| wanted.index_of(field.name()).is_err());
    let reason = match (lacks, extra()) {
        (Some(field), _) => format!("it lacks `{}`", field.name()),
        (None, Some(field)) => format!("it also has `{}`", field.name()),
        (None, None) => return Ok(()),
    };
    Err(Error::new(&FILE_COLUMNS_DIFFER).with("place", place).with("reason", reason))
}

#[cfg(test)]
mod tests {
    use arrow::array::{Float64Array, StringArray, TimestampNanosecondArray};
    use arrow::datatypes::{Float64Type, Int64Type};

    use super::*;

    #[test]
    fn what_would_be_cut_is_set_aside() {
        let found = RecordBatch::try_from_iter([
            ("at", Arc::new(TimestampNanosecondArray::from(vec![1_000, 1_001, 2_000])) as ArrayRef),
            ("count", Arc::new(Float64Array::from(vec![1.0, 2.0, 2.5])) as ArrayRef),
            ("price", Arc::new(StringArray::from(vec![Some("1.5"), Some("x"), None])) as ArrayRef),
        ])
        .expect("equal lengths");
        let wanted = Arc::new(Schema::new(vec![
            Field::new("at", DataType::Timestamp(TimeUnit::Microsecond, None), true),
            Field::new("count", DataType::Int64, true),
            Field::new("price", DataType::Float64, true),
        ]));
        let (batch, rejects) = fit(&found, &wanted, "f", 11).expect("castable");
        assert_eq!(batch.num_rows(), 1);
        assert_eq!(batch.column(1).as_primitive::<Int64Type>().values(), &[1]);
        assert_eq!(batch.column(2).as_primitive::<Float64Type>().values(), &[1.5]);
        assert_eq!(rejects.iter().map(|reject| reject.position.as_str()).collect::<Vec<_>>(), ["f:12", "f:13"]);
        assert!(rejects[0].message.contains("`at`") && rejects[1].raw.starts_with(b"{"), "{rejects:?}");
    }
    #[test]
    fn nested_values_are_not_cut_either() {
        let nanos = TimestampNanosecondArray::from(vec![1_000, 2_000, 2_001]);
        let item = Arc::new(Field::new("item", nanos.data_type().clone(), true));
        let offsets = arrow::buffer::OffsetBuffer::from_lengths([2, 1]);
        let lists = arrow::array::ListArray::new(item, offsets, Arc::new(nanos), None);
        let seconds = arrow::array::Decimal128Array::from(vec![1_420_070_400_123_456_000, 7]);
        let seconds = seconds.with_precision_and_scale(38, 9).expect("few digits");
        let found = RecordBatch::try_from_iter([("at", Arc::new(lists) as ArrayRef), ("moment", Arc::new(seconds))]);
        let found = found.expect("equal lengths");
        let micros = DataType::Timestamp(TimeUnit::Microsecond, None);
        let wanted = Arc::new(Schema::new(vec![
            Field::new("at", crate::columns::kept_as(found.column(0).data_type()), true),
            Field::new("moment", micros.clone(), true),
        ]));
        let (batch, rejects) = fit(&found, &wanted, "f", 1).expect("castable");
        assert_eq!((batch.num_rows(), rejects.len(), &*rejects[0].position), (1, 1, "f:2"));
        assert_eq!(batch.column(1).as_primitive::<TimestampMicrosecondType>().values(), &[1_420_070_400_123_456]);
    }
}
