//! Queries that read of some tables only what was added between two versions.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use base::{Error, Result, TableName};
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::ast::{Ident, ObjectName, ObjectNamePart, TableAlias, TableFactor, VisitMut, VisitorMut};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use lake::AsOf;

use crate::codes;
use crate::errors::mapped;
use crate::query::DEFAULT_SCHEMA;
use crate::statement::{AT, DEPTH_MAX};

/// What stands behind [`AT`] before the two versions.
pub(crate) const MARK: &str = "g";

/// Two versions: what was added behind the first, up to the second.
pub type Span = (u64, u64);

/// The query with each mention of these tables narrowed to what they gained; the words of the query stay otherwise.
pub fn only_gained(sql: &str, spans: &BTreeMap<TableName, Span>) -> Result<String> {
    let parser = DFParserBuilder::new(sql).with_dialect(&GenericDialect {}).with_recursion_limit(DEPTH_MAX).build();
    let mut statements = mapped(mapped(parser)?.parse_statements())?;
    let Some(Statement::Statement(mut ast)) = statements.pop_front() else {
        return Err(Error::new(&codes::SYNTAX_ERROR).with("reason", "a query was expected"));
    };
    let _whole: ControlFlow<()> = ast.visit(&mut Narrow { spans });
    Ok(ast.to_string())
}

/// The reverse of what [`only_gained`] writes.
pub(crate) fn parse(text: &str) -> Option<AsOf> {
    let (after, version) = text.split_once('-')?;
    Some(AsOf::Gained { after: after.parse().ok()?, version: version.parse().ok()? })
}

struct Narrow<'a> {
    spans: &'a BTreeMap<TableName, Span>,
}

impl VisitorMut for Narrow<'_> {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, alias, .. } = factor
            && let Some(table) = resolved(name)
            && let Some((after, version)) = self.spans.get(&table)
        {
            let bare = Ident::with_quote('"', table.table());
            // Columns are still qualified by the table's own name.
            if alias.is_none() {
                *alias = Some(TableAlias { explicit: true, name: bare, columns: Vec::new(), at: None });
            }
            let narrowed = Ident::with_quote('"', format!("{}{AT}{MARK}{after}-{version}", table.table()));
            let parts = [Ident::with_quote('"', table.catalog()), Ident::with_quote('"', table.schema()), narrowed];
            *name = ObjectName(parts.into_iter().map(ObjectNamePart::Identifier).collect());
        }
        ControlFlow::Continue(())
    }
}

/// The table that a name means, with the catalog and the schema that are left out.
fn resolved(name: &ObjectName) -> Option<TableName> {
    let part = |part: &ObjectNamePart| {
        let ident = part.as_ident()?;
        Some(if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() })
    };
    let parts: Vec<String> = name.0.iter().map(part).collect::<Option<_>>()?;
    match parts.as_slice() {
        [table] => TableName::lake(DEFAULT_SCHEMA, table).ok(),
        [schema, table] => TableName::lake(schema, table).ok(),
        [catalog, schema, table] => TableName::new(catalog, schema, table).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_named_tables_are_narrowed() {
        let table: TableName = "lake.ods.flights".parse().expect("a name");
        let spans = BTreeMap::from([(table, (3, 7))]);
        let sql = "select flights.a, p.b from ods.Flights join lake.ods.planes as p using (k) where x in (select x from lake.ods.flights f)";
        let narrowed = only_gained(sql, &spans).expect("narrowed");
        assert!(
            narrowed.contains("FROM \"lake\".\"ods\".\"flights@g3-7\" AS \"flights\" JOIN lake.ods.planes AS p"),
            "{narrowed}"
        );
        assert!(narrowed.contains("\"flights@g3-7\" f"), "{narrowed}");
        assert_eq!(parse("3-7"), Some(AsOf::Gained { after: 3, version: 7 }));
        assert_eq!((parse("3"), parse("a-7")), (None, None));
    }
}
