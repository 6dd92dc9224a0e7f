//! `reference: {columns, table, to}`: the values of these columns exist in another table; rows with a null among them are free.

use base::TableName;
use base::document::Wrong;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Rule, quoted, some_columns};

/// The columns, and the table and columns they refer to.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    columns: Vec<String>,
    table: TableName,
    to: Vec<String>,
}

impl Rule for Reference {
    fn failing(&self, from: &str) -> String {
        let pairs: Vec<String> =
            self.columns.iter().zip(&self.to).map(|(from, to)| format!("t.{} = r.{}", quoted(from), quoted(to))).collect();
        let present: Vec<String> = self.columns.iter().map(|column| format!("t.{} is not null", quoted(column))).collect();
        format!(
            "select count(*) from {from} as t where {} and not exists (select 1 from {} as r where {})",
            present.join(" and "),
            self.table,
            pairs.join(" and "),
        )
    }

    fn reads(&self) -> Vec<TableName> {
        vec![self.table.clone()]
    }

    fn check(&self) -> Result<(), Wrong> {
        some_columns(&self.columns)?;
        if self.columns.len() == self.to.len() {
            return Ok(());
        }
        Err(Wrong::new("to", "name as many columns as in `columns`"))
    }
}
