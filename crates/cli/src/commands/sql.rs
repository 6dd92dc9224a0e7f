//! `dataux sql`: statements from the command line, files, a pipe, or an interactive shell.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use base::document::TEXT_BYTES_MAX;
use base::units;
use clap::{Args, ValueHint};
use serde_json::{Map, Value};

use crate::arguments::Output;
use crate::client::Client;
use crate::failure::{Failure, Outcome, exit};
use crate::session::Session;
use crate::sql::grid::Style;
use crate::sql::statements::split;
use crate::sql::{formats, parameters};
use crate::terminal;

/// Options.
#[derive(Debug, Args)]
#[command(
    after_help = "Without a statement, a file or a pipe this is an interactive shell: Tab completes, ^C cancels the query, \\? helps.\n\n\
                        Examples:\n  dataux sql \"select count(*) from lake.dwd.flights\"\n  \
                        dataux sql -c \"select * from lake.ads.worst_days\" -o csv > worst.csv\n  \
                        dataux sql -f report.sql --parameter carrier=UA -o json\n  \
                        echo \"select 1\" | dataux sql -o ndjson\n  \
                        dataux sql \"select * from lake.dwd.flights\" -o parquet > flights.parquet"
)]
pub struct Arguments {
    /// The statement, or several with semicolons between them
    #[arg(value_name = "SQL", conflicts_with_all = ["command", "file"])]
    pub statement: Option<String>,

    /// The same as a flag; may be repeated
    #[arg(short, long, value_name = "SQL", conflicts_with = "file")]
    pub command: Vec<String>,

    /// A file of statements, or - for standard input; may be repeated
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: Vec<PathBuf>,

    /// A value for `$name` in the statements; may be repeated
    #[arg(short, long = "parameter", value_name = "NAME=VALUE")]
    pub parameters: Vec<String>,
}

/// Runs it.
pub async fn run(session: &mut Session, arguments: Arguments) -> Outcome {
    let output = session.output("sql", Output::ROWS)?;
    let parameters = parameters::read("sql", &arguments.parameters)?;
    let text = text(&arguments)?;
    let Some(text) = text else {
        if !std::io::stdout().is_terminal() {
            return Err(Failure::usage("sql", "there is no statement; give one, or -c, -f or a pipe"));
        }
        let client = Arc::new(session.client().await?);
        let ended = Box::pin(crate::shell::run(session, client.clone(), parameters, output)).await;
        if let Ok(client) = Arc::try_unwrap(client).map_err(drop) {
            client.close().await;
        }
        return ended;
    };
    let statements = split(&text);
    let binary = matches!(output, Output::Parquet | Output::Arrow);
    if statements.is_empty() {
        return Err(Failure::usage("sql", "there is no statement in this text"));
    }
    if binary && statements.len() > 1 {
        return Err(Failure::usage(
            "sql",
            format!("{} holds the rows of one statement, and here are {}", output.word(), statements.len()),
        ));
    }
    if binary && std::io::stdout().is_terminal() {
        return Err(Failure::usage("sql", format!("{} is not for a terminal; send it to a file with > FILE", output.word())));
    }
    let client = session.client().await?;
    let answered = tokio::select! {
        answered = Box::pin(all(session, &client, &statements, &parameters, output)) => answered,
        // Going away cancels the query where it runs.
        _ = tokio::signal::ctrl_c() => Err(Failure::Said(exit::INTERRUPTED)),
    };
    client.close().await;
    answered
}

/// Every statement in turn; the first that fails is the last.
async fn all(
    session: &mut Session,
    client: &Client,
    statements: &[&str],
    parameters: &Map<String, Value>,
    output: Output,
) -> Outcome {
    for statement in statements {
        let began = Instant::now();
        let answer = formats::ask(client, statement, parameters, output).await?;
        if output != Output::Table {
            formats::write(answer, output, &mut session.out).await?;
            session.out.flush()?;
            continue;
        }
        let grid = formats::read_grid(answer).await?;
        let style = Style {
            width: terminal::size().map(|(_, columns)| columns),
            colour: session.paint.is_on(),
            boxes: terminal::draws_boxes(),
        };
        session.out.text(&grid.render(style))?;
        session.out.flush()?;
        // The time is for people; a pipe is told only when rows were left out.
        if style.width.is_some() || grid.has_more() {
            let footer = grid.footer(session.language);
            session.note(&session.paint_error.dim(&format!("{footer} · {}", units::duration(began.elapsed()))));
        }
    }
    Ok(())
}

/// The statements' text; none means the interactive shell.
fn text(arguments: &Arguments) -> Outcome<Option<String>> {
    if let Some(statement) = &arguments.statement {
        return if statement == "-" {
            terminal::read_stdin(TEXT_BYTES_MAX as u64).map(Some)
        } else {
            Ok(Some(statement.clone()))
        };
    }
    if !arguments.command.is_empty() {
        return Ok(Some(arguments.command.join(";\n")));
    }
    if !arguments.file.is_empty() {
        let mut text = String::new();
        for file in &arguments.file {
            let part = match file.as_os_str() == "-" {
                true => terminal::read_stdin(TEXT_BYTES_MAX as u64)?,
                false => std::fs::read_to_string(file).map_err(|error| Failure::file(file, error))?,
            };
            text.push_str(&part);
            text.push_str("\n;\n");
        }
        return Ok(Some(text));
    }
    if std::io::stdin().is_terminal() { Ok(None) } else { terminal::read_stdin(TEXT_BYTES_MAX as u64).map(Some) }
}
