//! Makes operators that turn few rows into many pause now and then, so that a query can be ended and others get their turn.

use std::sync::Arc;

use base::Result;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::joins::{CrossJoinExec, HashJoinExec, NestedLoopJoinExec, SortMergeJoinExec};
use datafusion::physical_plan::unnest::UnnestExec;

use crate::errors::mapped;

/// The plan with a place to pause behind each operator that may give more rows than it takes.
///
/// Scans pause by themselves; but a cross join gives a million batches for each batch it reads, and what consumes them (an
/// aggregate, say) would hold its thread until the last one.
pub(crate) fn yielding(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let changed = plan.transform_up(|node| {
        Ok(if multiplies(node.as_ref()) {
            Transformed::yes(Arc::new(CooperativeExec::new(node)) as _)
        } else {
            Transformed::no(node)
        })
    });
    mapped(changed).map(|changed| changed.data)
}

fn multiplies(node: &dyn ExecutionPlan) -> bool {
    node.is::<CrossJoinExec>()
        || node.is::<NestedLoopJoinExec>()
        || node.is::<HashJoinExec>()
        || node.is::<SortMergeJoinExec>()
        || node.is::<UnnestExec>()
}
