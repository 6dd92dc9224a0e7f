//! The options behind a database URL's question mark, as the JDBC drivers of MySQL, MariaDB and PostgreSQL name them.

use std::time::Duration;

use base::{Result, Secret};
use url::Url;

use crate::url::{Engine, Server, Tls, shorten, wrong};

/// Longest wait for a connection that a URL may ask for.
const CONNECT_TIMEOUT_MAX: Duration = Duration::from_secs(300);

/// Options that say how another driver should do its work. They are accepted, so that a URL that works elsewhere works here.
///
/// `serverTimezone` and `zeroDateTimeBehavior` are not among them: they are honoured by construction, because all times are
/// stored as integers in UTC, so a server's zone cannot shift them and no zero date can occur.
const UNUSED: &[&str] = &[
    "allowLoadLocalInfile",
    "allowMultiQueries",
    "allowPublicKeyRetrieval",
    "allowUrlInLocalInfile",
    "ApplicationName",
    "autoReconnect",
    "autoReconnectForPools",
    "binaryTransfer",
    "cacheCallableStmts",
    "cachePrepStmts",
    "cacheResultSetMetadata",
    "cacheServerConfiguration",
    "characterEncoding",
    "charset",
    "connectionAttributes",
    "connectionCollation",
    "continueBatchOnError",
    "createDatabaseIfNotExist",
    "defaultFetchSize",
    "defaultRowFetchSize",
    "disableMariaDbDriver",
    "dontTrackOpenResources",
    "elideSetAutoCommits",
    "enabledTLSProtocols",
    "failOverReadOnly",
    "forceConnectionTimeZoneToSession",
    "initialTimeout",
    "jdbcCompliantTruncation",
    "loadBalanceHosts",
    "logger",
    "loginTimeout",
    "maintainTimeStats",
    "maxReconnects",
    "maxRows",
    "netTimeoutForStreamingResults",
    "noAccessToProcedureBodies",
    "nullCatalogMeansCurrent",
    "nullDatabaseMeansCurrent",
    "permitMysqlScheme",
    "preferQueryMode",
    "prepareThreshold",
    "prepStmtCacheSize",
    "prepStmtCacheSqlLimit",
    "preserveInstants",
    "profileSQL",
    "queryTimeoutKillsConnection",
    "reWriteBatchedInserts",
    "rewriteBatchedStatements",
    "sessionVariables",
    "socketTimeout",
    "statement-cache-capacity",
    "stringtype",
    "targetServerType",
    "tcpKeepAlive",
    "tcpNoDelay",
    "tcpRcvBuf",
    "tcpSndBuf",
    "tinyInt1isBit",
    "transformedBitIsBoolean",
    "useAffectedRows",
    "useBulkStmts",
    "useCompression",
    "useCursorFetch",
    "useInformationSchema",
    "useJDBCCompliantTimezoneShift",
    "useLegacyDatetimeCode",
    "useLocalSessionState",
    "useOldAliasMetadataBehavior",
    "useServerPrepStmts",
    "useTimezone",
    "useUnbufferedInput",
    "useUnicode",
    "yearIsDateType",
];

/// What is to be told about the options.
#[derive(Default)]
pub(crate) struct Noted {
    pub(crate) warnings: Vec<String>,
    pub(crate) unused: Vec<String>,
}

/// Sets what the URL's options say.
pub(crate) fn apply(url: &Url, server: &mut Server, noted: &mut Noted) -> Result<()> {
    let mut mode = None;
    let mut legacy = Legacy::default();
    for (name, value) in url.query_pairs() {
        match name.to_ascii_lowercase().as_str() {
            "user" | "username" => server.user = Some(value.into_owned()),
            "password" => server.password = Some(Secret::new(value)),
            "sslmode" | "ssl-mode" => mode = Some(tls(server.engine, &value)?),
            "usessl" => legacy.use_ssl = Some(flag(&name, &value)?),
            "requiressl" => legacy.require_ssl = flag(&name, &value)?,
            "verifyservercertificate" => legacy.verify = flag(&name, &value)?,
            "ssl" => legacy.ssl = flag(&name, if value.is_empty() { "true" } else { &value })?,
            "sslrootcert" | "ssl-ca" | "sslca" | "serversslcert" => server.ca_file = Some(value.into_owned()),
            "connecttimeout" | "connect_timeout" => {
                if let Some(timeout) = timeout(server.engine, &value)? {
                    server.connect_timeout = timeout;
                }
            }
            "servertimezone" | "connectiontimezone" | "timezone" | "time-zone" => {}
            "zerodatetimebehavior" => {
                let known = ["convert_to_null", "converttonull", "exception", "round"];
                if !known.contains(&value.to_ascii_lowercase().as_str()) {
                    noted.warnings.push("option `zeroDateTimeBehavior` has a value that is not known and was ignored".to_owned());
                }
            }
            lower if UNUSED.iter().any(|known| known.eq_ignore_ascii_case(lower)) => noted.unused.push(name.into_owned()),
            _ => noted.warnings.push(format!("option `{}` of the database URL is not known and was ignored", shorten(&name))),
        }
    }
    server.tls = mode.unwrap_or_else(|| legacy.tls(server.engine));
    Ok(())
}

/// The older options that `sslMode` replaced; it wins over them.
#[derive(Default)]
struct Legacy {
    use_ssl: Option<bool>,
    require_ssl: bool,
    verify: bool,
    ssl: bool,
}

impl Legacy {
    fn tls(&self, engine: Engine) -> Tls {
        match (engine, self.use_ssl) {
            (_, Some(false)) => Tls::Disable,
            // PostgreSQL's `ssl=true` means a verified host.
            (Engine::Postgres, _) if self.ssl => Tls::VerifyFull,
            _ if self.verify => Tls::VerifyCa,
            _ if self.require_ssl || self.ssl => Tls::Require,
            _ => Tls::Prefer,
        }
    }
}

fn tls(engine: Engine, value: &str) -> Result<Tls> {
    Ok(match value.to_ascii_lowercase().replace('_', "-").as_str() {
        "disable" | "disabled" => Tls::Disable,
        "allow" | "prefer" | "preferred" => Tls::Prefer,
        // MariaDB's word for "encrypted, with any certificate".
        "require" | "required" | "trust" => Tls::Require,
        "verify-ca" => Tls::VerifyCa,
        "verify-full" | "verify-identity" => Tls::VerifyFull,
        _ => {
            let modes = match engine {
                Engine::Postgres => "disable, prefer, require, verify-ca, verify-full",
                Engine::MySql => "DISABLED, PREFERRED, REQUIRED, VERIFY_CA, VERIFY_IDENTITY",
            };
            return Err(wrong(format!("sslMode is one of {modes}")));
        }
    })
}

fn flag(name: &str, value: &str) -> Result<bool> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "yes" | "1" => Ok(true),
        "false" | "no" | "0" => Ok(false),
        _ => Err(wrong(format!("{} is true or false", shorten(name)))),
    }
}

/// MySQL's and MariaDB's drivers count milliseconds, PostgreSQL's counts seconds; 0 means "do not care".
fn timeout(engine: Engine, value: &str) -> Result<Option<Duration>> {
    let number: u64 = value.parse().map_err(|_| wrong("connectTimeout is a whole number"))?;
    let timeout = match engine {
        Engine::MySql => Duration::from_millis(number),
        Engine::Postgres => Duration::from_secs(number),
    };
    Ok((number > 0).then_some(timeout.min(CONNECT_TIMEOUT_MAX)))
}
