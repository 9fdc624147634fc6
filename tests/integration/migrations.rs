//! Every migration can be taken back, and leaves what it found; what an older release left is opened by this one.

use cartulary_db::testing;
use cartulary_model::ObjectId;
use cartulary_repository::{
    CORE_MIGRATIONS, NewDocument, NewLock, NewVersion, ObjectChanges, Precondition, Repository, RepositoryConfig,
    Session, VerifyOptions, VersionName,
};
use cartulary_tests::office::{TestOffice, content, each_office};

const ANY: Precondition = Precondition::Any;
/// The last migration of the older release that is played here: what it knew must be there afterwards.
const OLDER: &str = "0015";

#[test]
fn the_core_migrations_go_up_down_and_up_again_to_the_same_tables() {
    testing::check_migrations(&[CORE_MIGRATIONS]);
}

/// Returns what an error says, with its causes.
fn words_of(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source()).map(|error| format!("{error}; ")).collect()
}

/// Fills an office with what an older release knew, and returns a document of it.
async fn fill(office: &TestOffice, amal: &Session) -> ObjectId {
    let dossier = office.dossier("A").await;
    let bytes = content(amal, "letter", &[1; 700]).await;
    let new = NewDocument { name: "letter".into(), content: Some(bytes), ..NewDocument::default() };
    let letter = amal.document_create(dossier, new).await.unwrap().value.summary.id;
    amal.version_create(letter, ANY, NewVersion::default()).await.unwrap();
    let bytes = content(amal, "letter", &[2; 50]).await;
    amal.content_put(letter, ANY, bytes, Default::default()).await.unwrap();
    let taken = office.document(dossier, "taken", "taken").await.value.summary.id;
    let copy = amal.document_check_out(taken, None).await.unwrap().value.summary.id;
    let title = ObjectChanges { title: Some("begun".into()), ..ObjectChanges::default() };
    amal.object_update(copy, ANY, title).await.unwrap();
    amal.object_lock(letter, ANY, NewLock { comment: "at work".into(), expires_at: None }).await.unwrap();
    let trashed = office.document(dossier, "trashed", "trashed").await.value.summary.id;
    office.system.object_trash(trashed, ANY).await.unwrap();
    letter
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_older_release_left_is_opened_with_everything_in_it() {
    each_office(async |office| {
        let amal = office.user("amal", &["staff"]).await;
        let letter = fill(office, &amal).await;
        office.settle().await;
        let before = office.system.object_get(letter).await.unwrap();
        let actor = amal.actor().id();
        drop(amal);
        office.reopen_after(|database| testing::revert_after(&mut database.connect(), &[CORE_MIGRATIONS], OLDER)).await;
        let after = office.system.object_get(letter).await.unwrap();
        assert_eq!(after.summary.change_token, before.summary.change_token);
        assert_eq!(after.lock.unwrap().comment, "at work");
        let first = office.system.version_get(letter, VersionName::Label(1, 0)).await.unwrap();
        assert_eq!(first.summary.content.unwrap().size_bytes, 700);
        // What the newer release counts is counted of what was there.
        let usage = office.system.usage_get(actor).await.unwrap();
        assert_eq!((usage.size_bytes, usage.object_count), (750, 1));
        let verified = office.repository.verify(VerifyOptions::default(), |_| {}).await.unwrap();
        assert!(verified.is_clean(), "{:?}", verified.faults);
        // It goes on from there.
        let dossier = office.dossier("B").await;
        office.document(dossier, "new", "new").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_newer_release_wrote_is_refused_in_words_and_left_alone() {
    each_office(async |office| {
        let dossier = office.dossier("A").await;
        office.stop_background().await;
        office.tamper(
            "INSERT INTO schema_migration (owner, version, name, digest, applied_at)
             VALUES ('core', '9901', 'of_a_later_year', 'x', 1)",
        );
        let config = office.config().clone();
        let index_dir = office.folder().join("index-of-the-older");
        let older = RepositoryConfig { index_dir, ..config };
        let Err(error) = Repository::open(older, Vec::new()).await else { panic!("it was opened") };
        let words = words_of(&error);
        assert!(words.contains("written by a newer Cartulary"), "{words}");
        assert!(words.contains("`core/9901_of_a_later_year`"), "{words}");
        assert!(words.contains("start that version, or restore a backup"), "{words}");
        office.tamper("DELETE FROM schema_migration WHERE version = '9901'");
        office.reopen().await;
        office.system.object_get(dossier).await.unwrap();
    })
    .await;
}
