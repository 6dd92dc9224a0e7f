//! The pass: who asks and what he may, as of one version of the policy. The only key to data.

use std::fmt;
use std::sync::Arc;

use base::{Error, Result};

use crate::codes::NOT_ALLOWED;
use crate::objects::{Object, Privilege};
use crate::rules::Rules;

/// Proof of who asks, with what he may do. Only [`Guard`](crate::Guard) makes one.
///
/// A pass can be held, cloned and asked:
///
/// ```
/// fn read(pass: &dataux_guard::Pass) -> String {
///     pass.user().to_owned()
/// }
/// ```
///
/// but another crate cannot build one, out of nothing
///
/// ```compile_fail,E0451
/// let pass = dataux_guard::Pass { inner: unreachable!() };
/// ```
///
/// nor out of another:
///
/// ```compile_fail,E0616
/// fn steal(pass: dataux_guard::Pass) {
///     let inner = pass.inner;
/// }
/// ```
#[derive(Clone)]
pub struct Pass {
    inner: Arc<Inner>,
}

struct Inner {
    user: String,
    roles: Vec<String>,
    rules: Arc<Rules>,
    scoped: bool,
    policy_version: i64,
    token_id: Option<String>,
}

impl Pass {
    pub(crate) fn new(user: &str, roles: Vec<String>, rules: Arc<Rules>, policy_version: i64) -> Self {
        Self { inner: Arc::new(Inner { user: user.to_owned(), roles, rules, scoped: false, policy_version, token_id: None }) }
    }

    /// The same user's pass under a token; `narrow` none: nothing is taken away.
    pub(crate) fn under_token(&self, token_id: &str, narrow: Option<Rules>) -> Self {
        Self {
            inner: Arc::new(Inner {
                user: self.inner.user.clone(),
                roles: self.inner.roles.clone(),
                scoped: narrow.is_some(),
                rules: narrow.map_or_else(|| self.inner.rules.clone(), Arc::new),
                policy_version: self.inner.policy_version,
                token_id: Some(token_id.to_owned()),
            }),
        }
    }

    pub(crate) fn rules(&self) -> &Rules {
        &self.inner.rules
    }

    /// Whether a token narrows what the user may.
    pub fn is_scoped(&self) -> bool {
        self.inner.scoped
    }

    /// The user it acts as.
    pub fn user(&self) -> &str {
        &self.inner.user
    }

    /// The user's roles with all they include, sorted.
    pub fn roles(&self) -> &[String] {
        &self.inner.roles
    }

    /// Whether it may do everything: role `admin`, and no token that narrows it.
    pub fn is_admin(&self) -> bool {
        self.inner.rules.is_admin()
    }

    /// Refuses with [`NOT_ALLOWED`] unless the privilege holds on the object.
    pub fn demand(&self, privilege: Privilege, object: &Object<'_>) -> Result<()> {
        if self.allows(privilege, object) {
            return Ok(());
        }
        Err(Error::new(&NOT_ALLOWED)
            .with("user", &self.inner.user)
            .with("privilege", privilege)
            .with("privilege_zh", privilege.zh())
            .with("object", object))
    }

    /// Whether the privilege holds on the object.
    pub fn allows(&self, privilege: Privilege, object: &Object<'_>) -> bool {
        self.inner.rules.allow(privilege, object)
    }

    /// Whether the privilege holds on anything at all in a catalog, or in one schema of it; for listings and for opening a
    /// connection, never instead of [`demand`](Self::demand) on the table itself.
    pub fn reaches(&self, privilege: Privilege, catalog: &str, schema: Option<&str>) -> bool {
        self.inner.rules.reach(privilege, catalog, schema)
    }

    /// The version of the policy it was made from; part of every cache key.
    pub fn policy_version(&self) -> i64 {
        self.inner.policy_version
    }

    /// The token or session it came by.
    pub fn token_id(&self) -> Option<&str> {
        self.inner.token_id.as_deref()
    }
}

impl fmt::Debug for Pass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pass")
            .field("user", &self.inner.user)
            .field("roles", &self.inner.roles)
            .field("policy_version", &self.inner.policy_version)
            .finish_non_exhaustive()
    }
}
