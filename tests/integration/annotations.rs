//! Comments and annotations on both databases, and what is left of them when objects and versions are destroyed.

use cartulary_model::{BlobDigest, ObjectId};
use cartulary_repository::{
    AnnotatedPlace, AnnotationContent, Faults, NewComment, NewDocument, PageBox, Precondition, RepositoryError,
    Session, VerifyOptions, VersionName, VersionNote, WindowRequest,
};
use cartulary_tests::office::{content, each_office};

const ANY: Precondition = Precondition::Any;
const ALL: WindowRequest = WindowRequest { offset: 0, limit: 100 };

async fn annotate(session: &Session, document: ObjectId, digest: BlobDigest) -> ObjectId {
    let area = PageBox { x: 0, y: 250_000, width: 1_000_000, height: 1 };
    let content = AnnotationContent {
        digest,
        places: vec![AnnotatedPlace { page: Some(1), area: Some(area) }],
        motivation: "highlighting".to_owned(),
        body: Some("see \u{645}".to_owned()),
        colour: None,
    };
    let made = session.annotation_create(document, content.clone(), None, Faults::default()).await.unwrap().value;
    assert_eq!(made.content, content);
    made.id
}

async fn annotated(session: &Session, document: ObjectId, digest: BlobDigest) -> u64 {
    session.annotation_list(document, Some(digest), ALL).await.unwrap().total
}

#[tokio::test(flavor = "multi_thread")]
async fn marks_and_words_go_with_their_document_and_marks_with_the_last_version_of_their_bytes() {
    each_office(async |office| {
        let system = &office.system;
        let reader = office.user("reader", &["readers"]).await;
        let dossier = office.dossier("d").await;
        let made = office.document(dossier, "a", "first").await.value.summary;
        let (document, first) = (made.id, made.content.unwrap().digest);
        let mark = annotate(&reader, document, first).await;
        let text = NewComment { text: "one\ntwo".to_owned(), ..NewComment::default() };
        let comment = reader.comment_create(document, text).await.unwrap().value;
        let second = content(system, "a", b"second").await;
        let now = system.content_put(document, ANY, second, VersionNote::default()).await.unwrap().value.summary;
        let second = now.content.unwrap().digest;
        annotate(&reader, document, second).await;
        assert_eq!((annotated(&reader, document, first).await, annotated(&reader, document, second).await), (1, 1));
        let versions = system.version_list(document, ALL).await.unwrap();
        let oldest = versions.items.last().unwrap().id;
        assert_eq!(reader.annotation_list(oldest, None, ALL).await.unwrap().total, 1);
        // Nothing has these bytes any more once the only version of them is destroyed.
        system.version_destroy(document, VersionName::Id(oldest), ANY).await.unwrap();
        assert_eq!((annotated(&reader, document, first).await, annotated(&reader, document, second).await), (0, 1));
        let gone = reader.annotation_get(mark).await;
        assert!(matches!(gone, Err(RepositoryError::NotFound { .. })), "{gone:?}");
        system.object_trash(document, ANY).await.unwrap();
        let away = reader.comment_get(comment.id).await;
        assert!(matches!(away, Err(RepositoryError::NotFound { .. })), "{away:?}");
        system.object_restore(document).await.unwrap();
        assert_eq!(reader.comment_get(comment.id).await.unwrap().text, Some("one\ntwo".to_owned()));
        system.object_destroy(document, ANY).await.unwrap();
        office.settle().await;
        let report = office.repository.verify(VerifyOptions::default(), |_| {}).await.unwrap();
        assert!(report.is_clean() && report.index_repaired == 0, "{report:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_answer_and_delete_at_once_no_answer_hangs_in_the_air() {
    each_office(async |office| {
        let system = office.system.clone();
        let dossier = office.dossier("d").await;
        for _ in 0..5 {
            let text = NewComment { text: "begun".to_owned(), ..NewComment::default() };
            let begun = system.comment_create(dossier, text).await.unwrap().value.id;
            let answer = NewComment { text: "answer".to_owned(), reply_to: Some(begun), idempotency_key: None };
            let (answered, deleted) =
                futures::future::join(system.comment_create(dossier, answer), system.comment_delete(begun, ANY)).await;
            deleted.unwrap();
            match answered {
                Ok(answer) => assert_eq!(answer.value.thread, begun),
                Err(RepositoryError::Invalid { violations }) => assert_eq!(violations[0].field, "replyTo"),
                Err(other) => panic!("{other:?}"),
            }
        }
        let all = system.comment_list(dossier, None, ALL).await.unwrap().items;
        for comment in &all {
            assert!(all.iter().any(|other| other.id == comment.thread), "{comment:?}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_beyond_the_last_that_was_counted_is_refused() {
    each_office(async |office| {
        let dossier = office.dossier("A").await;
        let bytes = crate::arrangements::pdf(&["one", "two"]);
        let paper = Some(content(&office.system, "a.pdf", &bytes).await);
        let new = NewDocument { name: "a.pdf".into(), content: paper, ..NewDocument::default() };
        let made = office.system.document_create(dossier, new).await.unwrap().value.summary;
        let on = |page: u32| AnnotationContent {
            digest: BlobDigest::of(&bytes),
            places: vec![AnnotatedPlace { page: Some(page), area: None }],
            motivation: "highlighting".into(),
            body: None,
            colour: None,
        };
        office.settle().await;
        let refused = office.system.annotation_create(made.id, on(3), None, Faults::default()).await;
        let Err(RepositoryError::Invalid { violations }) = refused else { panic!("{refused:?}") };
        let said = (violations[0].field.as_str(), violations[0].code, violations[0].detail.as_str());
        assert_eq!(said, ("target[0]", "out_of_range", "is on page 3, and the content has 2 pages"));
        office.system.annotation_create(made.id, on(2), None, Faults::default()).await.unwrap();
    })
    .await;
}
