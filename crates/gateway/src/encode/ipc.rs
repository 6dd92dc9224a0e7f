//! Rows as an Arrow IPC stream that every Arrow reader can read.

use std::sync::Arc;

use arrow::array::Array;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::writer::StreamWriter;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};

use super::Encoder;

/// One message holds about this many bytes of a batch.
const MESSAGE_BYTES: usize = 1 << 20;

/// The writer over a buffer that is emptied after each message.
pub(super) struct Ipc {
    schema: SchemaRef,
    writer: Option<StreamWriter<Vec<u8>>>,
}

impl Ipc {
    pub(super) fn new(schema: &Schema) -> Self {
        let fields: Vec<_> = schema
            .fields()
            .iter()
            .map(|field| {
                Arc::new(Field::new(field.name(), plain(field.data_type()), true).with_metadata(field.metadata().clone()))
            })
            .collect();
        Self { schema: Arc::new(Schema::new(fields)), writer: None }
    }

    fn writer(&mut self) -> Result<&mut StreamWriter<Vec<u8>>, ArrowError> {
        if self.writer.is_none() {
            self.writer = Some(StreamWriter::try_new(Vec::new(), &self.schema)?);
        }
        self.writer.as_mut().ok_or_else(|| ArrowError::IpcError("no writer".to_owned()))
    }

    fn take(&mut self, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        let buffer = std::mem::take(self.writer()?.get_mut());
        if out.is_empty() {
            *out = buffer;
        } else {
            out.extend_from_slice(&buffer);
        }
        Ok(())
    }
}

impl Encoder for Ipc {
    fn start(&mut self, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        self.take(out)
    }

    fn rows(&mut self, batch: &RecordBatch, from: usize, out: &mut Vec<u8>) -> Result<usize, ArrowError> {
        let all = batch.num_rows();
        // The bytes of these rows alone: a slice of a large batch holds on to all of its buffers.
        let sizes = batch.columns().iter().map(|array| {
            let data = array.to_data();
            data.get_slice_memory_size().unwrap_or_else(|_| data.get_array_memory_size())
        });
        let row_bytes = (sizes.sum::<usize>() / all.max(1)).max(1);
        let count = (MESSAGE_BYTES / row_bytes).clamp(1, all - from);
        let part = batch.slice(from, count);
        let columns = part
            .columns()
            .iter()
            .zip(self.schema.fields())
            .map(
                |(array, field)| {
                    if array.data_type() == field.data_type() { Ok(Arc::clone(array)) } else { cast(array, field.data_type()) }
                },
            )
            .collect::<Result<Vec<_>, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(count));
        let part = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?;
        self.writer()?.write(&part)?;
        self.take(out)?;
        Ok(from + count)
    }

    fn end(&mut self, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        self.writer()?.finish()?;
        self.take(out)
    }
}

/// The layout that older readers know: view types are how the engine works inside, dictionaries how it saves memory.
fn plain(data_type: &DataType) -> DataType {
    let inner = |field: &Arc<Field>| Arc::new(field.as_ref().clone().with_data_type(plain(field.data_type())));
    match data_type {
        DataType::Utf8View => DataType::Utf8,
        DataType::BinaryView => DataType::Binary,
        DataType::Dictionary(_, value) => plain(value),
        DataType::List(field) | DataType::ListView(field) => DataType::List(inner(field)),
        DataType::LargeList(field) | DataType::LargeListView(field) => DataType::LargeList(inner(field)),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(inner).collect()),
        other => other.clone(),
    }
}
