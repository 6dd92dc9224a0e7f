//! How a token narrows what its user may do.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::objects::{Privilege, Privileges};
use crate::patterns::Pattern;

/// Most rules of one scope.
pub const RULES_MAX: usize = 64;

/// What a token may do at most; none: all that its user may. A scope never adds anything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Scope(Option<Vec<ScopeRule>>);

/// Privileges on objects, as in a grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScopeRule {
    /// What may be done.
    pub allow: Vec<Privilege>,
    /// To what.
    pub on: Vec<Pattern>,
}

impl Scope {
    /// All that the user may.
    pub const fn full() -> Self {
        Self(None)
    }

    /// Only these rules; none of them: nothing at all.
    pub const fn only(rules: Vec<ScopeRule>) -> Self {
        Self(Some(rules))
    }

    /// Only reading: tables and services.
    pub fn read_only() -> Self {
        Self::only(vec![
            ScopeRule { allow: vec![Privilege::Select], on: vec![Pattern::Everything] },
            ScopeRule { allow: vec![Privilege::Execute], on: vec![Pattern::AllOfKind("service".to_owned())] },
        ])
    }

    /// Only calls of data services.
    pub fn services() -> Self {
        Self::only(vec![ScopeRule { allow: vec![Privilege::Execute], on: vec![Pattern::AllOfKind("service".to_owned())] }])
    }

    /// Whether it narrows nothing.
    pub fn is_full(&self) -> bool {
        self.0.is_none()
    }

    /// Number of rules.
    pub(crate) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |rules| rules.iter().map(|rule| rule.on.len()).sum())
    }

    /// The rules one by one; none: no limit.
    pub(crate) fn parts(&self) -> Option<Vec<(Pattern, Privileges)>> {
        let rules = self.0.as_ref()?;
        let part = |rule: &ScopeRule| {
            let privileges = Privileges::of(&rule.allow);
            rule.on.iter().map(|pattern| (pattern.clone(), privileges)).collect::<Vec<_>>()
        };
        Some(rules.iter().flat_map(part).collect())
    }
}
