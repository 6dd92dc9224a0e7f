//! The house rules that a machine can check: who imports whom, how long files are, what they open with, what is written down.
//!
//! Rules and their reasons are in `ARCHITECTURE.md` and `STYLE.md`. A rule that no test enforces is a wish.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Which rooms a room may import. A room that is in the table and not in `crates/` is not yet built.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("storage", &["base"]),
    ("meta", &["base"]),
    ("guard", &["base", "meta"]),
    ("catalog", &["base", "meta", "guard"]),
    ("lake", &["base", "storage", "guard"]),
    ("connect", &["base", "storage", "guard"]),
    ("engine", &["base", "storage", "guard", "catalog", "lake", "connect"]),
    ("flow", &["base", "storage", "guard", "catalog", "lake", "connect", "engine", "meta"]),
    ("gateway", &["base", "storage", "meta", "guard", "catalog", "engine"]),
    ("sites", &["base", "storage", "meta", "guard", "catalog", "engine"]),
    ("deploy", &["base", "storage", "meta"]),
    (
        "server",
        &["base", "storage", "meta", "guard", "catalog", "lake", "connect", "engine", "flow", "gateway", "sites", "deploy"],
    ),
    (
        "cli",
        &[
            "base", "storage", "meta", "guard", "catalog", "lake", "connect", "engine", "flow", "gateway", "sites", "deploy",
            "server",
        ],
    ),
];

/// Libraries that belong to some rooms alone: what is heavy to compile, and what speaks a wire.
const ONLY_IN: &[(&str, &[&str])] = &[
    ("axum", &["gateway", "server", "cli"]),
    ("clap", &["cli"]),
    ("datafusion", &["lake", "engine", "flow"]),
    ("deltalake-core", &["lake"]),
    ("sea-orm", &["meta"]),
    ("sea-orm-migration", &["meta"]),
    ("tokio-postgres", &["connect"]),
    ("tower-http", &["gateway", "server"]),
    ("utoipa", &["gateway", "server"]),
];

/// Longest production code of a file without an entry in `tests/ratchet.txt`, in lines.
const FILE_LINES_MAX: usize = 600;
/// Nine files of ten are no longer than this.
const FILE_LINES_P90_MAX: usize = 400;
/// Half of the files are no longer than this.
const FILE_LINES_MEDIAN_MAX: usize = 150;

/// Module names that say nothing of what is inside.
const EMPTY_NAMES: &[&str] = &["common", "helper", "helpers", "manager", "misc", "util", "utils"];

#[test]
fn rooms_import_only_what_the_table_allows() {
    let allowed: BTreeMap<&str, BTreeSet<&str>> =
        MAY_IMPORT.iter().map(|(room, may)| (*room, may.iter().copied().collect())).collect();
    let mut wrong = Vec::new();
    for (room, manifest) in rooms() {
        let Some(may) = allowed.get(room.as_str()) else {
            wrong.push(format!("crates/{room} is not in the table of tests/tidy.rs and ARCHITECTURE.md"));
            continue;
        };
        // Tests may also name what stands behind an import: a table is opened with a pass, and a pass is made over `meta`.
        let below: BTreeSet<&str> = may.iter().flat_map(|room| &allowed[room]).chain(may).copied().collect();
        for (section, lines) in sections(&manifest).iter().filter(|(section, _)| is_dependencies(section)) {
            let may = if section == "dev-dependencies" { &below } else { may };
            for name in lines.iter().map(|line| key(line)) {
                if allowed.contains_key(name) && !may.contains(name) {
                    wrong.push(format!("crates/{room} may not import {name} in its {section}"));
                }
            }
        }
    }
    none("imports", &wrong);
}

#[test]
fn the_written_table_is_this_one() {
    let text = read(&root().join("ARCHITECTURE.md"));
    let rows: BTreeMap<String, String> = text
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` | "))
        .map(|(room, rest)| (room.to_owned(), rest.split(" |").next().unwrap_or_default().to_owned()))
        .collect();
    let mut wrong = Vec::new();
    for (room, may) in MAY_IMPORT {
        let expected = if may.is_empty() { "–".to_owned() } else { may.join(", ") };
        if rows.get(*room) != Some(&expected) {
            wrong.push(format!("ARCHITECTURE.md needs the row: | `{room}` | {expected} | …"));
        }
    }
    none("the table of imports", &wrong);
}

#[test]
fn libraries_stay_in_their_rooms() {
    let mut wrong = Vec::new();
    for (room, manifest) in rooms() {
        for name in dependencies(&manifest) {
            for (library, homes) in ONLY_IN {
                if name == *library && !homes.contains(&room.as_str()) {
                    wrong.push(format!("crates/{room} imports {library}, which belongs to {}", homes.join(", ")));
                }
            }
        }
    }
    none("libraries", &wrong);
}

#[test]
fn manifests_share_versions_and_lints() {
    let mut wrong = Vec::new();
    for (room, manifest) in rooms() {
        let sections = sections(&manifest);
        for (section, lines) in &sections {
            for line in lines.iter().filter(|_| is_dependencies(section)) {
                if !line.contains("workspace = true") {
                    wrong.push(format!("crates/{room}/Cargo.toml: `{line}`: versions stand in the root Cargo.toml alone"));
                }
            }
        }
        if !sections.get("lints").is_some_and(|lines| lines.iter().any(|line| line == "workspace = true")) {
            wrong.push(format!("crates/{room}/Cargo.toml: [lints] workspace = true is missing"));
        }
        if !manifest.contains(&format!("name = \"dataux-{room}\"")) {
            wrong.push(format!("crates/{room}/Cargo.toml: the package is named dataux-{room}"));
        }
    }
    none("manifests", &wrong);
}

#[test]
fn files_are_short() {
    let ratchet = ratchet();
    let lengths: BTreeMap<String, usize> = sources()
        .into_iter()
        .filter(|(name, _)| name.starts_with("crates/"))
        .map(|(name, text)| (name, production_lines(&text)))
        .collect();
    let mut wrong = Vec::new();
    for (name, lines) in &lengths {
        match ratchet.get(name) {
            None if *lines > FILE_LINES_MAX => {
                wrong.push(format!("{name} has {lines} lines; {FILE_LINES_MAX} is the most: part it by what its pieces are for"));
            }
            Some(entry) if lines > entry => {
                wrong.push(format!("{name} has grown from {entry} to {lines} lines; it may only shrink"))
            }
            Some(_) if *lines <= FILE_LINES_MAX => {
                wrong.push(format!("{name} has {lines} lines now: take it out of tests/ratchet.txt"))
            }
            Some(entry) if lines < entry => {
                wrong.push(format!("{name} has {lines} lines now: write that into tests/ratchet.txt"))
            }
            _ => {}
        }
    }
    for name in ratchet.keys().filter(|name| !lengths.contains_key(*name)) {
        wrong.push(format!("tests/ratchet.txt names {name}, which does not exist"));
    }
    let mut sorted: Vec<(usize, &str)> = lengths.iter().map(|(name, lines)| (*lines, name.as_str())).collect();
    sorted.sort_unstable();
    let at = |share: usize| sorted.get(sorted.len().saturating_sub(1) * share / 100).map_or(0, |(lines, _)| *lines);
    let (median, p90) = (at(50), at(90));
    let (longest, name) = sorted.last().copied().unwrap_or_default();
    // Written past the test harness, so that the log of every run has it.
    writeln!(std::io::stderr(), "tidy: {} files, lines: median {median}, p90 {p90}, longest {longest} ({name})", sorted.len())
        .expect("stderr takes a line");
    if median > FILE_LINES_MEDIAN_MAX {
        wrong.push(format!("the median is {median} lines; {FILE_LINES_MEDIAN_MAX} is the most"));
    }
    if p90 > FILE_LINES_P90_MAX {
        wrong.push(format!("one file of ten has more than {p90} lines; {FILE_LINES_P90_MAX} is the most"));
    }
    none("lengths", &wrong);
}

#[test]
fn every_file_says_what_it_is_for() {
    let wrong: Vec<String> = sources()
        .into_iter()
        .filter(|(_, text)| !text.lines().next().is_some_and(|line| line.starts_with("//! ") && line.len() > 12))
        .map(|(name, _)| format!("{name} does not begin with a `//!` sentence"))
        .collect();
    none("first lines", &wrong);
}

#[test]
fn names_say_what_is_inside() {
    let mut wrong = Vec::new();
    for (name, text) in sources() {
        let path = Path::new(&name);
        let parts = path.with_extension("");
        if parts.iter().any(|part| EMPTY_NAMES.iter().any(|empty| part == *empty)) {
            wrong.push(format!("{name}: a name such as this takes in anything; name the file after what it is for"));
        }
        if path.file_name().is_some_and(|file| file == "mod.rs") {
            wrong.push(format!("{name}: a module is a file with a sibling folder, not mod.rs"));
        }
        for module in code(&text).filter_map(|(_, line)| line.trim().split_once("mod ").map(|(_, rest)| rest)) {
            let module = module.trim_end_matches([';', '{', ' ']);
            if EMPTY_NAMES.contains(&module) {
                wrong.push(format!("{name}: module `{module}` takes in anything"));
            }
        }
    }
    none("names", &wrong);
}

#[test]
fn nothing_prints_past_the_one_place_that_may() {
    let mut wrong = Vec::new();
    for (name, text) in sources() {
        if name == "tests/tidy.rs" {
            continue;
        }
        for (number, line) in code(&text) {
            if ["println!(", "print!(", "dbg!("].iter().any(|call| line.contains(call)) {
                wrong.push(format!("{name}:{number}: data goes through the command's output, all else through tracing"));
            }
        }
    }
    none("printing", &wrong);
}

/// `flatten` makes serde read through a map, so that errors lose their line and unknown fields pass: decision 0003.
#[test]
fn documents_are_not_flattened() {
    let mut wrong = Vec::new();
    for (name, text) in sources() {
        if name != "tests/tidy.rs" && text.contains("impl Declared for") {
            for (number, _) in code(&text).filter(|(_, line)| line.contains("serde(flatten)")) {
                wrong.push(format!("{name}:{number}: serde(flatten) in a document loses the lines of its errors"));
            }
        }
    }
    none("documents", &wrong);
}

/// Both ways: nothing unexplained, and no explanation of what is gone.
#[test]
fn every_dependency_is_explained() {
    let page = "docs/decisions/dependencies.md";
    let text = read(&root().join(page));
    let explained: BTreeSet<&str> =
        text.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`')).map(|(name, _)| name).collect();
    let declared: BTreeSet<String> = sections(&read(&root().join("Cargo.toml")))
        .remove("workspace.dependencies")
        .unwrap_or_default()
        .iter()
        .filter(|line| !line.contains("path = \"crates/"))
        .map(|line| key(line).to_owned())
        .collect();
    let mut wrong: Vec<String> = declared
        .iter()
        .filter(|name| !explained.contains(name.as_str()))
        .map(|name| format!("{page} has no line for {name}: what for, why this one, what else was weighed"))
        .collect();
    wrong.extend(
        explained.iter().filter(|name| !declared.contains(**name)).map(|name| format!("{page} explains {name}, which is gone")),
    );
    none("dependencies", &wrong);
}

#[test]
fn every_dependency_is_used() {
    let used: BTreeSet<String> = rooms().iter().flat_map(|(_, manifest)| dependencies(manifest)).collect();
    let wrong: Vec<String> = sections(&read(&root().join("Cargo.toml")))
        .remove("workspace.dependencies")
        .unwrap_or_default()
        .iter()
        .map(|line| key(line).to_owned())
        .filter(|name| name != "server" && !used.contains(name))
        .map(|name| format!("{name} is in the root Cargo.toml and no room imports it"))
        .collect();
    none("dependencies", &wrong);
}

/// Resources are applied by folder, so every YAML file of an example is documents with a head.
#[test]
fn examples_are_resources() {
    let mut wrong = Vec::new();
    for path in files(&root().join("examples")) {
        if !matches!(path.extension().and_then(|end| end.to_str()), Some("yaml" | "yml")) {
            continue;
        }
        let text = read(&path);
        for part in text.split("\n---\n") {
            for head in ["apiVersion: dataux/v1", "kind: ", "name: ", "spec:"] {
                if !part.lines().any(|line| line.starts_with(head)) {
                    wrong.push(format!("{}: a document without `{}`", shown(&path), head.trim()));
                }
            }
        }
    }
    none("examples", &wrong);
}

#[test]
fn links_between_pages_lead_somewhere() {
    let mut wrong = Vec::new();
    for path in pages() {
        let folder = path.parent().unwrap_or(Path::new("."));
        for target in read(&path).split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap_or_default();
            if !file.is_empty() && !target.contains("://") && !folder.join(file).exists() {
                wrong.push(format!("{}: nothing at {target}", shown(&path)));
            }
        }
    }
    none("links", &wrong);
}

/// A page in Chinese shows the same commands as the page in English.
#[test]
fn both_readmes_show_the_same_commands() {
    let commands = |name: &str| -> Vec<String> {
        let text = read(&root().join(name));
        let blocks = text.split("```").skip(1).step_by(2);
        blocks.flat_map(str::lines).filter(|line| !line.trim_start().starts_with('#')).map(str::to_owned).collect()
    };
    let wrong = if commands("README.md") == commands("README.zh.md") {
        Vec::new()
    } else {
        vec!["the code blocks of README.md and README.zh.md differ in more than their comments".to_owned()]
    };
    none("READMEs", &wrong);
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn none(what: &str, wrong: &[String]) {
    assert!(wrong.is_empty(), "{what}:\n  {}", wrong.join("\n  "));
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// Every file below a folder, in order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// Every Rust file, by its path from the root.
fn sources() -> Vec<(String, String)> {
    let folders = ["crates", "tests", "bench"].map(|folder| root().join(folder));
    let paths = folders.iter().flat_map(|folder| files(folder));
    paths.filter(|path| path.extension().is_some_and(|end| end == "rs")).map(|path| (shown(&path), read(&path))).collect()
}

fn pages() -> Vec<PathBuf> {
    let mut pages = files(&root().join("docs"));
    pages.extend(files(&root().join("examples")));
    pages.extend(fs::read_dir(root()).into_iter().flatten().flatten().map(|entry| entry.path()));
    pages.retain(|path| path.extension().is_some_and(|end| end == "md"));
    pages
}

/// The crates: folder name and manifest.
fn rooms() -> Vec<(String, String)> {
    let mut rooms = Vec::new();
    for entry in fs::read_dir(root().join("crates")).expect("crates/ is there").flatten() {
        let manifest = entry.path().join("Cargo.toml");
        if manifest.exists() {
            rooms.push((entry.file_name().to_string_lossy().into_owned(), read(&manifest)));
        }
    }
    rooms.sort();
    rooms
}

/// The parts of a manifest that hold lines of `key = value`. Manifests here are plain, so no TOML library is needed.
fn sections(manifest: &str) -> BTreeMap<String, Vec<String>> {
    let mut sections: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut current = String::new();
    for line in manifest.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            current = name.to_owned();
        } else {
            sections.entry(current.clone()).or_default().push(line.to_owned());
        }
    }
    sections
}

fn is_dependencies(section: &str) -> bool {
    section.ends_with("dependencies")
}

fn dependencies(manifest: &str) -> Vec<String> {
    let all = sections(manifest);
    all.iter()
        .filter(|(section, _)| is_dependencies(section))
        .flat_map(|(_, lines)| lines)
        .map(|line| key(line).to_owned())
        .collect()
}

fn key(line: &str) -> &str {
    line.split(['.', ' ', '=']).next().unwrap_or_default()
}

/// Lines of code with their numbers, without comments.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(index, line)| (index + 1, line)).filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// Lines before the file's tests.
fn production_lines(text: &str) -> usize {
    text.lines().take_while(|line| !line.starts_with("#[cfg(test)]")).count()
}

fn ratchet() -> BTreeMap<String, usize> {
    let text = read(&root().join("tests/ratchet.txt"));
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, lines) = line.rsplit_once(' ').expect("a line of tests/ratchet.txt is: path lines");
            (name.to_owned(), lines.parse().expect("the number of lines stands last"))
        })
        .collect()
}
