//! `dataux run`: a pipeline now, with progress, until its end.

use clap::Args;
use clap_complete::ArgValueCompleter;
use serde_json::json;

use crate::arguments::Output;
use crate::client::Client;
use crate::failure::Outcome;
use crate::follow::follow_to_end;
use crate::listing::text;
use crate::session::Session;
use crate::sql::parameters;

/// Options.
#[derive(Debug, Args)]
#[command(after_help = "^C cancels the run and waits for its end; ^C again leaves at once. Exits 1 when the run failed.\n\n\
                        Examples:\n  dataux run flights-daily\n  dataux run flights-daily --parameter carrier=UA\n  \
                        dataux run flights-daily --instance 2013-06-01T00:00:00Z\n  dataux run flights-daily --no-wait -o name")]
pub struct Arguments {
    /// The pipeline's name
    #[arg(value_name = "PIPELINE", add = ArgValueCompleter::new(crate::names::pipelines))]
    pub pipeline: String,

    /// A value for `${name}` in the pipeline; may be repeated
    #[arg(short, long = "parameter", value_name = "NAME=VALUE")]
    pub parameters: Vec<String>,

    /// The time the run stands for, RFC 3339 or a date; now if not given
    #[arg(long, value_name = "TIME")]
    pub instance: Option<String>,

    /// Print the run's id and leave it running
    #[arg(long)]
    pub no_wait: bool,
}

/// Runs it.
pub async fn run(session: &mut Session, arguments: Arguments) -> Outcome {
    let output = session.output("run", Output::RESOURCES)?;
    let mut body = json!({ "parameters": parameters::read("run", &arguments.parameters)? });
    if let Some(instance) = arguments.instance.as_deref() {
        body["instance"] = json!(super::backfill::moment("run", instance)?);
    }
    let client = session.client().await?;
    let started = client.post(&["api", "v1", "pipelines", &arguments.pipeline, "runs"]).json(&body).value().await?;
    let done = wait(session, &client, &text(&started, "id"), arguments.no_wait, output).await;
    client.close().await;
    done
}

/// Asks for an old run to go again, by `verb`, and follows the run that the answer names.
pub async fn again(session: &mut Session, verb: &'static str, run: &str, no_wait: bool) -> Outcome {
    let output = session.output(verb, Output::RESOURCES)?;
    let id = super::runs::id(run);
    let client = session.client().await?;
    let answer = client.post(&["api", "v1", "runs", id, verb]).value().await?;
    // The answer names the run to watch; without a name it is the same one.
    let answered = text(&answer, "id");
    let id = if answered.is_empty() { id } else { answered.as_str() };
    let done = wait(session, &client, id, no_wait, output).await;
    client.close().await;
    done
}

/// Follows a run that was started, or prints its id alone.
pub async fn wait(session: &mut Session, client: &Client, id: &str, no_wait: bool, output: Output) -> Outcome {
    if !no_wait {
        return Box::pin(follow_to_end(session, client, id, output)).await;
    }
    if client.home().is_some() {
        session.note(
            session.say("queued; it runs when `dataux serve` runs on this home", "已排队；此目录上运行 `dataux serve` 时执行"),
        );
    }
    match output {
        Output::Json => session.out.json(&json!({ "id": id })),
        Output::Name => session.out.line(&format!("run/{id}")),
        _ => session.out.line(id),
    }
}
