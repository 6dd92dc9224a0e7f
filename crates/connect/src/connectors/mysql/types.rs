//! Column types of MySQL and MariaDB: what each becomes, and in which form its values come.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, TimeUnit};
use base::{Error, Result};
use mysql_async::{Row, Value};

use super::session::Session;
use crate::codes::COLUMN_TYPE_UNSUPPORTED;
use crate::guess::UTC;
use crate::select::backquoted;
use crate::source::Filters;

/// A column of a table.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub name: String,
    /// As the server shows it, such as `decimal(10,2) unsigned`.
    pub shown: String,
    /// Whether it can hold NULL.
    pub nullable: bool,
    /// How the server compares its texts; empty if they are none.
    pub collation: String,
    /// `None` if it cannot be read.
    pub form: Option<Form>,
}

/// How the values of a column come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Form {
    /// A whole number of this type.
    Integer(DataType),
    /// A whole number up to 2^64.
    Unsigned,
    Float,
    Double,
    /// Digits; precision and scale.
    Decimal(u8, i8),
    /// Digits that no decimal of ours holds.
    Digits,
    /// So many bits, the highest first.
    Bits(u64),
    /// A year, which the server compares with two-digit numbers in a way of its own.
    Year,
    Text,
    /// Text that the server compares as what it stands for: JSON, UUIDs, addresses.
    Meaning,
    /// A label, of which the empty one may stand for a value that is none.
    Label {
        /// Whether the empty text is a label.
        empty: bool,
    },
    Bytes,
    Date,
    /// Up to 838 hours, in both directions.
    Time,
    /// A date and a time; whether in UTC.
    Timestamp(bool),
    /// Cast to text by the server and read as a type that was declared.
    Shown,
    /// A shape, shown as text by the server and read as a type that was declared.
    Shape,
}

impl Form {
    /// The type of the column; `None` if it has none of its own.
    pub fn data_type(&self) -> Option<DataType> {
        Some(match self {
            Self::Integer(data_type) => data_type.clone(),
            Self::Unsigned | Self::Bits(64) => DataType::Decimal128(20, 0),
            Self::Float => DataType::Float32,
            Self::Double => DataType::Float64,
            Self::Decimal(precision, scale) => DataType::Decimal128(*precision, *scale),
            Self::Bits(1) => DataType::Boolean,
            Self::Bits(_) | Self::Time => DataType::Int64,
            Self::Year => DataType::Int16,
            Self::Digits | Self::Text | Self::Meaning | Self::Label { .. } => DataType::Utf8,
            Self::Bytes => DataType::Binary,
            Self::Date => DataType::Date32,
            Self::Timestamp(zoned) => DataType::Timestamp(TimeUnit::Microsecond, zoned.then(|| Arc::from(UTC))),
            Self::Shown | Self::Shape => return None,
        })
    }

    /// The expression that is read.
    pub fn expression(&self, name: &str) -> String {
        let name = backquoted(name);
        match self {
            Self::Shown => format!("cast({name} as char)"),
            Self::Shape => format!("st_astext({name})"),
            _ => name,
        }
    }
}

impl Column {
    /// The column's field; `None` if it cannot be read.
    pub fn field(&self) -> Option<Field> {
        self.form.as_ref().and_then(Form::data_type).map(|data_type| Field::new(&self.name, data_type, true))
    }

    /// The field, with what whoever queries live must know.
    pub fn live_field(&self) -> Option<Field> {
        let filters = match self.form {
            None | Some(Form::Meaning | Form::Bits(_) | Form::Time | Form::Year) => Filters::None,
            // A text that the column's character set does not have is an error there.
            Some(Form::Text | Form::Label { .. }) if !self.collation.starts_with("utf8mb4_") => Filters::Ascii,
            Some(_) => Filters::All,
        };
        self.field().map(|field| filters.mark(field))
    }

    /// How a column that has no form is read as a declared type.
    pub fn declared(&self) -> Form {
        const SHAPES: [&str; 8] =
            ["geom", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon", "geometrycollection"];
        if SHAPES.iter().any(|shape| self.shown.starts_with(shape)) { Form::Shape } else { Form::Shown }
    }
}

/// The error for a column that cannot be read.
pub(super) fn unsupported(place: &str, name: &str, column: Option<&Column>) -> Error {
    let shown = column.map_or("unknown", |column| column.shown.as_str());
    Error::new(&COLUMN_TYPE_UNSUPPORTED).with("column", name).with("place", place).with("type", shown)
}

const COLUMNS: &str = "
    select column_name, data_type, column_type, is_nullable, numeric_precision, numeric_scale, collation_name
    from information_schema.columns where table_schema = ? and table_name = ? order by ordinal_position";

/// Reads the columns of a table.
pub(super) async fn columns(session: &mut Session, schema: &str, table: &str) -> Result<Vec<Column>> {
    let rows = session.query(COLUMNS, &[schema, table]).await?;
    let column = |row: &Row| {
        let shown = text(row, 2).unwrap_or_default();
        Column {
            name: text(row, 0).unwrap_or_default(),
            nullable: text(row, 3).is_none_or(|nullable| nullable != "NO"),
            collation: text(row, 6).unwrap_or_default(),
            form: form(&text(row, 1).unwrap_or_default(), &shown, number(row, 4), number(row, 5)),
            shown,
        }
    };
    Ok(rows.iter().map(column).collect())
}

/// A text of an answer about tables.
pub(super) fn text(row: &Row, index: usize) -> Option<String> {
    match row.as_ref(index) {
        Some(Value::Bytes(bytes)) => Some(String::from_utf8_lossy(bytes).into_owned()),
        _ => None,
    }
}

/// A whole number of an answer about tables.
pub(super) fn number(row: &Row, index: usize) -> Option<i128> {
    match row.as_ref(index)? {
        Value::Int(value) => Some((*value).into()),
        Value::UInt(value) => Some((*value).into()),
        Value::Bytes(digits) => std::str::from_utf8(digits).ok()?.parse().ok(),
        _ => None,
    }
}

fn form(name: &str, shown: &str, precision: Option<i128>, scale: Option<i128>) -> Option<Form> {
    let unsigned = shown.contains("unsigned");
    Some(match name {
        "tinyint" => Form::Integer(if unsigned { DataType::Int16 } else { DataType::Int8 }),
        "smallint" => Form::Integer(if unsigned { DataType::Int32 } else { DataType::Int16 }),
        "mediumint" => Form::Integer(DataType::Int32),
        "int" => Form::Integer(if unsigned { DataType::Int64 } else { DataType::Int32 }),
        "bigint" if unsigned => Form::Unsigned,
        "bigint" => Form::Integer(DataType::Int64),
        "float" => Form::Float,
        "double" => Form::Double,
        "decimal" => {
            match (precision.and_then(|digits| u8::try_from(digits).ok()), scale.and_then(|scale| i8::try_from(scale).ok())) {
                (Some(precision @ 1..=38), Some(scale)) => Form::Decimal(precision, scale),
                _ => Form::Digits,
            }
        }
        "bit" => Form::Bits(precision.and_then(|bits| u64::try_from(bits).ok()).filter(|bits| (1..=64).contains(bits))?),
        "year" => Form::Year,
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" | "set" => Form::Text,
        "json" | "uuid" | "inet4" | "inet6" => Form::Meaning,
        "enum" => Form::Label { empty: labels(shown).any(|label| label.is_empty()) },
        "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => Form::Bytes,
        "date" => Form::Date,
        "time" => Form::Time,
        "datetime" => Form::Timestamp(false),
        "timestamp" => Form::Timestamp(true),
        _ => return None,
    })
}

/// The labels of `enum('a','it''s')`, quotes inside them left doubled.
fn labels(shown: &str) -> impl Iterator<Item = &str> {
    let mut rest = shown.trim_start_matches(|letter| letter != '\'');
    std::iter::from_fn(move || {
        let inside = rest.strip_prefix('\'')?;
        let bytes = inside.as_bytes();
        let mut end = 0;
        while bytes.get(end).is_some_and(|byte| *byte != b'\'') || bytes.get(end..end + 2) == Some(b"''") {
            end += if bytes[end] == b'\'' { 2 } else { 1 };
        }
        let label = inside.get(..end)?;
        rest = inside.get(end + 1..).unwrap_or_default().trim_start_matches(',');
        Some(label)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_signs_tell_the_type() {
        let named = |shown: &str, precision, scale| {
            let name = shown.split(['(', ' ']).next().expect("a first part");
            form(name, shown, precision, scale).and_then(|form| form.data_type())
        };
        assert_eq!(named("tinyint(1)", Some(3), Some(0)), Some(DataType::Int8));
        assert_eq!(named("tinyint(3) unsigned", Some(3), Some(0)), Some(DataType::Int16));
        assert_eq!(named("int(10) unsigned zerofill", Some(10), Some(0)), Some(DataType::Int64));
        assert_eq!(named("bigint(20) unsigned", Some(20), Some(0)), Some(DataType::Decimal128(20, 0)));
        assert_eq!(named("decimal(38,10)", Some(38), Some(10)), Some(DataType::Decimal128(38, 10)));
        assert_eq!(named("decimal(65,30)", Some(65), Some(30)), Some(DataType::Utf8));
        assert_eq!(named("bit(1)", Some(1), None), Some(DataType::Boolean));
        assert_eq!(named("bit(63)", Some(63), None), Some(DataType::Int64));
        assert_eq!(named("bit(64)", Some(64), None), Some(DataType::Decimal128(20, 0)));
        assert_eq!(named("polygon", None, None), None);
    }

    #[test]
    fn labels_may_hold_quotes_and_commas() {
        assert_eq!(labels("enum('a','it''s',',','')").collect::<Vec<_>>(), ["a", "it''s", ",", ""]);
        assert_eq!(labels("enum('''')").collect::<Vec<_>>(), ["''"]);
        assert_eq!(labels("enum('','x')").collect::<Vec<_>>(), ["", "x"]);
        assert_eq!(labels("enum('中')").collect::<Vec<_>>(), ["中"]);
    }
}
