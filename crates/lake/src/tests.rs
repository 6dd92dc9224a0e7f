//! The lake as its users see it, on a local folder, with a real guard.

mod changing;
mod faults;
mod files;
mod maintenance;
mod reading;
mod writing;

use std::sync::Arc;

use arrow::array::{Array, AsArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use base::TableName;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::prelude::{SessionConfig, SessionContext};
use guard::{Guard, MasterKey, Pass};
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use tempfile::TempDir;

use crate::{Commit, Lake, Mode, Origin, Settings, Table, TableOptions};

/// A lake in a folder that goes with it, and a pass that may do everything.
struct Home {
    folder: TempDir,
    guard: Guard,
    pass: Pass,
    lake: Lake,
}

impl Home {
    async fn new() -> Self {
        Self::with(Settings::default()).await
    }

    async fn with(settings: Settings) -> Self {
        let folder = TempDir::new().expect("a folder");
        std::fs::create_dir(folder.path().join("lake")).expect("the lake's folder");
        let url = format!("sqlite:{}", folder.path().join("meta.db").display());
        let url = meta::DatabaseUrl::parse(&url, None, None).expect("a URL");
        let meta = meta::Meta::open(&url).await.expect("a database");
        let key = MasterKey::from_file_or_create(&folder.path().join("key")).expect("a key");
        let guard = Guard::open(meta, key).expect("a guard");
        guard.ensure_admin(None).await.expect("an admin");
        let pass = guard.local_admin().await.expect("his pass");
        let lake = Lake::with_settings(store(&folder), settings).expect("a lake");
        Self { folder, guard, pass, lake }
    }

    /// Another lake on the same folder, as another process would have it.
    fn other(&self) -> Lake {
        Lake::with_settings(store(&self.folder), Settings::default()).expect("a lake")
    }

    async fn create(&self, name: &str, partition_by: &[&str]) -> Table {
        let options = TableOptions { partition_by: partition_by.iter().map(|name| (*name).to_owned()).collect(), comment: None };
        self.lake.create(&self.pass, &table(name), schema(), options).await.expect("a table")
    }

    async fn table(&self, name: &str) -> Table {
        self.lake.table(&self.pass, &table(name)).await.expect("a table")
    }

    async fn append(&self, table: &Table, rows: &[Row]) -> Commit {
        table.write(&self.pass, Mode::Append, stream(vec![batch(rows)]), Origin::of("ann")).await.expect("written")
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        let name = table(name);
        self.folder.path().join("lake").join(name.schema()).join(name.table())
    }
}

fn store(folder: &TempDir) -> Arc<dyn ObjectStore> {
    Arc::new(LocalFileSystem::new_with_prefix(folder.path().join("lake")).expect("a store"))
}

fn table(name: &str) -> TableName {
    TableName::lake("ods", name).expect("a name")
}

/// Id, group, note.
type Row = (i64, &'static str, Option<&'static str>);

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        Field::new("part", DataType::Utf8, true),
        Field::new("note", DataType::Utf8, true),
    ]))
}

fn batch(rows: &[Row]) -> RecordBatch {
    RecordBatch::try_new(
        schema(),
        vec![
            Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.0))),
            Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.1))),
            Arc::new(rows.iter().map(|row| row.2).collect::<StringArray>()),
        ],
    )
    .expect("a batch")
}

fn stream(batches: Vec<RecordBatch>) -> SendableRecordBatchStream {
    let schema = batches.first().map_or_else(schema, RecordBatch::schema);
    Box::pin(RecordBatchStreamAdapter::new(schema, futures::stream::iter(batches.into_iter().map(Ok))))
}

/// A session that knows the lake and this version of the table as `t`.
async fn session(table: &Table) -> SessionContext {
    let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(2));
    table.lake.register(&context.runtime_env());
    context.register_table("t", table.provider().expect("a provider")).expect("registered");
    context
}

async fn query(table: &Table, sql: &str) -> Vec<RecordBatch> {
    session(table).await.sql(sql).await.expect("a plan").collect().await.expect("rows")
}

/// The ids of the rows that pass a filter, sorted.
async fn ids(table: &Table, filter: &str) -> Vec<i64> {
    let batches = query(table, &format!("SELECT id FROM t WHERE {filter} ORDER BY id")).await;
    batches.iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec()).collect()
}

/// All rows as text, sorted.
async fn all(table: &Table) -> Vec<(i64, String, Option<String>)> {
    let batches = query(table, "SELECT id, CAST(part AS TEXT), CAST(note AS TEXT) FROM t ORDER BY 1, 2, 3").await;
    let text = |batch: &RecordBatch, column: usize, row: usize| {
        let array = arrow::compute::cast(batch.column(column), &DataType::Utf8).expect("text");
        let array = array.as_string::<i32>();
        array.is_valid(row).then(|| array.value(row).to_owned())
    };
    let mut rows = Vec::new();
    for batch in &batches {
        for row in 0..batch.num_rows() {
            let id = batch.column(0).as_primitive::<Int64Type>().value(row);
            rows.push((id, text(batch, 1, row).unwrap_or_default(), text(batch, 2, row)));
        }
    }
    rows
}
