//! `dataux deploy apply`: installs and upgrades, wave by wave, and stops at the first that fails.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::{Args, ValueHint};
use deploy::waves::{Done, Ended, failure, run as run_waves};
use deploy::{Manner, Plan, Step};
use serde_json::{Value, json};

use super::following::Following;
use super::{Common, holder, plan, show};
use crate::arguments::Output;
use crate::failure::{Failure, Outcome, exit};
use crate::listing::{Align, Listing};
use crate::session::Session;
use crate::terminal;

/// Options.
#[derive(Debug, Args)]
#[command(
    after_help = "The hub goes first, members second, edges third, unless sites say their `wave`. Run it again after a failure: sites\n\
                        that are done are left alone. ^C lets what runs end and begins nothing more; ^C again leaves at once.\n\n\
                        Examples:\n  dataux deploy apply -f topology.yaml\n  dataux deploy apply -f topology.yaml --site idc --yes\n  \
                        dataux deploy apply -f topology.yaml --plan plan.json --yes"
)]
pub struct Arguments {
    /// What every part needs.
    #[command(flatten)]
    pub common: Common,

    /// Do what this plan says, and nothing if things have changed since
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub plan: Option<PathBuf>,

    /// How long a site may take until all its pods serve
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = base::units::parse_duration)]
    pub wait: Duration,

    /// Set back what others changed since Helm installed it
    #[arg(long)]
    pub overwrite_drift: bool,

    /// Deploy though Argo CD or Flux keep the release
    #[arg(long)]
    pub take_over: bool,
}

/// Runs it.
pub async fn run(session: &mut Session, arguments: Arguments) -> Outcome {
    let output = session.output("deploy apply", Output::SHORT)?;
    let common = &arguments.common;
    let saved = arguments.plan.as_deref().map(Plan::read).transpose()?;
    let file = common.topology()?;
    let chart = common.open_chart()?;
    let work = common.work(&file, &chart).await?;
    let plans = plan::make(session, &work, &common.sites).await?;
    if output != Output::Json {
        plan::write(session, &plans)?;
        session.out.flush()?;
    }
    let sites: Vec<&str> = plans
        .values()
        .flatten()
        .filter(|(_, planned)| planned.as_ref().is_ok_and(|planned| planned.plan.step != Step::Keep))
        .map(|(site, _)| site.name())
        .collect();
    if !sites.is_empty() {
        session.confirm(&format!("{} {}", session.say("apply to", "应用到"), sites.join(", ")))?;
    }
    let manner = Manner {
        overwrite_drift: arguments.overwrite_drift,
        take_over: arguments.take_over,
        wait: arguments.wait,
        holder: holder(),
    };
    let following = Following::new(session.globals.progress);
    let halt = AtomicBool::new(false);
    let (work_of, manner_of, saved_of, following_of) = (&work, &manner, &saved, &following);
    let tell = |site: &str, step: &str| following_of.tell(site, step);
    let tell = &tell;
    let all = run_waves(plans, false, work.parallel, &halt, |site, planned| async move {
        let planned = planned?;
        if let Some(saved) = saved_of {
            saved.check(&planned.plan)?;
        }
        let done = Box::pin(deploy::apply(work_of, site, planned, manner_of, tell)).await;
        following_of.done(site.name());
        done
    });
    let ended = interruptible(session, all, &halt, &following).await?;
    finish(session, output, ended, &file.path)
}

/// Does work to its end; the first ^C lets nothing more begin, the second one ends it.
pub async fn interruptible<T>(
    session: &Session,
    work: impl Future<Output = T>,
    halt: &AtomicBool,
    following: &Following,
) -> Outcome<T> {
    let mut work = Box::pin(work);
    loop {
        tokio::select! {
            done = &mut work => return Ok(done),
            _ = tokio::signal::ctrl_c() => {
                if halt.swap(true, Ordering::SeqCst) {
                    return Err(Failure::Said(exit::INTERRUPTED));
                }
                following.say(session.say("letting what runs end; ^C again leaves at once", "等待正在进行的操作结束；再按 ^C 立即退出"));
            }
        }
    }
}

/// Writes how each site ended, the errors, and how to go on.
pub fn finish(session: &mut Session, output: Output, ended: Vec<Ended>, file: &std::path::Path) -> Outcome {
    let stopped = failure(&ended, file);
    match output {
        Output::Json => {
            let items: Vec<Value> = ended.iter().map(|one| json!({
                "site": one.site, "wave": one.wave, "result": word(one), "revision": revision(one),
                "error": one.how.as_ref().and_then(|how| how.as_ref().err()).map(|error| error.to_json(session.language, None)),
            })).collect();
            session.out.json(&Value::Array(items))?;
        }
        _ => {
            let mut listing = Listing::new(&[
                ("WAVE", Align::Right),
                ("SITE", Align::Left),
                ("RESULT", Align::Left),
                ("REVISION", Align::Right),
            ]);
            for one in &ended {
                let revision = revision(one).map(|revision| revision.to_string()).unwrap_or_default();
                listing.row(vec![one.wave.to_string(), one.site.clone(), word(one).to_owned(), revision]);
            }
            let text = listing.render(session.paint, terminal::size().map(|(_, columns)| columns));
            session.out.text(&text)?;
        }
    }
    session.out.flush()?;
    for one in ended {
        if let Some(Err(error)) = one.how {
            show(session, error);
        }
    }
    stopped.map_or(Ok(()), |error| Err(error.into()))
}

fn word(ended: &Ended) -> &'static str {
    match ended.how {
        Some(Ok(Done::Changed(_))) => "done",
        Some(Ok(Done::Kept)) => "kept",
        Some(Err(_)) => "failed",
        None => "not begun",
    }
}

fn revision(ended: &Ended) -> Option<u64> {
    match ended.how {
        Some(Ok(Done::Changed(revision))) => Some(revision),
        _ => None,
    }
}
