//! k3s, for sites at the edge.

use super::{Mark, Provider};

/// k3s.
pub static K3S: Provider = Provider {
    name: "k3s",
    title: "k3s",
    sources: &["K3s documentation", "Volumes and Storage (local-path)"],
    marks: &[Mark::LabelValue("node.kubernetes.io/instance-type", "k3s"), Mark::Version("+k3s")],
    identity: None,
    subnet_annotation: None,
    subnet_needed: false,
};
