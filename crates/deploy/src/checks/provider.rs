//! That the cluster is of the kind that the topology says. A wrong word is a warning: marks may be missing.

use super::Sight;
use crate::finding::Finding;
use crate::providers;

const NAME: &str = "provider";

pub(super) fn look(sight: &Sight) -> Vec<Finding> {
    let declared = sight.site.provider();
    let groups: Vec<String> = sight.facts.groups.as_ref().map(|groups| groups.iter().cloned().collect()).unwrap_or_default();
    let nodes = sight.facts.nodes.as_ref().map(Vec::as_slice).unwrap_or_default();
    vec![match providers::detect(&sight.facts.version, &groups, nodes) {
        Some(shown) if shown.name == declared.name => Finding::good(NAME, declared.title, declared.title),
        Some(shown) => Finding::warning(
            NAME,
            format!("declared as {}, looks like {}", declared.name, shown.name),
            format!("声明为 {}，看起来是 {}", declared.name, shown.name),
        )
        .fix(
            format!("if it is, write `provider: {}`: storage class, load balancer and identity differ", shown.name),
            format!("如确实如此，请写 `provider: {}`：存储类、负载均衡和身份均不同", shown.name),
        ),
        None => Finding::warning(
            NAME,
            format!("declared as {}; the cluster shows no marks of any kind that is known", declared.name),
            format!("声明为 {}；集群没有任何已知类型的特征", declared.name),
        ),
    }]
}
