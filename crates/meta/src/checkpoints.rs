//! Up to where the audit's chains have been forgotten: each chain's last row that is gone, with its hash.

use base::{Error, Result};
use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, DbErr, QueryOrder, QuerySelect};

use crate::audit::{Audit, AuditHead, row};
use crate::clock::micros;
use crate::codes::AUDIT_CHAIN_MOVED;
use crate::facts;
use crate::transactions::{begin, retried, upsert};

/// Rows deleted in one statement, so that others are not kept waiting.
const ROWS_PER_DELETE: i64 = 5000;

/// What the list of checkpoints is, as a digest that its keeper computes.
const CHECKPOINTS: &str = "audit_checkpoints";

impl Audit {
    /// The last forgotten row of each chain, by chain.
    pub async fn checkpoints(&self) -> Result<Vec<AuditHead>> {
        let rows = Entity::find().order_by_asc(Column::Chain).all(self.meta().database()).await;
        let rows = rows.map_err(|error| self.meta().failed(error))?;
        Ok(rows.into_iter().map(|row| AuditHead { chain: row.chain, seq: row.seq, hash: row.hash }).collect())
    }

    /// The chains that have rows from before then.
    pub async fn chains_before(&self, before: DateTime<Utc>) -> Result<Vec<String>> {
        let chains: Result<Vec<String>, DbErr> = row::Entity::find()
            .select_only()
            .column(row::Column::Chain)
            .distinct()
            .filter(row::Column::At.lt(micros(before)))
            .order_by_asc(row::Column::Chain)
            .into_tuple()
            .all(self.meta().database())
            .await;
        chains.map_err(|error| self.meta().failed(error))
    }

    /// Moves checkpoints forward in one transaction. `from` and `to` are digests of the whole list before and after; if somebody
    /// else changed it meanwhile, nothing is done. Asking for the same again changes nothing.
    pub async fn move_checkpoints(&self, moved: &[AuditHead], from: Option<&str>, to: &str) -> Result<()> {
        let meta = self.meta();
        let done = retried(meta, || async {
            let transaction = begin(meta.database()).await?;
            if facts::value(&transaction, CHECKPOINTS).await?.as_deref() == Some(to) {
                return Ok(true);
            }
            if !facts::change(&transaction, CHECKPOINTS, from, to).await? {
                return Ok(false);
            }
            for head in moved {
                let (chain, seq, hash) = (Set(head.chain.clone()), Set(head.seq), Set(head.hash.clone()));
                upsert(&transaction, ActiveModel { chain, seq, hash }).await?;
            }
            transaction.commit().await?;
            Ok(true)
        });
        if done.await? { Ok(()) } else { Err(Error::new(&AUDIT_CHAIN_MOVED).with("chain", CHECKPOINTS)) }
    }

    /// Deletes the rows of a chain up to its checkpoint; answers how many.
    pub async fn delete_forgotten(&self, checkpoint: &AuditHead) -> Result<u64> {
        let meta = self.meta();
        let mut deleted = 0;
        loop {
            let first = row::Entity::find()
                .filter(row::Column::Chain.eq(&checkpoint.chain))
                .order_by_asc(row::Column::Seq)
                .one(meta.database())
                .await
                .map_err(|error| meta.failed(error))?;
            let Some(first) = first.filter(|first| first.seq <= checkpoint.seq) else { return Ok(deleted) };
            let last = checkpoint.seq.min(first.seq + ROWS_PER_DELETE - 1);
            let part = retried(meta, || {
                row::Entity::delete_many()
                    .filter(row::Column::Chain.eq(&checkpoint.chain))
                    .filter(row::Column::Seq.lte(last))
                    .exec(meta.database())
            });
            deleted += part.await?.rows_affected;
        }
    }
}

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_checkpoints")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub chain: String,
    pub seq: i64,
    pub hash: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
