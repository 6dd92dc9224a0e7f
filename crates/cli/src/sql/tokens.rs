//! The words of SQL text, for cutting, colouring and completing; never for deciding what a statement does.

/// What a piece of text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A keyword or a name without quotes.
    Word,
    /// A name in double quotes.
    Quoted,
    /// A string in single quotes or between dollar tags.
    Text,
    /// A number.
    Number,
    /// `$name`.
    Parameter,
    /// `-- …` or `/* … */`.
    Comment,
    /// Spaces and line ends.
    Space,
    /// `;`.
    End,
    /// Any other sign.
    Sign,
}

/// A piece of text by its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// First byte.
    pub start: usize,
    /// Byte after the last.
    pub end: usize,
    /// Whether it ended before the text did; an open string or comment goes on in the next line.
    pub closed: bool,
}

/// Every byte of the text is in exactly one token.
pub fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut start = 0;
    while start < text.len() {
        let (kind, length, closed) = next(&text[start..], start > 0 && is_word(text[..start].chars().next_back()));
        tokens.push(Token { kind, start, end: start + length, closed });
        start += length;
    }
    tokens
}

fn is_word(c: Option<char>) -> bool {
    c.is_some_and(|c| c.is_alphanumeric() || c == '_')
}

/// The first token of a rest that is not empty: kind, bytes, and whether it is closed.
fn next(rest: &str, after_word: bool) -> (Kind, usize, bool) {
    let mut chars = rest.chars();
    let Some(first) = chars.next() else { return (Kind::Space, 0, true) };
    let second = chars.next();
    match first {
        ';' => (Kind::End, 1, true),
        '\'' => quoted(rest, '\'', 1, false, Kind::Text),
        'e' | 'E' if second == Some('\'') && !after_word => quoted(rest, '\'', 2, true, Kind::Text),
        '"' => quoted(rest, '"', 1, false, Kind::Quoted),
        '-' if second == Some('-') => {
            let length = rest.find('\n').unwrap_or(rest.len());
            (Kind::Comment, length, length < rest.len())
        }
        '/' if second == Some('*') => block_comment(rest),
        '$' => dollar(rest),
        c if c.is_whitespace() => (Kind::Space, run(rest, char::is_whitespace), true),
        c if c.is_ascii_digit() => (Kind::Number, run(rest, |c| c.is_ascii_alphanumeric() || c == '.' || c == '_'), true),
        c if c.is_alphabetic() || c == '_' => (Kind::Word, run(rest, |c| c.is_alphanumeric() || c == '_'), true),
        c => (Kind::Sign, c.len_utf8(), true),
    }
}

fn run(rest: &str, belongs: impl Fn(char) -> bool) -> usize {
    rest.find(|c| !belongs(c)).unwrap_or(rest.len())
}

/// A doubled quote is a quote; a backslash hides the next character where `escapes`.
fn quoted(rest: &str, quote: char, from: usize, escapes: bool, kind: Kind) -> (Kind, usize, bool) {
    let mut chars = rest.char_indices().skip_while(|(at, _)| *at < from).peekable();
    while let Some((at, c)) = chars.next() {
        if escapes && c == '\\' {
            chars.next();
        } else if c == quote {
            if chars.peek().is_some_and(|(_, next)| *next == quote) {
                chars.next();
            } else {
                return (kind, at + 1, true);
            }
        }
    }
    (kind, rest.len(), false)
}

/// Comments nest, as the standard and PostgreSQL have it.
fn block_comment(rest: &str) -> (Kind, usize, bool) {
    let bytes = rest.as_bytes();
    let (mut depth, mut at) = (0_usize, 0);
    while at + 1 < bytes.len() {
        match &bytes[at..at + 2] {
            b"/*" => {
                depth += 1;
                at += 2;
            }
            b"*/" => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return (Kind::Comment, at, true);
                }
            }
            _ => at += 1,
        }
    }
    (Kind::Comment, rest.len(), false)
}

/// `$tag$ … $tag$` is a string, `$name` and `$1` are parameters.
fn dollar(rest: &str) -> (Kind, usize, bool) {
    let name = run(&rest[1..], |c| c.is_alphanumeric() || c == '_');
    let tagged = rest[1 + name..].starts_with('$') && !rest[1..].starts_with(|c: char| c.is_ascii_digit());
    if tagged {
        let tag = &rest[..name + 2];
        return match rest[tag.len()..].find(tag) {
            Some(at) => (Kind::Text, tag.len() + at + tag.len(), true),
            None => (Kind::Text, rest.len(), false),
        };
    }
    if name > 0 { (Kind::Parameter, 1 + name, true) } else { (Kind::Sign, 1, true) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<(Kind, &str)> {
        tokens(text)
            .into_iter()
            .filter(|token| token.kind != Kind::Space)
            .map(|token| (token.kind, &text[token.start..token.end]))
            .collect()
    }

    #[test]
    fn strings_comments_and_dollars() {
        assert_eq!(
            kinds("select 'it''s' -- a;b\n, E'\\'' /* /* x */ ; */ $a$;'$a$ $p $1"),
            [
                (Kind::Word, "select"),
                (Kind::Text, "'it''s'"),
                (Kind::Comment, "-- a;b"),
                (Kind::Sign, ","),
                (Kind::Text, "E'\\''"),
                (Kind::Comment, "/* /* x */ ; */"),
                (Kind::Text, "$a$;'$a$"),
                (Kind::Parameter, "$p"),
                (Kind::Parameter, "$1"),
            ]
        );
    }

    #[test]
    fn every_byte_is_covered_and_open_ends_are_known() {
        for text in
            ["'open", "/* open", "$$ open", "\"open", "é$", "select * from 表 where 名='值'", "-- end", "a\u{0}b", "/*", "$a$b$c"]
        {
            let tokens = tokens(text);
            assert_eq!(tokens.iter().map(|token| &text[token.start..token.end]).collect::<String>(), text);
        }
        assert!(tokens("'open").iter().any(|token| !token.closed));
        assert!(tokens("'shut'").iter().all(|token| token.closed));
    }
}
