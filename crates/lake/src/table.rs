//! A handle on one version of a table: what it holds, how it is read, where it came from.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use base::{Error, Result, TableName};
use chrono::{DateTime, Utc};
use datafusion::catalog::TableProvider;
use datafusion::physical_plan::execute_stream;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt, TryStreamExt};
use object_store::ObjectStoreExt;
use serde::Deserialize;
use serde_json::Value;

use crate::commit::ORIGIN_KEY;
use crate::fit::Fit;
use crate::lake::{Lake, entry, folder};
use crate::origin::{AsOf, Details, VersionInfo};
use crate::scan::Scan;
use crate::snapshot::Snapshot;
use crate::{codes, errors};

/// Log entries read at the same time for a history.
const ENTRIES_MAX: usize = 8;

/// One version of a table. Reading goes by this version for as long as the handle lives; writing always goes to the newest.
#[derive(Debug, Clone)]
pub struct Table {
    pub(crate) lake: Lake,
    pub(crate) snapshot: Arc<Snapshot>,
}

impl Table {
    /// The table's name.
    pub fn name(&self) -> &TableName {
        &self.snapshot.name
    }

    /// This handle's version.
    pub fn version(&self) -> u64 {
        self.snapshot.version()
    }

    /// Whether both are one snapshot: nothing was written in between, and it is not another table of the same name.
    pub fn is_same(&self, other: &Table) -> bool {
        Arc::ptr_eq(&self.snapshot, &other.snapshot)
    }

    /// The table's own id, which another table of the same name would not have.
    pub fn id(&self) -> &str {
        self.snapshot.state.metadata().id()
    }

    /// The columns, in the table's order and types. (A scan may hand out text and binary as views.)
    pub fn schema(&self) -> SchemaRef {
        self.snapshot.schema.clone()
    }

    /// The columns the table is parted by.
    pub fn partitioned_by(&self) -> &[String] {
        self.snapshot.partitions()
    }

    /// What the table's maker wrote about it.
    pub fn comment(&self) -> Option<&str> {
        self.snapshot.state.metadata().description()
    }

    /// The same table at another version.
    pub async fn at(&self, as_of: AsOf) -> Result<Table> {
        let version = match as_of {
            AsOf::Version(version) => version,
            AsOf::Timestamp(time) => self.version_at(time).await?,
            AsOf::Gained { after, version } => return self.gained(after, version).await,
        };
        if version == self.version() {
            return Ok(self.clone());
        }
        let gone = || Error::new(&codes::LAKE_VERSION_NOT_FOUND).with("table", self.name()).with("version", version);
        let latest = self.lake.latest(self.name()).await?;
        if version == latest.version() {
            return Ok(Table { lake: self.lake.clone(), snapshot: latest });
        }
        if version > latest.version() {
            return Err(gone());
        }
        match self.lake.load(self.name(), Some(version)).await {
            Ok(snapshot) => Ok(Table { lake: self.lake.clone(), snapshot }),
            // Entries go when the log is tidied up, and the library says so in several ways.
            Err(error)
                if (error.is(&codes::LAKE_LOG_FAILED) || error.is(&codes::LAKE_TABLE_NOT_FOUND))
                    && self.at_time(version).await?.is_none() =>
            {
                Err(gone())
            }
            Err(error) => Err(error),
        }
    }

    /// The last version whose entry the store got at or before `time`.
    async fn version_at(&self, time: DateTime<Utc>) -> Result<u64> {
        let log = folder(self.name()).join("_delta_log");
        let mut listed = self.lake.0.store.list(Some(&log));
        let mut found = None;
        while let Some(meta) = listed.next().await {
            let meta = meta.map_err(|error| errors::store(&log, error))?;
            let version = meta.location.filename().and_then(|name| name.strip_suffix(".json")?.parse::<u64>().ok());
            if let Some(version) = version
                && meta.last_modified <= time
            {
                found = found.max(Some(version));
            }
        }
        found.ok_or_else(|| {
            let version = format!("as of {}", time.to_rfc3339());
            Error::new(&codes::LAKE_VERSION_NOT_FOUND).with("table", self.name()).with("version", version)
        })
    }

    /// When the store got a version's entry; none if it is not there.
    async fn at_time(&self, version: u64) -> Result<Option<DateTime<Utc>>> {
        let path = folder(self.name()).join("_delta_log").join(entry(version));
        match self.lake.0.store.head(&path).await {
            Ok(meta) => Ok(Some(meta.last_modified)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(errors::store(path, error)),
        }
    }

    /// What DataFusion scans. The engine's runtime must know the lake ([`Lake::register`]). Tables of others that use
    /// deletion vectors or column mapping are read by the log library's own scan.
    pub fn provider(&self) -> Result<Arc<dyn TableProvider>> {
        if self.snapshot.foreign()?.is_none() {
            return Ok(Arc::new(self.scan()?));
        }
        let builder = self.snapshot.delta().table_provider().with_log_store(self.snapshot.log.clone());
        let provider = builder.with_eager_snapshot(self.snapshot.state.snapshot().clone()).build();
        // With a snapshot at hand there is nothing to wait for.
        match Box::pin(provider).now_or_never() {
            Some(provider) => Ok(Arc::new(provider.map_err(|error| errors::input(self.name(), error))?)),
            None => Err(Error::new(&codes::LAKE_LOG_FAILED).with("table", self.name()).with("reason", "it is not loaded")),
        }
    }

    pub(crate) fn scan(&self) -> Result<Scan> {
        Scan::new(self.snapshot.clone(), self.lake.store_url()?, folder(self.name()))
    }

    /// Rows of these files in order, in the table's own types; `columns` counts in the table's order, none is all.
    pub(crate) fn read(&self, files: &[usize], columns: Option<&[usize]>) -> Result<BoxStream<'static, Result<RecordBatch>>> {
        let name = self.name().clone();
        let failed = |error| errors::input(&name, error);
        let session = &self.lake.0.session;
        let projection = columns.map(<[usize]>::to_vec);
        let plan = self.scan()?.plan(&session.state(), projection.as_ref(), files, None, 1).map_err(failed)?;
        let wanted = match columns {
            Some(columns) => Arc::new(self.snapshot.schema.project(columns).map_err(|error| errors::write(&name, error))?),
            None => self.schema(),
        };
        let fit = Fit::new(&name, &wanted, &plan.schema())?;
        let rows = execute_stream(plan, session.task_ctx()).map_err(failed)?;
        Ok(rows.map(move |batch| fit.apply(&batch.map_err(|error| errors::input(&name, error))?)).boxed())
    }

    /// The last version an application wrote with, at this handle's version of the table.
    pub async fn transaction_version(&self, app_id: &str) -> Result<Option<i64>> {
        transaction_version(&self.snapshot, app_id).await
    }

    /// Rows, bytes and files of this version.
    pub fn details(&self) -> Result<Details> {
        let files = self.snapshot.files()?;
        Ok(Details { rows: files.rows(), bytes: files.bytes(), files: files.files.len() as u64 })
    }

    /// The last `limit` versions up to this handle's, newest first; fewer if older entries were tidied up.
    pub async fn history(&self, limit: usize) -> Result<Vec<VersionInfo>> {
        let newest = self.version();
        let oldest = (newest + 1).saturating_sub(limit as u64);
        let entries = futures::stream::iter((oldest..=newest).rev()).map(|version| async move {
            let bytes = self.snapshot.log.read_commit_entry(version).await;
            let bytes = bytes.map_err(|error| errors::log(self.name(), error))?;
            Ok::<_, Error>(bytes.and_then(|bytes| information(version, &bytes)))
        });
        entries.buffered(ENTRIES_MAX).try_filter_map(|line| async move { Ok(line) }).try_collect().await
    }
}

/// The last version an application wrote with, as of a snapshot.
pub(crate) async fn transaction_version(snapshot: &Snapshot, app_id: &str) -> Result<Option<i64>> {
    let version = Box::pin(snapshot.state.transaction_version(snapshot.log.as_ref(), app_id)).await;
    version.map_err(|error| errors::log(&snapshot.name, error))
}

#[derive(Deserialize)]
struct Line {
    #[serde(rename = "commitInfo")]
    information: Option<serde_json::Map<String, Value>>,
}

/// The history line of a log entry, which is one JSON object a line.
fn information(version: u64, bytes: &[u8]) -> Option<VersionInfo> {
    let lines = serde_json::Deserializer::from_slice(bytes).into_iter::<Line>();
    let information = lines.filter_map(|line| line.ok()?.information).next()?;
    let rows = information.get("operationMetrics").and_then(|metrics| metrics.get("numOutputRows"));
    Some(VersionInfo {
        version,
        at: information.get("timestamp").and_then(Value::as_i64).and_then(DateTime::from_timestamp_millis).unwrap_or_default(),
        operation: information.get("operation").and_then(Value::as_str).unwrap_or("UNKNOWN").to_owned(),
        // Others write numbers as text.
        rows: rows.and_then(|rows| rows.as_u64().or_else(|| rows.as_str()?.parse().ok())),
        origin: information.get(ORIGIN_KEY).and_then(|origin| serde_json::from_value(origin.clone()).ok()),
    })
}
