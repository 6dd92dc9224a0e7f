//! The same topology as others keep it: applications of Argo CD, releases of Flux, a helmfile.

mod argocd;
mod flux;
mod helmfile;

use base::{Error, Result};
use serde_json::Value;

use crate::chart::Chart;
use crate::codes::CHART_INVALID;
use crate::topology::{Site, TopologyFile};
use crate::values;

/// What else can deploy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Argo CD: an Application for each site, ordered by sync waves.
    Argocd,
    /// Flux: a HelmRelease for each site, each after those of the wave before.
    Flux,
    /// helmfile: a release for each site, each after those of the wave before.
    Helmfile,
}

/// A site and its values.
pub(crate) struct Entry<'a> {
    site: &'a Site,
    namespace: &'a str,
    values: Value,
}

/// The sites in another's form. `repository` is where that other one finds the chart.
pub fn write(format: Format, file: &TopologyFile, sites: &[&Site], chart: &Chart, repository: &str) -> Result<String> {
    let mut entries = Vec::new();
    for site in sites {
        entries.push(Entry { site, namespace: file.namespace(site), values: values::merged(file, site, chart)? });
    }
    entries.sort_by_key(|entry| entry.site.wave());
    let documents = match format {
        Format::Argocd => argocd::write(file, &entries, chart, repository),
        Format::Flux => flux::write(file, &entries, chart, repository),
        Format::Helmfile => helmfile::write(file, &entries, chart, repository),
    };
    let mut text = format!("# Made by dataux deploy render from {}.\n", file.name);
    for document in documents {
        let yaml = serde_saphyr::to_string(&document)
            .map_err(|error| Error::new(&CHART_INVALID).with("site", file.name.as_str()).with("reason", error))?;
        text.push_str("---\n");
        text.push_str(&yaml);
        if !text.ends_with('\n') {
            text.push('\n');
        }
    }
    Ok(text)
}

/// The sites of the wave before an entry's.
fn before<'a>(entries: &'a [Entry<'a>], entry: &Entry<'_>) -> Vec<&'a str> {
    let wave = entry.site.wave();
    let Some(last) = entries.iter().map(|other| other.site.wave()).filter(|other| *other < wave).max() else { return Vec::new() };
    entries.iter().filter(|other| other.site.wave() == last).map(|other| other.site.name()).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const TEXT: &str = "apiVersion: dataux/v1\nkind: Topology\nname: t\nspec:\n  zones: [{name: cn, jurisdiction: CN}]\n  sites:\n  \
                        - {name: edge, kind: edge, zone: cn, provider: k3s, context: e}\n  - {name: idc, kind: private, hub: true, zone: cn, provider: kubeadm, context: i}\n  \
                        - {name: ack, kind: public, zone: cn, provider: ack, kubeconfig: ack.yaml, values: {replicas: 3}}\n";

    fn documents(format: Format, repository: &str) -> Vec<Value> {
        let file = TopologyFile::parse(TEXT, Path::new("t.yaml")).expect("right");
        let chart = Chart::open(None).expect("the chart");
        let text = write(format, &file, &file.select(&[]).expect("all"), &chart, repository).expect("written");
        let parts = text.split("---\n").skip(1);
        parts.map(|part| serde_saphyr::from_str(part).expect("YAML")).collect()
    }

    #[test]
    fn argo_gets_an_application_a_site_in_order_of_waves() {
        let all = documents(Format::Argocd, "oci://registry.example/charts");
        let names: Vec<&str> = all.iter().map(|one| one["metadata"]["name"].as_str().expect("named")).collect();
        assert_eq!(names, ["dataux-idc", "dataux-ack", "dataux-edge"]);
        assert_eq!(all[1]["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"], "2");
        assert_eq!(all[1]["spec"]["source"]["repoURL"], "registry.example/charts", "Argo CD writes OCI without its scheme");
        assert_eq!(all[1]["spec"]["source"]["helm"]["valuesObject"]["replicas"], 3);
        assert_eq!(all[1]["spec"]["destination"]["name"], "ack");
    }

    #[test]
    fn flux_and_helmfile_wait_for_the_wave_before() {
        let all = documents(Format::Flux, "https://charts.example");
        assert_eq!(all[0]["kind"], "HelmRepository");
        assert_eq!(all[3]["spec"]["dependsOn"][0]["name"], "dataux-ack");
        assert!(all[1]["spec"]["dependsOn"].is_null() && all[2]["spec"]["values"]["replicas"] == 3);
        let all = documents(Format::Helmfile, "https://charts.example");
        let releases = all[0]["releases"].as_array().expect("a list");
        assert_eq!(releases[2]["needs"][0], "ack/dataux/dataux");
        assert_eq!(releases[0]["kubeContext"], "i");
    }
}
