//! How every site is: its release, its pods, its lock.

use base::Result;
use futures::StreamExt;
use serde::Serialize;

use crate::facts;
use crate::lock;
use crate::plan::Work;
use crate::release::{self, Part};
use crate::topology::Site;

/// How one site is.
#[derive(Debug, Clone, Serialize)]
pub struct SiteStatus {
    /// The cluster's version.
    pub kubernetes: String,
    /// The revision that runs; 0 if none does.
    pub revision: u64,
    /// What Helm says of it; empty if there is none.
    pub status: String,
    /// Name and version of the chart.
    pub chart: String,
    /// When it was last changed.
    pub updated: String,
    /// Its Deployments.
    pub parts: Vec<Part>,
    /// Why pods are not ready.
    pub troubles: Vec<String>,
    /// Who holds the site's lock, and since when.
    pub locked_by: Option<String>,
    /// Who else keeps the release as it is.
    pub owner: Option<String>,
}

impl SiteStatus {
    /// Whether the release runs and all its pods serve.
    pub fn is_good(&self) -> bool {
        self.status == "deployed" && self.parts.iter().all(|part| part.ready >= part.wanted)
    }
}

/// Looks at sites, so many at a time.
pub async fn status<'a>(work: &Work<'_>, sites: &[&'a Site]) -> Vec<(&'a Site, Result<SiteStatus>)> {
    let one = |site: &'a Site| async move { (site, status_of(work, site).await) };
    futures::stream::iter(sites.iter().copied().map(one)).buffered(work.parallel.max(1)).collect().await
}

async fn status_of(work: &Work<'_>, site: &Site) -> Result<SiteStatus> {
    let cluster = work.cluster(site);
    let kubernetes = facts::version(&cluster).await?;
    let (found, holder) = tokio::join!(release::find(&cluster), lock::holder(&cluster));
    let (found, holder) = (found?, holder?);
    let mut status = SiteStatus {
        kubernetes,
        revision: 0,
        status: String::new(),
        chart: String::new(),
        updated: String::new(),
        parts: Vec::new(),
        troubles: Vec::new(),
        locked_by: holder.map(|(holder, since)| format!("{holder} ({since})")),
        owner: None,
    };
    if let Some(found) = found {
        let label =
            |object: &crate::manifest::Object| object.0["metadata"]["labels"]["helm.sh/chart"].as_str().map(str::to_owned);
        let live = release::live(&cluster, &found.objects).await?;
        status.revision = found.revision;
        status.chart = found.objects.iter().find_map(label).unwrap_or_default();
        status.parts = release::parts(&live);
        status.owner = release::owner(&live).map(str::to_owned);
        (status.status, status.updated) = (found.status, found.updated);
        if !status.is_good() {
            status.troubles = release::troubles(&cluster).await;
        }
    }
    Ok(status)
}
