//! Relationships when an end goes to the trash, comes back, or is destroyed, on both databases.

use cartulary_model::{ObjectId, Properties, TypeFile};
use cartulary_repository::{
    Direction, NewRelationship, Precondition, QueryRequest, RepositoryError, Session, VerifyOptions, WindowRequest,
};
use cartulary_tests::office::{TestOffice, each_office};

const TYPES: &str = r#"
    [[types]]
    id = "test:cites"
    parent = "relationship"
    base = "relationship"
    label = "Cites"
    properties = [{ id = "test:page", label = "Page", kind = "integer", indexed = true }]
"#;

const ANY: Precondition = Precondition::Any;

async fn link(session: &Session, source: ObjectId, target: ObjectId) -> ObjectId {
    let mut properties = Properties::new();
    properties.insert("test:page".to_owned(), 7.into());
    let new = NewRelationship {
        type_id: "test:cites".to_owned(),
        source,
        target,
        name: None,
        properties,
        facets: Vec::new(),
        idempotency_key: None,
    };
    session.relationship_create(new).await.unwrap().value.summary.id
}

async fn listed(session: &Session, object: ObjectId) -> u64 {
    let all = WindowRequest { offset: 0, limit: 1 };
    session.relationship_list(object, Direction::Either, None, all).await.unwrap().total
}

async fn found(session: &Session) -> u64 {
    let statement = "SELECT cmis:name FROM test:cites WHERE test:page = 7".to_owned();
    session.query(QueryRequest { statement, ..QueryRequest::default() }).await.unwrap().total
}

async fn assert_whole(office: &TestOffice) {
    office.settle().await;
    let report = office.repository.verify(VerifyOptions::default(), |_| {}).await.unwrap();
    assert!(report.is_clean() && report.index_repaired == 0, "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relationship_is_away_while_an_end_is_in_the_trash_and_goes_with_it() {
    each_office(async |office| {
        for definition in TypeFile::parse(TYPES).unwrap().types {
            office.system.type_create(definition).await.unwrap();
        }
        let system = &office.system;
        let (one, two) = (office.dossier("one").await, office.dossier("two").await);
        let a = office.document(one, "a", "1").await.value.summary.id;
        let b = office.document(two, "b", "2").await.value.summary.id;
        let (there, back) = (link(system, a, b).await, link(system, b, a).await);
        assert_eq!((listed(system, a).await, found(system).await), (2, 2));
        system.object_trash(two, ANY).await.unwrap();
        assert_eq!((listed(system, a).await, found(system).await), (0, 0));
        let away = system.relationship_get(there).await;
        assert!(matches!(away, Err(RepositoryError::NotFound { .. })), "{away:?}");
        assert_whole(office).await;
        system.object_restore(two).await.unwrap();
        assert_eq!((listed(system, a).await, found(system).await), (2, 2));
        system.relationship_delete(back, ANY).await.unwrap();
        assert_eq!(listed(system, a).await, 1);
        system.object_destroy(two, ANY).await.unwrap();
        assert_eq!((listed(system, a).await, found(system).await), (0, 0));
        assert_whole(office).await;
        // Nothing of it is left in the way of its type.
        system.type_delete("test:cites".to_owned(), ANY).await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_is_destroyed_meanwhile_leaves_no_half_of_a_relationship() {
    each_office(async |office| {
        for definition in TypeFile::parse(TYPES).unwrap().types {
            office.system.type_create(definition).await.unwrap();
        }
        let dossier = office.dossier("d").await;
        for number in 0..5 {
            let a = office.document(dossier, &format!("a{number}"), "1").await.value.summary.id;
            let b = office.document(dossier, &format!("b{number}"), "2").await.value.summary.id;
            let new = NewRelationship {
                type_id: "test:cites".to_owned(),
                source: a,
                target: b,
                name: None,
                properties: Properties::new(),
                facets: Vec::new(),
                idempotency_key: None,
            };
            let (linked, destroyed) =
                tokio::join!(office.system.relationship_create(new), office.system.object_destroy(b, ANY));
            destroyed.unwrap();
            assert!(matches!(linked, Ok(_) | Err(RepositoryError::NotFound { .. })), "{linked:?}");
            assert_eq!(listed(&office.system, a).await, 0);
        }
        assert_whole(office).await;
    })
    .await;
}
