//! The worker: takes queued runs, executes their steps in order, writes down each state under a fence.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use base::{Error, Language, Result, RunId};
use chrono::Utc;
use guard::Pass;
use meta::runs::RunChange;
use meta::{RunRow, StepRow, TakenJob};
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::attempts::{StepRun, TICK, untold};
use crate::codes;
use crate::instance::Instance;
use crate::progress::Counts;
use crate::runs::{Flow, JOB_KIND, Level, Log, RunState, StepState};
use crate::spec::PipelineSpec;
use crate::steps::StepContext;
use crate::steps::replay::requested;
use crate::tally::Place;

/// Runs that one process works on at the same time.
const RUNS_MAX: usize = 4;
/// How long a worker owns a run without a sign of life.
const TTL: Duration = Duration::from_secs(15);
/// How often it gives one.
const RENEW_EVERY: Duration = Duration::from_secs(5);
/// How soon it tries again when that failed.
const RENEW_AGAIN: Duration = Duration::from_secs(1);
/// How long after the last sign it stops by itself, so that it is at rest before somebody else may start.
const STOP_AFTER: Duration = Duration::from_secs(10);
/// How often an idle worker looks for runs queued by other processes.
const IDLE: Duration = Duration::from_millis(500);
/// How long runs may go on after the word to stop; what is left is handed back to the queue.
const DRAIN: Duration = Duration::from_secs(20);
/// How long handing back may take.
const HAND_BACK: Duration = Duration::from_secs(5);
/// The wait of a run whose pipeline is already being run.
const PIPELINE_BUSY: Duration = Duration::from_secs(1);

impl Flow {
    /// Executes queued runs until `stop` becomes true; then takes no more, lets those at work end for a while, and hands the
    /// rest back, so that the next worker goes on with them.
    pub async fn work(&self, mut stop: watch::Receiver<bool>) {
        let mut runs: JoinSet<()> = JoinSet::new();
        let (give_up, given_up) = watch::channel(false);
        let mut reads = true;
        while !*stop.borrow() {
            let room = runs.len() < RUNS_MAX;
            let taken = if room { self.take(&mut reads).await } else { None };
            match taken {
                Some(job) => {
                    let (flow, given_up) = (self.clone(), given_up.clone());
                    runs.spawn(async move { Box::pin(flow.execute(job, given_up)).await });
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

    /// The next job. `reads`: whether the queue could be read before, so that the log says once that it cannot.
    async fn take(&self, reads: &mut bool) -> Option<TakenJob> {
        let taken = self.shared.meta.jobs().take(&[JOB_KIND], &self.shared.owner, TTL).await;
        match (&taken, *reads) {
            (Err(error), true) => tracing::warn!(%error, "the queue of runs cannot be read; it is tried again until it can"),
            (Ok(_), false) => tracing::info!("the queue of runs can be read again"),
            _ => {}
        }
        *reads = taken.is_ok();
        taken.ok().flatten()
    }

    async fn execute(&self, job: TakenJob, given_up: watch::Receiver<bool>) {
        let keeper = self.keep(&job);
        tokio::select! {
            () = keeper => tracing::warn!(run = job.key, "the run is let go: another worker has it, or will"),
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

    /// Gives signs of life until one is refused, or none arrived for so long that somebody else may start soon.
    async fn keep(&self, job: &TakenJob) {
        let jobs = self.shared.meta.jobs();
        let mut arrived = Instant::now();
        let mut wait = RENEW_EVERY;
        loop {
            tokio::time::sleep(wait).await;
            let sent = Instant::now();
            match tokio::time::timeout_at(arrived + STOP_AFTER, jobs.renew(job, TTL)).await {
                Ok(Ok(true)) => (arrived, wait) = (sent, RENEW_EVERY),
                Ok(Ok(false)) | Err(_) => return,
                Ok(Err(_)) => wait = RENEW_AGAIN,
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
        let began = Utc::now();
        let started = RunChange { started_at: run.started_at.is_none().then_some(began), ..Default::default() };
        let from = [RunState::Queued.as_str(), RunState::Running.as_str()];
        if !runs.set_run_state(run.id, &from, RunState::Running.as_str(), Some(fence), started).await? {
            return Ok(());
        }
        let ended = match self.prepare(run).await {
            Ok(declared) => self.run_graph(run, declared, steps, fence, log).await?,
            Err(error) if untold(&error) => return Err(error),
            Err(error) => (RunState::Failed, Some(error.to_json(Language::En, None))),
        };
        let (state, error) = ended;
        match &error {
            Some(error) => log.write(Level::Error, None, error["message"].as_str().unwrap_or_default()),
            None => log.write(Level::Info, None, &format!("the run {}", state.as_str())),
        }
        log.flush(&self.shared.meta).await?;
        let end = Utc::now();
        let change = RunChange { finished_at: Some(Some(end)), error: Some(error), ..Default::default() };
        if runs.set_run_state(run.id, &[RunState::Running.as_str()], state.as_str(), Some(fence), change).await? {
            let took = (end - run.started_at.unwrap_or(began)).to_std().unwrap_or_default();
            self.shared.tally.run_ended(&run.pipeline, state, Some(took));
        }
        Ok(())
    }

    /// The pipeline as declared now, the rights of who declared it, and for each step the steps before it.
    async fn prepare(&self, run: &RunRow) -> Result<Declared> {
        let Some((resource, spec)) = self.shared.catalog.row::<PipelineSpec>(&run.pipeline).await? else {
            return Err(self.shared.catalog.not_found("Pipeline", &run.pipeline).await);
        };
        let pass = self.shared.guard.pass_of(&resource.updated_by).await?;
        let before = spec
            .dependencies(&self.shared.engine.behind_views(&[]).await?)
            .map_err(|wrong| Error::new(&codes::STEPS_UNORDERED).with("pipeline", &run.pipeline).with("reason", wrong.reason))?;
        Ok(Declared { spec, pass, before })
    }

    async fn run_graph(
        &self,
        run: &RunRow,
        declared: Declared,
        steps: Vec<StepRow>,
        fence: i64,
        log: &Log,
    ) -> Result<(RunState, Option<Value>)> {
        let Declared { spec, pass, before } = declared;
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
                let (flow, place) = (self.clone(), Place::of(&step));
                let run = StepRun { step, row, context, fence, flow, place, counted: Counts::default() };
                working.spawn(async move { (index, run.execute().await) });
            }
            let Some(ended) = working.join_next().await else { break };
            let (index, result) = ended.map_err(|error| Error::new(&codes::FLOW_INTERNAL).because(error))?;
            match result {
                Ok(()) => graph.succeed(index),
                Err(error) if untold(&error) => return Err(error),
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

/// A pipeline as a run finds it.
struct Declared {
    spec: PipelineSpec,
    /// The rights of who declared it.
    pass: Pass,
    /// For each step, the steps before it.
    before: Vec<BTreeSet<usize>>,
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
