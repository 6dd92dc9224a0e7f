//! The command line: what every command shares, and the list of commands.

use std::path::PathBuf;

use clap::{Args, Parser, ValueEnum, ValueHint};

use crate::commands::Command;
use crate::terminal::Colour;

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    name = "dataux",
    version,
    about = "A data platform in one binary: collect, process, keep, serve and secure data",
    after_help = "Begin with:\n  dataux demo                    a whole platform on this machine, with a real airline's data\n  \
                  dataux sql                     an SQL shell on it\n  dataux serve                   the server\n\n\
                  Commands work on a home (a folder: --home, DATAUX_HOME, else ~/.dataux) or on a server\n\
                  (--server, DATAUX_SERVER, or the one you are logged in to).\n\n\
                  Exit codes: 0 done, 1 failed, 2 usage, 3 finding, 4 refused, 130 interrupted.",
    disable_help_subcommand = true,
    propagate_version = false,
    max_term_width = 110,
    arg_required_else_help = true
)]
pub struct Cli {
    /// What every command shares.
    #[command(flatten)]
    pub globals: Globals,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Global options")]
pub struct Globals {
    /// Work on the platform in this folder, as its administrator [env: DATAUX_HOME] [default: ~/.dataux]
    #[arg(long, global = true, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub home: Option<PathBuf>,

    /// Work on the server at this address [env: DATAUX_SERVER]
    #[arg(long, global = true, value_name = "URL", value_hint = ValueHint::Url)]
    pub server: Option<String>,

    /// The token for the server [env: DATAUX_TOKEN]; otherwise that of `dataux login`
    #[arg(long, global = true, value_name = "TOKEN")]
    pub token: Option<String>,

    /// How the answer is written to standard output
    #[arg(short, long, global = true, value_name = "FORMAT")]
    pub output: Option<Output>,

    /// When to use colour; NO_COLOR turns it off too
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: Colour,

    /// Language of messages: en or zh [default: from LC_ALL, LC_MESSAGES, LANG]
    #[arg(long, global = true, value_name = "LANGUAGE", value_parser = ["en", "zh"])]
    pub lang: Option<String>,

    /// How progress is shown on standard error
    #[arg(long, global = true, value_name = "HOW", default_value = "auto")]
    pub progress: ProgressMode,

    /// Answer yes to "are you sure?"
    #[arg(short = 'y', long, global = true)]
    pub yes: bool,
}

/// Formats of answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// Columns for people.
    Table,
    /// JSON.
    Json,
    /// YAML.
    Yaml,
    /// Names only, one a line.
    Name,
    /// Comma-separated values with a header.
    Csv,
    /// One JSON object a line.
    Ndjson,
    /// An Arrow IPC stream.
    Arrow,
    /// A Parquet file.
    Parquet,
}

impl Output {
    /// What the resource verbs write.
    pub const RESOURCES: &[Self] = &[Self::Table, Self::Json, Self::Yaml, Self::Name];
    /// What `sql` writes.
    pub const ROWS: &[Self] = &[Self::Table, Self::Csv, Self::Json, Self::Ndjson, Self::Parquet, Self::Arrow];
    /// What commands with a short answer write.
    pub const SHORT: &[Self] = &[Self::Table, Self::Json];

    /// The word on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Json => "json",
            Self::Yaml => "yaml",
            Self::Name => "name",
            Self::Csv => "csv",
            Self::Ndjson => "ndjson",
            Self::Arrow => "arrow",
            Self::Parquet => "parquet",
        }
    }
}

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ProgressMode {
    /// Bars on a terminal, plain lines elsewhere.
    #[default]
    Auto,
    /// A line for every step's end, and every ten seconds.
    Plain,
    /// One JSON object a line.
    Json,
    /// Nothing.
    None,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_and_its_parts_explain_themselves() {
        fn check(command: &clap::Command, path: &str) {
            for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
                let path = format!("{path} {}", sub.get_name());
                assert!(sub.get_about().is_some(), "{path} says nothing about itself");
                if sub.get_subcommands().next().is_none() {
                    let help = sub.get_after_help().map(ToString::to_string).unwrap_or_default();
                    assert!(help.contains("dataux "), "{path} shows no example");
                }
                check(sub, &path);
            }
        }
        check(&Cli::command(), "dataux");
    }

    #[test]
    fn globals_stand_before_and_after_the_command() {
        let before = Cli::try_parse_from(["dataux", "--home", "h", "-o", "json", "runs"]).expect("before");
        let after = Cli::try_parse_from(["dataux", "runs", "--home", "h", "-o", "json"]).expect("after");
        for cli in [before, after] {
            assert_eq!(cli.globals.home, Some(PathBuf::from("h")));
            assert_eq!(cli.globals.output, Some(Output::Json));
        }
        let wrong = Cli::try_parse_from(["dataux", "rnus"]).expect_err("no such command");
        assert_eq!(wrong.exit_code(), 2);
        assert!(wrong.to_string().contains("runs"), "{wrong}");
    }
}
