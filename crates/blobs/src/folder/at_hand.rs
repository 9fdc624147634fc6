//! Small reads that need not wait: what the system has in memory is read where the caller stands.

use std::fs::File;
use std::io::IoSliceMut;
use std::ops::Range;
use std::path::Path;

use bytes::Bytes;
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
use rustix::io::{ReadWriteFlags, preadv2};

use super::Folder;
use super::read::examine;
use crate::error::Result;
use crate::reader::{Form, Wanted};
use crate::sealing::{self, ContentKey, Span};
use crate::sound::Proof;

/// The most that is read, and hashed, at once on a thread that others wait for: some 40 µs of work. *Units*: bytes.
const BYTES_MAX: u64 = 64 * 1024;

/// File systems of this machine, which open what the system has in memory without asking anybody: those that Linux
/// itself names in `magic.h`, and ZFS. Others, such as a drive of the network, may let the opener wait for ever.
const LOCAL: [i64; 8] = [
    0x0000_EF53, // ext2, ext3, ext4
    0x5846_5342, // XFS
    0x9123_683E, // Btrfs
    0xF2F5_2010, // F2FS
    0xCA45_1A4E, // bcachefs
    0x0102_1994, // tmpfs
    0x794C_7630, // overlayfs
    0x2FC1_2FC1, // ZFS
];

/// Says whether a folder lies on one of the file systems that open at once. Blocks.
pub(super) fn opens_from_memory(root: &Path) -> bool {
    rustix::fs::statfs(root).is_ok_and(|figures| LOCAL.contains(&figures.f_type))
}

impl Folder {
    /// Reads all that is wanted if it is little and neither its name nor its bytes must come from the disk, which is
    /// less work than the way to a thread that may block and back. `None` says nothing but that it must be read there.
    ///
    /// # Errors
    /// As a read that may block: bytes with another mark or digest are refused here too.
    pub(crate) fn read_at_hand(&self, wanted: &Wanted, proof: Option<&Proof>) -> Result<Option<Bytes>> {
        let length = wanted.range.end - wanted.range.start;
        if length > BYTES_MAX || !self.opens_from_memory {
            return Ok(None);
        }
        let path = self.path_of(&wanted.key);
        // Not to be held up by what is no file, such as a pipe.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        // An older system, or a file system that cannot tell, refuses: then the slower way is as good.
        let Ok(opened) = openat2(CWD, path, flags, Mode::empty(), ResolveFlags::CACHED) else { return Ok(None) };
        let file = File::from(opened);
        let read = match examine(&file, wanted, proof.map(|proof| &proof.mark))? {
            Form::Plain => read_from_memory(&file, &wanted.range),
            Form::Sealed => self.open_from_memory(&file, wanted, proof)?,
        };
        let Some(buffer) = read else { return Ok(None) };
        if let Some(mut check) = wanted.check() {
            check.update(&buffer);
            check.finish()?;
        }
        Ok(Some(Bytes::from(buffer)))
    }

    /// Decrypts a range that lies in one chunk, or in two.
    fn open_from_memory(&self, file: &File, wanted: &Wanted, proof: Option<&Proof>) -> Result<Option<Vec<u8>>> {
        let is_nothing_of_something = wanted.range.is_empty() && wanted.size_bytes > 0;
        if is_nothing_of_something {
            return Ok(Some(Vec::new()));
        }
        let span = Span::of(wanted.size_bytes, &wanted.range);
        if span.stored_len() as u64 > 2 * BYTES_MAX {
            return Ok(None);
        }
        let (key, size) = (&wanted.key, wanted.size_bytes);
        let opener = match proof.and_then(|proof| proof.seal.as_ref()) {
            Some(content_key) => content_key.opener(key, size)?,
            None => {
                let Some(seal) = read_from_memory(file, &sealing::seal_range(size)) else { return Ok(None) };
                ContentKey::unseal(self.keys().map(AsRef::as_ref), key, size, &seal)?.opener(key, size)?
            }
        };
        let Some(stored) = read_from_memory(file, &span.stored) else { return Ok(None) };
        opener.open(&span, &stored).map(Some)
    }
}

/// Reads what the system has in memory; nothing if any of it must come from the disk.
fn read_from_memory(file: &File, range: &Range<u64>) -> Option<Vec<u8>> {
    let mut buffer = vec![0; usize::try_from(range.end - range.start).ok()?];
    let read = preadv2(file, &mut [IoSliceMut::new(&mut buffer)], range.start, ReadWriteFlags::NOWAIT);
    (read == Ok(buffer.len())).then_some(buffer)
}
