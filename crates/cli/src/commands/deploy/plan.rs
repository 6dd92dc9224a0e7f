//! `dataux deploy plan`: what `apply` would do to each site.

use std::path::PathBuf;

use clap::{Args, ValueHint};
use deploy::{Action, Plan, Plans, Work};
use serde_json::{Value, json};

use super::following::Following;
use super::{Common, show};
use crate::arguments::Output;
use crate::failure::{Failure, Outcome, exit};
use crate::listing::{Align, Listing};
use crate::session::Session;
use crate::terminal;

/// Options.
#[derive(Debug, Args)]
#[command(after_help = "Nothing is changed: objects are offered to each cluster without being kept. Secrets are not shown.\n\n\
                        Examples:\n  dataux deploy plan -f topology.yaml\n  dataux deploy plan -f topology.yaml --out plan.json\n  \
                        dataux deploy apply -f topology.yaml --plan plan.json")]
pub struct Arguments {
    /// What every part needs.
    #[command(flatten)]
    pub common: Common,

    /// Save the plan, for `apply --plan`
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub out: Option<PathBuf>,
}

/// Runs it.
pub async fn run(session: &mut Session, arguments: Arguments) -> Outcome {
    let output = session.output("deploy plan", Output::SHORT)?;
    let common = &arguments.common;
    let file = common.topology()?;
    let chart = common.open_chart()?;
    let work = common.work(&file, &chart).await?;
    let plans = make(session, &work, &common.sites).await?;
    let plan = Plan::of(&work, &plans);
    if let Some(path) = &arguments.out {
        plan.save(path)?;
    }
    match output {
        Output::Json => session.out.json(&with_errors(session, &plan, &plans))?,
        _ => write(session, &plans)?,
    }
    session.out.flush()?;
    let mut has_failed = false;
    for (_, planned) in plans.into_values().flatten() {
        if let Err(error) = planned {
            show(session, error);
            has_failed = true;
        }
    }
    if has_failed { Err(Failure::Said(exit::FAILED)) } else { Ok(()) }
}

/// Plans for the sites asked for, while what goes on is shown.
pub async fn make<'a>(session: &Session, work: &Work<'a>, names: &[String]) -> Outcome<Plans<'a>> {
    let sites = work.file.select(names)?;
    let following = Following::new(session.globals.progress);
    for site in &sites {
        following.tell(site.name(), session.say("planning", "计划中"));
    }
    Ok(deploy::plan(work, &sites, &|site| following.done(site)).await)
}

/// The table, and the objects of each site.
pub fn write(session: &mut Session, plans: &Plans) -> Outcome {
    let mut listing = Listing::new(&[
        ("WAVE", Align::Right),
        ("SITE", Align::Left),
        ("PROVIDER", Align::Left),
        ("KUBERNETES", Align::Left),
        ("STEP", Align::Left),
        ("REVISION", Align::Right),
        ("CHANGES", Align::Right),
        ("DRIFT", Align::Right),
    ]);
    let mut lines = String::new();
    for (wave, (site, planned)) in plans.iter().flat_map(|(wave, sites)| sites.iter().map(move |site| (wave, site))) {
        let Ok(planned) = planned else {
            let unknown = || "?".to_owned();
            let step = session.say("unknown", "未知").to_owned();
            listing.row(vec![
                wave.to_string(),
                site.name().to_owned(),
                site.provider().name.to_owned(),
                unknown(),
                step,
                unknown(),
                unknown(),
                unknown(),
            ]);
            continue;
        };
        let plan = &planned.plan;
        listing.row(vec![
            wave.to_string(),
            plan.site.clone(),
            plan.provider.clone(),
            plan.kubernetes.clone(),
            plan.step.word().to_owned(),
            plan.revision.to_string(),
            plan.changes.len().to_string(),
            plan.drift.len().to_string(),
        ]);
        for change in &plan.changes {
            let (sign, text) = (sign(change.action), format!("{}/{}", change.kind, change.name));
            lines.push_str(&format!("{}: {sign} {text}\n", plan.site));
        }
        if let Some(reason) = &plan.refusal {
            lines.push_str(&format!(
                "{}: ✘ {}: {reason}\n",
                plan.site,
                session.say("the cluster would refuse this", "集群会拒绝")
            ));
        }
        for drift in &plan.drift {
            for field in &drift.fields {
                lines.push_str(&format!("{}: ! {}/{}: {field}\n", plan.site, drift.kind, drift.name));
            }
        }
    }
    let table = listing.render(session.paint, terminal::size().map(|(_, columns)| columns));
    session.out.text(&table)?;
    if !lines.is_empty() {
        session.out.text(&format!("\n{lines}"))?;
    }
    Ok(())
}

/// New, changed, gone.
fn sign(action: Action) -> &'static str {
    match action {
        Action::Create => "+",
        Action::Change => "~",
        Action::Delete => "-",
    }
}

fn with_errors(session: &Session, plan: &Plan, plans: &Plans) -> Value {
    let mut value = json!(plan);
    let failed = plans.values().flatten().filter_map(|(site, planned)| Some((site.name(), planned.as_ref().err()?)));
    let errors: Vec<Value> =
        failed.map(|(site, error)| json!({ "site": site, "error": error.to_json(session.language, None) })).collect();
    value["errors"] = Value::Array(errors);
    value
}
