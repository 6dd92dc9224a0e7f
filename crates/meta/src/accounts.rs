//! Passwords (as hashes) and failed logins, by user. The users themselves are resources.

use base::Result;
use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, sea_query::ExprTrait};

use crate::clock::{micros, now, time};
use crate::transactions::{begin, insert_new, retried};
use crate::{Meta, counters};

/// What is known of a user besides the resource.
#[derive(Debug, Clone)]
pub struct Accounts {
    meta: Meta,
}

/// One user's password and failures.
#[derive(Clone, PartialEq, Eq)]
pub struct AccountRow {
    /// The user's name.
    pub user: String,
    /// A PHC string; none: this user cannot log in by password.
    pub password_hash: Option<String>,
    /// Failed logins since the last success.
    pub failures: i64,
    /// No password is accepted before this.
    pub locked_until: Option<DateTime<Utc>>,
    /// When the password was set.
    pub password_set_at: DateTime<Utc>,
}

impl std::fmt::Debug for AccountRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccountRow").field("user", &self.user).field("failures", &self.failures).finish_non_exhaustive()
    }
}

impl Accounts {
    pub(crate) fn new(meta: Meta) -> Self {
        Self { meta }
    }

    /// A user's account; none if no password was ever set.
    pub async fn get(&self, user: &str) -> Result<Option<AccountRow>> {
        let found = row::Entity::find_by_id(user.to_owned()).one(self.meta.database()).await;
        Ok(found.map_err(|error| self.meta.failed(error))?.map(|row| AccountRow {
            user: row.user_name,
            password_hash: row.password_hash,
            failures: row.failures,
            locked_until: row.locked_until.map(time),
            password_set_at: time(row.password_set_at),
        }))
    }

    /// Sets a password hash and lifts any lock.
    pub async fn set_password(&self, user: &str, hash: &str) -> Result<()> {
        retried(&self.meta, || async {
            let transaction = begin(self.meta.database()).await?;
            let row = fresh(user, hash);
            if !insert_new(&transaction, row.clone()).await? {
                row::Entity::update_many().set(row).filter(row::Column::UserName.eq(user)).exec(&transaction).await?;
            }
            counters::next(&transaction, counters::POLICY).await?;
            transaction.commit().await
        })
        .await?;
        self.meta.note_policy_write();
        Ok(())
    }

    /// Sets a password hash only if the user has none; says whether it did. Of several replicas that start at once, one does.
    pub async fn set_first_password(&self, user: &str, hash: &str) -> Result<bool> {
        retried(&self.meta, || insert_new(self.meta.database(), fresh(user, hash))).await
    }

    /// Counts a failed login and answers the number of failures so far; 0 if there is no such account.
    pub async fn record_failure(&self, user: &str) -> Result<i64> {
        retried(&self.meta, || async {
            let transaction = begin(self.meta.database()).await?;
            row::Entity::update_many()
                .col_expr(row::Column::Failures, Expr::col(row::Column::Failures).add(1))
                .filter(row::Column::UserName.eq(user))
                .exec(&transaction)
                .await?;
            let failures = row::Entity::find_by_id(user.to_owned()).one(&transaction).await?.map_or(0, |row| row.failures);
            transaction.commit().await?;
            Ok(failures)
        })
        .await
    }

    /// Accepts no password of this user until then.
    pub async fn lock(&self, user: &str, until: DateTime<Utc>) -> Result<()> {
        self.set(user, row::ActiveModel { locked_until: Set(Some(micros(until))), ..Default::default() }).await
    }

    /// Forgets failures and lock, after a login with the right password.
    pub async fn clear_failures(&self, user: &str) -> Result<()> {
        self.set(user, row::ActiveModel { failures: Set(0), locked_until: Set(None), ..Default::default() }).await
    }

    /// Removes the account of a user who is gone.
    pub async fn delete(&self, user: &str) -> Result<bool> {
        let deleted = retried(&self.meta, || row::Entity::delete_by_id(user.to_owned()).exec(self.meta.database())).await?;
        Ok(deleted.rows_affected == 1)
    }

    async fn set(&self, user: &str, change: row::ActiveModel) -> Result<()> {
        retried(&self.meta, || async {
            let update = row::Entity::update_many().set(change.clone()).filter(row::Column::UserName.eq(user));
            update.exec(self.meta.database()).await.map(|_| ())
        })
        .await
    }
}

fn fresh(user: &str, hash: &str) -> row::ActiveModel {
    row::ActiveModel {
        user_name: Set(user.to_owned()),
        password_hash: Set(Some(hash.to_owned())),
        failures: Set(0),
        locked_until: Set(None),
        password_set_at: Set(micros(now())),
    }
}

mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "accounts")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub user_name: String,
        pub password_hash: Option<String>,
        pub failures: i64,
        pub locked_until: Option<i64>,
        pub password_set_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
