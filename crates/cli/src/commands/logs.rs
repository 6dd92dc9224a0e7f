//! `dataux logs`: what a run said.

use std::time::Duration;

use clap::Args;
use clap_complete::ArgValueCompleter;
use serde_json::Value;

use crate::arguments::Output;
use crate::client::Client;
use crate::failure::Outcome;
use crate::listing::{clean, moment, text};
use crate::runs::RunView;
use crate::session::Session;

/// Pause between two looks.
const LOOK_PAUSE: Duration = Duration::from_millis(500);

/// Options.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  dataux logs 0198c1d2-…\n  dataux logs 0198c1d2-… --follow\n  \
                        dataux logs 0198c1d2-… --step flights -o ndjson")]
pub struct Arguments {
    /// The run's id; the latest run if not given
    #[arg(value_name = "RUN", add = ArgValueCompleter::new(crate::names::runs))]
    pub run: Option<String>,

    /// Go on until the run is over
    #[arg(short, long)]
    pub follow: bool,

    /// Only lines of this step
    #[arg(long, value_name = "STEP")]
    pub step: Option<String>,
}

/// Runs it.
pub async fn run(session: &mut Session, arguments: Arguments) -> Outcome {
    let output = session.output("logs", &[Output::Table, Output::Ndjson, Output::Json])?;
    let client = session.client().await?;
    let done = show(session, &client, arguments, output).await;
    client.close().await;
    done
}

async fn show(session: &mut Session, client: &Client, arguments: Arguments, output: Output) -> Outcome {
    let id = match &arguments.run {
        Some(run) => super::runs::id(run).to_owned(),
        None => {
            let latest = client.get(&["api", "v1", "runs"]).query("limit", "1").items(1).await?;
            latest.first().map(|run| text(run, "id")).unwrap_or_default()
        }
    };
    let mut after: i64 = 0;
    loop {
        // Asked before the lines, so that no line written in between is missed.
        let over = match arguments.follow {
            true => RunView::read(&client.get(&["api", "v1", "runs", &id]).value().await?)?.is_over(),
            false => true,
        };
        loop {
            let page = page(client, &id, after).await?;
            for line in &page {
                after = after.max(line.get("seq").and_then(Value::as_i64).unwrap_or(after));
                let of_step = arguments.step.as_ref().is_none_or(|step| text(line, "step") == *step);
                if of_step {
                    write(session, line, output)?;
                }
            }
            if page.is_empty() {
                break;
            }
        }
        session.out.flush()?;
        if over {
            return Ok(());
        }
        tokio::time::sleep(LOOK_PAUSE).await;
    }
}

/// The lines after one.
async fn page(client: &Client, id: &str, after: i64) -> Outcome<Vec<Value>> {
    let answer = client.get(&["api", "v1", "runs", id, "logs"]).query("after", after.to_string()).value().await?;
    let lines = answer.get("items").and_then(Value::as_array).or_else(|| answer.as_array());
    // A server that ignores `after` must not keep us here.
    let new = |line: &&Value| line.get("seq").and_then(Value::as_i64).is_some_and(|seq| seq > after);
    Ok(lines.into_iter().flatten().filter(new).cloned().collect())
}

fn write(session: &mut Session, line: &Value, output: Output) -> Outcome {
    if output != Output::Table {
        return session.out.line(&line.to_string());
    }
    let level = text(line, "level").to_uppercase();
    let level = match level.as_str() {
        "ERROR" => session.paint.red("ERROR"),
        "WARN" => session.paint.yellow("WARN "),
        other => session.paint.dim(&format!("{other:<5}")),
    };
    let step = text(line, "step");
    let step = if step.is_empty() { String::new() } else { format!("{}  ", session.paint.cyan(&step)) };
    let text = format!("{}  {level}  {step}{}", session.paint.dim(&moment(line, "at")), clean(&text(line, "text")));
    session.out.line(&text)
}
