//! Encryption at rest: how the bytes of a blob lie in a store whose settings name a master key.
//!
//! # What is stored
//! A sealed blob is its bytes in chunks of 64 KiB, each encrypted and followed by its tag, and at the end a *seal*:
//!
//! ```text
//! chunk 0 │ tag │ chunk 1 │ tag │ … │ last chunk │ tag │ seal
//!  64 KiB   16                        0 to 64 KiB   16    92 bytes
//!
//! seal:  version │ log2 of a chunk │ 0 0 │ key id │ size of the plain bytes │ nonce │ wrapped key + tag │ "CARTSEALCART"
//!           1            1            2      8               8                12         32 + 16             12
//! ```
//!
//! - Each blob has a random key of its own, used for nothing else. Chunks are AES-256-GCM under it; the nonce is the number of
//!   the chunk and whether it is the last one (the STREAM construction), so that a chunk that is changed, left out, doubled,
//!   moved, or cut off behind is found by its tag.
//! - The blob's key is wrapped with AES-256-GCM under the master key. What the tag of the wrapping covers beside the key: all of the
//!   seal before it, *and the digest of the plain bytes*. So a whole file laid in the place of another one does not open.
//! - The seal stands behind the bytes because a large blob is encrypted while it streams in, when its digest is not known yet,
//!   and a bucket takes no bytes in front of what it has. It costs one more read when a large blob is opened, and no more after
//!   that: what was seen is remembered with the mark of the stored bytes (`sound.rs`).
//!
//! # What stays as it is
//! The digest is the SHA-256 of the plain bytes; uniqueness, keys in the store and rows do not change. A blob is plain or sealed by its
//! length alone: as many bytes as the row says, or as many as these make when sealed. Blobs from before the key was named
//! stay readable; whoever rewrites them ([`BlobStore::reseal`](crate::BlobStore::reseal)) puts a whole file in the place of a
//! whole file. Whole reads still end with the comparison of the digest, as those of plain blobs do; a range decrypts the chunks that it
//! touches and no others.
//!
//! # What it does not hide
//! Digests (they are the names of the files), sizes, and when a blob was written. Also what others make of the bytes: the
//! rows of the database and the full-text index are not this crate's.
//!
//! # Rotation
//! A key file has one master key or several: the last one seals, all open. A new one is added, blobs are rewritten under keys of
//! their own anew, and the old one is taken away. Only wrapping the keys again would be less work, and would leave whoever
//! had the old master key and a copy of a file with its key for ever.
//!
//! AES comes from `aws-lc-rs`, which TLS and the client of S3 bring already: no crate is added for it, its code is
//! written for the processor at hand, and it wipes keys when they are dropped.

mod keys;
mod open;
mod seal;

use std::ops::Range;

pub use keys::{KeyId, MasterKeys};
pub(crate) use open::{ContentKey, Opener, id_in};
pub(crate) use seal::{Intake, sealed_whole};

/// Encrypted at once. *Units*: bytes.
pub(crate) const CHUNK: u64 = 1 << CHUNK_LOG;
/// The same as a power of two.
const CHUNK_LOG: u8 = 16;
/// What proves a chunk. *Units*: bytes.
const TAG: u64 = 16;
/// A whole chunk as it is stored. *Units*: bytes.
const STORED_CHUNK: u64 = CHUNK + TAG;
/// The length of a nonce. *Units*: bytes.
const NONCE: usize = 12;
/// The length of a key. *Units*: bytes.
const KEY: usize = 32;
/// What the tag of the wrapping covers of the seal: everything before the nonce. *Units*: bytes.
const NAMED: usize = 20;
/// How a seal ends.
const MAGIC: &[u8; 12] = b"CARTSEALCART";
/// The length of a seal. *Units*: bytes.
pub(crate) const SEAL: u64 = (NAMED + NONCE + KEY) as u64 + TAG + MAGIC.len() as u64;
/// The version of all this.
const VERSION: u8 = 1;

/// Returns how many chunks make so many bytes; an empty blob has one, which is empty.
const fn chunks_of(size_bytes: u64) -> u64 {
    if size_bytes == 0 { 1 } else { size_bytes.div_ceil(CHUNK) }
}

/// Returns where the seal of a blob of so many bytes begins.
const fn seal_at(size_bytes: u64) -> u64 {
    size_bytes.saturating_add(chunks_of(size_bytes).saturating_mul(TAG))
}

/// Returns how many bytes a blob of so many bytes has when it is sealed.
pub(crate) const fn stored_bytes(size_bytes: u64) -> u64 {
    seal_at(size_bytes).saturating_add(SEAL)
}

/// Returns how many bytes a sealed blob of this stored length has; none if no sealed blob is so long.
pub(crate) fn plain_bytes(stored: u64) -> Option<u64> {
    let chunks = stored.checked_sub(SEAL)?;
    let whole = chunks.div_ceil(STORED_CHUNK);
    chunks.checked_sub(whole.max(1) * TAG).filter(|size| stored_bytes(*size) == stored)
}

/// Returns where the seal of a blob of so many bytes lies.
pub(crate) const fn seal_range(size_bytes: u64) -> Range<u64> {
    let at = seal_at(size_bytes);
    at..at.saturating_add(SEAL)
}

/// Says whether stored bytes end as a sealed blob does. Plain bytes may end so too: it is a hint and no proof.
pub(crate) fn looks_sealed(end: &[u8]) -> bool {
    end.ends_with(MAGIC)
}

/// The chunks that a range of a blob touches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// The number of the first of them.
    pub(crate) first: u64,
    /// Where they are stored.
    pub(crate) stored: Range<u64>,
    /// How many of their bytes come before the range.
    skip: usize,
    /// How many bytes the range has.
    take: usize,
}

impl Span {
    /// Finds the chunks of a range that lies within the blob, and is not empty unless the blob is.
    pub(crate) fn of(size_bytes: u64, range: &Range<u64>) -> Self {
        let first = range.start / CHUNK;
        let behind = range.end.div_ceil(CHUNK).max(first + 1);
        let stored = first.saturating_mul(STORED_CHUNK)..behind.saturating_mul(STORED_CHUNK).min(seal_at(size_bytes));
        let in_memory = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
        Self { first, stored, skip: in_memory(range.start - first * CHUNK), take: in_memory(range.end - range.start) }
    }

    /// Returns how many bytes must be read.
    pub(crate) fn stored_len(&self) -> usize {
        usize::try_from(self.stored.end - self.stored.start).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_lengths_can_be_told_from_plain_ones_and_back() {
        for size in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 7, 1 << 40] {
            assert_eq!(plain_bytes(stored_bytes(size)), Some(size), "{size}");
        }
        assert_eq!(stored_bytes(0), TAG + SEAL);
        for impossible in [0, SEAL, SEAL + TAG - 1, stored_bytes(CHUNK) + 1, stored_bytes(CHUNK) + TAG] {
            assert_eq!(plain_bytes(impossible), None, "{impossible}");
        }
        assert_eq!(SEAL, 92);
    }

    #[test]
    fn a_span_has_the_chunks_that_a_range_touches_and_no_others() {
        let size = 2 * CHUNK + 100;
        let span = |range: Range<u64>| {
            let span = Span::of(size, &range);
            (span.first, span.stored, span.skip, span.take)
        };
        assert_eq!(span(0..1), (0, 0..STORED_CHUNK, 0, 1));
        assert_eq!(span(0..CHUNK), (0, 0..STORED_CHUNK, 0, 65_536));
        assert_eq!(span(CHUNK - 1..CHUNK + 1), (0, 0..2 * STORED_CHUNK, 65_535, 2));
        assert_eq!(span(2 * CHUNK..size), (2, 2 * STORED_CHUNK..2 * STORED_CHUNK + 100 + TAG, 0, 100));
        assert_eq!(Span::of(0, &(0..0)).stored, 0..TAG);
    }
}
