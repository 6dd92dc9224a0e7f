//! What one server looks at now and then for all of them: how pipelines and tables stand. /metrics tells what it found.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base::{Result, TableName};
use chrono::{DateTime, Utc};
use engine::TableStanding;
use flow::PipelineStanding;
use futures::StreamExt;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::exposition::Exposition;
use crate::metrics;
use crate::platform::Platform;

/// How often pipelines are looked at, and how long after the start for the first time.
const LOOK_EVERY: Duration = Duration::from_secs(30);
const LOOK_FIRST: Duration = Duration::from_secs(5);

/// How often tables are looked at: each costs a few requests to the lake's store.
const TABLES_EVERY: Duration = Duration::from_secs(300);

/// Tables that are new or changed and are read in one look; the next look goes on with the others.
const READS_MAX: usize = 100;

/// Tables looked at at the same time.
const LOOKS_MAX: usize = 4;

/// Most pipelines, and most tables, with series of their own.
const SERIES_MAX: usize = 500;

/// Most schemas with series of their own.
const SCHEMAS_MAX: usize = 100;

/// The lease under which one of several servers looks.
const LEASE: &str = "survey";
const LEASE_TTL: Duration = Duration::from_secs(90);

/// What was found last, if this server is the one that looks.
#[derive(Debug, Default)]
pub(crate) struct Survey(Mutex<Option<Findings>>);

#[derive(Debug, Default)]
struct Findings {
    pipelines: Vec<PipelineStanding>,
    pipelines_beyond: usize,
    tables: BTreeMap<TableName, TableStanding>,
    /// Tables that could not be looked at yet.
    tables_unread: usize,
}

impl Survey {
    /// Tells what was found, with or without names; nothing if another server looks.
    pub fn tell(&self, text: &mut Exposition, named: bool) {
        let findings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(findings) = findings.as_ref() {
            findings.tell(text, named);
        }
    }

    fn keep(&self, findings: Option<Findings>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = findings;
    }
}

impl Findings {
    fn tell(&self, text: &mut Exposition, named: bool) {
        if named {
            self.tell_each(text);
        } else {
            self.tell_worst(text);
        }
        let mut schemas: BTreeMap<&str, [f64; 3]> = BTreeMap::new();
        for (name, table) in &self.tables {
            let sum = schemas.entry(if named { name.schema() } else { "" }).or_default();
            for (sum, more) in sum.iter_mut().zip([1.0, table.bytes as f64, table.files as f64]) {
                *sum += more;
            }
        }
        let mut of_schemas = |name, which: usize| {
            text.numbers(name, "schema", schemas.iter().take(SCHEMAS_MAX).map(|(schema, sums)| (*schema, sums[which])));
        };
        of_schemas(metrics::TABLES, 0);
        of_schemas(metrics::STORAGE_BYTES, 1);
        of_schemas(metrics::STORAGE_FILES, 2);
        let beyond = [
            ("pipelines", self.pipelines_beyond),
            ("tables", self.tables_unread + self.tables.len().saturating_sub(SERIES_MAX)),
            ("schemas", schemas.len().saturating_sub(SCHEMAS_MAX)),
        ];
        text.numbers(metrics::UNMEASURED, "what", beyond.map(|(what, count)| (what, count as f64)));
    }

    /// What has a series for each pipeline and each table.
    fn tell_each(&self, text: &mut Exposition) {
        let succeeded = |one: &PipelineStanding| one.succeeded_at.map_or(0.0, seconds);
        let pipelines = || self.pipelines.iter();
        text.numbers(metrics::PIPELINE_SUCCEEDED, "pipeline", pipelines().map(|one| (&one.pipeline, succeeded(one))));
        let failing = pipelines().map(|one| (&one.pipeline, if one.failing { 1.0 } else { 0.0 }));
        text.numbers(metrics::PIPELINE_FAILING, "pipeline", failing);
        let due = pipelines().filter_map(|one| Some((&one.pipeline, seconds(one.due_at?))));
        text.numbers(metrics::PIPELINE_DUE, "pipeline", due);

        let changed = self.tables.iter().take(SERIES_MAX).map(|(name, table)| (name.to_string(), seconds(table.changed_at)));
        text.numbers(metrics::TABLE_CHANGED, "table", changed);
    }
}

impl Findings {
    /// Without names: whether any pipeline fails, and the times of the one that is most behind, so that the same alerts work.
    fn tell_worst(&self, text: &mut Exposition) {
        let succeeded = |one: &PipelineStanding| one.succeeded_at.map_or(0.0, seconds);
        let behind = |one: &PipelineStanding| one.due_at.map(seconds).unwrap_or_default() - succeeded(one);
        let Some(worst) = self.pipelines.iter().max_by(|one, other| behind(one).total_cmp(&behind(other))) else { return };
        text.numbers(metrics::PIPELINE_SUCCEEDED, "pipeline", [("", succeeded(worst))]);
        let failing = self.pipelines.iter().any(|one| one.failing);
        text.numbers(metrics::PIPELINE_FAILING, "pipeline", [("", if failing { 1.0 } else { 0.0 })]);
        text.numbers(metrics::PIPELINE_DUE, "pipeline", worst.due_at.map(|due| ("", seconds(due))));
    }
}

fn seconds(at: DateTime<Utc>) -> f64 {
    at.timestamp_millis() as f64 / 1000.0
}

/// Looks until `stopped` says so, while no other server does.
pub(crate) fn start(platform: &Platform, stopped: &watch::Receiver<bool>) -> JoinHandle<()> {
    let (platform, mut stop) = (platform.clone(), stopped.clone());
    tokio::spawn(async move {
        let leases = platform.meta().leases();
        let owner = base::ids::fresh();
        let (mut lease, mut tables) = (None, Tables::default());
        let mut wait = LOOK_FIRST;
        while tokio::time::timeout(wait, stop.wait_for(|stop| *stop)).await.is_err() {
            wait = LOOK_EVERY;
            let held = match &lease {
                Some(held) => leases.renew(held).await.unwrap_or(false),
                None => false,
            };
            if !held {
                lease = leases.acquire(LEASE, &owner, LEASE_TTL).await.ok().flatten();
            }
            if lease.is_none() {
                platform.survey().keep(None);
                continue;
            }
            let found = tokio::select! {
                found = look(&platform, &mut tables) => found,
                _ = stop.wait_for(|stop| *stop) => break,
            };
            match found {
                Ok(findings) => platform.survey().keep(Some(findings)),
                Err(error) => tracing::debug!(%error, "pipelines and tables could not be looked at"),
            }
        }
        if let Some(lease) = lease {
            let _released = leases.release(&lease).await;
        }
    })
}

/// What is known of tables from one look to the next.
#[derive(Debug, Default)]
struct Tables {
    known: BTreeMap<TableName, TableStanding>,
    unread: usize,
    /// When all of them were looked at last.
    looked: Option<Instant>,
}

async fn look(platform: &Platform, tables: &mut Tables) -> Result<Findings> {
    let (pipelines, pipelines_beyond) = platform.flow().standings(Utc::now(), SERIES_MAX).await?;
    if tables.unread > 0 || tables.looked.is_none_or(|looked| looked.elapsed() >= TABLES_EVERY) {
        tables.look(platform).await?;
    }
    Ok(Findings { pipelines, pipelines_beyond, tables: tables.known.clone(), tables_unread: tables.unread })
}

impl Tables {
    async fn look(&mut self, platform: &Platform) -> Result<()> {
        let pass = platform.guard().local_admin().await?;
        let engine = platform.engine();
        let names: BTreeSet<TableName> = engine.table_names().await?.into_iter().collect();
        self.known.retain(|name, _| names.contains(name));
        let (known, new): (Vec<TableName>, Vec<TableName>) = names.into_iter().partition(|name| self.known.contains_key(name));
        self.unread = new.len().saturating_sub(READS_MAX);
        let before = std::mem::take(&mut self.known);
        let looks = futures::stream::iter(known.into_iter().chain(new.into_iter().take(READS_MAX))).map(|name| {
            let (pass, before) = (&pass, before.get(&name).copied());
            async move {
                let standing = engine.standing(pass, &name, before).await;
                (name, standing)
            }
        });
        let found: Vec<_> = looks.buffered(LOOKS_MAX).collect().await;
        for (name, standing) in found {
            match standing {
                Ok(standing) => drop(self.known.insert(name, standing)),
                // Dropped meanwhile, or broken; whoever reads it is told.
                Err(error) => tracing::debug!(table = %name, %error, "a table could not be looked at"),
            }
        }
        self.looked = Some(Instant::now());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_each_table_and_sums_by_schema_within_bounds() {
        let at = DateTime::from_timestamp(1_700_000_000, 0).expect("a time");
        let table = TableStanding { version: 1, changed_at: at, bytes: 10, files: 2 };
        let name =
            |number: usize| TableName::lake(if number == 0 { "dwd" } else { "ods" }, format!("t{number}")).expect("a name");
        let pipeline = |pipeline: &str, succeeded_at, due_at| PipelineStanding {
            pipeline: pipeline.to_owned(),
            succeeded_at,
            failing: succeeded_at.is_none(),
            due_at,
        };
        let findings = Findings {
            pipelines: vec![pipeline("a", Some(at), None), pipeline("b", None, Some(at))],
            pipelines_beyond: 3,
            tables: (0..=SERIES_MAX).map(|number| (name(number), table)).collect(),
            tables_unread: 7,
        };
        let survey = Survey::default();
        let told = |named| {
            let mut text = Exposition::default();
            survey.tell(&mut text, named);
            text.text().to_owned()
        };
        assert_eq!(told(true), "", "another server looks");
        survey.keep(Some(findings));
        let text = told(true);
        for line in [
            r#"dataux_pipeline_succeeded_timestamp_seconds{pipeline="a"} 1700000000"#,
            r#"dataux_pipeline_succeeded_timestamp_seconds{pipeline="b"} 0"#,
            r#"dataux_pipeline_due_timestamp_seconds{pipeline="b"} 1700000000"#,
            r#"dataux_pipeline_failing{pipeline="b"} 1"#,
            r#"dataux_table_changed_timestamp_seconds{table="lake.dwd.t0"} 1700000000"#,
            r#"dataux_tables{schema="ods"} 500"#,
            r#"dataux_storage_bytes{schema="dwd"} 10"#,
            r#"dataux_storage_files{schema="ods"} 1000"#,
            r#"dataux_unmeasured{what="pipelines"} 3"#,
            r#"dataux_unmeasured{what="tables"} 8"#,
        ] {
            assert!(text.lines().any(|told| told == line), "{line} is not in\n{text}");
        }
        assert!(!text.contains(r#"due_timestamp_seconds{pipeline="a"}"#));
        let text = told(false);
        for line in [
            r#"dataux_pipeline_succeeded_timestamp_seconds{pipeline=""} 0"#,
            r#"dataux_pipeline_due_timestamp_seconds{pipeline=""} 1700000000"#,
            r#"dataux_pipeline_failing{pipeline=""} 1"#,
            r#"dataux_tables{schema=""} 501"#,
        ] {
            assert!(text.lines().any(|told| told == line), "{line} is not in\n{text}");
        }
        assert!(!text.contains("ods") && !text.contains(r#"pipeline="b""#), "{text}");
    }
}
