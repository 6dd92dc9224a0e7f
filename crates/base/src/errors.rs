//! One error for every room: a code from the room's own table, its arguments, and what caused it.
//!
//! A room declares its codes once, in `codes.rs`, with [`codes!`](crate::codes): each line says whose fault it is, whether
//! retrying helps, the HTTP status and SQLSTATE, and the sentences in English and Chinese. Doors only look the line up, so
//! no door invents a status of its own.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Value, json};

use crate::language::Language;

/// What every fallible function of the platform returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error with a stable code. Never carries row values of governed tables, nor secrets.
pub struct Error(Box<Inner>);

struct Inner {
    code: &'static Code,
    arguments: BTreeMap<&'static str, String>,
    hint: Option<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// Who has to act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// The caller: a wrong statement, name, document or permission.
    User,
    /// A business system outside: down, changed, refusing, or holding bad data.
    Source,
    /// dataux itself or what it runs on: disk, database, memory.
    Platform,
}

impl Blame {
    /// The word used in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Source => "source",
            Self::Platform => "platform",
        }
    }
}

/// One line of a room's table of errors.
#[derive(Debug)]
pub struct Code {
    /// Stable name, `snake_case`, unique over all rooms.
    pub name: &'static str,
    /// Who has to act.
    pub blame: Blame,
    /// Whether the same request may succeed later, unchanged.
    pub retry: bool,
    /// HTTP status.
    pub http: u16,
    /// SQLSTATE, as PostgreSQL lists them.
    pub sqlstate: &'static str,
    /// What happened, in English, with `{argument}` places.
    pub en: &'static str,
    /// What happened, in Chinese.
    pub zh: &'static str,
    /// What to do, in English; may be empty.
    pub hint_en: &'static str,
    /// What to do, in Chinese; may be empty.
    pub hint_zh: &'static str,
}

/// Declares a room's codes: `NAME: blame, retry, http, sqlstate, en / zh, hint en / hint zh;`.
#[macro_export]
macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident: $blame:ident, $retry:literal, $http:literal, $sqlstate:literal,
       $en:literal / $zh:literal, $hint_en:literal / $hint_zh:literal;)*) => {
        $(
            #[doc = $en]
            pub static $name: $crate::Code = $crate::Code {
                name: {
                    const BYTES: [u8; stringify!($name).len()] = $crate::errors::lower(stringify!($name));
                    match std::str::from_utf8(&BYTES) {
                        Ok(name) => name,
                        Err(_) => "",
                    }
                },
                blame: $crate::Blame::$blame, retry: $retry, http: $http, sqlstate: $sqlstate,
                en: $en, zh: $zh, hint_en: $hint_en, hint_zh: $hint_zh,
            };
        )*
        /// Every code of this room, in the order of the table.
        pub static ALL: &[&$crate::Code] = &[$(&$name),*];
    };
}

impl Error {
    /// An error of this code, with no arguments yet.
    pub fn new(code: &'static Code) -> Self {
        Self(Box::new(Inner { code, arguments: BTreeMap::new(), hint: None, source: None }))
    }

    /// Fills the `{key}` place of the sentence.
    pub fn with(mut self, key: &'static str, value: impl fmt::Display) -> Self {
        self.0.arguments.insert(key, value.to_string());
        self
    }

    /// Fills `{reason}` from an outer library's error and keeps it as the cause.
    pub fn because(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.0.arguments.entry("reason").or_insert_with(|| chain(&source));
        self.0.source = Some(Box::new(source));
        self
    }

    /// Replaces the code's general advice with advice for this case.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// The same error for somebody else who shared its fate, without its cause.
    pub fn again(&self) -> Self {
        let inner = Inner { code: self.0.code, arguments: self.0.arguments.clone(), hint: self.0.hint.clone(), source: None };
        Self(Box::new(inner))
    }

    /// The line of the table.
    pub fn code(&self) -> &'static Code {
        self.0.code
    }

    /// Whether this is an error of that code.
    pub fn is(&self, code: &'static Code) -> bool {
        std::ptr::eq(self.0.code, code) || self.0.code.name == code.name
    }

    /// What filled the places of the sentence.
    pub fn arguments(&self) -> &BTreeMap<&'static str, String> {
        &self.0.arguments
    }

    /// What happened, in one sentence.
    pub fn message(&self, language: Language) -> String {
        self.0.code.message(language, |key| self.argument(key))
    }

    /// What to do about it, if there is something to say.
    pub fn advice(&self, language: Language) -> Option<String> {
        if let Some(hint) = &self.0.hint {
            return Some(hint.clone());
        }
        self.0.code.advice(language, |key| self.argument(key))
    }

    /// The error as doors send it: `code`, `message`, `arguments`, `blame`, `retry`, `hint`, `trace_id`.
    pub fn to_json(&self, language: Language, trace_id: Option<&str>) -> Value {
        json!({
            "code": self.0.code.name,
            "message": self.message(language),
            "arguments": self.0.arguments,
            "blame": self.0.code.blame.as_str(),
            "retry": self.0.code.retry,
            "hint": self.advice(language),
            "trace_id": trace_id,
        })
    }

    fn argument(&self, key: &str) -> Option<&str> {
        self.0.arguments.get(key).map(String::as_str)
    }
}

impl Code {
    /// What happened, in one sentence, with `argument` filling its places.
    pub fn message<'a>(&self, language: Language, argument: impl Fn(&str) -> Option<&'a str> + Copy) -> String {
        let template = match language {
            Language::En => self.en,
            Language::Zh => self.zh,
        };
        fill(template, argument)
    }

    /// What to do about it, if the table says so.
    pub fn advice<'a>(&self, language: Language, argument: impl Fn(&str) -> Option<&'a str> + Copy) -> Option<String> {
        let template = match language {
            Language::En => self.hint_en,
            Language::Zh => self.hint_zh,
        };
        (!template.is_empty()).then(|| fill(template, argument))
    }
}

/// The sentence with its places filled. A part in square brackets, such as `[; did you mean {near}?]`, stands only when each
/// of its places has something in it.
fn fill<'a>(template: &str, argument: impl Fn(&str) -> Option<&'a str> + Copy) -> String {
    let Some((before, optional, after)) =
        template.split_once('[').and_then(|(before, rest)| rest.split_once(']').map(|(inner, after)| (before, inner, after)))
    else {
        return fill_places(template, argument);
    };
    let mut places = optional.split('{').skip(1).filter_map(|part| part.split('}').next());
    let stands = places.all(|place| argument(place).is_some_and(|value| !value.is_empty()));
    let optional = if stands { fill_places(optional, argument) } else { String::new() };
    fill_places(before, argument) + &optional + &fill(after, argument)
}

fn fill_places<'a>(template: &str, argument: impl Fn(&str) -> Option<&'a str> + Copy) -> String {
    let mut text = String::with_capacity(template.len() + 32);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let Some((key, after)) = after.split_once('}') else {
            text.push('{');
            rest = after;
            continue;
        };
        text.push_str(argument(key).unwrap_or("?"));
        rest = after;
    }
    text.push_str(rest);
    text
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message(Language::En))
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.code.name, self.message(Language::En))
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_ref().map(|source| source.as_ref() as _)
    }
}

/// The messages of an error and of its causes, without the repetitions that wrapping libraries leave.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}

/// `NAME` as the bytes of `name`, at compile time, for [`codes!`](crate::codes).
#[doc(hidden)]
pub const fn lower<const N: usize>(upper: &str) -> [u8; N] {
    let bytes = upper.as_bytes();
    let mut lower = [0; N];
    let mut index = 0;
    while index < N {
        lower[index] = bytes[index].to_ascii_lowercase();
        index += 1;
    }
    lower
}

codes! {
    INVALID_DOCUMENT: User, false, 400, "22023",
        "{place}: {reason}" / "{place}：{reason}",
        "" / "";
    INVALID_NAME: User, false, 400, "42602",
        "{what} `{name}` is not a valid name: {rule}" / "{what} `{name}` 不是合法的名称：{rule}",
        "" / "";
    INVALID_SETTING: User, false, 400, "22023",
        "setting {setting} is wrong: {reason}" / "设置 {setting} 有误：{reason}",
        "" / "";
    SECRET_UNRESOLVED: User, false, 400, "22023",
        "secret {reference} could not be read: {reason}" / "无法读取密钥 {reference}：{reason}",
        "check that the reference exists where this process runs" / "请检查该引用在本进程运行之处是否存在";
}

#[cfg(test)]
mod tests {
    use super::*;

    codes! {
        THING_MISSING: User, false, 404, "42704",
            "{thing} is not there[; did you mean {near}?]" / "{thing} 不存在[；是否指 {near}？]", "" / "";
    }

    #[test]
    fn says_the_optional_part_only_when_there_is_something_to_say() {
        let error = |near: &str| Error::new(&THING_MISSING).with("thing", "a[0]").with("near", near);
        assert_eq!(error("").message(Language::En), "a[0] is not there");
        assert_eq!(error("b").message(Language::Zh), "a[0] 不存在；是否指 b？");
        assert_eq!(ALL.len(), 1, "the table of this test hides the room's own");
    }

    #[test]
    fn fills_both_languages_and_hides_nothing_it_was_not_given() {
        let error = Error::new(&INVALID_NAME).with("what", "table").with("name", "a b").with("rule", "no spaces");
        assert_eq!(error.message(Language::En), "table `a b` is not a valid name: no spaces");
        assert_eq!(error.message(Language::Zh), "table `a b` 不是合法的名称：no spaces");
        assert_eq!(error.to_json(Language::En, None)["code"], "invalid_name");
    }
}
