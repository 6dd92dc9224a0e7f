//! Numbers that only grow, one row each: the policy's version and the fence of the queue.

use sea_orm::entity::prelude::*;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, sea_query::ExprTrait};

/// The version of the policy.
pub(crate) const POLICY: &str = "policy";

/// The fence given to whoever takes a job; it never returns, even when a job of the same key is pushed anew.
pub(crate) const FENCE: &str = "fence";

/// The number as it is.
pub(crate) async fn value<C: ConnectionTrait>(database: &C, name: &str) -> Result<i64, DbErr> {
    let row = Entity::find_by_id(name.to_owned()).one(database).await?;
    row.map(|row| row.value).ok_or_else(|| DbErr::RecordNotFound(format!("counter {name}")))
}

/// The next number; other transactions wait for the end of this one.
pub(crate) async fn next(transaction: &DatabaseTransaction, name: &str) -> Result<i64, DbErr> {
    let updated = Entity::update_many()
        .col_expr(Column::Value, Expr::col(Column::Value).add(1))
        .filter(Column::Name.eq(name))
        .exec(transaction)
        .await?;
    if updated.rows_affected != 1 {
        return Err(DbErr::RecordNotFound(format!("counter {name}")));
    }
    value(transaction, name).await
}

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "counters")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    pub value: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
