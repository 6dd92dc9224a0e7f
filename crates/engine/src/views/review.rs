//! Looks at views before they are declared: their names, what they stand on, and whether their queries can be planned.

use std::collections::HashSet;
use std::sync::Arc;

use base::names::QUARANTINE_SUFFIX;
use base::{Blame, Error, Result, TableName};
use catalog::Declaration;
use datafusion::logical_expr::LogicalPlan;
use guard::{Object, Pass, Privilege};

use super::behind::{Unsound, sound};
use super::{DEPTH_MAX, View, ViewSpec, Views};
use crate::governed::Reader;
use crate::query::Engine;
use crate::{codes, statement};

impl Engine {
    /// Looks at the views among what is to be declared. A view that is declared as it stands is not looked at again.
    ///
    /// Tables that do not exist yet are no fault, because a pipeline that is declared in the same breath may make them; nor is
    /// a source that does not answer now. The rights of who declares are demanded in any case.
    pub async fn review(&self, pass: &Pass, declarations: &[Declaration]) -> Result<()> {
        let known = self.views().await?;
        let mut views = known.as_ref().clone();
        let mut changed = Vec::new();
        for declaration in declarations {
            let Some((name, spec)) = declaration.name().table().zip(declaration.spec::<ViewSpec>()) else { continue };
            if known.get(&name).is_some_and(|view| view.spec == spec) {
                continue;
            }
            let names = statement::tables_of(&spec.sql)?;
            let declared = String::new();
            let view = Arc::new(View { name: name.clone(), spec, declarer: pass.user().to_owned(), declared, names });
            views.insert(name, Arc::clone(&view));
            changed.push((declaration, view));
        }
        let views = Arc::new(views);
        for (declaration, view) in changed {
            self.review_one(pass, declaration, &view, &views).await?;
        }
        Ok(())
    }

    async fn review_one(&self, pass: &Pass, declaration: &Declaration, view: &View, views: &Arc<Views>) -> Result<()> {
        let name = &view.name;
        if name.table().ends_with(QUARANTINE_SUFFIX) {
            return Err(declaration.error("name", format!("what ends in `{QUARANTINE_SUFFIX}` holds refused records of a table")));
        }
        if name.schema() == "information_schema" {
            return Err(declaration.error("name", "`information_schema` holds what the platform tells of itself"));
        }
        pass.demand(Privilege::Create, &Object::Schema { catalog: name.catalog(), schema: name.schema() })?;
        if self.lake().exists(name).await? {
            return Err(declaration.error("name", format!("there is a table {name}; choose another name for the view")));
        }
        let names = |view: &TableName| views.get(view).map(|view| view.names.clone());
        match sound(name, &names) {
            Ok(()) => {}
            Err(Unsound::Circle(way)) => {
                let way: Vec<String> = way.iter().map(ToString::to_string).collect();
                return Err(declaration.error("sql", format!("the view would read itself: {}", way.join(" reads "))));
            }
            Err(Unsound::Deep) => {
                return Err(declaration.error("sql", format!("more than {DEPTH_MAX} views would stand on one another")));
            }
        }
        for read in &view.names {
            pass.demand(Privilege::Select, &Object::Table(read))?;
        }
        let reader = Reader::of_views(self.clone(), pass.clone(), Arc::clone(views));
        match Box::pin(self.plan_view(view, &reader)).await {
            Ok(planned) => has_a_name_each(declaration, &view.spec, &planned.plan),
            // Made later, or answering later.
            Err(error) if error.is(&codes::TABLE_NOT_FOUND) || error.code().blame != Blame::User => Ok(()),
            Err(error) if error.is(&codes::VIEW_BROKEN) => Ok(()),
            Err(error) if error.code().http == 403 => Err(error),
            Err(error) => Err(declaration.error("sql", error)),
        }
    }
}

/// Columns of a table have names of their own.
fn has_a_name_each(declaration: &Declaration, spec: &ViewSpec, plan: &LogicalPlan) -> Result<(), Error> {
    let mut columns = HashSet::new();
    for field in plan.schema().fields() {
        if !columns.insert(field.name().as_str()) {
            return Err(
                declaration.error("sql", format!("two columns are called `{0}`; give one another name with AS", field.name()))
            );
        }
    }
    if let Some(column) = spec.columns.keys().find(|column| !columns.contains(column.as_str())) {
        let near = base::nearest::nearest(column, columns.iter().copied());
        let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        return Err(declaration.error(column, format!("the view has no such column{near}")));
    }
    Ok(())
}
