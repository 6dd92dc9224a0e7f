//! Saved logins: one token a server, in a file that only its owner can read.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use base::Error;
use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Outcome};

/// The file's content.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Logins {
    /// Form of this file.
    #[serde(default = "version")]
    pub version: u32,
    /// The server that commands go to when they name neither a home nor a server.
    #[serde(default)]
    pub current: Option<String>,
    /// By address, as [`normal`] writes it.
    #[serde(default)]
    pub servers: BTreeMap<String, Login>,
}

/// A login at one server.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// Who.
    pub user: String,
    /// The session's token.
    pub token: String,
    /// When it ends, RFC 3339, if the server said so.
    #[serde(default)]
    pub expires_at: Option<String>,
}

impl Default for Logins {
    fn default() -> Self {
        Self { version: version(), current: None, servers: BTreeMap::new() }
    }
}

/// The form that this version writes.
fn version() -> u32 {
    1
}

impl Logins {
    /// What was saved; nothing if nothing was.
    pub fn read() -> Outcome<Self> {
        Self::read_from(&file()?)
    }

    fn read_from(file: &Path) -> Outcome<Self> {
        match std::fs::read(file) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|error| Failure::Own(Error::new(&crate::codes::LOCAL_FILE).with("path", file.display()).because(error))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(Failure::file(file, error)),
        }
    }

    /// Saves; readable by the owner only.
    pub fn write(&self) -> Outcome {
        self.write_to(&file()?)
    }

    fn write_to(&self, file: &Path) -> Outcome {
        let text = serde_json::to_vec_pretty(self)
            .map_err(|error| Failure::Own(Error::new(&crate::codes::LOCAL_FILE).with("path", file.display()).because(error)))?;
        write_private(file, &text).map_err(|error| Failure::file(file, error))
    }
}

/// An address in the one form it is saved under: scheme, host and port, no slash at the end.
pub fn normal(server: &str) -> String {
    server.trim().trim_end_matches('/').to_ascii_lowercase()
}

/// The folder of the CLI's own files: `DATAUX_CONFIG`, else `XDG_CONFIG_HOME/dataux`, else `~/.config/dataux`.
pub fn folder() -> Outcome<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    variable("DATAUX_CONFIG")
        .or_else(|| variable("XDG_CONFIG_HOME").map(|folder| folder.join("dataux")))
        .or_else(|| std::env::home_dir().map(|home| home.join(".config").join("dataux")))
        .ok_or_else(|| Failure::file("~/.config/dataux", std::io::Error::other("HOME is not set")))
}

fn file() -> Outcome<PathBuf> {
    Ok(folder()?.join("logins.json"))
}

/// Writes a file of mode 0600 by way of a neighbour, so that no half of it is ever read.
pub fn write_private(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    // Temporary files are made with mode 0600.
    let mut neighbour = tempfile::NamedTempFile::new_in(folder)?;
    neighbour.write_all(bytes)?;
    neighbour.persist(file).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_kept_and_private() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("deep").join("logins.json");
        assert!(Logins::read_from(&file).expect("none yet").servers.is_empty());
        let mut logins = Logins { current: Some("http://a:1".into()), ..Logins::default() };
        logins.servers.insert("http://a:1".into(), Login { user: "ann".into(), token: "t".into(), expires_at: None });
        logins.write_to(&file).expect("written");
        let again = Logins::read_from(&file).expect("read");
        assert_eq!(again.servers["http://a:1"].token, "t");
        assert_eq!(again.current.as_deref(), Some("http://a:1"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&file).expect("there").permissions().mode() & 0o777, 0o600);
        }
    }
}
