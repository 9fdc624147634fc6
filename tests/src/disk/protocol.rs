//! The kernel's words: requests of FUSE 7.31 as bytes, and answers (`linux/fuse.h`).

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use super::model::{Kind, Node};

/// The length of a request's head.
pub const HEAD: usize = 40;
/// The most bytes of one write.
pub const WRITE_MAX: u32 = 128 * 1024;
/// For how long the kernel may rely on what it was told, in seconds: nobody else changes this disk.
const VALID: u64 = 60;

/// Errors, as the kernel numbers them.
pub mod errno {
    /// There is no such file.
    pub const NOENT: i32 = 2;
    /// A fault of the disk.
    pub const IO: i32 = 5;
    /// It is there already.
    pub const EXIST: i32 = 17;
    /// It is a folder.
    pub const ISDIR: i32 = 21;
    /// It makes no sense.
    pub const INVAL: i32 = 22;
    /// There is no room.
    pub const NOSPC: i32 = 28;
    /// It cannot be done here.
    pub const NOSYS: i32 = 38;
    /// The folder has entries.
    pub const NOTEMPTY: i32 = 39;
}

/// A request.
#[derive(Clone, Copy, Debug)]
pub struct Request<'bytes> {
    /// What is asked for.
    pub opcode: u32,
    /// Which request it is.
    pub unique: u64,
    /// The file or folder that is meant.
    pub node: u64,
    /// Who asks.
    pub owner: (u32, u32),
    /// What belongs to it.
    pub body: &'bytes [u8],
}

impl<'bytes> Request<'bytes> {
    /// Takes a request apart.
    pub fn parse(bytes: &'bytes [u8]) -> Option<Self> {
        Some(Self {
            opcode: number32(bytes, 4)?,
            unique: number64(bytes, 8)?,
            node: number64(bytes, 16)?,
            owner: (number32(bytes, 24)?, number32(bytes, 28)?),
            body: bytes.get(HEAD..)?,
        })
    }

    /// Returns a number of four bytes of the body.
    pub fn u32(&self, at: usize) -> u32 {
        number32(self.body, at).unwrap_or(0)
    }

    /// Returns a number of eight bytes of the body.
    pub fn u64(&self, at: usize) -> u64 {
        number64(self.body, at).unwrap_or(0)
    }

    /// Returns a place in a file.
    pub fn place(&self, at: usize) -> usize {
        usize::try_from(self.u64(at)).unwrap_or(usize::MAX)
    }

    /// Returns the names in the body from a place on; each ends with a zero.
    pub fn names(&self, from: usize) -> (&'bytes OsStr, &'bytes OsStr) {
        let mut names = self.body.get(from..).unwrap_or_default().split(|byte| *byte == 0);
        let mut next = || OsStr::from_bytes(names.next().unwrap_or_default());
        (next(), next())
    }
}

fn number32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn number64(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_ne_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

/// Bytes of an answer.
#[derive(Debug, Default)]
pub struct Bytes(pub Vec<u8>);

impl Bytes {
    /// Adds a number of two bytes.
    #[must_use]
    pub fn u16(mut self, number: u16) -> Self {
        self.0.extend_from_slice(&number.to_ne_bytes());
        self
    }

    /// Adds a number of four bytes.
    #[must_use]
    pub fn u32(mut self, number: u32) -> Self {
        self.0.extend_from_slice(&number.to_ne_bytes());
        self
    }

    /// Adds a number of eight bytes.
    #[must_use]
    pub fn u64(mut self, number: u64) -> Self {
        self.0.extend_from_slice(&number.to_ne_bytes());
        self
    }

    /// Adds what the kernel wants to know of a node (`fuse_attr`).
    fn attributes(self, number: u64, node: &Node) -> Self {
        let kind = if matches!(node.kind, Kind::Folder(_)) { 0o040_000 } else { 0o100_000 };
        let (seconds, nanos) = node.modified;
        let (size, (user, group)) = (node.size(), node.owner);
        let this = self.u64(number).u64(size).u64(size.div_ceil(512)).u64(seconds).u64(seconds).u64(seconds);
        let this = this.u32(nanos).u32(nanos).u32(nanos).u32(kind | (node.mode & 0o7777)).u32(node.links);
        this.u32(user).u32(group).u32(0).u32(4096).u32(0)
    }

    /// An answer about a node (`fuse_attr_out`).
    pub fn of_attributes(number: u64, node: &Node) -> Self {
        Self::default().u64(VALID).u32(0).u32(0).attributes(number, node)
    }

    /// An answer that names a node (`fuse_entry_out`).
    pub fn of_entry(number: u64, node: &Node) -> Self {
        Self::default().u64(number).u64(0).u64(VALID).u64(VALID).u32(0).u32(0).attributes(number, node)
    }

    /// Adds that it is open (`fuse_open_out`).
    #[must_use]
    pub fn opened(self, handle: u64) -> Self {
        self.u64(handle).u32(0).u32(0)
    }

    /// The answer to the first request (`fuse_init_out`).
    pub fn of_init(asked: &Request<'_>) -> Self {
        const ASYNC_READ: u32 = 1;
        const BIG_WRITES: u32 = 1 << 5;
        let this = Self::default().u32(7).u32(31).u32(asked.u32(8)).u32(ASYNC_READ | BIG_WRITES);
        let this = this.u16(16).u16(12).u32(WRITE_MAX).u32(1).u16(0).u16(0);
        (0..8).fold(this, |this, _| this.u32(0))
    }

    /// The answer about the room on the disk (`fuse_kstatfs`): much.
    pub fn of_room() -> Self {
        const BLOCKS: u64 = 1 << 28;
        let this = Self::default().u64(BLOCKS).u64(BLOCKS).u64(BLOCKS).u64(BLOCKS).u64(BLOCKS);
        let this = this.u32(4096).u32(255).u32(4096).u32(0);
        (0..6).fold(this, |this, _| this.u32(0))
    }

    /// Adds an entry of a folder (`fuse_dirent`), unless there is no room for it in `limit` bytes.
    pub fn add_entry(&mut self, limit: usize, number: u64, next: u64, is_folder: bool, name: &OsStr) -> bool {
        let bytes = name.as_bytes();
        let length = (24 + bytes.len()).next_multiple_of(8);
        if self.0.len() + length > limit {
            return false;
        }
        let end = self.0.len() + length;
        let kind = if is_folder { 4 } else { 8 };
        let name_length = u32::try_from(bytes.len()).unwrap_or(0);
        let this = std::mem::take(self).u64(number).u64(next).u32(name_length).u32(kind);
        *self = this;
        self.0.extend_from_slice(bytes);
        self.0.resize(end, 0);
        true
    }

    /// Puts the head before the answer.
    pub fn answer(self, unique: u64) -> Vec<u8> {
        let length = u32::try_from(16 + self.0.len()).unwrap_or(0);
        let mut answer = Self::default().u32(length).u32(0).u64(unique).0;
        answer.extend(self.0);
        answer
    }

    /// An answer that is an error.
    pub fn error(unique: u64, errno: i32) -> Vec<u8> {
        let errno = u32::from_ne_bytes((-errno).to_ne_bytes());
        Self::default().u32(16).u32(errno).u64(unique).0
    }
}
