//! Looks at what is to be declared, where pipelines and views meet: a name is a table or a view, and steps must have an order.

use std::collections::BTreeMap;

use base::{Result, TableName};
use catalog::Declaration;
use connect::ConnectionSpec;
use engine::ViewSpec;

use crate::runs::Flow;
use crate::spec::{PipelineSpec, Views};

impl Flow {
    /// Looks at pipelines, views and targets of pushes among what is to be declared, beside those that are.
    pub async fn review(&self, declarations: &[Declaration]) -> Result<()> {
        let views = self.shared.engine.behind_views(declarations).await?;
        for declaration in declarations {
            if let Some(spec) = declaration.spec::<PipelineSpec>() {
                review_pipeline(declaration, &spec, &views)?;
            }
            if let Some(spec) = declaration.spec::<ConnectionSpec>()
                && let Some(view) = pushed(&spec).find(|table| views.contains_key(table))
            {
                return Err(declaration.error("into", taken(view)));
            }
        }
        let declared: Vec<(&Declaration, TableName)> = declarations
            .iter()
            .filter(|declaration| declaration.spec::<ViewSpec>().is_some())
            .filter_map(|declaration| Some((declaration, declaration.name().table()?)))
            .collect();
        if declared.is_empty() {
            return Ok(());
        }
        let writers = self.writers(declarations).await?;
        match declared.iter().find_map(|(declaration, view)| Some((declaration, writers.get(view)?))) {
            Some((declaration, writer)) => {
                let name = declaration.name();
                Err(declaration.error("name", format!("{writer} writes a table {name}; choose another name for the view")))
            }
            None => Ok(()),
        }
    }

    /// Who writes each table, of what is declared and not about to be declared anew.
    async fn writers(&self, declarations: &[Declaration]) -> Result<BTreeMap<TableName, String>> {
        let mut writers = BTreeMap::new();
        for (resource, spec) in self.shared.catalog.each::<PipelineSpec>().await? {
            let anew = |declaration: &Declaration| {
                declaration.name().as_str() == resource.name && declaration.spec::<PipelineSpec>().is_some()
            };
            let Some(spec) = spec.ok().filter(|_| !declarations.iter().any(anew)) else { continue };
            let steps = spec.steps.iter().filter_map(|step| step.step().ok());
            let writer = format!("pipeline `{}`", resource.name);
            writers.extend(steps.flat_map(|step| step.writes()).map(|table| (table, writer.clone())));
        }
        for (resource, spec) in self.shared.catalog.each::<ConnectionSpec>().await? {
            let anew = |declaration: &Declaration| {
                declaration.name().as_str() == resource.name && declaration.spec::<ConnectionSpec>().is_some()
            };
            let Some(spec) = spec.ok().filter(|_| !declarations.iter().any(anew)) else { continue };
            let writer = format!("connection `{}`", resource.name);
            writers.extend(pushed(&spec).map(|table| (table.clone(), writer.clone())));
        }
        Ok(writers)
    }
}

fn review_pipeline(declaration: &Declaration, spec: &PipelineSpec, views: &Views) -> Result<()> {
    for step in &spec.steps {
        let does = step.step().map_err(|wrong| declaration.error(&wrong.field, wrong.reason))?;
        if let Some(view) = does.writes().iter().find(|table| views.contains_key(table)) {
            return Err(declaration.error("into", taken(view)));
        }
        let incremental = step.sql.iter().flat_map(|sql| &sql.incremental);
        if let Some(view) = incremental.into_iter().find(|table| views.contains_key(table)) {
            let reason = format!("`{view}` is a view; only of tables it is known what is new");
            return Err(declaration.error("incremental", reason));
        }
    }
    spec.dependencies(views).map(|_| ()).map_err(|wrong| declaration.error(&wrong.field, wrong.reason))
}

fn taken(view: &TableName) -> String {
    format!("`{view}` is a view; choose another name for the table")
}

/// The tables that a system pushes into.
fn pushed(spec: &ConnectionSpec) -> impl Iterator<Item = &TableName> {
    spec.push.iter().flat_map(|push| push.targets.values()).map(|target| &target.into)
}
