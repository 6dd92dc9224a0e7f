//! Statements that are run again and again with other values, such as those of data services: planned once, then bound and run.
//!
//! A kept plan is used only for the same words, the same user under the same version of the policy, the same declaration of
//! every view and the same snapshot of every table it reads; each call asks the pass and looks at the tables' logs as a first
//! call does. The plan is optimized with its parameters still open, once for each row of types that values come in; then the
//! values are put in and what depends on them is simplified. Whatever cannot be done this way is planned anew each time, and
//! errors are always told from there.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arrow::datatypes::{DataType, Field};
use base::{Result, TableName};
use datafusion::common::ParamValues;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::DataFusionError;
use datafusion::execution::{SessionState, TaskContext};
use datafusion::logical_expr::expr::Placeholder;
use datafusion::logical_expr::{Expr, LogicalPlan, Volatility};
use datafusion::optimizer::push_down_limit::PushDownLimit;
use datafusion::optimizer::simplify_expressions::SimplifyExpressions;
use datafusion::optimizer::{Optimizer, OptimizerRule};
use guard::{Object, Pass, Privilege};
use lake::Table;
use serde_json::{Map, Value};

use crate::parameters::{self, Expected};
use crate::query::{Engine, Ready, Statement, finished};
use crate::views::View;

/// Statements kept.
const PLANS_MAX: usize = 1024;

/// Rows of types kept for one statement: optional parameters double them.
const SHAPES_MAX: usize = 64;

/// A plan that nobody used for so long is forgotten: it holds on to files that a vacuum wants to delete.
const IDLE_MAX: Duration = Duration::from_secs(60);

/// What depends on the values, when they are known.
static WITH_VALUES: LazyLock<Optimizer> = LazyLock::new(|| {
    let rules: Vec<Arc<dyn OptimizerRule + Send + Sync>> =
        vec![Arc::new(SimplifyExpressions::new()), Arc::new(PushDownLimit::new())];
    Optimizer::with_rules(rules)
});

/// The kept plans of an engine.
#[derive(Debug, Default)]
pub(crate) struct Plans(Mutex<HashMap<Key, Entry>>);

/// Whose statement it is. A token narrows what its user may, so it is part of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    sql: String,
    user: String,
    token: Option<String>,
    policy: i64,
}

#[derive(Debug)]
struct Entry {
    /// None: the statement is one that has to be planned anew each time.
    plan: Option<Arc<Prepared>>,
    used: Instant,
}

/// A statement, planned.
#[derive(Debug)]
struct Prepared {
    /// The tables it reads, as they were, with the passes they were opened with: the caller's, and those of who declared views.
    tables: Vec<(Table, Vec<Pass>)>,
    /// The views it reads, as they were declared.
    views: Vec<Arc<View>>,
    /// The tables and views, with the version of those in the lake.
    reads: BTreeMap<TableName, Option<u64>>,
    /// Not optimized, with its parameters.
    plan: LogicalPlan,
    expected: Expected,
    /// Optimized, by the types of the parameters in the order of their names; none: with these it cannot be done.
    shapes: Mutex<HashMap<Vec<DataType>, Option<LogicalPlan>>>,
}

/// What became of an attempt to keep a plan.
enum Preparation {
    Kept(Arc<Prepared>),
    /// A later call may do better.
    NotNow,
    /// It is no such statement.
    Never,
}

impl Plans {
    fn get(&self, key: &Key) -> Option<Option<Arc<Prepared>>> {
        let mut plans = held(&self.0);
        let entry = plans.get_mut(key)?;
        entry.used = Instant::now();
        Some(entry.plan.clone())
    }

    fn put(&self, key: Key, plan: Option<Arc<Prepared>>) {
        let mut plans = held(&self.0);
        if plans.len() >= PLANS_MAX {
            plans.retain(|_, entry| entry.used.elapsed() < IDLE_MAX);
        }
        if plans.len() >= PLANS_MAX {
            plans.clear();
        }
        // The same statement under an older policy will not be asked for again.
        plans.retain(|known, _| known.policy >= key.policy || known.sql != key.sql || known.user != key.user);
        plans.insert(key, Entry { plan, used: Instant::now() });
    }

    fn forget_idle(&self) {
        held(&self.0).retain(|_, entry| entry.used.elapsed() < IDLE_MAX);
    }

    fn kept(&self) -> usize {
        held(&self.0).values().filter(|entry| entry.plan.is_some()).count()
    }
}

impl Engine {
    /// Forgets plans that nobody has used for a while; to be called now and then.
    pub fn forget_idle_plans(&self) {
        self.shared().plans.forget_idle();
        self.shared().looks.forget();
    }

    /// How many plans are kept.
    pub fn plans_kept(&self) -> usize {
        self.shared().plans.kept()
    }

    /// Plans a statement, by a plan that is kept if it still stands.
    pub(crate) async fn ready_again(&self, pass: &Pass, query: Statement<'_>) -> Result<Ready> {
        // A run that reads at fixed versions is no such statement.
        if !query.at.is_empty() {
            return self.ready(pass, query).await;
        }
        let key = Key {
            sql: query.sql.to_owned(),
            user: pass.user().to_owned(),
            token: pass.token_id().map(str::to_owned),
            policy: pass.policy_version(),
        };
        let prepared = match self.shared().plans.get(&key) {
            Some(None) => return self.ready(pass, query).await,
            Some(Some(known)) if self.stands(&known).await? => known,
            _ => match self.prepare(pass, query).await? {
                Preparation::Kept(prepared) => {
                    self.shared().plans.put(key, Some(Arc::clone(&prepared)));
                    prepared
                }
                Preparation::NotNow => return self.ready(pass, query).await,
                Preparation::Never => {
                    self.shared().plans.put(key, None);
                    return self.ready(pass, query).await;
                }
            },
        };
        match self.bound(&prepared, query.parameters).await {
            Ok(Some(ready)) => Ok(ready),
            Ok(None) | Err(_) => self.ready(pass, query).await,
        }
    }

    /// Whether every table and every view is what it was. Asks the passes for each, as the first time; they are those of the
    /// policy under which the plan was made, which is part of its key.
    async fn stands(&self, prepared: &Prepared) -> Result<bool> {
        if !prepared.views.is_empty() {
            let now = self.views().await?;
            if prepared.views.iter().any(|view| now.get(&view.name).is_none_or(|now| now.declared != view.declared)) {
                return Ok(false);
            }
        }
        for (known, passes) in &prepared.tables {
            for pass in passes {
                pass.demand(Privilege::Select, &Object::Table(known.name()))?;
            }
            let Some(pass) = passes.first() else { return Ok(false) };
            match self.newest(pass, known.name()).await {
                Ok(now) if now.is_same(known) => {}
                Ok(_) => return Ok(false),
                // What is gone is told by a new planning, with the nearest name.
                Err(error) if error.code().http == 404 => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Plans the statement to keep its plan: it must read the newest of lake tables and nothing else, and nothing in it may
    /// change by itself.
    async fn prepare(&self, pass: &Pass, query: Statement<'_>) -> Result<Preparation> {
        // The error is told by a planning that knows the values too.
        let Ok(unbound) = self.unbound(pass, query).await else { return Ok(Preparation::NotNow) };
        let Some((plan, seen)) = unbound else { return Ok(Preparation::Never) };
        if seen.other || !may_be_kept(&plan).unwrap_or(false) {
            return Ok(Preparation::Never);
        }
        let tables: Vec<(Table, Vec<Pass>)> = seen.tables.into_values().collect();
        let mut passes = tables.iter().flat_map(|(_, passes)| passes);
        // The policy was changed while it was planned.
        if passes.any(|used| used.policy_version() != pass.policy_version()) {
            return Ok(Preparation::NotNow);
        }
        let (views, expected) = (seen.views.into_values().collect(), parameters::expected(&plan)?);
        let prepared = Prepared { tables, views, reads: seen.reads, plan, expected, shapes: Mutex::default() };
        Ok(Preparation::Kept(Arc::new(prepared)))
    }

    /// The physical plan for these values; none if it cannot be had from the kept one.
    async fn bound(&self, prepared: &Prepared, given: &Map<String, Value>) -> Result<Option<Ready>, DataFusionError> {
        let Ok(values) = parameters::values(&prepared.expected, given) else { return Ok(None) };
        let state = self.planner();
        let types: BTreeMap<&String, DataType> = values.iter().map(|(name, value)| (name, value.value.data_type())).collect();
        let Some(shape) = prepared.shape(state, &types) else { return Ok(None) };
        let plan = if values.is_empty() {
            shape
        } else {
            let plan = shape.replace_params_with_values(&ParamValues::Map(values))?;
            WITH_VALUES.optimize(plan, state, |_, _| {})?
        };
        let physical = state.query_planner().create_physical_plan(&plan, state).await?;
        let Ok((physical, stop)) = finished(physical) else { return Ok(None) };
        Ok(Some(Ready { physical, context: Arc::new(self.context()), stop, reads: prepared.reads.clone() }))
    }

    /// What operators need while they run, with a share of memory of its own. Functions are in the plan already.
    pub(crate) fn context(&self) -> TaskContext {
        let (scalar, higher, aggregate, window) = Default::default();
        TaskContext::new(
            None,
            String::new(),
            self.planner().config().clone(),
            scalar,
            higher,
            aggregate,
            window,
            self.runtime_of_one(),
        )
    }
}

impl Prepared {
    /// The optimized plan for parameters of these types.
    fn shape(&self, state: &SessionState, types: &BTreeMap<&String, DataType>) -> Option<LogicalPlan> {
        let key: Vec<DataType> = types.values().cloned().collect();
        if let Some(known) = held(&self.shapes).get(&key) {
            return known.clone();
        }
        let made = typed(self.plan.clone(), types).and_then(|plan| state.optimize(&plan));
        let made = made.inspect_err(|error| tracing::debug!(%error, "a statement has to be planned anew each time")).ok();
        let mut shapes = held(&self.shapes);
        if shapes.len() >= SHAPES_MAX {
            shapes.clear();
        }
        shapes.insert(key, made.clone());
        made
    }
}

/// The plan with each parameter of its type, so that the optimizer treats it as it would treat the value.
fn typed(plan: LogicalPlan, types: &BTreeMap<&String, DataType>) -> Result<LogicalPlan, DataFusionError> {
    let with_type = |expr: Expr| {
        let Expr::Placeholder(placeholder) = &expr else { return Ok(Transformed::no(expr)) };
        let Some(data_type) = types.get(&placeholder.id.trim_start_matches('$').to_owned()) else {
            return Ok(Transformed::no(expr));
        };
        let field = Some(Arc::new(Field::new("", data_type.clone(), true)));
        Ok(Transformed::yes(Expr::Placeholder(Placeholder::new_with_field(placeholder.id.clone(), field))))
    };
    let typed = plan.transform_up_with_subqueries(|plan| {
        plan.map_expressions(|expr| expr.transform_up(with_type))?.map_data(LogicalPlan::recompute_schema)
    });
    typed.map(|typed| typed.data)
}

/// Whether the plan says the same whenever it is run: it calls nothing that answers otherwise each time (`random`) or by the
/// moment of the statement (`now`), and explains nothing.
pub(crate) fn may_be_kept(plan: &LogicalPlan) -> Result<bool, DataFusionError> {
    let mut fixed = true;
    plan.apply_with_subqueries(|plan| {
        fixed &= !matches!(plan, LogicalPlan::Explain(_) | LogicalPlan::Analyze(_) | LogicalPlan::DescribeTable(_));
        plan.apply_expressions(|expr| {
            expr.apply(|expr| {
                fixed &= match expr {
                    Expr::ScalarFunction(call) => call.func.signature().volatility == Volatility::Immutable,
                    Expr::ScalarVariable(..) => false,
                    _ => true,
                };
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok(fixed)
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing under these locks can be left half done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
