//! How each table of the lake stands: its size, and when it last changed. Asked often, so nothing is kept or read twice for it.

use base::names::LAKE;
use base::{Result, TableName};
use chrono::{DateTime, Utc};
use guard::Pass;

use crate::query::Engine;

/// How one table stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableStanding {
    /// Its newest version.
    pub version: u64,
    /// When that was written, by the store's clock.
    pub changed_at: DateTime<Utc>,
    /// Bytes of its data files.
    pub bytes: u64,
    /// Its data files.
    pub files: u64,
}

impl Engine {
    /// The names of the lake's tables, sorted. No pass: for numbers, and not for an answer.
    pub async fn table_names(&self) -> Result<Vec<TableName>> {
        let mut names = Vec::new();
        for schema in self.lake().schemas().await? {
            for table in self.lake().tables(&schema).await? {
                names.extend(TableName::new(LAKE, &schema, table).ok());
            }
        }
        Ok(names)
    }

    /// How a table stands now; what is `known` is answered again after one look at the log, if nothing changed.
    pub async fn standing(&self, pass: &Pass, name: &TableName, known: Option<TableStanding>) -> Result<TableStanding> {
        if let Some(known) = known
            && self.lake().newest_written_at(name, known.version).await? == Some(known.changed_at)
        {
            return Ok(known);
        }
        let (lake, pass, name) = (self.lake().clone(), pass.clone(), name.clone());
        self.compute(async move {
            let (version, details) = lake.size(&pass, &name).await?;
            // Whoever commits in this moment makes it wait for the next look.
            let changed_at = lake.newest_written_at(&name, version).await?.unwrap_or_else(Utc::now);
            Ok(TableStanding { version, changed_at, bytes: details.bytes, files: details.files })
        })
        .await
    }
}
