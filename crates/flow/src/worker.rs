//! The worker: takes queued runs, executes their steps in order, writes down each state under a fence.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use base::{Error, Language, Result, RunId, units};
use chrono::Utc;
use guard::Pass;
use meta::runs::RunChange;
use meta::{RunRow, StepRow, TakenJob};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::codes;
use crate::instance::Instance;
use crate::plan::{Outcome, Plan};
use crate::progress::Progress;
use crate::runs::{Flow, JOB_KIND, Level, Log, RunState, StepState};
use crate::spec::{PipelineSpec, StepSpec};
use crate::steps::replay::{ReplayStep, requested};
use crate::steps::{Step, StepContext};

/// Runs that one process works on at the same time.
const RUNS_MAX: usize = 4;
/// How long a worker owns a run without a sign of life.
const TTL: Duration = Duration::from_secs(15);
/// How often it gives one.
const RENEW_EVERY: Duration = Duration::from_secs(5);
/// How often progress and logs are stored and a wish to cancel is heard.
const TICK: Duration = Duration::from_millis(400);
/// How often an idle worker looks for runs queued by other processes.
const IDLE: Duration = Duration::from_millis(500);
/// How long runs may go on after the word to stop; what is left is handed back to the queue.
const DRAIN: Duration = Duration::from_secs(20);
/// How long handing back may take.
const HAND_BACK: Duration = Duration::from_secs(5);
/// The wait of a run whose pipeline is already being run.
const PIPELINE_BUSY: Duration = Duration::from_secs(1);
/// The first wait before a step is tried again; it doubles, up to a minute.
const RETRY_FIRST: Duration = Duration::from_secs(1);

impl Flow {
    /// Executes queued runs until `stop` becomes true; then takes no more, lets those at work end for a while, and hands the
    /// rest back, so that the next worker goes on with them.
    pub async fn work(&self, mut stop: watch::Receiver<bool>) {
        let mut runs: JoinSet<()> = JoinSet::new();
        let (give_up, given_up) = watch::channel(false);
        while !*stop.borrow() {
            let room = runs.len() < RUNS_MAX;
            let taken = if room { self.take().await } else { None };
            match taken {
                Some(job) => {
                    let (flow, given_up) = (self.clone(), given_up.clone());
                    runs.spawn(async move { flow.execute(job, given_up).await });
                }
                None => tokio::select! {
                    () = self.shared.queued.notified(), if room => {}
                    () = tokio::time::sleep(IDLE), if room => {}
                    _ended = runs.join_next(), if !runs.is_empty() => {}
                    changed = stop.changed() => if changed.is_err() { break },
                },
            }
            while runs.try_join_next().is_some() {}
        }
        if !ended_within(&mut runs, DRAIN).await {
            let _told = give_up.send(true);
            // A run that cannot even be handed back is dropped: its job's time runs out, and whoever takes it next resumes it.
            let _handed_back = ended_within(&mut runs, HAND_BACK).await;
        }
        runs.shutdown().await;
    }

    async fn take(&self) -> Option<TakenJob> {
        match self.shared.meta.jobs().take(&[JOB_KIND], &self.shared.owner, TTL).await {
            Ok(job) => job,
            Err(error) => {
                tracing::warn!(%error, "the queue of runs cannot be read");
                None
            }
        }
    }

    async fn execute(&self, job: TakenJob, given_up: watch::Receiver<bool>) {
        let keeper = self.keep(&job);
        tokio::select! {
            () = keeper => tracing::warn!(run = job.key, "the run was taken over by another worker"),
            result = self.execute_held(&job, given_up) => match result {
                Ok(true) => {
                    let _finished = self.shared.meta.jobs().finish(&job).await;
                }
                Ok(false) => {
                    let _waiting = self.shared.meta.jobs().fail(&job, PIPELINE_BUSY).await;
                }
                Err(error) => {
                    tracing::warn!(run = job.key, %error, "the run stopped and will be taken up again");
                    let _waiting = self.shared.meta.jobs().fail(&job, TICK).await;
                }
            },
        }
    }

    /// Gives signs of life until one is refused.
    async fn keep(&self, job: &TakenJob) {
        let mut failures = 0;
        loop {
            tokio::time::sleep(RENEW_EVERY).await;
            match self.shared.meta.jobs().renew(job, TTL).await {
                Ok(true) => failures = 0,
                Ok(false) => return,
                // After two missed signs the time is nearly up: stop before somebody else starts.
                Err(_) if failures >= 1 => return,
                Err(_) => failures += 1,
            }
        }
    }

    /// Runs it to its end. False: its pipeline is busy, so it goes back to the queue. An error: this process cannot say how
    /// it ended, so somebody has to look again.
    async fn execute_held(&self, job: &TakenJob, mut given_up: watch::Receiver<bool>) -> Result<bool> {
        let id: RunId = job.key.parse()?;
        let runs = self.shared.meta.runs();
        let Some((run, steps)) = runs.get(id).await? else { return Ok(true) };
        if RunState::Succeeded.as_str() == run.state || run.finished_at.is_some() || !runs.claim(id, job.fence).await? {
            return Ok(true);
        }
        let lease_name = format!("pipeline/{}", run.pipeline);
        let Some(lease) = self.shared.meta.leases().acquire(&lease_name, &job.key, TTL).await? else { return Ok(false) };
        let log = Log::new(id);
        let held = async {
            loop {
                tokio::time::sleep(RENEW_EVERY).await;
                if !self.shared.meta.leases().renew(&lease).await.unwrap_or(true) {
                    return;
                }
            }
        };
        let result = tokio::select! {
            () = held => Err(Error::new(&codes::RUN_LOST)),
            Ok(_) = given_up.wait_for(|given_up| *given_up) => Err(Error::new(&codes::RUN_HANDED_BACK)),
            result = self.run_steps(&run, steps, job.fence, &log) => result,
        };
        let _stored = log.flush(&self.shared.meta).await;
        let _released = self.shared.meta.leases().release(&lease).await;
        result.map(|()| true)
    }

    async fn run_steps(&self, run: &RunRow, steps: Vec<StepRow>, fence: i64, log: &Log) -> Result<()> {
        let runs = self.shared.meta.runs();
        let started = RunChange { started_at: run.started_at.is_none().then(Utc::now), ..Default::default() };
        let from = [RunState::Queued.as_str(), RunState::Running.as_str()];
        if !runs.set_run_state(run.id, &from, RunState::Running.as_str(), Some(fence), started).await? {
            return Ok(());
        }
        let ended = match self.prepare(run).await {
            Ok((spec, pass)) => self.run_graph(run, &spec, &pass, steps, fence, log).await?,
            Err(error) => (RunState::Failed, Some(error.to_json(Language::En, None))),
        };
        let (state, error) = ended;
        match &error {
            Some(error) => log.write(Level::Error, None, error["message"].as_str().unwrap_or_default()),
            None => log.write(Level::Info, None, &format!("the run {}", state.as_str())),
        }
        log.flush(&self.shared.meta).await?;
        let change = RunChange { finished_at: Some(Some(Utc::now())), error: Some(error), ..Default::default() };
        runs.set_run_state(run.id, &[RunState::Running.as_str()], state.as_str(), Some(fence), change).await?;
        Ok(())
    }

    /// The pipeline as declared now, and the rights of who declared it.
    async fn prepare(&self, run: &RunRow) -> Result<(PipelineSpec, Pass)> {
        match self.shared.catalog.row::<PipelineSpec>(&run.pipeline).await? {
            Some((resource, spec)) => Ok((spec, self.shared.guard.pass_of(&resource.updated_by).await?)),
            None => Err(self.shared.catalog.not_found("Pipeline", &run.pipeline).await),
        }
    }

    async fn run_graph(
        &self,
        run: &RunRow,
        spec: &PipelineSpec,
        pass: &Pass,
        steps: Vec<StepRow>,
        fence: i64,
        log: &Log,
    ) -> Result<(RunState, Option<Value>)> {
        let before = spec.dependencies().map_err(|wrong| Error::new(&codes::FLOW_INTERNAL).with("reason", wrong.reason))?;
        let mut rows: BTreeMap<String, StepRow> = steps.into_iter().map(|row| (row.step.clone(), row)).collect();
        let replays = rows.values().any(|row| requested(&row.output).is_some());
        // A replay touches only the steps it names, one after the other, for they may share a quarantine.
        let parallel = if replays { 1 } else { spec.parallel };
        let mut graph = Graph::new(if replays { vec![BTreeSet::new(); spec.steps.len()] } else { before });
        for (index, step) in spec.steps.iter().enumerate() {
            if replays && !rows.contains_key(&step.name) {
                graph.done.insert(index);
                continue;
            }
            let row =
                rows.entry(step.name.clone()).or_insert_with(|| StepRow::new(run.id, &step.name, StepState::Pending.as_str()));
            if row.state == StepState::Succeeded.as_str() {
                graph.done.insert(index);
            }
        }
        let mut parameters = spec.parameters.clone();
        parameters.extend(run.parameters.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())));
        let zone = spec.time_zone.parse().unwrap_or(chrono_tz::Tz::UTC);
        let instance = Instance { at: run.instance.unwrap_or(run.created_at), zone, parameters };

        if let Some(gone) = rows.keys().find(|name| replays && !spec.steps.iter().any(|step| step.name == **name)) {
            let gone = Error::new(&codes::STEP_UNKNOWN).with("pipeline", &run.pipeline).with("step", gone);
            return Ok((RunState::Failed, Some(gone.to_json(Language::En, None))));
        }
        let mut working: JoinSet<(usize, Result<()>)> = JoinSet::new();
        let mut first_error = None;
        loop {
            while working.len() < parallel
                && let Some(index) = graph.next_ready()
            {
                let step = spec.steps[index].clone();
                let row = rows.get(&step.name).cloned().unwrap_or_else(|| StepRow::new(run.id, &step.name, "pending"));
                let context = StepContext {
                    engine: self.shared.engine.clone(),
                    guard: self.shared.guard.clone(),
                    meta: self.shared.meta.clone(),
                    pass: pass.clone(),
                    pipeline: run.pipeline.clone(),
                    step: step.name.clone(),
                    run: run.id,
                    instance: instance.clone(),
                    started_at: Utc::now(),
                    progress: Arc::default(),
                    log: log.clone(),
                };
                working.spawn(async move { (index, StepRun { step, row, context, fence }.execute().await) });
            }
            let Some(ended) = working.join_next().await else { break };
            let (index, result) = ended.map_err(|error| Error::new(&codes::FLOW_INTERNAL).because(error))?;
            match result {
                Ok(()) => graph.succeed(index),
                Err(error) if error.is(&codes::RUN_LOST) => return Err(error),
                Err(error) => {
                    graph.fail(index);
                    first_error.get_or_insert((index, error));
                }
            }
        }
        for index in graph.never_begun() {
            if let Some(row) = rows.get_mut(&spec.steps[index].name) {
                row.state = StepState::Skipped.as_str().to_owned();
                self.shared.meta.runs().update_step(row, Some(fence)).await?;
            }
        }
        Ok(match first_error {
            None => (RunState::Succeeded, None),
            Some((_, error)) if error.is(&codes::RUN_CANCELLED) => (RunState::Cancelled, Some(error.to_json(Language::En, None))),
            Some((index, error)) => (RunState::Failed, Some(step_failed(&spec.steps[index].name, &error))),
        })
    }
}

/// Whether all of them end within a time.
async fn ended_within(runs: &mut JoinSet<()>, limit: Duration) -> bool {
    tokio::time::timeout(limit, async { while runs.join_next().await.is_some() {} }).await.is_ok()
}

/// A run's error: that a step failed, and in `cause` why, whose blame and whose chance of a retry are the run's too.
fn step_failed(step: &str, error: &Error) -> Value {
    let failed = Error::new(&codes::STEP_FAILED).with("step", step).with("reason", error.message(Language::En));
    let failed = match error.advice(Language::En) {
        Some(advice) => failed.hint(advice),
        None => failed,
    };
    let (mut failed, cause) = (failed.to_json(Language::En, None), error.to_json(Language::En, None));
    failed["blame"] = cause["blame"].clone();
    failed["retry"] = cause["retry"].clone();
    failed["cause"] = cause;
    failed
}

/// Which steps are done, at work, and ready.
struct Graph {
    before: Vec<BTreeSet<usize>>,
    done: BTreeSet<usize>,
    begun: BTreeSet<usize>,
}

impl Graph {
    fn new(before: Vec<BTreeSet<usize>>) -> Self {
        Self { before, done: BTreeSet::new(), begun: BTreeSet::new() }
    }

    fn next_ready(&mut self) -> Option<usize> {
        let ready = (0..self.before.len()).find(|index| {
            !self.done.contains(index) && !self.begun.contains(index) && self.before[*index].is_subset(&self.done)
        })?;
        self.begun.insert(ready);
        Some(ready)
    }

    fn succeed(&mut self, index: usize) {
        self.done.insert(index);
    }

    /// A failed step stays begun and never done, so what waits for it never becomes ready.
    fn fail(&mut self, index: usize) {
        self.begun.insert(index);
    }

    fn never_begun(&self) -> Vec<usize> {
        (0..self.before.len()).filter(|index| !self.done.contains(index) && !self.begun.contains(index)).collect()
    }
}

/// One step of one run at work.
struct StepRun {
    step: StepSpec,
    row: StepRow,
    context: StepContext,
    fence: i64,
}

impl StepRun {
    async fn execute(mut self) -> Result<()> {
        let mut wait = RETRY_FIRST;
        // Attempts of this worker; those of a worker that died do not count against the step.
        let mut tries = 0;
        loop {
            tries += 1;
            let error = match self.attempt().await {
                Ok(outcome) => return self.succeed(&outcome).await,
                Err(error) if error.is(&codes::RUN_LOST) => return Err(error),
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
            tokio::select! {
                done = &mut work => return Ok(done),
                () = tokio::time::sleep(TICK) => {
                    self.store().await?;
                    if self.context.meta.runs().cancel_requested(self.context.run).await? {
                        return Err(Error::new(&codes::RUN_CANCELLED));
                    }
                }
            }
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
        self.store().await
    }

    async fn fail(mut self, error: Error) -> Result<Error> {
        let state = if error.is(&codes::RUN_CANCELLED) { StepState::Cancelled } else { StepState::Failed };
        self.row.state = state.as_str().to_owned();
        self.row.finished_at = Some(Utc::now());
        self.row.error = Some(error.to_json(Language::En, None));
        self.context.log.write(Level::Error, Some(&self.step.name), &error.message(Language::En));
        self.store().await?;
        Ok(error)
    }

    async fn store(&mut self) -> Result<()> {
        let counts = self.context.progress.counts();
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        (self.row.rows, self.row.bytes, self.row.rejected) = (number(counts.rows), number(counts.bytes), number(counts.rejected));
        (self.row.total_rows, self.row.total_bytes) = (counts.total_rows.map(number), counts.total_bytes.map(number));
        if !self.context.meta.runs().update_step(&self.row, Some(self.fence)).await? {
            return Err(Error::new(&codes::RUN_LOST));
        }
        self.context.log.flush(&self.context.meta).await
    }
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
