//! That every server has a container runtime; under `--strict` that it is Docker.

use std::collections::BTreeSet;

use super::Sight;
use super::nodes::{listed, name};
use crate::finding::Finding;

const NAME: &str = "runtime";

pub(super) fn look(sight: &Sight) -> Vec<Finding> {
    let Ok(nodes) = &sight.facts.nodes else { return Vec::new() };
    let runtime = |node: &serde_json::Value| {
        let text = node["status"]["nodeInfo"]["containerRuntimeVersion"].as_str().unwrap_or_default();
        text.split_once("://").map_or(String::new(), |(name, _)| name.to_owned())
    };
    let without: Vec<&str> = nodes.iter().filter(|node| runtime(node).is_empty()).map(name).collect();
    let others: Vec<&str> = nodes.iter().filter(|node| runtime(node) != "docker").map(name).collect();
    let shown = nodes.iter().map(runtime).filter(|name| !name.is_empty()).collect::<BTreeSet<_>>();
    let shown = shown.into_iter().collect::<Vec<_>>().join(", ");
    if !without.is_empty() {
        let names = listed(&without);
        return vec![
            Finding::failure(NAME, format!("no container runtime on {names}"), format!("{names} 没有容器运行时"))
                .fix("install containerd there", "请在其上安装 containerd"),
        ];
    }
    if sight.strict && !others.is_empty() {
        let names = listed(&others);
        return vec![
            Finding::failure(NAME, format!("{shown}; not Docker on {names}"), format!("{shown}；{names} 未使用 Docker")).fix(
                "--strict asks for Docker: install it with cri-dockerd, or leave --strict out",
                "--strict 要求 Docker：请安装 Docker 与 cri-dockerd，或不使用 --strict",
            ),
        ];
    }
    if nodes.is_empty() { Vec::new() } else { vec![Finding::good(NAME, shown.clone(), shown)] }
}
