//! Rows as JSON: arrow's encoder, taught that decimals are strings and binaries base64.

use std::sync::Arc;

use arrow::array::{Array, ArrayAccessor, AsArray, StructArray};
use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use arrow::error::ArrowError;
use arrow::json::writer::{Encoder as ValueEncoder, EncoderFactory, EncoderOptions, NullableEncoder, make_encoder};
use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Encoder, PIECE_BYTES, distinct};

/// Rows as objects, with what stands before, between and behind them.
pub(super) struct Json {
    row: FieldRef,
    options: EncoderOptions,
    start: &'static str,
    between: &'static str,
    behind: &'static str,
    end: &'static str,
    first: bool,
}

impl Json {
    /// One object a line.
    pub(super) fn lines(schema: &Schema) -> Self {
        Self::new(schema, ["", "", "\n", ""])
    }

    /// One array of objects.
    pub(super) fn array(schema: &Schema) -> Self {
        Self::new(schema, ["[", ",", "", "]"])
    }

    /// An object whose member `items` is the array; the caller writes the rest of the object.
    pub(super) fn items(schema: &Schema) -> Self {
        Self::new(schema, ["{\"items\":[", ",", "", "]"])
    }

    fn new(schema: &Schema, [start, between, behind, end]: [&'static str; 4]) -> Self {
        let row = Arc::new(Field::new_struct("", distinct(schema).fields, false));
        Self { row, options: options(), start, between, behind, end, first: true }
    }
}

impl Encoder for Json {
    fn start(&mut self, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        out.extend_from_slice(self.start.as_bytes());
        Ok(())
    }

    fn rows(&mut self, batch: &RecordBatch, from: usize, out: &mut Vec<u8>) -> Result<usize, ArrowError> {
        let DataType::Struct(fields) = self.row.data_type() else { return Ok(batch.num_rows()) };
        // The batch's own fields, but for their names: a batch may be stricter about nulls than the schema it was announced with.
        let fields = fields
            .iter()
            .zip(batch.schema().fields())
            .map(|(named, field)| Arc::new(field.as_ref().clone().with_name(named.name())))
            .collect();
        let array = StructArray::try_new_with_length(fields, batch.columns().to_vec(), None, batch.num_rows())?;
        let row_field = Arc::new(Field::new("", array.data_type().clone(), false));
        let mut encoder = make_encoder(&row_field, &array, &self.options)?;
        for row in from..batch.num_rows() {
            if !std::mem::take(&mut self.first) {
                out.extend_from_slice(self.between.as_bytes());
            }
            encoder.encode(row, out);
            out.extend_from_slice(self.behind.as_bytes());
            if out.len() >= PIECE_BYTES {
                return Ok(row + 1);
            }
        }
        Ok(batch.num_rows())
    }

    fn end(&mut self, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        out.extend_from_slice(self.end.as_bytes());
        Ok(())
    }
}

/// How values become JSON everywhere.
pub(super) fn options() -> EncoderOptions {
    EncoderOptions::default().with_explicit_nulls(true).with_encoder_factory(Arc::new(Exact))
}

pub(super) fn is_binary(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_))
}

/// The types whose default form would lose something or surprise.
#[derive(Debug)]
struct Exact;

impl EncoderFactory for Exact {
    fn make_default_encoder<'a>(
        &self,
        _field: &'a FieldRef,
        array: &'a dyn Array,
        _options: &'a EncoderOptions,
    ) -> Result<Option<NullableEncoder<'a>>, ArrowError> {
        let encoder: Box<dyn ValueEncoder + 'a> = match array.data_type() {
            DataType::Binary => Box::new(Base64(array.as_binary::<i32>())),
            DataType::LargeBinary => Box::new(Base64(array.as_binary::<i64>())),
            DataType::BinaryView => Box::new(Base64(array.as_binary_view())),
            DataType::FixedSizeBinary(_) => Box::new(Base64(array.as_fixed_size_binary())),
            DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal128(..) | DataType::Decimal256(..) => {
                Box::new(Quoted(ArrayFormatter::try_new(array, &FormatOptions::default().with_display_error(true))?))
            }
            _ => return Ok(None),
        };
        Ok(Some(NullableEncoder::new(encoder, array.nulls().cloned())))
    }
}

struct Base64<A>(A);

impl<'a, A: ArrayAccessor<Item = &'a [u8]>> ValueEncoder for Base64<A> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        out.push(b'"');
        out.extend_from_slice(STANDARD.encode(self.0.value(row)).as_bytes());
        out.push(b'"');
    }
}

/// A value whose text needs no escapes, in quotes.
struct Quoted<'a>(ArrayFormatter<'a>);

impl ValueEncoder for Quoted<'_> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        out.push(b'"');
        out.extend_from_slice(self.0.value(row).to_string().as_bytes());
        out.push(b'"');
    }
}
