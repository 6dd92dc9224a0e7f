//! `dataux quarantine`: records that tables did not take.

use base::TableName;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand};
use clap_complete::ArgValueCompleter;
use serde_json::Value;

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

/// Runs it.
pub async fn run(session: &mut Session, arguments: Arguments) -> Outcome {
    let client = session.client().await?;
    let done = match arguments {
        Arguments::List(_) => list(session, &client).await,
        Arguments::Show(arguments) => show(session, &client, arguments).await,
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

/// The record as it came, as far as it is text.
fn record(item: &Value) -> String {
    let bytes = STANDARD.decode(text(item, "raw")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).trim_end().to_owned()
}
