//! Column types of PostgreSQL: what each becomes, and in which form it is copied.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, TimeUnit};
use base::{Error, Result};

use super::session::Session;
use crate::codes::COLUMN_TYPE_UNSUPPORTED;
use crate::guess::UTC;
use crate::select::quoted;
use crate::source::Filters;

/// A column of a table.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub name: String,
    /// As the server shows it, such as `numeric(10,2)`.
    pub shown: String,
    /// Whether it can hold NULL.
    pub nullable: bool,
    /// `None` if it cannot be read.
    pub form: Option<Form>,
}

/// How a value is sent in a binary copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Form {
    Boolean,
    Int2,
    Int4,
    Int8,
    Float4,
    Float8,
    /// Digits in base 10,000; precision and scale.
    Numeric(u8, i8),
    Text,
    Bytes,
    /// Days since 2000-01-01.
    Date,
    /// Microseconds since midnight.
    Time,
    /// Microseconds since 2000-01-01; whether in UTC.
    Timestamp(bool),
    /// Sixteen bytes.
    Uuid,
    /// A version byte and text.
    Jsonb,
    /// Microseconds, days, months.
    Interval,
    /// An array of one dimension.
    List(Box<Form>),
    /// Cast to text by the server and kept as text.
    AsText,
    /// Cast to text by the server and read as a type that was declared.
    Parsed(DataType),
}

impl Form {
    /// The type of the column.
    pub fn data_type(&self) -> DataType {
        match self {
            Self::Boolean => DataType::Boolean,
            Self::Int2 => DataType::Int16,
            Self::Int4 => DataType::Int32,
            Self::Int8 | Self::Interval => DataType::Int64,
            Self::Float4 => DataType::Float32,
            Self::Float8 => DataType::Float64,
            Self::Numeric(precision, scale) => DataType::Decimal128(*precision, *scale),
            Self::Text | Self::Uuid | Self::Jsonb | Self::AsText => DataType::Utf8,
            Self::Bytes => DataType::Binary,
            Self::Date => DataType::Date32,
            Self::Time => DataType::Time64(TimeUnit::Microsecond),
            Self::Timestamp(zoned) => DataType::Timestamp(TimeUnit::Microsecond, zoned.then(|| Arc::from(UTC))),
            Self::List(item) => DataType::List(Arc::new(Field::new_list_field(item.data_type(), true))),
            Self::Parsed(data_type) => data_type.clone(),
        }
    }

    /// The expression that is copied.
    pub fn expression(&self, name: &str) -> String {
        match self {
            Self::AsText | Self::Parsed(_) => format!("{}::text", quoted(name)),
            _ => quoted(name),
        }
    }
}

impl Column {
    /// The column's field; `None` if it cannot be read.
    pub fn field(&self) -> Option<Field> {
        self.form.as_ref().map(|form| Field::new(&self.name, form.data_type(), true))
    }

    /// The field, with what whoever queries live must know.
    pub fn live_field(&self) -> Option<Field> {
        // A text that is no UUID, no label or no number is an error there, and JSON cannot be compared at all.
        let filters = match self.form {
            None | Some(Form::Interval | Form::AsText | Form::Uuid | Form::Jsonb) => Filters::None,
            Some(Form::Text) if self.shown == "json" => Filters::None,
            Some(_) => Filters::All,
        };
        self.field().map(|field| filters.mark(field))
    }
}

/// The error for a column that cannot be read.
pub(super) fn unsupported(place: &str, name: &str, column: Option<&Column>) -> Error {
    let shown = column.map_or("unknown", |column| column.shown.as_str());
    Error::new(&COLUMN_TYPE_UNSUPPORTED).with("column", name).with("place", place).with("type", shown)
}

/// The columns of a relation, domains resolved to what they stand for.
const COLUMNS: &str = "
    with recursive bare as (
        select attnum, attname::text as name, attnotnull as filled, atttypid as type, atttypmod as modifier,
               format_type(atttypid, atttypmod) as shown
        from pg_attribute where attrelid = $1 and attnum > 0 and not attisdropped
        union all
        select bare.attnum, bare.name, bare.filled or typnotnull, typbasetype, typtypmod, bare.shown
        from bare join pg_type on pg_type.oid = bare.type where typtype = 'd'
    )
    select bare.name, bare.filled, bare.modifier, bare.shown, self.typname::text, self.typtype::text,
           self.typcategory::text, item.typname::text, item.typtype::text
    from bare
    join pg_type self on self.oid = bare.type
    left join pg_type item on item.oid = self.typelem
    where self.typtype <> 'd'
    order by bare.attnum";

/// Reads the columns of the relation with this id.
pub(super) async fn columns(session: &Session, relation: u32) -> Result<Vec<Column>> {
    let rows = session.query(COLUMNS, &[&relation]).await?;
    let column = |row: &tokio_postgres::Row| {
        let (name, kind): (String, String) = (row.get(4), row.get(5));
        let (category, modifier): (String, i32) = (row.get(6), row.get(2));
        let (item_name, item_kind): (Option<String>, Option<String>) = (row.get(7), row.get(8));
        let form = match (category.as_str(), item_name, item_kind) {
            // The server casts no items, so only those that come in a form of their own are read.
            ("A", Some(item), Some(kind)) => form(&item, &kind, modifier)
                .filter(|item| *item != Form::AsText || kind == "e")
                .map(|item| Form::List(Box::new(if kind == "e" { Form::Text } else { item }))),
            _ => form(&name, &kind, modifier),
        };
        Column { name: row.get(0), shown: row.get(3), nullable: !row.get::<_, bool>(1), form }
    };
    Ok(rows.iter().map(column).collect())
}

fn form(name: &str, kind: &str, modifier: i32) -> Option<Form> {
    if kind == "e" {
        return Some(Form::AsText);
    }
    Some(match name {
        "bool" => Form::Boolean,
        "int2" => Form::Int2,
        "int4" => Form::Int4,
        "int8" => Form::Int8,
        "float4" => Form::Float4,
        "float8" => Form::Float8,
        "numeric" => match decimal(modifier) {
            Some((precision, scale)) => Form::Numeric(precision, scale),
            None => Form::AsText,
        },
        "text" | "varchar" | "bpchar" | "name" | "json" => Form::Text,
        "bytea" => Form::Bytes,
        "date" => Form::Date,
        "time" => Form::Time,
        "timestamp" => Form::Timestamp(false),
        "timestamptz" => Form::Timestamp(true),
        "uuid" => Form::Uuid,
        "jsonb" => Form::Jsonb,
        "interval" => Form::Interval,
        "timetz" | "inet" | "cidr" | "macaddr" | "macaddr8" | "xml" => Form::AsText,
        _ => return None,
    })
}

/// Precision and scale, if they are declared and fit 38 digits.
fn decimal(modifier: i32) -> Option<(u8, i8)> {
    let packed = modifier.checked_sub(4).filter(|packed| *packed >= 0)?;
    let precision = packed >> 16;
    // Eleven bits with a sign.
    let scale = ((packed & 0x7FF) ^ 1024) - 1024;
    ((1..=38).contains(&precision) && (0..=precision).contains(&scale)).then_some((precision as u8, scale as i8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numeric_is_a_decimal_only_where_it_says_how_long() {
        assert_eq!(decimal(((10 << 16) | 2) + 4), Some((10, 2)));
        assert_eq!(decimal(((39 << 16) | 2) + 4), None);
        assert_eq!(decimal(((3 << 16) | (-2_i32 & 0x7FF)) + 4), None);
        assert_eq!(decimal(-1), None);
    }
}
