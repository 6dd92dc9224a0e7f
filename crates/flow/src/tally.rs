//! What worker and scheduler count while they work, until somebody asks for it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base::Result;

use crate::progress::Counts;
use crate::runs::{Flow, JOB_KIND, RunState, StepState};
use crate::spec::StepSpec;

/// Most ended runs, and most late times, that are kept for who asks; what is beyond is not told.
const KEPT_MAX: usize = 10_000;

/// Most verbs and connections told apart.
const PLACES_MAX: usize = 1000;

/// The name of all connections beyond that.
const OTHERS: &str = "other";

/// What was counted since it was last asked for.
#[derive(Debug, Default)]
pub struct Counted {
    /// Runs that ended in this process.
    pub runs: Vec<EndedRun>,
    /// What steps did, by what they are.
    pub steps: BTreeMap<Place, StepCounts>,
    /// How late each scheduled run was queued.
    pub late: Vec<Duration>,
}

/// A run that ended.
#[derive(Debug, Clone, PartialEq)]
pub struct EndedRun {
    /// Its pipeline.
    pub pipeline: String,
    /// How.
    pub state: RunState,
    /// From its first step to its end; nothing if it never began.
    pub took: Option<Duration>,
}

/// What steps are told apart by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// `collect`, `sql`, `check` or `publish`.
    pub verb: &'static str,
    /// The connection at its other end; empty for the lake.
    pub connection: String,
}

/// What steps of one sort did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StepCounts {
    /// Rows taken.
    pub rows: u64,
    /// Bytes of the source read.
    pub bytes: u64,
    /// Records that went to quarantine.
    pub rejected: u64,
    /// Steps that succeeded.
    pub succeeded: u64,
    /// Steps that failed after their last attempt.
    pub failed: u64,
    /// Steps that were cancelled.
    pub cancelled: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Tally {
    counted: Mutex<Counted>,
    /// This process is the one that looks after schedules.
    leads: AtomicBool,
}

impl Flow {
    /// What was counted since this was last called.
    pub fn take_counted(&self) -> Counted {
        std::mem::take(&mut *self.shared.tally.lock())
    }

    /// How many runs are due and wait for a worker, wherever one is, and for how long the oldest has.
    pub async fn waiting(&self) -> Result<(u64, Duration)> {
        self.shared.meta.jobs().waiting(JOB_KIND).await
    }

    /// Whether this process looks after schedules; at most one does.
    pub fn leads(&self) -> bool {
        self.shared.tally.leads.load(Ordering::Relaxed)
    }
}

impl Tally {
    pub(crate) fn run_ended(&self, pipeline: &str, state: RunState, took: Option<Duration>) {
        let runs = &mut self.lock().runs;
        if runs.len() < KEPT_MAX {
            runs.push(EndedRun { pipeline: pipeline.to_owned(), state, took });
        }
    }

    pub(crate) fn queued_late(&self, late: Duration) {
        let times = &mut self.lock().late;
        if times.len() < KEPT_MAX {
            times.push(late);
        }
    }

    pub(crate) fn lead(&self, leads: bool) {
        self.leads.store(leads, Ordering::Relaxed);
    }

    /// Adds what a step counted since `before`.
    pub(crate) fn moved(&self, place: &Place, before: Counts, now: Counts) {
        self.step(place, |step| {
            step.rows += now.rows.saturating_sub(before.rows);
            step.bytes += now.bytes.saturating_sub(before.bytes);
            step.rejected += now.rejected.saturating_sub(before.rejected);
        });
    }

    pub(crate) fn step_ended(&self, place: &Place, state: StepState) {
        self.step(place, |step| match state {
            StepState::Succeeded => step.succeeded += 1,
            StepState::Failed => step.failed += 1,
            StepState::Cancelled => step.cancelled += 1,
            StepState::Pending | StepState::Running | StepState::Skipped => {}
        });
    }

    fn step(&self, place: &Place, change: impl FnOnce(&mut StepCounts)) {
        let steps = &mut self.lock().steps;
        let known = steps.contains_key(place) || steps.len() < PLACES_MAX;
        let place = if known { place.clone() } else { Place { connection: OTHERS.to_owned(), ..place.clone() } };
        change(steps.entry(place).or_default());
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Counted> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    pub(crate) fn of(step: &StepSpec) -> Self {
        let from = step.collect.as_ref().map(|collect| collect.from.as_str());
        let connection = from.or_else(|| step.publish.as_ref().map(|publish| publish.to.as_str())).unwrap_or_default();
        Self { verb: step.step().map_or("", |step| step.verb()), connection: connection.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_once_and_within_bounds() {
        let tally = Tally::default();
        let place = Place { verb: "collect", connection: "crm".to_owned() };
        let counts = |rows| Counts { rows, bytes: rows * 10, ..Counts::default() };
        tally.moved(&place, counts(0), counts(5));
        tally.moved(&place, counts(5), counts(7));
        tally.step_ended(&place, StepState::Succeeded);
        tally.run_ended("p", RunState::Failed, None);
        let counted = std::mem::take(&mut *tally.lock());
        let step = counted.steps[&place];
        assert_eq!((step.rows, step.bytes, step.succeeded, step.failed), (7, 70, 1, 0));
        assert_eq!(counted.runs, [EndedRun { pipeline: "p".to_owned(), state: RunState::Failed, took: None }]);
        assert!(tally.lock().steps.is_empty() && tally.lock().runs.is_empty());
        for number in 0..PLACES_MAX + 10 {
            tally.step_ended(&Place { verb: "collect", connection: format!("c{number}") }, StepState::Failed);
        }
        let others = Place { verb: "collect", connection: OTHERS.to_owned() };
        assert_eq!(tally.lock().steps[&others].failed, 10);
        assert_eq!(tally.lock().steps.len(), PLACES_MAX + 1);
        for _ in 0..KEPT_MAX + 1 {
            tally.queued_late(Duration::ZERO);
        }
        assert_eq!(tally.lock().late.len(), KEPT_MAX);
    }
}
