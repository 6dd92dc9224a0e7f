//! Looks at plans that read views: how much they read, and which rows of `information_schema.views` are views.

use std::collections::HashMap;

use base::TableName;
use datafusion::common::tree_node::{Transformed, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, col};

use crate::statement::name_of;

/// How many tables a plan reads, each as often as it is mentioned; `walled` says how many stand behind a view that is not part
/// of the plan itself.
pub(crate) fn relations(plan: &LogicalPlan, walled: &HashMap<TableName, usize>) -> Result<usize> {
    let mut count = 0;
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            let behind = name_of(&scan.table_name).ok().and_then(|name| walled.get(&name).copied());
            count += behind.unwrap_or(1);
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(count)
}

/// Leaves the rows that are views in `information_schema.views`, where DataFusion lists every table.
pub(crate) fn lists_only_views(plan: LogicalPlan) -> Result<LogicalPlan> {
    let filtered = plan.transform_up_with_subqueries(|node| match &node {
        LogicalPlan::TableScan(scan)
            if scan.table_name.schema() == Some("information_schema") && scan.table_name.table() == "views" =>
        {
            // Every view has a definition, be it an empty text for those who may not see it.
            let views = LogicalPlanBuilder::from(node).filter(col("definition").is_not_null())?.build()?;
            Ok(Transformed::yes(views))
        }
        _ => Ok(Transformed::no(node)),
    });
    filtered.map(|filtered| filtered.data)
}
