//! Preflight: is everything there before anything is changed? This host, every site, what sites need, and every link.

mod encryption;
mod endpoints;
mod host;
mod links;

use std::sync::Arc;
use std::time::Duration;

use base::{Language, Result};
use futures::StreamExt;
use serde_json::{Value, json};

use crate::chart::Chart;
use crate::checks::{self, Sight};
use crate::cluster::Cluster;
use crate::facts::{Facts, look};
use crate::finding::{Finding, Level};
use crate::programs::{Programs, Settings};
use crate::topology::{Site, TopologyFile};

/// What is asked of a preflight.
#[derive(Debug, Clone)]
pub struct Wish {
    /// Where the programs are, and how many run at a time.
    pub programs: Settings,
    /// Names of the sites; all if empty.
    pub sites: Vec<String>,
    /// Whether every server of every site must run the same system, and Docker.
    pub strict: bool,
    /// Longest time for one question to a cluster.
    pub limit: Duration,
    /// Sites that are looked at at a time.
    pub parallel: usize,
}

/// What was found.
#[derive(Debug)]
pub struct Report {
    /// In the order of the table: this host, the sites, all sites together, the links.
    pub findings: Vec<Finding>,
}

impl Report {
    /// The gravest level.
    pub fn worst(&self) -> Level {
        self.findings.iter().map(|finding| finding.level).max().unwrap_or(Level::Good)
    }

    /// How many findings are of a level.
    pub fn count(&self, level: Level) -> usize {
        self.findings.iter().filter(|finding| finding.level == level).count()
    }

    /// As JSON.
    pub fn json(&self, language: Language) -> Value {
        json!({
            "findings": self.findings.iter().map(|finding| finding.json(language)).collect::<Vec<_>>(),
            "good": self.count(Level::Good), "warnings": self.count(Level::Warning), "failures": self.count(Level::Failure),
        })
    }
}

/// Looks at everything and changes nothing. `seen` is told each site that is done.
pub async fn preflight(file: &TopologyFile, chart: &Chart, wish: &Wish, seen: &(dyn Fn(&str) + Sync)) -> Result<Report> {
    let sites = file.select(&wish.sites)?;
    let (mut findings, programs) = host::look(&wish.programs).await;
    // Who chose one site needs the other's kubeconfig as little as its answers.
    let looked = match programs {
        Some(programs) => {
            file.check_reach(&sites)?;
            look_at(file, chart, wish, &sites, &Arc::new(programs), seen).await
        }
        None => Vec::new(),
    };
    let mut nodes: Vec<(&str, &[Value])> = Vec::new();
    for (site, facts) in &looked {
        match facts {
            Ok(facts) => {
                findings.extend(checks::look(&Sight { site, facts, strict: wish.strict }));
                nodes.push((site.name(), facts.nodes.as_ref().map(Vec::as_slice).unwrap_or_default()));
            }
            Err(error) => findings.push(Finding::unseen("kubernetes", Level::Failure, error).at(site.name())),
        }
        let rendered = facts.as_ref().ok().and_then(|facts| facts.rendered.as_ref().ok());
        findings.extend(endpoints::look(site, rendered).await);
    }
    findings.extend(checks::across(&nodes, wish.strict).map(|finding| finding.at("all sites")));
    findings.extend(links::look(file, &sites, wish.parallel).await);
    Ok(Report { findings })
}

/// Facts of all sites, so many at a time, in the order of the file.
async fn look_at<'a>(
    file: &TopologyFile,
    chart: &Chart,
    wish: &Wish,
    sites: &[&'a Site],
    programs: &Arc<Programs>,
    seen: &(dyn Fn(&str) + Sync),
) -> Vec<(&'a Site, Result<Facts>)> {
    let one = |site: &'a Site| {
        let cluster = Cluster::of(file, site, programs, wish.limit);
        async move {
            let facts = look(file, site, chart, &cluster).await;
            seen(site.name());
            (site, facts)
        }
    };
    futures::stream::iter(sites.iter().copied().map(one)).buffered(wish.parallel.max(1)).collect().await
}
