//! Records in quarantine as people handle them: sent through their step again, or dropped.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::AsArray;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use base::{Error, Result, RunId, TableName};
use engine::{Limits, Statement};
use futures::StreamExt;
use guard::{Event, Object, Pass, Privilege};
use lake::Origin;
use meta::{RunRow, StepRow};
use serde_json::{Map, Value, json};

use crate::codes;
use crate::runs::{Flow, RunState, StartOptions, StepState, job};
use crate::spec::PipelineSpec;
use crate::steps::replay::{ReplayRequest, Stored, quoted, rewrite};

/// Longest time in which records are counted.
const COUNT_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(60);

/// A replay that was begun.
#[derive(Debug, Clone)]
pub struct ReplayStarted {
    /// Its runs, one a pipeline.
    pub runs: Vec<RunId>,
    /// Records that go through their step again.
    pub records: u64,
    /// Records that stay, because no pipeline declares their step any more.
    pub left: u64,
}

impl Flow {
    /// Queues runs that send records in quarantine through their step again, as it is declared now. They act with the rights
    /// of the users who declared the pipelines. Demands Select on the quarantine and Execute on the pipelines.
    pub async fn replay(&self, pass: &Pass, request: ReplayRequest) -> Result<ReplayStarted> {
        let counts = self.counted(pass, &request).await?;
        let nothing = || Error::new(&codes::REPLAY_NOTHING).with("table", &request.table);
        let (mut pipelines, mut records, mut left, mut gone) = (BTreeMap::<String, Vec<String>>::new(), 0, 0, None);
        let old = self.run_of(&request).await?;
        for (step, count) in counts {
            match self.pipeline_of(&request.table, &step, old.as_ref()).await? {
                Some(pipeline) => {
                    pipelines.entry(pipeline).or_default().push(step);
                    records += count;
                }
                None => {
                    left += count;
                    gone = gone.or(Some(step));
                }
            }
        }
        if pipelines.is_empty() {
            return Err(match gone {
                Some(step) => Error::new(&codes::REPLAY_STEP_GONE).with("step", step).with("table", &request.table),
                None => nothing(),
            });
        }
        for pipeline in pipelines.keys() {
            pass.demand(Privilege::Execute, &Object::Pipeline(pipeline))?;
        }
        let event = Event { detail: json!(request), ..Event::by(pass, "quarantine.replay", format!("Table/{}", request.table)) };
        self.shared.guard.audit().record_now(event).await?;
        // Parameters are those of the one run whose records they are, else the pipeline's own.
        let options = old.map_or_else(StartOptions::default, |run| StartOptions {
            parameters: run.parameters.as_object().cloned().unwrap_or_default(),
            instance: run.instance,
        });
        let mut runs = Vec::new();
        for (pipeline, steps) in pipelines {
            let steps = steps.into_iter().map(|step| (step, request.clone())).collect();
            runs.push(self.queue_replay(&pipeline, steps, options.clone(), pass.user()).await?);
        }
        Ok(ReplayStarted { runs, records, left })
    }

    /// Removes records from quarantine for good; how many. Demands Modify and Select on the quarantine.
    pub async fn drop_quarantined(&self, pass: &Pass, request: ReplayRequest) -> Result<u64> {
        let quarantine = request.table.quarantine()?;
        let object = format!("Table/{quarantine}");
        let mut event = Event { detail: json!(request), ..Event::by(pass, "quarantine.drop", object) };
        if let Err(error) = pass.demand(Privilege::Modify, &Object::Table(&quarantine)) {
            (event.allowed, event.error) = (false, Some(error.code().name.to_owned()));
            self.shared.guard.audit().record_now(event).await?;
            return Err(error);
        }
        if self.counted(pass, &request).await?.is_empty() {
            return Err(Error::new(&codes::REPLAY_NOTHING).with("table", &request.table));
        }
        self.shared.guard.audit().record_now(event).await?;
        let dropped = Arc::new(AtomicU64::new(0));
        let sift = || {
            let (dropped, request) = (Arc::clone(&dropped), request.clone());
            dropped.store(0, Ordering::Release);
            move |stored: &Stored| {
                let named = |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|wanted| wanted == found);
                let keep: Vec<bool> = (0..stored.len())
                    .map(|row| !(named(&request.run, stored.run(row)) && named(&request.cause, stored.cause(row).0)))
                    .collect();
                dropped.fetch_add(keep.iter().filter(|keep| !**keep).count() as u64, Ordering::AcqRel);
                stored.only(&keep).map(Stored::into_rows)
            }
        };
        rewrite(&self.shared.engine, pass, &request.table, Origin::of(pass.user()), sift).await?;
        Ok(dropped.load(Ordering::Acquire))
    }

    pub(crate) async fn queue_replay(
        &self,
        pipeline: &str,
        steps: Vec<(String, ReplayRequest)>,
        options: StartOptions,
        by: &str,
    ) -> Result<RunId> {
        let id = RunId::new();
        let mut run = RunRow::new(id, pipeline, RunState::Queued.as_str(), by);
        run.instance = options.instance;
        run.parameters = Value::Object(options.parameters);
        let row = |(step, request): (String, ReplayRequest)| {
            let mut row = StepRow::new(id, step, StepState::Pending.as_str());
            row.output = json!({ "replay": request });
            row
        };
        let rows: Vec<StepRow> = steps.into_iter().map(row).collect();
        self.shared.meta.runs().insert_queued(&run, &rows, &job(id)).await?;
        self.shared.queued.notify_one();
        Ok(id)
    }

    /// Records of a request, by the step that found them.
    async fn counted(&self, pass: &Pass, request: &ReplayRequest) -> Result<BTreeMap<String, u64>> {
        let sql = format!(
            "select coalesce(step, '') as step, count(*) as records from {} where ($run is null or run = $run) \
             and ($cause is null or cause = $cause) group by 1",
            quoted(&request.table.quarantine()?)
        );
        let mut parameters = Map::new();
        parameters.insert("run".to_owned(), request.run.clone().into());
        parameters.insert("cause".to_owned(), request.cause.clone().into());
        let limits = Limits { timeout: COUNT_TIMEOUT, ..Limits::default() };
        let newest = HashMap::new();
        let statement = Statement { sql: &sql, parameters: &parameters, limits, at: &newest };
        let mut answer = Box::pin(self.shared.engine.query(pass, statement)).await?;
        let mut counts = BTreeMap::new();
        while let Some(batch) = answer.stream.next().await {
            let batch = batch.map_err(engine::error)?;
            let internal = |error| Error::new(&codes::FLOW_INTERNAL).because(error);
            let steps = cast(batch.column(0), &DataType::Utf8).map_err(internal)?;
            let records = cast(batch.column(1), &DataType::Int64).map_err(internal)?;
            for row in 0..batch.num_rows() {
                let count = records.as_primitive::<Int64Type>().value(row);
                counts.insert(steps.as_string::<i32>().value(row).to_owned(), u64::try_from(count).unwrap_or(0));
            }
        }
        Ok(counts)
    }

    /// The run of a request that names one, if it is still known.
    async fn run_of(&self, request: &ReplayRequest) -> Result<Option<RunRow>> {
        let Some(Ok(id)) = request.run.as_ref().map(|run| run.parse::<RunId>()) else { return Ok(None) };
        Ok(self.shared.meta.runs().get(id).await?.map(|(run, _)| run))
    }

    /// The pipeline that has this step for the table now.
    async fn pipeline_of(&self, table: &TableName, step: &str, run: Option<&RunRow>) -> Result<Option<String>> {
        let mut found = Vec::new();
        for (resource, spec) in self.shared.catalog.rows::<PipelineSpec>().await? {
            let writes = |spec: &crate::spec::StepSpec| {
                spec.name == step && spec.step().is_ok_and(|verb| verb.writes().contains(table) && verb.verb() != "publish")
            };
            if spec.steps.iter().any(writes) {
                found.push(resource.name);
            }
        }
        if found.len() > 1 {
            if let Some(run) = run {
                found.retain(|name| *name == run.pipeline);
            } else {
                return Err(Error::new(&codes::REPLAY_AMBIGUOUS)
                    .with("pipelines", found.join(", "))
                    .with("step", step)
                    .with("table", table));
            }
        }
        Ok(found.pop())
    }
}
