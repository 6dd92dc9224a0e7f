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
pub(crate) fn parts<F, D>(mut blocks: Blocks<F>, decoders: Vec<D>, limit: Option<u64>) -> Vec<BoxStream<'static, Result<Piece>>>
where
    F: Format + 'static,
    D: Decode<F::Head>,
{
    let worker = |mut decoder: D| {
        move |block, outlet: &mut Outlet<'_>| {
            let mut wanted = true;
            decoder.decode(block, &mut |piece| {
                wanted = outlet.give(piece);
                wanted
            })?;
            Ok(wanted)
        }
    };
    sharing(move || blocks.next(), decoders.into_iter().map(worker).collect(), limit)
}

/// The parts of a reading, one a worker: each takes the next work until there is none, or until it answers that no more rows
/// are wanted. A part gives at most `limit` rows.
pub(crate) fn sharing<W, N, F>(next: N, workers: Vec<F>, limit: Option<u64>) -> Vec<BoxStream<'static, Result<Piece>>>
where
    N: FnMut() -> Result<Option<W>> + Send + 'static,
    F: FnMut(W, &mut Outlet<'_>) -> Result<bool> + Send + 'static,
{
    let next = Arc::new(Mutex::new(next));
    let part = |mut worker: F| {
        let next = next.clone();
        blocking(move |give| {
            let mut outlet = Outlet { left: limit.unwrap_or(u64::MAX), give };
            loop {
                let work = match next.lock() {
                    Ok(mut next) => next()?,
                    // Another worker died in the middle of taking its work and has reported it.
                    Err(_) => None,
                };
                let Some(work) = work else { return Ok(()) };
                if !worker(work, &mut outlet)? {
                    return Ok(());
                }
            }
        })
    };
    workers.into_iter().map(part).collect()
}

/// Where a part's pieces go: to its reader, up to the rows that are wanted.
pub(crate) struct Outlet<'a> {
    left: u64,
    give: &'a mut dyn FnMut(Piece) -> bool,
}

impl Outlet<'_> {
    /// Gives a piece, cut to what is still wanted; false if nothing more is.
    pub fn give(&mut self, mut piece: Piece) -> bool {
        let last = piece.batch.num_rows() as u64 >= self.left;
        if last {
            piece.batch = piece.batch.slice(0, self.left as usize);
        }
        self.left -= piece.batch.num_rows() as u64;
        (self.give)(piece) && !last
    }
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
