//! That there is a storage class for the volume, and that it waits for the pod before it chooses a zone.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Sight;
use crate::finding::{Finding, Level};

const NAME: &str = "storage";

/// By this annotation a class is the cluster's default one.
const DEFAULT: &str = "storageclass.kubernetes.io/is-default-class";

pub(super) fn look(sight: &Sight) -> Vec<Finding> {
    let Ok(rendered) = &sight.facts.rendered else { return Vec::new() };
    let classes = match &sight.facts.classes {
        Ok(classes) => classes,
        Err(error) => return vec![Finding::unseen(NAME, Level::Failure, error)],
    };
    let claims: Vec<&Value> =
        rendered.objects.iter().filter(|object| object.kind() == "PersistentVolumeClaim").map(|object| &object.0).collect();
    if claims.is_empty() {
        return vec![Finding::good(NAME, "no volume is asked for", "不需要存储卷")];
    }
    claims.iter().map(|claim| claim_of(sight, claim, classes)).collect()
}

fn claim_of(sight: &Sight, claim: &Value, classes: &[Value]) -> Finding {
    let named = claim.pointer("/spec/storageClassName").and_then(Value::as_str);
    let name = |class: &Value| class.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned();
    let class = match named {
        Some("") => return Finding::good(NAME, "a volume made by hand", "手工准备的存储卷"),
        Some(wanted) => match classes.iter().find(|class| name(class) == wanted) {
            Some(class) => class,
            None => {
                let known = classes.iter().map(name).collect::<Vec<_>>().join(", ");
                let known = if known.is_empty() { "–".to_owned() } else { known };
                return Finding::failure(
                    NAME,
                    format!("there is no storage class `{wanted}`; there are: {known}"),
                    format!("没有存储类 `{wanted}`；现有：{known}"),
                )
                .fix(
                    "make it, or name another: `storage_class` of the site",
                    "请创建它，或在站点的 `storage_class` 中指定其他存储类",
                );
            }
        },
        None => match classes.iter().find(|class| class["metadata"]["annotations"][DEFAULT] == "true") {
            Some(class) => class,
            None => {
                return Finding::failure(NAME, "the cluster has no default storage class", "集群没有默认存储类").fix(
                    "mark one as default, or name one: `storage_class` of the site",
                    "请将某个存储类设为默认，或在站点的 `storage_class` 中指定",
                );
            }
        },
    };
    let zones = zones(sight);
    if class["volumeBindingMode"] != "WaitForFirstConsumer" && zones.len() > 1 {
        return Finding::warning(
            NAME,
            format!("`{}` binds at once, in one of {} zones, where the pod may not fit", name(class), zones.len()),
            format!("`{}` 会立即在 {} 个可用区之一绑定，Pod 可能无法调度到该区", name(class), zones.len()),
        )
        .fix(
            "use a class with volumeBindingMode: WaitForFirstConsumer",
            "请使用 volumeBindingMode: WaitForFirstConsumer 的存储类",
        );
    }
    Finding::good(NAME, name(class), name(class))
}

fn zones(sight: &Sight) -> BTreeSet<String> {
    let nodes = sight.facts.nodes.as_ref().map(Vec::as_slice).unwrap_or_default();
    let zone = |node: &Value| node["metadata"]["labels"]["topology.kubernetes.io/zone"].as_str().map(str::to_owned);
    nodes.iter().filter_map(zone).collect()
}
