//! A lake: the tables below one store. The only way to a table, and only with a pass.

use std::fmt;
use std::sync::{Arc, Mutex};

use arrow::datatypes::SchemaRef;
use base::{Error, Result, TableName};
use chrono::{DateTime, Utc};
use datafusion::execution::memory_pool::GreedyMemoryPool;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::prelude::{SessionConfig, SessionContext};
use deltalake_core::table::state::DeltaTableState;
use futures::{StreamExt, TryStreamExt};
use guard::{Object, Pass, Privilege};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use tokio::task::JoinSet;
use url::Url;

use crate::cache::{Listings, Snapshots, Turns};
use crate::origin::Details;
use crate::settings::{Settings, TableOptions};
use crate::snapshot::Snapshot;
use crate::table::Table;
use crate::{codes, errors, schema};

/// Folders looked into at the same time while tables are listed.
const LOOKS_MAX: usize = 64;

/// Memory the lake's own plans (compaction, merge, widening) may use, in bytes.
const OWN_PLANS_BYTES: usize = 1 << 30;

/// A handle on all tables of a store. Cheap to clone.
#[derive(Clone)]
pub struct Lake(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub store: Arc<dyn ObjectStore>,
    pub url: Url,
    pub settings: Settings,
    pub snapshots: Snapshots,
    pub turns: Turns,
    /// What runs beside commits.
    pub tasks: Mutex<JoinSet<()>>,
    /// Where the lake's own plans run.
    pub session: SessionContext,
    schemas: Listings<()>,
    tables: Listings<String>,
}

impl fmt::Debug for Lake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lake").field("store", &self.0.store).finish_non_exhaustive()
    }
}

impl Lake {
    /// The lake at this store.
    pub fn new(store: storage::Store) -> Result<Self> {
        Self::with_settings(store.object_store, Settings::default())
    }

    /// The lake at this store, told otherwise than by default.
    pub fn with_settings(store: Arc<dyn ObjectStore>, settings: Settings) -> Result<Self> {
        let id = uuid::Uuid::new_v4().simple().to_string();
        let wrong = |reason: String| Error::new(&codes::LAKE_STORE_FAILED).with("place", "/").with("reason", reason);
        let url = Url::parse(&format!("dataux-lake://{id}/")).map_err(|error| wrong(error.to_string()))?;
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(GreedyMemoryPool::new(OWN_PLANS_BYTES)))
            .build_arc()
            .map_err(|error| wrong(error.to_string()))?;
        runtime.register_object_store(&url, store.clone());
        let config = SessionConfig::new().with_target_partitions(1).with_collect_statistics(true);
        Ok(Self(Arc::new(Inner {
            session: SessionContext::new_with_config_rt(config, runtime),
            snapshots: Snapshots::new(settings.snapshots_max),
            turns: Turns::default(),
            tasks: Mutex::default(),
            schemas: Listings::new(settings.listing_age_max),
            tables: Listings::new(settings.listing_age_max),
            store,
            url,
            settings,
        })))
    }

    /// Makes the lake's store known to an engine, under a name no other lake has. Needed once for each runtime whose plans
    /// scan this lake.
    pub fn register(&self, runtime: &RuntimeEnv) {
        runtime.register_object_store(&self.0.url, self.0.store.clone());
    }

    /// The schemas that hold tables, by name, sorted. No pass: names are shown or not by whoever asks.
    pub async fn schemas(&self) -> Result<Vec<String>> {
        if let Some(known) = self.0.schemas.get(&()) {
            return Ok(known.to_vec());
        }
        let listed = self.0.store.list_with_delimiter(None).await.map_err(|error| errors::store("/", error))?;
        let names: Arc<[String]> = names_of(&listed.common_prefixes).into();
        self.0.schemas.put((), names.clone());
        Ok(names.to_vec())
    }

    /// The tables of a schema, by name, sorted; none if there is no such schema.
    pub async fn tables(&self, schema: &str) -> Result<Vec<String>> {
        // The name is checked as a table's would be, so that it cannot leave the lake.
        TableName::lake(schema, "t")?;
        if let Some(known) = self.0.tables.get(&schema.to_owned()) {
            return Ok(known.to_vec());
        }
        let folder = Path::from(schema);
        let listed = self.0.store.list_with_delimiter(Some(&folder)).await.map_err(|error| errors::store(schema, error))?;
        let found = futures::stream::iter(names_of(&listed.common_prefixes))
            .map(|name| async {
                let log = Path::from_iter([schema, &name, "_delta_log"]);
                let first = log.clone().join(entry(0));
                match self.0.store.head(&first).await {
                    Ok(_) => return Ok(Some(name)),
                    Err(object_store::Error::NotFound { .. }) => {}
                    Err(error) => return Err(errors::store(first, error)),
                }
                // A log that was tidied up begins with a checkpoint.
                let any = self.0.store.list(Some(&log)).next().await;
                any.transpose().map_err(|error| errors::store(log, error)).map(|any| any.map(|_| name))
            })
            .buffered(LOOKS_MAX)
            .try_filter_map(|name| async move { Ok(name) })
            .try_collect::<Vec<String>>()
            .await?;
        let names: Arc<[String]> = found.into();
        self.0.tables.put(schema.to_owned(), names.clone());
        Ok(names.to_vec())
    }

    /// Whether a table exists now. No pass.
    pub async fn exists(&self, name: &TableName) -> Result<bool> {
        match self.latest(name).await {
            Ok(_) => Ok(true),
            Err(error) if error.is(&codes::LAKE_TABLE_NOT_FOUND) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Opens a table at its newest version; the handle stays at that version. Demands Select.
    pub async fn table(&self, pass: &Pass, name: &TableName) -> Result<Table> {
        demand_lake(name)?;
        pass.demand(Privilege::Select, &Object::Table(name))?;
        Ok(Table { lake: self.clone(), snapshot: self.latest(name).await? })
    }

    /// The newest version and its size, without keeping what was read for it. Demands Select.
    pub async fn size(&self, pass: &Pass, name: &TableName) -> Result<(u64, Details)> {
        demand_lake(name)?;
        pass.demand(Privilege::Select, &Object::Table(name))?;
        let snapshot = match self.0.snapshots.get(name) {
            Some(_) => self.latest(name).await?,
            None => {
                let log = self.log(name);
                let state = Box::pin(DeltaTableState::try_new(log.as_ref(), None)).await;
                let state = state.map_err(|error| errors::log(name, error))?;
                Arc::new(Snapshot::new(name.clone(), log, state, None, self.0.settings.text_views))
            }
        };
        let version = snapshot.version();
        Ok((version, Table { lake: self.clone(), snapshot }.details()?))
    }

    /// When a version was written, if it is the newest still. No pass: it tells no more than that there is a table.
    pub async fn newest_written_at(&self, name: &TableName, version: u64) -> Result<Option<DateTime<Utc>>> {
        demand_lake(name)?;
        let log = folder(name).join("_delta_log");
        let (here, next) = (log.clone().join(entry(version)), log.join(entry(version + 1)));
        let (here, next) = tokio::join!(self.0.store.head(&here), self.0.store.head(&next));
        match (here, next) {
            (_, Ok(_)) | (Err(object_store::Error::NotFound { .. }), _) => Ok(None),
            (Err(error), _) => Err(errors::store(name, error)),
            (Ok(here), Err(object_store::Error::NotFound { .. })) => Ok(Some(here.last_modified)),
            (Ok(_), Err(error)) => Err(errors::store(name, error)),
        }
    }

    /// Makes an empty table with the kept columns of `columns` (see [`crate::delta_schema`]). If it exists with the same
    /// columns and partitions it is opened; if it differs, that is an error. Demands Create on the schema.
    pub async fn create(&self, pass: &Pass, name: &TableName, columns: SchemaRef, options: TableOptions) -> Result<Table> {
        demand_lake(name)?;
        pass.demand(Privilege::Create, &Object::Schema { catalog: name.catalog(), schema: name.schema() })?;
        let kept = schema::delta_schema(&columns)?;
        match self.latest(name).await {
            Ok(found) => return self.as_declared(found, &kept, &options),
            Err(error) if error.is(&codes::LAKE_TABLE_NOT_FOUND) => {}
            Err(error) => return Err(error),
        }
        match crate::commit::create(self, pass, name, &kept, &options).await? {
            Some(snapshot) => Ok(Table { lake: self.clone(), snapshot }),
            // Somebody made it at the same time.
            None => self.as_declared(self.latest(name).await?, &kept, &options),
        }
    }

    fn as_declared(&self, found: Arc<Snapshot>, kept: &arrow::datatypes::Schema, options: &TableOptions) -> Result<Table> {
        let differs =
            |reason: String| Err(Error::new(&codes::LAKE_TABLE_EXISTS).with("table", &found.name).with("reason", reason));
        if found.partitions() != options.partition_by {
            return differs(format!("it is partitioned by [{}]", found.partitions().join(", ")));
        }
        for field in kept.fields() {
            match found.schema.field_with_name(field.name()) {
                Ok(known) if crate::fit::same(known.data_type(), field.data_type()) => {}
                Ok(known) => return differs(format!("column `{}` is {}", field.name(), known.data_type())),
                Err(_) => return differs(format!("it has no column `{}`", field.name())),
            }
        }
        if let Some(more) = found.schema.fields().iter().find(|field| kept.field_with_name(field.name()).is_err()) {
            return differs(format!("it has a column `{}` too", more.name()));
        }
        Ok(Table { lake: self.clone(), snapshot: found })
    }

    /// Deletes a table, its history and its files; running readers of it fail. Demands Manage.
    pub async fn drop(&self, pass: &Pass, name: &TableName) -> Result<()> {
        demand_lake(name)?;
        pass.demand(Privilege::Manage, &Object::Table(name))?;
        let turn = self.0.turns.of(name);
        let _turn = turn.lock().await;
        self.latest(name).await?;
        let folder = folder(name);
        // The log goes first, oldest entry first: a drop that is cut short leaves no table, only files nobody refers to.
        let log = folder.clone().join("_delta_log");
        let mut entries: Vec<Path> = self.list(&log).await?;
        entries.sort_unstable();
        self.delete(entries, &log).await?;
        self.delete(self.list(&folder).await?, &folder).await?;
        self.forget(name);
        Ok(())
    }

    async fn list(&self, folder: &Path) -> Result<Vec<Path>> {
        let listed = self.0.store.list(Some(folder)).map_ok(|meta| meta.location);
        listed.try_collect().await.map_err(|error| errors::store(folder, error))
    }

    async fn delete(&self, paths: Vec<Path>, place: &Path) -> Result<()> {
        let mut deleted = self.0.store.delete_stream(futures::stream::iter(paths.into_iter().map(Ok)).boxed());
        while let Some(path) = deleted.next().await {
            match path {
                Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(errors::store(place, error)),
            }
        }
        Ok(())
    }

    /// Forgets what is known of a table and its schema's listing.
    pub(crate) fn forget(&self, name: &TableName) {
        self.0.snapshots.forget(name);
        self.0.schemas.forget(&());
        self.0.tables.forget(&name.schema().to_owned());
    }

    /// The newest snapshot: two looks at the log if nothing changed, the new entries if something did.
    pub(crate) async fn latest(&self, name: &TableName) -> Result<Arc<Snapshot>> {
        demand_lake(name)?;
        let Some(known) = self.0.snapshots.get(name) else { return self.load(name, None).await };
        let log = folder(name).join("_delta_log");
        let (here, next) = (log.clone().join(entry(known.version())), log.join(entry(known.version() + 1)));
        let (here, next) = tokio::join!(self.0.store.head(&here), self.0.store.head(&next));
        if !same_entry(known.tip.as_ref(), here.as_ref().ok()) {
            self.0.snapshots.forget(name);
            return self.load(name, None).await;
        }
        match next {
            Err(object_store::Error::NotFound { .. }) => Ok(known),
            Err(error) => Err(errors::store(name, error)),
            Ok(_) => {
                let mut state = known.state.clone();
                Box::pin(state.update(known.log.as_ref(), None)).await.map_err(|error| errors::log(name, error))?;
                self.adopt(name, state).await
            }
        }
    }

    /// Loads a version, or the newest.
    pub(crate) async fn load(&self, name: &TableName, version: Option<u64>) -> Result<Arc<Snapshot>> {
        let log = self.log(name);
        let state = Box::pin(DeltaTableState::try_new(log.as_ref(), version)).await.map_err(|error| errors::log(name, error))?;
        match version {
            None => self.adopt(name, state).await,
            Some(_) => {
                let snapshot = Arc::new(Snapshot::new(name.clone(), log, state, None, self.0.settings.text_views));
                self.0.snapshots.hold(&snapshot);
                Ok(snapshot)
            }
        }
    }

    /// Keeps a state as the newest known.
    pub(crate) async fn adopt(&self, name: &TableName, state: DeltaTableState) -> Result<Arc<Snapshot>> {
        let tip = folder(name).join("_delta_log").join(entry(state.version()));
        let tip = match self.0.store.head(&tip).await {
            Ok(tip) => Some(tip),
            Err(object_store::Error::NotFound { .. }) => None,
            Err(error) => return Err(errors::store(tip, error)),
        };
        let snapshot = Arc::new(Snapshot::new(name.clone(), self.log(name), state, tip, self.0.settings.text_views));
        self.0.snapshots.put(&snapshot);
        Ok(snapshot)
    }

    pub(crate) fn log(&self, name: &TableName) -> deltalake_core::logstore::LogStoreRef {
        crate::log::open(&self.0.store, &self.0.url, &folder(name))
    }

    /// The name of the lake's store in engines.
    pub(crate) fn store_url(&self) -> Result<ObjectStoreUrl> {
        ObjectStoreUrl::parse(&self.0.url)
            .map_err(|error| Error::new(&codes::LAKE_STORE_FAILED).with("place", "/").with("reason", error))
    }
}

/// The folder of a table.
pub(crate) fn folder(name: &TableName) -> Path {
    Path::from_iter([name.schema(), name.table()])
}

/// The file name of a version's log entry.
pub(crate) fn entry(version: u64) -> String {
    format!("{version:020}.json")
}

pub(crate) fn demand_lake(name: &TableName) -> Result<()> {
    if name.is_lake() { Ok(()) } else { Err(Error::new(&codes::LAKE_NOT_A_TABLE_NAME).with("table", name)) }
}

fn same_entry(known: Option<&ObjectMeta>, found: Option<&ObjectMeta>) -> bool {
    match (known, found) {
        (Some(known), Some(found)) => {
            known.last_modified == found.last_modified && known.size == found.size && known.e_tag == found.e_tag
        }
        _ => false,
    }
}

/// The last parts of paths that can be names in the lake, sorted.
fn names_of(paths: &[Path]) -> Vec<String> {
    let mut names: Vec<String> = paths
        .iter()
        .filter_map(|path| path.filename().map(str::to_owned))
        .filter(|name| TableName::lake(name.as_str(), name.as_str()).is_ok())
        .collect();
    names.sort_unstable();
    names
}
