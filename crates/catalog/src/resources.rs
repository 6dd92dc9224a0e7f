//! Resources: apply, get, list, delete. Strict on the way in, audited on every change.

use std::collections::HashSet;
use std::sync::Arc;

use base::document::{self, Declared, Document, Kind};
use base::nearest::nearest;
use base::{DeclaredName, Error, Result};
use chrono::{DateTime, Utc};
use guard::{Event, Guard, Object, Pass, Privilege};
use meta::{Meta, ResourceRow};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::codes;
use crate::difference;

/// The catalog of resources. Cheap to clone.
#[derive(Clone)]
pub struct Catalog {
    shared: Arc<Shared>,
}

struct Shared {
    meta: Meta,
    guard: Guard,
    kinds: &'static [Kind],
}

/// A declared resource as it is stored.
#[derive(Debug, Clone, Serialize)]
pub struct Resource {
    /// The kind, such as `Pipeline`.
    pub kind: String,
    /// The name, unique in its kind.
    pub name: String,
    /// The spec in canonical JSON, defaults filled in.
    pub spec: Value,
    /// The YAML as it was written.
    pub text: String,
    /// Grows by one with each change.
    pub version: i64,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
    /// Who last changed it.
    pub updated_by: String,
}

/// A document that its kind has taken, before it is stored.
#[derive(Debug, Clone)]
pub struct Declaration {
    document: Document,
    spec: Value,
}

impl Declaration {
    /// The name.
    pub fn name(&self) -> &DeclaredName {
        &self.document.name
    }

    /// The spec, if it is of this kind.
    pub fn spec<S: Declared>(&self) -> Option<S> {
        if self.document.kind == S::KIND { serde_json::from_value(self.spec.clone()).ok() } else { None }
    }

    /// An error about a field of it, which says file and line.
    pub fn error(&self, field: &str, reason: impl std::fmt::Display) -> Error {
        self.document.error(field, format!("{field}: {reason}"))
    }
}

/// What an apply did, or would do, to one resource.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Change {
    /// The kind, such as `Pipeline`.
    pub kind: String,
    /// The name.
    pub name: String,
    /// What happened.
    pub action: Action,
    /// One line for each value that is different.
    pub diff: Vec<String>,
}

/// What an apply or delete did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It did not exist.
    Created,
    /// It existed and is different now.
    Updated,
    /// It was already so.
    Unchanged,
}

/// How to apply.
#[derive(Debug, Clone, Copy, Default)]
pub struct ApplyOptions {
    /// Say what would change and change nothing.
    pub dry_run: bool,
}

impl Catalog {
    /// A catalog that knows these kinds.
    pub fn new(meta: Meta, guard: Guard, kinds: &'static [Kind]) -> Self {
        Self { shared: Arc::new(Shared { meta, guard, kinds }) }
    }

    /// Every kind that can be declared.
    pub fn kinds(&self) -> &'static [Kind] {
        self.shared.kinds
    }

    /// The kind of that name, in any case and in the plural too, as people type it.
    pub fn kind(&self, name: &str) -> Result<&'static Kind> {
        let wanted = name.to_ascii_lowercase();
        let found = self.shared.kinds.iter().find(|kind| {
            let known = kind.name.to_ascii_lowercase();
            wanted == known || wanted.strip_suffix('s') == Some(&known)
        });
        found.ok_or_else(|| {
            let known = self.shared.kinds.iter().map(|kind| kind.name);
            Error::new(&codes::KIND_UNKNOWN)
                .with("kind", name)
                .with("near", nearest(name, known.clone()).unwrap_or_default())
                .with("known", known.collect::<Vec<_>>().join(", "))
        })
    }

    /// Reads what a text declares, for who may declare it. Nothing is stored: rooms that know more of a kind look at it first.
    pub fn read(&self, pass: &Pass, text: &str, file: &str) -> Result<Vec<Declaration>> {
        let documents = document::read(text, file)?;
        let mut declarations: Vec<Declaration> = Vec::with_capacity(documents.len());
        let mut seen = HashSet::new();
        for document in documents {
            let kind = self.shared.kinds.iter().find(|kind| kind.name == document.kind);
            let kind = kind.ok_or_else(|| document.unknown_kind(self.shared.kinds.iter().map(|kind| kind.name)))?;
            pass.demand(Privilege::Manage, &Object::Kind(kind.name))?;
            // What is declared runs later with the whole rights of who declared it; a narrowed token must not widen itself so.
            if pass.is_scoped() {
                return Err(Error::new(&codes::APPLY_NARROWED).with("user", pass.user()));
            }
            if !seen.insert((kind.name, document.name.clone())) {
                return Err(Error::new(&codes::RESOURCE_TWICE).with("kind", kind.name).with("name", &document.name));
            }
            let spec = (kind.read)(&document)?;
            declarations.push(Declaration { document, spec });
        }
        Ok(declarations)
    }

    /// Brings what is stored to what was declared; applying the same again changes nothing.
    pub async fn apply(&self, pass: &Pass, declarations: Vec<Declaration>, options: ApplyOptions) -> Result<Vec<Change>> {
        let mut changes = Vec::with_capacity(declarations.len());
        for Declaration { document, spec } in declarations {
            changes.push(self.apply_one(pass, &document, spec, options).await?);
        }
        Ok(changes)
    }

    async fn apply_one(&self, pass: &Pass, document: &Document, spec: Value, options: ApplyOptions) -> Result<Change> {
        let (kind, name) = (document.kind.as_str(), document.name.as_str());
        let old = self.shared.meta.resources().get(kind, name).await?;
        let diff = difference::lines(old.as_ref().map(|row| &row.spec), Some(&spec));
        let action = match &old {
            None => Action::Created,
            Some(row) if row.spec == spec => Action::Unchanged,
            Some(_) => Action::Updated,
        };
        if action != Action::Unchanged && !options.dry_run {
            let version = old.as_ref().map(|row| row.version);
            let now = Utc::now();
            let row = ResourceRow {
                kind: kind.to_owned(),
                name: name.to_owned(),
                spec,
                text: document.text().to_owned(),
                version: version.unwrap_or(0) + 1,
                created_at: old.as_ref().map_or(now, |row| row.created_at),
                updated_at: now,
                updated_by: pass.user().to_owned(),
            };
            // The audit goes first: a change that cannot be written down is not made.
            self.audit(pass, "apply", kind, name, json!({ "action": action, "diff": diff })).await?;
            self.shared.meta.resources().put(row, Some(version.unwrap_or(0))).await?;
        }
        Ok(Change { kind: kind.to_owned(), name: name.to_owned(), action, diff })
    }

    /// One resource, for who may select or manage its kind.
    pub async fn get(&self, pass: &Pass, kind: &str, name: &str) -> Result<Resource> {
        let kind = self.kind(kind)?;
        pass.demand(Privilege::Manage, &Object::Kind(kind.name))?;
        match self.shared.meta.resources().get(kind.name, name).await? {
            Some(row) => Ok(row.into()),
            None => Err(self.not_found(kind.name, name).await),
        }
    }

    /// The resources of one kind, or of every kind, by kind and name.
    pub async fn list(&self, pass: &Pass, kind: Option<&str>) -> Result<Vec<Resource>> {
        let kind = kind.map(|kind| self.kind(kind)).transpose()?;
        match kind {
            Some(kind) => pass.demand(Privilege::Manage, &Object::Kind(kind.name))?,
            None => pass.demand(Privilege::Manage, &Object::Platform)?,
        }
        let rows = self.shared.meta.resources().list(kind.map(|kind| kind.name)).await?;
        Ok(rows.into_iter().map(Resource::from).collect())
    }

    /// Removes a resource. What it described outside, such as a table's data, stays.
    pub async fn delete(&self, pass: &Pass, kind: &str, name: &str) -> Result<()> {
        let kind = self.kind(kind)?;
        pass.demand(Privilege::Manage, &Object::Kind(kind.name))?;
        if self.shared.meta.resources().get(kind.name, name).await?.is_none() {
            return Err(self.not_found(kind.name, name).await);
        }
        self.audit(pass, "delete", kind.name, name, Value::Null).await?;
        self.shared.meta.resources().delete(kind.name, name).await.map(|_| ())
    }

    /// The spec of a resource for the platform's own use; no pass, so never hand it out.
    pub async fn spec<S: Declared>(&self, name: &str) -> Result<S> {
        match self.row::<S>(name).await? {
            Some((_, spec)) => Ok(spec),
            None => Err(self.not_found(S::KIND, name).await),
        }
    }

    /// The stored row and the spec, if there is such a resource; for the platform's own use.
    pub async fn row<S: Declared>(&self, name: &str) -> Result<Option<(Resource, S)>> {
        let Some(row) = self.shared.meta.resources().get(S::KIND, name).await? else { return Ok(None) };
        let spec = read_stored::<S>(&row)?;
        Ok(Some((row.into(), spec)))
    }

    /// Every spec of one kind, with who declared it; for the platform's own use.
    pub async fn rows<S: Declared>(&self) -> Result<Vec<(Resource, S)>> {
        self.each().await?.into_iter().map(|(resource, spec)| Ok((resource, spec?))).collect()
    }

    /// The same, where one that this version cannot read must not stand in the way of the others.
    pub async fn each<S: Declared>(&self) -> Result<Vec<(Resource, Result<S>)>> {
        let rows = self.shared.meta.resources().list(Some(S::KIND)).await?;
        Ok(rows.into_iter().map(|row| (read_stored::<S>(&row), row)).map(|(spec, row)| (row.into(), spec)).collect())
    }

    /// Grows with every change of a view or of the policy; asks the database.
    pub async fn policy_version(&self) -> Result<i64> {
        self.shared.meta.policy_version().await
    }

    /// Grows when this process itself makes such a change; asks nobody.
    pub fn policy_writes(&self) -> u64 {
        self.shared.meta.policy_writes()
    }

    /// The error for a resource that is not there, with the nearest name that is.
    pub async fn not_found(&self, kind: &'static str, name: &str) -> Error {
        let rows = self.shared.meta.resources().list(Some(kind)).await.unwrap_or_default();
        let near = nearest(name, rows.iter().map(|row| row.name.as_str()));
        Error::new(&codes::RESOURCE_NOT_FOUND).with("kind", kind).with("name", name).with("near", near.unwrap_or_default())
    }

    async fn audit(&self, pass: &Pass, action: &'static str, kind: &str, name: &str, detail: Value) -> Result<()> {
        let event = Event { detail, ..Event::by(pass, action, format!("{kind}/{name}")) };
        self.shared.guard.audit().record_now(event).await
    }
}

fn read_stored<S: Declared>(row: &ResourceRow) -> Result<S> {
    serde_json::from_value(row.spec.clone())
        .map_err(|error| Error::new(&codes::RESOURCE_DAMAGED).with("kind", S::KIND).with("name", &row.name).because(error))
}

impl From<ResourceRow> for Resource {
    fn from(row: ResourceRow) -> Self {
        Self {
            kind: row.kind,
            name: row.name,
            spec: row.spec,
            text: row.text,
            version: row.version,
            updated_at: row.updated_at,
            updated_by: row.updated_by,
        }
    }
}
