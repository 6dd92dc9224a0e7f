//! `dataux get`: resources as a list, or one of them.

use clap::Args;
use clap_complete::ArgValueCompleter;
use serde_json::Value;

use crate::arguments::Output;
use crate::client::Client;
use crate::failure::Outcome;
use crate::listing::{self, Align, moment, text};
use crate::session::Session;

/// Resources listed at most.
const ITEMS_MAX: usize = 100_000;

/// Options.
#[derive(Debug, Args)]
#[command(after_help = "Kinds may be written in any case and in the plural. `-o yaml` prints documents that `apply` takes.\n\n\
                        Examples:\n  dataux get pipelines\n  dataux get pipeline flights-daily -o yaml\n  \
                        dataux get dataservice/delays -o json\n  dataux get -o name")]
pub struct Arguments {
    /// The kind, or KIND/NAME; all kinds if not given
    #[arg(value_name = "KIND", add = ArgValueCompleter::new(crate::names::kinds))]
    pub kind: Option<String>,

    /// The resource's name
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
}

/// Runs it.
pub async fn run(session: &mut Session, arguments: Arguments) -> Outcome {
    let output = session.output("get", Output::RESOURCES)?;
    let client = session.client().await?;
    let items = find(&client, arguments.kind.as_deref(), arguments.name.as_deref()).await;
    client.close().await;
    let items = items?;
    match output {
        Output::Yaml => session.out.text(&documents(&items)),
        // One that was asked for by name stands alone, not in a list.
        Output::Json if arguments.name.is_some() || arguments.kind.as_deref().is_some_and(|kind| kind.contains('/')) => {
            items.first().map_or(Ok(()), |item| session.out.json(item))
        }
        _ => {
            let titles = [
                (session.say("KIND", "类型"), Align::Left),
                (session.say("NAME", "名称"), Align::Left),
                (session.say("VERSION", "版本"), Align::Right),
                (session.say("UPDATED", "更新时间"), Align::Left),
                (session.say("BY", "更新者"), Align::Left),
            ]
            .map(|(title, align)| (title.to_owned(), align));
            let columns: Vec<(&str, Align)> = titles.iter().map(|(title, align)| (title.as_str(), *align)).collect();
            listing::write(session, output, &items, &columns, name, |item| {
                vec![
                    text(item, "kind"),
                    text(item, "name"),
                    text(item, "version"),
                    moment(item, "updated_at"),
                    text(item, "updated_by"),
                ]
            })
        }
    }
}

/// One resource, those of a kind, or all.
pub async fn find(client: &Client, kind: Option<&str>, name: Option<&str>) -> Outcome<Vec<Value>> {
    let (kind, name) = match (kind, name) {
        (Some(both), None) => both.split_once('/').map_or((Some(both), None), |(kind, name)| (Some(kind), Some(name))),
        other => other,
    };
    match (kind, name) {
        (Some(kind), Some(name)) => Ok(vec![client.get(&["api", "v1", "resources", kind, name]).value().await?]),
        (Some(kind), None) => client.get(&["api", "v1", "resources", kind]).items(ITEMS_MAX).await,
        (None, _) => client.get(&["api", "v1", "resources"]).items(ITEMS_MAX).await,
    }
}

/// `pipeline/flights-daily`.
pub fn name(item: &Value) -> String {
    format!("{}/{}", text(item, "kind").to_lowercase(), text(item, "name"))
}

/// The documents as they were written, ready for `apply`.
pub fn documents(items: &[Value]) -> String {
    let texts: Vec<String> = items.iter().map(|item| text(item, "text").trim().to_owned() + "\n").collect();
    texts.join("---\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn documents_can_be_applied_again() {
        let head = "apiVersion: dataux/v1\nkind: Role\nname: a\nspec: {}";
        let items = [json!({"text": head}), json!({"text": format!("\n{head}\n\n")})];
        let text = documents(&items);
        assert_eq!(base::document::read(&text, "out").expect("reads").len(), 2);
    }
}
