//! Text cut into statements at semicolons that stand outside strings, names and comments.

use super::tokens::{Kind, tokens};

/// The statements, without their semicolons; parts of nothing but spaces and comments are none.
pub fn split(text: &str) -> Vec<&str> {
    let mut statements = Vec::new();
    let (mut start, mut filled) = (0, false);
    for token in tokens(text) {
        match token.kind {
            Kind::End => {
                if filled {
                    statements.push(text[start..token.start].trim());
                }
                (start, filled) = (token.end, false);
            }
            Kind::Space | Kind::Comment => {}
            _ => filled = true,
        }
    }
    if filled {
        statements.push(text[start..].trim());
    }
    statements
}

/// Whether a line in the shell is ready: its last word is a semicolon, or there is nothing in it.
pub fn is_complete(text: &str) -> bool {
    let tokens = tokens(text);
    let open = tokens.last().is_some_and(|token| !token.closed && token.kind != Kind::Comment);
    let open_comment = tokens.last().is_some_and(|token| !token.closed && text[token.start..].starts_with("/*"));
    let last = tokens.iter().rev().find(|token| !matches!(token.kind, Kind::Space | Kind::Comment));
    !open && !open_comment && last.is_none_or(|token| token.kind == Kind::End)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_only_at_real_semicolons() {
        let text = "select ';' as \"a;b\"; -- c;\n;select $q$ ; $q$ /* ; */\n; \n -- nothing\n";
        assert_eq!(split(text), ["select ';' as \"a;b\"", "select $q$ ; $q$ /* ; */"]);
        assert_eq!(split("select 1"), ["select 1"]);
        assert_eq!(split("select 'open; "), ["select 'open;"]);
        assert!(split(" ;; -- x\n /* y */ ;").is_empty());
    }

    #[test]
    fn a_statement_is_ready_at_its_semicolon() {
        for ready in ["select 1;", "select 1; -- done", "", "  ", "-- only a comment", "select ';';"] {
            assert!(is_complete(ready), "{ready}");
        }
        for open in ["select 1", "select ';", "select 1; select 2", "select 1 /* ;", "select $$ ; ", "/* a;"] {
            assert!(!is_complete(open), "{open}");
        }
    }
}
