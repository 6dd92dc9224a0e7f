//! Hands on what worker, scheduler and pushes count, with a bound on what labels may say.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use flow::{Counted, RunState};

use crate::metrics;

/// Most pipelines, connections and data services, each, with series of their own.
const NAMES_MAX: usize = 500;

/// What the others are counted as.
const OTHERS: &str = "other";

/// Names that labels say already.
#[derive(Debug)]
pub(crate) struct Counting {
    pipelines: Names,
    connections: Names,
    services: Names,
}

/// Names in use; none if names are not to be told, and then all are one.
#[derive(Debug)]
struct Names(Option<Mutex<BTreeSet<String>>>);

impl Counting {
    /// Counts with names, or without.
    pub fn new(named: bool) -> Self {
        Self { pipelines: Names::new(named), connections: Names::new(named), services: Names::new(named) }
    }

    /// Counts what a room counted.
    pub fn pass_on(&self, counted: Counted) {
        for run in counted.runs {
            let pipeline = self.pipelines.bounded(run.pipeline);
            // All outcomes of a pipeline begin together, so that the first failure is a step up from zero.
            for state in [RunState::Succeeded, RunState::Failed, RunState::Cancelled] {
                let count = u64::from(state == run.state);
                ::metrics::counter!(metrics::RUNS_ENDED, "pipeline" => pipeline.clone(), "outcome" => state.as_str())
                    .increment(count);
            }
            if let Some(took) = run.took {
                ::metrics::histogram!(metrics::RUN_SECONDS, "outcome" => run.state.as_str()).record(took.as_secs_f64());
            }
        }
        for (place, step) in counted.steps {
            let connection = self.connections.bounded(place.connection);
            self.moved(place.verb, &connection, step.rows, step.bytes, step.rejected);
            for (outcome, count) in [("succeeded", step.succeeded), ("failed", step.failed), ("cancelled", step.cancelled)] {
                let (verb, connection) = (place.verb, connection.clone());
                ::metrics::counter!(metrics::STEPS_ENDED, "verb" => verb, "connection" => connection, "outcome" => outcome)
                    .increment(count);
            }
        }
        for late in counted.late {
            ::metrics::histogram!(metrics::LATE_SECONDS).record(late.as_secs_f64());
        }
    }

    /// Counts what was pushed.
    pub fn pushed(&self, connection: &str, rows: u64, bytes: u64, quarantined: u64) {
        let connection = self.connections.bounded(connection.to_owned());
        self.moved("push", &connection, rows, bytes, quarantined);
    }

    /// Counts a call of a data service that was answered from kept answers.
    pub fn cached(&self, service: String) {
        ::metrics::counter!(metrics::SERVICE_CACHED, "service" => self.services.bounded(service)).increment(1);
    }

    fn moved(&self, verb: &'static str, connection: &str, rows: u64, bytes: u64, quarantined: u64) {
        for (name, count) in [(metrics::MOVED_ROWS, rows), (metrics::MOVED_BYTES, bytes), (metrics::QUARANTINED, quarantined)] {
            ::metrics::counter!(name, "verb" => verb, "connection" => connection.to_owned()).increment(count);
        }
    }
}

impl Names {
    fn new(named: bool) -> Self {
        Self(named.then(Mutex::default))
    }

    fn bounded(&self, name: String) -> String {
        let Some(known) = &self.0 else { return String::new() };
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.contains(&name) {
            return name;
        }
        if known.len() >= NAMES_MAX {
            return OTHERS.to_owned();
        }
        known.insert(name.clone());
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_bounded_and_known_ones_stay() {
        assert_eq!(Names::new(false).bounded("7".to_owned()), "");
        let names = Names::new(true);
        for number in 0..NAMES_MAX {
            assert_eq!(names.bounded(number.to_string()), number.to_string());
        }
        assert_eq!(names.bounded("new".to_owned()), OTHERS);
        assert_eq!(names.bounded("7".to_owned()), "7");
    }
}
