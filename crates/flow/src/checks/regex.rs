//! `regex: {column, pattern}`: the text matches the pattern (Rust's `regex` syntax), or is null.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Rule, count_violations, quoted, text};

/// The column and its pattern.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Regex {
    column: String,
    pattern: String,
}

impl Rule for Regex {
    fn condition(&self) -> Option<String> {
        Some(format!("regexp_like({}, {})", quoted(&self.column), text(&self.pattern)))
    }

    fn failing(&self, from: &str) -> String {
        count_violations(from, &self.condition().unwrap_or_default())
    }
}
