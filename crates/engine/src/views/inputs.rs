//! What a step of a pipeline reads behind the names of its query, settled once for all its attempts.

use std::collections::BTreeMap;

use base::{Error, Result, TableName};
use guard::{Object, Pass, Privilege};
use lake::Table;

use super::expand::broken;
use super::{DEPTH_MAX, Views};
use crate::codes;
use crate::query::Engine;

/// The lake tables behind some names, views seen through.
#[derive(Debug, Default)]
pub struct Inputs {
    /// Each at its newest version.
    pub tables: BTreeMap<TableName, Table>,
    /// The views on the way, with their declarations.
    pub views: BTreeMap<TableName, String>,
}

impl Engine {
    /// Opens what stands behind these names: tables with this pass, and those behind a view with its declarer's. Live tables of
    /// connections have no versions and are left out.
    pub async fn inputs(&self, pass: &Pass, names: &[TableName]) -> Result<Inputs> {
        let (views, mut inputs) = (self.views().await?, Inputs::default());
        for name in names {
            Box::pin(self.open_input(pass, name, &views, 0, &mut inputs)).await?;
        }
        Ok(inputs)
    }

    /// Whether views are still as they were declared then.
    pub async fn demand_same_views(&self, declared: &BTreeMap<TableName, String>) -> Result<()> {
        if declared.is_empty() {
            return Ok(());
        }
        let views = self.views().await?;
        let same = |name: &TableName, declared: &String| views.get(name).is_some_and(|view| view.declared == *declared);
        match declared.iter().find(|(name, declared)| !same(name, declared)) {
            Some((name, _)) => Err(Error::new(&codes::VIEW_CHANGED).with("view", name)),
            None => Ok(()),
        }
    }

    async fn open_input(&self, pass: &Pass, name: &TableName, views: &Views, depth: usize, inputs: &mut Inputs) -> Result<()> {
        pass.demand(Privilege::Select, &Object::Table(name))?;
        let Some(view) = views.get(name) else {
            if name.is_lake() && !inputs.tables.contains_key(name) {
                let table = self.lake().table(pass, name).await?;
                inputs.tables.insert(name.clone(), table);
            }
            return Ok(());
        };
        // Each view is gone through once: its declarer's rights are the same everywhere.
        if inputs.views.insert(name.clone(), view.declared.clone()).is_some() {
            return Ok(());
        }
        if depth >= DEPTH_MAX {
            return Err(Error::new(&codes::VIEW_TOO_DEEP).with("view", name).with("max", DEPTH_MAX));
        }
        let opened = async {
            let declarer = self.shared().parts.guard.pass_of(&view.declarer).await?;
            for below in &view.names {
                Box::pin(self.open_input(&declarer, below, views, depth + 1, inputs)).await?;
            }
            Ok::<_, Error>(())
        };
        opened.await.map_err(|error| broken(pass, view, error))
    }
}
