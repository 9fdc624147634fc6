//! Locks: what somebody has locked is changed by nobody else, by whatever way.

use cartulary_model::{ObjectId, SlotName};
use cartulary_repository::{
    BulkAct, BulkOutcome, BulkState, Extent, LastFolder, NewBulkAction, NewDossierVersion, NewLock, NewVersion,
    ObjectChanges, ObjectMove, Precondition, RepositoryError, Restoring, Session, VersionName, WindowRequest,
};
use cartulary_tests::office::{TestOffice, content, each_office};

const ANY: Precondition = Precondition::Any;

fn is_locked<T: std::fmt::Debug>(outcome: Result<T, RepositoryError>, by: &str) {
    match outcome {
        Err(RepositoryError::Locked { by: Some(owner), .. }) => assert_eq!(owner.name, by),
        other => panic!("{other:?}"),
    }
}

fn code<T: std::fmt::Debug>(outcome: Result<T, RepositoryError>) -> &'static str {
    match outcome {
        Err(RepositoryError::Conflict { code, .. }) => code,
        Err(RepositoryError::Forbidden { .. }) => "forbidden",
        Err(RepositoryError::NotFound { .. }) => "not_found",
        Err(RepositoryError::CheckedOut { .. }) => "checked_out",
        Err(RepositoryError::Locked { .. }) => "locked",
        other => panic!("{other:?}"),
    }
}

fn title(text: &str) -> ObjectChanges {
    ObjectChanges { title: Some(text.to_owned()), ..ObjectChanges::default() }
}

async fn lock(session: &Session, id: ObjectId) {
    let detail = session.object_lock(id, ANY, NewLock::default()).await.unwrap().value;
    assert!(detail.lock.unwrap().is_own);
}

async fn two(office: &TestOffice) -> (Session, Session) {
    (office.user("amal", &["staff"]).await, office.user("rana", &["staff"]).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_of_changing_what_another_has_locked_is_refused() {
    each_office(async |office| {
        let (amal, rana) = two(office).await;
        let (dossier, other) = (office.dossier("A").await, office.dossier("B").await);
        let paper = office.document(dossier, "paper", "one").await.value.summary.id;
        let before = office.system.object_get(paper).await.unwrap().summary;
        lock(&amal, paper).await;
        is_locked(rana.object_update(paper, ANY, title("x")).await, "amal");
        let facets = ObjectChanges { facets: Some(vec!["confidential".into()]), ..ObjectChanges::default() };
        is_locked(rana.object_update(paper, ANY, facets).await, "amal");
        let bytes = content(&rana, "paper", b"two").await;
        is_locked(rana.content_put(paper, ANY, bytes, Default::default()).await, "amal");
        is_locked(rana.version_create(paper, ANY, NewVersion::default()).await, "amal");
        is_locked(rana.document_check_out(paper, None).await, "amal");
        is_locked(rana.object_trash(paper, ANY).await, "amal");
        let away = ObjectMove { from: None, to: other, name: None };
        is_locked(rana.object_move(paper, ANY, away).await, "amal");
        is_locked(rana.object_file(paper, other, ANY).await, "amal");
        is_locked(rana.object_unfile(paper, dossier, ANY, LastFolder::Leave).await, "amal");
        is_locked(rana.object_lock(paper, ANY, NewLock::default()).await, "amal");
        let slot: SlotName = "enclosure".parse().unwrap();
        let bytes = content(&rana, "paper", b"three").await;
        is_locked(rana.slot_put(paper, slot.clone(), ANY, bytes, Default::default()).await, "amal");
        is_locked(rana.slot_delete(paper, slot, ANY, Default::default()).await, "amal");
        // An administrator breaks the lock first, too.
        is_locked(office.system.version_destroy(paper, VersionName::Latest, ANY).await, "amal");
        is_locked(office.system.object_destroy(paper, ANY).await, "amal");
        assert_eq!(code(rana.object_trash(dossier, ANY).await), "tree_not_removable");
        assert_eq!(code(rana.object_unlock(paper, ANY).await), "forbidden");
        let now = office.system.object_get(paper).await.unwrap().summary;
        assert_eq!((now.title, now.version_label), (before.title, before.version_label), "nothing changed");
        amal.object_update(paper, ANY, title("mine")).await.unwrap();
        amal.object_trash(paper, ANY).await.unwrap();
        is_locked(rana.object_restore_to(paper, Restoring::default()).await, "amal");
        amal.object_restore(paper).await.unwrap();
        amal.object_unlock(paper, ANY).await.unwrap();
        rana.object_update(paper, ANY, title("hers")).await.unwrap();
        assert_eq!(code(rana.object_unlock(paper, ANY).await), "not_found");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_ends_by_itself_and_is_broken_by_who_may() {
    each_office(async |office| {
        let (amal, rana) = two(office).await;
        let dossier = office.dossier("A").await;
        let paper = office.document(dossier, "paper", "one").await.value.summary.id;
        let now = office.repository.clock().now();
        let past = NewLock { expires_at: Some(now), comment: String::new() };
        assert!(matches!(amal.object_lock(paper, ANY, past).await, Err(RepositoryError::Invalid { .. })));
        let hour = NewLock { expires_at: Some(now.plus_millis(3_600_000)), comment: "at work".into() };
        amal.object_lock(paper, ANY, hour).await.unwrap();
        assert_eq!(rana.lock_get(paper).await.unwrap().0.comment, "at work");
        is_locked(rana.object_update(paper, ANY, title("x")).await, "amal");
        office.repository.clock().shift(3_600_001);
        rana.object_update(paper, ANY, title("x")).await.unwrap();
        assert!(rana.object_get(paper).await.unwrap().lock.is_none());
        lock(&rana, paper).await;
        is_locked(amal.object_update(paper, ANY, title("y")).await, "rana");
        office.system.object_unlock(paper, ANY).await.unwrap();
        amal.object_update(paper, ANY, title("y")).await.unwrap();
        office.settle().await;
        let (entries, _) = office.system.audit_list(0, 1_000).await.unwrap();
        let locks =
            entries.iter().filter(|entry| entry.after.as_deref().is_some_and(|after| after.contains("lockedBy")));
        assert_eq!(locks.count(), 3, "locked, locked again, broken");
        lock(&amal, dossier).await;
        is_locked(rana.object_update(dossier, ANY, title("z")).await, "amal");
        office.document(dossier, "child", "a new child does not change its folder").await;
        office.system.object_unlock(dossier, ANY).await.unwrap();
        lock(&amal, paper).await;
        office.system.object_unlock(paper, ANY).await.unwrap();
        office.system.object_destroy(paper, ANY).await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn locks_and_working_copies_know_of_each_other() {
    each_office(async |office| {
        let (amal, rana) = two(office).await;
        let dossier = office.dossier("A").await;
        let paper = office.document(dossier, "paper", "one").await.value.summary.id;
        let copy = amal.document_check_out(paper, None).await.unwrap().value.summary.id;
        assert_eq!(code(rana.object_lock(paper, ANY, NewLock::default()).await), "checked_out");
        assert_eq!(code(amal.object_lock(copy, ANY, NewLock::default()).await), "working_copy");
        lock(&amal, paper).await;
        // Who has `Unlock` sees the working copy, and does not change it behind the lock.
        is_locked(office.system.object_update(copy, ANY, title("x")).await, "amal");
        is_locked(office.system.check_out_cancel(copy, ANY).await, "amal");
        amal.object_update(copy, ANY, title("mine")).await.unwrap();
        let version = amal.version_create(copy, ANY, NewVersion::default()).await.unwrap().value.summary;
        assert_eq!(version.title, "mine");
        assert_eq!(code(amal.object_lock(version.id, ANY, NewLock::default()).await), "immutable");
        assert!(amal.object_get(paper).await.unwrap().lock.is_some(), "the lock outlives the working copy");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_done_to_many_leaves_out_what_is_locked() {
    each_office(async |office| {
        let (amal, rana) = two(office).await;
        let dossier = office.dossier("A").await;
        let mut papers = Vec::new();
        for name in ["0", "1", "2"] {
            papers.push(office.document(dossier, name, name).await.value.summary.id);
        }
        office.system.dossier_version_create(dossier, ANY, NewDossierVersion::default()).await.unwrap();
        for paper in &papers {
            office.system.object_update(*paper, ANY, title("since")).await.unwrap();
        }
        lock(&amal, papers[1]).await;
        let all = WindowRequest { offset: 0, limit: 10 };
        let act = BulkAct::AddFacet { facet: "confidential".into(), properties: Default::default() };
        let statement = "SELECT * FROM cmis:document".to_owned();
        let begun = rana.bulk_action_create(NewBulkAction { statement, act, idempotency_key: None }).await.unwrap();
        let ended = loop {
            let found = rana.bulk_action_get(&begun.value.id).await.unwrap();
            if !matches!(found.state, BulkState::Counting | BulkState::Running) {
                break found;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        };
        assert_eq!((ended.done_count, ended.failed_count), (2, 1));
        let failed = rana.bulk_action_items(&begun.value.id, BulkOutcome::Failed, all).await.unwrap();
        assert_eq!((failed.items[0].id, failed.items[0].code.as_deref()), (papers[1], Some("locked")));
        let taken = NewDossierVersion { from: Some(1), ..NewDossierVersion::default() };
        let taken = rana.dossier_version_create(dossier, ANY, taken).await.unwrap().value;
        let not: Vec<_> = taken.not_restored.iter().map(|one| (one.id, one.reason)).collect();
        assert_eq!(not, [(papers[1], "locked")]);
        let job = rana.tree_delete(dossier, ANY, Extent::Trash).await.unwrap().value;
        office.settle().await;
        let report = office.system.job_get(&job.id).await.unwrap().progress.unwrap().to_string();
        assert!(report.contains(r#""code":"locked""#), "{report}");
        for (paper, is_there) in papers.iter().zip([false, true, false]) {
            assert_eq!(office.system.object_get(*paper).await.is_ok(), is_there);
        }
    })
    .await;
}
