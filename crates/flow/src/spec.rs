//! What a pipeline is: named steps, declared in YAML.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use base::document::{Declared, Wrong};
use base::{TableName, units};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::steps::Step;
use crate::steps::check::CheckStep;
use crate::steps::collect::CollectStep;
use crate::steps::publish::PublishStep;
use crate::steps::sql::SqlStep;

/// The tables behind each view.
pub type Views = BTreeMap<TableName, BTreeSet<TableName>>;

/// Most steps of one pipeline.
const STEPS_MAX: usize = 1000;

/// A pipeline: steps that collect, process, check and publish data, in the order that the tables they read and write demand.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PipelineSpec {
    /// What it is for, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The steps.
    pub steps: Vec<StepSpec>,
    /// Parameters that its SQL may use as `${name}`, with their values when a run gives none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, Value>,
    /// The time zone of `${bizdate}` and its kin, when no schedule states one.
    #[serde(default = "utc")]
    pub time_zone: String,
    /// Steps of one run that may work at the same time.
    #[serde(default = "two")]
    pub parallel: usize,
}

/// One step: exactly one of `collect`, `sql`, `check`, `publish`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepSpec {
    /// The step's name, unique in the pipeline.
    pub name: String,
    /// Steps that must end before this one, besides those that write what it reads.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<String>,
    /// Brings data from a connection into the lake.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collect: Option<CollectStep>,
    /// Writes the answer of a query into the lake.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sql: Option<SqlStep>,
    /// Tests a table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<CheckStep>,
    /// Writes a table to a connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publish: Option<PublishStep>,
    /// Further attempts after a failure that may pass.
    #[serde(default)]
    pub retries: u32,
    /// Longest time of one attempt, such as `30m`.
    #[serde(default = "one_hour")]
    pub timeout: String,
}

fn utc() -> String {
    "UTC".to_owned()
}

fn two() -> usize {
    2
}

fn one_hour() -> String {
    "1h".to_owned()
}

impl StepSpec {
    /// What the step does.
    pub fn step(&self) -> Result<&dyn Step, Wrong> {
        let given: Vec<&dyn Step> = [
            self.collect.as_ref().map(|step| step as &dyn Step),
            self.sql.as_ref().map(|step| step as _),
            self.check.as_ref().map(|step| step as _),
            self.publish.as_ref().map(|step| step as _),
        ]
        .into_iter()
        .flatten()
        .collect();
        match given.as_slice() {
            [one] => Ok(*one),
            [] => {
                Err(Wrong::new("name", format!("step `{}` does nothing; give it one of collect, sql, check, publish", self.name)))
            }
            _ => Err(Wrong::new("name", format!("step `{}` does several things; make them several steps", self.name))),
        }
    }

    /// The longest time of one attempt.
    pub fn timeout(&self) -> base::Result<Duration> {
        units::parse_duration(&self.timeout)
    }
}

impl PipelineSpec {
    /// For each step, the indices of the steps before it: those it names, and those that write a table it reads, be it through
    /// one of these views.
    pub fn dependencies(&self, views: &Views) -> Result<Vec<BTreeSet<usize>>, Wrong> {
        let mut writers: BTreeMap<TableName, Vec<usize>> = BTreeMap::new();
        for (index, step) in self.steps.iter().enumerate() {
            for table in step.step()?.writes() {
                writers.entry(table).or_default().push(index);
            }
        }
        let by_name: BTreeMap<&str, usize> =
            self.steps.iter().enumerate().map(|(index, step)| (step.name.as_str(), index)).collect();
        let mut all = Vec::with_capacity(self.steps.len());
        for (index, step) in self.steps.iter().enumerate() {
            let mut before = BTreeSet::new();
            for name in &step.after {
                let known = by_name.get(name.as_str()).ok_or_else(|| {
                    Wrong::new("after", format!("step `{}` comes after `{name}`, which is no step of this pipeline", step.name))
                })?;
                before.insert(*known);
            }
            for table in step.step()?.reads()? {
                let behind = views.get(&table).into_iter().flatten();
                for table in behind.chain([&table]) {
                    before.extend(writers.get(table).into_iter().flatten().filter(|writer| **writer != index));
                }
            }
            all.push(before);
        }
        refuse_cycles(&self.steps, &all)?;
        Ok(all)
    }
}

/// Takes away steps with nothing before them until none is left; what cannot be taken away stands in a circle.
fn refuse_cycles(steps: &[StepSpec], before: &[BTreeSet<usize>]) -> Result<(), Wrong> {
    let mut done: BTreeSet<usize> = BTreeSet::new();
    while done.len() < steps.len() {
        let ready: Vec<usize> = (0..steps.len()).filter(|step| !done.contains(step) && before[*step].is_subset(&done)).collect();
        if ready.is_empty() {
            let stuck: Vec<&str> =
                (0..steps.len()).filter(|step| !done.contains(step)).map(|step| steps[step].name.as_str()).collect();
            return Err(Wrong::new("steps", format!("the steps {} wait for each other", stuck.join(", "))));
        }
        done.extend(ready);
    }
    Ok(())
}

impl Declared for PipelineSpec {
    const KIND: &'static str = "Pipeline";

    fn check(&self) -> Result<(), Wrong> {
        if self.steps.is_empty() || self.steps.len() > STEPS_MAX {
            return Err(Wrong::new("steps", format!("a pipeline has 1 to {STEPS_MAX} steps")));
        }
        if !(1..=64).contains(&self.parallel) {
            return Err(Wrong::new("parallel", "between 1 and 64"));
        }
        self.time_zone.parse::<chrono_tz::Tz>().map_err(|_| Wrong::new("time_zone", "an IANA name, such as Asia/Shanghai"))?;
        let mut names = BTreeSet::new();
        for step in &self.steps {
            let fits = (1..=100).contains(&step.name.len())
                && step.name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
            if !fits {
                return Err(Wrong::new("name", format!("step `{}`: use letters, digits, dashes and underscores", step.name)));
            }
            if !names.insert(step.name.as_str()) {
                return Err(Wrong::new("name", format!("two steps are named `{}`", step.name)));
            }
            step.timeout().map_err(|error| Wrong::new("timeout", error.to_string()))?;
            if step.retries > 20 {
                return Err(Wrong::new("retries", "at most 20"));
            }
            step.step()?.check()?;
        }
        self.dependencies(&Views::new()).map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(steps: &str) -> PipelineSpec {
        base::document::parse(&format!("steps:\n{steps}"), "test.yaml").expect("reads")
    }

    #[test]
    fn tables_decide_the_order() {
        let spec = spec(
            "  - {name: sum, sql: {into: lake.dws.b, query: 'select count(*) as n from dwd.a'}}\n  \
               - {name: clean, sql: {into: lake.dwd.a, query: 'select 1 as x'}}\n  \
               - {name: last, after: [sum], sql: {into: lake.ads.c, query: 'select 2 as y'}}\n",
        );
        spec.check().expect("fits");
        let before = spec.dependencies(&Views::new()).expect("no cycle");
        assert_eq!(before[0], BTreeSet::from([1]));
        assert!(before[1].is_empty());
        assert_eq!(before[2], BTreeSet::from([0]));
    }

    #[test]
    fn tables_behind_views_decide_the_order_too() {
        let spec = spec(
            "  - {name: sum, sql: {into: lake.dws.b, query: 'select count(*) as n from ads.v'}}\n  \
               - {name: clean, sql: {into: lake.dwd.a, query: 'select 1 as x'}}\n",
        );
        let name = |text: &str| text.parse::<TableName>().expect("a name");
        let views = Views::from([(name("lake.ads.v"), BTreeSet::from([name("lake.dwd.a")]))]);
        assert_eq!(spec.dependencies(&views).expect("no cycle")[0], BTreeSet::from([1]));
        let circle = Views::from([(name("lake.ads.v"), BTreeSet::from([name("lake.dws.b")]))]);
        assert!(spec.dependencies(&circle).expect("its own table is no circle")[0].is_empty());
    }

    #[test]
    fn circles_and_empty_steps_are_refused() {
        let circle = spec(
            "  - {name: a, sql: {into: lake.x.a, query: 'select * from x.b'}}\n  - {name: b, sql: {into: lake.x.b, query: 'select * from x.a'}}\n",
        );
        assert!(circle.check().expect_err("circle").reason.contains("wait for each other"));
        assert!(spec("  - {name: a}\n").check().expect_err("empty").reason.contains("does nothing"));
    }
}
