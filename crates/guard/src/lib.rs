//! Who you are and what you may: identities, grants, secrets and audit. The only maker of a [`Pass`], the key to all data.
//!
//! Rules that hold everywhere: what is not granted is refused; a token can only narrow what its user may; a change of policy
//! is followed at once in the process that made it and within [`policy::RECHECK`] in every other; and what is privileged is
//! written to the audit before it is done.

pub mod audit;
mod chain;
pub mod codes;
mod keys;
mod logins;
mod objects;
mod pass;
mod passwords;
mod patterns;
pub mod policy;
mod retention;
mod rules;
mod scope;
mod secrets;
pub mod specs;
mod tokens;

use std::sync::Arc;

use base::Result;
use meta::Meta;

pub use audit::{Audit, AuditEntry, AuditPage, Event};
pub use chain::{ChainReport, Verification};
pub use keys::MasterKey;
pub use logins::{ADMIN, Principal};
pub use meta::AuditFilter;
pub use objects::{Object, Privilege};
pub use pass::Pass;
pub use patterns::Pattern;
pub use retention::Forgotten;
pub use scope::{Scope, ScopeRule};
pub use secrets::{OwnSecrets, SecretInfo};
pub use specs::{GrantSpec, RoleSpec, UserSpec};
pub use tokens::{TOKEN_PREFIX, TokenInfo, TokenRequest};

/// The guard of one process. Clones share its cache and its audit chain.
#[derive(Clone)]
pub struct Guard {
    inner: Arc<Inner>,
}

struct Inner {
    meta: Meta,
    key: MasterKey,
    policy: policy::Cache,
    gate: passwords::Gate,
    audit: Audit,
    own: secrets::Owned,
}

impl Guard {
    /// Takes its place. Must be called within a Tokio runtime: the audit's writer is a task of it.
    pub fn open(meta: Meta, key: MasterKey) -> Result<Self> {
        let audit = Audit::start(meta.clone());
        let policy = policy::Cache::new(meta.clone());
        let (gate, own) = (passwords::Gate::default(), secrets::Owned::default());
        Ok(Self { inner: Arc::new(Inner { meta, key, policy, gate, audit, own }) })
    }

    /// The audit of this process, and the reading of all.
    pub fn audit(&self) -> &Audit {
        &self.inner.audit
    }

    fn meta(&self) -> &Meta {
        &self.inner.meta
    }

    fn key(&self) -> &MasterKey {
        &self.inner.key
    }

    fn own(&self) -> &secrets::Owned {
        &self.inner.own
    }
}

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guard").field("meta", &self.inner.meta).finish_non_exhaustive()
    }
}
