//! Resource files for `-f`: files, folders and standard input as one text, and errors that name the right file and line again.

use std::io::Read;
use std::path::{Path, PathBuf};

use base::document::TEXT_BYTES_MAX;

use crate::failure::{Failure, Outcome};

/// Files taken from folders at once.
const FILES_MAX: usize = 2_000;

/// Folders inside folders.
const DEPTH_MAX: usize = 16;

/// Endings of resource files in folders.
const ENDINGS: &[&str] = &["yaml", "yml", "json"];

/// The text of all files, one behind the other, and where each begins.
#[derive(Debug, Default)]
pub struct Documents {
    /// One text with documents between lines of `---`.
    pub text: String,
    /// By file: its first line in the text, counted from 1, and its name.
    starts: Vec<(usize, String)>,
}

impl Documents {
    /// Reads all that `-f` names, in the order given; a folder's files sorted by path.
    pub fn read(command: &str, paths: &[PathBuf]) -> Outcome<Self> {
        let mut documents = Self::default();
        for path in paths {
            if path.as_os_str() == "-" {
                let mut text = String::new();
                let limit = TEXT_BYTES_MAX as u64 + 1;
                std::io::stdin().take(limit).read_to_string(&mut text).map_err(|error| Failure::file("stdin", error))?;
                documents.add("stdin", &text);
                continue;
            }
            if path.is_dir() {
                let mut files = Vec::new();
                collect(path, 0, &mut files)?;
                files.sort();
                if files.is_empty() {
                    return Err(Failure::usage(command, format!("{} holds no .yaml, .yml or .json file", path.display())));
                }
                files.iter().try_for_each(|file| documents.add_file(file))?;
            } else {
                documents.add_file(path)?;
            }
        }
        if documents.text.len() > TEXT_BYTES_MAX {
            let limit = base::units::bytes(TEXT_BYTES_MAX as u64);
            return Err(Failure::usage(command, format!("the files together are larger than {limit}; apply them in parts")));
        }
        Ok(documents)
    }

    fn add_file(&mut self, file: &Path) -> Outcome {
        let text = std::fs::read_to_string(file).map_err(|error| Failure::file(file, error))?;
        self.add(&file.display().to_string(), &text);
        Ok(())
    }

    /// Puts a text behind the others; `name` is what errors call it.
    pub fn add(&mut self, name: &str, text: &str) {
        if !self.text.is_empty() {
            self.text.push_str("---\n");
        }
        self.starts.push((self.text.lines().count() + 1, name.to_owned()));
        self.text.push_str(text);
        if !text.ends_with('\n') {
            self.text.push('\n');
        }
    }

    /// The same failure with places such as `request:17:5` turned into the file's own name and line.
    pub fn placed(&self, failure: Failure) -> Failure {
        let Failure::Answered(mut problem) = failure else { return failure };
        if let Some(place) = problem.arguments.get("place").and_then(|place| place.as_str()).map(str::to_owned) {
            let own = self.own_place(&place);
            problem.message = problem.message.replacen(&place, &own, 1);
            problem.arguments.insert("place".to_owned(), own.into());
        }
        Failure::Answered(problem)
    }

    fn own_place(&self, place: &str) -> String {
        let mut parts = place.rsplitn(3, ':');
        let (column, line) = (parts.next(), parts.next());
        let (Some(column), Some(Ok(line))) = (column, line.map(str::parse::<usize>)) else {
            return match self.starts.as_slice() {
                [(_, only)] => only.clone(),
                _ => place.to_owned(),
            };
        };
        match self.starts.iter().rev().find(|(start, _)| *start <= line) {
            Some((start, name)) => format!("{name}:{}:{column}", line - start + 1),
            None => place.to_owned(),
        }
    }
}

fn collect(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Outcome {
    let failed = |error| Failure::file(folder, error);
    if depth > DEPTH_MAX {
        return Err(failed(std::io::Error::other(format!("more than {DEPTH_MAX} folders deep"))));
    }
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase()).unwrap_or_default();
        if hidden {
            continue;
        }
        if path.is_dir() {
            collect(&path, depth + 1, files)?;
        } else if ENDINGS.contains(&ending.as_str()) {
            files.push(path);
        }
        if files.len() > FILES_MAX {
            return Err(failed(std::io::Error::other(format!("more than {FILES_MAX} files"))));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn folders_are_read_in_order_and_other_files_left_out() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| {
            let file = folder.path().join(name);
            std::fs::create_dir_all(file.parent().expect("inside")).expect("made");
            std::fs::write(file, text).expect("written");
        };
        write("b.yaml", "kind: B\n");
        write("a/z.yml", "kind: Z");
        write("a/readme.md", "no");
        write(".hidden.yaml", "no");
        write("c.JSON", "{}\n");
        let documents = Documents::read("apply", &[folder.path().to_owned()]).expect("read");
        assert_eq!(documents.text, "kind: Z\n---\nkind: B\n---\n{}\n");
        let missing = Documents::read("apply", &[folder.path().join("gone.yaml")]).expect_err("gone");
        assert!(missing.problem(base::Language::En).expect("shown").message.contains("gone.yaml"));
    }

    #[test]
    fn errors_name_the_own_file_and_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let (a, b) = (folder.path().join("a.yaml"), folder.path().join("b.yaml"));
        std::fs::write(&a, "one\ntwo\n").expect("written");
        std::fs::write(&b, "one\ntwo\nthree\n").expect("written");
        let documents = Documents::read("apply", &[a, b.clone()]).expect("read");
        let problem = serde_json::from_value::<crate::failure::Problem>(json!({
            "code": "invalid_document", "message": "request:6:3: unknown field `x`", "arguments": {"place": "request:6:3"}, "blame": "user",
        }));
        let failure = documents.placed(problem.expect("a problem").into());
        let message = failure.problem(base::Language::En).expect("shown").message;
        assert_eq!(message, format!("{}:3:3: unknown field `x`", b.display()));
    }
}
