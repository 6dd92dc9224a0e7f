//! `dataux passwd`: sets a user's password.

use clap::Args;
use clap_complete::ArgValueCompleter;
use serde_json::json;

use crate::failure::Outcome;
use crate::listing::text;
use crate::session::Session;
use crate::terminal;

/// Options.
#[derive(Debug, Args)]
#[command(after_help = "The password is typed twice, or comes from a pipe. The user's sessions end.\n\n\
                        Examples:\n  dataux passwd\n  dataux passwd ana\n  pwgen 20 1 | dataux passwd ana")]
pub struct Arguments {
    /// The user; yourself if not given
    #[arg(value_name = "USER", add = ArgValueCompleter::new(crate::names::users))]
    pub user: Option<String>,
}

/// Runs it.
pub async fn run(session: &mut Session, arguments: Arguments) -> Outcome {
    let client = session.client().await?;
    let user = match arguments.user {
        Some(user) => user,
        None => text(&client.get(&["api", "v1", "whoami"]).value().await?, "user"),
    };
    let question = format!("{} {user}", session.say("new password of", "新密码："));
    let password = terminal::new_secret("passwd", &question, session.say("again", "再输一次"))?;
    client.put(&["api", "v1", "users", &user, "password"]).json(&json!({ "password": password.expose() })).value().await?;
    client.close().await;
    session.note(&format!("{} {user}", session.say("password set for", "已设置密码：")));
    Ok(())
}
