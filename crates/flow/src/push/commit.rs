//! The commit that requests share: bad lines to the quarantine first, rows to the table last.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use arrow::array::{ArrayRef, RecordBatch, new_null_array};
use arrow::datatypes::{Field, Schema, SchemaRef};
use base::{Error, Result, TableName};
use chrono::Utc;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use lake::{Evolve, Mode, Origin, Table};
use serde_json::json;
use tokio::time::Instant;

use super::keys::{Named, Pushes};
use super::{Intake, Pushed, PushedTo, Request, Turn};
use crate::codes;
use crate::quarantine::{self, quarantine_schema};

/// How often a commit begins anew when others are faster, and the pause before that.
const ROUNDS_MAX: u32 = 20;
const PAUSE: Duration = Duration::from_millis(20);

/// Commits after which the table's small files are put together.
const OPTIMIZE_COMMITS: u64 = 100;

/// One turn at committing what waits.
pub(super) struct Round {
    pub intake: Arc<Intake>,
    pub target: PushedTo,
}

impl Round {
    /// Waits for its turn and commits everything that waits by then, which may be nothing any more.
    pub async fn run(self) {
        let mut turn = self.intake.turn.lock().await;
        if self.is_empty() {
            return;
        }
        if let Some(last) = turn.last {
            tokio::time::sleep_until(last + self.target.every).await;
        }
        let requests = std::mem::take(&mut *self.intake.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        turn.last = Some(Instant::now());
        let mut answers: HashMap<base::RunId, Pushed> = HashMap::new();
        let done = Box::pin(self.commit(&mut turn, &requests, &mut answers)).await;
        for request in requests {
            let answer = match (answers.remove(&request.id), &done) {
                (Some(answer), _) => Ok(answer),
                (None, Err(error)) => Err(error.again()),
                (None, Ok(())) => Err(Error::new(&codes::FLOW_INTERNAL).with("reason", "a pushed request was passed over")),
            };
            // A client that has left sends again with its key.
            let _left = request.answer.send(answer);
        }
    }

    fn is_empty(&self) -> bool {
        self.intake.waiting.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    async fn commit(&self, turn: &mut Turn, requests: &[Request], answers: &mut HashMap<base::RunId, Pushed>) -> Result<()> {
        let keyed = requests.iter().any(|request| request.key.is_some());
        let mut aside = HashSet::new();
        for round in 0..ROUNDS_MAX {
            let table = self.open(&self.target.table).await?;
            if keyed {
                turn.table_keys.catch_up(table.as_ref()).await?;
            }
            // What is new: not in the table, and the first of its key in this round.
            let mut first: HashMap<(&str, &str), base::RunId> = HashMap::new();
            let (mut fresh, mut twins) = (Vec::new(), Vec::new());
            for request in requests {
                let Some(key) = request.key.as_deref() else {
                    fresh.push(request);
                    continue;
                };
                match (turn.table_keys.get(&request.by, key), first.get(&(request.by.as_str(), key))) {
                    (Some(known), _) => {
                        answers.insert(request.id, Pushed { duplicate: true, ..known.clone() });
                    }
                    (None, Some(twin)) => twins.push((request.id, *twin)),
                    (None, None) => {
                        first.insert((&request.by, key), request.id);
                        fresh.push(request);
                    }
                }
            }
            let landed =
                if fresh.is_empty() { Ok(()) } else { self.land(turn, table.as_ref(), &fresh, &mut aside, answers).await };
            match landed {
                Ok(()) => {
                    for (id, twin) in twins {
                        if let Some(answer) = answers.get(&twin).cloned() {
                            answers.insert(id, Pushed { duplicate: true, ..answer });
                        }
                    }
                    return Ok(());
                }
                Err(error) if error.is(&lake::codes::LAKE_MOVED) => {
                    answers.clear();
                    tokio::time::sleep(PAUSE * round.min(10)).await;
                }
                Err(error) => return Err(error),
            }
        }
        Err(Error::new(&codes::PUSH_BUSY).with("table", &self.target.table))
    }

    /// Two commits at most.
    async fn land(
        &self,
        turn: &mut Turn,
        table: Option<&Table>,
        fresh: &[&Request],
        aside: &mut HashSet<base::RunId>,
        answers: &mut HashMap<base::RunId, Pushed>,
    ) -> Result<()> {
        let mut settled: Vec<(&Request, Pushed)> = Vec::with_capacity(fresh.len());
        for request in fresh {
            let accepted = request.rows.iter().map(|batch| batch.num_rows() as u64).sum();
            let quarantined = request.bad.len() as u64;
            settled.push((request, Pushed { id: request.id.to_string(), accepted, quarantined, duplicate: false }));
        }
        self.set_aside(turn, &mut settled, aside).await?;
        let schema = self.columns(table)?;
        let mut batches = Vec::new();
        for (request, _) in &settled {
            for batch in &request.rows {
                batches.push(padded(batch, &schema)?);
            }
        }
        let keys = named(&settled);
        if !batches.is_empty() || !keys.is_empty() {
            let mode = match keys.is_empty() {
                true => Mode::Append,
                // Only behind a version that is known not to hold these keys.
                false => Mode::Behind { version: table.map(Table::version) },
            };
            let stream = stream(&schema, batches);
            let (owner, name) = (&self.target.owner, &self.target.table);
            let origin = self.origin(settled.len(), keys);
            self.intake.engine.write(owner, name, mode, Evolve::Widen, stream, origin).await?;
            self.count(turn);
        }
        answers.extend(settled.into_iter().map(|(request, answer)| (request.id, answer)));
        Ok(())
    }

    /// Puts bad lines into the quarantine, unless an earlier attempt of their request did.
    async fn set_aside(
        &self,
        turn: &mut Turn,
        settled: &mut [(&Request, Pushed)],
        aside: &mut HashSet<base::RunId>,
    ) -> Result<()> {
        let mut open: Vec<&mut (&Request, Pushed)> =
            settled.iter_mut().filter(|(request, _)| !request.bad.is_empty() && !aside.contains(&request.id)).collect();
        if open.is_empty() {
            return Ok(());
        }
        let name = self.target.table.quarantine()?;
        for round in 0..ROUNDS_MAX {
            let quarantine = self.open(&name).await?;
            turn.quarantine_keys.catch_up(quarantine.as_ref()).await?;
            let mut batches = Vec::new();
            let mut keys = Vec::new();
            for (request, answer) in open.iter_mut().map(|open| (open.0, &mut open.1)) {
                let known = request.key.as_deref().and_then(|key| turn.quarantine_keys.get(&request.by, key));
                if let Some(known) = known {
                    // Its lines stand there under the id of that attempt.
                    answer.id.clone_from(&known.id);
                    continue;
                }
                let key = request.key.clone();
                keys.extend(key.map(|key| Named { by: request.by.clone(), key, answer: answer.clone() }));
                batches.push(quarantine::batch(&request.bad, request.id, &self.target.name, Utc::now())?);
            }
            if batches.is_empty() {
                return Ok(());
            }
            let mode = match keys.is_empty() {
                true => Mode::Append,
                false => Mode::Behind { version: quarantine.as_ref().map(Table::version) },
            };
            let origin = self.origin(batches.len(), keys);
            let stream = stream(&quarantine_schema(), batches);
            match self.intake.engine.write(&self.target.owner, &name, mode, Evolve::No, stream, origin).await {
                Ok(_) => {
                    aside.extend(open.iter().map(|open| open.0.id));
                    return Ok(());
                }
                Err(error) if error.is(&lake::codes::LAKE_MOVED) => tokio::time::sleep(PAUSE * round.min(10)).await,
                Err(error) => return Err(error),
            }
        }
        Err(Error::new(&codes::PUSH_BUSY).with("table", &self.target.table))
    }

    async fn open(&self, name: &TableName) -> Result<Option<Table>> {
        match self.intake.engine.lake_table(&self.target.owner, name).await {
            Ok(table) => Ok(Some(table)),
            Err(error) if error.is(&lake::codes::LAKE_TABLE_NOT_FOUND) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The declared columns, and empty ones where the table has more.
    fn columns(&self, table: Option<&Table>) -> Result<SchemaRef> {
        let invalid = |wrong: base::document::Wrong| Error::new(&codes::FLOW_INTERNAL).with("reason", wrong.reason);
        let declared = self.target.spec.schema().map_err(invalid)?;
        let Some(table) = table else { return Ok(declared) };
        let mut fields: Vec<Arc<Field>> = declared.fields().iter().cloned().collect();
        let there = table.schema();
        let others = there.fields().iter().filter(|field| field.is_nullable() && declared.field_with_name(field.name()).is_err());
        fields.extend(others.cloned());
        Ok(Arc::new(Schema::new(fields)))
    }

    fn origin(&self, requests: usize, keys: Vec<Named>) -> Origin {
        let pushes = Pushes { push: self.target.name.clone(), requests: requests as u64, keys };
        Origin { position: Some(json!(pushes)), ..Origin::of(self.target.owner.user()) }
    }

    /// Counts a commit, and now and then sets out to put small files together.
    fn count(&self, turn: &mut Turn) {
        turn.commits += 1;
        if !turn.commits.is_multiple_of(OPTIMIZE_COMMITS) {
            return;
        }
        let (engine, pass, name) = (self.intake.engine.clone(), self.target.owner.clone(), self.target.table.clone());
        tokio::spawn(async move {
            let optimized = async { engine.lake_table(&pass, &name).await?.optimize(&pass).await };
            if let Err(error) = Box::pin(optimized).await {
                tracing::warn!(table = %name, %error, "the small files of a pushed table could not be put together");
            }
        });
    }
}

/// The requests with keys, as a commit names them.
fn named(settled: &[(&Request, Pushed)]) -> Vec<Named> {
    let named = settled.iter().filter_map(|(request, answer)| {
        Some(Named { by: request.by.clone(), key: request.key.clone()?, answer: answer.clone() })
    });
    named.collect()
}

fn stream(schema: &SchemaRef, batches: Vec<RecordBatch>) -> SendableRecordBatchStream {
    Box::pin(RecordBatchStreamAdapter::new(schema.clone(), futures::stream::iter(batches.into_iter().map(Ok))))
}

fn padded(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let column = |field: &Arc<Field>| -> ArrayRef {
        batch.column_by_name(field.name()).cloned().unwrap_or_else(|| new_null_array(field.data_type(), batch.num_rows()))
    };
    let columns = schema.fields().iter().map(column).collect();
    RecordBatch::try_new(schema.clone(), columns).map_err(|error| Error::new(&codes::FLOW_INTERNAL).because(error))
}
