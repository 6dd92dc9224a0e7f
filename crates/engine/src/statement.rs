//! A statement before it is planned: its length, its depth, how many there are, and which version of a table it means.

use std::ops::ControlFlow;

use base::{Error, Result, TableName};
use datafusion::common::TableReference;
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::resolve::resolve_table_references;
use datafusion::sql::sqlparser::ast::{Statement as Ast, visit_relations};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer, Whitespace, Word};

use crate::codes;
use crate::errors::mapped;

/// Longest statement taken, in bytes.
pub const BYTES_MAX: usize = 1 << 20;

/// Deepest nesting taken.
pub const DEPTH_MAX: usize = 64;

/// Most operators in a row, such as `a OR b OR c`: each makes the tree one deeper, though nothing is nested.
pub const CHAIN_MAX: usize = 1000;

/// Most queries and joins of a statement, and most mentions of tables; each makes planning longer and the tree deeper.
pub const RELATIONS_MAX: usize = 256;

/// Parts a table's name from the version it is read at, inside the platform; no lake table may have it in its name.
pub const AT: char = '@';

/// One parsed statement that only reads.
pub fn parse(sql: &str) -> Result<Statement> {
    if sql.len() > BYTES_MAX {
        return Err(Error::new(&codes::STATEMENT_TOO_LONG).with("bytes", sql.len()).with("max", BYTES_MAX));
    }
    let dialect = GenericDialect {};
    let tokens = Tokenizer::new(&dialect, sql)
        .tokenize_with_location()
        .map_err(|error| Error::new(&codes::SYNTAX_ERROR).with("reason", error))?;
    refuse_long_chains(&tokens)?;
    let tokens = with_versions(tokens)?;
    let parser = DFParserBuilder::new(tokens).with_dialect(&dialect).with_recursion_limit(DEPTH_MAX).build();
    let mut statements = mapped(mapped(parser)?.parse_statements())?;
    if statements.len() > 1 {
        return Err(Error::new(&codes::STATEMENTS_SEVERAL).with("count", statements.len()));
    }
    let statement =
        statements.pop_front().ok_or_else(|| Error::new(&codes::SYNTAX_ERROR).with("reason", "there is no statement"))?;
    only_reads(&statement)?;
    let mut relations = 0;
    if let Statement::Statement(ast) = &statement {
        let _whole: ControlFlow<()> = visit_relations(ast.as_ref(), |_| {
            relations += 1;
            ControlFlow::Continue(())
        });
    }
    if relations > RELATIONS_MAX { Err(too_deep(RELATIONS_MAX)) } else { Ok(statement) }
}

/// One query that can be read by a name: its answer depends on nothing but tables.
pub fn parse_view(sql: &str) -> Result<Statement> {
    let parsed = parse(sql);
    let refused = |reason: &str| Err(Error::new(&codes::STATEMENT_INVALID).with("reason", reason));
    // Told before what else is wrong: a pipeline's `${name}` does not even parse.
    if sql.len() <= BYTES_MAX && has_parameters(sql) {
        return refused("a view has no parameters; a data service has");
    }
    let statement = parsed?;
    if !matches!(&statement, Statement::Statement(ast) if matches!(ast.as_ref(), Ast::Query(_))) {
        return refused("a view is one query");
    }
    if asks_for_listing(&statement) {
        return refused("what tables there are depends on who asks, so a view cannot tell it");
    }
    Ok(statement)
}

fn has_parameters(sql: &str) -> bool {
    let tokens = Tokenizer::new(&GenericDialect {}, sql).tokenize().unwrap_or_default();
    tokens.iter().any(|token| matches!(token, Token::Placeholder(_)))
}

fn too_deep(max: usize) -> Error {
    Error::new(&codes::STATEMENT_TOO_DEEP).with("max", max)
}

/// Operators in a row become a tree as deep as the row is long, and every pass over the tree goes down it. This counts them
/// on the tokens, because a tree that is too deep must not even be built.
fn refuse_long_chains(tokens: &[Located]) -> Result<()> {
    // Operators since the last comma or clause, for each open parenthesis.
    let mut chains = vec![0_usize];
    let (mut on_the_way, mut queries) = (0_usize, 0_usize);
    for token in tokens {
        match &token.token {
            Token::LParen | Token::LBracket | Token::LBrace => {
                // A subscript hangs on what stands before it; a parenthesis costs a level too.
                add(&mut chains, &mut on_the_way);
                chains.push(0);
            }
            Token::RParen | Token::RBracket | Token::RBrace if chains.len() > 1 => {
                on_the_way -= chains.pop().unwrap_or_default();
            }
            Token::Comma | Token::SemiColon => forget(&mut chains, &mut on_the_way),
            Token::Word(word) if word.quote_style.is_none() => match word.keyword {
                Keyword::SELECT | Keyword::UNION | Keyword::EXCEPT | Keyword::INTERSECT | Keyword::JOIN | Keyword::VALUES => {
                    queries += 1;
                    forget(&mut chains, &mut on_the_way);
                }
                Keyword::FROM
                | Keyword::WHERE
                | Keyword::ON
                | Keyword::GROUP
                | Keyword::ORDER
                | Keyword::HAVING
                | Keyword::WHEN => {
                    forget(&mut chains, &mut on_the_way);
                }
                Keyword::AND
                | Keyword::OR
                | Keyword::NOT
                | Keyword::IS
                | Keyword::LIKE
                | Keyword::ILIKE
                | Keyword::BETWEEN
                | Keyword::CASE
                | Keyword::COLLATE
                | Keyword::AT
                | Keyword::IN => add(&mut chains, &mut on_the_way),
                _ => {}
            },
            Token::Word(_)
            | Token::Whitespace(_)
            | Token::Number(..)
            | Token::SingleQuotedString(_)
            | Token::Placeholder(_)
            | Token::Period
            | Token::EOF => {}
            // All that is left are operators, and literals of rare kinds.
            _ => add(&mut chains, &mut on_the_way),
        }
        if on_the_way > CHAIN_MAX {
            return Err(too_deep(CHAIN_MAX));
        }
    }
    if queries > RELATIONS_MAX * 2 { Err(too_deep(RELATIONS_MAX * 2)) } else { Ok(()) }
}

fn add(chains: &mut [usize], on_the_way: &mut usize) {
    if let Some(chain) = chains.last_mut() {
        *chain += 1;
        *on_the_way += 1;
    }
}

fn forget(chains: &mut [usize], on_the_way: &mut usize) {
    if let Some(chain) = chains.last_mut() {
        *on_the_way -= *chain;
        *chain = 0;
    }
}

/// The tables a query names, for dependencies; a name that is none of ours is an error.
pub fn tables_of(sql: &str) -> Result<Vec<TableName>> {
    let (tables, _common) = mapped(resolve_table_references(&parse(sql)?, true))?;
    tables.iter().filter(|table| table.schema() != Some("information_schema")).map(name_of).collect()
}

/// Whether the statement asks what tables there are, so that the catalog must know all names before planning.
pub fn asks_for_listing(statement: &Statement) -> bool {
    let text = match statement {
        Statement::Statement(ast) => match ast.as_ref() {
            Ast::ShowTables { .. } | Ast::ShowColumns { .. } | Ast::ShowSchemas { .. } | Ast::ShowDatabases { .. } => {
                return true;
            }
            ast => ast.to_string(),
        },
        Statement::Explain(explain) => explain.statement.to_string(),
        _ => return false,
    };
    text.to_ascii_lowercase().contains("information_schema")
}

/// The table that a reference means, with the catalog and the schema that are left out.
pub fn name_of(table: &TableReference) -> Result<TableName> {
    let bare = table.table().split(AT).next().unwrap_or_default();
    TableName::new(table.catalog().unwrap_or(base::names::LAKE), table.schema().unwrap_or(crate::query::DEFAULT_SCHEMA), bare)
}

fn only_reads(statement: &Statement) -> Result<()> {
    let refused = |what: &str| Err(Error::new(&codes::STATEMENT_NOT_ALLOWED).with("what", what));
    match statement {
        Statement::Statement(ast) => match ast.as_ref() {
            Ast::Query(_)
            | Ast::ShowTables { .. }
            | Ast::ShowColumns { .. }
            | Ast::ShowSchemas { .. }
            | Ast::ShowDatabases { .. }
            | Ast::ExplainTable { .. } => Ok(()),
            other => refused(&first_words(&other.to_string())),
        },
        // ANALYZE runs the query and prints counts of rows it read; with policies in place those would be counts of hidden rows.
        Statement::Explain(explain) if explain.options.analyze => refused("EXPLAIN ANALYZE"),
        Statement::Explain(explain) => only_reads(&explain.statement),
        Statement::CopyTo(_) => refused("COPY"),
        Statement::CreateExternalTable(_) => refused("CREATE EXTERNAL TABLE"),
        _ => refused("this statement"),
    }
}

fn first_words(text: &str) -> String {
    text.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
}

type Located = datafusion::sql::sqlparser::tokenizer::TokenWithSpan;

/// Turns `name VERSION AS OF 3` and `name TIMESTAMP AS OF '…'` into the name `name@v3` or `name@t…`, which the catalog
/// resolves. On tokens, so that text in strings and comments stays what it is.
fn with_versions(tokens: Vec<Located>) -> Result<Vec<Located>> {
    let mut out: Vec<Located> = Vec::with_capacity(tokens.len());
    let mut rest = tokens.into_iter().peekable();
    while let Some(token) = rest.next() {
        let kind = match &token.token {
            Token::Word(word) if word.quote_style.is_none() && word.value.eq_ignore_ascii_case("version") => 'v',
            Token::Word(word) if word.quote_style.is_none() && word.value.eq_ignore_ascii_case("timestamp") => 't',
            _ => {
                out.push(token);
                continue;
            }
        };
        let mut taken = vec![token];
        match version_value(&mut rest, &mut taken) {
            Some(value) => pin(&mut out, kind, &value)?,
            None => out.extend(taken),
        }
    }
    Ok(out)
}

/// Reads ` AS OF value`; what was read goes to `taken`, so that it can be put back when it is something else.
fn version_value(rest: &mut std::iter::Peekable<std::vec::IntoIter<Located>>, taken: &mut Vec<Located>) -> Option<String> {
    for expected in ["as", "of"] {
        skip_space(rest, taken);
        match rest.peek().map(|token| &token.token) {
            Some(Token::Word(word)) if word.quote_style.is_none() && word.value.eq_ignore_ascii_case(expected) => {
                taken.extend(rest.next());
            }
            _ => return None,
        }
    }
    skip_space(rest, taken);
    let value = match rest.peek().map(|token| &token.token) {
        Some(Token::Number(number, _)) => number.clone(),
        Some(Token::SingleQuotedString(text)) => text.clone(),
        _ => return None,
    };
    taken.extend(rest.next());
    Some(value)
}

fn skip_space(rest: &mut std::iter::Peekable<std::vec::IntoIter<Located>>, taken: &mut Vec<Located>) {
    while rest.peek().is_some_and(|token| matches!(token.token, Token::Whitespace(_))) {
        taken.extend(rest.next());
    }
}

fn pin(out: &mut Vec<Located>, kind: char, value: &str) -> Result<()> {
    let name = out.iter_mut().rev().find(|token| !matches!(token.token, Token::Whitespace(_)));
    let Some(Located { token: Token::Word(word), .. }) = name else {
        return Err(Error::new(&codes::SYNTAX_ERROR).with("reason", "AS OF stands behind the name of a table"));
    };
    let bare = if word.quote_style.is_some() { word.value.clone() } else { word.value.to_ascii_lowercase() };
    let pinned = Word { value: format!("{bare}{AT}{kind}{value}"), quote_style: Some('"'), keyword: Keyword::NoKeyword };
    *word = pinned;
    // Keeps the name apart from an alias that follows without a space.
    let span = out.last().map(|token| token.span);
    if let Some(span) = span {
        out.push(Located { token: Token::Whitespace(Whitespace::Space), span });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(sql: &str) -> String {
        parse(sql).expect(sql).to_string()
    }

    #[test]
    fn pins_versions_and_leaves_other_text_alone() {
        assert_eq!(text("select * from ods.Flights version as of 3 f"), "SELECT * FROM ods.\"flights@v3\" f");
        assert_eq!(
            text("select * from ods.flights TIMESTAMP AS OF '2026-01-01T00:00:00Z' as f"),
            "SELECT * FROM ods.\"flights@t2026-01-01T00:00:00Z\" AS f"
        );
        assert_eq!(text("select version, 'version as of 3' from t"), "SELECT version, 'version as of 3' FROM t");
        assert_eq!(text("select timestamp '2026-01-01'"), "SELECT TIMESTAMP '2026-01-01'");
    }

    #[test]
    fn only_one_query_passes() {
        for sql in [
            "drop table x",
            "insert into t values (1)",
            "create table a as select 1",
            "set x = 1",
            "copy t to 'x'",
            "explain analyze select 1",
            "create external table t stored as csv location '/etc/passwd'",
            "prepare p as select 1",
            "delete from t",
            "update t set a = 1",
        ] {
            assert!(parse(sql).expect_err(sql).is(&codes::STATEMENT_NOT_ALLOWED), "{sql}");
        }
        assert!(parse("select 1; select 2").expect_err("two").is(&codes::STATEMENTS_SEVERAL));
        assert!(parse("").expect_err("none").is(&codes::SYNTAX_ERROR));
        assert!(
            parse(&format!("select {}1{}", "(".repeat(500), ")".repeat(500))).expect_err("deep").is(&codes::STATEMENT_TOO_DEEP)
        );
        assert!(parse(&" ".repeat(BYTES_MAX + 1)).expect_err("long").is(&codes::STATEMENT_TOO_LONG));
    }

    #[test]
    fn long_rows_of_operators_are_as_deep_as_nesting() {
        let row = |between: &str, count: usize| format!("select {} from t", vec!["a"; count].join(between));
        for (between, hangs) in [("+", ""), (" or ", ""), ("||", ""), ("", "::int"), ("", "[1]"), ("", " is null")] {
            let sql = |count: usize| {
                if hangs.is_empty() { row(between, count) } else { format!("select a{} from t", hangs.repeat(count)) }
            };
            assert!(parse(&sql(200)).is_ok(), "{between}{hangs}");
            assert!(parse(&sql(100_000)).expect_err("deep").is(&codes::STATEMENT_TOO_DEEP), "{between}{hangs}");
        }
        assert!(parse(&vec!["select 1"; 20_000].join(" union all ")).expect_err("deep").is(&codes::STATEMENT_TOO_DEEP));
        assert!(parse(&format!("select 1 from t{}", ", t".repeat(1000))).expect_err("wide").is(&codes::STATEMENT_TOO_DEEP));
        // Wide is not deep.
        let columns: Vec<String> = (0..2000).map(|number| format!("(a + {number}) * 2 as c{number}")).collect();
        assert!(parse(&format!("select {} from t", columns.join(", "))).is_ok());
        let values: Vec<String> = (0..50_000).map(|number| format!("{number}")).collect();
        assert!(parse(&format!("select 1 from t where a in ({})", values.join(", "))).is_ok());
        let cases: Vec<String> = (0..1000).map(|number| format!("when a = {number} then {number}")).collect();
        assert!(parse(&format!("select case {} end from t", cases.join(" "))).is_ok());
    }

    #[test]
    fn names_the_tables_read() {
        let names = tables_of("with a as (select * from ods.flights) select * from a join airline.main.planes p using (tailnum)")
            .expect("names");
        assert_eq!(names.iter().map(ToString::to_string).collect::<Vec<_>>(), ["lake.ods.flights", "airline.main.planes"]);
    }
}
