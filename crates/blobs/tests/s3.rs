//! What a store in a bucket does beyond the rest: parts, copies, prefixes.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use cartulary_blobs::{BlobStore, S3Config, StorageKey, StoreConfig, VerifyOutcome};
use common::{MIB, body, bytes_of, listed, put, read, s3_config};

async fn open(config: S3Config) -> BlobStore {
    BlobStore::open(&StoreConfig::S3(Box::new(config))).await.unwrap()
}

#[tokio::test]
async fn a_blob_larger_than_the_store_copies_passes_through_us() {
    let folder = tempfile::tempdir().unwrap();
    let Some(config) = s3_config(&folder) else { return };
    let store = open(S3Config { copy_limit_bytes: MIB as u64, ..config }).await;
    let bytes = bytes_of(17 * MIB + 3, 1);
    let stored = put(&store, &bytes).await;
    assert!(read(&store, stored).await.unwrap() == bytes);
    assert_eq!(listed(&store).await.len(), 1, "nothing stays in the staging place");
}

#[tokio::test]
async fn stores_with_different_prefixes_do_not_see_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let (Some(one), Some(other)) = (s3_config(&folder), s3_config(&folder)) else { return };
    let (one, other) = (open(one).await, open(other).await);
    let stored = put(&one, b"here").await;
    assert!(listed(&other).await.is_empty());
    let outcome = other.verify(&stored.key, stored.digest, stored.size_bytes).await.unwrap();
    assert_eq!(outcome, VerifyOutcome::Missing);
    assert_eq!(listed(&one).await.len(), 1);
}

#[tokio::test]
async fn a_blob_that_was_swept_while_staged_cannot_be_committed() {
    let folder = tempfile::tempdir().unwrap();
    let Some(config) = s3_config(&folder) else { return };
    let store = open(config).await;
    let staged = store.stage(body(&bytes_of(6 * MIB, 2), 100_000)).await.unwrap();
    let key = StorageKey::new(staged.digest, 0);
    store.sweep_staging(std::time::Duration::ZERO).await.unwrap();
    assert!(store.commit(staged, &key).await.is_err());
    assert!(listed(&store).await.is_empty());
}
