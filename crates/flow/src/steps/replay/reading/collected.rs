//! Records of a source, read as its files or tables are read now.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema, SchemaRef};
use base::{Error, Result};
use connect::{CsvFormat, FilesTarget, Form, JsonLinesFormat, Records, Source, Target};

use super::{Cause, Stored};
use crate::codes;
use crate::steps::collect::CollectStep;
use crate::steps::{Evolve, StepContext};

/// Files whose heads are remembered.
const PLACES_MAX: usize = 10_000;

/// The cause of records of delimited text whose file can no longer say which field is which.
const FILE_UNKNOWN: &str = "file_unknown";

/// Reads records of one step.
pub(super) struct Collected {
    from: String,
    /// The step's files; none for a table of a database.
    files: Option<FilesTarget>,
    /// Columns by name with the types wanted now: the table's first, then those that are new.
    columns: Vec<Arc<Field>>,
    /// Whether columns that only the source has are taken.
    grows: bool,
    source: Option<Arc<dyn Source>>,
    places: HashMap<String, Place>,
    readers: Vec<Records>,
    by_layout: HashMap<Layout, usize>,
}

/// What is known of where records stood.
#[derive(Clone)]
enum Place {
    Reader(usize),
    Unknown(String),
}

/// How records of one kind are laid out; those of one layout share a reader.
#[derive(PartialEq, Eq, Hash)]
enum Layout {
    Csv(Vec<String>),
    JsonLines,
    Row,
}

impl Collected {
    pub async fn new(context: &StepContext, step: &CollectStep, table: SchemaRef) -> Result<Self> {
        let wrong = |wrong: base::document::Wrong| Error::new(&codes::FLOW_INTERNAL).with("reason", wrong.reason);
        let declared = step.declared().map_err(wrong)?;
        let wanted = |field: &Arc<Field>| {
            let declared = declared.as_ref().and_then(|declared| declared.field_with_name(field.name()).ok());
            declared.map_or_else(|| Arc::clone(field), |declared| Arc::new(declared.clone()))
        };
        let mut columns: Vec<Arc<Field>> = table.fields().iter().map(wanted).collect();
        let grows = step.evolve != Evolve::No;
        if grows && let Some(declared) = &declared {
            let new = declared.fields().iter().filter(|field| table.field_with_name(field.name()).is_err());
            columns.extend(new.cloned());
        }
        let (files, source) = match step.target().map_err(wrong)? {
            Target::Files(files) => (Some(files), Some(context.engine.source(&context.pass, step.from.as_str()).await?)),
            Target::Table { .. } => (None, None),
        };
        Ok(Self {
            from: step.from.to_string(),
            files,
            columns,
            grows,
            source,
            places: HashMap::new(),
            readers: Vec::new(),
            by_layout: HashMap::new(),
        })
    }

    pub fn columns(&self) -> SchemaRef {
        Arc::new(Schema::new(self.columns.clone()))
    }

    pub async fn read(&mut self, context: &StepContext, stored: Stored) -> Result<Vec<Result<RecordBatch, Cause>>> {
        let mut places = Vec::with_capacity(stored.len());
        for row in 0..stored.len() {
            places.push(self.place(context, stored.place(row)).await?);
        }
        let mut readers = std::mem::take(&mut self.readers);
        // Decoding computes.
        let work = tokio::task::spawn_blocking(move || {
            let read = places.into_iter().enumerate().map(|(row, place)| match place {
                Place::Unknown(message) => Ok(Err((FILE_UNKNOWN.to_owned(), message))),
                Place::Reader(index) => {
                    let record = readers[index].read(stored.raw(row))?;
                    Ok(record.map_err(|reject| (reject.cause.into_owned(), reject.message)))
                }
            });
            let read = read.collect::<Result<Vec<_>>>();
            (readers, read)
        });
        let (readers, read) = work.await.map_err(|error| Error::new(&codes::FLOW_INTERNAL).because(error))?;
        self.readers = readers;
        read
    }

    /// Settles how records of a place are read.
    async fn place(&mut self, context: &StepContext, place: &str) -> Result<Place> {
        let Some(files) = self.files.clone() else { return self.reader(Layout::Row, Records::rows) };
        if let Some(known) = self.places.get(place) {
            return Ok(known.clone());
        }
        let settled = match files.form(place) {
            Err(wrong) => Place::Unknown(wrong.reason),
            Ok(Form::Row) => self.reader(Layout::Row, Records::rows)?,
            Ok(Form::JsonLines(format)) => self.json_lines(&format)?,
            Ok(Form::Csv(format)) => match self.names(context, &files, &format, place).await? {
                Ok(names) => self.csv(&format, names)?,
                Err(reason) => Place::Unknown(reason),
            },
        };
        if self.places.len() >= PLACES_MAX {
            self.places.clear();
        }
        self.places.insert(place.to_owned(), settled.clone());
        Ok(settled)
    }

    /// The fields of a file's records, in order, or why they are not known.
    async fn names(
        &mut self,
        context: &StepContext,
        files: &FilesTarget,
        format: &CsvFormat,
        place: &str,
    ) -> Result<Result<Vec<String>, String>> {
        if !format.header {
            return Ok(Ok(self.columns.iter().map(|field| field.name().clone()).collect()));
        }
        let source = match &self.source {
            Some(source) => Arc::clone(source),
            None => context.engine.source(&context.pass, &self.from).await?,
        };
        match source.describe(&Target::Files(files.just(place))).await {
            Ok(found) => {
                if self.grows {
                    self.grow(&found);
                }
                Ok(Ok(found.fields().iter().map(|field| field.name().clone()).collect()))
            }
            // What may pass is the step's business to try again.
            Err(error) if error.code().retry => Err(error),
            Err(error) => Ok(Err(format!(
                "which field is which column is not known: {}",
                error.message(base::Language::En).chars().take(200).collect::<String>()
            ))),
        }
    }

    /// Takes in columns that only this file has.
    fn grow(&mut self, found: &Schema) {
        for field in found.fields() {
            if !self.columns.iter().any(|known| known.name() == field.name()) {
                self.columns.push(Arc::clone(field));
            }
        }
    }

    fn csv(&mut self, format: &CsvFormat, names: Vec<String>) -> Result<Place> {
        if let Some(name) = names.iter().find(|name| !self.columns.iter().any(|field| field.name() == *name)) {
            let name: String = name.chars().take(80).collect();
            return Ok(Place::Unknown(format!("its file has a column `{name}`, which the table does not have")));
        }
        let fields: Vec<Arc<Field>> = self.columns.iter().filter(|field| names.contains(field.name())).cloned().collect();
        let schema = Arc::new(Schema::new(fields));
        self.reader(Layout::Csv(names.clone()), move |_| Records::csv(format, &names, &schema))
    }

    fn json_lines(&mut self, format: &JsonLinesFormat) -> Result<Place> {
        self.reader(Layout::JsonLines, |schema| Records::json_lines(format, schema))
    }

    fn reader(&mut self, layout: Layout, make: impl FnOnce(&SchemaRef) -> Result<Records>) -> Result<Place> {
        if let Some(known) = self.by_layout.get(&layout) {
            return Ok(Place::Reader(*known));
        }
        self.readers.push(make(&self.columns())?);
        self.by_layout.insert(layout, self.readers.len() - 1);
        Ok(Place::Reader(self.readers.len() - 1))
    }
}
