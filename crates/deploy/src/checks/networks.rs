//! That the pods' networks are those that the topology declares, for it is those that were compared with other sites.

use serde_json::Value;

use super::Sight;
use crate::finding::Finding;
use crate::topology::Network;

const NAME: &str = "networks";

pub(super) fn look(sight: &Sight) -> Vec<Finding> {
    let Ok(nodes) = &sight.facts.nodes else { return Vec::new() };
    if sight.site.networks.is_empty() {
        return vec![
            Finding::warning(
                NAME,
                "none declared, so overlaps with other sites were not looked for",
                "未声明，因此未检查与其他站点的网段重叠",
            )
            .fix("say `networks`: those of nodes, pods and services", "请填写 `networks`：节点、Pod 和服务的网段"),
        ];
    }
    let mut strangers: Vec<String> = Vec::new();
    for network in nodes.iter().flat_map(networks) {
        let known = sight.site.networks.iter().any(|declared| declared.holds(&network));
        let text = network.to_string();
        if !known && !strangers.contains(&text) {
            strangers.push(text);
        }
    }
    let declared = sight.site.networks.iter().map(|network| network.value.to_string()).collect::<Vec<_>>().join(", ");
    if strangers.is_empty() {
        return vec![Finding::good(NAME, declared.clone(), declared)];
    }
    let shown = strangers.iter().map(String::as_str).collect::<Vec<_>>();
    let shown = super::nodes::listed(&shown);
    vec![
        Finding::failure(
            NAME,
            format!("nodes or pods are in {shown}, which is not declared"),
            format!("节点或 Pod 位于未声明的网段 {shown}"),
        )
        .fix("add it to the site's `networks`, so that overlaps are found", "请加入该站点的 `networks`，以便发现重叠"),
    ]
}

/// A node's pods' networks and its own addresses, each as a network.
fn networks(node: &Value) -> Vec<Network> {
    let pods = node
        .pointer("/spec/podCIDRs")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned);
    let addresses = node.pointer("/status/addresses").and_then(Value::as_array).into_iter().flatten();
    let inside = addresses.filter(|address| address["type"] == "InternalIP").filter_map(|address| address["address"].as_str());
    let inside = inside.map(|address| format!("{address}/{}", if address.contains(':') { 128 } else { 32 }));
    pods.chain(inside).filter_map(|text| text.parse().ok()).collect()
}
