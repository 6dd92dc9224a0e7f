//! What a command is given: where it works, how it speaks, and its way to standard output.

use std::io::IsTerminal;
use std::path::PathBuf;

use base::{Error, Language};

use crate::arguments::{Globals, Output};
use crate::client::Client;
use crate::client::target::{Target, target};
use crate::failure::{Failure, Outcome};
use crate::stdout::Stdout;
use crate::terminal::{self, Paint};

/// One run of the binary.
pub struct Session {
    /// Options that every command shares.
    pub globals: Globals,
    /// The language of messages.
    pub language: Language,
    /// The way to standard output.
    pub out: Stdout,
    /// Colour of standard output.
    pub paint: Paint,
    /// Colour of standard error.
    pub paint_error: Paint,
}

impl Session {
    /// From the command line and the environment.
    pub fn new(globals: Globals) -> Self {
        let language = language(globals.lang.as_deref(), |name| std::env::var(name).ok());
        let paint = Paint::new(globals.color.applies(std::io::stdout().is_terminal()));
        let paint_error = Paint::new(globals.color.applies(std::io::stderr().is_terminal()));
        Self { globals, language, out: Stdout::new(), paint, paint_error }
    }

    /// The sentence in the session's language.
    pub fn say<'a>(&self, en: &'a str, zh: &'a str) -> &'a str {
        if self.language == Language::Zh { zh } else { en }
    }

    /// A line for people, on standard error.
    pub fn note(&self, text: &str) {
        terminal::note(text);
    }

    /// The format asked for, or the first of those the command writes.
    pub fn output(&self, command: &str, known: &[Output]) -> Outcome<Output> {
        match self.globals.output {
            None => Ok(known.first().copied().unwrap_or(Output::Table)),
            Some(output) if known.contains(&output) => Ok(output),
            Some(output) => Err(Failure::Usage(
                Error::new(&crate::codes::OUTPUT_UNSUPPORTED)
                    .with("command", command)
                    .with("output", output.word())
                    .with("outputs", known.iter().map(|known| known.word()).collect::<Vec<_>>().join(", ")),
            )),
        }
    }

    /// Where the command works.
    pub fn target(&self) -> Outcome<Target> {
        target(&self.globals, |name| std::env::var(name).ok(), &crate::login::Logins::read()?)
    }

    /// The home, for commands that work on a folder only.
    pub fn home(&self) -> Outcome<PathBuf> {
        crate::client::target::home(&self.globals, |name| std::env::var(name).ok())
    }

    /// The platform, in a folder or on a server.
    pub async fn client(&self) -> Outcome<Client> {
        Client::open(self.target()?, self.language).await
    }

    /// Asks before something that cannot be undone.
    pub fn confirm(&self, what: &str) -> Outcome {
        terminal::confirm(what, self.globals.yes)
    }
}

/// `--lang`, else the locale's messages, as the C library looks them up.
fn language(asked: Option<&str>, variable: impl Fn(&str) -> Option<String>) -> Language {
    let locale = || ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(|name| variable(name).filter(|v| !v.is_empty()));
    asked.map(str::to_owned).or_else(locale).map_or(Language::En, |tag| Language::from_tag(&tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_beats_the_locale() {
        let chinese = |name: &str| (name == "LANG").then(|| "zh_CN.UTF-8".to_owned());
        assert_eq!(language(None, chinese), Language::Zh);
        assert_eq!(language(Some("en"), chinese), Language::En);
        assert_eq!(language(None, |_| None), Language::En);
    }

    #[test]
    fn a_command_refuses_formats_it_does_not_write() {
        let session = Session::new(Globals { output: Some(Output::Parquet), ..Globals::default() });
        let failure = session.output("get", Output::RESOURCES).expect_err("get writes no parquet");
        assert_eq!(failure.exit(), 2);
        assert!(failure.problem(Language::En).expect("shown").message.contains("table, json, yaml, name"));
    }
}
