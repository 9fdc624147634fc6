//! Blobs on their way out: a stream that never ends well with wrong bytes.

use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::stream::{self, BoxStream, Stream, StreamExt, TryStreamExt};
use sha2::{Digest, Sha256};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;

use cartulary_model::BlobDigest;

use crate::blocking::joined;
use crate::chunks::digest_from;
use crate::counters::Counters;
use crate::error::{BlobError, Corruption, Result};
use crate::folder::FileCursor;
use crate::lane::{self, Lane};
use crate::objects::ObjectCursor;

use crate::{CHUNK_BYTES, KeyId, StorageKey, sealing};

/// The bytes of a blob, or of a range of it, as a stream of chunks of at most [`CHUNK_BYTES`].
///
/// A blob that is read whole is verified: its last chunk comes only after the digest matched, else the stream ends
/// with [`BlobError::Corrupt`]. A range comes of a blob that was seen to be right since it was last written. Nothing is
/// read before the stream is polled, except the first chunk.
pub struct BlobReader {
    range: Range<u64>,
    chunks: BoxStream<'static, Result<Bytes>>,
}

impl BlobReader {
    /// Returns which bytes of the blob are read; from 0 to its size for the whole.
    pub const fn range(&self) -> &Range<u64> {
        &self.range
    }

    /// Returns how many bytes the stream gives.
    pub const fn len_bytes(&self) -> u64 {
        self.range.end - self.range.start
    }

    /// Begins a stream with what was read to open it.
    pub(crate) fn new(wanted: &Wanted, opened: Opened, slots: Arc<Semaphore>, counters: Arc<Counters>) -> Self {
        let (first, cursor) = opened;
        let lane = match &cursor {
            Some(Cursor::File(cursor)) => Some(cursor.lane().clone()),
            Some(Cursor::Object(_)) | None => None,
        };
        let flow = Flow { ready: first, cursor, ahead: None, slots, lane };
        let chunks = stream::try_unfold(flow, Flow::next).inspect_err(move |error| counters.note(error)).boxed();
        Self { range: wanted.range.clone(), chunks }
    }
}

impl std::fmt::Debug for BlobReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlobReader").field("range", &self.range).finish_non_exhaustive()
    }
}

impl Stream for BlobReader {
    type Item = Result<Bytes, BlobError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.chunks.poll_next_unpin(cx)
    }
}

/// What looking at every byte of a stored blob showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerifyOutcome {
    /// The bytes are there, and are the right ones.
    Sound,
    /// Nothing lies under the key.
    Missing,
    /// The number of bytes is wrong.
    WrongLength {
        /// The number of bytes that were stored.
        expected_bytes: u64,
        /// The number of bytes that are there.
        found_bytes: u64,
    },
    /// The number of bytes is right and their digest is not.
    WrongBytes,
    /// The bytes are sealed, and were changed since, or belong to another blob.
    BrokenSeal,
    /// The bytes are sealed with a master key that is not at hand, and could not be looked at.
    NoKey {
        /// The master key that opens them.
        master: KeyId,
    },
    /// Something that has no bytes lies under the key: a folder, or a pipe.
    NoFile,
}

impl From<Corruption> for VerifyOutcome {
    fn from(fault: Corruption) -> Self {
        match fault {
            Corruption::Length { expected_bytes, found_bytes } => Self::WrongLength { expected_bytes, found_bytes },
            Corruption::Bytes => Self::WrongBytes,
            Corruption::Seal => Self::BrokenSeal,
            Corruption::NoFile => Self::NoFile,
        }
    }
}

/// What is to be read.
#[derive(Clone)]
pub(crate) struct Wanted {
    pub(crate) key: StorageKey,
    pub(crate) digest: BlobDigest,
    pub(crate) size_bytes: u64,
    pub(crate) range: Range<u64>,
}

impl Wanted {
    /// Names what is to be read, the whole blob if no range is given.
    pub(crate) fn new(
        key: &StorageKey,
        digest: BlobDigest,
        size_bytes: u64,
        range: Option<Range<u64>>,
    ) -> Result<Self> {
        let range = range.unwrap_or(0..size_bytes);
        let lies_within = range.start <= range.end && range.end <= size_bytes;
        if !lies_within {
            return Err(BlobError::Range { start: range.start, end: range.end, size_bytes });
        }
        Ok(Self { key: *key, digest, size_bytes, range })
    }

    /// Says whether all bytes of the blob are read.
    pub(crate) const fn is_whole(&self) -> bool {
        self.range.start == 0 && self.range.end == self.size_bytes
    }

    /// Returns the same, of all bytes.
    pub(crate) fn whole(&self) -> Self {
        Self { range: 0..self.size_bytes, ..self.clone() }
    }

    /// Returns what checks the digest, if all bytes are read.
    pub(crate) fn check(&self) -> Option<Check> {
        self.is_whole().then(|| Check { hasher: Sha256::new(), expected: self.digest, key: self.key })
    }

    /// Returns in which form so many stored bytes are what is wanted; none if the blob is of another length.
    pub(crate) fn form_of(&self, stored: u64) -> Option<Form> {
        if stored == self.size_bytes {
            return Some(Form::Plain);
        }
        (stored == sealing::stored_bytes(self.size_bytes)).then_some(Form::Sealed)
    }

    /// Says that a stored blob is of another length. `end` is how the stored bytes end, if that is known.
    pub(crate) fn wrong_length(&self, stored: u64, end: Option<&[u8]>) -> BlobError {
        let is_sealed = end.is_some_and(sealing::looks_sealed);
        let found_bytes = sealing::plain_bytes(stored).filter(|_| is_sealed).unwrap_or(stored);
        let fault = Corruption::Length { expected_bytes: self.size_bytes, found_bytes };
        BlobError::Corrupt { key: self.key, fault }
    }
}

/// How a blob is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// As its own bytes.
    Plain,
    /// Encrypted, with a seal at the end.
    Sealed,
}

/// A digest that is being made while bytes pass.
pub(crate) struct Check {
    hasher: Sha256,
    expected: BlobDigest,
    key: StorageKey,
}

impl Check {
    /// Takes the next bytes.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
    }

    /// Refuses bytes of another digest.
    pub(crate) fn finish(self) -> Result<()> {
        if digest_from(self.hasher) == self.expected {
            return Ok(());
        }
        Err(BlobError::Corrupt { key: self.key, fault: Corruption::Bytes })
    }
}

/// The first bytes, and where to go on.
pub(crate) type Opened = (Bytes, Option<Cursor>);

/// A place in a blob that is being read.
pub(crate) enum Cursor {
    File(Box<FileCursor>),
    Object(Box<ObjectCursor>),
}

impl Cursor {
    /// Begins to read the next bytes, on another thread.
    fn advance(self) -> JoinHandle<Result<Opened>> {
        match self {
            Self::File(cursor) => {
                let lane = cursor.lane().clone();
                let read = move || {
                    let (bytes, rest) = cursor.advance()?;
                    Ok((bytes, rest.map(Cursor::File)))
                };
                match lane.free_slot() {
                    Some(slot) => lane::begin(slot, read),
                    None => tokio::spawn(async move { lane.run(read).await }),
                }
            }
            Self::Object(cursor) => tokio::spawn(async move {
                let (bytes, rest) = Box::pin(cursor.advance()).await?;
                Ok((bytes, rest.map(Cursor::Object)))
            }),
        }
    }
}

/// Reads one step ahead of the receiver while few do so, so that thousands of slow receivers cost one chunk each.
struct Flow {
    ready: Bytes,
    cursor: Option<Cursor>,
    ahead: Option<(JoinHandle<Result<Opened>>, OwnedSemaphorePermit)>,
    slots: Arc<Semaphore>,
    /// The way to a folder; calls to another store know themselves when to give up.
    lane: Option<Lane>,
}

impl Flow {
    async fn next(mut self) -> Result<Option<(Bytes, Self)>> {
        if self.ready.is_empty() {
            let handle = match (self.ahead.take(), self.cursor.take()) {
                (Some((handle, _slot)), _) => handle,
                (None, Some(cursor)) => cursor.advance(),
                (None, None) => return Ok(None),
            };
            (self.ready, self.cursor) = match &self.lane {
                Some(lane) => lane.in_time(handle).await?,
                None => joined(handle).await?,
            };
        }
        if let Some(cursor) = self.cursor.take() {
            match Arc::clone(&self.slots).try_acquire_owned() {
                Ok(slot) => self.ahead = Some((cursor.advance(), slot)),
                Err(_) => self.cursor = Some(cursor),
            }
        }
        if self.ready.is_empty() {
            return Ok(None);
        }
        let chunk = self.ready.split_to(self.ready.len().min(CHUNK_BYTES));
        Ok(Some((chunk, self)))
    }
}
