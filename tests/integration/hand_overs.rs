//! Hand-overs: what a user who leaves has locked, checked out and been granted goes to another, once.

use cartulary_model::ObjectId;
use cartulary_repository::{
    CollectionName, Faults, JobState, ListOrder, NewAccessEntry, NewAccessList, NewCollection, NewGroup, NewLock,
    NewSavedSearch, NewShare, ObjectChanges, Precondition, RepositoryError, SavedQuery, Session, WindowRequest,
};
use cartulary_tests::office::{TestOffice, each_office};
use serde_json::{Value, json};

const ANY: Precondition = Precondition::Any;

async fn paper(office: &TestOffice, dossier: ObjectId, name: &str) -> ObjectId {
    office.document(dossier, name, name).await.value.summary.id
}

/// Hands over, and returns what the job says of itself.
async fn hand_over(office: &TestOffice, from: &Session, to: &Session) -> Value {
    let (from, to) = (from.actor().id(), to.actor().id());
    let job = office.system.user_hand_over(from, ANY, to).await.unwrap().value;
    office.settle().await;
    let job = office.system.job_get(&job.id).await.unwrap();
    assert_eq!(job.state, JobState::Done, "{job:?}");
    job.progress.unwrap()
}

async fn grant(office: &TestOffice, id: ObjectId, entries: Vec<NewAccessEntry>) {
    office.system.acl_put(id, ANY, NewAccessList { entries, inherits: true }).await.unwrap();
}

fn title(text: &str) -> ObjectChanges {
    ObjectChanges { title: Some(text.to_owned()), ..ObjectChanges::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn locks_working_copies_and_grants_go_to_another() {
    each_office(async |office| {
        let (amal, rana) = (office.user("amal", &["staff"]).await, office.user("rana", &["staff"]).await);
        let dossier = office.dossier("A").await;
        let (locked, taken) = (paper(office, dossier, "locked").await, paper(office, dossier, "taken").await);
        amal.object_lock(locked, ANY, NewLock { comment: "at work".into(), expires_at: None }).await.unwrap();
        let copy = amal.document_check_out(taken, None).await.unwrap().value.summary.id;
        amal.object_update(copy, ANY, title("begun")).await.unwrap();
        let granted = vec![NewAccessEntry::granting("amal", "Manage"), NewAccessEntry::granting("readers", "Read")];
        grant(office, dossier, granted).await;
        grant(office, taken, vec![NewAccessEntry::granting("amal", "Destroy")]).await;
        let report = hand_over(office, &amal, &rana).await;
        let expect = json!({
            "locksHandedOver": 1, "locksEnded": 0, "workingCopiesHandedOver": 1, "workingCopiesLeft": 0,
            "listsHandedOver": 2, "listsLeft": 0, "collectionsHandedOver": 0, "savedSearchesHandedOver": 0, "left": [],
        });
        assert_eq!(report, expect);
        assert!(office.system.user_get(amal.actor().id()).await.unwrap().is_disabled);
        let lock = rana.object_get(locked).await.unwrap().lock.unwrap();
        assert!(lock.is_own && lock.comment == "at work");
        rana.object_update(copy, ANY, title("gone on with")).await.unwrap();
        rana.check_out_cancel(copy, ANY).await.unwrap();
        let list = office.system.acl_get(dossier).await.unwrap();
        let named: Vec<&str> = list.entries.iter().map(|entry| entry.principal.name.as_str()).collect();
        assert_eq!(named, ["rana", "readers"], "where the one stood, the other stands");
        // The rights hold at once: `Destroy` is of the document's own list.
        rana.object_destroy(taken, ANY).await.unwrap();
        let (entries, _) = office.system.audit_list(0, 1_000).await.unwrap();
        let handed = entries.iter().filter(|entry| entry.detail.contains("handedOver"));
        assert_eq!(handed.count(), 2, "the lock and the working copy; lists are recorded as such");
        assert!(entries.iter().any(|entry| entry.detail.contains("user_hand_over")));
        // A second time there is nothing to hand over.
        let again = hand_over(office, &amal, &rana).await;
        assert_eq!(again["locksHandedOver"], 0);
        assert_eq!(again["listsHandedOver"], 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_ends_where_the_other_may_not_write_and_a_denial_is_left_to_people() {
    each_office(async |office| {
        let (amal, omar) = (office.user("amal", &["staff"]).await, office.user("omar", &[]).await);
        let dossier = office.dossier("A").await;
        let one = paper(office, dossier, "one").await;
        amal.object_lock(one, ANY, NewLock::default()).await.unwrap();
        let denied = NewAccessEntry { grants: false, ..NewAccessEntry::granting("amal", "Destroy") };
        grant(office, dossier, vec![denied, NewAccessEntry::granting("amal", "Manage")]).await;
        let report = hand_over(office, &amal, &omar).await;
        assert_eq!((&report["locksEnded"], &report["listsLeft"]), (&json!(1), &json!(1)));
        assert_eq!(report["left"], json!([{ "kind": "list", "objectId": dossier, "reason": "denies" }]));
        assert!(office.system.object_get(one).await.unwrap().lock.is_none());
        assert!(matches!(omar.object_get(one).await, Err(RepositoryError::NotFound { .. })));
    })
    .await;
}

/// A grant that he got stood before what denied it to him.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_denied_to_the_other_stays_denied() {
    each_office(async |office| {
        let interns = NewGroup { name: "interns".to_owned(), ..NewGroup::default() };
        office.system.group_create(interns).await.unwrap();
        let (amal, omar) = (office.user("amal", &["staff"]).await, office.user("omar", &["interns"]).await);
        for (name, denied) in [("A", "omar"), ("B", "interns")] {
            let dossier = office.dossier(name).await;
            let denial = NewAccessEntry { grants: false, ..NewAccessEntry::granting(denied, "Read") };
            grant(office, dossier, vec![NewAccessEntry::granting("amal", "Manage"), denial]).await;
        }
        // Of what is denied to everybody the one was an exception, and so is the other.
        let open = office.dossier("C").await;
        let denial = NewAccessEntry { grants: false, ..NewAccessEntry::granting("everyone", "Read") };
        grant(office, open, vec![NewAccessEntry::granting("amal", "Manage"), denial]).await;
        let report = hand_over(office, &amal, &omar).await;
        assert_eq!((&report["listsHandedOver"], &report["listsLeft"]), (&json!(1), &json!(2)), "{report}");
        let seen = omar.dossier_list(WindowRequest { offset: 0, limit: 10 }, ListOrder::Name, None).await.unwrap();
        assert_eq!(seen.items.iter().map(|one| one.id).collect::<Vec<_>>(), [open]);
    })
    .await;
}

/// It went to whoever was named, who could not read it and could cancel it.
#[tokio::test(flavor = "multi_thread")]
async fn a_working_copy_stays_where_the_other_may_not_write() {
    each_office(async |office| {
        let (amal, omar) = (office.user("amal", &["staff"]).await, office.user("omar", &[]).await);
        let dossier = office.dossier("A").await;
        let (one, other) = (paper(office, dossier, "one").await, paper(office, dossier, "other").await);
        let copy = amal.document_check_out(one, None).await.unwrap().value.summary.id;
        amal.object_update(copy, ANY, title("begun")).await.unwrap();
        amal.document_check_out(other, None).await.unwrap();
        grant(office, other, vec![NewAccessEntry::granting("omar", "Write")]).await;
        let report = hand_over(office, &amal, &omar).await;
        assert_eq!((&report["workingCopiesHandedOver"], &report["workingCopiesLeft"]), (&json!(1), &json!(1)));
        assert_eq!(report["left"], json!([{ "kind": "workingCopy", "objectId": one, "reason": "may_not_write" }]));
        assert!(matches!(omar.check_out_cancel(copy, ANY).await, Err(RepositoryError::NotFound { .. })));
        // Nothing is lost: who may unlock it sees it, and checks it in.
        assert_eq!(office.system.object_get(copy).await.unwrap().summary.title, "begun");
        office.system.version_create(copy, ANY, Default::default()).await.unwrap();
        assert_eq!(office.system.object_get(one).await.unwrap().summary.title, "begun");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_or_to_nobody_is_refused() {
    each_office(async |office| {
        let (amal, rana) = (office.user("amal", &["staff"]).await, office.user("rana", &["staff"]).await);
        let (one, other) = (amal.actor().id(), rana.actor().id());
        let refused = rana.user_hand_over(one, ANY, other).await;
        assert!(matches!(refused, Err(RepositoryError::Forbidden { .. })));
        for to in [one, ObjectId::generate(), office.system.actor().id()] {
            let refused = office.system.user_hand_over(one, ANY, to).await;
            assert!(matches!(refused, Err(RepositoryError::Invalid { .. })), "{refused:?}");
        }
        let stale = office.system.user_hand_over(one, Precondition::Token(1), other).await;
        assert!(matches!(stale, Err(RepositoryError::Stale { .. })));
        assert!(!office.system.user_get(one).await.unwrap().is_disabled);
        hand_over(office, &rana, &amal).await;
        let refused = office.system.user_hand_over(one, ANY, other).await;
        assert!(matches!(refused, Err(RepositoryError::Invalid { .. })), "she is shut out herself");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_see_goes_to_another_and_what_nobody_sees_stays() {
    each_office(async |office| {
        let (amal, rana) = (office.user("amal", &["staff"]).await, office.user("rana", &["staff"]).await);
        let reader = office.user("reader", &["readers"]).await;
        let paper = paper(office, office.dossier("A").await, "one").await;
        let share = |principal: &str, may_write| NewShare { principal: principal.to_owned(), may_write };
        let collect = async |name: &str, shares| {
            let new = NewCollection { name: name.to_owned(), shares, idempotency_key: None };
            let made = amal.collection_create(new).await.unwrap().value.id;
            amal.collection_put(CollectionName::Id(made), paper, ANY, None).await.unwrap();
            made
        };
        let shown = collect("shown", vec![share("readers", false), share("rana", true)]).await;
        let own = collect("own", Vec::new()).await;
        let save = async |name: &str, shares| {
            let statement = "SELECT * FROM cmis:document".to_owned();
            let search = SavedQuery::Statement { statement, all_versions: false };
            let new = NewSavedSearch { name: name.to_owned(), search, shares, idempotency_key: None };
            amal.saved_search_create(new, Faults::default()).await.unwrap().value.id
        };
        let (found, alone) = (save("found", vec![share("reader", false)]).await, save("alone", Vec::new()).await);
        let report = hand_over(office, &amal, &rana).await;
        assert_eq!((&report["collectionsHandedOver"], &report["savedSearchesHandedOver"]), (&json!(1), &json!(1)));
        let now = rana.collection_get(CollectionName::Id(shown)).await.unwrap();
        assert_eq!((now.owner.name.as_str(), now.name.as_str(), now.count), ("rana", "shown", 1));
        let shares: Vec<&str> = now.shares.iter().map(|share| share.principal.name.as_str()).collect();
        assert_eq!(shares, ["readers"], "one's own is not shown to oneself");
        assert_eq!(rana.saved_search_get(found).await.unwrap().owner.name, "rana");
        assert_eq!(reader.collection_get(CollectionName::Id(shown)).await.unwrap().count, 1, "others see it as before");
        reader.saved_search_get(found).await.unwrap();
        assert!(rana.collection_get(CollectionName::Id(own)).await.is_err(), "what nobody sees is nobody's else");
        assert!(rana.saved_search_get(alone).await.is_err());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn how_far_a_hand_over_is_shows_before_it_ends() {
    each_office(async |office| {
        let (amal, rana) = (office.user("amal", &["staff"]).await, office.user("rana", &["staff"]).await);
        let dossier = office.dossier("A").await;
        let one = paper(office, dossier, "one").await;
        amal.object_lock(one, ANY, NewLock::default()).await.unwrap();
        grant(office, dossier, vec![NewAccessEntry::granting("amal", "Manage")]).await;
        // Locks come last; one of nothing stops the job there, until somebody mends it.
        let free =
            if office.is_shared() { "SET session_replication_role = replica;" } else { "PRAGMA foreign_keys = OFF;" };
        office.tamper(&format!("{free} UPDATE object_lock SET object_no = 999999;"));
        let job = office.system.user_hand_over(amal.actor().id(), ANY, rana.actor().id()).await.unwrap().value;
        let progress = loop {
            let seen = office.system.job_get(&job.id).await.unwrap();
            assert_ne!(seen.state, JobState::Done, "{seen:?}");
            if let Some(progress) = seen.progress.filter(|progress| progress["listsHandedOver"] == 1) {
                break progress;
            }
            tokio::task::yield_now().await;
        };
        assert_eq!(progress["locksHandedOver"], 0);
    })
    .await;
}
