//! Google Kubernetes Engine, Standard and Autopilot.

use super::{Identity, Mark, Provider};

/// Google Kubernetes Engine.
pub static GKE: Provider = Provider {
    name: "gke",
    title: "Google Kubernetes Engine",
    sources: &[
        "GKE documentation",
        "Using the Compute Engine persistent disk CSI Driver",
        "Create an internal load balancer",
        "Authenticate to Google Cloud APIs from GKE workloads",
    ],
    marks: &[Mark::Label("cloud.google.com/gke-nodepool"), Mark::Version("-gke.")],
    identity: Some(Identity { annotation: "iam.gke.io/gcp-service-account", namespace_label: None }),
    subnet_annotation: Some("networking.gke.io/internal-load-balancer-subnet"),
    subnet_needed: false,
};
