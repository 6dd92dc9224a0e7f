//! `dataux token`: tokens for programs.

use base::units;
use clap::{Args, Subcommand};
use clap_complete::ArgValueCompleter;
use serde_json::json;

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
#[command(
    after_help = "Examples:\n  dataux token create --user ana --name laptop --expires 30d\n  TOKEN=$(dataux token create --user admin)"
)]
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

    /// Narrow it to these acts of the user: select, modify, create, execute, manage
    #[arg(long, value_name = "ACT", value_delimiter = ',', requires = "on")]
    pub allow: Vec<String>,

    /// … on these objects, such as lake.dws or service:delays
    #[arg(long, value_name = "OBJECT", value_delimiter = ',', requires = "allow")]
    pub on: Vec<String>,
}

/// Options of `list`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  dataux token list\n  dataux token list --user ana -o json")]
pub struct ListArguments {
    /// Only those of this user
    #[arg(long, value_name = "USER", add = ArgValueCompleter::new(crate::names::users))]
    pub user: Option<String>,

    /// Those of everybody
    #[arg(long, conflicts_with = "user")]
    pub all: bool,
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
            let expires = arguments
                .expires
                .as_deref()
                .map(units::parse_duration)
                .transpose()
                .map_err(|error| Failure::usage("token create", error))?;
            let client = session.client().await?;
            let mut body = json!({ "user": arguments.user, "name": arguments.name });
            if let Some(expires) = expires {
                body["expires_in_seconds"] = json!(expires.as_secs());
            }
            if !arguments.allow.is_empty() {
                body["scope"] = json!([{ "allow": arguments.allow, "on": arguments.on }]);
            }
            let answer = client.post(&["api", "v1", "tokens"]).json(&body).value().await;
            client.close().await;
            let answer = answer?;
            if output == Output::Json { session.out.json(&answer) } else { session.out.line(&text(&answer, "token")) }
        }
        Arguments::List(arguments) => {
            let output = session.output("token list", Output::RESOURCES)?;
            let client = session.client().await?;
            let items = client
                .get(&["api", "v1", "tokens"])
                .query_if("user", arguments.user)
                .query_if("all", arguments.all.then_some("true"))
                .items(usize::MAX)
                .await;
            client.close().await;
            let titles = ["ID", "USER", "NAME", "CREATED", "EXPIRES", "LAST USED"].map(|title| (title, Align::Left));
            listing::write(
                session,
                output,
                &items?,
                &titles,
                |item| text(item, "id"),
                |item| {
                    vec![
                        text(item, "id"),
                        text(item, "user"),
                        text(item, "name"),
                        moment(item, "created_at"),
                        moment(item, "expires_at"),
                        moment(item, "last_used_at"),
                    ]
                },
            )
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
