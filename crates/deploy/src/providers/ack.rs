//! Alibaba Cloud Container Service for Kubernetes.

use super::{Identity, Mark, Provider};

/// Alibaba Cloud ACK.
pub static ACK: Provider = Provider {
    name: "ack",
    title: "Alibaba Cloud ACK",
    sources: &[
        "Container Service for Kubernetes documentation",
        "Dynamically provisioned disk volumes",
        "Use annotations to configure CLB instances",
        "Use RRSA to authorize different pods to access different cloud services",
    ],
    marks: &[
        Mark::Label("alibabacloud.com/nodepool-id"),
        Mark::Version("aliyun"),
        Mark::Id("alicloud://"),
        Mark::IdShape(is_instance),
    ],
    identity: Some(Identity {
        annotation: "pod-identity.alibabacloud.com/role-name",
        namespace_label: Some(("pod-identity.alibabacloud.com/injection", "on")),
    }),
    subnet_annotation: Some("service.beta.kubernetes.io/alibaba-cloud-loadbalancer-vswitch-id"),
    subnet_needed: false,
};

/// `cn-hangzhou.i-…`: region and instance, without a scheme.
fn is_instance(id: &str) -> bool {
    id.split_once('.').is_some_and(|(region, instance)| {
        instance.starts_with("i-") && region.contains('-') && region.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    })
}
