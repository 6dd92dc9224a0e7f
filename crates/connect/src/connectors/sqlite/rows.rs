//! Rows of a SQLite statement into batches. SQLite lets any value stand in any column; what does not fit is set aside.

use arrow::datatypes::{DataType, SchemaRef};
use base::Result;
use rusqlite::types::{Value as Sql, ValueRef};
use rusqlite::{Connection, Row};
use serde_json::{Map, Value};

use super::File;
use crate::causes::{ENCODING_INVALID, VALUE_UNFIT};
use crate::cells::{BATCH_BYTES_MAX, Cells, Table};
use crate::source::{Piece, RAW_BYTES_MAX, Reject};

/// A statement to be run.
pub(super) struct Work {
    pub file: File,
    /// The table, for messages.
    pub place: String,
    pub sql: String,
    pub bound: Vec<Sql>,
    pub schema: SchemaRef,
    pub batch_rows: usize,
}

impl Work {
    /// Gives all rows in batches; stops when they are not wanted any more.
    pub fn run(&self, connection: &Connection, give: &mut dyn FnMut(Piece) -> bool) -> Result<()> {
        let explain = |error| self.file.explain(error);
        let mut table = Table::new(self.schema.clone(), self.batch_rows, &self.place)?;
        let mut statement = connection.prepare(&self.sql).map_err(explain)?;
        let mut rows = statement.query(rusqlite::params_from_iter(&self.bound)).map_err(explain)?;
        let (mut number, mut bytes, mut rejects) = (0_u64, 0_u64, Vec::new());
        loop {
            let row = rows.next().map_err(explain)?;
            if row.is_none() || table.rows() == self.batch_rows || bytes >= BATCH_BYTES_MAX {
                let piece =
                    Piece { batch: table.finish()?, rejects: std::mem::take(&mut rejects), bytes: std::mem::take(&mut bytes) };
                let empty = piece.batch.num_rows() == 0 && piece.rejects.is_empty();
                if !empty && !give(piece) {
                    return Ok(());
                }
            }
            let Some(row) = row else { return Ok(()) };
            number += 1;
            let mut wrong = None;
            for (index, (field, cells)) in self.schema.fields().iter().zip(&mut table.columns).enumerate() {
                let value = row.get_ref(index).map_err(explain)?;
                bytes += size(value);
                if let Err(cause) = add(cells, field.data_type(), value) {
                    cells.null();
                    wrong.get_or_insert_with(|| {
                        let what = if cause == VALUE_UNFIT {
                            format!("does not fit {}", field.data_type())
                        } else {
                            "is no UTF-8 text".to_owned()
                        };
                        (cause, format!("column `{}`: the {} value {what}", field.name(), kind(value)))
                    });
                }
            }
            table.row(wrong.is_none());
            if let Some((cause, message)) = wrong {
                let position = format!("{}:{number}", self.place);
                rejects.push(Reject { cause: cause.into(), message, raw: self.json(row), position });
            }
        }
    }

    /// The row as JSON, bounded; binary values are shown as their length.
    fn json(&self, row: &Row<'_>) -> Vec<u8> {
        let mut object = Map::new();
        for (index, field) in self.schema.fields().iter().enumerate() {
            let value = match row.get_ref(index) {
                Ok(ValueRef::Integer(value)) => value.into(),
                Ok(ValueRef::Real(value)) => value.into(),
                Ok(ValueRef::Text(text)) => String::from_utf8_lossy(&text[..text.len().min(RAW_BYTES_MAX)]).into(),
                Ok(ValueRef::Blob(bytes)) => format!("({} bytes)", bytes.len()).into(),
                Ok(ValueRef::Null) | Err(_) => Value::Null,
            };
            object.insert(field.name().clone(), value);
        }
        let mut raw = Value::Object(object).to_string().into_bytes();
        raw.truncate(RAW_BYTES_MAX);
        raw
    }
}

fn add(cells: &mut Cells, data_type: &DataType, value: ValueRef<'_>) -> Result<(), &'static str> {
    let text_column = matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    let fits = match value {
        ValueRef::Null => {
            cells.null();
            true
        }
        ValueRef::Integer(value) if text_column => cells.text(&value.to_string()),
        ValueRef::Integer(value) => cells.integer(value),
        ValueRef::Real(value) if text_column => cells.text(&value.to_string()),
        ValueRef::Real(value) => cells.float(value),
        ValueRef::Text(text) => match std::str::from_utf8(text) {
            Ok(text) => cells.text(text),
            Err(_) => return Err(ENCODING_INVALID),
        },
        ValueRef::Blob(bytes) => cells.bytes(bytes),
    };
    if fits { Ok(()) } else { Err(VALUE_UNFIT) }
}

fn size(value: ValueRef<'_>) -> u64 {
    match value {
        ValueRef::Null => 0,
        ValueRef::Integer(_) | ValueRef::Real(_) => 8,
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.len() as u64,
    }
}

fn kind(value: ValueRef<'_>) -> &'static str {
    match value {
        ValueRef::Null => "NULL",
        ValueRef::Integer(_) => "whole-number",
        ValueRef::Real(_) => "floating-point",
        ValueRef::Text(_) => "text",
        ValueRef::Blob(_) => "binary",
    }
}
