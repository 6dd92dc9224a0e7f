//! Other programs: Helm and kubectl, found once, run with bounds on time, output and number at a time.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use base::{Error, Result};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use tokio::sync::Semaphore;

use crate::codes::{TOOL_MISSING, TOOL_OLD};

/// Most bytes taken from a program's answer. A large cluster's nodes are a few of these.
const ANSWER_BYTES_MAX: u64 = 64 << 20;
/// Most bytes taken of what a program complains about.
const COMPLAINT_BYTES_MAX: u64 = 64 << 10;
/// Longest wait for a program to say its version.
const VERSION_SECONDS: u64 = 20;

/// The oldest Helm that is taken.
const HELM_OLDEST: (u32, u32) = (3, 14);
/// The oldest kubectl that is taken: the one that takes what the oldest supported cluster offers.
const KUBECTL_OLDEST: (u32, u32) = (1, 27);

/// Where the programs are, if not on the PATH, and how many of them run at a time.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Helm.
    pub helm: Option<PathBuf>,
    /// kubectl.
    pub kubectl: Option<PathBuf>,
    /// Programs at a time.
    pub parallel: usize,
}

/// This host's Helm and kubectl.
#[derive(Debug)]
pub struct Programs {
    /// Helm.
    pub helm: Program,
    /// kubectl; rendering needs none.
    pub kubectl: Option<Program>,
}

/// A program that was found.
#[derive(Debug, Clone)]
pub struct Program {
    name: &'static str,
    path: PathBuf,
    /// Its version, such as v4.2.4.
    pub version: String,
    /// Its major version.
    pub major: u32,
    gate: Arc<Semaphore>,
}

/// What a program said.
#[derive(Debug)]
pub struct Answer {
    /// Whether it ended with 0.
    pub good: bool,
    /// Standard output.
    pub text: String,
    /// Standard error.
    pub complaint: String,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum NoAnswer {
    /// It could not be started, or broke off.
    Broken(std::io::Error),
    /// It took too long.
    Late(Duration),
}

impl Programs {
    /// Helm alone, for rendering.
    pub async fn helm_only(settings: &Settings) -> Result<Self> {
        let gate = Arc::new(Semaphore::new(settings.parallel.max(1)));
        Ok(Self { helm: helm(settings, &gate).await?, kubectl: None })
    }

    /// Both.
    pub async fn find(settings: &Settings) -> Result<Self> {
        let gate = Arc::new(Semaphore::new(settings.parallel.max(1)));
        let (helm, kubectl) = tokio::join!(helm(settings, &gate), kubectl(settings, &gate));
        Ok(Self { helm: helm?, kubectl: Some(kubectl?) })
    }
}

/// Helm, if it is there and new enough.
pub(crate) async fn helm(settings: &Settings, gate: &Arc<Semaphore>) -> Result<Program> {
    let program = Program::named("helm", settings.helm.as_deref(), gate);
    program.versioned(&["version", "--template", "{{.Version}}"], HELM_OLDEST, |text| text.trim().to_owned()).await
}

/// kubectl, if it is there and new enough.
pub(crate) async fn kubectl(settings: &Settings, gate: &Arc<Semaphore>) -> Result<Program> {
    let program = Program::named("kubectl", settings.kubectl.as_deref(), gate);
    let version = |text: &str| {
        let value: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
        value["clientVersion"]["gitVersion"].as_str().unwrap_or_default().to_owned()
    };
    program.versioned(&["version", "--client", "--output", "json"], KUBECTL_OLDEST, version).await
}

impl Program {
    fn named(name: &'static str, path: Option<&Path>, gate: &Arc<Semaphore>) -> Self {
        let path = path.map_or_else(|| PathBuf::from(name), Path::to_owned);
        Self { name, path, version: String::new(), major: 0, gate: gate.clone() }
    }

    /// Asks its version, which shows that it is there and runs.
    async fn versioned(mut self, arguments: &[&str], oldest: (u32, u32), read: impl Fn(&str) -> String) -> Result<Self> {
        let told = |error: Error| {
            let variable = format!("DATAUX_{}", self.name.to_uppercase());
            error.with("tool", self.path.display()).with("flag", self.name).with("variable", variable)
        };
        let missing = |reason: String| told(Error::new(&TOOL_MISSING).with("reason", reason));
        let answer = match self.run(arguments, None, Duration::from_secs(VERSION_SECONDS)).await {
            Ok(answer) => answer,
            Err(NoAnswer::Broken(error)) => return Err(missing(error.to_string())),
            Err(NoAnswer::Late(limit)) => {
                return Err(missing(format!("it did not say its version within {} s", limit.as_secs())));
            }
        };
        let version = read(&answer.text);
        let Some((major, minor)) = numbers(&version) else {
            let said = if answer.good { answer.text } else { answer.complaint };
            return Err(missing(format!("it did not say its version but `{}`", said.lines().next().unwrap_or_default().trim())));
        };
        if (major, minor) < oldest {
            return Err(told(
                Error::new(&TOOL_OLD).with("version", version).with("needed", format!("{}.{}", oldest.0, oldest.1)),
            ));
        }
        self.version = version;
        self.major = major;
        Ok(self)
    }

    /// Runs it. It gets a process group of its own, so that ^C on the terminal does not cut a release in half; it ends with us.
    pub async fn run<A: AsRef<OsStr>>(&self, arguments: &[A], input: Option<&[u8]>, limit: Duration) -> Result<Answer, NoAnswer> {
        let _turn = self.gate.acquire().await.map_err(|error| NoAnswer::Broken(std::io::Error::other(error)))?;
        let mut command = Command::new(&self.path);
        command.args(arguments).kill_on_drop(true).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command.spawn().map_err(NoAnswer::Broken)?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let feed = async {
            if let (Some(mut stdin), Some(input)) = (stdin, input) {
                // Who does not read its input to the end says why in its complaint.
                let _ = stdin.write_all(input).await;
                let _ = stdin.shutdown().await;
            }
        };
        let work = async {
            let ((), text, complaint) = tokio::join!(feed, take(stdout, ANSWER_BYTES_MAX), take(stderr, COMPLAINT_BYTES_MAX));
            let status = child.wait().await?;
            let (text, is_whole) = text?;
            if !is_whole {
                return Err(std::io::Error::other(format!("its answer has more than {ANSWER_BYTES_MAX} bytes")));
            }
            Ok(Answer { good: status.success(), text, complaint: complaint?.0 })
        };
        match tokio::time::timeout(limit, work).await {
            Ok(done) => done.map_err(NoAnswer::Broken),
            Err(_) => Err(NoAnswer::Late(limit)),
        }
    }
}

/// Reads to the end, keeping at most `limit` bytes, and says whether that was all: a program whose pipe is full would never end.
async fn take(from: Option<impl AsyncRead + Unpin>, limit: u64) -> std::io::Result<(String, bool)> {
    let Some(mut from) = from else { return Ok((String::new(), true)) };
    let mut bytes = Vec::new();
    (&mut from).take(limit).read_to_end(&mut bytes).await?;
    let rest = tokio::io::copy(&mut from, &mut tokio::io::sink()).await?;
    Ok((String::from_utf8_lossy(&bytes).into_owned(), rest == 0))
}

/// Major and minor of `v3.21.4`, `v4.2` or `v1.36.3-eks-a1b2c3d`.
pub(crate) fn numbers(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.trim().trim_start_matches('v').split(['.', '-', '+']);
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate() -> Arc<Semaphore> {
        Arc::new(Semaphore::new(2))
    }

    fn shell() -> Program {
        Program::named("sh", None, &gate())
    }

    #[test]
    fn versions_are_read_as_they_come() {
        assert_eq!(numbers("v3.21.4"), Some((3, 21)));
        assert_eq!(numbers("v4.2"), Some((4, 2)));
        assert_eq!(numbers("v1.32.4-dispatcher"), Some((1, 32)));
        assert_eq!(numbers("v1.36.3+k3s1"), Some((1, 36)));
        assert_eq!(numbers("flag provided but not defined"), None);
    }

    #[tokio::test]
    async fn a_program_gets_its_input_and_gives_both_outputs() {
        let limit = Duration::from_secs(30);
        let answer = shell().run(&["-c", "cat; echo no >&2; exit 4"], Some(b"in"), limit).await.expect("an answer");
        assert_eq!((answer.good, answer.text.as_str(), answer.complaint.as_str()), (false, "in", "no\n"));
        let late = shell().run(&["-c", "sleep 30"], None, Duration::from_millis(100)).await;
        assert!(matches!(late, Err(NoAnswer::Late(_))));
        let loud = shell().run(&["-c", "head -c 200000 /dev/zero >&2; echo end"], None, limit).await.expect("an answer");
        assert_eq!((loud.complaint.len() as u64, loud.text.as_str()), (COMPLAINT_BYTES_MAX, "end\n"));
    }

    #[tokio::test]
    async fn a_missing_and_an_old_program_are_told_apart() {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = |helm: PathBuf| Settings { helm: Some(helm), kubectl: None, parallel: 1 };
        let missing = helm(&settings(folder.path().join("helm")), &gate()).await.expect_err("not there");
        assert!(missing.is(&TOOL_MISSING) && missing.advice(base::Language::En).expect("a hint").contains("DATAUX_HELM"));
        let script = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("written");
            std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("executable");
            // A child that another test forked meanwhile holds the file open for writing until it runs its own program.
            while std::process::Command::new(&path)
                .output()
                .is_err_and(|error| error.kind() == std::io::ErrorKind::ExecutableFileBusy)
            {}
            path
        };
        let old = helm(&settings(script("old", "echo v3.9.4")), &gate()).await.expect_err("old");
        assert!(old.is(&TOOL_OLD) && old.to_string().contains("3.14 or later"), "{old}");
        let strange = helm(&settings(script("strange", "echo 'not for you' >&2; exit 1")), &gate()).await.expect_err("strange");
        assert!(strange.to_string().contains("not for you"), "{strange}");
        let new = helm(&settings(script("new", "echo v4.2")), &gate()).await.expect("new enough");
        assert_eq!((new.major, new.version.as_str()), (4, "v4.2"));
    }
}
