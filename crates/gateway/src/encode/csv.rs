//! Rows as CSV: arrow's own writer cannot tell NULL from an empty text, writes binary as hex and refuses nested columns.

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::error::ArrowError;
use arrow::json::writer::{EncoderOptions, NullableEncoder, make_encoder};
use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};

use super::{Encoder, PIECE_BYTES, json};

/// The encoder's state: the schema and how nested values become JSON.
pub(super) struct Csv {
    schema: SchemaRef,
    nested: EncoderOptions,
}

impl Csv {
    pub(super) fn new(schema: SchemaRef) -> Self {
        Self { schema, nested: json::options() }
    }
}

impl Encoder for Csv {
    fn start(&mut self, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        for (index, field) in self.schema.fields().iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            text(field.name(), out);
        }
        out.push(b'\n');
        Ok(())
    }

    fn rows(&mut self, batch: &RecordBatch, from: usize, out: &mut Vec<u8>) -> Result<usize, ArrowError> {
        let schema = batch.schema();
        let mut columns = Vec::with_capacity(batch.num_columns());
        for (field, array) in schema.fields().iter().zip(batch.columns()) {
            columns.push(match array.data_type() {
                DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Column::Text(array.as_ref()),
                data_type if json::is_binary(data_type) || data_type.is_nested() => {
                    Column::Json(make_encoder(field, array.as_ref(), &self.nested)?)
                }
                _ => Column::Shown(array.as_ref(), ArrayFormatter::try_new(array.as_ref(), &FormatOptions::default())?),
            });
        }
        let mut shown = String::new();
        let mut encoded = Vec::new();
        for row in from..batch.num_rows() {
            for (index, column) in columns.iter_mut().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                match column {
                    Column::Text(array) if array.is_valid(row) => text(string_at(*array, row), out),
                    Column::Shown(array, formatter) if array.is_valid(row) => {
                        shown.clear();
                        formatter.value(row).write(&mut shown)?;
                        text(&shown, out);
                    }
                    Column::Json(encoder) if !encoder.is_null(row) => {
                        encoded.clear();
                        encoder.encode(row, &mut encoded);
                        // Base64 comes as a JSON string without escapes; its quotes are CSV's quotes as well.
                        match encoded.first() {
                            Some(b'"') => out.extend_from_slice(&encoded),
                            _ => text(&String::from_utf8_lossy(&encoded), out),
                        }
                    }
                    _ => {}
                }
            }
            out.push(b'\n');
            if out.len() >= PIECE_BYTES {
                return Ok(row + 1);
            }
        }
        Ok(batch.num_rows())
    }

    fn end(&mut self, _out: &mut Vec<u8>) -> Result<(), ArrowError> {
        Ok(())
    }
}

enum Column<'a> {
    Text(&'a dyn Array),
    Shown(&'a dyn Array, ArrayFormatter<'a>),
    Json(NullableEncoder<'a>),
}

fn string_at(array: &dyn Array, row: usize) -> &str {
    match array.data_type() {
        DataType::LargeUtf8 => array.as_string::<i64>().value(row),
        DataType::Utf8View => array.as_string_view().value(row),
        _ => array.as_string::<i32>().value(row),
    }
}

/// A field; in quotes when it is empty (nothing means NULL) or holds what CSV gives a meaning.
fn text(value: &str, out: &mut Vec<u8>) {
    let plain = !value.is_empty() && !value.bytes().any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r'));
    if plain {
        return out.extend_from_slice(value.as_bytes());
    }
    out.push(b'"');
    for (index, part) in value.split('"').enumerate() {
        if index > 0 {
            out.extend_from_slice(b"\"\"");
        }
        out.extend_from_slice(part.as_bytes());
    }
    out.push(b'"');
}
