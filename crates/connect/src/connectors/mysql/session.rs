//! One connection to a MySQL or MariaDB server, and its errors in our words.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use base::{Code, Error, Result, Secret};
use futures::{FutureExt, poll};
use mysql_async::prelude::Queryable;
use mysql_async::{BinaryProtocol, Conn, DriverError, Opts, OptsBuilder, Params, QueryResult, Row, ServerError, SslOpts};

use super::MysqlOptions;
use crate::codes::{
    DATABASE_MISSING, SOURCE_BUSY, SOURCE_DENIED, SOURCE_FAILED, SOURCE_LOGIN_REFUSED, SOURCE_LOST, SOURCE_TABLE_MISSING,
    SOURCE_TLS_REFUSED, SOURCE_UNREACHABLE,
};
use crate::login;
use crate::tls::{Encryption, provider, refusal};

/// A dead peer is noticed after this silence of its network, whatever the read timeout.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);

/// Texts are quoted in one way, moments come in UTC, no limit of the server's cuts an answer short, no lock is waited for
/// without end, and a reader that pauses is not hung up on. What only one of the two servers knows is in comments that the
/// other one skips.
const SETUP: &str = "set session sql_mode = 'NO_BACKSLASH_ESCAPES', session time_zone = '+00:00', session autocommit = 1, \
                     session sql_auto_is_null = 0, session sql_select_limit = 18446744073709551615, \
                     session lock_wait_timeout = 30, session wait_timeout = 28800, session net_write_timeout = 3600 \
                     /*M!100101 , session max_statement_time = 0 */ \
                     /*M!100300 , session idle_transaction_timeout = 0, session idle_readonly_transaction_timeout = 0 */ \
                     /*!50708 , session max_execution_time = 0 */";

/// From 8.0 MySQL believes for a day what it once counted of a table. What only it knows is in a comment as above.
const COUNT_ANEW: &str = "set session autocommit = 1 /*!80000 , session information_schema_stats_expiry = 0 */";

const BEGIN: &str = "start transaction with consistent snapshot, read only";

/// How long other writers to a table are kept waiting so that several readers may begin at one moment.
const HOLD: &str = "set session lock_wait_timeout = 2";

/// The server of a connection.
pub(super) type Server = login::Server<MysqlOptions>;

/// An open connection. Dropping it closes the socket, also in the middle of an answer.
pub(super) struct Session {
    pub server: Arc<Server>,
    /// There until the session is dropped.
    driver: Option<Conn>,
    /// Whether rows are still on their way.
    midway: bool,
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(driver) = self.driver.take().filter(|_| self.midway) {
            // In a runtime the driver would first read the rest of the answer, in the background; without one it just closes.
            // If there is no thread to be had, that is what happens.
            let _ = std::thread::Builder::new().name("mysql-hang-up".to_owned()).spawn(move || drop(driver));
        }
    }
}

impl Server {
    /// How the driver is to encrypt.
    fn ssl(&self) -> Option<SslOpts> {
        let options = match &self.encryption {
            Encryption::None => return None,
            Encryption::Unproven => SslOpts::default().with_danger_accept_invalid_certs(true),
            Encryption::Proven(certificates) => SslOpts::default()
                .with_root_certs(certificates.iter().map(|certificate| certificate.to_vec().into()).collect())
                .with_disable_built_in_roots(true),
        };
        // The driver takes the process's own, and there has to be one.
        provider();
        Some(options)
    }

    /// Connects and logs in; no transaction is begun yet.
    pub(super) async fn connect(self: &Arc<Self>) -> Result<Session> {
        let options = OptsBuilder::default()
            .ip_or_hostname(&self.options.host)
            .tcp_port(self.options.port)
            .user(Some(&self.options.user))
            .pass(self.password.as_ref().map(Secret::expose))
            .db_name(self.options.database.as_ref())
            .prefer_socket(false)
            .tcp_keepalive(Some(KEEPALIVE_IDLE))
            .ssl_opts(self.ssl());
        // Without TLS a password goes encrypted by a key that the server sends, and the driver panics at one that is none.
        let dial = AssertUnwindSafe(Conn::new(Opts::from(options))).catch_unwind();
        let Ok(connected) = self.connected(dial).await? else {
            return Err(self.error(&SOURCE_LOGIN_REFUSED).with("reason", "the password does not go with the key that it sent"));
        };
        let driver = connected.map_err(|error| self.explain(&SOURCE_UNREACHABLE, error))?;
        let mut session = Session { server: self.clone(), driver: Some(driver), midway: false };
        session.run("set names utf8mb4").await?;
        session.run(SETUP).await?;
        Ok(session)
    }

    /// Keeps a table as it is for as long as the session is there; `None` if that is not allowed, or not without waiting.
    pub(super) async fn hold(self: &Arc<Self>, table: &str) -> Result<Option<Session>> {
        let mut session = match self.connect().await {
            Ok(session) => session,
            Err(error) if error.is(&SOURCE_UNREACHABLE) => return Ok(None),
            Err(error) => return Err(error),
        };
        session.run(HOLD).await?;
        match session.run(&format!("lock tables {table} read")).await {
            Ok(()) => Ok(Some(session)),
            // Some clusters know no locks of tables at all.
            Err(error) if [&SOURCE_DENIED, &SOURCE_BUSY, &SOURCE_FAILED].into_iter().any(|code| error.is(code)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// From the driver's error to ours; `broken` is the code for a connection that is not there (any more).
    pub fn explain(&self, broken: &'static Code, error: mysql_async::Error) -> Error {
        match error {
            mysql_async::Error::Server(told) => self.told(broken, &told),
            mysql_async::Error::Driver(DriverError::NoClientSslFlagFromServer) => {
                self.error(&SOURCE_TLS_REFUSED).with("reason", "the server does not speak TLS")
            }
            mysql_async::Error::Driver(
                error @ (DriverError::UnknownAuthPlugin { .. }
                | DriverError::MysqlOldPasswordDisabled
                | DriverError::CleartextPluginDisabled),
            ) => self.error(&SOURCE_LOGIN_REFUSED).because(error),
            error => {
                if let Some(found) = refusal(&error) {
                    return self.error(&SOURCE_TLS_REFUSED).with("reason", found);
                }
                self.error(broken).because(error)
            }
        }
    }

    /// What the server itself says. The numbers are those of `mysqld_error.h`; few of them have a SQLSTATE of their own.
    fn told(&self, broken: &'static Code, told: &ServerError) -> Error {
        let insecure = told.message.contains("insecure transport");
        let code = match told.code {
            3159 | 4031 if insecure => &SOURCE_TLS_REFUSED,
            1045 | 1129 | 1130 | 1251 | 1396 | 1524 | 1698 | 1820 | 1862 | 3118 | 4151 => &SOURCE_LOGIN_REFUSED,
            1049 => &DATABASE_MISSING,
            1051 | 1109 | 1146 => &SOURCE_TABLE_MISSING,
            1044 | 1142 | 1143 | 1227 | 1370 => &SOURCE_DENIED,
            1205 | 1213 => &SOURCE_BUSY,
            // Too many connections, shutting down, killed, its own timeouts, and a table that changed under the snapshot.
            1040 | 1053 | 1077 | 1152..=1161 | 1184 | 1203 | 1226 | 1317 | 1412 | 1927 | 4031 => broken,
            _ => &SOURCE_FAILED,
        };
        // `Table 'shop.orders' doesn't exist`.
        let table = told.message.split('\'').nth(1).unwrap_or("(dropped)");
        let error = self.error(code).with("table", table).with("reason", format!("{} ({})", told.message, told.code));
        if insecure { error.hint("the server demands TLS: set `tls: require` or `tls: verify-full`") } else { error }
    }
}

impl Session {
    fn driver(&mut self) -> Result<&mut Conn> {
        let Self { server, driver, .. } = self;
        driver.as_mut().ok_or_else(|| server.error(&SOURCE_LOST).with("reason", "the session is closed"))
    }

    /// Waits no longer than the read timeout.
    async fn limited<T>(server: &Server, work: impl Future<Output = Result<T, mysql_async::Error>>) -> Result<T> {
        server.answered(work).await?.map_err(|error| server.explain(&SOURCE_LOST, error))
    }

    /// Runs a statement, of whose answer only the success counts.
    pub async fn run(&mut self, sql: &str) -> Result<()> {
        let server = self.server.clone();
        Self::limited(&server, self.driver()?.query_drop(sql)).await
    }

    /// Sees to it that what the server says of the size of tables is of now.
    pub async fn count_anew(&mut self) -> Result<()> {
        self.run(COUNT_ANEW).await
    }

    /// Begins the transaction in which all is read.
    pub async fn begin(&mut self) -> Result<()> {
        self.run("set session transaction isolation level repeatable read").await?;
        self.run(BEGIN).await
    }

    /// All rows of a small answer.
    pub async fn query(&mut self, sql: &str, parameters: &[&str]) -> Result<Vec<Row>> {
        let server = self.server.clone();
        Self::limited(&server, self.driver()?.exec(sql, Params::from(parameters.to_vec()))).await
    }

    /// The rows of a statement, as they come.
    pub async fn rows(&mut self, sql: &str) -> Result<Rows<'_>> {
        let server = self.server.clone();
        self.midway = true;
        let Self { driver, midway, .. } = self;
        let Some(driver) = driver else { return Err(server.error(&SOURCE_LOST).with("reason", "the session is closed")) };
        let result = Self::limited(&server, driver.exec_iter(sql, ())).await?;
        Ok(Rows { server, result, midway })
    }
}

/// The answer of a statement. A session whose rows were not read to their end is of no further use.
pub(super) struct Rows<'a> {
    server: Arc<Server>,
    result: QueryResult<'a, 'static, BinaryProtocol>,
    midway: &'a mut bool,
}

impl Rows<'_> {
    /// The next row, for which the server has no longer than the read timeout.
    pub async fn next(&mut self) -> Result<Option<Row>> {
        let row = {
            let mut next = pin!(self.result.next());
            // Most rows are there already, and need no clock.
            match poll!(next.as_mut()) {
                Poll::Ready(row) => row.map_err(|error| self.server.explain(&SOURCE_LOST, error)),
                Poll::Pending => Session::limited(&self.server, next).await,
            }?
        };
        if row.is_none() {
            *self.midway = false;
        }
        Ok(row)
    }
}
