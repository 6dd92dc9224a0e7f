//! Argo CD: the fields of `argoproj.io/v1alpha1` Application, from "Argo CD documentation: Application Specification, Helm, Sync Waves".

use serde_json::{Value, json};

use super::Entry;
use crate::chart::Chart;
use crate::topology::TopologyFile;

/// An Application for each site. The clusters are registered in Argo CD by the sites' names.
pub(super) fn write(file: &TopologyFile, entries: &[Entry], chart: &Chart, repository: &str) -> Vec<Value> {
    let application = |entry: &Entry| {
        json!({
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "metadata": {
                "name": format!("{}-{}", file.spec.release, entry.site.name()),
                "namespace": "argocd",
                "annotations": { "argocd.argoproj.io/sync-wave": entry.site.wave().to_string() },
            },
            "spec": {
                "project": "default",
                "source": {
                    "repoURL": repository.trim_start_matches("oci://"),
                    "chart": "dataux",
                    "targetRevision": chart.version,
                    "helm": { "releaseName": file.spec.release, "valuesObject": entry.values },
                },
                "destination": { "name": entry.site.name(), "namespace": entry.namespace },
                "syncPolicy": { "syncOptions": ["CreateNamespace=true", "ServerSideApply=true"] },
            },
        })
    };
    entries.iter().map(application).collect()
}
