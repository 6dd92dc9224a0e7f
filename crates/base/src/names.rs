//! Names of resources and tables, checked once where they enter.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::errors::{Error, INVALID_NAME, Result};

/// What ends the name of a table's quarantine.
pub const QUARANTINE_SUFFIX: &str = "__quarantine";

/// The catalog that holds the platform's own tables.
pub const LAKE: &str = "lake";

/// A resource's name: lower-case letters, digits and dashes, at most 63, as Kubernetes names are, so that it fits a label, a
/// path segment and a file name everywhere.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct ResourceName(String);

impl ResourceName {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ResourceName {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        let edge = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let bytes = text.as_bytes();
        let fits = (1..=RESOURCE_BYTES_MAX).contains(&bytes.len())
            && bytes.iter().all(|byte| edge(byte) || *byte == b'-')
            && bytes.first().is_some_and(edge)
            && bytes.last().is_some_and(edge);
        if fits {
            return Ok(Self(text));
        }
        Err(Error::new(&INVALID_NAME)
            .with("what", "resource")
            .with("name", shorten(&text))
            .with("rule", "use lower-case letters, digits and dashes, at most 63, beginning and ending with a letter or digit"))
    }
}

impl FromStr for ResourceName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::try_from(text.to_owned())
    }
}

impl From<ResourceName> for String {
    fn from(name: ResourceName) -> Self {
        name.0
    }
}

impl fmt::Display for ResourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Longest name of a resource, in bytes.
const RESOURCE_BYTES_MAX: usize = 63;

/// The name of a resource of any kind: a [`ResourceName`], or, of a kind that is read like a table, `lake.schema.name`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct DeclaredName(String);

impl DeclaredName {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The table that it names, if it is named as tables are.
    pub fn table(&self) -> Option<TableName> {
        if self.0.contains('.') { self.0.parse().ok() } else { None }
    }
}

impl TryFrom<String> for DeclaredName {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        if !text.contains('.') {
            return ResourceName::try_from(text).map(|name| Self(name.0));
        }
        let name: TableName = text.parse()?;
        if name.is_lake() && name.to_string() == text && text.len() <= RESOURCE_BYTES_MAX {
            return Ok(Self(text));
        }
        let rule =
            format!("it is read like a table of the lake: write lake.schema.name, at most {RESOURCE_BYTES_MAX} characters");
        Err(Error::new(&INVALID_NAME).with("what", "resource").with("name", shorten(&text)).with("rule", rule))
    }
}

impl From<DeclaredName> for String {
    fn from(name: DeclaredName) -> Self {
        name.0
    }
}

impl fmt::Display for DeclaredName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `catalog.schema.table`. In the lake each part is lower-case letters, digits and underscores, so that it is the same
/// name in SQL without quotes, in a path on any store, and in a grant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct TableName {
    catalog: String,
    schema: String,
    table: String,
}

impl TableName {
    /// Checks and joins the three parts.
    pub fn new(catalog: impl Into<String>, schema: impl Into<String>, table: impl Into<String>) -> Result<Self> {
        let name = Self { catalog: catalog.into(), schema: schema.into(), table: table.into() };
        let in_lake = name.catalog == LAKE;
        let rule = if in_lake {
            "parts of a lake table are lower-case letters, digits and underscores, at most 120, not beginning with a digit"
        } else {
            "parts may not be empty, longer than 255 bytes, or hold a dot, slash, backslash, double quote or control character"
        };
        let parts = [&name.schema, &name.table];
        let fits = !name.catalog.is_empty()
            && if in_lake { parts.iter().all(|part| fits_lake(part)) } else { parts.iter().all(|part| fits_outside(part)) };
        if fits {
            return Ok(name);
        }
        Err(Error::new(&INVALID_NAME).with("what", "table").with("name", shorten(&name.to_string())).with("rule", rule))
    }

    /// A table of the lake.
    pub fn lake(schema: impl Into<String>, table: impl Into<String>) -> Result<Self> {
        Self::new(LAKE, schema, table)
    }

    /// The first part.
    pub fn catalog(&self) -> &str {
        &self.catalog
    }

    /// The second part.
    pub fn schema(&self) -> &str {
        &self.schema
    }

    /// The third part.
    pub fn table(&self) -> &str {
        &self.table
    }

    /// Whether the platform keeps this table itself.
    pub fn is_lake(&self) -> bool {
        self.catalog == LAKE
    }

    /// The governed table that holds this table's rejected records.
    pub fn quarantine(&self) -> Result<Self> {
        Self::new(self.catalog.clone(), self.schema.clone(), format!("{}{QUARANTINE_SUFFIX}", self.table))
    }
}

fn fits_lake(part: &str) -> bool {
    let bytes = part.as_bytes();
    (1..=120 + QUARANTINE_SUFFIX.len()).contains(&bytes.len())
        && !bytes[0].is_ascii_digit()
        && bytes.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'_')
}

fn fits_outside(part: &str) -> bool {
    (1..=255).contains(&part.len()) && !part.chars().any(|c| matches!(c, '.' | '/' | '\\' | '"') || c.is_control())
}

fn shorten(text: &str) -> String {
    text.chars().take(80).collect()
}

impl FromStr for TableName {
    type Err = Error;

    /// Three parts parted by dots; two parts are a table of the lake.
    fn from_str(text: &str) -> Result<Self> {
        let parts: Vec<&str> = text.split('.').collect();
        match parts.as_slice() {
            [schema, table] => Self::lake(*schema, *table),
            [catalog, schema, table] => Self::new(*catalog, *schema, *table),
            _ => Err(Error::new(&INVALID_NAME)
                .with("what", "table")
                .with("name", shorten(text))
                .with("rule", "a table is named catalog.schema.table, such as lake.ods.flights")),
        }
    }
}

impl TryFrom<String> for TableName {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<TableName> for String {
    fn from(name: TableName) -> Self {
        name.to_string()
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.catalog, self.schema, self.table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_two_or_three_parts() {
        let name: TableName = "ods.flights".parse().expect("two parts");
        assert_eq!(name.to_string(), "lake.ods.flights");
        assert_eq!(name.quarantine().expect("fits").to_string(), "lake.ods.flights__quarantine");
        assert_eq!("crm.main.Order Details".parse::<TableName>().expect("outside").table(), "Order Details");
    }

    #[test]
    fn a_resource_is_named_by_a_word_or_as_a_table_of_the_lake() {
        let name = |text: &str| DeclaredName::try_from(text.to_owned());
        assert_eq!(name("flights-daily").expect("a word").table(), None);
        let table = name("lake.ads.late_flights").expect("a table").table().expect("a table");
        assert_eq!((table.schema(), table.table()), ("ads", "late_flights"));
        let long = format!("lake.ads.{}", "a".repeat(60));
        for bad in ["ads.late", "airline.main.planes", "lake.ads.Late", "lake.ads.late-flights", "lake.ads", "..", "A", &long] {
            assert!(name(bad).is_err(), "{bad} was taken");
        }
    }

    #[test]
    fn refuses_what_could_leave_its_folder() {
        for bad in ["", "a", "lake.ods.", "lake.ods.Flights", "lake.ods.a/b", "lake.ods...", "lake.o s.t", "x.a.b\\c", "a.b.c.d"]
        {
            assert!(bad.parse::<TableName>().is_err(), "{bad} was taken");
        }
        for bad in ["", "-a", "a-", "A", "a_b", "a/b", "..", "é"] {
            assert!(bad.parse::<ResourceName>().is_err(), "{bad} was taken");
        }
    }
}
