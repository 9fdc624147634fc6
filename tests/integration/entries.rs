//! Entries of access lists: denials, what begins and ends by itself, lists of processes, and the entry that decides.

use cartulary_model::{ObjectId, Timestamp};
use cartulary_repository::{NewAccessEntry, NewAccessList, NewGroup, Precondition, RepositoryError, Session};
use cartulary_tests::office::{TestOffice, each_office};

use crate::access::{EVERYTHING, NOTHING, one_paper, sight};

/// An hour. *Units*: milliseconds.
const HOUR: i64 = 3_600_000;

fn grant(who: &str, what: &str) -> NewAccessEntry {
    NewAccessEntry::granting(who, what)
}

fn deny(who: &str, what: &str) -> NewAccessEntry {
    NewAccessEntry { grants: false, ..grant(who, what) }
}

async fn put(office: &TestOffice, id: ObjectId, entries: Vec<NewAccessEntry>) {
    let list = NewAccessList { entries, inherits: true };
    office.system.acl_put(id, Precondition::Any, list).await.unwrap();
}

async fn decided_by(session: &Session, id: ObjectId, who: &str) -> (bool, String) {
    let found = session.access_explanation(id, Some(who.to_owned()), Some("ReadContent".to_owned())).await.unwrap();
    let one = found.permissions.first().unwrap();
    let words = one.decided_by.as_ref().map_or_else(
        || if found.is_administrator { "administrator".to_owned() } else { "nothing".to_owned() },
        |by| {
            let place = by.object.as_ref().map_or("?", |object| object.name.as_str());
            format!(
                "{} {} {} in `{}` of `{place}`{}",
                by.entry.principal.name,
                if by.entry.grants { "may" } else { "may not" },
                by.entry.permission,
                by.entry.list,
                if by.is_inherited { ", inherited" } else { "" }
            )
        },
    );
    (one.granted, words)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denial_is_honoured_by_every_door_at_once() {
    each_office(async |office| {
        let (dossier, paper, digest) = one_paper(office).await;
        let reader = office.user("reader", &["readers"]).await;
        let other = office.user("other", &["readers"]).await;
        office.stop_background().await;
        put(office, dossier, vec![deny("reader", "Everything")]).await;
        office.repository.sequence_now().await.unwrap();
        assert_eq!(sight(&reader, dossier, paper, digest).await, NOTHING);
        assert_eq!(sight(&other, dossier, paper, digest).await, EVERYTHING);
        put(office, dossier, vec![]).await;
        office.repository.sequence_now().await.unwrap();
        assert_eq!(sight(&reader, dossier, paper, digest).await, EVERYTHING);
        office.start_background();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_entry_that_speaks_of_somebody_decides() {
    each_office(async |office| {
        let (dossier, paper, _) = one_paper(office).await;
        let anna = office.user("anna", &["readers"]).await;
        put(office, dossier, vec![grant("anna", "ReadContent"), deny("readers", "ReadContent")]).await;
        assert!(anna.content_open(paper, None).await.is_ok());
        put(office, dossier, vec![deny("readers", "ReadContent"), grant("anna", "ReadContent")]).await;
        assert!(matches!(anna.content_open(paper, None).await, Err(RepositoryError::Forbidden { .. })));
        assert!(anna.object_get(paper).await.is_ok(), "only the content is denied");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_begins_and_ends_by_itself() {
    each_office(async |office| {
        let (dossier, paper, digest) = one_paper(office).await;
        let anna = office.user("anna", &[]).await;
        let clock = office.repository.clock();
        let now = clock.now();
        let timed = NewAccessEntry {
            begin_at: Some(now.plus_millis(HOUR)),
            end_at: Some(now.plus_millis(3 * HOUR)),
            ..grant("anna", "Read")
        };
        put(office, dossier, vec![timed]).await;
        office.settle().await;
        assert_eq!(sight(&anna, dossier, paper, digest).await, NOTHING);
        clock.shift(2 * HOUR);
        assert_eq!(sight(&anna, dossier, paper, digest).await, EVERYTHING);
        clock.shift(2 * HOUR);
        assert_eq!(sight(&anna, dossier, paper, digest).await, NOTHING);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_in_groups_count() {
    each_office(async |office| {
        let (dossier, paper, digest) = one_paper(office).await;
        let anna = office.user("anna", &[]).await;
        let inner = office.system.group_create(NewGroup::named("inner")).await.unwrap().value;
        let outer = office.system.group_create(NewGroup::named("outer")).await.unwrap().value;
        let set = async |group: ObjectId, members: Vec<ObjectId>| {
            office.system.group_set_members(group, Precondition::Any, members).await.unwrap();
        };
        set(inner.id, vec![anna.actor().id()]).await;
        set(outer.id, vec![inner.id]).await;
        put(office, dossier, vec![grant("outer", "Read")]).await;
        assert!(decided_by(&office.system, paper, "anna").await.0);
        let signed_in = office.sign_in("anna").await;
        assert_eq!(sight(&signed_in, dossier, paper, digest).await, EVERYTHING);
        let circle = office.system.group_set_members(inner.id, Precondition::Any, vec![outer.id]).await;
        assert!(matches!(circle, Err(RepositoryError::Conflict { code: "group_circle", .. })), "{circle:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_of_a_process_is_asked_before_the_one_that_people_keep() {
    each_office(async |office| {
        let (dossier, paper, _) = one_paper(office).await;
        let anna = office.user("anna", &[]).await;
        let named = async |entries| {
            let put = office.system.acl_put_named(dossier, Precondition::Any, "case-7".to_owned(), entries);
            put.await.map(|written| written.value)
        };
        put(office, dossier, vec![deny("anna", "Everything")]).await;
        let lists = named(vec![grant("anna", "Read")]).await.unwrap();
        assert_eq!(lists.entries.iter().map(|one| one.list.as_str()).collect::<Vec<_>>(), ["case-7", "local"]);
        assert!(anna.object_get(paper).await.is_ok());
        put(office, dossier, vec![]).await;
        assert!(anna.object_get(paper).await.is_ok(), "people write their own list only");
        named(vec![]).await.unwrap();
        assert!(anna.object_get(paper).await.is_err());
        for name in ["", "local", "a b", "a/b"] {
            let refused = office.system.acl_put_named(dossier, Precondition::Any, name.to_owned(), vec![]).await;
            assert!(matches!(refused, Err(RepositoryError::Invalid { .. })), "{name}: {refused:?}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_entry_that_decides_is_named_with_its_place() {
    each_office(async |office| {
        let (dossier, paper, _) = one_paper(office).await;
        office.user("anna", &["readers"]).await;
        office.user("bert", &[]).await;
        let explain = async |who: &str| decided_by(&office.system, paper, who).await;
        assert_eq!(explain("anna").await, (true, "readers may Read in `local` of ``, inherited".to_owned()));
        assert_eq!(explain("bert").await, (false, "nothing".to_owned()));
        assert_eq!(explain("system").await, (true, "administrator".to_owned()));
        put(office, dossier, vec![deny("readers", "ReadContent"), grant("bert", "Read")]).await;
        let denied = "readers may not ReadContent in `local` of `secret`, inherited";
        assert_eq!(explain("anna").await, (false, denied.to_owned()));
        put(office, paper, vec![grant("anna", "ReadContent")]).await;
        assert_eq!(explain("anna").await, (true, "anna may ReadContent in `local` of `paper.txt`".to_owned()));
        assert_eq!(explain("readers").await, (false, denied.to_owned()));
        let version = office.system.version_list(paper, crate::access::ALL).await.unwrap().items[0].id;
        let of_version = decided_by(&office.system, version, "anna").await;
        assert_eq!(of_version, (true, "anna may ReadContent in `local` of `paper.txt`".to_owned()));
        let unknown = office.system.access_explanation(paper, Some("nobody".to_owned()), None).await;
        assert!(matches!(unknown, Err(RepositoryError::Invalid { .. })), "{unknown:?}");
    })
    .await;
}

/// What the explanation says is what the doors do.
#[tokio::test(flavor = "multi_thread")]
async fn the_explanation_agrees_with_what_is_allowed() {
    each_office(async |office| {
        let (dossier, paper, _) = one_paper(office).await;
        let anna = office.user("anna", &["readers"]).await;
        let lists = [
            vec![],
            vec![deny("readers", "Read")],
            vec![grant("anna", "Manage")],
            vec![deny("everyone", "WriteProperties"), grant("anna", "Everything")],
            vec![NewAccessEntry { end_at: Some(Timestamp::from_millis(1)), ..deny("anna", "Everything") }],
        ];
        for entries in lists {
            put(office, dossier, entries.clone()).await;
            let explained = office.system.access_explanation(paper, Some("anna".to_owned()), None).await.unwrap();
            let said: Vec<&str> =
                explained.permissions.iter().filter(|one| one.granted).map(|one| one.permission).collect();
            let held = anna.object_get(paper).await.map(|found| found.permissions).unwrap_or_default();
            assert_eq!(said, held, "{entries:?}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_never_holds_or_stands_twice_is_refused() {
    each_office(async |office| {
        let (dossier, ..) = one_paper(office).await;
        let at = |millis| Some(Timestamp::from_millis(millis));
        let entries = vec![
            NewAccessEntry { begin_at: at(10), end_at: at(10), ..grant("readers", "Read") },
            grant("readers", "Write"),
            deny("readers", "Write"),
        ];
        let list = NewAccessList { entries, inherits: true };
        let refused = office.system.acl_put(dossier, Precondition::Any, list).await.unwrap_err();
        let RepositoryError::Invalid { violations } = refused else { panic!("{refused:?}") };
        let found: Vec<_> = violations.iter().map(|one| (one.field.as_str(), one.code)).collect();
        assert_eq!(found, [("entries[0].ends", "never_holds"), ("entries[2]", "duplicate_entry")]);
    })
    .await;
}
