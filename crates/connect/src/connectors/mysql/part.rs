//! The parts of a reading: each a session that takes the next range of keys until none is left.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::datatypes::SchemaRef;
use base::Result;
use futures::stream::BoxStream;

use super::rows::{Batches, Reader};
use super::session::Session;
use super::types::number;
use crate::select::{Select, backquoted};
use crate::source::Piece;
use crate::tasks::{self, Outbox};

/// Ranges for each part, so that one with many rows does not keep all waiting.
const RANGES_PER_PART: i128 = 8;

/// What the parts of a reading do together.
pub(super) struct Work {
    place: String,
    select: Select,
    /// The conditions of each range.
    ranges: Vec<Vec<String>>,
    /// The first range that no part has taken.
    next: AtomicUsize,
    schema: SchemaRef,
    readers: Vec<Reader>,
    batch_rows: usize,
}

impl Work {
    pub fn new(
        place: String,
        select: Select,
        ranges: Vec<Vec<String>>,
        schema: SchemaRef,
        readers: Vec<Reader>,
        batch_rows: usize,
    ) -> Self {
        Self { place, select, ranges, next: AtomicUsize::new(0), schema, readers, batch_rows }
    }

    /// Reads range after range, until there is none, or nobody wants its rows.
    async fn run(&self, session: &mut Session, outbox: &Outbox) -> Result<()> {
        loop {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(range) = self.ranges.get(index) else { return Ok(()) };
            let mut select = self.select.clone();
            select.conditions.extend_from_slice(range);
            let place = if self.ranges.len() > 1 { format!("{}:range {}", self.place, index + 1) } else { self.place.clone() };
            let zero_dates = session.server.options.zero_dates;
            let mut batches = Batches::new(place, self.schema.clone(), self.readers.clone(), zero_dates, self.batch_rows)?;
            let mut rows = session.rows(&select.to_string()).await?;
            while let Some(row) = rows.next().await? {
                if let Some(piece) = batches.take(&row)?
                    && !outbox.give(piece).await
                {
                    return Ok(());
                }
            }
            if let Some(piece) = batches.finish()?
                && !outbox.give(piece).await
            {
                return Ok(());
            }
        }
    }
}

/// The pieces of one part.
pub(super) fn stream(mut session: Session, work: Arc<Work>) -> BoxStream<'static, Result<Piece>> {
    tasks::part(|outbox| async move { work.run(&mut session, &outbox).await })
}

/// Conditions that share out the rows of a table by a key that is a whole number.
pub(super) async fn ranges(session: &mut Session, from: &str, key: &str, parts: usize) -> Result<Vec<Vec<String>>> {
    let key = backquoted(key);
    let rows = session.query(&format!("select min({key}), max({key}) from {from}"), &[]).await?;
    let ends = rows.first().and_then(|row| Some((number(row, 0)?, number(row, 1)?)));
    let (low, high) = ends.unwrap_or_default();
    Ok(shared_out(&key, low, high, parts as i128 * RANGES_PER_PART))
}

/// The first and last range are open, so that together they are the whole.
fn shared_out(key: &str, low: i128, high: i128, wanted: i128) -> Vec<Vec<String>> {
    let span = high - low + 1;
    let count = wanted.clamp(1, span);
    let bound = |index: i128| low + span * index / count;
    let range = |index: i128| {
        let mut conditions = Vec::new();
        if index > 0 {
            conditions.push(format!("{key} >= {}", bound(index)));
        }
        if index + 1 < count {
            conditions.push(format!("{key} < {}", bound(index + 1)));
        }
        conditions
    };
    (0..count).map(range).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_meet_and_leave_no_key_out() {
        assert_eq!(shared_out("k", 1, 10, 2), [vec!["k < 6"], vec!["k >= 6"]]);
        assert_eq!(shared_out("k", -1, 1, 8), [vec!["k < 0"], vec!["k >= 0", "k < 1"], vec!["k >= 1"]]);
        assert_eq!(shared_out("k", 7, 7, 8), [Vec::<String>::new()]);
        let widest = shared_out("k", 0, u64::MAX.into(), 128);
        assert_eq!((widest.len(), widest[127].as_slice()), (128, ["k >= 18302628885633695744".to_owned()].as_slice()));
    }
}
