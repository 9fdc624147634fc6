//! Who reads what is confidential is written down, before anything is given out.

use cartulary_model::{ObjectId, TypeFile};
use cartulary_repository::{
    CollectionName, ListOrder, NewDossierVersion, NewTag, ObjectChanges, Precondition, QueryRequest, SearchQuery,
    Session, TextPages,
};
use cartulary_tests::office::{TestOffice, each_office};

use crate::access::{ALL, one_paper};

/// Who read an object, in order.
async fn readers(office: &TestOffice, id: ObjectId) -> Vec<String> {
    office.repository.sequence_now().await.unwrap();
    let entries = office.system.change_list(0, 1_000).await.unwrap().0;
    let is_reading = |entry: &&cartulary_repository::ChangeEntry| entry.kind == "read" && entry.object_id == Some(id);
    entries.iter().filter(is_reading).map(|entry| entry.by.name.clone()).collect()
}

async fn attach(session: &Session, id: ObjectId, facets: &[&str]) {
    let facets = Some(facets.iter().map(ToString::to_string).collect());
    session.object_update(id, Precondition::Any, ObjectChanges { facets, ..ObjectChanges::default() }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn each_reading_of_what_is_confidential_is_written_down() {
    each_office(async |office| {
        let (_, paper, digest) = one_paper(office).await;
        let anna = office.user("anna", &["readers"]).await;
        let read_all = async || {
            anna.object_get(paper).await.unwrap();
            anna.text_get(paper, TextPages::From(1)).await.unwrap();
            anna.content_open(paper, None).await.unwrap();
            anna.content_open(paper, Some(0..3)).await.unwrap();
            anna.blob_open(digest, None).await.unwrap();
        };
        read_all().await;
        assert_eq!(readers(office, paper).await, [""; 0], "it is not confidential");
        attach(&office.system, paper, &["confidential"]).await;
        read_all().await;
        assert_eq!(readers(office, paper).await, ["anna"; 5]);
        let version = office.system.version_list(paper, ALL).await.unwrap().items[0].id;
        anna.content_open(version, None).await.unwrap();
        assert_eq!(readers(office, version).await, ["anna"], "its versions are as confidential as it is now");
        attach(&office.system, paper, &[]).await;
        read_all().await;
        let by_anna = readers(office, paper).await.into_iter().filter(|name| name == "anna").count();
        assert_eq!(by_anna, 5);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_read_it_leaves_no_reading() {
    each_office(async |office| {
        let (_, paper, _) = one_paper(office).await;
        attach(&office.system, paper, &["confidential"]).await;
        let outsider = office.user("outsider", &[]).await;
        assert!(outsider.object_get(paper).await.is_err() && outsider.content_open(paper, None).await.is_err());
        assert_eq!(readers(office, paper).await, [""; 0]);
        let anna = office.user("anna", &["readers"]).await;
        let seen = anna.change_list(0, 1_000).await.unwrap().0;
        assert!(seen.iter().all(|entry| entry.kind != "read"), "who reads what is for administrators");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_type_may_ask_for_it_too() {
    each_office(async |office| {
        let text = "[[types]]\nid = \"test:secret\"\nparent = \"dossier\"\nbase = \"folder\"\nlabel = \"Secret\"\naudit_reads = true";
        let secret = TypeFile::parse(text).unwrap().types.remove(0);
        office.system.type_create(secret).await.unwrap();
        let new = cartulary_repository::NewFolder {
            name: "1".to_owned(),
            type_id: Some("test:secret".to_owned()),
            ..Default::default()
        };
        let dossier = office.system.dossier_create(new).await.unwrap().value.summary.id;
        let anna = office.user("anna", &["readers"]).await;
        anna.object_get(dossier).await.unwrap();
        assert_eq!(readers(office, dossier).await, ["anna"]);
    })
    .await;
}

/// Lists, searches and statements gave the values and words of confidential objects, and nobody knew.
#[tokio::test(flavor = "multi_thread")]
async fn each_window_on_what_is_confidential_is_written_down() {
    each_office(async |office| {
        let (dossier, paper, _) = one_paper(office).await;
        let open = office.document(dossier, "open.txt", "a process for nothing").await.value.summary.id;
        let anna = office.user("anna", &["readers"]).await;
        let sees_names = office.user("nick", &[]).await;
        let names = cartulary_repository::NewAccessEntry::granting("nick", "Browse");
        let more = cartulary_repository::NewAccessEntry::granting("nick", "ReadChildren");
        let list = cartulary_repository::NewAccessList { entries: vec![names, more], inherits: true };
        office.system.acl_put(dossier, Precondition::Any, list).await.unwrap();
        attach(&office.system, paper, &["confidential"]).await;
        let tag = NewTag { label: "dry".to_owned(), is_private: false, idempotency_key: None };
        office.system.tag_put(paper, tag).await.unwrap();
        office.system.dossier_version_create(dossier, Precondition::Any, NewDossierVersion::default()).await.unwrap();
        office.settle().await;
        let at = office.repository.clock().now();
        let favourites = CollectionName::Favourites;
        anna.collection_put(favourites, paper, Precondition::Any, None).await.unwrap();
        let words = || SearchQuery { text: "process".to_owned(), limit: 10, ..SearchQuery::default() };
        let statement = || QueryRequest {
            statement: "SELECT cmis:name FROM cmis:document ORDER BY cmis:name DESC".to_owned(),
            limit: 1,
            ..QueryRequest::default()
        };
        let mut known = 0;
        let mut noted = async |door: &str| {
            let now = readers(office, paper).await.len();
            let more = now - std::mem::replace(&mut known, now);
            assert_eq!(more, 1, "{door}");
        };
        assert_eq!(anna.search(words()).await.unwrap().total, 2);
        noted("search").await;
        assert_eq!(anna.query(statement()).await.unwrap().total, 2);
        noted("query").await;
        anna.children_list(dossier, ALL, ListOrder::Name).await.unwrap();
        noted("children").await;
        anna.children_at(dossier, at, ALL).await.unwrap();
        noted("children at an instant").await;
        anna.collection_items(favourites, ALL).await.unwrap();
        noted("collection").await;
        anna.tagged_list("dry", ALL).await.unwrap();
        noted("tagged").await;
        anna.tag_list(paper).await.unwrap();
        noted("tags").await;
        anna.version_list(paper, ALL).await.unwrap();
        noted("versions").await;
        anna.object_by_path("/secret/paper.txt").await.unwrap();
        noted("path").await;
        let member = anna.dossier_version_members(dossier, 1, ALL).await.unwrap();
        let member = member.items.into_iter().find(|member| member.id == paper).unwrap().object.id;
        assert_eq!(readers(office, member).await, ["anna"]);
        let of_first = QueryRequest { offset: 1, ..statement() };
        anna.query(of_first).await.unwrap();
        sees_names.children_list(dossier, ALL, ListOrder::Name).await.unwrap();
        let all = readers(office, paper).await;
        assert_eq!(all, ["anna"; 9], "what was not answered, and names alone, are not written down");
        assert_eq!(readers(office, open).await, [""; 0]);
    })
    .await;
}
