//! What the columns of a batch are kept as in a table.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef, TimeUnit};
use base::{Error, Result};
use deltalake_core::kernel::StructType;
use deltalake_core::kernel::engine::arrow_conversion::TryIntoKernel;

use crate::codes;

/// What begins the keys of field metadata that is ours and is kept; others' metadata is left out.
const METADATA_PREFIX: &str = "dataux.";

/// Most digits a decimal may have in a table.
const DECIMAL_DIGITS_MAX: u8 = 38;

/// The schema a table made from `schema` has: its columns in order, with the types of the crate's documentation.
/// Fails with the column's name if a type cannot be kept, or if two names differ only in case.
pub fn delta_schema(schema: &Schema) -> Result<Schema> {
    if schema.fields().is_empty() {
        return Err(Error::new(&codes::LAKE_COLUMNS_INVALID).with("reason", "there are none"));
    }
    let mut names = HashSet::new();
    for field in schema.fields() {
        if field.name().is_empty() {
            return Err(Error::new(&codes::LAKE_COLUMNS_INVALID).with("reason", "a column has no name"));
        }
        if !names.insert(field.name().to_lowercase()) {
            let reason = format!("`{}` is there twice (names differ only in case)", field.name());
            return Err(Error::new(&codes::LAKE_COLUMNS_INVALID).with("reason", reason));
        }
    }
    let fields = schema.fields().iter().map(|field| kept(field, field.name())).collect::<Result<Vec<_>>>()?;
    Ok(Schema::new(fields))
}

/// The same as Delta's own schema.
pub(crate) fn to_delta(schema: &Schema) -> Result<StructType> {
    schema.try_into_kernel().map_err(|error| Error::new(&codes::LAKE_COLUMNS_INVALID).because(error))
}

fn kept(field: &FieldRef, column: &str) -> Result<FieldRef> {
    let metadata: HashMap<String, String> = field
        .metadata()
        .iter()
        .filter(|(key, _)| key.starts_with(METADATA_PREFIX))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let kept = Field::new(field.name(), kept_type(field.data_type(), column)?, field.is_nullable());
    Ok(Arc::new(kept.with_metadata(metadata)))
}

/// The type a column of this type is kept as.
pub(crate) fn kept_type(given: &DataType, column: &str) -> Result<DataType> {
    let element = |inner: &FieldRef| -> Result<FieldRef> {
        Ok(Arc::new(Field::new("element", kept_type(inner.data_type(), column)?, inner.is_nullable())))
    };
    Ok(match given {
        DataType::Boolean
        | DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::Float32
        | DataType::Float64
        | DataType::Date32
        | DataType::Utf8
        | DataType::Binary => given.clone(),
        DataType::Null | DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::UInt8 => DataType::Int16,
        DataType::UInt16 => DataType::Int32,
        DataType::UInt32 => DataType::Int64,
        DataType::UInt64 => DataType::Decimal128(20, 0),
        DataType::Float16 => DataType::Float32,
        DataType::Date64 => DataType::Date32,
        DataType::Time32(_) | DataType::Time64(_) => DataType::Int64,
        DataType::Timestamp(_, Some(_)) => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        DataType::Timestamp(_, None) => DataType::Timestamp(TimeUnit::Microsecond, None),
        DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => DataType::Binary,
        DataType::Decimal32(digits, scale)
        | DataType::Decimal64(digits, scale)
        | DataType::Decimal128(digits, scale)
        | DataType::Decimal256(digits, scale)
            if *digits <= DECIMAL_DIGITS_MAX && (0..=*digits as i16).contains(&i16::from(*scale)) =>
        {
            DataType::Decimal128(*digits, *scale)
        }
        DataType::Dictionary(_, value) => kept_type(value, column)?,
        DataType::List(inner)
        | DataType::LargeList(inner)
        | DataType::ListView(inner)
        | DataType::LargeListView(inner)
        | DataType::FixedSizeList(inner, _) => DataType::List(element(inner)?),
        DataType::Struct(fields) => {
            let fields = fields.iter().map(|field| kept(field, column)).collect::<Result<Vec<_>>>()?;
            DataType::Struct(Fields::from(fields))
        }
        DataType::Map(entries, sorted) => match entries.data_type() {
            DataType::Struct(pair) if pair.len() == 2 => {
                let key = Field::new("key", kept_type(pair[0].data_type(), column)?, false);
                let value = Field::new("value", kept_type(pair[1].data_type(), column)?, pair[1].is_nullable());
                let pair = DataType::Struct(Fields::from(vec![key, value]));
                DataType::Map(Arc::new(Field::new("key_value", pair, false)), *sorted)
            }
            _ => return Err(unsupported(given, column)),
        },
        _ => return Err(unsupported(given, column)),
    })
}

fn unsupported(given: &DataType, column: &str) -> Error {
    Error::new(&codes::LAKE_TYPE_UNSUPPORTED).with("column", column).with("given", given)
}

/// The schema a scan hands out: text and binary as views, if so wished.
pub(crate) fn scanned(schema: &SchemaRef, views: bool) -> SchemaRef {
    if !views {
        return schema.clone();
    }
    let fields: Vec<FieldRef> = schema
        .fields()
        .iter()
        .map(|field| match field.data_type() {
            DataType::Utf8 => Arc::new(field.as_ref().clone().with_data_type(DataType::Utf8View)),
            DataType::Binary => Arc::new(field.as_ref().clone().with_data_type(DataType::BinaryView)),
            _ => field.clone(),
        })
        .collect();
    Arc::new(Schema::new(fields))
}

/// Whether a table may be parted by a column of this type: its values have one spelling in the log.
pub(crate) fn fits_partition(given: &DataType) -> bool {
    matches!(
        given,
        DataType::Boolean
            | DataType::Int8
            | DataType::Int16
            | DataType::Int32
            | DataType::Int64
            | DataType::Date32
            | DataType::Utf8
            | DataType::Decimal128(..)
            | DataType::Timestamp(..)
    )
}

/// Whether any column holds timestamps without a zone, which is a table feature of its own.
pub(crate) fn has_zoneless(schema: &Schema) -> bool {
    fn zoneless(given: &DataType) -> bool {
        match given {
            DataType::Timestamp(_, None) => true,
            DataType::List(inner) | DataType::Map(inner, _) => zoneless(inner.data_type()),
            DataType::Struct(fields) => fields.iter().any(|field| zoneless(field.data_type())),
            _ => false,
        }
    }
    schema.fields().iter().any(|field| zoneless(field.data_type()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_delta_can_hold() {
        let given = Schema::new(vec![
            Field::new("a", DataType::UInt64, true),
            Field::new("b", DataType::Timestamp(TimeUnit::Nanosecond, Some("+08:00".into())), true),
            Field::new("c", DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::LargeUtf8)), false),
            Field::new("d", DataType::LargeList(Arc::new(Field::new("item", DataType::UInt8, true))), true),
            Field::new("e", DataType::Time64(TimeUnit::Nanosecond), true),
            Field::new("f", DataType::Timestamp(TimeUnit::Second, None), true),
        ]);
        let kept = delta_schema(&given).expect("all can be kept");
        let types: Vec<String> = kept.fields().iter().map(|field| field.data_type().to_string()).collect();
        assert_eq!(types[0], "Decimal128(20, 0)");
        assert_eq!(types[1], "Timestamp(µs, \"UTC\")");
        assert_eq!(types[2], "Utf8");
        assert_eq!(types[4], "Int64");
        assert_eq!(types[5], "Timestamp(µs)");
        assert!(!kept.field(2).is_nullable());
        assert!(matches!(kept.field(3).data_type(), DataType::List(inner) if inner.data_type() == &DataType::Int16));
        to_delta(&kept).expect("Delta takes it");
        assert!(has_zoneless(&kept));
    }

    #[test]
    fn refuses_by_name() {
        let duration = Schema::new(vec![Field::new("wait", DataType::Duration(TimeUnit::Second), true)]);
        let error = delta_schema(&duration).expect_err("no durations");
        assert!(error.is(&codes::LAKE_TYPE_UNSUPPORTED) && error.to_string().contains("`wait`"), "{error}");
        let twice = Schema::new(vec![Field::new("a", DataType::Int8, true), Field::new("A", DataType::Int8, true)]);
        assert!(delta_schema(&twice).expect_err("twice").is(&codes::LAKE_COLUMNS_INVALID));
        assert!(delta_schema(&Schema::empty()).is_err());
    }
}
