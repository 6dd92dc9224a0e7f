//! Rows of a sheet into batches; a row with a cell that does not fit is set aside, and the cell named.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use base::Result;
use calamine::Data;
use serde_json::{Map, Value};

use super::address::column_name;
use super::cell;
use super::workbook::Row;
use crate::causes::{CELL_ERROR, TOO_MANY_FIELDS, VALUE_UNFIT};
use crate::cells::Table;
use crate::columns;
use crate::source::{RAW_BYTES_MAX, Reject};

/// Bytes of texts in one batch, unless one row has more.
const BATCH_BYTES: usize = 8 << 20;

/// Batches being filled from the rows of one sheet.
pub(super) struct Filler {
    names: Vec<String>,
    /// Index of the first column in the sheet.
    first: u32,
    /// For each column of the schema the sheet's column it is read from.
    columns: Vec<u32>,
    schema: SchemaRef,
    table: Table,
    bytes: usize,
    rejects: Vec<Reject>,
    /// File and sheet.
    place: String,
}

impl Filler {
    pub fn new(names: Vec<String>, first: u32, schema: SchemaRef, batch_rows: usize, place: &str) -> Result<Self> {
        let find = |name: &String| {
            let found = names.iter().position(|known| known == name).map(|index| first + index as u32);
            found.ok_or_else(|| columns::missing(name, names.iter().map(String::as_str), place))
        };
        let columns = schema.fields().iter().map(|field| find(field.name())).collect::<Result<_>>()?;
        let table = Table::new(schema.clone(), batch_rows, place)?;
        Ok(Self { names, first, columns, schema, table, bytes: 0, rejects: Vec::new(), place: place.to_owned() })
    }

    pub fn add(&mut self, row: &Row) {
        let mut wrong = self.beyond(row);
        for ((cells, field), column) in self.table.columns.iter_mut().zip(self.schema.fields()).zip(&self.columns) {
            let value = match row.cell(*column) {
                None => None,
                // What a formula leaves blank.
                Some(Data::String(text)) if text.is_empty() => None,
                Some(value) => Some(value),
            };
            let Some(value) = value else {
                cells.null();
                continue;
            };
            if let Data::String(text) = value {
                self.bytes += text.len();
            }
            if !cell::put(cells, field.data_type(), value) {
                cells.null();
                let (cause, message) = match value {
                    Data::Error(error) => (CELL_ERROR, format!("column `{}`: the cell holds the error {error}", field.name())),
                    _ => (VALUE_UNFIT, format!("column `{}`: the value does not fit {}", field.name(), field.data_type())),
                };
                wrong.get_or_insert((*column, cause, message));
            }
        }
        self.table.row(wrong.is_none());
        if let Some((column, cause, message)) = wrong {
            self.rejects.push(Reject {
                cause: cause.into(),
                message,
                raw: self.raw(row),
                position: format!("{}!{}{}", self.place, column_name(column), row.index + 1),
            });
        }
    }

    /// What is wrong with a cell in a column that has no name.
    fn beyond(&self, row: &Row) -> Option<(u32, &'static str, String)> {
        let named = self.first..self.first + self.names.len() as u32;
        let beyond = row.columns().find(|column| !named.contains(column))?;
        Some((beyond, TOO_MANY_FIELDS, "a cell stands in a column without a name".to_owned()))
    }

    /// The row as JSON, bounded.
    fn raw(&self, row: &Row) -> Vec<u8> {
        let named = |column: u32| {
            let index = column.checked_sub(self.first).map(|index| index as usize);
            index.and_then(|index| self.names.get(index)).cloned().unwrap_or_else(|| column_name(column))
        };
        let cells = row.columns().filter_map(|column| Some((named(column), Value::from(cell::text(row.cell(column)?)))));
        let mut raw = Value::Object(cells.collect::<Map<_, _>>()).to_string().into_bytes();
        raw.truncate(RAW_BYTES_MAX);
        raw
    }

    pub fn is_full(&self, batch_rows: usize) -> bool {
        self.table.rows() >= batch_rows || self.bytes >= BATCH_BYTES
    }

    /// The rows so far that fit, and those that do not.
    pub fn finish(&mut self) -> Result<(RecordBatch, Vec<Reject>)> {
        self.bytes = 0;
        Ok((self.table.finish()?, std::mem::take(&mut self.rejects)))
    }
}
