//! The audit: rows by chain and sequence, and where each chain ends.

use sea_orm::DbErr;
use sea_orm::sea_query::{Index, Table};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};

use super::{Columns, create, index};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0002_audit"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = Columns::of(manager);
        let table = Table::create()
            .col(columns.name("chain", 36))
            .col(columns.whole("seq"))
            .col(columns.name("id", 36))
            .col(columns.whole("at"))
            .col(columns.name("principal", 255))
            .col(columns.name("action", 64))
            .col(columns.name("object", 512))
            .col(columns.flag("allowed"))
            .col(columns.text("body"))
            .col(columns.name("prev", 64))
            .col(columns.name("hash", 64))
            .primary_key(Index::create().col("chain").col("seq"))
            .to_owned();
        let indexes = vec![
            index("audit_by_id", &["id"]).unique().to_owned(),
            index("audit_by_principal", &["principal", "id"]),
            index("audit_by_time", &["at"]),
        ];
        create(manager, table, "audit", indexes).await?;

        let table = Table::create()
            .col(columns.name("chain", 36).primary_key())
            .col(columns.whole("seq"))
            .col(columns.name("hash", 64))
            .to_owned();
        create(manager, table, "audit_heads", vec![]).await
    }
}
