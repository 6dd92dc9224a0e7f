//! One JSON object a line. Values keep their JSON type: a number is no text, and what does not fit is set aside.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use base::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::blocks::{Block, Blocks, Format, Options};
use crate::causes::{ENCODING_INVALID, FIELD_UNKNOWN, JSON_INVALID, VALUE_UNFIT};
use crate::cells::{Cells, Table};
use crate::codes::FILE_EMPTY;
use crate::framing::Framing;
use crate::guess::Guess;
use crate::source::{FileMark, Piece, RAW_BYTES_MAX, Reject};
use crate::workers::Decode;

/// Records of each sampled file that are looked at to guess types.
const SAMPLE_RECORDS: usize = 10_000;

/// One JSON object a line, in UTF-8. Objects and lists in it are kept as JSON text unless their column is declared as a list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JsonLinesFormat {
    /// Leave out fields that are no column, instead of setting their record aside.
    #[serde(default)]
    pub ignore_unknown: bool,
}

/// Lines of JSON, as [`Blocks`] cuts them.
pub(crate) struct Lines;

impl Format for Lines {
    type Head = ();

    fn framing(&self) -> Framing {
        Framing { quotes: None }
    }

    fn head(&self, _name: &str, _first: &[u8]) -> Result<((), usize)> {
        Ok(((), 0))
    }
}

/// What was seen in one field.
#[derive(Clone, Copy, Default)]
struct Seen {
    texts: Guess,
    text: bool,
    number: Guess,
    boolean: bool,
    nested: bool,
}

impl Seen {
    fn see(&mut self, value: &Value) {
        match value {
            Value::Null => {}
            Value::Bool(_) => self.boolean = true,
            Value::Number(number) => self.number.see(&number.to_string()),
            Value::String(text) => {
                self.text = true;
                self.texts.see(text);
            }
            Value::Array(_) | Value::Object(_) => self.nested = true,
        }
    }

    /// Texts become times if all are, but never numbers: who writes `"007"` means text.
    fn data_type(self) -> DataType {
        let number = self.number != Guess::default();
        match (self.boolean, number, self.text, self.nested) {
            (true, false, false, false) => DataType::Boolean,
            (false, true, false, false) => self.number.data_type(),
            (false, false, true, false) => match self.texts.data_type() {
                time @ (DataType::Date32 | DataType::Timestamp(..)) => time,
                _ => DataType::Utf8,
            },
            _ => DataType::Utf8,
        }
    }
}

/// Guesses the columns from the first records of some files, in the order in which fields appear. Blocks.
pub(crate) fn infer(options: &Options, samples: &[FileMark], declared: Option<&SchemaRef>) -> Result<Schema> {
    let mut seen: Map<String, Value> = Map::new();
    let mut columns: Vec<(String, Seen)> = Vec::new();
    for mark in samples {
        let mut blocks = Blocks::new(Arc::new(Lines), options.clone(), vec![mark.clone()]);
        let mut left = SAMPLE_RECORDS;
        while let Some(block) = blocks.next()? {
            for line in block.raw.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).take(left) {
                left -= 1;
                let Ok(object) = serde_json::from_slice::<Map<String, Value>>(line) else { continue };
                for (name, value) in &object {
                    let index = match seen.get(name).and_then(Value::as_u64) {
                        Some(index) => index as usize,
                        None => {
                            seen.insert(name.clone(), columns.len().into());
                            columns.push((name.clone(), Seen::default()));
                            columns.len() - 1
                        }
                    };
                    columns[index].1.see(value);
                }
            }
            if left == 0 {
                break;
            }
        }
    }
    let mut fields: Vec<Field> = columns.into_iter().map(|(name, seen)| Field::new(name, seen.data_type(), true)).collect();
    // A field that no sample has may come later.
    let known: HashSet<String> = fields.iter().map(|field| field.name().clone()).collect();
    let more = declared.iter().flat_map(|declared| declared.fields().iter()).filter(|field| !known.contains(field.name()));
    fields.extend(more.map(|field| field.as_ref().clone()));
    if fields.is_empty() {
        let place = samples.first().map_or("", |mark| mark.path.as_str());
        return Err(Error::new(&FILE_EMPTY).with("place", place));
    }
    Ok(Schema::new(fields))
}

/// Decodes lines into batches.
pub(crate) struct Decoder {
    schema: SchemaRef,
    /// All fields that a record may have, or `None` if any.
    known: Option<HashSet<String>>,
    table: Table,
    batch_rows: usize,
}

impl Decoder {
    /// `found`: the columns of the files; `schema`: those that are read.
    pub fn new(format: &JsonLinesFormat, found: &Schema, schema: SchemaRef, batch_rows: usize, place: &str) -> Result<Self> {
        let known = (!format.ignore_unknown).then(|| found.fields().iter().map(|field| field.name().clone()).collect());
        Ok(Self { table: Table::new(schema.clone(), batch_rows, place)?, schema, known, batch_rows })
    }

    /// Adds a line as a row; what is wrong with it if it does not fit.
    fn line(&mut self, line: &[u8]) -> Result<(), (&'static str, String)> {
        let object: Map<String, Value> = match serde_json::from_slice(line) {
            Ok(object) => object,
            Err(_) if std::str::from_utf8(line).is_err() => {
                return Err((ENCODING_INVALID, "bytes that are no UTF-8 text".to_owned()));
            }
            // The parser's own message quotes the value where a type is wrong, so it is told only where.
            Err(error) if error.is_data() => return Err((JSON_INVALID, "the line is not a JSON object".to_owned())),
            Err(error) => return Err((JSON_INVALID, format!("no valid JSON at byte {}", error.column()))),
        };
        if let Some(known) = &self.known
            && let Some(name) = object.keys().find(|name| !known.contains(*name))
        {
            let name: String = name.chars().take(80).collect();
            return Err((FIELD_UNKNOWN, format!("field `{name}` is no column")));
        }
        let mut unfit = None;
        for (field, cells) in self.schema.fields().iter().zip(&mut self.table.columns) {
            let value = object.get(field.name()).unwrap_or(&Value::Null);
            let before = cells.len();
            if !add(cells, field.data_type(), value) {
                if cells.len() == before {
                    cells.null();
                }
                unfit.get_or_insert_with(|| format!("column `{}`: the value does not fit {}", field.name(), field.data_type()));
            }
        }
        self.table.row(unfit.is_none());
        unfit.map_or(Ok(()), |message| Err((VALUE_UNFIT, message)))
    }
}

fn add(cells: &mut Cells, data_type: &DataType, value: &Value) -> bool {
    match (value, data_type) {
        (Value::Null, _) => {
            cells.null();
            true
        }
        (Value::String(text), DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View) => cells.text(text),
        (Value::String(text), DataType::Date32 | DataType::Time64(_) | DataType::Timestamp(TimeUnit::Microsecond, _)) => {
            cells.text(text)
        }
        (Value::String(text), DataType::Decimal128(..)) => cells.text(text),
        (Value::String(_), _) => false,
        (Value::Array(items), DataType::List(item)) => {
            cells.list(|cells| items.iter().all(|value| add(cells, item.data_type(), value)))
        }
        (Value::Array(_) | Value::Object(_), DataType::Utf8) => cells.text(&value.to_string()),
        (Value::Bool(value), _) => cells.boolean(*value),
        (Value::Number(number), DataType::Float32 | DataType::Float64) => number.as_f64().is_some_and(|value| cells.float(value)),
        (Value::Number(number), _) => match number.as_i64() {
            Some(value) => cells.integer(value),
            // Whole numbers above 64 bits were rounded by the parser, so they fit no exact type.
            None => number.as_f64().is_some_and(|value| value.abs() < 1e15 && cells.float(value)),
        },
        (Value::Array(_) | Value::Object(_), _) => false,
    }
}

impl Decode<()> for Decoder {
    fn decode(&mut self, mut block: Block<()>, give: &mut dyn FnMut(Piece) -> bool) -> Result<()> {
        let mut rejects = std::mem::take(&mut block.rejects);
        let mut bytes = block.bytes;
        let mut lines = block.raw[block.start..].split(|byte| *byte == b'\n').zip(block.line..).peekable();
        while let Some((line, number)) = lines.next() {
            if !line.trim_ascii().is_empty()
                && let Err((cause, message)) = self.line(line)
            {
                let raw = line.strip_suffix(b"\r").unwrap_or(line);
                rejects.push(Reject {
                    cause: cause.into(),
                    message,
                    raw: raw[..raw.len().min(RAW_BYTES_MAX)].to_vec(),
                    position: format!("{}:{number}", block.name),
                });
            }
            if self.table.rows() >= self.batch_rows || lines.peek().is_none() {
                let piece = Piece {
                    batch: self.table.finish()?,
                    rejects: std::mem::take(&mut rejects),
                    bytes: std::mem::take(&mut bytes),
                };
                if !give(piece) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}
