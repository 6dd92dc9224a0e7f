//! What the terminal can show, and the few questions asked on it.

use std::io::{IsTerminal, Write};

use base::{Error, Secret};
use clap::ValueEnum;

use crate::failure::{Failure, Outcome};

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Colour {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always, in pipes too.
    Always,
    /// Never.
    Never,
}

impl Colour {
    /// Whether a stream gets colour.
    pub fn applies(self, is_terminal: bool) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => {
                is_terminal
                    && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
                    && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
            }
        }
    }
}

/// Text with or without colour; colour never carries a meaning alone.
#[derive(Debug, Clone, Copy)]
pub struct Paint {
    on: bool,
}

impl Paint {
    /// With colour, or not.
    pub fn new(on: bool) -> Self {
        Self { on }
    }

    /// Never with colour.
    #[cfg(test)]
    pub fn plain() -> Self {
        Self { on: false }
    }

    /// Whether it colours at all.
    pub fn is_on(self) -> bool {
        self.on
    }

    /// Something that went wrong.
    pub fn red(self, text: &str) -> String {
        self.wrap("1;31", text)
    }

    /// Something that went well, or was added.
    pub fn green(self, text: &str) -> String {
        self.wrap("32", text)
    }

    /// Something to look at.
    pub fn yellow(self, text: &str) -> String {
        self.wrap("33", text)
    }

    /// Something to type, or a place.
    pub fn cyan(self, text: &str) -> String {
        self.wrap("36", text)
    }

    /// A heading.
    pub fn bold(self, text: &str) -> String {
        self.wrap("1", text)
    }

    /// Something of less weight.
    pub fn dim(self, text: &str) -> String {
        self.wrap("2", text)
    }

    fn wrap(self, style: &str, text: &str) -> String {
        if self.on { format!("\u{1b}[{style}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// Rows and columns of the terminal that standard output is, if it is one.
pub fn size() -> Option<(usize, usize)> {
    if !std::io::stdout().is_terminal() {
        return None;
    }
    console::Term::stdout().size_checked().map(|(rows, columns)| (usize::from(rows), usize::from(columns)))
}

/// Whether box-drawing characters may be used: everywhere but in an explicit C locale.
pub fn draws_boxes() -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
        .unwrap_or_default();
    !matches!(locale.as_str(), "C" | "POSIX")
}

/// One line to standard error; a closed standard error is nobody's concern.
pub fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Asks for a yes; without a terminal this is an error that names `--yes`.
pub fn confirm(what: &str, yes: bool) -> Outcome {
    if yes {
        return Ok(());
    }
    if !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
        return Err(Failure::Usage(Error::new(&crate::codes::CONFIRMATION_MISSING).with("what", what)));
    }
    let _ = write!(std::io::stderr(), "{what}? [y/N] ");
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).map_err(|error| Failure::file("stdin", error))?;
    if matches!(answer.trim(), "y" | "Y" | "yes" | "是") { Ok(()) } else { Err(Failure::Said(crate::failure::exit::FAILED)) }
}

/// A line of text, asked for on the terminal.
pub fn ask(question: &str) -> Outcome<String> {
    let _ = write!(std::io::stderr(), "{question}: ");
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).map_err(|error| Failure::file("stdin", error))?;
    Ok(answer.trim().to_owned())
}

/// A secret: typed without echo on a terminal, else all of standard input without its last line end.
pub fn secret(question: &str) -> Outcome<Secret> {
    let failed = |error| Failure::file("stdin", error);
    if std::io::stdin().is_terminal() {
        let _ = write!(std::io::stderr(), "{question}: ");
        return Ok(Secret::new(console::Term::stderr().read_secure_line().map_err(failed)?));
    }
    let mut text = read_stdin(SECRET_BYTES_MAX)?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(Secret::new(text))
}

/// A new secret: on a terminal it is typed twice.
pub fn new_secret(command: &str, question: &str, again: &str) -> Outcome<Secret> {
    let first = secret(question)?;
    if first.expose().is_empty() {
        return Err(Failure::usage(command, "an empty secret is none"));
    }
    if std::io::stdin().is_terminal() && secret(again)? != first {
        return Err(Failure::usage(command, "the two inputs differ"));
    }
    Ok(first)
}

/// Largest secret taken from a pipe, in bytes.
const SECRET_BYTES_MAX: u64 = 64 << 10;

/// All of standard input, up to a limit in bytes.
pub fn read_stdin(limit_bytes: u64) -> Outcome<String> {
    use std::io::Read;

    let mut text = String::new();
    let failed = |error| Failure::file("stdin", error);
    std::io::stdin().lock().take(limit_bytes + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > limit_bytes {
        return Err(failed(std::io::Error::other(format!("more than {}", base::units::bytes(limit_bytes)))));
    }
    Ok(text)
}
