//! The stream of a binary `COPY … TO STDOUT` into batches, value by value straight into the columns.

use arrow::datatypes::SchemaRef;
use base::{Error, Result};
use serde_json::{Map, Value};

use super::types::Form;
use crate::causes::{ENCODING_INVALID, VALUE_UNFIT};
use crate::cells::{BATCH_BYTES_MAX, Cells, Table};
use crate::codes::READER_FAILED;
use crate::source::{Piece, RAW_BYTES_MAX, Reject};

const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
/// Days and microseconds from 1970-01-01 to 2000-01-01, PostgreSQL's own epoch.
const EPOCH_DAYS: i64 = 10_957;
const EPOCH_MICROS: i64 = EPOCH_DAYS * 86_400_000_000;

/// Takes the bytes of a copy and gives batches.
pub(super) struct Copy {
    place: String,
    forms: Vec<Form>,
    schema: SchemaRef,
    table: Table,
    batch_rows: usize,
    /// Bytes of a tuple whose rest has not come yet.
    rest: Vec<u8>,
    begun: bool,
    rows: u64,
    bytes: u64,
    rejects: Vec<Reject>,
}

/// Why a value is not kept: its cause, and what is wrong in words.
type Unfit = (&'static str, &'static str);

impl Copy {
    pub fn new(place: String, forms: Vec<Form>, schema: SchemaRef, batch_rows: usize) -> Result<Self> {
        let table = Table::new(schema.clone(), batch_rows, &place)?;
        Ok(Self {
            place,
            forms,
            schema,
            table,
            batch_rows,
            rest: Vec::new(),
            begun: false,
            rows: 0,
            bytes: 0,
            rejects: Vec::new(),
        })
    }

    /// Takes bytes; gives a piece whenever a batch is full.
    pub fn take(&mut self, bytes: &[u8], pieces: &mut Vec<Piece>) -> Result<()> {
        self.bytes += bytes.len() as u64;
        if self.rest.is_empty() {
            let used = self.tuples(bytes, pieces)?;
            self.rest.extend_from_slice(&bytes[used..]);
        } else {
            let mut all = std::mem::take(&mut self.rest);
            all.extend_from_slice(bytes);
            let used = self.tuples(&all, pieces)?;
            self.rest.extend_from_slice(&all[used..]);
        }
        Ok(())
    }

    /// What is left when the stream has ended.
    pub fn finish(&mut self) -> Result<Option<Piece>> {
        if !self.rest.is_empty() {
            return Err(self.broken("it ended in the middle of a row"));
        }
        if self.table.rows() == 0 && self.bytes == 0 { Ok(None) } else { self.piece().map(Some) }
    }

    fn broken(&self, reason: &str) -> Error {
        Error::new(&READER_FAILED).with("place", &self.place).with("reason", reason)
    }

    fn piece(&mut self) -> Result<Piece> {
        let (rejects, bytes) = (std::mem::take(&mut self.rejects), std::mem::take(&mut self.bytes));
        Ok(Piece { batch: self.table.finish()?, rejects, bytes })
    }

    /// Decodes all whole tuples; answers how many bytes they had.
    fn tuples(&mut self, bytes: &[u8], pieces: &mut Vec<Piece>) -> Result<usize> {
        let mut at = 0;
        if !self.begun {
            match header(bytes) {
                Some(Ok(length)) => at = length,
                Some(Err(reason)) => return Err(self.broken(reason)),
                None => return Ok(0),
            }
            self.begun = true;
        }
        while let Some(count) = short(bytes, at) {
            if count == -1 {
                return Ok(bytes.len());
            }
            if count as usize != self.forms.len() {
                return Err(self.broken("a row has another number of columns than the table"));
            }
            let Some(end) = tuple_end(bytes, at + 2, count as usize) else { break };
            self.tuple(&bytes[at + 2..end])?;
            at = end;
            if self.table.rows() >= self.batch_rows || self.bytes >= BATCH_BYTES_MAX {
                pieces.push(self.piece()?);
            }
        }
        Ok(at)
    }

    fn tuple(&mut self, tuple: &[u8]) -> Result<()> {
        let mut at = 0;
        let mut wrong: Option<(usize, Unfit)> = None;
        for (index, (form, cells)) in self.forms.iter().zip(&mut self.table.columns).enumerate() {
            let Some(value) = field(tuple, &mut at) else {
                cells.null();
                continue;
            };
            let before = cells.len();
            if let Err(unfit) = add(cells, form, value) {
                if cells.len() == before {
                    cells.null();
                }
                wrong.get_or_insert((index, unfit));
            }
        }
        self.rows += 1;
        self.table.row(wrong.is_none());
        if let Some((index, (cause, what))) = wrong {
            self.rejects.push(Reject {
                cause: cause.into(),
                message: format!("column `{}`: {what}", self.schema.field(index).name()),
                raw: self.json(tuple),
                position: format!("{}:{}", self.place, self.rows),
            });
        }
        Ok(())
    }

    /// The tuple as JSON, bounded.
    fn json(&self, tuple: &[u8]) -> Vec<u8> {
        let mut object = Map::new();
        let mut at = 0;
        for (form, column) in self.forms.iter().zip(self.schema.fields()) {
            let value = field(tuple, &mut at).map_or(Value::Null, |value| show(form, value));
            object.insert(column.name().clone(), value);
        }
        let mut raw = Value::Object(object).to_string().into_bytes();
        raw.truncate(RAW_BYTES_MAX);
        raw
    }
}

/// The length of the header, if it is there whole.
fn header(bytes: &[u8]) -> Option<Result<usize, &'static str>> {
    let fixed = bytes.get(..SIGNATURE.len() + 8)?;
    if !fixed.starts_with(SIGNATURE) {
        return Some(Err("the server sent no binary copy"));
    }
    let extension = int(fixed, SIGNATURE.len() + 4).and_then(|length| usize::try_from(length).ok())?;
    (bytes.len() >= fixed.len() + extension).then_some(Ok(fixed.len() + extension))
}

fn short(bytes: &[u8], at: usize) -> Option<i16> {
    bytes.get(at..at + 2).and_then(|bytes| bytes.try_into().ok()).map(i16::from_be_bytes)
}

fn int(bytes: &[u8], at: usize) -> Option<i32> {
    bytes.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map(i32::from_be_bytes)
}

fn tuple_end(bytes: &[u8], mut at: usize, fields: usize) -> Option<usize> {
    for _ in 0..fields {
        let length = int(bytes, at)?;
        at += 4 + usize::try_from(length).unwrap_or_default();
    }
    (at <= bytes.len()).then_some(at)
}

/// The next field of a tuple that is known to be whole.
fn field<'a>(tuple: &'a [u8], at: &mut usize) -> Option<&'a [u8]> {
    let length = int(tuple, *at)?;
    *at += 4;
    let length = usize::try_from(length).ok()?;
    let value = tuple.get(*at..*at + length);
    *at += length;
    value
}

const UNFIT: Unfit = (VALUE_UNFIT, "the value does not fit its type");

fn add(cells: &mut Cells, form: &Form, value: &[u8]) -> Result<(), Unfit> {
    let fits = match form {
        Form::Boolean => value.first().is_some_and(|byte| cells.boolean(*byte != 0)),
        Form::Int2 => fixed(value).is_some_and(|bytes| cells.integer(i16::from_be_bytes(bytes).into())),
        Form::Int4 => fixed(value).is_some_and(|bytes| cells.integer(i32::from_be_bytes(bytes).into())),
        Form::Int8 => fixed(value).is_some_and(|bytes| cells.integer(i64::from_be_bytes(bytes))),
        Form::Float4 => fixed(value).is_some_and(|bytes| cells.float(f32::from_be_bytes(bytes).into())),
        Form::Float8 => fixed(value).is_some_and(|bytes| cells.float(f64::from_be_bytes(bytes))),
        Form::Numeric(_, scale) => match numeric(value, *scale) {
            Some(value) => cells.decimal(value),
            None => return Err((VALUE_UNFIT, "NaN and infinity are no decimals")),
        },
        Form::Text | Form::AsText => cells.text(text(value)?),
        Form::Parsed(_) => cells.text(text(value)?),
        Form::Jsonb => cells.text(text(value.get(1..).unwrap_or_default())?),
        Form::Bytes => cells.bytes(value),
        Form::Date => match fixed(value).map(i32::from_be_bytes) {
            Some(i32::MIN | i32::MAX) => return Err((VALUE_UNFIT, "infinity is no date")),
            days => days.is_some_and(|days| cells.moment(i64::from(days) + EPOCH_DAYS)),
        },
        Form::Time => fixed(value).is_some_and(|bytes| cells.moment(i64::from_be_bytes(bytes))),
        Form::Timestamp(_) => match fixed(value).map(i64::from_be_bytes) {
            Some(i64::MIN | i64::MAX) => return Err((VALUE_UNFIT, "infinity is no time")),
            micros => micros.and_then(|micros| micros.checked_add(EPOCH_MICROS)).is_some_and(|micros| cells.moment(micros)),
        },
        Form::Uuid => fixed(value).is_some_and(|bytes| cells.text(&uuid(bytes))),
        Form::Interval => match interval(value) {
            Some(micros) => cells.integer(micros),
            None => return Err((VALUE_UNFIT, "an interval with months has no fixed length")),
        },
        Form::List(item) => return list(cells, item, value),
    };
    if fits { Ok(()) } else { Err(UNFIT) }
}

fn fixed<const N: usize>(value: &[u8]) -> Option<[u8; N]> {
    value.try_into().ok()
}

fn text(value: &[u8]) -> Result<&str, Unfit> {
    std::str::from_utf8(value).map_err(|_| (ENCODING_INVALID, "bytes that are no UTF-8 text"))
}

/// The value times `10^scale`; `None` for NaN and infinity, and for digits that do not fit.
fn numeric(value: &[u8], scale: i8) -> Option<i128> {
    /// Digits in base 10,000 whose number, and a hundred times it, always fit 64 bits.
    const SHORT_DIGITS: usize = 4;
    let [count, weight, sign] = [0, 2, 4].map(|at| short(value, at));
    let (count, weight) = (usize::try_from(count?).ok()?, weight?);
    let negative = match sign? as u16 {
        0x0000 => false,
        0x4000 => true,
        _ => return None,
    };
    let digits = value.get(8..8 + 2 * count)?.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
    // What the last digit stands for, as a power of ten of the value that is wanted.
    let power = 4 * (i32::from(weight) + 1 - count as i32) + i32::from(scale);
    let unsigned = if count <= SHORT_DIGITS {
        let whole = digits.fold(0, |whole, digit| whole * 10_000 + i64::from(digit));
        match power {
            0 => whole.into(),
            1 => (whole * 10).into(),
            2 => (whole * 100).into(),
            -1 if whole % 10 == 0 => (whole / 10).into(),
            -2 if whole % 100 == 0 => (whole / 100).into(),
            -3 if whole % 1000 == 0 => (whole / 1000).into(),
            _ => shifted(whole.into(), power)?,
        }
    } else {
        let mut whole = 0_i128;
        for digit in digits {
            whole = whole.checked_mul(10_000)?.checked_add(digit.into())?;
        }
        shifted(whole, power)?
    };
    Some(if negative { -unsigned } else { unsigned })
}

/// A number times a power of ten, if that is a whole number that fits.
fn shifted(whole: i128, power: i32) -> Option<i128> {
    if whole == 0 {
        return Some(0);
    }
    let factor = 10_i128.checked_pow(power.unsigned_abs())?;
    if power >= 0 {
        return whole.checked_mul(factor);
    }
    (whole % factor == 0).then(|| whole / factor)
}

/// Microseconds, a day having 24 hours; `None` if there are months in it.
fn interval(value: &[u8]) -> Option<i64> {
    let micros = i64::from_be_bytes(value.get(..8)?.try_into().ok()?);
    let (days, months) = (int(value, 8)?, int(value, 12)?);
    if months != 0 {
        return None;
    }
    i64::from(days).checked_mul(86_400_000_000)?.checked_add(micros)
}

fn uuid(bytes: [u8; 16]) -> String {
    let mut text = String::with_capacity(36);
    for (index, byte) in bytes.iter().enumerate() {
        if [4, 6, 8, 10].contains(&index) {
            text.push('-');
        }
        for half in [byte >> 4, byte & 15] {
            text.push(char::from_digit(half.into(), 16).unwrap_or('?'));
        }
    }
    text
}

fn list(cells: &mut Cells, form: &Form, value: &[u8]) -> Result<(), Unfit> {
    let dimensions = int(value, 0).unwrap_or_default();
    if dimensions > 1 {
        return Err((VALUE_UNFIT, "an array of more than one dimension is no list"));
    }
    let count = if dimensions == 0 { 0 } else { int(value, 12).unwrap_or_default() };
    if dimensions == 1 && int(value, 16) != Some(1) {
        return Err((VALUE_UNFIT, "an array that does not begin at 1 is no list"));
    }
    let mut wrong = None;
    let mut at = 20;
    cells.list(|items| {
        for _ in 0..count {
            let before = items.len();
            match field(value, &mut at) {
                None => items.null(),
                Some(item) => {
                    if let Err(unfit) = add(items, form, item) {
                        wrong = Some(unfit);
                        if items.len() == before {
                            items.null();
                        }
                    }
                }
            }
        }
        wrong.is_none()
    });
    wrong.map_or(Ok(()), Err)
}

/// A value of a rejected row for people to read.
fn show(form: &Form, value: &[u8]) -> Value {
    let hexadecimal = || {
        const SHOWN_MAX: usize = 1024;
        let digits: String = value.iter().take(SHOWN_MAX).map(|byte| format!("{byte:02x}")).collect();
        Value::from(format!("\\x{digits}"))
    };
    match form {
        Form::Boolean => value.first().is_some_and(|byte| *byte != 0).into(),
        Form::Int2 => fixed(value).map(i16::from_be_bytes).into(),
        Form::Int4 => fixed(value).map(i32::from_be_bytes).into(),
        Form::Int8 => fixed(value).map(i64::from_be_bytes).into(),
        Form::Float4 => fixed(value).map(f32::from_be_bytes).into(),
        Form::Float8 => fixed(value).map(f64::from_be_bytes).into(),
        Form::Text | Form::AsText | Form::Parsed(_) => String::from_utf8_lossy(&value[..value.len().min(RAW_BYTES_MAX)]).into(),
        Form::Jsonb => String::from_utf8_lossy(value.get(1..).unwrap_or_default()).into(),
        Form::Uuid => fixed(value).map(uuid).into(),
        Form::Numeric(_, scale) => match (numeric(value, *scale), short(value, 4).map(|sign| sign as u16)) {
            (Some(unscaled), _) => format!("{unscaled}e-{scale}").into(),
            (None, Some(0xC000)) => "NaN".into(),
            (None, Some(0xD000)) => "Infinity".into(),
            (None, Some(0xF000)) => "-Infinity".into(),
            _ => hexadecimal(),
        },
        _ => hexadecimal(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_in_base_ten_thousand_become_one_number() {
        let encode = |weight: i16, sign: u16, digits: &[i16]| {
            let mut bytes = Vec::new();
            for part in [digits.len() as i16, weight, sign as i16, 2].iter().chain(digits) {
                bytes.extend(part.to_be_bytes());
            }
            bytes
        };
        assert_eq!(numeric(&encode(0, 0, &[12, 3400]), 2), Some(1234));
        assert_eq!(numeric(&encode(1, 0x4000, &[1, 0, 500]), 4), Some(-100_000_500));
        assert_eq!(numeric(&encode(-1, 0, &[500]), 2), Some(5));
        assert_eq!(numeric(&encode(-1, 0, &[1]), 2), None);
        assert_eq!(numeric(&encode(0, 0xC000, &[]), 2), None);
        assert_eq!(numeric(&encode(0, 0, &[]), 2), Some(0));
        // Whatever is left out: zeros before and behind the digits that are sent.
        assert_eq!(numeric(&encode(2, 0, &[7]), 2), Some(70_000_000_000));
        assert_eq!(numeric(&encode(-2, 0, &[7000]), 8), Some(7000));
        assert_eq!(numeric(&encode(-2, 0, &[7000]), 5), Some(7));
        assert_eq!(numeric(&encode(-2, 0, &[7000]), 4), None);
        assert_eq!(numeric(&encode(3, 0, &[9999; 4]), 2), Some(999_999_999_999_999_900));
        assert_eq!(numeric(&encode(3, 0x4000, &[9999, 9999, 9999, 9999, 5000]), 1), Some(-99_999_999_999_999_995));
        assert_eq!(
            numeric(&encode(8, 0, &[99, 9999, 9999, 9999, 9999, 9999, 9999, 9999, 9999, 9999]), 4),
            Some(10_i128.pow(38) - 1)
        );
        assert_eq!(numeric(&encode(9, 0, &[9999; 10]), 0), None);
        assert_eq!(numeric(&encode(0, 0, &[0]), 38), Some(0));
        assert_eq!(numeric(&[0, 2, 0, 0, 0, 0, 0, 0, 0, 1], 0), None, "a digit is missing");
    }

    #[test]
    fn intervals_and_ids() {
        let mut bytes = 5_i64.to_be_bytes().to_vec();
        bytes.extend(1_i32.to_be_bytes());
        bytes.extend(0_i32.to_be_bytes());
        assert_eq!(interval(&bytes), Some(86_400_000_005));
        bytes[15] = 1;
        assert_eq!(interval(&bytes), None);
        assert_eq!(uuid([0xAB; 16]), "abababab-abab-abab-abab-abababababab");
    }
}
