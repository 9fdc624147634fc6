//! Encryption at rest: an office on sealed blobs works like any other, and does not start without its key.

use std::path::{Path, PathBuf};

use cartulary_blobs::{MasterKeys, StorageKey, StoreConfig};
use cartulary_model::BlobDigest;
use cartulary_repository::{
    BootError, Health, Precondition, Repository, RepositoryConfig, SearchQuery, VerifyOptions, VersionNote,
};
use cartulary_tests::office::{TestOffice, content, each_office};
use futures::TryStreamExt;

const MARKER: &str = "the words of a secret paper";

fn with_key(config: &mut RepositoryConfig, file: &Path) {
    config.store = std::mem::take(&mut config.store).with_key_file(file.to_owned());
}

fn new_key(office: &TestOffice, name: &str) -> PathBuf {
    let file = office.folder().join(name);
    MasterKeys::create(&file).unwrap();
    file
}

/// Says whether any file below a folder holds these bytes.
fn holds(folder: &Path, bytes: &[u8]) -> bool {
    std::fs::read_dir(folder).into_iter().flatten().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return holds(&path, bytes);
        }
        std::fs::read(&path).unwrap().windows(bytes.len()).any(|window| window == bytes)
    })
}

async fn is_clean(office: &TestOffice) {
    let found = office.repository.verify(VerifyOptions::default(), |_| ()).await.unwrap();
    assert!(found.is_clean(), "{:?}", found.faults);
}

fn health_of<'a>(health: &'a Health, name: &str) -> &'a str {
    health.checks.iter().find(|check| check.name == name).map(|check| check.reason.as_str()).unwrap()
}

/// Says why an office on the same rows does not open with this store.
async fn refusal(office: &TestOffice, store: StoreConfig) -> String {
    let folder = tempfile::tempdir().unwrap();
    let config = RepositoryConfig { store, index_dir: folder.path().join("index"), ..office.config().clone() };
    match Repository::open(config, Vec::new()).await {
        Err(error @ BootError::Keys { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_office_works_on_sealed_blobs() {
    each_office(async |office| {
        let key = new_key(office, "master.key");
        office.reopen_as(|config| with_key(config, &key)).await;
        let dossier = office.dossier("ACME").await;
        let small = office.document(dossier, "letter.txt", MARKER).await.value.summary.id;
        let long: String = format!("{MARKER}, again and again. ").repeat(60_000);
        let large = office.document(dossier, "long.txt", &long).await.value.summary.id;
        let next = content(&office.system, "letter.txt", b"a second version of it").await;
        office.system.content_put(small, Precondition::Any, next, VersionNote::default()).await.unwrap();
        office.settle().await;

        let range = 65_530..65_550_usize;
        let read = office.system.content_open(large, Some(range.start as u64..range.end as u64)).await.unwrap();
        let bytes: Vec<bytes::Bytes> = read.bytes.try_collect().await.unwrap();
        assert_eq!(bytes.concat(), long.as_bytes()[range]);
        let query = SearchQuery { text: "secret".to_owned(), limit: 5, ..SearchQuery::default() };
        let found = office.system.search(query).await;
        assert!(found.unwrap().total >= 1, "its text was read from a copy");
        assert!(!holds(&office.blob_folder(), MARKER.as_bytes()), "contents and texts are sealed");
        assert!(!holds(&office.config().work_dir, MARKER.as_bytes()), "no copy is left");
        is_clean(office).await;
        let health = office.repository.health().await;
        assert!(health_of(&health, "sealing").contains("are sealed with the master key"), "{health:?}");

        // A byte that changed is found, and told apart from bytes that are missing.
        let digest = BlobDigest::of(long.as_bytes());
        let file = office.blob_folder().join(StorageKey::new(digest, 0).to_string());
        let mut bytes = std::fs::read(&file).unwrap();
        bytes[200_000] ^= 1;
        std::fs::write(&file, bytes).unwrap();
        let found = office.repository.verify(VerifyOptions::default(), |_| ()).await.unwrap();
        let [fault] = found.faults.as_slice() else { panic!("{:?}", found.faults) };
        assert_eq!(fault.code, "blob_damaged");
        assert!(fault.detail.contains("its seal is broken"), "{}", fault.detail);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn papers_from_before_are_sealed_and_then_the_key_is_needed() {
    each_office(async |office| {
        let dossier = office.dossier("ACME").await;
        for number in 0..20 {
            office.document(dossier, &format!("{number}.txt"), &format!("{MARKER} {number}")).await;
        }
        office.settle().await;
        office.stop_background().await;
        assert!(holds(&office.blob_folder(), MARKER.as_bytes()), "plain so far");
        let plain = office.config().store.clone();

        let key = new_key(office, "master.key");
        office.reopen_as(|config| with_key(config, &key)).await;
        office.stop_background().await;
        office.document(dossier, "new.txt", &format!("{MARKER}, new")).await;
        is_clean(office).await;
        let report = office.repository.seal_blobs(|_| ()).await.unwrap();
        assert_eq!(report.left_count, 0);
        assert!(!holds(&office.blob_folder(), MARKER.as_bytes()), "all is sealed");
        is_clean(office).await;
        let again = office.repository.seal_blobs(|_| ()).await.unwrap();
        assert_eq!((again.rewritten, again.blobs), (0, report.blobs.max(again.blobs)), "nothing is left to do");
        let health = office.repository.health().await;
        assert!(health_of(&health, "sealing").contains("so are all older ones"), "{health:?}");

        let needed = MasterKeys::read(&key).unwrap().newest().to_string();
        let said = refusal(office, plain.clone()).await;
        assert!(said.contains(&needed) && said.contains("names no key file"), "{said}");
        let other = new_key(office, "other.key");
        let said = refusal(office, plain.with_key_file(other.clone())).await;
        let has = MasterKeys::read(&other).unwrap().newest().to_string();
        assert!(said.contains(&needed) && said.contains(&has), "{said}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_office_seals_older_papers_by_itself() {
    each_office(async |office| {
        let dossier = office.dossier("ACME").await;
        for number in 0..10 {
            office.document(dossier, &format!("{number}.txt"), &format!("{MARKER} {number}")).await;
        }
        office.settle().await;
        let key = new_key(office, "master.key");
        office.reopen_as(|config| with_key(config, &key)).await;
        let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(60);
        while !health_of(&office.repository.health().await, "sealing").contains("so are all older ones") {
            assert!(tokio::time::Instant::now() < deadline, "{:?}", office.repository.health().await);
            tokio::task::yield_now().await;
        }
        assert!(!holds(&office.blob_folder(), MARKER.as_bytes()));
        is_clean(office).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_master_key_takes_over_and_the_old_one_is_given_up_when_nothing_needs_it() {
    each_office(async |office| {
        let key = new_key(office, "master.key");
        office.reopen_as(|config| with_key(config, &key)).await;
        office.stop_background().await;
        let dossier = office.dossier("ACME").await;
        office.document(dossier, "letter.txt", MARKER).await;
        let old = MasterKeys::read(&key).unwrap().newest();
        MasterKeys::rotate(&key).unwrap();
        office.reopen().await;
        office.stop_background().await;
        is_clean(office).await;

        // Too early: papers still need the old key.
        let whole = std::fs::read(&key).unwrap();
        let without = office.folder().join("without.key");
        std::fs::write(&without, &whole).unwrap();
        std::fs::set_permissions(&without, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        MasterKeys::retire(&without, old).unwrap();
        let said = refusal(office, office.config().store.clone().with_key_file(without)).await;
        assert!(said.contains(&old.to_string()), "{said}");

        let report = office.repository.seal_blobs(|_| ()).await.unwrap();
        assert!(report.rewritten >= 1 && report.left_count == 0, "{report:?}");
        MasterKeys::retire(&key, old).unwrap();
        office.reopen().await;
        is_clean(office).await;
    })
    .await;
}
