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
                        dataux get dataservice/delays -o json\n  dataux get services\n  dataux get -o name\n\n\
                        `services` lists the data services that you may call, with their addresses.")]
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
    // As documents they are resources like others.
    if services(&arguments) && output != Output::Yaml {
        return list_services(session, output).await;
    }
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

/// Whether the services that can be called are meant.
fn services(arguments: &Arguments) -> bool {
    let kind = arguments.kind.as_deref().unwrap_or_default();
    arguments.name.is_none() && (kind.eq_ignore_ascii_case("services") || kind.eq_ignore_ascii_case("service"))
}

async fn list_services(session: &mut Session, output: Output) -> Outcome {
    let client = session.client().await?;
    let items = client.get(&["api", "v1", "services"]).items(ITEMS_MAX).await;
    client.close().await;
    let items = items?;
    let titles = [
        (session.say("NAME", "名称"), Align::Left),
        (session.say("ADDRESS", "地址"), Align::Left),
        (session.say("PARAMETERS", "参数"), Align::Left),
        (session.say("DESCRIPTION", "说明"), Align::Left),
    ]
    .map(|(title, align)| (title.to_owned(), align));
    let columns: Vec<(&str, Align)> = titles.iter().map(|(title, align)| (title.as_str(), *align)).collect();
    let name = |item: &Value| format!("dataservice/{}", text(item, "name"));
    listing::write(session, output, &items, &columns, name, |item| {
        vec![text(item, "name"), text(item, "path"), parameters(item), text(item, "description")]
    })
}

/// Names of a service's parameters; those that may be left out in brackets.
fn parameters(item: &Value) -> String {
    let parameters = item["parameters"].as_array().map(Vec::as_slice).unwrap_or_default().iter();
    let name = |parameter: &Value| {
        let name = text(parameter, "name");
        if parameter["required"] == true { name } else { format!("[{name}]") }
    };
    parameters.map(name).collect::<Vec<_>>().join(" ")
}

/// One resource, those of a kind, or all.
pub async fn find(client: &Client, kind: Option<&str>, name: Option<&str>) -> Outcome<Vec<Value>> {
    let (kind, name) = match (kind, name) {
        (Some(both), None) => both.split_once('/').map_or((Some(both), None), |(kind, name)| (Some(kind), Some(name))),
        other => other,
    };
    // What people call a service is declared as this kind.
    let kind = kind.map(|kind| match kind.to_ascii_lowercase().as_str() {
        "service" | "services" => "DataService",
        _ => kind,
    });
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

    #[test]
    fn parameters_that_may_be_left_out_stand_in_brackets() {
        let item = json!({"parameters": [{"name": "carrier", "required": true}, {"name": "from", "required": false}]});
        assert_eq!(parameters(&item), "carrier [from]");
        assert_eq!(parameters(&json!({})), "");
    }
}
