//! `$name` parameters: JSON values bound as typed literals, never pasted into the text.

use std::collections::HashMap;

use arrow::datatypes::DataType;
use base::{Error, Result};
use datafusion::common::ParamValues;
use datafusion::common::metadata::ScalarAndMetadata;
use datafusion::logical_expr::LogicalPlan;
use datafusion::scalar::ScalarValue;
use serde_json::{Map, Value};

use crate::codes;
use crate::errors::mapped;

/// Most values in one list parameter.
const LIST_MAX: usize = 10_000;

/// The parameters of a plan, by name without the dollar, with the type that the plan expects where it says so.
pub(crate) type Expected = HashMap<String, Option<DataType>>;

/// What a plan expects.
pub(crate) fn expected(plan: &LogicalPlan) -> Result<Expected> {
    let types = mapped(plan.get_parameter_types())?;
    Ok(types.into_iter().map(|(placeholder, kind)| (placeholder.trim_start_matches('$').to_owned(), kind)).collect())
}

/// Binds every parameter of the plan. A text is read as the type that the plan expects at that place (a date, a number).
pub fn bind(plan: LogicalPlan, given: &Map<String, Value>) -> Result<LogicalPlan> {
    let expected = expected(&plan)?;
    if expected.is_empty() {
        return Ok(plan);
    }
    mapped(plan.with_param_values(ParamValues::Map(values(&expected, given)?)))
}

/// The given values as a plan expects them.
pub(crate) fn values(expected: &Expected, given: &Map<String, Value>) -> Result<HashMap<String, ScalarAndMetadata>> {
    let mut values: HashMap<String, ScalarAndMetadata> = HashMap::with_capacity(expected.len());
    for (name, data_type) in expected {
        let value = given.get(name).ok_or_else(|| Error::new(&codes::PARAMETER_MISSING).with("name", name))?;
        let scalar = scalar(name, value)?;
        let scalar = match data_type {
            Some(wanted) if fits_text(&scalar) && *wanted != scalar.data_type() => scalar.cast_to(wanted).map_err(|_| {
                Error::new(&codes::PARAMETER_INVALID).with("name", name).with("reason", format!("a {wanted} is expected here"))
            })?,
            _ => scalar,
        };
        values.insert(name.clone(), scalar.into());
    }
    Ok(values)
}

fn fits_text(scalar: &ScalarValue) -> bool {
    matches!(scalar, ScalarValue::Utf8(_) | ScalarValue::Null)
}

fn scalar(name: &str, value: &Value) -> Result<ScalarValue> {
    Ok(match value {
        Value::Null => ScalarValue::Null,
        Value::Bool(value) => ScalarValue::Boolean(Some(*value)),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => ScalarValue::Int64(Some(integer)),
            (None, Some(float)) => ScalarValue::Float64(Some(float)),
            (None, None) => return Err(invalid(name, "the number is too large")),
        },
        Value::String(text) => ScalarValue::Utf8(Some(text.clone())),
        Value::Array(items) if items.len() <= LIST_MAX => {
            let scalars = items.iter().map(|item| scalar(name, item)).collect::<Result<Vec<_>>>()?;
            let item_type =
                scalars.iter().map(ScalarValue::data_type).find(|kind| *kind != DataType::Null).unwrap_or(DataType::Utf8);
            let scalars = scalars
                .into_iter()
                .map(|item| item.cast_to(&item_type).map_err(|_| invalid(name, "the values of a list have one type")))
                .collect::<Result<Vec<_>>>()?;
            ScalarValue::List(ScalarValue::new_list_nullable(&scalars, &item_type))
        }
        Value::Array(_) => return Err(invalid(name, &format!("a list has at most {LIST_MAX} values"))),
        Value::Object(_) => return Err(invalid(name, "an object cannot be a parameter")),
    })
}

fn invalid(name: &str, reason: &str) -> Error {
    Error::new(&codes::PARAMETER_INVALID).with("name", name).with("reason", reason)
}
