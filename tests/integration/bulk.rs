//! Bulk actions: what they do, what they leave out, and that nothing is done twice or forgotten.

use std::time::Duration;

use cartulary_model::{ObjectId, Properties};
use cartulary_repository::{
    BulkAct, BulkOutcome, BulkState, BulkView, Extent, NewAccessEntry, NewAccessList, NewBulkAction, NewDocument,
    Precondition, QueryRequest, RepositoryError, Session, UserChanges, WindowRequest,
};
use cartulary_tests::office::{TestOffice, each_office};
use serde_json::{Value, json};

const TYPES: &str = r#"
    [[types]]
    id = "test:paper"
    parent = "document"
    base = "document"
    label = "Paper"
    properties = [
        { id = "test:number", label = "Number", kind = "integer", indexed = true },
        { id = "test:note", label = "Note", kind = "string", max_length = 10 },
    ]
    [[types]]
    id = "test:marked"
    base = "facet"
    label = "Marked"
    [[types]]
    id = "test:rated"
    base = "facet"
    label = "Rated"
    properties = [{ id = "test:rating", label = "Rating", kind = "integer", required = true }]
"#;

/// So many objects are changed at a time.
const AT_ONCE: u64 = 50;
const ALL: WindowRequest = WindowRequest { offset: 0, limit: 1_000 };
const PAPERS: &str = "SELECT cmis:name FROM test:paper";

/// Files so many papers, numbered from 0.
async fn papers(office: &TestOffice, count: usize) -> (ObjectId, Vec<ObjectId>) {
    office.declare(TYPES).await;
    let folder = office.dossier("papers").await;
    let mut papers = Vec::new();
    for number in 0..count {
        let new = NewDocument {
            name: format!("{number:04}"),
            type_id: Some("test:paper".to_owned()),
            properties: object(json!({ "test:number": number })),
            ..NewDocument::default()
        };
        papers.push(office.system.document_create(folder, new).await.unwrap().value.summary.id);
    }
    (folder, papers)
}

fn object(value: Value) -> Properties {
    let Value::Object(properties) = value else { panic!("an object") };
    properties
}

async fn begin(session: &Session, statement: &str, act: BulkAct) -> BulkView {
    let new = NewBulkAction { statement: statement.to_owned(), act, idempotency_key: None };
    session.bulk_action_create(new).await.unwrap().value
}

/// Waits for the end; the tests' own time limit is the limit.
pub(crate) async fn end(session: &Session, view: &BulkView) -> BulkView {
    loop {
        let found = session.bulk_action_get(&view.id).await.unwrap();
        if !matches!(found.state, BulkState::Counting | BulkState::Running) {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn act(session: &Session, statement: &str, act: BulkAct) -> (u64, u64, u64, u64) {
    let ended = end(session, &begin(session, statement, act).await).await;
    assert_eq!(ended.state, BulkState::Done, "{ended:?}");
    (ended.total.unwrap(), ended.done_count, ended.failed_count, ended.skipped_count)
}

async fn count(session: &Session, condition: &str) -> u64 {
    let statement = format!("{PAPERS} WHERE {condition}");
    session.query(QueryRequest { statement, ..QueryRequest::default() }).await.unwrap().total
}

async fn shut_out(office: &TestOffice, user: &Session) {
    let changes = UserChanges { disabled: Some(true), ..UserChanges::default() };
    office.system.user_update(user.actor().id(), Precondition::Any, changes).await.unwrap();
}

fn add_facet(facet: &str, properties: serde_json::Value) -> BulkAct {
    BulkAct::AddFacet { facet: facet.to_owned(), properties: object(properties) }
}

fn note(text: &str) -> BulkAct {
    BulkAct::SetProperties { properties: object(json!({ "test:note": text })) }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_statement_finds_is_changed_and_what_cannot_be_is_told() {
    each_office(async |office| {
        let (folder, papers) = papers(office, 120).await;
        let session = office.user("amal", &["staff"]).await;
        // One is checked out by somebody else, one is no longer the caller's to change, and one he does not even see.
        let other = office.user("huda", &["staff"]).await;
        other.document_check_out(papers[7], None).await.unwrap();
        let only_read = NewAccessList { entries: vec![NewAccessEntry::granting("amal", "Read")], inherits: false };
        office.system.acl_put(papers[60], Precondition::Any, only_read).await.unwrap();
        let hidden = NewAccessList { entries: Vec::new(), inherits: false };
        office.system.acl_put(papers[61], Precondition::Any, hidden).await.unwrap();

        assert_eq!(act(&session, &format!("{PAPERS} WHERE test:number >= 5"), note("seen")).await, (114, 112, 2, 0));
        assert_eq!(count(&office.system, "test:note = 'seen'").await, 112);
        let begun = begin(&session, PAPERS, note("longer than ten characters")).await;
        let ended = end(&session, &begun).await;
        assert_eq!((ended.total, ended.done_count, ended.failed_count), (Some(119), 0, 119), "every one breaks a rule");
        let failed = session.bulk_action_items(&begun.id, BulkOutcome::Failed, ALL).await.unwrap();
        assert_eq!((failed.total, failed.items.len()), (119, 119));
        let code = |id: ObjectId| failed.items.iter().find(|item| item.id == id).and_then(|item| item.code.as_deref());
        assert_eq!(
            (code(papers[60]), code(papers[7]), code(papers[0])),
            (Some("forbidden"), Some("checked_out"), Some("invalid"))
        );

        let elsewhere = office.dossier("elsewhere").await;
        let few = format!("{PAPERS} WHERE test:number < 5");
        assert_eq!(act(&session, &few, BulkAct::Move { folder: elsewhere }).await, (5, 5, 0, 0));
        assert_eq!(count(&office.system, &format!("IN_FOLDER('{elsewhere}')")).await, 5);
        let facet = "test:marked".to_owned();
        assert_eq!(act(&session, &few, add_facet(&facet, json!({}))).await, (5, 5, 0, 0));
        assert_eq!(count(&office.system, "'test:marked' = ANY cmis:secondaryObjectTypeIds").await, 5);
        assert_eq!(act(&session, &few, BulkAct::RemoveFacet { facet }).await, (5, 5, 0, 0));
        assert_eq!(count(&office.system, "'test:marked' = ANY cmis:secondaryObjectTypeIds").await, 0);
        let _ = folder;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_facet_that_needs_a_value_could_not_be_attached_to_many() {
    each_office(async |office| {
        let _ = papers(office, 3).await;
        let session = &office.system;
        assert_eq!(act(session, PAPERS, add_facet("test:rated", json!({}))).await, (3, 0, 3, 0));
        assert_eq!(act(session, PAPERS, add_facet("test:rated", json!({ "test:rating": 4 }))).await, (3, 3, 0, 0));
        assert_eq!(act(session, PAPERS, add_facet("test:rated", json!({ "test:rating": 5 }))).await, (3, 3, 0, 0));
        let joined = "SELECT p.cmis:name FROM test:paper p JOIN test:rated r ON p.cmis:objectId = r.cmis:objectId WHERE \
                      r.test:rating = 4";
        let request = QueryRequest { statement: joined.to_owned(), ..QueryRequest::default() };
        assert_eq!(session.query(request).await.unwrap().total, 3, "one that is attached stays as it is");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_are_added_once_and_taken_out_again() {
    each_office(async |office| {
        let (_, papers) = papers(office, 4).await;
        let outsider = office.user("salim", &[]).await;
        let entry = NewAccessEntry::granting("salim", "Read");
        for _ in 0..2 {
            assert_eq!(act(&office.system, PAPERS, BulkAct::Grant { entry: entry.clone() }).await, (4, 4, 0, 0));
        }
        assert_eq!(office.system.acl_get(papers[0]).await.unwrap().entries.len(), 1);
        assert_eq!(count(&outsider, "test:number >= 0").await, 4);
        assert_eq!(act(&office.system, PAPERS, BulkAct::Revoke { entry }).await, (4, 4, 0, 0));
        assert_eq!(count(&outsider, "test:number >= 0").await, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_with_another_is_skipped_and_counted() {
    each_office(async |office| {
        let (folder, _) = papers(office, 6).await;
        let inner = cartulary_repository::NewFolder { name: "inner".to_owned(), ..Default::default() };
        office.system.folder_create(folder, inner).await.unwrap();
        let statement =
            "SELECT cmis:name FROM cmis:folder WHERE cmis:name IN ('papers', 'inner') ORDER BY cmis:creationDate";
        let delete = BulkAct::Delete { extent: Extent::Trash };
        let (total, done, failed, skipped) = act(&office.system, statement, delete).await;
        assert_eq!((total, done + skipped, failed), (2, 2, 0), "{done} {skipped}");
        assert!(done >= 1 && skipped == 1, "the inner one went with the outer one");
        assert_eq!(count(&office.system, "test:number >= 0").await, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bulk_action_that_was_cut_goes_on_and_does_nothing_twice() {
    each_office(async |office| {
        let (_, papers) = papers(office, 400).await;
        let begun = begin(&office.system, PAPERS, note("once")).await;
        // Stopped again and again, wherever it is.
        for pause in [5, 15, 30, 60] {
            tokio::time::sleep(Duration::from_millis(pause)).await;
            office.stop_background().await;
            office.start_background();
        }
        office.reopen().await;
        let ended = end(&office.system, &begun).await;
        assert_eq!(
            (ended.state, ended.total, ended.done_count, ended.failed_count),
            (BulkState::Done, Some(400), 400, 0)
        );
        assert_eq!(count(&office.system, "test:note = 'once'").await, 400);
        for paper in [papers[0], papers[199], papers[399]] {
            let token = office.system.object_get(paper).await.unwrap().summary.change_token;
            assert_eq!(token, 2, "made, and changed once");
        }
        office.settle().await;
        assert!(office.repository.verify(Default::default(), |_| {}).await.unwrap().is_clean());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bulk_action_is_stopped() {
    each_office(async |office| {
        let (_, _) = papers(office, 120).await;
        office.stop_background().await;
        let session = office.user("amal", &["staff"]).await;
        let begun = begin(&session, PAPERS, note("never")).await;
        assert_eq!(begun.state, BulkState::Counting);
        let stranger = office.user("salim", &["staff"]).await;
        assert!(matches!(stranger.bulk_action_abort(&begun.id).await, Err(RepositoryError::NotFound { .. })));
        session.bulk_action_abort(&begun.id).await.unwrap();
        office.start_background();
        let ended = end(&session, &begun).await;
        assert_eq!((ended.state, ended.done_count), (BulkState::Aborted, 0));
        let marker = act(&office.system, PAPERS, note("after")).await;
        assert_eq!(marker.1, 120, "nothing of it is under way any more");
        assert_eq!(count(&office.system, "test:note = 'never'").await, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bulk_action_of_somebody_who_was_shut_out_went_on() {
    each_office(async |office| {
        let (_, _) = papers(office, 400).await;
        let session = office.user("amal", &["staff"]).await;
        let begun = begin(&session, PAPERS, note("on")).await;
        while office.system.bulk_action_get(&begun.id).await.unwrap().done_count == 0 {
            tokio::task::yield_now().await;
        }
        shut_out(office, &session).await;
        let done = office.system.bulk_action_get(&begun.id).await.unwrap().done_count;
        let ended = end(&office.system, &begun).await;
        assert!(ended.done_count <= done + AT_ONCE, "{done} were done, and then {ended:?}");
        // One that had not begun ends too, and nothing is done.
        let other = office.user("salim", &["staff"]).await;
        office.stop_background().await;
        let begun = begin(&other, PAPERS, note("never")).await;
        shut_out(office, &other).await;
        office.start_background();
        let ended = end(&office.system, &begun).await;
        assert_eq!((ended.state, ended.done_count), (BulkState::Aborted, 0));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_be_done_to_nothing_is_refused_at_once() {
    each_office(async |office| {
        papers(office, 1).await;
        let refused = async |statement: &str, act: BulkAct| {
            let new = NewBulkAction { statement: statement.to_owned(), act, idempotency_key: None };
            office.system.bulk_action_create(new).await.unwrap_err().to_string()
        };
        let delete = || BulkAct::Delete { extent: Extent::Trash };
        assert!(refused("SELECT nothing FROM test:paper", delete()).await.contains("at character 8"));
        let join = "SELECT a.cmis:name FROM test:paper a JOIN test:paper b ON a.cmis:name = b.cmis:name";
        assert!(refused(join, delete()).await.contains("one table"));
        assert!(refused(PAPERS, add_facet("test:paper", json!({}))).await.contains("is a facet: one of"));
        let nobody = NewAccessEntry::granting("nobody", "Read");
        assert!(refused(PAPERS, BulkAct::Grant { entry: nobody }).await.contains("neither a user nor a group"));
        let nothing = BulkAct::SetProperties { properties: Properties::new() };
        assert!(refused(PAPERS, nothing).await.contains("says what is set"));
    })
    .await;
}
