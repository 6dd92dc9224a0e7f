//! That there are nodes, and that they are ready.

use serde_json::Value;

use super::{Sight, several};
use crate::finding::{Finding, Level};

const NAME: &str = "nodes";

pub(super) fn look(sight: &Sight) -> Vec<Finding> {
    let nodes = match &sight.facts.nodes {
        Ok(nodes) => nodes,
        Err(error) => return vec![Finding::unseen(NAME, Level::Failure, error)],
    };
    let waiting: Vec<&str> = nodes.iter().filter(|node| !is_ready(node)).map(name).collect();
    let ready = nodes.len() - waiting.len();
    vec![if ready == 0 {
        Finding::failure(
            NAME,
            format!("none of {} is ready", several(nodes.len(), "node")),
            format!("{} 个节点无一就绪", nodes.len()),
        )
        .fix("kubectl describe nodes", "kubectl describe nodes")
    } else if !waiting.is_empty() {
        let names = listed(&waiting);
        Finding::warning(
            NAME,
            format!("{ready} of {} are ready; not: {names}", several(nodes.len(), "node")),
            format!("{} 个节点中 {ready} 个就绪；未就绪：{names}", nodes.len()),
        )
        .fix("kubectl describe node, or remove what is gone", "kubectl describe node，或移除已下线的节点")
    } else {
        Finding::good(NAME, format!("{}, all ready", several(ready, "node")), format!("{ready} 个节点，全部就绪"))
    }]
}

/// Whether pods can be put there.
pub(super) fn is_ready(node: &Value) -> bool {
    let conditions = node.pointer("/status/conditions").and_then(Value::as_array);
    conditions.into_iter().flatten().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}

/// A node's name.
pub(super) fn name(node: &Value) -> &str {
    node.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default()
}

/// The first of many names.
pub(super) fn listed(names: &[&str]) -> String {
    const SHOWN: usize = 3;
    let shown = names.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN { format!("{shown} (+{})", names.len() - SHOWN) } else { shown }
}
