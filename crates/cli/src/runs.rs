//! A run as the API shows it, read leniently so that an older CLI understands a newer server.

use base::Language;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;

use crate::failure::{Outcome, Problem};

/// One execution of a pipeline.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct RunView {
    /// Its id.
    pub id: String,
    /// The pipeline.
    pub pipeline: String,
    /// `queued`, `running`, `succeeded`, …
    pub state: String,
    /// When it began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended; none while it goes on.
    pub finished_at: Option<DateTime<Utc>>,
    /// Why it failed.
    pub error: Option<Value>,
    /// Its steps in order.
    pub steps: Vec<StepView>,
}

/// One step of a run.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct StepView {
    /// Its name in the pipeline.
    #[serde(alias = "name")]
    pub step: String,
    /// As the run's.
    pub state: String,
    /// 1 at first.
    pub attempt: i64,
    /// Rows written so far.
    pub rows: u64,
    /// Bytes read so far.
    pub bytes: u64,
    /// Rows in quarantine so far.
    pub rejected: u64,
    /// Rows there are, if that is known.
    pub total_rows: Option<u64>,
    /// Bytes there are, if that is known.
    pub total_bytes: Option<u64>,
    /// When it began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// Why it failed.
    pub error: Option<Value>,
}

impl RunView {
    /// From the API's JSON.
    pub fn read(value: &Value) -> Outcome<Self> {
        // A run may stand in an envelope with its steps beside it.
        let mut flat = value.get("run").unwrap_or(value).clone();
        if let (Some(steps), Some(object)) = (value.get("steps"), flat.as_object_mut()) {
            object.entry("steps").or_insert_with(|| steps.clone());
        }
        if let Some(object) = flat.as_object_mut() {
            object.retain(|_, value| !value.is_null());
        }
        serde_json::from_value(flat)
            .map_err(|error| base::Error::new(&crate::codes::ANSWER_UNREADABLE).with("request", "run").because(error).into())
    }

    /// Whether nothing more will happen.
    pub fn is_over(&self) -> bool {
        is_over(&self.state)
    }

    /// Whether it did all it was to do.
    pub fn succeeded(&self) -> bool {
        succeeded(&self.state)
    }

    /// Whether it was stopped on request.
    pub fn cancelled(&self) -> bool {
        matches!(self.state.as_str(), "cancelled" | "canceled")
    }

    /// Seconds it took, or has taken so far.
    pub fn elapsed(&self) -> std::time::Duration {
        let (Some(from), to) = (self.started_at, self.finished_at.unwrap_or_else(Utc::now)) else { return Default::default() };
        (to - from).to_std().unwrap_or_default()
    }

    /// Rows written by all steps.
    pub fn rows(&self) -> u64 {
        self.steps.iter().map(|step| step.rows).sum()
    }

    /// Rows in quarantine from all steps.
    pub fn rejected(&self) -> u64 {
        self.steps.iter().map(|step| step.rejected).sum()
    }

    /// What went wrong: the failed step's error, else the run's.
    pub fn problem(&self) -> Option<(Option<&str>, Problem)> {
        let of_step = self.steps.iter().find_map(|step| Some((Some(step.step.as_str()), problem(step.error.as_ref()?)?)));
        of_step.or_else(|| Some((None, problem(self.error.as_ref()?)?)))
    }
}

impl StepView {
    /// Whether nothing more will happen.
    pub fn is_over(&self) -> bool {
        is_over(&self.state)
    }

    /// Seconds it took, or has taken so far.
    pub fn elapsed(&self) -> std::time::Duration {
        let (Some(from), to) = (self.started_at, self.finished_at.unwrap_or_else(Utc::now)) else { return Default::default() };
        (to - from).to_std().unwrap_or_default()
    }
}

/// Whether a state is a good end.
pub fn succeeded(state: &str) -> bool {
    matches!(state, "succeeded" | "done" | "success" | "finished")
}

fn is_over(state: &str) -> bool {
    succeeded(state) || matches!(state, "failed" | "cancelled" | "canceled" | "skipped" | "timed_out" | "upstream_failed")
}

fn problem(value: &Value) -> Option<Problem> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(Problem {
            http: 0,
            code: String::new(),
            message: text.clone(),
            arguments: Default::default(),
            blame: "platform".into(),
            retry: false,
            hint: None,
            trace_id: None,
        }),
        other => serde_json::from_value(other.clone()).ok(),
    }
}

/// The word for a state, with a sign that does not depend on colour.
pub fn state_text(state: &str, language: Language) -> String {
    let (sign, zh) = match state {
        "succeeded" | "done" | "success" | "finished" => ("✓", "成功"),
        "failed" => ("✗", "失败"),
        "cancelled" | "canceled" => ("■", "已取消"),
        "skipped" => ("–", "已跳过"),
        "running" => ("▶", "运行中"),
        "queued" | "waiting" | "pending" => ("…", "等待中"),
        _ => ("?", ""),
    };
    if language == Language::Zh && !zh.is_empty() { format!("{sign} {zh}") } else { format!("{sign} {state}") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_a_run_and_finds_what_went_wrong() {
        let run = RunView::read(&json!({
            "id": "r1", "pipeline": "p", "state": "failed", "started_at": "2026-01-01T00:00:00Z",
            "finished_at": "2026-01-01T00:00:02.5Z", "error": null, "new_field": 1,
            "steps": [
                {"step": "a", "state": "succeeded", "rows": 10, "rejected": 2, "total_rows": null},
                {"name": "b", "state": "failed", "rows": 0, "error": {"code": "source_gone", "message": "gone", "blame": "source", "retry": true}},
            ],
        }))
        .expect("a run");
        assert!(run.is_over() && !run.succeeded());
        assert_eq!((run.rows(), run.rejected(), run.elapsed().as_millis()), (10, 2, 2500));
        let (step, problem) = run.problem().expect("b failed");
        assert_eq!((step, problem.code.as_str(), problem.retry), (Some("b"), "source_gone", true));
    }
}
