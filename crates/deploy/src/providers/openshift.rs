//! Red Hat OpenShift 4.

use super::{Mark, Provider};

/// Red Hat OpenShift.
pub static OPENSHIFT: Provider = Provider {
    name: "openshift",
    title: "Red Hat OpenShift",
    sources: &["OpenShift Container Platform documentation", "Managing security context constraints (restricted-v2)"],
    marks: &[Mark::Group("apps.openshift.io")],
    // Identity and load balancers are those of the cloud that it runs on: they stand in the site's `values`.
    identity: None,
    subnet_annotation: None,
    subnet_needed: false,
};
