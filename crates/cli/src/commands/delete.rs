//! `dataux delete`: removes resources; what they described outside stays.

use std::path::PathBuf;

use base::document;
use clap::{Args, ValueHint};
use clap_complete::ArgValueCompleter;
use serde_json::json;

use crate::arguments::Output;
use crate::documents::Documents;
use crate::failure::{Failure, Outcome};
use crate::session::Session;

/// Options.
#[derive(Debug, Args)]
#[command(after_help = "Removing a Pipeline or a Connection leaves tables and their data as they are.\n\n\
                        Examples:\n  dataux delete schedule flights-nightly\n  dataux delete dataservice/delays --yes\n  \
                        dataux delete -f airline/services.yaml --yes")]
pub struct Arguments {
    /// The kind, or KIND/NAME
    #[arg(value_name = "KIND", required_unless_present = "files", add = ArgValueCompleter::new(crate::names::kinds))]
    pub kind: Option<String>,

    /// The names
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,

    /// Remove what these files declare
    #[arg(short, long = "file", value_name = "PATH", conflicts_with_all = ["kind", "names"], value_hint = ValueHint::AnyPath)]
    pub files: Vec<PathBuf>,
}

/// Runs it.
pub async fn run(session: &mut Session, arguments: Arguments) -> Outcome {
    let output = session.output("delete", &[Output::Table, Output::Json, Output::Name])?;
    let doomed = doomed(&arguments)?;
    let list: Vec<String> = doomed.iter().map(|(kind, name)| format!("{}/{name}", kind.to_lowercase())).collect();
    session.confirm(&format!("{} {}", session.say("delete", "删除"), list.join(", ")))?;
    let client = session.client().await?;
    for ((kind, name), shown) in doomed.iter().zip(&list) {
        client.delete(&["api", "v1", "resources", kind, name]).value().await?;
        match output {
            Output::Name => session.out.line(shown)?,
            Output::Json => session.out.line(&json!({ "kind": kind, "name": name, "action": "deleted" }).to_string())?,
            _ => session.out.line(&format!("{shown} {}", session.paint.red(session.say("deleted", "已删除"))))?,
        }
    }
    client.close().await;
    Ok(())
}

/// Kind and name of all that is to go; in reverse order for files, so that what uses something goes before it.
fn doomed(arguments: &Arguments) -> Outcome<Vec<(String, String)>> {
    if !arguments.files.is_empty() {
        let documents = Documents::read("delete", &arguments.files)?;
        let declared = document::read(&documents.text, "files")?;
        return Ok(declared.into_iter().rev().map(|document| (document.kind, document.name.as_str().to_owned())).collect());
    }
    let kind = arguments.kind.as_deref().unwrap_or_default();
    if let Some((kind, name)) = kind.split_once('/') {
        let mut all = vec![(kind.to_owned(), name.to_owned())];
        for other in &arguments.names {
            match other.split_once('/') {
                Some((kind, name)) => all.push((kind.to_owned(), name.to_owned())),
                None => {
                    return Err(Failure::usage(
                        "delete",
                        format!("`{other}` lacks its kind; write KIND/NAME for each, or KIND NAME NAME"),
                    ));
                }
            }
        }
        return Ok(all);
    }
    if arguments.names.is_empty() {
        return Err(Failure::usage("delete", format!("which {kind}? give its name")));
    }
    Ok(arguments.names.iter().map(|name| (kind.to_owned(), name.clone())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: &str, names: &[&str]) -> Outcome<Vec<(String, String)>> {
        doomed(&Arguments {
            kind: Some(kind.into()),
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            files: Vec::new(),
        })
    }

    #[test]
    fn kinds_and_names_in_both_forms() {
        let pair = |kind: &str, name: &str| (kind.to_owned(), name.to_owned());
        assert_eq!(of("role", &["a", "b"]).expect("right"), [pair("role", "a"), pair("role", "b")]);
        assert_eq!(of("role/a", &["user/b"]).expect("right"), [pair("role", "a"), pair("user", "b")]);
        assert_eq!(of("role", &[]).expect_err("no name").exit(), 2);
        assert_eq!(of("role/a", &["b"]).expect_err("no kind").exit(), 2);
    }
}
