//! What each check says of a cluster that has one thing wrong.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use base::{Error, Language};
use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};

use super::{Sight, across, clock, look};
use crate::codes::CLUSTER_FORBIDDEN;
use crate::facts::{Clock, Facts, Tried};
use crate::finding::{Finding, Level};
use crate::manifest;
use crate::topology::TopologyFile;

const TEXT: &str = "apiVersion: dataux/v1\nkind: Topology\nname: t\nspec:\n  zones: [{name: cn, jurisdiction: CN}]\n  \
                    sites: [{name: a, kind: public, zone: cn, provider: ack, networks: [10.0.0.0/8]}]\n";

const OBJECTS: &str = "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: d}\nspec: {storageClassName: fast}\n---\n\
                       apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec:\n  replicas: 3\n  template:\n    spec:\n      containers:\n      \
                       - {name: d, resources: {requests: {cpu: 500m, memory: 1Gi}, limits: {memory: 2Gi}}}\n---\n\
                       apiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: d}\n";

fn node(name: &str) -> Value {
    json!({
        "metadata": {"name": name, "labels": {"alibabacloud.com/nodepool-id": "np", "topology.kubernetes.io/zone": "h"}},
        "spec": {"podCIDRs": ["10.42.0.0/24"]},
        "status": {
            "conditions": [{"type": "Ready", "status": "True"}],
            "allocatable": {"cpu": "4", "memory": "16Gi"},
            "addresses": [{"type": "InternalIP", "address": "10.1.0.4"}],
            "nodeInfo": {"osImage": "Alibaba Cloud Linux 3", "kernelVersion": "5.10.134", "kubeletVersion": "v1.36.3-aliyun.1",
                         "containerRuntimeVersion": "containerd://2.1.5", "architecture": "amd64"},
        },
    })
}

fn facts() -> Facts {
    let now = Utc::now();
    let groups = ["v1", "apps/v1", "monitoring.coreos.com/v1"].map(str::to_owned);
    Facts {
        version: "v1.36.3-aliyun.1".to_owned(),
        first_answer: Duration::from_millis(40),
        groups: Ok(BTreeSet::from(groups)),
        nodes: Ok(vec![node("n1"), node("n2")]),
        classes: Ok(vec![json!({"metadata": {"name": "fast"}, "volumeBindingMode": "WaitForFirstConsumer"})]),
        namespace: Ok(Some(json!({"metadata": {"name": "dataux"}}))),
        quotas: Ok(Vec::new()),
        resolvers: Ok(2),
        is_installed: Ok(false),
        rendered: Ok(crate::render::tests::rendered(manifest::read(OBJECTS, "a").expect("right"))),
        lacking: Ok(Vec::new()),
        tried: Ok(Tried {
            namespace: "dataux".to_owned(),
            refusal: None,
            clock: Some(Clock { before: now, there: now, after: now }),
        }),
    }
}

fn findings(facts: &Facts, strict: bool) -> Vec<Finding> {
    let file = TopologyFile::parse(TEXT, Path::new("t.yaml")).expect("right");
    look(&Sight { site: &file.spec.sites[0], facts, strict })
}

/// The one finding that is not good, and what it says.
fn odd(facts: &Facts) -> (Level, String) {
    let odd: Vec<Finding> = findings(facts, false).into_iter().filter(|finding| finding.level != Level::Good).collect();
    assert_eq!(odd.len(), 1, "{odd:#?}");
    assert!(!odd[0].reason.say(Language::Zh).is_empty());
    (odd[0].level, format!("{}: {}", odd[0].check, odd[0].reason.say(Language::En)))
}

fn says(facts: &Facts, level: Level, expected: &str) {
    let (found, text) = odd(facts);
    assert_eq!(found, level, "{text}");
    assert!(text.contains(expected), "expected {expected}, found {text}");
}

#[test]
fn a_right_cluster_has_no_findings() {
    let findings = findings(&facts(), false);
    assert!(findings.iter().all(|finding| finding.level == Level::Good), "{findings:#?}");
    let checks: BTreeSet<&str> = findings.iter().map(|finding| finding.check).collect();
    assert_eq!(checks.len(), super::ALL.len() - 1, "every check speaks but that of secrets: {checks:?}");
}

#[test]
fn each_thing_that_is_wrong_is_found_once() {
    use Level::{Failure, Warning};

    says(
        &Facts { version: "v1.27.9-aliyun.1".to_owned(), ..facts() },
        Failure,
        "kubernetes: v1.27.9-aliyun.1 is older than 1.28",
    );
    let mut nodes = vec![node("n1"), node("n2")];
    nodes[1]["status"]["nodeInfo"]["osImage"] = json!("CentOS Linux 7 (Core)");
    says(
        &Facts { nodes: Ok(nodes.clone()), ..facts() },
        Failure,
        "systems: 2 kinds of operating system: Alibaba Cloud Linux 3 (1), CentOS Linux 7 (Core) (1)",
    );
    nodes[1] = node("n2");
    nodes[1]["status"]["conditions"] = json!([]);
    says(&Facts { nodes: Ok(nodes.clone()), ..facts() }, Warning, "nodes: 1 of 2 nodes are ready; not: n2");
    nodes[1] = node("n2");
    nodes[1]["status"]["nodeInfo"]["architecture"] = json!("arm64");
    says(&Facts { nodes: Ok(nodes.clone()), ..facts() }, Warning, "systems: several architectures");
    nodes[1] = node("n2");
    nodes[1]["status"]["addresses"][0]["address"] = json!("192.168.0.9");
    says(&Facts { nodes: Ok(nodes.clone()), ..facts() }, Failure, "networks: nodes or pods are in 192.168.0.9/32");
    nodes = vec![node("n1")];
    nodes[0]["status"]["allocatable"]["memory"] = json!("512Mi");
    says(&Facts { nodes: Ok(nodes.clone()), ..facts() }, Failure, "capacity: no node has 0.50 CPUs and 1.0 GiB for a pod of d");
    nodes[0] = node("n1");
    nodes[0]["metadata"]["labels"] = json!({"eks.amazonaws.com/nodegroup": "ng"});
    says(&Facts { nodes: Ok(nodes), ..facts() }, Warning, "provider: declared as ack, looks like eks");
    says(&Facts { resolvers: Ok(0), ..facts() }, Warning, "dns: no server");
    says(&Facts { classes: Ok(Vec::new()), ..facts() }, Failure, "storage: there is no storage class `fast`");
    says(
        &Facts { groups: Ok(BTreeSet::from(["v1", "apps/v1"].map(str::to_owned))), ..facts() },
        Failure,
        "kinds: monitoring.coreos.com/v1 is not there, which ServiceMonitor",
    );
    says(
        &Facts { lacking: Ok(vec!["create secrets".to_owned()]), ..facts() },
        Failure,
        "permissions: 1 permission missing: create secrets",
    );
    let quota = json!({"metadata": {"name": "small"}, "status": {"hard": {"requests.memory": "4Gi", "pods": "10"}, "used": {"requests.memory": "2Gi", "pods": "1"}}});
    says(
        &Facts { quotas: Ok(vec![quota.clone()]), ..facts() },
        Failure,
        "capacity: the quota `small` has 2.0 GiB of requests.memory left; 3.0 GiB are needed",
    );
    let installed = Facts { quotas: Ok(vec![quota]), is_installed: Ok(true), ..facts() };
    assert!(findings(&installed, false).iter().all(|finding| finding.level == Level::Good), "what runs is counted already");
    let refused = Tried { namespace: "dataux".to_owned(), refusal: Some("violates PodSecurity".to_owned()), clock: None };
    says(&Facts { tried: Ok(refused), ..facts() }, Failure, "admission: the pod is refused in `dataux`: violates PodSecurity");
}

#[test]
fn half_an_api_missing_hides_nothing_else() {
    let forbidden = || Error::new(&CLUSTER_FORBIDDEN).with("site", "a").with("reason", "storageclasses is forbidden");
    let facts = Facts { classes: Err(forbidden()), resolvers: Err(forbidden()), ..facts() };
    let odd: Vec<Finding> = findings(&facts, false).into_iter().filter(|finding| finding.level != Level::Good).collect();
    assert_eq!(
        odd.iter().map(|finding| (finding.check, finding.level)).collect::<Vec<_>>(),
        [("dns", Level::Warning), ("storage", Level::Failure)]
    );
    assert!(!odd[1].fix.say(Language::En).is_empty());
}

#[test]
fn zones_matter_to_a_class_that_binds_at_once() {
    let mut nodes = vec![node("n1"), node("n2")];
    nodes[1]["metadata"]["labels"]["topology.kubernetes.io/zone"] = json!("i");
    let classes = || Ok(vec![json!({"metadata": {"name": "fast"}, "volumeBindingMode": "Immediate"})]);
    says(&Facts { nodes: Ok(nodes), classes: classes(), ..facts() }, Level::Warning, "`fast` binds at once, in one of 2 zones");
    assert!(
        findings(&Facts { classes: classes(), ..facts() }, false).iter().all(|finding| finding.level == Level::Good),
        "one zone"
    );
}

#[test]
fn strict_asks_for_docker_and_one_system_everywhere() {
    let odd: Vec<Finding> = findings(&facts(), true).into_iter().filter(|finding| finding.level != Level::Good).collect();
    assert_eq!(odd.iter().map(|finding| finding.check).collect::<Vec<_>>(), ["runtime"]);
    let mut other = node("m1");
    other["status"]["nodeInfo"]["osImage"] = json!("Ubuntu 24.04");
    let (one, two) = ([node("n1")], [other]);
    let level = |sites: &[(&str, &[Value])], strict| across(sites, strict).map(|finding| finding.level);
    assert_eq!(level(&[("a", &one), ("b", &two)], false), Some(Level::Warning));
    assert_eq!(level(&[("a", &one), ("b", &two)], true), Some(Level::Failure));
    assert_eq!(level(&[("a", &one), ("b", &one)], true), Some(Level::Good));
    assert_eq!(level(&[("a", &one), ("b", &[])], true), None, "there is nothing to compare");
}

#[test]
fn clocks_agree_within_what_can_be_seen() {
    let now = Utc::now();
    let seconds = |there: i64| {
        let clock = Clock { before: now, there: now + TimeDelta::seconds(there), after: now + TimeDelta::seconds(2) };
        clock::skew(&clock).num_seconds()
    };
    assert_eq!((seconds(0), seconds(1), seconds(-1)), (0, 0, 0));
    assert_eq!((seconds(62), seconds(-61)), (60, 60));
}
