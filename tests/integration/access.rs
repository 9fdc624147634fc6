//! Who sees what: the same answer from reading, listing, counting, facets, search, digests and changes, at once.

use std::net::Ipv4Addr;

use cartulary_model::{BlobDigest, ObjectId};
use cartulary_repository::{
    ListOrder, NewAccessEntry, NewAccessList, NewGroup, NewUser, Precondition, RepositoryError, SearchQuery, Session,
    TextPages, UserChanges, WindowRequest,
};
use cartulary_tests::office::{TestOffice, each_office};

const ANY: Precondition = Precondition::Any;

pub(crate) const ALL: WindowRequest = WindowRequest { offset: 0, limit: 100 };

/// What one person learns of a document by every door.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Sight {
    pub(crate) read: bool,
    pub(crate) listed: u64,
    pub(crate) dossiers: u64,
    pub(crate) found: u64,
    pub(crate) faceted: u64,
    pub(crate) text: bool,
    pub(crate) bytes: bool,
    pub(crate) by_digest: bool,
    pub(crate) changes: bool,
}

pub(crate) const NOTHING: Sight = Sight {
    read: false,
    listed: 0,
    dossiers: 0,
    found: 0,
    faceted: 0,
    text: false,
    bytes: false,
    by_digest: false,
    changes: false,
};

pub(crate) const EVERYTHING: Sight = Sight {
    read: true,
    listed: 1,
    dossiers: 1,
    found: 1,
    faceted: 1,
    text: true,
    bytes: true,
    by_digest: true,
    changes: true,
};

pub(crate) async fn sight(session: &Session, dossier: ObjectId, document: ObjectId, digest: BlobDigest) -> Sight {
    let query = SearchQuery { text: "cassava".into(), limit: 10, facets: true, ..SearchQuery::default() };
    let found = session.search(query).await.unwrap();
    let types = found.facets.iter().find(|facet| facet.name == "type").unwrap();
    let changes = session.change_list(0, 1000).await.unwrap().0;
    Sight {
        read: session.object_get(document).await.is_ok(),
        listed: session.children_list(dossier, ALL, ListOrder::Receipt).await.map_or(0, |window| window.total),
        dossiers: session.dossier_list(ALL, ListOrder::ModifiedDescending, None).await.unwrap().total,
        found: found.total,
        faceted: types.buckets.iter().map(|bucket| bucket.count).sum(),
        text: session.text_get(document, TextPages::From(1)).await.is_ok(),
        bytes: session.content_open(document, None).await.is_ok(),
        by_digest: session.blob_open(digest, None).await.is_ok(),
        changes: changes.iter().any(|change| change.object_id == Some(document)),
    }
}

pub(crate) async fn one_paper(office: &TestOffice) -> (ObjectId, ObjectId, BlobDigest) {
    let dossier = office.dossier("secret").await;
    let paper = office.document(dossier, "paper.txt", "a process for drying cassava").await.value.summary;
    office.settle().await;
    (dossier, paper.id, paper.content.unwrap().digest)
}

fn list(entries: &[(&str, &str)], inherits: bool) -> NewAccessList {
    let entries = entries.iter().map(|(who, what)| NewAccessEntry::granting(*who, *what)).collect();
    NewAccessList { entries, inherits }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outsider_learns_nothing_and_a_reader_everything_by_every_door() {
    each_office(async |office| {
        let (dossier, paper, digest) = one_paper(office).await;
        let outsider = office.user("outsider", &[]).await;
        let reader = office.user("reader", &["readers"]).await;
        assert_eq!(sight(&outsider, dossier, paper, digest).await, NOTHING);
        assert_eq!(sight(&reader, dossier, paper, digest).await, EVERYTHING);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_and_its_withdrawal_hold_at_once_though_the_index_feed_stands_still() {
    each_office(async |office| {
        let (dossier, paper, digest) = one_paper(office).await;
        let anna = office.user("anna", &[]).await;
        office.stop_background().await;
        let grant = list(&[("anna", "Read")], true);
        office.system.acl_put(dossier, Precondition::Any, grant).await.unwrap();
        office.repository.sequence_now().await.unwrap();
        assert_eq!(sight(&anna, dossier, paper, digest).await, EVERYTHING);
        office.system.acl_put(dossier, Precondition::Any, list(&[], true)).await.unwrap();
        assert_eq!(sight(&anna, dossier, paper, digest).await, NOTHING);
        office.start_background();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_document_that_is_closed_is_gone_at_once_though_the_index_feed_stands_still() {
    each_office(async |office| {
        let (dossier, paper, digest) = one_paper(office).await;
        let reader = office.user("reader", &["readers"]).await;
        office.stop_background().await;
        office.system.acl_put(paper, Precondition::Any, list(&[], false)).await.unwrap();
        office.repository.sequence_now().await.unwrap();
        let seen = sight(&reader, dossier, paper, digest).await;
        // The reader still sees the dossier, and the change that was made while the document was open to it.
        assert_eq!(seen, Sight { dossiers: 1, changes: true, ..NOTHING });
        office.start_background();
        office.settle().await;
        assert_eq!(sight(&reader, dossier, paper, digest).await, Sight { dossiers: 1, changes: true, ..NOTHING });
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_may_see_and_not_change_is_forbidden_and_what_one_may_not_see_is_not_there() {
    each_office(async |office| {
        let (_, paper, _) = one_paper(office).await;
        let outsider = office.user("outsider", &[]).await;
        let reader = office.user("reader", &["readers"]).await;
        let trash = async |session: &Session| session.object_trash(paper, Precondition::Any).await.unwrap_err();
        assert!(matches!(trash(&outsider).await, RepositoryError::NotFound { .. }));
        assert!(matches!(trash(&reader).await, RepositoryError::Forbidden { .. }));
        let refused = reader.acl_put(paper, Precondition::Any, list(&[("reader", "Manage")], true)).await;
        assert!(matches!(refused.unwrap_err(), RepositoryError::Forbidden { .. }));
        let unknown = office.system.acl_put(paper, Precondition::Any, list(&[("nobody", "Reed")], true)).await;
        let RepositoryError::Invalid { violations } = unknown.unwrap_err() else { panic!() };
        let codes: Vec<_> = violations.iter().map(|one| one.code).collect();
        assert_eq!(codes, ["unknown_permission", "unknown_principal"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_its_own_moves_the_folders_below_with_it() {
    each_office(async |office| {
        let (dossier, _, _) = one_paper(office).await;
        let new = cartulary_repository::NewFolder { name: "inner".into(), ..Default::default() };
        let inner = office.system.folder_create(dossier, new).await.unwrap().value.summary.id;
        let anna = office.user("anna", &[]).await;
        office.system.acl_put(dossier, Precondition::Any, list(&[("anna", "Read")], true)).await.unwrap();
        assert!(anna.object_get(inner).await.is_ok());
        office.system.acl_put(inner, Precondition::Any, list(&[], false)).await.unwrap();
        assert!(anna.object_get(inner).await.is_err());
        assert!(anna.object_get(dossier).await.is_ok());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_password_or_a_lock_ends_the_sessions_of_a_user() {
    each_office(async |office| {
        let sign_in = cartulary_repository::SignIn {
            username: "anna".into(),
            password: "correct horse battery".into(),
            kind: cartulary_repository::SessionKind::Bearer,
            peer: Ipv4Addr::LOCALHOST.into(),
        };
        let anna = office.user("anna", &["readers"]).await;
        let token = office.repository.sign_in(sign_in.clone()).await.unwrap().token;
        assert!(office.repository.session_by_token(&token).await.is_ok());
        let changes = cartulary_repository::UserChanges { disabled: Some(true), ..Default::default() };
        office.system.user_update(anna.actor().id(), Precondition::Any, changes).await.unwrap();
        let refused = office.repository.session_by_token(&token).await.unwrap_err();
        assert!(matches!(refused, RepositoryError::Unauthenticated));
        let refused = office.repository.sign_in(sign_in).await.unwrap_err();
        assert!(matches!(refused, RepositoryError::WrongCredentials));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_guesses_passwords_must_wait_longer_and_longer() {
    each_office(async |office| {
        office.user("anna", &[]).await;
        let guess = |password: &str| cartulary_repository::SignIn {
            username: "anna".into(),
            password: password.into(),
            kind: cartulary_repository::SessionKind::Bearer,
            peer: Ipv4Addr::LOCALHOST.into(),
        };
        for _ in 0..5 {
            let refused = office.repository.sign_in(guess("wrong wrong")).await.unwrap_err();
            assert!(matches!(refused, RepositoryError::WrongCredentials), "{refused:?}");
        }
        let refused = office.repository.sign_in(guess("correct horse battery")).await.unwrap_err();
        assert!(matches!(refused, RepositoryError::TooManyTries { retry_after_seconds: 1 }), "{refused:?}");
        office.repository.clock().shift(2_000);
        office.repository.sign_in(guess("correct horse battery")).await.unwrap();
    })
    .await;
}

/// What a series of wrong passwords for a name is answered: how long to wait, or nothing for a plain refusal.
async fn guesses(office: &TestOffice, name: &str, peer: &str) -> Vec<Option<u64>> {
    let mut answers = Vec::new();
    for _ in 0..11 {
        let guess = cartulary_repository::SignIn {
            username: name.into(),
            password: "wrong wrong".into(),
            kind: cartulary_repository::SessionKind::Bearer,
            peer: peer.parse().unwrap(),
        };
        match office.repository.sign_in(guess).await.unwrap_err() {
            RepositoryError::WrongCredentials => answers.push(None),
            RepositoryError::TooManyTries { retry_after_seconds } => {
                answers.push(Some(retry_after_seconds));
                office.repository.clock().shift(i64::try_from(retry_after_seconds).unwrap() * 1_000);
            }
            other => panic!("{other:?}"),
        }
    }
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_told_who_is_known_here() {
    each_office(async |office| {
        office.user("anna", &[]).await;
        let known = guesses(office, "anna", "192.0.2.1").await;
        assert_eq!(known.iter().filter(|answer| answer.is_some()).count(), 3, "{known:?}");
        assert_eq!(guesses(office, "nobody", "192.0.2.1").await, known);
        office.system.user_create(NewUser { username: "ben".into(), ..NewUser::default() }).await.unwrap();
        assert_eq!(guesses(office, "BEN", "2001:db8::1").await, known);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn anybody_could_lock_a_user_for_everyone() {
    each_office(async |office| {
        office.user("anna", &[]).await;
        let answers = guesses(office, "anna", "2001:db8:0:7::1").await;
        let from = |peer: &str| cartulary_repository::SignIn {
            username: "anna".into(),
            password: "correct horse battery".into(),
            kind: cartulary_repository::SessionKind::Bearer,
            peer: peer.parse().unwrap(),
        };
        assert_eq!(answers.last(), Some(&None), "the last wrong password locks again");
        office.repository.sign_in(from("192.0.2.2")).await.unwrap();
        let refused = office.repository.sign_in(from("2001:db8:0:7::2")).await.unwrap_err();
        assert!(matches!(refused, RepositoryError::TooManyTries { .. }), "a success elsewhere frees it: {refused:?}");
        let anna = office.sign_in("anna").await;
        let changes = UserChanges { password: Some("correct horse battery".into()), ..UserChanges::default() };
        office.system.user_update(anna.actor().id(), Precondition::Any, changes).await.unwrap();
        office.repository.sign_in(from("2001:db8:0:7::2")).await.unwrap();
    })
    .await;
}

/// A request may be long on its way: its session is what it was at the beginning.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_shut_out_while_a_request_is_on_its_way_writes_nothing() {
    each_office(async |office| {
        for name in ["first", "second", "third"] {
            let user = office.user(name, &[]).await;
            let promoted = UserChanges { administrator: Some(true), ..UserChanges::default() };
            office.system.user_update(user.actor().id(), Precondition::Any, promoted).await.unwrap();
        }
        let admin = office.sign_in("second").await;
        let demoted = UserChanges { administrator: Some(false), disabled: Some(true), ..UserChanges::default() };
        office.system.user_update(admin.actor().id(), Precondition::Any, demoted).await.unwrap();
        let new = NewUser { username: "backdoor".to_owned(), administrator: true, ..NewUser::default() };
        let refused = admin.user_create(new).await.map(drop);
        assert!(matches!(refused, Err(RepositoryError::Unauthenticated)), "{refused:?}");

        let inner = office.system.group_create(NewGroup::named("inner")).await.unwrap().value;
        let outer = office.system.group_create(NewGroup::named("outer")).await.unwrap().value;
        office.system.group_set_members(outer.id, Precondition::Any, vec![inner.id]).await.unwrap();
        let writer = office.user("writer", &["inner", "staff"]).await;
        office.system.group_set_members(outer.id, Precondition::Any, Vec::new()).await.unwrap();
        let refused = writer.dossier_create(Default::default()).await.map(drop);
        assert!(matches!(refused, Err(RepositoryError::Conflict { code: "rights_changed", .. })), "{refused:?}");

        let admin = office.sign_in("first").await;
        let demoted = UserChanges { administrator: Some(false), ..UserChanges::default() };
        office.system.user_update(admin.actor().id(), Precondition::Any, demoted).await.unwrap();
        let new = NewUser { username: "another".to_owned(), administrator: true, ..NewUser::default() };
        let refused = admin.user_create(new).await.map(drop);
        assert!(matches!(refused, Err(RepositoryError::Conflict { code: "rights_changed", .. })), "{refused:?}");
        let users = office.system.user_list(ALL).await.unwrap().items;
        assert!(!users.iter().any(|user| ["backdoor", "another"].contains(&user.username.as_str())), "{users:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_groups_threw_its_members_out() {
    each_office(async |office| {
        let inner = office.system.group_create(NewGroup::named("inner")).await.unwrap().value;
        let outer = office.system.group_create(NewGroup::named("outer")).await.unwrap().value;
        let boss = office.user("boss", &[]).await.actor().id();
        let promoted = UserChanges { administrator: Some(true), ..UserChanges::default() };
        office.system.user_update(boss, Precondition::Any, promoted.clone()).await.unwrap();
        let anna = office.user("anna", &["inner"]).await.actor().id();
        let request = cartulary_repository::SignIn {
            username: "anna".into(),
            password: "correct horse battery".into(),
            kind: cartulary_repository::SessionKind::Bearer,
            peer: Ipv4Addr::LOCALHOST.into(),
        };
        let token = office.repository.sign_in(request.clone()).await.unwrap().token;
        let session = async || office.repository.session_by_token(&token).await.map(|known| known.session);
        let dossier = office.dossier("secret").await;
        office.system.acl_put(dossier, Precondition::Any, list(&[("outer", "Read")], false)).await.unwrap();
        let sees = async || session().await.unwrap().object_get(dossier).await.is_ok();
        assert!(!sees().await);
        office.system.group_set_members(outer.id, Precondition::Any, vec![inner.id]).await.unwrap();
        assert!(sees().await, "through a group, at once");
        let none = UserChanges { groups: Some(Vec::new()), ..UserChanges::default() };
        office.system.user_update(anna, Precondition::Any, none).await.unwrap();
        assert!(!sees().await, "no longer, at once");
        office.system.user_update(anna, Precondition::Any, promoted).await.unwrap();
        assert!(session().await.unwrap().actor().is_administrator() && sees().await);
        let named = UserChanges { display_name: Some("Anna".into()), ..UserChanges::default() };
        office.system.user_update(anna, Precondition::Any, named).await.unwrap();
        assert_eq!(session().await.unwrap().actor().display_name(), "Anna");
        // A lock ends it, for good; so does a password.
        for disabled in [true, false] {
            let locked = UserChanges { disabled: Some(disabled), groups: Some(Vec::new()), ..UserChanges::default() };
            office.system.user_update(anna, Precondition::Any, locked).await.unwrap();
            assert!(matches!(session().await, Err(RepositoryError::Unauthenticated)), "disabled: {disabled}");
        }
        let token = office.repository.sign_in(request).await.unwrap().token;
        let password = UserChanges {
            password: Some("correct horse battery".into()),
            groups: Some(vec!["outer".into()]),
            ..UserChanges::default()
        };
        office.system.user_update(anna, Precondition::Any, password).await.unwrap();
        let ended = office.repository.session_by_token(&token).await.map(drop);
        assert!(matches!(ended, Err(RepositoryError::Unauthenticated)), "{ended:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_never_takes_the_name_of_a_group() {
    each_office(async |office| {
        let user = NewUser { username: "Readers".to_owned(), ..NewUser::default() };
        let refused = office.system.user_create(user).await.map(drop);
        assert!(matches!(refused, Err(RepositoryError::Conflict { code: "name_taken", .. })), "{refused:?}");
        office.user("somebody", &[]).await;
        let refused = office.system.group_create(NewGroup::named("somebody")).await.map(drop);
        assert!(matches!(refused, Err(RepositoryError::Conflict { code: "name_taken", .. })), "{refused:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_group_stood_for_the_last_administrator() {
    each_office(async |office| {
        let boss = office.user("boss", &[]).await.actor().id();
        let promoted = UserChanges { administrator: Some(true), ..UserChanges::default() };
        office.system.user_update(boss, Precondition::Any, promoted).await.unwrap();
        for other in office.system.user_list(ALL).await.unwrap().items {
            if other.is_administrator && other.id != boss && other.username != "system" {
                let demoted = UserChanges { administrator: Some(false), ..UserChanges::default() };
                office.system.user_update(other.id, Precondition::Any, demoted).await.unwrap();
            }
        }
        let groups = office.system.group_list(ALL).await.unwrap().items;
        let administrators = groups.iter().find(|group| group.name == "administrators").unwrap().id;
        let refused = |result: Result<(), RepositoryError>| {
            assert!(matches!(result, Err(RepositoryError::Conflict { code: "last_administrator", .. })), "{result:?}");
        };
        let empty = office.system.group_create(NewGroup::named("empty")).await.unwrap().value.id;
        refused(office.system.group_set_members(administrators, Precondition::Any, vec![empty]).await.map(drop));
        let chiefs = office.system.group_create(NewGroup::named("chiefs")).await.unwrap().value.id;
        office.system.group_set_members(chiefs, Precondition::Any, vec![boss]).await.unwrap();
        office.system.group_set_members(administrators, Precondition::Any, vec![chiefs]).await.unwrap();
        for changes in [
            UserChanges { disabled: Some(true), ..UserChanges::default() },
            UserChanges { groups: Some(Vec::new()), ..UserChanges::default() },
        ] {
            refused(office.system.user_update(boss, Precondition::Any, changes).await.map(drop));
        }
        refused(office.system.group_set_members(chiefs, Precondition::Any, Vec::new()).await.map(drop));
        assert!(office.sign_in("boss").await.user_list(ALL).await.is_ok());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_groups_said_again_stopped_what_was_on_its_way() {
    each_office(async |office| {
        let writer = office.user("writer", &["staff"]).await;
        let same = UserChanges { groups: Some(vec!["staff".to_owned()]), ..UserChanges::default() };
        office.system.user_update(writer.actor().id(), Precondition::Any, same).await.unwrap();
        writer
            .dossier_create(cartulary_repository::NewFolder { name: "1".to_owned(), ..Default::default() })
            .await
            .unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_a_phone_writes_in_two_characters_was_wrong() {
    each_office(async |office| {
        let (one, two) = ("caf\u{e9}-terrasse-77", "cafe\u{301}-terrasse-77");
        let new = |name: &str, password: &str| NewUser {
            username: name.to_owned(),
            password: Some(password.to_owned()),
            ..NewUser::default()
        };
        office.system.user_create(new("lina", one)).await.unwrap();
        let request = cartulary_repository::SignIn {
            username: "lina".into(),
            password: two.into(),
            kind: cartulary_repository::SessionKind::Bearer,
            peer: Ipv4Addr::LOCALHOST.into(),
        };
        office.repository.sign_in(request).await.unwrap();
        let own = office.system.user_create(new("fatima.hassan", "Fatima.Hassan1")).await;
        assert!(matches!(own, Err(RepositoryError::Invalid { .. })), "{:?}", own.map(drop));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_folder_that_was_opened_before_its_folder_was_listed_stayed_out_of_lists() {
    each_office(async |office| {
        let clerk = office.user("clerk", &["staff"]).await;
        let dossier = office.dossier("A").await;
        let listed = async || {
            let window = clerk.children_list(dossier, ALL, ListOrder::Name).await.unwrap();
            let query = SearchQuery { text: "annex".into(), limit: 10, ..SearchQuery::default() };
            (window.total, window.items.len(), clerk.search(query).await.unwrap().total)
        };
        assert_eq!(listed().await, (0, 0, 0));
        let new = cartulary_repository::NewFolder { name: "annex".to_owned(), ..Default::default() };
        let annex = office.system.folder_create(dossier, new).await.unwrap().value.summary.id;
        clerk.object_get(annex).await.unwrap();
        office.settle().await;
        assert_eq!(listed().await, (1, 1, 1));
    })
    .await;
}

/// Whoever may write lists gave himself, and others, what he had not: retention, holds, history.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_gives_by_a_list_what_he_has_not() {
    each_office(async |office| {
        let (folder, _, _) = one_paper(office).await;
        let carol = office.user("carol", &[]).await;
        let admin = &office.system;
        let with = |entries: &[(&str, &str)]| list(entries, true);
        admin.acl_put(folder, ANY, with(&[("carol", "Manage")])).await.unwrap();
        for permission in ["Everything", "SetRetention", "ManageLegalHold", "ImportHistory"] {
            let wanted = with(&[("carol", "Manage"), ("carol", permission)]);
            let refused = carol.acl_put(folder, ANY, wanted).await.unwrap_err();
            assert!(matches!(refused, RepositoryError::Forbidden { .. }), "{permission}: {refused:?}");
            let named = vec![NewAccessEntry::granting("carol", permission)];
            let refused = carol.acl_put_named(folder, ANY, "zz".into(), named).await.unwrap_err();
            assert!(matches!(refused, RepositoryError::Forbidden { .. }), "{permission}: {refused:?}");
        }
        // What she has she gives, and what was given by others stays where it stands.
        carol.acl_put(folder, ANY, with(&[("carol", "Manage"), ("readers", "Write")])).await.unwrap();
        admin.acl_put(folder, ANY, with(&[("carol", "Manage"), ("readers", "SetRetention")])).await.unwrap();
        carol
            .acl_put(folder, ANY, with(&[("carol", "Manage"), ("readers", "SetRetention"), ("readers", "Read")]))
            .await
            .unwrap();
        // Nor does it come to her where a denial goes, or a list inherits again.
        let denied = NewAccessEntry { grants: false, ..NewAccessEntry::granting("carol", "Destroy") };
        let mut entries = vec![denied, NewAccessEntry::granting("carol", "Manage")];
        admin.acl_put(folder, ANY, NewAccessList { entries: entries.clone(), inherits: true }).await.unwrap();
        entries.remove(0);
        let refused = carol.acl_put(folder, ANY, NewAccessList { entries, inherits: true }).await.unwrap_err();
        assert!(
            matches!(&refused, RepositoryError::Forbidden { permission } if permission == "Destroy"),
            "{refused:?}"
        );
        let held = admin.acl_get(folder).await.unwrap();
        assert!(held.entries.iter().any(|entry| !entry.grants), "nothing changed");
    })
    .await;
}
