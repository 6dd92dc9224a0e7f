//! `dataux deploy`: one topology of several sites, from checks to running releases.

mod apply;
mod diff;
mod following;
mod plan;
mod preflight;
mod render;
mod rollback;
mod status;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base::Error;
use clap::{Args, Subcommand, ValueHint};
use clap_complete::ArgValueCompleter;
use deploy::{Chart, Programs, Settings, TopologyFile, Work};

use crate::arguments::Output;
use crate::failure::{Failure, Outcome};
use crate::session::Session;
use crate::terminal;

/// Programs that run at a time for each site that is worked on.
const PROGRAMS_PER_SITE: usize = 3;

/// The parts of the command.
#[derive(Debug, Subcommand)]
pub enum Arguments {
    /// Check this host, every site and every link, and change nothing; exits 3 when something would not work
    Preflight(preflight::Arguments),
    /// Show what `apply` would do, and save it
    Plan(plan::Arguments),
    /// Install and upgrade, wave by wave
    Apply(apply::Arguments),
    /// Show how every site is; exits 3 when one is not well
    Status(status::Arguments),
    /// Show what differs between topology, releases and clusters; exits 3 when something does
    Diff(diff::Arguments),
    /// Write manifests, or what Argo CD, Flux or helmfile take
    Render(render::Arguments),
    /// Go back to the revision before, last wave first
    Rollback(rollback::Arguments),
}

/// Runs it.
pub async fn run(session: &mut Session, arguments: Arguments) -> Outcome {
    match arguments {
        Arguments::Preflight(arguments) => Box::pin(preflight::run(session, arguments)).await,
        Arguments::Plan(arguments) => Box::pin(plan::run(session, arguments)).await,
        Arguments::Apply(arguments) => Box::pin(apply::run(session, arguments)).await,
        Arguments::Status(arguments) => Box::pin(status::run(session, arguments)).await,
        Arguments::Diff(arguments) => Box::pin(diff::run(session, arguments)).await,
        Arguments::Render(arguments) => Box::pin(render::run(session, arguments)).await,
        Arguments::Rollback(arguments) => Box::pin(rollback::run(session, arguments)).await,
    }
}

impl Arguments {
    /// Whether ^C lets running releases end first.
    pub fn handles_interrupt(&self) -> bool {
        matches!(self, Self::Apply(_) | Self::Rollback(_))
    }
}

/// What every part needs to know.
#[derive(Debug, Args)]
pub struct Common {
    /// The topology
    #[arg(short, long = "file", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,

    /// Only this site; may be repeated
    #[arg(long = "site", value_name = "SITE", add = ArgValueCompleter::new(crate::names::sites))]
    pub sites: Vec<String>,

    /// A chart other than the one inside this program: a folder or an archive
    #[arg(long, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub chart: Option<PathBuf>,

    /// Helm, if it is not on the PATH
    #[arg(long, value_name = "PATH", env = "DATAUX_HELM", hide_env_values = true, value_hint = ValueHint::ExecutablePath)]
    pub helm: Option<PathBuf>,

    /// kubectl, if it is not on the PATH
    #[arg(long, value_name = "PATH", env = "DATAUX_KUBECTL", hide_env_values = true, value_hint = ValueHint::ExecutablePath)]
    pub kubectl: Option<PathBuf>,

    /// Sites at a time
    #[arg(long, value_name = "COUNT", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=32))]
    pub parallel: u16,

    /// Longest time for one question to a cluster, such as 30s
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = base::units::parse_duration)]
    pub timeout: Duration,
}

impl Common {
    fn settings(&self) -> Settings {
        let parallel = usize::from(self.parallel) * PROGRAMS_PER_SITE;
        Settings { helm: self.helm.clone(), kubectl: self.kubectl.clone(), parallel }
    }

    fn topology(&self) -> Outcome<TopologyFile> {
        Ok(TopologyFile::read(&self.file)?)
    }

    fn open_chart(&self) -> Outcome<Chart> {
        Ok(Chart::open(self.chart.as_deref())?)
    }

    /// What work on these sites' clusters needs; they must be reachable as far as files go.
    async fn work<'a>(&self, file: &'a TopologyFile, chart: &'a Chart) -> Outcome<Work<'a>> {
        file.check_reach(&file.select(&self.sites)?)?;
        let programs = Arc::new(Programs::find(&self.settings()).await?);
        Ok(Work { file, chart, programs, limit: self.timeout, parallel: usize::from(self.parallel) })
    }
}

/// Shows an error of one site among several, and goes on.
fn show(session: &Session, error: Error) {
    let Some(problem) = Failure::Own(error).problem(session.language) else { return };
    if session.globals.output == Some(Output::Json) {
        terminal::note(&problem.json().to_string());
    } else {
        terminal::note(problem.lines(session.language, session.paint_error).trim_end());
    }
}

/// Who deploys, for those who find a site locked.
fn holder() -> String {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let user =
        variable("USER").or_else(|| variable("LOGNAME")).or_else(|| variable("USERNAME")).unwrap_or_else(|| "?".to_owned());
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").ok().map(|name| name.trim().to_owned());
    let host = host.or_else(|| variable("HOSTNAME")).or_else(|| variable("COMPUTERNAME")).unwrap_or_else(|| "?".to_owned());
    format!("{user}@{host} ({})", std::process::id())
}

#[cfg(test)]
mod tests {
    use base::Language;
    use clap::Parser;

    use crate::arguments::Cli;
    use crate::failure::{Failure, exit};
    use crate::session::Session;

    const TEXT: &str = "apiVersion: dataux/v1\nkind: Topology\nname: t\nspec:\n  zones: [{name: cn, jurisdiction: CN}]\n  \
                        sites:\n  - {name: idc, kind: private, zone: cn, provider: kubeadm}\n";

    async fn run(words: &[&str]) -> Result<(), Failure> {
        let cli = Cli::try_parse_from(words).expect("a right command line");
        let mut session = Session::new(cli.globals);
        Box::pin(cli.command.run(&mut session)).await
    }

    #[tokio::test]
    async fn a_wrong_topology_is_an_error_with_its_place() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("t.yaml");
        std::fs::write(&file, TEXT.replace("kubeadm", "kubeam")).expect("written");
        let path = file.display().to_string();
        let failure = run(&["dataux", "deploy", "render", "-f", &path]).await.expect_err("no such provider");
        let message = failure.problem(Language::En).expect("shown").message;
        assert_eq!(message, format!("{path}:7:52: provider `kubeam` is not known; did you mean `kubeadm`?"));
        assert_eq!(failure.exit(), exit::FAILED);
        std::fs::write(&file, TEXT).expect("written");
        let failure = run(&["dataux", "deploy", "plan", "-f", &path]).await.expect_err("no kubeconfig");
        assert!(
            failure
                .problem(Language::En)
                .expect("shown")
                .message
                .starts_with(&format!("{path}:7:12: site `idc` has no kubeconfig"))
        );
        let failure = run(&["dataux", "deploy", "status", "-f", &path, "--site", "icd"]).await.expect_err("no such site");
        assert!(failure.problem(Language::En).expect("shown").message.ends_with("did you mean `idc`?"));
    }

    #[tokio::test]
    async fn a_host_without_helm_is_told_how_to_get_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("t.yaml");
        std::fs::write(&file, TEXT).expect("written");
        let (path, nowhere) = (file.display().to_string(), folder.path().join("helm").display().to_string());
        let failure = run(&["dataux", "deploy", "render", "-f", &path, "--helm", &nowhere]).await.expect_err("no helm");
        let problem = failure.problem(Language::En).expect("shown");
        assert_eq!(problem.code, "tool_missing");
        assert!(problem.hint.expect("a hint").contains("DATAUX_HELM"));
        let finding = run(&["dataux", "deploy", "preflight", "-f", &path, "--helm", &nowhere, "--kubectl", &nowhere]).await;
        assert_eq!(finding.expect_err("a finding").exit(), exit::FINDING);
    }
}
