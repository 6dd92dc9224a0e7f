//! Files in a folder or an object store.

#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::path::Path as FilePath;
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use async_trait::async_trait;
use base::document::Wrong;
use base::{Error, Result};
use futures::TryStreamExt;
use object_store::path::Path;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use storage::{Store, StoreOptions};
use tokio::runtime::Handle;

use crate::blocks::{BLOCK_BYTES, Blocks, Options};
use crate::codes::{FILES_MISSING, FILES_TOO_MANY, READER_FAILED, TARGET_INVALID};
use crate::columns::{settle, supported};
use crate::compression::EXPANSION_MAX;
use crate::connectors::Connector;
use crate::formats::{Chosen, FilesTarget, avro, csv, excel, json_lines, orc, parquet};
use crate::marks;
use crate::source::{Dialect, FileMark, Position, ReadRequest, Reading, Source, SourceTable, Target};
use crate::spec::{ConnectionSpec, Context};
use crate::workers;

/// Files of one read; more are refused, so that the list itself stays small.
const FILES_MAX: usize = 100_000;
/// Files that [`Source::tables`] names.
const NAMED_MAX: usize = 10_000;
/// Files that are looked into to guess the columns.
const SAMPLES_MAX: usize = 10;
/// Workers of one read.
const PARALLEL_MAX: usize = 64;

/// Files in a folder or an object store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FilesOptions {
    /// A folder's path (a relative one begins where the platform's home says), `file:///folder` or `s3://bucket/prefix`.
    pub location: String,
    /// How the location is reached.
    #[serde(default)]
    pub store: StoreOptions,
    /// How many times its packed size a file may have when it is unpacked; 200 if not set. Guards against zip bombs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expansion_max: Option<u32>,
}

impl FilesOptions {
    /// What the types cannot say.
    pub fn check(&self) -> Result<(), Wrong> {
        match () {
            () if self.location.trim().is_empty() => Err(Wrong::new("location", "name a folder or a URL")),
            () if self.expansion_max == Some(0) => Err(Wrong::new("expansion_max", "write a number above 0")),
            () => Ok(()),
        }
    }

    /// The place, opened; a relative path begins at the context's folder.
    pub(crate) async fn store(&self, context: &Context) -> Result<Store> {
        let location = if self.location.contains("://") || FilePath::new(&self.location).is_absolute() {
            self.location.clone()
        } else {
            context.base_dir.join(&self.location).display().to_string()
        };
        storage::open(&location, &self.store, &*context.secrets).await
    }
}

/// The connector.
pub(crate) struct Files;

#[async_trait]
impl Connector for Files {
    async fn open(&self, name: &str, spec: &ConnectionSpec, context: &Context) -> Result<Option<Arc<dyn Source>>> {
        let Some(options) = &spec.files else { return Ok(None) };
        let store = options.store(context).await?;
        let expansion_max = options.expansion_max.unwrap_or(EXPANSION_MAX);
        Ok(Some(Arc::new(FilesSource { connection: name.to_owned(), store, expansion_max })))
    }
}

#[derive(Debug)]
struct FilesSource {
    connection: String,
    store: Store,
    expansion_max: u32,
}

/// What was settled about a target.
struct Shape {
    chosen: Chosen,
    options: Options,
    found: Schema,
}

impl FilesSource {
    fn target<'a>(&self, target: &'a Target) -> Result<&'a FilesTarget> {
        let Target::Files(files) = target else {
            return Err(self.invalid("it has files and no tables; name them by `files`"));
        };
        files.check().map_err(|wrong| self.invalid(format!("{}: {}", wrong.field, wrong.reason)))?;
        Ok(files)
    }

    fn invalid(&self, reason: impl std::fmt::Display) -> Error {
        Error::new(&TARGET_INVALID).with("connection", &self.connection).with("reason", reason)
    }

    /// All files that match, sorted by path.
    async fn list(&self, target: &FilesTarget) -> Result<Vec<FileMark>> {
        let pattern = glob::Pattern::new(&target.files).map_err(|error| self.invalid(error))?;
        let options = glob::MatchOptions { require_literal_separator: true, ..Default::default() };
        // Everything before the first folder with a wildcard in it need not be listed.
        let fixed: Vec<&str> = target.files.split('/').take_while(|part| !part.contains(['*', '?', '['])).collect();
        let whole = fixed.len() == target.files.split('/').count();
        let prefix = Path::from_iter(fixed[..fixed.len() - usize::from(whole)].iter().copied());
        let mut listed = self.store.object_store.list((!prefix.as_ref().is_empty()).then_some(&prefix));
        let mut found = Vec::new();
        while let Some(object) = listed.try_next().await.map_err(|error| self.store.explain(&prefix, error))? {
            if !pattern.matches_with(object.location.as_ref(), options) {
                continue;
            }
            if found.len() == FILES_MAX {
                return Err(Error::new(&FILES_TOO_MANY)
                    .with("location", self.store.location())
                    .with("files", &target.files)
                    .with("limit", FILES_MAX));
            }
            found.push(marks::of(&self.store, &object));
        }
        if found.is_empty() {
            return Err(Error::new(&FILES_MISSING).with("location", self.store.location()).with("files", &target.files));
        }
        found.sort();
        Ok(found)
    }

    /// Settles the format and the columns, from samples of `files`.
    async fn shape(&self, target: &FilesTarget, files: &[FileMark], declared: Option<&SchemaRef>) -> Result<Shape> {
        let first = files.first().map_or("", |mark| mark.path.as_str());
        let chosen = target.chosen(first).map_err(|wrong| self.invalid(format!("{}: {}", wrong.field, wrong.reason)))?;
        let members: Vec<String> = match &target.members {
            Some(members) => vec![members.clone()],
            None => chosen.extensions().iter().map(|extension| format!("*.{extension}")).collect(),
        };
        let members = members.iter().map(|member| glob::Pattern::new(member)).collect::<Result<_, _>>();
        let options = Options {
            store: self.store.clone(),
            handle: Handle::current(),
            members: members.map_err(|error| self.invalid(error))?,
            expansion_max: self.expansion_max,
            block_bytes: BLOCK_BYTES,
        };
        let samples = samples(files);
        let found = match &chosen {
            Chosen::Parquet(_) => parquet::infer(&self.store, &samples).await?,
            Chosen::Csv(format) => {
                let dialect = format.dialect().map_err(|wrong| self.invalid(wrong.reason))?;
                let (options, declared) = (options.clone(), declared.cloned());
                on_thread(move || csv::infer(&dialect, &options, &samples, declared.as_ref())).await?
            }
            Chosen::JsonLines(_) => {
                let (options, declared) = (options.clone(), declared.cloned());
                on_thread(move || json_lines::infer(&options, &samples, declared.as_ref())).await?
            }
            Chosen::Avro(format) => {
                let (format, options) = (format.clone(), options.clone());
                on_thread(move || avro::infer(&format, &options, &samples)).await?
            }
            Chosen::Orc(_) => {
                let options = options.clone();
                on_thread(move || orc::infer(&options.store, &options.handle, &samples)).await?
            }
            Chosen::Excel(format) => {
                let (format, open, declared) = (format.clone(), self.workbooks(), declared.cloned());
                on_thread(move || excel::infer(&format, &open, &samples, declared.as_ref())).await?
            }
        };
        Ok(Shape { chosen, options, found })
    }
}

impl FilesSource {
    fn workbooks(&self) -> excel::Open {
        excel::Open { store: self.store.clone(), handle: Handle::current(), expansion_max: self.expansion_max }
    }
}

/// Some files, the first and the last among them, evenly spread.
fn samples(files: &[FileMark]) -> Vec<FileMark> {
    if files.len() <= SAMPLES_MAX {
        return files.to_vec();
    }
    (0..SAMPLES_MAX).map(|index| files[index * (files.len() - 1) / (SAMPLES_MAX - 1)].clone()).collect()
}

async fn on_thread<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(Error::new(&READER_FAILED).with("place", "samples").because(error)),
    }
}

#[async_trait]
impl Source for FilesSource {
    async fn check(&self) -> Result<String> {
        let first = self.store.object_store.list(None).try_next().await;
        first.map_err(|error| self.store.explain("", error))?;
        Ok(format!("files in {}", self.store.location()))
    }

    async fn tables(&self) -> Result<Vec<SourceTable>> {
        let mut listed = self.store.object_store.list(None);
        let mut tables = Vec::new();
        while let Some(object) = listed.try_next().await.map_err(|error| self.store.explain("", error))? {
            tables.push(SourceTable { schema: "files".to_owned(), table: object.location.to_string(), rows: None });
            if tables.len() == NAMED_MAX {
                break;
            }
        }
        tables.sort();
        Ok(tables)
    }

    async fn describe(&self, target: &Target) -> Result<SchemaRef> {
        let target = self.target(target)?;
        let files = self.list(target).await?;
        let shape = self.shape(target, &files, None).await?;
        let schema = settle(&shape.found, None, None, &target.files)?;
        supported(&schema, &target.files)?;
        Ok(schema)
    }

    async fn read(&self, request: ReadRequest) -> Result<Reading> {
        let target = self.target(&request.target)?;
        if !request.filters.is_empty() || request.cursor.is_some() {
            return Err(self.invalid("files have neither filters nor cursors; files read before are skipped by themselves"));
        }
        let listed = self.list(target).await?;
        let seen: HashSet<&FileMark> = request.seen.iter().collect();
        let files: Vec<FileMark> = match &request.until {
            Some(Position::Files(files)) => files.clone(),
            _ => listed.iter().filter(|mark| !seen.contains(mark)).cloned().collect(),
        };
        let sampled = if files.is_empty() { &listed } else { &files };
        let Shape { chosen, options, found } = self.shape(target, sampled, request.declared.as_ref()).await?;
        let schema = settle(&found, request.declared.as_ref(), request.columns.as_deref(), &target.files)?;
        supported(&schema, &target.files)?;

        let total_bytes = files.iter().map(|mark| mark.size).sum();
        let position = Position::Files(files.clone());
        let only = request.columns.is_some();
        let workers = if request.limit.is_some() { 1 } else { request.parallel.clamp(1, PARALLEL_MAX) };
        let batch_rows = request.batch_rows.max(1);
        let place = target.files.as_str();
        let mut total_rows = None;
        let parts = match chosen {
            _ if files.is_empty() => Vec::new(),
            Chosen::Csv(format) => {
                let dialect = format.dialect().map_err(|wrong| self.invalid(wrong.reason))?;
                let decoder = || csv::Decoder::new(dialect.clone(), schema.clone(), batch_rows, place);
                let decoders = (0..workers).map(|_| decoder()).collect::<Result<_>>()?;
                let known = csv::Known::new(dialect, &found, schema.clone(), only);
                workers::parts(Blocks::new(Arc::new(known), options, files), decoders, request.limit)
            }
            Chosen::JsonLines(format) => {
                let decoder = || json_lines::Decoder::new(&format, &found, schema.clone(), batch_rows, place);
                let decoders = (0..workers).map(|_| decoder()).collect::<Result<_>>()?;
                workers::parts(Blocks::new(Arc::new(json_lines::Lines), options, files), decoders, request.limit)
            }
            Chosen::Parquet(_) => {
                let strict = (!only).then_some(found);
                let plan =
                    parquet::Plan { store: self.store.clone(), strict, schema: schema.clone(), batch_rows, limit: request.limit };
                let (parts, rows) = parquet::parts(plan, &files, workers).await?;
                total_rows = Some(rows);
                parts
            }
            Chosen::Avro(format) => {
                let strict = (!only).then_some(found);
                let plan = avro::Plan { options, format, strict, schema: schema.clone(), batch_rows, limit: request.limit };
                avro::parts(plan, files, workers)?
            }
            Chosen::Orc(_) => {
                let strict = (!only).then_some(found);
                let plan =
                    orc::Plan { store: self.store.clone(), strict, schema: schema.clone(), batch_rows, limit: request.limit };
                let (parts, rows) = on_thread(move || orc::parts(plan, &options.handle, &files, workers)).await?;
                total_rows = Some(rows);
                parts
            }
            Chosen::Excel(format) => {
                let (open, limit) = (self.workbooks(), request.limit);
                let plan = excel::Plan { open, format, found, chosen: only, schema: schema.clone(), batch_rows, limit };
                excel::parts(plan, files, workers)
            }
        };
        Ok(Reading { schema, parts, total_rows, total_bytes: Some(total_bytes), position })
    }

    fn live(&self) -> Option<Dialect> {
        None
    }
}
