//! The house rules that no compiler checks: layers without circles, openings, and lengths of files and functions.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms, lowest layer first; a room uses rooms of lower layers and none of its own.
const LAYERS: [&[&str]; 9] = [
    &["engine", "numeric", "settings", "table"],
    &["dataset"],
    &["attribution", "model"],
    &["command", "pattern", "train"],
    &["subject"],
    &["compare", "derive", "explain", "gates", "report"],
    &["config"],
    &["run"],
    &["cli"],
];

/// Files that may be longer than [`FILE_LINES`], each for a reason.
const LONG_FILES: [&str; 0] = [];

const FILE_LINES: usize = 400;
const FUNCTION_LINES: usize = 60;

#[test]
fn rooms_use_lower_layers_only() {
    let mut faults = String::new();
    for (path, text) in sources(&["src"]) {
        let Some(room) = room(&path) else { continue };
        let own = layer(room).unwrap_or_else(|| panic!("{path} is in a room of no layer: add `{room}` to LAYERS"));
        for used in used_rooms(&text) {
            if used != room && layer(&used).is_none_or(|layer| layer >= own) {
                let _ = writeln!(faults, "{path}: room `{room}` (layer {own}) must not use `{used}`");
            }
        }
    }
    assert!(faults.is_empty(), "\n{faults}");
}

#[test]
fn every_layer_has_its_rooms() {
    for room in LAYERS.iter().flat_map(|rooms| rooms.iter()) {
        assert!(root().join("src").join(room).join("mod.rs").exists(), "there is no room `{room}`");
    }
}

#[test]
fn every_file_opens_with_a_sentence() {
    let closed: Vec<_> = sources(&["src", "tests", "benches"]).into_iter().filter(|(_, text)| !text.starts_with("//! ")).collect();
    assert!(closed.is_empty(), "no `//!` opening: {:?}", paths(&closed));
}

#[test]
fn files_stay_short() {
    let long: Vec<_> = sources(&["src"]).into_iter().filter(|(_, text)| text.lines().count() > FILE_LINES).collect();
    assert_eq!(paths(&long), LONG_FILES, "files over {FILE_LINES} lines");
}

#[test]
fn functions_stay_short() {
    let mut faults = String::new();
    for (path, text) in sources(&["src"]) {
        for (name, line, length) in functions(&text) {
            if length > FUNCTION_LINES {
                let _ = writeln!(faults, "{path}:{line}: `{name}` has {length} lines, more than {FUNCTION_LINES}");
            }
        }
    }
    assert!(faults.is_empty(), "\n{faults}");
}

#[test]
fn lints_are_expected_with_a_reason_rather_than_allowed() {
    // In two halves, so that this file does not hold it.
    let forbidden = [concat!("#[all", "ow("), concat!("#![all", "ow(")];
    let allowed: Vec<_> = sources(&["src", "tests", "benches"])
        .into_iter()
        .filter(|(_, text)| forbidden.iter().any(|attribute| text.contains(attribute)))
        .collect();
    assert!(allowed.is_empty(), "{:?}", paths(&allowed));
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The Rust files under some folders, by their paths from the root, sorted.
fn sources(folders: &[&str]) -> Vec<(String, String)> {
    let (mut folders, mut files) = (folders.iter().map(|folder| root().join(folder)).collect::<Vec<PathBuf>>(), Vec::new());
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
                files.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    files.sort();
    files
}

fn paths(files: &[(String, String)]) -> Vec<&str> {
    files.iter().map(|(path, _)| path.as_str()).collect()
}

/// The room of a file in `src`; `lib.rs` and `main.rs` are in none.
fn room(path: &str) -> Option<&str> {
    path.strip_prefix("src/")?.split_once('/').map(|(room, _)| room)
}

fn layer(room: &str) -> Option<usize> {
    LAYERS.iter().position(|rooms| rooms.contains(&room))
}

/// The rooms that code names after `crate::`, comments aside, in `use` lines and elsewhere.
fn used_rooms(text: &str) -> BTreeSet<String> {
    let code: Vec<&str> = text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
    let code = code.join("\n");
    let mut rooms = BTreeSet::new();
    for (at, key) in code.match_indices("crate::") {
        let rest = &code[at + key.len()..];
        match rest.strip_prefix('{') {
            Some(group) => rooms.extend(group_heads(group)),
            None => rooms.extend(identifier(rest)),
        }
    }
    rooms
}

/// The first names of a `use` group's entries: `a::{b, c}, d}` holds `a` and `d`.
fn group_heads(group: &str) -> Vec<String> {
    let (mut depth, mut heads, mut fresh) = (0, Vec::new(), true);
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => fresh = true,
            c if c.is_alphanumeric() && fresh => {
                heads.extend(identifier(&group[at..]));
                fresh = false;
            }
            _ => {}
        }
    }
    heads
}

fn identifier(text: &str) -> Option<String> {
    let name: String = text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!name.is_empty()).then_some(name)
}

/// Name, first line and length of each function of a file that rustfmt has laid out: it ends with the brace at its own indent.
fn functions(text: &str) -> Vec<(String, usize, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        let Some((before, after)) = code.split_once("fn ") else { continue };
        let qualifiers = ["pub", "pub(crate)", "pub(super)", "const", "async", "unsafe", "extern", "\"C\""];
        if !before.split_whitespace().all(|word| qualifiers.contains(&word)) || code.ends_with(['}', ';']) {
            continue;
        }
        let end = format!("{}}}", &line[..line.len() - code.len()]);
        let length = lines[at..].iter().position(|line| *line == end).map_or(0, |length| length + 1);
        found.push((identifier(after).unwrap_or_default(), at + 1, length));
    }
    found
}
