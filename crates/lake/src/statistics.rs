//! The statistics of a data file as the log holds them, made from the file's own Parquet footer.
//!
//! Bounds hold for every reader: text is cut (and the upper cut raised) by the Parquet writer, timestamps are rounded outward
//! to milliseconds as the protocol writes them, and what JSON numbers cannot carry exactly is left out.

use chrono::{DateTime, Utc};
use parquet::basic::{LogicalType, TimeUnit, Type};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::statistics::Statistics;
use parquet::schema::types::ColumnDescriptor;
use serde_json::{Map, Value, json};

/// Leaf columns that get statistics: what the protocol's readers expect by default.
const COLUMNS_MAX: usize = 32;

/// Longest text kept as a bound, in bytes; the Parquet writer cuts earlier where it can.
const TEXT_BYTES_MAX: usize = 256;

/// Largest whole number that a JSON number surely carries exactly.
const EXACT_MAX: i128 = 1_000_000_000_000_000;

/// `{"numRecords": …, "minValues": …, "maxValues": …, "nullCount": …}` as text.
pub(crate) fn of_file(metadata: &ParquetMetaData) -> String {
    let schema = metadata.file_metadata().schema_descr();
    let (mut mins, mut maxes, mut nulls) = (Map::new(), Map::new(), Map::new());
    for (index, column) in schema.columns().iter().enumerate().take(COLUMNS_MAX) {
        // What repeats has no bounds a row, and its empty values are not empty rows.
        if column.max_rep_level() > 0 {
            continue;
        }
        let mut counted = Some(0);
        let (mut low, mut high): (Option<Bound>, Option<Bound>) = (None, None);
        let mut bounded = true;
        for group in metadata.row_groups() {
            let Some(statistics) = group.column(index).statistics() else {
                counted = None;
                bounded = false;
                break;
            };
            let empty = statistics.null_count_opt();
            counted = counted.zip(empty).map(|(sum, empty)| sum + empty);
            if empty == Some(group.num_rows().cast_unsigned()) {
                continue;
            }
            match (Bound::of(statistics, column, true), Bound::of(statistics, column, false)) {
                (Some(min), Some(max)) => {
                    low = Some(low.map_or_else(|| min.clone(), |low| low.least(min.clone())));
                    high = Some(high.map_or_else(|| max.clone(), |high| high.greatest(max.clone())));
                }
                _ => bounded = false,
            }
        }
        if let Some(counted) = counted {
            insert(&mut nulls, column.path().parts(), Value::from(counted));
        }
        if bounded && let (Some(low), Some(high)) = (low, high) {
            // Bounds are of use only in pairs.
            if let (Some(low), Some(high)) = (low.json(true), high.json(false)) {
                insert(&mut mins, column.path().parts(), low);
                insert(&mut maxes, column.path().parts(), high);
            }
        }
    }
    let rows = metadata.file_metadata().num_rows();
    json!({ "numRecords": rows, "minValues": mins, "maxValues": maxes, "nullCount": nulls }).to_string()
}

fn insert(into: &mut Map<String, Value>, path: &[String], value: Value) {
    match path {
        [] => {}
        [name] => {
            into.insert(name.clone(), value);
        }
        [name, rest @ ..] => {
            if let Value::Object(inner) = into.entry(name.clone()).or_insert_with(|| Value::Object(Map::new())) {
                insert(inner, rest, value);
            }
        }
    }
}

/// A bound in the order its column has.
#[derive(Debug, Clone, PartialEq)]
enum Bound {
    Whole(i64),
    Float(f64),
    Text(String),
    /// Days since 1970.
    Day(i32),
    /// Microseconds since 1970, and whether they are of UTC.
    Instant(i64, bool),
    /// The digits and how many of them are behind the point.
    Decimal(i128, u8),
}

impl Bound {
    fn of(statistics: &Statistics, column: &ColumnDescriptor, min: bool) -> Option<Self> {
        macro_rules! pick {
            ($values:expr) => {
                *(if min { $values.min_opt() } else { $values.max_opt() })?
            };
        }
        let logical = column.logical_type_ref();
        let bytes = || if min { statistics.min_bytes_opt() } else { statistics.max_bytes_opt() };
        match (statistics, logical) {
            (Statistics::Int32(values), Some(LogicalType::Date)) => Some(Self::Day(pick!(values))),
            (Statistics::Int32(values), Some(LogicalType::Decimal(kind))) => {
                Some(Self::Decimal(pick!(values).into(), kind.scale.try_into().ok()?))
            }
            (Statistics::Int32(values), None | Some(LogicalType::Integer(_))) => Some(Self::Whole(pick!(values).into())),
            (Statistics::Int64(values), Some(LogicalType::Timestamp(kind))) if kind.unit == TimeUnit::MICROS => {
                Some(Self::Instant(pick!(values), kind.is_adjusted_to_u_t_c))
            }
            (Statistics::Int64(values), Some(LogicalType::Decimal(kind))) => {
                Some(Self::Decimal(pick!(values).into(), kind.scale.try_into().ok()?))
            }
            (Statistics::Int64(values), None | Some(LogicalType::Integer(_))) => Some(Self::Whole(pick!(values))),
            (Statistics::Float(values), None) => Some(Self::Float(pick!(values).into())),
            (Statistics::Double(values), None) => Some(Self::Float(pick!(values))),
            (Statistics::ByteArray(_), Some(LogicalType::String)) => String::from_utf8(bytes()?.to_vec()).ok().map(Self::Text),
            (Statistics::FixedLenByteArray(_), Some(LogicalType::Decimal(kind)))
                if column.physical_type() == Type::FIXED_LEN_BYTE_ARRAY =>
            {
                let bytes = bytes()?;
                let first = *bytes.first()?;
                let mut wide = [if first & 0x80 == 0 { 0 } else { 0xff }; 16];
                wide.get_mut(16usize.checked_sub(bytes.len())?..)?.copy_from_slice(bytes);
                Some(Self::Decimal(i128::from_be_bytes(wide), kind.scale.try_into().ok()?))
            }
            _ => None,
        }
    }

    fn least(self, other: Self) -> Self {
        if other.is_below(&self) { other } else { self }
    }

    fn greatest(self, other: Self) -> Self {
        if self.is_below(&other) { other } else { self }
    }

    /// Both are of one column, so of one kind.
    fn is_below(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Whole(left), Self::Whole(right)) | (Self::Instant(left, _), Self::Instant(right, _)) => left < right,
            (Self::Float(left), Self::Float(right)) => left < right,
            (Self::Text(left), Self::Text(right)) => left < right,
            (Self::Day(left), Self::Day(right)) => left < right,
            (Self::Decimal(left, _), Self::Decimal(right, _)) => left < right,
            _ => false,
        }
    }

    fn json(self, min: bool) -> Option<Value> {
        match self {
            Self::Whole(value) => Some(Value::from(value)),
            Self::Float(value) if value.is_finite() => Some(Value::from(value)),
            Self::Float(_) => None,
            Self::Text(value) if value.len() <= TEXT_BYTES_MAX => Some(Value::from(value)),
            Self::Text(_) => None,
            Self::Day(days) => {
                let day = DateTime::<Utc>::from_timestamp(i64::from(days) * 86_400, 0)?;
                Some(Value::from(day.format("%Y-%m-%d").to_string()))
            }
            Self::Instant(micros, utc) => {
                let millis = if min { micros.div_euclid(1000) } else { micros.checked_add(999)?.div_euclid(1000) };
                let instant = DateTime::<Utc>::from_timestamp_millis(millis)?;
                let format = if utc { "%Y-%m-%dT%H:%M:%S%.3fZ" } else { "%Y-%m-%dT%H:%M:%S%.3f" };
                Some(Value::from(instant.format(format).to_string()))
            }
            Self::Decimal(digits, _) if digits.abs() > EXACT_MAX => None,
            Self::Decimal(digits, 0) => Some(Value::from(i64::try_from(digits).ok()?)),
            // The nearest double prints as the shortest text, which is these digits again.
            Self::Decimal(digits, scale) => format!("{digits}e-{scale}").parse::<f64>().ok().map(Value::from),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_outward_and_leaves_out_what_json_would_change() {
        assert_eq!(Bound::Instant(1_500, true).json(true), Some(Value::from("1970-01-01T00:00:00.001Z")));
        assert_eq!(Bound::Instant(1_500, true).json(false), Some(Value::from("1970-01-01T00:00:00.002Z")));
        assert_eq!(Bound::Instant(-1_500, false).json(true), Some(Value::from("1969-12-31T23:59:59.998")));
        assert_eq!(Bound::Decimal(123_456, 2).json(true).map(|value| value.to_string()), Some("1234.56".to_owned()));
        assert_eq!(Bound::Decimal(EXACT_MAX + 1, 2).json(true), None);
        assert_eq!(Bound::Float(f64::NAN).json(true), None);
        assert_eq!(Bound::Day(19_000).json(true), Some(Value::from("2022-01-08")));
    }

    #[test]
    fn nests_by_path() {
        let mut map = Map::new();
        insert(&mut map, &["a".to_owned(), "b".to_owned()], Value::from(1));
        insert(&mut map, &["a".to_owned(), "c".to_owned()], Value::from(2));
        assert_eq!(Value::Object(map), json!({ "a": { "b": 1, "c": 2 } }));
    }
}
