//! What people are told by their subscriptions, on both databases: of what they may know of when they read.

use std::time::Duration;

use cartulary_model::ObjectId;
use cartulary_repository::{
    CollectionName, Inbox, NewAccessList, NewComment, NewSavedSearch, NewSubscription, ObjectChanges, ObjectMove,
    Precondition, SavedQuery, Session, SubscriptionTarget, UserChanges, WindowRequest,
};
use cartulary_tests::office::{TestOffice, each_office};

const ANY: Precondition = Precondition::Any;
const ALL: WindowRequest = WindowRequest { offset: 0, limit: 1_000 };

async fn subscribe_with(session: &Session, target: SubscriptionTarget, own_changes: bool) {
    let new = NewSubscription { target, own_changes, idempotency_key: None };
    session.subscription_create(new).await.unwrap();
}

async fn subscribe(session: &Session, target: SubscriptionTarget) {
    subscribe_with(session, target, false).await;
}

async fn retitle(session: &Session, object: ObjectId, title: &str) {
    let changes = ObjectChanges { title: Some(title.to_owned()), ..ObjectChanges::default() };
    session.object_update(object, ANY, changes).await.unwrap();
}

async fn inbox(session: &Session) -> Inbox {
    session.notification_list(false, ALL).await.unwrap()
}

/// Returns what somebody was told, the oldest first.
async fn told(session: &Session) -> Vec<(String, ObjectId)> {
    inbox(session).await.window.items.into_iter().rev().map(|one| (one.kind, one.object)).collect()
}

fn pair(kind: &str, object: ObjectId) -> (String, ObjectId) {
    (kind.to_owned(), object)
}

/// An object by whose changes it is known that everybody was told of all before.
struct Marker(ObjectId);

impl Marker {
    async fn put(office: &TestOffice) -> Self {
        let marker = office.dossier("marker").await;
        subscribe_with(&office.system, SubscriptionTarget::Object(marker), true).await;
        Self(marker)
    }

    async fn pass(&self, office: &TestOffice) {
        let system = &office.system;
        system.notification_put_all_read().await.unwrap();
        retitle(system, self.0, &ObjectId::generate().to_string()).await;
        let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
        loop {
            system.notification_wait(Duration::from_secs(60)).await.unwrap();
            let news = system.notification_list(true, ALL).await.unwrap().window.items;
            if news.iter().any(|one| one.kind == "updated" && one.object == self.0) {
                return;
            }
            system.notification_put_all_read().await.unwrap();
            assert!(tokio::time::Instant::now() < deadline, "nobody was told for a minute");
        }
    }
}

async fn hide(session: &Session, object: ObjectId) {
    session.acl_put(object, ANY, NewAccessList { entries: Vec::new(), inherits: false }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_is_told_of_an_object_a_tree_and_a_collection_and_not_of_ones_own_doing() {
    each_office(async |office| {
        let marker = Marker::put(office).await;
        let system = office.system.clone();
        let (one, tree) = (office.user("one", &["staff"]).await, office.user("tree", &["readers"]).await);
        let listed = office.user("listed", &["readers"]).await;
        let (dossier, other) = (office.dossier("d").await, office.dossier("other").await);
        let a = office.document(dossier, "a", "1").await.value.summary.id;
        subscribe(&one, SubscriptionTarget::Object(a)).await;
        subscribe(&tree, SubscriptionTarget::Tree(dossier)).await;
        listed.collection_put(CollectionName::Favourites, a, ANY, None).await.unwrap();
        let favourites = listed.collection_get(CollectionName::Favourites).await.unwrap().id;
        subscribe(&listed, SubscriptionTarget::Collection(favourites)).await;
        retitle(&one, a, "mine").await;
        retitle(&system, a, "theirs").await;
        let b = office.document(dossier, "b", "2").await.value.summary.id;
        let text = NewComment { text: "hm".to_owned(), ..NewComment::default() };
        system.comment_create(a, text).await.unwrap();
        let away = ObjectMove { from: None, to: other, name: None };
        system.object_move(a, ANY, away).await.unwrap();
        retitle(&system, a, "elsewhere").await;
        listed.collection_take(CollectionName::Favourites, a, ANY).await.unwrap();
        retitle(&system, b, "b2").await;
        marker.pass(office).await;
        assert_eq!(
            told(&one).await,
            [pair("updated", a), pair("noted", a), pair("moved", a), pair("updated", a)],
            "not of his own"
        );
        let of_tree = told(&tree).await;
        assert_eq!(of_tree[..2], [pair("updated", a), pair("updated", a)]);
        assert!(of_tree.contains(&pair("moved", a)), "{of_tree:?}: it left the tree");
        assert!(of_tree.contains(&pair("created", b)) && of_tree.last() == Some(&pair("updated", b)), "{of_tree:?}");
        assert_eq!(of_tree.iter().filter(|one| one.1 == a).count(), 4, "{of_tree:?}: no more once it is elsewhere");
        system.object_destroy(a, ANY).await.unwrap();
        system.object_destroy(dossier, ANY).await.unwrap();
        marker.pass(office).await;
        assert_eq!(told(&one).await.last(), Some(&pair("destroyed", a)));
        let of_tree = told(&tree).await;
        assert!(of_tree.contains(&pair("destroyed", b)) && of_tree.contains(&pair("destroyed", dossier)));
        // There is nothing more to wait for.
        assert_eq!(one.subscription_list(ALL).await.unwrap().total, 0);
        assert_eq!(tree.subscription_list(ALL).await.unwrap().total, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_who_may_not_know_of_it_any_more_is_told_nothing_when_he_reads() {
    each_office(async |office| {
        let marker = Marker::put(office).await;
        let system = office.system.clone();
        let reader = office.user("reader", &["readers"]).await;
        let (open, secret) = (office.dossier("open").await, office.dossier("secret").await);
        let moved = office.document(open, "moved", "1").await.value.summary.id;
        for target in [open, secret] {
            subscribe(&reader, SubscriptionTarget::Tree(target)).await;
        }
        retitle(&system, secret, "before").await;
        retitle(&system, moved, "before").await;
        marker.pass(office).await;
        assert_eq!((inbox(&reader).await.unread, inbox(&reader).await.window.total), (2, 2));
        // With nothing but the rights changed, what was written down before is not shown any more.
        hide(&system, secret).await;
        assert_eq!(told(&reader).await, [pair("updated", moved)]);
        let away = ObjectMove { from: None, to: secret, name: None };
        system.object_move(moved, ANY, away).await.unwrap();
        assert_eq!((inbox(&reader).await.unread, told(&reader).await), (0, vec![]));
        retitle(&system, moved, "hidden").await;
        marker.pass(office).await;
        assert_eq!(told(&reader).await, []);
        system.object_destroy(secret, ANY).await.unwrap();
        marker.pass(office).await;
        assert_eq!(told(&reader).await, [], "nor that it was destroyed");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_saved_search_tells_of_what_it_finds_by_values_and_by_words() {
    each_office(async |office| {
        let marker = Marker::put(office).await;
        let (values, words) = (office.user("values", &["readers"]).await, office.user("words", &["readers"]).await);
        let dossier = office.dossier("d").await;
        let statement = "SELECT * FROM document WHERE cartulary:title LIKE 'Urgent%'".to_owned();
        let save = async |session: &Session, search: SavedQuery| {
            let new = NewSavedSearch { name: "s".to_owned(), search, shares: Vec::new(), idempotency_key: None };
            let id = session.saved_search_create(new, cartulary_repository::Faults::default()).await.unwrap().value.id;
            subscribe(session, SubscriptionTarget::SavedSearch(id)).await;
            id
        };
        let search = save(&values, SavedQuery::Statement { statement, all_versions: false }).await;
        let text = "walrus".to_owned();
        let found = SavedQuery::Words { text, dossier: None, type_ids: Vec::new(), media_types: Vec::new() };
        save(&words, found).await;
        let a = office.document(dossier, "a.txt", "the walrus and the carpenter").await.value.summary.id;
        let b = office.document(dossier, "b.txt", "nothing").await.value.summary.id;
        office.settle().await;
        marker.pass(office).await;
        retitle(&office.system, b, "Urgent: b").await;
        retitle(&office.system, a, "a").await;
        office.settle().await;
        marker.pass(office).await;
        assert_eq!(told(&values).await, [pair("updated", b)]);
        let by_words = told(&words).await;
        assert!(!by_words.is_empty() && by_words.iter().all(|(_, object)| *object == a), "{by_words:?}");
        values.saved_search_delete(search, ANY).await.unwrap();
        assert_eq!(values.subscription_list(ALL).await.unwrap().total, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_sign_in_is_told_nothing_and_a_restart_skips_nothing() {
    each_office(async |office| {
        let marker = Marker::put(office).await;
        let (gone, stays) = (office.user("gone", &["readers"]).await, office.user("stays", &["readers"]).await);
        let dossier = office.dossier("d").await;
        for session in [&gone, &stays] {
            subscribe(session, SubscriptionTarget::Tree(dossier)).await;
        }
        let id = gone.actor().id();
        // Whoever has a session keeps the office open.
        drop(gone);
        let set = async |office: &TestOffice, disabled: bool| {
            let changes = UserChanges { disabled: Some(disabled), ..UserChanges::default() };
            office.system.user_update(id, ANY, changes).await.unwrap();
        };
        set(office, true).await;
        retitle(&office.system, dossier, "one").await;
        marker.pass(office).await;
        set(office, false).await;
        let (again, first) = (office.sign_in("gone").await, told(&stays).await);
        assert_eq!((told(&again).await, first), (vec![], vec![pair("updated", dossier)]));
        drop((again, stays));
        // What happens while nobody tells is told afterwards, once.
        office.stop_background().await;
        for title in ["two", "three"] {
            retitle(&office.system, dossier, title).await;
        }
        office.reopen().await;
        let stays = office.sign_in("stays").await;
        marker.pass(office).await;
        assert_eq!(told(&stays).await.len(), 3);
        assert_eq!(told(&office.sign_in("gone").await).await.len(), 2);
        drop(stays);
        // After a restore the log has another identity, and what came since the place is told.
        office.stop_background().await;
        retitle(&office.system, dossier, "four").await;
        let sql = "UPDATE repository_info SET value = '01890a5d-ac96-774b-bcce-b302099a8057' WHERE key = 'logIdentity'";
        office.tamper(sql);
        office.reopen().await;
        marker.pass(office).await;
        let stays = office.sign_in("stays").await;
        assert_eq!(told(&stays).await.len(), 4);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_newest_thousand_are_kept() {
    each_office(async |office| {
        let marker = Marker::put(office).await;
        let reader = office.user("reader", &["readers"]).await;
        let dossier = office.dossier("d").await;
        subscribe(&reader, SubscriptionTarget::Object(dossier)).await;
        // As many as there may be, from before.
        office.tamper(&format!(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1005) \
             INSERT INTO notification (id, owner_no, subscription_id, log_identity, position, change_kind, object_no, \
             object_id, scope_no, made_by, made_at) \
             SELECT '01890a5d-ac96-774b-bcce-' || (100000000000 + n.i), p.no, '{dossier}', 'old', n.i, 'updated', o.no, \
             o.id, o.scope_no, p.no, o.modified_at FROM n, principal p, object o WHERE p.name = 'reader' AND o.id = '{dossier}'"
        ));
        assert_eq!(inbox(&reader).await.unread, 1_005);
        retitle(&office.system, dossier, "another").await;
        marker.pass(office).await;
        let kept = inbox(&reader).await;
        assert_eq!((kept.window.total, kept.unread), (1_000, 1_000));
        let read = reader.notification_put_all_read().await.unwrap().value;
        assert_eq!((read, inbox(&reader).await.unread), (1_000, 0));
    })
    .await;
}
