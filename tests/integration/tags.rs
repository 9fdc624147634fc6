//! Tags and collections on both databases, and what is left of them when objects are destroyed.

use cartulary_model::ObjectId;
use cartulary_repository::{
    CollectionName, NewCollection, NewShare, NewTag, Precondition, QueryRequest, RepositoryError, Session,
    VerifyOptions, WindowRequest,
};
use cartulary_tests::office::each_office;

const ANY: Precondition = Precondition::Any;
const ALL: WindowRequest = WindowRequest { offset: 0, limit: 100 };

async fn tag(session: &Session, object: ObjectId, label: &str) {
    let new = NewTag { label: label.to_owned(), ..NewTag::default() };
    session.tag_put(object, new).await.unwrap();
}

async fn tagged(session: &Session, label: &str) -> u64 {
    session.tagged_list(label, ALL).await.unwrap().total
}

async fn asked(session: &Session, label: &str) -> u64 {
    let statement = format!("SELECT cmis:name, cartulary:tags FROM cmis:document WHERE '{label}' = ANY cartulary:tags");
    session.query(QueryRequest { statement, limit: 10, ..QueryRequest::default() }).await.unwrap().total
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_and_places_in_collections_go_with_their_object_and_no_earlier() {
    each_office(async |office| {
        let system = &office.system;
        let reader = office.user("reader", &["readers"]).await;
        let dossier = office.dossier("d").await;
        let (a, b) = (
            office.document(dossier, "a", "1").await.value.summary.id,
            office.document(dossier, "b", "2").await.value.summary.id,
        );
        for object in [a, b] {
            tag(system, object, "E\u{301}cole").await;
            reader.collection_put(CollectionName::Favourites, object, ANY, None).await.unwrap();
        }
        tag(system, a, "Zweitens").await;
        let suggested = reader.tag_suggest("", 10).await.unwrap();
        let counts: Vec<u64> = suggested.iter().map(|one| one.count).collect();
        assert_eq!(counts, [2, 1]);
        assert_eq!((tagged(&reader, "zweitens").await, asked(&reader, "Zweitens").await), (1, 1));
        let favourites = async || reader.collection_items(CollectionName::Favourites, ALL).await.unwrap().total;
        assert_eq!(favourites().await, 2);
        system.object_trash(a, ANY).await.unwrap();
        assert_eq!(
            (tagged(&reader, "ZWEITENS").await, asked(&reader, "Zweitens").await, favourites().await),
            (0, 0, 1)
        );
        system.object_restore(a).await.unwrap();
        assert_eq!((tagged(&reader, "zweitens").await, favourites().await), (1, 2));
        system.object_destroy(a, ANY).await.unwrap();
        assert_eq!((reader.tag_suggest("z", 10).await.unwrap().len(), favourites().await), (0, 1));
        office.settle().await;
        let report = office.repository.verify(VerifyOptions::default(), |_| {}).await.unwrap();
        assert!(report.is_clean() && report.index_repaired == 0, "{report:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_tag_or_star_at_once_make_one() {
    each_office(async |office| {
        let system = office.system.clone();
        let reader = office.user("reader", &["staff"]).await;
        let dossier = office.dossier("d").await;
        let putting = (0..8).map(|turn| {
            let (system, reader) = (system.clone(), reader.clone());
            async move {
                let label = if turn % 2 == 0 { "Same" } else { "same" };
                let session = if turn % 3 == 0 { &system } else { &reader };
                tag(session, dossier, label).await;
                reader.collection_put(CollectionName::Favourites, dossier, ANY, None).await.unwrap();
            }
        });
        futures::future::join_all(putting).await;
        assert_eq!(system.tag_list(dossier).await.unwrap().len(), 1);
        assert_eq!(reader.collection_get(CollectionName::Favourites).await.unwrap().count, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collection_is_shown_by_group_and_no_longer_once_one_has_left_it() {
    each_office(async |office| {
        let (owner, member) = (office.user("owner", &["readers"]).await, office.user("member", &["staff"]).await);
        let shares = vec![NewShare { principal: "staff".to_owned(), may_write: true }];
        let new = NewCollection { name: "case".to_owned(), shares, idempotency_key: None };
        let made = CollectionName::Id(owner.collection_create(new).await.unwrap().value.id);
        let dossier = office.dossier("d").await;
        member.collection_put(made, dossier, ANY, None).await.unwrap();
        assert_eq!(owner.collection_get(made).await.unwrap().count, 1);
        let groups = office.system.group_list(ALL).await.unwrap().items;
        let staff = groups.iter().find(|group| group.name == "staff").unwrap().id;
        office.system.group_set_members(staff, ANY, Vec::new()).await.unwrap();
        let member = office.sign_in("member").await;
        let gone = member.collection_get(made).await;
        assert!(matches!(gone, Err(RepositoryError::NotFound { .. })), "{gone:?}");
    })
    .await;
}
