//! A release as Helm keeps it, and the objects of it as the cluster holds them.

use std::time::Duration;

use base::{Error, Result};
use serde::Serialize;
use serde_json::Value;

use crate::cluster::{Cluster, essence};
use crate::codes::{CLUSTER_FORBIDDEN, TOOL_FAILED};
use crate::facts;
use crate::manifest::{self, Object, digest_of};

/// Longest time for Helm to tell what it knows.
const STATUS_SECONDS: u64 = 60;
/// Pods whose troubles an error repeats.
const TROUBLES_MAX: usize = 3;

/// What Helm knows of a release.
#[derive(Debug)]
pub struct Release {
    /// Grows by one with each change.
    pub revision: u64,
    /// Such as deployed, failed, pending-upgrade.
    pub status: String,
    /// When it was last changed, as Helm writes it.
    pub updated: String,
    /// Its objects.
    pub objects: Vec<Object>,
    /// Their digest.
    pub digest: String,
}

impl Release {
    /// Whether Helm thinks that somebody is changing it right now.
    pub fn is_pending(&self) -> bool {
        self.status.starts_with("pending-") || self.status == "uninstalling"
    }
}

/// How the pods of one Deployment are.
#[derive(Debug, Clone, Serialize)]
pub struct Part {
    /// The Deployment's name.
    pub name: String,
    /// Pods that serve.
    pub ready: u64,
    /// Pods that there should be.
    pub wanted: u64,
}

/// The release, if there is one.
pub async fn find(cluster: &Cluster) -> Result<Option<Release>> {
    let answer = cluster.helm(&["status", &cluster.release, "--output", "json"], Duration::from_secs(STATUS_SECONDS)).await;
    let text = match answer {
        Ok(text) => text,
        Err(error) if is_missing(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    let answer: Value = serde_json::from_str(&text).map_err(|error| {
        let command = format!("helm status {}", cluster.release);
        Error::new(&TOOL_FAILED).with("site", &cluster.site).with("command", command).with("reason", error)
    })?;
    let field = |path: &str| answer.pointer(path).and_then(Value::as_str).unwrap_or_default();
    let objects = manifest::read(field("/manifest"), &cluster.site)?;
    Ok(Some(Release {
        revision: answer["version"].as_u64().unwrap_or_default(),
        status: field("/info/status").to_owned(),
        updated: field("/info/last_deployed").to_owned(),
        digest: digest_of(&objects),
        objects,
    }))
}

fn is_missing(error: &Error) -> bool {
    error.arguments().get("reason").is_some_and(|reason| reason.contains("release: not found"))
}

/// Objects as the cluster holds them; those that are not there are left out.
pub async fn live(cluster: &Cluster, objects: &[Object]) -> Result<Vec<Object>> {
    if objects.is_empty() {
        return Ok(Vec::new());
    }
    let found =
        cluster.objects(&["get", "--ignore-not-found", "--output", "json", "-f", "-"], Some(&manifest::list(objects))).await?;
    Ok(found.into_iter().map(Object).collect())
}

/// What a cluster says to objects that it is offered.
#[derive(Debug)]
pub enum Offer {
    /// It takes them, and would then hold these.
    Taken(Vec<Object>),
    /// It refuses them, in its own words.
    Refused(String),
}

/// Offers objects to a cluster as Helm would apply them; nothing is changed.
pub async fn offer(cluster: &Cluster, objects: &[Object]) -> Result<Offer> {
    if objects.is_empty() {
        return Ok(Offer::Taken(Vec::new()));
    }
    let manner = [
        "apply",
        "--server-side",
        "--dry-run=server",
        "--force-conflicts",
        "--field-manager=helm",
        "--output",
        "json",
        "-f",
        "-",
    ];
    match cluster.objects(&manner, Some(&manifest::list(&marked(cluster, objects)))).await {
        Ok(found) => Ok(Offer::Taken(found.into_iter().map(Object).collect())),
        Err(error) if error.is(&TOOL_FAILED) || error.is(&CLUSTER_FORBIDDEN) => {
            Ok(Offer::Refused(error.arguments().get("reason").cloned().unwrap_or_default()))
        }
        Err(error) => Err(error),
    }
}

/// Puts objects back as they were installed, where applying would only merge: two ports of one name cannot stand side by side.
pub async fn put_back(cluster: &Cluster, objects: &[Object]) -> Result<()> {
    let objects = marked(cluster, objects);
    cluster.kubectl(&["replace", "--field-manager=helm", "-f", "-"], Some(&manifest::list(&objects))).await.map(|_| ())
}

/// Objects with what Helm adds by itself, so that it knows its own.
fn marked(cluster: &Cluster, objects: &[Object]) -> Vec<Object> {
    let mut objects = objects.to_vec();
    for object in &mut objects {
        object.0["metadata"]["annotations"]["meta.helm.sh/release-name"] = Value::from(cluster.release.as_str());
        object.0["metadata"]["annotations"]["meta.helm.sh/release-namespace"] = Value::from(cluster.namespace.as_str());
    }
    objects
}

/// How the Deployments among these objects are.
pub fn parts(live: &[Object]) -> Vec<Part> {
    let deployments = live.iter().filter(|object| object.kind() == "Deployment");
    deployments
        .map(|object| Part {
            name: object.name().to_owned(),
            ready: object.0.pointer("/status/readyReplicas").and_then(Value::as_u64).unwrap_or(0),
            wanted: object.0.pointer("/spec/replicas").and_then(Value::as_u64).unwrap_or(1),
        })
        .collect()
}

/// Who else keeps the release as it is, by the marks that they leave on objects.
pub fn owner(live: &[Object]) -> Option<&'static str> {
    let has = |object: &Object, place: &str, key: &str| object.0["metadata"][place].get(key).is_some();
    let by = |place: &str, keys: &[&str]| live.iter().any(|object| keys.iter().any(|key| has(object, place, key)));
    if by("annotations", &["argocd.argoproj.io/tracking-id"]) || by("labels", &["argocd.argoproj.io/instance"]) {
        return Some("Argo CD");
    }
    by("labels", &["helm.toolkit.fluxcd.io/name", "kustomize.toolkit.fluxcd.io/name"]).then_some("Flux")
}

/// Why pods of a release are not ready, as their containers and the scheduler say it.
pub async fn troubles(cluster: &Cluster) -> Vec<String> {
    let selector = format!("app.kubernetes.io/name={}", cluster.release);
    let pods = cluster.objects(&["get", "pods", "--selector", &selector, "--output", "json"], None).await.unwrap_or_default();
    pods.iter().filter_map(trouble).take(TROUBLES_MAX).collect()
}

fn trouble(pod: &Value) -> Option<String> {
    let name = pod.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    let waiting = |container: &Value| {
        let state = container.pointer("/state/waiting").or_else(|| container.pointer("/state/terminated"))?;
        let reason = state["reason"]
            .as_str()
            .filter(|reason| !matches!(*reason, "ContainerCreating" | "PodInitializing" | "Completed"))?;
        let message = essence(state["message"].as_str().unwrap_or_default());
        Some(if message.is_empty() { reason.to_owned() } else { format!("{reason}: {message}") })
    };
    let containers = ["initContainerStatuses", "containerStatuses"]
        .iter()
        .flat_map(|list| pod["status"][list].as_array().into_iter().flatten());
    let by_container = containers.filter_map(waiting).next();
    let conditions = pod.pointer("/status/conditions").and_then(Value::as_array);
    let unscheduled = conditions.into_iter().flatten().find(|one| one["type"] == "PodScheduled" && one["status"] == "False");
    let by_scheduler = unscheduled.and_then(|one| one["message"].as_str()).map(essence);
    let unready = conditions.into_iter().flatten().find(|one| one["type"] == "Ready" && one["status"] == "False");
    let by_probe = unready.map(|one| essence(one["message"].as_str().or(one["reason"].as_str()).unwrap_or("not ready")));
    by_container.or(by_scheduler).or(by_probe).map(|why| format!("{name}: {why}"))
}

/// The identity of a cluster: that of a namespace which every cluster has and nobody makes anew.
pub async fn identity(cluster: &Cluster) -> Result<String> {
    let found = facts::found(cluster, "/api/v1/namespaces/kube-system").await?;
    let uid = found.as_ref().and_then(|found| found.pointer("/metadata/uid")).and_then(Value::as_str);
    Ok(uid.unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pod_says_what_hinders_it() {
        let pod = |status: Value| json!({"metadata": {"name": "p"}, "status": status});
        let waiting =
            |reason: &str| json!({"containerStatuses": [{"state": {"waiting": {"reason": reason, "message": "no such image"}}}]});
        assert_eq!(trouble(&pod(waiting("ErrImagePull"))).as_deref(), Some("p: ErrImagePull: no such image"));
        assert_eq!(trouble(&pod(waiting("ContainerCreating"))), None);
        let unscheduled =
            json!({"conditions": [{"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available"}]});
        assert_eq!(trouble(&pod(unscheduled)).as_deref(), Some("p: 0/3 nodes are available"));
        assert_eq!(trouble(&pod(json!({"conditions": [{"type": "Ready", "status": "True"}]}))), None);
    }

    #[test]
    fn owners_leave_marks() {
        let object = |metadata: Value| vec![Object(json!({"kind": "Deployment", "metadata": metadata}))];
        assert_eq!(owner(&object(json!({"annotations": {"argocd.argoproj.io/tracking-id": "x"}}))), Some("Argo CD"));
        assert_eq!(owner(&object(json!({"labels": {"helm.toolkit.fluxcd.io/name": "x"}}))), Some("Flux"));
        assert_eq!(owner(&object(json!({"labels": {"app.kubernetes.io/managed-by": "Helm"}}))), None);
    }
}
