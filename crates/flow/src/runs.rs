//! Runs: started, listed, watched, cancelled, resumed, run again. What executes them is in `worker`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use base::{Error, Result, RunId, ids};
use catalog::Catalog;
use chrono::{DateTime, NaiveDate, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;
use engine::Engine;
use guard::{Event, Guard, Object, Pass, Privilege};
use meta::{Job, LogRow, Meta, RunRow, StepRow};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::sync::Notify;

use crate::codes;
use crate::spec::PipelineSpec;
use crate::tally::Tally;

/// Most days of one backfill.
const BACKFILL_DAYS_MAX: i64 = 3660;

/// Lines of a run's log that wait to be stored.
const LOG_LINES_AHEAD: usize = 1000;

/// The kind of job that a run is.
pub(crate) const JOB_KIND: &str = "run";

/// Pipelines at work. Cheap to clone.
#[derive(Clone)]
pub struct Flow {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) engine: Engine,
    pub(crate) catalog: Catalog,
    pub(crate) guard: Guard,
    pub(crate) meta: Meta,
    /// Names this process to the queue.
    pub(crate) owner: String,
    /// Wakes the worker when a run is queued here.
    pub(crate) queued: Notify,
    /// What is pushed, by target.
    pub(crate) intakes: crate::push::Intakes,
    /// What is counted for who watches.
    pub(crate) tally: Tally,
}

/// Where a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Waits for a worker.
    Queued,
    /// Steps are at work.
    Running,
    /// Every step succeeded.
    Succeeded,
    /// A step failed.
    Failed,
    /// Somebody ended it.
    Cancelled,
}

/// Where a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// Waits for its turn.
    Pending,
    /// At work.
    Running,
    /// Done.
    Succeeded,
    /// Failed after its last attempt.
    Failed,
    /// Not begun, because a step before it did not succeed.
    Skipped,
    /// Ended with its run.
    Cancelled,
}

impl RunState {
    /// The stored word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nothing more happens by itself.
    pub const fn ended(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }

    fn parse(word: &str) -> Result<Self> {
        serde_json::from_value(Value::from(word)).map_err(|error| Error::new(&codes::FLOW_INTERNAL).because(error))
    }
}

impl StepState {
    /// The stored word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Cancelled => "cancelled",
        }
    }
}

/// How a run is started.
#[derive(Debug, Clone, Default)]
pub struct StartOptions {
    /// Values of `${name}`; they take the place of the pipeline's own.
    pub parameters: Map<String, Value>,
    /// The scheduled time it stands for; the time of starting if there is none.
    pub instance: Option<DateTime<Utc>>,
}

/// A run as people see it.
#[derive(Debug, Clone, Serialize)]
pub struct Run {
    /// Its id.
    pub id: String,
    /// The pipeline.
    pub pipeline: String,
    /// Where it is.
    pub state: RunState,
    /// The scheduled time it stands for.
    pub instance: Option<DateTime<Utc>>,
    /// Its parameters.
    pub parameters: Value,
    /// Who started it.
    pub created_by: String,
    /// When it was started.
    pub created_at: DateTime<Utc>,
    /// When its first step began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// Why it failed.
    pub error: Option<Value>,
    /// Somebody asked it to end.
    pub cancel_requested: bool,
    /// Its steps, in the order of the pipeline; empty in lists.
    pub steps: Vec<RunStep>,
}

/// A step of a run as people see it.
#[derive(Debug, Clone, Serialize)]
pub struct RunStep {
    /// Its name.
    pub step: String,
    /// Where it is.
    pub state: String,
    /// From 1 once it began.
    pub attempt: i32,
    /// Rows taken.
    pub rows: i64,
    /// Bytes read.
    pub bytes: i64,
    /// Records that went to quarantine.
    pub rejected: i64,
    /// Rows there will be, if known.
    pub total_rows: Option<i64>,
    /// Bytes there will be, if known.
    pub total_bytes: Option<i64>,
    /// When it began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// Why it failed.
    pub error: Option<Value>,
    /// Its plan and outcome: input versions, output version, what the checks found.
    pub output: Value,
}

/// Which runs to list.
#[derive(Debug, Clone, Default)]
pub struct RunFilter {
    /// Of this pipeline.
    pub pipeline: Option<String>,
    /// In this state.
    pub state: Option<String>,
    /// Older than this run.
    pub before: Option<RunId>,
    /// At most so many.
    pub limit: u64,
}

/// A line of a run's log.
#[derive(Debug, Clone, Serialize)]
pub struct LogLine {
    /// Its number in the run.
    pub seq: i64,
    /// When.
    pub at: DateTime<Utc>,
    /// `info`, `warn` or `error`.
    pub level: String,
    /// The step it is about.
    pub step: Option<String>,
    /// What.
    pub text: String,
}

impl Flow {
    /// Pipelines over these rooms.
    pub fn new(engine: Engine, catalog: Catalog, guard: Guard, meta: Meta) -> Self {
        let owner = format!("{}-{}", std::process::id(), ids::fresh());
        Self {
            shared: Arc::new(Shared {
                engine,
                catalog,
                guard,
                meta,
                owner,
                queued: Notify::new(),
                intakes: crate::push::Intakes::default(),
                tally: Tally::default(),
            }),
        }
    }

    /// Queues a run. It will act with the rights of the user who declared the pipeline.
    pub async fn start(&self, pass: &Pass, pipeline: &str, options: StartOptions) -> Result<RunId> {
        pass.demand(Privilege::Execute, &Object::Pipeline(pipeline))?;
        let spec = self.shared.catalog.spec::<PipelineSpec>(pipeline).await?;
        let known = spec.parameters.keys().map(String::as_str);
        for name in options.parameters.keys() {
            if !spec.parameters.contains_key(name) {
                let near = base::nearest::nearest(name, known.clone());
                let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
                return Err(Error::new(&base::errors::INVALID_SETTING)
                    .with("setting", format!("parameter `{name}`"))
                    .with("reason", format!("pipeline `{pipeline}` declares no such parameter{near}")));
            }
        }
        let event = Event {
            detail: json!({ "parameters": options.parameters, "instance": options.instance }),
            ..Event::by(pass, "run.start", format!("Pipeline/{pipeline}"))
        };
        self.shared.guard.audit().record_now(event).await?;
        self.queue(pipeline, &spec, options, pass.user(), None).await.map(|(id, _)| id)
    }

    /// Stores and queues a run; false if a run with the same `once` is there already.
    pub(crate) async fn queue(
        &self,
        pipeline: &str,
        spec: &PipelineSpec,
        options: StartOptions,
        by: &str,
        once: Option<String>,
    ) -> Result<(RunId, bool)> {
        let id = RunId::new();
        let mut run = RunRow::new(id, pipeline, RunState::Queued.as_str(), by);
        run.instance = options.instance;
        run.parameters = Value::Object(options.parameters);
        run.dedup_key = once;
        let steps: Vec<StepRow> =
            spec.steps.iter().map(|step| StepRow::new(id, &step.name, StepState::Pending.as_str())).collect();
        let stored = self.shared.meta.runs().insert_queued(&run, &steps, &job(id)).await?;
        self.shared.queued.notify_one();
        Ok((id, stored))
    }

    /// A run with its steps.
    pub async fn get(&self, pass: &Pass, id: RunId) -> Result<Run> {
        let (run, steps) = self.shared.meta.runs().get(id).await?.ok_or_else(|| not_found(id))?;
        demand_run(pass, &run)?;
        let order: BTreeMap<String, usize> = match self.shared.catalog.row::<PipelineSpec>(&run.pipeline).await? {
            Some((_, spec)) => spec.steps.into_iter().enumerate().map(|(index, step)| (step.name, index)).collect(),
            None => BTreeMap::new(),
        };
        let mut steps: Vec<RunStep> = steps.into_iter().map(RunStep::from).collect();
        steps.sort_by_key(|step| order.get(&step.step).copied().unwrap_or(usize::MAX));
        Ok(Run { steps, ..view(run)? })
    }

    /// The newest runs that this pass may see, newest first, without their steps.
    pub async fn list(&self, pass: &Pass, filter: RunFilter) -> Result<Vec<Run>> {
        if let Some(pipeline) = &filter.pipeline {
            pass.demand(Privilege::Execute, &Object::Pipeline(pipeline))?;
        }
        let RunFilter { pipeline, state, before, limit } = filter;
        let rows = self.shared.meta.runs().list(&meta::RunFilter { pipeline, state, before, limit }).await?;
        rows.into_iter().filter(|run| pass.allows(Privilege::Execute, &Object::Pipeline(&run.pipeline))).map(view).collect()
    }

    /// Lines of a run's log behind `after`, at most a thousand.
    pub async fn logs(&self, pass: &Pass, id: RunId, after: i64) -> Result<Vec<LogLine>> {
        self.visible(pass, id).await?;
        let rows = self.shared.meta.runs().logs(id, after, 1000).await?;
        Ok(rows
            .into_iter()
            .map(|row| LogLine { seq: row.seq, at: row.at, level: row.level, step: row.step, text: row.text })
            .collect())
    }

    /// Asks a run to end. A queued run ends at once, a running one when its worker hears of it, within a second or two.
    pub async fn cancel(&self, pass: &Pass, id: RunId) -> Result<()> {
        let run = self.visible(pass, id).await?;
        self.audit(pass, "run.cancel", &run).await?;
        let runs = self.shared.meta.runs();
        let change = || meta::runs::RunChange { finished_at: Some(Some(Utc::now())), ..Default::default() };
        let was_waiting =
            runs.set_run_state(id, &[RunState::Queued.as_str()], RunState::Cancelled.as_str(), None, change()).await?;
        if was_waiting {
            self.shared.tally.run_ended(&run.pipeline, RunState::Cancelled, None);
            return Ok(());
        }
        if runs.request_cancel(id).await? {
            return Ok(());
        }
        Err(wrong_state(&run, "cancelled"))
    }

    /// Goes on with a run that failed or was cancelled: steps that succeeded stay, the others are tried again.
    pub async fn resume(&self, pass: &Pass, id: RunId) -> Result<()> {
        let run = self.visible(pass, id).await?;
        self.audit(pass, "run.resume", &run).await?;
        let runs = self.shared.meta.runs();
        let Some((_, steps)) = runs.get(id).await? else { return Err(not_found(id)) };
        let from = [RunState::Failed.as_str(), RunState::Cancelled.as_str()];
        let change = meta::runs::RunChange {
            finished_at: Some(None),
            error: Some(None),
            cancel_requested: Some(false),
            ..Default::default()
        };
        if !runs.set_run_state(id, &from, RunState::Queued.as_str(), None, change).await? {
            return Err(wrong_state(&run, "resumed"));
        }
        for mut step in steps.into_iter().filter(|step| step.state != StepState::Succeeded.as_str()) {
            // The number of the transaction stays, so that a commit that was made but not noticed is not made again; the
            // versions of the inputs are looked up anew, because what was wrong with them may have been put right.
            step.output = match step.output.get("replay") {
                Some(replay) => json!({ "replay": replay }),
                None => json!({ "transaction": step.output["plan"]["transaction"].clone() }),
            };
            step.state = StepState::Pending.as_str().to_owned();
            (step.error, step.finished_at) = (None, None);
            runs.update_step(&step, None).await?;
        }
        self.shared.meta.jobs().push(&job(id)).await?;
        self.shared.queued.notify_one();
        Ok(())
    }

    /// A new run with the parameters and the instance of an old one.
    pub async fn rerun(&self, pass: &Pass, id: RunId) -> Result<RunId> {
        let run = self.visible(pass, id).await?;
        let parameters = run.parameters.as_object().cloned().unwrap_or_default();
        let options = StartOptions { parameters, instance: run.instance };
        let steps = self.shared.meta.runs().get(id).await?.map(|(_, steps)| steps).unwrap_or_default();
        let replayed = |row: StepRow| Some((row.step, crate::steps::replay::requested(&row.output)?));
        let replays: Vec<_> = steps.into_iter().filter_map(replayed).collect();
        if !replays.is_empty() {
            self.audit(pass, "run.rerun", &run).await?;
            return self.queue_replay(&run.pipeline, replays, options, pass.user()).await;
        }
        self.start(pass, &run.pipeline, options).await
    }

    /// One run for each business day from `first` to `last`, in order. A day that has a run of this backfill already is not
    /// queued again.
    pub async fn backfill(
        &self,
        pass: &Pass,
        pipeline: &str,
        first: NaiveDate,
        last: NaiveDate,
        parameters: Map<String, Value>,
    ) -> Result<Vec<RunId>> {
        pass.demand(Privilege::Execute, &Object::Pipeline(pipeline))?;
        let spec = self.shared.catalog.spec::<PipelineSpec>(pipeline).await?;
        let days = (last - first).num_days();
        if !(0..BACKFILL_DAYS_MAX).contains(&days) {
            return Err(Error::new(&base::errors::INVALID_SETTING)
                .with("setting", "backfill")
                .with("reason", format!("from {first} to {last} is not between 1 and {BACKFILL_DAYS_MAX} days")));
        }
        let event = Event {
            detail: json!({ "first": first, "last": last }),
            ..Event::by(pass, "run.backfill", format!("Pipeline/{pipeline}"))
        };
        self.shared.guard.audit().record_now(event).await?;
        let zone: Tz = spec.time_zone.parse().unwrap_or(Tz::UTC);
        let mut queued = Vec::new();
        for day in first.iter_days().take(usize::try_from(days).unwrap_or(0) + 1) {
            let instance = midnight_after(day, zone);
            let options = StartOptions { parameters: parameters.clone(), instance: Some(instance) };
            queued.push(self.queue(pipeline, &spec, options, pass.user(), None).await?.0);
        }
        Ok(queued)
    }

    async fn visible(&self, pass: &Pass, id: RunId) -> Result<RunRow> {
        let (run, _) = self.shared.meta.runs().get(id).await?.ok_or_else(|| not_found(id))?;
        demand_run(pass, &run)?;
        Ok(run)
    }

    async fn audit(&self, pass: &Pass, action: &'static str, run: &RunRow) -> Result<()> {
        let event = Event { detail: json!({ "pipeline": run.pipeline }), ..Event::by(pass, action, format!("Run/{}", run.id)) };
        self.shared.guard.audit().record_now(event).await
    }
}

/// The instance whose business day is `day`: the first moment of the next day. Where the clock is put forward at midnight,
/// that moment is a little later.
fn midnight_after(day: NaiveDate, zone: Tz) -> DateTime<Utc> {
    let next = day.succ_opt().unwrap_or(day);
    let moments =
        (0..4).filter_map(|hour| zone.from_local_datetime(&next.and_time(NaiveTime::from_hms_opt(hour, 0, 0)?)).earliest());
    moments.into_iter().next().map_or_else(|| next.and_time(NaiveTime::MIN).and_utc(), |at| at.with_timezone(&Utc))
}

pub(crate) fn job(id: RunId) -> Job {
    Job {
        kind: JOB_KIND.to_owned(),
        key: id.to_string(),
        payload: json!({ "run": id }),
        run_after: std::time::Duration::ZERO,
        priority: 0,
    }
}

/// A run belongs to its pipeline. The refusal names the run that was asked for and not the pipeline, which the caller may not
/// know of.
fn demand_run(pass: &Pass, run: &RunRow) -> Result<()> {
    if pass.allows(Privilege::Execute, &Object::Pipeline(&run.pipeline)) {
        return Ok(());
    }
    let refused = Error::new(&guard::codes::NOT_ALLOWED).with("user", pass.user()).with("object", format!("run {}", run.id));
    Err(refused.with("privilege", "execute").with("privilege_zh", "执行"))
}

fn not_found(id: RunId) -> Error {
    Error::new(&codes::RUN_NOT_FOUND).with("run", id)
}

fn wrong_state(run: &RunRow, verb: &str) -> Error {
    Error::new(&codes::RUN_STATE).with("run", run.id).with("state", &run.state).with("verb", verb)
}

fn view(run: RunRow) -> Result<Run> {
    Ok(Run {
        id: run.id.to_string(),
        pipeline: run.pipeline,
        state: RunState::parse(&run.state)?,
        instance: run.instance,
        parameters: run.parameters,
        created_by: run.created_by,
        created_at: run.created_at,
        started_at: run.started_at,
        finished_at: run.finished_at,
        error: run.error,
        cancel_requested: run.cancel_requested,
        steps: Vec::new(),
    })
}

impl From<StepRow> for RunStep {
    fn from(row: StepRow) -> Self {
        Self {
            step: row.step,
            state: row.state,
            attempt: row.attempt,
            rows: row.rows,
            bytes: row.bytes,
            rejected: row.rejected,
            total_rows: row.total_rows,
            total_bytes: row.total_bytes,
            started_at: row.started_at,
            finished_at: row.finished_at,
            error: row.error,
            output: row.output,
        }
    }
}

/// How loud a line is.
#[derive(Debug, Clone, Copy)]
pub enum Level {
    /// What happened.
    Info,
    /// What somebody should look at.
    Warn,
    /// What went wrong.
    Error,
}

/// The log of one run: lines wait here until the worker stores them.
#[derive(Clone, Debug)]
pub struct Log {
    run: RunId,
    lines: Arc<Mutex<Vec<LogRow>>>,
}

impl Log {
    /// An empty log.
    pub fn new(run: RunId) -> Self {
        Self { run, lines: Arc::default() }
    }

    /// Adds a line; when too many wait, the newest are dropped.
    pub fn write(&self, level: Level, step: Option<&str>, text: &str) {
        let level = match level {
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        };
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() < LOG_LINES_AHEAD {
            lines.push(LogRow {
                run_id: self.run,
                seq: 0,
                at: Utc::now(),
                level: level.to_owned(),
                step: step.map(str::to_owned),
                text: text.to_owned(),
            });
        }
    }

    /// Stores what waits.
    pub async fn flush(&self, meta: &Meta) -> Result<()> {
        let lines = std::mem::take(&mut *self.lines.lock().unwrap_or_else(PoisonError::into_inner));
        meta.runs().append_logs(self.run, &lines).await.map(|_| ())
    }
}
