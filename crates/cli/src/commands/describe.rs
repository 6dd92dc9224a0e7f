//! `dataux describe`: all about one resource or one table.

use clap::Args;
use clap_complete::ArgValueCompleter;
use serde_json::{Value, json};

use crate::arguments::Output;
use crate::client::Client;
use crate::failure::Outcome;
use crate::listing::{self, Align, Listing, moment, text};
use crate::session::Session;
use crate::terminal;

/// Tables listed at most.
const TABLES_MAX: usize = 100_000;

/// Runs shown with a pipeline.
const RUNS: usize = 5;

/// Options.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  dataux describe pipeline flights-daily\n  dataux describe connection/airline\n  \
                        dataux describe lake.dwd.flights\n  dataux describe tables")]
pub struct Arguments {
    /// The kind, KIND/NAME, a table's full name, or `tables`
    #[arg(value_name = "KIND|TABLE", add = ArgValueCompleter::new(crate::names::tables))]
    pub kind: String,

    /// The resource's name
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
}

/// A column of a table.
#[derive(Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: String,
    /// Whether it may be NULL.
    pub nullable: bool,
    /// What it means, if that was said.
    pub description: String,
}

/// Runs it.
pub async fn run(session: &mut Session, arguments: Arguments) -> Outcome {
    let output = session.output("describe", &[Output::Table, Output::Json, Output::Yaml])?;
    let client = session.client().await?;
    let done = match (arguments.kind.as_str(), arguments.name.as_deref()) {
        ("table", Some(name)) => table(session, &client, name, output).await,
        ("tables" | "table", None) => tables(session, &client, output).await,
        (name, None) if name.contains('.') && !name.contains('/') => table(session, &client, name, output).await,
        (kind, name) => resource(session, &client, kind, name, output).await,
    };
    client.close().await;
    done
}

/// The tables that may be seen.
pub async fn tables(session: &mut Session, client: &Client, output: Output) -> Outcome {
    let items = client.get(&["api", "v1", "tables"]).items(TABLES_MAX).await?;
    let columns = [(session.say("TABLE", "表").to_owned(), Align::Left), (session.say("KIND", "类型").to_owned(), Align::Left)];
    let columns: Vec<(&str, Align)> = columns.iter().map(|(title, align)| (title.as_str(), *align)).collect();
    listing::write(
        session,
        output,
        &items,
        &columns,
        |item| text(item, "name"),
        |item| vec![text(item, "name"), text(item, "kind")],
    )
}

/// A table's columns and what else is known of it.
pub async fn table(session: &mut Session, client: &Client, name: &str, output: Output) -> Outcome {
    let value = client.get(&["api", "v1", "tables", name]).value().await?;
    if output != Output::Table {
        return write(session, output, &value);
    }
    let columns = columns(&value);
    let mut titles = vec![session.say("COLUMN", "列"), session.say("TYPE", "数据类型"), session.say("NULL", "可空")];
    let described = columns.iter().any(|column| !column.description.is_empty());
    titles.extend(described.then(|| session.say("MEANING", "含义")));
    let titles: Vec<(&str, Align)> = titles.into_iter().map(|title| (title, Align::Left)).collect();
    let mut listing = Listing::new(&titles);
    for column in columns {
        let nullable = if column.nullable { session.say("yes", "是") } else { session.say("no", "否") };
        let mut row = vec![column.name, column.kind, nullable.to_owned()];
        row.extend(described.then_some(column.description));
        listing.row(row);
    }
    let table = listing.render(session.paint, terminal::size().map(|(_, columns)| columns));
    session.out.text(&table)?;
    let facts: Vec<String> = value
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, fact)| !matches!(key.as_str(), "columns" | "schema" | "fields" | "sql") && is_plain(fact))
        .map(|(key, _)| format!("{key} {}", text(&value, key)))
        .collect();
    session.out.line(&session.paint.dim(&facts.join(" · ")))?;
    match text(&value, "sql").trim() {
        "" => Ok(()),
        sql => session.out.line(sql),
    }
}

/// The columns in an answer of `/api/v1/tables/{name}`.
pub fn columns(table: &Value) -> Vec<Column> {
    let found = ["/columns", "/schema/columns", "/schema/fields", "/schema", "/fields"]
        .iter()
        .find_map(|path| table.pointer(path)?.as_array());
    let column = |item: &Value| {
        let kind = ["type", "data_type", "kind"].iter().map(|key| text(item, key)).find(|kind| !kind.is_empty());
        Column {
            name: text(item, "name"),
            kind: kind.unwrap_or_default(),
            nullable: item.get("nullable").and_then(Value::as_bool).unwrap_or(true),
            description: text(item, "description"),
        }
    };
    found.into_iter().flatten().map(column).collect()
}

async fn resource(session: &mut Session, client: &Client, kind: &str, name: Option<&str>, output: Output) -> Outcome {
    let items = super::get::find(client, Some(kind), name).await?;
    for (index, item) in items.iter().enumerate() {
        let runs = match text(item, "kind").as_str() {
            "Pipeline" => {
                client
                    .get(&["api", "v1", "runs"])
                    .query("pipeline", text(item, "name"))
                    .query("limit", RUNS.to_string())
                    .items(RUNS)
                    .await?
            }
            _ => Vec::new(),
        };
        if output != Output::Table {
            let mut whole = item.clone();
            if !runs.is_empty() {
                whole["runs"] = json!(runs);
            }
            write(session, output, &whole)?;
            continue;
        }
        if index > 0 {
            session.out.line("")?;
        }
        let head = session.paint.bold(&super::get::name(item));
        let by = session.say("by", "更新者");
        let line = format!(
            "{head}  {} {} · {} · {by} {}",
            session.say("version", "版本"),
            text(item, "version"),
            moment(item, "updated_at"),
            text(item, "updated_by")
        );
        session.out.line(&line)?;
        session.out.line(text(item, "text").trim_end())?;
        if !runs.is_empty() {
            session.out.line("")?;
            super::runs::write(session, Output::Table, &runs)?;
        }
    }
    Ok(())
}

fn write(session: &mut Session, output: Output, value: &Value) -> Outcome {
    match output {
        Output::Yaml => session.out.text(&listing::yaml(value)?),
        _ => session.out.json(value),
    }
}

fn is_plain(value: &Value) -> bool {
    matches!(value, Value::String(text) if text.len() <= 120) || value.is_number() || value.is_boolean()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_in_an_answer() {
        let answer = json!({"name": "lake.a.b", "columns": [{"name": "x", "type": "Int64", "nullable": false}, {"name": "y", "type": "Utf8"}]});
        assert_eq!(
            columns(&answer),
            [
                Column { name: "x".into(), kind: "Int64".into(), nullable: false, description: String::new() },
                Column { name: "y".into(), kind: "Utf8".into(), nullable: true, description: String::new() }
            ]
        );
        assert!(columns(&json!({})).is_empty());
    }
}
