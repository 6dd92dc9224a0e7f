//! One page of an answer: skips what is before it, stops behind it, and remembers whether more would have come.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arrow::record_batch::RecordBatch;
use base::Result;
use futures::stream::{self, BoxStream, Stream, StreamExt};

/// What was seen while the page went by; complete when the stream has ended.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    rows: Arc<AtomicU64>,
    more: Arc<AtomicBool>,
}

impl Seen {
    /// Rows of the page so far.
    pub fn rows(&self) -> u64 {
        self.rows.load(Ordering::Acquire)
    }

    /// Counts rows that were read before.
    pub(crate) fn add(&self, rows: u64) {
        self.rows.fetch_add(rows, Ordering::AcqRel);
    }

    /// Whether there are rows behind the page.
    pub fn more(&self) -> bool {
        self.more.load(Ordering::Acquire)
    }
}

/// The rows from `offset` on, at most `limit`. The rest of `batches` is dropped unread, which cancels its query.
pub(crate) fn page<S>(batches: S, offset: u64, limit: u64, seen: Seen) -> BoxStream<'static, Result<RecordBatch>>
where
    S: Stream<Item = Result<RecordBatch>> + Send + 'static,
{
    let start = Some((Box::pin(batches), offset, limit));
    stream::try_unfold(start, move |state| {
        let seen = seen.clone();
        async move {
            let Some((mut batches, mut skip, left)) = state else { return Ok(None) };
            while let Some(batch) = batches.next().await {
                let batch = batch?;
                let rows = batch.num_rows() as u64;
                if rows <= skip {
                    skip -= rows;
                    continue;
                }
                let here = rows - skip;
                if here > left {
                    seen.more.store(true, Ordering::Release);
                }
                if left == 0 {
                    return Ok(None);
                }
                let take = here.min(left);
                let part = batch.slice(skip as usize, take as usize);
                seen.add(take);
                // Behind a full page one more row is looked for, to know whether there is a next page.
                let rest = (here <= left).then_some((batches, 0, left - take));
                return Ok(Some((part, rest)));
            }
            Ok(None)
        }
    })
    .boxed()
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, AsArray, Int64Array};
    use arrow::datatypes::Int64Type;

    use super::*;

    async fn taken(offset: u64, limit: u64) -> (Vec<i64>, bool) {
        let batches = [vec![0, 1, 2], vec![], vec![3], vec![4, 5]].map(|values| {
            let column: ArrayRef = Arc::new(Int64Array::from(values));
            Ok(RecordBatch::try_from_iter([("n", column)]).expect("one column"))
        });
        let seen = Seen::default();
        let parts: Vec<_> = page(stream::iter(batches), offset, limit, seen.clone()).collect().await;
        let rows: Vec<i64> = parts
            .iter()
            .flat_map(|part| part.as_ref().expect("no error").column(0).as_primitive::<Int64Type>().values().to_vec())
            .collect();
        assert_eq!(rows.len() as u64, seen.rows());
        (rows, seen.more())
    }

    #[tokio::test]
    async fn pages_meet_without_gap_or_overlap() {
        assert_eq!(taken(0, 2).await, (vec![0, 1], true));
        assert_eq!(taken(2, 2).await, (vec![2, 3], true));
        assert_eq!(taken(4, 2).await, (vec![4, 5], false));
        assert_eq!(taken(3, 1).await, (vec![3], true));
        assert_eq!(taken(0, 6).await, (vec![0, 1, 2, 3, 4, 5], false));
        assert_eq!(taken(6, 2).await, (vec![], false));
        assert_eq!(taken(0, 100).await.0.len(), 6);
    }
}
