//! `dataux serve`: the server in the foreground.

use base::Secret;
use clap::Args;
use server::{Flags, Platform};

use crate::failure::{Failure, Outcome};
use crate::session::Session;
use crate::stdout::Stdout;

/// Options.
#[derive(Debug, Args)]
#[command(
    after_help = "Prints one line, `listening on http://…`, on standard output when it can serve; the log goes to standard error.\n\
                        SIGTERM and ^C drain: requests and runs end well before the process does.\n\n\
                        Examples:\n  dataux serve --home ./data\n  dataux serve --home ./data --listen 0.0.0.0:8080\n  \
                        dataux serve --home ./worker --role worker    beside others on one DATABASE_URL, DATAUX_LAKE and key"
)]
pub struct Arguments {
    /// Address to listen on [env: DATAUX_LISTEN, PORT] [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<String>,

    /// What this process does: control (API, console, schedules), query (API, data services), worker (runs), or all
    /// [env: DATAUX_ROLE] [default: all]
    #[arg(long, value_name = "ROLE", value_delimiter = ',')]
    pub role: Vec<String>,
}

/// Runs it.
pub async fn run(session: &mut Session, arguments: Arguments) -> Outcome {
    if session.globals.server.is_some() {
        return Err(Failure::usage("serve", "serve works on a home, not on a server"));
    }
    let role = (!arguments.role.is_empty()).then(|| arguments.role.join(","));
    let flags = Flags { home: session.globals.home.clone(), listen: arguments.listen, role };
    let settings = crate::client::home::settings_with(flags)?;
    server::logs::start(&settings.log, settings.log_format)?;
    let _lock = server::Home::open(&settings.home)?.lock()?;
    let platform = Platform::open(settings).await?;
    let made = platform.ensure_admin().await?;
    if let Some(password) = &made {
        let text =
            session.say("a new home; user admin, password (shown only now):", "新建目录；用户 admin，密码（仅显示一次）：");
        session.note(&format!("{text} {}", password.expose()));
    }
    serve(platform, made, session, |address, out| out.line(&format!("listening on {address}"))).await
}

/// Serves a platform until it is told to stop; `ready` is called with the address once requests are answered. The caller
/// holds the home's lock.
pub async fn serve(
    platform: Platform,
    made: Option<Secret>,
    session: &mut Session,
    ready: impl FnOnce(&str, &mut Stdout) -> Outcome,
) -> Outcome {
    let out = &mut session.out;
    let mut written = Ok(());
    let told = |is: server::Ready| {
        written = ready(&format!("http://{}", is.address), out).and_then(|()| out.flush());
    };
    Box::pin(server::serve_platform(platform, made, told, server::signalled())).await?;
    match written {
        // A reader of the one line that goes away early does not stop the server.
        Ok(()) | Err(Failure::ReaderGone) => Ok(()),
        Err(failure) => Err(failure),
    }
}
