//! Versions on both databases: what two people do at once, what is not copied, and instants that never meet.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use cartulary_model::ObjectId;
use cartulary_repository::{
    ListOrder, NewDossierVersion, NewVersion, ObjectChanges, Precondition, RepositoryError, VerifyOptions, VersionNote,
    WindowRequest,
};
use cartulary_tests::office::{TestOffice, content, each_office};
use futures::future::join_all;

const ALL: WindowRequest = WindowRequest { offset: 0, limit: 1_000 };

/// Returns the files that lie in a folder and below, each with when it was written.
fn files_in(folder: &Path) -> BTreeMap<PathBuf, SystemTime> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()) {
        match entry.file_type().unwrap().is_dir() {
            true => files.extend(files_in(&entry.path())),
            false => drop(files.insert(entry.path(), entry.metadata().unwrap().modified().unwrap())),
        }
    }
    files
}

async fn put(office: &TestOffice, id: ObjectId, bytes: &[u8]) {
    let new = content(&office.system, "a.txt", bytes).await;
    office.system.content_put(id, Precondition::Any, new, VersionNote::default()).await.unwrap();
}

async fn verified(office: &TestOffice) -> u64 {
    let report = office.repository.verify(VerifyOptions::default(), |_| {}).await.unwrap();
    assert!(report.is_clean(), "{:?}", report.faults);
    report.blobs_checked
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_in_without_new_content_copies_no_byte() {
    each_office(async |office| {
        office.stop_background().await;
        let dossier = office.dossier("2026-001").await;
        let bytes = vec![7; 20 << 20];
        let new = cartulary_repository::NewDocument {
            name: "large.bin".into(),
            content: Some(content(&office.system, "large.bin", &bytes).await),
            ..Default::default()
        };
        let paper = office.system.document_create(dossier, new).await.unwrap().value.summary;
        let (files, blobs) = (files_in(&office.blob_folder()), verified(office).await);
        for major in [false, true, false] {
            let copy = office.system.document_check_out(paper.id, None).await.unwrap().value.summary;
            let retitle = ObjectChanges { title: Some(format!("major {major}")), ..ObjectChanges::default() };
            office.system.object_update(copy.id, Precondition::Any, retitle).await.unwrap();
            let new = NewVersion { major, ..NewVersion::default() };
            let version = office.system.version_create(copy.id, Precondition::Any, new).await.unwrap().value;
            assert_eq!(version.summary.content, paper.content);
        }
        let new = NewVersion { from: Some("1.0".parse().unwrap()), ..NewVersion::default() };
        office.system.version_create(paper.id, Precondition::Any, new).await.unwrap();
        let live = office.system.object_get(paper.id).await.unwrap().summary;
        assert_eq!((live.version_label.as_deref(), live.content), (Some("2.2"), paper.content));
        assert_eq!((files_in(&office.blob_folder()), verified(office).await), (files, blobs));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_check_out_at_once_one_has_the_document() {
    each_office(async |office| {
        let dossier = office.dossier("2026-001").await;
        let paper = office.document(dossier, "a.txt", "first").await.value.summary.id;
        let people = join_all((0..6).map(|number| {
            let office = &*office;
            async move { office.user(&format!("person {number}"), &["staff"]).await }
        }))
        .await;
        let tried = join_all(people.iter().map(|one| one.document_check_out(paper, None))).await;
        let won: Vec<_> = tried.iter().filter_map(|one| one.as_ref().ok()).collect();
        assert_eq!(won.len(), 1);
        for lost in tried.iter().filter_map(|one| one.as_ref().err()) {
            let RepositoryError::CheckedOut { by: Some(by) } = lost else { panic!("{lost:?}") };
            assert_eq!(by.id, won[0].value.summary.created_by.id);
        }
        let copy = won[0].value.summary.id;
        let ends = join_all((0..6).map(|number| {
            let system = &office.system;
            async move {
                match number % 2 {
                    0 => system.check_out_cancel(copy, Precondition::Any).await.map(drop),
                    _ => system.version_create(copy, Precondition::Any, NewVersion::default()).await.map(drop),
                }
            }
        }))
        .await;
        assert_eq!(ends.iter().filter(|end| end.is_ok()).count(), 1, "{ends:?}");
        let lost = ends.iter().filter_map(|end| end.as_ref().err());
        assert!(lost.clone().all(|end| matches!(end, RepositoryError::NotFound { .. })), "{ends:?}");
        verified(office).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_changes_made_from_the_same_state_one_is_done() {
    each_office(async |office| {
        let dossier = office.dossier("2026-001").await;
        let paper = office.document(dossier, "a.txt", "first").await.value.summary;
        for (id, token) in [(paper.id, paper.change_token), (dossier, 1)] {
            let tried = join_all((0..8).map(|number| {
                let title = Some(format!("title {number}"));
                let changes = ObjectChanges { title, ..ObjectChanges::default() };
                office.system.object_update(id, Precondition::Token(token), changes)
            }))
            .await;
            assert_eq!(tried.iter().filter(|one| one.is_ok()).count(), 1);
            let refused = tried.iter().filter_map(|one| one.as_ref().err());
            assert!(refused.clone().all(|one| matches!(one, RepositoryError::Stale { .. })), "{tried:?}");
        }
        // Without a state each change is made of what the one before left.
        let properties = |name: &str| {
            let value = serde_json::json!({ name: "2026-11-27T00:00:00.000Z" });
            let serde_json::Value::Object(properties) = value else { unreachable!() };
            properties
        };
        let number = serde_json::json!({ "dossier:number": "7" });
        let serde_json::Value::Object(number) = number else { unreachable!() };
        let changes = [number, properties("dossier:receivedOn")];
        let done = join_all(changes.into_iter().map(|properties| {
            let changes = ObjectChanges { properties, ..ObjectChanges::default() };
            office.system.object_update(dossier, Precondition::Any, changes)
        }))
        .await;
        assert!(done.iter().all(Result::is_ok));
        assert_eq!(office.system.object_get(dossier).await.unwrap().summary.properties.len(), 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_two_versions_have_an_instant_in_common_whatever_the_clock_does() {
    each_office(async |office| {
        let dossier = office.dossier("2026-001").await;
        let paper = office.document(dossier, "a.txt", "0").await.value.summary.id;
        let clock = office.repository.clock();
        for number in 1..4_u8 {
            put(office, paper, &[number]).await;
        }
        clock.shift(-3_600_000);
        for number in 4..8_u8 {
            put(office, paper, &[number]).await;
        }
        clock.hold();
        for number in 8..12_u8 {
            put(office, paper, &[number]).await;
            let copy = office.system.document_check_out(paper, None).await.unwrap().value.summary;
            office.system.version_create(copy.id, Precondition::Any, NewVersion::default()).await.unwrap();
        }
        let versions = office.system.version_list(paper, ALL).await.unwrap().items;
        assert_eq!(versions.len(), 16);
        assert!(versions.is_sorted_by(|newer, older| newer.made_at > older.made_at), "{versions:?}");
        let details = join_all(versions.iter().map(|one| office.system.object_get(one.id))).await;
        let details: Vec<_> = details.into_iter().map(|one| one.unwrap().summary).collect();
        assert!(details.is_sorted_by(|newer, older| newer.created_at > older.created_at));
        assert!(details.is_sorted_by(|newer, older| newer.modified_at > older.modified_at));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_make_a_version_of_a_dossier_at_once_each_has_its_own() {
    each_office(async |office| {
        let dossier = office.dossier("2026-001").await;
        for number in 0..3 {
            let paper = office.document(dossier, &format!("{number}.txt"), "text").await.value.summary.id;
            let retitle = ObjectChanges { title: Some("changed".into()), ..ObjectChanges::default() };
            office.system.object_update(paper, Precondition::Any, retitle).await.unwrap();
        }
        let new = || NewDossierVersion::default();
        let made =
            join_all((0..6).map(|_| office.system.dossier_version_create(dossier, Precondition::Any, new()))).await;
        let numbers: BTreeSet<i32> = made.iter().map(|one| one.as_ref().unwrap().value.version.number).collect();
        assert_eq!(numbers, (1..=6).collect());
        // The first one gave the changed papers their versions, and the others named them.
        let papers = office.system.children_list(dossier, ALL, ListOrder::Receipt).await.unwrap();
        assert!(papers.items.iter().all(|paper| paper.version_label.as_deref() == Some("1.1")), "{papers:?}");
        let token = office.system.object_get(dossier).await.unwrap().summary.change_token;
        let tried =
            join_all((0..4).map(|_| office.system.dossier_version_create(dossier, Precondition::Token(token), new())));
        assert_eq!(tried.await.iter().filter(|one| one.is_ok()).count(), 1);
        let restore = NewDossierVersion { from: Some(1), ..new() };
        office.system.dossier_version_create(dossier, Precondition::Any, restore).await.unwrap();
        let window = office.system.dossier_version_compare(dossier, 1, Some(8), ALL).await.unwrap();
        assert_eq!((window.members.total, window.values.len()), (0, 0));
        verified(office).await;
    })
    .await;
}
