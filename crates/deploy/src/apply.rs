//! Applying a plan to a site: its lock, its namespace, Helm, and what hinders the pods if Helm gives up.

use std::time::Duration;

use base::{Error, Result};
use serde_json::json;

use crate::cluster::Cluster;
use crate::codes::{PLAN_STALE, RELEASE_FAILED, RELEASE_PENDING, SITE_DRIFTED, SITE_OWNED, TOOL_FAILED};
use crate::facts;
use crate::lock::Lock;
use crate::plan::{Planned, SitePlan, Step, Work};
use crate::release;
use crate::topology::Site;
use crate::waves::{Done, Tell};

/// Revisions that Helm keeps to go back to.
const HISTORY_MAX: &str = "10";
/// How Helm 4 sets fields that others set meanwhile; Helm 3 does so anyway.
pub(crate) const FORCE: [&str; 2] = ["--server-side=true", "--force-conflicts"];
/// Room for Helm to say that time is up, in seconds.
const GRACE_SECONDS: u64 = 60;

/// How to apply.
#[derive(Debug, Clone)]
pub struct Manner {
    /// Set back what others changed.
    pub overwrite_drift: bool,
    /// Deploy though Argo CD or Flux keep the release as it is.
    pub take_over: bool,
    /// How long Helm waits until all is ready.
    pub wait: Duration,
    /// Who does this, for those who find the site locked.
    pub holder: String,
}

/// Does on a site what is planned.
pub async fn apply(work: &Work<'_>, site: &Site, planned: Planned, manner: &Manner, tell: Tell<'_>) -> Result<Done> {
    let plan = &planned.plan;
    if plan.step == Step::Keep {
        return Ok(Done::Kept);
    }
    refuse(plan, &planned, manner)?;
    let cluster = work.cluster(site);
    namespace(&cluster, site).await?;
    tell(site.name(), "lock");
    let lock = Lock::take(&cluster, &manner.holder).await?;
    let done = locked(work, site, &cluster, &planned, manner, &lock, tell).await;
    let kept = lock.check();
    lock.release().await;
    kept.and(done)
}

/// What speaks against it.
fn refuse(plan: &SitePlan, planned: &Planned, manner: &Manner) -> Result<()> {
    if let Some(owner) = plan.owner.as_ref().filter(|_| !manner.take_over) {
        return Err(Error::new(&SITE_OWNED).with("site", &plan.site).with("owner", owner));
    }
    if planned.release.as_ref().is_some_and(release::Release::is_pending) {
        return Err(Error::new(&RELEASE_PENDING).with("site", &plan.site).with("status", &plan.status));
    }
    if !plan.drift.is_empty() && !manner.overwrite_drift {
        let objects = plan.drift.iter().map(|drift| format!("{}/{}", drift.kind, drift.name)).collect::<Vec<_>>().join(", ");
        return Err(Error::new(&SITE_DRIFTED).with("site", &plan.site).with("objects", objects));
    }
    Ok(())
}

/// Makes the namespace, and gives it the label that the cloud's identity needs.
async fn namespace(cluster: &Cluster, site: &Site) -> Result<()> {
    let path = format!("/api/v1/namespaces/{}", cluster.namespace);
    let label = site.identity.as_ref().and_then(|_| site.provider().identity.as_ref()?.namespace_label);
    let known = facts::found(cluster, &path).await?;
    let has = |(key, value): (&str, &str)| known.as_ref().is_some_and(|known| known["metadata"]["labels"][key] == value);
    if known.is_some() && label.is_none_or(has) {
        return Ok(());
    }
    let mut wanted = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": cluster.namespace } });
    if let Some((key, value)) = label {
        wanted["metadata"]["labels"] = json!({ key: value });
    }
    let arguments = ["apply", "--server-side", "--field-manager=dataux-deploy", "-f", "-"];
    cluster.kubectl(&arguments, Some(&wanted.to_string())).await.map(|_| ())
}

async fn locked(
    work: &Work<'_>,
    site: &Site,
    cluster: &Cluster,
    planned: &Planned,
    manner: &Manner,
    lock: &Lock,
    tell: Tell<'_>,
) -> Result<Done> {
    // Somebody else may have been here between the plan and the lock.
    let now = release::find(cluster).await?;
    let revision = now.as_ref().map_or(0, |release| release.revision);
    if revision != planned.plan.revision {
        let reason = format!("revision {revision} runs, it was made at {}", planned.plan.revision);
        return Err(Error::new(&PLAN_STALE).with("site", site.name()).with("reason", reason));
    }
    if !planned.stuck.is_empty() {
        release::put_back(cluster, &planned.stuck).await?;
    }
    tell(site.name(), planned.plan.step.word());
    let chart = work.chart.path().display().to_string();
    let values = planned.rendered.values_path();
    let description = format!("dataux deploy, lock {}", lock.fence());
    let mut arguments =
        vec!["upgrade", "--install", &cluster.release, &chart, "--values", &values, "--reset-values", "--output", "json"];
    arguments.extend(["--description", &description, "--history-max", HISTORY_MAX]);
    if manner.take_over {
        arguments.push("--take-ownership");
    }
    if manner.overwrite_drift && cluster.helm_major() >= 4 {
        arguments.extend(FORCE);
    }
    helm(cluster, &arguments, manner.wait).await?;
    let after = release::find(cluster).await?;
    Ok(Done::Changed(after.map_or(0, |release| release.revision)))
}

/// Runs Helm until all is ready; its failure comes with what hinders the pods.
pub(crate) async fn helm(cluster: &Cluster, arguments: &[&str], wait: Duration) -> Result<()> {
    let seconds = format!("{}s", wait.as_secs().max(1));
    let mut all = arguments.to_vec();
    all.extend(["--wait", "--timeout", &seconds]);
    match cluster.helm(&all, wait + Duration::from_secs(GRACE_SECONDS)).await {
        Ok(_) => Ok(()),
        Err(error) if error.is(&TOOL_FAILED) => {
            let mut reason = error.arguments().get("reason").cloned().unwrap_or_default();
            for trouble in release::troubles(cluster).await {
                reason.push_str("; ");
                reason.push_str(&trouble);
            }
            Err(Error::new(&RELEASE_FAILED).with("site", &cluster.site).with("reason", reason))
        }
        Err(error) => Err(error),
    }
}
