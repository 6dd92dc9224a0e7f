//! `dataux openapi`: the API's document as generated from code, for the committed copy and its check.

use clap::Args;

use crate::failure::Outcome;
use crate::session::Session;

/// Options.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  dataux openapi > api/openapi.json")]
pub struct Arguments {}

/// Runs it.
pub async fn run(session: &mut Session, _: Arguments) -> Outcome {
    session.out.text(&server::openapi::openapi())
}
