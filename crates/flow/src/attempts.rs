//! One step of one run: tried as often as it may be, each state written down under the run's fence.

use std::sync::Arc;
use std::time::Duration;

use base::{Error, Language, Result, units};
use chrono::Utc;
use meta::StepRow;
use serde_json::{Value, json};

use crate::codes;
use crate::plan::{Outcome, Plan};
use crate::progress::{Counts, Progress};
use crate::runs::{Flow, Level, StepState};
use crate::spec::StepSpec;
use crate::steps::replay::{ReplayStep, requested};
use crate::steps::{Step, StepContext};
use crate::tally::Place;

/// How often progress and logs are stored and a wish to cancel is heard.
pub(crate) const TICK: Duration = Duration::from_millis(400);
/// The first wait before a step is tried again; it doubles, up to a minute.
const RETRY_FIRST: Duration = Duration::from_secs(1);

/// One step of one run at work.
pub(crate) struct StepRun {
    pub step: StepSpec,
    pub row: StepRow,
    pub context: StepContext,
    pub fence: i64,
    pub flow: Flow,
    pub place: Place,
    /// What is counted already.
    pub counted: Counts,
}

impl StepRun {
    /// Tries it as often as it may be tried, and writes down how it ended.
    pub async fn execute(mut self) -> Result<()> {
        let mut wait = RETRY_FIRST;
        // Attempts of this worker; those of a worker that died do not count against the step.
        let mut tries = 0;
        loop {
            tries += 1;
            let error = match self.attempt().await {
                Ok(outcome) => return self.succeed(&outcome).await,
                Err(error) if untold(&error) => return Err(error),
                Err(error) => error,
            };
            if !error.code().retry || tries > self.step.retries || error.is(&codes::RUN_CANCELLED) {
                return Err(self.fail(error).await?);
            }
            let text = format!("attempt {} failed and is tried again in {}: {error}", self.row.attempt, units::duration(wait));
            self.context.log.write(Level::Warn, Some(&self.step.name), &text);
            tokio::time::sleep(wait.mul_f64(0.5 + jitter())).await;
            wait = (wait * 2).min(Duration::from_secs(60));
        }
    }

    async fn attempt(&mut self) -> Result<Outcome> {
        self.row.state = StepState::Running.as_str().to_owned();
        self.row.attempt += 1;
        self.row.started_at = Some(Utc::now());
        (self.row.error, self.row.finished_at) = (None, None);
        self.context.progress = Arc::new(Progress::default());
        self.counted = Counts::default();
        self.store().await?;
        let limit = self.step.timeout()?;
        let step = self.step.clone();
        let declared = step.step().map_err(|wrong| Error::new(&codes::FLOW_INTERNAL).with("reason", wrong.reason))?;
        let replay = requested(&self.row.output).map(|request| ReplayStep { step: &step, request });
        let verb: &dyn Step = replay.as_ref().map_or(declared, |replay| replay as &dyn Step);
        let (context, kept) = (self.context.clone(), self.row.output.clone());
        let plan = self.watched(plan_of(verb, &context, &kept)).await??;
        let replay = self.row.output.get("replay").cloned();
        self.row.output = json!({ "plan": plan });
        if let Some(replay) = replay {
            self.row.output["replay"] = replay;
        }
        // Stored before the first row is written: every later attempt reads this plan.
        self.store().await?;
        let work = tokio::time::timeout(limit, verb.run(&context, &plan));
        match self.watched(work).await? {
            Ok(result) => result,
            Err(_) => Err(Error::new(&codes::STEP_TIMEOUT).with("step", &step.name).with("limit", units::duration(limit))),
        }
    }

    /// Does `work` while storing progress and log and listening for a wish to cancel.
    async fn watched<T>(&mut self, work: impl Future<Output = T>) -> Result<T> {
        let mut work = std::pin::pin!(work);
        loop {
            if let Ok(done) = tokio::time::timeout(TICK, &mut work).await {
                return Ok(done);
            }
            // The work goes on while the metadata take their time.
            let mut done = None;
            let mut look = std::pin::pin!(self.look());
            let looked = loop {
                tokio::select! {
                    looked = &mut look => break looked,
                    value = &mut work, if done.is_none() => done = Some(value),
                }
            };
            match looked {
                // The work needs the metadata only at its end, and whoever holds the run stops when they stay away.
                Err(error) if away(&error) => {}
                looked => looked?,
            }
            if let Some(done) = done {
                return Ok(done);
            }
        }
    }

    /// Stores how far it is, and hears of a wish to cancel.
    async fn look(&mut self) -> Result<()> {
        self.store().await?;
        match self.context.meta.runs().cancel_requested(self.context.run).await? {
            true => Err(Error::new(&codes::RUN_CANCELLED)),
            false => Ok(()),
        }
    }

    async fn succeed(mut self, outcome: &Outcome) -> Result<()> {
        self.row.state = StepState::Succeeded.as_str().to_owned();
        self.row.finished_at = Some(Utc::now());
        self.row.output["outcome"] = serde_json::to_value(outcome).unwrap_or(Value::Null);
        let counts = self.context.progress.counts();
        let mut text = format!("{} rows", units::count(counts.rows));
        if counts.rejected > 0 {
            text += &format!(", {} records to quarantine", units::count(counts.rejected));
        }
        if outcome.duplicate {
            text = "an earlier attempt had committed already; nothing was added".to_owned();
        }
        self.context.log.write(Level::Info, Some(&self.step.name), &text);
        self.store().await?;
        self.flow.shared.tally.step_ended(&self.place, StepState::Succeeded);
        Ok(())
    }

    async fn fail(mut self, error: Error) -> Result<Error> {
        let state = if error.is(&codes::RUN_CANCELLED) { StepState::Cancelled } else { StepState::Failed };
        self.row.state = state.as_str().to_owned();
        self.row.finished_at = Some(Utc::now());
        self.row.error = Some(error.to_json(Language::En, None));
        self.context.log.write(Level::Error, Some(&self.step.name), &error.message(Language::En));
        self.store().await?;
        self.flow.shared.tally.step_ended(&self.place, state);
        Ok(error)
    }

    async fn store(&mut self) -> Result<()> {
        let counts = self.context.progress.counts();
        self.flow.shared.tally.moved(&self.place, self.counted, counts);
        self.counted = counts;
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        (self.row.rows, self.row.bytes, self.row.rejected) = (number(counts.rows), number(counts.bytes), number(counts.rejected));
        (self.row.total_rows, self.row.total_bytes) = (counts.total_rows.map(number), counts.total_bytes.map(number));
        if !self.context.meta.runs().update_step(&self.row, Some(self.fence)).await? {
            return Err(Error::new(&codes::RUN_LOST));
        }
        self.context.log.flush(&self.context.meta).await
    }
}

/// Whether the metadata cannot be reached now.
fn away(error: &Error) -> bool {
    error.is(&meta::codes::DATABASE_UNAVAILABLE) || error.is(&meta::codes::DATABASE_BUSY)
}

/// Whether this process cannot say how a step ended: the run is somebody else's, or the metadata are away. Not the step's failure.
pub(crate) fn untold(error: &Error) -> bool {
    error.is(&codes::RUN_LOST) || away(error)
}

/// The stored plan of an earlier attempt, or a new one that keeps its transaction number.
async fn plan_of(verb: &dyn Step, context: &StepContext, kept: &Value) -> Result<Plan> {
    if let Ok(plan) = serde_json::from_value::<Plan>(kept["plan"].clone()) {
        return Ok(plan);
    }
    let mut plan = verb.plan(context).await?;
    if let Some(transaction) = kept["transaction"].as_i64() {
        plan.transaction = Some(transaction);
    }
    Ok(plan)
}

/// A share between 0 and 1 that spreads retries; the clock's last digits are random enough for that.
fn jitter() -> f64 {
    f64::from(Utc::now().timestamp_subsec_nanos() % 1000) / 1000.0
}
