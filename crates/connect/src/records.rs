//! Single records read again, as they stand in a quarantine: by the declaration of today, one by one.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Schema, SchemaRef};
use base::document::Wrong;
use base::{Error, Result};
use serde_json::{Map, Value};

use crate::blocks::Block;
use crate::causes::{JSON_INVALID, VALUE_UNFIT};
use crate::cells::{Cells, Table};
use crate::codes::TARGET_INVALID;
use crate::formats::csv::{self, CsvFormat, Layout};
use crate::formats::json_lines::{self, JsonLinesFormat};
use crate::formats::{Chosen, FilesTarget};
use crate::source::{Piece, RAW_BYTES_MAX, Reject};
use crate::workers::Decode;

/// Significant digits of a number that JSON is sure to keep.
const DIGITS_EXACT: usize = 15;

/// How the records of a source stand in a quarantine.
#[derive(Debug, Clone)]
pub enum Form {
    /// As delimited text; which field is which column, only the head of the file tells.
    Csv(CsvFormat),
    /// As lines of JSON.
    JsonLines(JsonLinesFormat),
    /// As JSON that was made of a row with types: of a database, or of a file that has its own.
    Row,
}

impl FilesTarget {
    /// The form of its records; `place` is where one of them stood, such as `in/a.zip!a.csv`.
    pub fn form(&self, place: &str) -> Result<Form, Wrong> {
        Ok(match self.chosen(place)? {
            Chosen::Csv(format) => Form::Csv(format),
            Chosen::JsonLines(format) => Form::JsonLines(format),
            _ => Form::Row,
        })
    }

    /// Only the file, and the member of it, in which a record stood.
    pub fn just(&self, place: &str) -> Self {
        let (file, member) = place.split_once('!').map_or((place, None), |(file, member)| (file, Some(member)));
        let members = member.map(glob::Pattern::escape).or_else(|| self.members.clone());
        Self { files: glob::Pattern::escape(file), members, format: self.format.clone() }
    }
}

/// A reader of single records.
pub struct Records {
    reader: Reader,
}

enum Reader {
    Csv(Box<csv::Decoder>, Arc<Layout>),
    JsonLines(Box<json_lines::Decoder>),
    Row(SchemaRef, Table),
}

impl Records {
    /// Reads delimited text whose fields are `names`, in this order, into the columns of `schema`, each of which is one of them.
    pub fn csv(format: &CsvFormat, names: &[String], schema: &SchemaRef) -> Result<Self> {
        let invalid = |reason: String| Error::new(&TARGET_INVALID).with("connection", "quarantine").with("reason", reason);
        let dialect = format.dialect().map_err(|wrong| invalid(wrong.reason))?;
        let layout = Layout::of(names, schema).map_err(|name| invalid(format!("there is no field for column `{name}`")))?;
        let decoder = csv::Decoder::new(dialect, schema.clone(), 1, "quarantine")?;
        Ok(Self { reader: Reader::Csv(Box::new(decoder), Arc::new(layout)) })
    }

    /// Reads JSON objects; fields that are not in `schema` are left out or make a record unfit, as the format says.
    pub fn json_lines(format: &JsonLinesFormat, schema: &SchemaRef) -> Result<Self> {
        let decoder = json_lines::Decoder::new(format, schema, schema.clone(), 1, "quarantine")?;
        Ok(Self { reader: Reader::JsonLines(Box::new(decoder)) })
    }

    /// Reads JSON objects that were made of typed rows: text is read as what a column wants.
    pub fn rows(schema: &SchemaRef) -> Result<Self> {
        Ok(Self { reader: Reader::Row(schema.clone(), Table::new(schema.clone(), 1, "quarantine")?) })
    }

    /// The one row of a record, or why it does not fit. A record of which only the beginning was kept never fits.
    pub fn read(&mut self, raw: &[u8]) -> Result<Result<RecordBatch, Reject>> {
        let reject = |cause: &'static str, message: String| Reject {
            cause: cause.into(),
            message,
            raw: Vec::new(),
            position: String::new(),
        };
        if raw.len() >= RAW_BYTES_MAX {
            return Ok(Err(reject(VALUE_UNFIT, format!("only its first {RAW_BYTES_MAX} bytes were kept"))));
        }
        let mut pieces: Vec<Piece> = Vec::new();
        let mut give = |piece: Piece| {
            pieces.push(piece);
            true
        };
        match &mut self.reader {
            Reader::Csv(decoder, layout) => decoder.decode(block(layout.clone(), raw), &mut give)?,
            Reader::JsonLines(decoder) => decoder.decode(block(Arc::new(()), raw), &mut give)?,
            Reader::Row(schema, table) => {
                return Ok(match row(schema, table, raw) {
                    Ok(()) => Ok(table.finish()?),
                    Err((cause, message)) => {
                        table.finish()?;
                        Err(reject(cause, message))
                    }
                });
            }
        }
        let rejected = pieces.iter_mut().find_map(|piece| piece.rejects.pop());
        let mut rows = pieces.into_iter().map(|piece| piece.batch).filter(|batch| batch.num_rows() > 0);
        Ok(match (rejected, rows.next(), rows.next()) {
            (None, Some(row), None) if row.num_rows() == 1 => Ok(row),
            (Some(rejected), ..) => Err(rejected),
            _ => Err(reject(VALUE_UNFIT, "it is not one record".to_owned())),
        })
    }
}

fn block<H>(head: Arc<H>, raw: &[u8]) -> Block<H> {
    Block { name: "record".into(), head, raw: raw.to_vec(), start: 0, line: 1, rejects: Vec::new(), bytes: 0 }
}

/// Adds a row; if it does not fit, the table holds it as one that is left out.
fn row(schema: &Schema, table: &mut Table, raw: &[u8]) -> Result<(), (&'static str, String)> {
    let object: Map<String, Value> =
        serde_json::from_slice(raw).map_err(|_| (JSON_INVALID, "the record is not a JSON object".to_owned()))?;
    let mut unfit = object.keys().find(|name| schema.index_of(name).is_err()).map(|name| {
        let name: String = name.chars().take(80).collect();
        (crate::causes::FIELD_UNKNOWN, format!("field `{name}` is no column"))
    });
    for (field, cells) in schema.fields().iter().zip(&mut table.columns) {
        let before = cells.len();
        if !add(cells, field.data_type(), object.get(field.name()).unwrap_or(&Value::Null)) {
            if cells.len() == before {
                cells.null();
            }
            let message = format!("column `{}`: the value does not fit {}", field.name(), field.data_type());
            unfit.get_or_insert((VALUE_UNFIT, message));
        }
    }
    table.row(unfit.is_none());
    unfit.map_or(Ok(()), Err)
}

fn add(cells: &mut Cells, data_type: &DataType, value: &Value) -> bool {
    let text = matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    match value {
        Value::Null => {
            cells.null();
            true
        }
        // Of binary values a record keeps only how long they were.
        _ if matches!(data_type, DataType::Binary) => false,
        Value::String(value) => cells.text(value),
        Value::Bool(value) if text => cells.text(&value.to_string()),
        Value::Bool(value) => cells.boolean(*value),
        Value::Number(number) if text => cells.text(&number.to_string()),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(value), _) => cells.integer(value),
            (None, Some(value)) if matches!(data_type, DataType::Float32 | DataType::Float64) => cells.float(value),
            (None, Some(value)) => {
                number.to_string().bytes().filter(u8::is_ascii_digit).count() <= DIGITS_EXACT && cells.float(value)
            }
            (None, None) => false,
        },
        Value::Array(items) => match data_type {
            DataType::List(item) => cells.list(|cells| items.iter().all(|value| add(cells, item.data_type(), value))),
            _ => text && cells.text(&value.to_string()),
        },
        Value::Object(_) => text && cells.text(&value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::AsArray;
    use arrow::datatypes::{Field, Int32Type};

    use super::*;

    fn schema() -> SchemaRef {
        Arc::new(Schema::new(vec![Field::new("id", DataType::Int32, true), Field::new("name", DataType::Utf8, true)]))
    }

    fn id(read: Result<Result<RecordBatch, Reject>>) -> i32 {
        read.expect("read").expect("fits").column(0).as_primitive::<Int32Type>().value(0)
    }

    fn cause(read: Result<Result<RecordBatch, Reject>>) -> String {
        read.expect("read").expect_err("unfit").cause.into_owned()
    }

    #[test]
    fn text_is_read_by_the_names_of_its_file() {
        let names = ["name".to_owned(), "more".to_owned(), "id".to_owned()];
        let mut records = Records::csv(&CsvFormat::default(), &names, &schema()).expect("a reader");
        assert_eq!(id(records.read(b"\"a,b\",x,7")), 7);
        assert_eq!(cause(records.read(b"a,x,seven")), VALUE_UNFIT);
        assert_eq!(cause(records.read(b"a,7")), crate::causes::TOO_FEW_FIELDS);
        assert_eq!(cause(records.read(b"")), VALUE_UNFIT);
        assert_eq!(id(records.read(b"a,x,8")), 8);
        assert!(Records::csv(&CsvFormat::default(), &names[..2], &schema()).is_err());
    }

    #[test]
    fn json_keeps_its_types_and_rows_are_read_from_text() {
        let mut lines = Records::json_lines(&JsonLinesFormat::default(), &schema()).expect("a reader");
        assert_eq!(id(lines.read(br#"{"id": 7, "name": "a"}"#)), 7);
        assert_eq!(cause(lines.read(br#"{"id": "7"}"#)), VALUE_UNFIT);
        assert_eq!(cause(lines.read(br#"{"id": 7, "x": 1}"#)), crate::causes::FIELD_UNKNOWN);
        let mut rows = Records::rows(&schema()).expect("a reader");
        assert_eq!(id(rows.read(br#"{"id": "7", "name": 1.5}"#)), 7);
        assert_eq!(cause(rows.read(br#"{"id": 7.5}"#)), VALUE_UNFIT);
        assert_eq!(cause(rows.read(b"{")), JSON_INVALID);
        assert_eq!(id(rows.read(br#"{"id": 9}"#)), 9);
        assert_eq!(cause(rows.read(&vec![b'a'; RAW_BYTES_MAX])), VALUE_UNFIT);
    }

    #[test]
    fn one_file_is_named_by_a_place() {
        let all = FilesTarget { files: "in/*.zip".to_owned(), members: Some("*.csv".to_owned()), format: None };
        let just = all.just("in/a[1].zip!x.csv");
        assert_eq!((just.files.as_str(), just.members.as_deref()), ("in/a[[]1[]].zip", Some("x.csv")));
        assert!(matches!(all.form("in/a.zip!x.csv"), Ok(Form::Csv(_))));
    }
}
