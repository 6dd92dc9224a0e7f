//! Ends joins that compare pairs of rows and find none: their condition fails once nobody waits for the answer.

use std::fmt::{self, Display, Formatter};
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, FieldRef, Schema};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::joins::utils::JoinFilter;

/// Whether a running statement is to stop.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stop(Arc<AtomicBool>);

/// Stops the statement when dropped.
#[derive(Debug)]
pub(crate) struct StopOnDrop(Stop);

impl Stop {
    /// What the reader of the answer holds.
    pub fn on_drop(&self) -> StopOnDrop {
        StopOnDrop(self.clone())
    }

    /// The condition of a join that fails as soon as the statement is to stop.
    pub fn watch(&self, filter: &JoinFilter) -> JoinFilter {
        let inner = Arc::clone(filter.expression());
        let watched = Arc::new(Stoppable { inner, stop: self.clone() });
        JoinFilter::new(watched, filter.column_indices().to_vec(), Arc::clone(filter.schema()))
    }
}

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

/// An expression that fails once the statement is to stop.
#[derive(Debug)]
struct Stoppable {
    inner: Arc<dyn PhysicalExpr>,
    stop: Stop,
}

impl PhysicalExpr for Stoppable {
    fn data_type(&self, schema: &Schema) -> Result<DataType> {
        self.inner.data_type(schema)
    }

    fn nullable(&self, schema: &Schema) -> Result<bool> {
        self.inner.nullable(schema)
    }

    fn return_field(&self, schema: &Schema) -> Result<FieldRef> {
        self.inner.return_field(schema)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        if self.stop.0.load(Ordering::Relaxed) {
            return Err(DataFusionError::Execution("nobody waits for the answer any more".to_owned()));
        }
        self.inner.evaluate(batch)
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.inner]
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn PhysicalExpr>>) -> Result<Arc<dyn PhysicalExpr>> {
        let [inner] = <[_; 1]>::try_from(children).map_err(|children| {
            DataFusionError::Internal(format!("a watched condition has one child, not {}", children.len()))
        })?;
        Ok(Arc::new(Self { inner, stop: self.stop.clone() }))
    }

    fn fmt_sql(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.inner.fmt_sql(f)
    }
}

impl Display for Stoppable {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(&self.inner, f)
    }
}

impl PartialEq for Stoppable {
    fn eq(&self, other: &Self) -> bool {
        self.inner.eq(&other.inner)
    }
}

impl Eq for Stoppable {}

impl Hash for Stoppable {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.inner.hash(state);
    }
}
