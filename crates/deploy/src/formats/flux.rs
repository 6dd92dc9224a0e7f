//! Flux: the fields of `helm.toolkit.fluxcd.io/v2` HelmRelease, from "Flux documentation: Helm Releases, Helm Repositories".

use serde_json::{Value, json};

use super::{Entry, before};
use crate::chart::Chart;
use crate::topology::TopologyFile;

/// The repository, and a HelmRelease for each site. A Secret `SITE-kubeconfig` says how to reach the site's cluster.
pub(super) fn write(file: &TopologyFile, entries: &[Entry], chart: &Chart, repository: &str) -> Vec<Value> {
    let mut spec = json!({ "interval": "1h", "url": repository });
    if repository.starts_with("oci://") {
        spec["type"] = json!("oci");
    }
    let head = json!({ "name": "dataux", "namespace": "flux-system" });
    let source = json!({ "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "HelmRepository", "metadata": head, "spec": spec });
    let name = |site: &str| format!("{}-{site}", file.spec.release);
    let release = |entry: &Entry| {
        let mut spec = json!({
            "interval": "10m",
            "releaseName": file.spec.release,
            "targetNamespace": entry.namespace,
            "storageNamespace": entry.namespace,
            "install": { "createNamespace": true },
            "kubeConfig": { "secretRef": { "name": format!("{}-kubeconfig", entry.site.name()) } },
            "chart": { "spec": {
                "chart": "dataux", "version": chart.version, "sourceRef": { "kind": "HelmRepository", "name": "dataux" },
            } },
            "values": entry.values,
        });
        let earlier: Vec<Value> = before(entries, entry).into_iter().map(|site| json!({ "name": name(site) })).collect();
        if !earlier.is_empty() {
            spec["dependsOn"] = json!(earlier);
        }
        let head = json!({ "name": name(entry.site.name()), "namespace": "flux-system" });
        json!({ "apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease", "metadata": head, "spec": spec })
    };
    std::iter::once(source).chain(entries.iter().map(release)).collect()
}
