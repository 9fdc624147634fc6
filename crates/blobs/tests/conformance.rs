//! What every store of blobs does, whatever it is made of: the same behaviours on memory, folder and S3, plain and sealed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod common;

/// Runs each behaviour on each kind of store.
macro_rules! conformance {
    ($($behaviour:ident),+ $(,)?) => {
        $(
            mod $behaviour {
                use super::common::{Fixture, Kind};

                async fn on(kind: Kind) {
                    if let Some(fixture) = Fixture::of(kind).await {
                        super::behaviours::$behaviour(&fixture.store).await;
                    }
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn on_memory() {
                    on(Kind::Memory).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn on_folder() {
                    on(Kind::Folder).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn on_s3() {
                    on(Kind::S3).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn on_sealed_folder() {
                    on(Kind::SealedFolder).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn on_sealed_s3() {
                    on(Kind::SealedS3).await;
                }
            }
        )+
    };
}

conformance!(
    a_committed_blob_is_read_back,
    an_empty_blob_is_a_blob,
    sizes_around_the_limit_of_memory_come_back_whole,
    a_large_stream_comes_back_whole,
    a_range_is_read_alone,
    a_range_beyond_the_blob_is_refused,
    nothing_is_visible_before_the_commit,
    a_discarded_blob_leaves_nothing,
    a_dropped_stream_leaves_nothing,
    a_broken_body_leaves_nothing,
    the_same_key_twice_is_the_same_blob,
    the_same_key_at_once_is_fine_for_all,
    generations_are_blobs_of_their_own,
    a_key_of_other_bytes_is_refused,
    a_wrong_length_is_found,
    a_wrong_digest_is_found_before_the_end,
    what_is_missing_is_not_found,
    a_deleted_blob_is_gone_and_may_be_deleted_again,
    the_list_shows_what_is_there,
    the_parts_of_the_list_make_the_whole,
    a_blob_beyond_the_readers_limit_is_refused,
    what_was_staged_and_left_is_swept,
    a_file_is_taken_as_it_is,
    the_probe_finds_a_store_that_works,
);

mod behaviours {
    use std::time::Duration;

    use futures::{StreamExt, TryStreamExt, future, stream};

    use cartulary_blobs::{BlobError, BlobStore, Corruption, ListedBlob, StorageKey, VerifyOutcome};
    use cartulary_model::BlobDigest;

    use super::common::{MIB, Stored, body, bytes_of, drain, listed, put, read};

    pub(super) async fn a_committed_blob_is_read_back(store: &BlobStore) {
        let bytes = bytes_of(100_000, 1);
        let stored = put(store, &bytes).await;
        assert_eq!(stored.digest, BlobDigest::of(&bytes));
        assert_eq!(stored.size_bytes, 100_000);
        assert_eq!(read(store, stored).await.unwrap(), bytes);
        let outcome = store.verify(&stored.key, stored.digest, stored.size_bytes).await.unwrap();
        assert_eq!(outcome, VerifyOutcome::Sound);
    }

    pub(super) async fn an_empty_blob_is_a_blob(store: &BlobStore) {
        let stored = put(store, b"").await;
        assert_eq!(stored.size_bytes, 0);
        assert_eq!(read(store, stored).await.unwrap(), b"");
        let outcome = store.verify(&stored.key, stored.digest, 0).await.unwrap();
        assert_eq!(outcome, VerifyOutcome::Sound);
        let range = store.read(&stored.key, stored.digest, 0, Some(0..0)).await.unwrap();
        assert!(drain(range).await.0.is_empty());
    }

    pub(super) async fn sizes_around_the_limit_of_memory_come_back_whole(store: &BlobStore) {
        for (seed, size) in [MIB - 1, MIB, MIB + 1, 5 * MIB - 1, 5 * MIB, 5 * MIB + 1].into_iter().enumerate() {
            let bytes = bytes_of(size, seed as u64);
            let stored = put(store, &bytes).await;
            assert_eq!(stored.digest, BlobDigest::of(&bytes), "{size}");
            assert!(read(store, stored).await.unwrap() == bytes, "{size}");
        }
    }

    pub(super) async fn a_large_stream_comes_back_whole(store: &BlobStore) {
        let bytes = bytes_of(40 * MIB, 5);
        let staged = store.stage(body(&bytes, 777_777)).await.unwrap();
        assert_eq!(staged.size_bytes, 40 * MIB as u64);
        assert_eq!(&*staged.head, &bytes[..4096]);
        let stored =
            Stored { key: StorageKey::new(staged.digest, 0), digest: staged.digest, size_bytes: staged.size_bytes };
        store.commit(staged, &stored.key).await.unwrap();
        let reader = store.read(&stored.key, stored.digest, stored.size_bytes, None).await.unwrap();
        let (read, error) = drain(reader).await;
        assert!(error.is_none(), "{error:?}");
        assert!(read == bytes);
        assert_eq!(listed(store).await.len(), 1);
    }

    pub(super) async fn a_range_is_read_alone(store: &BlobStore) {
        let bytes = bytes_of(5 * MIB + 17, 6);
        let stored = put(store, &bytes).await;
        let size = bytes.len();
        let ranges =
            [(0, 1), (0, 0), (size, size), (size - 1, size), (100, 300_000), (MIB, 4 * MIB), (1, size), (0, size)];
        for (start, end) in ranges {
            let range = start as u64..end as u64;
            let reader = store.read(&stored.key, stored.digest, stored.size_bytes, Some(range.clone())).await.unwrap();
            assert_eq!(reader.len_bytes(), range.end - range.start);
            assert_eq!(*reader.range(), range);
            let (read, error) = drain(reader).await;
            assert!(error.is_none(), "{range:?}: {error:?}");
            assert!(read == bytes[start..end], "{range:?}");
        }
    }

    pub(super) async fn a_range_beyond_the_blob_is_refused(store: &BlobStore) {
        let stored = put(store, b"twelve bytes").await;
        #[expect(clippy::reversed_empty_ranges, reason = "it must be refused as well")]
        for range in [0..13, 13..13, 5..4] {
            let refused = store.read(&stored.key, stored.digest, stored.size_bytes, Some(range)).await;
            assert!(matches!(refused, Err(BlobError::Range { size_bytes: 12, .. })));
        }
    }

    pub(super) async fn nothing_is_visible_before_the_commit(store: &BlobStore) {
        for size in [10, 6 * MIB] {
            let staged = store.stage(body(&bytes_of(size, 7), 50_000)).await.unwrap();
            let key = StorageKey::new(staged.digest, 0);
            let (digest, size_bytes) = (staged.digest, staged.size_bytes);
            assert!(matches!(store.read(&key, digest, size_bytes, None).await, Err(BlobError::NotFound)));
            assert!(listed(store).await.iter().all(|blob| blob.key != Some(key)));
            store.commit(staged, &key).await.unwrap();
            assert!(listed(store).await.iter().any(|blob| blob.key == Some(key)));
        }
        assert!(listed(store).await.iter().all(|blob| blob.key.is_some()));
    }

    pub(super) async fn a_discarded_blob_leaves_nothing(store: &BlobStore) {
        for size in [10, 6 * MIB] {
            let staged = store.stage(body(&bytes_of(size, 8), 50_000)).await.unwrap();
            store.discard(staged).await;
            assert!(listed(store).await.is_empty());
        }
    }

    pub(super) async fn a_dropped_stream_leaves_nothing(store: &BlobStore) {
        let (halt, halted) = tokio::sync::oneshot::channel();
        let mut halt = Some(halt);
        let silence = stream::poll_fn(move |_| {
            let _ = halt.take().map(|halt| halt.send(()));
            std::task::Poll::Pending
        });
        let staging = store.stage(body(&bytes_of(12 * MIB, 9), 100_000).chain(silence));
        // Until it waits for bytes that never come; then it is dropped, as when the sender goes away.
        tokio::select! {
            _ = staging => panic!("the body never ended"),
            _ = halted => {}
        }
        assert!(listed(store).await.is_empty());
    }

    pub(super) async fn a_broken_body_leaves_nothing(store: &BlobStore) {
        for size in [10, 12 * MIB] {
            let broken = stream::iter([Err(std::io::Error::other("the line went dead"))]);
            let failed = store.stage(body(&bytes_of(size, 10), 100_000).chain(broken)).await;
            let Err(BlobError::Body { reason }) = failed else { panic!("{failed:?}") };
            assert_eq!(reason, "the line went dead");
            assert!(listed(store).await.is_empty());
        }
    }

    pub(super) async fn the_same_key_twice_is_the_same_blob(store: &BlobStore) {
        for size in [1000, 6 * MIB] {
            let bytes = bytes_of(size, 11);
            let first = put(store, &bytes).await;
            let second = put(store, &bytes).await;
            assert_eq!(first.key, second.key);
            assert!(read(store, second).await.unwrap() == bytes);
        }
        assert_eq!(listed(store).await.len(), 2);
    }

    pub(super) async fn the_same_key_at_once_is_fine_for_all(store: &BlobStore) {
        let bytes = bytes_of(6 * MIB, 12);
        let stored = future::join_all((0..4).map(|_| put(store, &bytes))).await;
        assert!(read(store, stored[0]).await.unwrap() == bytes);
        let small = bytes_of(2000, 13);
        let stored = future::join_all((0..16).map(|_| put(store, &small))).await;
        assert_eq!(read(store, stored[0]).await.unwrap(), small);
        assert_eq!(listed(store).await.len(), 2);
    }

    pub(super) async fn generations_are_blobs_of_their_own(store: &BlobStore) {
        let bytes = bytes_of(3000, 14);
        let first = put(store, &bytes).await;
        let staged = store.stage(body(&bytes, 500)).await.unwrap();
        let second = Stored { key: StorageKey::new(first.digest, 1), ..first };
        store.commit(staged, &second.key).await.unwrap();
        store.delete(&first.key).await.unwrap();
        assert!(matches!(read(store, first).await, Err(BlobError::NotFound)));
        assert_eq!(read(store, second).await.unwrap(), bytes);
        let all = listed(store).await;
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].key, Some(second.key));
    }

    pub(super) async fn a_key_of_other_bytes_is_refused(store: &BlobStore) {
        let staged = store.stage(body(b"these", 5)).await.unwrap();
        let other = StorageKey::new(BlobDigest::of(b"those"), 0);
        assert!(matches!(store.commit(staged, &other).await, Err(BlobError::WrongKey { key }) if key == other));
        assert!(listed(store).await.is_empty());
    }

    pub(super) async fn a_wrong_length_is_found(store: &BlobStore) {
        for size in [2000, 3 * MIB] {
            let stored = put(store, &bytes_of(size, 15)).await;
            for claimed in [stored.size_bytes - 1, stored.size_bytes + 1, 0] {
                let fault = Corruption::Length { expected_bytes: claimed, found_bytes: stored.size_bytes };
                let failed = store.read(&stored.key, stored.digest, claimed, None).await;
                assert!(matches!(failed, Err(BlobError::Corrupt { fault: found, .. }) if found == fault));
                let outcome = store.verify(&stored.key, stored.digest, claimed).await.unwrap();
                assert_eq!(outcome, VerifyOutcome::from(fault));
            }
        }
        assert_eq!(store.counters().corrupt, 12);
    }

    pub(super) async fn a_wrong_digest_is_found_before_the_end(store: &BlobStore) {
        let wrong = BlobDigest::of(b"something else");
        for size in [1000, 5 * MIB] {
            let bytes = bytes_of(size, 16);
            let stored = put(store, &bytes).await;
            let (read, error) = match store.read(&stored.key, wrong, stored.size_bytes, None).await {
                Ok(reader) => drain(reader).await,
                Err(error) => (Vec::new(), Some(error)),
            };
            assert!(matches!(error, Some(BlobError::Corrupt { fault: Corruption::Bytes, .. })), "{error:?}");
            assert!(read.len() < size, "the end was given out");
            let outcome = store.verify(&stored.key, wrong, stored.size_bytes).await.unwrap();
            assert_eq!(outcome, VerifyOutcome::WrongBytes);
        }
    }

    pub(super) async fn what_is_missing_is_not_found(store: &BlobStore) {
        let digest = BlobDigest::of(b"never stored");
        let key = StorageKey::new(digest, 0);
        assert!(matches!(store.read(&key, digest, 12, None).await, Err(BlobError::NotFound)));
        assert!(matches!(store.read(&key, digest, 12, Some(3..5)).await, Err(BlobError::NotFound)));
        assert_eq!(store.verify(&key, digest, 12).await.unwrap(), VerifyOutcome::Missing);
    }

    pub(super) async fn a_deleted_blob_is_gone_and_may_be_deleted_again(store: &BlobStore) {
        let stored = put(store, b"to be removed").await;
        store.delete(&stored.key).await.unwrap();
        store.delete(&stored.key).await.unwrap();
        assert!(matches!(read(store, stored).await, Err(BlobError::NotFound)));
        assert!(listed(store).await.is_empty());
    }

    pub(super) async fn the_list_shows_what_is_there(store: &BlobStore) {
        let mut expected = Vec::new();
        for seed in 0..20 {
            let stored = put(store, &bytes_of(100 + seed as usize, seed)).await;
            // A chunk's tag and the seal.
            let stored_bytes = stored.size_bytes + if store.key_ids().is_empty() { 0 } else { 16 + 92 };
            expected.push((stored.key.to_string(), Some(stored.key), stored_bytes));
        }
        expected.sort();
        let listed = listed(store).await;
        let found: Vec<_> = listed.iter().map(|blob| (blob.raw_name.clone(), blob.key, blob.size_bytes)).collect();
        assert_eq!(found, expected);
        // After the year 2020, by the clock of the store.
        assert!(listed.iter().all(|blob| blob.modified.as_millis() > 1_577_836_800_000));
    }

    pub(super) async fn the_parts_of_the_list_make_the_whole(store: &BlobStore) {
        for seed in 0..20 {
            put(store, &bytes_of(10, seed)).await;
        }
        let mut parts = Vec::new();
        for first in 0..=u8::MAX {
            let part: Vec<ListedBlob> = store.list_part(first).try_collect().await.unwrap();
            let prefix = format!("sha256/{first:02x}/");
            assert!(part.iter().all(|blob| blob.raw_name.starts_with(&prefix)), "{part:?}");
            parts.extend(part.into_iter().map(|blob| blob.raw_name));
        }
        parts.sort();
        let whole: Vec<String> = listed(store).await.into_iter().map(|blob| blob.raw_name).collect();
        assert_eq!(parts, whole);
    }

    pub(super) async fn a_blob_beyond_the_readers_limit_is_refused(store: &BlobStore) {
        let stored = put(store, b"eleven byte").await;
        let refused = store.read_to_vec(&stored.key, stored.digest, 11, 10).await;
        assert!(matches!(refused, Err(BlobError::TooLarge { size_bytes: 11, limit_bytes: 10 })));
    }

    pub(super) async fn what_was_staged_and_left_is_swept(store: &BlobStore) {
        let stored = put(store, b"what is stored stays").await;
        let staged = store.stage(body(&bytes_of(6 * MIB, 17), 100_000)).await.unwrap();
        // As if the process had ended here: nobody commits, discards or drops it.
        std::mem::forget(staged);
        assert_eq!(listed(store).await.len(), 2);
        assert_eq!(store.sweep_staging(Duration::from_secs(3600)).await.unwrap(), 0);
        assert_eq!(store.sweep_staging(Duration::ZERO).await.unwrap(), 1);
        let left = listed(store).await;
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].key, Some(stored.key));
    }

    pub(super) async fn a_file_is_taken_as_it_is(store: &BlobStore) {
        let folder = tempfile::tempdir().unwrap();
        for size in [0, 1, 256 * 1024, MIB, MIB + 1, 7 * MIB] {
            let bytes = bytes_of(size, 18);
            let path = folder.path().join("paper");
            std::fs::write(&path, &bytes).unwrap();
            let staged = store.stage_file(&path).await.unwrap();
            assert_eq!((staged.digest, staged.size_bytes), (BlobDigest::of(&bytes), size as u64));
            let stored =
                Stored { key: StorageKey::new(staged.digest, 0), digest: staged.digest, size_bytes: staged.size_bytes };
            store.commit(staged, &stored.key).await.unwrap();
            assert!(read(store, stored).await.unwrap() == bytes, "{size}");
        }
    }

    pub(super) async fn the_probe_finds_a_store_that_works(store: &BlobStore) {
        let found = store.probe().await.unwrap();
        assert!(["memory", "folder", "s3"].contains(&found.kind));
        assert!(found.lists_after_write && found.ranges, "{found:?}");
        // A bucket may honour it or not (Garage overwrites without a word); the others do.
        assert!(found.conditional_put || found.kind == "s3", "{found:?}");
        assert!(listed(store).await.is_empty());
    }
}
