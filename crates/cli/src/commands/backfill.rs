//! `dataux backfill`: a pipeline for every day of a range.

use chrono::{DateTime, NaiveDate, SecondsFormat};
use clap::Args;
use clap_complete::ArgValueCompleter;
use serde_json::{Value, json};

use crate::arguments::Output;
use crate::client::Client;
use crate::failure::{Failure, Outcome, exit};
use crate::follow::{follow, summary};
use crate::listing::text;
use crate::session::Session;
use crate::sql::parameters;

/// Options.
#[derive(Debug, Args)]
#[command(after_help = "One run for each day from --from to --to, both included; `${bizdate}` is that day.\n\n\
                        Examples:\n  dataux backfill flights-daily --from 2013-01-01 --to 2013-01-31\n  \
                        dataux backfill flights-daily --from 2013-01-01 --to 2013-12-31 --no-wait")]
pub struct Arguments {
    /// The pipeline's name
    #[arg(value_name = "PIPELINE", add = ArgValueCompleter::new(crate::names::pipelines))]
    pub pipeline: String,

    /// The first business day
    #[arg(long, value_name = "DATE")]
    pub from: NaiveDate,

    /// The last business day
    #[arg(long, value_name = "DATE")]
    pub to: NaiveDate,

    /// A value for `${name}` in the pipeline; may be repeated
    #[arg(short, long = "parameter", value_name = "NAME=VALUE")]
    pub parameters: Vec<String>,

    /// Print the runs' ids and leave them running
    #[arg(long)]
    pub no_wait: bool,
}

/// Runs it.
pub async fn run(session: &mut Session, arguments: Arguments) -> Outcome {
    let output = session.output("backfill", Output::RESOURCES)?;
    if arguments.to < arguments.from {
        return Err(Failure::usage("backfill", format!("--to {} is before --from {}", arguments.to, arguments.from)));
    }
    let body = json!({
        "first": arguments.from,
        "last": arguments.to,
        "parameters": parameters::read("backfill", &arguments.parameters)?,
    });
    let client = session.client().await?;
    let answer = client.post(&["api", "v1", "pipelines", &arguments.pipeline, "backfills"]).json(&body).value().await?;
    let ids = ids(&answer);
    session.note(&format!("{} {}", ids.len(), session.say("runs", "次运行")));
    let done = wait(session, &client, &ids, arguments.no_wait, output).await;
    client.close().await;
    done
}

async fn wait(session: &mut Session, client: &Client, ids: &[String], no_wait: bool, output: Output) -> Outcome {
    let mut failed = false;
    for id in ids {
        if no_wait {
            session.out.line(&if output == Output::Name { format!("run/{id}") } else { id.clone() })?;
            continue;
        }
        let (run, value) = Box::pin(follow(session, client, id)).await?;
        match output {
            Output::Json => session.out.line(&value.to_string())?,
            Output::Name => session.out.line(&format!("run/{id}"))?,
            _ => summary(session, &run)?,
        }
        session.out.flush()?;
        if run.cancelled() {
            return Err(Failure::Said(exit::INTERRUPTED));
        }
        if let Some((step, problem)) = run.problem().filter(|_| !run.succeeded()) {
            session.note(&format!("{} {id}", step.unwrap_or_default()));
            session.note(problem.lines(session.language, session.paint_error).trim_end());
        }
        failed |= !run.succeeded();
    }
    if failed { Err(Failure::Said(exit::FAILED)) } else { Ok(()) }
}

/// The ids in an answer: a list of ids or of runs.
fn ids(answer: &Value) -> Vec<String> {
    let list = ["items", "runs", "ids"].iter().find_map(|key| answer.get(key)?.as_array()).or_else(|| answer.as_array());
    list.into_iter().flatten().map(|item| item.as_str().map_or_else(|| text(item, "id"), str::to_owned)).collect()
}

/// A moment as RFC 3339; a date is its first moment in UTC.
pub fn moment(command: &str, given: &str) -> Outcome<String> {
    if let Ok(date) = given.parse::<NaiveDate>() {
        return Ok(format!("{date}T00:00:00Z"));
    }
    match DateTime::parse_from_rfc3339(given) {
        Ok(at) => Ok(at.to_utc().to_rfc3339_opts(SecondsFormat::AutoSi, true)),
        Err(_) => Err(Failure::usage(command, format!("`{given}` is no time; write 2013-01-31 or 2013-01-31T06:00:00Z"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_ids() {
        assert_eq!(moment("run", "2013-01-31").expect("a date"), "2013-01-31T00:00:00Z");
        assert_eq!(moment("run", "2013-01-31T08:00:00+08:00").expect("a time"), "2013-01-31T00:00:00Z");
        assert_eq!(moment("run", "yesterday").expect_err("none").exit(), 2);
        assert_eq!(ids(&json!({"runs": ["a", "b"]})), ["a", "b"]);
        assert_eq!(ids(&json!({"items": [{"id": "a"}]})), ["a"]);
    }
}
