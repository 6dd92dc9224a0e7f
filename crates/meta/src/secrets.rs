//! The encrypted store: cipher texts by name. Keys and plain texts are `guard`'s business.

use base::Result;
use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, QueryOrder};

use crate::Meta;
use crate::clock::{micros, now, time};
use crate::transactions::{retried, upsert};

/// Encrypted secrets by name.
#[derive(Debug, Clone)]
pub struct Secrets {
    meta: Meta,
}

/// One encrypted secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretRow {
    /// Its name, as in `secret:NAME`.
    pub name: String,
    /// Cipher text with its tag.
    pub ciphertext: Vec<u8>,
    /// The nonce it was made with.
    pub nonce: Vec<u8>,
    /// Which key it was made with.
    pub key_id: String,
    /// When it was put.
    pub updated_at: DateTime<Utc>,
    /// Who put it.
    pub updated_by: String,
}

impl Secrets {
    pub(crate) fn new(meta: Meta) -> Self {
        Self { meta }
    }

    /// Puts or replaces a secret.
    pub async fn put(&self, name: &str, ciphertext: &[u8], nonce: &[u8], key_id: &str, by: &str) -> Result<()> {
        let row = row::ActiveModel {
            name: Set(name.to_owned()),
            ciphertext: Set(ciphertext.to_vec()),
            nonce: Set(nonce.to_vec()),
            key_id: Set(key_id.to_owned()),
            updated_at: Set(micros(now())),
            updated_by: Set(by.to_owned()),
        };
        retried(&self.meta, || upsert(self.meta.database(), row.clone())).await
    }

    /// One secret, still encrypted.
    pub async fn get(&self, name: &str) -> Result<Option<SecretRow>> {
        let found = row::Entity::find_by_id(name.to_owned()).one(self.meta.database()).await;
        Ok(found.map_err(|error| self.meta.failed(error))?.map(read))
    }

    /// All secrets, still encrypted, by name.
    pub async fn list(&self) -> Result<Vec<SecretRow>> {
        let rows = row::Entity::find().order_by_asc(row::Column::Name).all(self.meta.database()).await;
        Ok(rows.map_err(|error| self.meta.failed(error))?.into_iter().map(read).collect())
    }

    /// Removes a secret; false if it was not there.
    pub async fn delete(&self, name: &str) -> Result<bool> {
        let deleted = retried(&self.meta, || row::Entity::delete_by_id(name.to_owned()).exec(self.meta.database())).await?;
        Ok(deleted.rows_affected == 1)
    }
}

fn read(row: row::Model) -> SecretRow {
    SecretRow {
        name: row.name,
        ciphertext: row.ciphertext,
        nonce: row.nonce,
        key_id: row.key_id,
        updated_at: time(row.updated_at),
        updated_by: row.updated_by,
    }
}

mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "secrets")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub name: String,
        pub ciphertext: Vec<u8>,
        pub nonce: Vec<u8>,
        pub key_id: String,
        pub updated_at: i64,
        pub updated_by: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
