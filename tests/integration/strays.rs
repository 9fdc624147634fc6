//! What people put on objects, and keep: `verify` finds whatever of it refers to what is not there.

use std::collections::BTreeSet;

use cartulary_model::{ObjectId, Properties, TypeFile};
use cartulary_repository::{
    AnnotatedPlace, AnnotationContent, CollectionName, Faults, NewCollection, NewComment, NewLock, NewRelationship,
    NewSavedSearch, NewShare, NewSubscription, NewTag, Precondition, SavedQuery, SubscriptionTarget, VerifyOptions,
};
use cartulary_tests::office::{TestOffice, each_office};

const ANY: Precondition = Precondition::Any;
const QUICK: VerifyOptions = VerifyOptions { rehash: false, repair_index: false, log_only: false };

async fn codes(office: &TestOffice) -> BTreeSet<&'static str> {
    let report = office.repository.verify(QUICK, |_| {}).await.unwrap();
    report.faults.iter().map(|fault| fault.code).collect()
}

/// Puts one of each onto a document, and returns the document.
async fn put_everything(office: &TestOffice) -> ObjectId {
    let system = &office.system;
    office.user("reader", &["readers"]).await;
    let dossier = office.dossier("d").await;
    let paper = office.document(dossier, "a.txt", "a").await.value.summary;
    let other = office.document(dossier, "b.txt", "b").await.value.summary.id;
    let digest = paper.content.as_ref().unwrap().digest;
    let shares = || vec![NewShare { principal: "reader".into(), may_write: false }];
    let tag = NewTag { label: "seen".into(), is_private: true, idempotency_key: None };
    system.tag_put(paper.id, tag).await.unwrap();
    let comment = |reply_to| NewComment { text: "well".into(), reply_to, idempotency_key: None };
    let first = system.comment_create(paper.id, comment(None)).await.unwrap().value.id;
    system.comment_create(paper.id, comment(Some(first))).await.unwrap();
    let mark = AnnotationContent {
        digest,
        places: vec![AnnotatedPlace::default()],
        motivation: "highlighting".into(),
        body: None,
        colour: None,
    };
    system.annotation_create(paper.id, mark, None, Faults::default()).await.unwrap();
    let collection = NewCollection { name: "c".into(), shares: shares(), idempotency_key: None };
    let collection = system.collection_create(collection).await.unwrap().value.id;
    system.collection_put(CollectionName::Id(collection), paper.id, ANY, None).await.unwrap();
    let link = NewRelationship {
        type_id: "test:cites".into(),
        source: paper.id,
        target: other,
        name: None,
        properties: Properties::new(),
        facets: Vec::new(),
        idempotency_key: None,
    };
    system.relationship_create(link).await.unwrap();
    system.object_lock(paper.id, ANY, NewLock::default()).await.unwrap();
    let statement = "SELECT * FROM document".to_owned();
    let search = SavedQuery::Statement { statement, all_versions: false };
    let search = NewSavedSearch { name: "s".into(), search, shares: shares(), idempotency_key: None };
    let search = system.saved_search_create(search, Faults::default()).await.unwrap().value.id;
    let favourites = SubscriptionTarget::Collection(system.actor().id());
    let targets = [
        SubscriptionTarget::Object(paper.id),
        SubscriptionTarget::Tree(dossier),
        SubscriptionTarget::SavedSearch(search),
        SubscriptionTarget::Collection(collection),
        favourites,
    ];
    for target in targets {
        let new = NewSubscription { target, own_changes: false, idempotency_key: None };
        system.subscription_create(new).await.unwrap();
    }
    paper.id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_refers_to_what_is_not_there_is_found() {
    each_office(async |office| {
        let types =
            "[[types]]\nid = \"test:cites\"\nparent = \"relationship\"\nbase = \"relationship\"\nlabel = \"Cites\"";
        office.reopen_as(|config| config.office_types = TypeFile::parse(types).unwrap()).await;
        let paper = put_everything(office).await;
        office.settle().await;
        office.stop_background().await;
        assert_eq!(codes(office).await, BTreeSet::new(), "all is well before");
        // What goes to the trash keeps what people put on it, and nothing is wrong with that.
        office.system.object_trash(paper, ANY).await.unwrap();
        assert!(!codes(office).await.iter().any(|code| code.ends_with("_stray")));
        office.system.object_restore(paper).await.unwrap();
        let free =
            if office.is_shared() { "SET session_replication_role = replica;" } else { "PRAGMA foreign_keys = OFF;" };
        let none = "0".repeat(64);
        let damages = [
            ("UPDATE tag SET object_no = 999999".to_owned(), "tag_stray"),
            ("UPDATE comment SET thread_no = 999999 WHERE thread_no <> 0".to_owned(), "comment_stray"),
            (format!("UPDATE annotation SET digest = '{none}'"), "annotation_stray"),
            ("UPDATE collection_item SET object_no = 999999".to_owned(), "collection_item_stray"),
            ("UPDATE relationship SET target_no = 999999".to_owned(), "relationship_stray"),
            ("UPDATE object SET trashed_at = 1 WHERE base = 'relationship'".to_owned(), "relationship_in_trash"),
            ("UPDATE object_lock SET object_no = 999999".to_owned(), "lock_stray"),
            ("UPDATE subscription SET target_id = 'x' WHERE kind = 'object'".to_owned(), "subscription_stray"),
            (
                "UPDATE share SET subject_id = 'x'||principal_no WHERE subject_id IN (SELECT id FROM collection)"
                    .to_owned(),
                "share_stray",
            ),
            ("UPDATE saved_search SET owner_no = 999999".to_owned(), "owner_missing"),
            ("UPDATE saved_search SET search = '{'".to_owned(), "saved_search_unreadable"),
        ];
        for (sql, code) in damages {
            assert!(!codes(office).await.contains(code), "{code} before the damage");
            office.tamper(&format!("{free} {sql};"));
            assert!(codes(office).await.contains(code), "{code} after `{sql}`");
        }
        for kind in ["tree", "saved_search", "collection"] {
            let report = office.repository.verify(QUICK, |_| {}).await.unwrap();
            let before = report.faults.iter().filter(|fault| fault.code == "subscription_stray").count();
            office.tamper(&format!("UPDATE subscription SET target_id = id WHERE kind = '{kind}';"));
            let report = office.repository.verify(QUICK, |_| {}).await.unwrap();
            let after = report.faults.iter().filter(|fault| fault.code == "subscription_stray").count();
            assert!(after > before, "{kind}");
        }
    })
    .await;
}
