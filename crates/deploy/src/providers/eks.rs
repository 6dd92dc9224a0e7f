//! Amazon EKS.

use super::{Identity, Mark, Provider};

/// Amazon EKS.
pub static EKS: Provider = Provider {
    name: "eks",
    title: "Amazon EKS",
    sources: &[
        "Amazon EKS User Guide",
        "Store Kubernetes volumes with Amazon EBS",
        "Route TCP and UDP traffic with Network Load Balancers",
        "IAM roles for service accounts",
    ],
    marks: &[Mark::Label("eks.amazonaws.com/nodegroup"), Mark::Version("-eks-")],
    identity: Some(Identity { annotation: "eks.amazonaws.com/role-arn", namespace_label: None }),
    subnet_annotation: Some("service.beta.kubernetes.io/aws-load-balancer-subnets"),
    subnet_needed: false,
};
