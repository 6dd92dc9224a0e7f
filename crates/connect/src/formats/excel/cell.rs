//! One cell's value: what it is guessed to be, what it is put into a column as, how it is shown.

use arrow::datatypes::{DataType, TimeUnit};
use calamine::{Data, ExcelDateTime};
use chrono::{DateTime, NaiveDate, NaiveDateTime};

use crate::cells::Cells;
use crate::values;

/// The day after the last one a sheet knows, as a serial number.
const SERIAL_END: f64 = 2_958_466.0;
/// The 29th of February 1900, which sheets count and which never was.
const SERIAL_NEVER: std::ops::Range<f64> = 60.0..61.0;
const DAY_MICROS: i64 = 86_400_000_000;
/// Above it neighbouring whole numbers share one float.
const FLOAT_EXACT_MAX: f64 = 9_007_199_254_740_992.0;

const BOOLEAN: u8 = 1;
const INTEGER: u8 = 1 << 1;
const FLOAT: u8 = 1 << 2;
const DATE: u8 = 1 << 3;
const MOMENT: u8 = 1 << 4;
const TIME: u8 = 1 << 5;
const SPAN: u8 = 1 << 6;
const TEXT: u8 = 1 << 7;

/// Which kinds of value were seen in a column.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Kinds(u8);

impl Kinds {
    pub fn see(&mut self, cell: &Data) {
        self.0 |= match cell {
            Data::Bool(_) => BOOLEAN,
            Data::Int(_) => INTEGER,
            Data::Float(value) if value.fract() == 0.0 && value.abs() < FLOAT_EXACT_MAX => INTEGER,
            Data::Float(_) => FLOAT,
            Data::String(text) if text.is_empty() => 0,
            Data::String(_) => TEXT,
            // An error is no value; its row is set aside.
            Data::Error(_) | Data::Empty => 0,
            Data::DateTime(_) | Data::DateTimeIso(_) | Data::DurationIso(_) => match Moment::of(cell) {
                Some(Moment::At(micros)) if micros % DAY_MICROS == 0 => DATE,
                Some(Moment::At(_)) => MOMENT,
                Some(Moment::Time(_)) => TIME,
                Some(Moment::Span(_)) => SPAN,
                None => TEXT,
            },
        };
    }

    /// The narrowest type that holds all that was seen; text if that is nothing.
    pub fn data_type(self) -> DataType {
        match self.0 {
            BOOLEAN => DataType::Boolean,
            INTEGER | SPAN => DataType::Int64,
            bits if bits != 0 && bits & !(INTEGER | FLOAT) == 0 => DataType::Float64,
            DATE => DataType::Date32,
            bits if bits != 0 && bits & !(DATE | MOMENT) == 0 => DataType::Timestamp(TimeUnit::Microsecond, None),
            TIME => DataType::Time64(TimeUnit::Microsecond),
            _ => DataType::Utf8,
        }
    }
}

/// A value of the calendar or the clock, in microseconds. Sheets keep milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    /// Since 1970, as the clock showed.
    At(i64),
    /// Since midnight of no certain day.
    Time(i64),
    /// How long something takes.
    Span(i64),
}

impl Moment {
    fn of(cell: &Data) -> Option<Self> {
        match cell {
            Data::DateTime(serial) => Self::serial(serial),
            Data::DateTimeIso(text) => Some(Self::At(values::instant(text).filter(|instant| !instant.zoned)?.micros)),
            Data::DurationIso(text) => match span(text)? {
                micros @ 0..DAY_MICROS => Some(Self::Time(micros)),
                micros => Some(Self::Span(micros)),
            },
            _ => None,
        }
    }

    fn serial(serial: &ExcelDateTime) -> Option<Self> {
        let value = serial.as_f64();
        let millis = |days: f64| (days * DAY_MICROS as f64 / 1e3).round() as i64 * 1000;
        if serial.is_duration() {
            return (value.abs() < SERIAL_END).then(|| Self::Span(millis(value)));
        }
        if !(0.0..SERIAL_END).contains(&value) {
            return None;
        }
        if value < 1.0 {
            return Some(Self::Time(millis(value)));
        }
        let at = serial.as_datetime()?;
        if SERIAL_NEVER.contains(&value) && Some(at.date()) == NaiveDate::from_ymd_opt(1900, 2, 28) {
            return None;
        }
        Some(Self::At(at.and_utc().timestamp_micros()))
    }

    /// Puts it into a column; false if it does not fit.
    fn put(self, cells: &mut Cells, wanted: &DataType) -> bool {
        match (self, wanted) {
            (Self::At(micros), DataType::Date32) => micros % DAY_MICROS == 0 && cells.moment(micros / DAY_MICROS),
            (Self::At(micros), DataType::Timestamp(..)) => cells.moment(micros),
            (Self::Time(micros) | Self::Span(micros @ 0..DAY_MICROS), DataType::Time64(_)) => cells.moment(micros),
            (Self::Time(micros) | Self::Span(micros), DataType::Int64) => cells.integer(micros),
            _ => false,
        }
    }

    fn show(self) -> String {
        let clock = |micros: i64| {
            let (seconds, millis) = (micros / 1_000_000, micros % 1_000_000 / 1000);
            let text = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
            if millis == 0 { text } else { format!("{text}.{millis:03}") }
        };
        match self {
            Self::At(micros) => {
                let at: NaiveDateTime = DateTime::from_timestamp_micros(micros).unwrap_or_default().naive_utc();
                let time = micros.rem_euclid(DAY_MICROS);
                if time == 0 { at.date().to_string() } else { format!("{} {}", at.date(), clock(time)) }
            }
            Self::Time(micros) => clock(micros),
            Self::Span(micros) if micros < 0 => format!("-{}", clock(-micros)),
            Self::Span(micros) => clock(micros),
        }
    }
}

/// `PT12H30M5.5S` in microseconds.
fn span(text: &str) -> Option<i64> {
    let mut left = text.strip_prefix("PT")?;
    let mut micros = 0_i64;
    for (unit, factor) in [('H', 3_600_000_000), ('M', 60_000_000), ('S', 1_000_000)] {
        if let Some((number, rest)) = left.split_once(unit) {
            let value = values::decimal(number, 18, 6).filter(|value| *value >= 0)?;
            micros = micros.checked_add(i64::try_from(value.checked_mul(factor)? / 1_000_000).ok()?)?;
            left = rest;
        }
    }
    left.is_empty().then_some(micros)
}

/// The cell as a column of texts holds it; `None` if it is empty.
pub(super) fn text(cell: &Data) -> Option<String> {
    Some(match cell {
        Data::Empty => return None,
        Data::String(text) if text.is_empty() => return None,
        Data::String(text) => text.clone(),
        Data::Int(value) => value.to_string(),
        Data::Float(value) => value.to_string(),
        Data::Bool(value) => value.to_string(),
        Data::Error(error) => error.to_string(),
        Data::DateTimeIso(text) | Data::DurationIso(text) if Moment::of(cell).is_none() => text.clone(),
        Data::DateTime(serial) => Moment::of(cell).map_or_else(|| serial.as_f64().to_string(), Moment::show),
        Data::DateTimeIso(_) | Data::DurationIso(_) => Moment::of(cell).map(Moment::show).unwrap_or_default(),
    })
}

/// Puts a cell that holds something into a column; false, and nothing added, if it does not fit.
pub(super) fn put(cells: &mut Cells, wanted: &DataType, cell: &Data) -> bool {
    if matches!(wanted, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View) {
        return text(cell).is_some_and(|text| cells.text(&text));
    }
    match cell {
        Data::String(text) => cells.text(text),
        Data::Int(value) => cells.integer(*value),
        Data::Float(value) => match wanted {
            DataType::Float32 | DataType::Float64 => cells.float(*value),
            DataType::Decimal128(..) => value.is_finite() && cells.text(&fifteen_digits(*value)),
            _ => value.fract() == 0.0 && value.abs() < FLOAT_EXACT_MAX && cells.integer(*value as i64),
        },
        Data::Bool(value) => cells.boolean(*value),
        Data::DateTime(_) | Data::DateTimeIso(_) | Data::DurationIso(_) => {
            Moment::of(cell).is_some_and(|moment| moment.put(cells, wanted))
        }
        Data::Error(_) | Data::Empty => false,
    }
}

/// A number in the fifteen digits that sheets calculate and show; what stands behind them is the noise of binary fractions.
fn fifteen_digits(value: f64) -> String {
    let text = format!("{value:.14e}");
    let Some((mantissa, exponent)) = text.split_once('e') else { return text };
    let Ok(exponent) = exponent.parse::<i32>() else { return text };
    let (sign, digits) = mantissa.strip_prefix('-').map_or(("", mantissa), |digits| ("-", digits));
    let digits: String = digits.chars().filter(|digit| *digit != '.').collect();
    let point = exponent + 1;
    match usize::try_from(point) {
        Ok(point) if point < digits.len() => {
            format!("{sign}{}.{}", if point == 0 { "0" } else { &digits[..point] }, &digits[point..])
        }
        Ok(point) => format!("{sign}{digits}{}", "0".repeat(point - digits.len())),
        Err(_) => format!("{sign}0.{}{digits}", "0".repeat(point.unsigned_abs() as usize)),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::AsArray;
    use arrow::datatypes::{Date32Type, Decimal128Type, TimestampMicrosecondType};
    use calamine::{CellErrorType, ExcelDateTimeType};

    use super::*;

    fn clock_type(zone: Option<&str>) -> DataType {
        DataType::Timestamp(TimeUnit::Microsecond, zone.map(Arc::from))
    }

    fn serial(value: f64) -> Data {
        Data::DateTime(ExcelDateTime::new(value, ExcelDateTimeType::DateTime, false))
    }

    fn kind(cells: &[Data]) -> DataType {
        let mut kinds = Kinds::default();
        cells.iter().for_each(|cell| kinds.see(cell));
        kinds.data_type()
    }

    #[test]
    fn takes_the_narrowest_type() {
        assert_eq!(kind(&[Data::Float(1.0), Data::Empty, Data::Error(CellErrorType::NA)]), DataType::Int64);
        assert_eq!(kind(&[Data::Float(1.0), Data::Float(1.5)]), DataType::Float64);
        assert_eq!(kind(&[serial(41_275.0)]), DataType::Date32);
        assert_eq!(kind(&[serial(41_275.0), serial(41_275.5)]), clock_type(None));
        assert_eq!(kind(&[serial(0.25)]), DataType::Time64(TimeUnit::Microsecond));
        assert_eq!(kind(&[Data::Float(1.0), Data::String("x".into())]), DataType::Utf8);
        assert_eq!(kind(&[Data::Bool(true), Data::Float(1.0)]), DataType::Utf8);
        assert_eq!(kind(&[]), DataType::Utf8);
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        let mut dates = Cells::new(&DataType::Date32, 4).expect("known");
        for (value, fits) in
            [(1.0, true), (59.0, true), (60.0, false), (61.0, true), (41_275.0, true), (41_275.5, false), (-1.0, false)]
        {
            assert_eq!(put(&mut dates, &DataType::Date32, &serial(value)), fits, "{value}");
        }
        let dates = dates.finish().expect("built");
        // 1900-01-01, 1900-02-28, 1900-03-01, 2013-01-01
        assert_eq!(dates.as_primitive::<Date32Type>().values(), &[-25_567, -25_509, -25_508, 15_706]);
        let zoned = clock_type(Some("UTC"));
        let mut moments = Cells::new(&zoned, 1).expect("known");
        assert!(put(&mut moments, &zoned, &serial(41_275.25)));
        assert!(put(&mut moments, &zoned, &Data::DateTimeIso("2013-01-01T06:00:00".into())));
        let moments = moments.finish().expect("built");
        assert_eq!(moments.as_primitive::<TimestampMicrosecondType>().values(), &[1_357_020_000_000_000; 2]);
        assert_eq!(text(&serial(41_275.25)).as_deref(), Some("2013-01-01 06:00:00"));
        assert_eq!(text(&serial(0.5)).as_deref(), Some("12:00:00"));
        assert_eq!((span("PT1H30M0.5S"), span("P1D"), span("PT5")), (Some(5_400_500_000), None, None));
    }

    #[test]
    fn decimals_have_no_binary_noise() {
        for (value, expected) in [
            (0.1 + 0.2, "0.300000000000000"),
            (-1234.56, "-1234.56000000000"),
            (1e20, "100000000000000000000"),
            (0.00125, "0.00125000000000000"),
            (0.0, "0.00000000000000"),
        ] {
            assert_eq!(fifteen_digits(value), expected);
        }
        let wanted = DataType::Decimal128(12, 2);
        let mut cells = Cells::new(&wanted, 2).expect("known");
        assert!(put(&mut cells, &wanted, &Data::Float(1234.5600000000002)));
        assert!(!put(&mut cells, &wanted, &Data::Float(0.125)));
        assert_eq!(cells.finish().expect("built").as_primitive::<Decimal128Type>().values(), &[123_456]);
    }
}
