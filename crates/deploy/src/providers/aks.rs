//! Azure Kubernetes Service.

use super::{Identity, Mark, Provider};

/// Azure Kubernetes Service.
pub static AKS: Provider = Provider {
    name: "aks",
    title: "Azure Kubernetes Service",
    sources: &[
        "Azure Kubernetes Service documentation",
        "Use Container Storage Interface (CSI) drivers for Azure Disks",
        "Use an internal load balancer with AKS",
        "Use Microsoft Entra Workload ID with AKS",
    ],
    marks: &[Mark::Label("kubernetes.azure.com/cluster")],
    // The pod's label that goes with it is in the chart's values.
    identity: Some(Identity { annotation: "azure.workload.identity/client-id", namespace_label: None }),
    subnet_annotation: Some("service.beta.kubernetes.io/azure-load-balancer-internal-subnet"),
    subnet_needed: false,
};
