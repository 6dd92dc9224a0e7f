//! Settings, from strings: flags beat the environment, which beats defaults. Nothing here looks at the machine.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use base::errors::INVALID_SETTING;
use base::{Error, Result, Secret, units};
use meta::{DatabaseUrl, RedisUrl};

use crate::codes::{REPLICA_ALONE, ROLE_ALONE};
use crate::roles::Roles;

/// The port when nothing says otherwise.
pub const PORT_DEFAULT: u16 = 8080;

/// Least memory that queries can work with, in bytes.
const MEMORY_MIN: u64 = 64 << 20;

/// Most processes that serve one platform.
const REPLICAS_MAX: usize = 1000;

/// Most threads that compute.
const THREADS_MAX: usize = 1024;

/// Longest time the audit can be told to be kept, in days: a hundred years.
const AUDIT_DAYS_MAX: usize = 36_500;

/// Longest time that a server that is to end can be told to serve on.
const DRAIN_DELAY_MAX: Duration = Duration::from_secs(600);

/// The settings of one process.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The folder that holds everything: `meta.db`, `master.key`, `lake/`, `spill/`, `lock`.
    pub home: PathBuf,
    /// What the process does.
    pub roles: Roles,
    /// Where HTTP is served.
    pub listen: SocketAddr,
    /// Where HTTP is served as well, if that can be done.
    pub listen_also: Option<SocketAddr>,
    /// The database of the platform's own state; `HOME/meta.db` if there is none.
    pub database: Option<DatabaseUrl>,
    /// The Redis that servers of this platform share; each keeps its cache to itself if there is none.
    pub redis: Option<RedisUrl>,
    /// Days after which audit rows are deleted; never if not given.
    pub audit_days: Option<u32>,
    /// Where the lake is; `HOME/lake` if there is nothing here.
    pub lake: Option<String>,
    /// How the lake's store is reached, as YAML or JSON.
    pub lake_store: Option<String>,
    /// The key of the secret store; in a file if there is none.
    pub master_key: Option<Secret>,
    /// The file of that key; `HOME/master.key` if not given.
    pub master_key_file: Option<PathBuf>,
    /// The first administrator's password; one is made up if there is none.
    pub admin_password: Option<Secret>,
    /// Memory that queries may reserve together, in bytes; half of the machine's if not given.
    pub memory_bytes: Option<u64>,
    /// Threads that compute; one a core if not given.
    pub threads: Option<usize>,
    /// Whether /metrics names pipelines, connections, data services, schemas and tables. Not unless somebody wants it: who asks for metrics needs no login.
    pub metrics_names: bool,
    /// How long a server that is to end serves on after it has said so, until nobody sends it new requests any more.
    pub drain_delay: Duration,
    /// What the log says: a filter such as `info` or `dataux=debug`.
    pub log: String,
    /// How the log says it.
    pub log_format: LogFormat,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For machines: one JSON object a line.
    Json,
}

/// What was given as flags of the command line.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// `--home`.
    pub home: Option<PathBuf>,
    /// `--listen`.
    pub listen: Option<String>,
    /// `--role`, several with commas between.
    pub role: Option<String>,
}

impl Settings {
    /// Settings of a home with nothing else said.
    pub fn of_home(home: impl AsRef<Path>) -> Self {
        Self {
            home: home.as_ref().to_owned(),
            roles: Roles::default(),
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), PORT_DEFAULT),
            listen_also: None,
            database: None,
            redis: None,
            audit_days: None,
            lake: None,
            lake_store: None,
            master_key: None,
            master_key_file: None,
            admin_password: None,
            memory_bytes: None,
            threads: None,
            metrics_names: false,
            drain_delay: Duration::ZERO,
            log: "info".to_owned(),
            log_format: LogFormat::default(),
        }
    }

    /// Reads flags and then variables; `variable` answers what the environment holds. Empty variables count as unset, because
    /// a chart cannot always leave one out.
    pub fn read(flags: &Flags, variable: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let get = |name: &str| variable(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let home = match (&flags.home, get("DATAUX_HOME"), get("HOME")) {
            (Some(home), _, _) => home.clone(),
            (None, Some(home), _) => PathBuf::from(home),
            (None, None, Some(user)) => Path::new(&user).join(".dataux"),
            (None, None, None) => return Err(wrong("--home", "give it, or set DATAUX_HOME")),
        };
        let (listen, listen_also) = addresses(flags.listen.as_deref(), get("DATAUX_LISTEN").as_deref(), get("PORT").as_deref())?;
        let roles = match (&flags.role, get("DATAUX_ROLE")) {
            (Some(role), _) => Roles::parse("--role", role)?,
            (None, Some(role)) => Roles::parse("DATAUX_ROLE", &role)?,
            (None, None) => Roles::default(),
        };
        let password = get("DATABASE_PASSWORD").map(Secret::new);
        let database = get("DATABASE_URL")
            .map(|url| DatabaseUrl::parse(&url, get("DATABASE_USER").as_deref(), password.as_ref()))
            .transpose()?;
        let redis = redis(&get)?;
        let days = get("DATAUX_AUDIT_DAYS").map(|text| count("DATAUX_AUDIT_DAYS", &text, AUDIT_DAYS_MAX)).transpose()?;
        let memory_bytes = get("DATAUX_MEMORY").map(|text| units::parse_bytes(&text)).transpose()?;
        if memory_bytes.is_some_and(|bytes| bytes < MEMORY_MIN) {
            return Err(wrong("DATAUX_MEMORY", format!("at least {} are needed", units::bytes(MEMORY_MIN))));
        }
        let threads = get("DATAUX_THREADS").map(|text| count("DATAUX_THREADS", &text, THREADS_MAX)).transpose()?;
        let drain_delay = get("DATAUX_DRAIN_DELAY").map(|text| units::parse_duration(&text)).transpose()?.unwrap_or_default();
        if drain_delay > DRAIN_DELAY_MAX {
            return Err(wrong("DATAUX_DRAIN_DELAY", format!("at most {} can be waited", units::duration(DRAIN_DELAY_MAX))));
        }
        let metrics_names = match get("DATAUX_METRICS_NAMES").as_deref() {
            Some("true") => true,
            None | Some("false") => false,
            Some(other) => return Err(wrong("DATAUX_METRICS_NAMES", format!("`{other}` is neither true nor false"))),
        };
        let log_format = match get("DATAUX_LOG_FORMAT").as_deref() {
            None | Some("text") => LogFormat::Text,
            Some("json") => LogFormat::Json,
            Some(other) => return Err(wrong("DATAUX_LOG_FORMAT", format!("`{other}` is neither text nor json"))),
        };
        let settings = Self {
            roles,
            listen,
            listen_also,
            database,
            redis,
            audit_days: days.and_then(|days| u32::try_from(days).ok()),
            lake: get("DATAUX_LAKE"),
            lake_store: get("DATAUX_LAKE_STORE"),
            master_key: get("DATAUX_MASTER_KEY").map(Secret::new),
            master_key_file: get("DATAUX_MASTER_KEY_FILE").map(PathBuf::from),
            admin_password: get("DATAUX_ADMIN_PASSWORD").map(Secret::new),
            memory_bytes,
            threads,
            metrics_names,
            drain_delay,
            log: get("DATAUX_LOG").unwrap_or_else(|| "info".to_owned()),
            log_format,
            ..Self::of_home(home)
        };
        let replicas = get("DATAUX_REPLICAS").map(|text| count("DATAUX_REPLICAS", &text, REPLICAS_MAX)).transpose()?;
        settings.check_shared(replicas.unwrap_or(1))?;
        Ok(settings)
    }

    /// One of several processes must not keep to itself what all of them need: each would be a platform of its own, and one
    /// with a part of the roles would wait for ever for those who do the rest.
    fn check_shared(&self, replicas: usize) -> Result<()> {
        let lacks = match self {
            _ if replicas < 2 && self.roles.is_all() => return Ok(()),
            Self { database, .. } if !database.as_ref().is_some_and(DatabaseUrl::is_shared) => "DATABASE_URL",
            Self { lake: None, .. } => "DATAUX_LAKE",
            Self { master_key: None, master_key_file: None, .. } => "DATAUX_MASTER_KEY",
            _ => return Ok(()),
        };
        Err(match self.roles.is_all() {
            true => Error::new(&REPLICA_ALONE).with("replicas", replicas).with("setting", lacks),
            false => Error::new(&ROLE_ALONE).with("roles", self.roles).with("setting", lacks),
        })
    }
}

/// `--listen` stands alone. `PORT` is what the platform is published on: beside a `DATAUX_LISTEN` (an image has one) it is
/// served as well, and without one it is where the platform listens.
fn addresses(flag: Option<&str>, variable: Option<&str>, port: Option<&str>) -> Result<(SocketAddr, Option<SocketAddr>)> {
    if let Some(flag) = flag {
        return Ok((address("--listen", flag)?, None));
    }
    let port = port.map(|port| port.parse().map_err(|_| wrong("PORT", format!("`{port}` is not a port")))).transpose()?;
    match (variable, port) {
        (Some(variable), port) => {
            let main = address("DATAUX_LISTEN", variable)?;
            let also = port.filter(|port| *port != main.port()).map(|port| SocketAddr::new(main.ip(), port));
            Ok((main, also))
        }
        (None, port) => Ok((SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port.unwrap_or(PORT_DEFAULT)), None)),
    }
}

/// `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080`, `:8080` (every address of the machine) or `8080` (this machine alone).
fn address(setting: &str, text: &str) -> Result<SocketAddr> {
    let not = |_| wrong(setting, format!("`{text}` is not an address; write one such as 127.0.0.1:8080"));
    let port = |text: &str| text.parse::<u16>().map_err(|error| not(error.to_string()));
    match text.rsplit_once(':') {
        None => Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port(text)?)),
        Some(("", number)) => Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port(number)?)),
        Some(("localhost", number)) => Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port(number)?)),
        Some(("[::]", number)) => Ok(SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port(number)?)),
        Some(_) => text.parse().map_err(|error: std::net::AddrParseError| not(error.to_string())),
    }
}

fn count(setting: &str, text: &str, max: usize) -> Result<usize> {
    match text.parse() {
        Ok(count) if (1..=max).contains(&count) => Ok(count),
        _ => Err(wrong(setting, format!("`{text}` is not a number from 1 to {max}"))),
    }
}

/// `REDIS_URL`, or `REDIS_HOST` with `REDIS_PORT`. A port alone is no Redis: clusters set it by themselves.
fn redis(get: &impl Fn(&str) -> Option<String>) -> Result<Option<RedisUrl>> {
    let (user, password) = (get("REDIS_USER"), get("REDIS_PASSWORD").map(Secret::new));
    match (get("REDIS_URL"), get("REDIS_HOST")) {
        (Some(url), _) => RedisUrl::parse(&url, user.as_deref(), password.as_ref()).map(Some),
        (None, Some(host)) => {
            RedisUrl::of_host(&host, get("REDIS_PORT").as_deref(), user.as_deref(), password.as_ref()).map(Some)
        }
        (None, None) => Ok(None),
    }
}

fn wrong(setting: &str, reason: impl std::fmt::Display) -> Error {
    Error::new(&INVALID_SETTING).with("setting", setting).with("reason", reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(flags: &Flags, variables: &[(&str, &str)]) -> Result<Settings, String> {
        let get = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Settings::read(flags, get).map_err(|error| error.to_string())
    }

    #[test]
    fn flags_beat_variables_and_those_beat_defaults() {
        let settings = read(&Flags::default(), &[("HOME", "/u"), ("PORT", ""), ("DATABASE_URL", " ")]).expect("defaults");
        assert_eq!(settings.home, Path::new("/u/.dataux"));
        assert_eq!(settings.listen.to_string(), "127.0.0.1:8080");
        assert!(settings.database.is_none() && settings.listen_also.is_none() && settings.redis.is_none());
        let flags = Flags { home: Some("/h".into()), listen: Some("0.0.0.0:9".into()), role: None };
        let settings = read(&flags, &[("DATAUX_HOME", "/e"), ("PORT", "80"), ("DATAUX_LISTEN", ":1")]).expect("flags");
        assert_eq!((settings.home.as_path(), settings.listen.to_string().as_str()), (Path::new("/h"), "0.0.0.0:9"));
        assert!(settings.listen_also.is_none());
    }

    #[test]
    fn port_is_served_beside_the_address_of_an_image() {
        let listen = |variables: &[(&str, &str)]| {
            let mut all = vec![("HOME", "/u")];
            all.extend_from_slice(variables);
            read(&Flags::default(), &all)
                .map(|settings| (settings.listen.to_string(), settings.listen_also.map(|also| also.to_string())))
        };
        assert_eq!(
            listen(&[("PORT", "80"), ("DATAUX_LISTEN", "0.0.0.0:8080")]),
            Ok(("0.0.0.0:8080".into(), Some("0.0.0.0:80".into())))
        );
        assert_eq!(listen(&[("PORT", "8080"), ("DATAUX_LISTEN", "0.0.0.0:8080")]), Ok(("0.0.0.0:8080".into(), None)));
        assert_eq!(listen(&[("PORT", "9000")]), Ok(("127.0.0.1:9000".into(), None)));
        assert_eq!(listen(&[("DATAUX_LISTEN", "7000")]), Ok(("127.0.0.1:7000".into(), None)));
        assert_eq!(listen(&[("DATAUX_LISTEN", "[::1]:7000")]), Ok(("[::1]:7000".into(), None)));
        assert!(listen(&[("PORT", "http")]).expect_err("no port").contains("PORT"));
        assert!(listen(&[("DATAUX_LISTEN", "example.org:1")]).expect_err("a name").contains("127.0.0.1:8080"));
    }

    #[test]
    fn one_of_several_replicas_needs_what_all_reach() {
        let mut set = vec![("HOME", "/u"), ("DATAUX_REPLICAS", "3"), ("REDIS_HOST", "redis")];
        for (lacks, value) in [
            ("DATABASE_URL", "jdbc:mysql://h:3306/d?useSSL=false"),
            ("DATAUX_LAKE", "s3://bucket/lake"),
            ("DATAUX_MASTER_KEY", "canary"),
        ] {
            let error = read(&Flags::default(), &set).expect_err(lacks);
            assert!(error.contains("one of 3 replicas") && error.contains(&format!("and {lacks} names")), "{lacks}: {error}");
            set.push((lacks, value));
        }
        read(&Flags::default(), &set).expect("all is shared");
        let alone = [("HOME", "/u"), ("DATAUX_REPLICAS", "2"), ("DATABASE_URL", "sqlite:/a/b")];
        assert!(read(&Flags::default(), &alone).expect_err("a file").contains("DATABASE_URL"));
        let one = [("HOME", "/u"), ("DATAUX_REPLICAS", "1"), ("DATAUX_MASTER_KEY_FILE", "/k")];
        assert_eq!(read(&Flags::default(), &one).expect("one").master_key_file.as_deref(), Some(Path::new("/k")));
    }

    #[test]
    fn a_part_needs_what_the_other_parts_reach() {
        let mut set = vec![("HOME", "/u"), ("DATAUX_ROLE", "worker")];
        for (lacks, value) in
            [("DATABASE_URL", "postgres://h/d"), ("DATAUX_LAKE", "s3://bucket/lake"), ("DATAUX_MASTER_KEY", "canary")]
        {
            let error = read(&Flags::default(), &set).expect_err(lacks);
            assert!(error.contains("(role worker)") && error.contains(&format!("and {lacks} names")), "{lacks}: {error}");
            set.push((lacks, value));
        }
        assert_eq!(read(&Flags::default(), &set).expect("all is shared").roles.to_string(), "worker");
        let flags = Flags { role: Some("control,query".into()), ..Flags::default() };
        assert_eq!(read(&flags, &set).expect("the flag counts").roles.to_string(), "control,query");
        let alone = [("HOME", "/u"), ("DATAUX_ROLE", "worker,query,control")];
        assert!(read(&Flags::default(), &alone).expect("everything needs nobody").roles.is_all());
        let file = [("HOME", "/u"), ("DATAUX_ROLE", "query"), ("DATABASE_URL", "sqlite:/a/b")];
        assert!(read(&Flags::default(), &file).expect_err("a file").contains("DATABASE_URL"));
    }

    #[test]
    fn says_which_setting_is_wrong_and_no_secret() {
        for (name, value, words) in [
            ("DATAUX_MEMORY", "1MB", "at least 64.0 MiB"),
            ("DATAUX_THREADS", "0", "DATAUX_THREADS"),
            ("DATAUX_ROLE", "master", "`master` is no role"),
            ("DATAUX_METRICS_NAMES", "1", "neither true nor false"),
            ("DATAUX_DRAIN_DELAY", "5", "write a whole number and its unit"),
            ("DATAUX_DRAIN_DELAY", "1h", "at most 10 min"),
            ("DATAUX_LOG_FORMAT", "xml", "neither text nor json"),
            ("DATAUX_AUDIT_DAYS", "0", "DATAUX_AUDIT_DAYS"),
            ("DATAUX_REPLICAS", "many", "DATAUX_REPLICAS"),
            ("REDIS_URL", "http://u:canary@h", "redis"),
            ("DATABASE_URL", "oracle://u:canary@h/d", "oracle"),
        ] {
            let error = read(&Flags::default(), &[("HOME", "/u"), (name, value)]).expect_err(name);
            assert!(error.contains(words) && !error.contains("canary"), "{name}: {error}");
        }
        let set = [
            ("HOME", "/u"),
            ("DATAUX_ADMIN_PASSWORD", "canary"),
            ("DATABASE_URL", "mysql://h/d"),
            ("DATABASE_USER", "u"),
            ("DATABASE_PASSWORD", "canary"),
            ("REDIS_HOST", "redis"),
            ("REDIS_PORT", "6380"),
            ("REDIS_PASSWORD", "canary"),
            ("DATAUX_AUDIT_DAYS", "180"),
        ];
        let settings = read(&Flags::default(), &set).expect("right");
        assert_eq!(settings.redis.as_ref().map(ToString::to_string).as_deref(), Some("redis://redis:6380/0"));
        assert_eq!(settings.audit_days, Some(180));
        assert!(!format!("{settings:?}").contains("canary"), "{settings:?}");
    }
}
