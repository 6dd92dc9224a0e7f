//! `dataux init`: makes a home and its administrator.

use clap::Args;
use server::Platform;

use crate::failure::Outcome;
use crate::session::Session;

/// Options.
#[derive(Debug, Args)]
#[command(
    after_help = "The administrator is `admin`. Its password comes from DATAUX_ADMIN_PASSWORD; without it one is made up and\n\
                        printed once, alone, on standard output. On a home that has an administrator nothing changes.\n\n\
                        Examples:\n  dataux init --home ./data\n  DATAUX_ADMIN_PASSWORD=… dataux init --home ./data"
)]
pub struct Arguments {}

/// Runs it.
pub async fn run(session: &mut Session, _: Arguments) -> Outcome {
    let settings = crate::client::home::settings(Some(session.home()?), None)?;
    let shown = settings.home.display().to_string();
    let given = settings.admin_password.is_some();
    let platform = Platform::open(settings).await?;
    let made = platform.ensure_admin().await?;
    platform.close().await;
    match made {
        Some(password) => {
            session.note(&format!(
                "{} {shown}",
                session.say("a new home; user admin, password (shown only now):", "新建目录；用户 admin，密码（仅显示一次）：")
            ));
            session.out.line(password.expose())
        }
        None if given => {
            session.note(&format!(
                "{} {shown}",
                session.say(
                    "ready; user admin, password from DATAUX_ADMIN_PASSWORD:",
                    "就绪；用户 admin，密码取自 DATAUX_ADMIN_PASSWORD："
                )
            ));
            Ok(())
        }
        None => {
            session.note(&format!("{} {shown}", session.say("there is an administrator already in", "已有管理员：")));
            Ok(())
        }
    }
}
