//! helmfile: the fields of `helmfile.yaml`, from "helmfile documentation: Configuration, DAG-aware installation".

use serde_json::{Value, json};

use super::{Entry, before};
use crate::chart::Chart;
use crate::topology::TopologyFile;

/// One document with a release for each site. Contexts are the sites', or have the sites' names.
pub(super) fn write(file: &TopologyFile, entries: &[Entry], chart: &Chart, repository: &str) -> Vec<Value> {
    let context =
        |entry: &Entry| entry.site.context.as_ref().map_or_else(|| entry.site.name().to_owned(), |context| context.value.clone());
    let id = |entry: &Entry| format!("{}/{}/{}", context(entry), entry.namespace, file.spec.release);
    let release = |entry: &Entry| {
        let earlier = before(entries, entry);
        let mut release = json!({
            "name": file.spec.release,
            "namespace": entry.namespace,
            "kubeContext": context(entry),
            "labels": { "site": entry.site.name(), "wave": entry.site.wave().to_string() },
            "chart": "dataux/dataux",
            "version": chart.version,
            "wait": true,
            "values": [entry.values],
        });
        let needs: Vec<String> = entries.iter().filter(|other| earlier.contains(&other.site.name())).map(id).collect();
        if !needs.is_empty() {
            release["needs"] = json!(needs);
        }
        release
    };
    let is_oci = repository.starts_with("oci://");
    let url = repository.trim_start_matches("oci://");
    let source =
        if is_oci { json!({ "name": "dataux", "url": url, "oci": true }) } else { json!({ "name": "dataux", "url": url }) };
    vec![json!({ "repositories": [source], "releases": entries.iter().map(release).collect::<Vec<_>>() })]
}
