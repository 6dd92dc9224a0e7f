//! `sql`: the answer of a query becomes the rows of a lake table, with checks on the way.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Schema, SchemaRef};
use async_trait::async_trait;
use base::document::Wrong;
use base::{Error, Result, TableName};
use futures::StreamExt;
use lake::{AsOf, Mode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Evolve, Step, StepContext, WriteMode, check_target};
use crate::checks::{CheckSpec, OnFailure};
use crate::codes;
use crate::plan::{CheckResult, Outcome, Plan};
use crate::quarantine::Bad;
use crate::runs::Level;
use crate::split::{self, Output, Sorted};
use crate::steps::check::{count_failing, settle};

/// Writes the answer of a query into a table, which is made with the query's columns when there is none.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SqlStep {
    /// The lake table.
    pub into: TableName,
    /// How the rows go in.
    #[serde(default)]
    pub mode: WriteMode,
    /// The columns that name a row, for mode merge.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
    /// The query. `${bizdate}` and its kin are bound as values.
    pub query: String,
    /// Tables of which the query reads only what was added since this step's last commit, wherever it names them; others are
    /// read whole. For modes append and merge.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub incremental: Vec<TableName>,
    /// How far the table's columns may change when the query's do: `add`, `widen`, or in mode replace `replace`.
    #[serde(default, skip_serializing_if = "Evolve::is_no")]
    pub evolve: Evolve,
    /// Rules that the rows must meet before they are committed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<CheckSpec>,
}

/// What stands before the names of the columns that carry the answers of row checks.
const CHECK_COLUMN: &str = "__dataux_check_";

impl SqlStep {
    pub(crate) fn query(&self) -> &str {
        self.query.trim_end().trim_end_matches(';')
    }

    /// Checks on single rows, with their conditions.
    pub(crate) fn row_checks(&self) -> Result<Vec<(&CheckSpec, String)>, Wrong> {
        let mut rows = Vec::new();
        for check in &self.checks {
            if let Some(condition) = check.rule()?.condition() {
                rows.push((check, condition));
            }
        }
        Ok(rows)
    }

    /// The query with one more column for each row check.
    fn checked_query(&self, conditions: &[(&CheckSpec, String)]) -> String {
        if conditions.is_empty() {
            return self.query().to_owned();
        }
        let answers: Vec<String> = conditions
            .iter()
            .enumerate()
            .map(|(index, (_, condition))| format!("({condition}) is not false as \"{CHECK_COLUMN}{index}\""))
            .collect();
        format!("select q.*, {} from (\n{}\n) as q", answers.join(", "), self.query())
    }
}

/// How far a commit of a step had read its inputs; stored in the commit.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Inputs {
    /// The version of each.
    inputs: BTreeMap<TableName, u64>,
    /// The id of each, by which a table that was dropped and made anew is told from the old one.
    #[serde(default)]
    tables: BTreeMap<TableName, String>,
}

impl SqlStep {
    /// Settles what is new since the step's last commit, or that everything has to be read.
    async fn plan_increment(
        &self,
        context: &StepContext,
        plan: &mut Plan,
        ids: &BTreeMap<TableName, String>,
        last: i64,
    ) -> Result<()> {
        if self.incremental.is_empty() {
            return Ok(());
        }
        let lost =
            || Error::new(&codes::POSITION_LOST).with("step", &context.step).with("version", last).with("table", &self.into);
        let noted = context.position_of(&self.into, &context.app_id(&self.into), last).await?.ok_or_else(lost)?;
        let noted: Inputs = serde_json::from_value(noted).map_err(|_| lost())?;
        for input in &self.incremental {
            let after = *noted.inputs.get(input).ok_or_else(lost)?;
            let now = context.engine.lake_table(&context.pass, input).await?;
            let same = noted.tables.get(input).is_none_or(|id| ids.get(input) == Some(id));
            let rewritten = if same && after <= now.version() {
                now.rewritten_since(after).await?
            } else {
                Some((now.version(), "made anew".to_owned()))
            };
            if let Some((version, operation)) = rewritten {
                // A query that reads its own table, be it through a view, would count the old rows again.
                if self.mode == WriteMode::Append || plan.inputs.contains_key(&self.into) {
                    return Err(Error::new(&codes::INPUT_REWRITTEN)
                        .with("step", &context.step)
                        .with("input", input)
                        .with("version", version)
                        .with("operation", operation));
                }
                let text = format!(
                    "version {version} of {input} ({operation}) did not only add rows: all inputs are read whole, and {} is made anew",
                    self.into
                );
                context.log.write(Level::Warn, Some(&context.step), &text);
                plan.refresh = true;
            }
            plan.after.insert(input.clone(), after);
        }
        if plan.refresh {
            plan.after.clear();
        }
        Ok(())
    }

    /// Whether the step is incremental and none of its inputs has gained a row.
    async fn is_idle(&self, context: &StepContext, plan: &Plan) -> Result<bool> {
        for (input, (after, version)) in plan.spans() {
            let table = context.engine.lake_table(&context.pass, &input).await?;
            if table.at(AsOf::Gained { after, version }).await?.details()?.files > 0 {
                return Ok(false);
            }
        }
        Ok(!plan.after.is_empty())
    }
}

#[async_trait]
impl Step for SqlStep {
    fn verb(&self) -> &'static str {
        "sql"
    }

    fn reads(&self) -> Result<Vec<TableName>, Wrong> {
        let sql = readable(self.query());
        let mut tables = engine::tables_of(&sql).map_err(|error| Wrong::new("query", error.to_string()))?;
        for check in &self.checks {
            tables.extend(check.rule()?.reads());
        }
        Ok(tables)
    }

    fn writes(&self) -> Vec<TableName> {
        let quarantine = self.into.quarantine().ok();
        [Some(self.into.clone()), quarantine].into_iter().flatten().collect()
    }

    fn check(&self) -> Result<(), Wrong> {
        check_target(&self.into)?;
        self.mode.check(&self.keys)?;
        self.evolve.check(self.mode)?;
        self.checks.iter().try_for_each(|check| check.check(true))?;
        let reads = self.reads()?;
        if !self.incremental.is_empty() && self.mode == WriteMode::Replace {
            return Err(Wrong::new("incremental", "what is new is added to a table: use mode append or merge"));
        }
        for input in &self.incremental {
            if !input.is_lake() || !reads.contains(input) || *input == self.into {
                let reason = format!("`{input}` is no lake table that the query reads besides its own");
                return Err(Wrong::new("incremental", reason));
            }
        }
        Ok(())
    }

    async fn plan(&self, context: &StepContext) -> Result<Plan> {
        let mut plan = Plan::default();
        let mut ids = BTreeMap::new();
        let reads = self.reads().map_err(|wrong| internal(&wrong.reason))?;
        for (table, now) in plan.read(context, &reads).await? {
            ids.insert(table, now.id().to_owned());
        }
        if let Some(view) = self.incremental.iter().find(|input| plan.views.contains_key(*input)) {
            return Err(Error::new(&codes::VIEW_NOT_INCREMENTAL).with("step", &context.step).with("view", view));
        }
        let last = context.last_transaction(&self.into).await?;
        plan.transaction = Some(last.unwrap_or(0) + 1);
        if let Some(last) = last {
            self.plan_increment(context, &mut plan, &ids, last).await?;
        }
        plan.since = Some(json!(ids));
        Ok(plan)
    }

    async fn run(&self, context: &StepContext, plan: &Plan) -> Result<Outcome> {
        if self.is_idle(context, plan).await? {
            context.log.write(Level::Info, Some(&context.step), "nothing new to read");
            return Ok(Outcome { table: Some(self.into.clone()), ..Outcome::default() });
        }
        let row_checks = self.row_checks().map_err(|wrong| internal(&wrong.reason))?;
        let (sql, parameters) = context.instance.bind(&self.checked_query(&row_checks))?;
        let mut results = Vec::new();
        for check in &self.checks {
            let rule = check.rule().map_err(|wrong| internal(&wrong.reason))?;
            if rule.condition().is_none() {
                let failing = count_failing(context, plan, &rule.failing(&format!("(\n{}\n)", self.query()))).await?;
                results.push(settle(context, &self.into, check, failing)?);
            }
        }
        let answer = context.query(&sql, &parameters, plan).await?;
        let kept = without_checks(&answer.schema, row_checks.len());
        let sorter = Arc::new(Sorter {
            columns: kept.fields().len(),
            schema: Arc::clone(&kept),
            checks: row_checks.iter().map(|(check, _)| ((*check).clone(), AtomicU64::new(0))).collect(),
        });
        let rows = {
            let sorter = Arc::clone(&sorter);
            answer.stream.map(move |batch| sorter.sort(&batch.map_err(engine::error)?)).boxed()
        };
        let position = json!(Inputs {
            inputs: plan.inputs.clone(),
            tables: plan.since.clone().and_then(|ids| serde_json::from_value(ids).ok()).unwrap_or_default(),
        });
        let output = Output {
            into: &self.into,
            mode: if plan.refresh { Mode::Replace } else { self.mode.to_lake(&self.keys) },
            evolve: self.evolve.to_lake(),
            // After a failure the inputs are looked up anew, and the checks may have changed.
            repeats: false,
            schema: kept,
            transaction: plan.transaction,
            position: Some(position.clone()),
        };
        let before_commit = {
            let (sorter, context, into) = (Arc::clone(&sorter), context.clone(), self.into.clone());
            move || sorter.stop(&context, &into)
        };
        let commit = split::write(context, output, rows, before_commit).await?;
        if !commit.duplicate {
            results.extend(sorter.settle(context, &self.into)?);
        }
        // Of a commit that an earlier attempt made, only that commit itself says how far it had read.
        if let (Some(transaction), false) = (plan.transaction, self.incremental.is_empty() || commit.duplicate) {
            context.meta.positions().put(&context.app_id(&self.into), transaction, &position).await?;
        }
        Ok(Outcome {
            table: Some(self.into.clone()),
            version: Some(commit.version),
            duplicate: commit.duplicate,
            checks: results,
            replay: None,
        })
    }
}

/// Parts each batch by the answers of the row checks.
struct Sorter {
    columns: usize,
    schema: SchemaRef,
    checks: Vec<(CheckSpec, AtomicU64)>,
}

impl Sorter {
    fn sort(&self, batch: &RecordBatch) -> Result<Sorted> {
        let kept: Vec<usize> = (0..self.columns).collect();
        let rows = batch.project(&kept).map_err(|error| internal(&error.to_string()))?;
        let mut causes: Vec<Vec<usize>> = vec![Vec::new(); if self.checks.is_empty() { 0 } else { batch.num_rows() }];
        for (index, (check, failing)) in self.checks.iter().enumerate() {
            let passed = batch.column(self.columns + index).as_boolean();
            let mut count = 0;
            for row in (0..passed.len()).filter(|row| !passed.value(*row)) {
                count += 1;
                if check.on_failure == OnFailure::Quarantine {
                    causes[row].push(index);
                }
            }
            failing.fetch_add(count, Ordering::Relaxed);
        }
        let bytes = rows.get_array_memory_size() as u64;
        if causes.iter().all(Vec::is_empty) {
            return Ok(Sorted { good: rows, bad: Vec::new(), bytes });
        }
        let good = BooleanArray::from_iter(causes.iter().map(|causes| Some(causes.is_empty())));
        let bad = BooleanArray::from_iter(causes.iter().map(|causes| Some(!causes.is_empty())));
        let filtered = |mask: &BooleanArray| filter_record_batch(&rows, mask).map_err(|error| internal(&error.to_string()));
        let lines = json_lines(&filtered(&bad)?)?;
        let records = causes.iter().filter(|causes| !causes.is_empty()).zip(lines);
        let records = records.map(|(causes, raw)| {
            let names: Vec<&str> = causes.iter().map(|index| self.checks[*index].0.name.as_str()).collect();
            Bad {
                cause: names.join(","),
                message: format!("the row does not meet {}", names.join(" and ")),
                raw,
                position: String::new(),
            }
        });
        Ok(Sorted {
            bad: records.collect(),
            good: filtered(&good)?.with_schema(Arc::clone(&self.schema)).map_err(|error| internal(&error.to_string()))?,
            bytes,
        })
    }

    /// The error of the first check that stops, before anything is committed.
    fn stop(&self, context: &StepContext, table: &TableName) -> Result<()> {
        let stopping = self.checks.iter().filter(|(check, _)| check.on_failure == OnFailure::Stop);
        for (check, failing) in stopping {
            settle(context, table, check, failing.load(Ordering::Relaxed))?;
        }
        Ok(())
    }

    fn settle(&self, context: &StepContext, table: &TableName) -> Result<Vec<CheckResult>> {
        self.checks.iter().map(|(check, failing)| settle(context, table, check, failing.load(Ordering::Relaxed))).collect()
    }
}

fn without_checks(schema: &SchemaRef, checks: usize) -> SchemaRef {
    let kept = schema.fields().len() - checks;
    Arc::new(Schema::new(schema.fields().iter().take(kept).cloned().collect::<Vec<_>>()))
}

/// Each row as a JSON object, nulls written out.
fn json_lines(rows: &RecordBatch) -> Result<Vec<Vec<u8>>> {
    let mut writer =
        arrow::json::WriterBuilder::new().with_explicit_nulls(true).build::<_, arrow::json::writer::LineDelimited>(Vec::new());
    writer.write(rows).and_then(|()| writer.finish()).map_err(|error| internal(&error.to_string()))?;
    let text = writer.into_inner();
    Ok(text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect())
}

/// The query with run parameters as something that parses, for finding the tables it names.
fn readable(sql: &str) -> String {
    let mut text = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some((before, after)) = rest.split_once("${") {
        text.push_str(before);
        text.push_str("$p");
        rest = after.split_once('}').map_or("", |(_, rest)| rest);
    }
    text + rest
}

fn internal(reason: &str) -> Error {
    Error::new(&codes::FLOW_INTERNAL).with("reason", reason)
}

impl StepContext {
    /// Runs a query with the step's rights, at the plan's versions.
    pub(crate) async fn query(&self, sql: &str, parameters: &Map<String, Value>, plan: &Plan) -> Result<engine::Answer> {
        self.engine.demand_same_views(&plan.views).await?;
        let limits = engine::Limits { rows: None, bytes: None, timeout: super::QUERY_TIMEOUT };
        let at = plan.fixed();
        let spans = plan.spans();
        let narrowed = if spans.is_empty() { None } else { Some(engine::only_gained(sql, &spans)?) };
        let sql = narrowed.as_deref().unwrap_or(sql);
        self.engine.query(&self.pass, engine::Statement { sql, parameters, limits, at: &at }).await
    }
}
