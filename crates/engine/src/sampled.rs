//! Filters that joins find while they run, tried inside the scan before its other columns are decoded.
//!
//! A hash join tells its other side which keys it has. DataFusion prunes files and row groups by that; to drop single rows by
//! it saves the decoding of every other column where few rows are left (TPC-H 17, 18) and costs time where most are (TPC-H 9).
//! Nobody knows which before rows flow, so each filter is watched on its first rows and given up unless it drops nearly all.
//! To give one up is safe: the join itself compares keys again, and a filter of the statement stays in its operator above.

use std::fmt::{self, Display, Formatter};
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{DataType, FieldRef, Schema};
use base::Result;
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::datasource::physical_plan::{FileScanConfigBuilder, FileSource, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::utils::split_conjunction;
use datafusion::physical_expr::{DynamicFilterTracking, PhysicalExpr, conjunction};
use datafusion::physical_expr_common::physical_expr::snapshot_generation;
use datafusion::physical_plan::ExecutionPlan;

use crate::errors::mapped;

/// Rows after which a filter is judged.
const ROWS_WATCHED: u64 = 64 << 10;

/// A filter stays in the scan if at most one row in so many passes it.
const PASSES_ONE_IN: u64 = 50;

/// The plan with watched filters in the Parquet scans whose only filters come from joins.
pub(crate) fn sampled(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let changed = plan.transform_up(|node| {
        let Some((config, source)) =
            node.downcast_ref::<DataSourceExec>().and_then(DataSourceExec::downcast_to_file_source::<ParquetSource>)
        else {
            return Ok(Transformed::no(node));
        };
        let Some(predicate) = source.filter() else { return Ok(Transformed::no(node)) };
        let filters = split_conjunction(&predicate);
        // The statement's own filters are cheaper above the scan, on whole columns, than row by row inside it.
        if !filters.iter().all(|filter| DynamicFilterTracking::classify(filter).contains_dynamic_filter()) {
            return Ok(Transformed::no(node));
        }
        let watched = conjunction(filters.into_iter().map(|filter| Sampled::new(Arc::clone(filter)) as _));
        let source = source.with_predicate(watched).with_pushdown_filters(true);
        let config = FileScanConfigBuilder::from(config.clone()).with_source(Arc::new(source)).build();
        Ok(Transformed::yes(DataSourceExec::from_data_source(config)))
    });
    mapped(changed).map(|changed| changed.data)
}

/// A filter that turns into `true` when too many of its first rows pass.
#[derive(Debug)]
struct Sampled {
    inner: Arc<dyn PhysicalExpr>,
    /// Shared by all partitions and files of the scan.
    seen: Arc<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    /// Which state of the filter was watched; joins fill it in later.
    generation: AtomicU64,
    rows: AtomicU64,
    passed: AtomicU64,
}

impl Sampled {
    fn new(inner: Arc<dyn PhysicalExpr>) -> Arc<Self> {
        Arc::new(Self { inner, seen: Arc::default() })
    }
}

impl Seen {
    /// Whether the filter in this state was watched long enough and lets too many rows pass. Counts may be mixed up when two
    /// partitions see a new state at once: they steer the speed alone.
    fn useless(&self, generation: u64) -> bool {
        if self.generation.swap(generation, Ordering::Relaxed) != generation {
            self.rows.store(0, Ordering::Relaxed);
            self.passed.store(0, Ordering::Relaxed);
        }
        let rows = self.rows.load(Ordering::Relaxed);
        rows >= ROWS_WATCHED && self.passed.load(Ordering::Relaxed) > rows / PASSES_ONE_IN
    }

    fn count(&self, rows: usize, passed: usize) {
        if self.rows.load(Ordering::Relaxed) < ROWS_WATCHED {
            self.passed.fetch_add(passed as u64, Ordering::Relaxed);
            self.rows.fetch_add(rows as u64, Ordering::Relaxed);
        }
    }
}

impl PhysicalExpr for Sampled {
    fn data_type(&self, schema: &Schema) -> DataFusionResult<DataType> {
        self.inner.data_type(schema)
    }

    fn nullable(&self, schema: &Schema) -> DataFusionResult<bool> {
        self.inner.nullable(schema)
    }

    fn return_field(&self, schema: &Schema) -> DataFusionResult<FieldRef> {
        self.inner.return_field(schema)
    }

    fn evaluate(&self, batch: &RecordBatch) -> DataFusionResult<ColumnarValue> {
        if self.seen.useless(snapshot_generation(&self.inner)) {
            return Ok(ColumnarValue::Scalar(ScalarValue::Boolean(Some(true))));
        }
        let kept = self.inner.evaluate(batch)?;
        if let ColumnarValue::Array(array) = &kept
            && let Some(array) = array.as_boolean_opt()
        {
            self.seen.count(array.len(), array.true_count());
        }
        Ok(kept)
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.inner]
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn PhysicalExpr>>) -> DataFusionResult<Arc<dyn PhysicalExpr>> {
        let [inner] = <[_; 1]>::try_from(children)
            .map_err(|children| DataFusionError::Internal(format!("a watched filter has one child, not {}", children.len())))?;
        Ok(Arc::new(Self { inner, seen: Arc::clone(&self.seen) }))
    }

    fn fmt_sql(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.inner.fmt_sql(f)
    }

    /// What prunes files and row groups looks through the watching.
    fn snapshot(&self) -> DataFusionResult<Option<Arc<dyn PhysicalExpr>>> {
        Ok(Some(Arc::clone(&self.inner)))
    }
}

impl Display for Sampled {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "sampled({})", self.inner)
    }
}

impl PartialEq for Sampled {
    fn eq(&self, other: &Self) -> bool {
        self.inner.eq(&other.inner)
    }
}

impl Eq for Sampled {}

impl Hash for Sampled {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.inner.hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_given_up_when_many_rows_pass_and_watched_anew_when_it_changes() {
        let seen = Seen::default();
        assert!(!seen.useless(1));
        seen.count(ROWS_WATCHED as usize, ROWS_WATCHED as usize);
        assert!(seen.useless(1), "all rows passed");
        assert!(!seen.useless(2), "the join has filled it in");
        seen.count(ROWS_WATCHED as usize, 10);
        assert!(!seen.useless(2), "hardly a row passed");
    }
}
