//! Bearers: sessions and API tokens, known to the database only by their hash.

use std::time::Duration;

use base::{Error, Result, Secret};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use meta::{TokenKind, TokenRow};
use rand::TryRngCore;
use rand::rngs::OsRng;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::Guard;
use crate::audit::Event;
use crate::codes::{NOT_AUTHENTICATED, TOKEN_UNKNOWN};
use crate::logins::narrow;
use crate::objects::{Object, Privilege};
use crate::pass::Pass;
use crate::policy::Bearer;
use crate::scope::{RULES_MAX, Scope};

/// How an API token begins, so that people and secret scanners know it.
pub const TOKEN_PREFIX: &str = "dtx_";

/// How a session's secret begins.
pub(crate) const SESSION_PREFIX: &str = "dts_";

/// Longest bearer looked at, in bytes.
const BEARER_BYTES_MAX: usize = 128;

/// Longest name of a token, in bytes.
const NAME_BYTES_MAX: usize = 200;

/// Longest life of a token.
const LIFE_MAX: Duration = Duration::from_secs(10 * 365 * 86_400);

/// How long tokens and sessions are kept when they have ended, for people who ask what became of one.
const KEPT_ENDED: TimeDelta = TimeDelta::days(7);

/// The last use is written down at most so often.
const TOUCH_EVERY: TimeDelta = TimeDelta::minutes(1);

/// What a new token is for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TokenRequest {
    /// Whom it acts as.
    pub user: String,
    /// What it is called in lists.
    pub name: String,
    /// How long it lasts; none: until it is revoked.
    pub expires_in: Option<Duration>,
    /// How it narrows what the user may.
    pub scope: Scope,
}

/// What is known of a token besides its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenInfo {
    /// The id by which it is revoked.
    pub id: String,
    /// Whom it acts as.
    pub user: String,
    /// What it is called.
    pub name: String,
    /// How it narrows what the user may.
    pub scope: Scope,
    /// Who made it.
    pub created_by: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
}

impl Guard {
    /// The pass of whoever bears this session or API token; [`NOT_AUTHENTICATED`] for whatever reason it is not good.
    pub async fn authenticate(&self, bearer: &str) -> Result<Pass> {
        let refuse = || Error::new(&NOT_AUTHENTICATED);
        if bearer.len() > BEARER_BYTES_MAX {
            return Err(refuse());
        }
        let hash = hash(bearer);
        let policy = self.inner.policy.get().await?;
        let bearer = match policy.bearer(&hash) {
            Some(known) => known,
            None => {
                let token = self.meta().tokens().find_by_hash(&hash).await?.ok_or_else(refuse)?;
                if !bool::from(token.hash.as_bytes().ct_eq(hash.as_bytes())) || token.revoked_at.is_some() {
                    return Err(refuse());
                }
                let pass = policy.pass(&token.user).map_err(|_| refuse())?;
                // A scope that cannot be read allows nothing.
                let scope: Scope = serde_json::from_value(token.scope).unwrap_or(Scope::only(Vec::new()));
                let pass = pass.under_token(&token.id, scope.parts().map(|parts| pass.rules().narrowed(&parts)));
                let TokenRow { id, expires_at, last_used_at, .. } = token;
                let bearer = Bearer { id: id.into(), expires_at, last_used_at, pass };
                policy.remember_bearer(hash.clone(), bearer.clone());
                bearer
            }
        };
        let now = Utc::now();
        if bearer.expires_at.is_some_and(|end| end <= now) {
            return Err(refuse());
        }
        if bearer.last_used_at.is_none_or(|last| now - last > TOUCH_EVERY) {
            policy.note_use(&hash, now);
            if let Err(error) = self.meta().tokens().touch(&bearer.id, now).await {
                tracing::warn!(%error, "the last use of a token could not be written down");
            }
        }
        Ok(bearer.pass)
    }

    /// Makes an API token, for oneself or as an administrator for another. Its secret is answered once and kept nowhere.
    pub async fn create_token(&self, by: &Pass, request: TokenRequest) -> Result<(TokenInfo, Secret)> {
        let object = format!("token of user {}", request.user);
        // Under a narrowed token a new one could do more than the token itself.
        let allowed = if by.is_scoped() { Err(narrow(by, "create a", &object)) } else { self.own_or_admin(by, &request.user) };
        self.refuse_unless(allowed, by, "token.create", &object).await?;
        self.inner.policy.get().await?.user(&request.user)?;
        if request.scope.len() > RULES_MAX || request.name.len() > NAME_BYTES_MAX {
            return Err(Error::new(&base::errors::INVALID_SETTING)
                .with("setting", "token")
                .with("reason", format!("a name has at most {NAME_BYTES_MAX} bytes and a scope at most {RULES_MAX} objects")));
        }
        let secret = new_secret(TOKEN_PREFIX);
        let now = Utc::now();
        let token = TokenRow {
            id: base::ids::fresh(),
            hash: hash(secret.expose()),
            kind: TokenKind::Api,
            user: request.user,
            name: request.name,
            scope: json!(request.scope),
            created_by: by.user().to_owned(),
            created_at: now,
            expires_at: request.expires_in.map(|life| now + life.min(LIFE_MAX)),
            last_used_at: None,
            revoked_at: None,
        };
        let mut event = Event::by(by, "token.create", object);
        event.detail = json!({ "id": token.id, "name": token.name, "scope": token.scope, "expires_at": token.expires_at });
        self.audit().record_now(event).await?;
        self.meta().tokens().insert(&token).await?;
        Ok((info(token), secret))
    }

    /// The API tokens of a user; as an administrator also of another, or with none of all.
    pub async fn list_tokens(&self, by: &Pass, user: Option<&str>) -> Result<Vec<TokenInfo>> {
        match user {
            Some(user) => self.own_or_admin(by, user)?,
            None => by.demand(Privilege::Manage, &Object::Platform)?,
        }
        Ok(self.meta().tokens().list(user).await?.into_iter().map(info).collect())
    }

    /// Revokes a token, one's own or as an administrator any; it stops working in this process at once, in others within
    /// [`crate::policy::RECHECK`].
    pub async fn revoke_token(&self, by: &Pass, id: &str) -> Result<()> {
        let unknown = || Error::new(&TOKEN_UNKNOWN).with("id", id.chars().take(80).collect::<String>());
        let token = self.meta().tokens().get(id).await?.ok_or_else(unknown)?;
        // Another's token is as unknown as one that is not there.
        let object = format!("token {id} of user {}", token.user);
        let allowed = self.own_or_admin(by, &token.user).map_err(|_| unknown());
        self.refuse_unless(allowed, by, "token.revoke", &object).await?;
        self.audit().record_now(Event::by(by, "token.revoke", object)).await?;
        if self.meta().tokens().revoke(id).await? { Ok(()) } else { Err(unknown()) }
    }

    /// Deletes tokens and sessions that expired or were revoked a week ago and more; answers how many.
    pub async fn forget_ended_tokens(&self) -> Result<u64> {
        self.meta().tokens().delete_ended(Utc::now() - KEPT_ENDED).await
    }

    fn own_or_admin(&self, by: &Pass, user: &str) -> Result<()> {
        if by.user() == user { Ok(()) } else { by.demand(Privilege::Manage, &Object::Platform) }
    }
}

/// A prefix and 32 bytes from the system's random source.
pub(crate) fn new_secret(prefix: &str) -> Secret {
    let mut bytes = [0; 32];
    // Without a source of chance nothing here is safe, and no kernel we run on lacks one.
    OsRng.try_fill_bytes(&mut bytes).expect("the system's random source answers");
    Secret::new(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bytes)))
}

/// What is stored of a bearer's secret. It has 256 bits of chance, so one round of SHA-256 is enough.
pub(crate) fn hash(bearer: &str) -> String {
    hex::encode(Sha256::digest(bearer.as_bytes()))
}

fn info(token: TokenRow) -> TokenInfo {
    TokenInfo {
        id: token.id,
        user: token.user,
        name: token.name,
        scope: serde_json::from_value(token.scope).unwrap_or(Scope::only(Vec::new())),
        created_by: token.created_by,
        created_at: token.created_at,
        expires_at: token.expires_at,
        last_used_at: token.last_used_at,
    }
}
