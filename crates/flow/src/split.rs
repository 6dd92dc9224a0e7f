//! Writes a step's output and its quarantine from one pass over the rows: the quarantine commits first, the table last, so
//! that a table that is committed has lost no record.

use std::pin::Pin;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use base::{Error, Result, TableName};
use chrono::{DateTime, Utc};
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use lake::{Commit, Evolve, Mode, Origin, Transaction};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::task::AbortOnDropHandle;

use crate::codes;
use crate::quarantine::{self, Bad, quarantine_schema};
use crate::steps::StepContext;

/// Batches of bad records that wait for the quarantine's writer.
const BATCHES_AHEAD: usize = 4;

/// Rows that fit, and records that do not.
pub struct Sorted {
    /// Rows for the table.
    pub good: RecordBatch,
    /// Records for its quarantine.
    pub bad: Vec<Bad>,
    /// Bytes of the source that these came from.
    pub bytes: u64,
}

/// What is written where.
pub struct Output<'a> {
    /// The table.
    pub into: &'a TableName,
    /// How.
    pub mode: Mode,
    /// How far the table's columns may change.
    pub evolve: Evolve,
    /// Whether what an earlier attempt read is read again as it was; otherwise what it set aside is replaced.
    pub repeats: bool,
    /// The columns of the rows.
    pub schema: SchemaRef,
    /// The number of the transaction.
    pub transaction: Option<i64>,
    /// The source position once the rows are committed.
    pub position: Option<Value>,
}

/// Writes `input`; `before_commit` is asked when every row is through, and its error leaves both tables as they were.
pub async fn write(
    context: &StepContext,
    output: Output<'_>,
    input: BoxStream<'static, Result<Sorted>>,
    before_commit: impl FnOnce() -> Result<()> + Send + 'static,
) -> Result<Commit> {
    let target = output.into.quarantine()?;
    let replaces = matches!(output.mode, Mode::Replace);
    let origin = |table: &TableName| Origin {
        transaction: output.transaction.map(|version| Transaction { app_id: context.app_id(table), version }),
        position: output.position.clone(),
        ..context.origin()
    };
    // A quarantine that is replaced goes with the table's newest attempt, whatever an earlier one had set aside. One that is
    // added to keeps what an earlier attempt added if that is read again as it was, and its commit says how far that attempt
    // had read; otherwise the newest attempt takes its place there too.
    let set_aside = if replaces { Origin { transaction: None, ..origin(&target) } } else { origin(&target) };
    let writer = QuarantineWriter {
        context: context.clone(),
        origin: set_aside,
        // What a replaced table refused last time is not refused any more.
        mode: match (replaces, output.repeats) {
            (true, _) => Mode::Replace,
            (false, true) => Mode::Append,
            (false, false) => Mode::Amend,
        },
        must_empty: match context.engine.lake_table(&context.pass, &target).await {
            Ok(_) if replaces => true,
            Ok(_) if output.repeats => false,
            Ok(known) => match output.transaction {
                Some(transaction) => known.transaction_version(&context.app_id(&target)).await? >= Some(transaction),
                None => false,
            },
            Err(_) => false,
        },
        target,
        at: context.started_at,
        running: None,
    };
    let origin = origin(output.into);
    let rows = Rows { input, writer: Some(writer), before_commit: Some(Box::new(before_commit)), context: context.clone() };
    let stream: SendableRecordBatchStream =
        Box::pin(RecordBatchStreamAdapter::new(output.schema, futures::stream::unfold(rows, Rows::next)));
    context.engine.write(&context.pass, output.into, output.mode, output.evolve, stream, origin).await
}

struct Rows {
    input: BoxStream<'static, Result<Sorted>>,
    writer: Option<QuarantineWriter>,
    before_commit: Option<Box<dyn FnOnce() -> Result<()> + Send>>,
    context: StepContext,
}

impl Rows {
    async fn next(mut self) -> Option<(datafusion::error::Result<RecordBatch>, Self)> {
        loop {
            let writer = self.writer.as_mut()?;
            let step = match self.input.next().await {
                Some(Ok(sorted)) => {
                    self.context.progress.add(sorted.good.num_rows() as u64, sorted.bytes, sorted.bad.len() as u64);
                    match writer.push(sorted.bad).await {
                        Ok(()) if sorted.good.num_rows() == 0 => continue,
                        Ok(()) => Ok(Some(sorted.good)),
                        Err(error) => Err(error),
                    }
                }
                Some(Err(error)) => Err(error),
                None => self.end().await.map(|()| None),
            };
            return match step {
                Ok(Some(batch)) => Some((Ok(batch), self)),
                Ok(None) => None,
                Err(error) => {
                    if let Some(writer) = self.writer.take() {
                        writer.abandon().await;
                    }
                    Some((Err(DataFusionError::External(Box::new(error))), self))
                }
            };
        }
    }

    async fn end(&mut self) -> Result<()> {
        if let Some(before_commit) = self.before_commit.take() {
            before_commit()?;
        }
        match self.writer.take() {
            Some(writer) => writer.finish().await,
            None => Ok(()),
        }
    }
}

/// The way to a writer at work, and the writer.
type Running = (mpsc::Sender<datafusion::error::Result<RecordBatch>>, AbortOnDropHandle<Result<Commit>>);

/// Starts with the first bad record; most runs have none and leave no quarantine behind.
struct QuarantineWriter {
    context: StepContext,
    target: TableName,
    mode: Mode,
    origin: Origin,
    must_empty: bool,
    at: DateTime<Utc>,
    running: Option<Running>,
}

impl QuarantineWriter {
    async fn push(&mut self, records: Vec<Bad>) -> Result<()> {
        if records.is_empty() {
            return Ok(());
        }
        let batch = quarantine::batch(&records, self.context.run, &self.context.step, self.at)?;
        let (sender, _) = self.start();
        // A writer that has gone found its transaction committed by an earlier attempt, or failed: `finish` tells which.
        let _gone = sender.send(Ok(batch)).await;
        Ok(())
    }

    async fn finish(mut self) -> Result<()> {
        if self.must_empty {
            self.start();
        }
        let Some((sender, task)) = self.running else { return Ok(()) };
        drop(sender);
        task.await.map_err(|error| Error::new(&codes::FLOW_INTERNAL).because(error))?.map(|_| ())
    }

    /// Ends the writer with an error, so that it commits nothing.
    async fn abandon(self) {
        if let Some((sender, task)) = self.running {
            let _gone = sender.send(Err(DataFusionError::Execution("the step failed".to_owned()))).await;
            drop(sender);
            let _failed = task.await;
        }
    }

    fn start(&mut self) -> &mut Running {
        let Self { context, target, mode, origin, .. } = self;
        self.running.get_or_insert_with(|| {
            let (sender, receiver) = mpsc::channel(BATCHES_AHEAD);
            let stream: Pin<Box<dyn Stream<Item = _> + Send>> = Box::pin(ReceiverStream::new(receiver));
            let stream: SendableRecordBatchStream = Box::pin(RecordBatchStreamAdapter::new(quarantine_schema(), stream));
            let (context, target, mode, origin) = (context.clone(), target.clone(), mode.clone(), origin.clone());
            let task =
                tokio::spawn(async move { context.engine.write(&context.pass, &target, mode, Evolve::No, stream, origin).await });
            (sender, AbortOnDropHandle::new(task))
        })
    }
}
