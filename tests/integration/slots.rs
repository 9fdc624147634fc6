//! Several contents of one document on both databases: found by their words, kept from the collector, appended to at once.

use cartulary_model::SlotName;
use cartulary_repository::{
    ContentToAppend, GarbageRules, NewVersion, Precondition, SearchQuery, TextPages, VerifyOptions, VersionNote,
};
use cartulary_tests::office::{content, each_office};
use futures::future::join_all;

const NOW: GarbageRules = GarbageRules { unreferenced_ms: 0, condemned_ms: 0 };

fn annex() -> SlotName {
    "annex".parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_words_of_an_attachment_are_found_with_its_page() {
    each_office(async |office| {
        let dossier = office.dossier("2026-001").await;
        let paper = office.document(dossier, "letter.txt", "about irrigation valves").await.value.summary;
        let text = "first sheet\u{c}the second sheet speaks of turbines";
        let new = content(&office.system, "annex.txt", text.as_bytes()).await;
        office.system.slot_put(paper.id, annex(), Precondition::Any, new, VersionNote::default()).await.unwrap();
        office.settle().await;
        let find = async |text: &str| {
            let query = SearchQuery { text: text.into(), limit: 10, ..SearchQuery::default() };
            office.system.search(query).await.unwrap()
        };
        for (word, slot, page) in [("turbines", Some("annex".to_owned()), 2), ("irrigation", None, 1)] {
            let found = find(word).await;
            let place = &found.hits[0].snippets[0];
            assert_eq!((found.total, &place.slot, place.page_number), (1, &slot, page), "{word}");
        }
        let known = office.system.slot_text_get(paper.id, annex(), TextPages::One(2)).await.unwrap();
        assert!(known.pages[0].text.contains("turbines"));
        office.system.slot_delete(paper.id, annex(), Precondition::Any, VersionNote::default()).await.unwrap();
        office.settle().await;
        assert_eq!((find("turbines").await.total, find("irrigation").await.total), (0, 1));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_of_attachments_stay_as_long_as_a_version_has_them() {
    each_office(async |office| {
        office.stop_background().await;
        let dossier = office.dossier("2026-001").await;
        let paper = office.document(dossier, "a.bin", "\u{0}main").await.value.summary;
        let new = content(&office.system, "annex.bin", b"\x00annex").await;
        office.system.slot_put(paper.id, annex(), Precondition::Any, new, VersionNote::default()).await.unwrap();
        let copy = office.system.document_check_out(paper.id, None).await.unwrap().value.summary;
        office.system.slot_delete(copy.id, annex(), Precondition::Any, VersionNote::default()).await.unwrap();
        office.system.version_create(copy.id, Precondition::Any, NewVersion::default()).await.unwrap();
        office.repository.clock().shift(10);
        let collected = office.repository.collect_garbage(NOW, |_, _| {}).await.unwrap();
        assert_eq!(collected.deleted, 0);
        let old = office.system.version_get(paper.id, "1.1".parse().unwrap()).await.unwrap().summary;
        assert_eq!(office.system.slot_content_of(old.id, annex()).await.unwrap().size_bytes, 6);
        office.system.version_destroy(paper.id, "1.1".parse().unwrap(), Precondition::Any).await.unwrap();
        let collected = office.repository.collect_garbage(NOW, |_, _| {}).await.unwrap();
        assert_eq!((collected.condemned, collected.deleted), (1, 1));
        let report = office.repository.verify(VerifyOptions::default(), |_| {}).await.unwrap();
        assert!(report.is_clean(), "{:?}", report.faults);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_who_append_at_once_none_is_lost_and_none_is_mixed() {
    each_office(async |office| {
        let dossier = office.dossier("2026-001").await;
        let paper = office.document(dossier, "a.bin", "\u{0}").await.value.summary;
        let appended = join_all((0..6).map(|number| {
            let session = &office.system;
            async move {
                let chunk = Ok::<_, std::io::Error>(bytes::Bytes::from(vec![b'a' + number; 3]));
                let more = ContentToAppend { body: futures::stream::iter([chunk]), file_name: "a".into() };
                session.slot_append(paper.id, annex(), Precondition::Any, more, VersionNote::default()).await
            }
        }))
        .await;
        let taken = appended.iter().filter(|outcome| outcome.is_ok()).count();
        let content = office.system.slot_content_of(paper.id, annex()).await.unwrap();
        assert!(taken >= 1);
        assert_eq!(content.size_bytes, 3 * taken as u64);
        for refused in appended.into_iter().filter_map(Result::err) {
            assert!(format!("{refused}").contains("nothing was appended"), "{refused}");
        }
    })
    .await;
}
