//! That the cluster's admission takes the release's pod: pod security, policies, OpenShift's constraints, Autopilot.

use super::Sight;
use crate::finding::{Finding, Level};

const NAME: &str = "admission";

pub(super) fn look(sight: &Sight) -> Vec<Finding> {
    if sight.facts.rendered.is_err() {
        return Vec::new();
    }
    let tried = match &sight.facts.tried {
        Ok(tried) => tried,
        Err(error) => return vec![Finding::unseen(NAME, Level::Failure, error)],
    };
    let place = &tried.namespace;
    vec![match &tried.refusal {
        Some(reason) => Finding::failure(
            NAME,
            format!("the pod is refused in `{place}`: {reason}"),
            format!("`{place}` 拒绝该 Pod：{reason}"),
        )
        .fix(
            "change the values to what the policy asks for, or the policy of the namespace",
            "请按策略修改取值，或调整命名空间的策略",
        ),
        None if place == sight_namespace(sight) => Finding::good(NAME, "the pod is taken", "接受该 Pod"),
        None => Finding::good(
            NAME,
            format!("the pod is taken, tried in `{place}` since its own namespace is not there yet"),
            format!("接受该 Pod（其命名空间尚不存在，在 `{place}` 中尝试）"),
        ),
    }]
}

/// The release's namespace, if it is there.
fn sight_namespace<'a>(sight: &Sight<'a>) -> &'a str {
    let namespace = sight.facts.namespace.as_ref().ok().and_then(Option::as_ref);
    namespace.and_then(|found| found.pointer("/metadata/name")).and_then(serde_json::Value::as_str).unwrap_or_default()
}
