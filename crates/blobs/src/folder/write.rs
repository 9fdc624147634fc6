//! Bytes into files: a blob is stored when its bytes and its name are synced, and not before.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice, Write};
use std::path::PathBuf;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use cartulary_model::BlobDigest;

use super::{Folder, sync_folder};
use crate::StorageKey;
use crate::error::Result;
use crate::lane::{self, Lane};
use crate::sealing::{Intake, sealed_whole};

/// Written between two looks at the free space, in bytes.
const LOOK_EVERY_BYTES: u64 = 16 * 1024 * 1024;

/// A file of the staging folder, which is removed when nobody keeps it, or swept later.
#[derive(Debug)]
pub(crate) struct StagedFile {
    file: File,
    name: StagingName,
}

/// The name of a staging file. Apart from the file, so that it can be removed at once while a thread still writes.
#[derive(Debug)]
struct StagingName {
    path: Option<PathBuf>,
    lane: Lane,
}

impl StagingName {
    /// Removes the file. Blocks.
    fn remove(mut self) {
        if let Some(path) = self.path.take() {
            // Best effort: what stays is swept later.
            let _ = fs::remove_file(path);
        }
    }
}

impl Drop for StagingName {
    fn drop(&mut self) {
        let Some(path) = self.path.take() else { return };
        // Whoever breaks off stands on a thread that others wait for; the disk may be what they gave up on.
        if let (Ok(runtime), Some(slot)) = (Handle::try_current(), self.lane.free_slot()) {
            drop(runtime.spawn_blocking(move || {
                let _held = slot;
                fs::remove_file(path)
            }));
        }
    }
}

impl StagedFile {
    /// Makes a new, empty file. Blocks.
    fn create(folder: &Folder) -> io::Result<Self> {
        let path = folder.new_staging_path();
        let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        Ok(Self { file, name: StagingName { path: Some(path), lane: folder.lane().clone() } })
    }

    /// Removes the file now. Blocks.
    pub(crate) fn remove(self) {
        self.name.remove();
    }

    /// Makes the bytes durable, and then the file durable under a key, replacing what is there. Blocks.
    fn publish(self, folder: &Folder, key: &StorageKey) -> io::Result<()> {
        let target = folder.path_of(key);
        let Self { file, mut name } = self;
        let rename = || name.path.as_ref().map_or(Ok(()), |path| fs::rename(path, &target));
        let renamed = file.sync_all().and_then(|()| rename()).or_else(|error| match error.kind() {
            io::ErrorKind::IsADirectory => folder.set_aside(key).and_then(|()| rename()),
            _ => Err(error),
        });
        if let Err(error) = renamed {
            name.remove();
            return Err(error);
        }
        name.path = None;
        // The name must be durable before anybody relies on it. Whoever renamed first has synced bytes too, so that
        // whichever of two files stays under the name is whole.
        target.parent().map_or(Ok(()), sync_folder)
    }
}

impl Folder {
    /// Writes a small blob durably under a key. Blocks.
    ///
    /// The bytes go straight under their key, which no row names before this has returned: of what a kill or a loss of
    /// power leaves there a later upload of these bytes makes a whole file, and what nobody uploads again is an orphan.
    pub(crate) fn put(&self, chunks: Vec<Bytes>, key: &StorageKey) -> Result<()> {
        let chunks = sealed_whole(self.keys(), chunks, key.digest())?;
        let path = self.path_of(key);
        let mut file = match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return self.replace(&chunks, key),
            Err(error) => return Err(self.fault("store a blob", error)),
        };
        let stored = write_all(&mut file, &chunks).and_then(|()| self.sync_pace.sync_with_name(&file, &path));
        stored.map_err(|error| {
            // Not removed by its name: another upload may have put a whole file there.
            let _ = file.set_len(0);
            self.fault("store a blob", error)
        })
    }

    /// Writes a small blob durably in place of what lies under its key. Blocks.
    fn replace(&self, chunks: &[Bytes], key: &StorageKey) -> Result<()> {
        let replace = || {
            let mut staged = StagedFile::create(self)?;
            if let Err(error) = write_all(&mut staged.file, chunks) {
                staged.remove();
                return Err(error);
            }
            staged.publish(self, key)
        };
        replace().map_err(|error| self.fault("store a blob", error))
    }

    /// Makes a staged file durable under a key. Blocks.
    pub(crate) fn put_staged(&self, staged: StagedFile, key: &StorageKey) -> Result<()> {
        staged.publish(self, key).map_err(|error| self.fault("store a blob", error))
    }
}

/// Writes chunks with as few calls as the system allows.
fn write_all(file: &mut File, chunks: &[Bytes]) -> io::Result<()> {
    let mut slices: Vec<IoSlice<'_>> = chunks.iter().map(|chunk| IoSlice::new(chunk)).collect();
    let mut left = slices.as_mut_slice();
    // Nothing to write is done already, and what is empty is passed over.
    IoSlice::advance_slices(&mut left, 0);
    while !left.is_empty() {
        match file.write_vectored(left) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => IoSlice::advance_slices(&mut left, count),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A large body on its way into a staging file: hashed and written on a blocking thread while the next bytes arrive.
pub(crate) struct FileSink {
    folder: Folder,
    name: StagingName,
    work: Work,
}

enum Work {
    Idle(Box<Progress>),
    Running(JoinHandle<Result<Box<Progress>>>),
    Broken,
}

struct Progress {
    file: File,
    intake: Intake,
    written_bytes: u64,
    looked_at_bytes: u64,
}

impl FileSink {
    /// How much is best written at once, in bytes.
    pub(crate) const BATCH_BYTES: usize = 1024 * 1024;

    /// Begins a staging file.
    pub(crate) async fn begin(folder: &Folder) -> Result<Self> {
        let create = |folder: &Folder| StagedFile::create(folder).map_err(|error| folder.fault("stage a blob", error));
        let StagedFile { file, name } = folder.run(create).await?;
        let progress = Progress { file, intake: Intake::begin(folder.keys())?, written_bytes: 0, looked_at_bytes: 0 };
        Ok(Self { folder: folder.clone(), name, work: Work::Idle(Box::new(progress)) })
    }

    /// Begins to write `batch`, as soon as the one before is written.
    pub(crate) async fn push(&mut self, batch: Vec<Bytes>) -> Result<()> {
        let mut progress = self.settle().await?;
        let folder = self.folder.clone();
        let slot = folder.lane().slot().await?;
        self.work = Work::Running(lane::begin(slot, move || {
            let stored = progress.intake.pass(batch)?;
            progress.write(&folder, &stored)?;
            Ok(progress)
        }));
        Ok(())
    }

    /// Waits for the last batch and returns the staged file with its digest.
    pub(crate) async fn finish(mut self) -> Result<(StagedFile, BlobDigest)> {
        let progress = self.settle().await?;
        let (file, digest) = if progress.intake.is_sealing() {
            self.folder.run(move |folder| progress.finish(folder)).await?
        } else {
            progress.finish(&self.folder)?
        };
        Ok((StagedFile { file, name: self.name }, digest))
    }

    async fn settle(&mut self) -> Result<Box<Progress>> {
        match std::mem::replace(&mut self.work, Work::Broken) {
            Work::Idle(progress) => Ok(progress),
            Work::Running(handle) => self.folder.lane().in_time(handle).await,
            Work::Broken => Err(self.folder.fault("stage a blob", io::ErrorKind::BrokenPipe.into())),
        }
    }
}

impl Progress {
    fn write(&mut self, folder: &Folder, batch: &[Bytes]) -> Result<()> {
        let bytes: u64 = batch.iter().map(|chunk| chunk.len() as u64).sum();
        self.written_bytes += bytes;
        if self.written_bytes - self.looked_at_bytes >= LOOK_EVERY_BYTES {
            self.looked_at_bytes = self.written_bytes;
            folder.check_space(Some(bytes))?;
        }
        write_all(&mut self.file, batch).map_err(|error| folder.fault("stage a blob", error))
    }

    /// Writes what is left of a sealed blob, and returns the digest of its plain bytes. Of a plain one nothing is left.
    fn finish(self: Box<Self>, folder: &Folder) -> Result<(File, BlobDigest)> {
        let Self { mut file, intake, .. } = *self;
        let (digest, rest) = intake.finish()?;
        write_all(&mut file, &rest).map_err(|error| folder.fault("stage a blob", error))?;
        Ok((file, digest))
    }
}
