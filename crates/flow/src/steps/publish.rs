//! `publish`: writes a table, at the version the run sees, as a file to a connection that holds files.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use base::document::Wrong;
use base::{Error, ResourceName, Result, TableName};
use futures::StreamExt;
use object_store::path::Path;
use object_store::{ObjectStoreExt, WriteMultipart};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Map;

use super::{Step, StepContext};
use crate::codes;
use crate::plan::{Outcome, Plan};

/// Parts of an upload that may be on their way at once.
const UPLOADS_MAX: usize = 4;

/// Bytes gathered before a part is sent.
const PART_BYTES: usize = 5 << 20;

/// Writes a table as one file. Readers see the old file or the whole new one, never a part.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PublishStep {
    /// The table.
    pub table: TableName,
    /// The connection; one that holds files.
    pub to: ResourceName,
    /// The file's path below the connection's location.
    pub file: String,
    /// How it is written.
    #[serde(default)]
    pub format: PublishFormat,
}

/// How a published file is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PublishFormat {
    /// Parquet, compressed with zstd.
    #[default]
    Parquet,
    /// CSV with a header.
    Csv,
}

#[async_trait]
impl Step for PublishStep {
    fn verb(&self) -> &'static str {
        "publish"
    }

    fn reads(&self) -> Result<Vec<TableName>, Wrong> {
        Ok(vec![self.table.clone()])
    }

    fn writes(&self) -> Vec<TableName> {
        Vec::new()
    }

    fn check(&self) -> Result<(), Wrong> {
        if !self.table.is_lake() {
            return Err(Wrong::new("table", format!("`{}` is not in the lake", self.table)));
        }
        if Path::parse(&self.file).is_err() || self.file.is_empty() {
            return Err(Wrong::new("file", "a path below the connection's location, without `..`"));
        }
        Ok(())
    }

    async fn plan(&self, context: &StepContext) -> Result<Plan> {
        let mut plan = Plan::default();
        plan.read(context, std::slice::from_ref(&self.table)).await?;
        Ok(plan)
    }

    async fn run(&self, context: &StepContext, plan: &Plan) -> Result<Outcome> {
        let failed = |reason: String| {
            Error::new(&codes::PUBLISH_FAILED).with("file", &self.file).with("connection", &self.to).with("reason", reason)
        };
        let store = context.engine.files_store(&context.pass, self.to.as_str()).await?;
        let path = Path::parse(&self.file).map_err(|error| failed(error.to_string()))?;
        let mut answer = context.query(&format!("select * from {}", self.table), &Map::new(), plan).await?;
        let upload = store.object_store.put_multipart(&path).await.map_err(|error| failed(error.to_string()))?;
        let mut upload = WriteMultipart::new_with_chunk_size(upload, PART_BYTES);
        let mut encoder = Encoder::new(self.format, &answer.schema).map_err(failed)?;
        let mut written = 0;
        while let Some(batch) = answer.stream.next().await {
            let batch = match batch {
                Ok(batch) => batch,
                Err(error) => {
                    let _gone = upload.abort().await;
                    return Err(engine::error(error));
                }
            };
            let bytes = encoder.write(&batch).map_err(failed)?;
            written += bytes.len() as u64;
            context.progress.add(batch.num_rows() as u64, bytes.len() as u64, 0);
            upload.wait_for_capacity(UPLOADS_MAX).await.map_err(|error| failed(error.to_string()))?;
            upload.put(bytes.into());
        }
        let tail = encoder.finish().map_err(failed)?;
        written += tail.len() as u64;
        upload.put(tail.into());
        upload.finish().await.map_err(|error| failed(error.to_string()))?;
        let text = format!("wrote {} to {} of `{}`", base::units::bytes(written), self.file, self.to);
        context.log.write(crate::runs::Level::Info, Some(&context.step), &text);
        Ok(Outcome { table: Some(self.table.clone()), version: plan.inputs.get(&self.table).copied(), ..Outcome::default() })
    }
}

/// Bytes of one format, given out as they come.
enum Encoder {
    Parquet(Box<ArrowWriter<Vec<u8>>>),
    /// Whether the header is still to be written.
    Csv(bool),
}

impl Encoder {
    fn new(format: PublishFormat, schema: &SchemaRef) -> Result<Self, String> {
        match format {
            PublishFormat::Csv => Ok(Self::Csv(true)),
            PublishFormat::Parquet => {
                let properties = WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default())).build();
                let writer = ArrowWriter::try_new(Vec::new(), Arc::clone(schema), Some(properties));
                writer.map(|writer| Self::Parquet(Box::new(writer))).map_err(|error| error.to_string())
            }
        }
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<Vec<u8>, String> {
        match self {
            Self::Csv(header) => {
                let mut writer = arrow::csv::WriterBuilder::new().with_header(std::mem::take(header)).build(Vec::new());
                writer.write(batch).map_err(|error| error.to_string())?;
                Ok(writer.into_inner())
            }
            Self::Parquet(writer) => {
                writer.write(batch).map_err(|error| error.to_string())?;
                Ok(std::mem::take(writer.inner_mut()))
            }
        }
    }

    fn finish(self) -> Result<Vec<u8>, String> {
        match self {
            Self::Csv(_) => Ok(Vec::new()),
            Self::Parquet(writer) => writer.into_inner().map_err(|error| error.to_string()),
        }
    }
}
