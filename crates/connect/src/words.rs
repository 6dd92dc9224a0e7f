//! The words for types that declarations use.

use arrow::datatypes::{DataType, TimeUnit};

/// The words that [`data_type`] knows.
pub const TYPES: &str =
    "int8, int16, int32, int64, float32, float64, decimal(p,s), boolean, string, binary, date, timestamp (UTC), timestamp_local";

/// The type that a word of a declaration means.
pub fn data_type(word: &str) -> Option<DataType> {
    Some(match word.trim() {
        "int8" => DataType::Int8,
        "int16" => DataType::Int16,
        "int32" => DataType::Int32,
        "int64" => DataType::Int64,
        "float32" => DataType::Float32,
        "float64" => DataType::Float64,
        "boolean" => DataType::Boolean,
        "string" => DataType::Utf8,
        "binary" => DataType::Binary,
        "date" => DataType::Date32,
        "timestamp" => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        "timestamp_local" => DataType::Timestamp(TimeUnit::Microsecond, None),
        other => {
            let (precision, scale) = other.strip_prefix("decimal(")?.strip_suffix(')')?.split_once(',')?;
            let (precision, scale): (u8, i8) = (precision.trim().parse().ok()?, scale.trim().parse().ok()?);
            let fits = (1..=38).contains(&precision) && (0..=i8::try_from(precision).ok()?).contains(&scale);
            fits.then_some(DataType::Decimal128(precision, scale))?
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_say_how_many_digits() {
        assert_eq!(data_type("decimal(12, 2)"), Some(DataType::Decimal128(12, 2)));
        assert_eq!(data_type("decimal(39,2)"), None);
        assert_eq!(data_type("varchar"), None);
    }
}
