//! What users declare and who they are: resources, counters, accounts, tokens, secrets.

use sea_orm::sea_query::{Expr, ExprTrait, Index, OnConflict, Query, Table};
use sea_orm::{ConnectionTrait, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};

use super::{Columns, create, index, or_null};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0001_declared"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = Columns::of(manager);
        let table = Table::create()
            .col(columns.name("kind", 63))
            .col(columns.name("name", 63))
            .col(columns.text("spec"))
            .col(columns.text("text"))
            .col(columns.whole("version"))
            .col(columns.whole("created_at"))
            .col(columns.whole("updated_at"))
            .col(columns.name("updated_by", 255))
            .primary_key(Index::create().col("kind").col("name"))
            .to_owned();
        create(manager, table, "resources", vec![]).await?;

        let table = Table::create().col(columns.name("name", 63).primary_key()).col(columns.whole("value")).to_owned();
        create(manager, table, "counters", vec![]).await?;
        for counter in ["policy", "fence"] {
            // The first version is 1, so that 0 can mean "never seen"; a repeated step leaves the number alone.
            let mut keep = OnConflict::column("name");
            keep.value("value", Expr::col(("counters", "value")).add(0));
            let insert = Query::insert()
                .into_table("counters")
                .columns(["name", "value"])
                .values_panic([counter.into(), 1_i64.into()])
                .on_conflict(keep)
                .to_owned();
            manager.get_connection().execute(&insert).await?;
        }

        let table = Table::create()
            .col(columns.name("user_name", 63).primary_key())
            .col(or_null(columns.name("password_hash", 255)))
            .col(columns.whole("failures"))
            .col(or_null(columns.whole("locked_until")))
            .col(columns.whole("password_set_at"))
            .to_owned();
        create(manager, table, "accounts", vec![]).await?;

        let table = Table::create()
            .col(columns.name("id", 36).primary_key())
            .col(columns.name("hash", 64))
            .col(columns.name("kind", 16))
            .col(columns.name("user_name", 63))
            .col(columns.name("name", 255))
            .col(columns.text("scope"))
            .col(columns.name("created_by", 63))
            .col(columns.whole("created_at"))
            .col(or_null(columns.whole("expires_at")))
            .col(or_null(columns.whole("last_used_at")))
            .col(or_null(columns.whole("revoked_at")))
            .to_owned();
        let indexes = vec![
            index("tokens_by_hash", &["hash"]).unique().to_owned(),
            index("tokens_by_user", &["user_name"]),
            index("tokens_by_end", &["expires_at"]),
        ];
        create(manager, table, "tokens", indexes).await?;

        let table = Table::create()
            .col(columns.name("name", 255).primary_key())
            .col(columns.bytes("ciphertext"))
            .col(columns.bytes("nonce"))
            .col(columns.name("key_id", 64))
            .col(columns.whole("updated_at"))
            .col(columns.name("updated_by", 63))
            .to_owned();
        create(manager, table, "secrets", vec![]).await
    }
}
