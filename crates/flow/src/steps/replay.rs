//! Replay: records in quarantine go through their step again. Those that fit now go to the table and leave the quarantine; the
//! others stay, with the cause that keeps them now.
//!
//! There are two commits, the table's and then the quarantine's. The table's commit names the version of the quarantine that
//! was read and which of its records were taken, so whoever comes after a crash between the two ends the second just so,
//! whatever became of the declaration, the source's files or the quarantine in the meantime.

mod reading;
mod stored;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use base::document::Wrong;
use base::{Error, Result, TableName};
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::StreamExt;
use lake::{Evolve, Mode, Origin, Table, Transaction};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Step, StepContext, WriteMode};
use crate::codes;
use crate::plan::{Outcome, Plan, Replayed};
use crate::runs::Level;
use crate::spec::StepSpec;
use reading::Reading;
pub(crate) use stored::{COLUMNS, Stored, quoted, rewrite};

/// Most records of one replay. The table's commit names those that were taken, so their number is bounded.
const RECORDS_MAX: usize = 1_000_000;

/// How often a replay begins anew when others are faster.
const ROUNDS_MAX: usize = 10;

/// What keeps a record in quarantine, and why, in a sentence.
pub(crate) type Cause = (String, String);

/// Which records go through their step again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplayRequest {
    /// The table that did not take them.
    pub table: TableName,
    /// Only those of this run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Only those with this cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Only say what would become of them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
}

/// A step of a pipeline, as it takes records out of quarantine.
pub(crate) struct ReplayStep<'a> {
    pub step: &'a StepSpec,
    pub request: ReplayRequest,
}

/// What the table's commit says of a replay.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Note {
    run: String,
    step: String,
    request: ReplayRequest,
    /// The version of the quarantine that was read.
    quarantine: u64,
    /// The records taken, in the order of [`ReplayStep::sql`]: where each row of them begins, and how many there are.
    taken: Vec<(u64, u64)>,
    result: Replayed,
}

/// What was found out about each record, in order.
#[derive(Default)]
struct Judged {
    hashes: Vec<u128>,
    fits: Vec<bool>,
    causes: HashMap<u128, Cause>,
    result: Replayed,
}

#[async_trait]
impl Step for ReplayStep<'_> {
    fn verb(&self) -> &'static str {
        "replay"
    }

    fn reads(&self) -> Result<Vec<TableName>, Wrong> {
        Ok(Vec::new())
    }

    fn writes(&self) -> Vec<TableName> {
        let quarantine = self.request.table.quarantine().ok();
        [Some(self.request.table.clone()), quarantine].into_iter().flatten().collect()
    }

    fn check(&self) -> Result<(), Wrong> {
        Ok(())
    }

    /// The table's commit itself is what later attempts agree on.
    async fn plan(&self, _context: &StepContext) -> Result<Plan> {
        Ok(Plan::default())
    }

    async fn run(&self, context: &StepContext, _plan: &Plan) -> Result<Outcome> {
        let app_id = self.app_id(context);
        for _ in 0..ROUNDS_MAX {
            let table = context.engine.lake_table(&context.pass, &self.request.table).await?;
            let quarantine = context.engine.lake_table(&context.pass, &self.request.table.quarantine()?).await?;
            let moved = table.transaction_version(&app_id).await?.unwrap_or(0);
            let cleared = quarantine.transaction_version(&app_id).await?.unwrap_or(0);
            if moved > 0 {
                let note = self.note(context, moved, moved > cleared).await?;
                if let Some(note) = note.as_ref().filter(|_| moved > cleared) {
                    context.log.write(Level::Info, Some(&context.step), "ending a replay that was cut short");
                    self.finish(context, note, moved).await?;
                }
                if let Some(note) = note.filter(|note| note.run == context.run.to_string() && note.request == self.request) {
                    return Ok(self.outcome(context, note.result, Some(table.version()), true));
                }
                if moved > cleared {
                    continue;
                }
            }
            if let Some(outcome) = self.once(context, &table, &quarantine, moved + 1).await? {
                return Ok(outcome);
            }
        }
        Err(Error::new(&codes::REPLAY_UNSTABLE).with("table", &self.request.table))
    }
}

impl ReplayStep<'_> {
    /// The application id of replays on the table and on its quarantine.
    fn app_id(&self, context: &StepContext) -> String {
        format!("{}/replay", context.app_id(&self.request.table))
    }

    /// Replays what is there now; none if somebody else was faster.
    async fn once(&self, context: &StepContext, table: &Table, quarantine: &Table, transaction: i64) -> Result<Option<Outcome>> {
        let mut reading = Reading::of(context, self.step, &self.request.table, table.schema()).await?;
        let judged = self.judge(context, &mut reading, quarantine.version()).await?;
        let result = judged.result.clone();
        context.progress.expect(Some(result.records), None);
        if self.request.dry_run {
            return Ok(Some(self.outcome(context, result, None, false)));
        }
        reading.warn(context);
        let mut version = None;
        if result.moved > 0 {
            let note = Note {
                run: context.run.to_string(),
                step: context.step.clone(),
                request: self.request.clone(),
                quarantine: quarantine.version(),
                taken: spans(&judged.fits),
                result: result.clone(),
            };
            let position = json!({ "replay": note });
            let origin = Origin {
                transaction: Some(Transaction { app_id: self.app_id(context), version: transaction }),
                position: Some(position.clone()),
                ..context.origin()
            };
            let rows = self.rows(context, reading, quarantine.version(), judged.fits.clone()).await?;
            let (mode, evolve) = self.mode();
            let commit = context.engine.write(&context.pass, &self.request.table, mode, evolve, rows, origin).await?;
            if commit.duplicate {
                return Ok(None);
            }
            version = Some(commit.version);
            context.meta.positions().put(&self.app_id(context), transaction, &position).await?;
        }
        let Judged { hashes, fits, causes, .. } = judged;
        let taken = counted(hashes.into_iter().zip(fits).filter_map(|(hash, fits)| fits.then_some(hash)));
        if !taken.is_empty() || !causes.is_empty() {
            let transaction = (!taken.is_empty()).then_some(transaction);
            self.clear(context, taken, causes, transaction).await?;
        }
        Ok(Some(self.outcome(context, result, version, false)))
    }

    /// Looks at each record, without changing anything.
    async fn judge(&self, context: &StepContext, reading: &mut Reading, version: u64) -> Result<Judged> {
        let mut judged = Judged::default();
        judged.result.dry_run = self.request.dry_run;
        let mut batches = self.batches(context, version).await?;
        while let Some(batch) = batches.next().await {
            let stored = Stored::read(&batch.map_err(engine::error)?)?;
            if judged.fits.len() + stored.len() > RECORDS_MAX {
                return Err(Error::new(&codes::REPLAY_TOO_LARGE).with("limit", base::units::count(RECORDS_MAX as u64)));
            }
            let read = reading.read(context, stored.clone()).await?;
            for (row, read) in read.into_iter().enumerate() {
                let hash = stored.hash(row);
                judged.hashes.push(hash);
                judged.fits.push(read.is_ok());
                judged.result.records += 1;
                match read {
                    Ok(_) => judged.result.moved += 1,
                    Err(cause) => {
                        *judged.result.stayed.entry(cause.0.clone()).or_default() += 1;
                        if stored.cause(row) != (cause.0.as_str(), cause.1.as_str()) {
                            judged.causes.insert(hash, cause);
                        }
                    }
                }
            }
        }
        Ok(judged)
    }

    /// The rows of the records that fit, read once more, so that no more than a batch of them is in memory.
    async fn rows(
        &self,
        context: &StepContext,
        reading: Reading,
        version: u64,
        fits: Vec<bool>,
    ) -> Result<SendableRecordBatchStream> {
        struct State {
            batches: SendableRecordBatchStream,
            reading: Reading,
            context: StepContext,
            fits: Vec<bool>,
            at: usize,
        }
        let schema = reading.columns();
        let state = State { batches: self.batches(context, version).await?, reading, context: context.clone(), fits, at: 0 };
        let rows = futures::stream::try_unfold(state, |mut state| async move {
            let Some(batch) = state.batches.next().await.transpose()? else { return Ok(None) };
            let next = async {
                let stored = Stored::read(&batch)?;
                let chosen: Vec<bool> = state.fits.iter().skip(state.at).take(stored.len()).copied().collect();
                state.at += stored.len();
                let stored = stored.only(&chosen)?;
                let bytes = stored.bytes();
                let rows = state.reading.rows(&state.context, stored).await?;
                state.context.progress.add(rows.num_rows() as u64, bytes, 0);
                Ok::<RecordBatch, Error>(rows)
            };
            match next.await {
                Ok(rows) => Ok(Some((rows, state))),
                Err(error) => Err(DataFusionError::External(Box::new(error))),
            }
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, rows)))
    }

    /// The records of the request in a version of the quarantine, always in the same order.
    async fn batches(&self, context: &StepContext, version: u64) -> Result<SendableRecordBatchStream> {
        let quarantine = self.request.table.quarantine()?;
        let sql = format!(
            "select {COLUMNS} from {} where step = $step and ($run is null or run = $run) and ($cause is null or cause = $cause) \
             order by at, run, position, cause, message, raw",
            quoted(&quarantine)
        );
        let mut parameters = Map::new();
        parameters.insert("step".to_owned(), self.step.name.clone().into());
        parameters.insert("run".to_owned(), self.request.run.clone().into());
        parameters.insert("cause".to_owned(), self.request.cause.clone().into());
        let plan = Plan { inputs: BTreeMap::from([(quarantine, version)]), ..Plan::default() };
        Ok(context.query(&sql, &parameters, &plan).await?.stream)
    }

    /// What an earlier replay noted; with `must`, it has to be there.
    async fn note(&self, context: &StepContext, transaction: i64, must: bool) -> Result<Option<Note>> {
        let app_id = self.app_id(context);
        let found = if must {
            context.position_of(&self.request.table, &app_id, transaction).await?
        } else {
            context.meta.positions().get(&app_id, transaction).await?
        };
        let note = found.and_then(|mut position| serde_json::from_value(position["replay"].take()).ok());
        if must && note.is_none() {
            let lost = Error::new(&codes::POSITION_LOST).with("step", &context.step).with("version", transaction);
            return Err(lost.with("table", &self.request.table));
        }
        Ok(note)
    }

    /// Takes the records out of quarantine that an earlier replay put into the table.
    async fn finish(&self, context: &StepContext, note: &Note, transaction: i64) -> Result<()> {
        let earlier = ReplayStep { step: self.step, request: note.request.clone() };
        let mut batches = earlier.batches(context, note.quarantine).await?;
        let mut spans = note.taken.iter().copied().peekable();
        let (mut at, mut taken) = (0_u64, Vec::new());
        while let Some(batch) = batches.next().await {
            let stored = Stored::read(&batch.map_err(engine::error)?)?;
            for row in 0..stored.len() {
                while spans.next_if(|(start, length)| at >= start + length).is_some() {}
                if spans.peek().is_some_and(|(start, _)| at >= *start) {
                    taken.push(stored.hash(row));
                }
                at += 1;
            }
        }
        self.clear(context, counted(taken.into_iter()), HashMap::new(), Some(transaction)).await
    }

    /// The quarantine's commit: without what was taken, and with the causes of today.
    async fn clear(
        &self,
        context: &StepContext,
        taken: HashMap<u128, u32>,
        causes: HashMap<u128, Cause>,
        transaction: Option<i64>,
    ) -> Result<()> {
        let app_id = self.app_id(context);
        let origin = Origin {
            transaction: transaction.map(|version| Transaction { app_id: app_id.clone(), version }),
            ..context.origin()
        };
        let causes = Arc::new(causes);
        let sift = || {
            let (mut taken, causes) = (taken.clone(), Arc::clone(&causes));
            move |stored: &Stored| {
                stored.sifted(|hash| match taken.get_mut(&hash) {
                    Some(count) if *count > 0 => {
                        *count -= 1;
                        None
                    }
                    _ => Some(causes.get(&hash)),
                })
            }
        };
        rewrite(&context.engine, &context.pass, &self.request.table, origin, sift).await
    }

    /// How rows go into the table: those of a step that replaces it belong to what it read last.
    fn mode(&self) -> (Mode, Evolve) {
        let (mode, keys, evolve) = match (&self.step.collect, &self.step.sql) {
            (Some(step), _) => (step.mode, &step.keys, step.evolve),
            (_, Some(step)) => (step.mode, &step.keys, step.evolve),
            _ => return (Mode::Append, Evolve::No),
        };
        let evolve = match evolve.to_lake() {
            Evolve::Replace => Evolve::Widen,
            evolve => evolve,
        };
        match mode {
            WriteMode::Merge => (Mode::Merge { keys: keys.clone() }, evolve),
            WriteMode::Append | WriteMode::Replace => (Mode::Append, evolve),
        }
    }

    fn outcome(&self, context: &StepContext, result: Replayed, version: Option<u64>, duplicate: bool) -> Outcome {
        let stayed = result.records - result.moved;
        let (verb, stay) = if result.dry_run { ("fit now", "would stay") } else { ("went to the table", "stay") };
        let text = format!("of {} records {} {verb}, {stayed} {stay}", result.records, result.moved);
        context.log.write(Level::Info, Some(&context.step), &text);
        context.progress.add(0, 0, stayed);
        Outcome { table: Some(self.request.table.clone()), version, duplicate, checks: Vec::new(), replay: Some(result) }
    }
}

/// Where true stands: the beginning and the length of each run of it.
fn spans(flags: &[bool]) -> Vec<(u64, u64)> {
    let mut spans: Vec<(u64, u64)> = Vec::new();
    for (at, _) in flags.iter().enumerate().filter(|(_, flag)| **flag) {
        let at = at as u64;
        match spans.last_mut() {
            Some((start, length)) if *start + *length == at => *length += 1,
            _ => spans.push((at, 1)),
        }
    }
    spans
}

/// How often each is there.
fn counted(hashes: impl Iterator<Item = u128>) -> HashMap<u128, u32> {
    let mut counts = HashMap::new();
    for hash in hashes {
        *counts.entry(hash).or_insert(0) += 1;
    }
    counts
}

/// The request that a step of a run carries, if the run is a replay.
pub(crate) fn requested(output: &Value) -> Option<ReplayRequest> {
    serde_json::from_value(output.get("replay")?.clone()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taken_records_are_told_in_few_words() {
        assert_eq!(spans(&[true, true, false, true, false]), [(0, 2), (3, 1)]);
        assert!(spans(&[false; 3]).is_empty());
        assert_eq!(counted([1, 2, 1].into_iter()), HashMap::from([(1, 2), (2, 1)]));
    }
}
