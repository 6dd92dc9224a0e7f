//! The native scan: a Parquet scan whose files, partition values and statistics come from the log, so that DataFusion prunes
//! files before it opens them, plans with exact counts, and splits and pushes down as it does for its own tables.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::config::TableParquetOptions;
use datafusion::common::stats::Precision;
use datafusion::common::{Statistics, project_schema};
use datafusion::datasource::TableType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::CachedParquetFileReaderFactory;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::Result;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use object_store::ObjectMeta;
use object_store::path::Path;

use crate::files::{self, Files};
use crate::snapshot::Snapshot;

/// Beyond this many files, statistics are kept for the scan as a whole and not for each of its groups.
const GROUPED_STATISTICS_FILES_MAX: usize = 1024;

/// One version of a table, as DataFusion reads it.
#[derive(Debug)]
pub(crate) struct Scan {
    snapshot: Arc<Snapshot>,
    store: ObjectStoreUrl,
    /// The table's folder in that store.
    folder: Path,
    files: Arc<Files>,
    /// The table's columns in its own order, typed as read.
    schema: SchemaRef,
    /// For each of them, its place in the scan's order.
    places: Vec<usize>,
}

impl Scan {
    pub(crate) fn new(snapshot: Arc<Snapshot>, store: ObjectStoreUrl, folder: Path) -> base::Result<Self> {
        let files = snapshot.files()?;
        let read = snapshot.scanned.table_schema();
        let places: Vec<usize> = snapshot.schema.fields().iter().filter_map(|field| read.index_of(field.name()).ok()).collect();
        let fields: Vec<_> = places.iter().map(|place| read.fields()[*place].clone()).collect();
        let schema = Arc::new(arrow::datatypes::Schema::new(fields));
        Ok(Self { snapshot, store, folder, files, schema, places })
    }

    /// The files that may hold rows that pass all filters. What cannot be judged is kept.
    pub(crate) fn kept(&self, session: &dyn Session, filters: &[Expr]) -> Vec<usize> {
        crate::pruning::kept(session, self.snapshot.scanned.table_schema(), filters, self.files.as_ref())
    }

    /// The first files that surely hold `limit` rows.
    fn enough(&self, kept: Vec<usize>, limit: usize) -> Vec<usize> {
        let mut rows = 0;
        let mut taken = Vec::new();
        for index in kept {
            if rows >= limit as u64 {
                break;
            }
            rows += self.files.files[index].rows.unwrap_or(0);
            taken.push(index);
        }
        taken
    }

    /// Reads these files, in at most `groups` streams. `projection` counts in the table's order; none is all columns.
    pub(crate) fn plan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        kept: &[usize],
        limit: Option<usize>,
        groups: usize,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if kept.is_empty() {
            return Ok(Arc::new(EmptyExec::new(project_schema(&self.schema, projection)?)));
        }
        let read = &self.snapshot.scanned;
        let all = kept.len() == self.files.files.len();
        let group_statistics = kept.len() <= GROUPED_STATISTICS_FILES_MAX;
        let list: Vec<PartitionedFile> = kept.iter().map(|index| self.file(*index)).collect();
        let file_groups = FileGroup::new(list)
            .split_files(groups.max(1))
            .into_iter()
            .map(|group| {
                if !group_statistics {
                    return Ok(group);
                }
                let merged = files::merged(group.iter().filter_map(|file| file.statistics.as_deref()), read)?;
                Ok(group.with_statistics(Arc::new(merged)))
            })
            .collect::<Result<Vec<_>>>()?;
        let statistics = if all {
            self.files.total.clone()
        } else {
            files::merged(kept.iter().map(|index| self.files.statistics[*index].as_ref()), read)?
        };

        let options = TableParquetOptions { global: session.config_options().execution.parquet.clone(), ..Default::default() };
        let hint = options.global.metadata_size_hint;
        let runtime = session.runtime_env();
        let reader = CachedParquetFileReaderFactory::new(
            runtime.object_store(self.store.clone())?,
            runtime.cache_manager.get_file_metadata_cache(),
        );
        let mut source = ParquetSource::new(read.clone())
            .with_table_parquet_options(options)
            .with_parquet_file_reader_factory(Arc::new(reader));
        if let Some(hint) = hint {
            source = source.with_metadata_size_hint(hint);
        }
        let places = match projection {
            Some(columns) => columns.iter().map(|column| self.places[*column]).collect(),
            None => self.places.clone(),
        };
        let config = FileScanConfigBuilder::new(self.store.clone(), Arc::new(source))
            .with_file_groups(file_groups)
            .with_statistics(statistics)
            .with_projection_indices(Some(places))?
            .with_limit(limit)
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }

    fn file(&self, index: usize) -> PartitionedFile {
        let file = &self.files.files[index];
        let meta = ObjectMeta {
            location: Path::from_iter(self.folder.parts().chain(file.path.parts())),
            last_modified: file.modified,
            size: file.size,
            e_tag: None,
            version: None,
        };
        let mut listed = PartitionedFile::new_from_meta(meta)
            .with_partition_values(file.partition.clone())
            // A running query keeps its snapshot, and so its files, by holding the scan's files.
            .with_extension(self.snapshot.clone());
        listed.statistics = Some(self.files.statistics[index].clone());
        listed
    }
}

#[async_trait]
impl TableProvider for Scan {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut kept = self.kept(session, filters);
        if let Some(limit) = limit
            && filters.is_empty()
        {
            kept = self.enough(kept, limit);
        }
        self.plan(session, projection, &kept, limit, session.config().target_partitions())
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    fn statistics(&self) -> Option<Statistics> {
        let mut statistics = self.files.total.clone();
        statistics.column_statistics =
            self.places.iter().filter_map(|place| self.files.total.column_statistics.get(*place).cloned()).collect();
        (statistics.num_rows != Precision::Absent).then_some(statistics)
    }
}
