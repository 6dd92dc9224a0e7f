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

/// Binds every parameter of the plan. A text is read as the type that the plan expects at that place (a date, a number).
pub fn bind(plan: LogicalPlan, given: &Map<String, Value>) -> Result<LogicalPlan> {
    let expected = mapped(plan.get_parameter_types())?;
    if expected.is_empty() {
        return Ok(plan);
    }
    let mut values: HashMap<String, ScalarAndMetadata> = HashMap::with_capacity(expected.len());
    for (placeholder, data_type) in expected {
        let name = placeholder.trim_start_matches('$');
        let value = given.get(name).ok_or_else(|| Error::new(&codes::PARAMETER_MISSING).with("name", name))?;
        let scalar = scalar(name, value)?;
        let scalar = match data_type {
            Some(wanted) if fits_text(&scalar) && wanted != scalar.data_type() => scalar.cast_to(&wanted).map_err(|_| {
                Error::new(&codes::PARAMETER_INVALID).with("name", name).with("reason", format!("a {wanted} is expected here"))
            })?,
            _ => scalar,
        };
        values.insert(name.to_owned(), scalar.into());
    }
    mapped(plan.with_param_values(ParamValues::Map(values)))
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
