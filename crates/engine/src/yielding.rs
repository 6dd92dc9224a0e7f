//! Makes operators that turn few rows into many pause now and then, so that a query can be ended and others get their turn.

use std::sync::Arc;

use base::Result;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result as DataFusionResult;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::joins::{
    CrossJoinExec, HashJoinExec, NestedLoopJoinExec, NestedLoopJoinExecBuilder, SortMergeJoinExec,
};
use datafusion::physical_plan::unnest::UnnestExec;

use crate::errors::mapped;
use crate::paced::Pace;
use crate::stopping::Stop;

/// The plan with a place to pause behind each operator that may give more rows than it takes, and inside those that may
/// compare many pairs of rows before they give one.
///
/// Scans pause by themselves; but a cross join gives a million batches for each batch it reads, and what consumes them (an
/// aggregate, say) would hold its thread until the last one. A join whose condition nearly nothing meets gives nothing at all
/// for as long: a loop over all pairs reads its second side in small pieces, and every condition asks whether to `stop`.
pub(crate) fn yielding(plan: Arc<dyn ExecutionPlan>, stop: &Stop) -> Result<Arc<dyn ExecutionPlan>> {
    let changed = plan.transform_up(|node| {
        let node = match stoppable(node.as_ref(), stop)? {
            Some(changed) => changed,
            None => node,
        };
        Ok(if multiplies(node.as_ref()) {
            Transformed::yes(Arc::new(CooperativeExec::new(node)) as _)
        } else {
            Transformed::no(node)
        })
    });
    mapped(changed).map(|changed| changed.data)
}

/// The same join that also asks whether to stop, if it is one with a condition.
fn stoppable(node: &dyn ExecutionPlan, stop: &Stop) -> DataFusionResult<Option<Arc<dyn ExecutionPlan>>> {
    if let Some(join) = node.downcast_ref::<HashJoinExec>()
        && let Some(filter) = join.filter()
    {
        return join.builder().with_filter(Some(stop.watch(filter))).build_exec().map(Some);
    }
    if let Some(join) = node.downcast_ref::<NestedLoopJoinExec>() {
        let filter = join.filter().map(|filter| stop.watch(filter));
        let (left, right) = Pace::both(Arc::clone(join.left()), Arc::clone(join.right()));
        let paced = NestedLoopJoinExecBuilder::new(left, right, *join.join_type())
            .with_projection_ref(join.projection().clone())
            .with_filter(filter)
            .build()?;
        return Ok(Some(Arc::new(paced)));
    }
    Ok(None)
}

fn multiplies(node: &dyn ExecutionPlan) -> bool {
    node.is::<CrossJoinExec>()
        || node.is::<NestedLoopJoinExec>()
        || node.is::<HashJoinExec>()
        || node.is::<SortMergeJoinExec>()
        || node.is::<UnnestExec>()
}
