//! Bytes that are hashed and kept out of sight until the repository has decided.

use bytes::Bytes;

use cartulary_model::BlobDigest;

use crate::chunks::digest_of;
use crate::folder::StagedFile;
use crate::objects::StagedObject;

/// How many of the first bytes are kept at hand.
const HEAD_BYTES: usize = 4096;

/// A blob that came in whole and was hashed, and lies under no key yet.
///
/// Give it to [`BlobStore::commit`](crate::BlobStore::commit) or
/// [`BlobStore::discard`](crate::BlobStore::discard). One that is dropped is removed as well as it goes; what stays is
/// swept by [`BlobStore::sweep_staging`](crate::BlobStore::sweep_staging).
#[derive(Debug)]
pub struct StagedBlob {
    /// The digest of the bytes.
    pub digest: BlobDigest,
    /// The number of bytes.
    pub size_bytes: u64,
    /// The first bytes, at most 4,096 of them: enough to tell what kind of file it is.
    pub head: Bytes,
    pub(crate) body: StagedBody,
}

/// Where the bytes of a staged blob are.
#[derive(Debug)]
pub(crate) enum StagedBody {
    Memory(Vec<Bytes>),
    File(StagedFile),
    Object(StagedObject),
}

impl StagedBlob {
    /// Hashes a small body.
    pub(crate) fn in_memory(chunks: Vec<Bytes>) -> Self {
        let size_bytes = chunks.iter().map(|chunk| chunk.len() as u64).sum();
        Self { digest: digest_of(&chunks), size_bytes, head: head_of(&chunks), body: StagedBody::Memory(chunks) }
    }
}

/// Copies the first bytes, so that they do not keep the rest in memory.
pub(crate) fn head_of(chunks: &[Bytes]) -> Bytes {
    let mut head = Vec::with_capacity(HEAD_BYTES);
    for chunk in chunks {
        let missing = HEAD_BYTES - head.len();
        head.extend(chunk.iter().take(missing));
        if head.len() == HEAD_BYTES {
            break;
        }
    }
    Bytes::from(head)
}
