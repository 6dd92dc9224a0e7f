//! One statement, from text to a stream of rows: parse, resolve through the pass, bind, plan, run, limit.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use base::{Error, Result, TableName};
use catalog::Catalog;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{SendableRecordBatchStream, SessionState, SessionStateBuilder, TaskContext};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::prelude::SessionConfig;
use guard::{Guard, Pass};
use lake::Lake;
use serde_json::{Map, Value};

use crate::admission::Admission;
use crate::errors::mapped;
use crate::governed::{Catalogs, Listing, Reader, Seen};
use crate::limits::{Limited, Limits, timed_out};
use crate::memory::{Budget, QueryPool};
use crate::runtime::Compute;
use crate::settings::EngineSettings;
use crate::spills::Spills;
use crate::stopping::Stop;
use crate::views::lists_only_views;
use crate::{codes, parameters, statement};

/// The schema of a table named without one.
pub const DEFAULT_SCHEMA: &str = "default";

/// Rows that operators hand on at once. With more than DataFusion's 8192 the work that is done for each batch weighs less.
const BATCH_ROWS: usize = 32 << 10;

/// The first side of a join is split among the threads from this many rows or bytes on, divided by the threads. To split it
/// means to split the other side as well, which costs more than it gains while there are few threads.
const SPLIT_JOIN_ROWS: usize = 8 << 20;
const SPLIT_JOIN_BYTES: usize = 256 << 20;

/// Share of the memory for queries that rows of tables in frequent use may take: one eighth.
const WARM_SHARE: usize = 8;

/// SQL for every room that may not see the lake. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) parts: EngineParts,
    pub(crate) compute: Compute,
    pub(crate) sources: crate::tables::Sources,
    pub(crate) plans: crate::prepared::Plans,
    pub(crate) warm: crate::warm::WarmTables,
    pub(crate) looks: crate::newest::Looks,
    pub(crate) views: crate::views::Known,
    spills: Arc<Spills>,
    admission: Admission,
    budget: Arc<Budget>,
    template: SessionState,
    runtime: Arc<RuntimeEnv>,
}

/// What an engine is made of.
pub struct EngineParts {
    /// Who may what.
    pub guard: Guard,
    /// What exists.
    pub catalog: Catalog,
    /// The platform's own tables.
    pub lake: Lake,
    /// How connections open: secrets and the folder of relative paths.
    pub connections: connect::Context,
    /// What may be used of the machine.
    pub settings: EngineSettings,
}

/// A statement and what it may cost.
#[derive(Debug, Clone, Copy)]
pub struct Statement<'a> {
    /// One query, EXPLAIN or SHOW.
    pub sql: &'a str,
    /// Values of its `$name` parameters.
    pub parameters: &'a Map<String, Value>,
    /// Rows, bytes, time.
    pub limits: Limits,
    /// Versions at which lake tables are read; the newest for those not named.
    pub at: &'a HashMap<TableName, u64>,
}

/// A statement that travels to another thread.
struct Owned {
    sql: String,
    parameters: Map<String, Value>,
    limits: Limits,
    at: HashMap<TableName, u64>,
}

impl Owned {
    fn of(query: Statement<'_>) -> Self {
        let Statement { sql, parameters, limits, at } = query;
        Self { sql: sql.to_owned(), parameters: parameters.clone(), limits, at: at.clone() }
    }

    fn statement(&self) -> Statement<'_> {
        Statement { sql: &self.sql, parameters: &self.parameters, limits: self.limits, at: &self.at }
    }
}

/// A running query.
pub struct Answer {
    /// The columns.
    pub schema: SchemaRef,
    /// The rows; dropping it cancels the query. Its errors become ours by [`crate::error`].
    pub stream: SendableRecordBatchStream,
    /// The tables read, with the version of those in the lake.
    pub tables: BTreeMap<TableName, Option<u64>>,
}

/// A statement that can run.
pub(crate) struct Ready {
    pub physical: Arc<dyn ExecutionPlan>,
    pub context: Arc<TaskContext>,
    /// Ends what computes.
    pub stop: Stop,
    /// The tables it reads, with the version of those in the lake.
    pub reads: BTreeMap<TableName, Option<u64>>,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("schema", &self.schema).field("tables", &self.tables).finish_non_exhaustive()
    }
}

impl Engine {
    /// Starts the compute threads and prepares the session that every statement begins from.
    pub fn new(parts: EngineParts) -> Result<Self> {
        let settings = &parts.settings;
        let budget = Budget::new(settings.memory_bytes);
        std::fs::create_dir_all(&settings.spill_dir).map_err(|error| {
            Error::new(&codes::ENGINE_INTERNAL).with("reason", format!("{}: {error}", settings.spill_dir.display()))
        })?;
        let spills = mapped(Spills::new(settings.spill_dir.clone(), settings.spill_bytes_max))?;
        let runtime = mapped(RuntimeEnvBuilder::new().with_disk_manager_builder(spills.disks()).build_arc())?;
        parts.lake.register(&runtime);
        let template = SessionStateBuilder::new()
            .with_config(session_config(settings))
            .with_runtime_env(Arc::clone(&runtime))
            .with_default_features()
            .with_table_functions(HashMap::new())
            .build();
        let compute = Compute::start(settings.threads)?;
        let admission = Admission::new(settings.queries_max, settings.queue_max);
        let (sources, plans) = (crate::tables::Sources::default(), crate::prepared::Plans::default());
        let warm = crate::warm::WarmTables::new(settings.memory_bytes / WARM_SHARE);
        let (looks, views) = (crate::newest::Looks::default(), crate::views::Known::default());
        let shared = Shared { parts, compute, sources, plans, warm, looks, views, spills, admission, budget, template, runtime };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Runs one query as the pass's user.
    ///
    /// Errors: the statement's own faults (blame User), a table the pass may not read, limits, and what a source says. Errors
    /// that come while rows flow are in the stream.
    pub async fn query(&self, pass: &Pass, query: Statement<'_>) -> Result<Answer> {
        self.run(pass, query, false).await
    }

    /// The same for a statement that will be run again with other values: its plan is kept for as long as nothing that it
    /// depends on changes.
    pub async fn query_again(&self, pass: &Pass, query: Statement<'_>) -> Result<Answer> {
        self.run(pass, query, true).await
    }

    async fn run(&self, pass: &Pass, query: Statement<'_>, again: bool) -> Result<Answer> {
        let deadline = tokio::time::Instant::now() + query.limits.timeout;
        let started = async {
            let permit = self.shared.admission.enter().await?;
            let (engine, pass, owned) = (self.clone(), pass.clone(), Owned::of(query));
            // Planning computes too: a long statement must not keep the threads that talk to the network.
            let planned = self.shared.compute.run(async move {
                if again {
                    engine.ready_again(&pass, owned.statement()).await
                } else {
                    engine.ready(&pass, owned.statement()).await
                }
            });
            let ready = planned.await??;
            Ok::<_, Error>((permit, ready))
        };
        let (permit, ready) = tokio::time::timeout_at(deadline, started).await.map_err(|_| timed_out(&query.limits))??;
        let Ready { physical, context, stop, reads } = ready;
        let schema = physical.schema();
        let stream = self.shared.compute.stream(Arc::clone(&schema), move || execute_stream(physical, context), permit);
        let stream = Limited::new(stream, query.limits, deadline, stop.on_drop());
        Ok(Answer { schema, stream: Box::pin(stream), tables: reads })
    }

    /// The columns a query would answer with, and the tables it would read, without running it.
    pub async fn check_sql(&self, pass: &Pass, query: Statement<'_>) -> Result<(SchemaRef, BTreeMap<TableName, Option<u64>>)> {
        let (_, plan, reader) = self.plan(pass, query).await?;
        Ok((Arc::clone(plan.schema().inner()), reader.reads()))
    }

    /// Bytes that running queries have reserved.
    pub fn memory_used(&self) -> usize {
        self.shared.budget.used()
    }

    /// Bytes that queries may reserve together.
    pub fn memory_limit(&self) -> usize {
        self.shared.parts.settings.memory_bytes
    }

    /// Bytes that queries have put aside on disk, and how many files they have begun for it so far.
    pub fn spilled(&self) -> (u64, u64) {
        (self.shared.spills.bytes(), self.shared.spills.begun())
    }

    pub(crate) fn of(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// The engine without keeping it alive.
    pub(crate) fn weak(&self) -> std::sync::Weak<Shared> {
        Arc::downgrade(&self.shared)
    }

    /// What all queries may use together.
    pub(crate) fn budget(&self) -> Arc<Budget> {
        Arc::clone(&self.shared.budget)
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    pub(crate) fn lake(&self) -> &Lake {
        &self.shared.parts.lake
    }

    /// The statement planned to its last operator, by its words alone.
    pub(crate) async fn ready(&self, pass: &Pass, query: Statement<'_>) -> Result<Ready> {
        let (state, plan, reader) = self.plan(pass, query).await?;
        let (physical, stop) = finished(mapped(state.create_physical_plan(&plan).await)?)?;
        Ok(Ready { physical, context: state.task_ctx(), stop, reads: reader.reads() })
    }

    /// The plan with its parameters still open, and what it reads; none if it asks what tables there are.
    pub(crate) async fn unbound(&self, pass: &Pass, query: Statement<'_>) -> Result<Option<(LogicalPlan, Seen)>> {
        let statement = statement::parse(query.sql)?;
        if statement::asks_for_listing(&statement) {
            return Ok(None);
        }
        let reader = Reader::warm(self.clone(), pass.clone());
        let state = self.session(Catalogs::new(Arc::clone(&reader), Listing::new()));
        let plan = mapped(state.statement_to_plan(statement).await)?;
        reader.planned(&plan)?;
        only_reads(&plan)?;
        Ok(Some((plan, reader.all_seen())))
    }

    async fn plan(&self, pass: &Pass, query: Statement<'_>) -> Result<(SessionState, LogicalPlan, Arc<Reader>)> {
        let statement = statement::parse(query.sql)?;
        let lists = statement::asks_for_listing(&statement);
        let listing = if lists { self.listing(pass).await? } else { Listing::new() };
        let reader = Reader::new(self.clone(), pass.clone(), query.at.clone());
        let state = self.session(Catalogs::new(Arc::clone(&reader), listing));
        let plan = mapped(state.statement_to_plan(statement).await)?;
        reader.planned(&plan)?;
        let plan = if lists { mapped(lists_only_views(plan))? } else { plan };
        let plan = parameters::bind(plan, query.parameters)?;
        only_reads(&plan)?;
        Ok((state, plan, reader))
    }

    /// The session that plans what is resolved already.
    pub(crate) fn planner(&self) -> &SessionState {
        &self.shared.template
    }

    /// The runtime of one statement: everybody's, with its own share of memory.
    pub(crate) fn runtime_of_one(&self) -> Arc<RuntimeEnv> {
        let shared = &self.shared;
        let pool = QueryPool::new(Arc::clone(&shared.budget), shared.parts.settings.query_memory_bytes);
        Arc::new(RuntimeEnv { memory_pool: Arc::new(pool), ..shared.runtime.as_ref().clone() })
    }

    /// A session of one statement: the template with its own catalog and its own share of memory.
    pub(crate) fn session(&self, catalogs: Catalogs) -> SessionState {
        let mut state = SessionStateBuilder::new_from_existing(self.shared.template.clone())
            .with_catalog_list(Arc::new(catalogs))
            .with_runtime_env(self.runtime_of_one())
            .build();
        // The moment that `now()` and its kin answer with, the same in the whole statement.
        state.mark_start_execution();
        state
    }
}

/// The physical plan, for one run, with what every plan of ours has beyond DataFusion's own; and what ends it.
pub(crate) fn finished(plan: Arc<dyn ExecutionPlan>) -> Result<(Arc<dyn ExecutionPlan>, Stop)> {
    let stop = Stop::default();
    Ok((crate::yielding::yielding(crate::sampled::sampled(plan)?, &stop)?, stop))
}

/// The text was already checked; this is the second lock, on the plan.
pub(crate) fn only_reads(plan: &LogicalPlan) -> Result<()> {
    let only_reads = datafusion::execution::context::SQLOptions::new()
        .with_allow_ddl(false)
        .with_allow_dml(false)
        .with_allow_statements(false);
    mapped(only_reads.verify_plan(plan))
}

fn session_config(settings: &EngineSettings) -> SessionConfig {
    let mut config = SessionConfig::new()
        .with_target_partitions(settings.threads)
        .with_batch_size(BATCH_ROWS)
        .with_information_schema(true)
        .with_create_default_catalog_and_schema(false)
        .with_default_catalog_and_schema(base::names::LAKE, DEFAULT_SCHEMA);
    let options = config.options_mut();
    options.execution.collect_statistics = true;
    options.execution.time_zone = Some("UTC".to_owned());
    options.sql_parser.collect_spans = false;
    let optimizer = &mut options.optimizer;
    optimizer.hash_join_single_partition_threshold_rows =
        optimizer.hash_join_single_partition_threshold_rows.max(SPLIT_JOIN_ROWS / settings.threads.max(1));
    optimizer.hash_join_single_partition_threshold =
        optimizer.hash_join_single_partition_threshold.max(SPLIT_JOIN_BYTES / settings.threads.max(1));
    config
}
