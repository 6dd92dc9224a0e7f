//! Rows of the driver into batches, value by value into the columns.

use arrow::datatypes::{DataType, SchemaRef};
use base::Result;
use chrono::{Datelike, NaiveDate};
use mysql_async::{Row, Value};
use serde_json::{Map, Value as Json};

use super::ZeroDates;
use super::types::Form;
use crate::causes::{ENCODING_INVALID, VALUE_UNFIT};
use crate::cells::{BATCH_BYTES_MAX, Cells, Table};
use crate::source::{Piece, RAW_BYTES_MAX, Reject};
use crate::values;

/// Days from 0001-01-01 to 1970-01-01, as `chrono` counts days.
const EPOCH_DAYS_FROM_CE: i64 = 719_163;
const DAY_MICROS: i64 = 86_400_000_000;
/// Digits that always fit 64 bits.
const SHORT_DIGITS: usize = 18;

/// How a column is read.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    pub form: Form,
    pub wanted: Wanted,
}

/// As what a column is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Its own type.
    Own,
    /// Text, which it was declared to be.
    Text,
    /// Another type, which it was declared to be.
    Other,
}

impl Reader {
    /// A column that comes in this form and is wanted as that type.
    pub fn new(form: Form, wanted: &DataType) -> Self {
        let wanted = match wanted {
            own if form.data_type().as_ref() == Some(own) => Wanted::Own,
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Wanted::Text,
            _ => Wanted::Other,
        };
        Self { form, wanted }
    }
}

/// Takes rows and gives batches.
pub(super) struct Batches {
    place: String,
    schema: SchemaRef,
    readers: Vec<Reader>,
    zero_dates: ZeroDates,
    table: Table,
    batch_rows: usize,
    number: u64,
    bytes: u64,
    rejects: Vec<Reject>,
}

/// Why a value is not kept: its cause, and what is wrong in words.
type Unfit = (&'static str, &'static str);

const UNFIT: Unfit = (VALUE_UNFIT, "the value does not fit its type");

impl Batches {
    pub fn new(place: String, schema: SchemaRef, readers: Vec<Reader>, zero_dates: ZeroDates, batch_rows: usize) -> Result<Self> {
        let table = Table::new(schema.clone(), batch_rows, &place)?;
        Ok(Self { place, schema, readers, zero_dates, table, batch_rows, number: 0, bytes: 0, rejects: Vec::new() })
    }

    /// Takes a row; gives a piece whenever a batch is full.
    pub fn take(&mut self, row: &Row) -> Result<Option<Piece>> {
        let mut wrong: Option<(usize, Unfit)> = None;
        for (index, (reader, cells)) in self.readers.iter().zip(&mut self.table.columns).enumerate() {
            let value = row.as_ref(index).unwrap_or(&Value::NULL);
            self.bytes += size(value);
            let before = cells.len();
            if let Err(unfit) = add(cells, reader, value, self.zero_dates) {
                if cells.len() == before {
                    cells.null();
                }
                wrong.get_or_insert((index, unfit));
            }
        }
        self.number += 1;
        self.table.row(wrong.is_none());
        if let Some((index, (cause, what))) = wrong {
            self.rejects.push(Reject {
                cause: cause.into(),
                message: format!("column `{}`: {what}", self.schema.field(index).name()),
                raw: self.json(row),
                position: format!("{}:{}", self.place, self.number),
            });
        }
        if self.table.rows() >= self.batch_rows || self.bytes >= BATCH_BYTES_MAX { self.piece().map(Some) } else { Ok(None) }
    }

    /// What is left when all rows are taken.
    pub fn finish(&mut self) -> Result<Option<Piece>> {
        if self.table.rows() == 0 { Ok(None) } else { self.piece().map(Some) }
    }

    fn piece(&mut self) -> Result<Piece> {
        let (rejects, bytes) = (std::mem::take(&mut self.rejects), std::mem::take(&mut self.bytes));
        Ok(Piece { batch: self.table.finish()?, rejects, bytes })
    }

    /// The row as JSON, bounded.
    fn json(&self, row: &Row) -> Vec<u8> {
        let mut object = Map::new();
        for (index, (reader, column)) in self.readers.iter().zip(self.schema.fields()).enumerate() {
            object.insert(column.name().clone(), show(&reader.form, row.as_ref(index).unwrap_or(&Value::NULL)));
        }
        let mut raw = Json::Object(object).to_string().into_bytes();
        raw.truncate(RAW_BYTES_MAX);
        raw
    }
}

fn size(value: &Value) -> u64 {
    match value {
        Value::NULL => 0,
        Value::Bytes(bytes) => bytes.len() as u64,
        _ => 8,
    }
}

fn add(cells: &mut Cells, reader: &Reader, value: &Value, zero_dates: ZeroDates) -> Result<(), Unfit> {
    let own = reader.wanted == Wanted::Own;
    let fits = match (value, &reader.form) {
        (Value::NULL, _) => {
            cells.null();
            true
        }
        (Value::Bytes(bytes), Form::Decimal(precision, scale)) if own => {
            decimal(bytes, *precision, *scale).is_some_and(|value| cells.decimal(value))
        }
        (Value::Bytes(bytes), Form::Bits(count)) => match bits(bytes) {
            Some(value) if own && *count == 1 => cells.boolean(value != 0),
            Some(value) => whole(cells, reader.wanted, value.into()),
            None => false,
        },
        (Value::Bytes(bytes), Form::Bytes) if reader.wanted != Wanted::Text => cells.bytes(bytes),
        (Value::Bytes(bytes), Form::Label { empty: false }) if bytes.is_empty() => {
            return Err((VALUE_UNFIT, "the value is none of its labels"));
        }
        (Value::Bytes(bytes), _) => cells.text(text(bytes)?),
        (Value::Int(value), Form::Unsigned) if own => cells.decimal((*value).into()),
        (Value::UInt(value), Form::Unsigned) if own => cells.decimal((*value).into()),
        (Value::Int(value), _) => whole(cells, reader.wanted, (*value).into()),
        (Value::UInt(value), _) => whole(cells, reader.wanted, (*value).into()),
        (Value::Float(value), _) if own => cells.float((*value).into()),
        (Value::Double(value), _) if own => cells.float(*value),
        (Value::Float(value), _) => cells.text(&value.to_string()),
        (Value::Double(value), _) => cells.text(&value.to_string()),
        (Value::Date(year, month, day, ..), _) if *year == 0 || *month == 0 || *day == 0 => {
            if zero_dates == ZeroDates::Quarantine {
                return Err((VALUE_UNFIT, "a date without a year, a month or a day is no date"));
            }
            cells.null();
            true
        }
        (Value::Date(year, month, day, ..), _) => match NaiveDate::from_ymd_opt((*year).into(), (*month).into(), (*day).into()) {
            None => return Err((VALUE_UNFIT, "the month has no such day")),
            Some(_) if !own => cells.text(&shown(value, &reader.form)),
            Some(date) => cells.moment(moment(date, value, &reader.form)),
        },
        (Value::Time(negative, days, hours, minutes, seconds, micros), _) => {
            if own {
                let seconds = ((i64::from(*days) * 24 + i64::from(*hours)) * 60 + i64::from(*minutes)) * 60 + i64::from(*seconds);
                let span = seconds * 1_000_000 + i64::from(*micros);
                cells.integer(if *negative { -span } else { span })
            } else {
                cells.text(&shown(value, &reader.form))
            }
        }
    };
    if fits { Ok(()) } else { Err(UNFIT) }
}

/// A whole number into a column of any type.
fn whole(cells: &mut Cells, wanted: Wanted, value: i128) -> bool {
    match i64::try_from(value) {
        Ok(value) if wanted != Wanted::Text => cells.integer(value),
        _ => cells.text(&value.to_string()),
    }
}

/// Days, or microseconds, since 1970-01-01.
fn moment(date: NaiveDate, value: &Value, form: &Form) -> i64 {
    let days = i64::from(date.num_days_from_ce()) - EPOCH_DAYS_FROM_CE;
    match (value, form) {
        (Value::Date(_, _, _, hour, minute, second, micros), Form::Timestamp(_)) => {
            let seconds = (i64::from(*hour) * 60 + i64::from(*minute)) * 60 + i64::from(*second);
            days * DAY_MICROS + seconds * 1_000_000 + i64::from(*micros)
        }
        _ => days,
    }
}

fn text(bytes: &[u8]) -> Result<&str, Unfit> {
    std::str::from_utf8(bytes).map_err(|_| (ENCODING_INVALID, "bytes that are no UTF-8 text"))
}

fn bits(bytes: &[u8]) -> Option<u64> {
    (bytes.len() <= 8).then(|| bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
}

/// Digits with a point before the last `scale` of them, as the server always writes them, without the point.
fn decimal(bytes: &[u8], precision: u8, scale: i8) -> Option<i128> {
    let (negative, unsigned) = match bytes {
        [b'-', rest @ ..] => (true, rest),
        all => (false, all),
    };
    if unsigned.is_empty() {
        return None;
    }
    let point = usize::try_from(scale).ok().filter(|scale| *scale > 0).and_then(|scale| unsigned.len().checked_sub(scale + 1));
    if unsigned.len() > SHORT_DIGITS || (scale > 0 && point.is_none_or(|point| unsigned[point] != b'.')) {
        return values::decimal(std::str::from_utf8(bytes).ok()?, precision, scale);
    }
    let mut value = 0_i64;
    for (index, byte) in unsigned.iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        match digit {
            0..=9 => value = value * 10 + i64::from(digit),
            _ if Some(index) == point => {}
            _ => return None,
        }
    }
    Some(if negative { -value } else { value }.into())
}

/// A value as people write it.
fn shown(value: &Value, form: &Form) -> String {
    match value {
        Value::Date(year, month, day, hour, minute, second, micros) => {
            let date = format!("{year:04}-{month:02}-{day:02}");
            match form {
                Form::Timestamp(zoned) => {
                    let zone = if *zoned { "+00:00" } else { "" };
                    format!("{date} {hour:02}:{minute:02}:{second:02}{}{zone}", fraction(*micros))
                }
                _ => date,
            }
        }
        Value::Time(negative, days, hours, minutes, seconds, micros) => {
            let (sign, hours) = (if *negative { "-" } else { "" }, u64::from(*days) * 24 + u64::from(*hours));
            format!("{sign}{hours:02}:{minutes:02}:{seconds:02}{}", fraction(*micros))
        }
        Value::Int(value) => value.to_string(),
        Value::UInt(value) => value.to_string(),
        Value::Float(value) => value.to_string(),
        Value::Double(value) => value.to_string(),
        Value::Bytes(bytes) => String::from_utf8_lossy(&bytes[..bytes.len().min(RAW_BYTES_MAX)]).into_owned(),
        Value::NULL => String::new(),
    }
}

fn fraction(micros: u32) -> String {
    if micros == 0 { String::new() } else { format!(".{micros:06}") }
}

/// A value of a rejected row for people to read.
fn show(form: &Form, value: &Value) -> Json {
    match (value, form) {
        (Value::NULL, _) => Json::Null,
        (Value::Int(value), _) => (*value).into(),
        (Value::UInt(value), _) => (*value).into(),
        (Value::Float(value), _) => (*value).into(),
        (Value::Double(value), _) => (*value).into(),
        (Value::Bytes(bytes), Form::Bits(_)) => bits(bytes).into(),
        (Value::Bytes(bytes), Form::Bytes) => format!("({} bytes)", bytes.len()).into(),
        _ => shown(value, form).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_become_one_number() {
        assert_eq!(decimal(b"12.34", 10, 2), Some(1234));
        assert_eq!(decimal(b"-0.05", 10, 2), Some(-5));
        assert_eq!(decimal(b"7", 10, 0), Some(7));
        assert_eq!(decimal(b"123456789012345678", 20, 0), Some(123_456_789_012_345_678));
        assert_eq!(decimal(b"12345678901234567890.50", 38, 2), Some(1_234_567_890_123_456_789_050));
        assert_eq!(decimal(b"-99999999999999999999999999999999999999", 38, 0), Some(1 - 10_i128.pow(38)));
        for bad in ["", "x", "1.2.3", "1,5"] {
            assert_eq!(decimal(bad.as_bytes(), 10, 2), None, "{bad}");
        }
        assert_eq!(decimal(b"1.5", 10, 2), Some(150));
    }

    #[test]
    fn values_are_shown_as_the_server_shows_them() {
        let moment = Value::Date(2013, 1, 2, 3, 4, 5, 60);
        assert_eq!(shown(&moment, &Form::Timestamp(true)), "2013-01-02 03:04:05.000060+00:00");
        assert_eq!(shown(&moment, &Form::Date), "2013-01-02");
        assert_eq!(shown(&Value::Time(true, 34, 22, 59, 59, 0), &Form::Time), "-838:59:59");
        assert_eq!(bits(&[1, 0]), Some(256));
        assert_eq!(bits(&[0; 9]), None);
    }
}
