//! Logins: the first administrator, passwords, lockouts, sessions.

use std::time::Duration;

use base::{Error, Result, Secret};
use chrono::{DateTime, Utc};
use meta::{ResourceRow, TokenKind, TokenRow};
use serde_json::json;

use crate::audit::Event;
use crate::codes::{LOGIN_REFUSED, NOT_ALLOWED};
use crate::objects::{Object, Privilege};
use crate::pass::Pass;
use crate::scope::Scope;
use crate::specs::{ADMIN_ROLE, UserSpec};
use crate::{Guard, passwords, tokens};

/// The first administrator's name.
pub const ADMIN: &str = "admin";

/// How long a session lasts.
pub const SESSION: Duration = Duration::from_secs(12 * 3600);

/// Failures in a row after which an account is locked.
const FAILURES_MAX: i64 = 5;

/// The first lock; it doubles with each failure after it.
const FIRST_LOCK: Duration = Duration::from_secs(30);

/// The longest lock. It ends by itself, so that nobody can be shut out for good by another's guesses.
const LONGEST_LOCK: Duration = Duration::from_secs(15 * 60);

/// Longest user name looked at.
const USER_BYTES_MAX: usize = 63;

/// Who logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The user's name.
    pub user: String,
    /// The name people read.
    pub display_name: String,
    /// Roles with all they include.
    pub roles: Vec<String>,
    /// When the session ends.
    pub expires_at: DateTime<Utc>,
}

impl Guard {
    /// Creates user `admin` with role `admin` and a password, if that user has none. Answers the password only if none was
    /// given and this call made one up; of several replicas that start at once, one does.
    pub async fn ensure_admin(&self, password: Option<Secret>) -> Result<Option<Secret>> {
        if let Some(account) = self.meta().accounts().get(ADMIN).await?
            && account.password_hash.is_some()
            && self.meta().resources().get("User", ADMIN).await?.is_some()
        {
            return Ok(None);
        }
        if let Some(password) = &password {
            passwords::check(password)?;
        }
        self.declare_admin().await?;
        let made_up = password.is_none();
        let password = password.unwrap_or_else(passwords::make_up);
        let hash = passwords::hash(&password).await?;
        if !self.meta().accounts().set_first_password(ADMIN, &hash).await? {
            return Ok(None);
        }
        self.audit().record_now(Event::new(ADMIN, "admin.create", format!("user {ADMIN}"))).await?;
        Ok(made_up.then_some(password))
    }

    async fn declare_admin(&self) -> Result<()> {
        let text = format!(
            "apiVersion: {}\nkind: User\nname: {ADMIN}\nspec:\n  display_name: Administrator\n  roles: [{ADMIN_ROLE}]\n",
            base::document::API_VERSION
        );
        let roles = vec![ADMIN_ROLE.parse()?];
        let spec = json!(UserSpec { display_name: "Administrator".to_owned(), roles, disabled: false });
        match self.meta().resources().put(ResourceRow::new("User", ADMIN, spec, text, ADMIN), Some(0)).await {
            Err(error) if error.is(&meta::codes::VERSION_CONFLICT) => Ok(()),
            done => done.map(|_| ()),
        }
    }

    /// Checks a password and begins a session with a new secret. Unknown user, wrong password, disabled user and lock are one
    /// answer ([`LOGIN_REFUSED`]) at one cost. `address` is whence the request came, for the audit.
    pub async fn login(&self, user: &str, password: &Secret, address: Option<&str>) -> Result<(Secret, Principal)> {
        let refused = self.check_password(user, password).await;
        let mut event = Event::new(user, "login", "the platform");
        event.address = address.map(str::to_owned);
        if let Err(error) = refused {
            event.allowed = false;
            event.error = Some(error.code().name.to_owned());
            self.audit().record(event).await?;
            return Err(error);
        }
        let pass = self.inner.policy.get().await?.pass(user)?;
        let display_name = self.inner.policy.get().await?.user(user)?.display_name.clone();
        self.audit().record_now(event).await?;
        let secret = tokens::new_secret(tokens::SESSION_PREFIX);
        let now = Utc::now();
        let expires_at = now + SESSION;
        let session = TokenRow {
            id: base::ids::fresh(),
            hash: tokens::hash(secret.expose()),
            kind: TokenKind::Session,
            user: user.to_owned(),
            name: String::new(),
            scope: json!(Scope::full()),
            created_by: user.to_owned(),
            created_at: now,
            expires_at: Some(expires_at),
            last_used_at: None,
            revoked_at: None,
        };
        self.meta().tokens().insert(&session).await?;
        Ok((secret, Principal { user: user.to_owned(), display_name, roles: pass.roles().to_vec(), expires_at }))
    }

    async fn check_password(&self, user: &str, password: &Secret) -> Result<()> {
        let refuse = || Error::new(&LOGIN_REFUSED);
        if user.len() > USER_BYTES_MAX || password.expose().len() > passwords::BYTES_MAX {
            return Err(refuse());
        }
        let _place = self.inner.gate.enter().await?;
        let accounts = self.meta().accounts();
        let account = accounts.get(user).await?;
        let usable = self.inner.policy.get().await?.user(user).is_ok();
        let hash = account.as_ref().and_then(|account| account.password_hash.clone());
        let matches = passwords::verify(password, hash).await?;
        let Some(account) = account else { return Err(refuse()) };
        if account.locked_until.is_some_and(|until| until > Utc::now()) {
            return Err(refuse());
        }
        if !matches {
            let failures = accounts.record_failure(user).await?;
            if let Some(lock) = lock_after(failures) {
                accounts.lock(user, Utc::now() + lock).await?;
            }
            return Err(refuse());
        }
        if !usable {
            return Err(refuse());
        }
        if account.failures > 0 {
            accounts.clear_failures(user).await?;
        }
        Ok(())
    }

    /// Ends the session (or revokes the token) of this secret; nothing happens if it is unknown.
    pub async fn logout(&self, bearer: &str) -> Result<()> {
        if let Some(token) = self.meta().tokens().find_by_hash(&tokens::hash(bearer)).await? {
            self.meta().tokens().revoke(&token.id).await?;
            self.audit().record(Event::new(&token.user, "logout", "the platform")).await?;
        }
        Ok(())
    }

    /// Sets a user's password, lifts a lock and ends his sessions. One's own, or as an administrator; not under a narrowed
    /// token, which would widen it.
    pub async fn set_password(&self, by: &Pass, user: &str, password: Secret) -> Result<()> {
        let object = format!("user {user}");
        if by.is_scoped() || by.user() != user {
            let allowed = if by.is_scoped() { Err(narrow(by, "set a password of", &object)) } else { Ok(()) };
            let allowed = allowed.and_then(|()| by.demand(Privilege::Manage, &Object::Platform));
            self.refuse_unless(allowed, by, "password.set", &object).await?;
        }
        self.inner.policy.get().await?.user(user)?;
        passwords::check(&password)?;
        let hash = {
            let _place = self.inner.gate.enter().await?;
            passwords::hash(&password).await?
        };
        self.audit().record_now(Event::by(by, "password.set", object)).await?;
        self.meta().accounts().set_password(user, &hash).await?;
        self.meta().tokens().revoke_sessions(user).await?;
        Ok(())
    }

    /// The pass of commands that work on a home: whoever can read the home's files is its administrator.
    pub async fn local_admin(&self) -> Result<Pass> {
        Ok(self.inner.policy.get().await?.local_admin(ADMIN))
    }

    /// The pass of a user whom the platform acts for, such as the owner of a scheduled pipeline. Refused if he is disabled.
    pub async fn pass_of(&self, user: &str) -> Result<Pass> {
        self.inner.policy.get().await?.pass(user)
    }

    /// Writes a refusal down and hands it on.
    pub(crate) async fn refuse_unless(&self, allowed: Result<()>, by: &Pass, action: &'static str, object: &str) -> Result<()> {
        if let Err(error) = allowed {
            let mut event = Event::by(by, action, object);
            event.allowed = false;
            event.error = Some(error.code().name.to_owned());
            self.audit().record(event).await?;
            return Err(error);
        }
        Ok(())
    }
}

/// The refusal of what a narrowed token may never do.
pub(crate) fn narrow(by: &Pass, what: &str, object: &str) -> Error {
    Error::new(&NOT_ALLOWED)
        .with("user", by.user())
        .with("privilege", format!("under a narrowed token {what}"))
        .with("privilege_zh", "以受限令牌操作")
        .with("object", object)
}

/// How long an account is locked after so many failures in a row.
fn lock_after(failures: i64) -> Option<Duration> {
    let doublings = u32::try_from(failures - FAILURES_MAX).ok()?;
    Some(FIRST_LOCK.saturating_mul(1 << doublings.min(16)).min(LONGEST_LOCK))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_double_and_end() {
        let seconds = |failures| lock_after(failures).map(|lock| lock.as_secs());
        assert_eq!([0, 1, 4].map(seconds), [None, None, None]);
        assert_eq!([5, 6, 7, 9, 10, 1000].map(seconds), [Some(30), Some(60), Some(120), Some(480), Some(900), Some(900)]);
    }
}
