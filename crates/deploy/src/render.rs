//! Rendering: Helm makes of chart and values what is to be on a site's cluster.

use std::io::Write;
use std::time::Duration;

use base::{Error, Result};
use serde_json::Value;
use tempfile::NamedTempFile;

use crate::chart::Chart;
use crate::cluster::Cluster;
use crate::codes::{CHART_INVALID, DEPLOY_FILE, TOOL_FAILED};
use crate::manifest::{self, Object, digest_of};
use crate::topology::{Site, TopologyFile};
use crate::values;

/// Longest time for Helm to render a chart.
const RENDER_SECONDS: u64 = 60;

/// What is to be on one site.
#[derive(Debug)]
pub struct Rendered {
    /// Helm's own text.
    pub text: String,
    /// Its objects, by kind and name.
    pub objects: Vec<Object>,
    /// Their digest.
    pub digest: String,
    /// The values they were made with.
    pub values: Value,
    file: NamedTempFile,
}

impl Rendered {
    /// A file with the values, for Helm. Only this user can read it, and it goes with this.
    pub fn values_path(&self) -> String {
        self.file.path().display().to_string()
    }
}

/// Renders a site for a version of Kubernetes, or for the one that Helm assumes.
pub async fn render(
    file: &TopologyFile,
    site: &Site,
    chart: &Chart,
    cluster: &Cluster,
    version: Option<&str>,
) -> Result<Rendered> {
    let values = values::merged(file, site, chart)?;
    let values_file = write(&values)?;
    let path = chart.path().display().to_string();
    let values_path = values_file.path().display().to_string();
    let mut arguments = vec!["template", &cluster.release, &path, "--values", &values_path, "--no-hooks", "--skip-tests"];
    if let Some(version) = version {
        arguments.extend(["--kube-version", version]);
    }
    let text = cluster.helm(&arguments, Duration::from_secs(RENDER_SECONDS)).await.map_err(|error| {
        let invalid = error.is(&TOOL_FAILED);
        let reason = error.arguments().get("reason").cloned().unwrap_or_default();
        if invalid { Error::new(&CHART_INVALID).with("site", site.name()).with("reason", reason) } else { error }
    })?;
    let objects = manifest::read(&text, site.name())?;
    let digest = digest_of(&objects);
    Ok(Rendered { text, objects, digest, values, file: values_file })
}

/// JSON is YAML. A temporary file is its maker's alone.
fn write(values: &Value) -> Result<NamedTempFile> {
    let make = || {
        let mut file = tempfile::Builder::new().prefix("dataux-values.").suffix(".json").tempfile()?;
        file.write_all(values.to_string().as_bytes())?;
        file.flush()?;
        Ok(file)
    };
    make().map_err(|error: std::io::Error| Error::new(&DEPLOY_FILE).with("path", "a scratch file").because(error))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// What was rendered elsewhere.
    pub(crate) fn rendered(objects: Vec<Object>) -> Rendered {
        let values = serde_json::json!({});
        let file = write(&values).expect("a scratch file");
        Rendered { text: String::new(), digest: digest_of(&objects), objects, values, file }
    }
}
