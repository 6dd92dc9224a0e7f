//! The threads that compute, apart from those that talk to the network, so that a heavy query never delays a health check.

use std::future::Future;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use base::{Error, Result};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::StreamExt;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::task::AbortOnDropHandle;

use crate::codes;
use crate::errors::wrap;

/// Batches that wait between the computing threads and a slow reader.
const BATCHES_AHEAD: usize = 2;

/// A runtime that may be dropped anywhere.
#[derive(Debug, Clone)]
pub struct Compute(Arc<Owned>);

#[derive(Debug)]
struct Owned(Option<Runtime>);

impl Compute {
    /// Starts this many threads.
    pub fn start(threads: usize) -> Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads)
            .thread_name("dataux-compute")
            .enable_all()
            .build()
            .map_err(|error| Error::new(&codes::ENGINE_INTERNAL).because(error))?;
        Ok(Self(Arc::new(Owned(Some(runtime)))))
    }

    /// Runs a future there; dropping the handle ends it.
    pub async fn run<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> Result<T> {
        AbortOnDropHandle::new(self.spawn(future)).await.map_err(|error| Error::new(&codes::ENGINE_INTERNAL).because(error))
    }

    /// Begins a future there that nobody waits for.
    pub fn begin(&self, future: impl Future<Output = ()> + Send + 'static) {
        let _runs_on = self.spawn(future);
    }

    fn spawn<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> tokio::task::JoinHandle<T> {
        match &self.0.0 {
            Some(runtime) => runtime.spawn(future),
            // Only while the last handle is being dropped, when nobody can call this.
            None => tokio::spawn(future),
        }
    }

    /// Pulls `stream` there and hands its batches over a small channel. Dropping the answer ends the work at its next pause;
    /// `held` (a permit, a lock on table files) lives as long as the work.
    pub fn stream<H: Send + 'static>(
        &self,
        schema: SchemaRef,
        start: impl FnOnce() -> datafusion::error::Result<SendableRecordBatchStream> + Send + 'static,
        held: H,
    ) -> SendableRecordBatchStream {
        let (sender, receiver) = mpsc::channel(BATCHES_AHEAD);
        let task = self.spawn(async move {
            let _held = held;
            let mut stream = match start() {
                Ok(stream) => stream,
                Err(error) => {
                    // A reader that has gone needs no error.
                    let _gone = sender.send(Err(error)).await;
                    return;
                }
            };
            loop {
                let next = tokio::select! {
                    biased;
                    () = sender.closed() => return,
                    next = stream.next() => next,
                };
                let Some(batch) = next else { return };
                if sender.send(batch).await.is_err() {
                    return;
                }
            }
        });
        // A panic in an operator must reach the reader as an error, not as the end of the data.
        let guarded = ReceiverStream::new(receiver).chain(
            futures::stream::once(async move {
                match task.await {
                    Ok(()) => None,
                    Err(error) => Some(Err(wrap(Error::new(&codes::ENGINE_INTERNAL).because(error)))),
                }
            })
            .filter_map(std::future::ready),
        );
        Box::pin(RecordBatchStreamAdapter::new(schema, guarded))
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
