//! Kinds of clusters, one file each: how to tell them, and what the chart needs to be told there.

mod ack;
mod aks;
mod eks;
mod gke;
mod k3s;
mod kubeadm;
mod openshift;
mod tke;

use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::Value;

/// Every kind of cluster. The chart has a file `values/NAME.yaml` for each.
pub const ALL: &[&Provider] =
    &[&eks::EKS, &aks::AKS, &gke::GKE, &ack::ACK, &tke::TKE, &openshift::OPENSHIFT, &k3s::K3S, &kubeadm::KUBEADM];

/// One kind of cluster.
#[derive(Debug)]
pub struct Provider {
    /// Its name in a topology, and of its file of values.
    pub name: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// The vendor's documents that all this is from.
    pub sources: &'static [&'static str],
    /// What tells it from others.
    pub marks: &'static [Mark],
    /// How pods get the cloud's identity.
    pub identity: Option<Identity>,
    /// The annotation that names the subnet of an internal load balancer.
    pub subnet_annotation: Option<&'static str>,
    /// Whether a load balancer without a subnet would be outside.
    pub subnet_needed: bool,
}

/// The label of nodes that kubeadm, k3s and OpenShift alike put the control plane on.
const CONTROL_PLANE: &str = "node-role.kubernetes.io/control-plane";

/// How pods get the cloud's identity: by an annotation of their service account.
#[derive(Debug)]
pub struct Identity {
    /// Its key; the value is the site's `identity`.
    pub annotation: &'static str,
    /// A label that the namespace needs as well.
    pub namespace_label: Option<(&'static str, &'static str)>,
}

/// Something that only one kind of cluster shows.
#[derive(Debug, Clone, Copy)]
pub enum Mark {
    /// A group of the API.
    Group(&'static str),
    /// A label of nodes with this value.
    LabelValue(&'static str, &'static str),
    /// A label of nodes.
    Label(&'static str),
    /// A part of the version.
    Version(&'static str),
    /// The beginning of nodes' provider ids.
    Id(&'static str),
    /// The shape of nodes' provider ids.
    IdShape(fn(&str) -> bool),
    /// Nodes of the control plane, which clouds do not show.
    ControlPlane,
}

impl Mark {
    /// Surer marks are looked at first: a distribution runs on a cloud's machines and shows the cloud's marks as well.
    fn rank(self) -> u8 {
        match self {
            Self::Group(_) => 0,
            Self::LabelValue(..) => 1,
            Self::Label(_) => 2,
            Self::Version(_) => 3,
            Self::Id(_) => 4,
            Self::IdShape(_) => 5,
            Self::ControlPlane => 6,
        }
    }

    fn shows(self, version: &str, groups: &[String], nodes: &[Value]) -> bool {
        let label = |node: &Value, key: &str| node.pointer("/metadata/labels")?.get(key)?.as_str().map(str::to_owned);
        let id = |node: &Value| node.pointer("/spec/providerID").and_then(Value::as_str).unwrap_or_default().to_owned();
        match self {
            Self::Group(group) => groups.iter().any(|known| known == group),
            Self::LabelValue(key, value) => nodes.iter().any(|node| label(node, key).as_deref() == Some(value)),
            Self::Label(key) => nodes.iter().any(|node| label(node, key).is_some()),
            Self::Version(part) => version.contains(part),
            Self::Id(start) => nodes.iter().any(|node| id(node).starts_with(start)),
            Self::IdShape(fits) => nodes.iter().any(|node| fits(&id(node))),
            Self::ControlPlane => nodes.iter().any(|node| label(node, CONTROL_PLANE).is_some()),
        }
    }
}

/// The kind of this name.
pub fn find(name: &str) -> Option<&'static Provider> {
    ALL.iter().copied().find(|provider| provider.name == name)
}

/// What kind a cluster shows itself to be, if it shows any.
pub fn detect(version: &str, groups: &[String], nodes: &[Value]) -> Option<&'static Provider> {
    let marks = ALL.iter().flat_map(|provider| provider.marks.iter().map(move |mark| (*provider, *mark)));
    let shown = marks.filter(|(_, mark)| mark.shows(version, groups, nodes));
    shown.min_by_key(|(_, mark)| mark.rank()).map(|(provider, _)| provider)
}

/// The schema of a provider's name.
pub(crate) fn schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "enum": ALL.iter().map(|provider| provider.name).collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(version: &str, groups: &[&str], node: Value) -> Option<&'static str> {
        let groups: Vec<String> = groups.iter().map(|group| (*group).to_owned()).collect();
        detect(version, &groups, &[node]).map(|provider| provider.name)
    }

    fn node(id: &str, label: &str, value: &str) -> Value {
        json!({"metadata": {"labels": {"kubernetes.io/os": "linux", label: value}}, "spec": {"providerID": id}})
    }

    #[test]
    fn each_kind_is_told_by_its_marks() {
        for (name, version, found) in [
            ("eks", "v1.36.3-eks-a1b2c3d", node("aws:///us-west-2a/i-0a1b", "eks.amazonaws.com/nodegroup", "ng-1")),
            ("eks", "v1.36.3-eks-a1b2c3d", node("", "x", "")),
            ("aks", "v1.36.3", node("azure:///subscriptions/0/x", "kubernetes.azure.com/cluster", "mc")),
            ("gke", "v1.36.3-gke.1080000", node("gce://p/z/n", "cloud.google.com/gke-nodepool", "np")),
            ("ack", "v1.36.3-aliyun.1", node("cn-hangzhou.i-bp1aaa", "alibabacloud.com/nodepool-id", "np")),
            ("ack", "v1.36.3", node("cn-hangzhou.i-bp1aaa", "x", "")),
            ("tke", "v1.36.3-tke.2", node("qcloud:///100003/ins-a", "cloud.tencent.com/node-instance-id", "ins-a")),
            ("k3s", "v1.36.3+k3s1", node("k3s://edge-1", "node.kubernetes.io/instance-type", "k3s")),
            ("kubeadm", "v1.36.3", node("", "node-role.kubernetes.io/control-plane", "")),
        ] {
            assert_eq!(told(version, &["apps"], found.clone()), Some(name), "{found}");
        }
        assert_eq!(told("v1.36.3", &[], node("", "x", "")), None);
    }

    #[test]
    fn a_distribution_on_a_cloud_is_the_distribution() {
        let machine = node("aws:///us-west-2a/i-0a1b", "x", "");
        assert_eq!(told("v1.36.3", &["apps.openshift.io"], machine.clone()), Some("openshift"));
        assert_eq!(told("v1.36.3+k3s1", &[], machine), Some("k3s"));
        assert_eq!(told("v1.36.3+k3s1", &[], node("", CONTROL_PLANE, "")), Some("k3s"));
        let amazon = node("aws:///us-west-2a/i-0a1b", "node-role.kubernetes.io/control-plane", "");
        assert_eq!(told("v1.36.3", &[], amazon), Some("kubeadm"), "machines of a cloud, cluster of one's own");
    }

    #[test]
    fn the_chart_has_values_for_each_and_names_the_sources() {
        for provider in ALL {
            let text = crate::chart::embedded(&format!("values/{}.yaml", provider.name)).expect(provider.name);
            let text = text.lines().map(|line| line.trim_start_matches(['#', ' '])).collect::<Vec<_>>().join(" ");
            assert!(!provider.sources.is_empty(), "{}", provider.name);
            for source in provider.sources {
                assert!(text.contains(source), "{}: the chart's values do not name `{source}`", provider.name);
            }
        }
    }
}
