//! Which columns are read and as what: inferred, then overruled by what is declared, then chosen by name.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef, TimeUnit};
use base::nearest::nearest;
use base::{Error, Result};

use crate::codes::{COLUMN_MISSING, COLUMN_TYPE_UNSUPPORTED};

/// Most digits a decimal may have in a table.
const DECIMAL_DIGITS_MAX: u8 = 38;

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
        DataType::Decimal256(precision, scale) if *precision <= DECIMAL_DIGITS_MAX => DataType::Decimal128(*precision, *scale),
        DataType::Dictionary(_, value) => kept_as(value),
        DataType::Null => DataType::Utf8,
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _) => DataType::List(kept_field(item, "element")),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(|field| kept_field(field, field.name())).collect()),
        DataType::Map(entries, sorted) => match entries.data_type() {
            DataType::Struct(pair) if pair.len() == 2 => {
                let pair = [kept_field(&pair[0], "key"), kept_field(&pair[1], "value")];
                DataType::Map(Arc::new(Field::new("key_value", DataType::Struct(pair.into_iter().collect()), false)), *sorted)
            }
            _ => found.clone(),
        },
        other => other.clone(),
    }
}

fn kept_field(found: &FieldRef, name: &str) -> FieldRef {
    Arc::new(Field::new(name, kept_as(found.data_type()), found.is_nullable()))
}

/// Fails with the column's name at a type that no table can keep, such as a union.
pub(crate) fn supported(schema: &Schema, place: &str) -> Result<()> {
    let unfit = schema.fields().iter().find(|field| !can_be_kept(field.data_type()));
    unfit.map_or(Ok(()), |field| {
        Err(Error::new(&COLUMN_TYPE_UNSUPPORTED)
            .with("column", field.name())
            .with("place", place)
            .with("type", field.data_type()))
    })
}

fn can_be_kept(data_type: &DataType) -> bool {
    match data_type {
        DataType::Union(..) | DataType::Interval(_) | DataType::Duration(_) | DataType::RunEndEncoded(..) => false,
        DataType::Decimal256(digits, _) => *digits <= DECIMAL_DIGITS_MAX,
        DataType::List(item) => can_be_kept(item.data_type()),
        DataType::Struct(fields) => fields.iter().all(|field| can_be_kept(field.data_type())),
        DataType::Map(entries, _) => can_be_kept(entries.data_type()),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::UnionMode;

    use super::*;

    #[test]
    fn what_is_nested_is_kept_as_tables_keep_it() {
        let item = Field::new("item", DataType::LargeUtf8, false).with_metadata([("a".to_owned(), "b".to_owned())].into());
        let nanos = DataType::Timestamp(TimeUnit::Nanosecond, None);
        let pair = DataType::Struct(vec![Field::new("k", DataType::Utf8, false), Field::new("v", nanos, true)].into());
        let found = DataType::Struct(
            vec![
                Field::new("tags", DataType::LargeList(Arc::new(item)), true),
                Field::new("at", DataType::Map(Arc::new(Field::new("entries", pair, false)), false), true),
            ]
            .into(),
        );
        let shown = kept_as(&found).to_string();
        assert!(shown.contains("\"tags\": List(non-null Utf8") && shown.contains("Timestamp(µs)"), "{shown}");
        let union =
            DataType::Union([(0, Arc::new(Field::new("a", DataType::Int32, true)))].into_iter().collect(), UnionMode::Dense);
        let list = DataType::List(Arc::new(Field::new("element", union, true)));
        let error = supported(&Schema::new(vec![Field::new("odd", list, true)]), "f").expect_err("a union");
        assert!(error.is(&COLUMN_TYPE_UNSUPPORTED) && error.to_string().contains("`odd`"), "{error}");
    }
}
