//! The files of this checkout, as git knows them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A text file of the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Where it lies. *Shape*: relative to the top folder, with `/`.
    pub path: String,
    /// What it says.
    pub text: String,
}

impl SourceFile {
    /// Returns a file made up for a test of a guard.
    pub fn made_up(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }
}

/// Returns the top folder of the checkout.
pub fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_path_buf()
}

/// Returns the folder of sample papers, when it is there: `$CARTULARY_SAMPLES`, else `../shared/samples` beside the checkout.
pub fn samples() -> Option<PathBuf> {
    let folder = match std::env::var_os("CARTULARY_SAMPLES") {
        Some(folder) => PathBuf::from(folder),
        None => root().join("../shared/samples"),
    };
    folder.is_dir().then_some(folder)
}

/// Returns the paths of all files that are committed or could be, sorted, relative to the top folder.
///
/// # Errors
/// When git cannot be run, or does not take the folder for its own.
pub fn paths() -> io::Result<Vec<String>> {
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()?;
    if !output.status.success() {
        return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    let listing = String::from_utf8_lossy(&output.stdout);
    let mut paths: Vec<String> = listing.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect();
    paths.sort();
    // A file that was deleted and not yet committed is still listed.
    paths.retain(|path| root().join(path).is_file());
    Ok(paths)
}

/// Returns the text files among [`paths`] that `wanted` accepts; what is not UTF-8 is left out.
///
/// # Errors
/// When the list cannot be had or a file cannot be read.
pub fn text_files(wanted: impl Fn(&str) -> bool) -> io::Result<Vec<SourceFile>> {
    let mut files = Vec::new();
    for path in paths()? {
        if !wanted(&path) {
            continue;
        }
        if let Ok(text) = String::from_utf8(fs::read(root().join(&path))?) {
            files.push(SourceFile { path, text });
        }
    }
    Ok(files)
}

/// Returns every file below `folder`, in no order.
///
/// # Errors
/// When a folder cannot be listed.
pub fn files_below(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut waiting = vec![folder.to_path_buf()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                waiting.push(entry.path());
            } else if kind.is_file() {
                found.push(entry.path());
            }
        }
    }
    Ok(found)
}
