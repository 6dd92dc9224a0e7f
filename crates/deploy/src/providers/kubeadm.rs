//! Clusters made by kubeadm, in a data centre of one's own.

use super::{Mark, Provider};

/// kubeadm.
pub static KUBEADM: Provider = Provider {
    name: "kubeadm",
    title: "kubeadm",
    sources: &["Kubernetes documentation", "Creating a cluster with kubeadm"],
    marks: &[Mark::ControlPlane],
    identity: None,
    subnet_annotation: None,
    subnet_needed: false,
};
