//! `dataux runs`: runs as a list, or one with its steps.

use base::units;
use clap::Args;
use clap_complete::ArgValueCompleter;
use serde_json::Value;

use crate::arguments::Output;
use crate::failure::Outcome;
use crate::follow::summary;
use crate::listing::{self, Align, moment, text};
use crate::runs::{RunView, state_text};
use crate::session::Session;

/// Options.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  dataux runs\n  dataux runs --pipeline flights-daily --state failed\n  \
                        dataux runs 0198c1d2-… -o json\n  dataux runs --limit 1 -o name")]
pub struct Arguments {
    /// One run, with its steps
    #[arg(value_name = "RUN", add = ArgValueCompleter::new(crate::names::runs))]
    pub run: Option<String>,

    /// Only runs of this pipeline
    #[arg(long, value_name = "PIPELINE", add = ArgValueCompleter::new(crate::names::pipelines))]
    pub pipeline: Option<String>,

    /// Only runs in this state, such as running or failed
    #[arg(long, value_name = "STATE")]
    pub state: Option<String>,

    /// How many, the latest first
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    pub limit: usize,
}

/// Runs it.
pub async fn run(session: &mut Session, arguments: Arguments) -> Outcome {
    let output = session.output("runs", Output::RESOURCES)?;
    let client = session.client().await?;
    if let Some(run) = arguments.run {
        let value = client.get(&["api", "v1", "runs", id(&run)]).value().await?;
        client.close().await;
        return match output {
            Output::Json => session.out.json(&value),
            Output::Yaml => session.out.text(&listing::yaml(&value)?),
            Output::Name => session.out.line(&name(&value)),
            _ => {
                let run = RunView::read(&value)?;
                summary(session, &run)?;
                session.out.flush()?;
                if let Some((step, problem)) = run.problem() {
                    session.note(step.unwrap_or_default());
                    session.note(problem.lines(session.language, session.paint_error).trim_end());
                }
                Ok(())
            }
        };
    }
    let call = client.get(&["api", "v1", "runs"]).query("limit", arguments.limit.to_string());
    let items = call.query_if("pipeline", arguments.pipeline).query_if("state", arguments.state).items(arguments.limit).await;
    client.close().await;
    write(session, output, &items?)
}

/// Runs as a list.
pub fn write(session: &mut Session, output: Output, items: &[Value]) -> Outcome {
    let language = session.language;
    let titles = [
        (session.say("RUN", "运行").to_owned(), Align::Left),
        (session.say("PIPELINE", "流水线").to_owned(), Align::Left),
        (session.say("STATE", "状态").to_owned(), Align::Left),
        (session.say("INSTANCE", "实例").to_owned(), Align::Left),
        (session.say("STARTED", "开始").to_owned(), Align::Left),
        (session.say("TIME", "用时").to_owned(), Align::Right),
        (session.say("BY", "发起者").to_owned(), Align::Left),
    ];
    let columns: Vec<(&str, Align)> = titles.iter().map(|(title, align)| (title.as_str(), *align)).collect();
    listing::write(session, output, items, &columns, name, |item| {
        let run = RunView::read(item).unwrap_or_default();
        let elapsed = if run.started_at.is_some() { units::duration(run.elapsed()) } else { String::new() };
        vec![
            run.id.clone(),
            run.pipeline.clone(),
            state_text(&run.state, language),
            moment(item, "instance"),
            moment(item, "started_at"),
            elapsed,
            text(item, "created_by"),
        ]
    })
}

/// The id in `run/ID`, as `-o name` prints it, or the id alone.
pub fn id(run: &str) -> &str {
    run.strip_prefix("run/").unwrap_or(run)
}

fn name(item: &Value) -> String {
    format!("run/{}", text(item, "id"))
}
