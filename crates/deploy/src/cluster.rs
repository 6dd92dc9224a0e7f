//! A site's cluster, reached through kubectl and Helm, whose complaints become errors that say what to do.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base::{Error, Result};
use serde_json::Value;

use crate::codes::{CLUSTER_CREDENTIALS, CLUSTER_FORBIDDEN, CLUSTER_UNREACHABLE, TOOL_FAILED};
use crate::programs::{Answer, NoAnswer, Program, Programs};
use crate::topology::{Site, TopologyFile};

/// Longest part of a complaint that an error repeats, in characters.
const REASON_CHARS_MAX: usize = 600;

/// How one site is reached.
#[derive(Debug, Clone)]
pub struct Cluster {
    programs: Arc<Programs>,
    /// The site's name.
    pub site: String,
    /// The release's name.
    pub release: String,
    /// Its namespace.
    pub namespace: String,
    kubeconfig: Option<PathBuf>,
    context: Option<String>,
    /// Longest time for one question.
    pub limit: Duration,
}

impl Cluster {
    /// The cluster of a site of a checked topology.
    pub fn of(file: &TopologyFile, site: &Site, programs: &Arc<Programs>, limit: Duration) -> Self {
        Self {
            programs: programs.clone(),
            site: site.name().to_owned(),
            release: file.spec.release.to_string(),
            namespace: file.namespace(site).to_owned(),
            kubeconfig: site.kubeconfig.as_ref().map(|path| file.resolve(path)),
            context: site.context.as_ref().map(|context| context.value.clone()),
            limit,
        }
    }

    /// The same cluster, in another namespace.
    pub fn inside(&self, namespace: &str) -> Self {
        let mut other = self.clone();
        namespace.clone_into(&mut other.namespace);
        other
    }

    /// Helm's major version.
    pub fn helm_major(&self) -> u32 {
        self.programs.helm.major
    }

    /// What kubectl answers. `input` is its standard input.
    pub async fn kubectl(&self, arguments: &[&str], input: Option<&str>) -> Result<String> {
        let Some(kubectl) = &self.programs.kubectl else {
            return Err(self.failed("kubectl", arguments, "it was not looked for"));
        };
        let mut all = vec![format!("--request-timeout={}s", self.limit.as_secs().max(1))];
        all.extend(["--namespace".to_owned(), self.namespace.clone()]);
        if let Some(path) = &self.kubeconfig {
            all.extend(["--kubeconfig".to_owned(), path.display().to_string()]);
        }
        if let Some(context) = &self.context {
            all.extend(["--context".to_owned(), context.clone()]);
        }
        all.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        self.ask(kubectl, "kubectl", arguments, &all, input, self.limit).await
    }

    /// What kubectl answers, as JSON; nothing is null.
    pub async fn json(&self, arguments: &[&str], input: Option<&str>) -> Result<Value> {
        let text = self.kubectl(arguments, input).await?;
        if text.trim().is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&text).map_err(|error| self.failed("kubectl", arguments, &format!("its answer is no JSON: {error}")))
    }

    /// The objects that kubectl answers, be it none, one, a list, or one after the other.
    pub async fn objects(&self, arguments: &[&str], input: Option<&str>) -> Result<Vec<Value>> {
        let text = self.kubectl(arguments, input).await?;
        let mut objects = Vec::new();
        for answer in serde_json::Deserializer::from_str(&text).into_iter::<Value>() {
            let mut answer =
                answer.map_err(|error| self.failed("kubectl", arguments, &format!("its answer is no JSON: {error}")))?;
            match answer.get_mut("items").map(Value::take) {
                Some(Value::Array(items)) => objects.extend(items),
                _ => objects.push(answer),
            }
        }
        Ok(objects)
    }

    /// What Helm answers.
    pub async fn helm(&self, arguments: &[&str], limit: Duration) -> Result<String> {
        let mut all: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        all.extend(["--namespace".to_owned(), self.namespace.clone()]);
        if let Some(path) = &self.kubeconfig {
            all.extend(["--kubeconfig".to_owned(), path.display().to_string()]);
        }
        if let Some(context) = &self.context {
            all.extend(["--kube-context".to_owned(), context.clone()]);
        }
        self.ask(&self.programs.helm, "helm", arguments, &all, None, limit).await
    }

    async fn ask(
        &self,
        program: &Program,
        name: &str,
        said: &[&str],
        all: &[String],
        input: Option<&str>,
        limit: Duration,
    ) -> Result<String> {
        // Boxed, since everything that asks a cluster holds this.
        match Box::pin(program.run(all, input.map(str::as_bytes), limit)).await {
            Ok(Answer { good: true, text, .. }) => Ok(text),
            Ok(Answer { complaint, text, .. }) => {
                let complaint = if complaint.trim().is_empty() { text } else { complaint };
                Err(self.complaint(name, said, &complaint))
            }
            Err(NoAnswer::Late(limit)) => {
                let reason = format!("no answer within {} s", limit.as_secs());
                Err(Error::new(&CLUSTER_UNREACHABLE).with("site", &self.site).with("reason", reason))
            }
            Err(NoAnswer::Broken(error)) => Err(self.failed(name, said, &error.to_string())),
        }
    }

    fn failed(&self, name: &str, said: &[&str], reason: &str) -> Error {
        let command = said.iter().take(3).fold(name.to_owned(), |text, word| text + " " + word);
        Error::new(&TOOL_FAILED).with("site", &self.site).with("command", command).with("reason", reason)
    }

    /// A complaint as the error that it is.
    fn complaint(&self, name: &str, said: &[&str], complaint: &str) -> Error {
        let reason = essence(complaint);
        let code = match kind(complaint) {
            Kind::Credentials => &CLUSTER_CREDENTIALS,
            Kind::Forbidden => &CLUSTER_FORBIDDEN,
            Kind::Unreachable => &CLUSTER_UNREACHABLE,
            Kind::Other => return self.failed(name, said, &reason),
        };
        Error::new(code).with("site", &self.site).with("reason", reason)
    }
}

enum Kind {
    Credentials,
    Forbidden,
    Unreachable,
    Other,
}

/// What kind of failure a complaint of kubectl or Helm tells of: both are built on the same client and use its words.
fn kind(complaint: &str) -> Kind {
    let has = |words: &[&str]| words.iter().any(|word| complaint.contains(word));
    if has(&[
        "Unauthorized",
        "You must be logged in",
        "has asked for the client to provide credentials",
        "getting credentials",
        "certificate has expired or is not yet valid",
        "tls: expired certificate",
        "tls: unknown certificate",
        "no Auth Provider found",
    ]) {
        return Kind::Credentials;
    }
    if has(&["(Forbidden)", "is forbidden:", "forbidden: User"]) {
        return Kind::Forbidden;
    }
    if has(&[
        "connection refused",
        "i/o timeout",
        "no such host",
        "no route to host",
        "network is unreachable",
        "TLS handshake timeout",
        "context deadline exceeded (Client.Timeout",
        "Client.Timeout exceeded",
        "net/http: request canceled",
        "Unable to connect to the server",
        "Kubernetes cluster unreachable",
        "connection reset by peer",
        "unexpected EOF",
        "the server is currently unable to handle the request",
    ]) {
        return Kind::Unreachable;
    }
    Kind::Other
}

/// The line of a complaint that says what is wrong: its last `Error:` line, else all of it, on one line and short.
pub(crate) fn essence(complaint: &str) -> String {
    let noise = |line: &&str| {
        let line = line.trim();
        // klog's lines, such as `E1123 09:30:01.123456    4242 memcache.go:265] …`, repeat what the last line says.
        let logged = line.len() > 5
            && line.is_char_boundary(1)
            && matches!(&line[..1], "E" | "W" | "I")
            && line.as_bytes()[1..5].iter().all(u8::is_ascii_digit);
        !line.is_empty() && !logged && !line.starts_with("Warning:") && !line.starts_with("level=")
    };
    let mut lines: Vec<&str> = complaint.lines().filter(noise).map(str::trim).collect();
    if lines.is_empty() {
        lines = complaint.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    }
    let from = lines.iter().rposition(|line| line.starts_with("Error:") || line.starts_with("error:")).unwrap_or(0);
    let text = lines.get(from..).unwrap_or_default().join(" ");
    let text = text.trim_start_matches("Error:").trim_start_matches("error:").trim();
    let text = crate::manifest::without_secrets(text);
    match text.char_indices().nth(REASON_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_are_told_apart() {
        let is = |text: &str| match kind(text) {
            Kind::Credentials => "credentials",
            Kind::Forbidden => "forbidden",
            Kind::Unreachable => "unreachable",
            Kind::Other => "other",
        };
        for (text, expected) in [
            ("error: You must be logged in to the server (Unauthorized)", "credentials"),
            ("Error: Kubernetes cluster unreachable: the server has asked for the client to provide credentials", "credentials"),
            ("Unable to connect to the server: getting credentials: exec: executable aws not found", "credentials"),
            ("Error from server (Forbidden): nodes is forbidden: User \"ann\" cannot list resource \"nodes\"", "forbidden"),
            (
                "The connection to the server 127.0.0.1:9 was refused: dial tcp 127.0.0.1:9: connect: connection refused",
                "unreachable",
            ),
            (
                "Unable to connect to the server: net/http: request canceled (Client.Timeout exceeded while awaiting headers)",
                "unreachable",
            ),
            ("Error: INSTALLATION FAILED: cannot re-use a name that is still in use", "other"),
        ] {
            assert_eq!(is(text), expected, "{text}");
        }
    }

    #[test]
    fn the_line_that_matters_is_kept() {
        let text = "E1123 09:30:01.123456    4242 memcache.go:265] couldn't get list\nWarning: old\nerror: the server  is gone\n";
        assert_eq!(essence(text), "the server  is gone");
        assert_eq!(essence("Error: UPGRADE FAILED: a\n  b\n"), "UPGRADE FAILED: a b");
        assert_eq!(essence("plain\nwords"), "plain words");
        assert_eq!(essence("cannot reach mysql://root:hunter2@db:3306/x"), "cannot reach mysql://root:***@db:3306/x");
        assert!(essence(&"x".repeat(5000)).chars().count() <= REASON_CHARS_MAX + 1);
    }
}
