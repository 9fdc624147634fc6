//! Sealed bytes back into plain ones.

use std::ops::Range;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use zeroize::Zeroizing;

use super::{
    CHUNK, CHUNK_LOG, KEY, KeyId, MAGIC, MasterKeys, NAMED, NONCE, SEAL, STORED_CHUNK, Span, TAG, VERSION, chunks_of,
};
use crate::StorageKey;
use crate::error::{BlobError, Corruption, Result};

/// Says that a tag does not fit.
#[derive(Debug)]
pub(super) struct Broken;

/// The key of one blob, wiped when it is dropped.
pub(crate) struct ContentKey(Zeroizing<[u8; KEY]>);

impl std::fmt::Debug for ContentKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ContentKey")
    }
}

impl ContentKey {
    /// Opens the seal of a blob, which proves that these sealed bytes are those of this digest.
    ///
    /// # Errors
    /// [`BlobError::NoKey`] when the master key is not at hand, [`BlobError::Corrupt`] when it is no seal, that of another blob,
    /// or was changed.
    pub(crate) fn unseal(keys: Option<&MasterKeys>, key: &StorageKey, size_bytes: u64, seal: &[u8]) -> Result<Self> {
        let broken = || BlobError::Corrupt { key: *key, fault: Corruption::Seal };
        let seal: &[u8; SEAL as usize] = seal.try_into().map_err(|_| broken())?;
        let (named, rest) = seal.split_at(NAMED);
        let is_ours = named.starts_with(&[VERSION, CHUNK_LOG, 0, 0]) && seal.ends_with(MAGIC);
        let says_size = named.ends_with(&size_bytes.to_be_bytes());
        let (nonce, rest) = rest.split_at(NONCE);
        let wrapped = rest.get(..KEY + TAG as usize).ok_or_else(broken)?;
        if !is_ours || !says_size {
            return Err(broken());
        }
        let id = id_in(seal).ok_or_else(broken)?;
        let nonce: [u8; NONCE] = nonce.try_into().map_err(|_| broken())?;
        let about = about(named, key);
        let opened = keys.and_then(|keys| keys.unwrap(id, nonce, &about, wrapped));
        let opened = opened.ok_or(BlobError::NoKey { key: *key, master: id })?;
        opened.map(Self).map_err(|Broken| broken())
    }

    /// Returns what opens the chunks.
    pub(crate) fn opener(&self, key: &StorageKey, size_bytes: u64) -> Result<Opener> {
        Ok(Opener { cipher: cipher(&self.0)?, key: *key, size_bytes })
    }
}

/// Returns which master key a seal names; nothing if it is none.
pub(crate) fn id_in(seal: &[u8]) -> Option<KeyId> {
    let id = seal.get(4..12)?.try_into().ok()?;
    (seal.len() as u64 == SEAL && super::looks_sealed(seal)).then_some(KeyId(id))
}

/// Returns what the tag of a wrapped key covers: what the seal says before it, and which bytes are meant.
pub(super) fn about(named: &[u8], key: &StorageKey) -> Vec<u8> {
    [named, MAGIC.as_slice(), key.digest().as_bytes()].concat()
}

/// Returns the cipher of a blob's key.
pub(super) fn cipher(key: &Zeroizing<[u8; KEY]>) -> Result<LessSafeKey> {
    let key = UnboundKey::new(&AES_256_GCM, key.as_slice()).map_err(|_| super::keys::no_cipher())?;
    Ok(LessSafeKey::new(key))
}

/// Returns the nonce of a chunk: its number, and whether it is the last one.
pub(super) fn nonce_of(number: u64, is_last: bool) -> Nonce {
    let [a, b, c, d, e, f, g, h] = number.to_be_bytes();
    Nonce::assume_unique_for_key([0, 0, 0, a, b, c, d, e, f, g, h, u8::from(is_last)])
}

/// Opens the chunks of one blob.
pub(crate) struct Opener {
    cipher: LessSafeKey,
    key: StorageKey,
    size_bytes: u64,
}

impl Opener {
    /// Returns which chunks a range needs.
    pub(crate) fn span(&self, range: &Range<u64>) -> Span {
        Span::of(self.size_bytes, range)
    }

    /// Returns the bytes of a range from the stored bytes of its chunks.
    ///
    /// # Errors
    /// [`BlobError::Corrupt`] when a chunk was changed, or is not the one that belongs there.
    pub(crate) fn open(&self, span: &Span, stored: &[u8]) -> Result<Vec<u8>> {
        let broken = || BlobError::Corrupt { key: self.key, fault: Corruption::Seal };
        let last = chunks_of(self.size_bytes) - 1;
        let tags = stored.len().div_ceil(STORED_CHUNK as usize).saturating_mul(TAG as usize);
        let mut plain = vec![0; stored.len().checked_sub(tags).ok_or_else(broken)?];
        let mut rest = plain.as_mut_slice();
        for (number, chunk) in (span.first..).zip(stored.chunks(STORED_CHUNK as usize)) {
            let (bytes, tag) = chunk.split_at_checked(chunk.len().wrapping_sub(TAG as usize)).ok_or_else(broken)?;
            let (into, behind) = rest.split_at_mut_checked(bytes.len()).ok_or_else(broken)?;
            let nonce = nonce_of(number, number == last);
            self.cipher.open_separate_gather(nonce, Aad::empty(), bytes, tag, into).map_err(|_| broken())?;
            rest = behind;
        }
        plain.truncate(span.skip.saturating_add(span.take));
        plain.drain(..span.skip.min(plain.len()));
        if plain.len() == span.take { Ok(plain) } else { Err(broken()) }
    }
}

/// The most bytes that one chunk gives, as they are counted in memory.
pub(super) const CHUNK_LEN: usize = CHUNK as usize;
