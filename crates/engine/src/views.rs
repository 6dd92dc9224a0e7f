//! Declared views: queries that are read like tables, with the rights of who declared them last.
//!
//! Whoever reads a view needs `select` on the view and on nothing behind it; its query is planned with a pass of its declarer, as
//! of now. So a view gives away what its declarer may read at this moment, and never more.

mod behind;
mod expand;
mod inputs;
mod plans;
mod review;
mod spec;
mod wall;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

use base::{Result, TableName};
use catalog::Declaration;
use guard::policy::RECHECK;

use crate::query::Engine;
use crate::statement;

pub(crate) use expand::Planned;
pub use inputs::Inputs;
pub(crate) use plans::{lists_only_views, relations};
pub use spec::ViewSpec;

/// Views that may stand on one another.
pub(crate) const DEPTH_MAX: usize = 16;

/// A view as it is declared now.
#[derive(Debug)]
pub(crate) struct View {
    /// What it is read as.
    pub name: TableName,
    /// What was declared.
    pub spec: ViewSpec,
    /// Whose rights it reads with: who declared it last.
    pub declarer: String,
    /// Which declaration this is; one that was deleted and made anew is another, whatever its version.
    pub declared: String,
    /// The tables and views that its query names.
    pub names: Vec<TableName>,
}

/// Every view by its name.
pub(crate) type Views = HashMap<TableName, Arc<View>>;

/// The views as this process last read them.
#[derive(Debug, Default)]
pub(crate) struct Known(tokio::sync::Mutex<Option<Checked>>);

#[derive(Debug)]
struct Checked {
    views: Arc<Views>,
    /// The version of the policy, which a change of a view makes grow too.
    version: i64,
    /// The process's own changes when it was checked.
    own_writes: u64,
    at: Instant,
}

impl Engine {
    /// The views, at most [`RECHECK`] behind other processes and not behind this one.
    pub(crate) async fn views(&self) -> Result<Arc<Views>> {
        let catalog = &self.shared().parts.catalog;
        let mut known = self.shared().views.0.lock().await;
        let own_writes = catalog.policy_writes();
        if let Some(checked) = known.as_ref().filter(|checked| checked.own_writes == own_writes && checked.at.elapsed() < RECHECK)
        {
            return Ok(Arc::clone(&checked.views));
        }
        let at = Instant::now();
        let version = catalog.policy_version().await?;
        let views = match known.take() {
            Some(checked) if checked.version == version => checked.views,
            // Read after the version: a change in between is seen now and, by its version, read again at the next check.
            _ => Arc::new(self.read_views().await?),
        };
        *known = Some(Checked { views: Arc::clone(&views), version, own_writes, at });
        Ok(views)
    }

    async fn read_views(&self) -> Result<Views> {
        let mut views = Views::new();
        for (resource, spec) in self.shared().parts.catalog.each::<ViewSpec>().await? {
            let read = spec.and_then(|spec| Ok((resource.name.parse::<TableName>()?, statement::tables_of(&spec.sql)?, spec)));
            let (name, names, spec) = match read {
                Ok(read) => read,
                // It must not stand in the way of the others; whoever reads it is told that there is no such table.
                Err(error) => {
                    tracing::error!(view = resource.name, %error, "a view cannot be read");
                    continue;
                }
            };
            let declared = format!("{}@{}", resource.version, resource.updated_at.timestamp_micros());
            let view = View { name: name.clone(), spec, declarer: resource.updated_by, declared, names };
            views.insert(name, Arc::new(view));
        }
        Ok(views)
    }

    /// The tables behind each view, other views seen through: what has to be written before the view is read. Views that are
    /// about to be declared count as if they were. For the order of work alone; it asks for no right.
    pub async fn behind_views(&self, declarations: &[Declaration]) -> Result<BTreeMap<TableName, BTreeSet<TableName>>> {
        let mut views: HashMap<TableName, Vec<TableName>> =
            self.views().await?.iter().map(|(name, view)| (name.clone(), view.names.clone())).collect();
        for declaration in declarations {
            if let Some((name, spec)) = declaration.name().table().zip(declaration.spec::<ViewSpec>()) {
                views.insert(name, statement::tables_of(&spec.sql)?);
            }
        }
        let names = |view: &TableName| views.get(view).cloned();
        Ok(views.keys().map(|view| (view.clone(), behind::tables(view, &names))).collect())
    }
}
