//! `dataux cancel`: stops a run.

use clap::Args;
use clap_complete::ArgValueCompleter;

use crate::failure::Outcome;
use crate::session::Session;

/// Options.
#[derive(Debug, Args)]
#[command(after_help = "What its finished steps wrote stays; a step that is cut off leaves nothing behind.\n\n\
                        Examples:\n  dataux cancel 0198c1d2-…\n  dataux runs --state running -o name | xargs -n1 dataux cancel")]
pub struct Arguments {
    /// The run's id
    #[arg(value_name = "RUN", add = ArgValueCompleter::new(crate::names::runs))]
    pub run: String,
}

/// Runs it.
pub async fn run(session: &mut Session, arguments: Arguments) -> Outcome {
    let id = super::runs::id(&arguments.run);
    let client = session.client().await?;
    client.post(&["api", "v1", "runs", id, "cancel"]).value().await?;
    client.close().await;
    session.note(&format!("{} {id}", session.say("cancel asked for run", "已请求取消运行")));
    Ok(())
}
