//! `verify` finds what does not agree, and the change log can be proved.

use cartulary_repository::{RepositoryError, VerifyOptions};
use cartulary_tests::office::{TestOffice, each_office};

async fn codes(office: &TestOffice) -> Vec<&'static str> {
    let report = office.repository.verify(VerifyOptions::default(), |_| {}).await.unwrap();
    report.faults.iter().map(|fault| fault.code).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_to_stored_bytes_is_found_and_never_served() {
    each_office(async |office| {
        let dossier = office.dossier("2024").await;
        let paper = office.document(dossier, "a.bin", "precious bytes").await.value.summary;
        assert_eq!(codes(office).await, Vec::<&str>::new());
        let digest = paper.content.unwrap().digest.to_string();
        let path = office.blob_folder().join("sha256").join(&digest[..2]).join(&digest);
        std::fs::write(&path, "PRECIOUS bytes").unwrap();
        assert_eq!(codes(office).await, ["blob_damaged"]);
        let refused = office.system.content_open(paper.id, None).await.unwrap_err();
        assert!(matches!(refused, RepositoryError::Corrupt { .. }), "{refused:?}");
        std::fs::remove_file(&path).unwrap();
        assert_eq!(codes(office).await, ["blob_missing"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_sent_again_mend_what_is_damaged() {
    each_office(async |office| {
        let dossier = office.dossier("2024").await;
        for (number, text) in ["short".to_owned(), "long ".repeat(400_000)].iter().enumerate() {
            let first = office.document(dossier, &format!("{number} first.bin"), text).await.value.summary;
            let digest = first.content.unwrap().digest.to_string();
            let path = office.blob_folder().join("sha256").join(&digest[..2]).join(&digest);
            let damages: [&dyn Fn(); 3] = [
                &|| std::fs::write(&path, "no").unwrap(),
                &|| std::fs::write(&path, "x".repeat(text.len())).unwrap(),
                &|| std::fs::remove_file(&path).unwrap(),
            ];
            for (turn, damage) in damages.iter().enumerate() {
                damage();
                let again = office.document(dossier, &format!("{number} again {turn}.bin"), text).await.value.summary;
                assert!(std::fs::read(&path).unwrap() == text.as_bytes(), "{number} {turn}");
                office.system.content_open(again.id, None).await.unwrap();
            }
        }
        assert_eq!(codes(office).await, Vec::<&str>::new());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_blob_that_cannot_be_read_is_named_and_the_others_are_checked() {
    each_office(async |office| {
        let dossier = office.dossier("2024").await;
        for (name, text) in [("a.bin", "one"), ("b.bin", "two"), ("c.bin", "three")] {
            let paper = office.document(dossier, name, text).await.value.summary;
            let digest = paper.content.unwrap().digest.to_string();
            let path = office.blob_folder().join("sha256").join(&digest[..2]).join(&digest);
            if name != "c.bin" {
                // A folder in its place: it opens, and cannot be read, by root either.
                std::fs::remove_file(&path).unwrap();
                std::fs::create_dir(&path).unwrap();
            }
        }
        assert_eq!(codes(office).await.len(), 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_index_is_filled_again_from_the_log() {
    each_office(async |office| {
        let dossier = office.dossier("2024").await;
        office.document(dossier, "a.txt", "the word is kumquat").await;
        office.settle().await;
        let search = async |office: &TestOffice| {
            let query = cartulary_repository::SearchQuery { text: "kumquat".into(), limit: 10, ..Default::default() };
            office.system.search(query).await.unwrap().total
        };
        assert_eq!(search(office).await, 1);
        office.stop_background().await;
        let index = office.folder().join("index");
        let parked = office.folder().join("parked");
        std::fs::rename(&index, &parked).unwrap();
        office.reopen().await;
        office.settle().await;
        assert_eq!(search(office).await, 1);
        let report = office.repository.reindex(|_| {}).await.unwrap();
        assert_eq!(report.objects, 2, "the dossier and its document, as `verify` counts them");
        assert_eq!(search(office).await, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_set_back_an_hour_does_not_disturb_the_order_of_changes() {
    each_office(async |office| {
        let dossier = office.dossier("2024").await;
        let first = office.document(dossier, "a.txt", "one").await;
        office.repository.clock().shift(-3_600_000);
        let content = cartulary_tests::office::content(&office.system, "a.txt", b"two").await;
        let note = cartulary_repository::VersionNote::default();
        let any = cartulary_repository::Precondition::Any;
        let second = office.system.content_put(first.value.summary.id, any, content, note).await.unwrap();
        assert!(second.value.summary.modified_at > first.value.summary.modified_at);
        office.settle().await;
        let wait = std::time::Duration::from_secs(10);
        let before = office.repository.wait_sequenced(&first.transaction, wait).await.unwrap();
        let after = office.repository.wait_sequenced(&second.transaction, wait).await.unwrap();
        assert!(after > before);
        assert_eq!(codes(office).await, Vec::<&str>::new());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_committed_and_not_numbered_yet_is_waited_for_and_what_is_unknown_is_not() {
    each_office(async |office| {
        let wait = std::time::Duration::from_secs(60);
        office.stop_background().await;
        let dossier = office.dossier("2024").await;
        let made = office.document(dossier, "a.txt", "one").await.transaction;
        let asked = std::time::Instant::now();
        let unknown = office.repository.wait_sequenced("01900000-0000-7000-8000-000000000000", wait).await;
        assert!(matches!(unknown, Err(RepositoryError::NotFound { .. })), "{unknown:?}");
        assert!(asked.elapsed() < wait, "it waited");
        let waiting = office.repository.wait_indexed(&made, std::time::Duration::from_millis(50)).await;
        assert!(matches!(waiting, Err(RepositoryError::NotYetIndexed)), "{waiting:?}");
        office.start_background();
        office.repository.wait_indexed(&made, wait).await.unwrap();
    })
    .await;
}
