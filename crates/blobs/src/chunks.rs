//! Bytes on their way in: chunks of any size, cut into batches without copying the large ones.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use sha2::{Digest, Sha256};

use cartulary_model::BlobDigest;

/// Smaller chunks are copied together, so that a body sent byte by byte does not cost an allocation for each.
const KEEP_WHOLE_FROM: usize = 8 * 1024;

/// What is allocated at once for small chunks.
const TAIL_BYTES: usize = 64 * 1024;

/// A queue of bytes.
#[derive(Default)]
pub(crate) struct ChunkQueue {
    whole: VecDeque<Bytes>,
    tail: BytesMut,
    len: usize,
}

impl ChunkQueue {
    /// Returns how many bytes wait.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Appends a chunk.
    pub(crate) fn push(&mut self, chunk: Bytes) {
        self.len += chunk.len();
        if chunk.len() >= KEEP_WHOLE_FROM {
            self.close_tail();
            self.whole.push_back(chunk);
            return;
        }
        let tail_is_full = self.tail.len() + chunk.len() > TAIL_BYTES;
        if tail_is_full {
            self.close_tail();
        }
        if self.tail.capacity() == 0 {
            self.tail.reserve(if self.whole.is_empty() { chunk.len() } else { TAIL_BYTES });
        }
        self.tail.extend_from_slice(&chunk);
    }

    /// Takes the first `count` bytes, or all when there are fewer.
    pub(crate) fn take(&mut self, count: usize) -> Vec<Bytes> {
        self.close_tail();
        let mut batch = Vec::with_capacity(self.whole.len());
        let mut missing = count.min(self.len);
        self.len -= missing;
        while missing > 0 {
            let Some(mut chunk) = self.whole.pop_front() else { break };
            if chunk.len() > missing {
                let rest = chunk.split_off(missing);
                self.whole.push_front(rest);
            }
            missing -= chunk.len();
            batch.push(chunk);
        }
        batch
    }

    /// Takes everything.
    pub(crate) fn take_all(&mut self) -> Vec<Bytes> {
        self.take(self.len)
    }

    fn close_tail(&mut self) {
        if !self.tail.is_empty() {
            let tail = std::mem::take(&mut self.tail);
            self.whole.push_back(tail.freeze());
        }
    }
}

/// Returns the digest of the bytes in `chunks`.
pub(crate) fn digest_of(chunks: &[Bytes]) -> BlobDigest {
    let mut hasher = Sha256::new();
    for chunk in chunks {
        hasher.update(chunk);
    }
    digest_from(hasher)
}

/// Returns the digest that a hasher arrived at.
pub(crate) fn digest_from(hasher: Sha256) -> BlobDigest {
    BlobDigest::from_bytes(hasher.finalize().into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    #[test]
    fn chunks_of_any_size_come_out_in_order_and_cut_where_asked() {
        let sent: Vec<u8> = (0..300_000_u32).map(|number| (number % 251) as u8).collect();
        let mut queue = ChunkQueue::default();
        let mut at = 0;
        for size in [1, 7, 8191, 8192, 100_000, 3, 70_000, 5].into_iter().cycle() {
            let end = (at + size).min(sent.len());
            queue.push(Bytes::copy_from_slice(&sent[at..end]));
            at = end;
            if at == sent.len() {
                break;
            }
        }
        assert_eq!(queue.len(), sent.len());
        let first: Vec<u8> = queue.take(65_537).concat();
        assert_eq!(first, sent[..65_537]);
        let rest: Vec<u8> = queue.take_all().concat();
        assert_eq!(rest, sent[65_537..]);
        assert_eq!(queue.len(), 0);
        assert!(queue.take_all().is_empty());
    }

    #[test]
    fn single_bytes_are_kept_together() {
        let mut queue = ChunkQueue::default();
        for _ in 0..100_000 {
            queue.push(Bytes::from_static(b"x"));
        }
        let batch = queue.take_all();
        assert!(batch.len() <= 3, "{} chunks", batch.len());
        assert_eq!(batch.iter().map(Bytes::len).sum::<usize>(), 100_000);
    }
}
