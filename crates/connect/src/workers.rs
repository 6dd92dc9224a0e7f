//! Blocks decoded by workers: each part of a reading is a thread that takes the next block, and a short queue behind it.

use std::sync::{Arc, Mutex};

use base::{Error, Result};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;

use crate::blocks::{Block, Blocks, Format};
use crate::codes::READER_FAILED;
use crate::source::Piece;

/// Pieces that may wait in one part for whoever reads it.
const QUEUED_MAX: usize = 2;

/// Turns blocks into pieces.
pub(crate) trait Decode<H>: Send + 'static {
    /// Gives the pieces of a block; stops when `give` answers false.
    fn decode(&mut self, block: Block<H>, give: &mut dyn FnMut(Piece) -> bool) -> Result<()>;
}

/// The parts of a reading of files: as many workers as `decoders`, all fed from the same blocks.
pub(crate) fn parts<F, D>(blocks: Blocks<F>, decoders: Vec<D>, limit: Option<u64>) -> Vec<BoxStream<'static, Result<Piece>>>
where
    F: Format + 'static,
    D: Decode<F::Head>,
{
    let blocks = Arc::new(Mutex::new(blocks));
    let part = |mut decoder: D| {
        let blocks = blocks.clone();
        blocking(move |give| {
            let mut left = limit.unwrap_or(u64::MAX);
            loop {
                let block = match blocks.lock() {
                    Ok(mut blocks) => blocks.next()?,
                    // Another worker died in the middle of a block and has reported it.
                    Err(_) => None,
                };
                let Some(block) = block else { return Ok(()) };
                let mut wanted = true;
                decoder.decode(block, &mut |mut piece| {
                    if piece.batch.num_rows() as u64 >= left {
                        piece.batch = piece.batch.slice(0, left as usize);
                        wanted = false;
                    }
                    left -= piece.batch.num_rows() as u64;
                    wanted &= give(piece);
                    wanted
                })?;
                if !wanted {
                    return Ok(());
                }
            }
        })
    };
    decoders.into_iter().map(part).collect()
}

/// A stream of what a blocking function gives, which runs on a thread of its own once the stream is first asked. `give`
/// waits while the queue is full and answers false when nobody reads the stream any more.
pub(crate) fn blocking<W>(work: W) -> BoxStream<'static, Result<Piece>>
where
    W: FnOnce(&mut dyn FnMut(Piece) -> bool) -> Result<()> + Send + 'static,
{
    interruptible(work, || ())
}

/// As [`blocking`], and calls `interrupt` as soon as nobody reads the stream any more, for work that is long silent.
pub(crate) fn interruptible<W, I>(work: W, interrupt: I) -> BoxStream<'static, Result<Piece>>
where
    W: FnOnce(&mut dyn FnMut(Piece) -> bool) -> Result<()> + Send + 'static,
    I: FnOnce() + Send + 'static,
{
    let start = async move {
        let (sender, receiver) = mpsc::channel(QUEUED_MAX);
        let (done, finished) = oneshot::channel::<()>();
        let watched = sender.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = watched.closed() => interrupt(),
                _ = finished => {}
            }
        });
        let task = tokio::task::spawn_blocking(move || {
            let result = work(&mut |piece| sender.blocking_send(Ok(piece)).is_ok());
            drop(done);
            if let Err(error) = result {
                // Nobody is left to hear of it if this fails.
                let _ = sender.blocking_send(Err(error));
            }
        });
        let end = stream::once(task).filter_map(|ended| async {
            ended.err().map(|error| Err(Error::new(&READER_FAILED).with("place", "a source").because(error)))
        });
        ReceiverStream::new(receiver).chain(end)
    };
    stream::once(start).flatten().boxed()
}
