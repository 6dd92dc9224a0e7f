//! `dataux table`: a table's history and upkeep.

use base::{TableName, units};
use clap::{Args, Subcommand};
use clap_complete::ArgValueCompleter;
use serde_json::{Value, json};

use crate::arguments::Output;
use crate::client::Client;
use crate::failure::{Failure, Outcome};
use crate::listing::{self, Align, count, moment, text};
use crate::session::Session;

/// The parts of the command.
#[derive(Debug, Subcommand)]
pub enum Arguments {
    /// Versions of a table: when, what, how many rows, and where they came from
    History(HistoryArguments),
    /// Join small files to larger ones
    Optimize(OptimizeArguments),
    /// Remove files that no version within the retention needs
    Vacuum(VacuumArguments),
    /// Make an earlier version the current one, as a new version
    Restore(RestoreArguments),
}

/// Options of `history`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  dataux table history lake.dwd.flights\n  dataux table history lake.dwd.flights --limit 5 -o json"
)]
pub struct HistoryArguments {
    /// The table
    #[arg(value_name = "TABLE", add = ArgValueCompleter::new(crate::names::tables))]
    pub table: TableName,

    /// How many, the latest first
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    pub limit: usize,
}

/// Options of `optimize`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  dataux table optimize lake.dwd.flights")]
pub struct OptimizeArguments {
    /// The table
    #[arg(value_name = "TABLE", add = ArgValueCompleter::new(crate::names::tables))]
    pub table: TableName,
}

/// Options of `vacuum`.
#[derive(Debug, Args)]
#[command(after_help = "Versions older than the retention can no longer be read or restored.\n\n\
                        Examples:\n  dataux table vacuum lake.dwd.flights --yes\n  dataux table vacuum lake.dwd.flights --retention 30d --yes")]
pub struct VacuumArguments {
    /// The table
    #[arg(value_name = "TABLE", add = ArgValueCompleter::new(crate::names::tables))]
    pub table: TableName,

    /// Keep what versions of this long ago need, such as 7d
    #[arg(long, value_name = "DURATION", default_value = "7d")]
    pub retention: String,
}

/// Options of `restore`.
#[derive(Debug, Args)]
#[command(after_help = "Nothing is lost: the version before the restore stays in the history.\n\n\
                        Examples:\n  dataux table restore lake.dwd.flights --version 3 --yes\n  \
                        dataux table restore lake.dwd.flights --timestamp 2026-01-31T12:00:00Z --yes")]
pub struct RestoreArguments {
    /// The table
    #[arg(value_name = "TABLE", add = ArgValueCompleter::new(crate::names::tables))]
    pub table: TableName,

    /// The version to go back to
    #[arg(long, value_name = "NUMBER", required_unless_present = "timestamp", conflicts_with = "timestamp")]
    pub version: Option<u64>,

    /// The version that was current at this time
    #[arg(long, value_name = "TIME")]
    pub timestamp: Option<String>,
}

/// Runs it.
pub async fn run(session: &mut Session, arguments: Arguments) -> Outcome {
    match arguments {
        Arguments::History(arguments) => history(session, arguments).await,
        Arguments::Optimize(arguments) => upkeep(session, &arguments.table, "optimize", json!({})).await,
        Arguments::Vacuum(arguments) => {
            units::parse_duration(&arguments.retention).map_err(|error| Failure::usage("table vacuum", error))?;
            session.confirm(&format!("vacuum {} ({})", arguments.table, arguments.retention))?;
            upkeep(session, &arguments.table, "vacuum", json!({ "retention": arguments.retention })).await
        }
        Arguments::Restore(arguments) => {
            let body = match (&arguments.timestamp, arguments.version) {
                (Some(time), _) => json!({ "timestamp": super::backfill::moment("table restore", time)? }),
                (None, version) => json!({ "version": version }),
            };
            session.confirm(&format!("restore {}", arguments.table))?;
            upkeep(session, &arguments.table, "restore", body).await
        }
    }
}

async fn history(session: &mut Session, arguments: HistoryArguments) -> Outcome {
    let output = session.output("table history", Output::RESOURCES)?;
    let client = session.client().await?;
    let table = arguments.table.to_string();
    let items = client
        .get(&["api", "v1", "tables", &table, "history"])
        .query("limit", arguments.limit.to_string())
        .items(arguments.limit)
        .await;
    client.close().await;
    let titles = ["VERSION", "AT", "OPERATION", "ROWS", "BY", "PIPELINE", "STEP", "RUN"]
        .map(|title| (title, if matches!(title, "VERSION" | "ROWS") { Align::Right } else { Align::Left }));
    listing::write(
        session,
        output,
        &items?,
        &titles,
        |item| text(item, "version"),
        |item| {
            vec![
                text(item, "version"),
                moment(item, "at"),
                text(item, "operation"),
                count(item, "rows"),
                text(item, "/origin/principal"),
                text(item, "/origin/pipeline"),
                text(item, "/origin/step"),
                text(item, "/origin/run"),
            ]
        },
    )
}

async fn upkeep(session: &mut Session, table: &TableName, what: &str, body: Value) -> Outcome {
    let output = session.output("table", &[Output::Table, Output::Json, Output::Yaml])?;
    let client = session.client().await?;
    let answer = post(&client, table, what, &body).await;
    client.close().await;
    let answer = answer?;
    match output {
        Output::Json => session.out.json(&answer),
        Output::Yaml => session.out.text(&listing::yaml(&answer)?),
        _ => {
            let facts: Vec<String> =
                answer.as_object().into_iter().flatten().map(|(key, _)| format!("{key} {}", text(&answer, key))).collect();
            session.out.line(&format!("{table} {what}: {}", facts.join(" · ")))
        }
    }
}

async fn post(client: &Client, table: &TableName, what: &str, body: &Value) -> Outcome<Value> {
    client.post(&["api", "v1", "tables", &table.to_string(), what]).json(body).value().await
}
