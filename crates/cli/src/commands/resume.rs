//! `dataux resume`: a run on from the steps that failed; steps that succeeded stay as they are.

use clap::Args;
use clap_complete::ArgValueCompleter;

use crate::arguments::Output;
use crate::failure::Outcome;
use crate::listing::text;
use crate::session::Session;

/// Options.
#[derive(Debug, Args)]
#[command(
    after_help = "Steps that succeeded are not done again.\n\nExamples:\n  dataux resume 0198c1d2-…\n  dataux resume $(dataux runs --limit 1 -o name)"
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
    let output = session.output("resume", Output::RESOURCES)?;
    let id = super::runs::id(&arguments.run);
    let client = session.client().await?;
    let answer = client.post(&["api", "v1", "runs", id, "resume"]).value().await?;
    // The answer names the run to watch; without a name it is the same one.
    let answered = text(&answer, "id");
    let id = if answered.is_empty() { id } else { answered.as_str() };
    let done = super::run::wait(session, &client, id, arguments.no_wait, output).await;
    client.close().await;
    done
}
