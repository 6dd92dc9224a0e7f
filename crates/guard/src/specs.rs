//! The kinds of resources that are the policy: users, roles and grants.

use base::ResourceName;
use base::document::{Declared, Wrong};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::objects::Privilege;
use crate::patterns::Pattern;

/// The role that has everything; it needs no declaration.
pub const ADMIN_ROLE: &str = "admin";

/// A person or a program that can log in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UserSpec {
    /// The name people read.
    #[serde(default)]
    pub display_name: String,
    /// Roles this user has.
    #[serde(default)]
    pub roles: Vec<ResourceName>,
    /// A disabled user can do nothing; sessions and tokens stop working.
    #[serde(default)]
    pub disabled: bool,
}

impl Declared for UserSpec {
    const KIND: &'static str = "User";
}

/// A named set of grants that users have together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleSpec {
    /// What the role is for.
    #[serde(default)]
    pub description: String,
    /// Roles whose grants this role has too. A circle of roles is harmless: all in it have the same grants.
    #[serde(default)]
    pub includes: Vec<ResourceName>,
}

impl Declared for RoleSpec {
    const KIND: &'static str = "Role";
}

/// Privileges on objects, given to a user or a role. What no grant gives is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GrantSpec {
    /// To whom.
    pub to: Grantee,
    /// What may be done.
    pub allow: Vec<Privilege>,
    /// To what: `*`, `lake`, `lake.dws`, `lake.dws.daily`, `service:NAME`, `pipeline:*`.
    pub on: Vec<Pattern>,
}

/// A user or a role: one of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Grantee {
    /// A user's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<ResourceName>,
    /// A role's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<ResourceName>,
}

impl Declared for GrantSpec {
    const KIND: &'static str = "Grant";

    fn check(&self) -> Result<(), Wrong> {
        if self.to.user.is_some() == self.to.role.is_some() {
            return Err(Wrong::new("to", "name either a user or a role"));
        }
        if self.allow.is_empty() {
            return Err(Wrong::new("allow", "name at least one of select, modify, create, execute, manage"));
        }
        if self.on.is_empty() {
            return Err(Wrong::new("on", "name at least one object, such as lake.dws"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use base::document::{Kind, read};

    use super::*;

    fn canonical(yaml: &str) -> base::Result<serde_json::Value> {
        let documents = read(yaml, "grants.yaml").expect("a head");
        (Kind::of::<GrantSpec>().read)(&documents[0])
    }

    #[test]
    fn a_grant_is_to_one_and_on_something() {
        let head = "apiVersion: dataux/v1\nkind: Grant\nname: g\nspec:\n";
        let good = canonical(&format!("{head}  to: {{role: analyst}}\n  allow: [select]\n  on: [lake.dws, 'service:*']\n"));
        assert_eq!(good.expect("good")["on"][1], "service:*");
        let both = canonical(&format!("{head}  to: {{role: a, user: b}}\n  allow: [select]\n  on: ['*']\n"));
        assert!(both.expect_err("both").to_string().starts_with("grants.yaml:5:1: to:"));
        let none = canonical(&format!("{head}  to: {{user: b}}\n  allow: [select]\n  on: []\n"));
        assert!(none.expect_err("none").to_string().contains("at least one object"));
        let star = canonical(&format!("{head}  to: {{user: b}}\n  allow: [slect]\n  on: [lake]\n"));
        assert!(star.expect_err("slip").to_string().contains("select"));
    }
}
