//! Files back into bytes, verified on the way.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;

use bytes::Bytes;

use super::Folder;
use crate::CHUNK_BYTES;
use crate::error::{BlobError, Corruption, Result};
use crate::reader::{Check, Wanted};

/// A place in a file that is being read.
pub(crate) struct FileCursor {
    file: File,
    wanted: Wanted,
    left: Range<u64>,
    check: Option<Check>,
}

impl FileCursor {
    /// Opens the file and refuses one of the wrong length. Blocks.
    pub(crate) fn open(folder: &Folder, wanted: Wanted) -> Result<Self> {
        let path = folder.path_of(&wanted.key);
        let mut file = File::open(&path).map_err(|error| folder.missing_or(&path, "open a blob", error))?;
        let read_fault = |source| BlobError::Io { act: "read a blob", source };
        let found_bytes = file.metadata().map_err(read_fault)?.len();
        wanted.check_length(found_bytes)?;
        if wanted.range.start > 0 {
            file.seek(SeekFrom::Start(wanted.range.start)).map_err(read_fault)?;
        }
        Ok(Self { file, left: wanted.range.clone(), check: wanted.check(), wanted })
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
