//! One statement, from text to a stream of rows: parse, resolve through the pass, bind, plan, run, limit.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use base::{Error, Result, TableName};
use catalog::Catalog;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{SendableRecordBatchStream, SessionState, SessionStateBuilder};
use datafusion::physical_plan::execute_stream;
use datafusion::prelude::SessionConfig;
use guard::{Guard, Pass};
use lake::Lake;
use serde_json::{Map, Value};

use crate::admission::Admission;
use crate::errors::mapped;
use crate::governed::{Catalogs, Listing, Reader};
use crate::limits::{Limited, Limits, timed_out};
use crate::memory::{Budget, QueryPool};
use crate::runtime::Compute;
use crate::settings::EngineSettings;
use crate::{codes, parameters, statement};

/// The schema of a table named without one.
pub const DEFAULT_SCHEMA: &str = "default";

/// SQL for every room that may not see the lake. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) parts: EngineParts,
    pub(crate) compute: Compute,
    pub(crate) sources: crate::tables::Sources,
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
        let disks = DiskManagerBuilder::default()
            .with_mode(DiskManagerMode::Directories(vec![settings.spill_dir.clone()]))
            .with_max_temp_directory_size(settings.spill_bytes_max);
        std::fs::create_dir_all(&settings.spill_dir).map_err(|error| {
            Error::new(&codes::ENGINE_INTERNAL).with("reason", format!("{}: {error}", settings.spill_dir.display()))
        })?;
        let runtime = mapped(RuntimeEnvBuilder::new().with_disk_manager_builder(disks).build_arc())?;
        parts.lake.register(&runtime);
        let template = SessionStateBuilder::new()
            .with_config(session_config(settings))
            .with_runtime_env(Arc::clone(&runtime))
            .with_default_features()
            .with_table_functions(HashMap::new())
            .build();
        let compute = Compute::start(settings.threads)?;
        let admission = Admission::new(settings.queries_max, settings.queue_max);
        let sources = crate::tables::Sources::default();
        Ok(Self { shared: Arc::new(Shared { parts, compute, sources, admission, budget, template, runtime }) })
    }

    /// Runs one query as the pass's user.
    ///
    /// Errors: the statement's own faults (blame User), a table the pass may not read, limits, and what a source says. Errors
    /// that come while rows flow are in the stream.
    pub async fn query(&self, pass: &Pass, query: Statement<'_>) -> Result<Answer> {
        let deadline = tokio::time::Instant::now() + query.limits.timeout;
        let started = async {
            let permit = self.shared.admission.enter().await?;
            let (engine, pass, owned) = (self.clone(), pass.clone(), Owned::of(query));
            // Planning computes too: a long statement must not keep the threads that talk to the network.
            let planned = self.shared.compute.run(async move {
                let (state, plan, reader) = engine.plan(&pass, owned.statement()).await?;
                let physical = crate::yielding::yielding(mapped(state.create_physical_plan(&plan).await)?)?;
                Ok::<_, Error>((state, physical, reader))
            });
            let (state, physical, reader) = planned.await??;
            Ok::<_, Error>((permit, state, physical, reader))
        };
        let (permit, state, physical, reader) =
            tokio::time::timeout_at(deadline, started).await.map_err(|_| timed_out(&query.limits))??;
        let schema = physical.schema();
        let context = state.task_ctx();
        let stream = self.shared.compute.stream(Arc::clone(&schema), move || execute_stream(physical, context), permit);
        let stream = Limited::new(stream, query.limits, deadline);
        Ok(Answer { schema, stream: Box::pin(stream), tables: reader.reads() })
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

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    pub(crate) fn lake(&self) -> &Lake {
        &self.shared.parts.lake
    }

    async fn plan(
        &self,
        pass: &Pass,
        query: Statement<'_>,
    ) -> Result<(SessionState, datafusion::logical_expr::LogicalPlan, Arc<Reader>)> {
        let statement = statement::parse(query.sql)?;
        let listing = if statement::asks_for_listing(&statement) { self.listing(pass).await? } else { Listing::new() };
        let reader = Reader::new(self.clone(), pass.clone(), query.at.clone());
        let state = self.session(Catalogs::new(Arc::clone(&reader), listing));
        let plan = mapped(state.statement_to_plan(statement).await)?;
        let plan = parameters::bind(plan, query.parameters)?;
        // The text was already checked; this is the second lock, on the plan.
        let only_reads = datafusion::execution::context::SQLOptions::new()
            .with_allow_ddl(false)
            .with_allow_dml(false)
            .with_allow_statements(false);
        mapped(only_reads.verify_plan(&plan))?;
        Ok((state, plan, reader))
    }

    /// A session of one statement: the template with its own catalog and its own share of memory.
    fn session(&self, catalogs: Catalogs) -> SessionState {
        let shared = &self.shared;
        let pool = QueryPool::new(Arc::clone(&shared.budget), shared.parts.settings.query_memory_bytes);
        let runtime = RuntimeEnv { memory_pool: Arc::new(pool), ..shared.runtime.as_ref().clone() };
        let mut state = SessionStateBuilder::new_from_existing(shared.template.clone())
            .with_catalog_list(Arc::new(catalogs))
            .with_runtime_env(Arc::new(runtime))
            .build();
        // The moment that `now()` and its kin answer with, the same in the whole statement.
        state.mark_start_execution();
        state
    }
}

fn session_config(settings: &EngineSettings) -> SessionConfig {
    let mut config = SessionConfig::new()
        .with_target_partitions(settings.threads)
        .with_information_schema(true)
        .with_create_default_catalog_and_schema(false)
        .with_default_catalog_and_schema(base::names::LAKE, DEFAULT_SCHEMA);
    let options = config.options_mut();
    options.execution.collect_statistics = true;
    options.execution.time_zone = Some("UTC".to_owned());
    options.sql_parser.collect_spans = false;
    config
}
