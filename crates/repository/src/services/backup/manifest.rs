//! The manifest of a backup: what it is of, and which parts on the shelf make its database and its configuration.

use std::io::Read;

use cartulary_blobs::Shelf;
use cartulary_db::Backend;
use serde::{Deserialize, Serialize};

use super::BackupError;
use super::seal;

/// The folder of manifests.
pub(super) const SNAPSHOTS: &str = "snapshots";
/// The folder of parts of databases and configurations.
pub(super) const PARTS: &str = "parts";
/// The folder of blobs; each in a folder of its first byte.
pub(super) const BLOBS: &str = "blobs";
/// How the lists end that say, in the clear, which parts a backup needs.
pub(super) const LIST_ENDING: &str = ".parts";
/// The largest manifest, opened and unpacked. *Units*: bytes.
const MANIFEST_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Bytes that lie on the shelf under a name of their own.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Part {
    /// The SHA-256 of the bytes before they were sealed.
    pub digest: String,
    pub size_bytes: u64,
}

/// What a backup is.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Manifest {
    pub format: u32,
    /// The office's name.
    pub office: String,
    /// The version of the program that made it.
    pub version: String,
    /// When the database was copied: a UTC instant.
    pub taken_at: String,
    pub log_identity: String,
    /// The log went at least so far.
    pub position: i64,
    pub name_key: String,
    pub backend: Backend,
    /// The copy of the database, in order.
    pub database: Vec<Part>,
    /// The SHA-256 of the whole copy.
    pub database_digest: String,
    /// An archive (tar) of the configuration, in order.
    pub configuration: Vec<Part>,
    pub blobs: u64,
    pub blob_bytes: u64,
    /// Blobs that the office itself had lost when the backup was made.
    pub lost: Vec<String>,
}

impl Manifest {
    /// Returns the manifest as it is sealed: JSON, packed.
    pub(super) fn packed(&self) -> Result<Vec<u8>, BackupError> {
        let json = serde_json::to_vec(self).map_err(crate::RepositoryError::internal)?;
        Ok(zstd::encode_all(json.as_slice(), 3)?)
    }

    /// Reads the manifest of a name on the shelf.
    pub(super) async fn open(shelf: &Shelf, name: &str, key: &age::x25519::Identity) -> Result<Self, BackupError> {
        let packed = seal::open_small(shelf, name, key, MANIFEST_BYTES_MAX).await?;
        let damaged = |reason: String| BackupError::Damaged { name: name.to_owned(), reason };
        let mut json = Vec::new();
        zstd::Decoder::new(packed.as_slice())
            .and_then(|decoder| decoder.take(MANIFEST_BYTES_MAX as u64).read_to_end(&mut json))
            .map_err(|error| damaged(error.to_string()))?;
        let manifest: Self = serde_json::from_slice(&json).map_err(|error| damaged(error.to_string()))?;
        if manifest.format > super::target::FORMAT {
            return Err(BackupError::NewerFormat);
        }
        Ok(manifest)
    }
}

/// Returns the names of all manifests on a shelf, oldest first: each begins with its instant.
pub(super) async fn snapshots(shelf: &Shelf) -> Result<Vec<String>, BackupError> {
    let items = shelf.list(SNAPSHOTS).await?;
    Ok(items.into_iter().map(|item| item.name).filter(|name| seal::parts_of(name).is_some()).collect())
}
