//! The governed catalog of one statement: names become tables only through a pass.
//!
//! This is the one place where a name turns into rows: those of a table, or of a declared view's query. A policy view (row filter,
//! mask) belongs in [`Reader::open`], between the pass's answer and the provider, so that pruning, federation and EXPLAIN all see
//! it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use base::{Error, Result, TableName};
use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use datafusion::catalog::{CatalogProvider, CatalogProviderList, SchemaProvider, TableProvider};
use datafusion::logical_expr::{LogicalPlan, TableType};
use guard::{Object, Pass, Privilege};
use lake::{AsOf, Table};
use tokio::sync::OnceCell;

use crate::codes;
use crate::errors::{mapped, wrap};
use crate::query::Engine;
use crate::statement::{AT, RELATIONS_MAX};
use crate::tables::TableKind;
use crate::views::{Planned, View, Views, relations};

/// Opens tables for one statement, or for a view that it reads, and remembers which.
pub struct Reader {
    pub(crate) engine: Engine,
    pub(crate) pass: Pass,
    /// The views that it reads for, outermost first; none for the statement itself.
    pub(crate) within: Vec<Arc<View>>,
    statement: Arc<OneStatement>,
    /// The tables it opened, and those behind the views it opened.
    behind: Mutex<BTreeSet<TableName>>,
}

/// What all readers of a statement share.
struct OneStatement {
    fixed: HashMap<TableName, u64>,
    /// Whether rows of the tables are worth keeping in memory.
    warm: bool,
    views: OnceCell<Arc<Views>>,
    /// Whether its names are resolved; what is opened later is opened for a listing.
    planned: AtomicBool,
    seen: Mutex<Seen>,
}

/// What a statement reads.
#[derive(Debug, Default, Clone)]
pub(crate) struct Seen {
    /// The tables and views, with the version of those in the lake.
    pub reads: BTreeMap<TableName, Option<u64>>,
    /// The newest snapshots of lake tables, with the passes they were opened with.
    pub tables: BTreeMap<TableName, (Table, Vec<Pass>)>,
    /// The views, as they were declared.
    pub views: BTreeMap<TableName, Arc<View>>,
    /// Whether it reads something else than the newest lake tables, or a view says something else each time.
    pub other: bool,
    /// How many tables stand behind each view whose plan is not part of the statement's.
    walled: HashMap<TableName, usize>,
    /// A view that the statement itself reads, and behind which its user may not look.
    hidden: Option<TableName>,
}

impl Reader {
    /// A reader for this pass; `fixed` names the versions at which a run reads its inputs.
    pub fn new(engine: Engine, pass: Pass, fixed: HashMap<TableName, u64>) -> Arc<Self> {
        Self::of(engine, pass, fixed, false, OnceCell::new())
    }

    /// A reader for a statement that will be run again, at the newest versions.
    pub fn warm(engine: Engine, pass: Pass) -> Arc<Self> {
        Self::of(engine, pass, HashMap::new(), true, OnceCell::new())
    }

    /// A reader for which these are the views, declared or not yet.
    pub(crate) fn of_views(engine: Engine, pass: Pass, views: Arc<Views>) -> Arc<Self> {
        Self::of(engine, pass, HashMap::new(), false, OnceCell::new_with(Some(views)))
    }

    fn of(engine: Engine, pass: Pass, fixed: HashMap<TableName, u64>, warm: bool, views: OnceCell<Arc<Views>>) -> Arc<Self> {
        let (planned, seen) = (AtomicBool::new(false), Mutex::default());
        let statement = Arc::new(OneStatement { fixed, warm, views, planned, seen });
        Arc::new(Self { engine, pass, within: Vec::new(), statement, behind: Mutex::default() })
    }

    /// A reader for a view's own query, with its declarer's pass.
    pub(crate) fn within(&self, view: &Arc<View>, declarer: Pass) -> Arc<Self> {
        let within = self.within.iter().chain([view]).cloned().collect();
        let (engine, statement) = (self.engine.clone(), Arc::clone(&self.statement));
        Arc::new(Self { engine, pass: declarer, within, statement, behind: Mutex::default() })
    }

    /// The tables opened so far, with the version of those in the lake.
    pub fn reads(&self) -> BTreeMap<TableName, Option<u64>> {
        self.seen().reads.clone()
    }

    /// All that was seen so far.
    pub(crate) fn all_seen(&self) -> Seen {
        self.seen().clone()
    }

    /// The tables behind what it opened.
    pub(crate) fn behind(&self) -> BTreeSet<TableName> {
        held(&self.behind).clone()
    }

    /// Notes a view that was put into the plan of what it reads for.
    pub(crate) fn note_view(&self, view: &Arc<View>, plan: &Planned, behind: BTreeSet<TableName>, hides: bool) {
        held(&self.behind).extend(behind);
        let mut seen = self.seen();
        seen.other |= !plan.may_be_kept;
        seen.reads.insert(view.name.clone(), None);
        if self.statement.planned.load(Ordering::Acquire) {
            return;
        }
        seen.views.insert(view.name.clone(), Arc::clone(view));
        if hides {
            seen.walled.insert(view.name.clone(), plan.relations);
            seen.hidden = seen.hidden.take().or_else(|| self.within.is_empty().then(|| view.name.clone()));
        }
    }

    /// How many tables a plan reads once its views are seen through; too many are refused.
    pub(crate) fn width(&self, plan: &LogicalPlan) -> Result<usize> {
        let count = mapped(relations(plan, &self.seen().walled))?;
        if count > RELATIONS_MAX {
            return Err(Error::new(&codes::VIEWS_TOO_WIDE).with("count", count).with("max", RELATIONS_MAX));
        }
        Ok(count)
    }

    /// To be called when all names of a statement are resolved, with its plan.
    pub(crate) fn planned(&self, plan: &LogicalPlan) -> Result<()> {
        self.statement.planned.store(true, Ordering::Release);
        // The mentions in the words of the statement were counted before.
        if !self.seen().views.is_empty() {
            self.width(plan)?;
        }
        match &self.seen().hidden {
            // The plan shows what is behind the view.
            Some(view) if matches!(plan, LogicalPlan::Explain(_)) => {
                Err(Error::new(&codes::VIEW_NOT_EXPLAINED).with("view", view).with("user", self.pass.user()))
            }
            _ => Ok(()),
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        held(&self.statement.seen)
    }

    /// The views as of the beginning of the statement.
    async fn views(&self) -> Result<&Arc<Views>> {
        self.statement.views.get_or_try_init(|| self.engine.views()).await
    }

    async fn open(&self, catalog: &str, schema: &str, raw: &str) -> Result<Arc<dyn TableProvider>> {
        let (table, at) = raw.split_once(AT).map_or((raw, None), |(table, at)| (table, Some(at)));
        let name = TableName::new(catalog, schema, table)?;
        // Before anything is looked up: who may not read a table learns nothing about it, not even whether it exists.
        self.pass.demand(Privilege::Select, &Object::Table(&name))?;
        if name.is_lake()
            && let Some(view) = self.views().await?.get(&name)
        {
            return match at {
                Some(_) => Err(Error::new(&codes::VIEW_HAS_NO_VERSIONS).with("view", name)),
                None => Box::pin(self.expand(view)).await,
            };
        }
        let (provider, version) = if name.is_lake() {
            let pinned = self.lake_table(&name, at).await?;
            let provider = if self.statement.warm && at.is_none() { self.engine.warm(&pinned)? } else { pinned.provider()? };
            (provider, Some(pinned.version()))
        } else if at.is_some() {
            return Err(Error::new(&codes::STATEMENT_INVALID)
                .with("reason", format!("{name} is a live table of a connection; only lake tables keep their versions")));
        } else {
            (self.engine.live_table(&name).await?, None)
        };
        held(&self.behind).insert(name.clone());
        let mut seen = self.seen();
        seen.other |= version.is_none() || at.is_some();
        seen.reads.insert(name, version);
        Ok(provider)
    }

    /// A lake table as the statement sees it: in one version, however often it is mentioned.
    async fn lake_table(&self, name: &TableName, at: Option<&str>) -> Result<Table> {
        let known = self.seen().tables.get(name).map(|(table, _)| table.clone());
        let newest = match known {
            Some(known) => known,
            None => match self.engine.lake().table(&self.pass, name).await {
                Err(error) if error.code().http == 404 => return Err(self.engine.no_table(&self.pass, name).await),
                opened => opened?,
            },
        };
        match (at, self.statement.fixed.get(name)) {
            (Some(at), _) => newest.at(as_of(at)?).await,
            (None, Some(version)) if *version != newest.version() => newest.at(AsOf::Version(*version)).await,
            (None, Some(_)) => Ok(newest),
            (None, None) => {
                // What a listing looks at is not kept.
                if !self.statement.planned.load(Ordering::Acquire) {
                    let mut seen = self.seen();
                    let (_, passes) = seen.tables.entry(name.clone()).or_insert_with(|| (newest.clone(), Vec::new()));
                    passes.push(self.pass.clone());
                }
                Ok(newest)
            }
        }
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing under these locks can be left half done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
pub type Listing = BTreeMap<String, BTreeMap<String, BTreeMap<String, TableKind>>>;

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
    tables: BTreeMap<String, TableKind>,
}

#[async_trait]
impl SchemaProvider for OneSchema {
    fn table_names(&self) -> Vec<String> {
        self.tables.keys().cloned().collect()
    }

    async fn table(&self, name: &str) -> datafusion::error::Result<Option<Arc<dyn TableProvider>>> {
        match self.reader.open(&self.catalog, &self.name, name).await {
            // One view that cannot be read must not keep anybody from seeing what else there is.
            Err(error) if self.lists(name, TableKind::View) => {
                tracing::debug!(view = name, %error, "left out of a listing");
                Ok(None)
            }
            opened => opened.map(Some).map_err(wrap),
        }
    }

    async fn table_type(&self, name: &str) -> datafusion::error::Result<Option<TableType>> {
        // Without opening it.
        Ok(self.tables.get(name).map(|kind| if *kind == TableKind::View { TableType::View } else { TableType::Base }))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.tables.contains_key(name)
    }
}

impl OneSchema {
    /// Whether a table of this kind is being opened because somebody lists what there is.
    fn lists(&self, name: &str, kind: TableKind) -> bool {
        self.reader.statement.planned.load(Ordering::Acquire) && self.tables.get(name) == Some(&kind)
    }
}
