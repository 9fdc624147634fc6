//! Plain bytes into sealed ones, while they are hashed.

use std::sync::Arc;

use aws_lc_rs::aead::{Aad, LessSafeKey};
use bytes::Bytes;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use cartulary_model::BlobDigest;

use super::keys::{no_cipher, random};
use super::open::{CHUNK_LEN, about, cipher, nonce_of};
use super::{CHUNK, CHUNK_LOG, KEY, MAGIC, MasterKeys, NONCE, SEAL, STORED_CHUNK, TAG, VERSION};
use crate::StorageKey;
use crate::chunks::digest_from;
use crate::error::{BlobError, Result};

/// More chunks than these would use a nonce twice. It is 256 TiB of them.
const CHUNKS_MAX: u64 = 1 << 32;

/// Takes the bytes of one blob in: hashes them, and seals them if there is a key to seal with.
pub(crate) struct Intake {
    hasher: Sha256,
    sealer: Option<Sealer>,
}

impl Intake {
    /// Begins a blob.
    pub(crate) fn begin(keys: Option<&Arc<MasterKeys>>) -> Result<Self> {
        Ok(Self { hasher: Sha256::new(), sealer: keys.map(Sealer::begin).transpose()? })
    }

    /// Says whether what comes out is sealed.
    pub(crate) const fn is_sealing(&self) -> bool {
        self.sealer.is_some()
    }

    /// Takes the next bytes and returns what is to be stored of them; some may come later.
    pub(crate) fn pass(&mut self, batch: Vec<Bytes>) -> Result<Vec<Bytes>> {
        batch.iter().for_each(|chunk| self.hasher.update(chunk));
        let Some(sealer) = &mut self.sealer else { return Ok(batch) };
        let mut sealed = Vec::with_capacity(batch.iter().map(Bytes::len).sum::<usize>() + STORED_CHUNK as usize);
        for chunk in &batch {
            sealer.update(chunk, &mut sealed)?;
        }
        Ok(vec![Bytes::from(sealed)])
    }

    /// Ends the blob; returns its digest and what is still to be stored.
    pub(crate) fn finish(self) -> Result<(BlobDigest, Vec<Bytes>)> {
        let digest = digest_from(self.hasher);
        let Some(sealer) = self.sealer else { return Ok((digest, Vec::new())) };
        let mut rest = Vec::with_capacity(STORED_CHUNK as usize + SEAL as usize);
        sealer.finish(digest, &mut rest)?;
        Ok((digest, vec![Bytes::from(rest)]))
    }
}

/// Returns what is to be stored of a small blob whose digest is known.
pub(crate) fn sealed_whole(
    keys: Option<&Arc<MasterKeys>>,
    chunks: Vec<Bytes>,
    digest: BlobDigest,
) -> Result<Vec<Bytes>> {
    let Some(keys) = keys else { return Ok(chunks) };
    let mut sealer = Sealer::begin(keys)?;
    let size: usize = chunks.iter().map(Bytes::len).sum();
    let mut sealed = Vec::with_capacity(usize::try_from(super::stored_bytes(size as u64)).unwrap_or(size));
    for chunk in &chunks {
        sealer.update(chunk, &mut sealed)?;
    }
    sealer.finish(digest, &mut sealed)?;
    Ok(vec![Bytes::from(sealed)])
}

/// Seals one blob. It keeps the last chunk back, because it must know which one that is.
struct Sealer {
    keys: Arc<MasterKeys>,
    key: Zeroizing<[u8; KEY]>,
    cipher: LessSafeKey,
    chunk: Vec<u8>,
    number: u64,
    size_bytes: u64,
}

impl Sealer {
    fn begin(keys: &Arc<MasterKeys>) -> Result<Self> {
        let mut key = Zeroizing::new([0; KEY]);
        random(key.as_mut_slice())?;
        let cipher = cipher(&key)?;
        Ok(Self { keys: Arc::clone(keys), key, cipher, chunk: Vec::new(), number: 0, size_bytes: 0 })
    }

    fn update(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) -> Result<()> {
        self.size_bytes = self.size_bytes.saturating_add(bytes.len() as u64);
        while !bytes.is_empty() {
            if self.chunk.len() == CHUNK_LEN {
                self.close(false, out)?;
            }
            let (now, later) = bytes.split_at(bytes.len().min(CHUNK_LEN - self.chunk.len()));
            self.chunk.extend_from_slice(now);
            bytes = later;
        }
        Ok(())
    }

    fn close(&mut self, is_last: bool, out: &mut Vec<u8>) -> Result<()> {
        if self.number >= CHUNKS_MAX {
            let limit_bytes = CHUNKS_MAX * CHUNK;
            return Err(BlobError::TooLarge { size_bytes: self.size_bytes, limit_bytes });
        }
        let nonce = nonce_of(self.number, is_last);
        let sealed = self.cipher.seal_in_place_separate_tag(nonce, Aad::empty(), &mut self.chunk);
        let tag = sealed.map_err(|_| no_cipher())?;
        out.extend_from_slice(&self.chunk);
        out.extend_from_slice(tag.as_ref());
        self.chunk.clear();
        self.number += 1;
        Ok(())
    }

    fn finish(mut self, digest: BlobDigest, out: &mut Vec<u8>) -> Result<()> {
        self.close(true, out)?;
        let mut named = vec![VERSION, CHUNK_LOG, 0, 0];
        named.extend_from_slice(&self.keys.newest().0);
        named.extend_from_slice(&self.size_bytes.to_be_bytes());
        let mut nonce = [0; NONCE];
        random(&mut nonce)?;
        let wrapped = self.keys.wrap(nonce, &about(&named, &StorageKey::new(digest, 0)), &self.key)?;
        debug_assert_eq!(wrapped.len(), KEY + TAG as usize);
        out.extend_from_slice(&named);
        out.extend_from_slice(&nonce);
        out.extend_from_slice(&wrapped);
        out.extend_from_slice(MAGIC);
        Ok(())
    }
}
