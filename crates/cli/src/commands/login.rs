//! `dataux login`: signs in to a server and keeps the token for later commands.

use clap::Args;
use serde_json::json;

use crate::client::Client;
use crate::client::target::Target;
use crate::failure::{Failure, Outcome};
use crate::listing::text;
use crate::login::{Login, Logins};
use crate::session::Session;
use crate::terminal;

/// Options.
#[derive(Debug, Args)]
#[command(
    after_help = "The token is kept in a file that only you can read. Commands that name neither a home nor a server then\n\
                        go to this server, until `dataux logout`.\n\n\
                        Examples:\n  dataux login --server http://localhost:8080 --user ana\n  \
                        dataux login --server https://data.example.com --user ana < password.txt"
)]
pub struct Arguments {
    /// The user; asked for if not given
    #[arg(short, long, value_name = "USER")]
    pub user: Option<String>,
}

/// Runs it.
pub async fn run(session: &mut Session, arguments: Arguments) -> Outcome {
    let Target::Server { url, .. } = session.target()? else {
        return Err(Failure::usage("login", "login needs --server; a home needs no login"));
    };
    let user = match arguments.user {
        Some(user) => user,
        None => terminal::ask(session.say("user", "用户"))?,
    };
    let password = terminal::secret(session.say("password", "密码"))?;
    let client = Client::open(Target::Server { url: url.clone(), token: None }, session.language).await?;
    let body = json!({ "user": user, "password": password.expose() });
    let answer = client.post(&["api", "v1", "sessions"]).json(&body).value().await?;
    let expires = text(&answer, "expires_at");
    let login =
        Login { user: user.clone(), token: text(&answer, "token"), expires_at: Some(expires).filter(|at| !at.is_empty()) };
    let mut logins = Logins::read()?;
    logins.servers.insert(url.clone(), login);
    logins.current = Some(url.clone());
    logins.write()?;
    session.note(&format!("{} {user}, {url}", session.say("signed in as", "已登录：")));
    Ok(())
}
