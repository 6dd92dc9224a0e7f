//! That a node has room for a pod, and that quotas let all pods be.

use serde_json::Value;

use super::Sight;
use super::nodes::{is_ready, listed, name};
use crate::finding::{Finding, Level};
use crate::manifest::Object;
use crate::quantity;

const NAME: &str = "capacity";

/// A quota's name for what pods ask for, and where a container says it.
const QUOTAS: &[(&str, &str)] = &[
    ("requests.cpu", "/resources/requests/cpu"),
    ("cpu", "/resources/requests/cpu"),
    ("requests.memory", "/resources/requests/memory"),
    ("memory", "/resources/requests/memory"),
    ("limits.cpu", "/resources/limits/cpu"),
    ("limits.memory", "/resources/limits/memory"),
];

pub(super) fn look(sight: &Sight) -> Vec<Finding> {
    let Ok(rendered) = &sight.facts.rendered else { return Vec::new() };
    let deployments: Vec<&Object> = rendered.objects.iter().filter(|object| object.kind() == "Deployment").collect();
    let mut findings: Vec<Finding> = deployments.iter().filter_map(|deployment| room(sight, deployment)).collect();
    match (&sight.facts.quotas, &sight.facts.is_installed) {
        (Err(error), _) => findings.push(Finding::unseen(NAME, Level::Warning, error)),
        // What runs already is counted already.
        (Ok(quotas), Ok(false)) => findings.extend(quotas.iter().flat_map(|quota| short(quota, &deployments))),
        _ => {}
    }
    if findings.is_empty() {
        findings.push(Finding::good(NAME, "nodes and quotas have room", "节点与配额均有余量"));
    }
    findings
}

/// That one node at least is large enough for a pod of a deployment.
fn room(sight: &Sight, deployment: &Object) -> Option<Finding> {
    let nodes = sight.facts.nodes.as_ref().ok()?;
    let (cpu, memory) = (asked(deployment, "/resources/requests/cpu")?, asked(deployment, "/resources/requests/memory")?);
    let offers = |node: &Value, what: &str| node.pointer("/status/allocatable")?.get(what).and_then(quantity::of);
    let fits = |node: &&Value| {
        offers(node, "cpu").is_none_or(|has| has >= cpu) && offers(node, "memory").is_none_or(|has| has >= memory)
    };
    if nodes.iter().filter(|node| is_ready(node)).any(|node| fits(&node)) {
        return None;
    }
    let names: Vec<&str> = nodes.iter().map(name).collect();
    let (cpu, memory, names) = (quantity::shown("cpu", cpu), quantity::shown("memory", memory), listed(&names));
    let title = deployment.name();
    Some(
        Finding::failure(
            NAME,
            format!("no node has {cpu} CPUs and {memory} for a pod of {title}; there are {names}"),
            format!("没有节点能为 {title} 的 Pod 提供 {cpu} 个 CPU 和 {memory}；现有 {names}"),
        )
        .fix(
            "larger nodes, or smaller `resources.requests` in the values",
            "请使用更大的节点，或减小取值中的 `resources.requests`",
        ),
    )
}

/// What a quota has too little of.
fn short(quota: &Value, deployments: &[&Object]) -> Vec<Finding> {
    let title = quota.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    let hard = quota.pointer("/status/hard").and_then(Value::as_object);
    let mut findings = Vec::new();
    for (what, hard) in hard.into_iter().flatten() {
        let needed: u128 = match what.as_str() {
            "pods" => deployments.iter().map(|deployment| replicas(deployment) * 1000).sum(),
            other => {
                let Some((_, path)) = QUOTAS.iter().find(|(name, _)| *name == other) else { continue };
                deployments.iter().map(|deployment| asked(deployment, path).unwrap_or(0) * replicas(deployment)).sum()
            }
        };
        let used = quota["status"]["used"].get(what).and_then(quantity::of).unwrap_or(0);
        let left = quantity::of(hard).unwrap_or(u128::MAX).saturating_sub(used);
        if needed > left {
            let (needed, left) = (quantity::shown(what, needed), quantity::shown(what, left));
            findings.push(
                Finding::failure(
                    NAME,
                    format!("the quota `{title}` has {left} of {what} left; {needed} are needed"),
                    format!("配额 `{title}` 的 {what} 剩余 {left}；需要 {needed}"),
                )
                .fix("raise the quota, or ask for less in the values", "请提高配额，或在取值中减少申请"),
            );
        }
    }
    findings
}

fn replicas(deployment: &Object) -> u128 {
    deployment.0.pointer("/spec/replicas").and_then(Value::as_u64).unwrap_or(1).into()
}

/// What all containers of a pod ask for together, in thousandths.
fn asked(deployment: &Object, path: &str) -> Option<u128> {
    let containers = deployment.0.pointer("/spec/template/spec/containers")?.as_array()?;
    Some(containers.iter().filter_map(|container| container.pointer(path)).filter_map(quantity::of).sum())
}
