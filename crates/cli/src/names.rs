//! Names for the shell's completion, asked of the platform that the half-typed command line means, within a deadline.

use std::ffi::OsStr;
use std::time::Duration;

use base::Language;
use clap_complete::engine::CompletionCandidate;

use crate::arguments::Globals;
use crate::client::Client;
use crate::client::target::target;
use crate::listing::text;
use crate::login::Logins;

/// A shell that waits longer than this feels broken.
const DEADLINE: Duration = Duration::from_millis(300);

/// Names asked for at most.
const NAMES_MAX: usize = 500;

/// Pipelines.
pub fn pipelines(current: &OsStr) -> Vec<CompletionCandidate> {
    ask(&["api", "v1", "resources", "Pipeline"], "name", current)
}

/// Runs, latest first.
pub fn runs(current: &OsStr) -> Vec<CompletionCandidate> {
    ask(&["api", "v1", "runs"], "id", current)
}

/// Tables.
pub fn tables(current: &OsStr) -> Vec<CompletionCandidate> {
    ask(&["api", "v1", "tables"], "name", current)
}

/// Users.
pub fn users(current: &OsStr) -> Vec<CompletionCandidate> {
    ask(&["api", "v1", "resources", "User"], "name", current)
}

/// Secrets.
pub fn secrets(current: &OsStr) -> Vec<CompletionCandidate> {
    ask(&["api", "v1", "secrets"], "name", current)
}

/// Kinds of resources.
pub fn kinds(current: &OsStr) -> Vec<CompletionCandidate> {
    let current = current.to_string_lossy().to_lowercase();
    let names = crate::commands::schema::names().map(str::to_lowercase);
    names.filter(|name| name.starts_with(&current)).map(CompletionCandidate::new).collect()
}

/// Sites of the topology that the half-typed command line names.
pub fn sites(current: &OsStr) -> Vec<CompletionCandidate> {
    let current = current.to_string_lossy();
    let words: Vec<String> = std::env::args().collect();
    let path = flag(&words, "--file").or_else(|| flag(&words, "-f")).unwrap_or_default();
    let Ok(file) = deploy::TopologyFile::read(path.as_ref()) else { return Vec::new() };
    let names = file.spec.sites.iter().map(deploy::Site::name);
    names.filter(|name| name.starts_with(current.as_ref())).map(CompletionCandidate::new).collect()
}

/// Error codes.
pub fn codes(current: &OsStr) -> Vec<CompletionCandidate> {
    let current = current.to_string_lossy();
    let known = crate::commands::explain::all().filter(|code| code.name.starts_with(current.as_ref()));
    known.map(|code| CompletionCandidate::new(code.name).help(Some(code.en.into()))).collect()
}

fn ask(path: &[&str], field: &str, current: &OsStr) -> Vec<CompletionCandidate> {
    let current = current.to_string_lossy();
    let names = names(path, field).unwrap_or_default();
    names.into_iter().filter(|name| name.starts_with(current.as_ref())).map(CompletionCandidate::new).collect()
}

/// Whatever goes wrong, there is nothing to complete.
fn names(path: &[&str], field: &str) -> Option<Vec<String>> {
    let words: Vec<String> = std::env::args().collect();
    let globals = Globals {
        home: flag(&words, "--home").map(Into::into),
        server: flag(&words, "--server"),
        token: flag(&words, "--token"),
        ..Globals::default()
    };
    let target = target(&globals, |name| std::env::var(name).ok(), &Logins::read().ok()?).ok()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().ok()?;
    let items = runtime.block_on(async {
        let work = async {
            let client = Client::open(target, Language::En).await.ok()?;
            client.get(path).items(NAMES_MAX).await.ok()
        };
        tokio::time::timeout(DEADLINE, Box::pin(work)).await.ok().flatten()
    });
    runtime.shutdown_background();
    Some(items?.iter().map(|item| item.as_str().map_or_else(|| text(item, field), str::to_owned)).collect())
}

/// A flag's value in a command line that may not parse yet.
fn flag(words: &[String], name: &str) -> Option<String> {
    words.iter().enumerate().find_map(|(index, word)| {
        let with_equals = word.strip_prefix(name).and_then(|rest| rest.strip_prefix('=')).map(str::to_owned);
        with_equals.or_else(|| (word == name).then(|| words.get(index + 1).cloned()).flatten())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_found_in_half_a_command_line() {
        let words = ["dataux", "run", "--home", "h", "--server=http://a", "--token"].map(str::to_owned);
        assert_eq!(flag(&words, "--home").as_deref(), Some("h"));
        assert_eq!(flag(&words, "--server").as_deref(), Some("http://a"));
        assert_eq!(flag(&words, "--token"), None);
    }
}
