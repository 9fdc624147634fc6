//! What every file of the repository must look like.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::code::{code_only, word_lines};
use super::tree::{SourceFile, files_below};

/// How long files may be.
#[derive(Debug, Clone, Copy)]
pub struct LengthLimits<'a> {
    /// *Units*: lines, from which on a file is looked at twice.
    pub warn: usize,
    /// *Units*: lines that no file may pass.
    pub hard: usize,
    /// Files that may be longer, with their length; the list may only shrink.
    pub exceptions: &'a [(&'a str, usize)],
}

/// Counts the lines of a file, without the module of unit tests at its end.
pub fn product_lines(text: &str) -> usize {
    let product = text.split("\n#[cfg(test)]\nmod ").next().unwrap_or(text);
    product.lines().count()
}

/// Returns the files that are too long, and the exceptions that are wider than they need be.
pub fn length_violations(files: &[SourceFile], limits: &LengthLimits<'_>) -> Vec<String> {
    let mut violations = Vec::new();
    for file in files {
        let lines = product_lines(&file.text);
        let limit =
            limits.exceptions.iter().find(|(path, _)| *path == file.path).map_or(limits.hard, |(_, limit)| *limit);
        if lines > limit {
            violations.push(format!("{}: {lines} lines, and {limit} are allowed: split it by what it does", file.path));
        }
    }
    for (path, limit) in limits.exceptions {
        let lines = files.iter().find(|file| file.path == *path).map_or(0, |file| product_lines(&file.text));
        if lines <= limits.hard {
            violations.push(format!("{path}: {lines} lines need no exception: take it off the list"));
        } else if lines < *limit {
            violations.push(format!("{path}: lower its exception from {limit} to {lines}: the list may only shrink"));
        }
    }
    violations
}

/// Returns the files worth a second look: longer than the warning, not yet too long.
pub fn length_warnings(files: &[SourceFile], limits: &LengthLimits<'_>) -> Vec<String> {
    let lengths = files.iter().map(|file| (product_lines(&file.text), &file.path));
    lengths.filter(|(lines, _)| *lines > limits.warn).map(|(lines, path)| format!("{path}: {lines} lines")).collect()
}

/// Returns the places where a word of `forbidden` (lower case) begins a word of the text, in identifiers too.
pub fn forbidden_words(files: &[SourceFile], forbidden: &[&str]) -> Vec<String> {
    let mut violations = Vec::new();
    for file in files {
        for (index, line) in file.text.lines().enumerate() {
            for word in words(line) {
                if forbidden.iter().any(|beginning| word.starts_with(beginning)) {
                    violations.push(format!(
                        "{}:{}: the word `{word}` belongs to a module, not to the core",
                        file.path,
                        index + 1
                    ));
                }
            }
        }
    }
    violations
}

/// Splits at everything that is no letter and at the humps of `camelCase`; answers in lower case.
fn words(line: &str) -> Vec<String> {
    let letters: Vec<char> = line.chars().collect();
    let mut words = vec![String::new()];
    let mut before: Option<char> = None;
    for (at, letter) in letters.iter().enumerate() {
        let is_before_lower = letters.get(at + 1).is_some_and(|next| next.is_lowercase());
        let is_hump =
            letter.is_uppercase() && before.is_some_and(|c| c.is_lowercase() || (c.is_uppercase() && is_before_lower));
        if is_hump || !letter.is_alphabetic() {
            words.push(String::new());
        }
        if let (true, Some(word)) = (letter.is_alphabetic(), words.last_mut()) {
            word.extend(letter.to_lowercase());
        }
        before = Some(*letter);
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Returns the Rust files that do not open with `//!` and a sentence.
pub fn opening_violations(files: &[SourceFile]) -> Vec<String> {
    let has_opening = |file: &&SourceFile| file.text.lines().next().is_some_and(|line| line.starts_with("//! "));
    let bare = files.iter().filter(|file| !has_opening(file));
    bare.map(|file| format!("{}: open the file with `//!` and one sentence that says what it is", file.path)).collect()
}

/// Returns the places where unfinished work or a switched-off test is left behind.
pub fn leftover_violations(files: &[SourceFile]) -> Vec<String> {
    const MACROS: [&str; 3] = ["todo", "unimplemented", "dbg"];
    const ATTRIBUTES: [&str; 2] = ["ignore", "should_panic"];
    let mut violations = Vec::new();
    for file in files {
        let code = code_only(&file.text);
        let line_text = |number: usize| code.lines().nth(number - 1).unwrap_or_default();
        for name in MACROS {
            let called = word_lines(&code, name).filter(|number| line_text(*number).contains(&format!("{name}!")));
            violations.extend(called.map(|number| format!("{}:{number}: `{name}!` is left behind", file.path)));
        }
        for name in ATTRIBUTES {
            let attributed = word_lines(&code, name).filter(|number| {
                let line = line_text(*number).trim_start();
                line.starts_with("#[") && (line.contains(&format!("[{name}")) || line.contains("cfg_attr"))
            });
            violations.extend(attributed.map(|number| {
                format!("{}:{number}: `#[{name}]` hides a fault: assert today's wrong answer with a note", file.path)
            }));
        }
    }
    violations
}

/// Returns what lies at the top of the repository and is neither on the list nor a dotfile.
pub fn top_level_violations(paths: &[String], allowed: &[&str]) -> Vec<String> {
    let tops: BTreeSet<&str> = paths.iter().filter_map(|path| path.split('/').next()).collect();
    let strange = tops.into_iter().filter(|top| !top.starts_with('.') && !allowed.contains(top));
    strange.map(|top| format!("{top}: the list of top folders is fixed; a tool's configuration is a dotfile")).collect()
}

/// Returns the files among `ours` that are copies of files below `samples`: other people's papers are not ours to publish.
///
/// Files under 64 bytes are too short to be anyone's.
///
/// # Errors
/// When a file cannot be read.
pub fn copied_samples(ours: &[PathBuf], samples: &Path) -> io::Result<Vec<String>> {
    let mut by_size: HashMap<u64, Vec<PathBuf>> = HashMap::new();
    for sample in files_below(samples)? {
        by_size.entry(fs::metadata(&sample)?.len()).or_default().push(sample);
    }
    let mut violations = Vec::new();
    for path in ours {
        let size = fs::metadata(path)?.len();
        let candidates = by_size.get(&size).filter(|_| size >= 64);
        for sample in candidates.into_iter().flatten() {
            if fs::read(path)? == fs::read(sample)? {
                violations.push(format!("{} is a copy of the sample {}", path.display(), sample.display()));
            }
        }
    }
    Ok(violations)
}

/// Says whether a file is a Bash script, or is sourced by one.
pub fn is_shell(file: &SourceFile) -> bool {
    let first = file.text.lines().next().unwrap_or_default();
    (first.starts_with("#!") && first.ends_with("bash")) || first.starts_with("# shellcheck shell=bash")
}

/// Returns what `bash -n` has against a script; `None` when it reads well.
///
/// # Errors
/// When bash cannot be run.
pub fn shell_violation(path: &Path) -> io::Result<Option<String>> {
    let output = Command::new("bash").arg("-n").arg(path).output()?;
    Ok((!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).into_owned()))
}
