//! Blobs as objects of a store that speaks S3, or of the process's memory: everything through `object_store`.

mod open;
mod read;
mod write;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt, TryStreamExt};
use object_store::path::Path as ObjectPath;
use object_store::{DynObjectStore, ObjectMeta, ObjectStoreExt};
use uuid::Uuid;

use crate::error::{BlobError, BoxError, Result};
use crate::folder::timestamp;
use crate::sealing::sealed_whole;
use crate::store::ListedBlob;
use crate::{MasterKeys, StorageKey, blocking};

pub(crate) use read::ObjectCursor;
pub(crate) use write::{ObjectSink, StagedObject};

/// The name under which everything unfinished lies.
const STAGING: &str = "staging";

/// A store of objects.
#[derive(Clone, Debug)]
pub(crate) struct Objects {
    pub(crate) kind: &'static str,
    pub(crate) store: Arc<DynObjectStore>,
    /// Bodies up to this size are put whole, larger ones in parts of it, in bytes.
    part_bytes: usize,
    /// The largest object that the store copies itself, in bytes.
    copy_limit_bytes: u64,
    /// The master keys, if the blobs are to be sealed.
    keys: Option<Arc<MasterKeys>>,
}

impl Objects {
    /// Returns how much of a body may be kept in memory, in bytes.
    pub(crate) const fn part_bytes(&self) -> usize {
        self.part_bytes
    }

    /// Returns the same store, whose blobs are sealed.
    pub(crate) fn sealed_with(self, keys: Option<Arc<MasterKeys>>) -> Self {
        Self { keys, ..self }
    }

    /// Returns the master keys, if the blobs are to be sealed.
    pub(crate) const fn keys(&self) -> Option<&Arc<MasterKeys>> {
        self.keys.as_ref()
    }

    /// Returns a name in the staging place that nobody else has.
    pub(crate) fn new_staging_path() -> ObjectPath {
        ObjectPath::from_iter([STAGING.to_owned(), Uuid::now_v7().simple().to_string()])
    }

    /// Puts a small blob under a key, replacing what is there.
    pub(crate) async fn put(&self, mut chunks: Vec<Bytes>, key: &StorageKey) -> Result<()> {
        if let Some(keys) = self.keys.clone() {
            let digest = key.digest();
            chunks = blocking::run(move || sealed_whole(Some(&keys), chunks, digest)).await?;
        }
        self.store.put(&path_of(key), chunks.into_iter().collect()).await.map_err(store_fault)?;
        Ok(())
    }

    /// Removes the object of a key; one that is not there counts as removed.
    pub(crate) async fn delete(&self, path: &ObjectPath) -> Result<()> {
        match self.store.delete(path).await.map_err(store_fault) {
            Err(BlobError::NotFound) => Ok(()),
            other => other,
        }
    }

    /// Lists every object.
    pub(crate) fn list(&self) -> BoxStream<'static, Result<ListedBlob>> {
        self.store.list(None).map_ok(|details| listed(&details)).map_err(store_fault).boxed()
    }

    /// Lists what is stored whose digest begins with this byte.
    pub(crate) fn list_part(&self, first: u8) -> BoxStream<'static, Result<ListedBlob>> {
        let prefix = ObjectPath::from(format!("sha256/{first:02x}"));
        self.store.list(Some(&prefix)).map_ok(|details| listed(&details)).map_err(store_fault).boxed()
    }

    /// Removes staging objects older than `older_than` and returns how many.
    pub(crate) async fn sweep(&self, older_than: Duration) -> Result<usize> {
        let now = SystemTime::now();
        let mut staged = self.store.list(Some(&ObjectPath::from(STAGING)));
        let mut swept = 0;
        while let Some(details) = staged.next().await {
            let details = details.map_err(store_fault)?;
            let age = now.duration_since(details.last_modified.into()).ok();
            let is_old = older_than.is_zero() || age.is_some_and(|age| age >= older_than);
            if is_old {
                self.delete(&details.location).await?;
                swept += 1;
            }
        }
        Ok(swept)
    }
}

/// Returns the name of a key's object.
pub(crate) fn path_of(key: &StorageKey) -> ObjectPath {
    ObjectPath::from(key.to_string())
}

fn listed(details: &ObjectMeta) -> ListedBlob {
    let raw_name = details.location.to_string();
    let modified = timestamp(details.last_modified.into());
    ListedBlob { key: raw_name.parse().ok(), raw_name, size_bytes: details.size, modified }
}

/// Tells a missing object from a store that does not serve. A bucket that is gone has not lost its blobs one by one.
pub(crate) fn store_fault(error: object_store::Error) -> BlobError {
    match error {
        object_store::Error::NotFound { source, .. } if !names_missing_bucket(&source) => BlobError::NotFound,
        other => BlobError::Unavailable { source: other.into() },
    }
}

fn names_missing_bucket(source: &BoxError) -> bool {
    source.to_string().contains("NoSuchBucket")
}
