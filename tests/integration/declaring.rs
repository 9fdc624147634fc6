//! Types and facets declared while the office runs, on both databases, by two people at once.

use cartulary_model::{TypeDefinition, TypeFile};
use cartulary_repository::{NewFolder, ObjectChanges, Precondition, RepositoryError, Session};
use cartulary_tests::office::{TestOffice, each_office};

fn declared(text: &str) -> TypeDefinition {
    TypeFile::parse(text).unwrap().types.remove(0)
}

fn case(id: &str) -> TypeDefinition {
    declared(&format!("[[types]]\nid = \"{id}\"\nparent = \"dossier\"\nbase = \"folder\"\nlabel = \"Case\""))
}

async fn open(session: &Session, name: &str, type_id: &str) -> Result<(), RepositoryError> {
    let new = NewFolder { name: name.to_owned(), type_id: Some(type_id.to_owned()), ..NewFolder::default() };
    session.dossier_create(new).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_declared_is_there_after_the_next_start() {
    each_office(async |office| {
        office.system.type_create(case("test:case")).await.unwrap();
        open(&office.system, "1", "test:case").await.unwrap();
        office.reopen().await;
        assert!(office.system.catalogue().await.unwrap().type_token("test:case").is_some());
        open(&office.system, "2", "test:case").await.unwrap();
        let refused = office.system.type_create(case("test:case")).await.unwrap_err();
        assert!(matches!(refused, RepositoryError::Conflict { code: "name_taken", .. }), "{refused:?}");
    })
    .await;
}

/// Whoever is first wins, and there is never an object without its type.
#[tokio::test(flavor = "multi_thread")]
async fn a_type_is_deleted_while_dossiers_of_it_are_opened() {
    each_office(async |office| {
        for round in 0..10 {
            let id = format!("test:case{round}");
            office.system.type_create(case(&id)).await.unwrap();
            let opening = tokio::spawn({
                let (session, id) = (office.system.clone(), id.clone());
                async move {
                    let mut opened = 0;
                    for number in 0..8 {
                        match open(&session, &format!("{round}-{number}"), &id).await {
                            Ok(()) => opened += 1,
                            Err(RepositoryError::Invalid { violations }) => {
                                assert_eq!(violations[0].code, "unknown_type");
                            }
                            Err(other) => panic!("{other:?}"),
                        }
                    }
                    opened
                }
            });
            let deleted = office.system.type_delete(id.clone(), Precondition::Any).await;
            let opened = opening.await.unwrap();
            match deleted {
                Ok(_) => assert_eq!(opened, 0, "dossiers without a type"),
                Err(RepositoryError::Conflict { code: "type_in_use", .. }) => assert!(opened > 0),
                Err(other) => panic!("{other:?}"),
            }
        }
    })
    .await;
}

async fn value(office: &TestOffice, id: cartulary_model::ObjectId, property: &str) -> serde_json::Value {
    office.system.object_get(id).await.unwrap().summary.properties.get(property).cloned().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn many_declare_at_once_and_each_is_kept() {
    each_office(async |office| {
        let declaring: Vec<_> = (0..8)
            .map(|number| {
                let session = office.system.clone();
                tokio::spawn(async move { session.type_create(case(&format!("test:n{number}"))).await.map(drop) })
            })
            .collect();
        for one in declaring {
            one.await.unwrap().unwrap();
        }
        let catalogue = office.system.catalogue().await.unwrap();
        assert!((0..8).all(|number| catalogue.type_token(&format!("test:n{number}")).is_some()));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_facets_that_is_refused_changes_nothing() {
    each_office(async |office| {
        let facet = "[[types]]\nid = \"test:f\"\nbase = \"facet\"\nlabel = \"F\"\n[[types.properties]]\nid = \"test:p\"\nlabel = \"P\"\nkind = \"integer\"\nindexed = true\ndefault = 1";
        office.system.type_create(declared(facet)).await.unwrap();
        let dossier = office.dossier("1").await;
        let attach = |facets: &[&str]| ObjectChanges {
            facets: Some(facets.iter().map(ToString::to_string).collect()),
            ..ObjectChanges::default()
        };
        office.system.object_update(dossier, Precondition::Any, attach(&["test:f"])).await.unwrap();
        assert_eq!(value(office, dossier, "test:p").await, 1);
        let refused = office.system.object_update(dossier, Precondition::Any, attach(&["test:none"])).await;
        assert!(matches!(refused, Err(RepositoryError::Invalid { .. })), "{refused:?}");
        assert_eq!(office.system.object_get(dossier).await.unwrap().facets, ["test:f"]);
        office.system.object_update(dossier, Precondition::Any, attach(&[])).await.unwrap();
        assert!(value(office, dossier, "test:p").await.is_null());
    })
    .await;
}
