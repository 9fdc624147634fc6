//! Encryption at rest: what is stored tells nothing, opens only whole and in its place, and is read like any other blob.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::arithmetic_side_effects)]

mod common;

use std::ops::Range;
use std::path::Path;

use cartulary_blobs::{BlobError, BlobStore, Corruption, MasterKeys, Resealed, StorageKey, StoreConfig, VerifyOutcome};
use cartulary_model::BlobDigest;
use common::{Fixture, Kind, MIB, Stored, body, bytes_of, drain, listed, put, read, s3_config};
use futures::TryStreamExt;

/// A chunk, and the same with its tag.
const CHUNK: usize = 64 * 1024;
const STORED_CHUNK: usize = CHUNK + 16;
const SEAL: usize = 92;

async fn read_range(store: &BlobStore, stored: Stored, range: Range<usize>) -> Result<Vec<u8>, BlobError> {
    let asked = range.start as u64..range.end as u64;
    let (bytes, error) = drain(store.read(&stored.key, stored.digest, stored.size_bytes, Some(asked)).await?).await;
    error.map_or(Ok(bytes), Err)
}

fn is_broken_seal<T>(outcome: &Result<T, BlobError>) -> bool {
    matches!(outcome, Err(BlobError::Corrupt { fault: Corruption::Seal, .. }))
}

async fn verify(store: &BlobStore, stored: Stored) -> VerifyOutcome {
    store.verify(&stored.key, stored.digest, stored.size_bytes).await.unwrap()
}

/// Says whether any file below a folder holds these bytes.
fn holds(folder: &Path, bytes: &[u8]) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return holds(&path, bytes);
        }
        std::fs::read(&path).unwrap().windows(bytes.len()).any(|window| window == bytes)
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_plain_reaches_the_disk_staged_or_stored() {
    let fixture = Fixture::of(Kind::SealedFolder).await.unwrap();
    let marker = b"the words of a secret paper";
    for size in [100, 3 * MIB] {
        let bytes: Vec<u8> = marker.iter().copied().cycle().take(size).collect();
        let staged = fixture.store.stage(body(&bytes, 50_000)).await.unwrap();
        assert!(!holds(&fixture.folder.path().join("blobs"), marker), "staged, {size}");
        let key = StorageKey::new(staged.digest, 0);
        let stored = Stored { key, digest: staged.digest, size_bytes: staged.size_bytes };
        assert_eq!(stored.digest, BlobDigest::of(&bytes), "the digest is that of the plain bytes");
        fixture.store.commit(staged, &key).await.unwrap();
        assert!(!holds(&fixture.folder.path().join("blobs"), marker), "stored, {size}");
        assert!(read(&fixture.store, stored).await.unwrap() == bytes);
        assert!(fixture.store.local_path(&key).await.is_none(), "nobody is given the file itself");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_bytes_are_sealed_differently_each_time() {
    let fixture = Fixture::of(Kind::SealedFolder).await.unwrap();
    let stored = put(&fixture.store, b"the same paper").await;
    let file = fixture.file(&stored.key).await;
    let first = std::fs::read(&file).unwrap();
    put(&fixture.store, b"the same paper").await;
    let second = std::fs::read(&file).unwrap();
    assert_ne!(first[..14], second[..14]);
    assert_eq!(first.len(), 14 + 16 + SEAL);
}

/// Ranges that begin and end at, before and behind every border of a chunk.
async fn ranges_at_borders(store: &BlobStore, size: usize) {
    let bytes = bytes_of(size, size as u64);
    let stored = put(store, &bytes).await;
    let mut edges: Vec<usize> = (0..=size / CHUNK + 1)
        .flat_map(|number| {
            let border = number * CHUNK;
            [border.saturating_sub(1), border, border + 1]
        })
        .chain([size])
        .filter(|edge| *edge <= size)
        .collect();
    edges.dedup();
    for start in &edges {
        for end in edges.iter().filter(|end| *end >= start) {
            let found = read_range(store, stored, *start..*end).await.unwrap();
            assert!(found == bytes[*start..*end], "{start}..{end} of {size}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ranges_at_all_borders_of_chunks_are_right_in_a_folder() {
    let fixture = Fixture::of(Kind::SealedFolder).await.unwrap();
    for size in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 5 * CHUNK + 17] {
        ranges_at_borders(&fixture.store, size).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ranges_at_all_borders_of_chunks_are_right_in_a_bucket() {
    let Some(fixture) = Fixture::of(Kind::SealedS3).await else { return };
    for size in [1, CHUNK, CHUNK + 1, 3 * CHUNK + 17] {
        ranges_at_borders(&fixture.store, size).await;
    }
    // Larger than one request, and than one part.
    let bytes = bytes_of(13 * MIB + 5, 4);
    let stored = put(&fixture.store, &bytes).await;
    for range in [0..1, 2 * MIB - 1..2 * MIB + 1, MIB..9 * MIB + 3, 13 * MIB..13 * MIB + 5, 5..13 * MIB + 5] {
        assert!(read_range(&fixture.store, stored, range.clone()).await.unwrap() == bytes[range.clone()], "{range:?}");
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(24))]
    #[test]
    fn any_range_of_any_blob_is_that_of_the_plain_bytes(
        size in 0_usize..700_000,
        ends in proptest::collection::vec((0.0_f64..=1.0, 0.0_f64..=1.0), 12),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(async {
            let fixture = Fixture::of(Kind::SealedFolder).await.unwrap();
            let bytes = bytes_of(size, 7);
            let stored = put(&fixture.store, &bytes).await;
            for (one, other) in ends {
                let (one, other) = ((one * size as f64) as usize, (other * size as f64) as usize);
                let range = one.min(other)..one.max(other);
                assert!(read_range(&fixture.store, stored, range.clone()).await.unwrap() == bytes[range]);
            }
            assert!(read(&fixture.store, stored).await.unwrap() == bytes);
        });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_byte_is_found_wherever_it_lies() {
    let fixture = Fixture::of(Kind::SealedFolder).await.unwrap();
    let bytes = bytes_of(2 * CHUNK + 100, 3);
    let stored = put(&fixture.store, &bytes).await;
    let file = fixture.file(&stored.key).await;
    let whole = std::fs::read(&file).unwrap();
    let seal = whole.len() - SEAL;
    let regions = [
        ("first chunk", 0),
        ("tag of the first chunk", CHUNK),
        ("second chunk", STORED_CHUNK + 5),
        ("last chunk", 2 * STORED_CHUNK),
        ("tag of the last chunk", seal - 1),
        ("version", seal),
        ("size of a chunk", seal + 1),
        ("reserved", seal + 2),
        ("key id", seal + 4),
        ("size", seal + 19),
        ("nonce", seal + 20),
        ("wrapped key", seal + 32),
        ("tag of the wrapped key", seal + 64),
        ("word at the end", seal + 80),
        ("last byte", whole.len() - 1),
    ];
    for (name, at) in regions {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        std::fs::write(&file, &changed).unwrap();
        let found = read(&fixture.store, stored).await;
        if name == "key id" {
            assert!(matches!(found, Err(BlobError::NoKey { .. })), "{name}: {found:?}");
            assert!(matches!(verify(&fixture.store, stored).await, VerifyOutcome::NoKey { .. }), "{name}");
        } else {
            assert!(is_broken_seal(&found), "{name}: {:?}", found.map(|bytes| bytes.len()));
            assert_eq!(verify(&fixture.store, stored).await, VerifyOutcome::BrokenSeal, "{name}");
        }
        assert!(read_range(&fixture.store, stored, 0..bytes.len() - 1).await.is_err(), "{name}");
    }
    std::fs::write(&file, &whole).unwrap();
    assert_eq!(verify(&fixture.store, stored).await, VerifyOutcome::Sound);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_range_reads_its_own_chunks_and_no_others() {
    let fixture = Fixture::of(Kind::SealedFolder).await.unwrap();
    let bytes = bytes_of(3 * CHUNK, 4);
    let stored = put(&fixture.store, &bytes).await;
    let file = fixture.file(&stored.key).await;
    let mut changed = std::fs::read(&file).unwrap();
    changed[STORED_CHUNK + 7] ^= 1;
    std::fs::write(&file, &changed).unwrap();
    assert!(read_range(&fixture.store, stored, 0..CHUNK).await.unwrap() == bytes[..CHUNK]);
    assert!(read_range(&fixture.store, stored, 2 * CHUNK + 5..3 * CHUNK).await.unwrap() == bytes[2 * CHUNK + 5..]);
    assert!(is_broken_seal(&read_range(&fixture.store, stored, CHUNK..CHUNK + 1).await));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chunks_and_files_that_change_places_are_found() {
    let fixture = Fixture::of(Kind::SealedFolder).await.unwrap();
    let stored = put(&fixture.store, &bytes_of(3 * CHUNK, 5)).await;
    let other = put(&fixture.store, &bytes_of(3 * CHUNK, 6)).await;
    let (file, other_file) = (fixture.file(&stored.key).await, fixture.file(&other.key).await);
    let (whole, others) = (std::fs::read(&file).unwrap(), std::fs::read(&other_file).unwrap());

    let mut swapped = whole.clone();
    swapped[..2 * STORED_CHUNK].rotate_left(STORED_CHUNK);
    // The last chunk in the middle: it is known by its nonce.
    let mut last_first = whole.clone();
    last_first[..3 * STORED_CHUNK].rotate_left(2 * STORED_CHUNK);
    let mut chunk_of_another = whole.clone();
    chunk_of_another[..STORED_CHUNK].copy_from_slice(&others[..STORED_CHUNK]);
    let mut seal_of_another = whole.clone();
    seal_of_another[3 * STORED_CHUNK..].copy_from_slice(&others[3 * STORED_CHUNK..]);
    for (name, bytes) in [
        ("chunks swapped", &swapped),
        ("the last chunk first", &last_first),
        ("a chunk of another blob", &chunk_of_another),
        ("the seal of another blob", &seal_of_another),
        ("the file of another blob", &others),
    ] {
        std::fs::write(&file, bytes).unwrap();
        assert!(is_broken_seal(&read(&fixture.store, stored).await), "{name}");
        assert!(is_broken_seal(&read_range(&fixture.store, stored, 0..10).await), "{name}");
        assert_eq!(verify(&fixture.store, stored).await, VerifyOutcome::BrokenSeal, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_was_cut_or_grew_is_found() {
    let fixture = Fixture::of(Kind::SealedFolder).await.unwrap();
    let stored = put(&fixture.store, &bytes_of(2 * CHUNK + 9, 7)).await;
    let file = fixture.file(&stored.key).await;
    let whole = std::fs::read(&file).unwrap();
    let without_last_chunk = [&whole[..2 * STORED_CHUNK], &whole[whole.len() - SEAL..]].concat();
    let grown = [&whole[..], b"more"].concat();
    for bytes in [&whole[..0], &whole[..1], &whole[..whole.len() - 1], &without_last_chunk, &grown] {
        std::fs::write(&file, bytes).unwrap();
        let found = read(&fixture.store, stored).await;
        assert!(matches!(found, Err(BlobError::Corrupt { fault: Corruption::Length { .. }, .. })), "{}", bytes.len());
        assert!(matches!(verify(&fixture.store, stored).await, VerifyOutcome::WrongLength { .. }));
        assert!(read_range(&fixture.store, stored, 0..1).await.is_err());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_right_key_nothing_opens_and_it_is_said_which_is_missing() {
    for kind in [Kind::SealedFolder, Kind::SealedS3] {
        let Some(fixture) = Fixture::of(kind).await else { continue };
        let [needed] = fixture.store.key_ids()[..] else { panic!("one key") };
        for size in [500, 3 * MIB] {
            let stored = put(&fixture.store, &bytes_of(size, 8)).await;
            let other_keys = fixture.folder.path().join(format!("other-{size}.key"));
            MasterKeys::create(&other_keys).unwrap();
            for store in [fixture.again(None).await, fixture.again(Some(other_keys)).await] {
                let refused = read(&store, stored).await.unwrap_err();
                assert!(
                    matches!(refused, BlobError::NoKey { master, .. } if master == needed),
                    "{kind:?}: {refused:?}"
                );
                assert!(refused.to_string().contains(&needed.to_string()), "{refused}");
                assert!(matches!(read_range(&store, stored, 0..5).await, Err(BlobError::NoKey { .. })));
                assert_eq!(verify(&store, stored).await, VerifyOutcome::NoKey { master: needed });
            }
        }
    }
}

/// Stores plain, opens with a key, and seals; with a reader in the middle of the plain bytes.
async fn sealed_later(kind: Kind) {
    let Some(plain) = Fixture::of(kind).await else { return };
    let (small, large) = (bytes_of(700, 9), bytes_of(7 * MIB, 10));
    let stored = [put(&plain.store, &small).await, put(&plain.store, &large).await];
    MasterKeys::create(&plain.key_file()).unwrap();
    let store = plain.again(Some(plain.key_file())).await;
    // Old and new beside each other.
    let new = put(&store, b"a new paper").await;
    assert_eq!(read(&store, new).await.unwrap(), b"a new paper");
    assert_eq!(read(&store, stored[0]).await.unwrap(), small);
    assert!(read_range(&store, stored[1], MIB..5 * MIB).await.unwrap() == large[MIB..5 * MIB]);
    let mut midway = store.read(&stored[1].key, stored[1].digest, stored[1].size_bytes, None).await.unwrap();
    let mut midway_range =
        store.read(&stored[1].key, stored[1].digest, stored[1].size_bytes, Some(1..large.len() as u64)).await.unwrap();
    let mut begun = midway.try_next().await.unwrap().unwrap().to_vec();
    let mut begun_range = midway_range.try_next().await.unwrap().unwrap().to_vec();
    for one in stored {
        let done = store.reseal(&one.key, one.digest, one.size_bytes).await.unwrap();
        assert_eq!(done, Resealed::Rewritten);
        let again = store.reseal(&one.key, one.digest, one.size_bytes).await.unwrap();
        assert_eq!(again, Resealed::WasSealed);
        assert_eq!(verify(&store, one).await, VerifyOutcome::Sound);
        assert!(read_range(&store, one, 3..700).await.is_ok());
    }
    while let Some(chunk) = midway.try_next().await.unwrap() {
        begun.extend_from_slice(&chunk);
    }
    assert!(begun == large, "who reads while it is sealed reads on");
    while let Some(chunk) = midway_range.try_next().await.unwrap() {
        begun_range.extend_from_slice(&chunk);
    }
    assert!(begun_range == large[1..], "and so does who reads a range");
    assert!(matches!(read(&plain.store, stored[0]).await, Err(BlobError::NoKey { .. })), "it is sealed now");
    assert_eq!(listed(&store).await.len(), 3, "nothing is left beside it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_stored_plain_is_read_and_can_be_sealed_in_a_folder() {
    sealed_later(Kind::Folder).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_stored_plain_is_read_and_can_be_sealed_in_a_bucket() {
    sealed_later(Kind::S3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_blob_is_not_sealed_over() {
    let plain = Fixture::folder().await;
    let stored = put(&plain.store, &bytes_of(3 * MIB, 11)).await;
    let file = plain.file(&stored.key).await;
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[MIB] ^= 1;
    std::fs::write(&file, &bytes).unwrap();
    MasterKeys::create(&plain.key_file()).unwrap();
    let store = plain.again(Some(plain.key_file())).await;
    let refused = store.reseal(&stored.key, stored.digest, stored.size_bytes).await;
    assert!(refused.is_err());
    assert_eq!(std::fs::read(&file).unwrap(), bytes, "it lies there as it did, for whoever mends it");
    assert_eq!(verify(&store, stored).await, VerifyOutcome::WrongBytes);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_master_key_takes_over_and_the_old_one_can_go() {
    for kind in [Kind::SealedFolder, Kind::SealedS3] {
        let Some(fixture) = Fixture::of(kind).await else { continue };
        let [old] = fixture.store.key_ids()[..] else { panic!("one key") };
        let bytes = bytes_of(9 * MIB + 1, 12);
        let stored = put(&fixture.store, &bytes).await;
        let mut midway = fixture
            .store
            .read(&stored.key, stored.digest, stored.size_bytes, Some(5..stored.size_bytes))
            .await
            .unwrap();
        let mut begun = midway.try_next().await.unwrap().unwrap().to_vec();
        let new = MasterKeys::rotate(&fixture.key_file()).unwrap();
        let store = fixture.again(Some(fixture.key_file())).await;
        assert_eq!(store.key_ids(), [old, new]);
        assert!(read(&store, stored).await.unwrap() == bytes);
        assert_eq!(store.reseal(&stored.key, stored.digest, stored.size_bytes).await.unwrap(), Resealed::Rewritten);
        MasterKeys::retire(&fixture.key_file(), old).unwrap();
        let store = fixture.again(Some(fixture.key_file())).await;
        assert!(read(&store, stored).await.unwrap() == bytes, "{kind:?}");
        // A process that was opened with the old key alone says which one it lacks; in a folder it has the old file still open.
        let mut rest = Ok(());
        loop {
            match midway.try_next().await {
                Ok(Some(chunk)) => begun.extend_from_slice(&chunk),
                Ok(None) => break,
                Err(error) => {
                    rest = Err(error);
                    break;
                }
            }
        }
        match rest {
            Ok(()) => assert!(begun == bytes[5..], "{kind:?}"),
            Err(error) => assert!(matches!(error, BlobError::NoKey { master, .. } if master == new), "{error:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sealed_blob_larger_than_the_store_copies_passes_through_us() {
    let folder = tempfile::tempdir().unwrap();
    let Some(config) = s3_config(&folder) else { return };
    let key_file = folder.path().join("master.key");
    MasterKeys::create(&key_file).unwrap();
    let config = cartulary_blobs::S3Config { copy_limit_bytes: MIB as u64, ..config };
    let store = BlobStore::open(&StoreConfig::S3(Box::new(config)).with_key_file(key_file)).await.unwrap();
    let bytes = bytes_of(17 * MIB + 3, 1);
    let stored = put(&store, &bytes).await;
    assert!(read(&store, stored).await.unwrap() == bytes);
    assert_eq!(listed(&store).await.len(), 1, "nothing stays in the staging place");
}

#[tokio::test]
async fn a_store_does_not_open_with_a_key_file_that_others_read_or_that_is_not_there() {
    use std::os::unix::fs::PermissionsExt;
    let fixture = Fixture::of(Kind::SealedFolder).await.unwrap();
    std::fs::set_permissions(fixture.key_file(), std::fs::Permissions::from_mode(0o644)).unwrap();
    let refused = BlobStore::open(&fixture.config).await.unwrap_err().to_string();
    assert!(refused.contains("keyFile") && refused.contains("chmod 600"), "{refused}");
    std::fs::remove_file(fixture.key_file()).unwrap();
    let refused = BlobStore::open(&fixture.config).await.unwrap_err().to_string();
    assert!(refused.contains("is not there"), "{refused}");
}
