//! `dataux token`: tokens for programs.

use base::units;
use clap::{Args, Subcommand};
use clap_complete::ArgValueCompleter;
use serde_json::{Value, json};

use crate::arguments::Output;
use crate::failure::{Failure, Outcome};
use crate::listing::{self, Align, moment, text};
use crate::session::Session;

/// The parts of the command.
#[derive(Debug, Subcommand)]
pub enum Arguments {
    /// Make a token; it is printed once, alone, on standard output
    Create(CreateArguments),
    /// Tokens by name, never their values
    List(ListArguments),
    /// Make a token worthless
    Revoke(RevokeArguments),
}

/// Options of `create`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  dataux token create --user ana --name laptop --expires 30d\n  TOKEN=$(dataux token create --user admin)")]
pub struct CreateArguments {
    /// The user it acts as
    #[arg(long, value_name = "USER", add = ArgValueCompleter::new(crate::names::users))]
    pub user: String,

    /// What it is for
    #[arg(long, value_name = "NAME", default_value = "cli")]
    pub name: String,

    /// How long it is good for, such as 12h or 90d
    #[arg(long, value_name = "DURATION")]
    pub expires: Option<String>,
}

/// Options of `list`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  dataux token list\n  dataux token list --user ana -o json")]
pub struct ListArguments {
    /// Only those of this user
    #[arg(long, value_name = "USER", add = ArgValueCompleter::new(crate::names::users))]
    pub user: Option<String>,
}

/// Options of `revoke`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  dataux token revoke 0198c1d2-… --yes")]
pub struct RevokeArguments {
    /// The token's id, as `token list` prints it
    #[arg(value_name = "ID")]
    pub id: String,
}

/// Runs it.
pub async fn run(session: &mut Session, arguments: Arguments) -> Outcome {
    match arguments {
        Arguments::Create(arguments) => {
            let output = session.output("token create", Output::SHORT)?;
            let expires = arguments.expires.as_deref().map(units::parse_duration).transpose().map_err(|error| Failure::usage("token create", error))?;
            let client = session.client().await?;
            let answer = create(&client, &arguments.user, &arguments.name, expires.map(|expires| expires.as_secs())).await;
            client.close().await;
            let answer = answer?;
            if output == Output::Json { session.out.json(&answer) } else { session.out.line(&text(&answer, "token")) }
        }
        Arguments::List(arguments) => {
            let output = session.output("token list", Output::RESOURCES)?;
            let client = session.client().await?;
            let items = client.get(&["api", "v1", "tokens"]).query_if("user", arguments.user).items(usize::MAX).await;
            client.close().await;
            let titles = ["ID", "USER", "NAME", "CREATED", "EXPIRES", "LAST USED"].map(|title| (title, Align::Left));
            listing::write(session, output, &items?, &titles, |item| text(item, "id"), |item| {
                vec![
                    text(item, "id"),
                    text(item, "user"),
                    text(item, "name"),
                    moment(item, "created_at"),
                    moment(item, "expires_at"),
                    moment(item, "last_used_at"),
                ]
            })
        }
        Arguments::Revoke(arguments) => {
            session.confirm(&format!("{} {}", session.say("revoke token", "吊销令牌"), arguments.id))?;
            let client = session.client().await?;
            client.delete(&["api", "v1", "tokens", &arguments.id]).value().await?;
            client.close().await;
            session.note(session.say("revoked", "已吊销"));
            Ok(())
        }
    }
}

/// A new token's answer, with the token in `token`.
pub async fn create(client: &crate::client::Client, user: &str, name: &str, expires_in_seconds: Option<u64>) -> Outcome<Value> {
    let mut body = json!({ "user": user, "name": name });
    if let Some(seconds) = expires_in_seconds {
        body["expires_in_seconds"] = json!(seconds);
    }
    client.post(&["api", "v1", "tokens"]).json(&body).value().await
}
