//! The chart: the one inside this binary, or a folder or archive that somebody names.

use std::path::{Path, PathBuf};

use base::{Error, Result};
use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::codes::DEPLOY_FILE;

/// The files of `charts/dataux`.
#[derive(RustEmbed)]
#[folder = "../../charts/dataux"]
struct Files;

/// A chart that Helm can be given.
#[derive(Debug)]
pub struct Chart {
    path: PathBuf,
    /// What Chart.yaml says, `name version`; of a foreign archive its file name.
    pub title: String,
    /// The version in Chart.yaml; empty for a foreign archive.
    pub version: String,
    // Removes the unpacked files when the chart is no longer needed.
    _unpacked: Option<TempDir>,
}

impl Chart {
    /// The one inside this binary, unpacked into a scratch folder, or the one at `path`.
    pub fn open(path: Option<&Path>) -> Result<Self> {
        let Some(path) = path else { return Self::unpack() };
        if !path.exists() {
            let missing = std::io::Error::from(std::io::ErrorKind::NotFound);
            return Err(failed(path, missing));
        }
        let described = std::fs::read_to_string(path.join("Chart.yaml")).ok();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let (title, version) = described.map_or((name, String::new()), |text| described_by(&text));
        Ok(Self { path: path.to_owned(), title, version, _unpacked: None })
    }

    fn unpack() -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("dataux-chart.")
            .tempdir()
            .map_err(|error| failed("a scratch folder".as_ref(), error))?;
        for name in Files::iter() {
            let path = folder.path().join(name.as_ref());
            let write = || {
                std::fs::create_dir_all(path.parent().unwrap_or(folder.path()))?;
                std::fs::write(&path, Files::get(&name).map(|file| file.data).unwrap_or_default())
            };
            write().map_err(|error| failed(&path, error))?;
        }
        let (title, version) = described_by(&embedded("Chart.yaml").unwrap_or_default());
        Ok(Self { path: folder.path().to_owned(), title, version, _unpacked: Some(folder) })
    }

    /// What Helm is given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The values that the chart has for a provider; the embedded ones if an archive hides its own.
    pub fn provider_values(&self, provider: &str) -> Result<String> {
        let name = format!("values/{provider}.yaml");
        let path = self.path.join(&name);
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(text),
            Err(error) => embedded(&name).ok_or_else(|| failed(&path, error)),
        }
    }
}

/// A file of the embedded chart.
pub(crate) fn embedded(name: &str) -> Option<String> {
    Files::get(name).map(|file| String::from_utf8_lossy(&file.data).into_owned())
}

/// The digest of a text, as it stands in plans.
pub(crate) fn digest(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

/// `name version` and the version, from Chart.yaml.
fn described_by(text: &str) -> (String, String) {
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or_default().trim().trim_matches(['"', '\'']).to_owned()
    };
    (format!("{} {}", field("name"), field("version")), field("version"))
}

fn failed(path: &Path, error: std::io::Error) -> Error {
    Error::new(&DEPLOY_FILE).with("path", path.display()).because(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chart_inside_is_whole() {
        let chart = Chart::open(None).expect("unpacked");
        for name in ["Chart.yaml", "values.yaml", "values.schema.json", "templates/_names.tpl", "templates/mesh/routing.yaml"] {
            assert!(chart.path().join(name).is_file(), "{name}");
        }
        assert!(chart.title.starts_with("dataux ") && !chart.version.is_empty(), "{}", chart.title);
        assert!(chart.provider_values("eks").expect("there").contains("gp3"));
        let path = chart.path().to_owned();
        drop(chart);
        assert!(!path.exists(), "the scratch folder goes with it");
        assert!(Chart::open(Some(Path::new("/nowhere/chart"))).is_err());
    }
}
