//! Where the state is kept: `sqlite:PATH`, `postgres://…`, `mysql://…`, or the JDBC URL that an existing installation has.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use base::{Error, Result, Secret};
use url::Url;

use crate::codes::DATABASE_URL_WRONG;
use crate::jdbc;

/// How long a first connection may take if the URL does not say.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A database URL, parsed. Prints without its password.
#[derive(Clone)]
pub struct DatabaseUrl {
    pub(crate) target: Target,
    warnings: Vec<String>,
    unused: Vec<String>,
}

#[derive(Clone)]
pub(crate) enum Target {
    Sqlite(PathBuf),
    Server(Server),
}

/// A database server and how to log in.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) engine: Engine,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) database: String,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<Secret>,
    pub(crate) tls: Tls,
    /// File of certificate authorities, in PEM.
    pub(crate) ca_file: Option<String>,
    pub(crate) connect_timeout: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    Postgres,
    MySql,
}

/// How much encryption is asked of the connection, from none to a certificate of that very host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tls {
    Disable,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

impl DatabaseUrl {
    /// Reads a URL. `user` and `password` are used where the URL has none. Errors never repeat the URL: it may hold a password.
    pub fn parse(text: &str, user: Option<&str>, password: Option<&Secret>) -> Result<Self> {
        let text = text.trim();
        if let Some(path) = text.strip_prefix("sqlite:") {
            return sqlite(path);
        }
        let plain = text.strip_prefix("jdbc:").unwrap_or(text);
        let (scheme, rest) = plain.split_once(':').ok_or_else(|| wrong("it has no scheme"))?;
        let (engine, default_port) = match scheme {
            "postgres" | "postgresql" => (Engine::Postgres, 5432),
            "mysql" | "mariadb" => (Engine::MySql, 3306),
            other => return Err(wrong(format!("`{}` is not a database that can keep the state", shorten(other)))),
        };
        // JDBC lets PostgreSQL's host be left out: jdbc:postgresql:database.
        let rest = if rest.starts_with("//") { rest.to_owned() } else { format!("//localhost/{}", rest.trim_start_matches('/')) };
        // One scheme for all, because the parser treats hosts by scheme.
        let url = Url::parse(&format!("db:{rest}")).map_err(|error| {
            wrong(format!("{error}; name one host, and write special characters of a user or password as %XX")).because(error)
        })?;
        let host = url.host_str().unwrap_or("localhost").trim_start_matches('[').trim_end_matches(']');
        let mut server = Server {
            engine,
            host: decode(host)?,
            port: url.port().unwrap_or(default_port),
            database: decode(url.path().trim_matches('/'))?,
            user: Some(decode(url.username())?).filter(|user| !user.is_empty()),
            password: url.password().map(decode).transpose()?.map(Secret::new),
            tls: Tls::Prefer,
            ca_file: None,
            connect_timeout: CONNECT_TIMEOUT,
        };
        if server.host.contains(['(', ',']) {
            return Err(wrong("name one host"));
        }
        let mut noted = jdbc::Noted::default();
        jdbc::apply(&url, &mut server, &mut noted)?;
        if server.database.is_empty() || server.database.contains('/') {
            return Err(wrong("name the database behind the host, as in //host:port/dataux"));
        }
        if server.user.is_none() {
            server.user = user.filter(|user| !user.is_empty()).map(str::to_owned);
        }
        if server.password.is_none() {
            server.password = password.cloned();
        }
        Ok(Self { target: Target::Server(server), warnings: noted.warnings, unused: noted.unused })
    }

    /// What the user should know about the URL, such as options that nobody knows.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Known options of other drivers that have no meaning here.
    pub fn unused(&self) -> &[String] {
        &self.unused
    }

    /// Whether several hosts can use this database at once; a file cannot be.
    pub fn is_shared(&self) -> bool {
        matches!(self.target, Target::Server(_))
    }
}

fn sqlite(path: &str) -> Result<DatabaseUrl> {
    let path = path.strip_prefix("//").unwrap_or(path);
    let (path, options) = path.split_once('?').unwrap_or((path, ""));
    if path.is_empty() || path == ":memory:" {
        return Err(wrong("name the file, as in sqlite:/var/lib/dataux/meta.db"));
    }
    let warnings = options.split('&').filter(|option| !option.is_empty()).map(|option| {
        format!(
            "option `{}` of the database URL is not known and was ignored",
            shorten(option.split('=').next().unwrap_or_default())
        )
    });
    Ok(DatabaseUrl { target: Target::Sqlite(PathBuf::from(path)), warnings: warnings.collect(), unused: Vec::new() })
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.target {
            Target::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Target::Server(server) => {
                f.write_str(match server.engine {
                    Engine::Postgres => "postgres://",
                    Engine::MySql => "mysql://",
                })?;
                if let Some(user) = &server.user {
                    write!(f, "{user}@")?;
                }
                let brackets = server.host.contains(':');
                if brackets {
                    write!(f, "[{}]:{}/{}", server.host, server.port, server.database)
                } else {
                    write!(f, "{}:{}/{}", server.host, server.port, server.database)
                }
            }
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

pub(crate) fn wrong(reason: impl fmt::Display) -> Error {
    Error::new(&DATABASE_URL_WRONG).with("reason", reason)
}

pub(crate) fn shorten(text: &str) -> String {
    text.chars().take(60).collect()
}

/// `%XX` as bytes. A plus stays a plus: this is not a form.
pub(crate) fn decode(text: &str) -> Result<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = match (first, tail) {
            (b'%', [high, low, ..]) => std::str::from_utf8(&[*high, *low]).ok().and_then(|hex| u8::from_str_radix(hex, 16).ok()),
            _ => None,
        };
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8(bytes).map_err(|_| wrong("its %XX escapes are not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(text: &str) -> Server {
        match DatabaseUrl::parse(text, None, None).expect("a good URL").target {
            Target::Server(server) => server,
            Target::Sqlite(_) => panic!("not a file"),
        }
    }

    #[test]
    fn takes_the_jdbc_url_of_the_install_contract() {
        let text = "jdbc:mysql://db.example:3307/dataux?useSSL=false&serverTimezone=UTC&rewriteBatchedStatements=true\
                    &zeroDateTimeBehavior=CONVERT_TO_NULL&allowPublicKeyRetrieval=true";
        let url = DatabaseUrl::parse(text, Some("app"), Some(&Secret::new("canary"))).expect("the contract's URL");
        assert_eq!(url.to_string(), "mysql://app@db.example:3307/dataux");
        assert!(url.is_shared());
        assert_eq!(url.warnings(), <[String; 0]>::default());
        assert_eq!(url.unused(), ["rewriteBatchedStatements", "allowPublicKeyRetrieval"]);
        assert_eq!(server(text).tls, Tls::Disable);
        assert!(!format!("{url:?} {url}").contains("canary"));
    }

    #[test]
    fn user_and_password_come_from_the_url_first() {
        let text = "jdbc:mariadb://h/d?user=u&password=p%26w&connectTimeout=2500&sslMode=verify-full";
        let from_options = server(text);
        assert_eq!(from_options.user.as_deref(), Some("u"));
        assert_eq!(from_options.password.expect("given").expose(), "p&w");
        assert_eq!(from_options.connect_timeout, Duration::from_millis(2500));
        assert_eq!((from_options.tls, from_options.port), (Tls::VerifyFull, 3306));
        let from_authority = server("postgresql://u%40x:p%2Bw+z@[::1]/d?sslmode=require");
        assert_eq!(from_authority.user.as_deref(), Some("u@x"));
        assert_eq!(from_authority.password.expect("given").expose(), "p+w+z");
        assert_eq!((from_authority.host.as_str(), from_authority.port), ("::1", 5432));
        assert_eq!(from_authority.tls, Tls::Require);
        let both = DatabaseUrl::parse("mysql://u@h/d", Some("other"), None).expect("good");
        assert_eq!(both.to_string(), "mysql://u@h:3306/d");
    }

    #[test]
    fn knows_the_ways_to_ask_for_encryption() {
        let cases = [
            ("mysql://h/d", Tls::Prefer),
            ("jdbc:mysql://h/d?useSSL=true", Tls::Prefer),
            ("jdbc:mysql://h/d?useSSL=true&requireSSL=true", Tls::Require),
            ("jdbc:mysql://h/d?requireSSL=true&useSSL=true&verifyServerCertificate=true", Tls::VerifyCa),
            ("jdbc:mysql://h/d?useSSL=false&sslMode=VERIFY_IDENTITY", Tls::VerifyFull),
            ("jdbc:mysql://h/d?sslMode=DISABLED", Tls::Disable),
            ("jdbc:mariadb://h/d?sslMode=trust", Tls::Require),
            ("jdbc:postgresql:d?ssl=true", Tls::VerifyFull),
            ("jdbc:postgresql://h/d?sslmode=disable", Tls::Disable),
        ];
        for (text, tls) in cases {
            assert_eq!(server(text).tls, tls, "{text}");
        }
        assert_eq!(server("jdbc:postgresql://h/d?connectTimeout=3").connect_timeout, Duration::from_secs(3));
    }

    #[test]
    fn warns_of_unknown_options_and_refuses_nonsense() {
        let url = DatabaseUrl::parse("mysql://h/d?colour=red", None, None).expect("good but odd");
        assert_eq!(url.warnings(), ["option `colour` of the database URL is not known and was ignored"]);
        for bad in [
            "",
            "canary",
            "oracle:thin:canary@h",
            "mysql://h",
            "jdbc:mysql://u:canary@a:1,b:2/d",
            "mysql://h/d?sslMode=canary",
            "mysql://h/d?connectTimeout=canary",
            "sqlite:",
            "sqlite::memory:",
        ] {
            let error = DatabaseUrl::parse(bad, None, None).expect_err(bad);
            assert!(!error.to_string().contains("canary@") && !error.to_string().contains(":canary"), "{error}");
        }
    }

    #[test]
    fn files() {
        let url = DatabaseUrl::parse("sqlite:/a/b c.db", None, None).expect("a file");
        assert_eq!(url.to_string(), "sqlite:/a/b c.db");
        assert!(!url.is_shared());
        assert_eq!(DatabaseUrl::parse("sqlite:///a/b", None, None).expect("a file").to_string(), "sqlite:/a/b");
    }
}
