//! A target of backups: where the copies go, how often, and for whom they are sealed. One file of the configuration each.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use cartulary_blobs::{Shelf, ShelfConfig};
use cartulary_model::BlobDigest;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::BackupError;

/// The file that says what a shelf is, in the clear.
pub(super) const MARK: &str = "cartulary-backup.json";
/// The one-page instruction that lies beside it.
pub(super) const INSTRUCTION: &str = "READ-ME.txt";
/// The recovery key, sealed by a passphrase.
pub(super) const SEALED_KEY: &str = "key.age";
/// The form of what lies on a shelf.
pub(super) const FORMAT: u32 = 1;

/// A target, as its file in the configuration says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BackupTarget {
    /// How often a backup is begun by itself; 0: never. *Units*: hours.
    pub every_hours: u32,
    /// How fast it may write at most; 0: as fast as it goes. *Units*: bytes a second.
    pub bytes_per_second: u64,
    /// How many backups are kept; older ones go.
    pub keep: u32,
    /// For whom everything is sealed: the public part of the recovery key (age1…).
    pub recipient: String,
    /// What makes the names on the shelf say nothing of what they name. *Shape*: 64 hex digits.
    pub name_key: String,
    /// Where the shelf is.
    pub shelf: ShelfConfig,
}

/// What a shelf says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Mark {
    pub format: u32,
    pub recipient: String,
}

/// The targets of an office: the files of one folder, each named as its target.
#[derive(Clone, Debug, Default)]
pub(super) struct Targets {
    pub folder: PathBuf,
}

impl Targets {
    /// Returns the names of all targets, in order.
    pub(super) fn names(&self) -> std::io::Result<Vec<String>> {
        let entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut names = Vec::new();
        for entry in entries {
            let path = entry?.path();
            let stem = path.file_stem().and_then(|stem| stem.to_str()).filter(|stem| is_name(stem));
            if let Some(stem) = stem.filter(|_| path.extension().is_some_and(|end| end == "toml")) {
                names.push(stem.to_owned());
            }
        }
        names.sort();
        Ok(names)
    }

    /// Reads a target.
    pub(super) fn read(&self, name: &str) -> Result<BackupTarget, BackupError> {
        if !is_name(name) {
            return Err(BackupError::NoTarget { name: name.to_owned() });
        }
        let path = self.path(name);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(BackupError::NoTarget { name: name.to_owned() });
            }
            Err(source) => return Err(BackupError::File { path, source }),
        };
        toml::from_str(&text).map_err(|error| BackupError::BadTarget { path, reason: error.to_string() })
    }

    /// Writes a target that is not there yet.
    pub(super) fn write(&self, name: &str, target: &BackupTarget) -> Result<PathBuf, BackupError> {
        let path = self.path(name);
        let failed = |source| BackupError::File { path: path.clone(), source };
        std::fs::create_dir_all(&self.folder).map_err(failed)?;
        let text = toml::to_string(target)
            .map_err(|error| BackupError::BadTarget { path: path.clone(), reason: error.to_string() })?;
        let text = format!("# A target of backups, made by `cartulary backup setup`.\n{text}");
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(&path).map_err(failed)?;
        std::io::Write::write_all(&mut file, text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
        Ok(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.toml"))
    }
}

/// Says whether a word names a target: it becomes a file's name.
pub(super) fn is_name(word: &str) -> bool {
    (1..=40).contains(&word.len())
        && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !word.starts_with('-')
}

impl BackupTarget {
    /// Returns who everything is sealed for.
    pub(super) fn recipient(&self) -> Result<age::x25519::Recipient, BackupError> {
        age::x25519::Recipient::from_str(&self.recipient)
            .map_err(|reason| BackupError::BadKey { what: "recipient", reason: reason.to_owned() })
    }

    /// Returns what makes names.
    pub(super) fn name_key(&self) -> Result<NameKey, BackupError> {
        NameKey::parse(&self.name_key)
    }

    /// Opens the shelf, if it is the one that this target means: an empty folder where a disk belongs is not.
    pub(super) async fn open(&self) -> Result<Shelf, BackupError> {
        let shelf = Shelf::open(&self.shelf)?;
        match read_mark(&shelf).await? {
            Some(mark) if mark.recipient == self.recipient => Ok(shelf),
            Some(_) => Err(BackupError::OtherShelf { place: self.shelf.to_string() }),
            None => Err(BackupError::NoShelf { place: self.shelf.to_string() }),
        }
    }
}

/// Returns what a shelf says of itself; nothing where there is no such thing.
pub(super) async fn read_mark(shelf: &Shelf) -> Result<Option<Mark>, BackupError> {
    const MARK_BYTES_MAX: usize = 64 * 1024;
    match super::seal::read_small(shelf, MARK, MARK_BYTES_MAX).await? {
        None => Ok(None),
        Some(bytes) => {
            let mark: Mark = serde_json::from_slice(&bytes)
                .map_err(|error| BackupError::Damaged { name: MARK.to_owned(), reason: error.to_string() })?;
            if mark.format > FORMAT {
                return Err(BackupError::NewerFormat);
            }
            Ok(Some(mark))
        }
    }
}

/// Lays text down on a shelf.
pub(super) async fn put_text(shelf: &Shelf, scratch: &Path, name: &str, text: &[u8]) -> Result<(), BackupError> {
    let desk = shelf.desk(scratch).await?;
    let path = desk.join(uuid::Uuid::now_v7().to_string());
    tokio::fs::write(&path, text).await.map_err(|source| BackupError::File { path: path.clone(), source })?;
    Ok(shelf.put(name, path).await?)
}

/// Makes names from digests that say nothing to who does not have it: who finds the disk cannot ask it for a known paper.
#[derive(Clone)]
pub(super) struct NameKey(Vec<u8>);

impl NameKey {
    pub(super) fn parse(text: &str) -> Result<Self, BackupError> {
        let bytes = hex::decode(text).ok().filter(|bytes| bytes.len() == 32);
        bytes
            .map(Self)
            .ok_or_else(|| BackupError::BadKey { what: "nameKey", reason: "it has 64 hex digits".to_owned() })
    }

    /// Returns the name of the bytes with this digest. *Shape*: 64 hex digits.
    pub(super) fn name(&self, digest: &BlobDigest) -> Result<String, BackupError> {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&self.0)
            .map_err(|error| BackupError::BadKey { what: "nameKey", reason: error.to_string() })?;
        mac.update(digest.to_string().as_bytes());
        Ok(hex::encode(mac.finalize().into_bytes()))
    }
}
