//! Tables whose rows stay in memory while a statement is run again and again over them, so that looking a row up does not read a
//! file each time.
//!
//! A warm table is one snapshot; who uses it has asked whether that snapshot still stands. Its rows are read when it has been
//! used a few times, within a share of the memory for queries, and go with the last plan that uses them.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use arrow::array::{Array, ArrayRef, BooleanArray, UInt64Array};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use base::TableName;
use datafusion::catalog::memory::MemorySourceConfig;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::pruning::PruningStatistics;
use datafusion::common::{Column, ScalarValue, Statistics, project_schema};
use datafusion::datasource::TableType;
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::Result;
use datafusion::functions_aggregate::min_max::{MaxAccumulator, MinAccumulator};
use datafusion::logical_expr::{Accumulator, Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use futures::StreamExt;
use lake::Table;

use crate::memory::Budget;
use crate::query::{Engine, Shared};

/// Uses after which the rows (of the columns in use) are read into memory: not for a statement that is run once now and then.
const USES_MIN: u32 = 4;

/// Rows that one thread reads faster than several would agree on who reads what.
const ROWS_PER_THREAD: usize = 256 << 10;

/// The warm tables of an engine, by name; they live as long as plans use them.
#[derive(Debug)]
pub(crate) struct WarmTables {
    tables: Mutex<HashMap<TableName, Weak<WarmTable>>>,
    /// What all their rows may take.
    budget: Arc<Budget>,
}

/// One snapshot of a table, read from its files until the columns in use are in memory.
#[derive(Debug)]
pub(crate) struct WarmTable {
    table: Table,
    cold: Arc<dyn TableProvider>,
    engine: Weak<Shared>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    rows: Option<Arc<Rows>>,
    /// Columns that were asked for, by their places in the table.
    wanted: BTreeSet<usize>,
    /// Uses that the rows in memory could not answer.
    missed: u32,
    reading: bool,
    /// The columns do not fit into memory.
    too_large: bool,
}

/// All rows of a table, of some columns.
#[derive(Debug)]
struct Rows {
    schema: SchemaRef,
    /// The places of these columns in the table, in order.
    columns: Vec<usize>,
    batches: Vec<RecordBatch>,
    bounds: HashMap<String, Bounds>,
    counts: UInt64Array,
    _held: Held,
}

/// Bounds of a column, one entry a batch.
#[derive(Debug)]
struct Bounds {
    min: ArrayRef,
    max: ArrayRef,
    nulls: ArrayRef,
}

/// Memory taken from budgets, and given back when the rows go.
#[derive(Debug)]
struct Held {
    budgets: Vec<Arc<Budget>>,
    bytes: usize,
}

impl WarmTables {
    /// Warm tables within so many bytes.
    pub fn new(bytes: usize) -> Self {
        Self { tables: Mutex::default(), budget: Budget::new(bytes) }
    }

    /// The warm table of a snapshot, shared by all plans that read it.
    fn of(&self, engine: &Engine, table: &Table) -> base::Result<Arc<WarmTable>> {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = tables.get(table.name()).and_then(Weak::upgrade)
            && known.table.is_same(table)
        {
            return Ok(known);
        }
        tables.retain(|_, known| known.strong_count() > 0);
        let (cold, state) = (table.provider()?, Mutex::default());
        let warm = Arc::new(WarmTable { table: table.clone(), cold, engine: engine.weak(), state });
        tables.insert(table.name().clone(), Arc::downgrade(&warm));
        Ok(warm)
    }
}

impl Engine {
    /// Bytes of rows that are kept in memory because statements are run over them again and again.
    pub fn warm_bytes(&self) -> usize {
        self.shared().warm.budget.used()
    }

    /// A table for a statement that will be run again.
    pub(crate) fn warm(&self, table: &Table) -> base::Result<Arc<dyn TableProvider>> {
        Ok(self.shared().warm.of(self, table)?)
    }

    /// Reads columns of all rows of a table, if they fit.
    async fn rows_of(&self, table: &WarmTable, columns: Vec<usize>) -> Option<Rows> {
        let warm = &self.shared().warm.budget;
        if table.bytes_of(&columns) > warm.left() {
            return None;
        }
        let mut held = Held { budgets: vec![Arc::clone(warm), self.budget()], bytes: 0 };
        let plan = table.cold.scan(self.planner(), Some(&columns), &[], None).await.ok()?;
        let schema = plan.schema();
        let mut stream = execute_stream(plan, Arc::new(self.context())).ok()?;
        let mut batches = Vec::new();
        while let Some(batch) = stream.next().await {
            let batch = batch.inspect_err(|error| tracing::debug!(%error, "a table could not be kept in memory")).ok()?;
            if batch.num_rows() == 0 {
                continue;
            }
            if !held.take(batch.get_array_memory_size()) {
                return None;
            }
            batches.push(batch);
        }
        Rows::new(schema, columns, batches, held).ok()
    }
}

impl WarmTable {
    /// The rows in memory, if they have these columns; none is all.
    fn rows(&self, projection: Option<&Vec<usize>>) -> Option<Arc<Rows>> {
        let mut state = self.state();
        let all;
        let columns: &[usize] = match projection {
            Some(columns) => columns,
            None => {
                all = (0..self.cold.schema().fields().len()).collect::<Vec<_>>();
                &all
            }
        };
        if let Some(rows) = state.rows.as_ref().filter(|rows| columns.iter().all(|column| rows.place(*column).is_some())) {
            return Some(Arc::clone(rows));
        }
        state.wanted.extend(columns);
        state.missed += 1;
        if state.missed >= USES_MIN && !state.reading && !state.too_large {
            state.reading = true;
            state.missed = 0;
            let columns = state.wanted.iter().copied().collect();
            drop(state);
            self.read(columns);
        }
        None
    }

    /// Reads columns into memory, beside the query that wanted them.
    fn read(&self, columns: Vec<usize>) {
        let engine = self.engine.upgrade().map(Engine::of);
        let Some((engine, warm)) = engine.and_then(|engine| Some((engine.clone(), engine.shared().warm.find(&self.table)?)))
        else {
            return;
        };
        let work = engine.clone();
        engine.shared().compute.begin(async move {
            let rows = work.rows_of(&warm, columns).await;
            let mut state = warm.state();
            state.reading = false;
            match rows {
                Some(rows) => state.rows = Some(Arc::new(rows)),
                None => state.too_large = true,
            }
        });
    }

    /// What columns are likely to take in memory.
    fn bytes_of(&self, columns: &[usize]) -> usize {
        let Some(statistics) = self.cold.statistics() else { return usize::MAX };
        let bytes = |column: &usize| statistics.column_statistics.get(*column)?.byte_size.get_value().copied();
        columns.iter().map(|column| bytes(column).unwrap_or(0)).sum()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing under this lock can be left half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WarmTables {
    fn find(&self, table: &Table) -> Option<Arc<WarmTable>> {
        let tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        tables.get(table.name()).and_then(Weak::upgrade).filter(|known| known.table.is_same(table))
    }
}

#[async_trait]
impl TableProvider for WarmTable {
    fn schema(&self) -> SchemaRef {
        self.cold.schema()
    }

    fn table_type(&self) -> TableType {
        self.cold.table_type()
    }

    fn statistics(&self) -> Option<Statistics> {
        self.cold.statistics()
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        self.cold.supports_filters_pushdown(filters)
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match self.rows(projection) {
            Some(rows) => rows.plan(session, projection, filters, limit),
            None => self.cold.scan(session, projection, filters, limit).await,
        }
    }
}

impl Rows {
    fn new(schema: SchemaRef, columns: Vec<usize>, batches: Vec<RecordBatch>, held: Held) -> Result<Self> {
        let mut bounds = HashMap::new();
        for (index, field) in schema.fields().iter().enumerate().filter(|(_, field)| is_bounded(field.data_type())) {
            let parts: Vec<&ArrayRef> = batches.iter().map(|batch| batch.column(index)).collect();
            if parts.is_empty() {
                break;
            }
            let least = parts.iter().map(|column| extreme(&mut MinAccumulator::try_new(field.data_type())?, column));
            let min = ScalarValue::iter_to_array(least.collect::<Result<Vec<_>>>()?)?;
            let most = parts.iter().map(|column| extreme(&mut MaxAccumulator::try_new(field.data_type())?, column));
            let max = ScalarValue::iter_to_array(most.collect::<Result<Vec<_>>>()?)?;
            let nulls: UInt64Array = parts.iter().map(|column| Some(column.null_count() as u64)).collect();
            bounds.insert(field.name().clone(), Bounds { min, max, nulls: Arc::new(nulls) });
        }
        let counts = batches.iter().map(|batch| Some(batch.num_rows() as u64)).collect();
        Ok(Self { schema, columns, batches, bounds, counts, _held: held })
    }

    /// Where a column of the table stands here.
    fn place(&self, column: usize) -> Option<usize> {
        self.columns.binary_search(&column).ok()
    }

    fn plan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let projection = projection.map(|columns| columns.iter().filter_map(|column| self.place(*column)).collect::<Vec<_>>());
        let limit = limit.filter(|_| filters.is_empty());
        let mut kept = lake::kept(session, &self.schema, filters, self);
        if let Some(limit) = limit {
            let mut rows = 0;
            kept.retain(|index| {
                let wanted = rows < limit;
                rows += self.batches[*index].num_rows();
                wanted
            });
        }
        if kept.is_empty() {
            return Ok(Arc::new(EmptyExec::new(project_schema(&self.schema, projection.as_ref())?)));
        }
        let rows: usize = kept.iter().map(|index| self.batches[*index].num_rows()).sum();
        let threads = rows.div_ceil(ROWS_PER_THREAD).clamp(1, session.config().target_partitions());
        let batches: Vec<RecordBatch> = kept.iter().map(|index| self.batches[*index].clone()).collect();
        let parts: Vec<Vec<RecordBatch>> = batches.chunks(batches.len().div_ceil(threads)).map(<[_]>::to_vec).collect();
        let source = MemorySourceConfig::try_new(&parts, Arc::clone(&self.schema), projection)?.with_limit(limit);
        Ok(DataSourceExec::from_data_source(source))
    }
}

/// Whether bounds of this type are what a filter compares with. Floats are left out, for what is not a number has no place in order.
fn is_bounded(data_type: &DataType) -> bool {
    data_type.is_integer()
        || matches!(
            data_type,
            DataType::Date32 | DataType::Timestamp(..) | DataType::Decimal128(..) | DataType::Utf8 | DataType::Utf8View
        )
}

fn extreme(accumulator: &mut dyn Accumulator, column: &ArrayRef) -> Result<ScalarValue> {
    accumulator.update_batch(std::slice::from_ref(column))?;
    accumulator.evaluate()
}

impl PruningStatistics for Rows {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        self.bounds.get(&column.name).map(|bounds| Arc::clone(&bounds.min))
    }

    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        self.bounds.get(&column.name).map(|bounds| Arc::clone(&bounds.max))
    }

    fn num_containers(&self) -> usize {
        self.batches.len()
    }

    fn null_counts(&self, column: &Column) -> Option<ArrayRef> {
        self.bounds.get(&column.name).map(|bounds| Arc::clone(&bounds.nulls))
    }

    fn row_counts(&self) -> Option<ArrayRef> {
        Some(Arc::new(self.counts.clone()))
    }

    fn contained(&self, _column: &Column, _values: &std::collections::HashSet<ScalarValue>) -> Option<BooleanArray> {
        None
    }
}

impl Held {
    fn take(&mut self, bytes: usize) -> bool {
        for (index, budget) in self.budgets.iter().enumerate() {
            if !budget.try_take(bytes) {
                self.budgets[..index].iter().for_each(|taken| taken.give_back(bytes));
                return false;
            }
        }
        self.bytes += bytes;
        true
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.budgets.iter().for_each(|budget| budget.give_back(self.bytes));
    }
}
