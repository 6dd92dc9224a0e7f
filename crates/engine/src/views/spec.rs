//! What a user declares as `kind: View`.

use std::collections::BTreeMap;

use base::document::{Declared, Named, Wrong};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::statement;

/// Most columns that may be described.
const COLUMNS_MAX: usize = 10_000;

/// A view: a query that is read like a table, by the name of the resource, such as `lake.ads.late_flights`.
///
/// The query runs with the rights of the user who declared the view last, as they are when it is read; whoever reads the view
/// needs `select` on the view and on nothing behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ViewSpec {
    /// What it shows, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// One query, over tables and other views. `*` stands for the columns that there are when the view is read.
    pub sql: String,
    /// What its columns mean, by their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub columns: BTreeMap<String, String>,
}

impl Declared for ViewSpec {
    const KIND: &'static str = "View";
    const NAMED: Named = Named::AsTable;

    fn check(&self) -> Result<(), Wrong> {
        let wrong = |error: base::Error| Wrong::new("sql", error.to_string());
        statement::parse_view(&self.sql).map_err(wrong)?;
        statement::tables_of(&self.sql).map_err(wrong)?;
        if self.columns.len() > COLUMNS_MAX {
            return Err(Wrong::new("columns", format!("at most {COLUMNS_MAX} are described")));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_one_query_that_depends_on_nothing_but_tables() {
        let view = |sql: &str| ViewSpec { description: None, sql: sql.to_owned(), columns: BTreeMap::new() }.check();
        assert!(view("select a, '$x' as b from ods.t version as of 3 -- $y\n;").is_ok());
        assert!(view("with a as (select 1 as x) select * from a").is_ok());
        for (sql, reason) in [
            ("select * from t where a = $a", "parameter"),
            ("select * from t where day = ${bizdate}", "parameter"),
            ("explain select 1", "one query"),
            ("show tables", "one query"),
            ("drop table t", "only queries"),
            ("select 1; select 2", "one statement"),
            ("select * from information_schema.tables", "who asks"),
            ("selec 1", "cannot be read"),
            ("", "no statement"),
            ("select * from a.b.c.d", ""),
        ] {
            let wrong = view(sql).expect_err(sql);
            assert_eq!(wrong.field, "sql");
            assert!(wrong.reason.contains(reason), "{sql}: {}", wrong.reason);
        }
    }
}
