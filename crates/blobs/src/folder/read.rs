//! Files back into bytes, verified on the way.

use std::fs::{self, File, Metadata};
use std::io;
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::Folder;
use crate::error::{BlobError, Corruption, Result};
use crate::lane::Lane;
use crate::reader::{Check, Form, Wanted};
use crate::sealing::{self, ContentKey, Opener};
use crate::sound::{Mark, Proof};
use crate::{CHUNK_BYTES, StorageKey};

/// A place in a file that is being read.
pub(crate) struct FileCursor {
    file: File,
    lane: Lane,
    wanted: Wanted,
    left: Range<u64>,
    check: Option<Check>,
    /// What opens the chunks, if the file is sealed.
    opener: Option<Opener>,
}

impl Folder {
    /// Returns the mark and the length of a key's file. Blocks.
    pub(crate) fn look(&self, key: &StorageKey) -> Result<(Mark, u64)> {
        let path = self.path_of(key);
        let details = fs::metadata(&path).map_err(|error| self.missing_or(&path, "look at a blob", error))?;
        Ok((mark_of(&details), details.len()))
    }

    /// Opens the seal of a file that has this mark. Blocks.
    pub(crate) fn unseal(&self, wanted: &Wanted, mark: &Mark) -> Result<Arc<ContentKey>> {
        let file = self.open_file(&wanted.key)?;
        examine(&file, wanted, Some(mark))?;
        Ok(Arc::new(self.content_key(&file, wanted)?))
    }

    fn content_key(&self, file: &File, wanted: &Wanted) -> Result<ContentKey> {
        let seal = read_seal(file, wanted.size_bytes).map_err(read_fault)?;
        ContentKey::unseal(self.keys().map(AsRef::as_ref), &wanted.key, wanted.size_bytes, &seal)
    }

    fn open_file(&self, key: &StorageKey) -> Result<File> {
        let path = self.path_of(key);
        open(&path).map_err(|error| match error.raw_os_error().map(Errno::from_raw_os_error) {
            // A socket, or a link that leads to itself.
            Some(Errno::NXIO | Errno::LOOP) => BlobError::Corrupt { key: *key, fault: Corruption::NoFile },
            _ => self.missing_or(&path, "open a blob", error),
        })
    }

    /// Returns the seal of a key's file as it stands there; nothing if it is plain. Blocks.
    pub(crate) fn seal_of(&self, wanted: &Wanted) -> Result<Option<Vec<u8>>> {
        let file = self.open_file(&wanted.key)?;
        match examine(&file, wanted, None)? {
            Form::Plain => Ok(None),
            Form::Sealed => Ok(Some(read_seal(&file, wanted.size_bytes).map_err(read_fault)?)),
        }
    }

    /// Says whether a key's file may be sealed, from how it ends. Blocks.
    pub(crate) fn may_be_sealed(&self, key: &StorageKey) -> bool {
        let look = || -> io::Result<bool> {
            let file = open(&self.path_of(key))?;
            Ok(sealing::looks_sealed(&end_of(&file, file.metadata()?.len())?))
        };
        look().unwrap_or(false)
    }
}

/// Opens what lies in the place of a blob. Blocks, but not for what is no file, such as a pipe that nobody writes to.
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    Ok(File::from(rustix::fs::open(path, flags, Mode::empty())?))
}

/// Returns how a blob's file is stored; refuses what is no file, a file of the wrong length, or with another mark than is
/// expected.
pub(super) fn examine(file: &File, wanted: &Wanted, mark: Option<&Mark>) -> Result<Form> {
    let details = file.metadata().map_err(read_fault)?;
    if mark.is_some_and(|mark| *mark != mark_of(&details)) {
        return Err(BlobError::Changed);
    }
    if !details.is_file() {
        return Err(BlobError::Corrupt { key: wanted.key, fault: Corruption::NoFile });
    }
    wanted.form_of(details.len()).ok_or_else(|| {
        let end = end_of(file, details.len()).ok();
        wanted.wrong_length(details.len(), end.as_ref().map(<[u8; 12]>::as_slice))
    })
}

fn mark_of(details: &Metadata) -> Mark {
    let (second, nanosecond) = (details.ctime(), details.ctime_nsec());
    Mark::new(format!("{} {second}.{nanosecond} {}", details.ino(), details.len()))
}

fn read_seal(file: &File, size_bytes: u64) -> io::Result<Vec<u8>> {
    let place = sealing::seal_range(size_bytes);
    let mut seal = vec![0; usize::try_from(place.end - place.start).unwrap_or_default()];
    file.read_exact_at(&mut seal, place.start)?;
    Ok(seal)
}

/// Reads the last bytes of a file, as many as tell a sealed one.
fn end_of(file: &File, length: u64) -> io::Result<[u8; 12]> {
    let mut end = [0; 12];
    let at = length.saturating_sub(end.len() as u64);
    file.read_exact_at(&mut end, at)?;
    Ok(end)
}

const fn read_fault(source: io::Error) -> BlobError {
    BlobError::Io { act: "read a blob", source }
}

impl FileCursor {
    /// Opens the file and refuses one of the wrong length, or with another mark than is expected. Blocks.
    pub(crate) fn open(folder: &Folder, wanted: Wanted, proof: Option<&Proof>) -> Result<Self> {
        let file = folder.open_file(&wanted.key)?;
        let opener =
            match (examine(&file, &wanted, proof.map(|proof| &proof.mark))?, proof.and_then(|one| one.seal.as_ref())) {
                (Form::Plain, _) => None,
                (Form::Sealed, Some(key)) => Some(key.opener(&wanted.key, wanted.size_bytes)?),
                (Form::Sealed, None) => {
                    Some(folder.content_key(&file, &wanted)?.opener(&wanted.key, wanted.size_bytes)?)
                }
            };
        let (left, check) = (wanted.range.clone(), wanted.check());
        Ok(Self { file, lane: folder.lane().clone(), left, check, wanted, opener })
    }

    /// Returns the way to the file's folder.
    pub(crate) const fn lane(&self) -> &Lane {
        &self.lane
    }

    /// Reads the next chunk. Returns no cursor after the last one, which is given only if the digest matched. Blocks.
    pub(crate) fn advance(mut self: Box<Self>) -> Result<(Bytes, Option<Box<Self>>)> {
        let chunk = match &self.opener {
            None => self.read_at(self.left.start..self.left.end.min(self.left.start + CHUNK_BYTES as u64))?,
            Some(opener) => self.read_sealed(opener)?,
        };
        self.left.start += chunk.len() as u64;
        if let Some(check) = &mut self.check {
            check.update(&chunk);
        }
        let chunk = Bytes::from(chunk);
        if !self.left.is_empty() {
            return Ok((chunk, Some(self)));
        }
        if let Some(check) = self.check {
            check.finish()?;
        }
        Ok((chunk, None))
    }

    /// Reads and decrypts up to the end of a sealed chunk.
    fn read_sealed(&self, opener: &Opener) -> Result<Vec<u8>> {
        let Range { start, end } = self.left;
        let is_nothing_of_something = start == end && self.wanted.size_bytes > 0;
        if is_nothing_of_something {
            return Ok(Vec::new());
        }
        let border = (start / sealing::CHUNK * sealing::CHUNK).saturating_add(CHUNK_BYTES as u64);
        let span = opener.span(&(start..end.min(border)));
        opener.open(&span, &self.read_at(span.stored.clone())?)
    }

    fn read_at(&self, stored: Range<u64>) -> Result<Vec<u8>> {
        let mut buffer = vec![0; usize::try_from(stored.end - stored.start).unwrap_or(CHUNK_BYTES)];
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.file.read_at(rest, stored.start + filled as u64) {
                Ok(0) => return Err(self.wanted.wrong_length(stored.start + filled as u64, None)),
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(read_fault(error)),
            }
        }
        Ok(buffer)
    }
}
