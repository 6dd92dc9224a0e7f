//! Which columns are read and as what: inferred, then overruled by what is declared, then chosen by name.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use base::nearest::nearest;
use base::{Error, Result};

use crate::codes::COLUMN_MISSING;

/// The columns of the output. All may hold NULL: what a source promises today it may break tomorrow.
pub(crate) fn settle(found: &Schema, declared: Option<&SchemaRef>, columns: Option<&[String]>, place: &str) -> Result<SchemaRef> {
    let names = || found.fields().iter().map(|field| field.name().as_str());
    let find = |name: &str| found.index_of(name).map_err(|_| missing(name, names(), place));
    if let Some(declared) = declared {
        for field in declared.fields() {
            find(field.name())?;
        }
    }
    let typed = |field: &Field| match declared.and_then(|declared| declared.field_with_name(field.name()).ok()) {
        Some(wanted) => Field::new(field.name(), wanted.data_type().clone(), true).with_metadata(field.metadata().clone()),
        None => field.clone().with_nullable(true),
    };
    let fields: Vec<Field> = match columns {
        None => found.fields().iter().map(|field| typed(field)).collect(),
        Some(columns) => columns.iter().map(|name| Ok(typed(found.field(find(name)?)))).collect::<Result<_>>()?,
    };
    Ok(Arc::new(Schema::new(fields)))
}

/// The error for a column that is not there, naming the nearest.
pub(crate) fn missing<'a>(name: &str, names: impl Iterator<Item = &'a str> + Clone, place: &str) -> Error {
    const NAMED_MAX: usize = 40;
    let known: Vec<&str> = names.clone().take(NAMED_MAX).collect();
    let error = Error::new(&COLUMN_MISSING).with("place", place).with("column", name).with("columns", known.join(", "));
    match nearest(name, names) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error,
    }
}

/// The type in which a column of this type is given out: what Delta tables can keep, without loss.
pub(crate) fn kept_as(found: &DataType) -> DataType {
    match found {
        DataType::UInt8 => DataType::Int16,
        DataType::UInt16 => DataType::Int32,
        DataType::UInt32 => DataType::Int64,
        DataType::UInt64 => DataType::Decimal128(20, 0),
        DataType::Float16 => DataType::Float32,
        DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => DataType::Binary,
        DataType::Date64 => DataType::Date32,
        DataType::Time32(_) | DataType::Time64(_) => DataType::Time64(TimeUnit::Microsecond),
        DataType::Timestamp(_, zone) => {
            DataType::Timestamp(TimeUnit::Microsecond, zone.as_ref().map(|_| Arc::from(crate::guess::UTC)))
        }
        DataType::Decimal32(precision, scale) | DataType::Decimal64(precision, scale) => DataType::Decimal128(*precision, *scale),
        DataType::Dictionary(_, value) => kept_as(value),
        other => other.clone(),
    }
}
