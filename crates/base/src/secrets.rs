//! Secrets are references until the moment of use, and are never printed.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::errors::{Error, INVALID_SETTING, Result};

/// Where a secret is: `env:NAME`, `file:PATH`, or `secret:NAME` in the platform's encrypted store.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub enum SecretRef {
    /// A variable of this process's environment.
    Environment(String),
    /// A file, such as a mounted Kubernetes secret; a newline at its end is not part of the secret.
    File(String),
    /// A name in the encrypted store.
    Store(String),
}

impl FromStr for SecretRef {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.split_once(':') {
            Some(("env", name)) if !name.is_empty() => Ok(Self::Environment(name.to_owned())),
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(path.to_owned())),
            Some(("secret", name)) if !name.is_empty() => Ok(Self::Store(name.to_owned())),
            // The text is not repeated: it may be the secret itself, pasted where its reference belongs.
            _ => Err(Error::new(&INVALID_SETTING)
                .with("setting", "secret reference")
                .with("reason", "write where the secret is, as env:NAME, file:PATH or secret:NAME, not the secret itself")),
        }
    }
}

impl TryFrom<String> for SecretRef {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<SecretRef> for String {
    fn from(reference: SecretRef) -> Self {
        reference.to_string()
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{path}"),
            Self::Store(name) => write!(f, "secret:{name}"),
        }
    }
}

/// A secret in memory. Prints as dots.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes the value.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value, for the one call that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("••••")
    }
}

/// Turns references into secrets at the moment of use; `guard` implements it.
pub trait Secrets: Send + Sync {
    /// The secret, or an error that names the reference and never the value.
    fn resolve<'a>(&'a self, reference: &'a SecretRef) -> Pin<Box<dyn Future<Output = Result<Secret>> + Send + 'a>>;
}
