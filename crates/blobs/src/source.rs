//! A file of somebody else's that is to be stored, and may change under the reader.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::SystemTime;

use bytes::Bytes;
use futures::stream::{self, Stream};
use sha2::{Digest, Sha256};

use cartulary_model::BlobDigest;

use crate::blocking;
use crate::chunks::digest_from;
use crate::error::{BlobError, Result};

/// Read from a file at once, in bytes.
const READ_BYTES: usize = 256 * 1024;

/// A regular file that is open for reading, with its size and time of change as they were when it was opened.
///
/// When the whole is read and either is another one then, the reading fails with [`BlobError::Changed`].
#[derive(Debug)]
pub struct SourceFile {
    file: File,
    stamp: Stamp,
    read_bytes: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    size_bytes: u64,
    modified: Option<SystemTime>,
}

impl From<&Metadata> for Stamp {
    fn from(details: &Metadata) -> Self {
        Self { size_bytes: details.len(), modified: details.modified().ok() }
    }
}

impl SourceFile {
    /// Opens a file. A link is followed; a pipe or a device is refused and does not block. Blocks as files do.
    ///
    /// # Errors
    /// [`BlobError::Source`] when it cannot be opened or is not a regular file.
    pub fn open(path: &Path) -> Result<Self, BlobError> {
        let no_waiting = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
        let open = || -> io::Result<Self> {
            let file = OpenOptions::new().read(true).custom_flags(no_waiting).open(path)?;
            let details = file.metadata()?;
            if !details.is_file() {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
            }
            Ok(Self { file, stamp: Stamp::from(&details), read_bytes: 0 })
        };
        open().map_err(source_fault)
    }

    /// Returns the size that the file had when it was opened, in bytes.
    pub const fn size_bytes(&self) -> u64 {
        self.stamp.size_bytes
    }

    /// Reads the file to its end and returns its digest, without storing anything.
    ///
    /// # Errors
    /// [`BlobError::Source`] when it cannot be read, [`BlobError::Changed`] when it changed.
    pub async fn digest(mut self) -> Result<BlobDigest, BlobError> {
        blocking::run(move || {
            let mut hasher = Sha256::new();
            let mut buffer = Vec::with_capacity(READ_BYTES);
            while self.read_into(&mut buffer, READ_BYTES)? {
                hasher.update(&buffer);
                buffer.clear();
            }
            Ok(digest_from(hasher))
        })
        .await
    }

    /// Reads the whole file at once. Blocks.
    pub(crate) fn read_all(mut self) -> Result<Bytes> {
        let mut buffer = Vec::with_capacity(usize::try_from(self.stamp.size_bytes).unwrap_or(READ_BYTES));
        let count = buffer.capacity();
        while self.read_into(&mut buffer, count)? {}
        Ok(Bytes::from(buffer))
    }

    /// Reads the file piece by piece, on threads that may block.
    pub(crate) fn into_stream(self) -> impl Stream<Item = Result<Bytes>> + Send {
        stream::try_unfold(self, |mut source| async move {
            blocking::run(move || {
                let mut buffer = Vec::with_capacity(READ_BYTES);
                let more = source.read_into(&mut buffer, READ_BYTES)?;
                Ok(more.then(|| (Bytes::from(buffer), source)))
            })
            .await
        })
    }

    /// Appends at most `count` bytes; returns `false` at the end, after it was seen that the file is the same as before.
    fn read_into(&mut self, buffer: &mut Vec<u8>, count: usize) -> Result<bool> {
        let left_bytes = self.stamp.size_bytes.saturating_sub(self.read_bytes);
        if left_bytes > 0 {
            let count = left_bytes.min(count as u64);
            let read = (&self.file).take(count).read_to_end(buffer).map_err(source_fault)?;
            self.read_bytes += read as u64;
            let is_shorter = (read as u64) < count;
            return if is_shorter { Err(BlobError::Changed) } else { Ok(true) };
        }
        let details = self.file.metadata().map_err(source_fault)?;
        if Stamp::from(&details) == self.stamp { Ok(false) } else { Err(BlobError::Changed) }
    }
}

fn source_fault(source: io::Error) -> BlobError {
    BlobError::Source { source }
}
