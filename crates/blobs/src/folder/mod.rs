//! Blobs as files of one folder: `sha256/00` … `sha256/ff` for what is stored, `staging` for what is on its way in.

mod at_hand;
mod probe;
mod read;
mod sync;
mod walk;
mod write;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::error::{BlobError, Result};
use crate::lane::Lane;
use crate::{FolderSettings, MasterKeys, StorageKey};

use sync::{SyncPace, sync_folder};

pub(crate) use read::FileCursor;
pub(crate) use walk::{list, list_part, timestamp};
pub(crate) use write::{FileSink, StagedFile};

/// The folder of what is stored.
const STORED: &str = "sha256";

/// The folder of what is on its way in, so that a sweep need not walk what is stored. Only small blobs, which come at
/// once, are written under their key.
const STAGING: &str = "staging";

/// The folder of what lay in the place of a blob and was none. It is made when it is needed, and nobody here looks into it.
const ASIDE: &str = "set-aside";

/// So long is a look at the free space good for, if there was [`AMPLE_BYTES`] more than is wanted.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// More than any disk takes in within [`LOOK_EVERY`]. *Units*: bytes.
const AMPLE_BYTES: u64 = 1024 * 1024 * 1024;

/// A store in a folder.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    root: Arc<Path>,
    reserve_bytes: u64,
    lane: Lane,
    keys: Option<Arc<MasterKeys>>,
    opens_from_memory: bool,
    last_look: Arc<Mutex<Option<(Instant, u64)>>>,
    sync_pace: Arc<SyncPace>,
}

impl Folder {
    /// Opens the folder by a lane of its own, and makes what is missing of it. Blocks.
    pub(crate) fn open(settings: &FolderSettings, keys: Option<Arc<MasterKeys>>, lane: Lane) -> Result<Self> {
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
        let root =
            open(&settings.path).map_err(|source| BlobError::Io { act: "open the folder of the blobs", source })?;
        Ok(Self {
            opens_from_memory: at_hand::opens_from_memory(&root),
            root: root.into(),
            reserve_bytes: settings.reserve_bytes,
            lane,
            keys,
            last_look: Arc::default(),
            sync_pace: Arc::default(),
        })
    }

    /// Returns the way of all calls that may block.
    pub(crate) const fn lane(&self) -> &Lane {
        &self.lane
    }

    /// Returns the master keys, if the blobs are to be sealed.
    pub(crate) const fn keys(&self) -> Option<&Arc<MasterKeys>> {
        self.keys.as_ref()
    }

    /// Does something with the folder on a thread that may block.
    ///
    /// # Errors
    /// As `act`; [`BlobError::Unavailable`] when the disk does not answer in time.
    pub(crate) async fn run<T, F>(&self, act: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Self) -> Result<T> + Send + 'static,
    {
        let folder = self.clone();
        self.lane.run(move || act(&folder)).await
    }

    /// Returns the path of a key.
    pub(crate) fn path_of(&self, key: &StorageKey) -> PathBuf {
        self.root.join(key.to_string())
    }

    /// Returns a path in the staging folder that nobody else has.
    pub(crate) fn new_staging_path(&self) -> PathBuf {
        self.root.join(STAGING).join(Uuid::now_v7().simple().to_string())
    }

    /// Returns how many bytes are free for this process on the folder's file system. Blocks.
    pub(crate) fn free_bytes(&self) -> Result<u64> {
        let figures = rustix::fs::statvfs(&*self.root)
            .map_err(|errno| BlobError::Io { act: "ask for the free space", source: errno.into() })?;
        Ok(figures.f_bavail.saturating_mul(figures.f_frsize))
    }

    /// Says whether there was so much room a moment ago that there still must be. Does not block.
    pub(crate) fn had_room(&self, needed_bytes: Option<u64>) -> bool {
        let wanted = self.reserve_bytes.saturating_add(needed_bytes.unwrap_or(0)).saturating_add(AMPLE_BYTES);
        let last_look = *self.last_look.lock().unwrap_or_else(PoisonError::into_inner);
        last_look.is_some_and(|(at, free_bytes)| at.elapsed() < LOOK_EVERY && free_bytes >= wanted)
    }

    /// Refuses when `needed_bytes` more would leave less than the reserve. Blocks.
    pub(crate) fn check_space(&self, needed_bytes: Option<u64>) -> Result<()> {
        let free_bytes = self.free_bytes()?;
        *self.last_look.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), free_bytes));
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
            Err(error) if error.kind() == io::ErrorKind::IsADirectory => {
                self.set_aside(key).map_err(|error| self.fault("delete a blob", error))
            }
            Err(error) => match self.missing_or(&path, "delete a blob", error) {
                BlobError::NotFound => Ok(()),
                other => Err(other),
            },
        }
    }

    /// Moves a folder that lies in the place of a key's file to where it harms nobody. Blocks.
    ///
    /// It is not ours, so it is not removed: a person, or a tool that mended the file system, made it, and may have put
    /// something into it. Nor does it go where staging files do, which are listed and swept. What the store has acknowledged
    /// is not in it: a blob is a file.
    fn set_aside(&self, key: &StorageKey) -> io::Result<()> {
        let aside = self.root.join(ASIDE);
        make_folder(&aside)?;
        let target = aside.join(format!("{}-{}", key.digest(), Uuid::now_v7().simple()));
        let path = self.path_of(key);
        fs::rename(&path, &target).map_err(|error| {
            let words =
                format!("the folder `{}` lies in the place of a blob and cannot be moved: {error}", path.display());
            io::Error::new(error.kind(), words)
        })?;
        tracing::warn!(path = %path.display(), moved_to = %target.display(), "a folder lay in the place of a blob");
        sync_folder(&aside)?;
        sync_folder(&self.root)
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
    /// Blocks.
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
