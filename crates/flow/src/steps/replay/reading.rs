//! Records of a quarantine as rows again: those that were collected by their source's format, those of a query by its checks.

mod answered;
mod collected;

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, new_null_array};
use arrow::compute::concat_batches;
use arrow::datatypes::{Field, Schema, SchemaRef};
use base::{Error, Result, TableName};

use super::{Cause, Stored};
use crate::codes;
use crate::spec::StepSpec;
use crate::steps::StepContext;
use answered::Answered;
use collected::Collected;

/// Reads records in the way of one step.
pub(super) struct Reading {
    form: Form,
    /// Columns of the table that may not be empty.
    demanded: Vec<String>,
}

enum Form {
    Collected(Box<Collected>),
    Answered(Box<Answered>),
}

impl Reading {
    /// For records of this step, whose table has these columns.
    pub async fn of(context: &StepContext, step: &StepSpec, table: &TableName, columns: SchemaRef) -> Result<Self> {
        let demanded = columns.fields().iter().filter(|field| !field.is_nullable()).map(|field| field.name().clone()).collect();
        let maybe_empty = |field: &Arc<Field>| Arc::new(field.as_ref().clone().with_nullable(true));
        let columns = Arc::new(Schema::new(columns.fields().iter().map(maybe_empty).collect::<Vec<_>>()));
        let form = match (&step.collect, &step.sql) {
            (Some(step), _) => Form::Collected(Box::new(Collected::new(context, step, columns).await?)),
            (_, Some(step)) => Form::Answered(Box::new(Answered::new(context, step, columns)?)),
            _ => {
                let gone = Error::new(&codes::REPLAY_STEP_GONE).with("step", &step.name).with("table", table);
                return Err(gone);
            }
        };
        Ok(Self { form, demanded })
    }

    /// The columns of [`Self::rows`]; known for good once all records were read.
    pub fn columns(&self) -> SchemaRef {
        match &self.form {
            Form::Collected(collected) => collected.columns(),
            Form::Answered(answered) => answered.columns(),
        }
    }

    /// Each record as a row, or what keeps it where it is.
    pub async fn read(&mut self, context: &StepContext, stored: Stored) -> Result<Vec<Result<RecordBatch, Cause>>> {
        let mut read = match &mut self.form {
            Form::Collected(collected) => collected.read(context, stored).await?,
            Form::Answered(answered) => answered.read(&stored)?,
        };
        for record in &mut read {
            let empty = record.as_ref().ok().and_then(|row| {
                self.demanded.iter().find(|name| row.column_by_name(name).is_none_or(|column| column.logical_null_count() > 0))
            });
            if let Some(name) = empty {
                let message = format!("column `{name}` of the table may not be empty");
                *record = Err((connect::causes::VALUE_UNFIT.to_owned(), message));
            }
        }
        Ok(read)
    }

    /// Records that are known to fit, as rows.
    pub async fn rows(&mut self, context: &StepContext, stored: Stored) -> Result<RecordBatch> {
        let columns = self.columns();
        let mut rows = Vec::with_capacity(stored.len());
        for record in self.read(context, stored).await? {
            let row = record.map_err(|(cause, message)| {
                Error::new(&codes::FLOW_INTERNAL).with("reason", format!("a record fitted and then did not: {cause}, {message}"))
            })?;
            rows.push(padded(&row, &columns)?);
        }
        concat_batches(&columns, &rows).map_err(internal)
    }

    /// Tells what checks warn of.
    pub fn warn(&self, context: &StepContext) {
        if let Form::Answered(answered) = &self.form {
            answered.warn(context);
        }
    }
}

/// The row with all columns; those that it lacks are empty.
fn padded(row: &RecordBatch, columns: &SchemaRef) -> Result<RecordBatch> {
    let column = |field: &Arc<Field>| -> ArrayRef {
        row.column_by_name(field.name()).cloned().unwrap_or_else(|| new_null_array(field.data_type(), row.num_rows()))
    };
    RecordBatch::try_new(columns.clone(), columns.fields().iter().map(column).collect()).map_err(internal)
}

fn internal(error: arrow::error::ArrowError) -> Error {
    Error::new(&codes::FLOW_INTERNAL).because(error)
}
