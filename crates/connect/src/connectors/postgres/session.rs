//! One connection to a PostgreSQL server, and its errors in our words.

use std::sync::Arc;
use std::time::Duration;

use base::{Code, Error, Result};
use tokio::task::JoinHandle;
use tokio_postgres::config::SslMode;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, NoTls, Row};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::PostgresOptions;
use crate::codes::{
    DATABASE_MISSING, SOURCE_BUSY, SOURCE_DENIED, SOURCE_FAILED, SOURCE_LOGIN_REFUSED, SOURCE_LOST, SOURCE_TABLE_MISSING,
    SOURCE_TLS_REFUSED, SOURCE_UNREACHABLE,
};
use crate::login;
use crate::tls::{Encryption, refusal};

/// A dead peer is noticed after this silence of its network, whatever the read timeout.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);

/// Texts come as ISO 8601 in UTC, floats with all digits, and no lock is waited for without end.
const SETUP: &str = "set timezone = 'UTC'; set datestyle = 'ISO, MDY'; set extra_float_digits = 3; \
                     set standard_conforming_strings = on; set statement_timeout = 0; set lock_timeout = '30s'; \
                     set idle_in_transaction_session_timeout = 0; \
                     begin isolation level repeatable read read only";

/// The server of a connection.
pub(super) type Server = login::Server<PostgresOptions>;

/// An open connection in a read transaction. Dropping it closes the socket, also in the middle of a copy.
pub(super) struct Session {
    pub server: Arc<Server>,
    pub client: Client,
    driver: JoinHandle<()>,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Server {
    /// Connects, logs in and begins a read transaction.
    pub(super) async fn connect(self: &Arc<Self>) -> Result<Session> {
        let mut config = Config::new();
        config
            .host(&self.options.host)
            .port(self.options.port)
            .dbname(&self.options.database)
            .user(&self.options.user)
            .application_name("dataux")
            .ssl_mode(if matches!(self.encryption, Encryption::None) { SslMode::Disable } else { SslMode::Require })
            .connect_timeout(self.connect_timeout())
            .keepalives_idle(KEEPALIVE_IDLE)
            .tcp_user_timeout(KEEPALIVE_IDLE * 2);
        if let Some(password) = &self.password {
            config.password(password.expose());
        }
        let tls = self.encryption.client().map_err(|error| self.error(&SOURCE_TLS_REFUSED).because(error))?;
        let dial = async {
            // What breaks the driver also breaks the client's next call, which reports it.
            Ok::<_, tokio_postgres::Error>(match tls {
                None => {
                    let (client, driver) = config.connect(NoTls).await?;
                    (client, tokio::spawn(async move { drop(driver.await) }))
                }
                Some(tls) => {
                    let (client, driver) = config.connect(MakeRustlsConnect::new(tls)).await?;
                    (client, tokio::spawn(async move { drop(driver.await) }))
                }
            })
        };
        let connected = self.connected(dial).await?;
        let (client, driver) = connected.map_err(|error| self.explain(&SOURCE_UNREACHABLE, error))?;
        let session = Session { server: self.clone(), client, driver };
        session.run(SETUP).await?;
        Ok(session)
    }

    /// From the driver's error to ours; `broken` is the code for a connection that is not there (any more).
    pub fn explain(&self, broken: &'static Code, error: tokio_postgres::Error) -> Error {
        let Some(database) = error.as_db_error() else {
            if let Some(found) = refusal(&error) {
                return self.error(&SOURCE_TLS_REFUSED).with("reason", found);
            }
            // A missing password, and a server without TLS, are the driver's own findings.
            let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            let code = match () {
                () if cause.contains("password") => &SOURCE_LOGIN_REFUSED,
                () if cause.contains("TLS") => &SOURCE_TLS_REFUSED,
                () => broken,
            };
            return self.error(code).because(error);
        };
        let state = database.code().code();
        let code = match state {
            "28P01" | "28000" => &SOURCE_LOGIN_REFUSED,
            "3D000" => &DATABASE_MISSING,
            "42P01" | "3F000" => &SOURCE_TABLE_MISSING,
            "42501" => &SOURCE_DENIED,
            "55P03" => &SOURCE_BUSY,
            // Shut down, starting up, too many connections, cancelled for recovery.
            "57P01" | "57P02" | "57P03" | "53300" | "40001" => broken,
            state if state.starts_with("08") => broken,
            _ => &SOURCE_FAILED,
        };
        // Only the message: the detail may hold values of rows.
        let told = self.error(code).with("table", "(dropped)").with("reason", format!("{} ({state})", database.message()));
        if state == "28000" && database.message().contains("no encryption") {
            return told.hint("the server demands TLS: set `tls: require` or `tls: verify-full`");
        }
        told
    }
}

impl Session {
    /// Waits no longer than the read timeout.
    async fn limited<T>(&self, work: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Result<T> {
        self.server.answered(work).await?.map_err(|error| self.server.explain(&SOURCE_LOST, error))
    }

    /// Runs statements that answer nothing.
    pub async fn run(&self, sql: &str) -> Result<()> {
        self.limited(self.client.batch_execute(sql)).await
    }

    /// All rows of a small answer.
    pub async fn query(&self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>> {
        self.limited(self.client.query(sql, parameters)).await
    }

    /// The one row of an answer.
    pub async fn query_one(&self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<Row> {
        self.limited(self.client.query_one(sql, parameters)).await
    }

    /// Checks a statement without running it.
    pub async fn prepare(&self, sql: &str) -> Result<()> {
        self.limited(self.client.prepare(sql)).await.map(drop)
    }
}
