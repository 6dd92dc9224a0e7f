//! The governed catalog of one statement: names become tables only through a pass.
//!
//! This is the one place where a name turns into rows. A policy view (row filter, mask) belongs in [`Reader::open`], between
//! the pass's answer and the provider, so that pruning, federation and EXPLAIN all see it.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use base::{Error, Result, TableName};
use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use datafusion::catalog::{CatalogProvider, CatalogProviderList, SchemaProvider, TableProvider};
use guard::{Object, Pass, Privilege};
use lake::AsOf;

use crate::codes;
use crate::errors::wrap;
use crate::query::Engine;
use crate::statement::AT;

/// Opens tables for one statement and remembers which.
pub struct Reader {
    engine: Engine,
    pass: Pass,
    fixed: HashMap<TableName, u64>,
    /// Whether rows of the tables are worth keeping in memory.
    warm: bool,
    reads: Mutex<BTreeMap<TableName, Option<u64>>>,
}

impl Reader {
    /// A reader for this pass; `fixed` names the versions at which a run reads its inputs.
    pub fn new(engine: Engine, pass: Pass, fixed: HashMap<TableName, u64>) -> Arc<Self> {
        Arc::new(Self { engine, pass, fixed, warm: false, reads: Mutex::default() })
    }

    /// A reader for a statement that will be run again, at the newest versions.
    pub fn warm(engine: Engine, pass: Pass) -> Arc<Self> {
        Arc::new(Self { engine, pass, fixed: HashMap::new(), warm: true, reads: Mutex::default() })
    }

    /// The tables opened so far, with the version of those in the lake.
    pub fn reads(&self) -> BTreeMap<TableName, Option<u64>> {
        self.reads.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn open(&self, catalog: &str, schema: &str, raw: &str) -> Result<Arc<dyn TableProvider>> {
        let (table, at) = raw.split_once(AT).map_or((raw, None), |(table, at)| (table, Some(at)));
        let name = TableName::new(catalog, schema, table)?;
        // Before anything is looked up: who may not read a table learns nothing about it, not even whether it exists.
        self.pass.demand(Privilege::Select, &Object::Table(&name))?;
        let (provider, version) = if name.is_lake() {
            let newest = match self.engine.lake().table(&self.pass, &name).await {
                Err(error) if error.code().http == 404 => return Err(self.engine.no_table(&self.pass, &name).await),
                opened => opened?,
            };
            let pinned = match (at, self.fixed.get(&name)) {
                (Some(at), _) => newest.at(as_of(at)?).await?,
                (None, Some(version)) if *version != newest.version() => newest.at(AsOf::Version(*version)).await?,
                (None, _) => newest,
            };
            let provider = if self.warm && at.is_none() { self.engine.warm(&pinned)? } else { pinned.provider()? };
            (provider, Some(pinned.version()))
        } else if at.is_some() {
            return Err(Error::new(&codes::STATEMENT_INVALID)
                .with("reason", format!("{name} is a live table of a connection; only lake tables keep their versions")));
        } else {
            (self.engine.live_table(&name).await?, None)
        };
        self.reads.lock().unwrap_or_else(PoisonError::into_inner).insert(name, version);
        Ok(provider)
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("user", &self.pass.user()).finish_non_exhaustive()
    }
}

fn as_of(text: &str) -> Result<AsOf> {
    let wrong = || {
        Error::new(&codes::STATEMENT_INVALID).with(
            "reason",
            format!(
                "`{}` is not a version or a time; write VERSION AS OF 3 or TIMESTAMP AS OF '2026-01-31T08:00:00Z'",
                text.get(1..).unwrap_or_default()
            ),
        )
    };
    let (kind, value) = text.split_at_checked(1).ok_or_else(wrong)?;
    if kind == crate::gained::MARK {
        return crate::gained::parse(value).ok_or_else(wrong);
    }
    if kind == "v" {
        return value.parse().map(AsOf::Version).map_err(|_| wrong());
    }
    let at = DateTime::parse_from_rfc3339(value).map(|at| at.with_timezone(&Utc)).ok();
    let at = at.or_else(|| {
        ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M"]
            .iter()
            .find_map(|format| NaiveDateTime::parse_from_str(value, format).ok())
            .or_else(|| NaiveDate::parse_from_str(value, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0))
            .map(|naive| naive.and_utc())
    });
    at.map(AsOf::Timestamp).ok_or_else(wrong)
}

/// The names a pass may see, for `information_schema` and SHOW; gathered before planning because DataFusion asks for names
/// without waiting.
pub type Listing = BTreeMap<String, BTreeMap<String, Vec<String>>>;

/// The catalog list of one statement.
#[derive(Debug)]
pub struct Catalogs {
    reader: Arc<Reader>,
    listing: Arc<Listing>,
}

impl Catalogs {
    /// Resolves through `reader`; lists what `listing` holds.
    pub fn new(reader: Arc<Reader>, listing: Listing) -> Self {
        Self { reader, listing: Arc::new(listing) }
    }
}

impl CatalogProviderList for Catalogs {
    fn register_catalog(&self, _: String, _: Arc<dyn CatalogProvider>) -> Option<Arc<dyn CatalogProvider>> {
        None
    }

    fn catalog_names(&self) -> Vec<String> {
        self.listing.keys().cloned().collect()
    }

    fn catalog(&self, name: &str) -> Option<Arc<dyn CatalogProvider>> {
        Some(Arc::new(OneCatalog { name: name.to_owned(), reader: Arc::clone(&self.reader), listing: Arc::clone(&self.listing) }))
    }
}

#[derive(Debug)]
struct OneCatalog {
    name: String,
    reader: Arc<Reader>,
    listing: Arc<Listing>,
}

impl CatalogProvider for OneCatalog {
    fn schema_names(&self) -> Vec<String> {
        self.listing.get(&self.name).map(|schemas| schemas.keys().cloned().collect()).unwrap_or_default()
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        let tables = self.listing.get(&self.name).and_then(|schemas| schemas.get(name)).cloned().unwrap_or_default();
        Some(Arc::new(OneSchema { catalog: self.name.clone(), name: name.to_owned(), reader: Arc::clone(&self.reader), tables }))
    }
}

#[derive(Debug)]
struct OneSchema {
    catalog: String,
    name: String,
    reader: Arc<Reader>,
    tables: Vec<String>,
}

#[async_trait]
impl SchemaProvider for OneSchema {
    fn table_names(&self) -> Vec<String> {
        self.tables.clone()
    }

    async fn table(&self, name: &str) -> datafusion::error::Result<Option<Arc<dyn TableProvider>>> {
        self.reader.open(&self.catalog, &self.name, name).await.map(Some).map_err(wrap)
    }

    fn table_exist(&self, name: &str) -> bool {
        self.tables.iter().any(|table| table == name)
    }
}
