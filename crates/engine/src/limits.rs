//! Limits on an answer: rows, bytes and time, each ending the query with its own error.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use base::{Error, units};
use datafusion::error::DataFusionError;
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream};
use futures::{FutureExt, Stream, StreamExt};
use tokio::time::Sleep;

use crate::codes;
use crate::errors::wrap;
use crate::stopping::StopOnDrop;

/// What one statement may cost.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Most rows of an answer; more is an error, not a cut.
    pub rows: Option<u64>,
    /// Most bytes of an answer, in Arrow's memory.
    pub bytes: Option<u64>,
    /// Longest time from the start to the last row.
    pub timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { rows: None, bytes: None, timeout: Duration::from_secs(300) }
    }
}

/// A stream that ends with an error when a limit is passed.
pub struct Limited {
    inner: SendableRecordBatchStream,
    limits: Limits,
    deadline: Pin<Box<Sleep>>,
    rows: u64,
    bytes: u64,
    /// Held while the answer is wanted; none once it has ended.
    wanted: Option<StopOnDrop>,
}

impl Limited {
    /// Wraps `inner`; `deadline` was set when the statement began, and `wanted` is let go when nobody reads on.
    pub fn new(inner: SendableRecordBatchStream, limits: Limits, deadline: tokio::time::Instant, wanted: StopOnDrop) -> Self {
        let deadline = Box::pin(tokio::time::sleep_until(deadline));
        Self { inner, limits, deadline, rows: 0, bytes: 0, wanted: Some(wanted) }
    }

    fn over(&mut self, batch: &RecordBatch) -> Option<Error> {
        self.rows += batch.num_rows() as u64;
        self.bytes += batch.get_array_memory_size() as u64;
        match self.limits {
            Limits { rows: Some(limit), .. } if self.rows > limit => {
                Some(Error::new(&codes::QUERY_ROWS_LIMIT).with("limit", units::count(limit)))
            }
            Limits { bytes: Some(limit), .. } if self.bytes > limit => {
                Some(Error::new(&codes::QUERY_BYTES_LIMIT).with("limit", units::bytes(limit)))
            }
            _ => None,
        }
    }
}

/// The error of a statement that took too long.
pub fn timed_out(limits: &Limits) -> Error {
    Error::new(&codes::QUERY_TIMEOUT).with("limit", units::duration(limits.timeout))
}

impl Stream for Limited {
    type Item = Result<RecordBatch, DataFusionError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.wanted.is_none() {
            return Poll::Ready(None);
        }
        if self.deadline.poll_unpin(cx).is_ready() {
            self.wanted = None;
            return Poll::Ready(Some(Err(wrap(timed_out(&self.limits)))));
        }
        let polled = self.inner.poll_next_unpin(cx);
        match polled {
            Poll::Ready(Some(Ok(batch))) => match self.over(&batch) {
                Some(error) => {
                    self.wanted = None;
                    Poll::Ready(Some(Err(wrap(error))))
                }
                None => Poll::Ready(Some(Ok(batch))),
            },
            Poll::Ready(Some(Err(error))) => {
                self.wanted = None;
                Poll::Ready(Some(Err(error)))
            }
            other => other,
        }
    }
}

impl RecordBatchStream for Limited {
    fn schema(&self) -> SchemaRef {
        self.inner.schema()
    }
}
