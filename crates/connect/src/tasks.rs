//! Parts of a reading that run as tasks of their own, each with a short queue between it and whoever reads.

use base::{Error, Result};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::codes::READER_FAILED;
use crate::source::Piece;

/// Pieces that may wait in one part for whoever reads it.
const QUEUED_MAX: usize = 2;

/// Where a task puts its pieces.
pub(crate) struct Outbox(mpsc::Sender<Result<Piece>>);

impl Outbox {
    /// Waits for room in the queue; false if nobody reads any more.
    pub async fn give(&self, piece: Piece) -> bool {
        self.0.send(Ok(piece)).await.is_ok()
    }
}

/// A stream of what a task gives. The task begins when the stream is first asked, and ends as soon as the stream is dropped.
pub(crate) fn part<F, T>(work: F) -> BoxStream<'static, Result<Piece>>
where
    F: FnOnce(Outbox) -> T + Send + 'static,
    T: Future<Output = Result<()>> + Send + 'static,
{
    let start = async move {
        let (sender, receiver) = mpsc::channel(QUEUED_MAX);
        let task = tokio::spawn(async move {
            let work = work(Outbox(sender.clone()));
            let done = tokio::select! {
                () = sender.closed() => Ok(()),
                done = work => done,
            };
            if let Err(error) = done {
                // Nobody is left to hear of it if this fails.
                let _ = sender.send(Err(error)).await;
            }
        });
        let end = stream::once(task).filter_map(|ended| async {
            ended.err().map(|error| Err(Error::new(&READER_FAILED).with("place", "a source").because(error)))
        });
        ReceiverStream::new(receiver).chain(end)
    };
    stream::once(start).flatten().boxed()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use arrow::array::RecordBatch;
    use arrow::datatypes::Schema;
    use futures::TryStreamExt;

    use super::*;

    fn piece(bytes: u64) -> Piece {
        Piece { batch: RecordBatch::new_empty(Arc::new(Schema::empty())), rejects: Vec::new(), bytes }
    }

    #[tokio::test]
    async fn pieces_come_in_their_order_and_an_error_last() {
        let part = part(|outbox| async move {
            for bytes in 0..5 {
                assert!(outbox.give(piece(bytes)).await, "somebody reads");
            }
            Err(Error::new(&READER_FAILED).with("place", "here").with("reason", "it is broken"))
        });
        let mut seen = Vec::new();
        let error = part
            .try_for_each(|piece| {
                std::future::ready({
                    seen.push(piece.bytes);
                    Ok(())
                })
            })
            .await
            .expect_err("the end");
        assert_eq!(seen, [0, 1, 2, 3, 4]);
        assert!(error.to_string().contains("it is broken"), "{error}");
    }

    #[tokio::test]
    async fn a_task_that_dies_is_no_end_of_the_data() {
        let part = part(|outbox| async move {
            assert!(!outbox.give(piece(1)).await, "this is where it dies");
            Ok(())
        });
        let found: Vec<Result<Piece>> = part.collect().await;
        assert!(matches!(found.as_slice(), [Ok(_), Err(error)] if error.is(&READER_FAILED)), "{found:?}");
    }

    #[tokio::test]
    async fn whoever_stops_reading_ends_the_task() {
        let held = Arc::new(());
        let kept = held.clone();
        let mut part = part(|outbox| async move {
            outbox.give(piece(1)).await;
            // It waits for something that never comes.
            std::future::pending::<()>().await;
            drop(kept);
            Ok(())
        });
        assert!(part.next().await.is_some());
        assert_eq!(Arc::strong_count(&held), 2);
        drop(part);
        for _ in 0..200 {
            if Arc::strong_count(&held) == 1 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the task is still there");
    }
}
