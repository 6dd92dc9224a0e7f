//! `dataux logout`: ends the session and forgets its token.

use clap::Args;

use crate::client::Client;
use crate::client::target::Target;
use crate::failure::{Failure, Outcome};
use crate::login::Logins;
use crate::session::Session;

/// Options.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  dataux logout\n  dataux logout --server http://localhost:8080")]
pub struct Arguments {}

/// Runs it.
pub async fn run(session: &mut Session, _: Arguments) -> Outcome {
    let Target::Server { url, token } = session.target()? else {
        return Err(Failure::usage("logout", "you are not logged in; name a server with --server"));
    };
    let mut logins = Logins::read()?;
    let known = logins.servers.remove(&url).is_some();
    if logins.current.as_deref() == Some(url.as_str()) {
        logins.current = None;
    }
    // Forgotten first: a server that does not answer must not keep the token here.
    logins.write()?;
    if token.is_some() {
        let client = Client::open(Target::Server { url: url.clone(), token }, session.language).await?;
        match client.delete(&["api", "v1", "sessions", "current"]).value().await {
            Ok(_) => {}
            // A session that has ended by itself is over as well.
            Err(failure) if failure.exit() == crate::failure::exit::REFUSED => {}
            Err(failure) => return Err(failure),
        }
    }
    let text = if known {
        session.say("signed out of", "已退出：")
    } else {
        session.say("there was no login at", "没有登录：")
    };
    session.note(&format!("{text} {url}"));
    Ok(())
}
