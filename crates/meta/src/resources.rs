//! What users declare: one row a resource, with a version that every change compares, and the version of the policy.

use base::{Error, Result};
use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, DatabaseTransaction, DbErr, QueryOrder, QuerySelect};
use serde_json::Value;

use crate::clock::{micros, now, time};
use crate::codes::{DATABASE_BUSY, VERSION_CONFLICT};
use crate::failures::damaged;
use crate::transactions::{begin, insert_new, retried};
use crate::{Meta, counters};

/// Kinds whose change is a change of what somebody may read: the policy, and views, which read with the rights of who declared
/// them.
const POLICY_KINDS: [&str; 4] = ["User", "Role", "Grant", "View"];

/// How often an unconditional put meets another writer before it gives up.
const RACES_MAX: usize = 8;

/// Resources by kind and name.
#[derive(Debug, Clone)]
pub struct Resources {
    meta: Meta,
}

/// A resource as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct ResourceRow {
    /// Such as `Pipeline`.
    pub kind: String,
    /// Unique in its kind.
    pub name: String,
    /// The spec in canonical JSON, defaults filled in.
    pub spec: Value,
    /// The YAML as it was written.
    pub text: String,
    /// Grows by one with every change, from 1.
    pub version: i64,
    /// When it was first put.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
    /// The user who last changed it.
    pub updated_by: String,
}

impl ResourceRow {
    /// A row to put; its version and times are set by [`Resources::put`].
    pub fn new(
        kind: impl Into<String>,
        name: impl Into<String>,
        spec: Value,
        text: impl Into<String>,
        updated_by: impl Into<String>,
    ) -> Self {
        let now = now();
        Self {
            kind: kind.into(),
            name: name.into(),
            spec,
            text: text.into(),
            version: 0,
            created_at: now,
            updated_at: now,
            updated_by: updated_by.into(),
        }
    }
}

enum Put {
    Done(ResourceRow),
    Conflict(i64),
    Raced,
}

impl Resources {
    pub(crate) fn new(meta: Meta) -> Self {
        Self { meta }
    }

    /// One resource, if it is there.
    pub async fn get(&self, kind: &str, name: &str) -> Result<Option<ResourceRow>> {
        let found = row::Entity::find_by_id((kind.to_owned(), name.to_owned())).one(self.meta.database()).await;
        found.map_err(|error| self.meta.failed(error))?.map(read).transpose()
    }

    /// All resources of a kind, or of every kind, by kind and name.
    pub async fn list(&self, kind: Option<&str>) -> Result<Vec<ResourceRow>> {
        let mut query = row::Entity::find().order_by_asc(row::Column::Kind).order_by_asc(row::Column::Name);
        if let Some(kind) = kind {
            query = query.filter(row::Column::Kind.eq(kind));
        }
        let rows = query.all(self.meta.database()).await.map_err(|error| self.meta.failed(error))?;
        rows.into_iter().map(read).collect()
    }

    /// Writes a resource. With `expected_version` it must have that version (0: must not exist), else [`VERSION_CONFLICT`].
    pub async fn put(&self, row: ResourceRow, expected_version: Option<i64>) -> Result<ResourceRow> {
        for _ in 0..RACES_MAX {
            match retried(&self.meta, || self.put_once(&row, expected_version)).await? {
                Put::Done(row) => {
                    self.note_policy_write(&row.kind);
                    return Ok(row);
                }
                Put::Raced => {}
                Put::Conflict(found) => {
                    return Err(Error::new(&VERSION_CONFLICT)
                        .with("kind", &row.kind)
                        .with("name", &row.name)
                        .with("expected", expected_version.unwrap_or_default())
                        .with("found", found));
                }
            }
        }
        Err(Error::new(&DATABASE_BUSY)
            .with("database", self.meta.place())
            .with("reason", format!("{} `{}` is being changed by several writers at once", row.kind, row.name)))
    }

    async fn put_once(&self, wanted: &ResourceRow, expected_version: Option<i64>) -> Result<Put, DbErr> {
        let transaction = begin(self.meta.database()).await?;
        let key = (wanted.kind.clone(), wanted.name.clone());
        // Writers of one resource wait in line here; the comparison below is what makes it right, this only makes it fair.
        let before = row::Entity::find_by_id(key).lock_exclusive().one(&transaction).await?;
        let found = before.as_ref().map_or(0, |before| before.version);
        if expected_version.is_some_and(|expected| expected != found) {
            return Ok(Put::Conflict(found));
        }
        let updated_at = now();
        let after = ResourceRow {
            version: found + 1,
            created_at: before.as_ref().map_or(updated_at, |before| time(before.created_at)),
            updated_at,
            ..wanted.clone()
        };
        let written = match before {
            None => insert_new(&transaction, store(&after)).await?,
            Some(_) => {
                let updated = row::Entity::update_many()
                    .set(store(&after))
                    .filter(row::Column::Kind.eq(&after.kind))
                    .filter(row::Column::Name.eq(&after.name))
                    .filter(row::Column::Version.eq(found))
                    .exec(&transaction)
                    .await?;
                updated.rows_affected == 1
            }
        };
        if !written {
            return Ok(Put::Raced);
        }
        note_policy(&transaction, &after.kind).await?;
        transaction.commit().await?;
        Ok(Put::Done(after))
    }

    /// Removes a resource; false if it was not there.
    pub async fn delete(&self, kind: &str, name: &str) -> Result<bool> {
        let deleted = retried(&self.meta, || async {
            let transaction = begin(self.meta.database()).await?;
            let deleted = row::Entity::delete_by_id((kind.to_owned(), name.to_owned())).exec(&transaction).await?;
            note_policy(&transaction, kind).await?;
            transaction.commit().await?;
            Ok(deleted.rows_affected == 1)
        })
        .await?;
        self.note_policy_write(kind);
        Ok(deleted)
    }

    fn note_policy_write(&self, kind: &str) {
        if POLICY_KINDS.contains(&kind) {
            self.meta.note_policy_write();
        }
    }
}

impl Meta {
    /// Grows with every change of users, roles, grants and views, and with every revocation of a token or session.
    pub async fn policy_version(&self) -> Result<i64> {
        counters::value(self.database(), counters::POLICY).await.map_err(|error| self.failed(error))
    }
}

async fn note_policy(transaction: &DatabaseTransaction, kind: &str) -> Result<(), DbErr> {
    if POLICY_KINDS.contains(&kind) {
        counters::next(transaction, counters::POLICY).await?;
    }
    Ok(())
}

fn store(row: &ResourceRow) -> row::ActiveModel {
    row::ActiveModel {
        kind: Set(row.kind.clone()),
        name: Set(row.name.clone()),
        spec: Set(row.spec.to_string()),
        text: Set(row.text.clone()),
        version: Set(row.version),
        created_at: Set(micros(row.created_at)),
        updated_at: Set(micros(row.updated_at)),
        updated_by: Set(row.updated_by.clone()),
    }
}

fn read(row: row::Model) -> Result<ResourceRow> {
    Ok(ResourceRow {
        spec: serde_json::from_str(&row.spec).map_err(|error| damaged("resources", error))?,
        kind: row.kind,
        name: row.name,
        text: row.text,
        version: row.version,
        created_at: time(row.created_at),
        updated_at: time(row.updated_at),
        updated_by: row.updated_by,
    })
}

mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "resources")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub kind: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub name: String,
        pub spec: String,
        pub text: String,
        pub version: i64,
        pub created_at: i64,
        pub updated_at: i64,
        pub updated_by: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
