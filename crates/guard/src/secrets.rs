//! The encrypted store, and secret references turned into secrets at the moment of use.

use std::collections::HashSet;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};

use base::errors::{INVALID_NAME, SECRET_UNRESOLVED};
use base::{Error, Result, Secret, SecretRef, Secrets};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt;

use crate::Guard;
use crate::audit::Event;
use crate::codes::SECRET_UNKNOWN;
use crate::keys::Sealed;
use crate::objects::{Object, Privilege};
use crate::pass::Pass;

/// Longest secret, in bytes.
const SECRET_BYTES_MAX: usize = 64 << 10;

/// Variables with the platform's own secrets; whoever may declare a connection must not learn them by sending them to it.
const OWN_VARIABLES: [&str; 8] = [
    "DATAUX_MASTER_KEY",
    "DATAUX_ADMIN_PASSWORD",
    "DATAUX_TOKEN",
    "DATABASE_URL",
    "DATABASE_USER",
    "DATABASE_PASSWORD",
    "REDIS_URL",
    "REDIS_PASSWORD",
];

/// Folders in which the system shows processes, ours with its variables among them; no secret is kept there.
const SYSTEM_FOLDERS: [&str; 3] = ["/proc", "/sys", "/dev"];

/// Variables, files and stored secrets that the platform's own settings refer to, such as the keys of the lake's store.
#[derive(Default)]
pub(crate) struct Owned(Mutex<HashSet<SecretRef>>);

impl Owned {
    fn holds(&self, reference: &SecretRef) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(reference)
    }

    fn add(&self, reference: SecretRef) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(reference);
    }
}

/// Resolves the references of the platform's own settings. What they refer to is refused to every connection from then on:
/// who declares one decides where its secrets are sent.
#[derive(Debug, Clone)]
pub struct OwnSecrets(Guard);

/// What is known of a stored secret besides its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretInfo {
    /// Its name, as in `secret:NAME`.
    pub name: String,
    /// When it was last put.
    pub updated_at: DateTime<Utc>,
    /// Who put it.
    pub updated_by: String,
}

impl Guard {
    /// Puts or replaces a secret. Needs `manage` on the kind `Secret` (`secret:*` in grants).
    pub async fn put_secret(&self, by: &Pass, name: &str, secret: Secret) -> Result<()> {
        let object = format!("secret {}", check_name(name)?);
        self.refuse_unless(by.demand(Privilege::Manage, &resource(name)), by, "secret.put", &object).await?;
        if secret.expose().len() > SECRET_BYTES_MAX {
            return Err(Error::new(&base::errors::INVALID_SETTING)
                .with("setting", object)
                .with("reason", format!("a secret has at most {SECRET_BYTES_MAX} bytes")));
        }
        let sealed = self.key().seal(name, &secret)?;
        self.audit().record_now(Event::by(by, "secret.put", object)).await?;
        self.meta().secrets().put(name, &sealed.ciphertext, &sealed.nonce, &sealed.key_id, by.user()).await
    }

    /// The secrets whose names the pass may know, by name; never their values.
    pub async fn list_secrets(&self, by: &Pass) -> Result<Vec<SecretInfo>> {
        let rows = self.meta().secrets().list().await?;
        let seen = rows.into_iter().filter(|row| by.allows(Privilege::Manage, &resource(&row.name)));
        Ok(seen.map(|row| SecretInfo { name: row.name, updated_at: row.updated_at, updated_by: row.updated_by }).collect())
    }

    /// Removes a secret.
    pub async fn delete_secret(&self, by: &Pass, name: &str) -> Result<()> {
        let object = format!("secret {}", check_name(name)?);
        self.refuse_unless(by.demand(Privilege::Manage, &resource(name)), by, "secret.delete", &object).await?;
        self.audit().record_now(Event::by(by, "secret.delete", object)).await?;
        if self.meta().secrets().delete(name).await? { Ok(()) } else { Err(Error::new(&SECRET_UNKNOWN).with("name", name)) }
    }

    /// A resolver for the platform's own settings.
    pub fn own_secrets(&self) -> OwnSecrets {
        OwnSecrets(self.clone())
    }

    async fn resolve_reference(&self, reference: &SecretRef) -> Result<Secret> {
        let owned = match reference {
            SecretRef::Environment(name) => OWN_VARIABLES.contains(&name.as_str()),
            SecretRef::File(path) => tokio::fs::canonicalize(path).await.is_ok_and(|real| self.own().holds(&file(real))),
            SecretRef::Store(_) => false,
        };
        if owned || self.own().holds(reference) {
            let error = Error::new(&SECRET_UNRESOLVED).with("reference", reference);
            return Err(error.with("reason", "this secret is the platform's own"));
        }
        self.read(reference).await
    }

    async fn read(&self, reference: &SecretRef) -> Result<Secret> {
        let unresolved = |reason: String| Error::new(&SECRET_UNRESOLVED).with("reference", reference).with("reason", reason);
        match reference {
            SecretRef::Environment(name) => {
                std::env::var(name).map(Secret::new).map_err(|_| unresolved("the variable is not set, or is not text".to_owned()))
            }
            SecretRef::File(path) => self.read_file(Path::new(path)).await.map_err(unresolved),
            SecretRef::Store(name) => {
                let row = self.meta().secrets().get(name).await?;
                let row = row.ok_or_else(|| unresolved("no secret of this name is stored".to_owned()))?;
                let sealed = Sealed { ciphertext: row.ciphertext, nonce: row.nonce, key_id: row.key_id };
                self.key().open(name, &sealed).map_err(unresolved)
            }
        }
    }

    async fn read_file(&self, path: &Path) -> Result<Secret, String> {
        let real = tokio::fs::canonicalize(path).await.map_err(|error| error.to_string())?;
        if self.key().file() == Some(real.as_path()) {
            return Err("this file is the platform's own".to_owned());
        }
        if SYSTEM_FOLDERS.iter().any(|folder| real.starts_with(folder)) {
            return Err("files of the system are no secrets".to_owned());
        }
        if !tokio::fs::metadata(&real).await.map_err(|error| error.to_string())?.is_file() {
            return Err("it is not a file".to_owned());
        }
        let file = tokio::fs::File::open(&real).await.map_err(|error| error.to_string())?;
        let mut text = String::new();
        let limit = SECRET_BYTES_MAX as u64 + 1;
        file.take(limit).read_to_string(&mut text).await.map_err(|error| error.to_string())?;
        if text.len() > SECRET_BYTES_MAX {
            return Err(format!("it has more than {SECRET_BYTES_MAX} bytes"));
        }
        let text = text.strip_suffix('\n').unwrap_or(&text);
        Ok(Secret::new(text.strip_suffix('\r').unwrap_or(text)))
    }
}

impl Secrets for Guard {
    fn resolve<'a>(&'a self, reference: &'a SecretRef) -> Pin<Box<dyn Future<Output = Result<Secret>> + Send + 'a>> {
        Box::pin(self.resolve_reference(reference))
    }
}

impl Secrets for OwnSecrets {
    fn resolve<'a>(&'a self, reference: &'a SecretRef) -> Pin<Box<dyn Future<Output = Result<Secret>> + Send + 'a>> {
        Box::pin(async move {
            let secret = self.0.read(reference).await?;
            if let SecretRef::File(path) = reference
                && let Ok(real) = tokio::fs::canonicalize(path).await
            {
                self.0.own().add(file(real));
            }
            self.0.own().add(reference.clone());
            Ok(secret)
        })
    }
}

/// A file by its real path, so that a link to it is the same.
fn file(real: PathBuf) -> SecretRef {
    SecretRef::File(real.display().to_string())
}

fn resource(name: &str) -> Object<'_> {
    Object::Resource { kind: "Secret", name }
}

fn check_name(name: &str) -> Result<&str> {
    let fits = (1..=200).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'/'));
    if fits {
        return Ok(name);
    }
    let shown: String = name.chars().take(80).collect();
    let rule = "use letters, digits, dashes, underscores, dots and slashes, at most 200";
    Err(Error::new(&INVALID_NAME).with("what", "secret").with("name", shown).with("rule", rule))
}
