//! What a store can do, found out by trying.

use std::time::Instant;

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};
use serde::Serialize;

use crate::error::{BlobError, Result};
use crate::folder::Folder;
use crate::objects::{Objects, store_fault};

/// What a store was seen to do. Recorded for people; nothing relies on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StoreCapabilities {
    /// `folder`, `s3` or `memory`.
    pub kind: &'static str,
    /// Whether a second creation under the same name was refused. Some stores answer "done" and overwrite.
    pub conditional_put: bool,
    /// Whether an object appeared in the list right after it was written.
    pub lists_after_write: bool,
    /// Whether a part of an object can be read.
    pub ranges: bool,
    /// How long it took to write a small object durably, in microseconds.
    pub write_us: u64,
}

const PROBE: &[u8] = b"cartulary probe";

/// Tries a store of objects.
pub(crate) async fn probe_objects(objects: &Objects) -> Result<StoreCapabilities> {
    let path = Objects::new_staging_path();
    let outcome = try_objects(objects, &path).await;
    // Also after a failure, so that nothing stays.
    let removed = objects.delete(&path).await;
    let capabilities = outcome?;
    removed?;
    Ok(capabilities)
}

async fn try_objects(objects: &Objects, path: &object_store::path::Path) -> Result<StoreCapabilities> {
    let store = &objects.store;
    let started = Instant::now();
    store.put(path, PutPayload::from_static(PROBE)).await.map_err(store_fault)?;
    let write_us = micros_since(started);
    let read = store.get(path).await.map_err(store_fault)?.bytes().await.map_err(store_fault)?;
    must_equal(&read, PROBE)?;
    let part = store.get_range(path, 2..5).await;
    let listed: Vec<_> = store.list(Some(&"staging".into())).try_collect().await.map_err(store_fault)?;
    let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
    let again = store.put_opts(path, PutPayload::from_static(PROBE), options).await;
    Ok(StoreCapabilities {
        kind: objects.kind,
        conditional_put: is_refusal(&again),
        lists_after_write: listed.iter().any(|details| details.location == *path),
        ranges: part.is_ok_and(|bytes| Some(&*bytes) == PROBE.get(2..5)),
        write_us,
    })
}

const fn is_refusal<T>(answer: &object_store::Result<T>) -> bool {
    matches!(answer, Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }))
}

/// Tries a folder.
pub(crate) async fn probe_folder(folder: &Folder) -> Result<StoreCapabilities> {
    let probe = |folder: &Folder| {
        folder.check_space(None)?;
        let started = Instant::now();
        let found = folder.probe(PROBE)?;
        let write_us = found.written.duration_since(started).as_micros();
        must_equal(&found.read, PROBE)?;
        Ok(StoreCapabilities {
            kind: "folder",
            conditional_put: found.refuses_second_creation,
            lists_after_write: found.is_listed,
            ranges: true,
            write_us: u64::try_from(write_us).unwrap_or(u64::MAX),
        })
    };
    folder.run(probe).await
}

fn must_equal(read: &[u8], written: &[u8]) -> Result<()> {
    if read == written {
        return Ok(());
    }
    Err(BlobError::Unavailable { source: "the store gave other bytes than were written to it".into() })
}

fn micros_since(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX)
}

/// What a folder did.
pub(crate) struct FolderFindings {
    pub(crate) written: Instant,
    pub(crate) read: Bytes,
    pub(crate) refuses_second_creation: bool,
    pub(crate) is_listed: bool,
}
