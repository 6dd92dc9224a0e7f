//! Records as they stand in a quarantine: read, told apart by their content, and written anew.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, BooleanArray, RecordBatch, StringArray};
use arrow::compute::{cast, filter_record_batch};
use arrow::datatypes::TimestampMicrosecondType;
use base::{Error, Result, TableName};
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use engine::{Engine, Limits, Statement};
use futures::StreamExt;
use guard::Pass;
use lake::{Evolve, Mode, Origin};
use serde_json::Map;

use super::Cause;
use crate::codes;
use crate::quarantine::quarantine_schema;
use crate::steps::QUERY_TIMEOUT;

/// The columns of a quarantine, in its order.
pub(crate) const COLUMNS: &str = "run, step, at, cause, message, position, raw";

/// Places of columns in a quarantine.
const CAUSE: usize = 3;
const MESSAGE: usize = 4;
const POSITION: usize = 5;
const RAW: usize = 6;

/// How often a rewrite begins anew when others change the quarantine meanwhile.
const ROUNDS_MAX: usize = 10;

/// Some records.
#[derive(Debug, Clone)]
pub(crate) struct Stored(RecordBatch);

impl Stored {
    /// Takes the columns of [`COLUMNS`] as a query gives them.
    pub fn read(batch: &RecordBatch) -> Result<Self> {
        let schema = quarantine_schema();
        let columns = batch.columns().iter().zip(schema.fields());
        let columns = columns.map(|(column, field)| cast(column, field.data_type())).collect::<Result<Vec<_>, _>>();
        let read = columns.and_then(|columns| RecordBatch::try_new(schema.clone(), columns));
        Ok(Self(read.map_err(internal)?))
    }

    /// The rows as they are written.
    pub fn into_rows(self) -> RecordBatch {
        self.0
    }

    pub fn len(&self) -> usize {
        self.0.num_rows()
    }

    /// Bytes of the records themselves.
    pub fn bytes(&self) -> u64 {
        (0..self.len()).map(|row| self.raw(row).len() as u64).sum()
    }

    pub fn raw(&self, row: usize) -> &[u8] {
        let raw: &BinaryArray = self.0.column(RAW).as_binary();
        if raw.is_null(row) { &[] } else { raw.value(row) }
    }

    /// Where a record stood: the file (and the member of it) or the table, without the number of the line.
    pub fn place(&self, row: usize) -> &str {
        let position = self.text(POSITION, row);
        position.rsplit_once(':').map_or(position, |(place, _)| place)
    }

    /// Its cause and its message.
    pub fn cause(&self, row: usize) -> (&str, &str) {
        (self.text(CAUSE, row), self.text(MESSAGE, row))
    }

    /// The run that found it.
    pub fn run(&self, row: usize) -> &str {
        self.text(0, row)
    }

    fn text(&self, column: usize, row: usize) -> &str {
        let texts: &StringArray = self.0.column(column).as_string();
        if texts.is_null(row) { "" } else { texts.value(row) }
    }

    /// The same for records that are equal in all columns, and for no others that are likely ever to be.
    pub fn hash(&self, row: usize) -> u128 {
        let at = self.0.column(2).as_primitive::<TimestampMicrosecondType>();
        let half = |seed: u64| {
            let mut hasher = DefaultHasher::new();
            seed.hash(&mut hasher);
            for column in [0, 1, CAUSE, MESSAGE, POSITION] {
                self.text(column, row).hash(&mut hasher);
            }
            at.is_valid(row).then(|| at.value(row)).hash(&mut hasher);
            self.raw(row).hash(&mut hasher);
            u128::from(hasher.finish())
        };
        half(1) << 64 | half(2)
    }

    /// Those that are chosen.
    pub fn only(&self, chosen: &[bool]) -> Result<Self> {
        filter_record_batch(&self.0, &BooleanArray::from(chosen.to_vec())).map(Self).map_err(internal)
    }

    /// Those for which `sift` answers, with the cause that it gives, if any.
    pub fn sifted<'a>(&self, mut sift: impl FnMut(u128) -> Option<Option<&'a Cause>>) -> Result<RecordBatch> {
        let answers: Vec<Option<Option<&Cause>>> = (0..self.len()).map(|row| sift(self.hash(row))).collect();
        let of = |part: fn(&Cause) -> &str, column: usize| -> ArrayRef {
            let texts = answers.iter().enumerate().map(|(row, answer)| match answer {
                Some(Some(cause)) => Some(part(cause)),
                _ => Some(self.text(column, row)),
            });
            Arc::new(texts.collect::<StringArray>())
        };
        let mut columns = self.0.columns().to_vec();
        columns[CAUSE] = of(|cause| &cause.0, CAUSE);
        columns[MESSAGE] = of(|cause| &cause.1, MESSAGE);
        let kept: BooleanArray = answers.iter().map(|answer| Some(answer.is_some())).collect();
        let whole = RecordBatch::try_new(self.0.schema(), columns);
        whole.and_then(|whole| filter_record_batch(&whole, &kept)).map_err(internal)
    }
}

/// Writes what `sift` leaves of a table's quarantine, in one commit, as it is at that moment. `sift` is asked for anew when
/// others change the quarantine meanwhile.
pub(crate) async fn rewrite<S>(
    engine: &Engine,
    pass: &Pass,
    table: &TableName,
    origin: Origin,
    sift: impl Fn() -> S,
) -> Result<()>
where
    S: FnMut(&Stored) -> Result<RecordBatch> + Send + 'static,
{
    let quarantine = table.quarantine()?;
    for _ in 0..ROUNDS_MAX {
        let now = engine.lake_table(pass, &quarantine).await?;
        let sql = format!("select {COLUMNS} from {}", quoted(&quarantine));
        let at = [(quarantine.clone(), now.version())].into();
        let limits = Limits { rows: None, bytes: None, timeout: QUERY_TIMEOUT };
        let answer = engine.query(pass, Statement { sql: &sql, parameters: &Map::new(), limits, at: &at }).await?;
        let mut sift = sift();
        let rows = answer.stream.map(move |batch| {
            let sifted = Stored::read(&batch?).and_then(|stored| sift(&stored));
            sifted.map_err(|error| DataFusionError::External(Box::new(error)))
        });
        let rows: SendableRecordBatchStream = Box::pin(RecordBatchStreamAdapter::new(quarantine_schema(), rows));
        let mode = Mode::Rewrite { of: now.version() };
        match engine.write(pass, &quarantine, mode, Evolve::No, rows, origin.clone()).await {
            Ok(_) => return Ok(()),
            Err(error) if error.is(&lake::codes::LAKE_MOVED) => {}
            Err(error) => return Err(error),
        }
    }
    Err(Error::new(&codes::REPLAY_UNSTABLE).with("table", table))
}

/// A name as SQL writes it; its parts were checked and hold no quotes.
pub(crate) fn quoted(table: &TableName) -> String {
    format!("\"{}\".\"{}\".\"{}\"", table.catalog(), table.schema(), table.table())
}

fn internal(error: arrow::error::ArrowError) -> Error {
    Error::new(&codes::FLOW_INTERNAL).because(error)
}

#[cfg(test)]
mod tests {
    use base::RunId;
    use chrono::DateTime;

    use super::*;
    use crate::quarantine::{self, Bad};

    fn stored(positions: &[&str]) -> Stored {
        let bad = |position: &&str| Bad {
            cause: "value_unfit".to_owned(),
            message: "no".to_owned(),
            raw: b"x".to_vec(),
            position: (*position).to_owned(),
        };
        let bad: Vec<Bad> = positions.iter().map(bad).collect();
        let run = RunId::new();
        Stored::read(&quarantine::batch(&bad, run, "take", DateTime::UNIX_EPOCH).expect("a batch")).expect("records")
    }

    #[test]
    fn records_are_told_apart_by_all_they_say() {
        let stored = stored(&["in/a.zip!a:b.csv:17", "in/a.zip!a:b.csv:18", "in/a.zip!a:b.csv:17"]);
        assert_eq!(stored.place(0), "in/a.zip!a:b.csv");
        assert_eq!(stored.hash(0), stored.hash(2));
        assert_ne!(stored.hash(0), stored.hash(1));
        let (first, other) = (stored.hash(0), ("new".to_owned(), "why".to_owned()));
        let left = stored.sifted(|hash| (hash != first).then_some(Some(&other))).expect("sifted");
        let left = Stored::read(&left).expect("records");
        assert_eq!((left.len(), left.cause(0), left.place(0)), (1, ("new", "why"), "in/a.zip!a:b.csv"));
        assert_eq!(stored.only(&[true, false, true]).expect("chosen").bytes(), 2);
    }
}
