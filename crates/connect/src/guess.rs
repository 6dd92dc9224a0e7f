//! The type of a column, guessed from the texts in it.

use std::sync::Arc;

use arrow::datatypes::{DataType, TimeUnit};

use crate::values;

/// The zone of columns whose texts name an offset.
pub(crate) const UTC: &str = "UTC";

const BOOLEAN: u8 = 1;
const INTEGER: u8 = 1 << 1;
const FLOAT: u8 = 1 << 2;
const DATE: u8 = 1 << 3;
const CLOCK: u8 = 1 << 4;
const INSTANT: u8 = 1 << 5;
const TEXT: u8 = 1 << 6;

/// Which kinds of value were seen in a column.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Guess(u8);

impl Guess {
    /// Takes one value that is not null into account.
    pub fn see(&mut self, text: &str) {
        // Once text, always text.
        if self.0 & TEXT == 0 {
            self.0 |= kind(text);
        }
    }

    /// The narrowest type that holds all that was seen; text if that is nothing.
    pub fn data_type(self) -> DataType {
        match self.0 {
            BOOLEAN => DataType::Boolean,
            INTEGER => DataType::Int64,
            bits if bits & !(INTEGER | FLOAT) == 0 && bits != 0 => DataType::Float64,
            DATE => DataType::Date32,
            CLOCK => DataType::Timestamp(TimeUnit::Microsecond, None),
            INSTANT => DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::from(UTC))),
            _ => DataType::Utf8,
        }
    }
}

fn kind(text: &str) -> u8 {
    let unsigned = text.strip_prefix('-').unwrap_or(text).as_bytes();
    match unsigned {
        [b'0'..=b'9' | b'.', ..] => {
            // 007 and 020 are codes, not numbers: as numbers they would lose their zeros.
            let code = matches!(unsigned, [b'0', b'0'..=b'9', ..]) && !unsigned.contains(&b'-');
            if code {
                TEXT
            } else if values::integer(text).is_some() && !text.ends_with(' ') {
                INTEGER
            } else if values::float(text).is_some() && !text.ends_with(' ') && !is_long_integer(unsigned) {
                FLOAT
            } else if values::date(text).is_some() {
                DATE
            } else {
                match values::instant(text) {
                    Some(values::Instant { zoned: true, .. }) => INSTANT,
                    Some(_) => CLOCK,
                    None => TEXT,
                }
            }
        }
        _ if text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false") => BOOLEAN,
        _ if text == "NaN" || text == "nan" || text == "inf" || text == "-inf" => FLOAT,
        _ => TEXT,
    }
}

/// A whole number that does not fit 64 bits is an identifier, and a float would round it.
fn is_long_integer(unsigned: &[u8]) -> bool {
    unsigned.iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guess(texts: &[&str]) -> DataType {
        let mut guess = Guess::default();
        texts.iter().for_each(|text| guess.see(text));
        guess.data_type()
    }

    #[test]
    fn takes_the_narrowest_type_that_loses_nothing() {
        assert_eq!(guess(&["517", "-3", "0"]), DataType::Int64);
        assert_eq!(guess(&["517", "2.5"]), DataType::Float64);
        assert_eq!(guess(&["0.5", "1e-7", "NaN"]), DataType::Float64);
        assert_eq!(guess(&["007"]), DataType::Utf8);
        assert_eq!(guess(&["12345678901234567890"]), DataType::Utf8);
        assert_eq!(guess(&["True", "false"]), DataType::Boolean);
        assert_eq!(guess(&["2013-01-01"]), DataType::Date32);
        assert_eq!(guess(&["2013-01-01 05:00:00"]), DataType::Timestamp(TimeUnit::Microsecond, None));
        assert_eq!(guess(&["2013-01-01T05:00:00Z"]), DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())));
        assert_eq!(guess(&["2013-01-01", "2013-01-01T05:00:00Z"]), DataType::Utf8);
        assert_eq!(guess(&["1", "x"]), DataType::Utf8);
        assert_eq!(guess(&[]), DataType::Utf8);
    }
}
