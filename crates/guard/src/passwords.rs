//! Passwords: argon2id, the same cost for unknown users, and only so many computed at once.

use std::time::Duration;

use argon2::password_hash::rand_core::OsRng;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use base::{Error, Result, Secret};
use rand::Rng;
use rand::distr::Alphanumeric;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::codes::{LOGIN_BUSY, PASSWORD_WEAK};

/// Memory of one computation, in KiB; with the next two, what OWASP's password storage sheet names first for argon2id.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Fewest characters of a password.
const CHARACTERS_MIN: usize = 8;

/// Longest password, in bytes.
pub(crate) const BYTES_MAX: usize = 1024;

/// Characters of a password that is made up: about 143 bits.
const MADE_UP_CHARACTERS: usize = 24;

/// Computations at once, 19 MiB and one core each.
const AT_ONCE: usize = 2;

/// Longest wait for a place.
const WAIT: Duration = Duration::from_secs(10);

/// What an unknown user's password is compared with: no password matches it, and it costs the same.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5bm9ib2R5bm9ibw$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// The few places in which passwords are computed.
#[derive(Debug)]
pub(crate) struct Gate(Semaphore);

impl Default for Gate {
    fn default() -> Self {
        Self(Semaphore::new(AT_ONCE))
    }
}

impl Gate {
    /// A place; the caller reads the account after he has it, so that attempts at once cannot outrun the lock.
    pub(crate) async fn enter(&self) -> Result<SemaphorePermit<'_>> {
        match tokio::time::timeout(WAIT, self.0.acquire()).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(Error::new(&LOGIN_BUSY)),
        }
    }
}

/// Checks that a password may be set.
pub(crate) fn check(password: &Secret) -> Result<()> {
    let reason = if password.expose().chars().count() < CHARACTERS_MIN {
        format!("it has fewer than {CHARACTERS_MIN} characters")
    } else if password.expose().len() > BYTES_MAX {
        format!("it has more than {BYTES_MAX} bytes")
    } else {
        return Ok(());
    };
    Err(Error::new(&PASSWORD_WEAK).with("reason", reason))
}

/// A password that nobody could guess.
pub(crate) fn make_up() -> Secret {
    Secret::new(rand::rng().sample_iter(Alphanumeric).take(MADE_UP_CHARACTERS).map(char::from).collect::<String>())
}

/// The PHC string of a password.
pub(crate) async fn hash(password: &Secret) -> Result<String> {
    let password = password.clone();
    blocking(move || {
        let salt = SaltString::generate(&mut OsRng);
        argon2().hash_password(password.expose().as_bytes(), &salt).map(|hash| hash.to_string())
    })
    .await?
    .map_err(|error| Error::new(&PASSWORD_WEAK).with("reason", error))
}

/// Whether the password is that of the hash; without a hash, no, at the same cost.
pub(crate) async fn verify(password: &Secret, hash: Option<String>) -> Result<bool> {
    let password = password.clone();
    blocking(move || {
        let known = hash.is_some();
        let text = hash.unwrap_or_else(|| NOBODY.to_owned());
        let matches =
            PasswordHash::new(&text).is_ok_and(|parsed| argon2().verify_password(password.expose().as_bytes(), &parsed).is_ok());
        known && matches
    })
    .await
}

fn argon2() -> Argon2<'static> {
    // The parameters are constants within argon2's bounds; a failure here would be one of every build.
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).unwrap_or_default();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Error::new(&LOGIN_BUSY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_matches() {
        let secret = Secret::new("correct horse");
        let hash = hash(&secret).await.expect("hashes");
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(verify(&secret, Some(hash.clone())).await.expect("computes"));
        assert!(!verify(&Secret::new("correct horsf"), Some(hash)).await.expect("computes"));
        assert!(!verify(&secret, None).await.expect("computes"));
        assert!(!verify(&secret, Some("not a hash".to_owned())).await.expect("computes"));
    }

    #[test]
    fn nobody_costs_what_anybody_costs() {
        let parsed = PasswordHash::new(NOBODY).expect("well formed");
        let params = Params::try_from(&parsed).expect("complete");
        assert_eq!((params.m_cost(), params.t_cost(), params.p_cost()), (MEMORY_KIB, PASSES, LANES));
        assert_eq!(parsed.hash.expect("there").len(), Params::DEFAULT_OUTPUT_LEN);
    }

    #[test]
    fn made_up_passwords_may_be_set() {
        check(&make_up()).expect("long enough");
        assert!(check(&Secret::new("1234567")).is_err());
        assert!(check(&Secret::new("x".repeat(BYTES_MAX + 1))).is_err());
    }
}
