//! `dataux rerun`: a run again from the beginning, for the same instance and parameters.

use clap::Args;
use clap_complete::ArgValueCompleter;

use crate::failure::Outcome;
use crate::session::Session;

/// Options.
#[derive(Debug, Args)]
#[command(
    after_help = "The new run has its own id, and its steps read and write as those of any new run do.\n\nExamples:\n  dataux rerun 0198c1d2-…\n  dataux rerun $(dataux runs --limit 1 -o name)"
)]
pub struct Arguments {
    /// The run's id
    #[arg(value_name = "RUN", add = ArgValueCompleter::new(crate::names::runs))]
    pub run: String,

    /// Print the run's id and leave it running
    #[arg(long)]
    pub no_wait: bool,
}

/// Runs it.
pub async fn run(session: &mut Session, arguments: Arguments) -> Outcome {
    super::run::again(session, "rerun", &arguments.run, arguments.no_wait).await
}
