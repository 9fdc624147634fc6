//! Small reads that need not wait: what the system has in memory is read where the caller stands.

use std::fs::File;
use std::io::IoSliceMut;
use std::path::Path;

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
    pub(crate) fn read_at_hand(&self, wanted: &Wanted, mark: Option<&Mark>) -> Result<Option<Bytes>> {
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
