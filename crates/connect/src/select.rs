//! The one statement that reads a table of a database, written from its parts.

/// A name as both SQLite and PostgreSQL quote it.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A name as MySQL quotes it, whatever its SQL mode.
pub(crate) fn backquoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// A text as SQLite, PostgreSQL (with standard strings) and MySQL (with `NO_BACKSLASH_ESCAPES`) quote it.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A statement being written. Filters are SQL of the source's dialect that the engine wrote.
#[derive(Debug, Clone, Default)]
pub(crate) struct Select {
    /// The expressions, at least one.
    pub columns: Vec<String>,
    /// The quoted table.
    pub from: String,
    /// What must hold, all of it.
    pub conditions: Vec<String>,
    /// At most so many rows.
    pub limit: Option<u64>,
}

impl std::fmt::Display for Select {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "select {} from {}", self.columns.join(", "), self.from)?;
        for (index, condition) in self.conditions.iter().enumerate() {
            // A filter that ends in a comment must not swallow the parenthesis behind it.
            write!(f, " {} ({condition}\n)", if index == 0 { "where" } else { "and" })?;
        }
        match self.limit {
            Some(limit) => write!(f, " limit {limit}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_texts_stay_what_they_are() {
        let select = Select {
            columns: vec![quoted("a\"b")],
            from: quoted("t"),
            conditions: vec![format!("x = {}", literal("it's")), "y > 1 -- all".to_owned()],
            limit: Some(3),
        };
        assert_eq!(select.to_string(), "select \"a\"\"b\" from \"t\" where (x = 'it''s'\n) and (y > 1 -- all\n) limit 3");
    }
}
