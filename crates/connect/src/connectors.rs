//! The kinds of business system there are: one file each, one line here.

pub mod files;
pub mod mysql;
pub mod postgres;
pub mod push;
pub mod sqlite;

use std::sync::Arc;

use async_trait::async_trait;
use base::Result;

use crate::source::Source;
use crate::spec::{ConnectionSpec, Context};

/// A kind of business system.
#[async_trait]
pub(crate) trait Connector: Sync {
    /// Opens the connection if its spec is of this kind.
    async fn open(&self, name: &str, spec: &ConnectionSpec, context: &Context) -> Result<Option<Arc<dyn Source>>>;
}

pub(crate) const ALL: &[&dyn Connector] = &[&files::Files, &sqlite::Sqlite, &postgres::Postgres, &mysql::Mysql, &push::Push];
