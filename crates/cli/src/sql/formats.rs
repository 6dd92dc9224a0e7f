//! The rows of an answer in the format asked for, written as they arrive.

use arrow::buffer::Buffer;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamDecoder;
use arrow::record_batch::RecordBatch;
use base::Error;
use futures::StreamExt;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use serde_json::{Map, Value, json};

use super::grid::Grid;
use crate::arguments::Output;
use crate::client::{Answer, Client};
use crate::failure::{Failure, Outcome, Problem};
use crate::stdout::Stdout;

/// Bytes of a Parquet row group held in memory before it is written.
const ROW_GROUP_BYTES: usize = 64 << 20;

/// Asks for the rows of one statement in what the output format is made from. CSV, JSON lines and Arrow are the server's
/// own bytes, so that every door writes them alike.
pub async fn ask(client: &Client, sql: &str, parameters: &Map<String, Value>, output: Output) -> Outcome<Answer> {
    let accept = match output {
        Output::Csv => "text/csv",
        Output::Json | Output::Ndjson => "application/x-ndjson",
        _ => "application/vnd.apache.arrow.stream",
    };
    let body = json!({ "sql": sql, "parameters": parameters });
    client.post(&["api", "v1", "sql"]).json(&body).accept(accept).answer().await
}

/// Writes an answer that is not a table.
pub async fn write(answer: Answer, output: Output, out: &mut Stdout) -> Outcome {
    match output {
        Output::Json | Output::Ndjson => write_lines(answer, output == Output::Json, out).await,
        Output::Parquet => write_parquet(answer, out).await,
        _ => {
            let mut pieces = answer.pieces;
            while let Some(piece) = pieces.next().await {
                out.bytes(&piece?)?;
                out.flush()?;
            }
            Ok(())
        }
    }
}

/// Reads an answer into a grid, and no further than the grid wants; the rest of the query is cancelled by going away.
pub async fn read_grid(answer: Answer) -> Outcome<Grid> {
    let mut batches = Batches::new(answer);
    let mut grid = None;
    while let Some(batch) = batches.next().await? {
        if !grid.get_or_insert_with(|| Grid::new(&batch.schema())).add(&batch).map_err(undecodable)? {
            break;
        }
    }
    Ok(grid.unwrap_or_else(|| Grid::new(&batches.schema())))
}

/// How the line begins by which JSON lines say that the answer broke off.
const ERROR_LINE: &[u8] = b"{\"error\":{";

/// JSON lines as they are, or as one array with a row a line. A query that fails after its first rows ends with a line that
/// holds the error, which becomes this command's.
async fn write_lines(answer: Answer, as_array: bool, out: &mut Stdout) -> Outcome {
    let mut pieces = answer.pieces;
    let (mut line, mut rows) = (Vec::new(), 0_u64);
    let row = |line: &[u8], rows: &mut u64, out: &mut Stdout| {
        match (as_array, *rows) {
            (false, _) => {}
            (true, 0) => out.text("[")?,
            (true, _) => out.text(",\n")?,
        }
        *rows += 1;
        out.bytes(line)?;
        if as_array { Ok(()) } else { out.text("\n") }
    };
    // A line that may be the error waits until it is known whether it is the last.
    let mut suspect: Option<Vec<u8>> = None;
    while let Some(piece) = pieces.next().await {
        for part in piece?.split_inclusive(|byte| *byte == b'\n') {
            line.extend_from_slice(part);
            if line.pop_if(|byte| *byte == b'\n').is_none() {
                continue;
            }
            if let Some(held) = suspect.take() {
                row(&held, &mut rows, out)?;
            }
            match line.starts_with(ERROR_LINE) {
                true => suspect = Some(std::mem::take(&mut line)),
                false if line.is_empty() => {}
                false => row(&line, &mut rows, out)?,
            }
            line.clear();
        }
        out.flush()?;
    }
    if !line.is_empty() {
        row(&line, &mut rows, out)?;
    }
    let error = suspect.as_deref().and_then(error_of);
    if let (Some(held), None) = (&suspect, &error) {
        row(held, &mut rows, out)?;
    }
    match (as_array, rows) {
        (false, _) => {}
        (true, 0) => out.line("[]")?,
        (true, _) => out.line("]")?,
    }
    error.map_or(Ok(()), |problem| Err(problem.into()))
}

/// The error in a last line, if it is one and not a row with a column of that name.
fn error_of(line: &[u8]) -> Option<Problem> {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Last {
        error: Problem,
    }
    let last: Last = serde_json::from_slice(line).ok()?;
    (!last.error.code.is_empty() && !last.error.message.is_empty()).then_some(last.error)
}

async fn write_parquet(answer: Answer, out: &mut Stdout) -> Outcome {
    let mut batches = Batches::new(answer);
    let first = batches.next().await?;
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let mut writer = ArrowWriter::try_new(out, batches.schema(), Some(properties)).map_err(unwritable)?;
    let mut next = first;
    while let Some(batch) = next {
        writer.write(&batch).map_err(unwritable)?;
        if writer.in_progress_size() > ROW_GROUP_BYTES {
            writer.flush().map_err(unwritable)?;
        }
        next = batches.next().await?;
    }
    writer.close().map_err(unwritable)?;
    Ok(())
}

/// Record batches out of an Arrow IPC stream that arrives in pieces of any size.
struct Batches {
    answer: Answer,
    decoder: StreamDecoder,
    rest: Buffer,
}

impl Batches {
    fn new(answer: Answer) -> Self {
        Self { answer, decoder: StreamDecoder::new(), rest: Buffer::from(&[] as &[u8]) }
    }

    /// The schema; without columns before it has arrived.
    fn schema(&self) -> SchemaRef {
        self.decoder.schema().unwrap_or_else(|| std::sync::Arc::new(arrow::datatypes::Schema::empty()))
    }

    async fn next(&mut self) -> Outcome<Option<RecordBatch>> {
        loop {
            if let Some(batch) = self.decoder.decode(&mut self.rest).map_err(undecodable)? {
                return Ok(Some(batch));
            }
            match self.answer.pieces.next().await {
                Some(piece) => self.rest = Buffer::from(piece?),
                None => {
                    self.decoder.finish().map_err(undecodable)?;
                    return Ok(None);
                }
            }
        }
    }
}

fn undecodable(error: ArrowError) -> Failure {
    Error::new(&crate::codes::ANSWER_BROKEN).because(error).into()
}

fn unwritable(error: ParquetError) -> Failure {
    let broken_pipe = |inner: &(dyn std::error::Error + 'static)| {
        inner.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
    };
    match &error {
        ParquetError::External(inner) if broken_pipe(inner.as_ref()) => Failure::ReaderGone,
        _ => Error::new(&crate::codes::LOCAL_FILE).with("path", "stdout").because(error).into(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use arrow::array::Int64Array;
    use arrow::datatypes::{DataType, Field, Schema};
    use arrow::ipc::writer::StreamWriter;
    use bytes::Bytes;
    use futures::stream;

    use super::*;

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("not poisoned").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// The bytes in pieces of seven, so that every boundary is crossed somewhere.
    fn answer(bytes: &[u8]) -> Answer {
        let pieces: Vec<Outcome<Bytes>> = bytes.chunks(7).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        Answer { pieces: stream::iter(pieces).boxed() }
    }

    async fn written(bytes: &[u8], output: Output) -> Vec<u8> {
        let shared = Shared::default();
        let mut out = Stdout::to(Box::new(shared.clone()));
        write(answer(bytes), output, &mut out).await.expect("written");
        out.flush().expect("flushed");
        shared.0.lock().expect("not poisoned").clone()
    }

    fn arrow_bytes(rows: i64) -> Vec<u8> {
        let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, true)]));
        let batch = RecordBatch::try_new(schema.clone(), vec![Arc::new(Int64Array::from_iter_values(0..rows))]).expect("a batch");
        let mut writer = StreamWriter::try_new(Vec::new(), &schema).expect("a writer");
        writer.write(&batch).expect("written");
        writer.write(&batch).expect("written");
        writer.into_inner().expect("finished")
    }

    #[tokio::test]
    async fn json_lines_become_an_array() {
        assert_eq!(written(b"{\"a\":1}\n{\"a\":\"x y\"}\n", Output::Json).await, b"[{\"a\":1},\n{\"a\":\"x y\"}]\n");
        assert_eq!(written(b"", Output::Json).await, b"[]\n");
        assert_eq!(written(b"a,b\n1,2\n", Output::Csv).await, b"a,b\n1,2\n");
    }

    #[tokio::test]
    async fn an_error_in_the_last_line_fails_the_command() {
        let text = b"{\"a\":1}\n{\"error\":{\"code\":\"memory_exceeded\",\"message\":\"too large\",\"blame\":\"user\"}}\n";
        let shared = Shared::default();
        let mut out = Stdout::to(Box::new(shared.clone()));
        let failure = write(answer(text), Output::Ndjson, &mut out).await.expect_err("it broke off");
        assert_eq!(failure.problem(base::Language::En).expect("shown").code, "memory_exceeded");
        out.flush().expect("flushed");
        assert_eq!(*shared.0.lock().expect("not poisoned"), b"{\"a\":1}\n");
        // A row may have a column of that name.
        let row = b"{\"error\":{\"code\":1}}\n";
        assert_eq!(written(row, Output::Ndjson).await, row);
    }

    #[tokio::test]
    async fn arrow_becomes_a_grid_and_parquet() {
        let grid = read_grid(answer(&arrow_bytes(3))).await.expect("read");
        assert_eq!(grid.footer(base::Language::En), "6 rows");
        let file = Bytes::from(written(&arrow_bytes(3), Output::Parquet).await);
        let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file)
            .expect("parquet")
            .build()
            .expect("reader");
        let rows: usize = reader.map(|batch| batch.expect("a batch").num_rows()).sum();
        assert_eq!(rows, 6);
    }

    #[tokio::test]
    async fn a_cut_stream_is_an_error() {
        let bytes = arrow_bytes(100);
        let failure = read_grid(answer(&bytes[..bytes.len() - 300])).await.err().expect("cut");
        assert_eq!(failure.problem(base::Language::En).expect("shown").code, "answer_broken");
    }
}
