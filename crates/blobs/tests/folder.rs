//! What a store in a folder does beyond the rest: it meets damage, full disks, and files that change.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::print_stderr)]

mod common;

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use futures::StreamExt;

use cartulary_blobs::{
    BlobError, BlobStore, CHUNK_BYTES, Corruption, FolderSettings, SourceFile, StoreConfig, VerifyOutcome,
};
use cartulary_model::BlobDigest;
use common::{Fixture, MIB, body, bytes_of, drain, listed, put, read};

#[tokio::test]
async fn wrong_bytes_are_never_given_out_complete() {
    let fixture = Fixture::folder().await;
    for (size, place) in [(500, 3), (CHUNK_BYTES, 0), (MIB + 5, MIB as u64), (3 * MIB, 17)] {
        let stored = put(&fixture.store, &bytes_of(size, 1)).await;
        let file = OpenOptions::new().write(true).open(fixture.file(&stored.key).await).unwrap();
        file.write_all_at(b"tampered"[..1].as_ref(), place).unwrap();
        let (received, error) = match fixture.store.read(&stored.key, stored.digest, stored.size_bytes, None).await {
            Ok(reader) => drain(reader).await,
            Err(error) => (Vec::new(), Some(error)),
        };
        assert!(matches!(error, Some(BlobError::Corrupt { fault: Corruption::Bytes, .. })), "{size}: {error:?}");
        assert!(received.len() < size, "{size}");
        let outcome = fixture.store.verify(&stored.key, stored.digest, stored.size_bytes).await.unwrap();
        assert_eq!(outcome, VerifyOutcome::WrongBytes);
    }
    assert_eq!(fixture.store.counters().corrupt, 8);
}

#[tokio::test]
async fn a_truncated_file_is_found_by_whole_reads_and_ranges() {
    let fixture = Fixture::folder().await;
    let stored = put(&fixture.store, &bytes_of(MIB, 2)).await;
    let file = OpenOptions::new().write(true).open(fixture.file(&stored.key).await).unwrap();
    file.set_len(1000).unwrap();
    let fault = Corruption::Length { expected_bytes: MIB as u64, found_bytes: 1000 };
    for range in [None, Some(0..10)] {
        let failed = fixture.store.read(&stored.key, stored.digest, stored.size_bytes, range).await;
        assert!(matches!(failed, Err(BlobError::Corrupt { fault: found, .. }) if found == fault));
    }
}

#[tokio::test]
async fn no_range_is_given_out_of_damaged_bytes_even_if_it_was_right_before() {
    let fixture = Fixture::folder().await;
    let bytes = bytes_of(3 * MIB, 7);
    let stored = put(&fixture.store, &bytes).await;
    let range = || fixture.store.read(&stored.key, stored.digest, stored.size_bytes, Some(10..1000));
    assert!(drain(range().await.unwrap()).await.0 == bytes[10..1000]);
    let file = OpenOptions::new().write(true).open(fixture.file(&stored.key).await).unwrap();
    file.write_all_at(b"damage far from the range", 2 * MIB as u64).unwrap();
    drop(file);
    assert!(matches!(range().await, Err(BlobError::Corrupt { fault: Corruption::Bytes, .. })));
    put(&fixture.store, &bytes).await;
    assert!(drain(range().await.unwrap()).await.0 == bytes[10..1000]);
}

#[tokio::test]
async fn a_file_that_is_truncated_while_it_is_read_is_an_error() {
    let fixture = Fixture::folder().await;
    let stored = put(&fixture.store, &bytes_of(3 * MIB, 3)).await;
    let reader = fixture.store.read(&stored.key, stored.digest, stored.size_bytes, None).await.unwrap();
    let file = OpenOptions::new().write(true).open(fixture.file(&stored.key).await).unwrap();
    file.set_len(MIB as u64).unwrap();
    let (received, error) = drain(reader).await;
    assert!(received.len() <= MIB);
    assert!(matches!(error, Some(BlobError::Corrupt { fault: Corruption::Length { .. }, .. })), "{error:?}");
}

#[tokio::test]
async fn storing_the_bytes_again_mends_a_damaged_blob() {
    let fixture = Fixture::folder().await;
    for size in [1000, 2 * MIB] {
        let bytes = bytes_of(size, 4);
        let stored = put(&fixture.store, &bytes).await;
        fs::write(fixture.file(&stored.key).await, b"short").unwrap();
        put(&fixture.store, &bytes).await;
        assert!(read(&fixture.store, stored).await.unwrap() == bytes);
    }
}

#[tokio::test]
async fn a_folder_in_the_place_of_a_blob_could_not_be_mended() {
    let fixture = Fixture::folder().await;
    for (size, seed) in [(1000, 41), (2 * MIB, 42)] {
        let bytes = bytes_of(size, seed);
        let stored = put(&fixture.store, &bytes).await;
        let path = fixture.file(&stored.key).await;
        let displace = || {
            fs::remove_file(&path).unwrap();
            fs::create_dir(&path).unwrap();
            fs::write(path.join("note.txt"), b"somebody's").unwrap();
        };
        displace();
        let read_now = read(&fixture.store, stored).await;
        assert!(matches!(read_now, Err(BlobError::Corrupt { fault: Corruption::NoFile, .. })), "{read_now:?}");
        let seen = fixture.store.verify(&stored.key, stored.digest, stored.size_bytes).await;
        assert_eq!(seen.unwrap(), VerifyOutcome::NoFile);
        put(&fixture.store, &bytes).await;
        assert!(read(&fixture.store, stored).await.unwrap() == bytes);
        displace();
        fixture.store.delete(&stored.key).await.unwrap();
        assert!(!path.exists());
        // What was in the folders is kept, where no sweep and no walk comes.
        fixture.store.sweep_staging(std::time::Duration::ZERO).await.unwrap();
        let aside = fs::read_dir(fixture.folder.path().join("blobs/set-aside")).unwrap();
        let kept = aside.map(|entry| entry.unwrap().path()).filter(|folder| {
            let is_of_this = folder.file_name().unwrap().to_str().unwrap().starts_with(&stored.digest.to_string());
            is_of_this && fs::read(folder.join("note.txt")).unwrap() == b"somebody's"
        });
        assert_eq!(kept.count(), 2);
    }
    assert_eq!(listed(&fixture.store).await.len(), 0);
}

#[tokio::test]
async fn a_pipe_in_the_place_of_a_blob_held_its_readers_up() {
    let fixture = Fixture::folder().await;
    let bytes = bytes_of(1000, 43);
    let stored = put(&fixture.store, &bytes).await;
    let path = fixture.file(&stored.key).await;
    fs::remove_file(&path).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let seen = fixture.store.verify(&stored.key, stored.digest, stored.size_bytes).await;
    assert_eq!(seen.unwrap(), VerifyOutcome::NoFile);
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink(&path, &path).unwrap();
    let seen = fixture.store.verify(&stored.key, stored.digest, stored.size_bytes).await;
    assert_eq!(seen.unwrap(), VerifyOutcome::NoFile);
    put(&fixture.store, &bytes).await;
    assert!(read(&fixture.store, stored).await.unwrap() == bytes);
}

#[tokio::test]
async fn what_a_kill_left_under_a_key_is_made_whole_by_the_next_upload() {
    let fixture = Fixture::folder().await;
    let bytes = bytes_of(50_000, 9);
    let stored = put(&fixture.store, &bytes).await;
    let path = fixture.file(&stored.key).await;
    for left in [0, 1, 49_999] {
        fs::write(&path, &bytes[..left]).unwrap();
        put(&fixture.store, &bytes).await;
        assert!(fs::read(&path).unwrap() == bytes, "{left}");
    }
    assert_eq!(listed(&fixture.store).await.len(), 1);
}

#[tokio::test]
async fn a_folder_that_is_gone_is_a_lost_store_and_not_lost_blobs() {
    let fixture = Fixture::folder().await;
    let stored = put(&fixture.store, b"still somewhere").await;
    fs::rename(fixture.folder.path().join("blobs"), fixture.folder.path().join("unmounted")).unwrap();
    assert!(matches!(read(&fixture.store, stored).await, Err(BlobError::Unavailable { .. })));
    let unknown = fixture.store.verify(&stored.key, stored.digest, stored.size_bytes).await;
    assert!(matches!(unknown, Err(BlobError::Unavailable { .. })));
    assert!(fixture.store.delete(&stored.key).await.is_err());
    assert!(fixture.store.probe().await.is_err());
    // Little is taken into memory without a look at the disk, if there was one a moment ago.
    if let Ok(staged) = fixture.store.stage(body(b"new", 3)).await {
        let key = cartulary_blobs::StorageKey::new(staged.digest, 0);
        assert!(matches!(fixture.store.commit(staged, &key).await, Err(BlobError::Unavailable { .. })));
    }
}

#[tokio::test]
async fn leftovers_of_other_writers_are_listed_without_a_key() {
    let fixture = Fixture::folder().await;
    let stored = put(&fixture.store, b"a blob").await;
    let leftover = format!("{}#1", fixture.file(&stored.key).await.display());
    fs::write(&leftover, b"half").unwrap();
    let all = listed(&fixture.store).await;
    assert_eq!(all.len(), 2);
    assert_eq!(all[0].key, Some(stored.key));
    assert_eq!((all[1].key, all[1].raw_name.as_str()), (None, format!("{}#1", stored.key).as_str()));
}

#[tokio::test]
async fn only_old_staging_files_are_swept() {
    let fixture = Fixture::folder().await;
    let staging = fixture.folder.path().join("blobs/staging");
    fs::write(staging.join("young"), b"1").unwrap();
    let old = fs::File::create(staging.join("old")).unwrap();
    old.set_modified(SystemTime::now() - Duration::from_secs(100_000)).unwrap();
    assert_eq!(fixture.store.sweep_staging(Duration::from_secs(86_400)).await.unwrap(), 1);
    let names: Vec<_> = listed(&fixture.store).await.into_iter().map(|blob| blob.raw_name).collect();
    assert_eq!(names, ["staging/young"]);
}

#[tokio::test]
async fn less_than_the_reserve_stops_what_is_new_and_serves_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let open = async |reserve_bytes| {
        BlobStore::open(&StoreConfig::Folder(FolderSettings {
            path: folder.path().into(),
            reserve_bytes,
            ..FolderSettings::default()
        }))
        .await
        .unwrap()
    };
    let stored = put(&open(0).await, b"stored in better times").await;
    let store = open(u64::MAX).await;
    assert!(store.free_bytes().await.unwrap() > 0);
    let refused = store.stage(body(b"too much", 8)).await;
    assert!(matches!(refused, Err(BlobError::NoSpace { reserve_bytes: u64::MAX, .. })));
    let refused = store.stage_file(Path::new("/proc/self/exe")).await;
    assert!(matches!(refused, Err(BlobError::NoSpace { needed_bytes: Some(_), .. })));
    assert!(matches!(store.probe().await, Err(BlobError::NoSpace { .. })));
    assert_eq!(read(&store, stored).await.unwrap(), b"stored in better times");
    assert_eq!(store.counters().no_space, 3);
    assert_eq!(listed(&store).await.len(), 1);
}

#[tokio::test]
async fn a_file_that_changes_while_it_is_read_is_refused() {
    let fixture = Fixture::folder().await;
    let path = fixture.folder.path().join("paper");
    type Change = fn(&Path);
    let changes: [(&str, Change); 4] = [
        ("appended to", |path| {
            OpenOptions::new().append(true).open(path).unwrap().write_all(b"more").unwrap();
        }),
        ("truncated", |path| OpenOptions::new().write(true).open(path).unwrap().set_len(10).unwrap()),
        ("emptied", |path| OpenOptions::new().write(true).open(path).unwrap().set_len(0).unwrap()),
        ("written over", |path| {
            let file = OpenOptions::new().write(true).open(path).unwrap();
            file.write_all_at(b"other", 5).unwrap();
            file.set_modified(SystemTime::now() + Duration::from_secs(1)).unwrap();
        }),
    ];
    for size in [5000, 3 * MIB] {
        for (name, change) in changes {
            fs::write(&path, bytes_of(size, 5)).unwrap();
            let source = SourceFile::open(&path).unwrap();
            change(&path);
            let failed = fixture.store.stage_source(source).await;
            assert!(matches!(failed, Err(BlobError::Changed)), "{size} {name}: {failed:?}");
            let source = SourceFile::open(&path).unwrap();
            change(&path);
            let seen = source.digest().await;
            // What was truncated already is not changed by being truncated again.
            let is_same = matches!(name, "truncated" | "emptied");
            assert!(if is_same { true } else { matches!(seen, Err(BlobError::Changed)) }, "{size} {name}");
        }
    }
    assert!(listed(&fixture.store).await.is_empty());
}

#[tokio::test]
async fn what_is_not_a_readable_file_is_the_sources_fault() {
    let fixture = Fixture::folder().await;
    let missing = fixture.folder.path().join("missing");
    let failed = fixture.store.stage_file(&missing).await;
    assert!(matches!(failed, Err(BlobError::Source { source }) if source.kind() == std::io::ErrorKind::NotFound));
    assert!(matches!(fixture.store.stage_file(fixture.folder.path()).await, Err(BlobError::Source { .. })));
    let pipe = fixture.folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    assert!(matches!(fixture.store.stage_file(&pipe).await, Err(BlobError::Source { .. })));
}

#[tokio::test]
async fn the_digest_of_a_file_is_found_without_storing_it() {
    let fixture = Fixture::folder().await;
    let path = fixture.folder.path().join("paper");
    let bytes = bytes_of(MIB + 3, 6);
    fs::write(&path, &bytes).unwrap();
    let source = SourceFile::open(&path).unwrap();
    assert_eq!(source.size_bytes(), bytes.len() as u64);
    assert_eq!(source.digest().await.unwrap(), BlobDigest::of(&bytes));
    assert!(listed(&fixture.store).await.is_empty());
}

#[tokio::test]
async fn a_store_is_opened_again_with_what_it_had() {
    let fixture = Fixture::folder().await;
    let stored = put(&fixture.store, b"kept").await;
    let path = fixture.folder.path().join("blobs");
    let again =
        BlobStore::open(&StoreConfig::Folder(FolderSettings { path, reserve_bytes: 0, ..FolderSettings::default() }))
            .await
            .unwrap();
    assert_eq!(read(&again, stored).await.unwrap(), b"kept");
    let deep = StoreConfig::folder(fixture.folder.path().join("a/b/c"));
    assert!(BlobStore::open(&deep).await.is_ok());
    let file = StoreConfig::folder(fixture.file(&stored.key).await);
    assert!(matches!(BlobStore::open(&file).await, Err(BlobError::Io { .. })));
}

/// A small file system in memory, which can be filled. Needs the right to mount.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(path: PathBuf) -> Option<Self> {
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=8m", "none"]).arg(&path).output();
        let is_mounted = mount.is_ok_and(|output| output.status.success());
        if !is_mounted {
            eprintln!("SKIPPED: no right to mount a small file system");
        }
        is_mounted.then(|| Self(path))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test]
async fn a_full_disk_is_said_in_words_and_leaves_nothing_that_takes_room() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(folder.path().into()) else { return };
    let config =
        StoreConfig::Folder(FolderSettings { path: disk.0.clone(), reserve_bytes: 0, ..FolderSettings::default() });
    let store = BlobStore::open(&config).await.unwrap();
    // A large body: full while it is staged.
    let failed = store.stage(body(&bytes_of(12 * MIB, 7), 100_000)).await;
    assert!(matches!(failed, Err(BlobError::NoSpace { .. })), "{failed:?}");
    assert!(listed(&store).await.is_empty());
    // A small body: full when it is committed.
    let filler = disk.0.join("filler");
    let staged = store.stage(body(&bytes_of(MIB, 8), 100_000)).await.unwrap();
    let key = cartulary_blobs::StorageKey::new(staged.digest, 0);
    assert!(fs::write(&filler, vec![1; 16 * MIB]).is_err());
    let failed = store.commit(staged, &key).await;
    assert!(matches!(failed, Err(BlobError::NoSpace { .. })), "{failed:?}");
    assert!(listed(&store).await.iter().all(|left| left.size_bytes == 0));
    // Room is made: it works again, for the same bytes too.
    fs::remove_file(&filler).unwrap();
    let stored = put(&store, &bytes_of(MIB, 8)).await;
    assert_eq!(stored.key, key);
    assert!(read(&store, stored).await.is_ok());
    let stored = put(&store, &bytes_of(2 * MIB, 9)).await;
    assert!(read(&store, stored).await.is_ok());
}

#[tokio::test]
async fn a_slow_receiver_can_stop_at_any_time() {
    let fixture = Fixture::folder().await;
    let stored = put(&fixture.store, &bytes_of(4 * MIB, 10)).await;
    for chunks in 0..5 {
        let reader = fixture.store.read(&stored.key, stored.digest, stored.size_bytes, None).await.unwrap();
        let received: Vec<_> = reader.take(chunks).collect().await;
        assert_eq!(received.len(), chunks);
    }
    assert!(read(&fixture.store, stored).await.is_ok());
}

#[tokio::test]
async fn many_readers_beyond_those_that_read_ahead_get_their_bytes() {
    let fixture = Fixture::folder().await;
    let bytes = bytes_of(MIB, 11);
    let stored = put(&fixture.store, &bytes).await;
    let mut readers = Vec::new();
    for _ in 0..100 {
        let mut reader = fixture.store.read(&stored.key, stored.digest, stored.size_bytes, None).await.unwrap();
        let first = reader.next().await.unwrap().unwrap();
        readers.push((first, reader));
    }
    for (first, reader) in readers {
        let (rest, error) = drain(reader).await;
        assert!(error.is_none());
        assert!([&first[..], &rest[..]].concat() == bytes);
    }
}

#[tokio::test]
async fn a_disk_that_was_not_mounted_was_an_internal_fault() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("blobs");
    let store = BlobStore::open(&StoreConfig::Folder(FolderSettings {
        path: path.clone(),
        reserve_bytes: 0,
        ..FolderSettings::default()
    }))
    .await
    .unwrap();
    store.check_reach().await.unwrap();
    let away = folder.path().join("away");
    fs::rename(&path, &away).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(matches!(store.check_reach().await, Err(BlobError::Unavailable { .. })));
    let staged = store.stage(body(&bytes_of(100, 1), 100)).await.unwrap();
    let key = cartulary_blobs::StorageKey::new(staged.digest, 0);
    assert!(matches!(store.commit(staged, &key).await, Err(BlobError::Unavailable { .. })));
    fs::remove_dir(&path).unwrap();
    fs::rename(&away, &path).unwrap();
    store.check_reach().await.unwrap();
    let staged = store.stage(body(&bytes_of(100, 1), 100)).await.unwrap();
    store.commit(staged, &key).await.unwrap();
}
