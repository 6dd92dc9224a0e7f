//! The commands: one file each, and one line each in the list below.

pub mod apply;
pub mod audit;
pub mod backfill;
pub mod cancel;
pub mod completion;
pub mod delete;
pub mod demo;
pub mod deploy;
pub mod describe;
pub mod diff;
pub mod explain;
pub mod get;
pub mod init;
pub mod login;
pub mod logout;
pub mod logs;
pub mod openapi;
pub mod passwd;
pub mod quarantine;
pub mod rerun;
pub mod resume;
pub mod run;
pub mod runs;
pub mod schema;
pub mod secret;
pub mod serve;
pub mod sql;
pub mod table;
pub mod token;
pub mod version;

use clap::Subcommand;

use crate::failure::Outcome;
use crate::session::Session;

/// Every command, in the order of the help.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Build and serve a whole platform in one folder, with a real airline's year of flights
    Demo(demo::Arguments),
    /// Make a home: the folder of a platform, with its administrator
    Init(init::Arguments),
    /// Serve the platform: console, API, schedules and runs
    Serve(serve::Arguments),
    /// Run SQL: one statement, a file, a pipe, or an interactive shell
    Sql(sql::Arguments),
    /// Declare resources from files, folders or standard input
    Apply(apply::Arguments),
    /// Show what `apply` would change; exits 3 when there are differences
    Diff(diff::Arguments),
    /// List resources, or show one
    Get(get::Arguments),
    /// Show all about a resource or a table
    Describe(describe::Arguments),
    /// Remove resources
    Delete(delete::Arguments),
    /// Print the JSON Schema of a kind of resource
    Schema(schema::Arguments),
    /// Run a pipeline now
    Run(run::Arguments),
    /// List runs, or show one
    Runs(runs::Arguments),
    /// Show the log of a run
    Logs(logs::Arguments),
    /// Run again from the beginning, for the same instance
    Rerun(rerun::Arguments),
    /// Go on with a failed run from the steps that failed
    Resume(resume::Arguments),
    /// Stop a run
    Cancel(cancel::Arguments),
    /// Run a pipeline for every day of a range
    Backfill(backfill::Arguments),
    /// Records that tables did not take: list, show
    #[command(subcommand)]
    Quarantine(quarantine::Arguments),
    /// A table's history and upkeep: history, optimize, vacuum, restore
    #[command(subcommand)]
    Table(table::Arguments),
    /// The encrypted store of secrets: put, list, delete
    #[command(subcommand)]
    Secret(secret::Arguments),
    /// API tokens: create, list, revoke
    #[command(subcommand)]
    Token(token::Arguments),
    /// Set a user's password
    Passwd(passwd::Arguments),
    /// Sign in to a server and keep the token
    Login(login::Arguments),
    /// Sign out of a server and forget the token
    Logout(logout::Arguments),
    /// Who did what: list, verify
    #[command(subcommand)]
    Audit(audit::Arguments),
    /// One topology of several clusters: preflight, plan, apply, status, diff, render, rollback
    #[command(subcommand)]
    Deploy(deploy::Arguments),
    /// Explain an error code
    Explain(explain::Arguments),
    /// Print the completion script of a shell
    Completion(completion::Arguments),
    /// Print the versions of this program and of the platform
    Version(version::Arguments),
    /// Print the OpenAPI document
    #[command(hide = true)]
    Openapi(openapi::Arguments),
}

impl Command {
    /// Runs the command.
    pub async fn run(self, session: &mut Session) -> Outcome {
        match self {
            Self::Demo(arguments) => Box::pin(demo::run(session, arguments)).await,
            Self::Init(arguments) => init::run(session, arguments).await,
            Self::Serve(arguments) => Box::pin(serve::run(session, arguments)).await,
            Self::Sql(arguments) => Box::pin(sql::run(session, arguments)).await,
            Self::Apply(arguments) => apply::run(session, arguments).await,
            Self::Diff(arguments) => diff::run(session, arguments).await,
            Self::Get(arguments) => get::run(session, arguments).await,
            Self::Describe(arguments) => describe::run(session, arguments).await,
            Self::Delete(arguments) => delete::run(session, arguments).await,
            Self::Schema(arguments) => schema::run(session, arguments).await,
            Self::Run(arguments) => Box::pin(run::run(session, arguments)).await,
            Self::Runs(arguments) => runs::run(session, arguments).await,
            Self::Logs(arguments) => logs::run(session, arguments).await,
            Self::Rerun(arguments) => Box::pin(rerun::run(session, arguments)).await,
            Self::Resume(arguments) => Box::pin(resume::run(session, arguments)).await,
            Self::Cancel(arguments) => cancel::run(session, arguments).await,
            Self::Backfill(arguments) => Box::pin(backfill::run(session, arguments)).await,
            Self::Quarantine(arguments) => Box::pin(quarantine::run(session, arguments)).await,
            Self::Table(arguments) => table::run(session, arguments).await,
            Self::Secret(arguments) => secret::run(session, arguments).await,
            Self::Token(arguments) => token::run(session, arguments).await,
            Self::Passwd(arguments) => passwd::run(session, arguments).await,
            Self::Login(arguments) => login::run(session, arguments).await,
            Self::Logout(arguments) => logout::run(session, arguments).await,
            Self::Audit(arguments) => audit::run(session, arguments).await,
            Self::Deploy(arguments) => deploy::run(session, arguments).await,
            Self::Explain(arguments) => explain::run(session, arguments),
            Self::Completion(arguments) => completion::run(session, arguments),
            Self::Version(arguments) => version::run(session, arguments).await,
            Self::Openapi(arguments) => openapi::run(session, arguments).await,
        }
    }

    /// Whether the command handles ^C itself.
    pub fn handles_interrupt(&self) -> bool {
        if let Self::Deploy(arguments) = self {
            return arguments.handles_interrupt();
        }
        matches!(
            self,
            Self::Demo(_)
                | Self::Serve(_)
                | Self::Sql(_)
                | Self::Run(_)
                | Self::Rerun(_)
                | Self::Resume(_)
                | Self::Backfill(_)
                | Self::Quarantine(_)
        )
    }
}
