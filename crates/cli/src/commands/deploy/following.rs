//! What goes on at each site while others wait: a spinner a site on a terminal, a line for each step elsewhere.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::arguments::ProgressMode;
use crate::terminal::note;

/// Shows steps on standard error.
pub struct Following {
    way: Way,
    began: Instant,
}

enum Way {
    Spinners { all: MultiProgress, bars: Mutex<HashMap<String, ProgressBar>> },
    Lines,
    Json,
    Silent,
}

impl Following {
    /// Nothing is shown yet.
    pub fn new(mode: ProgressMode) -> Self {
        let way = match mode {
            ProgressMode::None => Way::Silent,
            ProgressMode::Json => Way::Json,
            ProgressMode::Auto if std::io::stderr().is_terminal() => {
                Way::Spinners { all: MultiProgress::with_draw_target(ProgressDrawTarget::stderr()), bars: Mutex::default() }
            }
            ProgressMode::Auto | ProgressMode::Plain => Way::Lines,
        };
        Self { way, began: Instant::now() }
    }

    /// A site begins a step.
    pub fn tell(&self, site: &str, step: &str) {
        match &self.way {
            Way::Silent => {}
            Way::Lines => note(&format!("{site}: {step}")),
            Way::Json => {
                let seconds = self.began.elapsed().as_secs_f64();
                note(&serde_json::json!({ "event": "deploy", "site": site, "step": step, "seconds": seconds }).to_string());
            }
            Way::Spinners { all, bars } => {
                let Ok(mut bars) = bars.lock() else { return };
                let bar = bars.entry(site.to_owned()).or_insert_with(|| {
                    let style = ProgressStyle::with_template("{spinner} {prefix}  {msg}  {elapsed}");
                    let bar =
                        all.add(ProgressBar::no_length().with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner())));
                    bar.set_prefix(site.to_owned());
                    bar.enable_steady_tick(Duration::from_millis(120));
                    bar
                });
                bar.set_message(step.to_owned());
            }
        }
    }

    /// A site is done.
    pub fn done(&self, site: &str) {
        let Way::Spinners { bars, .. } = &self.way else { return };
        if let Some(bar) = bars.lock().ok().and_then(|mut bars| bars.remove(site)) {
            bar.finish_and_clear();
        }
    }

    /// A sentence above the spinners.
    pub fn say(&self, text: &str) {
        match &self.way {
            Way::Spinners { all, .. } => all.suspend(|| note(text)),
            Way::Json => note(&serde_json::json!({ "event": "message", "text": text }).to_string()),
            Way::Lines | Way::Silent => note(text),
        }
    }
}
