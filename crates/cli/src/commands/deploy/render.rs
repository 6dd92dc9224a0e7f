//! `dataux deploy render`: what would be on each cluster, or what other deployers take.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum, ValueHint};
use deploy::formats::{self, Format};
use deploy::{Cluster, Programs};

use super::Common;
use crate::failure::{Failure, Outcome};
use crate::session::Session;

/// Where a released chart is found when nobody says otherwise.
const REPOSITORY: &str = "oci://docker.io/dataux";

/// Options.
#[derive(Debug, Args)]
#[command(
    after_help = "Needs Helm for manifests, and no cluster at all. The manifests hold what the values hold, secrets too.\n\n\
                        Examples:\n  dataux deploy render -f topology.yaml --site idc\n  dataux deploy render -f topology.yaml --out rendered\n  \
                        dataux deploy render -f topology.yaml --format argocd --repository oci://registry.example/charts"
)]
pub struct Arguments {
    /// What every part needs.
    #[command(flatten)]
    pub common: Common,

    /// What to write
    #[arg(long, value_name = "FORMAT", default_value = "manifests")]
    pub format: Wanted,

    /// Where Argo CD, Flux or helmfile find the chart
    #[arg(long, value_name = "URL", default_value = REPOSITORY)]
    pub repository: String,

    /// Write the manifests into this folder, one file a site
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub out: Option<PathBuf>,

    /// The version of Kubernetes to render for; without clusters nobody else says it
    #[arg(long, value_name = "VERSION", default_value = "1.36.0")]
    pub kube_version: String,
}

/// What can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Wanted {
    /// Objects of Kubernetes.
    Manifests,
    /// Applications of Argo CD.
    Argocd,
    /// Releases of Flux.
    Flux,
    /// A helmfile.
    Helmfile,
}

/// Runs it.
pub async fn run(session: &mut Session, arguments: Arguments) -> Outcome {
    let common = &arguments.common;
    let file = common.topology()?;
    let chart = common.open_chart()?;
    let sites = file.select(&common.sites)?;
    let format = match arguments.format {
        Wanted::Manifests => None,
        Wanted::Argocd => Some(Format::Argocd),
        Wanted::Flux => Some(Format::Flux),
        Wanted::Helmfile => Some(Format::Helmfile),
    };
    if let Some(format) = format {
        if arguments.out.is_some() {
            return Err(Failure::usage("deploy render", "--out is for manifests; this is one text"));
        }
        return session.out.text(&formats::write(format, &file, &sites, &chart, &arguments.repository)?);
    }
    let programs = Arc::new(Programs::helm_only(&common.settings()).await?);
    for site in sites {
        let cluster = Cluster::of(&file, site, &programs, common.timeout);
        let rendered = deploy::render(&file, site, &chart, &cluster, Some(&arguments.kube_version)).await?;
        let text = format!(
            "# Site {}, provider {}, chart {}.\n{}",
            site.name(),
            site.provider().name,
            chart.title,
            rendered.text.trim_start()
        );
        match &arguments.out {
            None => session.out.text(&text)?,
            Some(folder) => {
                std::fs::create_dir_all(folder).map_err(|error| Failure::file(folder, error))?;
                let path = folder.join(format!("{}.yaml", site.name()));
                std::fs::write(&path, text).map_err(|error| Failure::file(&path, error))?;
                session.out.line(&path.display().to_string())?;
            }
        }
    }
    Ok(())
}
