//! What can go wrong with blobs, named by what the caller can do.

use std::io;

use crate::{KeyId, StorageKey};

/// An error of any kind, kept as a cause.
pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The result of this crate's own functions.
pub(crate) type Result<T, E = BlobError> = std::result::Result<T, E>;

/// Says why a blob could not be taken, read or removed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BlobError {
    /// Nothing lies under the key, in a store that answers.
    #[error("the blob is not in the store")]
    NotFound,
    /// The store has, or would be left with, less room than its reserve. Nothing was taken; it works again when room is made.
    #[error("cannot store the blob: {free_bytes} bytes are free and {reserve_bytes} are kept in reserve")]
    NoSpace {
        /// What the blob needs, in bytes, where it is known beforehand.
        needed_bytes: Option<u64>,
        /// What is kept free, in bytes.
        reserve_bytes: u64,
        /// What was free when it was looked at, in bytes.
        free_bytes: u64,
    },
    /// The store holds other bytes under the key than the key says. They are never handed out complete.
    #[error("the blob `{key}` is damaged in the store: {fault}")]
    Corrupt {
        /// The place of the damaged bytes.
        key: StorageKey,
        /// What is wrong with them.
        fault: Corruption,
    },
    /// The blob is sealed with a master key that the store was not opened with. Its bytes are as good as before.
    #[error("the blob `{key}` is sealed with the master key {master}, which the key file does not have")]
    NoKey {
        /// The place of the sealed bytes.
        key: StorageKey,
        /// The master key that opens them.
        master: KeyId,
    },
    /// The file was changed by somebody while it was read; read it again later.
    #[error("the file changed while it was read")]
    Changed,
    /// The file that was to be stored cannot be read; the store is well.
    #[error("cannot read the file that was to be stored")]
    Source {
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The incoming bytes broke off; the store is well, and nothing was kept.
    #[error("the incoming bytes broke off: {reason}")]
    Body {
        /// What the sender's side said.
        reason: String,
    },
    /// The blob is larger than the caller, or the store, can take.
    #[error("the blob has {size_bytes} bytes or more, and the limit is {limit_bytes}")]
    TooLarge {
        /// The size, as far as it is known, in bytes.
        size_bytes: u64,
        /// The limit, in bytes.
        limit_bytes: u64,
    },
    /// The range asked for does not lie within the blob.
    #[error("the range {start}..{end} does not lie within {size_bytes} bytes")]
    Range {
        /// The first byte asked for.
        start: u64,
        /// The byte after the last one asked for.
        end: u64,
        /// The size of the blob, in bytes.
        size_bytes: u64,
    },
    /// Bytes were to be committed under a key that names other bytes.
    #[error("cannot store a blob under `{key}`: its digest is another one")]
    WrongKey {
        /// The key that was asked for.
        key: StorageKey,
    },
    /// The configuration of the store cannot be used.
    #[error("cannot use the store's setting `{setting}`: {reason}")]
    Config {
        /// The name of the setting.
        setting: &'static str,
        /// What is wrong with it, never with a secret's value.
        reason: String,
    },
    /// The store cannot be reached, is too slow, or refuses; what was asked was tried again in vain.
    #[error("the blob store is not available")]
    Unavailable {
        /// What the store or the way to it said.
        #[source]
        source: BoxError,
    },
    /// The machine failed to read or write.
    #[error("cannot {act}")]
    Io {
        /// What was being done, such as "sync a blob".
        act: &'static str,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
}

impl BlobError {
    /// Says whether the same call may succeed later, without any change by a person.
    pub const fn is_temporary(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Changed | Self::NoSpace { .. })
    }
}

/// Says in which way stored bytes are wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Corruption {
    /// The number of bytes is wrong.
    #[error("it has {found_bytes} bytes instead of {expected_bytes}")]
    Length {
        /// The number of bytes that were stored.
        expected_bytes: u64,
        /// The number of bytes that are there.
        found_bytes: u64,
    },
    /// The number of bytes is right and their digest is not.
    #[error("its bytes have another digest")]
    Bytes,
    /// The bytes are sealed, and were changed since, or belong to another blob.
    #[error("its seal is broken: the sealed bytes were changed, or are those of another blob")]
    Seal,
    /// Something that has no bytes lies in its place: a folder, or a pipe.
    #[error("what lies in its place is no file")]
    NoFile,
}
