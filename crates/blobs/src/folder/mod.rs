//! Blobs as files of one folder: `sha256/00` … `sha256/ff` for what is stored, `staging` for what is on its way in.

mod at_hand;
mod probe;
mod read;
mod walk;
mod write;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use uuid::Uuid;

use crate::StorageKey;
use crate::error::{BlobError, Result};

pub(crate) use read::FileCursor;
pub(crate) use walk::{list, list_part, timestamp};
pub(crate) use write::{FileSink, StagedFile};

/// The folder of what is stored.
const STORED: &str = "sha256";

/// The folder of what is on its way in, so that a sweep need not walk what is stored. Only small blobs, which come at
/// once, are written under their key.
const STAGING: &str = "staging";

/// A store in a folder.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    root: Arc<Path>,
    reserve_bytes: u64,
}

impl Folder {
    /// Opens the folder, and makes what is missing of it. Blocks.
    pub(crate) fn open(path: &Path, reserve_bytes: u64) -> Result<Self> {
        let open = |path: &Path| -> io::Result<PathBuf> {
            make_durable_folder(path)?;
            let root = fs::canonicalize(path)?;
            let stored = root.join(STORED);
            make_folder(&stored)?;
            make_folder(&root.join(STAGING))?;
            for first in 0..=u8::MAX {
                make_folder(&stored.join(format!("{first:02x}")))?;
            }
            // Also when nothing was made: whoever made the folders may have been cut off before this.
            sync_folder(&stored)?;
            sync_folder(&root)?;
            Ok(root)
        };
        let root = open(path).map_err(|source| BlobError::Io { act: "open the folder of the blobs", source })?;
        Ok(Self { root: root.into(), reserve_bytes })
    }

    /// Returns the path of a key.
    pub(crate) fn path_of(&self, key: &StorageKey) -> PathBuf {
        self.root.join(key.to_string())
    }

    /// Returns a path in the staging folder that nobody else has.
    pub(crate) fn new_staging_path(&self) -> PathBuf {
        self.root.join(STAGING).join(Uuid::now_v7().simple().to_string())
    }

    /// Returns how many bytes are free for this process on the folder's file system.
    pub(crate) fn free_bytes(&self) -> Result<u64> {
        let figures = rustix::fs::statvfs(&*self.root)
            .map_err(|errno| BlobError::Io { act: "ask for the free space", source: errno.into() })?;
        Ok(figures.f_bavail.saturating_mul(figures.f_frsize))
    }

    /// Refuses when `needed_bytes` more would leave less than the reserve.
    pub(crate) fn check_space(&self, needed_bytes: Option<u64>) -> Result<()> {
        let free_bytes = self.free_bytes()?;
        let wanted = self.reserve_bytes.saturating_add(needed_bytes.unwrap_or(0));
        if free_bytes >= wanted {
            return Ok(());
        }
        Err(BlobError::NoSpace { needed_bytes, reserve_bytes: self.reserve_bytes, free_bytes })
    }

    /// Removes the file of a key; one that is not there counts as removed. Not synced: after a power loss it may be
    /// back, which is harmless. Blocks.
    pub(crate) fn delete(&self, key: &StorageKey) -> Result<()> {
        let path = self.path_of(key);
        match fs::remove_file(&path) {
            Ok(()) => Ok(()),
            Err(error) => match self.missing_or(&path, "delete a blob", error) {
                BlobError::NotFound => Ok(()),
                other => Err(other),
            },
        }
    }

    /// Tells apart a file that is missing from a folder that is gone: an unmounted disk has not lost its blobs.
    fn missing_or(&self, path: &Path, act: &'static str, source: io::Error) -> BlobError {
        let is_missing = source.kind() == io::ErrorKind::NotFound && path.parent().is_some_and(Path::is_dir);
        if is_missing { BlobError::NotFound } else { self.fault(act, source) }
    }

    /// Keeps apart a full disk, and one that is away or only to be read, which the caller answers in their own way.
    pub(crate) fn fault(&self, act: &'static str, source: io::Error) -> BlobError {
        let is_full = matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
        if is_full {
            let free_bytes = self.free_bytes().unwrap_or(0);
            return BlobError::NoSpace { needed_bytes: None, reserve_bytes: self.reserve_bytes, free_bytes };
        }
        // A disk that is not mounted, or only to be read: the bytes are as good as before, and a person has to act.
        let is_out_of_reach = matches!(source.kind(), io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::NotFound);
        if is_out_of_reach {
            return BlobError::Unavailable { source: source.into() };
        }
        BlobError::Io { act, source }
    }

    /// Says why nothing can be stored now, although there may be room: the folder is gone, another one lies in its place,
    /// or it is only to be read.
    pub(crate) fn check_reach(&self) -> Result<()> {
        use rustix::fs::{Access, access};
        let wanted = Access::WRITE_OK | Access::EXEC_OK;
        for folder in [self.root.join(STAGING), self.root.join(STORED).join("00")] {
            access(&folder, wanted).map_err(|errno| BlobError::Unavailable {
                source: format!("`{}`: {}", folder.display(), io::Error::from(errno)).into(),
            })?;
        }
        Ok(())
    }
}

/// Makes a folder, unless it is there.
fn make_folder(path: &Path) -> io::Result<()> {
    match fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Makes a folder and those above it, and syncs each folder whose entries changed.
fn make_durable_folder(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let above = path.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    make_durable_folder(above)?;
    make_folder(path)?;
    sync_folder(above)
}

/// Makes durable which files a folder has.
fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}
