//! Answers as bytes: Arrow IPC, JSON lines, JSON and CSV, piece by piece, so that the first rows leave before the last are computed.
//!
//! | | JSON | CSV |
//! |---|---|---|
//! | null | `null` | nothing between the commas (an empty text is `""`) |
//! | integers | numbers, exact to 64 bits | digits |
//! | decimals | strings, exact | digits |
//! | NaN, infinities | `null` | `NaN`, `inf`, `-inf` |
//! | timestamps | RFC 3339; one without a zone has no offset, because none is known | the same |
//! | dates, times | ISO 8601 | the same |
//! | binary | base64 with padding | the same |
//! | lists, structs, maps | arrays and objects | their JSON |

mod csv;
mod ipc;
mod json;

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use base::{Error, Result};
use bytes::Bytes;
use futures::stream::{self, BoxStream, Stream, StreamExt};

use crate::codes::{ENCODING_FAILED, UNKNOWN_FORMAT};

/// A piece is handed over when it has grown to this many bytes; it may be larger by one row.
pub const PIECE_BYTES: usize = 64 << 10;

/// A form in which an answer leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// One JSON document, `{"items":[…],"next":…}`.
    Json,
    /// One JSON object a line.
    JsonLines,
    /// RFC 4180 with a header; lines end with LF.
    Csv,
    /// An Arrow IPC stream; strings and binaries in the plain layout that every reader knows.
    Arrow,
}

impl Format {
    /// Every format, in the order of preference.
    pub const ALL: [Self; 4] = [Self::Json, Self::JsonLines, Self::Csv, Self::Arrow];

    /// The media type, as sent in `Content-Type`.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::JsonLines => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Arrow => "application/vnd.apache.arrow.stream",
        }
    }

    /// The name used in `?format=` and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::JsonLines => "ndjson",
            Self::Csv => "csv",
            Self::Arrow => "arrow",
        }
    }

    /// By name; the error lists those of `offered`.
    pub fn from_name(name: &str, offered: &[Self]) -> Result<Self> {
        offered.iter().copied().find(|format| format.name() == name).ok_or_else(|| unknown(name, offered))
    }

    /// From an `Accept` header: the offered format of the highest weight, the first of `offered` for a wildcard or no header.
    pub fn from_accept(accept: Option<&str>, offered: &[Self]) -> Result<Self> {
        let first = offered.first().copied().unwrap_or(Self::JsonLines);
        let Some(accept) = accept.map(str::trim).filter(|accept| !accept.is_empty()) else { return Ok(first) };
        let mut best: Option<(f32, Self)> = None;
        for entry in accept.split(',').take(32) {
            let mut parts = entry.split(';').map(str::trim);
            let media = parts.next().unwrap_or_default().to_ascii_lowercase();
            let weight: f32 = parts.find_map(|part| part.strip_prefix("q=")?.parse().ok()).unwrap_or(1.0);
            let found = match media.as_str() {
                "*/*" | "application/*" => Some(first),
                "text/*" => offered.contains(&Self::Csv).then_some(Self::Csv),
                "application/jsonl" | "application/jsonlines" => offered.contains(&Self::JsonLines).then_some(Self::JsonLines),
                media => offered.iter().copied().find(|format| format.content_type().split(';').next() == Some(media)),
            };
            if let Some(found) = found.filter(|_| weight > best.map_or(0.0, |(best, _)| best)) {
                best = Some((weight, found));
            }
        }
        best.map(|(_, format)| format).ok_or_else(|| unknown(accept, offered))
    }
}

fn unknown(name: &str, offered: &[Format]) -> Error {
    let offered: Vec<&str> = offered.iter().flat_map(|format| [format.name(), format.content_type()]).collect();
    let shown: String = name.chars().take(100).collect();
    Error::new(&UNKNOWN_FORMAT).with("format", shown).with("offered", offered.join(", "))
}

/// Turns rows into bytes of one format. `start`, then `rows` until it says that the batch is done, and `end` once.
trait Encoder: Send {
    /// What stands before the first row.
    fn start(&mut self, out: &mut Vec<u8>) -> Result<(), ArrowError>;
    /// Writes rows of `batch` from `from` until the piece is full; answers the first row that it did not write.
    fn rows(&mut self, batch: &RecordBatch, from: usize, out: &mut Vec<u8>) -> Result<usize, ArrowError>;
    /// What stands behind the last row.
    fn end(&mut self, out: &mut Vec<u8>) -> Result<(), ArrowError>;
}

/// The bytes of an answer. An error of `batches` comes through and ends the stream, so that a part is never taken for the whole.
///
/// `Json` here is the array of rows alone; a data service puts its frame around it with [`framed_json`].
pub fn encode<S>(format: Format, schema: SchemaRef, batches: S) -> BoxStream<'static, Result<Bytes>>
where
    S: Stream<Item = Result<RecordBatch>> + Send + 'static,
{
    match format {
        Format::Json => pieces(json::Json::array(&schema), batches, String::new),
        Format::JsonLines => pieces(json::Json::lines(&schema), batches, String::new),
        Format::Csv => pieces(csv::Csv::new(schema), batches, String::new),
        Format::Arrow => pieces(ipc::Ipc::new(&schema), batches, String::new),
    }
}

/// `{"items":[…]` and then what `tail` says when the last row is written, such as `,"next":100}`.
pub fn framed_json<S, T>(schema: SchemaRef, batches: S, tail: T) -> BoxStream<'static, Result<Bytes>>
where
    S: Stream<Item = Result<RecordBatch>> + Send + 'static,
    T: FnOnce() -> String + Send + 'static,
{
    pieces(json::Json::items(&schema), batches, tail)
}

enum State<E, S, T> {
    Start(E, S, T),
    Next(E, S, T),
    Batch(E, S, T, RecordBatch, usize),
    Done,
}

fn pieces<E, S, T>(encoder: E, batches: S, tail: T) -> BoxStream<'static, Result<Bytes>>
where
    E: Encoder + 'static,
    S: Stream<Item = Result<RecordBatch>> + Send + 'static,
    T: FnOnce() -> String + Send + 'static,
{
    let start = State::Start(encoder, Box::pin(batches), tail);
    stream::try_unfold(start, |mut state| async move {
        // Small batches share a piece only with what stands before and behind them: a row that is ready is not kept waiting.
        let mut out = Vec::new();
        loop {
            state = match state {
                State::Start(mut encoder, batches, tail) => {
                    encoder.start(&mut out).map_err(failed)?;
                    let next = State::Next(encoder, batches, tail);
                    if !out.is_empty() {
                        return Ok(Some((Bytes::from(out), next)));
                    }
                    next
                }
                State::Next(mut encoder, mut batches, tail) => match batches.next().await {
                    Some(batch) => State::Batch(encoder, batches, tail, batch?, 0),
                    None => {
                        encoder.end(&mut out).map_err(failed)?;
                        out.extend_from_slice(tail().as_bytes());
                        if out.is_empty() {
                            return Ok(None);
                        }
                        return Ok(Some((Bytes::from(out), State::Done)));
                    }
                },
                State::Batch(mut encoder, batches, tail, batch, from) => {
                    if from >= batch.num_rows() {
                        State::Next(encoder, batches, tail)
                    } else {
                        out.reserve(PIECE_BYTES);
                        let next = encoder.rows(&batch, from, &mut out).map_err(failed)?;
                        out.shrink_to_fit();
                        return Ok(Some((Bytes::from(out), State::Batch(encoder, batches, tail, batch, next))));
                    }
                }
                State::Done => return Ok(None),
            };
        }
    })
    .boxed()
}

fn failed(error: ArrowError) -> Error {
    Error::new(&ENCODING_FAILED).because(error)
}

/// The schema with every name used once: the second `id` becomes `id_2`, because a JSON reader keeps only one of two equal keys.
fn distinct(schema: &Schema) -> Schema {
    let mut seen = std::collections::HashSet::new();
    let fields: Vec<_> = schema
        .fields()
        .iter()
        .map(|field| {
            let mut name = field.name().clone();
            let mut number = 1;
            while !seen.insert(name.clone()) {
                number += 1;
                name = format!("{}_{number}", field.name());
            }
            if name == *field.name() { Arc::clone(field) } else { Arc::new(field.as_ref().clone().with_name(name)) }
        })
        .collect();
    Schema::new(fields)
}

#[cfg(test)]
mod tests;
