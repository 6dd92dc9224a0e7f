//! `dataux version`: of this program, and of the server if one is meant.

use clap::Args;
use serde_json::json;

use crate::arguments::Output;
use crate::client::target::Target;
use crate::failure::Outcome;
use crate::listing::text;
use crate::session::Session;

/// Options.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  dataux version\n  dataux version --server http://localhost:8080 -o json")]
pub struct Arguments {}

/// Runs it.
pub async fn run(session: &mut Session, _: Arguments) -> Outcome {
    let output = session.output("version", Output::SHORT)?;
    let own = env!("CARGO_PKG_VERSION");
    let mut value = json!({ "program": own });
    if session.globals.server.is_some()
        && let Target::Server { url, .. } = session.target()?
    {
        let document = session.client().await?.get(&["api", "openapi.json"]).value().await?;
        value["server"] = json!({ "url": url, "version": text(&document, "/info/version") });
    }
    if output == Output::Json {
        return session.out.json(&value);
    }
    session.out.line(&format!("dataux {own}"))?;
    match value.get("server") {
        Some(server) => session.out.line(&format!("server {} at {}", text(server, "version"), text(server, "url"))),
        None => Ok(()),
    }
}
