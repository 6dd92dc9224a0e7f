//! `unique: [column, …]`: no two rows have the same values in these columns. Rows with a null among them are not compared.

use base::document::Wrong;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Rule, quoted, some_columns};

/// The columns.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Unique(Vec<String>);

impl Rule for Unique {
    fn failing(&self, from: &str) -> String {
        let columns: Vec<String> = self.0.iter().map(|column| quoted(column)).collect();
        let present: Vec<String> = columns.iter().map(|column| format!("{column} is not null")).collect();
        format!(
            "select coalesce(sum(n - 1), 0) from (select count(*) as n from {from} as t where {} group by {} having count(*) > 1) as doubled",
            present.join(" and "),
            columns.join(", "),
        )
    }

    fn check(&self) -> Result<(), Wrong> {
        some_columns(&self.0)
    }
}
