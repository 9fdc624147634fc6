//! Documents, versions, names, tokens and the trash.

use std::time::Duration;

use cartulary_repository::{
    Current, ListOrder, NewDocument, NewFolder, ObjectChanges, Precondition, RepositoryError, Session, TextState,
    VersionNote, WindowRequest,
};
use cartulary_tests::office::{content, each_office};
use cartulary_tests::program::{Setup, absent, skip, until};
use futures::StreamExt;

const ALL: WindowRequest = WindowRequest { offset: 0, limit: 100 };

async fn bytes_of(session: &Session, id: cartulary_model::ObjectId) -> Vec<u8> {
    let mut opened = session.content_open(id, None).await.unwrap();
    let mut bytes = Vec::new();
    while let Some(chunk) = opened.bytes.next().await {
        bytes.extend_from_slice(&chunk.unwrap());
    }
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn each_version_keeps_its_own_bytes() {
    each_office(async |office| {
        let dossier = office.dossier("2024-001").await;
        let first = office.document(dossier, "letter.txt", "the first text").await.value;
        assert_eq!(first.summary.version_label.as_deref(), Some("1.0"));
        let token = Precondition::Token(first.summary.change_token);
        let next = content(&office.system, "letter.txt", b"the second text").await;
        let note = VersionNote { comment: "corrected".into(), increment: None };
        let second = office.system.content_put(first.summary.id, token, next, note).await.unwrap().value;
        assert_eq!(second.summary.version_label.as_deref(), Some("1.1"));
        let versions = office.system.version_list(first.summary.id, ALL).await.unwrap();
        let labels: Vec<_> = versions.items.iter().map(|one| (one.label.as_str(), one.comment.as_str())).collect();
        assert_eq!(labels, [("1.1", "corrected"), ("1.0", "")]);
        assert_eq!(bytes_of(&office.system, versions.items[1].id).await, b"the first text");
        assert_eq!(bytes_of(&office.system, first.summary.id).await, b"the second text");
        assert!(versions.items[0].made_at > versions.items[1].made_at);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_token_changes_nothing_and_shows_the_present_values() {
    each_office(async |office| {
        let dossier = office.dossier("ACME").await;
        let seen = office.system.object_get(dossier).await.unwrap();
        let token = Precondition::Token(seen.summary.change_token);
        let title = |text: &str| ObjectChanges { title: Some(text.into()), ..ObjectChanges::default() };
        office.system.object_update(dossier, token.clone(), title("one")).await.unwrap();
        let refused = office.system.object_update(dossier, token, title("two")).await.unwrap_err();
        let RepositoryError::Stale { current: Current::Object(current), .. } = refused else { panic!("{refused:?}") };
        assert_eq!(current.summary.title, "one");
        assert_eq!(office.system.object_get(dossier).await.unwrap().summary.title, "one");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_unique_in_their_folder_until_one_goes_to_the_trash() {
    each_office(async |office| {
        let dossier = office.dossier("علامة").await;
        let first = office.document(dossier, "a.txt", "one").await.value;
        let again = NewDocument { name: "a.txt".into(), ..NewDocument::default() };
        let refused = office.system.document_create(dossier, again).await.unwrap_err();
        assert!(matches!(refused, RepositoryError::Conflict { code: "name_taken", .. }), "{refused:?}");
        let version = office.system.version_list(first.summary.id, ALL).await.unwrap().items[0].id;
        let token = Precondition::Token(first.summary.change_token);
        office.system.object_trash(first.summary.id, token).await.unwrap();
        for gone in [first.summary.id, version] {
            let refused = office.system.object_get(gone).await.unwrap_err();
            assert!(matches!(refused, RepositoryError::NotFound { .. }), "{refused:?}");
        }
        office.document(dossier, "a.txt", "two").await;
        let restored = office.system.object_restore(first.summary.id).await.unwrap_err();
        assert!(
            matches!(&restored, RepositoryError::NameTaken { proposed } if proposed == "a (2).txt"),
            "{restored:?}"
        );
        let left = office.system.children_list(dossier, ALL, ListOrder::Receipt).await.unwrap();
        assert_eq!(left.total, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_violations_of_a_new_object_are_reported() {
    each_office(async |office| {
        let serde_json::Value::Object(properties) = serde_json::json!({ "dossier:number": 7, "nobody:knows": true })
        else {
            unreachable!()
        };
        let new = NewFolder { name: "a/b".into(), properties, ..NewFolder::default() };
        let refused = office.system.dossier_create(new).await.unwrap_err();
        let RepositoryError::Invalid { violations } = refused else { panic!("{refused:?}") };
        let found: Vec<_> = violations.iter().map(|one| (one.field.as_str(), one.code)).collect();
        assert_eq!(
            found,
            [
                ("properties.dossier:number", "wrong_kind"),
                ("properties.nobody:knows", "unknown_property"),
                ("name", "invalid_name")
            ]
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_request_with_its_key_makes_one_dossier() {
    each_office(async |office| {
        let new = || NewFolder { name: "once".into(), idempotency_key: Some("k1".into()), ..NewFolder::default() };
        let first = office.system.dossier_create(new()).await.unwrap().value.summary.id;
        let again = office.system.dossier_create(new()).await.unwrap().value.summary.id;
        assert_eq!(first, again);
        let other = NewFolder { name: "other".into(), ..new() };
        let refused = office.system.dossier_create(other).await.unwrap_err();
        assert!(matches!(refused, RepositoryError::Conflict { code: "idempotency_key_reused", .. }));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_placeholder_gets_its_first_version_with_its_first_content() {
    each_office(async |office| {
        let dossier = office.dossier("2024-002").await;
        let new = NewDocument { name: "received, not scanned".into(), ..NewDocument::default() };
        let placeholder = office.system.document_create(dossier, new).await.unwrap().value.summary;
        assert_eq!((placeholder.version_label, placeholder.content), (None, None));
        assert_eq!(placeholder.text.unwrap().state, TextState::None);
        let scan = content(&office.system, "scan.txt", b"now it is there").await;
        let token = Precondition::Token(placeholder.change_token);
        let filled =
            office.system.content_put(placeholder.id, token, scan, VersionNote::default()).await.unwrap().value;
        assert_eq!(filled.summary.version_label.as_deref(), Some("1.0"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn windows_of_a_long_list_are_exact_in_every_order_and_follow_changes() {
    each_office(async |office| {
        let dossier = office.dossier("long").await;
        for number in 0..620 {
            let new = NewDocument { name: format!("{number:04}"), ..NewDocument::default() };
            office.system.document_create(dossier, new).await.unwrap();
        }
        let names = async |offset, order| {
            let window = WindowRequest { offset, limit: 2 };
            let window = office.system.children_list(dossier, window, order).await.unwrap();
            (window.total, window.items.into_iter().map(|item| item.name).collect::<Vec<_>>())
        };
        assert_eq!(names(0, ListOrder::Receipt).await, (620, vec!["0000".into(), "0001".into()]));
        assert_eq!(names(600, ListOrder::Name).await, (620, vec!["0600".into(), "0601".into()]));
        assert_eq!(names(619, ListOrder::NameDescending).await, (620, vec!["0000".into()]));
        let last = office.system.children_list(dossier, WindowRequest { offset: 619, limit: 1 }, ListOrder::Name).await;
        let last = last.unwrap().items.remove(0);
        office.system.object_trash(last.id, Precondition::Token(last.change_token)).await.unwrap();
        let new = NewDocument { name: "0300 a".into(), ..NewDocument::default() };
        office.system.document_create(dossier, new).await.unwrap();
        assert_eq!(names(300, ListOrder::Name).await, (620, vec!["0300".into(), "0300 a".into()]));
        assert_eq!(names(619, ListOrder::Name).await, (620, vec!["0618".into()]));
    })
    .await;
}

#[test]
fn a_paper_that_was_read_meanwhile_hid_behind_the_tag_of_before() {
    if let Some(why) = absent() {
        return skip("a tag of before", &why);
    }
    let folder = tempfile::tempdir().unwrap();
    let unread = Setup::on(folder.path()).with("CARTULARY_WORK_JOBS", "0").start();
    let client = unread.client();
    let dossier = client.dossier("tags").unwrap();
    let paper = client.upload(&dossier, b"letter.txt", b"a word").unwrap().expect(201).json();
    let path = format!("/api/v1/documents/{}", paper["id"].as_str().unwrap());
    let before = client.get(&path).unwrap().expect(200);
    assert_eq!(before.json()["text"]["state"], "waiting");
    let tag = before.header("etag").unwrap().to_owned();
    let conditional = [("If-None-Match", tag.as_str())];
    client.send("GET", &path, &conditional, &[]).unwrap().expect(304);
    unread.stop();

    let program = Setup::on(folder.path()).start();
    let client = program.client();
    let after = until("the text is read", Duration::from_secs(60), || {
        client.send("GET", &path, &conditional, &[]).ok().filter(|answer| answer.status == 200)
    });
    assert_eq!(after.json()["text"]["state"], "ready");
    // The paper itself is as it was: whoever read it before may change it.
    client.send("DELETE", &path, &[("If-Match", &tag)], &[]).unwrap().expect(204);
    program.stop();
}
