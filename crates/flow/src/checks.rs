//! Rules on data. A check says in SQL which rows do not fit; one check a file, one line in [`CheckSpec::rule`].

use base::TableName;
use base::document::Wrong;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

mod accepted_values;
mod freshness;
mod not_null;
mod range;
mod reference;
mod regex;
mod row_count;
mod sql;
mod unique;

pub use accepted_values::AcceptedValues;
pub use freshness::Freshness;
pub use not_null::NotNull;
pub use range::Range;
pub use reference::Reference;
pub use regex::Regex;
pub use row_count::RowCount;
pub use sql::SqlCondition;
pub use unique::Unique;

/// A rule: how it finds what does not fit. Exactly one of the two forms is answered.
pub trait Rule {
    /// A condition that every row must meet by itself, as a SQL expression; a row for which it is null meets it.
    fn condition(&self) -> Option<String> {
        None
    }

    /// A query over `from` (a table name, or a query in parentheses) whose one number counts what does not fit.
    fn failing(&self, from: &str) -> String;

    /// Other tables that the rule reads.
    fn reads(&self) -> Vec<TableName> {
        Vec::new()
    }

    /// What the types cannot say.
    fn check(&self) -> Result<(), Wrong> {
        Ok(())
    }
}

/// One check: a name, exactly one rule, and what happens when rows do not fit.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckSpec {
    /// The check's name; it is the cause in the quarantine.
    pub name: String,
    /// What happens to rows that do not fit.
    #[serde(default)]
    pub on_failure: OnFailure,
    /// These columns are not null.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_null: Option<NotNull>,
    /// These columns together are unique.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unique: Option<Unique>,
    /// A column has one of these values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted_values: Option<AcceptedValues>,
    /// A column lies between two values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<Range>,
    /// A text matches a pattern.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regex: Option<Regex>,
    /// Values exist in another table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Reference>,
    /// The table has so many rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row_count: Option<RowCount>,
    /// The newest value of a time column is recent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freshness: Option<Freshness>,
    /// An expression that holds for every row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sql: Option<SqlCondition>,
}

/// What happens to rows that do not fit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// The run goes on and says how many there are.
    Warn,
    /// The step fails and commits nothing.
    #[default]
    Stop,
    /// The rows go to the table's quarantine, the rest is committed.
    Quarantine,
}

impl CheckSpec {
    /// The rule.
    pub fn rule(&self) -> Result<&dyn Rule, Wrong> {
        let given: Vec<&dyn Rule> = [
            self.not_null.as_ref().map(|rule| rule as &dyn Rule),
            self.unique.as_ref().map(|rule| rule as _),
            self.accepted_values.as_ref().map(|rule| rule as _),
            self.range.as_ref().map(|rule| rule as _),
            self.regex.as_ref().map(|rule| rule as _),
            self.reference.as_ref().map(|rule| rule as _),
            self.row_count.as_ref().map(|rule| rule as _),
            self.freshness.as_ref().map(|rule| rule as _),
            self.sql.as_ref().map(|rule| rule as _),
        ]
        .into_iter()
        .flatten()
        .collect();
        match given.as_slice() {
            [one] => Ok(*one),
            _ => Err(Wrong::new(
                "name",
                format!(
                    "check `{}` needs exactly one rule: not_null, unique, accepted_values, range, regex, reference, row_count, freshness or sql",
                    self.name
                ),
            )),
        }
    }

    /// Checks the check; `rows_pass` says whether rows pass by here, so that they can be quarantined.
    pub fn check(&self, rows_pass: bool) -> Result<(), Wrong> {
        let rule = self.rule()?;
        rule.check()?;
        if self.on_failure == OnFailure::Quarantine && (!rows_pass || rule.condition().is_none()) {
            return Err(Wrong::new(
                "on_failure",
                format!("check `{}` cannot quarantine: only rules on single rows inside a sql step can", self.name),
            ));
        }
        Ok(())
    }
}

/// A column name in SQL.
pub(crate) fn quoted(column: &str) -> String {
    format!("\"{}\"", column.replace('"', "\"\""))
}

/// A text in SQL.
pub(crate) fn text(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

/// A JSON value as a SQL literal.
pub(crate) fn literal(value: &serde_json::Value) -> Result<String, Wrong> {
    match value {
        serde_json::Value::String(value) => Ok(text(value)),
        serde_json::Value::Number(number) => Ok(number.to_string()),
        serde_json::Value::Bool(value) => Ok(value.to_string()),
        _ => Err(Wrong::new("values", "write texts, numbers or booleans")),
    }
}

/// Rows of `from` that do not meet a condition.
pub(crate) fn count_violations(from: &str, condition: &str) -> String {
    format!("select count(*) from {from} as t where ({condition}) is false")
}

pub(crate) fn some_columns(columns: &[String]) -> Result<(), Wrong> {
    if columns.is_empty() { Err(Wrong::new("columns", "name at least one column")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(yaml: &str) -> CheckSpec {
        base::document::parse(yaml, "test.yaml").expect(yaml)
    }

    #[test]
    fn each_rule_says_what_it_means_in_sql() {
        let cases = [
            ("{name: a, not_null: [x, y]}", "\"x\" is not null and \"y\" is not null"),
            ("{name: a, range: {column: x, min: 0, max: 2.5}}", "\"x\" >= 0 and \"x\" <= 2.5"),
            ("{name: a, accepted_values: {column: x, values: [JFK, \"o'x\"]}}", "\"x\" in ('JFK', 'o''x')"),
            ("{name: a, sql: \"x < y\"}", "(x < y)"),
        ];
        for (yaml, sql) in cases {
            assert_eq!(check(yaml).rule().expect(yaml).condition().as_deref(), Some(sql), "{yaml}");
        }
        assert!(check("{name: a, unique: [x]}").rule().expect("one").condition().is_none());
    }

    #[test]
    fn refuses_two_rules_and_impossible_quarantines() {
        assert!(check("{name: a, unique: [x], not_null: [x]}").check(true).is_err());
        assert!(check("{name: a, unique: [x], on_failure: quarantine}").check(true).is_err());
        assert!(check("{name: a, not_null: [x], on_failure: quarantine}").check(false).is_err());
        assert!(check("{name: a, not_null: [x], on_failure: quarantine}").check(true).is_ok());
    }
}
