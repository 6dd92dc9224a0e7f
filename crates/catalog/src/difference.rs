//! The difference of two specs, as a person reads it: one line for each value that is added, removed or changed.

use serde_json::Value;

/// Longest difference shown, in lines.
const LINES_MAX: usize = 200;

/// Lines such as `+ spec.roles[1]: "analyst"`, `- spec.cron: …`, `~ spec.cron: "a" → "b"`; empty when the two are equal.
pub fn lines(old: Option<&Value>, new: Option<&Value>) -> Vec<String> {
    let mut lines = Vec::new();
    walk("spec", old, new, &mut lines);
    if lines.len() > LINES_MAX {
        let more = lines.len() - LINES_MAX;
        lines.truncate(LINES_MAX);
        lines.push(format!("… and {more} more"));
    }
    lines
}

fn walk(path: &str, old: Option<&Value>, new: Option<&Value>, lines: &mut Vec<String>) {
    match (old, new) {
        (Some(old), Some(new)) if old == new => {}
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            for (key, value) in old {
                walk(&format!("{path}.{key}"), Some(value), new.get(key), lines);
            }
            for (key, value) in new.iter().filter(|(key, _)| !old.contains_key(*key)) {
                walk(&format!("{path}.{key}"), None, Some(value), lines);
            }
        }
        (Some(Value::Array(old)), Some(Value::Array(new))) => {
            for index in 0..old.len().max(new.len()) {
                walk(&format!("{path}[{index}]"), old.get(index), new.get(index), lines);
            }
        }
        // A null is a field left out; showing it would be noise.
        (None | Some(Value::Null), None | Some(Value::Null)) => {}
        (Some(old), Some(new)) => lines.push(format!("~ {path}: {} → {}", short(old), short(new))),
        (Some(old), None) => lines.push(format!("- {path}: {}", short(old))),
        (None, Some(new)) => lines.push(format!("+ {path}: {}", short(new))),
    }
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 120 { text } else { text.chars().take(119).chain(['…']).collect() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::lines;

    #[test]
    fn names_each_value_that_changed() {
        let old = json!({"a": 1, "b": [1, 2], "c": {"d": "x"}, "e": null});
        let new = json!({"a": 1, "b": [1, 3, 4], "c": {}, "f": true});
        assert_eq!(
            lines(Some(&old), Some(&new)),
            ["~ spec.b[1]: 2 → 3", "+ spec.b[2]: 4", "- spec.c.d: \"x\"", "+ spec.f: true"]
        );
        assert!(lines(Some(&old), Some(&old)).is_empty());
    }
}
