//! Other programs of the terminal: the pager for long answers, the editor for long statements.

use std::io::{IsTerminal, Write};
use std::process::{Command, Stdio};

use crate::failure::{Failure, Outcome};
use crate::stdout::Stdout;

/// Shows text: directly when it fits the terminal, else through `PAGER`.
pub fn show(out: &mut Stdout, text: &str, size: Option<(usize, usize)>) -> Outcome {
    let fits = size.is_none_or(|(rows, _)| text.lines().count() < rows);
    if !fits && std::io::stdin().is_terminal() && page(text) {
        return Ok(());
    }
    out.text(text)?;
    out.flush()
}

/// Whether a pager took the text.
fn page(text: &str) -> bool {
    let named = ["DATAUX_PAGER", "PAGER"].into_iter().find_map(|name| std::env::var(name).ok());
    let pager = match named.as_deref() {
        // An empty PAGER means none, as git takes it.
        Some("" | "cat") => return false,
        Some(pager) => pager,
        None => "less -RSX",
    };
    // A pager may have arguments, so the shell reads it, as every program does that honours PAGER.
    let Ok(mut child) = Command::new("sh").arg("-c").arg(pager).stdin(Stdio::piped()).spawn() else { return false };
    if let Some(mut input) = child.stdin.take() {
        // A pager that is left early closes its input; that is no error.
        let _ = input.write_all(text.as_bytes());
    }
    // 127: the shell did not find the pager.
    child.wait().is_ok_and(|status| status.code() != Some(127))
}

/// Lets the user change a text in `VISUAL` or `EDITOR`.
pub fn edit(text: &str) -> Outcome<String> {
    let editor = ["VISUAL", "EDITOR"].into_iter().find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    let editor = editor.unwrap_or_else(|| "vi".to_owned());
    let file = tempfile::Builder::new()
        .prefix("dataux-")
        .suffix(".sql")
        .tempfile()
        .map_err(|error| Failure::file("temporary file", error))?;
    let failed = |error| Failure::file(file.path(), error);
    std::fs::write(file.path(), text).map_err(failed)?;
    let status =
        Command::new("sh").arg("-c").arg(format!("{editor} \"$1\"")).arg("sh").arg(file.path()).status().map_err(failed)?;
    if !status.success() {
        return Err(failed(std::io::Error::other(format!("`{editor}` ended with {status}"))));
    }
    Ok(std::fs::read_to_string(file.path()).map_err(failed)?.trim_end().to_owned())
}
