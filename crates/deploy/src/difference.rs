//! What is different: between a release and what is to be, and between a release and what the cluster holds.

use serde::Serialize;
use serde_json::Value;
use similar::TextDiff;

use crate::manifest::{Object, is_telling};
use crate::quantity;

/// Lines around a difference.
const CONTEXT: usize = 3;
/// Longest value in a line about drift, in characters.
const VALUE_CHARS_MAX: usize = 60;

/// What becomes of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is new.
    Create,
    /// It changes.
    Change,
    /// It goes.
    Delete,
}

/// One object that becomes different.
#[derive(Debug, Clone, Serialize)]
pub struct Change {
    /// What becomes of it.
    pub action: Action,
    /// Such as Deployment.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// A unified diff of its YAML, without secrets.
    pub diff: String,
}

/// One object that is not as Helm installed it.
#[derive(Debug, Clone, Serialize)]
pub struct Drift {
    /// Such as Deployment.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// One line for each field: what it is, and what was installed.
    pub fields: Vec<String>,
}

/// What changes from one set of objects to another.
pub fn changes(old: &[Object], new: &[Object]) -> Vec<Change> {
    let mut all = Vec::new();
    for object in new {
        match old.iter().find(|known| known.is(object)) {
            Some(known) if known == object => {}
            Some(known) => all.push(change(Action::Change, Some(known), Some(object))),
            None => all.push(change(Action::Create, None, Some(object))),
        }
    }
    all.extend(
        old.iter()
            .filter(|known| !new.iter().any(|object| object.is(known)))
            .map(|known| change(Action::Delete, Some(known), None)),
    );
    all
}

fn change(action: Action, old: Option<&Object>, new: Option<&Object>) -> Change {
    let shown = |object: Option<&Object>, other| object.map(|object| object.shown(other)).unwrap_or_default();
    // What stays the same in a Secret is hidden in the same way on both sides, so that only new data differs.
    let (before, after) = (old.map(|old| old.shown(old.into())).unwrap_or_default(), shown(new, old));
    let (kind, name) = new.or(old).map(|object| (object.kind(), object.name())).unwrap_or_default();
    let title = format!("{kind}/{name}");
    let from = if old.is_some() { format!("{title} (now)") } else { "/dev/null".to_owned() };
    let to = if new.is_some() { format!("{title} (planned)") } else { "/dev/null".to_owned() };
    let diff = TextDiff::from_lines(&before, &after).unified_diff().context_radius(CONTEXT).header(&from, &to).to_string();
    Change { action, kind: kind.to_owned(), name: name.to_owned(), diff }
}

/// What others changed: objects as they are, against the same as they would be if the release were applied again. A cluster that
/// does not take them again, since what others set is in the way, has nothing for `again`; then what was installed itself is compared.
pub fn drift(installed: &[Object], live: &[Object], again: Option<&[Object]>) -> Vec<Drift> {
    let mut all = Vec::new();
    for object in installed {
        let drift = |fields| Drift { kind: object.kind().to_owned(), name: object.name().to_owned(), fields };
        let find = |among: &[Object]| among.iter().find(|one| one.is(object)).map(Object::declared);
        let Some(live) = find(live) else {
            all.push(drift(vec!["it is gone".to_owned()]));
            continue;
        };
        let (wanted, reach) = match again.map(find) {
            None => (Some(object.clone()), Reach::Declared),
            Some(again) => (again, Reach::All),
        };
        let mut fields = Vec::new();
        if let Some(wanted) = wanted {
            compare("", &live.0, &wanted.0, object.kind() == "Secret", reach, &mut fields);
        }
        if !fields.is_empty() {
            all.push(drift(fields));
        }
    }
    all
}

/// Which fields are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// All, on both sides.
    All,
    /// Those that were declared; the cluster fills in others.
    Declared,
}

fn compare(path: &str, live: &Value, again: &Value, hidden: bool, reach: Reach, fields: &mut Vec<String>) {
    match (live, again) {
        (Value::Object(live), Value::Object(again)) => {
            // An environment variable's name says whether its value may be shown.
            let telling = again.get("name").and_then(Value::as_str).is_some_and(is_telling);
            let inner = |name: &str| (format!("{path}.{name}"), hidden || is_telling(name) || (telling && name == "value"));
            for (name, value) in again {
                let (path, hidden) = inner(name);
                compare(&path, live.get(name).unwrap_or(&Value::Null), value, hidden, reach, fields);
            }
            for (name, value) in live.iter().filter(|(name, _)| reach == Reach::All && !again.contains_key(*name)) {
                let (path, hidden) = inner(name);
                compare(&path, value, &Value::Null, hidden, reach, fields);
            }
        }
        (Value::Array(live), Value::Array(again)) if live.len() == again.len() => {
            for (index, (live, again)) in live.iter().zip(again).enumerate() {
                compare(&format!("{path}[{index}]"), live, again, hidden, reach, fields);
            }
        }
        _ if live == again || (reach == Reach::Declared && is_the_same(path, live, again)) => {}
        _ => {
            let path = path.trim_start_matches('.');
            fields.push(match hidden {
                true => format!("{path} is different"),
                false => format!("{path} is {}, was installed as {}", shown(path, live), shown(path, again)),
            });
        }
    }
}

/// What the cluster writes in another way than it was declared: nothing for what is empty, quantities in their shortest form, and
/// text in Secrets as bytes.
fn is_the_same(path: &str, live: &Value, declared: &Value) -> bool {
    let is_empty = match declared {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    };
    let quantities = quantity::of(live).zip(quantity::of(declared));
    (live.is_null() && (is_empty || path == ".stringData")) || quantities.is_some_and(|(live, declared)| live == declared)
}

fn shown(path: &str, value: &Value) -> String {
    let name = path.rsplit('.').next().unwrap_or_default();
    let carrier = Object(serde_json::json!({ name: value }));
    let text = carrier.shown(None);
    let text =
        text.trim_start_matches(name).trim_start_matches([':', '"', '\'']).split_whitespace().collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(VALUE_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn service(port: u16) -> Object {
        Object(json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"ports": [{"port": port}]}}))
    }

    fn secret(word: &str) -> Object {
        Object(
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}, "data": {"password": word, "user": "YQ=="}}),
        )
    }

    #[test]
    fn changes_say_what_becomes_of_each() {
        let all = changes(&[service(80), secret("b25l")], &[service(81)]);
        assert_eq!(
            all.iter().map(|one| (one.action, one.kind.as_str())).collect::<Vec<_>>(),
            [(Action::Change, "Service"), (Action::Delete, "Secret")]
        );
        assert!(all[0].diff.contains("-  - port: 80") && all[0].diff.contains("+  - port: 81"), "{}", all[0].diff);
        assert!(changes(&[service(80)], &[service(80)]).is_empty());
        assert_eq!(changes(&[], &[service(80)])[0].action, Action::Create);
    }

    #[test]
    fn a_changed_secret_is_seen_and_not_shown() {
        let all = changes(&[secret("b25l")], &[secret("dHdv")]);
        assert!(all[0].diff.contains("+  password:") && !all[0].diff.contains("+  user"), "{}", all[0].diff);
        assert!(!all[0].diff.contains("dHdv") && !all[0].diff.contains("b25l"), "{}", all[0].diff);
        let found = drift(&[secret("b25l")], &[secret("dHdv")], Some(&[secret("b25l")]));
        assert_eq!(found[0].fields, ["data.password is different"]);
        let pod = |word: &str| {
            Object(json!({"kind": "Pod", "metadata": {"name": "p"}, "env": [{"name": "REDIS_PASSWORD", "value": word}]}))
        };
        let found = drift(&[pod("one")], &[pod("two")], Some(&[pod("one")]));
        assert_eq!(found[0].fields, ["env[0].value is different"]);
    }

    #[test]
    fn drift_is_what_applying_again_would_undo() {
        let mut live = service(80);
        live.0["status"] = json!({"loadBalancer": {}});
        live.0["metadata"]["resourceVersion"] = json!("7");
        let again = Some([service(80)]);
        let again = again.as_ref().map(<[_; 1]>::as_slice);
        assert!(drift(&[service(80)], std::slice::from_ref(&live), again).is_empty(), "what the cluster adds is no drift");
        live.0["spec"]["ports"][0]["port"] = json!(8081);
        let found = drift(&[service(80)], &[live], again);
        assert_eq!(found[0].fields, ["spec.ports[0].port is 8081, was installed as 80"]);
        assert_eq!(drift(&[service(80)], &[], again)[0].fields, ["it is gone"]);
    }

    #[test]
    fn what_cannot_be_applied_again_is_compared_as_far_as_it_was_declared() {
        let object = |spec: Value| Object(json!({"kind": "Deployment", "metadata": {"name": "d"}, "spec": spec}));
        let declared = object(json!({"replicas": 2, "cpu": "0.5", "annotations": {}, "args": ["a"]}));
        let live = object(json!({"replicas": 2, "cpu": "500m", "args": ["a"], "strategy": "RollingUpdate"}));
        assert!(drift(std::slice::from_ref(&declared), &[live], None).is_empty(), "the cluster fills in and shortens");
        let live = object(json!({"replicas": 5, "cpu": "1", "args": ["a", "b"]}));
        let found = drift(&[declared], &[live], None);
        assert_eq!(found[0].fields.len(), 3, "{found:?}");
        assert_eq!(found[0].fields[0], "spec.replicas is 5, was installed as 2");
    }
}
