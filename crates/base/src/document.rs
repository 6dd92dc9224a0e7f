//! Resource documents: strict YAML (and so JSON) whose every error says file, line, column and the nearest known name.

use schemars::JsonSchema;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

use crate::errors::{Error, INVALID_DOCUMENT, Result};
use crate::names::DeclaredName;
use crate::nearest::nearest;

/// The version every document states.
pub const API_VERSION: &str = "dataux/v1";

/// Largest text taken in one file or request, in bytes.
pub const TEXT_BYTES_MAX: usize = 4 << 20;

/// What stands around every spec.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Envelope<S> {
    /// Always `dataux/v1`.
    #[serde(rename = "apiVersion")]
    pub api_version: String,
    /// The kind of resource, such as `Pipeline`.
    pub kind: String,
    /// The resource's name, unique in its kind.
    pub name: DeclaredName,
    /// What the user declares.
    pub spec: S,
}

/// A kind of resource. Its spec is beside what it configures, and is named once in `server`'s list of kinds.
pub trait Declared: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static {
    /// The kind, such as `Pipeline`.
    const KIND: &'static str;

    /// How its resources are named.
    const NAMED: Named = Named::ByWord;

    /// What the types cannot say; the error names the field it is about.
    fn check(&self) -> std::result::Result<(), Wrong> {
        Ok(())
    }
}

/// How the resources of a kind are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// By a word of their own, such as `flights-daily`.
    ByWord,
    /// As tables of the lake are, such as `lake.ads.late_flights`.
    AsTable,
}

impl Named {
    fn check(self, name: &DeclaredName) -> std::result::Result<(), String> {
        match (self, name.table()) {
            (Self::ByWord, None) | (Self::AsTable, Some(_)) => Ok(()),
            (Self::ByWord, Some(_)) => Err(format!("`{name}` names a table; use lower-case letters, digits and dashes")),
            (Self::AsTable, None) => Err(format!("`{name}` is read like a table: write lake.schema.name")),
        }
    }
}

/// A field of a spec and what is wrong with it.
#[derive(Debug)]
pub struct Wrong {
    /// The field's own name (its line is looked up in the text).
    pub field: String,
    /// What is wrong and what would be right.
    pub reason: String,
}

impl Wrong {
    /// Names the field and the reason.
    pub fn new(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { field: field.into(), reason: reason.into() }
    }
}

/// A [`Declared`] type as a value, for lists.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// The kind, such as `Pipeline`.
    pub name: &'static str,
    /// Reads and checks a document; the answer is the spec in canonical JSON, with defaults filled in.
    pub read: fn(&Document) -> Result<serde_json::Value>,
    /// The JSON Schema of the whole document.
    pub schema: fn() -> serde_json::Value,
}

impl Kind {
    /// The entry of one spec type.
    pub const fn of<S: Declared>() -> Self {
        Self { name: S::KIND, read: read_spec::<S>, schema: schema_of::<S> }
    }
}

fn read_spec<S: Declared>(document: &Document) -> Result<serde_json::Value> {
    S::NAMED.check(&document.name).map_err(|reason| document.error("name", format!("name: {reason}")))?;
    let spec: S = document.spec()?;
    spec.check().map_err(|wrong| document.error(&wrong.field, format!("{}: {}", wrong.field, wrong.reason)))?;
    serde_json::to_value(&spec).map_err(|error| document.error("spec", error))
}

fn schema_of<S: Declared>() -> serde_json::Value {
    let mut schema = schemars::schema_for!(Envelope<S>).to_value();
    schema["title"] = S::KIND.into();
    schema["properties"]["kind"] = serde_json::json!({ "const": S::KIND });
    schema["properties"]["apiVersion"] = serde_json::json!({ "const": API_VERSION });
    if S::NAMED == Named::AsTable {
        schema["properties"]["name"]["description"] = "`lake.schema.name`, as tables are named; at most 63 characters.".into();
        schema["properties"]["name"]["pattern"] = r"^lake\.[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*$".into();
    }
    schema
}

/// One document of a file, read as far as its kind and name.
#[derive(Debug, Clone)]
pub struct Document {
    /// The kind it says it is.
    pub kind: String,
    /// Its name.
    pub name: DeclaredName,
    /// File name for messages.
    file: String,
    /// The document's text behind as many empty lines as stood before it, so that line numbers are the file's own.
    text: String,
}

/// Parts a text into its documents. `file` is the name used in errors.
pub fn read(text: &str, file: &str) -> Result<Vec<Document>> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(Error::new(&INVALID_DOCUMENT)
            .with("place", file)
            .with("reason", format!("{} bytes are more than the {TEXT_BYTES_MAX} a document file may have", text.len())));
    }
    let mut documents = Vec::new();
    for part in split(text) {
        let head: Envelope<IgnoredAny> = parse(&part, file)?;
        if head.api_version != API_VERSION {
            return Err(Error::new(&INVALID_DOCUMENT)
                .with("place", place(&part, file, "apiVersion"))
                .with("reason", format!("apiVersion `{}` is not known; this platform reads `{API_VERSION}`", head.api_version)));
        }
        documents.push(Document { kind: head.kind, name: head.name, file: file.to_owned(), text: part });
    }
    Ok(documents)
}

impl Document {
    /// The spec as its kind's type.
    pub fn spec<S: DeserializeOwned>(&self) -> Result<S> {
        parse::<Envelope<S>>(&self.text, &self.file).map(|envelope| envelope.spec)
    }

    /// An error about this document as a whole, placed at the line of `field` if that line exists.
    pub fn error(&self, field: &str, reason: impl std::fmt::Display) -> Error {
        Error::new(&INVALID_DOCUMENT).with("place", place(&self.text, &self.file, field)).with("reason", reason)
    }

    /// The error for a kind that no room declares.
    pub fn unknown_kind<'a>(&self, known: impl IntoIterator<Item = &'a str> + Clone) -> Error {
        let reason = match nearest(&self.kind, known.clone()) {
            Some(near) => format!("kind `{}` is not known; did you mean `{near}`?", self.kind),
            None => {
                let known: Vec<&str> = known.into_iter().collect();
                format!("kind `{}` is not known; the kinds are {}", self.kind, known.join(", "))
            }
        };
        self.error("kind", reason)
    }

    /// The document's YAML, as written.
    pub fn text(&self) -> &str {
        self.text.trim_start_matches('\n')
    }
}

/// A value of any strict type from one YAML text.
pub fn parse<T: DeserializeOwned>(text: &str, file: &str) -> Result<T> {
    serde_saphyr::from_str(text).map_err(|error| located(&error, file))
}

fn located(error: &serde_saphyr::Error, file: &str) -> Error {
    use serde_saphyr::Error as Yaml;

    let place = match error.location() {
        Some(at) => format!("{file}:{}:{}", at.line(), at.column()),
        None => file.to_owned(),
    };
    let reason = match error.without_snippet() {
        Yaml::SerdeUnknownField { field, expected, .. } => unknown("field", field, expected),
        Yaml::SerdeUnknownVariant { variant, expected, .. } => unknown("value", variant, expected),
        Yaml::SerdeMissingField { field, .. } => format!("missing field `{field}`"),
        other => {
            let text = other.to_string();
            let first = text.lines().next().unwrap_or_default();
            first.rfind(" at line ").map_or(first, |end| &first[..end]).to_owned()
        }
    };
    Error::new(&INVALID_DOCUMENT).with("place", place).with("reason", reason)
}

fn unknown(what: &str, wrong: &str, known: &[&str]) -> String {
    match nearest(wrong, known.iter().copied()) {
        Some(near) => format!("unknown {what} `{wrong}`; did you mean `{near}`?"),
        None if known.is_empty() => format!("unknown {what} `{wrong}`; none is expected here"),
        None => format!("unknown {what} `{wrong}`; expected one of {}", known.join(", ")),
    }
}

fn place(text: &str, file: &str, field: &str) -> String {
    let line = text.lines().position(|line| line.trim_start_matches([' ', '-', '"', '{']).starts_with(field));
    match line {
        Some(line) => format!("{file}:{}:1", line + 1),
        None => file.to_owned(),
    }
}

/// Parts at lines of `---`; parts with nothing but comments are no documents.
fn split(text: &str) -> Vec<String> {
    let mut parts = Vec::new();
    let mut part = String::new();
    for (number, line) in text.lines().enumerate() {
        if line.trim_end() == "---" {
            parts.push(std::mem::replace(&mut part, "\n".repeat(number + 1)));
        } else {
            part.push_str(line);
            part.push('\n');
        }
    }
    parts.push(part);
    parts.retain(|part| part.lines().any(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#')));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Spec {
        from: String,
        #[serde(default)]
        steps: Vec<Step>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Step {
        #[allow(dead_code)]
        name: String,
    }

    const HEAD: &str = "apiVersion: dataux/v1\nkind: Thing\nname: one\n";

    #[test]
    fn reads_several_documents_and_keeps_line_numbers() {
        let text = format!("# first\n---\n{HEAD}spec: {{from: a}}\n---\n{HEAD}spec:\n  from: b\n  steps:\n  - nam: x\n");
        let documents = read(&text, "all.yaml").expect("both have a head");
        assert_eq!(documents.len(), 2);
        assert_eq!(documents[0].spec::<Spec>().expect("right").from, "a");
        assert!(documents[0].spec::<Spec>().expect("right").steps.is_empty());
        let error = documents[1].spec::<Spec>().expect_err("nam");
        assert_eq!(error.to_string(), "all.yaml:14:5: unknown field `nam`; did you mean `name`?");
    }

    #[test]
    fn names_the_missing_field_and_the_wrong_version() {
        let error = read("apiVersion: dataux/v1\nkind: Thing\nspec: {}\n", "a.yaml").expect_err("no name");
        assert!(error.to_string().contains("missing field `name`"), "{error}");
        let error = read("apiVersion: dataux/v9\nkind: Thing\nname: a\nspec: {}\n", "a.yaml").expect_err("v9");
        assert!(error.to_string().starts_with("a.yaml:1:1: apiVersion `dataux/v9`"), "{error}");
    }

    #[derive(Debug, Serialize, Deserialize, JsonSchema)]
    struct Seen {}

    impl Declared for Seen {
        const KIND: &'static str = "Seen";
        const NAMED: Named = Named::AsTable;
    }

    #[derive(Debug, Serialize, Deserialize, JsonSchema)]
    struct Spoken {}

    impl Declared for Spoken {
        const KIND: &'static str = "Spoken";
    }

    #[test]
    fn a_kind_says_how_its_resources_are_named() {
        let named = |name: &str| read(&format!("apiVersion: dataux/v1\nkind: Thing\nname: {name}\nspec: {{}}\n"), "a.yaml");
        let (word, table) = (named("one").expect("a word"), named("lake.a.b").expect("a table"));
        assert!((Kind::of::<Seen>().read)(&table[0]).is_ok() && (Kind::of::<Spoken>().read)(&word[0]).is_ok());
        let error = (Kind::of::<Seen>().read)(&word[0]).expect_err("a word");
        assert!(error.to_string().starts_with("a.yaml:3:1: name: `one` is read like a table"), "{error}");
        assert!((Kind::of::<Spoken>().read)(&table[0]).is_err());
        assert!(named("crm.a.b").expect_err("outside").to_string().starts_with("a.yaml:3:7"));
    }

    #[test]
    fn json_is_taken_too() {
        let text = r#"{"apiVersion":"dataux/v1","kind":"Thing","name":"one","spec":{"from":"a"}}"#;
        assert_eq!(read(text, "body").expect("json")[0].spec::<Spec>().expect("right").from, "a");
    }
}
