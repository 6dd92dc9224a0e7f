//! Objects that Helm renders and clusters hold: read, compared, and shown without their secrets.

use std::cmp::Ordering;

use base::{Error, Result};
use serde_json::Value;

use crate::chart::digest;
use crate::codes::CHART_INVALID;

/// What stands where a secret stood.
const HIDDEN: &str = "***";
/// What stands there when the secret is another one than before.
const HIDDEN_NEW: &str = "*** (new)";

/// An object of the Kubernetes API.
#[derive(Debug, Clone, PartialEq)]
pub struct Object(pub Value);

impl Object {
    /// Such as apps/v1.
    pub fn api_version(&self) -> &str {
        self.0["apiVersion"].as_str().unwrap_or_default()
    }

    /// The group in it; empty for the core.
    pub fn group(&self) -> &str {
        self.api_version().rsplit_once('/').map_or("", |(group, _)| group)
    }

    /// Such as Deployment.
    pub fn kind(&self) -> &str {
        self.0["kind"].as_str().unwrap_or_default()
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.0["metadata"]["name"].as_str().unwrap_or_default()
    }

    /// `Deployment/dataux`.
    pub fn title(&self) -> String {
        format!("{}/{}", self.kind(), self.name())
    }

    /// Whether both are the same object, though perhaps not the same in it.
    pub fn is(&self, other: &Self) -> bool {
        self.group() == other.group() && self.kind() == other.kind() && self.name() == other.name()
    }

    /// As YAML, without secrets; what differs from `other` is marked where it is hidden.
    pub fn shown(&self, other: Option<&Self>) -> String {
        let mut value = self.0.clone();
        hide(&mut value, other.map(|other| &other.0));
        let text = serde_saphyr::to_string(&value).unwrap_or_default();
        if text.ends_with('\n') { text } else { text + "\n" }
    }

    /// What the cluster added is taken away: what is left is what somebody declared.
    pub fn declared(&self) -> Self {
        let mut value = self.0.clone();
        if let Some(fields) = value.as_object_mut() {
            fields.remove("status");
        }
        if let Some(metadata) = value["metadata"].as_object_mut() {
            for added in ["managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink"] {
                metadata.remove(added);
            }
        }
        Self(value)
    }
}

/// Reads what Helm renders: documents parted by `---`.
pub fn read(text: &str, site: &str) -> Result<Vec<Object>> {
    let mut objects = Vec::new();
    for part in format!("\n{text}").split("\n---") {
        if part.lines().all(|line| line.trim().is_empty() || line.starts_with('#')) {
            continue;
        }
        let value: Value = serde_saphyr::from_str(part).map_err(|error| {
            let reason = format!("what Helm rendered is no YAML: {}", error.to_string().lines().next().unwrap_or_default());
            Error::new(&CHART_INVALID).with("site", site).with("reason", reason)
        })?;
        if value["kind"].is_string() {
            objects.push(Object(value));
        }
    }
    objects.sort_by(order);
    Ok(objects)
}

/// A digest of objects that does not depend on their order, nor on that of their fields.
pub fn digest_of(objects: &[Object]) -> String {
    let mut sorted: Vec<&Object> = objects.iter().collect();
    sorted.sort_by(|one, other| order(one, other));
    digest(&sorted.iter().map(|object| canonical(&object.0)).collect::<Vec<_>>().join("\n"))
}

/// Objects as kubectl takes them.
pub fn list(objects: &[Object]) -> String {
    let items: Vec<&Value> = objects.iter().map(|object| &object.0).collect();
    serde_json::json!({ "apiVersion": "v1", "kind": "List", "items": items }).to_string()
}

fn order(one: &Object, other: &Object) -> Ordering {
    (one.kind(), one.name(), one.group()).cmp(&(other.kind(), other.name(), other.group()))
}

/// JSON with sorted fields.
pub(crate) fn canonical(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let mut sorted: Vec<(&String, &Value)> = fields.iter().collect();
            sorted.sort_by_key(|(name, _)| *name);
            let inner: Vec<String> =
                sorted.iter().map(|(name, value)| format!("{}:{}", Value::from(name.as_str()), canonical(value))).collect();
            format!("{{{}}}", inner.join(","))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(",")),
        other => other.to_string(),
    }
}

/// Puts marks where secrets are: data of Secrets, environment variables with telling names, passwords in URLs.
fn hide(value: &mut Value, other: Option<&Value>) {
    if value["kind"] == "Secret" {
        for field in ["data", "stringData"] {
            let Some(entries) = value.get_mut(field).and_then(Value::as_object_mut) else { continue };
            for (name, entry) in entries {
                let known = other.and_then(|other| other[field].get(name));
                *entry = Value::from(if known.is_some_and(|known| known == entry) { HIDDEN } else { HIDDEN_NEW });
            }
        }
    }
    hide_inside(value);
}

fn hide_inside(value: &mut Value) {
    match value {
        Value::String(text) => *text = without_secrets(text),
        Value::Array(items) => items.iter_mut().for_each(hide_inside),
        Value::Object(fields) => {
            let telling = fields.get("name").and_then(Value::as_str).is_some_and(is_telling);
            for (name, inner) in fields.iter_mut() {
                let secret = (telling && name == "value") || (is_telling(name) && inner.is_string());
                if secret && inner.as_str().is_some_and(|text| !["", HIDDEN, HIDDEN_NEW].contains(&text)) {
                    *inner = Value::from(HIDDEN);
                } else {
                    hide_inside(inner);
                }
            }
        }
        _ => {}
    }
}

/// Whether a name says that its value is a secret.
pub(crate) fn is_telling(name: &str) -> bool {
    let name = name.to_lowercase();
    let ends =
        ["password", "passwd", "secret_key", "secretkey", "access_key", "accesskey", "token", "credentials", "apikey", "api_key"];
    ends.iter().any(|end| name.ends_with(end))
}

/// A text in which passwords in URLs, and parameters that are named so, are hidden.
pub(crate) fn without_secrets(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        shown.push_str(before);
        let end = after.find(|c: char| c.is_whitespace() || matches!(c, '/' | '"' | '\'' | '?' | '#')).unwrap_or(after.len());
        let authority = &after[..end];
        match authority.rsplit_once('@').and_then(|(login, host)| Some((login.split_once(':')?.0, host))) {
            Some((user, host)) => shown.push_str(&format!("{user}:{HIDDEN}@{host}")),
            None => shown.push_str(authority),
        }
        rest = &after[end..];
    }
    shown.push_str(rest);
    for mark in ["password=", "Password=", "PASSWORD=", "token="] {
        let mut hidden = String::with_capacity(shown.len());
        let mut rest = shown.as_str();
        while let Some(at) = rest.find(mark) {
            let (before, after) = rest.split_at(at + mark.len());
            let end = after.find(|c: char| c.is_whitespace() || matches!(c, '&' | ';' | '"' | '\'')).unwrap_or(after.len());
            hidden.push_str(before);
            hidden.push_str(if end > 0 { HIDDEN } else { "" });
            rest = &after[end..];
        }
        hidden.push_str(rest);
        shown = hidden;
    }
    shown
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TEXT: &str = "---\n# Source: a\napiVersion: v1\nkind: Service\nmetadata: {name: b}\n---\n# nothing\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: a\n";

    #[test]
    fn documents_are_read_and_the_digest_does_not_mind_order() {
        let objects = read(TEXT, "s").expect("right");
        assert_eq!(objects.iter().map(Object::title).collect::<Vec<_>>(), ["Deployment/a", "Service/b"]);
        assert_eq!((objects[0].group(), objects[1].group()), ("apps", ""));
        let turned: Vec<Object> = objects.iter().rev().cloned().collect();
        assert_eq!(digest_of(&objects), digest_of(&turned));
        let other = read(&TEXT.replace("name: a", "name: c"), "s").expect("right");
        assert_ne!(digest_of(&objects), digest_of(&other));
        assert!(read("a: [", "s").expect_err("broken").is(&CHART_INVALID));
        assert_eq!(canonical(&json!({"b": [1, {"d": null, "c": "x"}], "a": true})), r#"{"a":true,"b":[1,{"c":"x","d":null}]}"#);
    }

    #[test]
    fn no_secret_is_shown() {
        let secret = |word: &str| {
            Object(
                json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"password": word, "user": "YQ=="}}),
            )
        };
        let shown = secret("b25l").shown(Some(&secret("dHdv")));
        assert!(
            shown.contains("password: \"*** (new)\"")
                || shown.contains("password: '*** (new)'")
                || shown.contains("password: *** (new)"),
            "{shown}"
        );
        assert!(!shown.contains("b25l") && !shown.contains("YQ=="), "{shown}");
        let pod = Object(json!({"kind": "Deployment", "metadata": {"name": "d"}, "spec": {
            "env": [{"name": "DATABASE_PASSWORD", "value": "hunter2"}, {"name": "DATABASE_URL", "value": "jdbc:mysql://u:hunter2@db:3306/x?password=hunter2&useSSL=true"}],
            "data": {"store.secret_access_key": "hunter2", "url": "https://db:3306/a:b@c"},
        }}));
        let shown = pod.shown(None);
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(
            shown.contains("mysql://u:***@db:3306/x?password=***&useSSL=true") && shown.contains("https://db:3306/a:b@c"),
            "{shown}"
        );
    }

    #[test]
    fn what_the_cluster_added_does_not_count() {
        let live = json!({"kind": "Service", "metadata": {"name": "a", "uid": "1", "resourceVersion": "9", "labels": {"x": "y"}}, "spec": {"a": 1}, "status": {}});
        assert_eq!(
            Object(live).declared().0,
            json!({"kind": "Service", "metadata": {"name": "a", "labels": {"x": "y"}}, "spec": {"a": 1}})
        );
    }
}
