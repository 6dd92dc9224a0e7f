//! Values of the chart for one site: the provider's, those that follow from the topology, everybody's, the site's own.

use base::errors::INVALID_DOCUMENT;
use base::{Error, Result};
use serde_json::{Map, Value, json};

use crate::chart::Chart;
use crate::codes::DEPLOY_FILE;
use crate::topology::{Site, TopologyFile};

/// Values that hold a secret when they are set; Helm keeps them in its history, and Git keeps the topology.
const SECRETS: &[&str] = &["/database/password", "/redis/password", "/admin/password", "/masterKey/value"];

/// All values of a site, merged as Helm merges files: maps by their keys, all else as a whole, later ones win.
pub fn merged(file: &TopologyFile, site: &Site, chart: &Chart) -> Result<Value> {
    let mut values = parse(&chart.provider_values(site.provider().name)?, &format!("values/{}.yaml", site.provider().name))?;
    merge(&mut values, derived(site));
    merge(&mut values, Value::Object(file.spec.values.clone()));
    file.check_values(site)?;
    for path in &site.values_files {
        let path = file.resolve(path);
        let text = std::fs::read_to_string(&path)
            .map_err(|error| Error::new(&DEPLOY_FILE).with("path", path.display()).because(error))?;
        merge(&mut values, parse(&text, &path.display().to_string())?);
    }
    merge(&mut values, Value::Object(site.values.clone()));
    Ok(values)
}

/// Which values of a site are secrets in plain text.
pub fn secrets(values: &Value) -> Vec<String> {
    let set = |path: &&&str| values.pointer(path).and_then(Value::as_str).is_some_and(|text| !text.is_empty());
    SECRETS.iter().filter(set).map(|path| path.trim_start_matches('/').replace('/', ".")).collect()
}

fn parse(text: &str, place: &str) -> Result<Value> {
    let value: Value = base::document::parse(text, place)?;
    match value {
        Value::Object(_) => Ok(value),
        // A file of comments only.
        Value::Null => Ok(json!({})),
        _ => Err(Error::new(&INVALID_DOCUMENT).with("place", place).with("reason", "values are a map")),
    }
}

/// What follows from the site's fields.
fn derived(site: &Site) -> Value {
    let provider = site.provider();
    let mut values = json!({});
    if let Some(registry) = &site.registry {
        values["imageRegistry"] = json!(registry);
    }
    if let Some(class) = &site.storage_class {
        values["persistence"] = json!({ "storageClass": class });
    }
    if let (Some(identity), Some(way)) = (&site.identity, &provider.identity) {
        values["serviceAccount"] = json!({ "annotations": { way.annotation: identity.value } });
    }
    if let Some(balancer) = &site.load_balancer {
        let mut annotations = Map::new();
        if let (Some(subnet), Some(annotation)) = (&balancer.subnet, provider.subnet_annotation) {
            annotations.insert(annotation.to_owned(), json!(subnet.value));
        }
        values["loadBalancer"] = json!({ "enabled": true, "annotations": annotations });
    }
    values
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                match into.get_mut(&key) {
                    Some(known) if known.is_object() && value.is_object() => merge(known, value),
                    _ => {
                        into.insert(key, value);
                    }
                }
            }
        }
        (into, from) => *into = from,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn later_values_win_and_maps_are_merged() {
        let text = "apiVersion: dataux/v1\nkind: Topology\nname: t\nspec:\n  values: {replicas: 3, persistence: {size: 50Gi}}\n  \
                    zones: [{name: cn, jurisdiction: CN}]\n  sites:\n  - name: a\n    kind: public\n    zone: cn\n    provider: ack\n    \
                    registry: r.example/x\n    identity: dataux\n    load_balancer: {subnet: vsw-1}\n    values: {replicas: 5, podSecurityContext: {fsGroup: null}}\n";
        let file = TopologyFile::parse(text, Path::new("t.yaml")).expect("right");
        let chart = Chart::open(None).expect("the chart");
        let values = merged(&file, &file.spec.sites[0], &chart).expect("merged");
        assert_eq!(values["replicas"], 5);
        assert_eq!(values["persistence"], json!({"storageClass": "alicloud-disk-topology-alltype", "size": "50Gi"}));
        assert_eq!(values["imageRegistry"], "r.example/x");
        assert_eq!(values["serviceAccount"]["annotations"]["pod-identity.alibabacloud.com/role-name"], "dataux");
        let balancer = &values["loadBalancer"];
        assert_eq!(balancer["enabled"], true);
        assert_eq!(balancer["annotations"]["service.beta.kubernetes.io/alibaba-cloud-loadbalancer-address-type"], "intranet");
        assert_eq!(balancer["annotations"]["service.beta.kubernetes.io/alibaba-cloud-loadbalancer-vswitch-id"], "vsw-1");
        assert_eq!(values["podSecurityContext"], json!({"fsGroup": null}), "null takes a default of the chart away");
        assert!(secrets(&values).is_empty());
        assert_eq!(secrets(&json!({"database": {"password": "x"}, "redis": {"password": ""}})), ["database.password"]);
    }
}
