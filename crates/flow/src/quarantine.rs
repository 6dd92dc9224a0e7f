//! The quarantine of a table: a governed table of the records it did not take, each with cause, place and bytes.

use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, BinaryArray, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::record_batch::RecordBatch;
use base::{Error, Result, RunId};
use chrono::{DateTime, Utc};

use crate::codes;

/// A record that a table did not take.
#[derive(Debug, Clone)]
pub struct Bad {
    /// The check's name or the connector's code.
    pub cause: String,
    /// What is wrong, in a sentence.
    pub message: String,
    /// The record as it came: the source's bytes, or the row as JSON.
    pub raw: Vec<u8>,
    /// Where it stood: `flights.csv:17`, or nothing for a row of a query.
    pub position: String,
}

/// Columns of every quarantine: `run`, `step`, `at` (UTC, µs), `cause`, `message`, `position`, `raw` (binary); not partitioned.
pub fn quarantine_schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        Arc::new(Schema::new(vec![
            Field::new("run", DataType::Utf8, true),
            Field::new("step", DataType::Utf8, true),
            Field::new("at", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), true),
            Field::new("cause", DataType::Utf8, true),
            Field::new("message", DataType::Utf8, true),
            Field::new("position", DataType::Utf8, true),
            Field::new("raw", DataType::Binary, true),
        ]))
    });
    Arc::clone(&SCHEMA)
}

/// Records as rows of a quarantine.
pub fn batch(records: &[Bad], run: RunId, step: &str, at: DateTime<Utc>) -> Result<RecordBatch> {
    let run = run.to_string();
    let text = |value: fn(&Bad) -> &str| Arc::new(StringArray::from_iter_values(records.iter().map(value))) as ArrayRef;
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(records.iter().map(|_| run.as_str()))),
        Arc::new(StringArray::from_iter_values(records.iter().map(|_| step))),
        Arc::new(TimestampMicrosecondArray::from_iter_values(records.iter().map(|_| at.timestamp_micros())).with_timezone("UTC")),
        text(|record| &record.cause),
        text(|record| &record.message),
        text(|record| &record.position),
        Arc::new(BinaryArray::from_iter_values(records.iter().map(|record| record.raw.as_slice()))),
    ];
    RecordBatch::try_new(quarantine_schema(), columns).map_err(|error| Error::new(&codes::FLOW_INTERNAL).because(error))
}
