//! `dataux deploy status`: how every site is.

use clap::Args;
use serde_json::{Value, json};

use super::{Common, show};
use crate::arguments::Output;
use crate::failure::{Failure, Outcome, exit};
use crate::listing::{Align, Listing};
use crate::session::Session;
use crate::terminal;

/// Options.
#[derive(Debug, Args)]
#[command(after_help = "Exits 0 when every release runs and all pods serve, 3 when not, 1 when a cluster does not answer.\n\n\
                        Examples:\n  dataux deploy status -f topology.yaml\n  dataux deploy status -f topology.yaml -o json")]
pub struct Arguments {
    /// What every part needs.
    #[command(flatten)]
    pub common: Common,
}

/// Runs it.
pub async fn run(session: &mut Session, arguments: Arguments) -> Outcome {
    let output = session.output("deploy status", Output::SHORT)?;
    let common = &arguments.common;
    let file = common.topology()?;
    let chart = common.open_chart()?;
    let work = common.work(&file, &chart).await?;
    let all = deploy::status(&work, &file.select(&common.sites)?).await;
    let mut listing = Listing::new(&[
        ("SITE", Align::Left),
        ("PROVIDER", Align::Left),
        ("KUBERNETES", Align::Left),
        ("CHART", Align::Left),
        ("REVISION", Align::Right),
        ("STATUS", Align::Left),
        ("READY", Align::Left),
        ("LOCK", Align::Left),
    ]);
    let (mut items, mut errors, mut notes, mut is_well) = (Vec::new(), Vec::new(), Vec::new(), true);
    for (site, status) in all {
        let (name, provider) = (site.name().to_owned(), site.provider().name.to_owned());
        match status {
            Ok(status) => {
                is_well &= status.is_good();
                let mut item = json!(status);
                item["site"] = json!(name);
                item["provider"] = json!(provider);
                items.push(item);
                let ready =
                    status.parts.iter().map(|part| format!("{}/{}", part.ready, part.wanted)).collect::<Vec<_>>().join(" ");
                let state = if status.status.is_empty() { session.say("none", "无").to_owned() } else { status.status.clone() };
                notes.extend(status.troubles.iter().map(|trouble| format!("{name}: {trouble}")));
                let lock = status.locked_by.unwrap_or_default();
                listing.row(vec![
                    name,
                    provider,
                    status.kubernetes,
                    status.chart,
                    status.revision.to_string(),
                    state,
                    ready,
                    lock,
                ]);
            }
            Err(error) => {
                items.push(json!({ "site": name, "provider": provider, "error": error.to_json(session.language, None) }));
                listing.row(vec![name, provider, "?".to_owned()]);
                errors.push(error);
            }
        }
    }
    match output {
        Output::Json => session.out.json(&Value::Array(items))?,
        _ => {
            let text = listing.render(session.paint, terminal::size().map(|(_, columns)| columns));
            session.out.text(&text)?;
            notes.iter().try_for_each(|line| session.out.line(line))?;
        }
    }
    session.out.flush()?;
    if !errors.is_empty() {
        errors.into_iter().for_each(|error| show(session, error));
        return Err(Failure::Said(exit::FAILED));
    }
    if is_well { Ok(()) } else { Err(Failure::Said(exit::FINDING)) }
}
