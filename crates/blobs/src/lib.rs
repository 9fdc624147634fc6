//! Content-addressed blobs: bytes named by their SHA-256, in a folder, in an S3-compatible store, or in memory.
//!
//! A blob comes in by two acts. [`BlobStore::stage`] hashes the bytes while they stream in and keeps them out of sight;
//! the repository then decides in its database whether these bytes are new. If they are, [`BlobStore::commit`] makes
//! them durable (file *and* directory synced) under a [`StorageKey`]; if not, [`BlobStore::discard`] forgets them.
//! The row that names a blob is committed only afterwards, so that a row never points to a missing blob.
//!
//! What is read whole is verified on the way: the last chunk is withheld until the digest matched, so that a damaged
//! store yields an error and never a complete wrong answer.
//!
//! Invariants:
//! - This crate knows no database. Uniqueness, references and the right to see a blob are decided above it; no answer
//!   of a store (such as a conditional put, which some stores silently ignore) is taken for a lock or a proof.
//! - No blob is held in memory whole, unless it is small; 20 GB pass with the same memory as 20 MB.
//! - Bytes under a storage key are never changed. Writing a key again replaces the file by one with the same bytes.
//! - Where a master key is named, no byte of a blob reaches the store unencrypted, staged or not (`sealing/mod.rs`).
//! - Outside this crate nobody sees `object_store`.
//!
//! Why the folder is written here and not through `object_store::local`: durability is a chain of four steps (write,
//! sync the file, rename, sync the directory) of which each must be ours to prove, errors such as a full disk must keep
//! their kind, and big bodies are hashed where they are written. `examples/put_rate.rs` measures both.

mod blocking;
mod chunks;
mod config;
mod counters;
mod documented;
mod error;
mod folder;
mod key;
mod lane;
mod objects;
mod probe;
mod reader;
mod sealing;
mod shelf;
mod sound;
mod source;
mod staged;
mod store;
mod storing;
mod stream_in;

pub use config::{FolderSettings, S3Config, SecretSource, StoreConfig};
pub use counters::StoreCounters;
pub use documented::Setting;
pub use error::{BlobError, Corruption};
pub use key::{InvalidStorageKey, StorageKey};
pub use probe::StoreCapabilities;
pub use reader::{BlobReader, VerifyOutcome};
pub use sealing::{KeyId, MasterKeys};
pub use shelf::{Shelf, ShelfConfig, ShelfItem};
pub use source::SourceFile;
pub use staged::StagedBlob;
pub use store::{BlobStore, ListedBlob, Resealed};
pub use storing::Storing;

/// The largest chunk of a [`BlobReader`], in bytes.
pub const CHUNK_BYTES: usize = 256 * 1024;
