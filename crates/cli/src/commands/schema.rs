//! `dataux schema`: the JSON Schema of a kind, for editors and checks.

use clap::Args;
use clap_complete::ArgValueCompleter;
use serde_json::{Value, json};

use crate::arguments::Output;
use crate::failure::{Failure, Outcome};
use crate::listing::{self, Align};
use crate::session::Session;

/// Options.
#[derive(Debug, Args)]
#[command(after_help = "Without --server it prints what this program knows, and needs no home.\n\n\
                        Examples:\n  dataux schema\n  dataux schema pipeline > pipeline.schema.json")]
pub struct Arguments {
    /// The kind; the list of kinds if not given
    #[arg(value_name = "KIND", add = ArgValueCompleter::new(crate::names::kinds))]
    pub kind: Option<String>,
}

/// Runs it.
pub async fn run(session: &mut Session, arguments: Arguments) -> Outcome {
    let output = session.output("schema", Output::RESOURCES)?;
    let Some(kind) = arguments.kind else {
        let kinds: Vec<Value> = names().map(|name| json!(name)).collect();
        let name = |kind: &Value| kind.as_str().unwrap_or_default().to_owned();
        return listing::write(session, output, &kinds, &[("KIND", Align::Left)], name, |kind| vec![name(kind)]);
    };
    let schema = if session.globals.server.is_some() {
        session.client().await?.get(&["api", "v1", "schemas", &kind]).value().await?
    } else {
        let wanted = kind.to_lowercase();
        if wanted == deploy::KIND.to_lowercase() {
            return write(session, output, &deploy::schema());
        }
        let known = server::KINDS.iter().find(|known| {
            let name = known.name.to_lowercase();
            name == wanted || wanted.strip_suffix('s') == Some(&name)
        });
        let Some(known) = known else {
            let near = base::nearest::nearest(&kind, names());
            let near = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
            return Err(Failure::usage("schema", format!("kind `{kind}` is not known{near}")));
        };
        (known.schema)()
    };
    write(session, output, &schema)
}

/// Every kind that this program knows; topologies are files of `dataux deploy`, and no server keeps them.
pub fn names() -> impl Iterator<Item = &'static str> + Clone {
    server::KINDS.iter().map(|kind| kind.name).chain([deploy::KIND])
}

fn write(session: &mut Session, output: Output, schema: &Value) -> Outcome {
    match output {
        Output::Yaml => session.out.text(&listing::yaml(schema)?),
        _ => session.out.json(schema),
    }
}
