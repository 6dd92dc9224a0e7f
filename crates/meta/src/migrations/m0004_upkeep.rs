//! Facts of the platform as a whole, and up to where the audit's chains have been forgotten.

use sea_orm::DbErr;
use sea_orm::sea_query::Table;
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};

use super::{Columns, create};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0004_upkeep"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = Columns::of(manager);
        let table = Table::create().col(columns.name("name", 64).primary_key()).col(columns.name("value", 255)).to_owned();
        create(manager, table, "facts", vec![]).await?;

        let table = Table::create()
            .col(columns.name("chain", 36).primary_key())
            .col(columns.whole("seq"))
            .col(columns.name("hash", 64))
            .to_owned();
        create(manager, table, "audit_checkpoints", vec![]).await
    }
}
