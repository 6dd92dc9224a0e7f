//! Facts of the platform as a whole, one row each, changed only by who knows what they were.

use base::Result;
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, ConnectionTrait, DbErr};

use crate::Meta;
use crate::failures::damaged;
use crate::transactions::{insert_new, retried};

/// The platform's own id.
const PLATFORM: &str = "platform";

impl Meta {
    /// The platform's own id, the same in every process on this database; made by the first that asks.
    pub async fn platform_id(&self) -> Result<String> {
        let id = base::ids::fresh();
        let known = retried(self, || async {
            if let Some(known) = value(self.database(), PLATFORM).await? {
                return Ok(Some(known));
            }
            change(self.database(), PLATFORM, None, &id).await?;
            value(self.database(), PLATFORM).await
        });
        known.await?.ok_or_else(|| damaged("facts", "the platform's id is gone"))
    }
}

/// A fact, if it is known.
pub(crate) async fn value<C: ConnectionTrait>(database: &C, name: &str) -> Result<Option<String>, DbErr> {
    Ok(Entity::find_by_id(name.to_owned()).one(database).await?.map(|row| row.value))
}

/// Changes a fact from what it was; false if it was something else.
pub(crate) async fn change<C: ConnectionTrait>(database: &C, name: &str, from: Option<&str>, to: &str) -> Result<bool, DbErr> {
    let Some(from) = from else {
        return insert_new(database, ActiveModel { name: Set(name.to_owned()), value: Set(to.to_owned()) }).await;
    };
    let update = Entity::update_many().col_expr(Column::Value, Expr::value(to)).filter(Column::Name.eq(name));
    Ok(update.filter(Column::Value.eq(from)).exec(database).await?.rows_affected == 1)
}

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "facts")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    pub value: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
