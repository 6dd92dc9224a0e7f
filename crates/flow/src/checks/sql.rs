//! `sql: "expression"`: an expression of the table's columns that holds for every row.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Rule, count_violations};

/// The expression.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct SqlCondition(String);

impl Rule for SqlCondition {
    fn condition(&self) -> Option<String> {
        Some(format!("({})", self.0))
    }

    fn failing(&self, from: &str) -> String {
        count_violations(from, &format!("({})", self.0))
    }
}
