//! Files back into bytes, verified on the way.

use std::fs::{self, File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use bytes::Bytes;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::Folder;
use crate::error::{BlobError, Corruption, Result};
use crate::lane::Lane;
use crate::reader::{Check, Wanted};
use crate::sound::Mark;
use crate::{CHUNK_BYTES, StorageKey};

/// A place in a file that is being read.
pub(crate) struct FileCursor {
    file: File,
    lane: Lane,
    wanted: Wanted,
    left: Range<u64>,
    check: Option<Check>,
}

impl Folder {
    /// Returns the mark of a key's file. Blocks.
    pub(crate) fn mark(&self, key: &StorageKey) -> Result<Mark> {
        let path = self.path_of(key);
        let details = fs::metadata(&path).map_err(|error| self.missing_or(&path, "look at a blob", error))?;
        Ok(mark_of(&details))
    }
}

/// Opens what lies in the place of a blob. Blocks, but not for what is no file, such as a pipe that nobody writes to.
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    Ok(File::from(rustix::fs::open(path, flags, Mode::empty())?))
}

/// Refuses what is no file, a file of the wrong length, or with another mark than is expected.
pub(super) fn examine(file: &File, wanted: &Wanted, mark: Option<&Mark>) -> Result<()> {
    let details = file.metadata().map_err(|source| BlobError::Io { act: "read a blob", source })?;
    if mark.is_some_and(|mark| *mark != mark_of(&details)) {
        return Err(BlobError::Changed);
    }
    if !details.is_file() {
        return Err(BlobError::Corrupt { key: wanted.key, fault: Corruption::NoFile });
    }
    wanted.check_length(details.len())
}

fn mark_of(details: &Metadata) -> Mark {
    let (second, nanosecond) = (details.ctime(), details.ctime_nsec());
    Mark::new(format!("{} {second}.{nanosecond} {}", details.ino(), details.len()))
}

impl FileCursor {
    /// Opens the file and refuses one of the wrong length, or with another mark than is expected. Blocks.
    pub(crate) fn open(folder: &Folder, wanted: Wanted, mark: Option<&Mark>) -> Result<Self> {
        let path = folder.path_of(&wanted.key);
        let mut file = open(&path).map_err(|error| match error.raw_os_error().map(Errno::from_raw_os_error) {
            // A socket, or a link that leads to itself.
            Some(Errno::NXIO | Errno::LOOP) => BlobError::Corrupt { key: wanted.key, fault: Corruption::NoFile },
            _ => folder.missing_or(&path, "open a blob", error),
        })?;
        examine(&file, &wanted, mark)?;
        if wanted.range.start > 0 {
            let sought = file.seek(SeekFrom::Start(wanted.range.start));
            sought.map_err(|source| BlobError::Io { act: "read a blob", source })?;
        }
        Ok(Self { file, lane: folder.lane().clone(), left: wanted.range.clone(), check: wanted.check(), wanted })
    }

    /// Returns the way to the file's folder.
    pub(crate) const fn lane(&self) -> &Lane {
        &self.lane
    }

    /// Reads the next chunk. Returns no cursor after the last one, which is given only if the digest matched. Blocks.
    pub(crate) fn advance(mut self: Box<Self>) -> Result<(Bytes, Option<Box<Self>>)> {
        let left_bytes = self.left.end - self.left.start;
        let count = left_bytes.min(CHUNK_BYTES as u64);
        let mut buffer = Vec::with_capacity(usize::try_from(count).unwrap_or(CHUNK_BYTES));
        (&self.file)
            .take(count)
            .read_to_end(&mut buffer)
            .map_err(|source| BlobError::Io { act: "read a blob", source })?;
        self.left.start += buffer.len() as u64;
        let was_cut_short = (buffer.len() as u64) < count;
        if was_cut_short {
            let fault = Corruption::Length { expected_bytes: self.wanted.size_bytes, found_bytes: self.left.start };
            return Err(BlobError::Corrupt { key: self.wanted.key, fault });
        }
        if let Some(check) = &mut self.check {
            check.update(&buffer);
        }
        let chunk = Bytes::from(buffer);
        if !self.left.is_empty() {
            return Ok((chunk, Some(self)));
        }
        if let Some(check) = self.check {
            check.finish()?;
        }
        Ok((chunk, None))
    }
}
