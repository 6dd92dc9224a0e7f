//! That servers are alike: operating system, kernel, container runtime, kubelet; within a site, and across sites.

use std::collections::BTreeMap;

use serde_json::Value;

use super::nodes::{listed, name};
use super::{Sight, several};
use crate::finding::Finding;

const NAME: &str = "systems";

/// What must be the same on every server of a site: its field in a node's information, in English, in Chinese.
const FEATURES: &[(&str, &str, &str)] = &[
    ("osImage", "operating system", "操作系统"),
    ("kernelVersion", "kernel", "内核"),
    ("containerRuntimeVersion", "container runtime", "容器运行时"),
    ("kubeletVersion", "kubelet", "kubelet"),
];

pub(super) fn look(sight: &Sight) -> Vec<Finding> {
    let Ok(nodes) = &sight.facts.nodes else { return Vec::new() };
    if nodes.is_empty() {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for (field, en, zh) in FEATURES {
        let kinds = by(nodes, field);
        if kinds.len() > 1 {
            let shown = counted(&kinds);
            let (usual, _) =
                kinds.iter().max_by_key(|(_, names)| names.len()).unwrap_or_else(|| unreachable!("there are several"));
            let others: Vec<&str> =
                kinds.iter().filter(|(kind, _)| kind != &usual).flat_map(|(_, names)| names.iter().copied()).collect();
            let others = listed(&others);
            findings.push(
                Finding::failure(
                    NAME,
                    format!("{} kinds of {en}: {shown}", kinds.len()),
                    format!("{zh}有 {} 种：{shown}", kinds.len()),
                )
                .fix(format!("bring {others} to {usual}"), format!("请将 {others} 统一为 {usual}")),
            );
        }
    }
    let architectures = by(nodes, "architecture");
    if architectures.len() > 1 {
        let shown = counted(&architectures);
        findings.push(
            Finding::warning(NAME, format!("several architectures: {shown}"), format!("多种架构：{shown}"))
                .fix("the image must be there for each of them", "镜像须为每种架构都提供"),
        );
    }
    if findings.is_empty() {
        let first = |field: &str| by(nodes, field).into_keys().next().unwrap_or_default();
        let text = format!("{}, {}, {}", first("osImage"), first("kernelVersion"), first("architecture"));
        findings.push(Finding::good(NAME, format!("all alike: {text}"), format!("全部一致：{text}")));
    }
    findings
}

/// The operating systems of several sites, compared.
pub(crate) fn across(sites: &[(&str, &[Value])], strict: bool) -> Option<Finding> {
    let mut kinds: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (site, nodes) in sites {
        for system in by(nodes, "osImage").into_keys() {
            kinds.entry(system).or_default().push(site);
        }
    }
    let seen = sites.iter().filter(|(_, nodes)| !nodes.is_empty()).count();
    if seen < 2 {
        return None;
    }
    if kinds.len() == 1 {
        let system = kinds.into_keys().next().unwrap_or_default();
        let count = several(seen, "site");
        return Some(Finding::good(NAME, format!("{count} run {system}"), format!("{seen} 个站点均运行 {system}")));
    }
    let shown = kinds.iter().map(|(system, sites)| format!("{system} ({})", listed(sites))).collect::<Vec<_>>().join("; ");
    let (en, zh) = (format!("sites differ: {shown}"), format!("各站点不同：{shown}"));
    Some(if strict {
        Finding::failure(NAME, en, zh).fix(
            "--strict asks for one operating system on every server of every site",
            "--strict 要求所有站点的所有服务器使用同一操作系统",
        )
    } else {
        Finding::warning(NAME, en, zh)
    })
}

/// Names of nodes by what they show in one field.
fn by<'a>(nodes: &'a [Value], field: &str) -> BTreeMap<&'a str, Vec<&'a str>> {
    let mut kinds: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for node in nodes {
        let kind = node["status"]["nodeInfo"][field].as_str().unwrap_or_default();
        kinds.entry(kind).or_default().push(name(node));
    }
    kinds
}

fn counted(kinds: &BTreeMap<&str, Vec<&str>>) -> String {
    kinds.iter().map(|(kind, names)| format!("{kind} ({})", names.len())).collect::<Vec<_>>().join(", ")
}
