//! `freshness: {column, within}`: the newest value of a time column is not older than that.

use base::document::Wrong;
use base::units;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Rule, quoted};

/// The time column and how old its newest value may be, such as `2d`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Freshness {
    column: String,
    within: String,
}

impl Rule for Freshness {
    /// One if the newest value is too old or there is none.
    fn failing(&self, from: &str) -> String {
        let seconds = units::parse_duration(&self.within).map_or(0, |within| within.as_secs());
        let newest = format!("max({})", quoted(&self.column));
        format!("select case when {newest} >= now() - interval '{seconds} seconds' then 0 else 1 end from {from} as t")
    }

    fn check(&self) -> Result<(), Wrong> {
        units::parse_duration(&self.within).map(|_| ()).map_err(|error| Wrong::new("within", error.to_string()))
    }
}
