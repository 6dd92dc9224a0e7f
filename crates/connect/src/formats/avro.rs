//! Apache Avro container files: blocks of records, read in the schema they bring or in a declared one.

mod container;

use std::collections::VecDeque;
use std::io::{BufRead, Cursor};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use arrow_avro::reader::{Reader, ReaderBuilder};
use arrow_avro::schema::AvroSchema;
use base::document::Wrong;
use base::{Error, Result};
use futures::stream::BoxStream;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::blocks::Options;
use crate::codes::{FILE_CORRUPT, READER_FAILED};
use crate::columns;
use crate::fit::{fit, kept, same_names};
use crate::panics::guarded;
use crate::source::{FileMark, Piece};
use crate::workers::{Outlet, sharing};
use container::{Block, Containers, Header, headers, put_long};

/// Unpacked bytes that are decoded at once, unless one block has more.
const CHUNK_BYTES: usize = 4 << 20;
/// Records that are decoded at once, unless one block has more.
const CHUNK_ROWS: u64 = 65_536;
/// The mark behind the one block of what is handed to the decoder, which does not look at it.
const SYNC: [u8; 16] = [0; 16];

/// Apache Avro container files.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AvroFormat {
    /// The Avro schema, as JSON text, in which files of different age are read as one: what a file lacks takes its default,
    /// what is not named is left out, and numbers are widened. Without it all files must have the same fields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
}

impl AvroFormat {
    /// What the types cannot say.
    pub fn check(&self) -> Result<(), Wrong> {
        self.reader().map(drop)
    }

    fn reader(&self) -> Result<Option<Value>, Wrong> {
        let Some(text) = &self.schema else { return Ok(None) };
        let schema: Value = serde_json::from_str(text).map_err(|error| Wrong::new("schema", format!("no JSON: {error}")))?;
        match names(&schema) {
            Some(_) => Ok(Some(schema)),
            None => Err(Wrong::new("schema", "write an Avro record: {\"type\": \"record\", \"name\": …, \"fields\": […]}")),
        }
    }
}

/// The names of a record's fields; `None` if the schema is no record.
fn names(schema: &Value) -> Option<Vec<&str>> {
    if schema.get("type")?.as_str()? != "record" {
        return None;
    }
    schema.get("fields")?.as_array()?.iter().map(|field| field.get("name")?.as_str()).collect()
}

/// A schema whose texts that are UUIDs are plain texts, for the decoder would make bytes of them.
fn plain(mut schema: Value) -> Value {
    match &mut schema {
        Value::Object(object) => {
            let text = object.get("type").and_then(Value::as_str) == Some("string");
            if text && object.get("logicalType").and_then(Value::as_str) == Some("uuid") {
                object.remove("logicalType");
            }
            object.values_mut().for_each(|value| *value = plain(value.take()));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = plain(item.take())),
        _ => {}
    }
    schema
}

/// The columns of the first sample, in the types in which they are given out; the other samples must have the same. Blocks.
pub(crate) fn infer(format: &AvroFormat, options: &Options, samples: &[FileMark]) -> Result<Schema> {
    let reader = declared(format)?;
    let mut found: Option<Schema> = None;
    for mark in samples {
        for header in headers(options, mark)? {
            let schema = kept(&Shape { header: &header, reader: reader.as_ref(), wanted: None }.schema()?);
            match &found {
                None => found = Some(schema),
                Some(first) => same_names(&header.name, first, &schema)?,
            }
        }
    }
    found.ok_or_else(|| Error::new(&READER_FAILED).with("place", "an Avro file").with("reason", "there is none"))
}

fn declared(format: &AvroFormat) -> Result<Option<Value>> {
    let reader = format.reader();
    reader.map_err(|wrong| Error::new(&READER_FAILED).with("place", "the Avro schema").with("reason", wrong.reason))
}

/// A file's records as columns.
#[derive(Clone, Copy)]
struct Shape<'a> {
    header: &'a Header,
    /// The schema in which they are read, if not their own.
    reader: Option<&'a Value>,
    /// The columns that are read; all if `None`.
    wanted: Option<&'a Schema>,
}

impl Shape<'_> {
    /// Opens a decoder over records, all of which come as one batch.
    fn decoder<R: BufRead>(&self, rows: u64, records: R, size: usize) -> Result<Reader<impl BufRead + use<R>>> {
        let place = self.header.name.as_str();
        let schema = self.reader.unwrap_or(&self.header.schema);
        let Some(names) = names(schema) else {
            let reason = "its schema is no record, so it has no columns";
            return Err(Error::new(&FILE_CORRUPT).with("place", place).with("reason", reason));
        };
        let mut builder = ReaderBuilder::new().with_batch_size(usize::try_from(rows.max(1)).unwrap_or(usize::MAX));
        if let Some(reader) = self.reader {
            builder = builder.with_reader_schema(AvroSchema::new(plain(reader.clone()).to_string()));
        }
        if let Some(wanted) = self.wanted {
            let find = |name: &String| {
                let found = names.iter().position(|known| known == name);
                found.ok_or_else(|| columns::missing(name, names.iter().copied(), place))
            };
            let projection = wanted.fields().iter().map(|field| find(field.name())).collect::<Result<_>>()?;
            builder = builder.with_projection(projection);
        }
        let mut head = b"Obj\x01".to_vec();
        put_long(1, &mut head);
        for text in ["avro.schema", &plain(self.header.schema.clone()).to_string()] {
            put_long(text.len() as u64, &mut head);
            head.extend_from_slice(text.as_bytes());
        }
        put_long(0, &mut head);
        head.extend_from_slice(&SYNC);
        if rows > 0 {
            put_long(rows, &mut head);
            put_long(size as u64, &mut head);
        }
        let tail: &[u8] = if rows > 0 { &SYNC } else { &[] };
        let input = std::io::Read::chain(std::io::Read::chain(Cursor::new(head), records), tail);
        guarded(place, || builder.build(input).map_err(|error| Error::new(&FILE_CORRUPT).with("place", place).because(error)))
    }

    fn schema(&self) -> Result<Schema> {
        Ok(self.decoder(0, std::io::empty(), 0)?.schema().as_ref().clone())
    }

    /// Decodes so many records. The decoder is asked just once: behind the last record it would look for more without an end.
    fn batch(&self, rows: u64, records: &[u8], place: &str) -> Result<RecordBatch> {
        let mut decoder = self.decoder(rows, records, records.len())?;
        let corrupt = || Error::new(&FILE_CORRUPT).with("place", place);
        guarded(place, || match decoder.next() {
            Some(Ok(batch)) if batch.num_rows() as u64 == rows => Ok(batch),
            Some(Err(error)) => Err(corrupt().because(error)),
            _ => Err(corrupt().with("reason", "a block has other records than it says")),
        })
    }
}

/// What is read of Avro files.
pub(crate) struct Plan {
    pub options: Options,
    pub format: AvroFormat,
    /// All columns of the files; `None` if files may have columns that are not read.
    pub strict: Option<Schema>,
    pub schema: SchemaRef,
    pub batch_rows: usize,
    pub limit: Option<u64>,
}

/// The parts of a reading. One reader cuts blocks off the files; each part unpacks and decodes those it takes.
pub(crate) fn parts(plan: Plan, files: Vec<FileMark>, parallel: usize) -> Result<Vec<BoxStream<'static, Result<Piece>>>> {
    let reader = declared(&plan.format)?;
    let mut containers = Containers::new(plan.options.clone(), files);
    let limit = plan.limit;
    let plan = Arc::new((plan, reader));
    let worker = |_| {
        let plan = plan.clone();
        move |blocks, outlet: &mut Outlet<'_>| plan.0.decode(plan.1.as_ref(), blocks, outlet)
    };
    let next = move || take(&mut containers).map(|blocks| (!blocks.is_empty()).then_some(blocks));
    Ok(sharing(next, (0..parallel.max(1)).map(worker).collect(), limit))
}

/// The next blocks, as many as are worth a walk to the reader. Empty at the end.
fn take(containers: &mut Containers) -> Result<VecDeque<Block>> {
    const PACKED_BYTES: u64 = 1 << 20;
    let mut blocks = VecDeque::new();
    let (mut bytes, mut rows) = (0, 0);
    while bytes < PACKED_BYTES && rows < CHUNK_ROWS {
        let Some(block) = containers.next()? else { break };
        bytes += block.bytes.max(1);
        rows = rows.saturating_add(block.rows);
        blocks.push_back(block);
    }
    Ok(blocks)
}

impl Plan {
    /// Gives the rows of some blocks; false if no more are wanted.
    fn decode(&self, reader: Option<&Value>, mut blocks: VecDeque<Block>, outlet: &mut Outlet<'_>) -> Result<bool> {
        let mut records = Vec::new();
        while let Some(first) = blocks.pop_front() {
            let (header, place) = (first.header.clone(), first.place());
            let (mut rows, mut bytes) = (first.rows, first.bytes);
            records.clear();
            first.unpack(self.options.expansion_max, &mut records)?;
            // Neighbours of the same file are decoded together.
            while records.len() < CHUNK_BYTES
                && rows < CHUNK_ROWS
                && let Some(next) = blocks.pop_front_if(|next| Arc::ptr_eq(&next.header, &header))
            {
                next.unpack(self.options.expansion_max, &mut records)?;
                rows += next.rows;
                bytes += next.bytes;
            }
            let shape = Shape { header: &header, reader, wanted: Some(&self.schema) };
            if let (Some(strict), None, 1) = (&self.strict, reader, first.first_row) {
                same_names(&header.name, strict, &Shape { wanted: None, ..shape }.schema()?)?;
            }
            if rows == 0 {
                continue;
            }
            let batch = shape.batch(rows, &records, &place)?;
            let step = self.rows_at_once(records.len(), batch.num_rows());
            let mut at = 0;
            while at < batch.num_rows() {
                let slice = batch.slice(at, step.min(batch.num_rows() - at));
                let (fitting, rejects) = fit(&slice, &self.schema, &header.name, first.first_row + at as u64)?;
                at += slice.num_rows();
                if !outlet.give(Piece { batch: fitting, rejects, bytes: std::mem::take(&mut bytes) }) {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Rows of a batch: so many as are wanted, fewer if they are large.
    fn rows_at_once(&self, bytes: usize, rows: usize) -> usize {
        let fitting = CHUNK_BYTES.saturating_mul(rows) / bytes.max(1);
        fitting.clamp(1, self.batch_rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declared_schema_is_a_record() {
        let format = |schema: &str| AvroFormat { schema: Some(schema.to_owned()) };
        assert!(format(r#"{"type":"record","name":"r","fields":[{"name":"a","type":"int"}]}"#).check().is_ok());
        for bad in ["", "\"int\"", "{}", r#"{"type":"array","items":"int"}"#, r#"{"type":"record","fields":[{"type":"int"}]}"#] {
            assert!(format(bad).check().is_err(), "{bad}");
        }
        let uuid = serde_json::json!({"type": ["null", {"type": "string", "logicalType": "uuid"}]});
        assert_eq!(plain(uuid), serde_json::json!({"type": ["null", {"type": "string"}]}));
    }
}
