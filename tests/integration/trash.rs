//! The trash: what goes there, what comes back, and what is destroyed.

use cartulary_model::ObjectId;
use cartulary_repository::{
    Extent, LastFolder, ListOrder, NewAccessList, NewFolder, NewLock, Precondition, RepositoryError, Restoring,
    SearchQuery, Session, WindowRequest,
};
use cartulary_tests::office::{TestOffice, each_office};

const ALL: WindowRequest = WindowRequest { offset: 0, limit: 1_000 };
const ANY: Precondition = Precondition::Any;

fn list(entries: &[(&str, &str)], inherits: bool) -> NewAccessList {
    let entries =
        entries.iter().map(|(who, what)| cartulary_repository::NewAccessEntry::granting(*who, *what)).collect();
    NewAccessList { entries, inherits }
}

async fn folder(office: &TestOffice, parent: ObjectId, name: &str) -> ObjectId {
    let new = NewFolder { name: name.to_owned(), ..NewFolder::default() };
    office.system.folder_create(parent, new).await.unwrap().value.summary.id
}

async fn found(session: &Session, words: &str) -> u64 {
    let query = SearchQuery { text: words.to_owned(), limit: 10, ..SearchQuery::default() };
    session.search(query).await.unwrap().total
}

async fn trashed(session: &Session) -> Vec<String> {
    let window = session.trash_list(ALL).await.unwrap();
    assert_eq!(window.total, window.items.len() as u64);
    window.items.into_iter().map(|item| item.summary.name).collect()
}

async fn count(session: &Session, folder: ObjectId) -> u64 {
    session.children_list(folder, ALL, ListOrder::Receipt).await.unwrap().total
}

#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T, RepositoryError>, expect: &str) {
    let error = result.unwrap_err();
    let code = match &error {
        RepositoryError::Conflict { code, .. } => code,
        RepositoryError::NameTaken { .. } => "name_taken",
        RepositoryError::NotFound { .. } => "not_found",
        RepositoryError::Forbidden { .. } => "forbidden",
        RepositoryError::Stale { .. } => "stale",
        _ => panic!("{error:?}"),
    };
    assert_eq!(code, expect, "{error:?}");
}

async fn check_clean(office: &TestOffice) {
    office.settle().await;
    let report = office.repository.verify(Default::default(), |_| {}).await.unwrap();
    assert!(report.is_clean() && report.index_repaired == 0, "{report:?}");
}

/// A dossier `ملف` with a folder `مراسلات` with a document `رسالة.txt`, and a document `a.txt` beside the folder.
struct Papers {
    dossier: ObjectId,
    inner: ObjectId,
    letter: ObjectId,
    paper: ObjectId,
}

async fn papers(office: &TestOffice) -> Papers {
    let dossier = office.dossier("ملف").await;
    let inner = folder(office, dossier, "مراسلات").await;
    let letter = office.document(inner, "رسالة.txt", "cassava").await.value.summary.id;
    let paper = office.document(dossier, "a.txt", "manioc").await.value.summary.id;
    Papers { dossier, inner, letter, paper }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_goes_with_its_tree_and_comes_back_with_it() {
    each_office(async |office| {
        let Papers { dossier, inner, letter, paper } = papers(office).await;
        let version = office.system.version_list(letter, ALL).await.unwrap().items[0].id;
        // What was there before stays there by itself.
        let before = office.document(inner, "before.txt", "yam").await.value.summary.id;
        office.system.object_trash(before, ANY).await.unwrap();
        office.settle().await;
        office.stop_background().await;
        office.system.object_trash(dossier, ANY).await.unwrap();
        office.repository.sequence_now().await.unwrap();
        for gone in [dossier, inner, letter, paper, version] {
            refused(office.system.object_get(gone).await, "not_found");
        }
        assert_eq!((found(&office.system, "cassava").await, found(&office.system, "manioc").await), (0, 0));
        assert_eq!(trashed(&office.system).await, ["ملف", "before.txt"]);
        let back = office.system.object_restore(dossier).await.unwrap().value;
        office.repository.sequence_now().await.unwrap();
        assert_eq!(back.path.as_deref(), Some("/ملف"));
        assert_eq!((count(&office.system, dossier).await, count(&office.system, inner).await), (2, 1));
        let detail = office.system.object_get(letter).await.unwrap();
        assert_eq!(detail.paths, ["/ملف/مراسلات/رسالة.txt"]);
        assert!(office.system.object_get(version).await.is_ok());
        assert_eq!(
            (found(&office.system, "cassava").await, trashed(&office.system).await),
            (1, vec!["before.txt".into()])
        );
        office.start_background();
        check_clean(office).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_lies_elsewhere_too_stays_there() {
    each_office(async |office| {
        let Papers { inner, letter, .. } = papers(office).await;
        let other = office.dossier("other").await;
        let reader = office.user("reader", &["readers"]).await;
        office.system.object_file(letter, other, ANY).await.unwrap();
        office.system.acl_put(inner, ANY, list(&[], false)).await.unwrap();
        assert!(reader.object_get(letter).await.is_err(), "it follows the first folder");
        office.system.object_trash(inner, ANY).await.unwrap();
        let seen = reader.object_get(letter).await.unwrap();
        assert_eq!((seen.primary_parent, seen.paths), (Some(other), vec!["/other/رسالة.txt".to_owned()]));
        office.system.object_restore(inner).await.unwrap();
        let back = office.system.object_get(letter).await.unwrap();
        assert_eq!((back.parents.len(), back.primary_parent), (2, Some(other)));
        // Its name is given to another while the folder is away: it lies there no more.
        office.system.object_trash(inner, ANY).await.unwrap();
        office.system.object_restore(inner).await.unwrap();
        office.document(inner, "b.txt", "b").await;
        office.system.object_trash(inner, ANY).await.unwrap();
        let changes = cartulary_repository::ObjectChanges { name: Some("b.txt".into()), ..Default::default() };
        office.system.object_update(letter, ANY, changes).await.unwrap();
        office.system.object_restore(inner).await.unwrap();
        assert_eq!(office.system.object_get(letter).await.unwrap().paths, ["/other/b.txt"]);
        check_clean(office).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_back_finds_its_name_taken_or_its_folder_gone_and_asks() {
    each_office(async |office| {
        let Papers { dossier, inner, letter, paper } = papers(office).await;
        office.system.object_trash(letter, ANY).await.unwrap();
        office.document(inner, "رسالة.txt", "another").await;
        let taken = office.system.object_restore(letter).await.unwrap_err();
        let RepositoryError::NameTaken { proposed } = taken else { panic!("{taken:?}") };
        assert_eq!(proposed, "رسالة (2).txt");
        let named = Restoring { folder: None, name: Some(proposed) };
        let back = office.system.object_restore_to(letter, named).await.unwrap().value;
        assert_eq!(back.path.as_deref(), Some("/ملف/مراسلات/رسالة (2).txt"));
        // Its folder is in the trash.
        office.system.object_trash(letter, ANY).await.unwrap();
        office.system.object_trash(inner, ANY).await.unwrap();
        refused(office.system.object_restore(letter).await, "target_required");
        refused(
            office.system.object_restore_to(letter, Restoring { folder: Some(paper), name: None }).await,
            "not_a_folder",
        );
        let there = Restoring { folder: Some(dossier), name: None };
        let back = office.system.object_restore_to(letter, there.clone()).await.unwrap().value;
        assert_eq!(back.paths, ["/ملف/رسالة (2).txt"]);
        refused(office.system.object_restore(letter).await, "not_found");
        // Its folder is gone for good.
        office
            .system
            .object_move(
                letter,
                ANY,
                cartulary_repository::ObjectMove { from: None, to: folder(office, dossier, "f").await, name: None },
            )
            .await
            .unwrap();
        let gone = office.system.object_get(letter).await.unwrap().primary_parent.unwrap();
        office.system.object_trash(letter, ANY).await.unwrap();
        office.system.object_destroy(gone, ANY).await.unwrap();
        refused(office.system.object_restore(letter).await, "target_required");
        assert!(office.system.trash_get(letter).await.unwrap().parent.is_none());
        let back = office.system.object_restore_to(letter, there).await.unwrap().value;
        assert_eq!(back.primary_parent, Some(dossier));
        check_clean(office).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_sees_of_the_trash_what_is_his_to_take_out() {
    each_office(async |office| {
        let Papers { letter, paper, .. } = papers(office).await;
        let (reader, staff) = (office.user("reader", &["readers"]).await, office.user("clerk", &["staff"]).await);
        office.system.acl_put(letter, ANY, list(&[], false)).await.unwrap();
        office.system.object_trash(letter, ANY).await.unwrap();
        staff.object_trash(paper, ANY).await.unwrap();
        assert_eq!(trashed(&office.system).await, ["a.txt", "رسالة.txt"]);
        assert_eq!((trashed(&staff).await, trashed(&reader).await), (vec!["a.txt".to_owned()], Vec::new()));
        refused(reader.object_restore(paper).await, "forbidden");
        refused(staff.object_restore(letter).await, "not_found");
        refused(staff.trash_get(letter).await, "not_found");
        let seen = staff.trash_get(paper).await.unwrap();
        assert_eq!((seen.trashed_by.name.as_str(), seen.parent.unwrap().name.as_str()), ("clerk", "ملف"));
        // What is not one's own to remove keeps the folder where it is.
        let Papers { dossier, inner, .. } = {
            let dossier = office.dossier("B").await;
            let inner = folder(office, dossier, "closed").await;
            Papers { dossier, inner, letter, paper }
        };
        office.system.acl_put(inner, ANY, list(&[], false)).await.unwrap();
        refused(staff.object_trash(dossier, ANY).await, "tree_not_removable");
        assert!(staff.object_get(dossier).await.is_ok());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_destroyed_is_gone_and_the_log_keeps_what_it_was() {
    each_office(async |office| {
        let Papers { dossier, inner, letter, paper } = papers(office).await;
        let (staff, boss) = (office.user("clerk", &["staff"]).await, office.user("boss", &[]).await);
        office.system.acl_put(dossier, ANY, list(&[("boss", "Manage")], true)).await.unwrap();
        office.settle().await;
        refused(staff.object_destroy(paper, ANY).await, "forbidden");
        staff.object_trash(paper, ANY).await.unwrap();
        refused(staff.trash_destroy(paper, ANY).await, "forbidden");
        refused(boss.trash_destroy(paper, Precondition::Token(1)).await, "stale");
        refused(boss.trash_destroy(letter, ANY).await, "not_found");
        boss.trash_destroy(paper, ANY).await.unwrap();
        refused(office.system.trash_get(paper).await, "not_found");
        office.system.object_destroy(dossier, ANY).await.unwrap();
        for gone in [dossier, inner, letter] {
            refused(office.system.object_get(gone).await, "not_found");
        }
        check_clean(office).await;
        let changes = office.system.change_list(0, 1_000).await.unwrap().0;
        let destroyed = changes.iter().filter(|change| change.kind == "destroyed").count();
        assert_eq!(destroyed, 4);
        assert_eq!(found(&office.system, "cassava").await, 0);
        // The bytes go with the next collection of garbage.
        let rules = cartulary_repository::GarbageRules { unreferenced_ms: 0, condemned_ms: 0 };
        office.repository.clock().shift(1_000);
        let report = office.repository.collect_garbage(rules, |_, _| {}).await.unwrap();
        assert!(report.deleted >= 2, "{report:?}");
        check_clean(office).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lies_in_another_folder_of_the_trash_too_is_not_destroyed_with_one() {
    each_office(async |office| {
        let Papers { inner, letter, .. } = papers(office).await;
        let other = office.dossier("other").await;
        office.system.object_file(letter, other, ANY).await.unwrap();
        office.system.object_trash(other, ANY).await.unwrap();
        office.system.object_trash(inner, ANY).await.unwrap();
        assert_eq!(trashed(&office.system).await, ["مراسلات", "other"]);
        office.system.trash_destroy(inner, ANY).await.unwrap();
        assert_eq!(trashed(&office.system).await, ["رسالة.txt", "other"]);
        refused(office.system.object_restore(letter).await, "target_required");
        office.system.object_restore(other).await.unwrap();
        let back = office.system.object_restore(letter).await.unwrap().value;
        assert_eq!((back.paths, back.primary_parent), (vec!["/other/رسالة.txt".to_owned()], Some(other)));
        check_clean(office).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lay_in_no_folder_comes_back_as_it_was() {
    each_office(async |office| {
        let Papers { dossier, inner, paper, .. } = papers(office).await;
        office.system.object_file(paper, inner, ANY).await.unwrap();
        office.system.object_trash(inner, ANY).await.unwrap();
        office.system.object_unfile(paper, dossier, ANY, LastFolder::Leave).await.unwrap();
        office.system.object_restore(inner).await.unwrap();
        office.system.object_trash(paper, ANY).await.unwrap();
        assert_eq!(office.system.unfiled_list(ALL).await.unwrap().total, 0);
        let back = office.system.object_restore(paper).await.unwrap().value;
        assert_eq!((back.parents.len(), office.system.unfiled_list(ALL).await.unwrap().total), (0, 1));
        check_clean(office).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_those_who_restore_and_make_the_same_name_at_once_one_has_it() {
    each_office(async |office| {
        let dossier = office.dossier("A").await;
        for turn in 0..8 {
            let name = format!("وثيقة {turn}");
            let id = office.document(dossier, &name, "1").await.value.summary.id;
            office.system.object_trash(id, ANY).await.unwrap();
            let new = NewFolder { name, ..NewFolder::default() };
            let (made, one, other) = tokio::join!(
                office.system.folder_create(dossier, new),
                office.system.object_restore(id),
                office.system.object_restore(id),
            );
            let done = [made.is_ok(), one.is_ok(), other.is_ok()];
            assert_eq!(done.iter().filter(|done| **done).count(), 1, "{made:?} {one:?} {other:?}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_filed_in_a_folder_that_goes_to_the_trash_at_that_moment() {
    each_office(async |office| {
        for turn in 0..8 {
            let dossier = office.dossier(&format!("A{turn}")).await;
            let inner = folder(office, dossier, "inner").await;
            let new = cartulary_repository::NewDocument { name: "late".into(), ..Default::default() };
            let (made, gone) =
                tokio::join!(office.system.document_create(inner, new), office.system.object_trash(dossier, ANY),);
            gone.unwrap();
            match made {
                Ok(made) => refused(office.system.object_get(made.value.summary.id).await, "not_found"),
                Err(error) => refused(Err::<(), _>(error), "not_found"),
            }
        }
        check_clean(office).await;
    })
    .await;
}

/// Waits until a job has ended, and returns what it says of itself.
async fn ended(office: &TestOffice, session: &Session, id: &str) -> serde_json::Value {
    office.settle().await;
    let job = session.job_get(id).await.unwrap();
    assert_eq!(job.state, cartulary_repository::JobState::Done, "{job:?}");
    job.progress.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_is_deleted_as_far_as_one_may_and_the_rest_is_reported() {
    each_office(async |office| {
        let clerk = office.user("clerk", &["staff"]).await;
        let Papers { dossier, inner, letter, paper } = papers(office).await;
        let (kept, hidden) = (folder(office, dossier, "kept").await, folder(office, dossier, "hidden").await);
        let held = office.document(kept, "محفوظ", "k").await.value.summary.id;
        let beside = office.document(kept, "beside", "b").await.value.summary.id;
        let secret = office.document(hidden, "secret", "s").await.value.summary.id;
        office.system.acl_put(held, ANY, list(&[("clerk", "Read")], false)).await.unwrap();
        office.system.acl_put(secret, ANY, list(&[], false)).await.unwrap();
        refused(clerk.object_trash(dossier, ANY).await, "tree_not_removable");
        refused(clerk.tree_delete(paper, ANY, Extent::Trash).await, "not_a_folder");
        refused(clerk.tree_delete(dossier, ANY, Extent::Destroy).await, "forbidden");
        refused(clerk.tree_delete(dossier, Precondition::Token(99), Extent::Trash).await, "stale");
        let job = clerk.tree_delete(dossier, ANY, Extent::Trash).await.unwrap().value;
        let report = ended(office, &clerk, &job.id).await;
        assert_eq!(report["deletedCount"], 4, "{report}");
        let faults: std::collections::BTreeSet<_> = report["faults"]
            .as_array()
            .unwrap()
            .iter()
            .map(|fault| (fault["name"].as_str().unwrap(), fault["code"].as_str().unwrap()))
            .collect();
        let expect = [
            ("محفوظ", "forbidden"),
            ("hidden", "tree_not_removable"),
            ("kept", "tree_not_removable"),
            ("ملف", "tree_not_removable"),
        ];
        assert_eq!(faults, std::collections::BTreeSet::from(expect));
        assert!(!report.to_string().contains("secret"));
        for stays in [dossier, kept, hidden, held, secret] {
            assert!(office.system.object_get(stays).await.is_ok());
        }
        for gone in [inner, letter, paper, beside] {
            refused(office.system.object_get(gone).await, "not_found");
        }
        assert_eq!(trashed(&clerk).await.len(), 3, "the folder with its letter is one act");
        let job = office.system.tree_delete(dossier, ANY, Extent::Destroy).await.unwrap().value;
        assert_eq!(ended(office, &office.system, &job.id).await["deletedCount"], 5);
        check_clean(office).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_stopped_at_what_somebody_was_working_on() {
    each_office(async |office| {
        let (clerk, other) = (office.user("clerk", &["staff"]).await, office.user("other", &["staff"]).await);
        let Papers { dossier, inner, letter, paper } = papers(office).await;
        let empty = folder(office, dossier, "empty").await;
        let locked = office.document(inner, "locked", "l").await.value.summary.id;
        let beside = office.document(inner, "beside", "b").await.value.summary.id;
        other.object_lock(locked, ANY, NewLock::default()).await.unwrap();
        let copy = other.document_check_out(letter, None).await.unwrap().value.summary.id;
        let job = clerk.tree_delete(dossier, ANY, Extent::Trash).await.unwrap().value;
        let report = ended(office, &clerk, &job.id).await;
        assert_eq!(report["deletedCount"], 3, "{report}");
        let faults: std::collections::BTreeMap<_, _> = report["faults"]
            .as_array()
            .unwrap()
            .iter()
            .map(|fault| (fault["name"].as_str().unwrap(), fault["code"].as_str().unwrap()))
            .collect();
        assert_eq!((faults["رسالة.txt"], faults["locked"]), ("checked_out", "locked"), "{report}");
        for stays in [dossier, inner, letter, locked] {
            assert!(office.system.object_get(stays).await.is_ok());
        }
        for gone in [empty, paper, beside] {
            refused(office.system.object_get(gone).await, "not_found");
        }
        other.object_unlock(locked, ANY).await.unwrap();
        other.check_out_cancel(copy, ANY).await.unwrap();
        let job = clerk.tree_delete(dossier, ANY, Extent::Trash).await.unwrap().value;
        assert_eq!(ended(office, &clerk, &job.id).await["deletedCount"], 4);
        check_clean(office).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trash_is_emptied_of_what_one_may_destroy() {
    each_office(async |office| {
        let (clerk, boss) = (office.user("clerk", &["staff"]).await, office.user("boss", &[]).await);
        let Papers { dossier, paper, .. } = papers(office).await;
        let other = office.dossier("B").await;
        let stays = office.document(other, "b", "b").await.value.summary.id;
        office.system.acl_put(dossier, ANY, list(&[("boss", "Manage")], true)).await.unwrap();
        for id in [paper, dossier, stays] {
            office.system.object_trash(id, ANY).await.unwrap();
        }
        refused(clerk.trash_empty().await, "forbidden");
        let job = boss.trash_empty().await.unwrap().value;
        let report = ended(office, &boss, &job.id).await;
        assert_eq!((&report["deletedCount"], &report["failedCount"]), (&4.into(), &0.into()), "{report}");
        assert_eq!(trashed(&office.system).await, ["b"]);
        assert!(boss.job_get(&job.id).await.is_ok() && clerk.job_get(&job.id).await.is_err());
        check_clean(office).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lay_in_the_trash_for_90_days_is_destroyed() {
    each_office(async |office| {
        const DAY_MS: i64 = 24 * 3_600_000;
        let Papers { dossier, letter, paper, .. } = papers(office).await;
        office.settle().await;
        office.system.object_trash(paper, ANY).await.unwrap();
        office.repository.clock().shift(50 * DAY_MS);
        office.system.object_trash(dossier, ANY).await.unwrap();
        assert_eq!(office.repository.expire_trash().await.unwrap(), 0);
        office.repository.clock().shift(41 * DAY_MS);
        assert_eq!(office.repository.expire_trash().await.unwrap(), 1);
        refused(office.system.trash_get(paper).await, "not_found");
        office.system.object_restore(dossier).await.unwrap();
        office.repository.clock().shift(100 * DAY_MS);
        assert_eq!(office.repository.expire_trash().await.unwrap(), 0);
        assert!(office.system.object_get(letter).await.is_ok());
        check_clean(office).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_of_more_than_10000_objects_goes_by_a_job() {
    each_office(async |office| {
        if office.is_shared() {
            // The limit is the same code on both; the papers take long to make.
            return;
        }
        let dossier = office.dossier("كبير").await;
        office.stop_background().await;
        let mut making = tokio::task::JoinSet::new();
        for lane in 0..32 {
            let session = office.system.clone();
            making.spawn(async move {
                for number in 0..313 {
                    let name = format!("{lane}-{number}");
                    let new = cartulary_repository::NewDocument { name, ..Default::default() };
                    session.document_create(dossier, new).await.unwrap();
                }
            });
        }
        while let Some(made) = making.join_next().await {
            made.unwrap();
        }
        refused(office.system.object_trash(dossier, ANY).await, "use_bulk_action");
        let target = office.dossier("ثان").await;
        let copy = cartulary_repository::NewCopy { folder: target, name: None, idempotency_key: None };
        refused(office.system.object_copy(dossier, copy).await, "use_bulk_action");
        office.start_background();
        let job = office.system.tree_delete(dossier, ANY, Extent::Trash).await.unwrap().value;
        let report = ended(office, &office.system, &job.id).await;
        assert_eq!((&report["deletedCount"], &report["failedCount"]), (&10_017.into(), &0.into()), "{report}");
        assert_eq!(office.system.trash_list(WindowRequest { offset: 9_990, limit: 50 }).await.unwrap().items.len(), 27);
    })
    .await;
}

/// Its number was given again, and what the index still had under it was found as the new one's.
#[tokio::test(flavor = "multi_thread")]
async fn the_words_of_a_destroyed_document_were_found_in_the_next_one() {
    each_office(async |office| {
        let dossier = office.dossier("secret").await;
        let paper = office.document(dossier, "paper.txt", "a process for drying cassava").await.value.summary.id;
        office.settle().await;
        let open = office.dossier("open").await;
        office.settle().await;
        office.stop_background().await;
        office.system.object_destroy(open, Precondition::Any).await.unwrap();
        office.system.object_destroy(paper, Precondition::Any).await.unwrap();
        for number in 0..4 {
            office.dossier(&format!("next {number}")).await;
        }
        office.repository.sequence_now().await.unwrap();
        let query = SearchQuery { text: "cassava".into(), limit: 10, ..SearchQuery::default() };
        let found = office.system.search(query).await.unwrap();
        let titles: Vec<&str> = found.hits.iter().map(|hit| hit.summary.title.as_str()).collect();
        assert_eq!((found.total, titles), (0, vec![]));
        office.start_background();
    })
    .await;
}
