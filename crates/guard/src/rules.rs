//! Grants compiled for quick answers: a tree of names with privileges, looked up without any allocation.

use std::collections::HashMap;

use crate::objects::{Object, Privilege, Privileges};
use crate::patterns::Pattern;

/// Kinds whose resources are the policy.
const POLICY_KINDS: [&str; 3] = ["User", "Role", "Grant"];

/// What somebody may do.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rules {
    everything: Privileges,
    catalogs: HashMap<String, Catalog>,
    kinds: HashMap<String, Kind>,
    /// What it was compiled from, for narrowing.
    parts: Vec<(Pattern, Privileges)>,
}

#[derive(Debug, Clone, Default)]
struct Catalog {
    whole: Privileges,
    schemas: HashMap<String, Schema>,
}

#[derive(Debug, Clone, Default)]
struct Schema {
    whole: Privileges,
    tables: HashMap<String, Privileges>,
}

#[derive(Debug, Clone, Default)]
struct Kind {
    all: Privileges,
    names: HashMap<String, Privileges>,
}

impl Rules {
    /// All privileges on everything.
    pub(crate) fn admin() -> Self {
        let mut rules = Self::default();
        rules.add(&Pattern::Everything, Privileges::ALL);
        rules
    }

    /// Adds privileges on a pattern.
    pub(crate) fn add(&mut self, pattern: &Pattern, privileges: Privileges) {
        let place = match pattern {
            Pattern::Everything => &mut self.everything,
            Pattern::Catalog(catalog) => &mut self.catalogs.entry(catalog.clone()).or_default().whole,
            Pattern::Schema(catalog, schema) => {
                &mut self.catalogs.entry(catalog.clone()).or_default().schemas.entry(schema.clone()).or_default().whole
            }
            Pattern::Table(catalog, schema, table) => {
                let catalog = self.catalogs.entry(catalog.clone()).or_default();
                catalog.schemas.entry(schema.clone()).or_default().tables.entry(table.clone()).or_default()
            }
            Pattern::AllOfKind(kind) => &mut self.kinds.entry(kind.clone()).or_default().all,
            Pattern::Named(kind, name) => self.kinds.entry(kind.clone()).or_default().names.entry(name.clone()).or_default(),
        };
        place.add(privileges);
        self.parts.push((pattern.clone(), privileges));
    }

    /// What both these rules and `narrow` allow.
    pub(crate) fn narrowed(&self, narrow: &[(Pattern, Privileges)]) -> Self {
        let mut rules = Self::default();
        for (pattern, privileges) in &self.parts {
            for (limit, limits) in narrow {
                let both = privileges.and(*limits);
                if let Some(common) = pattern.common(limit).filter(|_| !both.is_empty()) {
                    rules.add(common, both);
                }
            }
        }
        rules
    }

    /// Whether the privilege holds on the object.
    pub(crate) fn allow(&self, privilege: Privilege, object: &Object<'_>) -> bool {
        if self.everything.has(privilege) {
            return true;
        }
        match *object {
            Object::Table(name) => self.catalogs.get(name.catalog()).is_some_and(|catalog| {
                catalog.whole.has(privilege)
                    || catalog.schemas.get(name.schema()).is_some_and(|schema| {
                        schema.whole.has(privilege) || schema.tables.get(name.table()).is_some_and(|table| table.has(privilege))
                    })
            }),
            Object::Schema { catalog, schema } => self.catalogs.get(catalog).is_some_and(|catalog| {
                catalog.whole.has(privilege) || catalog.schemas.get(schema).is_some_and(|schema| schema.whole.has(privilege))
            }),
            Object::Catalog(name) => self.catalogs.get(name).is_some_and(|catalog| catalog.whole.has(privilege)),
            Object::Service(name) => self.allow_named("service", Some(name), privilege),
            Object::Pipeline(name) => self.allow_named("pipeline", Some(name), privilege),
            Object::Kind(kind) | Object::Resource { kind, .. } if POLICY_KINDS.contains(&kind) => false,
            Object::Kind(kind) => self.allow_named(&word(kind), None, privilege),
            Object::Resource { kind, name } => self.allow_named(&word(kind), Some(name), privilege),
            Object::Platform => false,
        }
    }

    fn allow_named(&self, kind: &str, name: Option<&str>, privilege: Privilege) -> bool {
        self.kinds.get(kind).is_some_and(|kind| {
            kind.all.has(privilege)
                || name.and_then(|name| kind.names.get(name)).is_some_and(|privileges| privileges.has(privilege))
        })
    }

    /// Whether the privilege holds on anything in the catalog, or in one schema of it: what a listing may show the way to.
    pub(crate) fn reach(&self, privilege: Privilege, catalog: &str, schema: Option<&str>) -> bool {
        let in_schema = |schema: &Schema| schema.whole.has(privilege) || schema.tables.values().any(|table| table.has(privilege));
        self.everything.has(privilege)
            || self.catalogs.get(catalog).is_some_and(|catalog| {
                catalog.whole.has(privilege)
                    || match schema {
                        Some(name) => catalog.schemas.get(name).is_some_and(in_schema),
                        None => catalog.schemas.values().any(in_schema),
                    }
            })
    }

    /// Whether everything is allowed on everything.
    pub(crate) fn is_admin(&self) -> bool {
        self.everything == Privileges::ALL
    }
}

/// The word that stands for a kind in grants. A data service is called what its users call it.
fn word(kind: &str) -> String {
    if kind == "DataService" { "service".to_owned() } else { kind.to_ascii_lowercase() }
}
