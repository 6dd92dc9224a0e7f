//! API tokens and sessions: only the SHA-256 of each secret, with its user, scope and end.

use base::Result;
use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, QueryOrder, sea_query::ExprTrait};
use serde_json::Value;

use crate::clock::{micros, now, time};
use crate::failures::damaged;
use crate::transactions::{begin, retried};
use crate::{Meta, counters};

/// Bearers' secrets, by hash.
#[derive(Debug, Clone)]
pub struct Tokens {
    meta: Meta,
}

/// What a bearer's secret is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// Made by a login.
    Session,
    /// Made for a program.
    Api,
}

/// A token or session as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenRow {
    /// The public id.
    pub id: String,
    /// Lower-case hexadecimal SHA-256 of the secret, 64 characters, unique.
    pub hash: String,
    /// Session or API token.
    pub kind: TokenKind,
    /// Whom it acts as.
    pub user: String,
    /// What the user calls it.
    pub name: String,
    /// How it narrows what the user may do; owned by `guard`.
    pub scope: Value,
    /// Who made it.
    pub created_by: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends, if it does.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was last seen, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
    /// When it was revoked, if it was.
    pub revoked_at: Option<DateTime<Utc>>,
}

impl Tokens {
    pub(crate) fn new(meta: Meta) -> Self {
        Self { meta }
    }

    /// Stores a new token.
    pub async fn insert(&self, token: &TokenRow) -> Result<()> {
        retried(&self.meta, || row::Entity::insert(store(token)).exec_without_returning(self.meta.database())).await?;
        Ok(())
    }

    /// The token of a hash, revoked and expired ones too.
    pub async fn find_by_hash(&self, hash: &str) -> Result<Option<TokenRow>> {
        let found = row::Entity::find().filter(row::Column::Hash.eq(hash)).one(self.meta.database()).await;
        found.map_err(|error| self.meta.failed(error))?.map(read).transpose()
    }

    /// The token of an id, revoked and expired ones too.
    pub async fn get(&self, id: &str) -> Result<Option<TokenRow>> {
        let found = row::Entity::find_by_id(id.to_owned()).one(self.meta.database()).await;
        found.map_err(|error| self.meta.failed(error))?.map(read).transpose()
    }

    /// API tokens that are not revoked, of one user or of all, newest first.
    pub async fn list(&self, user: Option<&str>) -> Result<Vec<TokenRow>> {
        let mut query = row::Entity::find()
            .filter(row::Column::Kind.eq(word(TokenKind::Api)))
            .filter(row::Column::RevokedAt.is_null())
            .order_by_desc(row::Column::Id);
        if let Some(user) = user {
            query = query.filter(row::Column::UserName.eq(user));
        }
        let rows = query.all(self.meta.database()).await.map_err(|error| self.meta.failed(error))?;
        rows.into_iter().map(read).collect()
    }

    /// Revokes a token or session; false if it is unknown or was revoked before.
    pub async fn revoke(&self, id: &str) -> Result<bool> {
        Ok(self.revoke_where(row::Column::Id.eq(id)).await? == 1)
    }

    /// Revokes all sessions of a user, as a new password demands; answers how many.
    pub async fn revoke_sessions(&self, user: &str) -> Result<u64> {
        self.revoke_where(row::Column::UserName.eq(user).and(row::Column::Kind.eq(word(TokenKind::Session)))).await
    }

    async fn revoke_where(&self, which: Expr) -> Result<u64> {
        let revoked = retried(&self.meta, || async {
            let transaction = begin(self.meta.database()).await?;
            let updated = row::Entity::update_many()
                .col_expr(row::Column::RevokedAt, Expr::value(micros(now())))
                .filter(which.clone())
                .filter(row::Column::RevokedAt.is_null())
                .exec(&transaction)
                .await?;
            counters::next(&transaction, counters::POLICY).await?;
            transaction.commit().await?;
            Ok(updated.rows_affected)
        })
        .await?;
        self.meta.note_policy_write();
        Ok(revoked)
    }

    /// Notes that a token was used; callers do so at most once a minute.
    pub async fn touch(&self, id: &str, at: DateTime<Utc>) -> Result<()> {
        retried(&self.meta, || async {
            let update = row::Entity::update_many().col_expr(row::Column::LastUsedAt, Expr::value(micros(at)));
            update.filter(row::Column::Id.eq(id)).exec(self.meta.database()).await.map(|_| ())
        })
        .await
    }

    /// Deletes tokens and sessions that ended before then; answers how many.
    pub async fn delete_ended(&self, before: DateTime<Utc>) -> Result<u64> {
        let ended = row::Column::ExpiresAt.lt(micros(before)).or(row::Column::RevokedAt.lt(micros(before)));
        let deleted = retried(&self.meta, || row::Entity::delete_many().filter(ended.clone()).exec(self.meta.database())).await?;
        Ok(deleted.rows_affected)
    }
}

fn word(kind: TokenKind) -> &'static str {
    match kind {
        TokenKind::Session => "session",
        TokenKind::Api => "api",
    }
}

fn store(token: &TokenRow) -> row::ActiveModel {
    row::ActiveModel {
        id: Set(token.id.clone()),
        hash: Set(token.hash.clone()),
        kind: Set(word(token.kind).to_owned()),
        user_name: Set(token.user.clone()),
        name: Set(token.name.clone()),
        scope: Set(token.scope.to_string()),
        created_by: Set(token.created_by.clone()),
        created_at: Set(micros(token.created_at)),
        expires_at: Set(token.expires_at.map(micros)),
        last_used_at: Set(token.last_used_at.map(micros)),
        revoked_at: Set(token.revoked_at.map(micros)),
    }
}

fn read(row: row::Model) -> Result<TokenRow> {
    Ok(TokenRow {
        kind: match row.kind.as_str() {
            "session" => TokenKind::Session,
            "api" => TokenKind::Api,
            other => return Err(damaged("tokens", format!("unknown kind `{other}`"))),
        },
        scope: serde_json::from_str(&row.scope).map_err(|error| damaged("tokens", error))?,
        id: row.id,
        hash: row.hash,
        user: row.user_name,
        name: row.name,
        created_by: row.created_by,
        created_at: time(row.created_at),
        expires_at: row.expires_at.map(time),
        last_used_at: row.last_used_at.map(time),
        revoked_at: row.revoked_at.map(time),
    })
}

mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "tokens")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub hash: String,
        pub kind: String,
        pub user_name: String,
        pub name: String,
        pub scope: String,
        pub created_by: String,
        pub created_at: i64,
        pub expires_at: Option<i64>,
        pub last_used_at: Option<i64>,
        pub revoked_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
