//! `dataux diff`: what `apply` would change, as a unified diff of the documents.

use std::path::PathBuf;

use base::document;
use clap::{Args, ValueHint};
use serde_json::Value;
use similar::TextDiff;

use super::apply::{is_change, send};
use crate::arguments::Output;
use crate::client::Client;
use crate::documents::Documents;
use crate::failure::{Failure, Outcome, exit};
use crate::listing::text;
use crate::session::Session;
use crate::terminal::Paint;

/// Options.
#[derive(Debug, Args)]
#[command(after_help = "Exits 0 when nothing would change, 3 when something would.\n\n\
                        Examples:\n  dataux diff -f airline/\n  dataux diff -f pipeline.yaml -o json")]
pub struct Arguments {
    /// A file, a folder or - for standard input; may be repeated
    #[arg(short, long = "file", value_name = "PATH", required = true, value_hint = ValueHint::AnyPath)]
    pub files: Vec<PathBuf>,
}

/// Runs it.
pub async fn run(session: &mut Session, arguments: Arguments) -> Outcome {
    let output = session.output("diff", Output::SHORT)?;
    let documents = Documents::read("diff", &arguments.files)?;
    let client = session.client().await?;
    let found = find(&client, &documents).await;
    client.close().await;
    let found = found?;
    match output {
        Output::Json => session.out.json(&Value::Array(found.iter().map(|(change, _)| change.clone()).collect()))?,
        _ => {
            for (_, difference) in &found {
                let painted = painted(difference, session.paint);
                session.out.text(&painted)?;
            }
        }
    }
    session.out.flush()?;
    if found.is_empty() { Ok(()) } else { Err(Failure::Said(exit::FINDING)) }
}

/// Every change, with its unified diff.
async fn find(client: &Client, documents: &Documents) -> Outcome<Vec<(Value, String)>> {
    let changes = send(client, documents, true).await?;
    // The server has read the same text a moment ago.
    let declared = document::read(&documents.text, "").unwrap_or_default();
    let mut found = Vec::new();
    for change in changes.into_iter().filter(is_change) {
        let (kind, name) = (text(&change, "kind"), text(&change, "name"));
        let old = match text(&change, "action").as_str() {
            "created" => String::new(),
            _ => text(&client.get(&["api", "v1", "resources", &kind, &name]).value().await?, "text"),
        };
        let new = declared.iter().find(|document| document.kind == kind && document.name.as_str() == name);
        let new = new.map(|document| document.text().to_owned()).unwrap_or_default();
        found.push((change, unified(&format!("{}/{name}", kind.to_lowercase()), &old, &new)));
    }
    Ok(found)
}

fn unified(name: &str, old: &str, new: &str) -> String {
    let (before, after) = (format!("{name} (now)"), format!("{name} (files)"));
    let from = if old.is_empty() { "/dev/null" } else { before.as_str() };
    TextDiff::from_lines(old, new).unified_diff().context_radius(3).header(from, &after).to_string()
}

/// A unified diff in colours.
pub fn painted(difference: &str, paint: Paint) -> String {
    if !paint.is_on() {
        return difference.to_owned();
    }
    let mut text = String::new();
    for line in difference.lines() {
        let line = match line {
            line if line.starts_with("+++") || line.starts_with("---") => paint.bold(line),
            line if line.starts_with('+') => paint.green(line),
            line if line.starts_with('-') => paint.red(line),
            line if line.starts_with("@@") => paint.cyan(line),
            line => line.to_owned(),
        };
        text.push_str(&line);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unified_diff_that_patch_understands() {
        let difference = unified("schedule/nightly", "a: 1\nb: 2\n", "a: 1\nb: 3\n");
        assert_eq!(
            difference,
            "--- schedule/nightly (now)\n+++ schedule/nightly (files)\n@@ -1,2 +1,2 @@\n a: 1\n-b: 2\n+b: 3\n"
        );
        assert!(unified("role/x", "", "a: 1\n").starts_with("--- /dev/null\n"));
        assert!(painted(&difference, Paint::new(true)).contains("\u{1b}[1;31m-b: 2"));
    }
}
