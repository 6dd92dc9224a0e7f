//! What a check says: how it is, why, and what to do, in both languages.

use base::{Error, Language};
use serde_json::{Value, json};

/// How grave a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// As it should be.
    Good,
    /// It works, but somebody should look.
    Warning,
    /// It will not work, or must not.
    Failure,
}

impl Level {
    /// The sign in tables.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Good => "✔",
            Self::Warning => "⚠",
            Self::Failure => "✘",
        }
    }

    /// The word in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warning => "warning",
            Self::Failure => "failure",
        }
    }
}

/// A sentence in English and Chinese.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sentence {
    en: String,
    zh: String,
}

impl Sentence {
    /// Both.
    pub fn new(en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self { en: en.into(), zh: zh.into() }
    }

    /// In one language.
    pub fn say(&self, language: Language) -> &str {
        if language == Language::Zh { &self.zh } else { &self.en }
    }
}

/// What one check says of one place.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The site, the link as `from → to`, or nothing for this host.
    pub place: String,
    /// The check's name.
    pub check: &'static str,
    /// How grave it is.
    pub level: Level,
    /// What was seen.
    pub reason: Sentence,
    /// What to do; empty when there is nothing to do.
    pub fix: Sentence,
}

impl Finding {
    /// As it should be.
    pub fn good(check: &'static str, en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self::new(check, Level::Good, Sentence::new(en, zh))
    }

    /// Somebody should look.
    pub fn warning(check: &'static str, en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self::new(check, Level::Warning, Sentence::new(en, zh))
    }

    /// It will not work.
    pub fn failure(check: &'static str, en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self::new(check, Level::Failure, Sentence::new(en, zh))
    }

    /// It could not be looked at.
    pub fn unseen(check: &'static str, level: Level, error: &Error) -> Self {
        let advice = |language| error.advice(language).unwrap_or_default();
        let reason = Sentence::new(error.message(Language::En), error.message(Language::Zh));
        let fix = Sentence::new(advice(Language::En), advice(Language::Zh));
        Self { fix, ..Self::new(check, level, reason) }
    }

    fn new(check: &'static str, level: Level, reason: Sentence) -> Self {
        Self { place: String::new(), check, level, reason, fix: Sentence::default() }
    }

    /// Says what to do.
    pub fn fix(mut self, en: impl Into<String>, zh: impl Into<String>) -> Self {
        self.fix = Sentence::new(en, zh);
        self
    }

    /// Says where.
    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.place = place.into();
        self
    }

    /// As JSON.
    pub fn json(&self, language: Language) -> Value {
        let fix = Some(self.fix.say(language)).filter(|fix| !fix.is_empty());
        json!({ "place": self.place, "check": self.check, "level": self.level.word(), "reason": self.reason.say(language), "fix": fix })
    }
}
