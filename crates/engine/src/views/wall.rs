//! A view for who may not read what is behind it: nothing of a statement is computed over rows that the view leaves out.
//!
//! An optimizer moves conditions down to where rows are read. Over a view that leaves rows out, a condition that fails
//! (`WHERE 1 / (salary - 5000) > 0`) or that shows a value in its error would tell of rows that the view hides. So only what
//! cannot fail passes the wall: comparisons of the view's columns with values, which are also those that spare reading files.

use std::fmt::{self, Formatter};
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Column;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, Operator, TableProviderFilterPushDown, TableType};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, ReplaceChildrenOptions,
};

/// What the view's columns are called inside the wall.
const INSIDE: &str = "view";

/// A view behind a wall.
#[derive(Debug)]
pub(super) struct Walled {
    plan: LogicalPlan,
    schema: SchemaRef,
    definition: String,
}

impl Walled {
    /// Puts the view's plan behind a wall.
    pub fn new(plan: LogicalPlan, definition: String) -> Self {
        let schema = Arc::clone(plan.schema().inner());
        Self { plan, schema, definition }
    }
}

#[async_trait]
impl TableProvider for Walled {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    fn get_table_definition(&self) -> Option<&str> {
        Some(&self.definition)
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let passes = |filter: &&Expr| match cannot_fail(filter) {
            true => TableProviderFilterPushDown::Exact,
            false => TableProviderFilterPushDown::Unsupported,
        };
        Ok(filters.iter().map(passes).collect())
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut plan = LogicalPlanBuilder::from(self.plan.clone()).alias(INSIDE)?;
        for filter in filters {
            plan = plan.filter(filter.clone())?;
        }
        plan = plan.limit(0, limit)?;
        if let Some(columns) = projection {
            let column = |index: &usize| Expr::Column(Column::new(Some(INSIDE), self.schema.field(*index).name()));
            plan = plan.project(columns.iter().map(column))?;
        }
        let input = session.create_physical_plan(&plan.build()?).await?;
        Ok(Arc::new(WallExec { input }))
    }
}

/// Whether a condition gives an answer for every row, whatever stands in it.
fn cannot_fail(expr: &Expr) -> bool {
    match expr {
        Expr::BinaryExpr(binary) => match binary.op {
            Operator::And | Operator::Or => cannot_fail(&binary.left) && cannot_fail(&binary.right),
            Operator::Eq
            | Operator::NotEq
            | Operator::Lt
            | Operator::LtEq
            | Operator::Gt
            | Operator::GtEq
            | Operator::IsDistinctFrom
            | Operator::IsNotDistinctFrom => is_plain(&binary.left) && is_plain(&binary.right),
            _ => false,
        },
        Expr::Not(inner) => cannot_fail(inner),
        Expr::IsNull(inner) | Expr::IsNotNull(inner) | Expr::IsTrue(inner) | Expr::IsFalse(inner) => is_plain(inner),
        Expr::Between(between) => [&between.expr, &between.low, &between.high].into_iter().all(|part| is_plain(part)),
        Expr::InList(list) => is_plain(&list.expr) && list.list.iter().all(is_plain),
        Expr::Like(like) => is_plain(&like.expr) && is_plain(&like.pattern),
        plain => is_plain(plain),
    }
}

/// A column or a value.
fn is_plain(expr: &Expr) -> bool {
    matches!(expr, Expr::Column(_) | Expr::Literal(..) | Expr::Placeholder(_))
}

/// The wall in the plan that runs: an operator through which no other hands anything down.
#[derive(Debug)]
struct WallExec {
    input: Arc<dyn ExecutionPlan>,
}

impl DisplayAs for WallExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "WallExec")
    }
}

impl ExecutionPlan for WallExec {
    fn name(&self) -> &'static str {
        "WallExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
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
            .map_err(|children| DataFusionError::Internal(format!("a wall has one child, not {}", children.len())))?;
        Ok(Arc::new(Self { input }))
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        self.input.execute(partition, context)
    }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::DataType;
    use datafusion::logical_expr::{cast, col, lit};

    use super::*;

    #[test]
    fn only_what_cannot_fail_passes() {
        let passing = [
            col("a").eq(lit(1)),
            col("a").gt(lit(1)).and(col("b").lt_eq(col("a"))),
            col("a").is_null().or(col("b").is_not_null()),
            col("a").between(lit(1), lit(2)),
            col("a").in_list(vec![lit("x"), lit("y")], true),
            Expr::Not(Box::new(col("a").eq(lit(1)))),
        ];
        for expr in passing {
            assert!(cannot_fail(&expr), "{expr}");
        }
        let staying = [
            (lit(1) / (col("a") - lit(5))).gt(lit(0)),
            cast(col("a"), DataType::Int32).eq(lit(1)),
            col("a").eq(lit(1)).or(cast(col("a"), DataType::Int32).eq(lit(1))),
            col("a").in_list(vec![lit(1) / col("b")], false),
            Expr::Not(Box::new((col("a") + col("b")).eq(lit(1)))),
        ];
        for expr in staying {
            assert!(!cannot_fail(&expr), "{expr}");
        }
    }
}
