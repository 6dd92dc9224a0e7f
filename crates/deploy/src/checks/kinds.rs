//! That the cluster knows every kind of object that the values ask for: Istio's, Prometheus', the Gateway API's.

use std::collections::BTreeSet;

use super::Sight;
use crate::finding::{Finding, Level};

const NAME: &str = "kinds";

/// Who brings a group of the API.
const OWNERS: &[(&str, &str)] = &[
    ("networking.istio.io", "Istio"),
    ("security.istio.io", "Istio"),
    ("telemetry.istio.io", "Istio"),
    ("monitoring.coreos.com", "the Prometheus operator"),
    ("gateway.networking.k8s.io", "the Gateway API"),
    ("keda.sh", "KEDA"),
];

pub(super) fn look(sight: &Sight) -> Vec<Finding> {
    let rendered = match &sight.facts.rendered {
        Ok(rendered) => rendered,
        Err(error) => return vec![Finding::unseen("chart", Level::Failure, error)],
    };
    let groups = match &sight.facts.groups {
        Ok(groups) => groups,
        Err(error) => return vec![Finding::unseen(NAME, Level::Failure, error)],
    };
    let wanted: BTreeSet<&str> = rendered.objects.iter().map(|object| object.api_version()).collect();
    let missing: Vec<&str> = wanted.iter().copied().filter(|version| !groups.contains(*version)).collect();
    if missing.is_empty() {
        let count = wanted.len();
        return vec![Finding::good(NAME, format!("all {count} API groups are there"), format!("所需的 {count} 个 API 组都在"))];
    }
    let finding = |version: &&str| {
        let kinds: BTreeSet<&str> =
            rendered.objects.iter().filter(|object| object.api_version() == *version).map(|object| object.kind()).collect();
        let kinds = kinds.into_iter().collect::<Vec<_>>().join(", ");
        let group = version.split('/').next().unwrap_or_default();
        let owner = OWNERS.iter().find(|(known, _)| *known == group).map_or(group, |(_, owner)| owner);
        Finding::failure(
            NAME,
            format!("{version} is not there, which {kinds} belong to"),
            format!("缺少 {version}，{kinds} 属于它"),
        )
        .fix(format!("install {owner}, or switch it off in the values"), format!("请安装 {owner}，或在取值中关闭"))
    };
    missing.iter().map(finding).collect()
}
