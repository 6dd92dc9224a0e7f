//! `accepted_values: {column, values}`: the column has one of these values, or is null.

use base::document::Wrong;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Rule, count_violations, literal, quoted};

/// The column and its values.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AcceptedValues {
    column: String,
    values: Vec<Value>,
}

impl Rule for AcceptedValues {
    fn condition(&self) -> Option<String> {
        let values: Vec<String> = self.values.iter().filter_map(|value| literal(value).ok()).collect();
        Some(format!("{} in ({})", quoted(&self.column), values.join(", ")))
    }

    fn failing(&self, from: &str) -> String {
        count_violations(from, &self.condition().unwrap_or_default())
    }

    fn check(&self) -> Result<(), Wrong> {
        if self.values.is_empty() {
            return Err(Wrong::new("values", "name at least one value"));
        }
        self.values.iter().try_for_each(|value| literal(value).map(|_| ()))
    }
}
