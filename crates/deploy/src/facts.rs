//! What a cluster shows of itself: asked once, all at the same time, so that checks only look.

use std::collections::BTreeSet;
use std::time::Duration;

use base::{Error, Result};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::chart::Chart;
use crate::cluster::Cluster;
use crate::manifest::Object;
use crate::render::{Rendered, render};
use crate::topology::{Site, TopologyFile};

/// Most nodes that are looked at.
const NODES_MAX: usize = 2000;

/// What could be seen, or why not.
pub type Fact<T> = Result<T>;

/// What one site's cluster shows.
#[derive(Debug)]
pub struct Facts {
    /// Its version, such as v1.36.3-eks-a1b2c3d.
    pub version: String,
    /// How long the first answer took.
    pub first_answer: Duration,
    /// Groups of its API, and groups with their versions.
    pub groups: Fact<BTreeSet<String>>,
    /// Its nodes.
    pub nodes: Fact<Vec<Value>>,
    /// Its storage classes.
    pub classes: Fact<Vec<Value>>,
    /// The release's namespace, if it is there.
    pub namespace: Fact<Option<Value>>,
    /// Quotas of the namespace.
    pub quotas: Fact<Vec<Value>>,
    /// Addresses that answer for names inside.
    pub resolvers: Fact<usize>,
    /// Whether the release's Deployment is there already.
    pub is_installed: Fact<bool>,
    /// What the chart makes for this site.
    pub rendered: Fact<Rendered>,
    /// What this account lacks, as `verb resource`.
    pub lacking: Fact<Vec<String>>,
    /// What the cluster says to the release's pod, and when.
    pub tried: Fact<Tried>,
}

/// A pod that was offered without being made.
#[derive(Debug)]
pub struct Tried {
    /// The namespace it was offered in.
    pub namespace: String,
    /// Why it was refused, if it was.
    pub refusal: Option<String>,
    /// The cluster's clock, and this host's before and after.
    pub clock: Option<Clock>,
}

/// One look at two clocks.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    /// This host's, before.
    pub before: DateTime<Utc>,
    /// The cluster's, in whole seconds.
    pub there: DateTime<Utc>,
    /// This host's, after.
    pub after: DateTime<Utc>,
}

/// Asks a cluster. Only what needs an answer at all is an error.
pub async fn look(file: &TopologyFile, site: &Site, chart: &Chart, cluster: &Cluster) -> Result<Facts> {
    let began = std::time::Instant::now();
    let version = version(cluster).await?;
    let first_answer = began.elapsed();
    let kube_system = "/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices?labelSelector=k8s-app%3Dkube-dns";
    let openshift = "/apis/discovery.k8s.io/v1/namespaces/openshift-dns/endpointslices";
    let here = format!("/api/v1/namespaces/{}", cluster.namespace);
    let deployment = format!("/apis/apps/v1/namespaces/{}/deployments/{}", cluster.namespace, cluster.release);
    let (all_nodes, quota) = (format!("/api/v1/nodes?limit={NODES_MAX}"), format!("{here}/resourcequotas"));
    let (groups, nodes, classes, namespace, quotas, resolvers, installed, rendered) = tokio::join!(
        raw(cluster, "/apis"),
        items(cluster, &all_nodes),
        items(cluster, "/apis/storage.k8s.io/v1/storageclasses"),
        found(cluster, &here),
        items(cluster, &quota),
        items(cluster, if site.provider().name == "openshift" { openshift } else { kube_system }),
        found(cluster, &deployment),
        render(file, site, chart, cluster, Some(&version)),
    );
    let namespace_there = matches!(&namespace, Ok(Some(_)));
    let objects = rendered.as_ref().map(|rendered| rendered.objects.as_slice()).unwrap_or_default();
    let (lacking, tried) = tokio::join!(lacking(cluster, objects, namespace_there), offer(cluster, objects, namespace_there));
    Ok(Facts {
        version,
        first_answer,
        groups: groups.map(|answer| group_names(&answer)),
        nodes,
        classes,
        namespace,
        quotas,
        resolvers: resolvers.map(|slices| ready_addresses(&slices)),
        is_installed: installed.map(|found| found.is_some()),
        rendered,
        lacking,
        tried,
    })
}

/// The version of a cluster's API server.
pub(crate) async fn version(cluster: &Cluster) -> Result<String> {
    Ok(raw(cluster, "/version").await?["gitVersion"].as_str().unwrap_or_default().to_owned())
}

/// What stands at a path of the API; nothing if there is nothing.
pub(crate) async fn found(cluster: &Cluster, path: &str) -> Result<Option<Value>> {
    match raw(cluster, path).await {
        Ok(value) => Ok(Some(value)),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether an error says that there is nothing of that name.
pub(crate) fn is_missing(error: &Error) -> bool {
    error.arguments().get("reason").is_some_and(|reason| reason.contains("(NotFound)"))
}

async fn raw(cluster: &Cluster, path: &str) -> Result<Value> {
    cluster.json(&["get", "--raw", path], None).await
}

async fn items(cluster: &Cluster, path: &str) -> Result<Vec<Value>> {
    match raw(cluster, path).await?["items"].take() {
        Value::Array(items) => Ok(items),
        _ => Ok(Vec::new()),
    }
}

fn group_names(answer: &Value) -> BTreeSet<String> {
    let mut names = BTreeSet::from(["v1".to_owned()]);
    for group in answer["groups"].as_array().into_iter().flatten() {
        names.extend(group["name"].as_str().map(str::to_owned));
        let versions = group["versions"].as_array().into_iter().flatten();
        names.extend(versions.filter_map(|version| version["groupVersion"].as_str()).map(str::to_owned));
    }
    names
}

fn ready_addresses(slices: &[Value]) -> usize {
    let endpoints = slices.iter().flat_map(|slice| slice["endpoints"].as_array().into_iter().flatten());
    let ready = endpoints.filter(|endpoint| endpoint.pointer("/conditions/ready") != Some(&Value::Bool(false)));
    ready.map(|endpoint| endpoint["addresses"].as_array().map_or(0, Vec::len)).sum()
}

/// What Helm and this program do, against what the account may.
async fn lacking(cluster: &Cluster, objects: &[Object], namespace_there: bool) -> Result<Vec<String>> {
    let review = json!({ "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview", "spec": { "namespace": cluster.namespace } });
    let answer = cluster.json(&["create", "-f", "-", "--output", "json"], Some(&review.to_string())).await?;
    let rules = answer.pointer("/status/resourceRules").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut doubtful: Vec<(String, String, &str)> = needed(objects);
    doubtful.retain(|(group, resource, verb)| !rules.iter().any(|rule| allows(rule, group, resource, verb)));
    if !namespace_there {
        doubtful.push((String::new(), "namespaces".to_owned(), "create"));
    }
    if doubtful.is_empty() {
        return Ok(Vec::new());
    }
    // Rules may be incomplete where a webhook decides, so what they do not allow is asked one by one.
    let reviews: Vec<Value> = doubtful.iter().map(|(group, resource, verb)| {
        let attributes = if resource == "namespaces" {
            json!({ "group": group, "resource": resource, "verb": verb })
        } else {
            json!({ "namespace": cluster.namespace, "group": group, "resource": resource, "verb": verb })
        };
        json!({ "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": { "resourceAttributes": attributes } })
    }).collect();
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": reviews }).to_string();
    let answers = cluster.objects(&["create", "-f", "-", "--output", "json"], Some(&list)).await?;
    let refused =
        doubtful.iter().zip(&answers).filter(|(_, answer)| answer.pointer("/status/allowed") != Some(&Value::Bool(true)));
    Ok(refused
        .map(
            |((group, resource, verb), _)| {
                if group.is_empty() { format!("{verb} {resource}") } else { format!("{verb} {resource}.{group}") }
            },
        )
        .collect())
}

/// Group, resource and verb of all that is done.
fn needed(objects: &[Object]) -> Vec<(String, String, &'static str)> {
    let mut all = BTreeSet::new();
    for object in objects {
        for verb in ["get", "create", "patch", "delete"] {
            all.insert((object.group().to_owned(), resource(object.kind()), verb));
        }
    }
    // Helm keeps releases in Secrets; a site's lock is a Lease; what hinders a release is read from pods.
    for verb in ["get", "list", "create", "update", "delete"] {
        all.insert((String::new(), "secrets".to_owned(), verb));
    }
    for verb in ["get", "create", "update"] {
        all.insert(("coordination.k8s.io".to_owned(), "leases".to_owned(), verb));
    }
    all.insert((String::new(), "pods".to_owned(), "list"));
    all.into_iter().collect()
}

/// The resource of a kind, by the plural that the API's machinery forms as well.
fn resource(kind: &str) -> String {
    let name = kind.to_lowercase();
    let ends = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
    match name.strip_suffix('y') {
        Some(stem) if !ends(&["ay", "ey", "oy", "uy"]) => format!("{stem}ies"),
        _ if ends(&["s", "x", "ch"]) => name + "es",
        _ => name + "s",
    }
}

fn allows(rule: &Value, group: &str, resource: &str, verb: &str) -> bool {
    let has = |field: &str, wanted: &str| {
        rule[field]
            .as_array()
            .is_some_and(|list| list.iter().filter_map(Value::as_str).any(|known| known == "*" || known == wanted))
    };
    let narrowed = rule["resourceNames"].as_array().is_some_and(|names| !names.is_empty());
    !narrowed && has("apiGroups", group) && has("resources", resource) && has("verbs", verb)
}

/// Offers the release's pod to the cluster's admission, without making it; the answer carries the cluster's clock.
async fn offer(cluster: &Cluster, objects: &[Object], namespace_there: bool) -> Result<Tried> {
    let namespace = if namespace_there { cluster.namespace.clone() } else { "default".to_owned() };
    let template = objects.iter().find(|object| object.kind() == "Deployment").map(|object| object.0["spec"]["template"].clone());
    let mut pod = template.unwrap_or_else(|| json!({ "metadata": {}, "spec": { "containers": [] } }));
    pod["apiVersion"] = json!("v1");
    pod["kind"] = json!("Pod");
    pod["metadata"]["name"] = json!(format!("{}-preflight", cluster.release));
    pod["metadata"]["namespace"] = json!(namespace);
    // The release's own account is not there yet.
    pod["spec"]["serviceAccountName"] = json!("default");
    let elsewhere = cluster.inside(&namespace);
    let before = Utc::now();
    let answer = elsewhere.json(&["create", "-f", "-", "--dry-run=server", "--output", "json"], Some(&pod.to_string())).await;
    let after = Utc::now();
    match answer {
        Ok(answer) => {
            let there = answer.pointer("/metadata/creationTimestamp").and_then(Value::as_str);
            let there = there.and_then(|text| DateTime::parse_from_rfc3339(text).ok()).map(|there| there.to_utc());
            Ok(Tried { namespace, refusal: None, clock: there.map(|there| Clock { before, there, after }) })
        }
        Err(error) if error.is(&crate::codes::CLUSTER_FORBIDDEN) || error.is(&crate::codes::TOOL_FAILED) => {
            Ok(Tried { namespace, refusal: error.arguments().get("reason").cloned(), clock: None })
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_become_resources() {
        for (kind, expected) in [
            ("Deployment", "deployments"),
            ("NetworkPolicy", "networkpolicies"),
            ("Ingress", "ingresses"),
            ("Gateway", "gateways"),
            ("ServiceEntry", "serviceentries"),
            ("Telemetry", "telemetries"),
            ("HTTPRoute", "httproutes"),
        ] {
            assert_eq!(resource(kind), expected);
        }
    }

    #[test]
    fn rules_allow_by_star_and_by_name_but_not_for_named_objects() {
        let rule =
            |group: &str, resource: &str, verb: &str| json!({"apiGroups": [group], "resources": [resource], "verbs": [verb]});
        assert!(allows(&rule("*", "*", "*"), "apps", "deployments", "patch"));
        assert!(allows(&rule("apps", "deployments", "patch"), "apps", "deployments", "patch"));
        assert!(!allows(&rule("", "deployments", "patch"), "apps", "deployments", "patch"));
        let narrowed = json!({"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"], "resourceNames": ["one"]});
        assert!(!allows(&narrowed, "apps", "deployments", "patch"));
    }

    #[test]
    fn resolvers_are_addresses_that_are_ready() {
        let slice = json!({"endpoints": [{"addresses": ["10.0.0.1"], "conditions": {"ready": true}}, {"addresses": ["10.0.0.2"], "conditions": {"ready": false}}]});
        assert_eq!(ready_addresses(&[slice]), 1);
        let names = group_names(&json!({"groups": [{"name": "apps", "versions": [{"groupVersion": "apps/v1"}]}]}));
        assert_eq!(names.into_iter().collect::<Vec<_>>(), ["apps", "apps/v1", "v1"]);
    }
}
