//! What a user declares as `kind: DataService`.

use std::collections::BTreeMap;
use std::time::Duration;

use base::document::{Declared, Wrong};
use base::units;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{parameters, template};

/// Most parameters of one service.
const PARAMETERS_MAX: usize = 100;
/// Most rows of one page that a service may allow.
const PAGE_ROWS_MAX: u64 = 100_000;
/// Longest time a service may give its statement.
const TIMEOUT_MAX: Duration = Duration::from_secs(600);
/// Names of query parameters that every service has.
pub(crate) const RESERVED: [&str; 3] = ["limit", "offset", "format"];

/// A REST API over a SQL statement: `GET /services/NAME?parameter=value`.
///
/// The statement runs with the rights of the user who declared the service last; callers need `execute` on `service:NAME`
/// and nothing else. Answers are JSON (`{"items":[…],"next":…}`), CSV or Arrow, by `Accept` or `?format=`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DataServiceSpec {
    /// What the service is for, shown to those who call it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// One query. `$name` stands for the parameter of that name and is bound as a value, never pasted. Give it an ORDER BY
    /// if callers page through the answer. `$limit` and `$offset` may be used to page inside the statement.
    pub sql: String,
    /// The parameters by name, each used in the statement as `$name`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, Parameter>,
    /// How many rows one page has.
    #[serde(default)]
    pub paging: Paging,
    /// Longest time of one call, such as `30s`; a call that takes longer ends with an error. At most 10 minutes.
    #[serde(default = "default_timeout")]
    pub timeout: String,
    /// Keep answers for a while. Without it every call runs the statement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<Cache>,
    /// How many calls one token may make. Without it there is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
}

/// One parameter of a service.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    /// The type that the text of the request is read as.
    #[serde(rename = "type")]
    pub kind: ParameterType,
    /// For a list: the type of its items. A list is sent by repeating the parameter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<ParameterType>,
    /// Whether a call without it is refused. What is neither required nor has a default is NULL when it is not sent.
    #[serde(default)]
    pub required: bool,
    /// The value of a call that does not send it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// For an enum: the values it may have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
    /// Smallest number, date or timestamp.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<Value>,
    /// Largest number, date or timestamp.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<Value>,
    /// Longest text in characters (1,000 if it is not given), or most items of a list (100 if it is not given).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_length: Option<usize>,
    /// What the parameter means, shown to those who call the service.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
}

/// The type of a parameter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ParameterType {
    /// Text.
    #[default]
    String,
    /// A whole number of 64 bits.
    Integer,
    /// A number with a fraction.
    Number,
    /// `true` or `false`.
    Boolean,
    /// A day, `2013-01-31`.
    Date,
    /// A moment, `2013-01-31T05:00:00Z`.
    Timestamp,
    /// One of the texts in `values`.
    Enum,
    /// Several values of the type in `of`.
    List,
}

/// How many rows one page has. A caller asks with `limit` and `offset`; the answer says where the next page begins.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Paging {
    /// Rows of a page when the call does not say.
    #[serde(default = "default_rows")]
    pub default_rows: u64,
    /// Most rows a call may ask for.
    #[serde(default = "max_rows")]
    pub max_rows: u64,
}

/// Keeping answers.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cache {
    /// How old an answer may be, such as `60s`. The answer's `Age` says how old it is.
    pub fresh_for: String,
}

/// Calls that one token may make, as a bucket of `burst` calls that fills at `per_second`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Calls a second in the long run; may be a fraction.
    pub per_second: f64,
    /// Calls at once; one second's worth if it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<u32>,
}

impl Default for Paging {
    fn default() -> Self {
        Self { default_rows: default_rows(), max_rows: max_rows() }
    }
}

fn default_rows() -> u64 {
    100
}

fn max_rows() -> u64 {
    10_000
}

fn default_timeout() -> String {
    "30s".to_owned()
}

impl DataServiceSpec {
    /// The time limit; what `check` refused counts as the default.
    pub fn timeout(&self) -> Duration {
        units::parse_duration(&self.timeout).unwrap_or(Duration::from_secs(30)).min(TIMEOUT_MAX)
    }

    /// How long an answer may be kept.
    pub fn fresh_for(&self) -> Option<Duration> {
        self.cache.as_ref().and_then(|cache| units::parse_duration(&cache.fresh_for).ok())
    }
}

impl Declared for DataServiceSpec {
    const KIND: &'static str = "DataService";

    fn check(&self) -> Result<(), Wrong> {
        if self.parameters.len() > PARAMETERS_MAX {
            return Err(Wrong::new("parameters", format!("at most {PARAMETERS_MAX} are taken")));
        }
        for (name, parameter) in &self.parameters {
            check_name(name)?;
            parameters::check(name, parameter).map_err(|reason| Wrong::new(name.clone(), reason))?;
        }
        check_template(self)?;
        let paging = &self.paging;
        if paging.default_rows == 0 || paging.default_rows > paging.max_rows || paging.max_rows > PAGE_ROWS_MAX {
            let reason = format!("1 ≤ default_rows ≤ max_rows ≤ {PAGE_ROWS_MAX} must hold");
            return Err(Wrong::new("paging", reason));
        }
        check_duration("timeout", &self.timeout, TIMEOUT_MAX)?;
        if let Some(cache) = &self.cache {
            check_duration("fresh_for", &cache.fresh_for, Duration::from_secs(86_400))?;
        }
        if let Some(rate) = &self.rate
            && (!(rate.per_second.is_finite() && rate.per_second > 0.0) || rate.burst == Some(0))
        {
            return Err(Wrong::new("rate", "per_second and burst must be above zero"));
        }
        Ok(())
    }
}

fn check_name(name: &str) -> Result<(), Wrong> {
    if RESERVED.contains(&name) {
        return Err(Wrong::new(name, format!("`{name}` is a parameter that every service has already; choose another name")));
    }
    if !template::is_name(name) {
        return Err(Wrong::new(
            name,
            "a parameter's name is lower-case letters, digits and underscores, beginning with a letter",
        ));
    }
    Ok(())
}

/// Every `$name` must be declared, and every declared parameter must be used: a slip in either would be a filter that does nothing.
fn check_template(spec: &DataServiceSpec) -> Result<(), Wrong> {
    let used = template::names(&spec.sql).map_err(|reason| Wrong::new("sql", reason))?;
    if let Some(missing) =
        used.iter().find(|name| !spec.parameters.contains_key(*name) && !["limit", "offset"].contains(&name.as_str()))
    {
        let near = base::nearest::nearest(missing, spec.parameters.keys().map(String::as_str));
        let near = near.map(|near| format!("; did you mean `${near}`?")).unwrap_or_default();
        return Err(Wrong::new("sql", format!("`${missing}` is used but not declared under parameters{near}")));
    }
    if let Some(unused) = spec.parameters.keys().find(|name| !used.contains(*name)) {
        return Err(Wrong::new(unused.clone(), format!("declared, but `${unused}` is not used in the SQL")));
    }
    // A statement that skips rows by itself would be skipped into twice.
    if used.contains("offset") != used.contains("limit") {
        return Err(Wrong::new("sql", "use `$limit` and `$offset` both, or neither"));
    }
    Ok(())
}

fn check_duration(field: &str, text: &str, max: Duration) -> Result<(), Wrong> {
    let duration = units::parse_duration(text).map_err(|error| Wrong::new(field, error.to_string()))?;
    if duration.is_zero() || duration > max {
        return Err(Wrong::new(field, format!("must be above zero and at most {}", units::duration(max))));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use base::document;

    use super::*;

    fn spec(yaml: &str) -> Result<DataServiceSpec, String> {
        let spec: DataServiceSpec = document::parse(yaml, "spec.yaml").map_err(|error| error.to_string())?;
        spec.check().map_err(|wrong| format!("{}: {}", wrong.field, wrong.reason))?;
        Ok(spec)
    }

    #[test]
    fn takes_a_whole_service() {
        let spec = spec(
            "description: flights of a day\nsql: |\n  select * from lake.dwd.flights -- $not_this\n  where day = $day and ($carrier is null or carrier = $carrier) and note <> '$nor_this'\n\
             parameters:\n  day: {type: date, required: true, min: \"2013-01-01\"}\n  carrier: {type: enum, values: [AA, UA]}\n\
             paging: {default_rows: 10, max_rows: 50}\ncache: {fresh_for: 60s}\nrate: {per_second: 0.5, burst: 2}\n",
        )
        .expect("right");
        assert_eq!(spec.timeout(), Duration::from_secs(30));
        assert_eq!(spec.fresh_for(), Some(Duration::from_secs(60)));
    }

    #[test]
    fn names_what_does_not_agree() {
        let wrong = |yaml| spec(yaml).expect_err("wrong");
        assert_eq!(
            wrong("sql: select $carier\nparameters: {carrier: {type: string}}\n"),
            "sql: `$carier` is used but not declared under parameters; did you mean `$carrier`?"
        );
        assert_eq!(wrong("sql: select 1\nparameters: {day: {type: date}}\n"), "day: declared, but `$day` is not used in the SQL");
        assert!(wrong("sql: select $limit\nparameters: {limit: {type: integer}}\n").contains("every service has"));
        assert!(wrong("sql: select $a\nparameters: {a: {type: enum}}\n").starts_with("a: "));
        assert!(wrong("sql: select 1\ntimeout: 2h\n").starts_with("timeout: "));
        assert!(wrong("sql: select 1\npaging: {default_rows: 5, max_rows: 2}\n").starts_with("paging: "));
        let slip = wrong("sql: select 1\ncache: {fresh_fr: 1s}\n");
        assert!(slip.contains("did you mean `fresh_for`"), "{slip}");
    }
}
