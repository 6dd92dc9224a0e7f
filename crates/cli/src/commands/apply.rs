//! `dataux apply`: brings what is declared to what the files say.

use std::path::PathBuf;

use clap::{Args, ValueHint};
use serde_json::Value;

use crate::arguments::Output;
use crate::client::Client;
use crate::documents::Documents;
use crate::failure::Outcome;
use crate::listing::{self, Align, text};
use crate::session::Session;
use crate::terminal::Paint;

/// Options.
#[derive(Debug, Args)]
#[command(
    after_help = "Applying the same files again changes nothing. All documents are checked before the first one is stored.\n\n\
                        Examples:\n  dataux apply -f airline/\n  dataux apply -f connection.yaml -f pipeline.yaml --dry-run\n  \
                        dataux get pipeline flights-daily -o yaml | sed s/UA/AA/ | dataux apply -f -"
)]
pub struct Arguments {
    /// A file, a folder (its .yaml, .yml and .json files, folders inside too) or - for standard input; may be repeated
    #[arg(short, long = "file", value_name = "PATH", required = true, value_hint = ValueHint::AnyPath)]
    pub files: Vec<PathBuf>,

    /// Say what would change, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Runs it.
pub async fn run(session: &mut Session, arguments: Arguments) -> Outcome {
    let output = session.output("apply", Output::RESOURCES)?;
    let documents = Documents::read("apply", &arguments.files)?;
    let client = session.client().await?;
    let changes = send(&client, &documents, arguments.dry_run).await;
    client.close().await;
    show(session, output, &changes?)
}

/// Applies, or tries to, and answers the changes.
pub async fn send(client: &Client, documents: &Documents, dry_run: bool) -> Outcome<Vec<Value>> {
    let call = client.post(&["api", "v1", "apply"]).yaml(documents.text.clone());
    let call = if dry_run { call.query("dry_run", "true") } else { call };
    let answer = call.value().await.map_err(|failure| documents.placed(failure))?;
    Ok(answer.get("changes").and_then(Value::as_array).cloned().unwrap_or_default())
}

/// Whether a change is one.
pub fn is_change(change: &Value) -> bool {
    text(change, "action") != "unchanged"
}

fn show(session: &mut Session, output: Output, changes: &[Value]) -> Outcome {
    if output == Output::Table {
        for change in changes {
            let line = line(change, session.paint);
            session.out.text(&line)?;
        }
        return Ok(());
    }
    listing::write(session, output, changes, &[("NAME", Align::Left)], name, |change| vec![name(change)])
}

fn name(change: &Value) -> String {
    format!("{}/{}", text(change, "kind").to_lowercase(), text(change, "name"))
}

/// What happened to one resource, and each value that changed.
fn line(change: &Value, paint: Paint) -> String {
    let action = text(change, "action");
    let shown = match action.as_str() {
        "created" => paint.green(&action),
        "updated" => paint.yellow(&action),
        _ => paint.dim(&action),
    };
    let mut lines = format!("{} {shown}\n", name(change));
    // All of a new resource is new; repeating it would hide the rest.
    if action == "updated" {
        for line in change.get("diff").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
            let painted = match line.chars().next() {
                Some('+') => paint.green(line),
                Some('-') => paint.red(line),
                _ => paint.yellow(line),
            };
            lines.push_str(&format!("  {painted}\n"));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn says_what_changed() {
        let updated = json!({"kind": "Schedule", "name": "nightly", "action": "updated", "diff": ["~ spec.cron: \"a\" → \"b\""]});
        assert_eq!(line(&updated, Paint::plain()), "schedule/nightly updated\n  ~ spec.cron: \"a\" → \"b\"\n");
        let created = json!({"kind": "Role", "name": "analyst", "action": "created", "diff": ["+ spec.x: 1"]});
        assert_eq!(line(&created, Paint::plain()), "role/analyst created\n");
        assert!(is_change(&created) && !is_change(&json!({"action": "unchanged"})));
    }
}
