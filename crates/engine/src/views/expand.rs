//! A view's name becomes its query, planned with its declarer's rights.

use std::collections::HashMap;
use std::sync::Arc;

use base::{Blame, Error, Result};
use datafusion::catalog::TableProvider;
use datafusion::catalog::view::ViewTable;
use datafusion::logical_expr::LogicalPlan;
use guard::{Object, Pass, Privilege};

use super::wall::Walled;
use super::{DEPTH_MAX, View, ViewSpec};
use crate::errors::mapped;
use crate::governed::{Catalogs, Listing, Reader};
use crate::prepared::may_be_kept;
use crate::query::{Engine, only_reads};
use crate::tables::{Column, TableInfo, TableKind, columns};
use crate::{codes, statement};

/// A view's query, planned.
#[derive(Debug)]
pub(crate) struct Planned {
    /// The plan, with its types settled.
    pub plan: LogicalPlan,
    /// How many tables it reads, each as often as it is mentioned.
    pub relations: usize,
    /// Whether it says the same whenever it is run over the same rows.
    pub may_be_kept: bool,
}

impl Reader {
    /// What a statement reads in place of the view; the pass has been asked for the view. Depth and circles are looked at
    /// here as well as when views are declared: two of them may have been declared at once.
    pub(crate) async fn expand(&self, view: &Arc<View>) -> Result<Arc<dyn TableProvider>> {
        if self.within.iter().any(|outer| outer.name == view.name) {
            return Err(Error::new(&codes::VIEW_CIRCLE).with("view", &view.name));
        }
        if self.within.len() >= DEPTH_MAX {
            return Err(Error::new(&codes::VIEW_TOO_DEEP).with("view", &view.name).with("max", DEPTH_MAX));
        }
        let planned = async {
            let declarer = self.engine.shared().parts.guard.pass_of(&view.declarer).await?;
            let inner = self.within(view, declarer);
            let planned = self.engine.plan_view(view, &inner).await?;
            Ok::<_, Error>((planned, inner))
        };
        let (planned, inner) = planned.await.map_err(|error| broken(&self.pass, view, error))?;
        let behind = inner.behind();
        let hides = !behind.iter().all(|table| self.pass.allows(Privilege::Select, &Object::Table(table)));
        self.note_view(view, &planned, behind, hides);
        let definition = if knows(&self.pass, view) { view.spec.sql.clone() } else { String::new() };
        // Who may read all that is behind the view gets its query as part of his own. For others what the view leaves out
        // must stay out of reach of their own conditions too.
        Ok(match hides {
            true => Arc::new(Walled::new(planned.plan, definition)),
            false => Arc::new(ViewTable::new(planned.plan, Some(definition))),
        })
    }
}

impl Engine {
    /// A view's columns.
    pub(crate) async fn describe_view(&self, pass: &Pass, view: &Arc<View>) -> Result<TableInfo> {
        let reader = Reader::new(self.clone(), pass.clone(), HashMap::new());
        let columns = columns(&Box::pin(reader.expand(view)).await?.schema());
        let described = |column: Column| Column { description: view.spec.columns.get(&column.name).cloned(), ..column };
        Ok(TableInfo {
            name: view.name.clone(),
            kind: TableKind::View,
            description: view.spec.description.clone(),
            sql: knows(pass, view).then(|| view.spec.sql.clone()),
            columns: columns.into_iter().map(described).collect(),
            version: None,
            rows: None,
            bytes: None,
            files: None,
        })
    }

    /// The view's query, planned for a reader that has its declarer's pass.
    pub(super) async fn plan_view(&self, view: &View, inner: &Arc<Reader>) -> Result<Planned> {
        let state = self.session(Catalogs::new(Arc::clone(inner), Listing::new()));
        let plan = mapped(state.statement_to_plan(statement::parse_view(&view.spec.sql)?).await)?;
        only_reads(&plan)?;
        let (relations, may_be_kept) = (inner.width(&plan)?, mapped(may_be_kept(&plan))?);
        // Types are settled here, so that the view has the columns that its rows will have.
        let plan = mapped(state.analyzer().execute_and_check(plan, state.config_options(), |_, _| {}))?;
        Ok(Planned { plan, relations, may_be_kept })
    }
}

/// What went wrong behind a view. Whoever may only read the view learns whom to ask, and nothing of what is behind it.
pub(super) fn broken(pass: &Pass, view: &View, error: Error) -> Error {
    if error.code().blame != Blame::User {
        return error;
    }
    let reason = if knows(pass, view) { error.to_string() } else { String::new() };
    Error::new(&codes::VIEW_BROKEN).with("view", &view.name).with("declarer", &view.declarer).with("reason", reason)
}

/// Whether the view's query may be shown to this pass: he declared it, or he looks after views.
pub(super) fn knows(pass: &Pass, view: &View) -> bool {
    pass.user() == view.declarer || pass.allows(Privilege::Manage, &Object::Kind(<ViewSpec as base::document::Declared>::KIND))
}
