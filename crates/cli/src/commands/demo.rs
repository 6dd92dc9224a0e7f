//! `dataux demo`: a whole platform in one folder, with a real airline's year.

use std::path::Path;

use base::{Error, Secret, document};
use clap::Args;
use serde_json::json;
use server::Platform;

use super::serve::serve;
use crate::client::Client;
use crate::client::home::{Home, settings};
use crate::documents::Documents;
use crate::failure::{Failure, Outcome};
use crate::follow::{end, follow, summary};
use crate::listing::text;
use crate::session::Session;
use crate::{assets, business};

/// What the demo's token is called.
const TOKEN_NAME: &str = "demo";

/// How long the demo's token is good for, in seconds.
const TOKEN_SECONDS: u64 = 7 * 86_400;

/// Options.
#[derive(Debug, Args)]
#[command(
    after_help = "Collects the New York flights of 2013 from zipped CSV files and from a database, cleans, checks, summarises and\n\
                        publishes them, and serves until ^C. On the same home again nothing is doubled.\n\n\
                        Examples:\n  dataux demo\n  dataux demo --home ./demo --listen 127.0.0.1:9000\n  dataux demo --home ./demo --once"
)]
pub struct Arguments {
    /// Address to listen on [env: DATAUX_LISTEN, PORT] [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<String>,

    /// Build the example and exit: 0, or 1 if a step failed
    #[arg(long)]
    pub once: bool,
}

/// Runs it.
pub async fn run(session: &mut Session, arguments: Arguments) -> Outcome {
    if session.globals.server.is_some() {
        return Err(Failure::usage("demo", "demo works on a home, not on a server"));
    }
    let mut settings = settings(session.globals.home.clone(), arguments.listen)?;
    // The log of a server would tear the progress bars apart; what goes wrong is still said.
    if std::env::var_os("DATAUX_LOG").is_none() {
        settings.log = format!("warn,{}", crate::client::home::NOISE);
    }
    server::logs::start(&settings.log, settings.log_format)?;
    // What would stop the server at the end stops the demo at the beginning.
    let lock = if arguments.once { None } else { Some(server::Home::open(&settings.home)?.lock()?) };
    if !arguments.once {
        let cannot = |error| Error::new(&server::codes::LISTEN_FAILED).with("address", settings.listen).because(error);
        drop(tokio::net::TcpListener::bind(settings.listen).await.map_err(cannot)?);
    }
    let given = settings.admin_password.is_some();
    let platform = Platform::open(settings).await?;
    let made = platform.ensure_admin().await?;
    let built = Box::pin(build(session, &platform)).await;
    let token = match built {
        Ok(token) => token,
        Err(failure) => {
            // A password is shown once, also when the rest failed.
            if let Some(password) = &made {
                session.note(&login_line(session, Some(password), given));
            }
            platform.close().await;
            return Err(failure);
        }
    };
    let words =
        Words { login: login_line(session, made.as_ref(), given), token, home: platform.home().root().display().to_string() };
    if arguments.once {
        let text = words.text(session, &format!("http://{}", platform.settings().listen), false);
        platform.close().await;
        return session.out.text(&text);
    }
    // The sentences are made before, because the way out is busy while the server begins.
    let template = words.text(session, ADDRESS, true);
    let served = serve(platform, made, session, |address, out| out.text(&template.replace(ADDRESS, address))).await;
    drop(lock);
    served
}

/// Stands for the address until it is known.
const ADDRESS: &str = "{address}";

/// Files, database, resources, runs, and a token for the service.
async fn build(session: &mut Session, platform: &Platform) -> Outcome<Secret> {
    let folder = platform.home().root().join("example");
    let step = |en: &str, zh: &str| session.note(&session.paint_error.bold(session.say(en, zh)));
    step("unpacking the example: flights.csv.zip and the airline's database", "解压示例：flights.csv.zip 与航空公司的数据库");
    blocking(folder.clone(), assets::unpack).await?;
    blocking(folder.join("business"), business::build).await?;
    let client = Client::of_home(Home::over(platform.clone()).await?, session.language);
    let done = Box::pin(declare_and_run(session, &client)).await;
    client.close().await;
    done
}

async fn declare_and_run(session: &mut Session, client: &Client) -> Outcome<Secret> {
    let step = |session: &Session, en: &str, zh: &str| session.note(&session.paint_error.bold(session.say(en, zh)));
    step(session, "declaring connections, pipeline, services, users", "声明连接、流水线、数据服务与用户");
    let mut documents = Documents::default();
    for name in assets::DOCUMENTS {
        documents.add(name, assets::text(name));
    }
    let changes = super::apply::send(client, &documents, false).await?;
    let changed = changes.iter().filter(|change| super::apply::is_change(change)).count();
    let unchanged = changes.len() - changed;
    session.note(&format!(
        "  {changed} {}, {unchanged} {}",
        session.say("changed", "项变更"),
        session.say("unchanged", "项不变")
    ));
    for declared in document::read(&documents.text, "example")?.iter().filter(|document| document.kind == "Pipeline") {
        let name = declared.name.as_str();
        session.note(&session.paint_error.bold(&format!("{} {name}", session.say("running", "运行"))));
        let started = client.post(&["api", "v1", "pipelines", name, "runs"]).json(&json!({})).value().await?;
        let (run, _) = Box::pin(follow(session, client, &text(&started, "id"))).await?;
        summary(session, &run)?;
        end(session, &run)?;
    }
    token(client).await
}

/// A fresh token; those of earlier demos on this home end.
async fn token(client: &Client) -> Outcome<Secret> {
    for old in client.get(&["api", "v1", "tokens"]).query("user", guard::ADMIN).items(1_000).await? {
        if text(&old, "name") == TOKEN_NAME {
            client.delete(&["api", "v1", "tokens", &text(&old, "id")]).value().await?;
        }
    }
    // It can call the service that is shown, and nothing else.
    let body = json!({
        "user": guard::ADMIN, "name": TOKEN_NAME, "expires_in_seconds": TOKEN_SECONDS,
        "scope": [{ "allow": ["execute"], "on": ["service:delays"] }],
    });
    let answer = client.post(&["api", "v1", "tokens"]).json(&body).value().await?;
    Ok(Secret::new(text(&answer, "token")))
}

async fn blocking(path: std::path::PathBuf, work: fn(&Path) -> Outcome) -> Outcome {
    let place = path.display().to_string();
    tokio::task::spawn_blocking(move || work(&path))
        .await
        .map_err(|error| Failure::Own(Error::new(&crate::codes::EXAMPLE_UNUSABLE).with("place", place).because(error)))?
}

fn login_line(session: &Session, made: Option<&Secret>, given: bool) -> String {
    match made {
        Some(password) => {
            format!("admin  {} {}", session.say("password (shown only now):", "密码（仅显示一次）："), password.expose())
        }
        None if given => {
            format!("admin  {}", session.say("with the password of DATAUX_ADMIN_PASSWORD", "密码取自 DATAUX_ADMIN_PASSWORD"))
        }
        None => format!(
            "admin  {}",
            session.say(
                "with the password shown when the home was made (dataux passwd sets another)",
                "使用新建目录时显示的密码（dataux passwd 可重设）"
            )
        ),
    }
}

/// What is said at the end.
struct Words {
    login: String,
    token: Secret,
    home: String,
}

impl Words {
    /// Address, login, and three commands that work as they stand here.
    fn text(&self, session: &Session, address: &str, serving: bool) -> String {
        let program = program(std::env::args().next());
        let home = quoted(&self.home);
        let (paint, say) = (session.paint, |en, zh| session.say(en, zh));
        let question = "select airline, flights, round(late_share * 100, 1) as late_percent from lake.ads.airline_punctuality order by late_percent desc";
        let mut text = String::from("\n");
        if serving {
            text.push_str(&format!("{}\n", paint.bold(&format!("listening on {address}"))));
        }
        text.push_str(&format!("{}  {}\n\n", say("login", "登录"), self.login));
        text.push_str(&format!("{}\n", say("try", "试试")));
        text.push_str(&format!("  {}\n", paint.cyan(&format!("{program} sql --home {home} \"{question}\""))));
        text.push_str(&format!("  {}\n", paint.cyan(&format!("{program} quarantine show lake.dwd.flights --home {home}"))));
        let curl =
            format!("curl -s -H 'Authorization: Bearer {}' '{address}/services/delays?carrier=UA&limit=5'", self.token.expose());
        if serving {
            text.push_str(&format!("  {}\n\n{}\n", paint.cyan(&curl), paint.dim(say("^C stops", "^C 停止"))));
        } else {
            text.push_str(&format!("  {}\n", paint.cyan(&format!("{program} runs --home {home}"))));
            let serve = format!("{program} serve --home {home}");
            text.push_str(&format!(
                "\n{}\n  {}\n  {}\n",
                say("and when it is served", "启动服务后"),
                paint.cyan(&serve),
                paint.cyan(&curl)
            ));
        }
        text
    }
}

/// The program as the user called it, so that it is found again.
fn program(called: Option<String>) -> String {
    called.filter(|name| name.contains('/')).map_or_else(|| "dataux".to_owned(), |name| quoted(&name))
}

/// A word as the shell takes it.
fn quoted(word: &str) -> String {
    let plain =
        word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-' | '_' | '=' | ':' | '~' | '+' | ','));
    if plain && !word.is_empty() { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printed_commands_survive_the_shell() {
        assert_eq!(quoted("/tmp/a b"), "'/tmp/a b'");
        assert_eq!(quoted("it's"), "'it'\\''s'");
        assert_eq!(quoted("/tmp/demo"), "/tmp/demo");
        assert_eq!(program(Some("bin/dataux".into())), "bin/dataux");
        assert_eq!(program(Some("dataux".into())), "dataux");
    }

    #[test]
    fn the_end_says_address_login_and_three_commands() {
        let session = Session::new(crate::arguments::Globals { lang: Some("en".into()), ..Default::default() });
        let words = Words { login: "admin  password".into(), token: Secret::new("dtx_x"), home: "/h".into() };
        let text = words.text(&session, "http://127.0.0.1:8080", true);
        assert!(text.contains("listening on http://127.0.0.1:8080\n"), "{text}");
        assert_eq!(text.lines().filter(|line| line.starts_with("  ")).count(), 3, "{text}");
        let once = words.text(&session, "http://127.0.0.1:8080", false);
        assert!(!once.contains("listening"), "{once}");
    }
}
