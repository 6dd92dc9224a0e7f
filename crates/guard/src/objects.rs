//! What can be asked for: a privilege on an object.

use std::fmt;

use base::TableName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What one may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Privilege {
    /// Read the rows of a table, and see that it exists.
    Select,
    /// Write, delete, restore or maintain a table's rows.
    Modify,
    /// Create and drop tables in a schema.
    Create,
    /// Call a data service, start a pipeline.
    Execute,
    /// Change resources; on everything: administer the platform.
    Manage,
}

impl Privilege {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Select, Self::Modify, Self::Create, Self::Execute, Self::Manage];

    /// The word used in grants and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Select => "select",
            Self::Modify => "modify",
            Self::Create => "create",
            Self::Execute => "execute",
            Self::Manage => "manage",
        }
    }

    pub(crate) const fn zh(self) -> &'static str {
        match self {
            Self::Select => "查询",
            Self::Modify => "修改",
            Self::Create => "创建",
            Self::Execute => "执行",
            Self::Manage => "管理",
        }
    }
}

impl fmt::Display for Privilege {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What it is done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Object<'a> {
    /// One table, of the lake or of a connection.
    Table(&'a TableName),
    /// A schema as a whole, such as to create tables in it. A grant on one of its tables does not reach it.
    Schema {
        /// Its catalog.
        catalog: &'a str,
        /// Its name.
        schema: &'a str,
    },
    /// A catalog as a whole: the lake, or a connection by its name.
    Catalog(&'a str),
    /// A data service; `service:NAME` in grants.
    Service(&'a str),
    /// A pipeline; `pipeline:NAME` in grants.
    Pipeline(&'a str),
    /// All resources of a kind, as in `Kind("Schedule")`; `schedule:*` in grants. The kinds that are policy (User, Role,
    /// Grant) count as [`Object::Platform`], for whoever changes those can give himself everything.
    Kind(&'a str),
    /// One resource of a kind; `schedule:NAME` in grants.
    Resource {
        /// Its kind, such as `Schedule`.
        kind: &'a str,
        /// Its name.
        name: &'a str,
    },
    /// The platform itself; only `*` in grants reaches it.
    Platform,
}

impl fmt::Display for Object<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table(name) => write!(f, "table {name}"),
            Self::Schema { catalog, schema } => write!(f, "schema {catalog}.{schema}"),
            Self::Catalog(name) => write!(f, "catalog {name}"),
            Self::Service(name) => write!(f, "service {name}"),
            Self::Pipeline(name) => write!(f, "pipeline {name}"),
            Self::Kind(kind) => write!(f, "resources of kind {kind}"),
            Self::Resource { kind, name } => write!(f, "{kind} {name}"),
            Self::Platform => f.write_str("the platform"),
        }
    }
}

/// A set of privileges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Privileges(u8);

impl Privileges {
    pub(crate) const ALL: Self = Self(0b1_1111);

    pub(crate) fn of(privileges: &[Privilege]) -> Self {
        Self(privileges.iter().fold(0, |bits, privilege| bits | 1 << *privilege as u8))
    }

    pub(crate) fn has(self, privilege: Privilege) -> bool {
        self.0 & 1 << privilege as u8 != 0
    }

    pub(crate) fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }
}
