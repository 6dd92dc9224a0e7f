//! `not_null: [column, …]`: these columns have a value in every row.

use base::document::Wrong;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Rule, count_violations, quoted, some_columns};

/// The columns.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct NotNull(Vec<String>);

impl Rule for NotNull {
    fn condition(&self) -> Option<String> {
        Some(self.0.iter().map(|column| format!("{} is not null", quoted(column))).collect::<Vec<_>>().join(" and "))
    }

    fn failing(&self, from: &str) -> String {
        count_violations(from, &self.condition().unwrap_or_default())
    }

    fn check(&self) -> Result<(), Wrong> {
        some_columns(&self.0)
    }
}
