//! Copies: the same bytes under another name, with rights of their own.

use cartulary_model::ObjectId;
use cartulary_repository::{
    ListOrder, NewAccessList, NewCopy, NewFolder, Precondition, RepositoryError, SearchQuery, WindowRequest,
};
use cartulary_tests::office::{TestOffice, each_office};

const ALL: WindowRequest = WindowRequest { offset: 0, limit: 1_000 };
const ANY: Precondition = Precondition::Any;

async fn folder(office: &TestOffice, parent: ObjectId, name: &str) -> ObjectId {
    let new = NewFolder { name: name.to_owned(), ..NewFolder::default() };
    office.system.folder_create(parent, new).await.unwrap().value.summary.id
}

fn copy(folder: ObjectId) -> NewCopy {
    NewCopy { folder, name: None, idempotency_key: None }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_a_document_has_its_bytes_and_is_another_document() {
    each_office(async |office| {
        let (a, b) = (office.dossier("أ").await, office.dossier("ب").await);
        let paper = office.document(a, "عقد.txt", "cassava").await.value;
        office.settle().await;
        let blobs = async || office.repository.verify(Default::default(), |_| {}).await.unwrap().blobs_checked;
        let before = blobs().await;
        let made = office.system.object_copy(paper.summary.id, copy(b)).await.unwrap().value;
        assert_eq!((made.copied_count, made.left_out.len()), (1, 0));
        let made = made.detail;
        assert_ne!(made.summary.id, paper.summary.id);
        assert_eq!(made.paths, ["/ب/عقد.txt"]);
        assert_eq!((made.summary.version_label.as_deref(), made.summary.content), (Some("1.0"), paper.summary.content));
        assert_eq!(blobs().await, before, "no byte is copied");
        office.settle().await;
        let query = SearchQuery { text: "cassava".into(), limit: 10, ..SearchQuery::default() };
        assert_eq!(office.system.search(query).await.unwrap().total, 2);
        let taken = office.system.object_copy(paper.summary.id, copy(b)).await.unwrap_err();
        let RepositoryError::NameTaken { proposed } = taken else { panic!("{taken:?}") };
        let named = NewCopy { name: Some(proposed), idempotency_key: Some("k".into()), ..copy(b) };
        let first = office.system.object_copy(paper.summary.id, named.clone()).await.unwrap().value;
        let again = office.system.object_copy(paper.summary.id, named).await.unwrap().value;
        assert_eq!((again.detail.summary.id, again.copied_count), (first.detail.summary.id, 0));
        // The original is destroyed; the copy keeps the bytes.
        office.system.object_destroy(paper.summary.id, ANY).await.unwrap();
        let rules = cartulary_repository::GarbageRules { unreferenced_ms: 0, condemned_ms: 0 };
        office.repository.clock().shift(1_000);
        office.repository.collect_garbage(rules, |_, _| {}).await.unwrap();
        office.settle().await;
        let report = office.repository.verify(Default::default(), |_| {}).await.unwrap();
        assert!(report.is_clean() && report.index_repaired == 0, "{report:?}");
        assert!(office.system.content_open(made.summary.id, None).await.is_ok());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_a_folder_has_what_the_one_who_copies_may_read() {
    each_office(async |office| {
        let anna = office.user("anna", &["staff"]).await;
        let (a, target) = (office.dossier("a").await, office.dossier("t").await);
        let inner = folder(office, a, "مراسلات").await;
        let first = office.document(inner, "رسالة", "1").await.value.summary.id;
        let twice = office.document(inner, "twice", "2").await.value.summary.id;
        office.system.object_file(twice, a, ANY).await.unwrap();
        let secret = office.document(inner, "secret", "3").await.value.summary.id;
        let sealed = office.document(inner, "sealed", "4").await.value.summary.id;
        let list = |what: &[(&str, &str)]| NewAccessList {
            entries: what
                .iter()
                .map(|(who, what)| cartulary_repository::NewAccessEntry::granting(*who, *what))
                .collect(),
            inherits: false,
        };
        office.system.acl_put(secret, ANY, list(&[])).await.unwrap();
        office.system.acl_put(sealed, ANY, list(&[("anna", "Browse"), ("anna", "ReadProperties")])).await.unwrap();
        let made = anna.object_copy(a, NewCopy { name: Some("نسخة".into()), ..copy(target) }).await.unwrap().value;
        assert_eq!(made.copied_count, 4);
        let left: Vec<_> = made.left_out.iter().map(|one| (one.id, one.permission)).collect();
        assert_eq!(left, [(sealed, "ReadContent")]);
        let top = made.detail.summary.id;
        assert_eq!(made.detail.path.as_deref(), Some("/t/نسخة"));
        let below = office.system.children_list(top, ALL, ListOrder::Name).await.unwrap();
        let names: Vec<_> = below.items.iter().map(|item| item.name.as_str()).collect();
        assert_eq!(names, ["twice", "مراسلات"]);
        let letters = office.system.object_by_path("/t/نسخة/مراسلات").await.unwrap().summary.id;
        assert_eq!(office.system.children_list(letters, ALL, ListOrder::Name).await.unwrap().total, 2);
        let copied = office.system.object_by_path("/t/نسخة/مراسلات/twice").await.unwrap();
        assert_eq!((copied.summary.id, copied.parents.len()), (below.items[0].id, 2));
        assert_ne!(office.system.object_by_path("/t/نسخة/مراسلات/رسالة").await.unwrap().summary.id, first);
        let cyclic = office.system.object_copy(a, copy(inner)).await.unwrap_err();
        assert!(matches!(cyclic, RepositoryError::Conflict { code: "cyclic_move", .. }), "{cyclic:?}");
        let refused = anna.object_copy(sealed, copy(target)).await.unwrap_err();
        assert!(matches!(refused, RepositoryError::Forbidden { .. }), "{refused:?}");
        let refused = anna.object_copy(secret, copy(target)).await.unwrap_err();
        assert!(matches!(refused, RepositoryError::NotFound { .. }), "{refused:?}");
        let reader = office.user("reader", &["readers"]).await;
        let refused = reader.object_copy(first, copy(target)).await.unwrap_err();
        assert!(matches!(refused, RepositoryError::Forbidden { .. }), "{refused:?}");
    })
    .await;
}
