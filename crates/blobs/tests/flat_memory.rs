//! The memory of the process stays flat while large blobs pass. Alone in its process, because it measures it.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};

use cartulary_blobs::{BlobStore, StorageKey};
use common::{Fixture, Kind, MIB, bytes_of};

/// The most memory that the process ever had, in bytes.
fn peak_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

/// Sends `mebibytes` through a store and back, made as they go.
async fn pass(store: &BlobStore, mebibytes: usize) {
    let piece = Bytes::from(bytes_of(MIB, 3));
    let chunks = stream::iter(0..mebibytes * 16).map(move |number| {
        let start = (number % 16) * 65_536;
        Ok::<_, std::io::Error>(Bytes::copy_from_slice(&piece.slice(start..start + 65_536)))
    });
    let staged = store.stage(chunks).await.unwrap();
    let (digest, size_bytes) = (staged.digest, staged.size_bytes);
    assert_eq!(size_bytes, (mebibytes * MIB) as u64);
    let key = StorageKey::new(digest, 0);
    store.commit(staged, &key).await.unwrap();
    let reader = store.read(&key, digest, size_bytes, None).await.unwrap();
    let read = reader.try_fold(0, |sum, chunk| async move { Ok(sum + chunk.len() as u64) }).await.unwrap();
    assert_eq!(read, size_bytes);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_does_not_grow_with_the_size_of_a_blob() {
    // In parts of 5 MiB, of which one is sent while the next is gathered, and more may wait in the connection.
    for (kind, allowed_bytes) in [(Kind::Folder, 12 * MIB), (Kind::S3, 30 * MIB)] {
        let Some(fixture) = Fixture::of(kind).await else { continue };
        pass(&fixture.store, 8).await;
        let before = peak_bytes();
        pass(&fixture.store, 40).await;
        pass(&fixture.store, 120).await;
        let grown = peak_bytes() - before;
        assert!(grown <= allowed_bytes, "{kind:?}: the peak grew by {grown} bytes");
    }
}
