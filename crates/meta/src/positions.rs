//! How far each application transaction has read its source, by version, and the ledger of the files it has taken.

use base::Result;
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, DbErr, QueryOrder};
use serde_json::Value;

use crate::Meta;
use crate::clock::{micros, now};
use crate::failures::damaged;
use crate::transactions::{begin, retried, upsert};

/// Most ledger rows of one statement.
const ROWS_PER_STATEMENT: usize = 1000;

/// Positions by application id and version.
#[derive(Debug, Clone)]
pub struct Positions {
    meta: Meta,
}

/// A file that was taken, as it was then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerEntry {
    /// Its path in its store.
    pub path: String,
    /// The store's mark of its content.
    pub etag: String,
    /// Its size in bytes.
    pub size: i64,
}

impl Positions {
    pub(crate) fn new(meta: Meta) -> Self {
        Self { meta }
    }

    /// Notes where the source stands at a version; the same version again replaces it, as a retry before the commit does.
    pub async fn put(&self, app_id: &str, version: i64, position: &Value) -> Result<()> {
        let row = position::ActiveModel {
            app_id: Set(app_id.to_owned()),
            version: Set(version),
            position: Set(position.to_string()),
            put_at: Set(micros(now())),
        };
        retried(&self.meta, || upsert(self.meta.database(), row.clone())).await
    }

    /// The position at a version.
    pub async fn get(&self, app_id: &str, version: i64) -> Result<Option<Value>> {
        let row = position::Entity::find_by_id((app_id.to_owned(), version)).one(self.meta.database()).await;
        let row = row.map_err(|error| self.meta.failed(error))?;
        row.map(|row| serde_json::from_str(&row.position).map_err(|error| damaged("positions", error))).transpose()
    }

    /// The highest version noted, with its position; it may be of a commit that never came to be.
    pub async fn latest(&self, app_id: &str) -> Result<Option<(i64, Value)>> {
        let row = position::Entity::find()
            .filter(position::Column::AppId.eq(app_id))
            .order_by_desc(position::Column::Version)
            .one(self.meta.database())
            .await
            .map_err(|error| self.meta.failed(error))?;
        row.map(|row| {
            let position = serde_json::from_str(&row.position).map_err(|error| damaged("positions", error))?;
            Ok((row.version, position))
        })
        .transpose()
    }

    /// Notes the files that a version takes; the same version again replaces its files.
    pub async fn ledger_put(&self, app_id: &str, version: i64, entries: Vec<LedgerEntry>) -> Result<()> {
        retried(&self.meta, || async {
            let transaction = begin(self.meta.database()).await?;
            file::Entity::delete_many()
                .filter(file::Column::AppId.eq(app_id))
                .filter(file::Column::Version.eq(version))
                .exec(&transaction)
                .await?;
            let rows: Vec<_> = entries.iter().zip(0..).map(|(entry, seq)| store(app_id, version, seq, entry)).collect();
            for part in rows.chunks(ROWS_PER_STATEMENT) {
                file::Entity::insert_many(part.to_vec()).exec_without_returning(&transaction).await?;
            }
            transaction.commit().await
        })
        .await
    }

    /// The files taken by all versions up to this one, in the order they were taken.
    pub async fn ledger(&self, app_id: &str, up_to_version: i64) -> Result<Vec<LedgerEntry>> {
        let rows = file::Entity::find()
            .filter(file::Column::AppId.eq(app_id))
            .filter(file::Column::Version.lte(up_to_version))
            .order_by_asc(file::Column::Version)
            .order_by_asc(file::Column::Seq)
            .all(self.meta.database())
            .await
            .map_err(|error| self.meta.failed(error))?;
        Ok(rows.into_iter().map(|row| LedgerEntry { path: row.path, etag: row.etag, size: row.size }).collect())
    }

    /// Forgets all of an application id, so that its source is read from the start.
    pub async fn forget(&self, app_id: &str) -> Result<()> {
        retried(&self.meta, || async {
            let transaction = begin(self.meta.database()).await?;
            position::Entity::delete_many().filter(position::Column::AppId.eq(app_id)).exec(&transaction).await?;
            file::Entity::delete_many().filter(file::Column::AppId.eq(app_id)).exec(&transaction).await?;
            transaction.commit().await?;
            Ok::<_, DbErr>(())
        })
        .await
    }
}

fn store(app_id: &str, version: i64, seq: i64, entry: &LedgerEntry) -> file::ActiveModel {
    file::ActiveModel {
        app_id: Set(app_id.to_owned()),
        version: Set(version),
        seq: Set(seq),
        path: Set(entry.path.clone()),
        etag: Set(entry.etag.clone()),
        size: Set(entry.size),
    }
}

mod position {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "positions")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub app_id: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub version: i64,
        pub position: String,
        pub put_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod file {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "ledger")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub app_id: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub version: i64,
        #[sea_orm(primary_key, auto_increment = false)]
        pub seq: i64,
        pub path: String,
        pub etag: String,
        pub size: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
