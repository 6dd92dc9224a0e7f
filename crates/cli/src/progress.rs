//! Progress of a run on standard error: bars on a terminal, a line now and then elsewhere, JSON lines for programs.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use base::{Language, units};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::arguments::ProgressMode;
use crate::runs::{RunView, StepView, state_text};
use crate::terminal::{Paint, note};

/// How often plain lines repeat themselves.
const PLAIN_PAUSE: Duration = Duration::from_secs(10);

/// How often JSON lines repeat themselves.
const JSON_PAUSE: Duration = Duration::from_secs(1);

/// What has been shown of one run.
pub struct Progress {
    way: Way,
    language: Language,
    paint: Paint,
    /// By step: the state last told.
    told: HashMap<String, String>,
    /// When lines about running steps were last written.
    last: Instant,
}

enum Way {
    Bars { all: MultiProgress, bars: HashMap<String, ProgressBar> },
    Plain,
    Json,
    Silent,
}

impl Progress {
    /// Nothing is shown yet.
    pub fn new(mode: ProgressMode, language: Language, paint: Paint) -> Self {
        let way = match mode {
            ProgressMode::None => Way::Silent,
            ProgressMode::Json => Way::Json,
            ProgressMode::Plain => Way::Plain,
            ProgressMode::Auto if std::io::stderr().is_terminal() => {
                Way::Bars { all: MultiProgress::with_draw_target(ProgressDrawTarget::stderr()), bars: HashMap::new() }
            }
            ProgressMode::Auto => Way::Plain,
        };
        Self { way, language, paint, told: HashMap::new(), last: Instant::now() }
    }

    /// Shows where the run is now.
    pub fn show(&mut self, run: &RunView) {
        match &mut self.way {
            Way::Silent => {}
            Way::Bars { all, bars } => {
                let width = run.steps.iter().map(|step| console::measure_text_width(&step.step)).max().unwrap_or(0);
                for step in run.steps.iter().filter(|step| step.started_at.is_some() || step.is_over()) {
                    let bar = bars.entry(step.step.clone()).or_insert_with(|| new_bar(all, step, width));
                    draw(bar, step, self.language, self.paint);
                }
            }
            Way::Plain => self.plain(run),
            Way::Json => self.json(run),
        }
    }

    /// A sentence above the bars.
    pub fn say(&self, text: &str) {
        match &self.way {
            Way::Bars { all, .. } => all.suspend(|| note(text)),
            Way::Plain | Way::Silent => note(text),
            Way::Json => note(&serde_json::json!({ "event": "message", "text": text }).to_string()),
        }
    }

    fn plain(&mut self, run: &RunView) {
        let due = self.last.elapsed() >= PLAIN_PAUSE;
        for step in &run.steps {
            let known = self.told.get(&step.step).map(String::as_str);
            let changed = known != Some(step.state.as_str()) && step.is_over();
            let repeats = due && !step.is_over() && step.started_at.is_some();
            if changed || repeats {
                note(&format!("{}: {}, {}", step.step, state_text(&step.state, self.language), figures(step, self.language)));
            }
            if changed {
                self.told.insert(step.step.clone(), step.state.clone());
            }
        }
        if due {
            self.last = Instant::now();
        }
    }

    fn json(&mut self, run: &RunView) {
        let due = self.last.elapsed() >= JSON_PAUSE;
        for step in &run.steps {
            let changed = self.told.get(&step.step) != Some(&step.state);
            if changed || (due && !step.is_over() && step.started_at.is_some()) {
                self.told.insert(step.step.clone(), step.state.clone());
                let line = serde_json::json!({
                    "event": "step", "run": run.id, "step": step.step, "state": step.state, "rows": step.rows, "bytes": step.bytes,
                    "rejected": step.rejected, "total_rows": step.total_rows, "total_bytes": step.total_bytes,
                    "seconds": step.elapsed().as_secs_f64(),
                });
                note(&line.to_string());
            }
        }
        if due {
            self.last = Instant::now();
        }
    }
}

fn new_bar(all: &MultiProgress, step: &StepView, width: usize) -> ProgressBar {
    // The style goes first: a bar is drawn as soon as it is added.
    let bar = all.add(ProgressBar::no_length().with_style(style("{prefix}  {spinner} {msg}")));
    let pad = width.saturating_sub(console::measure_text_width(&step.step));
    bar.set_prefix(format!("{}{}", step.step, " ".repeat(pad)));
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

fn draw(bar: &ProgressBar, step: &StepView, language: Language, paint: Paint) {
    if bar.is_finished() {
        return;
    }
    let text = figures(step, language);
    if step.is_over() {
        let state = state_text(&step.state, language);
        let state = match step.state.as_str() {
            "failed" => paint.red(&state),
            "cancelled" | "skipped" => paint.dim(&state),
            _ => paint.green(&state),
        };
        bar.set_style(style("{prefix}  {msg}"));
        bar.finish_with_message(format!("{state}  {text}"));
        return;
    }
    match share(step) {
        Some((done, total)) => {
            bar.set_style(style("{prefix}  {bar:20.cyan/dim} {percent:>3}%  {msg}").progress_chars("━╸─"));
            bar.set_length(total);
            bar.set_position(done);
        }
        None => bar.set_style(style("{prefix}  {spinner} {msg}")),
    }
    bar.set_message(text);
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

/// How far a step is, in whatever its total is known in.
fn share(step: &StepView) -> Option<(u64, u64)> {
    let in_bytes = step.total_bytes.filter(|total| *total > 0).map(|total| (step.bytes.min(total), total));
    in_bytes.or_else(|| step.total_rows.filter(|total| *total > 0).map(|total| (step.rows.min(total), total)))
}

/// Rows, bytes, rate and time left.
fn figures(step: &StepView, language: Language) -> String {
    let say = |en: &'static str, zh: &'static str| if language == Language::Zh { zh } else { en };
    let mut parts = vec![format!("{} {}", units::count(step.rows), say("rows", "行"))];
    if step.rejected > 0 {
        parts.push(format!("{} {}", units::count(step.rejected), say("in quarantine", "行被隔离")));
    }
    if step.bytes > 0 {
        parts.push(units::bytes(step.bytes));
    }
    let elapsed = step.elapsed();
    if step.is_over() {
        parts.push(units::duration(elapsed));
    } else if elapsed >= Duration::from_secs(1) {
        parts.push(format!("{} {}", units::count((step.rows as f64 / elapsed.as_secs_f64()) as u64), say("rows/s", "行/秒")));
        if let Some((done, total)) = share(step).filter(|(done, _)| *done > 0) {
            let left = elapsed.mul_f64((total - done) as f64 / done as f64);
            parts.push(format!("{} {}", units::duration(left), say("left", "剩余")));
        }
    }
    if step.attempt > 1 {
        parts.push(format!("{} {}", say("attempt", "尝试"), step.attempt));
    }
    parts.join(" · ")
}

#[cfg(test)]
mod tests {
    use chrono::{TimeDelta, Utc};

    use super::*;

    #[test]
    fn figures_say_rows_bytes_rate_and_time_left() {
        let now = Utc::now();
        let mut step = StepView {
            step: "flights".into(),
            state: "running".into(),
            attempt: 2,
            rows: 200_000,
            bytes: 1 << 20,
            total_bytes: Some(2 << 20),
            started_at: Some(now - TimeDelta::seconds(10)),
            ..StepView::default()
        };
        let text = figures(&step, Language::En);
        assert!(text.starts_with("200,000 rows · 1.0 MiB · 19,9") || text.starts_with("200,000 rows · 1.0 MiB · 20,0"), "{text}");
        assert!(text.contains("10.0 s left") && text.ends_with("attempt 2"), "{text}");
        step.state = "succeeded".into();
        step.rejected = 461;
        step.finished_at = Some(now);
        assert_eq!(figures(&step, Language::En), "200,000 rows · 461 in quarantine · 1.0 MiB · 10.0 s · attempt 2");
        assert_eq!(share(&step), Some((1 << 20, 2 << 20)));
    }
}
