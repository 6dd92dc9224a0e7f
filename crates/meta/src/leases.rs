//! Leases with fences: one owner at a time by the database's clock, and a number that grows with every owner.

use std::time::Duration;

use base::Result;
use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, ConnectionTrait, DbErr, sea_query::ExprTrait};

use crate::Meta;
use crate::clock::{database_now, database_now_plus, time};
use crate::transactions::{begin, insert_new, retried};

/// Leases by name.
#[derive(Debug, Clone)]
pub struct Leases {
    meta: Meta,
}

/// A lease that was held when it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// What is leased, such as `scheduler`.
    pub name: String,
    /// Who holds it; unique to one process's life.
    pub owner: String,
    /// Larger than every fence of this lease before it; goes with each write that the lease permits.
    pub fence: i64,
    /// When it ends, by the database's clock.
    pub expires_at: DateTime<Utc>,
    /// How long it lasts from each renewal.
    pub ttl: Duration,
}

impl Leases {
    pub(crate) fn new(meta: Meta) -> Self {
        Self { meta }
    }

    /// Takes a lease that nobody holds; none if somebody does, be it the same owner.
    pub async fn acquire(&self, name: &str, owner: &str, ttl: Duration) -> Result<Option<Lease>> {
        // A read without any lock first: those who wait for a lease ask often.
        if self.is_held(name).await? {
            return Ok(None);
        }
        retried(&self.meta, || self.acquire_once(name, owner, ttl)).await
    }

    async fn acquire_once(&self, name: &str, owner: &str, ttl: Duration) -> Result<Option<Lease>, DbErr> {
        let transaction = begin(self.meta.database()).await?;
        let backend = transaction.get_database_backend();
        // A first row that has expired already, so that there is one way to take a lease.
        if row::Entity::find_by_id(name.to_owned()).one(&transaction).await?.is_none() {
            let row =
                row::ActiveModel { name: Set(name.to_owned()), owner: Set(String::new()), fence: Set(0), expires_at: Set(0) };
            insert_new(&transaction, row).await?;
        }
        let taken = row::Entity::update_many()
            .col_expr(row::Column::Owner, Expr::value(owner))
            .col_expr(row::Column::Fence, Expr::col(row::Column::Fence).add(1))
            .col_expr(row::Column::ExpiresAt, database_now_plus(backend, ttl))
            .filter(row::Column::Name.eq(name))
            .filter(Expr::col(row::Column::ExpiresAt).lte(database_now(backend)))
            .exec(&transaction)
            .await?;
        let row = row::Entity::find_by_id(name.to_owned()).one(&transaction).await?;
        transaction.commit().await?;
        Ok(row.filter(|_| taken.rows_affected == 1).map(|row| Lease {
            name: row.name,
            owner: row.owner,
            fence: row.fence,
            expires_at: time(row.expires_at),
            ttl,
        }))
    }

    async fn is_held(&self, name: &str) -> Result<bool> {
        let database = self.meta.database();
        let held = row::Entity::find_by_id(name.to_owned())
            .filter(Expr::col(row::Column::ExpiresAt).gt(database_now(database.get_database_backend())))
            .one(database)
            .await;
        Ok(held.map_err(|error| self.meta.failed(error))?.is_some())
    }

    /// Holds a lease for its `ttl` from now; false if it is no longer ours, and then all work under it must stop.
    pub async fn renew(&self, lease: &Lease) -> Result<bool> {
        let backend = self.meta.database().get_database_backend();
        self.change(lease, database_now_plus(backend, lease.ttl)).await
    }

    /// Gives a lease back at once; false if it was no longer ours.
    pub async fn release(&self, lease: &Lease) -> Result<bool> {
        self.change(lease, Expr::value(0_i64)).await
    }

    async fn change(&self, lease: &Lease, expires_at: Expr) -> Result<bool> {
        let database = self.meta.database();
        let updated = retried(&self.meta, || {
            row::Entity::update_many()
                .col_expr(row::Column::ExpiresAt, expires_at.clone())
                .filter(row::Column::Name.eq(&lease.name))
                .filter(row::Column::Fence.eq(lease.fence))
                .filter(row::Column::Owner.eq(&lease.owner))
                .filter(Expr::col(row::Column::ExpiresAt).gt(database_now(database.get_database_backend())))
                .exec(database)
        })
        .await?;
        Ok(updated.rows_affected == 1)
    }
}

mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "leases")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub name: String,
        pub owner: String,
        pub fence: i64,
        pub expires_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
