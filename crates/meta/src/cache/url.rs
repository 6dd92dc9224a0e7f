//! Where Redis is: a URL, or a host with its port. Never prints the password.

use std::fmt;

use base::{Error, Result, Secret};
use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo, RedisResult};
use url::Url;

use crate::codes::REDIS_URL_WRONG;
use crate::url::{decode, shorten};

const PORT_DEFAULT: u16 = 6379;

/// The address of a Redis server, and how to log in there.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisUrl {
    host: String,
    port: u16,
    database: i64,
    user: Option<String>,
    password: Option<Secret>,
    encrypted: bool,
}

impl RedisUrl {
    /// Reads `redis://[USER[:PASSWORD]@]HOST[:PORT][/DATABASE]`; `rediss://` means TLS with a verified host. User and password
    /// that the URL does not have come from the arguments.
    pub fn parse(text: &str, user: Option<&str>, password: Option<&Secret>) -> Result<Self> {
        let url = Url::parse(text).map_err(|_| wrong("it is no URL; write redis://HOST:PORT"))?;
        let encrypted = match url.scheme() {
            "redis" => false,
            "rediss" => true,
            other => return Err(wrong(format!("`{}` is neither redis nor rediss", shorten(other)))),
        };
        let host = decode(url.host_str().unwrap_or_default())?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err(wrong("it names no host"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("it takes no options"));
        }
        let database = match url.path().trim_matches('/') {
            "" => 0,
            number => number.parse().ok().filter(|number| *number >= 0).ok_or_else(|| wrong("the database is a number"))?,
        };
        let own_user = decode(url.username())?;
        Ok(Self {
            host,
            port: url.port().unwrap_or(PORT_DEFAULT),
            database,
            user: Some(own_user).filter(|user| !user.is_empty()).or(user.map(str::to_owned)),
            password: match url.password() {
                Some(own) => Some(Secret::new(decode(own)?)),
                None => password.cloned(),
            },
            encrypted,
        })
    }

    /// A host and a port, as two settings. Where a Kubernetes Service is called `redis`, the cluster itself sets `REDIS_PORT`
    /// to something like `tcp://10.0.0.7:6379`; that port is meant then.
    pub fn of_host(host: &str, port: Option<&str>, user: Option<&str>, password: Option<&Secret>) -> Result<Self> {
        if host.contains("://") {
            return Self::parse(host, user, password);
        }
        let port = match port {
            None => PORT_DEFAULT,
            Some(text) => {
                let number = if text.starts_with("tcp://") { text.rsplit(':').next().unwrap_or_default() } else { text };
                number.parse().map_err(|_| wrong(format!("`{}` is not a port", shorten(text))))?
            }
        };
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() || host.contains(['/', '@', ' ']) {
            return Err(wrong("the host is a name or an address, such as redis.example.org"));
        }
        let (user, password) = (user.map(str::to_owned), password.cloned());
        Ok(Self { host, port, database: 0, user, password, encrypted: false })
    }

    /// Whether it is reached by TLS.
    pub fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    pub(super) fn connection_info(&self) -> RedisResult<ConnectionInfo> {
        let mut login = RedisConnectionInfo::default().set_db(self.database).set_skip_set_lib_name();
        if let Some(password) = &self.password {
            login = login.set_password(password.expose());
            // A name alone is no login.
            if let Some(user) = &self.user {
                login = login.set_username(user);
            }
        }
        let address = if self.encrypted {
            ConnectionAddr::TcpTls { host: self.host.clone(), port: self.port, insecure: false, tls_params: None }
        } else {
            ConnectionAddr::Tcp(self.host.clone(), self.port)
        };
        Ok((self.host.clone(), self.port).into_connection_info()?.set_addr(address).set_redis_settings(login))
    }
}

impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.encrypted { "rediss" } else { "redis" };
        let user = self.user.as_deref().map(|user| format!("{user}@")).unwrap_or_default();
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        write!(f, "{scheme}://{user}{host}:{}/{}", self.port, self.database)
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisUrl({self})")
    }
}

fn wrong(reason: impl fmt::Display) -> Error {
    Error::new(&REDIS_URL_WRONG).with("reason", reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_urls_and_hosts_and_shows_no_password() {
        let secret = Secret::new("canary");
        let url = RedisUrl::parse("rediss://u%40x:can%2Bary@h.example:7000/3", None, Some(&secret)).expect("a URL");
        assert_eq!(url.to_string(), "rediss://u@x@h.example:7000/3");
        assert_eq!(url.password.as_ref().expect("given").expose(), "can+ary");
        assert!(url.is_encrypted());
        let url = RedisUrl::parse("redis://[::1]", None, Some(&secret)).expect("a URL");
        assert_eq!((url.to_string().as_str(), url.password.as_ref()), ("redis://[::1]:6379/0", Some(&secret)));
        assert!(!format!("{url:?} {url}").contains("canary"));
        let host = |host: &str, port: Option<&str>| RedisUrl::of_host(host, port, None, None).map(|url| url.to_string());
        assert_eq!(host("redis", None).expect("a host"), "redis://redis:6379/0");
        assert_eq!(host("redis", Some("7000")).expect("a host"), "redis://redis:7000/0");
        assert_eq!(host("redis", Some("tcp://10.0.0.7:6380")).expect("a cluster's own setting"), "redis://redis:6380/0");
        assert_eq!(host("rediss://h", Some("1")).expect("a URL in its place"), "rediss://h:6379/0");
        assert!(host("redis", Some("http")).is_err() && host("a b", None).is_err());
        for bad in ["", "canary", "http://u:canary@h", "redis://", "redis://u:canary@h/x", "redis://u:canary@h?a=b"] {
            let error = RedisUrl::parse(bad, None, None).expect_err(bad);
            assert!(!error.to_string().contains(":canary"), "{error}");
        }
    }
}
