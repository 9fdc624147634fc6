//! Which crate may know which: checkers over the workspace's metadata and its source.

use serde::Deserialize;

use super::code::{code_only, word_lines};
use super::tree::SourceFile;

/// The beginning of the package names of this workspace.
const OURS: &str = "cartulary-";

/// The arrows that may leave one crate of the workspace.
#[derive(Debug, Clone, Copy)]
pub struct Arrows<'a> {
    /// The crate, without the prefix `cartulary-`.
    pub from: &'a str,
    /// The crates that it may depend on directly.
    pub to: &'a [&'a str],
}

/// External crates that only some crates of the workspace may depend on.
#[derive(Debug, Clone, Copy)]
pub struct Fence<'a> {
    /// The external crates; a name that ends in `-` stands for all that begin so.
    pub crates: &'a [&'a str],
    /// Who may depend on them, without the prefix `cartulary-`.
    pub packages: &'a [&'a str],
    /// The reason, as the end of the sentence "… because".
    pub why: &'a str,
}

/// An identifier that may stand only in some files: the fence where whole crates are too coarse.
#[derive(Debug, Clone, Copy)]
pub struct WordFence<'a> {
    /// The identifier, or the beginning of a path such as `std::fs`.
    pub word: &'a str,
    /// The files it is looked for in: beginnings of paths.
    pub within: &'a [&'a str],
    /// The files where it may stand all the same: parts of paths.
    pub except: &'a [&'a str],
    /// The reason, as the end of the sentence "… because".
    pub why: &'a str,
}

/// A package of the workspace with what it depends on directly, for the product, its build or its tests.
#[derive(Debug, Clone, Deserialize)]
pub struct Package {
    /// The package's name.
    pub name: String,
    /// Its direct dependencies.
    pub dependencies: Vec<Dependency>,
}

/// One direct dependency.
#[derive(Debug, Clone, Deserialize)]
pub struct Dependency {
    /// The name of the package that is depended on, whatever it is renamed to.
    pub name: String,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

/// Reads what `cargo metadata --no-deps` answers.
///
/// # Errors
/// When the text is not that.
pub fn parse_metadata(json: &str) -> Result<Vec<Package>, serde_json::Error> {
    let metadata: Metadata = serde_json::from_str(json)?;
    Ok(metadata.packages)
}

/// Returns the arrows between crates of the workspace that `allowed` does not list.
pub fn arrow_violations(packages: &[Package], allowed: &[Arrows<'_>]) -> Vec<String> {
    let mut violations = Vec::new();
    for package in packages {
        let from = short_name(&package.name);
        let Some(arrows) = allowed.iter().find(|arrows| arrows.from == from) else {
            violations.push(format!("{from} stands in no row of the table of arrows: give it a layer"));
            continue;
        };
        for dependency in &package.dependencies {
            let Some(to) = dependency.name.strip_prefix(OURS) else { continue };
            // A crate that tests itself with its own test feature names itself.
            if to != from && !arrows.to.contains(&to) {
                violations.push(format!("{from} may not depend on {to}: it may depend on {}", list(arrows.to)));
            }
        }
    }
    violations
}

/// Returns the dependencies on fenced external crates from packages outside the fence.
pub fn fence_violations(packages: &[Package], fences: &[Fence<'_>]) -> Vec<String> {
    let mut violations = Vec::new();
    for package in packages {
        let from = short_name(&package.name);
        for dependency in &package.dependencies {
            for fence in fences.iter().filter(|fence| fence.names(&dependency.name)) {
                if !fence.packages.contains(&from) {
                    violations.push(format!(
                        "{from} may not depend on the external crate {}: only {} may, because {}",
                        dependency.name,
                        list(fence.packages),
                        fence.why
                    ));
                }
            }
        }
    }
    violations
}

/// Returns the places where a fenced word stands outside its fence, comments and literals not counted.
pub fn word_violations(files: &[SourceFile], fences: &[WordFence<'_>]) -> Vec<String> {
    let mut violations = Vec::new();
    for file in files {
        let code = code_only(&file.text);
        for fence in fences.iter().filter(|fence| fence.covers(&file.path)) {
            for line in word_lines(&code, fence.word) {
                violations
                    .push(format!("{}:{line}: `{}` may not stand here, because {}", file.path, fence.word, fence.why));
            }
        }
    }
    violations
}

impl Fence<'_> {
    fn names(&self, dependency: &str) -> bool {
        self.crates.iter().any(|name| *name == dependency || (name.ends_with('-') && dependency.starts_with(name)))
    }
}

impl WordFence<'_> {
    fn covers(&self, path: &str) -> bool {
        let is_within = self.within.iter().any(|beginning| path.starts_with(beginning));
        let is_excepted = self.except.iter().any(|part| path.contains(part));
        is_within && !is_excepted
    }
}

fn short_name(package: &str) -> &str {
    package.strip_prefix(OURS).unwrap_or(package)
}

fn list(names: &[&str]) -> String {
    if names.is_empty() { "none of ours".to_owned() } else { names.join(", ") }
}
