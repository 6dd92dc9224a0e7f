//! Work: runs with steps and logs, leases, jobs, positions and the ledger of files.

use sea_orm::DbErr;
use sea_orm::sea_query::{Index, Table};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};

use super::{Columns, create, index, or_null};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0003_work"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        runs(manager).await?;
        queue(manager).await?;
        positions(manager).await
    }
}

async fn runs(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let columns = Columns::of(manager);
    let table = Table::create()
        .col(columns.name("id", 36).primary_key())
        .col(columns.name("pipeline", 63))
        .col(columns.name("state", 32))
        .col(or_null(columns.whole("instance")))
        .col(columns.text("parameters"))
        .col(columns.name("created_by", 255))
        .col(columns.whole("created_at"))
        .col(or_null(columns.whole("started_at")))
        .col(or_null(columns.whole("finished_at")))
        .col(or_null(columns.text("error")))
        .col(columns.small("priority"))
        .col(or_null(columns.name("dedup_key", 255)))
        .col(columns.flag("cancel_requested"))
        .col(columns.whole("fence"))
        .col(columns.whole("log_lines"))
        .to_owned();
    let indexes = vec![
        index("runs_by_dedup_key", &["dedup_key"]).unique().to_owned(),
        index("runs_by_pipeline", &["pipeline", "id"]),
        index("runs_by_state", &["state", "id"]),
    ];
    create(manager, table, "runs", indexes).await?;

    let table = Table::create()
        .col(columns.name("run_id", 36))
        .col(columns.name("step", 255))
        .col(columns.name("state", 32))
        .col(columns.small("attempt"))
        .col(columns.whole("row_count"))
        .col(columns.whole("byte_count"))
        .col(columns.whole("rejected"))
        .col(or_null(columns.whole("total_rows")))
        .col(or_null(columns.whole("total_bytes")))
        .col(or_null(columns.whole("started_at")))
        .col(or_null(columns.whole("finished_at")))
        .col(or_null(columns.text("error")))
        .col(columns.text("output"))
        .primary_key(Index::create().col("run_id").col("step"))
        .to_owned();
    create(manager, table, "run_steps", vec![]).await?;

    let table = Table::create()
        .col(columns.name("run_id", 36))
        .col(columns.whole("seq"))
        .col(columns.whole("at"))
        .col(columns.name("level", 16))
        .col(or_null(columns.name("step", 255)))
        .col(columns.text("text"))
        .primary_key(Index::create().col("run_id").col("seq"))
        .to_owned();
    create(manager, table, "run_logs", vec![]).await
}

async fn queue(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let columns = Columns::of(manager);
    let table = Table::create()
        .col(columns.name("name", 255).primary_key())
        .col(columns.name("owner", 255))
        .col(columns.whole("fence"))
        .col(columns.whole("expires_at"))
        .to_owned();
    create(manager, table, "leases", vec![]).await?;

    let table = Table::create()
        .col(columns.name("id", 36).primary_key())
        .col(columns.name("kind", 63))
        .col(columns.name("job_key", 255))
        .col(columns.text("payload"))
        .col(columns.whole("run_after"))
        .col(columns.small("priority"))
        .col(columns.name("owner", 255))
        .col(columns.whole("fence"))
        .col(columns.whole("expires_at"))
        .col(columns.small("attempt"))
        .col(columns.whole("created_at"))
        .to_owned();
    let indexes = vec![
        index("jobs_by_key", &["kind", "job_key"]).unique().to_owned(),
        index("jobs_by_urgency", &["kind", "priority", "run_after"]),
    ];
    create(manager, table, "jobs", indexes).await
}

async fn positions(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let columns = Columns::of(manager);
    let table = Table::create()
        .col(columns.name("app_id", 255))
        .col(columns.whole("version"))
        .col(columns.text("position"))
        .col(columns.whole("put_at"))
        .primary_key(Index::create().col("app_id").col("version"))
        .to_owned();
    create(manager, table, "positions", vec![]).await?;

    let table = Table::create()
        .col(columns.name("app_id", 255))
        .col(columns.whole("version"))
        .col(columns.whole("seq"))
        .col(columns.text("path"))
        .col(columns.text("etag"))
        .col(columns.whole("size"))
        .primary_key(Index::create().col("app_id").col("version").col("seq"))
        .to_owned();
    create(manager, table, "ledger", vec![]).await
}
