//! The `$names` of a statement, found without touching what stands in quotes and comments.

use std::collections::BTreeSet;

/// Whether this can be the name of a parameter.
pub fn is_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    (1..=63).contains(&bytes.len())
        && bytes[0].is_ascii_lowercase()
        && bytes.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'_')
}

/// Every `$name` of the statement. A `$` that begins no name is an error with its line.
pub fn names(sql: &str) -> Result<BTreeSet<String>, String> {
    let mut names = BTreeSet::new();
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        rest = match first {
            '\'' | '"' | '`' => after_quote(&rest[1..], first),
            '-' if rest.starts_with("--") => rest.find('\n').map_or("", |end| &rest[end..]),
            '/' if rest.starts_with("/*") => after_comment(rest),
            '$' => {
                let end = rest[1..].find(|c: char| !c.is_ascii_alphanumeric() && c != '_').map_or(rest.len(), |end| end + 1);
                let name = &rest[1..end];
                if !is_name(name) || rest[end..].starts_with('$') {
                    let line = sql[..sql.len() - rest.len()].matches('\n').count() + 1;
                    return Err(format!(
                        "`${name}` in line {line} is not a parameter: write `$` and a name of lower-case letters, digits and underscores"
                    ));
                }
                names.insert(name.to_owned());
                &rest[end..]
            }
            other => &rest[other.len_utf8()..],
        };
    }
    Ok(names)
}

/// Behind the closing quote; a doubled quote ends and opens again, which comes to the same.
fn after_quote(rest: &str, quote: char) -> &str {
    rest.find(quote).map_or("", |end| &rest[end + 1..])
}

/// Behind a comment, which may hold comments.
fn after_comment(text: &str) -> &str {
    let mut depth = 0_usize;
    let mut rest = text;
    while let Some(at) = rest.find(['/', '*']) {
        rest = &rest[at..];
        if rest.starts_with("/*") {
            depth += 1;
            rest = &rest[2..];
        } else if rest.starts_with("*/") {
            depth -= 1;
            rest = &rest[2..];
            if depth == 0 {
                return rest;
            }
        } else {
            rest = &rest[1..];
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn sees_names_and_nothing_else() {
        let found = |sql: &str| names(sql).map(|names| names.into_iter().collect::<Vec<_>>().join(","));
        assert_eq!(found("select $a, '$b', \"$c\", $d_1 -- $e\n/* $f /* $g */ $h */ + $i").expect("right"), "a,d_1,i");
        assert_eq!(found("select 'it''s $b', $a").expect("right"), "a");
        assert_eq!(found("select '未$b', $a, '").expect("open quotes end with the text"), "a");
        assert!(found("select 1\n, $1").expect_err("a number").contains("line 2"));
        assert!(found("select $$x$$").is_err() && found("select $tag$ x $tag$").is_err());
        assert!(found("select ${bizdate}").is_err());
    }
}
