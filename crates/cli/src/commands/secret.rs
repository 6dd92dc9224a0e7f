//! `dataux secret`: the encrypted store that `secret:NAME` references read.

use clap::{Args, Subcommand};
use clap_complete::ArgValueCompleter;
use serde_json::{Value, json};

use crate::arguments::Output;
use crate::failure::Outcome;
use crate::listing::{self, Align, moment, text};
use crate::session::Session;
use crate::terminal;

/// The parts of the command.
#[derive(Debug, Subcommand)]
pub enum Arguments {
    /// Store a secret, or replace it; the value comes from the terminal or a pipe
    Put(PutArguments),
    /// Names of the stored secrets; never their values
    List(ListArguments),
    /// Remove a secret
    Delete(DeleteArguments),
}

/// Options of `put`.
#[derive(Debug, Args)]
#[command(after_help = "The value is never an argument: it would stand in the shell's history and in `ps`.\n\n\
                        Examples:\n  dataux secret put crm-password\n  dataux secret put crm-password < password.txt")]
pub struct PutArguments {
    /// The name, as in `secret:NAME`
    #[arg(value_name = "NAME", add = ArgValueCompleter::new(crate::names::secrets))]
    pub name: String,
}

/// Options of `list`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  dataux secret list")]
pub struct ListArguments {}

/// Options of `delete`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  dataux secret delete crm-password --yes")]
pub struct DeleteArguments {
    /// The name
    #[arg(value_name = "NAME", add = ArgValueCompleter::new(crate::names::secrets))]
    pub name: String,
}

/// Runs it.
pub async fn run(session: &mut Session, arguments: Arguments) -> Outcome {
    match arguments {
        Arguments::Put(arguments) => {
            let value = terminal::new_secret("secret put", session.say("value", "值"), session.say("again", "再输一次"))?;
            let client = session.client().await?;
            client.put(&["api", "v1", "secrets", &arguments.name]).json(&json!({ "value": value.expose() })).value().await?;
            client.close().await;
            session.note(&format!("secret:{} {}", arguments.name, session.say("stored", "已保存")));
            Ok(())
        }
        Arguments::List(_) => {
            let output = session.output("secret list", Output::RESOURCES)?;
            let client = session.client().await?;
            let items = client.get(&["api", "v1", "secrets"]).items(usize::MAX).await;
            client.close().await;
            let name = |item: &Value| item.as_str().map_or_else(|| text(item, "name"), str::to_owned);
            let titles = [("NAME", Align::Left), ("UPDATED", Align::Left)];
            listing::write(session, output, &items?, &titles, name, |item| vec![name(item), moment(item, "updated_at")])
        }
        Arguments::Delete(arguments) => {
            session.confirm(&format!("{} secret:{}", session.say("delete", "删除"), arguments.name))?;
            let client = session.client().await?;
            client.delete(&["api", "v1", "secrets", &arguments.name]).value().await?;
            client.close().await;
            session.note(&format!("secret:{} {}", arguments.name, session.say("deleted", "已删除")));
            Ok(())
        }
    }
}
