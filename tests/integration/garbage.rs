//! Bytes that nothing refers to go in two steps, and never bytes that somebody needs.

use cartulary_repository::{GarbageRules, NewDocument, VerifyOptions};
use cartulary_tests::office::{TestOffice, content, each_office, stage};

const NOW: GarbageRules = GarbageRules { unreferenced_ms: 0, condemned_ms: 0 };
/// As an office does: files younger than an hour may belong to an upload that has not written its row yet.
const WHILE_PEOPLE_WORK: GarbageRules = GarbageRules { unreferenced_ms: 3_600_000, condemned_ms: 0 };
const CONDEMN_ONLY: GarbageRules = GarbageRules { unreferenced_ms: 0, condemned_ms: 3_600_000 };

fn files(office: &TestOffice) -> usize {
    let mut count = 0;
    for folder in std::fs::read_dir(office.blob_folder().join("sha256")).unwrap() {
        count += std::fs::read_dir(folder.unwrap().path()).unwrap().count();
    }
    count
}

async fn orphan(office: &TestOffice, bytes: &[u8]) {
    let staged = stage(&office.system, bytes).await;
    let key = cartulary_blobs::StorageKey::new(staged.digest, 0);
    office.repository.blobs().commit(staged, &key).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_without_a_row_are_condemned_first_and_then_removed() {
    each_office(async |office| {
        orphan(office, b"left by a crash").await;
        office.repository.clock().shift(10);
        let report = office.repository.collect_garbage(CONDEMN_ONLY, |_, _| {}).await.unwrap();
        assert_eq!((report.orphans, report.deleted, files(office)), (1, 0, 1));
        let report = office.repository.collect_garbage(NOW, |_, _| {}).await.unwrap();
        assert_eq!((report.deleted, files(office)), (1, 0));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_kill_left_half_way_stayed_for_a_day() {
    each_office(async |office| {
        let left = office.blob_folder().join("staging/left");
        std::fs::write(&left, b"half of an upload").unwrap();
        office.reopen().await;
        // Other nodes may be there, whose upload it is.
        assert_eq!(left.exists(), office.is_shared());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_of_condemned_bytes_takes_another_key_and_outlives_the_collection() {
    each_office(async |office| {
        orphan(office, b"\x00the same bytes").await;
        office.repository.clock().shift(10);
        office.repository.collect_garbage(CONDEMN_ONLY, |_, _| {}).await.unwrap();
        let dossier = office.dossier("2024").await;
        let new = NewDocument {
            name: "a.bin".into(),
            content: Some(content(&office.system, "a.bin", b"\x00the same bytes").await),
            ..NewDocument::default()
        };
        office.system.document_create(dossier, new).await.unwrap();
        let report = office.repository.collect_garbage(NOW, |_, _| {}).await.unwrap();
        assert_eq!(report.deleted, 1);
        let found = office.repository.verify(VerifyOptions::default(), |_| {}).await.unwrap();
        assert!(found.is_clean(), "{:?}", found.faults);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_lease_keeps_everything_in_place_until_it_ends() {
    each_office(async |office| {
        orphan(office, b"leased").await;
        office.repository.clock().shift(10);
        office.repository.lease_blobs("backup-1", "a backup", 60_000).await.unwrap();
        let report = office.repository.collect_garbage(NOW, |_, _| {}).await.unwrap();
        assert!(report.is_leased);
        assert_eq!((report.deleted, files(office)), (0, 1));
        office.repository.release_blobs("backup-1").await.unwrap();
        assert_eq!(office.repository.collect_garbage(NOW, |_, _| {}).await.unwrap().deleted, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn collection_races_uploads_of_the_same_bytes_and_nothing_referenced_is_lost() {
    each_office(async |office| {
        let dossier = office.dossier("race").await;
        for round in 0..20 {
            orphan(office, format!("\0bytes {round}").as_bytes()).await;
        }
        office.repository.clock().shift(10);
        assert_eq!(office.repository.collect_garbage(CONDEMN_ONLY, |_, _| {}).await.unwrap().orphans, 20);
        let repository = office.repository.clone();
        let collector = tokio::spawn(async move {
            for _ in 0..40 {
                repository.clock().shift(5);
                repository.collect_garbage(WHILE_PEOPLE_WORK, |_, _| {}).await.unwrap();
            }
        });
        for round in 0..40 {
            let bytes = format!("\0bytes {}", round % 20);
            let new = NewDocument {
                name: format!("{round}.txt"),
                content: Some(content(&office.system, "a.bin", bytes.as_bytes()).await),
                ..NewDocument::default()
            };
            office.system.document_create(dossier, new).await.unwrap();
        }
        collector.await.unwrap();
        let found = office.repository.verify(VerifyOptions::default(), |_| {}).await.unwrap();
        assert!(found.is_clean(), "{:?}", found.faults);
    })
    .await;
}
