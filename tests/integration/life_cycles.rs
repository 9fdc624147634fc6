//! Life cycles: objects begin in the first state, go where a transition leads, and are found by where they are.

use cartulary_model::{ObjectId, TypeFile};
use cartulary_repository::{
    BulkAct, BulkState, NewBulkAction, NewCopy, NewDocument, NewTransition, NewVersion, Precondition, QueryRequest,
    RepositoryError, Session, WindowRequest,
};
use cartulary_tests::office::{TestOffice, each_office};

const TYPES: &str = r#"
    [[types]]
    id = "test:paper"
    parent = "document"
    base = "document"
    label = "Paper"

    [types.life_cycle]
    initial = "draft"
    states = [{ id = "draft" }, { id = "approved" }, { id = "obsolete" }]
    transitions = [
        { id = "approve", from = ["draft"], to = "approved" },
        { id = "retire", from = ["draft", "approved"], to = "obsolete" },
        { id = "reopen", from = ["obsolete"], to = "draft" },
    ]
"#;

async fn paper(office: &TestOffice, folder: ObjectId, name: &str) -> ObjectId {
    let new = NewDocument { name: name.to_owned(), type_id: Some("test:paper".to_owned()), ..NewDocument::default() };
    office.system.document_create(folder, new).await.unwrap().value.summary.id
}

async fn go(session: &Session, id: ObjectId, transition: &str) -> Result<Option<String>, RepositoryError> {
    let new = NewTransition { transition: transition.to_owned(), comment: "because".to_owned() };
    session.object_transition(id, Precondition::Any, new).await.map(|written| written.value.summary.state)
}

async fn in_state(session: &Session, states: &str) -> Vec<String> {
    let statement = format!("SELECT cmis:name FROM test:paper WHERE cartulary:state IN ({states}) ORDER BY cmis:name");
    let found = session.query(QueryRequest { statement, limit: 1_000, ..QueryRequest::default() }).await.unwrap();
    found.rows.into_iter().map(|row| row.first().and_then(|name| name.as_str()).unwrap().to_owned()).collect()
}

async fn declare(office: &TestOffice) -> ObjectId {
    for definition in TypeFile::parse(TYPES).unwrap().types {
        office.system.type_create(definition).await.unwrap();
    }
    office.dossier("papers").await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_goes_where_a_transition_of_its_type_leads() {
    each_office(async |office| {
        let session = &office.system;
        let folder = declare(office).await;
        let one = paper(office, folder, "one").await;
        paper(office, folder, "two").await;
        assert_eq!(session.object_get(one).await.unwrap().summary.state.as_deref(), Some("draft"));
        let allowed = session.transition_list(one).await.unwrap();
        let names: Vec<&str> = allowed.allowed.iter().map(|transition| transition.id.as_str()).collect();
        assert_eq!((allowed.state.as_deref(), names), (Some("draft"), vec!["approve", "retire"]));
        assert!(matches!(
            go(session, one, "reopen").await,
            Err(RepositoryError::Conflict { code: "transition_not_allowed", .. })
        ));
        assert!(matches!(go(session, one, "fly").await, Err(RepositoryError::Invalid { .. })));
        assert!(matches!(
            go(session, folder, "approve").await,
            Err(RepositoryError::Conflict { code: "no_life_cycle", .. })
        ));
        assert_eq!(go(session, one, "approve").await.unwrap().as_deref(), Some("approved"));
        assert_eq!(in_state(session, "'draft'").await, ["two"]);
        assert_eq!(in_state(session, "'approved', 'obsolete'").await, ["one"]);
        office.settle().await;
        let (entries, _) = session.audit_list(0, 1_000).await.unwrap();
        let entry = entries.into_iter().find(|entry| entry.detail.contains("\"transition\"")).unwrap();
        assert_eq!(entry.before.as_deref(), Some(r#"{"state":"draft"}"#));
        assert_eq!(entry.after.as_deref(), Some(r#"{"state":"approved"}"#));
        assert_eq!(entry.detail, r#"{"comment":"because","transition":"approve"}"#);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_keeps_its_state_and_a_copy_begins_anew() {
    each_office(async |office| {
        let session = &office.system;
        let folder = declare(office).await;
        let one = paper(office, folder, "one").await;
        go(session, one, "approve").await.unwrap();
        let version = session.version_create(one, Precondition::Any, NewVersion::default()).await.unwrap().value;
        go(session, one, "retire").await.unwrap();
        let version = session.object_get(version.summary.id).await.unwrap().summary;
        assert_eq!(version.state.as_deref(), Some("approved"));
        assert!(matches!(
            go(session, version.id, "retire").await,
            Err(RepositoryError::Conflict { code: "immutable", .. })
        ));
        let wanted = NewCopy { folder, name: Some("copy".to_owned()), idempotency_key: None };
        let copy = session.object_copy(one, wanted).await.unwrap().value.detail.summary;
        assert_eq!(copy.state.as_deref(), Some("draft"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_life_cycle_that_comes_later_holds_for_what_is_there() {
    each_office(async |office| {
        let session = &office.system;
        let mut definition = TypeFile::parse(TYPES).unwrap().types.remove(0);
        let cycle = definition.life_cycle.take();
        session.type_create(definition.clone()).await.unwrap();
        let folder = office.dossier("papers").await;
        let one = paper(office, folder, "one").await;
        assert_eq!(session.object_get(one).await.unwrap().summary.state, None);
        definition.life_cycle = cycle;
        session.type_update(definition.id.clone(), Precondition::Any, definition.clone()).await.unwrap();
        assert_eq!(session.object_get(one).await.unwrap().summary.state.as_deref(), Some("draft"));
        assert_eq!(in_state(session, "'draft'").await, ["one"]);
        definition.life_cycle.as_mut().unwrap().states.remove(2);
        definition.life_cycle.as_mut().unwrap().transitions.truncate(1);
        let refused = session.type_update(definition.id.clone(), Precondition::Any, definition).await;
        assert!(matches!(refused, Err(RepositoryError::Invalid { violations }) if violations[0].code == "not_relaxed"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bulk_action_makes_the_transition_where_it_starts() {
    each_office(async |office| {
        let session = &office.system;
        let folder = declare(office).await;
        let first = paper(office, folder, "0").await;
        for name in 1..60 {
            paper(office, folder, &name.to_string()).await;
        }
        go(session, first, "approve").await.unwrap();
        let new = NewBulkAction {
            statement: "SELECT * FROM test:paper".to_owned(),
            act: BulkAct::Transition { transition: "approve".to_owned() },
            idempotency_key: None,
        };
        let begun = session.bulk_action_create(new.clone()).await.unwrap().value;
        let ended = loop {
            let found = session.bulk_action_get(&begun.id).await.unwrap();
            if !matches!(found.state, BulkState::Counting | BulkState::Running) {
                break found;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        };
        assert_eq!((ended.state, ended.done_count, ended.failed_count), (BulkState::Done, 59, 1));
        let all = WindowRequest { offset: 0, limit: 10 };
        let failed =
            session.bulk_action_items(&begun.id, cartulary_repository::BulkOutcome::Failed, all).await.unwrap();
        assert_eq!(failed.items[0].code.as_deref(), Some("transition_not_allowed"));
        assert_eq!(in_state(session, "'draft'").await.len(), 0);
        let unknown = NewBulkAction { act: BulkAct::Transition { transition: "fly".to_owned() }, ..new };
        assert!(matches!(session.bulk_action_create(unknown).await, Err(RepositoryError::Invalid { .. })));
    })
    .await;
}
