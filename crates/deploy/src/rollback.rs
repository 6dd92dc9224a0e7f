//! Going back: a site's release at an earlier revision, under the site's lock.

use std::time::Duration;

use base::{Error, Result};
use serde_json::Value;

use crate::apply::{FORCE, Manner, helm};
use crate::cluster::Cluster;
use crate::codes::{RELEASE_MISSING, REVISION_MISSING, TOOL_FAILED};
use crate::lock::Lock;
use crate::plan::Work;
use crate::release;
use crate::topology::Site;
use crate::waves::{Done, Tell};

/// Longest time for Helm to tell its history.
const HISTORY_SECONDS: u64 = 60;

/// Goes back to a revision, or to the last one before today's that ran.
pub async fn rollback(work: &Work<'_>, site: &Site, revision: Option<u64>, manner: &Manner, tell: Tell<'_>) -> Result<Done> {
    let cluster = work.cluster(site);
    let Some(now) = release::find(&cluster).await? else {
        let missing = Error::new(&RELEASE_MISSING).with("site", site.name()).with("release", &cluster.release);
        return Err(missing.with("namespace", &cluster.namespace));
    };
    let target = match revision {
        Some(revision) => revision,
        None => before(&cluster, now.revision).await?,
    };
    tell(site.name(), "lock");
    let lock = Lock::take(&cluster, &manner.holder).await?;
    tell(site.name(), "rollback");
    let target = target.to_string();
    let mut arguments = vec!["rollback", &cluster.release, &target];
    // What others changed meanwhile goes as well, or Helm 4 would not go back at all.
    if cluster.helm_major() >= 4 {
        arguments.extend(FORCE);
    }
    let done = helm(&cluster, &arguments, manner.wait).await;
    let kept = lock.check();
    lock.release().await;
    done?;
    kept?;
    let after = release::find(&cluster).await?;
    Ok(Done::Changed(after.map_or(0, |release| release.revision)))
}

async fn before(cluster: &Cluster, now: u64) -> Result<u64> {
    let text = cluster.helm(&["history", &cluster.release, "--output", "json"], Duration::from_secs(HISTORY_SECONDS)).await?;
    let history: Value = serde_json::from_str(&text).map_err(|error| {
        let command = format!("helm history {}", cluster.release);
        Error::new(&TOOL_FAILED).with("site", &cluster.site).with("command", command).with("reason", error)
    })?;
    let entries = history.as_array().cloned().unwrap_or_default();
    last_good(&entries, now).ok_or_else(|| {
        let reason =
            format!("none before {now} ran; `helm uninstall {} --namespace {}` removes it", cluster.release, cluster.namespace);
        Error::new(&REVISION_MISSING).with("site", &cluster.site).with("reason", reason)
    })
}

/// The last revision before today's that ran.
fn last_good(history: &[Value], now: u64) -> Option<u64> {
    let ran = history.iter().filter(|entry| matches!(entry["status"].as_str(), Some("deployed" | "superseded")));
    ran.filter_map(|entry| entry["revision"].as_u64()).filter(|revision| *revision < now).max()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::last_good;

    #[test]
    fn the_last_that_ran_is_gone_back_to() {
        let entry = |revision: u64, status: &str| json!({"revision": revision, "status": status});
        let history = [entry(1, "superseded"), entry(2, "superseded"), entry(3, "failed"), entry(4, "failed")];
        assert_eq!(last_good(&history, 4), Some(2));
        assert_eq!(last_good(&history, 2), Some(1));
        assert_eq!(last_good(&[entry(1, "failed")], 1), None);
        let running = [entry(1, "superseded"), entry(2, "deployed"), entry(3, "pending-upgrade")];
        assert_eq!(last_good(&running, 3), Some(2));
    }
}
