//! Where a command works: on a home or on a server, by flag, environment, saved login, default.

use std::path::PathBuf;

use base::{Error, Secret};

use crate::arguments::Globals;
use crate::failure::{Failure, Outcome};
use crate::login::{Logins, normal};

/// A platform to work on.
#[derive(Debug)]
pub enum Target {
    /// The platform in this folder, in this process, as its administrator.
    Home(PathBuf),
    /// A server, as whoever the token belongs to.
    Server {
        /// Its address, without a slash at the end.
        url: String,
        /// The token, if one is known.
        token: Option<Secret>,
    },
}

/// Flag before environment before saved login before the default home; `variable` reads the environment.
pub fn target(globals: &Globals, variable: impl Fn(&str) -> Option<String>, logins: &Logins) -> Outcome<Target> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    if globals.home.is_some() && globals.server.is_some() {
        return Err(Failure::usage("", "--home and --server exclude each other: a command works on one platform"));
    }
    let server = match (&globals.server, &globals.home) {
        (Some(server), _) => Some(server.clone()),
        (None, Some(_)) => None,
        (None, None) => set("DATAUX_SERVER").or_else(|| if set("DATAUX_HOME").is_some() { None } else { logins.current.clone() }),
    };
    let Some(server) = server else { return Ok(Target::Home(home(globals, variable)?)) };
    let url = normal(&server);
    if !(url.starts_with("http://") || url.starts_with("https://")) {
        return Err(Failure::usage("", format!("`{server}` is no server's address; write it as http://localhost:8080")));
    }
    let saved = || logins.servers.get(&url).map(|login| login.token.clone());
    let token = globals.token.clone().or_else(|| set("DATAUX_TOKEN")).or_else(saved).map(Secret::new);
    Ok(Target::Server { url, token })
}

/// The home of commands that work on a folder only: `--home`, `DATAUX_HOME`, `~/.dataux`.
pub fn home(globals: &Globals, variable: impl Fn(&str) -> Option<String>) -> Outcome<PathBuf> {
    globals
        .home
        .clone()
        .or_else(|| variable("DATAUX_HOME").filter(|value| !value.is_empty()).map(PathBuf::from))
        .or_else(|| std::env::home_dir().map(|home| home.join(".dataux")))
        .ok_or_else(|| Failure::Own(Error::new(&crate::codes::HOME_MISSING).with("home", "~/.dataux")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::login::Login;

    fn logins() -> Logins {
        let mut logins = Logins { current: Some("http://saved:1".into()), ..Logins::default() };
        let login = Login { user: "ann".into(), token: "kept".into(), expires_at: None };
        logins.servers.insert("http://saved:1".into(), login);
        logins
    }

    fn shown(globals: &Globals, environment: &[(&str, &str)], logins: &Logins) -> String {
        let variable = |name: &str| environment.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        match target(globals, variable, logins) {
            Ok(Target::Home(path)) => path.display().to_string(),
            Ok(Target::Server { url, token }) => {
                format!("{url} {}", token.map_or(String::new(), |token| token.expose().to_owned()))
            }
            Err(failure) => format!("exit {}", failure.exit()),
        }
    }

    #[test]
    fn flag_environment_login_default() {
        let none = Globals::default();
        let home = Globals { home: Some("h".into()), ..Globals::default() };
        let server = Globals { server: Some("HTTP://Saved:1/".into()), ..Globals::default() };
        assert_eq!(shown(&home, &[("DATAUX_SERVER", "http://e:2")], &logins()), "h");
        assert_eq!(shown(&none, &[("DATAUX_SERVER", "http://e:2"), ("DATAUX_TOKEN", "t")], &logins()), "http://e:2 t");
        assert_eq!(shown(&none, &[("DATAUX_HOME", "e")], &logins()), "e");
        assert_eq!(shown(&none, &[], &logins()), "http://saved:1 kept");
        assert!(shown(&none, &[], &Logins::default()).ends_with(".dataux"));
        assert_eq!(shown(&server, &[], &logins()), "http://saved:1 kept");
        let both = Globals { home: Some("h".into()), server: Some("http://a".into()), ..Globals::default() };
        assert_eq!(shown(&both, &[], &logins()), "exit 2");
        let wrong = Globals { server: Some("localhost".into()), ..Globals::default() };
        assert_eq!(shown(&wrong, &[], &logins()), "exit 2");
    }
}
