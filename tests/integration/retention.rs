//! Retention: what is kept stays whatever anybody does, is never kept shorter, and goes by a disposition that was reviewed.

use cartulary_model::{ObjectId, Timestamp};
use cartulary_repository::{
    AwaitedEvent, BulkAct, BulkOutcome, BulkState, BulkView, Extent, GarbageRules, NewAccessEntry, NewAccessList,
    NewBulkAction, NewLegalHold, NewRetention, Precondition, QueryRequest, RepositoryError, RetentionView, Session,
    VerifyOptions, VersionName, WindowRequest,
};
use cartulary_tests::office::{TestOffice, content, each_office};

const ANY: Precondition = Precondition::Any;
const DAY: i64 = 24 * 3_600_000;
const ALL: WindowRequest = WindowRequest { offset: 0, limit: 1_000 };
const NOW: GarbageRules = GarbageRules { unreferenced_ms: 0, condemned_ms: 0 };

fn code<T: std::fmt::Debug>(outcome: Result<T, RepositoryError>) -> String {
    match outcome {
        Err(RepositoryError::Conflict { code, .. }) => code.to_owned(),
        Err(RepositoryError::Forbidden { permission }) => permission,
        Err(RepositoryError::NotFound { .. }) => "not_found".to_owned(),
        other => panic!("{other:?}"),
    }
}

fn until(office: &TestOffice, days: i64) -> NewRetention {
    NewRetention { until: Some(office.repository.clock().now().plus_millis(days * DAY)), awaits: None }
}

fn awaits(event: &str, period: &str) -> NewRetention {
    let awaits = AwaitedEvent { event: event.to_owned(), period: period.parse().unwrap() };
    NewRetention { until: None, awaits: Some(awaits) }
}

async fn retain(session: &Session, id: ObjectId, new: NewRetention) -> Result<RetentionView, RepositoryError> {
    session.retention_put(id, ANY, new).await.map(|written| written.value)
}

async fn hold(session: &Session, name: &str) -> ObjectId {
    let new = NewLegalHold { name: name.to_owned(), reason: "a case".to_owned(), idempotency_key: None };
    session.legal_hold_create(new).await.unwrap().value.id
}

async fn paper(office: &TestOffice, dossier: ObjectId, name: &str) -> ObjectId {
    office.document(dossier, name, name).await.value.summary.id
}

/// Tries each way of removing a document, its version, and the dossier that it lies in; each says why it does not go.
async fn refused_everywhere(session: &Session, dossier: ObjectId, paper: ObjectId, expect: &str) {
    let latest = VersionName::Latest;
    assert_eq!(code(session.object_trash(paper, ANY).await), expect);
    assert_eq!(code(session.object_destroy(paper, ANY).await), expect);
    assert_eq!(code(session.object_trash(dossier, ANY).await), expect);
    assert_eq!(code(session.object_destroy(dossier, ANY).await), expect);
    assert_eq!(code(session.version_destroy(paper, latest, ANY).await), expect);
    session.object_get(paper).await.unwrap();
}

async fn begin(session: &Session, statement: &str, act: BulkAct) -> BulkView {
    let new = NewBulkAction { statement: statement.to_owned(), act, idempotency_key: None };
    settled(session, &session.bulk_action_create(new).await.unwrap().value.id).await
}

/// Waits until a bulk action has ended, or waits for its review.
async fn settled(session: &Session, id: &str) -> BulkView {
    loop {
        let found = session.bulk_action_get(id).await.unwrap();
        if !matches!(found.state, BulkState::Counting | BulkState::Running) {
            return found;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

async fn names(session: &Session, condition: &str) -> Vec<String> {
    let statement = format!("SELECT cmis:name FROM cmis:document WHERE {condition} ORDER BY cmis:name");
    let found = session.query(QueryRequest { statement, limit: 1_000, ..QueryRequest::default() }).await.unwrap();
    found.rows.into_iter().map(|row| row[0].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_retained_stays_and_is_never_kept_shorter() {
    each_office(async |office| {
        let session = &office.system;
        let dossier = office.dossier("2024").await;
        let one = paper(office, dossier, "one").await;
        let kept = retain(session, one, until(office, 10)).await.unwrap();
        assert!(kept.record_since.is_some() && !kept.is_held);
        refused_everywhere(session, dossier, one, "under_retention").await;
        // The built-in user is an administrator.
        assert_eq!(code(retain(session, one, until(office, 9)).await), "retention_shortened");
        assert_eq!(session.retention_get(one).await.unwrap().until, kept.until);
        assert!(retain(session, one, until(office, 20)).await.unwrap().until > kept.until);
        let past = NewRetention { until: Some(Timestamp::from_millis(1)), awaits: None };
        assert!(matches!(retain(session, one, past).await, Err(RepositoryError::Invalid { .. })));
        assert_eq!(code(retain(session, dossier, until(office, 1)).await), "not_a_document");
        // Deleting as much as one can leaves it, with its folder, and says why.
        let other = paper(office, dossier, "other").await;
        let job = session.tree_delete(dossier, ANY, Extent::Trash).await.unwrap().value;
        office.settle().await;
        let report = session.job_get(&job.id).await.unwrap().progress.unwrap().to_string();
        assert!(report.contains("under_retention"), "{report}");
        assert!(session.object_get(other).await.is_err());
        office.repository.clock().shift(21 * DAY);
        refused_everywhere(session, dossier, one, "is_record").await;
        let report = office.repository.collect_garbage(NOW, |_, _| {}).await.unwrap();
        assert_eq!((report.condemned, report.deleted), (0, 0));
        assert!(office.repository.verify(VerifyOptions::default(), |_| {}).await.unwrap().faults.is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_are_kept_and_the_document_goes_on_changing() {
    each_office(async |office| {
        let session = &office.system;
        let dossier = office.dossier("2024").await;
        let one = paper(office, dossier, "one").await;
        let first = session.version_get(one, VersionName::Latest).await.unwrap().summary;
        retain(session, first.id, until(office, 10)).await.unwrap();
        let bytes = content(session, "one", b"again").await;
        session.content_put(one, ANY, bytes, Default::default()).await.unwrap();
        let second = session.version_get(one, VersionName::Latest).await.unwrap().summary;
        assert!(session.retention_get(second.id).await.unwrap().record_since.is_none(), "only the first is kept");
        session.version_destroy(one, VersionName::Latest, ANY).await.unwrap();
        assert_eq!(code(session.version_destroy(one, VersionName::Id(first.id), ANY).await), "under_retention");
        // What no version has gets one.
        let changes = cartulary_repository::ObjectChanges { title: Some("Another".into()), ..Default::default() };
        session.object_update(one, ANY, changes).await.unwrap();
        retain(session, one, until(office, 10)).await.unwrap();
        let latest = session.version_get(one, VersionName::Latest).await.unwrap().summary;
        assert_eq!(latest.title, "Another");
        let copy = cartulary_repository::NewCopy { folder: dossier, name: Some("copy".into()), idempotency_key: None };
        let copy = session.object_copy(one, copy).await.unwrap().value.detail.summary.id;
        assert!(session.retention_get(copy).await.unwrap().record_since.is_none());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_period_begins_when_its_event_is_said() {
    each_office(async |office| {
        let session = &office.system;
        let dossier = office.dossier("2024").await;
        let one = paper(office, dossier, "one").await;
        let kept = retain(session, one, awaits("lapse", "P1Y")).await.unwrap();
        assert_eq!((kept.until, kept.awaits.len()), (None, 1));
        office.repository.clock().shift(4_000 * DAY);
        refused_everywhere(session, dossier, one, "under_retention").await;
        assert_eq!(code(retain(session, one, awaits("lapse", "P11M")).await), "retention_shortened");
        assert_eq!(code(session.retention_event_say(one, ANY, "other".into()).await), "event_not_awaited");
        let said = session.retention_event_say(one, ANY, "lapse".into()).await.unwrap().value;
        let days = (said.until.unwrap().as_millis() - office.repository.clock().now().as_millis()) / DAY;
        assert!((364..=366).contains(&days) && said.awaits.is_empty(), "{said:?}");
        refused_everywhere(session, dossier, one, "under_retention").await;
        assert_eq!(code(session.retention_event_say(one, ANY, "lapse".into()).await), "event_not_awaited");
        office.settle().await;
        let (entries, _) = session.audit_list(0, 1_000).await.unwrap();
        let said = entries.iter().find(|entry| entry.detail == r#"{"event":"lapse"}"#).unwrap();
        assert!(said.before.as_deref().unwrap().contains("P1Y") && !said.after.as_deref().unwrap().contains("P1Y"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn holds_are_several_and_each_is_released_by_itself() {
    each_office(async |office| {
        let session = &office.system;
        let dossier = office.dossier("2024").await;
        let (one, two) = (paper(office, dossier, "one").await, paper(office, dossier, "two").await);
        let (first, second) = (hold(session, "case 1").await, hold(session, "case 2").await);
        session.object_trash(two, ANY).await.unwrap();
        for (hold, id) in [(first, one), (second, one), (first, two)] {
            session.hold_put(hold, id).await.unwrap();
        }
        let holds = session.retention_get(one).await.unwrap().holds;
        assert_eq!(holds.iter().map(|hold| hold.name.as_str()).collect::<Vec<_>>(), ["case 1", "case 2"]);
        let all = session.held_list(first, ALL).await.unwrap();
        assert_eq!((all.total, all.items.len()), (2, 2));
        let last = session.held_list(first, WindowRequest { offset: 1, limit: 1 }).await.unwrap();
        assert_eq!((last.total, last.items.len(), last.next_offset), (2, 1, None));
        assert_eq!(last.items[0].id, all.items[1].id);
        let head = session.held_list(first, WindowRequest { offset: 0, limit: 1 }).await.unwrap();
        assert_eq!((head.items[0].id, head.next_offset), (all.items[0].id, Some(1)));
        // What lies in the trash already stays there.
        assert_eq!(code(session.trash_destroy(two, ANY).await), "under_hold");
        session.trash_empty().await.unwrap();
        office.settle().await;
        office.repository.clock().shift(100 * DAY);
        assert_eq!(office.repository.expire_trash().await.unwrap(), 0);
        session.trash_get(two).await.unwrap();
        refused_everywhere(session, dossier, one, "under_hold").await;
        session.hold_release(first, one).await.unwrap();
        assert_eq!(code(session.hold_release(first, one).await), "not_found");
        refused_everywhere(session, dossier, one, "under_hold").await;
        assert_eq!(names(session, "cartulary:isHeld = TRUE").await, ["one"]);
        session.legal_hold_release(second, "decided".into()).await.unwrap();
        refused_everywhere(session, dossier, one, "is_record").await;
        assert_eq!(code(session.hold_put(second, one).await), "hold_released");
        assert!(names(session, "cartulary:isHeld = TRUE").await.is_empty());
        assert_eq!(names(session, "cartulary:isRecord = TRUE").await, ["one"]);
        assert!(office.repository.verify(VerifyOptions::default(), |_| {}).await.unwrap().faults.is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_write_may_not_keep_or_release() {
    each_office(async |office| {
        let dossier = office.dossier("2024").await;
        let one = paper(office, dossier, "one").await;
        let staff = office.user("amal", &["staff"]).await;
        let outsider = office.user("omar", &[]).await;
        let held = hold(&office.system, "case 1").await;
        assert_eq!(code(retain(&staff, one, until(office, 1)).await), "SetRetention");
        assert_eq!(code(staff.hold_put(held, one).await), "ManageLegalHold");
        assert_eq!(code(staff.legal_hold_list(ALL).await), "ManageLegalHold");
        assert_eq!(code(retain(&outsider, one, until(office, 1)).await), "not_found");
        assert_eq!(code(outsider.hold_put(held, one).await), "not_found");
        office.system.hold_put(held, one).await.unwrap();
        let seen = staff.retention_get(one).await.unwrap();
        assert!(seen.is_held && seen.holds.is_empty(), "the name of a hold is not everybody's");
        assert_eq!(code(staff.object_trash(one, ANY).await), "under_hold");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_due_is_destroyed_when_somebody_else_approves_it_and_the_report_stays() {
    each_office(async |office| {
        let session = &office.system;
        let dossier = office.dossier("2024").await;
        let mut papers = Vec::new();
        for name in ["due 1", "due 2", "held", "later", "no record"] {
            papers.push(paper(office, dossier, name).await);
        }
        let short = until(office, 10).until;
        let retain_all = BulkAct::Retain { until: short, awaits: None };
        let done = begin(session, "SELECT * FROM cmis:document WHERE cmis:name <> 'no record'", retain_all).await;
        assert_eq!((done.state, done.done_count), (BulkState::Done, 4), "{done:?}");
        retain(session, papers[3], until(office, 100)).await.unwrap();
        office.repository.clock().shift(11 * DAY);
        let proposed = BulkAct::Dispose { reason: "plan 7".into() };
        let first = begin(session, "SELECT * FROM cmis:document", proposed.clone()).await;
        assert_eq!((first.state, first.total), (BulkState::Proposed, Some(3)));
        assert_eq!(code(session.disposition_review(&first.id, true, String::new()).await), "reviewer_is_proposer");
        let reviewer = office.user("rana", &["administrators"]).await;
        let rejected = reviewer.disposition_review(&first.id, false, "not yet".into()).await.unwrap().value;
        assert_eq!(rejected.state, BulkState::Rejected);
        assert_eq!(code(reviewer.disposition_review(&first.id, true, String::new()).await), "not_proposed");

        let second = begin(session, "SELECT * FROM cmis:document", proposed).await;
        let open = reviewer.bulk_action_items(&second.id, BulkOutcome::Open, ALL).await.unwrap();
        assert_eq!(open.total, 3);
        assert_eq!(open.items[0].evidence.as_ref().unwrap()["name"], "due 1");
        // Between proposal and review something happened: one is held.
        let case = hold(session, "case 1").await;
        session.hold_put(case, papers[2]).await.unwrap();
        let stranger = office.user("omar", &["staff"]).await;
        assert_eq!(code(stranger.disposition_review(&second.id, true, String::new()).await), "not_found");
        reviewer.disposition_review(&second.id, true, "as planned".into()).await.unwrap();
        let done = settled(session, &second.id).await;
        assert_eq!((done.state, done.done_count, done.failed_count), (BulkState::Done, 2, 1), "{done:?}");
        assert_eq!(done.review.as_ref().unwrap().comment, "as planned");
        let failed = session.bulk_action_items(&second.id, BulkOutcome::Failed, ALL).await.unwrap();
        assert_eq!(failed.items[0].code.as_deref(), Some("under_hold"));
        for (paper, is_there) in papers.iter().zip([false, false, true, true, true]) {
            assert_eq!(session.object_get(*paper).await.is_ok(), is_there);
        }
        office.repository.clock().shift(60 * DAY);
        office.settle().await;
        let report = session.bulk_action_items(&second.id, BulkOutcome::Done, ALL).await.unwrap();
        let evidence = report.items[1].evidence.as_ref().unwrap();
        assert_eq!((report.items[1].id, &evidence["name"]), (papers[1], &serde_json::json!("due 2")));
        assert_eq!(evidence["versions"][0]["digest"].as_str().unwrap().len(), 64);
        assert!(office.repository.verify(VerifyOptions::default(), |_| {}).await.unwrap().faults.is_empty());
    })
    .await;
}

/// The approval was used up, and then one permission after the other was missing.
#[tokio::test(flavor = "multi_thread")]
async fn a_disposition_is_done_with_what_proposer_and_reviewer_may_do_together() {
    each_office(async |office| {
        let system = &office.system;
        let (dossier, root) = (office.dossier("2024").await, system.root_folder().await.unwrap());
        let due = paper(office, dossier, "due").await;
        retain(system, due, until(office, 10)).await.unwrap();
        office.repository.clock().shift(11 * DAY);
        let (planner, reviewer) = (office.user("planner", &[]).await, office.user("rev", &[]).await);
        let grant = async |id, entries: &[(&str, &str)]| {
            let entries = entries.iter().map(|(who, what)| NewAccessEntry::granting(*who, *what)).collect();
            system.acl_put(id, ANY, NewAccessList { entries, inherits: true }).await.unwrap();
        };
        grant(root, &[("planner", "Read"), ("rev", "Read"), ("rev", "ReviewDisposition")]).await;
        grant(dossier, &[("planner", "SetRetention")]).await;
        let proposed = BulkAct::Dispose { reason: "plan 7".into() };
        let action = begin(&planner, "SELECT * FROM cmis:document", proposed).await;
        assert_eq!((action.state, action.total), (BulkState::Proposed, Some(1)));
        let refused = reviewer.disposition_review(&action.id, true, String::new()).await;
        let said = refused.as_ref().unwrap_err().to_string();
        assert!(said.contains("`RemoveChildren` on 1") && said.contains("`Destroy` on 1"), "{said}");
        assert_eq!(code(refused), "permissions_missing");
        // Nothing was used up: with one permission of the one and one of the other it is done.
        grant(dossier, &[("planner", "SetRetention"), ("planner", "Destroy"), ("rev", "RemoveChildren")]).await;
        assert_eq!(reviewer.bulk_action_get(&action.id).await.unwrap().state, BulkState::Proposed);
        reviewer.disposition_review(&action.id, true, "as planned".into()).await.unwrap();
        let done = settled(&planner, &action.id).await;
        assert_eq!((done.state, done.done_count, done.failed_count), (BulkState::Done, 1, 0), "{done:?}");
        let items = planner.bulk_action_items(&action.id, None::<BulkOutcome>, ALL).await.unwrap();
        assert_eq!((items.total, items.items[0].outcome), (1, BulkOutcome::Done));
        assert_eq!(code(system.object_get(due).await), "not_found");
    })
    .await;
}

/// Keeps and removes at once, again and again: one of both is done, and the other is told why it is not.
async fn race<Kept, Removed>(
    office: &TestOffice,
    keep: impl AsyncFn(ObjectId, ObjectId) -> Result<Kept, RepositoryError>,
    remove: impl AsyncFn(ObjectId) -> Result<Removed, RepositoryError>,
    refused_with: &str,
) where
    Kept: std::fmt::Debug,
    Removed: std::fmt::Debug,
{
    let dossier = office.dossier(&ObjectId::generate().to_string()).await;
    for round in 0..8 {
        let one = paper(office, dossier, &format!("{refused_with} {round}")).await;
        let bytes = content(&office.system, "one", round.to_string().as_bytes()).await;
        office.system.content_put(one, ANY, bytes, Default::default()).await.unwrap();
        let latest = office.system.version_get(one, VersionName::Latest).await.unwrap().summary.id;
        let (kept, removed) = if round % 2 == 0 {
            tokio::join!(keep(one, latest), remove(one))
        } else {
            let (removed, kept) = tokio::join!(remove(one), keep(one, latest));
            (kept, removed)
        };
        match (kept, removed) {
            (Ok(_), refused @ Err(_)) => {
                assert_eq!(code(refused), refused_with);
                assert!(office.system.object_get(latest).await.is_ok(), "what is kept is there");
            }
            (refused @ Err(_), Ok(_)) => {
                assert_eq!(code(refused), "not_found");
                assert!(office.system.object_get(latest).await.is_err());
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_keeping_and_removing_at_once_one_is_done() {
    each_office(async |office| {
        let session = &office.system;
        let case = hold(session, "case 1").await;
        let destroy = async |one| session.object_destroy(one, ANY).await;
        let trash = async |one| session.object_trash(one, ANY).await;
        let destroy_version = async |one| session.version_destroy(one, VersionName::Latest, ANY).await;
        race(office, async |one, _| session.hold_put(case, one).await, destroy, "under_hold").await;
        race(office, async |_, latest| session.hold_put(case, latest).await, destroy_version, "under_hold").await;
        let year = until(office, 365);
        race(office, async |one, _| retain(session, one, year.clone()).await, trash, "under_retention").await;
        race(office, async |_, latest| retain(session, latest, year.clone()).await, destroy, "under_retention").await;
        let verified = office.repository.verify(VerifyOptions::default(), |_| {}).await.unwrap();
        assert!(verified.is_clean(), "{:?}", verified.faults);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bytes_of_a_kept_version_stay_and_everybody_sees_that_it_is_kept() {
    each_office(async |office| {
        let session = &office.system;
        let dossier = office.dossier("2024").await;
        let one = paper(office, dossier, "one").await;
        let first = session.version_get(one, VersionName::Latest).await.unwrap().summary;
        assert!(session.object_get(one).await.unwrap().kept.is_none());
        retain(session, first.id, until(office, 10)).await.unwrap();
        let case = hold(session, "case 1").await;
        session.hold_put(case, first.id).await.unwrap();
        retain(session, first.id, awaits("lapse", "P1Y")).await.unwrap();
        let bytes = content(session, "one", b"again").await;
        session.content_put(one, ANY, bytes, Default::default()).await.unwrap();
        let second = session.version_get(one, VersionName::Latest).await.unwrap().summary;
        assert!(session.object_get(second.id).await.unwrap().kept.is_none());
        for id in [one, first.id] {
            let kept = session.object_get(id).await.unwrap().kept.unwrap();
            assert!(kept.is_held && kept.awaits_event && kept.until == session.retention_get(one).await.unwrap().until);
        }
        office.repository.clock().shift(1_000 * DAY);
        office.repository.collect_garbage(NOW, |_, _| {}).await.unwrap();
        office.repository.collect_garbage(NOW, |_, _| {}).await.unwrap();
        assert!(session.content_open(first.id, None).await.is_ok(), "the blob is bound as long as the version");
        let verified = office.repository.verify(VerifyOptions::default(), |_| {}).await.unwrap();
        assert!(verified.is_clean(), "{:?}", verified.faults);
        office.settle().await;
        let (entries, _) = session.audit_list(0, 1_000).await.unwrap();
        let before = entries.iter().find(|entry| entry.detail.contains("heldBy")).unwrap();
        assert!(before.before.as_deref().unwrap().contains(r#""held":false"#));
        assert!(before.after.as_deref().unwrap().contains(r#""held":true"#));
    })
    .await;
}
