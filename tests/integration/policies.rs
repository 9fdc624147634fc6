//! Security policies of modules: what one hides is hidden alike by every door, at once, and by itself no more.

use cartulary_model::{BlobDigest, ObjectId, TypeFile};
use cartulary_repository::{
    BootError, Module, NewAccessEntry, NewAccessList, NewCopy, NewDocument, ObjectChanges, ObjectMove, Precondition,
    QueryRequest, Repository, RepositoryConfig, RepositoryError, SecurityPolicy, Session, VerifyOptions, VersionNote,
};
use cartulary_tests::office::{TestOffice, content, each_office};

use crate::access::{EVERYTHING, NOTHING, Sight, one_paper, sight};

const TYPES: &str = r#"
[[types]]
id = "test:secret"
base = "facet"
label = "Secret"
[[types.properties]]
id = "test:until"
kind = "datetime"
label = "Until"

[[types]]
id = "test:secretFolder"
parent = "folder"
base = "folder"
label = "Secret folder"
facets = ["test:secret"]
"#;

const POLICY: SecurityPolicy =
    SecurityPolicy { name: "test.secret", facet: "test:secret", until: Some("test:until"), seen_by: "keepers" };

fn module(policies: Vec<SecurityPolicy>) -> Module {
    Module { name: "test", types: TypeFile::parse(TYPES).unwrap(), policies, ..Module::default() }
}

/// Three people: one who reads, one who writes, and one who reads and is in the policy's group.
async fn people(office: &TestOffice) -> [Session; 3] {
    let [reader, writer] = [office.user("reader", &["readers"]).await, office.user("writer", &["staff"]).await];
    [reader, writer, office.user("keeper", &["readers", "keepers"]).await]
}

/// Whether a statement finds the paper, and how many it counts.
async fn stated(session: &Session) -> u64 {
    let statement = "SELECT cmis:name FROM cmis:document WHERE cmis:name = 'paper.txt'".to_owned();
    let request = QueryRequest { statement, all_versions: false, offset: 0, limit: 10 };
    let found = session.query(request).await.unwrap();
    assert_eq!(found.total, found.rows.len() as u64);
    found.total
}

async fn put_facets(office: &TestOffice, id: ObjectId, facets: &[&str], until: Option<&str>) {
    let mut changes =
        ObjectChanges { facets: Some(facets.iter().map(ToString::to_string).collect()), ..ObjectChanges::default() };
    if let Some(until) = until {
        changes.properties.insert("test:until".to_owned(), until.into());
    }
    office.system.object_update(id, Precondition::Any, changes).await.unwrap();
    office.repository.sequence_now().await.unwrap();
}

/// A paper that is secret from its first moment.
async fn secret_paper(office: &TestOffice) -> (ObjectId, ObjectId, BlobDigest) {
    let dossier = office.dossier("open").await;
    let text = "a process for drying cassava";
    let new = NewDocument {
        name: "paper.txt".to_owned(),
        facets: vec!["test:secret".to_owned()],
        content: Some(content(&office.system, "paper.txt", text.as_bytes()).await),
        ..NewDocument::default()
    };
    let paper = office.system.document_create(dossier, new).await.unwrap().value.summary;
    office.settle().await;
    (dossier, paper.id, BlobDigest::of(text.as_bytes()))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_policy_hides_is_hidden_by_every_door_and_shown_to_its_group() {
    each_office(async |office| {
        office.reopen_with(vec![module(vec![POLICY])]).await;
        let (dossier, paper, digest) = secret_paper(office).await;
        let [reader, writer, keeper] = people(office).await;
        for outsider in [&reader, &writer] {
            assert_eq!(sight(outsider, dossier, paper, digest).await, Sight { dossiers: 1, ..NOTHING });
            assert_eq!(stated(outsider).await, 0);
            assert!(outsider.object_by_path("/open/paper.txt").await.is_err());
            let refused = outsider.object_update(paper, Precondition::Any, ObjectChanges::default()).await;
            assert!(matches!(refused, Err(RepositoryError::NotFound { .. })), "it is not there: {refused:?}");
        }
        assert_eq!(sight(&keeper, dossier, paper, digest).await, EVERYTHING);
        assert_eq!((stated(&keeper).await, stated(&office.system).await), (1, 1));
        // No list opens what a policy hides.
        let grant = NewAccessList { entries: vec![NewAccessEntry::granting("reader", "Everything")], inherits: false };
        office.system.acl_put(paper, Precondition::Any, grant).await.unwrap();
        office.settle().await;
        assert_eq!(sight(&reader, dossier, paper, digest).await, Sight { dossiers: 1, ..NOTHING });
        let why = office
            .system
            .access_explanation(paper, Some("reader".to_owned()), Some("Browse".to_owned()))
            .await
            .unwrap();
        let [browse] = why.permissions.as_slice() else { panic!("{why:?}") };
        let entry = &browse.decided_by.as_ref().unwrap().entry;
        assert!(!browse.granted && entry.list == "policy:test.secret", "{browse:?}");
        let taken =
            office.system.acl_put_named(paper, Precondition::Any, "policy:test.secret".to_owned(), Vec::new()).await;
        assert!(matches!(taken, Err(RepositoryError::Invalid { .. })), "a mark is the module's: {taken:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_facet_that_comes_or_goes_hides_and_shows_at_once_though_the_index_feed_stands_still() {
    each_office(async |office| {
        office.reopen_with(vec![module(vec![POLICY])]).await;
        let (dossier, paper, digest) = one_paper(office).await;
        let [reader, _, keeper] = people(office).await;
        assert_eq!(sight(&reader, dossier, paper, digest).await, EVERYTHING);
        office.stop_background().await;
        put_facets(office, paper, &["test:secret"], None).await;
        // Also what the log said before.
        assert_eq!(sight(&reader, dossier, paper, digest).await, Sight { dossiers: 1, ..NOTHING });
        assert_eq!((stated(&reader).await, stated(&keeper).await), (0, 1));
        assert_eq!(sight(&keeper, dossier, paper, digest).await, EVERYTHING);
        put_facets(office, paper, &[], None).await;
        assert_eq!(sight(&reader, dossier, paper, digest).await, EVERYTHING);
        office.start_background();
        put_facets(office, paper, &["test:secret"], None).await;
        office.settle().await;
        office.tamper("DELETE FROM acl_entry WHERE list = 'policy:test.secret'");
        let found = office.repository.verify(VerifyOptions::default(), |_| ()).await.unwrap();
        let [fault] = found.faults.as_slice() else { panic!("{:?}", found.faults) };
        assert_eq!(fault.code, "policy_differs");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_folder_hides_what_lies_in_it_also_below_a_list_that_does_not_inherit() {
    each_office(async |office| {
        office.reopen_with(vec![module(vec![POLICY])]).await;
        let (dossier, paper, digest) = one_paper(office).await;
        let [reader, _, keeper] = people(office).await;
        let own = NewAccessList { entries: vec![NewAccessEntry::granting("readers", "Read")], inherits: false };
        office.system.acl_put(paper, Precondition::Any, own).await.unwrap();
        put_facets(office, dossier, &["test:secret"], None).await;
        office.settle().await;
        assert_eq!(sight(&reader, dossier, paper, digest).await, NOTHING);
        assert_eq!(sight(&keeper, dossier, paper, digest).await, EVERYTHING);
        // A type that bears the facet does the same.
        let new = cartulary_repository::NewFolder {
            name: "inner".to_owned(),
            type_id: Some("test:secretFolder".to_owned()),
            ..Default::default()
        };
        put_facets(office, dossier, &[], None).await;
        let inner = office.system.folder_create(dossier, new).await.unwrap().value.summary.id;
        assert!(reader.object_get(inner).await.is_err());
        assert!(keeper.object_get(inner).await.is_ok());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_stays_one_when_it_is_moved_copied_trashed_and_worked_on() {
    each_office(async |office| {
        office.reopen_with(vec![module(vec![POLICY])]).await;
        let (dossier, paper, digest) = secret_paper(office).await;
        let [reader, _, keeper] = people(office).await;
        let other = office.dossier("other").await;
        let hidden = Sight { dossiers: 2, ..NOTHING };
        let shown = Sight { dossiers: 2, ..EVERYTHING };

        let to = ObjectMove { from: None, to: other, name: None };
        office.system.object_move(paper, Precondition::Any, to).await.unwrap();
        office.settle().await;
        assert_eq!(sight(&reader, other, paper, digest).await, hidden);
        assert_eq!(sight(&keeper, other, paper, digest).await, shown);

        let copy = NewCopy { folder: dossier, name: None, idempotency_key: None };
        let copy = office.system.object_copy(paper, copy).await.unwrap().value.detail.summary.id;
        office.settle().await;
        assert_eq!(sight(&reader, dossier, copy, digest).await, hidden);
        assert!(keeper.object_get(copy).await.is_ok());

        let next = content(&office.system, "paper.txt", b"more about cassava").await;
        office.system.content_put(paper, Precondition::Any, next, VersionNote::default()).await.unwrap();
        let working = office.system.document_check_out(paper, None).await.unwrap().value.summary.id;
        office.settle().await;
        for id in [paper, working] {
            assert!(reader.object_get(id).await.is_err());
        }
        assert!(reader.version_list(paper, crate::access::ALL).await.is_err());
        assert_eq!(sight(&reader, other, paper, digest).await, hidden);
        office.system.check_out_cancel(working, Precondition::Any).await.unwrap();

        office.system.object_trash(paper, Precondition::Any).await.unwrap();
        office.system.object_restore(paper).await.unwrap();
        office.settle().await;
        assert_eq!(sight(&reader, other, paper, digest).await, hidden);
        let found = office.repository.verify(VerifyOptions::default(), |_| ()).await.unwrap();
        assert!(found.is_clean(), "{:?}", found.faults);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instant_that_comes_shows_what_was_hidden_by_itself() {
    each_office(async |office| {
        office.reopen_with(vec![module(vec![POLICY])]).await;
        let (dossier, paper, digest) = one_paper(office).await;
        let [reader, ..] = people(office).await;
        let until = office.repository.clock().now().plus_millis(600_000).to_string();
        put_facets(office, paper, &["test:secret"], Some(&until)).await;
        office.settle().await;
        assert_eq!(sight(&reader, dossier, paper, digest).await, Sight { dossiers: 1, ..NOTHING });
        office.repository.clock().shift(600_001);
        assert_eq!(sight(&reader, dossier, paper, digest).await, EVERYTHING);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_comes_later_hides_what_is_there_and_one_that_is_left_out_shows_nothing() {
    each_office(async |office| {
        office.reopen_with(vec![module(Vec::new())]).await;
        let (dossier, paper, digest) = secret_paper(office).await;
        let reader = office.user("reader", &["readers"]).await;
        assert_eq!(sight(&reader, dossier, paper, digest).await, EVERYTHING, "no policy yet");
        drop(reader);
        office.reopen_with(vec![module(vec![POLICY])]).await;
        let reader = office.sign_in("reader").await;
        office.settle().await;
        assert_eq!(sight(&reader, dossier, paper, digest).await, Sight { dossiers: 1, ..NOTHING });
        drop(reader);
        let found = office.repository.verify(VerifyOptions::default(), |_| ()).await.unwrap();
        assert!(found.is_clean(), "{:?}", found.faults);
        // Somebody forgot the policy.
        office.reopen_with(vec![module(Vec::new())]).await;
        let reader = office.sign_in("reader").await;
        office.settle().await;
        assert_eq!(sight(&reader, dossier, paper, digest).await, Sight { dossiers: 1, ..NOTHING });
        // An administrator takes the mark away that nobody keeps any more.
        office
            .system
            .acl_put_named(paper, Precondition::Any, "policy:test.secret".to_owned(), Vec::new())
            .await
            .unwrap();
        office.settle().await;
        assert_eq!(sight(&reader, dossier, paper, digest).await, EVERYTHING);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_cannot_be_made_a_filter_is_refused_at_boot_and_all_that_is_wrong_is_said() {
    each_office(async |office| {
        let wrong = vec![
            SecurityPolicy { name: "other.secret", ..POLICY },
            SecurityPolicy { name: "test.one", facet: "test:nothing", ..POLICY },
            SecurityPolicy { name: "test.two", facet: "folder", ..POLICY },
            SecurityPolicy { name: "test.three", until: Some("test:never"), ..POLICY },
            SecurityPolicy { name: "test.three", seen_by: "", ..POLICY },
        ];
        let folder = tempfile::tempdir().unwrap();
        let config = RepositoryConfig { index_dir: folder.path().to_owned(), ..office.config().clone() };
        let Err(BootError::Problems(problems)) = Repository::open(config, vec![module(wrong)]).await else { panic!() };
        let all = problems.join("\n");
        for words in
            ["`other.secret` of `test`", "`test:nothing`", "`folder`", "`test:never`", "there twice", "names no group"]
        {
            assert!(all.contains(words), "{words}: {all}");
        }
    })
    .await;
}
