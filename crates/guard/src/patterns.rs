//! What a grant is on: `*`, `catalog`, `catalog.schema`, `catalog.schema.table`, `kind:name` or `kind:*`.

use std::fmt;
use std::str::FromStr;

use base::errors::INVALID_NAME;
use base::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A set of objects. Two patterns either hold one another or have nothing in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub enum Pattern {
    /// Everything, the platform included.
    Everything,
    /// A catalog with all in it.
    Catalog(String),
    /// A schema with all in it.
    Schema(String, String),
    /// One table.
    Table(String, String, String),
    /// All of a kind, such as `service:*`.
    AllOfKind(String),
    /// One of a kind, such as `service:fares`.
    Named(String, String),
}

impl Pattern {
    /// What both patterns hold: the narrower of them, or nothing.
    pub fn common<'a>(&'a self, other: &'a Self) -> Option<&'a Self> {
        if self.holds(other) {
            Some(other)
        } else if other.holds(self) {
            Some(self)
        } else {
            None
        }
    }

    fn holds(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Everything, _) => true,
            (Self::Catalog(catalog), Self::Catalog(of) | Self::Schema(of, _) | Self::Table(of, _, _)) => catalog == of,
            (Self::Schema(catalog, schema), Self::Schema(of, in_) | Self::Table(of, in_, _)) => catalog == of && schema == in_,
            (Self::AllOfKind(kind), Self::AllOfKind(of) | Self::Named(of, _)) => kind == of,
            _ => self == other,
        }
    }
}

impl FromStr for Pattern {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = |rule: &str| {
            let shown: String = text.chars().take(80).collect();
            Error::new(&INVALID_NAME).with("what", "object of a grant").with("name", shown).with("rule", rule)
        };
        if text == "*" {
            return Ok(Self::Everything);
        }
        // A colon before any dot parts a kind from a name; names of outside tables may hold colons.
        if let Some((kind, name)) = text.split_once(':').filter(|(kind, _)| !kind.contains('.')) {
            let is_word = kind.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
            if kind.is_empty() || !is_word {
                return Err(wrong("a kind is a lower-case word, as in service:NAME or pipeline:*"));
            }
            if name.is_empty() || (name != "*" && name.contains('*')) {
                return Err(wrong("after the colon stands one name, or * for all"));
            }
            let kind = kind.to_owned();
            return Ok(if name == "*" { Self::AllOfKind(kind) } else { Self::Named(kind, name.to_owned()) });
        }
        if text.contains('*') {
            return Err(wrong("name the catalog or the schema to reach all in it, as in lake or lake.dws"));
        }
        let parts: Vec<&str> = text.split('.').collect();
        if parts.iter().any(|part| part.trim().is_empty()) {
            return Err(wrong("no part may be empty"));
        }
        match parts.as_slice() {
            [catalog] => Ok(Self::Catalog((*catalog).to_owned())),
            [catalog, schema] => Ok(Self::Schema((*catalog).to_owned(), (*schema).to_owned())),
            [catalog, schema, table] => Ok(Self::Table((*catalog).to_owned(), (*schema).to_owned(), (*table).to_owned())),
            _ => Err(wrong("write *, catalog, catalog.schema, catalog.schema.table, kind:name or kind:*")),
        }
    }
}

impl TryFrom<String> for Pattern {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.to_string()
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everything => f.write_str("*"),
            Self::Catalog(catalog) => f.write_str(catalog),
            Self::Schema(catalog, schema) => write!(f, "{catalog}.{schema}"),
            Self::Table(catalog, schema, table) => write!(f, "{catalog}.{schema}.{table}"),
            Self::AllOfKind(kind) => write!(f, "{kind}:*"),
            Self::Named(kind, name) => write!(f, "{kind}:{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints_the_same() {
        for text in
            ["*", "lake", "lake.dws", "lake.dws.daily", "crm.main.a:b", "service:*", "service:fares", "crm.main.Order Details"]
        {
            assert_eq!(text.parse::<Pattern>().expect(text).to_string(), text);
        }
        for bad in ["", "lake.", ".a", "lake.*", "lake.dws.*", "a.b.c.d", "Service:x", ":x", "service:", "service:fa*", "**"] {
            assert!(bad.parse::<Pattern>().is_err(), "{bad} was taken");
        }
    }

    #[test]
    fn the_common_part_is_the_narrower() {
        let cases = [
            ("*", "lake.dws", Some("lake.dws")),
            ("lake", "lake.dws.t", Some("lake.dws.t")),
            ("lake.dws", "lake.ods", None),
            ("lake.dws", "lake.dws", Some("lake.dws")),
            ("lake", "service:lake", None),
            ("service:*", "service:fares", Some("service:fares")),
            ("service:*", "pipeline:fares", None),
            ("lake.dws.t", "lake.dws", Some("lake.dws.t")),
        ];
        for (one, other, common) in cases {
            let (one, other): (Pattern, Pattern) = (one.parse().expect("good"), other.parse().expect("good"));
            assert_eq!(one.common(&other).map(ToString::to_string).as_deref(), common, "{one} {other}");
            assert_eq!(other.common(&one).map(ToString::to_string).as_deref(), common, "{other} {one}");
        }
    }
}
