//! How the shell's line looks and when it is ready.

use std::borrow::Cow;

use reedline::{Color, Highlighter, Prompt, PromptEditMode, PromptHistorySearch, StyledText, ValidationResult, Validator};

use super::completion::KEYWORDS;
use crate::sql::statements::is_complete;
use crate::sql::tokens::{Kind, tokens};

/// `dataux> `.
pub struct SqlPrompt;

impl Prompt for SqlPrompt {
    fn render_prompt_left(&self) -> Cow<'_, str> {
        Cow::Borrowed("dataux")
    }

    fn render_prompt_right(&self) -> Cow<'_, str> {
        Cow::Borrowed("")
    }

    fn render_prompt_indicator(&self, _: PromptEditMode) -> Cow<'_, str> {
        Cow::Borrowed("> ")
    }

    fn render_prompt_multiline_indicator(&self) -> Cow<'_, str> {
        Cow::Borrowed("     -> ")
    }

    fn render_prompt_history_search_indicator(&self, search: PromptHistorySearch) -> Cow<'_, str> {
        Cow::Owned(format!("(history: {}) ", search.term))
    }
}

/// A statement is ready at its semicolon; a backslash command at the end of its line.
pub struct SqlValidator;

impl Validator for SqlValidator {
    fn validate(&self, line: &str) -> ValidationResult {
        let trimmed = line.trim();
        let word = matches!(trimmed.to_ascii_lowercase().as_str(), "exit" | "quit");
        if trimmed.starts_with('\\') || word || is_complete(line) {
            ValidationResult::Complete
        } else {
            ValidationResult::Incomplete
        }
    }
}

/// Keywords, strings, numbers, parameters and comments in their colours.
pub struct SqlHighlighter;

impl Highlighter for SqlHighlighter {
    fn highlight(&self, line: &str, _cursor: usize) -> StyledText {
        let mut styled = StyledText::new();
        for token in tokens(line) {
            let text = &line[token.start..token.end];
            let style = match token.kind {
                Kind::Word if KEYWORDS.binary_search(&text.to_ascii_uppercase().as_str()).is_ok() => Color::Cyan.bold(),
                Kind::Text => Color::Green.normal(),
                Kind::Number => Color::Yellow.normal(),
                Kind::Parameter => Color::Purple.normal(),
                Kind::Comment => Color::DarkGray.normal(),
                _ => Color::Default.normal(),
            };
            styled.push((style, text.to_owned()));
        }
        styled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_ready_at_semicolons_and_backslashes() {
        let ready = |line| matches!(SqlValidator.validate(line), ValidationResult::Complete);
        assert!(ready("\\d lake.dwd.flights") && ready("quit") && ready("select 1;") && ready(""));
        assert!(!ready("select 1") && !ready("select '\n;"));
    }

    #[test]
    fn highlighting_loses_no_character() {
        for line in ["select 'a', $b -- c", "SELECT count(*) FROM 表 WHERE x = 'open"] {
            let text: String = SqlHighlighter.highlight(line, 0).buffer.into_iter().map(|(_, text)| text).collect();
            assert_eq!(text, line);
        }
    }
}
