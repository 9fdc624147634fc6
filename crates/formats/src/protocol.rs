//! The language between the office and a worker: length-prefixed JSON over a socket pair, files as open descriptors.
//!
//! The worker holds its end as standard input. Each message is four bytes of length (little-endian) and that many bytes of JSON.
//! A job carries the file as a descriptor in the ancillary data of its first byte, so the worker never opens a path.

use crate::extraction::{Fault, Page};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};

/// What the office sends first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Hello {
    /// Limit of the address space, in bytes.
    pub memory_bytes: u64,
    /// Processor time for one page, in seconds.
    pub cpu_seconds_per_page: u64,
    /// Whether the worker shall restrict itself with landlock.
    pub landlock: bool,
}

/// One file to read.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Job {
    /// The media type that the sender believes in, used where the content decides nothing.
    pub media_type_hint: Option<String>,
    /// The name of the file.
    pub file_name: String,
    /// Whether words with boxes are wanted.
    pub word_boxes: bool,
    /// The first page to read, from 1: pages before it are done, or have killed a worker.
    pub first_page: u32,
    /// How much text may be answered, in bytes.
    pub output_bytes: u64,
    /// Pages to put together, instead of reading text.
    #[serde(default)]
    pub arrange: Option<Arrange>,
}

/// Pages to put together from files that lie behind each other in the job's file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrange {
    /// Where each file begins, and how many bytes it has.
    pub sources: Vec<(u64, u64)>,
    /// Of each page: the file, the page in it from 1, and by how many degrees it is turned clockwise.
    pub pages: Vec<(u32, u32, u16)>,
}

/// What the worker answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It has put on its limits and is ready for jobs; says what landlock enforces.
    Ready {
        /// `full`, `partial` or `none`.
        landlock: String,
    },
    /// What is known of the file before its pages.
    Head(Head),
    /// One page, in order.
    Page(Page),
    /// Some bytes of the file that was put together, in Base64.
    Bytes(String),
    /// Something wrong.
    Fault(Fault),
    /// The job is done.
    Done {
        /// The worker's peak memory so far.
        peak_memory_bytes: u64,
    },
}

/// What is known of a file before its pages.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Head {
    /// Media type by content.
    pub media_type: String,
    /// Character encoding.
    pub charset: Option<String>,
    /// Number of pages.
    pub page_count: Option<u32>,
    /// Title, author and so on.
    pub metadata: BTreeMap<String, String>,
    /// Whether the format is one that is read.
    pub format_read: bool,
}

/// Writes one message.
pub fn write_message<T: Serialize>(mut to: impl Write, message: &T) -> io::Result<()> {
    let framed = framed(message)?;
    to.write_all(&framed)
}

/// Writes one message whose first byte carries an open file.
pub fn write_message_with_file<T: Serialize>(
    socket: impl AsFd + Write + Copy,
    message: &T,
    file: &File,
) -> io::Result<()> {
    let framed = framed(message)?;
    let Some((first, rest)) = framed.split_first() else { return Ok(()) };
    let descriptors: [BorrowedFd<'_>; 1] = [file.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !control.push(SendAncillaryMessage::ScmRights(&descriptors)) {
        return Err(io::Error::other("no room for the descriptor"));
    }
    rustix::net::sendmsg(socket, &[IoSlice::new(&[*first])], &mut control, SendFlags::NOSIGNAL)?;
    let mut socket = socket;
    socket.write_all(rest)
}

fn framed<T: Serialize>(message: &T) -> io::Result<Vec<u8>> {
    let mut framed = vec![0_u8; 4];
    serde_json::to_writer(&mut framed, message)?;
    let length = u32::try_from(framed.len().saturating_sub(4)).map_err(io::Error::other)?;
    for (slot, byte) in framed.iter_mut().zip(length.to_le_bytes()) {
        *slot = byte;
    }
    Ok(framed)
}

/// Reads one message of at most `limit` bytes; `None` when the other side has closed.
pub fn read_message<T: for<'de> Deserialize<'de>>(mut from: impl Read, limit: usize) -> io::Result<Option<T>> {
    let mut length = [0_u8; 4];
    match from.read(&mut length)? {
        0 => return Ok(None),
        4 => {}
        part => from.read_exact(length.get_mut(part..).unwrap_or_default())?,
    }
    read_body(from, length, limit).map(Some)
}

/// Reads one message that may carry an open file; `None` when the other side has closed.
pub fn read_message_with_file<T: for<'de> Deserialize<'de>>(
    socket: impl AsFd + Read + Copy,
    limit: usize,
) -> io::Result<Option<(T, Option<File>)>> {
    let mut length = [0_u8; 4];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let (head, rest) = length.split_at_mut(1);
    let received = rustix::net::recvmsg(socket, &mut [IoSliceMut::new(head)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    if received.bytes == 0 {
        return Ok(None);
    }
    let mut file = None;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = message {
            for descriptor in descriptors {
                file = Some(File::from(descriptor));
            }
        }
    }
    let mut socket = socket;
    socket.read_exact(rest)?;
    Ok(Some((read_body(socket, length, limit)?, file)))
}

fn read_body<T: for<'de> Deserialize<'de>>(mut from: impl Read, length: [u8; 4], limit: usize) -> io::Result<T> {
    let length = usize::try_from(u32::from_le_bytes(length)).map_err(io::Error::other)?;
    if length > limit {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "message longer than its limit"));
    }
    let mut body = vec![0_u8; length];
    from.read_exact(&mut body)?;
    serde_json::from_slice(&body).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}
