//! Schedules: cron with a time zone, one run for each due time however many servers look, missed times as declared.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use base::document::{Declared, Wrong};
use base::{Error, ResourceName, Result};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use croner::Cron;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::codes;
use crate::runs::{Flow, StartOptions};
use crate::spec::PipelineSpec;

/// How often due times are looked for.
const TICK: Duration = Duration::from_secs(1);
/// How long one scheduler is the only one.
const TTL: Duration = Duration::from_secs(15);
/// Most runs that one schedule queues at once.
const CATCH_UP_MAX: usize = 1000;
/// A time is missed when it is older than this.
const LATE: chrono::Duration = chrono::Duration::seconds(90);

/// Starts a pipeline at the times of a cron expression.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleSpec {
    /// The pipeline.
    pub pipeline: ResourceName,
    /// Minute, hour, day of month, month, day of week; a sixth field before them is seconds.
    pub cron: String,
    /// The zone in which the times are read, such as `Asia/Shanghai`.
    #[serde(default = "utc")]
    pub time_zone: String,
    /// What happens to times at which no server ran.
    #[serde(default)]
    pub missed: Missed,
    /// Values of the pipeline's parameters.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, Value>,
    /// A paused schedule starts nothing, and what passes meanwhile is not missed.
    #[serde(default)]
    pub paused: bool,
}

/// What happens to times at which no server ran.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Missed {
    /// Only the last one is run.
    #[default]
    Latest,
    /// All are run, oldest first.
    All,
    /// None is run.
    None,
}

fn utc() -> String {
    "UTC".to_owned()
}

impl ScheduleSpec {
    /// The due times after `last` up to `now` that are to be run, oldest first.
    fn due(&self, last: DateTime<Utc>, now: DateTime<Utc>) -> Result<Vec<DateTime<Utc>>, String> {
        let zone: Tz = self.time_zone.parse().map_err(|_| format!("`{}` is no time zone", self.time_zone))?;
        let cron = Cron::from_str(&self.cron).map_err(|error| error.to_string())?;
        let times = cron.iter_after(last.with_timezone(&zone)).map(|time| time.with_timezone(&Utc));
        let mut due: Vec<_> = times.take_while(|time| *time <= now).take(CATCH_UP_MAX).collect();
        match self.missed {
            Missed::All => {}
            Missed::Latest => due = due.split_off(due.len().saturating_sub(1)),
            Missed::None => due.retain(|time| now - *time <= LATE),
        }
        Ok(due)
    }
}

impl ScheduleSpec {
    /// The last time before `now` at which it was to start its pipeline.
    pub(crate) fn last_due(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let zone: Tz = self.time_zone.parse().ok()?;
        let cron = Cron::from_str(&self.cron).ok()?;
        Some(cron.find_previous_occurrence(&now.with_timezone(&zone), true).ok()?.with_timezone(&Utc))
    }
}

impl Declared for ScheduleSpec {
    const KIND: &'static str = "Schedule";

    fn check(&self) -> Result<(), Wrong> {
        self.time_zone.parse::<Tz>().map_err(|_| Wrong::new("time_zone", "an IANA name, such as Asia/Shanghai"))?;
        Cron::from_str(&self.cron).map_err(|error| Wrong::new("cron", error.to_string()))?;
        Ok(())
    }
}

impl Flow {
    /// Queues runs at their times until `stop` becomes true. Of several servers one does it; another takes over within the
    /// lease's time.
    pub async fn schedule(&self, mut stop: watch::Receiver<bool>) {
        let mut lease = None;
        while !*stop.borrow() {
            let leases = self.shared.meta.leases();
            let held = match &lease {
                Some(held) => leases.renew(held).await.unwrap_or(false),
                None => false,
            };
            if !held {
                lease = leases.acquire("scheduler", &self.shared.owner, TTL).await.ok().flatten();
            }
            self.shared.tally.lead(lease.is_some());
            if lease.is_some()
                && let Err(error) = self.queue_due(Utc::now()).await
            {
                tracing::warn!(%error, "schedules cannot be read");
            }
            tokio::select! {
                () = tokio::time::sleep(TICK) => {}
                changed = stop.changed() => if changed.is_err() { break },
            }
        }
        self.shared.tally.lead(false);
        if let Some(lease) = lease {
            let _released = self.shared.meta.leases().release(&lease).await;
        }
    }

    /// Queues what is due. A stale scheduler does no harm: the key of a run is its schedule and its time.
    async fn queue_due(&self, now: DateTime<Utc>) -> Result<()> {
        for (resource, schedule) in self.shared.catalog.rows::<ScheduleSpec>().await? {
            let key = format!("schedule/{}", resource.name);
            let positions = self.shared.meta.positions();
            let last = positions.get(&key, 0).await?.and_then(|last| last["until"].as_str()?.parse().ok());
            let Some(last) = last else {
                // A new schedule begins now; times before it was declared were not missed.
                positions.put(&key, 0, &json!({ "until": now })).await?;
                continue;
            };
            let due = if schedule.paused { Ok(Vec::new()) } else { schedule.due(last, now) };
            let due = due
                .map_err(|reason| Error::new(&codes::SCHEDULE_INVALID).with("schedule", &resource.name).with("reason", reason))?;
            let pipeline = schedule.pipeline.as_str();
            if !due.is_empty() {
                let spec = self.shared.catalog.spec::<PipelineSpec>(pipeline).await?;
                for time in &due {
                    let options =
                        StartOptions { parameters: schedule.parameters.clone().into_iter().collect(), instance: Some(*time) };
                    let once = format!("{key}/{}", time.timestamp());
                    if self.queue(pipeline, &spec, options, &key, Some(once)).await?.1 {
                        self.shared.tally.queued_late((now - *time).to_std().unwrap_or_default());
                    }
                }
            }
            if schedule.paused || !due.is_empty() {
                positions.put(&key, 0, &json!({ "until": now })).await?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(missed: Missed) -> ScheduleSpec {
        ScheduleSpec {
            pipeline: "p".parse().expect("name"),
            cron: "30 2 * * *".to_owned(),
            time_zone: "America/New_York".to_owned(),
            missed,
            parameters: BTreeMap::new(),
            paused: false,
        }
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("time")
    }

    #[test]
    fn missed_times_are_run_as_declared() {
        let (last, now) = (at("2026-07-01T12:00:00Z"), at("2026-07-04T06:30:30Z"));
        let hours = |missed| schedule(missed).due(last, now).expect("reads");
        assert_eq!(hours(Missed::All), [at("2026-07-02T06:30:00Z"), at("2026-07-03T06:30:00Z"), at("2026-07-04T06:30:00Z")]);
        assert_eq!(hours(Missed::Latest), [at("2026-07-04T06:30:00Z")]);
        assert_eq!(hours(Missed::None), [at("2026-07-04T06:30:00Z")]);
        assert!(schedule(Missed::None).due(last, at("2026-07-04T09:00:00Z")).expect("reads").is_empty());
    }

    #[test]
    fn knows_when_it_was_last_due() {
        let last = |now| schedule(Missed::Latest).last_due(at(now));
        assert_eq!(last("2026-07-04T06:29:59Z"), Some(at("2026-07-03T06:30:00Z")));
        assert_eq!(last("2026-07-04T06:30:00Z"), Some(at("2026-07-04T06:30:00Z")));
        let broken = ScheduleSpec { time_zone: "Nowhere".to_owned(), ..schedule(Missed::Latest) };
        assert_eq!(broken.last_due(at("2026-07-04T06:30:00Z")), None);
    }

    #[test]
    fn a_time_that_the_clock_skips_is_run_once() {
        // New York put its clocks forward at 02:00 on 2026-03-08, so 02:30 did not exist.
        let due = schedule(Missed::All).due(at("2026-03-07T12:00:00Z"), at("2026-03-09T00:00:00Z")).expect("reads");
        assert_eq!(due.len(), 1, "{due:?}");
    }
}
