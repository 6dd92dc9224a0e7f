//! How each pipeline stands: when it last ended well, whether it fails, and when it was to run.

use std::collections::BTreeMap;

use base::Result;
use chrono::{DateTime, Utc};
use futures::{StreamExt, TryStreamExt};
use meta::{RunFilter, RunRow};

use crate::runs::{Flow, RunState};
use crate::schedule::ScheduleSpec;
use crate::spec::PipelineSpec;

/// Newest runs of a pipeline that are looked at; whether an older one succeeded is asked for by itself.
const RUNS_SEEN: u64 = 20;

/// Pipelines looked at at the same time.
const LOOKS_MAX: usize = 4;

/// How one pipeline stands.
#[derive(Debug, Clone, PartialEq)]
pub struct PipelineStanding {
    /// Its name.
    pub pipeline: String,
    /// When a run of it last ended well.
    pub succeeded_at: Option<DateTime<Utc>>,
    /// Whether the run that ended last failed.
    pub failing: bool,
    /// The last time at which a schedule was to start it, since that was declared.
    pub due_at: Option<DateTime<Utc>>,
}

impl Flow {
    /// How the first `limit` pipelines by name stand, and how many there are beyond.
    pub async fn standings(&self, now: DateTime<Utc>, limit: usize) -> Result<(Vec<PipelineStanding>, usize)> {
        let catalog = &self.shared.catalog;
        let mut names: Vec<String> =
            catalog.rows::<PipelineSpec>().await?.into_iter().map(|(resource, _)| resource.name).collect();
        names.sort_unstable();
        let beyond = names.len().saturating_sub(limit);
        names.truncate(limit);
        let mut due: BTreeMap<String, DateTime<Utc>> = BTreeMap::new();
        for (resource, schedule) in catalog.rows::<ScheduleSpec>().await? {
            if let Some(at) = schedule.last_due(now).filter(|at| !schedule.paused && *at >= resource.updated_at) {
                let latest = due.entry(schedule.pipeline.to_string()).or_insert(at);
                *latest = at.max(*latest);
            }
        }
        let looks = futures::stream::iter(names).map(|pipeline| {
            let due_at = due.get(&pipeline).copied();
            async move {
                let (succeeded_at, failing) = self.ended(&pipeline).await?;
                Ok::<_, base::Error>(PipelineStanding { pipeline, succeeded_at, failing, due_at })
            }
        });
        Ok((looks.buffered(LOOKS_MAX).try_collect().await?, beyond))
    }

    /// When a run last ended well, and whether the one that ended last failed.
    async fn ended(&self, pipeline: &str) -> Result<(Option<DateTime<Utc>>, bool)> {
        let runs = self.shared.meta.runs();
        let of_this = RunFilter { pipeline: Some(pipeline.to_owned()), limit: RUNS_SEEN, ..RunFilter::default() };
        let newest = runs.list(&of_this).await?;
        let last = |rows: &[RunRow], state: RunState| {
            rows.iter().filter(|run| run.state == state.as_str()).filter_map(|run| run.finished_at).max()
        };
        let failed = last(&newest, RunState::Failed);
        let mut succeeded = last(&newest, RunState::Succeeded);
        if succeeded.is_none() && newest.len() as u64 == RUNS_SEEN {
            let state = Some(RunState::Succeeded.as_str().to_owned());
            succeeded = last(&runs.list(&RunFilter { state, limit: 1, ..of_this }).await?, RunState::Succeeded);
        }
        Ok((succeeded, failed > succeeded))
    }
}
