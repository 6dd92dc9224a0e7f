//! Rows of a query that its checks held back, and the checks of today.

use std::sync::Arc;

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::json::ReaderBuilder;
use base::{Error, Result};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::logical_expr::{Expr, lit};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::prelude::{SessionConfig, SessionContext};
use serde_json::{Map, Value};

use super::{Cause, Stored};
use crate::checks::{CheckSpec, OnFailure};
use crate::codes;
use crate::runs::Level;
use crate::steps::StepContext;
use crate::steps::sql::SqlStep;

/// Reads records of one step.
pub(super) struct Answered {
    columns: SchemaRef,
    checks: Vec<Check>,
}

struct Check {
    spec: CheckSpec,
    condition: Arc<dyn PhysicalExpr>,
    /// Rows that pass although they do not fit.
    warned: u64,
}

impl Answered {
    pub fn new(context: &StepContext, step: &SqlStep, columns: SchemaRef) -> Result<Self> {
        let wrong = |wrong: base::document::Wrong| Error::new(&codes::FLOW_INTERNAL).with("reason", wrong.reason);
        // The same functions and the same clock as in the engine.
        let mut config = SessionConfig::new();
        config.options_mut().execution.time_zone = Some("UTC".to_owned());
        let session = SessionContext::new_with_config(config);
        let schema = DFSchema::try_from_qualified_schema("q", &columns).map_err(engine::error)?;
        let mut checks = Vec::new();
        for (spec, condition) in step.row_checks().map_err(wrong)? {
            let (sql, values) = context.instance.bind(&format!("({condition}) is not false"))?;
            let parsed = session.parse_sql_expr(&sql, &schema).and_then(|expression| bound(expression, &values));
            let condition = parsed.and_then(|expression| session.create_physical_expr(expression, &schema));
            checks.push(Check { spec: spec.clone(), condition: condition.map_err(engine::error)?, warned: 0 });
        }
        Ok(Self { columns, checks })
    }

    pub fn columns(&self) -> SchemaRef {
        self.columns.clone()
    }

    pub fn read(&mut self, stored: &Stored) -> Result<Vec<Result<RecordBatch, Cause>>> {
        let raws: Vec<&[u8]> = (0..stored.len()).map(|row| stored.raw(row)).collect();
        if let Ok(rows) = self.decode(&raws) {
            return self.judge(&rows);
        }
        // One that cannot be read spoils its batch, so each is tried alone.
        let mut all = Vec::with_capacity(raws.len());
        for raw in raws {
            match self.decode(&[raw]) {
                Ok(row) => all.extend(self.judge(&row)?),
                Err(_) => {
                    let message = "the row does not fit the columns that the table has now".to_owned();
                    all.push(Err((connect::causes::VALUE_UNFIT.to_owned(), message)));
                }
            }
        }
        Ok(all)
    }

    /// As many rows as records, or an error.
    fn decode(&self, raws: &[&[u8]]) -> Result<RecordBatch, ArrowError> {
        let mut decoder =
            ReaderBuilder::new(self.columns.clone()).with_batch_size(raws.len().max(1)).with_strict_mode(true).build_decoder()?;
        for raw in raws {
            for part in [raw, b"\n".as_slice()] {
                if decoder.decode(part)? != part.len() && part.len() > 1 {
                    return Err(ArrowError::JsonError("more than one row".to_owned()));
                }
            }
        }
        let rows = decoder.flush()?.unwrap_or_else(|| RecordBatch::new_empty(self.columns.clone()));
        if rows.num_rows() == raws.len() { Ok(rows) } else { Err(ArrowError::JsonError("not one row each".to_owned())) }
    }

    fn judge(&mut self, rows: &RecordBatch) -> Result<Vec<Result<RecordBatch, Cause>>> {
        let mut causes: Vec<Vec<&str>> = vec![Vec::new(); rows.num_rows()];
        for check in &mut self.checks {
            let value = check.condition.evaluate(rows).map_err(engine::error)?;
            let passed = value.into_array(rows.num_rows()).map_err(engine::error)?;
            let passed: &BooleanArray = passed.as_boolean();
            for row in (0..rows.num_rows()).filter(|row| !passed.value(*row)) {
                // A record is not let through where the step would stop.
                match check.spec.on_failure {
                    OnFailure::Warn => check.warned += 1,
                    OnFailure::Stop | OnFailure::Quarantine => causes[row].push(&check.spec.name),
                }
            }
        }
        let judged = causes.into_iter().enumerate().map(|(row, names)| {
            if names.is_empty() {
                return Ok(rows.slice(row, 1));
            }
            Err((names.join(","), format!("the row does not meet {}", names.join(" and "))))
        });
        Ok(judged.collect())
    }

    pub fn warn(&self, context: &StepContext) {
        for check in self.checks.iter().filter(|check| check.warned > 0) {
            let text = format!("check `{}`: {} of the rows do not fit", check.spec.name, base::units::count(check.warned));
            context.log.write(Level::Warn, Some(&context.step), &text);
        }
    }
}

/// The expression with values for its `$name` places.
fn bound(expression: Expr, values: &Map<String, Value>) -> datafusion::error::Result<Expr> {
    let changed = expression.transform_up(|expression| {
        let Expr::Placeholder(place) = &expression else { return Ok(Transformed::no(expression)) };
        let value = match values.get(place.id.trim_start_matches('$')) {
            Some(Value::String(text)) => lit(text.clone()),
            Some(Value::Bool(value)) => lit(*value),
            Some(Value::Number(number)) => match (number.as_i64(), number.as_f64()) {
                (Some(value), _) => lit(value),
                (None, Some(value)) => lit(value),
                (None, None) => lit(ScalarValue::Null),
            },
            _ => lit(ScalarValue::Null),
        };
        Ok(Transformed::yes(value))
    });
    changed.map(|changed| changed.data)
}
