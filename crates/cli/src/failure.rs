//! How a command ends when it does not end well: what is shown, and with which exit code.

use base::{Error, Language};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::terminal::Paint;

/// What a command answers.
pub type Outcome<T = ()> = Result<T, Failure>;

/// Exit codes that scripts rely on.
pub mod exit {
    /// Done.
    pub const DONE: u8 = 0;
    /// Failed; the message says whether retrying helps.
    pub const FAILED: u8 = 1;
    /// The command line is wrong.
    pub const USAGE: u8 = 2;
    /// Finished, and found something: a difference, a broken chain.
    pub const FINDING: u8 = 3;
    /// Not signed in, or not allowed.
    pub const REFUSED: u8 = 4;
    /// Ended by ^C.
    pub const INTERRUPTED: u8 = 130;
}

/// Why a command ended early.
#[derive(Debug)]
pub enum Failure {
    /// An error of this process.
    Own(Error),
    /// The command line is wrong.
    Usage(Error),
    /// An error that the platform answered.
    Answered(Box<Problem>),
    /// It was said already; only the exit code is left.
    Said(u8),
    /// Whoever read standard output went away; nothing is left to say.
    ReaderGone,
}

/// An error as the API sends it.
#[derive(Debug, Clone, Deserialize)]
pub struct Problem {
    /// HTTP status it came with; 0 inside a run's record.
    #[serde(skip)]
    pub http: u16,
    /// Stable code.
    #[serde(default)]
    pub code: String,
    /// What happened.
    #[serde(default)]
    pub message: String,
    /// What filled the sentence.
    #[serde(default)]
    pub arguments: Map<String, Value>,
    /// `user`, `source` or `platform`.
    #[serde(default)]
    pub blame: String,
    /// Whether the same request may succeed later.
    #[serde(default)]
    pub retry: bool,
    /// What to do.
    #[serde(default)]
    pub hint: Option<String>,
    /// Where to look in the server's log.
    #[serde(default)]
    pub trace_id: Option<String>,
}

impl Problem {
    fn of(error: &Error, language: Language) -> Self {
        let text = |value: &String| Value::String(value.clone());
        Self {
            http: error.code().http,
            code: error.code().name.to_owned(),
            message: error.message(language),
            arguments: error.arguments().iter().map(|(key, value)| ((*key).to_owned(), text(value))).collect(),
            blame: error.code().blame.as_str().to_owned(),
            retry: error.code().retry,
            hint: error.advice(language),
            trace_id: None,
        }
    }

    /// Lines for a person: what happened, what to do, whose fault it is and whether to retry.
    pub fn lines(&self, language: Language, paint: Paint) -> String {
        let say = |en: &'static str, zh: &'static str| if language == Language::Zh { zh } else { en };
        let mut text = format!("{}: {}\n", paint.red(say("error", "错误")), self.message);
        if let Some(hint) = self.hint.as_deref().filter(|hint| !hint.is_empty()) {
            text.push_str(&format!("  {}: {hint}\n", paint.cyan(say("hint", "提示"))));
        }
        let who = match self.blame.as_str() {
            "source" => say("the source's side", "数据源一侧"),
            "platform" => say("the platform's side", "平台一侧"),
            _ => say("your request", "您的请求"),
        };
        let again =
            if self.retry { say("retrying may help", "可以重试") } else { say("retrying will not help", "重试无益") };
        let mut last = format!("{}: {who}; {again}", say("cause", "原因"));
        if !self.code.is_empty() {
            last.push_str(&format!("; dataux explain {}", self.code));
        }
        if let Some(trace) = &self.trace_id {
            last.push_str(&format!("; trace {trace}"));
        }
        text.push_str(&format!("  {}\n", paint.dim(&last)));
        text
    }

    /// The error as the API sends it.
    pub fn json(&self) -> Value {
        json!({
            "code": self.code, "message": self.message, "arguments": self.arguments, "blame": self.blame,
            "retry": self.retry, "hint": self.hint, "trace_id": self.trace_id,
        })
    }
}

impl Failure {
    /// The command line is wrong in a way that the parser cannot see.
    pub fn usage(command: &str, reason: impl std::fmt::Display) -> Self {
        let error = Error::new(&crate::codes::COMMAND_USAGE).with("command", command).with("reason", reason);
        Self::Usage(if command.is_empty() { error.hint("dataux --help") } else { error })
    }

    /// A local file that could not be read or written.
    pub fn file(path: impl AsRef<std::path::Path>, error: std::io::Error) -> Self {
        Self::Own(Error::new(&crate::codes::LOCAL_FILE).with("path", path.as_ref().display()).because(error))
    }

    /// A failed write to standard output: a closed pipe is an end, not an error.
    pub fn write(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => Self::ReaderGone,
            _ => Self::file("stdout", error),
        }
    }

    /// The exit code.
    pub fn exit(&self) -> u8 {
        match self {
            Self::Own(error) => by_status(error.code().http),
            Self::Answered(problem) => by_status(problem.http),
            Self::Usage(_) => exit::USAGE,
            Self::Said(code) => *code,
            Self::ReaderGone => exit::DONE,
        }
    }

    /// What there is to show, if anything.
    pub fn problem(&self, language: Language) -> Option<Problem> {
        match self {
            Self::Own(error) | Self::Usage(error) => Some(Problem::of(error, language)),
            Self::Answered(problem) => Some(problem.as_ref().clone()),
            Self::Said(_) | Self::ReaderGone => None,
        }
    }
}

fn by_status(http: u16) -> u8 {
    if matches!(http, 401 | 403) { exit::REFUSED } else { exit::FAILED }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Own(error)
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Answered(Box::new(problem))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denied() -> Problem {
        let mut problem: Problem = serde_json::from_value(json!({
            "code": "not_allowed", "message": "user `ann` may not select lake.dwd.flights", "blame": "user", "retry": false,
            "hint": "ask an administrator for a grant", "trace_id": "t1",
        }))
        .expect("an API error");
        problem.http = 403;
        problem
    }

    #[test]
    fn shows_what_who_and_what_next() {
        let text = denied().lines(Language::En, Paint::plain());
        assert_eq!(
            text,
            "error: user `ann` may not select lake.dwd.flights\n  hint: ask an administrator for a grant\n  \
             cause: your request; retrying will not help; dataux explain not_allowed; trace t1\n"
        );
        assert!(denied().lines(Language::Zh, Paint::plain()).starts_with("错误: "));
    }

    #[test]
    fn exit_codes_follow_the_status() {
        assert_eq!(Failure::from(denied()).exit(), exit::REFUSED);
        assert_eq!(Failure::usage("sql", "no").exit(), exit::USAGE);
        assert_eq!(Failure::from(Error::new(&crate::codes::TOKEN_MISSING)).exit(), exit::REFUSED);
        assert_eq!(Failure::from(Error::new(&crate::codes::SERVER_UNREACHABLE)).exit(), exit::FAILED);
        assert_eq!(Failure::write(std::io::ErrorKind::BrokenPipe.into()).exit(), exit::DONE);
    }
}
