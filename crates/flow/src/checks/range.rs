//! `range: {column, min, max}`: the column lies between the two, both included, or is null. Dates and times are texts.

use base::document::Wrong;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Rule, count_violations, literal, quoted};

/// The column and its ends, of which one may be left out.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Range {
    column: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    min: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max: Option<Value>,
}

impl Rule for Range {
    fn condition(&self) -> Option<String> {
        let column = quoted(&self.column);
        let end = |value: &Option<Value>, sign: &str| {
            value.as_ref().and_then(|value| literal(value).ok()).map(|value| format!("{column} {sign} {value}"))
        };
        Some([end(&self.min, ">="), end(&self.max, "<=")].into_iter().flatten().collect::<Vec<_>>().join(" and "))
    }

    fn failing(&self, from: &str) -> String {
        count_violations(from, &self.condition().unwrap_or_default())
    }

    fn check(&self) -> Result<(), Wrong> {
        if self.min.is_none() && self.max.is_none() {
            return Err(Wrong::new("range", "state min, max or both"));
        }
        self.min.iter().chain(&self.max).try_for_each(|value| literal(value).map(|_| ()))
    }
}
