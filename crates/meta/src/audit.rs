//! The audit chains' rows: appended in one transaction, each chain only behind the row it ends with.

use base::{Error, Result};
use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, DbErr, QueryOrder, QuerySelect};

use crate::Meta;
use crate::clock::{micros, time};
use crate::codes::AUDIT_CHAIN_MOVED;
use crate::transactions::{begin, insert_new, retried};

/// Most rows of one statement: SQLite binds 32,766 values at most.
const ROWS_PER_STATEMENT: usize = 500;

/// Most rows of one page.
const PAGE_ROWS_MAX: u64 = 1000;

/// Audit rows and the heads of their chains.
#[derive(Debug, Clone)]
pub struct Audit {
    meta: Meta,
}

/// One event of one chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Sorts by time over all chains; the cursor of a page.
    pub id: String,
    /// The chain: one per process.
    pub chain: String,
    /// From 1, without gaps.
    pub seq: i64,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// Who.
    pub principal: String,
    /// What, such as `sql`.
    pub action: String,
    /// On what.
    pub object: String,
    /// Whether it was allowed.
    pub allowed: bool,
    /// The whole event as canonical JSON: what the hash covers.
    pub body: String,
    /// Hash of the row before, 64 hexadecimal digits; zeros for the first.
    pub prev: String,
    /// Hash of this row.
    pub hash: String,
}

/// Where a chain ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditHead {
    /// The chain.
    pub chain: String,
    /// Sequence number of its last row.
    pub seq: i64,
    /// Hash of its last row.
    pub hash: String,
}

/// Which audit rows to list; all conditions hold together.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// Of this principal.
    pub principal: Option<String>,
    /// Of this action.
    pub action: Option<String>,
    /// On this object.
    pub object: Option<String>,
    /// Allowed or refused ones.
    pub allowed: Option<bool>,
    /// Not before.
    pub since: Option<DateTime<Utc>>,
    /// Before.
    pub until: Option<DateTime<Utc>>,
    /// Rows older than the one with this id, for the next page.
    pub before: Option<String>,
    /// At most this many; 0 and more than 1000 mean 1000.
    pub limit: u64,
}

impl Audit {
    pub(crate) fn new(meta: Meta) -> Self {
        Self { meta }
    }

    pub(crate) fn meta(&self) -> &Meta {
        &self.meta
    }

    /// Appends rows of one chain in one transaction. The chain must end just before the first; appending the same rows again,
    /// as after a lost answer, changes nothing.
    pub async fn append(&self, rows: Vec<AuditRow>) -> Result<()> {
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Ok(()) };
        if retried(&self.meta, || self.append_once(&rows, first, last)).await? {
            return Ok(());
        }
        let head = head::Entity::find_by_id(first.chain.clone()).one(self.meta.database()).await;
        match head.map_err(|error| self.meta.failed(error))? {
            Some(head) if head.seq == last.seq && head.hash == last.hash => Ok(()),
            _ => Err(Error::new(&AUDIT_CHAIN_MOVED).with("chain", &first.chain)),
        }
    }

    async fn append_once(&self, rows: &[AuditRow], first: &AuditRow, last: &AuditRow) -> Result<bool, DbErr> {
        let transaction = begin(self.meta.database()).await?;
        let after = head::ActiveModel { chain: Set(last.chain.clone()), seq: Set(last.seq), hash: Set(last.hash.clone()) };
        let moved = if first.seq == 1 {
            insert_new(&transaction, after).await?
        } else {
            let update = head::Entity::update_many()
                .set(after)
                .filter(head::Column::Chain.eq(&first.chain))
                .filter(head::Column::Seq.eq(first.seq - 1))
                .filter(head::Column::Hash.eq(&first.prev));
            update.exec(&transaction).await?.rows_affected == 1
        };
        if !moved {
            return Ok(false);
        }
        for part in rows.chunks(ROWS_PER_STATEMENT) {
            row::Entity::insert_many(part.iter().map(store)).exec_without_returning(&transaction).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// The newest rows that fit, newest first.
    pub async fn page(&self, filter: &AuditFilter) -> Result<Vec<AuditRow>> {
        let limit = if filter.limit == 0 { PAGE_ROWS_MAX } else { filter.limit.min(PAGE_ROWS_MAX) };
        let mut query = row::Entity::find().order_by_desc(row::Column::Id).limit(limit);
        let texts = [
            (row::Column::Principal, &filter.principal),
            (row::Column::Action, &filter.action),
            (row::Column::Object, &filter.object),
        ];
        for (column, wanted) in texts {
            if let Some(wanted) = wanted {
                query = query.filter(column.eq(wanted));
            }
        }
        if let Some(allowed) = filter.allowed {
            query = query.filter(row::Column::Allowed.eq(allowed));
        }
        if let Some(since) = filter.since {
            query = query.filter(row::Column::At.gte(micros(since)));
        }
        if let Some(until) = filter.until {
            query = query.filter(row::Column::At.lt(micros(until)));
        }
        if let Some(before) = &filter.before {
            query = query.filter(row::Column::Id.lt(before));
        }
        let rows = query.all(self.meta.database()).await.map_err(|error| self.meta.failed(error))?;
        Ok(rows.into_iter().map(read).collect())
    }

    /// Where the newest chains end, newest chain first; `limit` none: all chains.
    pub async fn heads(&self, limit: Option<u64>) -> Result<Vec<AuditHead>> {
        let heads = head::Entity::find().order_by_desc(head::Column::Chain).limit(limit).all(self.meta.database()).await;
        let heads = heads.map_err(|error| self.meta.failed(error))?;
        Ok(heads.into_iter().map(|head| AuditHead { chain: head.chain, seq: head.seq, hash: head.hash }).collect())
    }

    /// Every chain that has rows, whether or not it has a head.
    pub async fn chains(&self) -> Result<Vec<String>> {
        let chains: Result<Vec<String>, DbErr> = row::Entity::find()
            .select_only()
            .column(row::Column::Chain)
            .distinct()
            .order_by_asc(row::Column::Chain)
            .into_tuple()
            .all(self.meta.database())
            .await;
        chains.map_err(|error| self.meta.failed(error))
    }

    /// The rows of a chain behind `after_seq`, in their order.
    pub async fn chain(&self, chain: &str, after_seq: i64, limit: u64) -> Result<Vec<AuditRow>> {
        let rows = row::Entity::find()
            .filter(row::Column::Chain.eq(chain))
            .filter(row::Column::Seq.gt(after_seq))
            .order_by_asc(row::Column::Seq)
            .limit(limit.min(PAGE_ROWS_MAX))
            .all(self.meta.database())
            .await;
        Ok(rows.map_err(|error| self.meta.failed(error))?.into_iter().map(read).collect())
    }
}

fn store(event: &AuditRow) -> row::ActiveModel {
    row::ActiveModel {
        chain: Set(event.chain.clone()),
        seq: Set(event.seq),
        id: Set(event.id.clone()),
        at: Set(micros(event.at)),
        principal: Set(event.principal.clone()),
        action: Set(event.action.clone()),
        object: Set(event.object.clone()),
        allowed: Set(event.allowed),
        body: Set(event.body.clone()),
        prev: Set(event.prev.clone()),
        hash: Set(event.hash.clone()),
    }
}

fn read(row: row::Model) -> AuditRow {
    AuditRow {
        id: row.id,
        chain: row.chain,
        seq: row.seq,
        at: time(row.at),
        principal: row.principal,
        action: row.action,
        object: row.object,
        allowed: row.allowed,
        body: row.body,
        prev: row.prev,
        hash: row.hash,
    }
}

pub(crate) mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "audit")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub chain: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub seq: i64,
        pub id: String,
        pub at: i64,
        pub principal: String,
        pub action: String,
        pub object: String,
        pub allowed: bool,
        pub body: String,
        pub prev: String,
        pub hash: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod head {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "audit_heads")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub chain: String,
        pub seq: i64,
        pub hash: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
