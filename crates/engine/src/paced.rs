//! The two sides of a join that compares all pairs of rows: the second side comes in pieces that are soon compared.

use std::fmt::{self, Formatter};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::RecordBatch;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, ReplaceChildrenOptions,
};
use futures::{StreamExt, TryStreamExt, stream};

/// Pairs that are compared between two pauses: some tenths of a second.
const PAIRS_MAX: usize = 1 << 28;

/// What the two sides know of each other.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// Rows of the first side, which is read to its end before the second is.
    built: AtomicUsize,
}

impl Pace {
    /// The two sides of one join, the first of which is kept in memory.
    pub fn both(
        first: Arc<dyn ExecutionPlan>,
        second: Arc<dyn ExecutionPlan>,
    ) -> (Arc<dyn ExecutionPlan>, Arc<dyn ExecutionPlan>) {
        let pace = Arc::new(Self::default());
        let first = Arc::new(PacedExec { input: first, pace: Arc::clone(&pace), side: Side::First });
        (first, Arc::new(PacedExec { input: second, pace, side: Side::Second }))
    }

    /// Rows of the second side that may be compared at once.
    fn rows(&self) -> usize {
        (PAIRS_MAX / self.built.load(Ordering::Relaxed).max(1)).max(1)
    }
}

#[derive(Debug, Clone, Copy)]
enum Side {
    First,
    Second,
}

#[derive(Debug)]
struct PacedExec {
    input: Arc<dyn ExecutionPlan>,
    pace: Arc<Pace>,
    side: Side,
}

impl DisplayAs for PacedExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "PacedExec")
    }
}

impl ExecutionPlan for PacedExec {
    fn name(&self) -> &'static str {
        "PacedExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let [input] = <[_; 1]>::try_from(children)
            .map_err(|children| DataFusionError::Internal(format!("one side has one child, not {}", children.len())))?;
        Ok(Arc::new(Self { input, pace: Arc::clone(&self.pace), side: self.side }))
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let (pace, schema) = (Arc::clone(&self.pace), self.schema());
        let rows = self.input.execute(partition, context)?;
        let rows = match self.side {
            Side::First => {
                pace.built.store(0, Ordering::Relaxed);
                rows.inspect_ok(move |batch| {
                    pace.built.fetch_add(batch.num_rows(), Ordering::Relaxed);
                })
                .boxed()
            }
            Side::Second => rows.map_ok(move |batch| pieces(batch, pace.rows())).try_flatten().and_then(paused).boxed(),
        };
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, rows)))
    }
}

/// The batch in pieces of at most so many rows.
fn pieces(batch: RecordBatch, rows: usize) -> impl futures::Stream<Item = Result<RecordBatch>> + Send {
    stream::iter((0..batch.num_rows()).step_by(rows).map(move |at| Ok(batch.slice(at, rows.min(batch.num_rows() - at)))))
}

async fn paused(piece: RecordBatch) -> Result<RecordBatch> {
    tokio::task::yield_now().await;
    Ok(piece)
}
