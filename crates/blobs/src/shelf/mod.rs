//! A shelf: a place outside the office, on a removable disk, a share or in a bucket, where finished files are laid down by name.
//!
//! It is no store of blobs: names are the caller's, files are small in number of kinds and sealed by whoever lays them down.
//! A file is there whole or not at all: it is written under another name, synced and renamed, or uploaded in one act.

mod bucket;
mod folder;

use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};

use crate::S3Config;
use crate::error::{BlobError, Result};
use crate::objects::Objects;

/// The longest name, so that any file system takes it. *Units*: bytes.
const NAME_MAX: usize = 400;

/// Says where a shelf is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum ShelfConfig {
    /// A folder: of a removable disk, of a share.
    Folder {
        /// The folder, with its full path.
        path: PathBuf,
    },
    /// A bucket of an S3-compatible store.
    S3(Box<S3Config>),
}

impl std::fmt::Display for ShelfConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Folder { path } => write!(f, "the folder {}", path.display()),
            Self::S3(config) => write!(f, "the bucket {} {}", config.bucket, config.prefix),
        }
    }
}

/// A file on a shelf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShelfItem {
    /// Its name, with `/` between folders.
    pub name: String,
    /// Its size. *Units*: bytes.
    pub size_bytes: u64,
}

/// A shelf. Cheap to clone; every clone is the same one.
#[derive(Clone, Debug)]
pub struct Shelf {
    place: Place,
}

#[derive(Clone, Debug)]
enum Place {
    Folder(PathBuf),
    Bucket(Objects),
}

impl Shelf {
    /// Opens a shelf. Nothing is made or sent: a disk that is not there is noticed by the first act.
    ///
    /// # Errors
    /// [`BlobError::Config`] for settings that cannot be used, or secrets that cannot be read; also for a master key: whoever
    /// lays files down seals them.
    pub fn open(config: &ShelfConfig) -> Result<Self, BlobError> {
        if matches!(config, ShelfConfig::S3(config) if !config.key_file.as_os_str().is_empty()) {
            let reason = "it is for the store of an office; what is laid down here is sealed already".to_owned();
            return Err(BlobError::Config { setting: "keyFile", reason });
        }
        let place = match config {
            ShelfConfig::Folder { path } => Place::Folder(path.clone()),
            ShelfConfig::S3(config) => Place::Bucket(Objects::in_bucket(config)?),
        };
        Ok(Self { place })
    }

    /// Returns the folder where a file for this shelf is best written first: on the shelf itself where it is a folder, so
    /// that it need only be renamed; else `scratch`.
    ///
    /// # Errors
    /// [`BlobError::Io`] when it cannot be made.
    pub async fn desk(&self, scratch: &Path) -> Result<PathBuf, BlobError> {
        match &self.place {
            Place::Folder(root) => folder::desk(root.clone()).await,
            Place::Bucket(_) => Ok(scratch.to_owned()),
        }
    }

    /// Lays a file down under a name, in place of what is there; durable when this returns. The file is used up.
    ///
    /// # Errors
    /// [`BlobError::Config`] for a name that is none, [`BlobError::NoSpace`], [`BlobError::Io`], [`BlobError::Unavailable`].
    pub async fn put(&self, name: &str, file: PathBuf) -> Result<(), BlobError> {
        check_name(name)?;
        match &self.place {
            Place::Folder(root) => folder::put(root.clone(), name.to_owned(), file).await,
            Place::Bucket(objects) => bucket::put(objects, name, &file).await,
        }
    }

    /// Returns a file's bytes, from the medium and not from the machine's memory of it where that can be asked for.
    ///
    /// # Errors
    /// [`BlobError::NotFound`], [`BlobError::Io`], [`BlobError::Unavailable`]; also within the stream.
    pub async fn get(&self, name: &str) -> Result<BoxStream<'static, Result<Bytes, BlobError>>, BlobError> {
        check_name(name)?;
        match &self.place {
            Place::Folder(root) => folder::get(root.clone(), name.to_owned()).await,
            Place::Bucket(objects) => bucket::get(objects, name).await,
        }
    }

    /// Returns what lies directly in a folder of the shelf, by name; nothing when there is no such folder.
    ///
    /// # Errors
    /// [`BlobError::Io`], [`BlobError::Unavailable`]; of a folder on a disk that is away too.
    pub async fn list(&self, folder: &str) -> Result<Vec<ShelfItem>, BlobError> {
        check_name(folder)?;
        let mut items = match &self.place {
            Place::Folder(root) => folder::list(root.clone(), folder.to_owned()).await?,
            Place::Bucket(objects) => bucket::list(objects, folder).await?,
        };
        items.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(items)
    }

    /// Takes a file off the shelf; one that is not there counts as taken.
    ///
    /// # Errors
    /// [`BlobError::Io`], [`BlobError::Unavailable`].
    pub async fn delete(&self, name: &str) -> Result<(), BlobError> {
        check_name(name)?;
        match &self.place {
            Place::Folder(root) => folder::delete(root.clone(), name.to_owned()).await,
            Place::Bucket(objects) => bucket::delete(objects, name).await,
        }
    }

    /// Removes what was begun and never laid down, as an end in the middle leaves it.
    ///
    /// # Errors
    /// [`BlobError::Io`].
    pub async fn sweep(&self) -> Result<(), BlobError> {
        match &self.place {
            Place::Folder(root) => folder::sweep(root.clone()).await,
            Place::Bucket(_) => Ok(()),
        }
    }
}

/// Refuses what would leave the shelf, or what some file system does not take.
fn check_name(name: &str) -> Result<()> {
    let is_plain = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
    };
    if name.len() <= NAME_MAX && name.split('/').all(is_plain) {
        return Ok(());
    }
    Err(BlobError::Config { setting: "name", reason: "it is no name of a file on a shelf".to_owned() })
}
