//! What one process of a platform does: everything, or a part, so that parts scale alone.

use std::fmt;

use base::errors::INVALID_SETTING;
use base::{Error, Result};

/// One part of a platform's work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The API and the console, schedules, and the upkeep of tokens, audit and numbers.
    Control,
    /// The API and data services, without the console.
    Query,
    /// Runs of pipelines. Over HTTP only health and metrics.
    Worker,
}

/// Every role, in the order in which they are told.
const ALL: [Role; 3] = [Role::Control, Role::Query, Role::Worker];

/// The word for all of them.
const EVERYTHING: &str = "all";

/// The roles of one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Roles([bool; ALL.len()]);

impl Default for Roles {
    fn default() -> Self {
        Self([true; ALL.len()])
    }
}

impl Role {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Control => "control",
            Self::Query => "query",
            Self::Worker => "worker",
        }
    }
}

impl Roles {
    /// Reads `all`, or words such as `control,query`. `setting` names who said it.
    pub fn parse(setting: &str, text: &str) -> Result<Self> {
        let wrong = |reason: String| Error::new(&INVALID_SETTING).with("setting", setting).with("reason", reason);
        let words: Vec<&str> = text.split(',').map(str::trim).filter(|word| !word.is_empty()).collect();
        if words == [EVERYTHING] {
            return Ok(Self::default());
        }
        let mut roles = Self([false; ALL.len()]);
        for word in &words {
            if *word == EVERYTHING {
                return Err(wrong("`all` is every role already; name it alone, or name roles without it".to_owned()));
            }
            match ALL.iter().position(|role| role.as_str() == *word) {
                Some(place) => roles.0[place] = true,
                None => {
                    return Err(wrong(format!("`{word}` is no role; there are control, query, worker, and all for every one")));
                }
            }
        }
        if words.is_empty() {
            return Err(wrong("name a role: control, query, worker, or all for every one".to_owned()));
        }
        Ok(roles)
    }

    /// Whether the process does this.
    pub fn has(self, role: Role) -> bool {
        self.0[role as usize]
    }

    /// Whether the process does everything, so that it needs no other.
    pub fn is_all(self) -> bool {
        self == Self::default()
    }

    /// Whether it answers the API and data services.
    pub fn serves(self) -> bool {
        self.has(Role::Control) || self.has(Role::Query)
    }
}

impl fmt::Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_all() {
            return f.write_str(EVERYTHING);
        }
        let words: Vec<&str> = ALL.iter().filter(|role| self.has(**role)).map(|role| role.as_str()).collect();
        f.write_str(&words.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_words_and_says_them_again() {
        for (text, told) in [
            ("all", "all"),
            ("worker", "worker"),
            (" worker , control ,", "control,worker"),
            ("query,query", "query"),
            ("worker,query,control", "all"),
        ] {
            let roles = Roles::parse("--role", text).expect(text);
            assert_eq!(roles.to_string(), told, "{text}");
        }
        let worker = Roles::parse("--role", "worker").expect("a role");
        assert!(worker.has(Role::Worker) && !worker.has(Role::Control) && !worker.serves() && !worker.is_all());
        assert!(Roles::default().serves() && Roles::default().is_all());
        for (text, words) in [("executor", "`executor` is no role"), ("all,worker", "name it alone"), (" , ", "name a role")] {
            let error = Roles::parse("DATAUX_ROLE", text).expect_err(text).to_string();
            assert!(error.contains(words) && error.contains("DATAUX_ROLE"), "{text}: {error}");
        }
    }
}
