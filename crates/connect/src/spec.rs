//! What a user declares of a business system: exactly one of the connectors, with its options.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use base::Secrets;
use base::document::{Declared, Wrong};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::connectors::files::FilesOptions;
use crate::connectors::mysql::MysqlOptions;
use crate::connectors::postgres::PostgresOptions;
use crate::connectors::push::PushOptions;
use crate::connectors::sqlite::SqliteOptions;

/// A business system outside dataux: how to reach it. Exactly one of `files`, `sqlite`, `postgres`, `mysql` and `push` is set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionSpec {
    /// What it is, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Files in a folder or an object store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<FilesOptions>,
    /// A SQLite database file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sqlite: Option<SqliteOptions>,
    /// A PostgreSQL database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postgres: Option<PostgresOptions>,
    /// A MySQL or MariaDB server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mysql: Option<MysqlOptions>,
    /// A system that sends JSON lines by itself, over HTTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub push: Option<PushOptions>,
}

impl Declared for ConnectionSpec {
    const KIND: &'static str = "Connection";

    fn check(&self) -> Result<(), Wrong> {
        let set =
            [self.files.is_some(), self.sqlite.is_some(), self.postgres.is_some(), self.mysql.is_some(), self.push.is_some()];
        match set.iter().filter(|set| **set).count() {
            0 => return Err(Wrong::new("spec", "set one of `files`, `sqlite`, `postgres`, `mysql` or `push`")),
            1 => {}
            _ => return Err(Wrong::new("spec", "set only one of `files`, `sqlite`, `postgres`, `mysql` and `push`")),
        }
        if let Some(files) = &self.files {
            files.check()?;
        }
        if let Some(sqlite) = &self.sqlite {
            sqlite.check()?;
        }
        if let Some(postgres) = &self.postgres {
            postgres.check()?;
        }
        if let Some(mysql) = &self.mysql {
            mysql.check()?;
        }
        if let Some(push) = &self.push {
            push.check()?;
        }
        Ok(())
    }
}

/// What connections are opened with.
#[derive(Clone)]
pub struct Context {
    /// Turns secret references into secrets.
    pub secrets: Arc<dyn Secrets>,
    /// Where relative paths of declarations start.
    pub base_dir: PathBuf,
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("base_dir", &self.base_dir).finish_non_exhaustive()
    }
}
