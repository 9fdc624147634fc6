//! Walks a folder in the order of names, numbers in them by their value, and says of everything in it whether it can be taken, and if not, why.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

/// A file that can be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its path below the folder, with `/`; what is not UTF-8 shows as U+FFFD.
    pub shown: String,
    /// The path that the office remembers: the same, but files at the top lie in a folder of the whole folder's name,
    /// which makes a dossier of them.
    pub path: String,
    /// The path that the office remembers as bytes, when it is not UTF-8.
    pub path_raw: Option<Vec<u8>>,
    /// Where it lies.
    pub file: PathBuf,
    /// Its size when it was seen, in bytes.
    pub size_bytes: u64,
    /// Its place in the walk, from 1.
    pub sequence: u32,
}

/// A file that could not be taken whole, and why.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Fault {
    /// Its path below the folder.
    pub path: String,
    /// A stable snake_case code.
    pub code: String,
    /// Why, for a person.
    pub reason: String,
}

impl Fault {
    /// Returns the fault of a path.
    pub fn new(path: impl Into<String>, code: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { path: path.into(), code: code.into(), reason: reason.into() }
    }
}

/// What a walk meets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A file to take.
    File(Candidate),
    /// Something that cannot be taken.
    Fault(Fault),
}

/// A walk through a folder.
#[derive(Debug)]
pub struct Walker {
    root: PathBuf,
    left_out: Option<PathBuf>,
    /// The dossier of files at the top.
    top: String,
    /// Hashes of shown paths that are not UTF-8: two of them may look the same.
    unclear: HashSet<u64>,
    /// How many files were found.
    found: u32,
    entries: walkdir::IntoIter,
}

impl Walker {
    /// Walks `root`, an absolute path without links, but not into `left_out`: the office's own data folder.
    pub fn new(root: &Path, left_out: Option<PathBuf>) -> Self {
        let by_name = |a: &DirEntry, b: &DirEntry| {
            let (a, b) = (a.file_name(), b.file_name());
            // As texts, also of names that are not UTF-8: by turns as texts and as bytes there would be no one order.
            alphanumeric_sort::compare_str(a.to_string_lossy(), b.to_string_lossy()).then_with(|| a.cmp(b))
        };
        let entries = WalkDir::new(root).min_depth(1).sort_by(by_name).into_iter();
        Self { root: root.to_owned(), left_out, top: top_of(root), unclear: HashSet::new(), found: 0, entries }
    }

    fn shown(&self, path: &Path) -> String {
        relative(&self.root, path).to_string_lossy().into_owned()
    }

    fn look_at(&mut self, entry: &DirEntry) -> Option<Found> {
        let kind = entry.file_type();
        if kind.is_dir() {
            if self.left_out.as_deref() != Some(entry.path()) {
                return None;
            }
            self.entries.skip_current_dir();
            return Some(self.fault(entry.path(), "data_folder", "it is the data folder of the office itself"));
        }
        if kind.is_symlink() {
            return Some(self.look_at_link(entry.path()));
        }
        if !kind.is_file() {
            return Some(self.fault(
                entry.path(),
                "not_a_file",
                "it is no file with content, but a pipe, socket or device",
            ));
        }
        match entry.metadata() {
            Ok(details) => Some(self.candidate(entry.path(), entry.path(), details.len())),
            Err(error) => Some(self.unreadable(entry.path(), &error.into())),
        }
    }

    /// A link to a file inside the folder is that file under a second name; other links are not followed.
    fn look_at_link(&mut self, path: &Path) -> Found {
        let target = match path.canonicalize() {
            Ok(target) => target,
            Err(error) => return self.fault(path, "link_broken", &format!("it is a link that leads nowhere: {error}")),
        };
        if !target.starts_with(&self.root) {
            return self.fault(path, "link_outside", "it is a link out of the folder, which is not followed");
        }
        match std::fs::metadata(&target) {
            Ok(details) if details.is_file() => self.candidate(path, &target, details.len()),
            Ok(details) if details.is_dir() => {
                self.fault(path, "link_to_folder", "it is a link to a folder, whose files are taken where they lie")
            }
            Ok(_) => self.fault(path, "not_a_file", "it is a link to a pipe, socket or device"),
            Err(error) => self.unreadable(path, &error),
        }
    }

    fn candidate(&mut self, named: &Path, file: &Path, size_bytes: u64) -> Found {
        let relative = relative(&self.root, named);
        let shown = relative.to_string_lossy().into_owned();
        let is_at_top = !relative.as_bytes().contains(&b'/');
        let prefix = if is_at_top { format!("{}/", self.top) } else { String::new() };
        let mut path = format!("{prefix}{shown}");
        let mut path_raw = None;
        if relative.to_str().is_none() {
            path = self.distinct(path);
            path_raw = Some([prefix.as_bytes(), relative.as_bytes()].concat());
        }
        self.found = self.found.saturating_add(1);
        Found::File(Candidate { shown, path, path_raw, file: file.to_owned(), size_bytes, sequence: self.found })
    }

    /// Gives the second of two paths that look the same, because neither is UTF-8, a number.
    fn distinct(&mut self, path: String) -> String {
        let is_new = |unclear: &mut HashSet<u64>, path: &str| {
            let mut hasher = DefaultHasher::new();
            path.hash(&mut hasher);
            unclear.insert(hasher.finish())
        };
        if is_new(&mut self.unclear, &path) {
            return path;
        }
        let dot = path.rfind('.').filter(|at| !path.get(*at..).unwrap_or_default().contains('/')).unwrap_or(path.len());
        let (stem, ending) = path.split_at(dot);
        let numbered = (2_u32..).map(|number| format!("{stem} ({number}){ending}"));
        let mut unclear = std::mem::take(&mut self.unclear);
        let found = numbered.into_iter().find(|candidate| is_new(&mut unclear, candidate));
        self.unclear = unclear;
        found.unwrap_or(path)
    }

    fn fault(&self, path: &Path, code: &str, reason: &str) -> Found {
        Found::Fault(Fault::new(self.shown(path), code, reason))
    }

    fn unreadable(&self, path: &Path, error: &std::io::Error) -> Found {
        self.fault(path, "unreadable", &format!("it cannot be read: {error}"))
    }
}

impl Iterator for Walker {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        loop {
            let entry = match self.entries.next()? {
                Ok(entry) => entry,
                Err(error) => {
                    let path = error.path().map(Path::to_owned).unwrap_or_default();
                    let reason = error.io_error().map_or_else(|| error.to_string(), ToString::to_string);
                    return Some(self.fault(&path, "unreadable", &format!("it cannot be read: {reason}")));
                }
            };
            if let Some(found) = self.look_at(&entry) {
                return Some(found);
            }
        }
    }
}

/// Returns the dossier of files at the top: the folder's own name, unless a folder in it has the same name.
fn top_of(root: &Path) -> String {
    let name = root.file_name().map_or_else(|| "papers".into(), |name| name.to_string_lossy().into_owned());
    if root.join(&name).is_dir() { format!("{name} (files)") } else { name }
}

fn relative<'a>(root: &Path, path: &'a Path) -> &'a OsStr {
    path.strip_prefix(root).unwrap_or(path).as_os_str()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    fn folder() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap().join("papers");
        fs::create_dir(&root).unwrap();
        (folder, root)
    }

    fn put(root: &Path, path: impl AsRef<Path>, content: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// One line for each thing that is met: `path size` or `path code`.
    fn walk(root: &Path, left_out: Option<PathBuf>) -> Vec<String> {
        let line = |found| match found {
            Found::File(file) => format!("{} {}", file.shown, file.size_bytes),
            Found::Fault(fault) => format!("{} {}", fault.path, fault.code),
        };
        Walker::new(root, left_out).map(line).collect()
    }

    #[test]
    fn files_come_in_the_order_of_their_names() {
        let (_folder, root) = folder();
        for path in ["b/2.txt", "b/1.txt", "a/deep/er/x.txt", "top.txt", "empty.txt"] {
            put(&root, path, path.strip_prefix("empty.txt").unwrap_or("seven77"));
        }
        assert_eq!(walk(&root, None), ["a/deep/er/x.txt 7", "b/1.txt 7", "b/2.txt 7", "empty.txt 0", "top.txt 7"]);
    }

    #[test]
    fn the_tenth_scan_comes_after_the_ninth() {
        let (_folder, root) = folder();
        for path in ["TM 10/a", "TM 9/scan10", "TM 9/scan9", "TM 9/scan09", "TM 9/scan 2024-12", "TM 9/صفحة 2"] {
            put(&root, path, "");
        }
        let walked = walk(&root, None);
        let places: Vec<_> = ["TM 9/scan9 0", "TM 9/scan10 0", "TM 10/a 0"]
            .map(|wanted| walked.iter().position(|line| line == wanted).unwrap())
            .into();
        assert!(places.is_sorted(), "{walked:?}");
    }

    #[test]
    fn names_that_are_not_utf8_have_their_place_in_the_order() {
        let (_folder, root) = folder();
        for path in [&b"9"[..], b"10", b"2\xff", b"11\xff"] {
            put(&root, OsStr::from_bytes(path), "");
        }
        assert_eq!(walk(&root, None), ["2\u{fffd} 0", "9 0", "10 0", "11\u{fffd} 0"]);
    }

    #[test]
    fn links_out_of_the_folder_are_reported_and_links_inside_are_files() {
        let (folder, root) = folder();
        put(&root, "a/file.txt", "abc");
        put(folder.path(), "secret.txt", "secret");
        symlink(folder.path().join("secret.txt"), root.join("a/out")).unwrap();
        symlink("file.txt", root.join("a/same")).unwrap();
        symlink("nowhere", root.join("a/broken")).unwrap();
        symlink("..", root.join("a/round")).unwrap();
        assert_eq!(
            walk(&root, None),
            ["a/broken link_broken", "a/file.txt 3", "a/out link_outside", "a/round link_to_folder", "a/same 3"]
        );
    }

    #[test]
    fn pipes_and_sockets_are_no_files() {
        let (_folder, root) = folder();
        let _socket = std::os::unix::net::UnixListener::bind(root.join("socket")).unwrap();
        assert_eq!(walk(&root, None), ["socket not_a_file"]);
    }

    #[test]
    fn names_that_are_not_utf8_are_kept_as_bytes() {
        let (_folder, root) = folder();
        put(&root, OsStr::from_bytes(b"a/caf\xe9.txt"), "x");
        let found: Vec<Found> = Walker::new(&root, None).collect();
        let [Found::File(file)] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(file.path, "a/caf\u{fffd}.txt");
        assert_eq!(file.path_raw.as_deref(), Some(b"a/caf\xe9.txt".as_slice()));
    }

    fn paths(root: &Path) -> Vec<String> {
        let path = |found| match found {
            Found::File(file) => file.path,
            Found::Fault(fault) => panic!("{fault:?}"),
        };
        Walker::new(root, None).map(path).collect()
    }

    #[test]
    fn names_that_look_the_same_stay_apart() {
        let (_folder, root) = folder();
        for name in [b"a/caf\xe8.txt", b"a/caf\xe9.txt", b"a/caf\xea.txt"] {
            put(&root, OsStr::from_bytes(name), "x");
        }
        assert_eq!(paths(&root), ["a/caf\u{fffd}.txt", "a/caf\u{fffd} (2).txt", "a/caf\u{fffd} (3).txt"]);
    }

    #[test]
    fn files_at_the_top_make_a_dossier_of_the_folders_name() {
        let (_folder, root) = folder();
        put(&root, "letter.txt", "x");
        assert_eq!(paths(&root), ["papers/letter.txt"]);
        put(&root, "papers/letter.txt", "y");
        assert_eq!(paths(&root), ["papers (files)/letter.txt", "papers/letter.txt"]);
    }

    #[test]
    fn the_longest_names_are_taken() {
        let (_folder, root) = folder();
        let latin = "n".repeat(255);
        let arabic = "م".repeat(127);
        put(&root, &latin, "x");
        put(&root, &arabic, "x");
        assert_eq!(walk(&root, None), [format!("{latin} 1"), format!("{arabic} 1")]);
    }

    #[test]
    fn the_office_does_not_take_itself_in() {
        let (_folder, root) = folder();
        put(&root, "data/db/cartulary.sqlite", "x");
        put(&root, "paper.txt", "x");
        assert_eq!(walk(&root, Some(root.join("data"))), ["data data_folder", "paper.txt 1"]);
    }
}
