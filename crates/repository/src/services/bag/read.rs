//! Opens a bag that somebody brings (RFC 8493): unpacks it where nothing can leave its folder, and finds all that is wrong.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256, Sha512};

use crate::{RepositoryError, Result};

/// How many faults are named.
const FAULTS_MAX: usize = 1_000;
/// More files than this no bag has.
const FILES_MAX: u64 = 10_000_000;
/// The longest path. *Units*: bytes.
const PATH_BYTES_MAX: usize = 1_024;
/// The longest line of a manifest, and the longest extended header of a tar. *Units*: bytes.
const LINE_BYTES_MAX: u64 = 64 * 1024;
/// The longest tag file that is read. *Units*: bytes.
const TAG_BYTES_MAX: u64 = 1024 * 1024;
/// Names that are devices on some systems, whatever their ending.
const DEVICES: [&str; 10] = ["con", "prn", "aux", "nul", "com1", "com2", "com3", "lpt1", "lpt2", "lpt3"];

/// One thing that is wrong with a bag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BagFault {
    /// A stable snake_case code.
    pub code: &'static str,
    /// The file in the bag, or what in it.
    pub path: String,
    /// What is wrong, for a person.
    pub detail: String,
}

/// All that is wrong with a bag; the first 1,000 are named.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    pub named: Vec<BagFault>,
    pub count: u64,
}

impl Faults {
    pub(crate) fn add(&mut self, code: &'static str, path: impl Into<String>, detail: impl Into<String>) {
        self.count += 1;
        if self.named.len() < FAULTS_MAX {
            // What a stranger called a file is shown as it is, and not at any length.
            let path: String = path.into().chars().take(PATH_BYTES_MAX).collect();
            self.named.push(BagFault { code, path, detail: detail.into() });
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }
}

/// A bag on this machine's disk.
pub(crate) struct OpenBag {
    pub folder: PathBuf,
    /// The files below it and their lengths.
    pub files: BTreeMap<String, u64>,
    _scratch: Option<Scratch>,
}

struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Opens a bag: a folder as it is, a tar unpacked below `work_dir`. Waits for the disk.
pub(crate) fn open(path: &Path, work_dir: &Path, faults: &mut Faults) -> Result<OpenBag> {
    let is_folder = fs::metadata(path).map_err(unreadable)?.is_dir();
    let (mut folder, scratch) = if is_folder {
        (path.to_owned(), None)
    } else {
        let scratch = Scratch(work_dir.join(format!("bag-{}", uuid::Uuid::now_v7())));
        fs::create_dir_all(&scratch.0).map_err(stored)?;
        unpack(File::open(path).map_err(unreadable)?, &scratch.0, faults)?;
        (scratch.0.clone(), Some(scratch))
    };
    if !folder.join("bagit.txt").is_file()
        && let Some(inner) = only_folder_in(&folder)
    {
        folder = inner;
    }
    let mut files = BTreeMap::new();
    list(&folder, "", &mut files, faults)?;
    Ok(OpenBag { folder, files, _scratch: scratch })
}

fn only_folder_in(folder: &Path) -> Option<PathBuf> {
    let mut entries = fs::read_dir(folder).ok()?;
    let first = entries.next()?.ok()?;
    let is_alone = entries.next().is_none();
    (is_alone && first.file_type().ok()?.is_dir()).then(|| first.path())
}

#[expect(clippy::needless_pass_by_value, reason = "it stands in `map_err`")]
fn unreadable(error: std::io::Error) -> RepositoryError {
    RepositoryError::invalid("bag", "unreadable", error.to_string())
}

fn stored(error: std::io::Error) -> RepositoryError {
    match error.kind() {
        std::io::ErrorKind::StorageFull => RepositoryError::StorageFull,
        _ => RepositoryError::internal(error),
    }
}

/// Returns a path whose names lead nowhere but below the bag; nothing of any other.
pub(crate) fn safe(path: &str) -> Option<String> {
    let is_odd = |name: &str| {
        let stem = name.split('.').next().unwrap_or_default().to_ascii_lowercase();
        name.is_empty()
            || name == ".."
            || name.ends_with(['.', ' '])
            || name.contains(['\\', ':', '\0'])
            || name.chars().any(char::is_control)
            || DEVICES.contains(&stem.as_str())
    };
    if path.len() > PATH_BYTES_MAX || path.starts_with('/') {
        return None;
    }
    let names: Vec<&str> = path.strip_suffix('/').unwrap_or(path).split('/').filter(|name| *name != ".").collect();
    let is_safe = !names.is_empty() && !names.iter().any(|name| is_odd(name));
    is_safe.then(|| names.join("/"))
}

/// Unpacks a tar into an empty folder: files and folders, and nothing that points elsewhere.
fn unpack(file: File, folder: &Path, faults: &mut Faults) -> Result<()> {
    let mut archive = tar::Archive::new(BufReader::new(file));
    let entries = archive.entries().map_err(unreadable)?.raw(true);
    let (mut count, mut long_name) = (0, None);
    for entry in entries {
        let mut entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                faults.add("not_a_tar", "", format!("the tar breaks off or is damaged: {error}"));
                return Ok(());
            }
        };
        count += 1;
        if count > FILES_MAX {
            faults.add("too_many_files", "", format!("a bag has at most {FILES_MAX} files"));
            return Ok(());
        }
        let kind = entry.header().entry_type();
        if kind.is_gnu_longname() || kind.is_pax_local_extensions() || kind.is_pax_global_extensions() {
            match extended(&mut entry, kind)? {
                Some(name) => long_name = name.or(long_name),
                None => faults.add("unsafe_header", "", "an extended header is too long, or says what is not taken"),
            }
            continue;
        }
        let bytes = long_name.take().unwrap_or_else(|| entry.path_bytes().into_owned());
        let name = String::from_utf8_lossy(&bytes).into_owned();
        let Some(path) = std::str::from_utf8(&bytes).ok().and_then(safe) else {
            let is_top = matches!(name.as_str(), "." | "./");
            if !is_top {
                faults.add("unsafe_path", name, "leads out of the bag, or is no name on every system");
            }
            continue;
        };
        let place = folder.join(&path);
        if kind.is_dir() {
            fs::create_dir_all(&place).map_err(stored)?;
            continue;
        }
        if !kind.is_file() {
            faults.add("not_a_file", path, "is a link, a device or a file of holes: a bag has files and folders only");
            continue;
        }
        if let Some(parent) = place.parent()
            && let Err(error) = fs::create_dir_all(parent)
        {
            if error.kind() == std::io::ErrorKind::StorageFull {
                return Err(RepositoryError::StorageFull);
            }
            faults.add("duplicate_path", path, "is a file and a folder");
            continue;
        }
        match File::create_new(&place) {
            Ok(mut target) => {
                std::io::copy(&mut entry, &mut target).map_err(stored)?;
                target.flush().map_err(stored)?;
            }
            Err(error) if error.kind() == std::io::ErrorKind::StorageFull => return Err(RepositoryError::StorageFull),
            Err(_) => faults.add("duplicate_path", path, "is there twice"),
        }
    }
    Ok(())
}

/// Reads a header that gives the next file a longer name: `Some(None)` when it says nothing of names, `None` when it cannot
/// be taken.
fn extended<R: Read>(entry: &mut tar::Entry<'_, R>, kind: tar::EntryType) -> Result<Option<Option<Vec<u8>>>> {
    if entry.size() > LINE_BYTES_MAX {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes).map_err(unreadable)?;
    if kind.is_pax_global_extensions() {
        return Ok(Some(None));
    }
    if kind.is_gnu_longname() {
        while bytes.last() == Some(&0) {
            bytes.pop();
        }
        return Ok(Some(Some(bytes)));
    }
    let mut name = None;
    for record in tar::PaxExtensions::new(&bytes) {
        let Ok(record) = record else { return Ok(None) };
        match record.key() {
            Ok("path") => name = Some(record.value_bytes().to_vec()),
            // The length of the file would be another than its header says.
            Ok("size" | "linkpath") | Err(_) => return Ok(None),
            Ok(key) if key.starts_with("GNU.sparse") => return Ok(None),
            Ok(_) => {}
        }
    }
    Ok(Some(name))
}

/// Lists the files of a folder; a link is not followed.
fn list(folder: &Path, below: &str, files: &mut BTreeMap<String, u64>, faults: &mut Faults) -> Result<()> {
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let shown = format!("{below}{}", entry.file_name().to_string_lossy());
        let is_fit = entry.file_name().to_str().is_some_and(|_| safe(&shown).as_deref() == Some(shown.as_str()));
        if !is_fit {
            faults.add("unsafe_path", shown, "is no name on every system");
            continue;
        }
        let kind = entry.file_type().map_err(unreadable)?;
        if kind.is_dir() {
            list(&entry.path(), &format!("{shown}/"), files, faults)?;
        } else if kind.is_file() {
            files.insert(shown, entry.metadata().map_err(unreadable)?.len());
        } else {
            faults.add("not_a_file", shown, "is a link or a device: a bag has files and folders only");
        }
    }
    Ok(())
}

/// The digests that a bag has manifests of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Algorithm {
    Sha256,
    Sha512,
}

impl Algorithm {
    const ALL: [Self; 2] = [Self::Sha256, Self::Sha512];

    const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    const fn digits(self) -> usize {
        match self {
            Self::Sha256 => 64,
            Self::Sha512 => 128,
        }
    }
}

/// Finds what is wrong with a bag as a bag, whatever is in it: its declaration, its manifests, each byte.
pub(crate) fn validate(bag: &OpenBag, faults: &mut Faults) -> Result<()> {
    declaration(bag, faults)?;
    if bag.files.contains_key("fetch.txt") {
        faults.add("fetch", "fetch.txt", "names files that are elsewhere: nothing is fetched");
    }
    let mut expected: HashMap<String, [Option<String>; 2]> = HashMap::new();
    let mut has_any = false;
    for (place, algorithm) in Algorithm::ALL.into_iter().enumerate() {
        for (prefix, is_payload) in [("manifest", true), ("tagmanifest", false)] {
            let name = format!("{prefix}-{}.txt", algorithm.name());
            if !bag.files.contains_key(&name) {
                continue;
            }
            has_any |= is_payload;
            let listed = manifest(bag, &name, algorithm, faults)?;
            for path in bag.files.keys().filter(|path| is_payload && path.starts_with("data/")) {
                if !listed.contains_key(path) {
                    faults.add("not_in_manifest", path, format!("`{name}` does not name it"));
                }
            }
            for (path, digest) in listed {
                if path.starts_with("data/") != is_payload {
                    faults.add("wrong_manifest", &path, format!("does not belong into `{name}`"));
                } else if !bag.files.contains_key(&path) {
                    faults.add("missing_file", &path, format!("`{name}` names it"));
                } else if let Some(slot) = expected.entry(path).or_default().get_mut(place) {
                    *slot = Some(digest);
                }
            }
        }
    }
    if !has_any {
        faults.add("manifest_missing", "manifest-sha256.txt", "there is no manifest with SHA-256 or SHA-512");
    }
    for (path, digests) in expected {
        compare(bag, &path, &digests, faults)?;
    }
    Ok(())
}

fn declaration(bag: &OpenBag, faults: &mut Faults) -> Result<()> {
    let text = tag(bag, "bagit.txt", faults)?;
    let is_one = text.starts_with("BagIt-Version: 1.0\n") || text.starts_with("BagIt-Version: 1.0\r\n");
    let is_older = text.starts_with("BagIt-Version: 0.97");
    if !(is_one || is_older) || !text.contains("Tag-File-Character-Encoding: UTF-8") {
        faults.add("not_a_bag", "bagit.txt", "does not say that this is a bag of version 1.0 in UTF-8");
    }
    if !bag.files.contains_key("bag-info.txt") {
        return Ok(());
    }
    let info = tag(bag, "bag-info.txt", faults)?;
    if let Some(said) = info.lines().find_map(|line| line.strip_prefix("Payload-Oxum:")) {
        let payload = || bag.files.iter().filter(|(path, _)| path.starts_with("data/")).map(|(_, size)| *size);
        let found = format!("{}.{}", payload().sum::<u64>(), payload().count());
        if said.trim() != found {
            faults.add("wrong_oxum", "bag-info.txt", format!("says {}, and there is {found}", said.trim()));
        }
    }
    Ok(())
}

fn tag(bag: &OpenBag, name: &str, faults: &mut Faults) -> Result<String> {
    let Some(size) = bag.files.get(name) else {
        faults.add("missing_file", name, "a bag has it");
        return Ok(String::new());
    };
    if *size > TAG_BYTES_MAX {
        faults.add("too_large", name, "is longer than 1 MiB");
        return Ok(String::new());
    }
    let bytes = fs::read(bag.folder.join(name)).map_err(unreadable)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Reads a manifest: digests by path.
fn manifest(bag: &OpenBag, name: &str, algorithm: Algorithm, faults: &mut Faults) -> Result<BTreeMap<String, String>> {
    let mut reader = BufReader::new(File::open(bag.folder.join(name)).map_err(unreadable)?);
    let mut listed = BTreeMap::new();
    let mut number = 0_u64;
    loop {
        let mut line = Vec::new();
        let count = (&mut reader).take(LINE_BYTES_MAX).read_until(b'\n', &mut line).map_err(unreadable)?;
        if count == 0 {
            return Ok(listed);
        }
        number += 1;
        let place = format!("{name}:{number}");
        if count as u64 == LINE_BYTES_MAX {
            faults.add("malformed_manifest", place, "a line is too long");
            return Ok(listed);
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end_matches(['\n', '\r']);
        let Some((digest, path)) = text.split_once([' ', '\t']) else {
            faults.add("malformed_manifest", place, "is no digest and path");
            continue;
        };
        let path = path.trim_start_matches([' ', '\t', '*']);
        let path = path.replace("%0A", "\n").replace("%0a", "\n").replace("%0D", "\r").replace("%0d", "\r");
        let path = path.replace("%25", "%");
        let Some(path) = safe(&path) else {
            faults.add("unsafe_path", path, format!("`{place}` leads out of the bag, or is no name on every system"));
            continue;
        };
        let is_digest = digest.len() == algorithm.digits() && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_digest {
            faults.add("malformed_manifest", place, format!("has no digest of {} hex digits", algorithm.digits()));
        } else if listed.insert(path.clone(), digest.to_ascii_lowercase()).is_some() {
            faults.add("duplicate_path", path, format!("stands in `{name}` twice"));
        }
    }
}

/// Compares a file with the digests that manifests have of it.
fn compare(bag: &OpenBag, path: &str, expected: &[Option<String>; 2], faults: &mut Faults) -> Result<()> {
    let mut file = File::open(bag.folder.join(path)).map_err(unreadable)?;
    let (mut sha256, mut sha512) = (Sha256::new(), Sha512::new());
    let mut chunk = vec![0; 256 * 1024];
    let [wants_256, wants_512] = expected;
    loop {
        let count = file.read(&mut chunk).map_err(unreadable)?;
        let bytes = chunk.get(..count).unwrap_or_default();
        if bytes.is_empty() {
            break;
        }
        if wants_256.is_some() {
            sha256.update(bytes);
        }
        if wants_512.is_some() {
            sha512.update(bytes);
        }
    }
    let found = [hex::encode(sha256.finalize()), hex::encode(sha512.finalize())];
    for ((wanted, found), algorithm) in expected.iter().zip(&found).zip(Algorithm::ALL) {
        if wanted.as_ref().is_some_and(|wanted| wanted != found) {
            faults.add("wrong_digest", path, format!("does not have the digest of `manifest-{}`", algorithm.name()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::safe;

    #[test]
    fn a_path_that_leads_elsewhere_is_none() {
        for path in ["/a", "../a", "a/../b", "a//b", "", "a\\b", "C:a", "con", "data/NUL.txt", "a\0", "a.", "a\nb"] {
            assert_eq!(safe(path), None, "{path:?}");
        }
        assert_eq!(safe("./data/a b.json").as_deref(), Some("data/a b.json"));
        assert_eq!(safe("data/").as_deref(), Some("data"));
        assert_eq!(safe("data/ملف").as_deref(), Some("data/ملف"));
    }
}
