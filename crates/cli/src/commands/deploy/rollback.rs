//! `dataux deploy rollback`: back to the revision before, last wave first.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use clap::Args;
use deploy::waves::run as run_waves;
use deploy::{Manner, Site};

use super::apply::{finish, interruptible};
use super::following::Following;
use super::{Common, holder};
use crate::arguments::Output;
use crate::failure::Outcome;
use crate::session::Session;

/// Options.
#[derive(Debug, Args)]
#[command(
    after_help = "Without --revision each site goes back to the last revision before today's that ran. Going back is a revision of its own.\n\n\
                        Examples:\n  dataux deploy rollback -f topology.yaml --site ack --site eks\n  dataux deploy rollback -f topology.yaml --site idc --revision 3 --yes"
)]
pub struct Arguments {
    /// What every part needs.
    #[command(flatten)]
    pub common: Common,

    /// The revision to go back to; for one site
    #[arg(long, value_name = "REVISION")]
    pub revision: Option<u64>,

    /// How long a site may take until all its pods serve
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = base::units::parse_duration)]
    pub wait: Duration,
}

/// Runs it.
pub async fn run(session: &mut Session, arguments: Arguments) -> Outcome {
    let output = session.output("deploy rollback", Output::SHORT)?;
    let common = &arguments.common;
    let file = common.topology()?;
    let sites = file.select(&common.sites)?;
    if arguments.revision.is_some() && sites.len() != 1 {
        return Err(crate::failure::Failure::usage("deploy rollback", "--revision is of one site: name it with --site"));
    }
    let chart = common.open_chart()?;
    let work = common.work(&file, &chart).await?;
    let names = sites.iter().map(|site| site.name()).collect::<Vec<_>>().join(", ");
    session.confirm(&format!("{} {names}", session.say("roll back", "回退")))?;
    let mut waves: BTreeMap<u8, Vec<(&Site, ())>> = BTreeMap::new();
    for site in sites {
        waves.entry(site.wave()).or_default().push((site, ()));
    }
    let manner = Manner { overwrite_drift: true, take_over: false, wait: arguments.wait, holder: holder() };
    let following = Following::new(session.globals.progress);
    let halt = AtomicBool::new(false);
    let (work_of, manner_of, following_of, revision) = (&work, &manner, &following, arguments.revision);
    let tell = |site: &str, step: &str| following_of.tell(site, step);
    let tell = &tell;
    let all = run_waves(waves, true, work.parallel, &halt, |site, ()| async move {
        let done = Box::pin(deploy::rollback(work_of, site, revision, manner_of, tell)).await;
        following_of.done(site.name());
        done
    });
    let ended = interruptible(session, all, &halt, &following).await?;
    finish(session, output, ended, &file.path)
}
