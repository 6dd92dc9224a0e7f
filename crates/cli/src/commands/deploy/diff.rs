//! `dataux deploy diff`: what the topology would change, and what others changed.

use clap::Args;
use deploy::Plan;
use serde_json::json;

use super::{Common, plan, show};
use crate::arguments::Output;
use crate::commands::diff::painted;
use crate::failure::{Failure, Outcome, exit};
use crate::session::Session;

/// Options.
#[derive(Debug, Args)]
#[command(after_help = "Exits 0 when nothing differs, 3 when something does. Secrets are not shown.\n\n\
                        Examples:\n  dataux deploy diff -f topology.yaml\n  dataux deploy diff -f topology.yaml --site edge")]
pub struct Arguments {
    /// What every part needs.
    #[command(flatten)]
    pub common: Common,
}

/// Runs it.
pub async fn run(session: &mut Session, arguments: Arguments) -> Outcome {
    let output = session.output("deploy diff", Output::SHORT)?;
    let common = &arguments.common;
    let file = common.topology()?;
    let chart = common.open_chart()?;
    let work = common.work(&file, &chart).await?;
    let plans = plan::make(session, &work, &common.sites).await?;
    let plan = Plan::of(&work, &plans);
    let differs = plan.sites.iter().any(|site| !site.changes.is_empty() || !site.drift.is_empty());
    match output {
        Output::Json => {
            let sites: Vec<_> = plan
                .sites
                .iter()
                .map(|site| json!({ "site": site.site, "changes": site.changes, "drift": site.drift }))
                .collect();
            session.out.json(&json!(sites))?;
        }
        _ => {
            for site in &plan.sites {
                for drift in &site.drift {
                    for field in &drift.fields {
                        let line = format!("# {}: {}/{}: {field}", site.site, drift.kind, drift.name);
                        let line = session.paint.yellow(&line);
                        session.out.line(&line)?;
                    }
                }
                for change in &site.changes {
                    let heading = session.paint.dim(&format!("# {}", site.site));
                    session.out.line(&heading)?;
                    let text = painted(&change.diff, session.paint);
                    session.out.text(&text)?;
                }
            }
        }
    }
    session.out.flush()?;
    let mut has_failed = false;
    for (_, planned) in plans.into_values().flatten() {
        if let Err(error) = planned {
            show(session, error);
            has_failed = true;
        }
    }
    match (has_failed, differs) {
        (true, _) => Err(Failure::Said(exit::FAILED)),
        (false, true) => Err(Failure::Said(exit::FINDING)),
        (false, false) => Ok(()),
    }
}
