//! Tencent Kubernetes Engine.

use super::{Identity, Mark, Provider};

/// Tencent Kubernetes Engine.
pub static TKE: Provider = Provider {
    name: "tke",
    title: "Tencent Kubernetes Engine",
    sources: &[
        "Tencent Kubernetes Engine documentation",
        "Instructions on CBS-CSI",
        "Service Annotation",
        "Using OIDC for resource access control",
    ],
    marks: &[Mark::Label("cloud.tencent.com/node-instance-id"), Mark::Version("-tke."), Mark::Id("qcloud:///")],
    identity: Some(Identity { annotation: "tke.cloud.tencent.com/role-arn", namespace_label: None }),
    subnet_annotation: Some("service.kubernetes.io/qcloud-loadbalancer-internal-subnetid"),
    subnet_needed: true,
};
