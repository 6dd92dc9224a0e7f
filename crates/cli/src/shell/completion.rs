//! Completion in the shell: keywords, tables and columns of the catalog, learned in the background.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use reedline::{Completer, CompletionResult, Span, Suggestion};

use crate::client::Client;
use crate::listing::text;
use crate::sql::tokens::{Kind, tokens};

/// Tables whose columns are learned.
const TABLES_MAX: usize = 500;

/// Suggestions shown at once.
const SUGGESTIONS_MAX: usize = 200;

/// What is known of the catalog: columns by the table's full name.
#[derive(Clone, Default)]
pub struct Known {
    tables: Arc<RwLock<BTreeMap<String, Vec<String>>>>,
}

/// Asks for tables and then for their columns; what cannot be had is left out.
pub async fn learn(client: Arc<Client>, known: Known) {
    let Ok(items) = client.get(&["api", "v1", "tables"]).items(TABLES_MAX).await else { return };
    let names: Vec<String> = items.iter().map(|item| text(item, "name")).filter(|name| !name.is_empty()).collect();
    for name in &names {
        known.tables.write().unwrap_or_else(PoisonError::into_inner).entry(name.clone()).or_default();
    }
    for name in names {
        let Ok(table) = client.get(&["api", "v1", "tables", &name]).value().await else { continue };
        let columns = crate::commands::describe::columns(&table).into_iter().map(|column| column.name).collect();
        known.tables.write().unwrap_or_else(PoisonError::into_inner).insert(name, columns);
    }
}

/// Completes the word before the cursor.
pub struct SqlCompleter {
    known: Known,
}

impl SqlCompleter {
    /// From what is known by the time Tab is pressed.
    pub fn new(known: Known) -> Self {
        Self { known }
    }
}

impl Completer for SqlCompleter {
    fn complete(&mut self, line: &str, pos: usize) -> CompletionResult {
        let tables = self.known.tables.read().unwrap_or_else(PoisonError::into_inner);
        let suggestions: Vec<Suggestion> = suggest(line, pos, &tables)
            .into_iter()
            .map(|found| Suggestion {
                value: found.value,
                description: found.description,
                span: Span::new(found.start, pos),
                append_whitespace: found.space,
                ..Suggestion::default()
            })
            .collect();
        CompletionResult::fresh(suggestions)
    }
}

struct Found {
    value: String,
    description: Option<String>,
    start: usize,
    space: bool,
}

/// What may stand where the cursor is: tables after FROM and its kin, columns of the tables named and keywords elsewhere.
fn suggest(line: &str, pos: usize, tables: &BTreeMap<String, Vec<String>>) -> Vec<Found> {
    let before = line.get(..pos).unwrap_or(line);
    let all = tokens(before);
    if all.last().is_some_and(|token| !token.closed || token.kind == Kind::Comment) {
        return Vec::new();
    }
    // The word goes back over letters, dots and underscores: `lake.dwd.fl`.
    let start = before
        .rfind(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.'))
        .map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
    let word = before[start..].to_lowercase();
    let previous = all.iter().rev().find(|token| token.end <= start && !matches!(token.kind, Kind::Space | Kind::Comment));
    let previous = previous.map(|token| before[token.start..token.end].to_ascii_uppercase()).unwrap_or_default();
    let wants_table = matches!(previous.as_str(), "FROM" | "JOIN" | "INTO" | "TABLE" | "DESCRIBE" | "\\D" | "UPDATE")
        || before.trim_start().starts_with("\\d ");
    let mut found: Vec<Found> = Vec::new();
    let table = |name: &String| Found { value: name.clone(), description: None, start, space: true };
    // A table is found by any of its parts: `fli` finds lake.dwd.flights.
    let matches_table = |name: &str| {
        let name = name.to_lowercase();
        name.starts_with(&word)
            || name.split('.').skip(1).any(|part| part.starts_with(&word))
            || name.contains(&format!(".{word}"))
    };
    if wants_table {
        found.extend(tables.keys().filter(|name| matches_table(name)).map(table));
    } else {
        found.extend(column_suggestions(line, &word, start, tables));
        if word.contains('.') {
            found.extend(tables.keys().filter(|name| name.to_lowercase().starts_with(&word)).map(table));
        }
        if !word.is_empty() && !word.contains('.') {
            let upper = word.to_ascii_uppercase();
            let lower_case = before[start..].chars().all(|c| !c.is_uppercase());
            found.extend(KEYWORDS.iter().filter(|keyword| keyword.starts_with(&upper)).map(|keyword| Found {
                value: if lower_case { keyword.to_lowercase() } else { (*keyword).to_owned() },
                description: None,
                start,
                space: true,
            }));
        }
    }
    found.truncate(SUGGESTIONS_MAX);
    found
}

/// Columns of the tables that the statement names; of one table when its alias or name stands before the dot.
fn column_suggestions(line: &str, word: &str, start: usize, tables: &BTreeMap<String, Vec<String>>) -> Vec<Found> {
    let named = named_tables(line, tables);
    let (qualifier, column, at) = match word.rsplit_once('.') {
        Some((qualifier, column)) => (Some(qualifier), column, start + qualifier.len() + 1),
        None => (None, word, start),
    };
    let mut found = Vec::new();
    for (alias, table) in named {
        let last = table.rsplit('.').next().unwrap_or_default();
        if qualifier.is_some_and(|qualifier| qualifier != alias && qualifier != last && qualifier != table) {
            continue;
        }
        for name in tables.get(&table).into_iter().flatten().filter(|name| name.to_lowercase().starts_with(column)) {
            if !found.iter().any(|known: &Found| known.value == *name) {
                found.push(Found { value: name.clone(), description: Some(table.clone()), start: at, space: false });
            }
        }
    }
    found
}

/// The tables after FROM and JOIN, with their aliases in lower case.
fn named_tables(line: &str, tables: &BTreeMap<String, Vec<String>>) -> Vec<(String, String)> {
    let words: Vec<&str> =
        line.split(|c: char| c.is_whitespace() || matches!(c, ',' | '(' | ')' | ';')).filter(|word| !word.is_empty()).collect();
    let mut named = Vec::new();
    for (index, word) in words.iter().enumerate() {
        let word = word.to_lowercase();
        let full =
            tables.keys().find(|name| **name == word || (word.matches('.').count() == 1 && name.ends_with(&format!(".{word}"))));
        if let Some(full) = full {
            let next = words.get(index + 1).map(|next| next.to_lowercase());
            let next = if next.as_deref() == Some("as") { words.get(index + 2).map(|next| next.to_lowercase()) } else { next };
            let alias = next.filter(|next| KEYWORDS.binary_search(&next.to_ascii_uppercase().as_str()).is_err());
            named.push((alias.unwrap_or_default(), full.clone()));
        }
    }
    named
}

/// Words of the dialect, sorted, for completion and colour.
pub const KEYWORDS: &[&str] = &[
    "ALL",
    "AND",
    "ANY",
    "AS",
    "ASC",
    "AVG",
    "BETWEEN",
    "BIGINT",
    "BOOLEAN",
    "BY",
    "CASE",
    "CAST",
    "COALESCE",
    "COUNT",
    "CROSS",
    "CURRENT_DATE",
    "CURRENT_TIMESTAMP",
    "DATE",
    "DATE_TRUNC",
    "DECIMAL",
    "DESC",
    "DESCRIBE",
    "DISTINCT",
    "DOUBLE",
    "ELSE",
    "END",
    "EXCEPT",
    "EXISTS",
    "EXPLAIN",
    "EXTRACT",
    "FALSE",
    "FILTER",
    "FIRST",
    "FLOAT",
    "FOR",
    "FROM",
    "FULL",
    "GROUP",
    "HAVING",
    "IN",
    "INNER",
    "INT",
    "INTEGER",
    "INTERSECT",
    "INTERVAL",
    "IS",
    "JOIN",
    "LAST",
    "LATERAL",
    "LEFT",
    "LIKE",
    "LIMIT",
    "MAX",
    "MIN",
    "NATURAL",
    "NOT",
    "NULL",
    "NULLIF",
    "NULLS",
    "OF",
    "OFFSET",
    "ON",
    "OR",
    "ORDER",
    "OUTER",
    "OVER",
    "PARTITION",
    "RECURSIVE",
    "RIGHT",
    "ROUND",
    "ROWS",
    "SELECT",
    "SHOW",
    "SMALLINT",
    "SUBSTR",
    "SUM",
    "TABLE",
    "TABLES",
    "THEN",
    "TIMESTAMP",
    "TRUE",
    "UNION",
    "USING",
    "VALUES",
    "VARCHAR",
    "VERSION",
    "WHEN",
    "WHERE",
    "WINDOW",
    "WITH",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn values(line: &str) -> Vec<String> {
        let mut tables = BTreeMap::new();
        tables.insert("lake.dwd.flights".to_owned(), vec!["carrier".to_owned(), "origin".to_owned()]);
        tables.insert("lake.ods.airlines".to_owned(), vec!["carrier".to_owned(), "name".to_owned()]);
        let pos = line.find('|').expect("a cursor");
        suggest(&line.replace('|', ""), pos, &tables).into_iter().map(|found| found.value).collect()
    }

    #[test]
    fn keywords_are_sorted() {
        assert!(KEYWORDS.is_sorted());
    }

    #[test]
    fn tables_after_from_by_any_part() {
        assert_eq!(values("select * from fli|"), ["lake.dwd.flights"]);
        assert_eq!(values("select * from lake.o|"), ["lake.ods.airlines"]);
        assert_eq!(values("\\d |"), ["lake.dwd.flights", "lake.ods.airlines"]);
    }

    #[test]
    fn columns_of_the_tables_that_are_named() {
        assert_eq!(values("select na| from lake.dwd.flights f join lake.ods.airlines a"), ["name", "natural"]);
        assert_eq!(values("select f.| from lake.dwd.flights f join lake.ods.airlines a"), ["carrier", "origin"]);
        assert_eq!(values("select a.c| from lake.dwd.flights f join lake.ods.airlines as a"), ["carrier"]);
        assert_eq!(values("SEL|"), ["SELECT"]);
        assert_eq!(values("sel|"), ["select"]);
    }

    #[test]
    fn nothing_inside_strings_and_comments() {
        assert!(values("select 'fro|").is_empty());
        assert!(values("-- sel|").is_empty());
    }
}
