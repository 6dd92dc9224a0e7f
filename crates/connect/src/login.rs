//! What connections to database servers have in common: whom they ask, as whom, how long they wait, and errors that name them.

use std::time::Duration;

use base::document::Wrong;
use base::{Code, Error, Result, Secret, SecretRef};

use crate::codes::{CONNECTION_INVALID, SOURCE_TIMEOUT, SOURCE_UNREACHABLE};
use crate::spec::Context;
use crate::tls::{Encryption, Tls};

/// Longest wait for a connection, in seconds, if the connection does not say.
pub(crate) fn connect_timeout_seconds() -> u32 {
    10
}

/// Longest silence in the middle of a read, in seconds, if the connection does not say.
pub(crate) fn read_timeout_seconds() -> u32 {
    300
}

/// Options of a connection to a database server.
pub(crate) trait Options: Clone {
    /// What they say of the login.
    fn login(&self) -> Login<'_>;
}

/// Where a database is, and how it is logged in to.
pub(crate) struct Login<'a> {
    pub host: &'a str,
    pub port: u16,
    pub database: Option<&'a str>,
    pub user: &'a str,
    pub password: Option<&'a SecretRef>,
    pub tls: Tls,
    pub tls_ca: Option<&'a SecretRef>,
    pub connect_timeout_seconds: u32,
    pub read_timeout_seconds: u32,
}

impl Login<'_> {
    /// What the types cannot say.
    pub fn check(&self) -> std::result::Result<(), Wrong> {
        let given = [("host", Some(self.host)), ("database", self.database), ("user", Some(self.user))];
        if let Some((field, _)) = given.iter().find(|(_, text)| text.is_some_and(|text| text.trim().is_empty())) {
            return Err(Wrong::new(*field, "it may not be empty"));
        }
        if self.connect_timeout_seconds == 0 || self.read_timeout_seconds == 0 {
            return Err(Wrong::new("read_timeout_seconds", "write timeouts above 0"));
        }
        self.tls.check(self.tls_ca)
    }
}

/// The server of a connection, its secrets resolved.
#[derive(Debug)]
pub(crate) struct Server<O> {
    pub connection: String,
    pub options: O,
    pub password: Option<Secret>,
    pub encryption: Encryption,
}

impl<O: Options> Server<O> {
    /// Checks the options and resolves what they refer to; sends nothing to the server yet.
    pub async fn resolve(connection: &str, options: &O, context: &Context) -> Result<Self> {
        let login = options.login();
        if let Err(wrong) = login.check() {
            let reason = format!("{}: {}", wrong.field, wrong.reason);
            return Err(Error::new(&CONNECTION_INVALID).with("connection", connection).with("reason", reason));
        }
        let password = match login.password {
            Some(reference) => Some(context.secrets.resolve(reference).await?),
            None => None,
        };
        let encryption = Encryption::read(connection, login.tls, login.tls_ca, context).await?;
        Ok(Self { connection: connection.to_owned(), options: options.clone(), password, encryption })
    }

    /// `host:port/database`, for messages.
    pub fn place(&self) -> String {
        let Login { host, port, database, .. } = self.options.login();
        match database {
            Some(database) => format!("{host}:{port}/{database}"),
            None => format!("{host}:{port}"),
        }
    }

    /// An error about this server.
    pub fn error(&self, code: &'static Code) -> Error {
        Error::new(code).with("connection", &self.connection).with("place", self.place())
    }

    /// Longest wait for a connection.
    pub fn connect_timeout(&self) -> Duration {
        Duration::from_secs(self.options.login().connect_timeout_seconds.into())
    }

    /// Waits for a connection no longer than its timeout.
    pub async fn connected<T>(&self, dial: impl Future<Output = T>) -> Result<T> {
        let limit = self.connect_timeout();
        let silent = |_| self.error(&SOURCE_UNREACHABLE).with("reason", format!("no answer within {} s", limit.as_secs()));
        tokio::time::timeout(limit, dial).await.map_err(silent)
    }

    /// Waits for an answer no longer than the read timeout.
    pub async fn answered<T>(&self, work: impl Future<Output = T>) -> Result<T> {
        let limit = Duration::from_secs(self.options.login().read_timeout_seconds.into());
        let silent = |_| self.error(&SOURCE_TIMEOUT).with("seconds", limit.as_secs());
        tokio::time::timeout(limit, work).await.map_err(silent)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::suite::context;

    #[derive(Debug, Clone)]
    struct Plain {
        host: &'static str,
        database: Option<&'static str>,
        connect_timeout_seconds: u32,
    }

    impl Options for Plain {
        fn login(&self) -> Login<'_> {
            Login {
                host: self.host,
                port: 5,
                database: self.database,
                user: "u",
                password: None,
                tls: Tls::Disable,
                tls_ca: None,
                connect_timeout_seconds: self.connect_timeout_seconds,
                read_timeout_seconds: 1,
            }
        }
    }

    const PLAIN: Plain = Plain { host: "h", database: None, connect_timeout_seconds: 1 };

    #[test]
    fn what_is_empty_or_waits_for_nothing_is_named() {
        let field = |plain: Plain| plain.login().check().map_err(|wrong| wrong.field.to_string());
        assert_eq!(field(PLAIN), Ok(()));
        assert_eq!(field(Plain { database: Some("d"), ..PLAIN }), Ok(()));
        assert_eq!(field(Plain { host: " ", ..PLAIN }), Err("host".to_owned()));
        assert_eq!(field(Plain { database: Some(""), ..PLAIN }), Err("database".to_owned()));
        assert_eq!(field(Plain { connect_timeout_seconds: 0, ..PLAIN }), Err("read_timeout_seconds".to_owned()));
    }

    #[tokio::test]
    async fn a_server_that_is_silent_is_named_with_how_long() {
        let server = async |plain: Plain| Server::resolve("c", &plain, &context(Path::new("/"))).await;
        let error = server(Plain { host: "", ..PLAIN }).await.expect_err("no host");
        assert!(error.is(&CONNECTION_INVALID) && error.to_string().contains("host"), "{error}");
        let silent = server(Plain { database: Some("d"), ..PLAIN }).await.expect("valid");
        let never = std::future::pending::<()>;
        let (connected, answered) = tokio::join!(silent.connected(never()), silent.answered(never()));
        let error = connected.expect_err("silence");
        assert!(error.is(&SOURCE_UNREACHABLE) && error.to_string().contains("h:5/d"), "{error}");
        let error = answered.expect_err("silence");
        assert!(error.is(&SOURCE_TIMEOUT) && error.to_string().contains("1 s"), "{error}");
        assert_eq!(server(PLAIN).await.expect("valid").place(), "h:5");
    }
}
