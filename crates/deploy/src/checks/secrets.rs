//! That no password stands in the values: the topology is kept in Git, and Helm keeps values in its history.

use super::Sight;
use crate::finding::Finding;
use crate::values;

const NAME: &str = "secrets";

pub(super) fn look(sight: &Sight) -> Vec<Finding> {
    let Ok(rendered) = &sight.facts.rendered else { return Vec::new() };
    let found = values::secrets(&rendered.values);
    if found.is_empty() {
        return Vec::new();
    }
    let names = found.join(", ");
    vec![
        Finding::warning(NAME, format!("the values hold secrets: {names}"), format!("取值中含有密钥：{names}"))
            .fix("put them into a Secret and name it by `existingSecret`", "请放入 Secret，并用 `existingSecret` 引用"),
    ]
}
