//! `dataux audit`: who did what, and whether the record is whole.

use clap::{Args, Subcommand};
use serde_json::Value;

use crate::arguments::Output;
use crate::failure::{Failure, Outcome, exit};
use crate::listing::{self, Align, moment, text};
use crate::session::Session;

/// The parts of the command.
#[derive(Debug, Subcommand)]
pub enum Arguments {
    /// Events, the latest first
    List(ListArguments),
    /// Check the hash chain of every process; exits 3 when one is broken
    Verify(VerifyArguments),
}

/// Options of `list`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  dataux audit list --user ana\n  dataux audit list --action sql --limit 100 -o json")]
pub struct ListArguments {
    /// Only what this user did
    #[arg(long, value_name = "USER")]
    pub user: Option<String>,

    /// Only this action: sql, login, apply, service, run, …
    #[arg(long, value_name = "ACTION")]
    pub action: Option<String>,

    /// Only what was refused
    #[arg(long)]
    pub refused: bool,

    /// How many
    #[arg(long, value_name = "COUNT", default_value_t = 50)]
    pub limit: usize,
}

/// Options of `verify`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  dataux audit verify")]
pub struct VerifyArguments {}

/// Runs it.
pub async fn run(session: &mut Session, arguments: Arguments) -> Outcome {
    match arguments {
        Arguments::List(arguments) => list(session, arguments).await,
        Arguments::Verify(_) => verify(session).await,
    }
}

async fn list(session: &mut Session, arguments: ListArguments) -> Outcome {
    let output = session.output("audit list", &[Output::Table, Output::Json, Output::Yaml])?;
    let client = session.client().await?;
    let call = client.get(&["api", "v1", "audit"]).query("limit", arguments.limit.to_string());
    let items = call
        .query_if("principal", arguments.user)
        .query_if("action", arguments.action)
        .query_if("allowed", arguments.refused.then_some("false"))
        .items(arguments.limit)
        .await;
    client.close().await;
    let titles = ["AT", "WHO", "ACTION", "OBJECT", "ALLOWED", "ROWS", "MS"]
        .map(|title| (title, if matches!(title, "ROWS" | "MS") { Align::Right } else { Align::Left }));
    listing::write(
        session,
        output,
        &items?,
        &titles,
        |item| text(item, "id"),
        |item| {
            let allowed = if item.get("allowed").and_then(Value::as_bool).unwrap_or(true) { "yes" } else { "NO" };
            vec![
                moment(item, "at"),
                text(item, "principal"),
                text(item, "action"),
                text(item, "object"),
                allowed.to_owned(),
                text(item, "rows"),
                text(item, "millis"),
            ]
        },
    )
}

async fn verify(session: &mut Session) -> Outcome {
    let output = session.output("audit verify", Output::SHORT)?;
    let client = session.client().await?;
    let report = client.get(&["api", "v1", "audit", "verify"]).value().await;
    client.close().await;
    let report = report?;
    let whole = report.get("ok").and_then(Value::as_bool).unwrap_or(false);
    let chains = report.get("chains").and_then(Value::as_array).cloned().unwrap_or_default();
    if output == Output::Json {
        session.out.json(&report)?;
    } else {
        for chain in &chains {
            let problem = text(chain, "problem");
            let state = if problem.is_empty() { session.paint.green("whole") } else { session.paint.red("BROKEN") };
            session.out.line(format!("{state}  {}  {} rows  {problem}", text(chain, "chain"), text(chain, "rows")).trim_end())?;
        }
        let line = if whole {
            session.say("the record is whole", "审计记录完整")
        } else {
            session.say("the record is BROKEN", "审计记录已被破坏")
        };
        let line = line.to_owned();
        session.out.line(&line)?;
    }
    session.out.flush()?;
    if whole { Ok(()) } else { Err(Failure::Said(exit::FINDING)) }
}
