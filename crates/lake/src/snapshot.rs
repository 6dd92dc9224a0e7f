//! One version of one table, loaded: its columns, its files, and how our scan sees them.

use std::sync::{Arc, OnceLock};

use arrow::datatypes::{FieldRef, Schema, SchemaRef};
use base::{Error, Result, TableName};
use datafusion::datasource::table_schema::TableSchema;
use deltalake_core::DeltaTable;
use deltalake_core::logstore::LogStoreRef;
use deltalake_core::table::state::DeltaTableState;
use object_store::ObjectMeta;

use crate::files::Files;
use crate::{codes, errors};

/// What a table may need of its reader for our own scan to read it.
const NATIVE_FEATURES: [&str; 4] = ["timestampNtz", "deletionVectors", "v2Checkpoint", "vacuumProtocolCheck"];

/// An immutable version of a table. Held by every reader of it, so that vacuum knows what to keep.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub name: TableName,
    pub log: LogStoreRef,
    pub state: DeltaTableState,
    /// The columns as the table declares them, in order.
    pub schema: SchemaRef,
    /// The columns as a scan reads them: those of the files, then those of the partitions.
    pub scanned: TableSchema,
    /// The log entry of this version, if it is still there; once it is another, the table was made anew.
    pub tip: Option<ObjectMeta>,
    files: OnceLock<Arc<Files>>,
}

impl Snapshot {
    pub(crate) fn new(name: TableName, log: LogStoreRef, state: DeltaTableState, tip: Option<ObjectMeta>, views: bool) -> Self {
        let schema = state.snapshot().arrow_schema();
        let partitions = state.metadata().partition_columns();
        let typed = crate::schema::scanned(&schema, views);
        let (parts, columns): (Vec<FieldRef>, Vec<FieldRef>) =
            typed.fields().iter().cloned().partition(|field| partitions.contains(field.name()));
        // The log's order of partition columns need not be the table's.
        let parts: Vec<FieldRef> =
            partitions.iter().filter_map(|name| parts.iter().find(|field| field.name() == name).cloned()).collect();
        let scanned = TableSchema::builder(Arc::new(Schema::new(columns))).with_table_partition_cols(parts).build();
        Self { name, log, state, schema, scanned, tip, files: OnceLock::new() }
    }

    /// The same version with other files.
    pub(crate) fn with_files(&self, files: Files) -> Self {
        Self {
            name: self.name.clone(),
            log: self.log.clone(),
            state: self.state.clone(),
            schema: self.schema.clone(),
            scanned: self.scanned.clone(),
            tip: self.tip.clone(),
            files: OnceLock::from(Arc::new(files)),
        }
    }

    /// The version.
    pub(crate) fn version(&self) -> u64 {
        self.state.version()
    }

    /// Its files; read from the loaded log once.
    pub(crate) fn files(&self) -> Result<Arc<Files>> {
        if let Some(files) = self.files.get() {
            return Ok(files.clone());
        }
        let files = Files::load(&self.state, &self.scanned).map_err(|error| errors::log(&self.name, error))?;
        Ok(self.files.get_or_init(|| Arc::new(files)).clone())
    }

    /// The partition columns.
    pub(crate) fn partitions(&self) -> &[String] {
        self.state.metadata().partition_columns()
    }

    /// The same as the log library's table.
    pub(crate) fn delta(&self) -> DeltaTable {
        let mut table = DeltaTable::new(self.log.clone());
        table.state = Some(self.state.clone());
        table
    }

    /// Why our own scan cannot read it and our own writer must not write it, if so.
    pub(crate) fn foreign(&self) -> Result<Option<String>> {
        let mapping = self.state.metadata().configuration().get("delta.columnMapping.mode");
        if mapping.is_some_and(|mode| mode != "none") {
            return Ok(Some("column mapping".to_owned()));
        }
        let features = self.state.protocol().reader_features().unwrap_or_default();
        if let Some(other) = features.iter().find(|feature| !NATIVE_FEATURES.contains(&feature.to_string().as_str())) {
            return Ok(Some(other.to_string()));
        }
        let marks = features.iter().any(|feature| feature.to_string() == "deletionVectors");
        Ok((marks && self.files()?.marked).then(|| "deletion vectors".to_owned()))
    }

    /// Fails if it must not be written by us.
    pub(crate) fn demand_ours(&self) -> Result<()> {
        match self.foreign()? {
            None => Ok(()),
            Some(feature) => Err(Error::new(&codes::LAKE_FEATURE_UNSUPPORTED).with("table", &self.name).with("feature", feature)),
        }
    }
}
