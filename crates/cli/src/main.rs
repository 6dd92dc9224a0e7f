//! The `dataux` binary: reads the command line, runs one command, and ends with its exit code.

mod arguments;
mod assets;
mod business;
mod client;
mod codes;
mod commands;
mod documents;
mod failure;
mod follow;
mod listing;
mod login;
mod names;
mod progress;
mod runs;
mod session;
mod shell;
mod sql;
mod stdout;
mod terminal;

use std::process::ExitCode;
use std::time::Duration;

use base::Language;
use clap::{CommandFactory, Parser};
use serde_json::json;

use arguments::{Cli, Output};
use failure::{Failure, Outcome, exit};
use session::Session;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Stack of a worker thread, in bytes: plans of deeply nested statements are walked recursively.
const STACK_BYTES: usize = 8 << 20;

/// Longest wait for tasks that are still going on when the command is done.
const END_WAIT: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    // Answers the shell when it asks for completions, and does not return then.
    clap_complete::CompleteEnv::with_factory(Cli::command).complete();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return ExitCode::from(usage(&error)),
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(threads).thread_stack_size(STACK_BYTES).enable_all().build();
    let mut session = Session::new(cli.globals);
    let outcome = match runtime {
        Ok(runtime) => {
            let outcome = runtime.block_on(Box::pin(run(cli.command, &mut session)));
            runtime.shutdown_timeout(END_WAIT);
            outcome
        }
        Err(error) => Err(Failure::file("threads", error)),
    };
    let outcome = outcome.and_then(|()| session.out.flush());
    ExitCode::from(match outcome {
        Ok(()) => exit::DONE,
        Err(failure) => {
            // What was written before the failure still belongs to the reader.
            let _ = session.out.flush();
            show(&failure, &session);
            failure.exit()
        }
    })
}

/// The command, or ^C where the command does not handle it itself.
async fn run(command: commands::Command, session: &mut Session) -> Outcome {
    if command.handles_interrupt() {
        return command.run(session).await;
    }
    tokio::select! {
        outcome = Box::pin(command.run(session)) => outcome,
        _ = tokio::signal::ctrl_c() => Err(Failure::Said(exit::INTERRUPTED)),
    }
}

fn show(failure: &Failure, session: &Session) {
    let Some(problem) = failure.problem(session.language) else { return };
    if session.globals.output == Some(Output::Json) {
        terminal::note(&problem.json().to_string());
    } else {
        terminal::note(problem.lines(session.language, session.paint_error).trim_end());
    }
}

/// Help and version go to standard output; a wrong command line to standard error, as JSON if JSON was asked for.
fn usage(error: &clap::Error) -> u8 {
    let words: Vec<String> = std::env::args().collect();
    let wants_json = words.windows(2).any(|pair| matches!(pair[0].as_str(), "-o" | "--output") && pair[1] == "json")
        || words.iter().any(|word| matches!(word.as_str(), "-ojson" | "-o=json" | "--output=json"));
    if error.use_stderr() && wants_json {
        let message = error.to_string();
        let first = message.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
        let usage = Failure::usage("", first);
        let value = usage.problem(Language::En).map_or(json!({}), |problem| problem.json());
        terminal::note(&value.to_string());
    } else {
        // Who closed the pipe does not want the help.
        let _ = error.print();
    }
    u8::try_from(error.exit_code()).unwrap_or(exit::USAGE)
}
