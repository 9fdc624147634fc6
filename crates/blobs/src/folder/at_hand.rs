//! Small reads that need not wait: what the system has in memory is read where the caller stands.

use std::fs::File;
use std::io::IoSliceMut;

use bytes::Bytes;
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
use rustix::io::{ReadWriteFlags, preadv2};

use super::Folder;
use super::read::examine;
use crate::error::Result;
use crate::reader::Wanted;
use crate::sound::Mark;

/// The most that is read, and hashed, at once on a thread that others wait for: some 40 µs of work. *Units*: bytes.
const BYTES_MAX: u64 = 64 * 1024;

impl Folder {
    /// Reads all that is wanted if it is little and neither its name nor its bytes must come from the disk, which is
    /// less work than the way to a thread that may block and back. `None` says nothing but that it must be read there.
    ///
    /// # Errors
    /// As a read that may block: bytes with another mark or digest are refused here too.
    pub(crate) fn read_at_hand(&self, wanted: &Wanted, mark: Option<&Mark>) -> Result<Option<Bytes>> {
        let length = wanted.range.end - wanted.range.start;
        if length > BYTES_MAX {
            return Ok(None);
        }
        let path = self.path_of(&wanted.key);
        // Not to be held up by what is no file, such as a pipe.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        // An older system, or a file system that cannot tell, refuses: then the slower way is as good.
        let Ok(opened) = openat2(CWD, path, flags, Mode::empty(), ResolveFlags::CACHED) else { return Ok(None) };
        let file = File::from(opened);
        examine(&file, wanted, mark)?;
        let mut buffer = vec![0; usize::try_from(length).unwrap_or_default()];
        let read = preadv2(&file, &mut [IoSliceMut::new(&mut buffer)], wanted.range.start, ReadWriteFlags::NOWAIT);
        if read != Ok(buffer.len()) {
            return Ok(None);
        }
        if let Some(mut check) = wanted.check() {
            check.update(&buffer);
            check.finish()?;
        }
        Ok(Some(Bytes::from(buffer)))
    }
}
