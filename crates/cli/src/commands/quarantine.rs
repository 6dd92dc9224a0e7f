//! `dataux quarantine`: records that tables did not take, to look at, to send through their step again, or to drop.

use base::TableName;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand};
use clap_complete::ArgValueCompleter;
use serde_json::{Value, json};

use crate::arguments::Output;
use crate::client::Client;
use crate::failure::Outcome;
use crate::listing::{self, Align, count, moment, text};
use crate::session::Session;

/// Lines listed at most.
const ITEMS_MAX: usize = 100_000;

/// The parts of the command.
#[derive(Debug, Subcommand)]
pub enum Arguments {
    /// Tables with records in quarantine, by run, step and cause
    List(ListArguments),
    /// The records of a table's quarantine
    Show(ShowArguments),
    /// Send records through their step again, as it is declared now
    Replay(ReplayArguments),
    /// Remove records for good
    Drop(DropArguments),
}

/// Options of `list`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  dataux quarantine list\n  dataux quarantine list -o json")]
pub struct ListArguments {}

/// Options of `show`.
#[derive(Debug, Args)]
#[command(after_help = "The same rows in SQL: select * from lake.dwd.flights__quarantine\n\n\
                        Examples:\n  dataux quarantine show lake.dwd.flights\n  dataux quarantine show lake.dwd.flights --cause speed-of-an-airliner -o json")]
pub struct ShowArguments {
    /// The table that did not take them
    #[arg(value_name = "TABLE", add = ArgValueCompleter::new(crate::names::tables))]
    pub table: TableName,

    /// Only those of this run
    #[arg(long, value_name = "RUN")]
    pub run: Option<String>,

    /// Only those with this cause
    #[arg(long, value_name = "CAUSE")]
    pub cause: Option<String>,

    /// How many
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    pub limit: usize,
}

/// Options of `replay`.
#[derive(Debug, Args)]
#[command(
    after_help = "Records that fit now go to the table and leave the quarantine; the others stay, with their cause of today.\n\n\
                        Examples:\n  dataux quarantine replay lake.dwd.flights --dry-run\n  dataux quarantine replay lake.dwd.flights --cause speed-of-an-airliner"
)]
pub struct ReplayArguments {
    /// The table that did not take them
    #[arg(value_name = "TABLE", add = ArgValueCompleter::new(crate::names::tables))]
    pub table: TableName,

    /// Only those of this run
    #[arg(long, value_name = "RUN")]
    pub run: Option<String>,

    /// Only those with this cause
    #[arg(long, value_name = "CAUSE")]
    pub cause: Option<String>,

    /// Only say what would become of them
    #[arg(long)]
    pub dry_run: bool,

    /// Print the runs' ids and leave them running
    #[arg(long)]
    pub no_wait: bool,
}

/// Options of `drop`.
#[derive(Debug, Args)]
#[command(after_help = "Dropped records cannot be replayed any more. Who dropped them is in the audit.\n\n\
                        Examples:\n  dataux quarantine drop lake.dwd.flights --cause speed-of-an-airliner --yes")]
pub struct DropArguments {
    /// The table that did not take them
    #[arg(value_name = "TABLE", add = ArgValueCompleter::new(crate::names::tables))]
    pub table: TableName,

    /// Only those of this run
    #[arg(long, value_name = "RUN")]
    pub run: Option<String>,

    /// Only those with this cause
    #[arg(long, value_name = "CAUSE")]
    pub cause: Option<String>,
}

/// Runs it.
pub async fn run(session: &mut Session, arguments: Arguments) -> Outcome {
    let client = session.client().await?;
    let done = match arguments {
        Arguments::List(_) => list(session, &client).await,
        Arguments::Show(arguments) => show(session, &client, arguments).await,
        Arguments::Replay(arguments) => Box::pin(replay(session, &client, arguments)).await,
        Arguments::Drop(arguments) => drop_records(session, &client, arguments).await,
    };
    client.close().await;
    done
}

async fn list(session: &mut Session, client: &Client) -> Outcome {
    let output = session.output("quarantine list", Output::RESOURCES)?;
    let items = client.get(&["api", "v1", "quarantine"]).items(ITEMS_MAX).await?;
    let titles = ["TABLE", "STEP", "CAUSE", "RECORDS", "RUN"]
        .map(|title| (title, if title == "RECORDS" { Align::Right } else { Align::Left }));
    listing::write(
        session,
        output,
        &items,
        &titles,
        |item| text(item, "table"),
        |item| vec![text(item, "table"), text(item, "step"), text(item, "cause"), count(item, "records"), text(item, "run")],
    )
}

async fn show(session: &mut Session, client: &Client, arguments: ShowArguments) -> Outcome {
    let output = session.output("quarantine show", Output::RESOURCES)?;
    let table = arguments.table.to_string();
    let call = client.get(&["api", "v1", "quarantine", &table]).query("limit", arguments.limit.to_string());
    let items = call.query_if("run", arguments.run).query_if("cause", arguments.cause).items(arguments.limit).await?;
    let titles = ["AT", "STEP", "CAUSE", "POSITION", "MESSAGE", "RECORD"].map(|title| (title, Align::Left));
    listing::write(
        session,
        output,
        &items,
        &titles,
        |item| text(item, "position"),
        |item| {
            vec![
                moment(item, "at"),
                text(item, "step"),
                text(item, "cause"),
                text(item, "position"),
                text(item, "message"),
                record(item),
            ]
        },
    )
}

async fn replay(session: &mut Session, client: &Client, arguments: ReplayArguments) -> Outcome {
    let output = session.output("quarantine replay", Output::RESOURCES)?;
    let table = arguments.table.to_string();
    let body = json!({ "run": arguments.run, "cause": arguments.cause, "dry_run": arguments.dry_run });
    let started = client.post(&["api", "v1", "quarantine", &table, "replay"]).json(&body).value().await?;
    if started["left"].as_u64().unwrap_or(0) > 0 {
        let left = count(&started, "left");
        session.note(session.say(
            &format!("{left} records stay: no pipeline declares their step any more"),
            &format!("{left} 条记录留在隔离区：已没有流水线声明它们的步骤"),
        ));
    }
    for id in started["ids"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        super::run::wait(session, client, id, arguments.no_wait, output).await?;
        if arguments.no_wait || !matches!(output, Output::Table) {
            continue;
        }
        let run = client.get(&["api", "v1", "runs", id]).value().await?;
        for step in run["steps"].as_array().into_iter().flatten() {
            let told = told(session, &text(step, "step"), &step["output"]["outcome"]["replay"]);
            session.out.line(&told)?;
        }
    }
    Ok(())
}

/// What became of the records of a step, in a line.
fn told(session: &Session, step: &str, replay: &Value) -> String {
    let number = |key: &str| replay[key].as_u64().unwrap_or(0);
    let (records, moved) = (number("records"), number("moved"));
    let stayed: Vec<String> =
        replay["stayed"].as_object().into_iter().flatten().map(|(cause, records)| format!("{cause} {records}")).collect();
    let stayed = if stayed.is_empty() { String::new() } else { format!(" ({})", stayed.join(", ")) };
    let left = records.saturating_sub(moved);
    if replay["dry_run"].as_bool().unwrap_or(false) {
        session
            .say(
                &format!("{step}: of {records} records {moved} fit now, {left} would stay{stayed}; nothing was changed"),
                &format!("{step}：{records} 条记录中 {moved} 条现在符合，{left} 条会留下{stayed}；未作改动"),
            )
            .to_owned()
    } else {
        session
            .say(
                &format!("{step}: of {records} records {moved} went to the table, {left} stay{stayed}"),
                &format!("{step}：{records} 条记录中 {moved} 条已进入表，{left} 条留下{stayed}"),
            )
            .to_owned()
    }
}

async fn drop_records(session: &mut Session, client: &Client, arguments: DropArguments) -> Outcome {
    let output = session.output("quarantine drop", &[Output::Table, Output::Json, Output::Yaml])?;
    let table = arguments.table.to_string();
    session.confirm(&format!("drop records of {table}"))?;
    let call = client.delete(&["api", "v1", "quarantine", &table]);
    let answer = call.query_if("run", arguments.run).query_if("cause", arguments.cause).value().await?;
    match output {
        Output::Json => session.out.json(&answer),
        Output::Yaml => session.out.text(&listing::yaml(&answer)?),
        _ => session.out.line(&format!("{table}: dropped {}", count(&answer, "dropped"))),
    }
}

/// The record as it came, as far as it is text.
fn record(item: &Value) -> String {
    let bytes = STANDARD.decode(text(item, "raw")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).trim_end().to_owned()
}
