//! `check`: tests a table that is already there; a failing check that stops ends the run here.

use arrow::array::AsArray;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use async_trait::async_trait;
use base::document::Wrong;
use base::{Error, Result, TableName, units};
use futures::StreamExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Step, StepContext};
use crate::checks::{CheckSpec, OnFailure};
use crate::codes;
use crate::plan::{CheckResult, Outcome, Plan};
use crate::runs::Level;

/// Tests a table at the version that the run sees.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckStep {
    /// The table.
    pub table: TableName,
    /// The rules.
    pub checks: Vec<CheckSpec>,
}

#[async_trait]
impl Step for CheckStep {
    fn verb(&self) -> &'static str {
        "check"
    }

    fn reads(&self) -> Result<Vec<TableName>, Wrong> {
        let mut tables = vec![self.table.clone()];
        for check in &self.checks {
            tables.extend(check.rule()?.reads());
        }
        Ok(tables)
    }

    fn writes(&self) -> Vec<TableName> {
        Vec::new()
    }

    fn check(&self) -> Result<(), Wrong> {
        if self.checks.is_empty() {
            return Err(Wrong::new("checks", "name at least one check"));
        }
        self.checks.iter().try_for_each(|check| check.check(false))
    }

    async fn plan(&self, context: &StepContext) -> Result<Plan> {
        let mut plan = Plan::default();
        let reads = self.reads().map_err(|wrong| Error::new(&codes::FLOW_INTERNAL).with("reason", wrong.reason))?;
        plan.read(context, &reads).await?;
        Ok(plan)
    }

    async fn run(&self, context: &StepContext, plan: &Plan) -> Result<Outcome> {
        context.progress.expect(Some(self.checks.len() as u64), None);
        let mut checks = Vec::with_capacity(self.checks.len());
        for check in &self.checks {
            let rule = check.rule().map_err(|wrong| Error::new(&codes::FLOW_INTERNAL).with("reason", wrong.reason))?;
            let failing = count_failing(context, plan, &rule.failing(&self.table.to_string())).await?;
            checks.push(settle(context, &self.table, check, failing)?);
            context.progress.add(1, 0, 0);
        }
        Ok(Outcome { checks, ..Outcome::default() })
    }
}

/// The one number that a check's query answers.
pub(crate) async fn count_failing(context: &StepContext, plan: &Plan, sql: &str) -> Result<u64> {
    let (sql, parameters) = context.instance.bind(sql)?;
    let mut answer = context.query(&sql, &parameters, plan).await?;
    let mut count = 0;
    while let Some(batch) = answer.stream.next().await {
        let batch = batch.map_err(engine::error)?;
        if batch.num_rows() > 0 {
            let number =
                cast(batch.column(0), &DataType::Int64).map_err(|error| Error::new(&codes::FLOW_INTERNAL).because(error))?;
            count += number.as_primitive::<Int64Type>().iter().flatten().sum::<i64>();
        }
    }
    Ok(u64::try_from(count).unwrap_or(0))
}

/// What a count means for the run: passed, warned, quarantined, or an error that stops the step.
pub(crate) fn settle(context: &StepContext, table: &TableName, check: &CheckSpec, failing: u64) -> Result<CheckResult> {
    let outcome = match (failing, check.on_failure) {
        (0, _) => "passed",
        (_, OnFailure::Warn) => {
            let text = format!("check `{}` on {table}: {} rows do not fit", check.name, units::count(failing));
            context.log.write(Level::Warn, Some(&context.step), &text);
            "warned"
        }
        (_, OnFailure::Quarantine) => "quarantined",
        (_, OnFailure::Stop) => {
            return Err(Error::new(&codes::CHECK_FAILED)
                .with("check", &check.name)
                .with("table", table)
                .with("count", units::count(failing)));
        }
    };
    Ok(CheckResult { check: check.name.clone(), failing, outcome: outcome.to_owned() })
}
