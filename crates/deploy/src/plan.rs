//! The plan: what is to be on every site, what that changes, and what others changed meanwhile. Making one changes nothing.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base::{Error, Result};
use futures::StreamExt;
use serde::{Deserialize, Serialize};

use crate::chart::{Chart, digest};
use crate::cluster::Cluster;
use crate::codes::{DEPLOY_FILE, PLAN_STALE, PLAN_UNREADABLE};
use crate::difference::{Change, Drift, changes, drift};
use crate::facts;
use crate::manifest::Object;
use crate::programs::Programs;
use crate::release::{self, Offer, Release};
use crate::render::{Rendered, render};
use crate::topology::{Site, TopologyFile};

/// The version of the form that plans are saved in.
const FORM: u32 = 1;

/// What work on sites needs to know.
#[derive(Debug, Clone)]
pub struct Work<'a> {
    /// The topology.
    pub file: &'a TopologyFile,
    /// The chart.
    pub chart: &'a Chart,
    /// Helm and kubectl.
    pub programs: Arc<Programs>,
    /// Longest time for one question to a cluster.
    pub limit: Duration,
    /// Sites at a time.
    pub parallel: usize,
}

impl Work<'_> {
    /// How a site is reached.
    pub fn cluster(&self, site: &Site) -> Cluster {
        Cluster::of(self.file, site, &self.programs, self.limit)
    }
}

/// What is to happen on a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// There is no release yet.
    Install,
    /// The release changes.
    Upgrade,
    /// All is as it is to be.
    Keep,
}

impl Step {
    /// The word in tables.
    pub fn word(self) -> &'static str {
        match self {
            Self::Install => "install",
            Self::Upgrade => "upgrade",
            Self::Keep => "keep",
        }
    }
}

/// What is planned for one site.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SitePlan {
    /// The site.
    pub site: String,
    /// When its turn is.
    pub wave: u8,
    /// Its provider.
    pub provider: String,
    /// The identity of the cluster that this was planned against.
    pub cluster: String,
    /// Its version.
    pub kubernetes: String,
    /// The release's namespace.
    pub namespace: String,
    /// What is to happen.
    pub step: Step,
    /// The revision that runs; 0 if none does.
    pub revision: u64,
    /// What Helm says of it.
    pub status: String,
    /// Digest of what is to be there.
    pub digest: String,
    /// Objects that become different.
    #[serde(skip_deserializing)]
    pub changes: Vec<Change>,
    /// Objects that others changed.
    #[serde(skip_deserializing)]
    pub drift: Vec<Drift>,
    /// Digest of that.
    pub drift_digest: String,
    /// Who else keeps the release as it is.
    pub owner: Option<String>,
    /// What the cluster says against the objects, if it would not take them.
    pub refusal: Option<String>,
}

/// A plan as it is saved. It holds digests and differences, and no values.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Plan {
    /// The version of this form.
    pub form: u32,
    /// The topology's name.
    pub topology: String,
    /// The chart.
    pub chart: String,
    /// The sites, by their waves.
    pub sites: Vec<SitePlan>,
}

/// What is planned for a site, and what Helm needs to do it.
#[derive(Debug)]
pub struct Planned {
    /// The plan.
    pub plan: SitePlan,
    /// What is to be there.
    pub rendered: Rendered,
    /// What Helm knows.
    pub release: Option<Release>,
    /// Objects that others changed so that the installed ones cannot be applied over them.
    pub stuck: Vec<Object>,
}

/// Plans for sites, by their waves; a site whose cluster cannot be asked has an error for a plan.
pub type Plans<'a> = BTreeMap<u8, Vec<(&'a Site, Result<Planned>)>>;

/// Plans for these sites, so many at a time.
pub async fn plan<'a>(work: &Work<'_>, sites: &[&'a Site], seen: &(dyn Fn(&str) + Sync)) -> Plans<'a> {
    let one = |site: &'a Site| async move {
        let planned = plan_site(work, site).await;
        seen(site.name());
        (site, planned)
    };
    let all: Vec<_> = futures::stream::iter(sites.iter().copied().map(one)).buffered(work.parallel.max(1)).collect().await;
    let mut waves = Plans::new();
    for (site, planned) in all {
        waves.entry(site.wave()).or_default().push((site, planned));
    }
    waves
}

async fn plan_site(work: &Work<'_>, site: &Site) -> Result<Planned> {
    let cluster = work.cluster(site);
    let kubernetes = facts::version(&cluster).await?;
    let namespace = format!("/api/v1/namespaces/{}", cluster.namespace);
    let (rendered, release, identity, namespace) = tokio::join!(
        render(work.file, site, work.chart, &cluster, Some(&kubernetes)),
        release::find(&cluster),
        release::identity(&cluster),
        facts::found(&cluster, &namespace),
    );
    let (rendered, release, identity, namespace) = (rendered?, release?, identity?, namespace?);
    let installed = release.as_ref().map(|release| release.objects.as_slice()).unwrap_or_default();
    // Into a namespace that is not there nothing can be tried.
    let (live, again, wanted) = match namespace {
        Some(_) => tokio::join!(
            release::live(&cluster, installed),
            release::offer(&cluster, installed),
            release::offer(&cluster, &rendered.objects),
        ),
        None => (Ok(Vec::new()), Ok(Offer::Taken(Vec::new())), Ok(Offer::Taken(Vec::new()))),
    };
    let live: Vec<Object> = live?;
    let again = match again? {
        Offer::Taken(again) => Some(again),
        Offer::Refused(_) => None,
    };
    let refusal = match wanted? {
        Offer::Taken(_) => None,
        Offer::Refused(reason) => Some(reason),
    };
    let drift = drift(installed, &live, again.as_deref());
    let step = match &release {
        None => Step::Install,
        Some(release) if release.digest == rendered.digest && release.status == "deployed" && drift.is_empty() => Step::Keep,
        Some(_) => Step::Upgrade,
    };
    let plan = SitePlan {
        site: site.name().to_owned(),
        wave: site.wave(),
        provider: site.provider().name.to_owned(),
        cluster: identity,
        kubernetes,
        namespace: cluster.namespace.clone(),
        step,
        revision: release.as_ref().map_or(0, |release| release.revision),
        status: release.as_ref().map(|release| release.status.clone()).unwrap_or_default(),
        digest: rendered.digest.clone(),
        changes: changes(installed, &rendered.objects),
        drift_digest: digest(
            &drift.iter().map(|drift| format!("{}/{}: {:?}\n", drift.kind, drift.name, drift.fields)).collect::<String>(),
        ),
        drift,
        owner: release::owner(&live).map(str::to_owned),
        refusal,
    };
    let drifted = |object: &&Object| {
        again.is_none() && plan.drift.iter().any(|drift| drift.kind == object.kind() && drift.name == object.name())
    };
    let stuck = installed.iter().filter(drifted).filter(|object| live.iter().any(|one| one.is(object))).cloned().collect();
    Ok(Planned { plan, rendered, release, stuck })
}

impl Plan {
    /// What can be saved of plans: those of sites that could be asked.
    pub fn of(work: &Work<'_>, plans: &Plans<'_>) -> Self {
        let sites = plans.values().flatten().filter_map(|(_, planned)| planned.as_ref().ok()).map(|planned| planned.plan.clone());
        Self { form: FORM, topology: work.file.name.to_string(), chart: work.chart.title.clone(), sites: sites.collect() }
    }

    /// Writes it to a file that appears whole or not at all.
    pub fn save(&self, path: &Path) -> Result<()> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let write = || {
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            serde_json::to_writer_pretty(&mut file, self)?;
            file.persist(path).map_err(|error| error.error)
        };
        write().map(|_| ()).map_err(|error: std::io::Error| Error::new(&DEPLOY_FILE).with("path", path.display()).because(error))
    }

    /// Reads one that was saved.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Error::new(&DEPLOY_FILE).with("path", path.display()).because(error))?;
        let wrong = |reason: String| Error::new(&PLAN_UNREADABLE).with("path", path.display()).with("reason", reason);
        let plan: Self = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        if plan.form != FORM {
            return Err(wrong(format!("its form is {}; this program reads {FORM}", plan.form)));
        }
        Ok(plan)
    }

    /// That a site is now as it was when this was made.
    pub fn check(&self, now: &SitePlan) -> Result<()> {
        let stale = |reason: String| Err(Error::new(&PLAN_STALE).with("site", &now.site).with("reason", reason));
        let Some(then) = self.sites.iter().find(|plan| plan.site == now.site) else {
            return stale("the site is not in it".to_owned());
        };
        if then.cluster != now.cluster {
            return stale("it was made against another cluster".to_owned());
        }
        if then.revision != now.revision {
            return stale(format!("revision {} runs, it was made at {}", now.revision, then.revision));
        }
        if then.digest != now.digest {
            return stale("topology, values or chart have changed since".to_owned());
        }
        if then.drift_digest != now.drift_digest {
            return stale("somebody changed objects of the release since".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(revision: u64, digest: &str) -> SitePlan {
        SitePlan {
            site: "idc".to_owned(),
            wave: 1,
            provider: "kubeadm".to_owned(),
            cluster: "u1".to_owned(),
            kubernetes: "v1.36.3".to_owned(),
            namespace: "dataux".to_owned(),
            step: Step::Upgrade,
            revision,
            status: "deployed".to_owned(),
            digest: digest.to_owned(),
            changes: Vec::new(),
            drift: Vec::new(),
            drift_digest: String::new(),
            owner: None,
            refusal: None,
        }
    }

    #[test]
    fn a_saved_plan_holds_only_for_the_state_it_was_made_of() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("plan.json");
        let plan = Plan { form: FORM, topology: "t".to_owned(), chart: "dataux 0.1.0".to_owned(), sites: vec![site(3, "d1")] };
        plan.save(&path).expect("saved");
        let read = Plan::read(&path).expect("read");
        read.check(&site(3, "d1")).expect("the same");
        for (now, why) in [
            (site(4, "d1"), "revision 4 runs, it was made at 3"),
            (site(3, "d2"), "have changed since"),
            (SitePlan { cluster: "u2".to_owned(), ..site(3, "d1") }, "another cluster"),
            (SitePlan { drift_digest: "x".to_owned(), ..site(3, "d1") }, "somebody changed objects"),
            (SitePlan { site: "new".to_owned(), ..site(3, "d1") }, "not in it"),
        ] {
            let error = read.check(&now).expect_err(why);
            assert!(error.is(&PLAN_STALE) && error.to_string().contains(why), "{error}");
        }
        std::fs::write(&path, "{\"form\": 9, \"topology\": \"t\", \"chart\": \"c\", \"sites\": []}").expect("written");
        assert!(Plan::read(&path).expect_err("newer").to_string().contains("its form is 9"));
        std::fs::write(&path, "no").expect("written");
        assert!(Plan::read(&path).expect_err("no JSON").is(&PLAN_UNREADABLE));
    }
}
