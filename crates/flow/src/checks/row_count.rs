//! `row_count: {min, max}`: the table has so many rows.

use base::document::Wrong;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Rule;

/// The ends, both included, of which one may be left out.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RowCount {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    min: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max: Option<u64>,
}

impl Rule for RowCount {
    /// The number of rows that are missing or too many.
    fn failing(&self, from: &str) -> String {
        let (min, max) = (self.min.unwrap_or(0), self.max.map_or_else(|| "n".to_owned(), |max| max.to_string()));
        format!(
            "select case when n < {min} then {min} - n when n > {max} then n - {max} else 0 end from (select count(*) as n from {from} as t) as counted"
        )
    }

    fn check(&self) -> Result<(), Wrong> {
        match (self.min, self.max) {
            (None, None) => Err(Wrong::new("row_count", "state min, max or both")),
            (Some(min), Some(max)) if min > max => Err(Wrong::new("row_count", "min is larger than max")),
            _ => Ok(()),
        }
    }
}
