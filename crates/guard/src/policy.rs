//! The policy in memory: users, roles and grants as of one version, read anew when the version has grown.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base::document::Declared;
use base::{Error, Result};
use chrono::{DateTime, Utc};
use meta::Meta;
use serde::de::DeserializeOwned;

use crate::codes::USER_UNKNOWN;
use crate::objects::Privileges;
use crate::pass::Pass;
use crate::rules::Rules;
use crate::specs::{ADMIN_ROLE, GrantSpec, RoleSpec, UserSpec};

/// How long a process may not notice what another changed.
pub const RECHECK: Duration = Duration::from_secs(1);

/// Most passes kept for the bearers of tokens and sessions; beyond that all are looked up anew.
const BEARERS_MAX: usize = 10_000;

/// The policy as this process last read it.
pub(crate) struct Cache {
    meta: Meta,
    current: tokio::sync::Mutex<Option<Checked>>,
    /// The last failure to read it, and when it was known.
    failed: Mutex<Option<(Instant, Error)>>,
}

struct Checked {
    snapshot: Arc<Snapshot>,
    at: Instant,
    /// The process's own changes when it was checked.
    own_writes: u64,
}

impl Cache {
    pub(crate) fn new(meta: Meta) -> Self {
        Self { meta, current: tokio::sync::Mutex::new(None), failed: Mutex::default() }
    }

    /// The policy, at most [`RECHECK`] behind other processes and not behind this one. Fails if the database does: without
    /// knowing the policy nothing is allowed.
    pub(crate) async fn get(&self) -> Result<Arc<Snapshot>> {
        let asked = Instant::now();
        let mut current = match self.current.try_lock() {
            Ok(current) => current,
            Err(_looked_at) => {
                // While the last look failed and somebody looks again, nobody else waits for a database that is away.
                if let Some((_, error)) = held(&self.failed).as_ref() {
                    return Err(error.again());
                }
                self.current.lock().await
            }
        };
        let own_writes = self.meta.policy_writes();
        if let Some(checked) =
            current.as_ref().filter(|checked| checked.own_writes == own_writes && checked.at.elapsed() < RECHECK)
        {
            return Ok(checked.snapshot.clone());
        }
        // Those who waited behind a failure share it, or each would wait for the same database, one after the other.
        if let Some((known, error)) = held(&self.failed).as_ref()
            && *known >= asked
        {
            return Err(error.again());
        }
        let at = Instant::now();
        let read = self.read(&mut current).await;
        *held(&self.failed) = read.as_ref().err().map(|error| (Instant::now(), error.again()));
        let snapshot = read?;
        *current = Some(Checked { snapshot: snapshot.clone(), at, own_writes });
        Ok(snapshot)
    }

    async fn read(&self, current: &mut Option<Checked>) -> Result<Arc<Snapshot>> {
        let version = self.meta.policy_version().await?;
        Ok(match current.take() {
            Some(checked) if checked.snapshot.version == version => checked.snapshot,
            // Read after its version: a change in between is seen now and, by its version, read again at the next check.
            _ => Arc::new(Snapshot::read(&self.meta, version).await?),
        })
    }
}

/// Users, roles and grants of one version.
pub(crate) struct Snapshot {
    version: i64,
    users: HashMap<String, UserSpec>,
    roles: HashMap<String, RoleSpec>,
    grants: Vec<GrantSpec>,
    passes: Mutex<HashMap<String, Pass>>,
    bearers: Mutex<HashMap<String, Bearer>>,
}

/// What is known of a token or session that was good.
#[derive(Clone)]
pub(crate) struct Bearer {
    /// The token's id.
    pub id: Arc<str>,
    /// When it ends.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was last written down as used.
    pub last_used_at: Option<DateTime<Utc>>,
    /// What it allows.
    pub pass: Pass,
}

impl Snapshot {
    async fn read(meta: &Meta, version: i64) -> Result<Self> {
        let grants = specs::<GrantSpec>(meta).await?;
        Ok(Self::new(
            version,
            specs(meta).await?.into_iter().collect(),
            specs(meta).await?.into_iter().collect(),
            grants.into_iter().map(|(_, grant)| grant).collect(),
        ))
    }

    pub(crate) fn new(
        version: i64,
        users: HashMap<String, UserSpec>,
        roles: HashMap<String, RoleSpec>,
        grants: Vec<GrantSpec>,
    ) -> Self {
        Self { version, users, roles, grants, passes: Mutex::default(), bearers: Mutex::default() }
    }

    /// A user who may do something.
    pub(crate) fn user(&self, name: &str) -> Result<&UserSpec> {
        let user = self.users.get(name).filter(|user| !user.disabled);
        user.ok_or_else(|| Error::new(&USER_UNKNOWN).with("user", name.chars().take(80).collect::<String>()))
    }

    /// A user's pass, without a token.
    pub(crate) fn pass(&self, name: &str) -> Result<Pass> {
        let user = self.user(name)?;
        let mut passes = held(&self.passes);
        if let Some(pass) = passes.get(name) {
            return Ok(pass.clone());
        }
        let roles = self.roles_of(user);
        let pass = Pass::new(name, roles.iter().cloned().collect(), Arc::new(self.rules_of(name, &roles)), self.version);
        passes.insert(name.to_owned(), pass.clone());
        Ok(pass)
    }

    /// The pass of somebody who does not depend on any resource.
    pub(crate) fn local_admin(&self, name: &str) -> Pass {
        Pass::new(name, vec![ADMIN_ROLE.to_owned()], Arc::new(Rules::admin()), self.version)
    }

    /// All roles of a user, with what they include. Each is visited once, so circles end.
    fn roles_of(&self, user: &UserSpec) -> BTreeSet<String> {
        let mut roles = BTreeSet::new();
        let mut open: Vec<&str> = user.roles.iter().map(|role| role.as_str()).collect();
        while let Some(role) = open.pop() {
            if roles.insert(role.to_owned()) {
                open.extend(self.roles.get(role).into_iter().flat_map(|spec| &spec.includes).map(|role| role.as_str()));
            }
        }
        roles
    }

    fn rules_of(&self, user: &str, roles: &BTreeSet<String>) -> Rules {
        if roles.contains(ADMIN_ROLE) {
            return Rules::admin();
        }
        let mut rules = Rules::default();
        for grant in &self.grants {
            // A grant to both or to neither is refused when it is declared; should one be there, it gives nothing.
            let reaches = match (&grant.to.user, &grant.to.role) {
                (Some(name), None) => name.as_str() == user,
                (None, Some(role)) => roles.contains(role.as_str()),
                _ => false,
            };
            if reaches {
                let privileges = Privileges::of(&grant.allow);
                grant.on.iter().for_each(|pattern| rules.add(pattern, privileges));
            }
        }
        rules
    }

    /// The bearer of a hash, if he was found under this version before.
    pub(crate) fn bearer(&self, hash: &str) -> Option<Bearer> {
        held(&self.bearers).get(hash).cloned()
    }

    /// Remembers a bearer as long as this version lasts; every revocation makes a new version.
    pub(crate) fn remember_bearer(&self, hash: String, bearer: Bearer) {
        let mut bearers = held(&self.bearers);
        if bearers.len() >= BEARERS_MAX {
            bearers.clear();
        }
        bearers.insert(hash, bearer);
    }

    /// Notes when a remembered token was last written down as used.
    pub(crate) fn note_use(&self, hash: &str, at: DateTime<Utc>) {
        if let Some(bearer) = held(&self.bearers).get_mut(hash) {
            bearer.last_used_at = Some(at);
        }
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing under these locks can be left half done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// All specs of a kind. One that cannot be read gives nothing to anybody.
async fn specs<S: Declared + DeserializeOwned>(meta: &Meta) -> Result<Vec<(String, S)>> {
    let rows = meta.resources().list(Some(S::KIND)).await?;
    let read = |row: meta::ResourceRow| match serde_json::from_value(row.spec) {
        Ok(spec) => Some((row.name, spec)),
        Err(error) => {
            tracing::error!(kind = S::KIND, name = row.name, %error, "a policy resource cannot be read and counts for nothing");
            None
        }
    };
    Ok(rows.into_iter().filter_map(read).collect())
}
