//! Filters that joins find while they run, tried on a sample and then, if they are worth it, inside the scan.
//!
//! A hash join tells its other side which keys it has. DataFusion prunes files and row groups by that; to drop single rows by
//! it before their other columns are decoded saves much where few rows are left (TPC-H 17, 18) and costs time where most are
//! (TPC-H 5, 8). Nobody knows which before the join has read its first side, so the scan begins with a look at its first rows.
//! Either way the answer is the same: the join itself compares keys again.

use std::fmt::{self, Formatter};
use std::sync::Arc;

use arrow::array::AsArray;
use base::Result;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::datasource::physical_plan::{FileScanConfig, FileScanConfigBuilder, FileSource, ParquetSource};
use datafusion::datasource::source::{DataSource, DataSourceExec};
use datafusion::error::Result as DataFusionResult;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::utils::{reassign_expr_columns, split_conjunction};
use datafusion::physical_expr::{DynamicFilterTracking, PhysicalExpr};
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, ReplaceChildrenOptions,
};
use futures::{TryFutureExt, TryStreamExt};
use tokio::sync::OnceCell;

use crate::errors::mapped;

/// Rows of a scan below which there is nothing to save.
const ROWS_MIN: usize = 1 << 20;

/// Rows on which a filter is tried.
const ROWS_TRIED: usize = 64 << 10;

/// A filter goes into the scan if at most one row in so many passes it.
const PASSES_ONE_IN: usize = 50;

/// The plan with a sample before each large Parquet scan whose only filters come from joins.
pub(crate) fn sampled(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let changed = plan.transform_up(|node| {
        let Some((config, source)) =
            node.downcast_ref::<DataSourceExec>().and_then(DataSourceExec::downcast_to_file_source::<ParquetSource>)
        else {
            return Ok(Transformed::no(node));
        };
        let Some(filter) = source.filter() else { return Ok(Transformed::no(node)) };
        // The statement's own filters are cheaper above the scan, on whole columns, than row by row inside it.
        let from_joins =
            split_conjunction(&filter).iter().all(|filter| DynamicFilterTracking::classify(filter).contains_dynamic_filter());
        let large = match config.partition_statistics(None)?.num_rows {
            Precision::Exact(rows) | Precision::Inexact(rows) => rows >= ROWS_MIN,
            Precision::Absent => true,
        };
        if !from_joins || !large {
            return Ok(Transformed::no(node));
        }
        // Columns that the scan gives no further cannot be tried.
        let Ok(filter) = reassign_expr_columns(filter, &node.schema()) else { return Ok(Transformed::no(node)) };
        let dropping = Arc::new(source.clone().with_pushdown_filters(true));
        let dropping = FileScanConfigBuilder::from(config.clone()).with_source(dropping).build();
        Ok(Transformed::yes(Arc::new(SampledScan::new(config.clone(), dropping, filter)) as _))
    });
    mapped(changed).map(|changed| changed.data)
}

/// A scan that decides with its first rows whether to drop rows by itself.
#[derive(Debug)]
struct SampledScan {
    whole: Arc<DataSourceExec>,
    dropping: Arc<DataSourceExec>,
    /// On the columns that the scan gives.
    filter: Arc<dyn PhysicalExpr>,
    /// Whether rows are dropped: the same for all partitions, since they take files from each other.
    drops: Arc<OnceCell<bool>>,
}

impl SampledScan {
    fn new(whole: FileScanConfig, dropping: FileScanConfig, filter: Arc<dyn PhysicalExpr>) -> Self {
        let (whole, dropping) = (DataSourceExec::from_data_source(whole), DataSourceExec::from_data_source(dropping));
        Self { whole, dropping, filter, drops: Arc::default() }
    }

    /// The same scan, not begun.
    fn anew(&self) -> Self {
        let anew = |scan: &DataSourceExec| Arc::new(DataSourceExec::new(Arc::clone(scan.data_source())));
        let (whole, dropping) = (anew(&self.whole), anew(&self.dropping));
        Self { whole, dropping, filter: Arc::clone(&self.filter), drops: Arc::default() }
    }
}

/// Whether nearly no row of the sample passes the filter.
async fn worth_it(mut sample: SendableRecordBatchStream, filter: &dyn PhysicalExpr) -> DataFusionResult<bool> {
    let (mut rows, mut passed) = (0, 0);
    while rows < ROWS_TRIED
        && let Some(batch) = sample.try_next().await?
    {
        let kept = filter.evaluate(&batch)?.into_array(batch.num_rows())?;
        let Some(kept) = kept.as_boolean_opt() else { return Ok(false) };
        rows += batch.num_rows();
        passed += kept.true_count();
    }
    Ok(passed * PASSES_ONE_IN <= rows)
}

impl DisplayAs for SampledScan {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut Formatter<'_>) -> fmt::Result {
        self.whole.fmt_as(format, f)
    }
}

impl ExecutionPlan for SampledScan {
    fn name(&self) -> &'static str {
        "SampledScan"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.whole.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> DataFusionResult<TreeNodeRecursion>,
    ) -> DataFusionResult<TreeNodeRecursion> {
        self.whole.apply_expressions(f)
    }

    fn replace_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn reset_state(self: Arc<Self>) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(self.anew()))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> DataFusionResult<SendableRecordBatchStream> {
        let (whole, dropping) = (Arc::clone(&self.whole), Arc::clone(&self.dropping));
        let (sample, filter, drops) = (self.anew().whole, Arc::clone(&self.filter), Arc::clone(&self.drops));
        let rows = async move {
            let tried = async {
                let sample = sample.execute(partition, Arc::clone(&context))?;
                worth_it(sample, filter.as_ref()).await
            };
            let scan = if *drops.get_or_try_init(|| tried).await? { dropping } else { whole };
            scan.execute(partition, context)
        };
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows.try_flatten_stream())))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        if self.drops.get() == Some(&true) { self.dropping.metrics() } else { self.whole.metrics() }
    }
}
