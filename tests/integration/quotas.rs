//! Quotas: what users take is counted as it is, and nobody takes more than he may, two at once neither.

use cartulary_model::ObjectId;
use cartulary_repository::{
    NewCopy, NewDocument, NewFolder, NewVersion, ObjectChanges, Precondition, Quota, RepositoryError, Session,
    UsageView, VerifyOptions, VersionName, WindowRequest,
};
use cartulary_tests::office::{TestOffice, content, each_office};

const ANY: Precondition = Precondition::Any;

async fn usage(session: &Session) -> (u64, u64) {
    let UsageView { size_bytes, object_count, .. } = session.usage_get(session.actor().id()).await.unwrap();
    (size_bytes, object_count)
}

async fn paper(session: &Session, folder: ObjectId, name: &str, bytes: &[u8]) -> Result<ObjectId, RepositoryError> {
    let content = Some(content(session, name, bytes).await);
    let new = NewDocument { name: name.to_owned(), content, ..NewDocument::default() };
    Ok(session.document_create(folder, new).await?.value.summary.id)
}

async fn limit(office: &TestOffice, user: &Session, bytes_max: Option<u64>, objects_max: Option<u64>) {
    let quota = Quota { bytes_max, objects_max };
    let put = office.system.quota_put(user.actor().id(), ANY, quota).await.unwrap().value;
    assert_eq!(put.quota, quota);
}

fn is_exceeded<T: std::fmt::Debug>(outcome: Result<T, RepositoryError>, bytes: u64, objects: u64) {
    match outcome {
        Err(RepositoryError::QuotaExceeded { excess }) => {
            assert_eq!((excess.size_bytes, excess.object_count), (bytes, objects));
        }
        other => panic!("{other:?}"),
    }
}

async fn is_counted_right(office: &TestOffice) {
    let verified = office.repository.verify(VerifyOptions::default(), |_| {}).await.unwrap();
    assert!(verified.is_clean(), "{:?}", verified.faults);
    assert_eq!(office.repository.recount_space().await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_user_takes_is_counted_by_every_way_of_writing() {
    each_office(async |office| {
        let amal = office.user("amal", &["staff"]).await;
        let dossier = office.dossier("A").await;
        let one = paper(&amal, dossier, "one", &[1; 1_000]).await.unwrap();
        assert_eq!(usage(&amal).await, (1_000, 1));
        // The same bytes in further versions count once, another content counts beside them.
        let title = ObjectChanges { title: Some("Another".into()), ..ObjectChanges::default() };
        amal.object_update(one, ANY, title).await.unwrap();
        amal.version_create(one, ANY, NewVersion::default()).await.unwrap();
        assert_eq!(usage(&amal).await, (1_000, 1));
        let bytes = content(&amal, "one", &[2; 500]).await;
        amal.content_put(one, ANY, bytes, Default::default()).await.unwrap();
        assert_eq!(usage(&amal).await, (1_500, 1));
        let bytes = content(&amal, "one", &[3; 70]).await;
        amal.slot_put(one, "annex".parse().unwrap(), ANY, bytes, Default::default()).await.unwrap();
        assert_eq!(usage(&amal).await, (1_570, 1));
        // A working copy is no object of its own; what is changed in it counts until that is given up.
        let copy = amal.document_check_out(one, None).await.unwrap().value.summary.id;
        let bytes = content(&amal, "one", &[4; 9]).await;
        amal.content_put(copy, ANY, bytes, Default::default()).await.unwrap();
        assert_eq!(usage(&amal).await, (1_579, 1));
        amal.check_out_cancel(copy, ANY).await.unwrap();
        assert_eq!(usage(&amal).await, (1_570, 1));
        // What somebody else writes into it counts for whoever made it; a copy counts for whoever copies.
        let rana = office.user("rana", &["staff"]).await;
        let bytes = content(&rana, "one", &[5; 30]).await;
        rana.content_put(one, ANY, bytes, Default::default()).await.unwrap();
        let again = NewCopy { folder: dossier, name: Some("copy".into()), idempotency_key: None };
        rana.object_copy(one, again).await.unwrap();
        assert_eq!((usage(&amal).await, usage(&rana).await), ((1_600, 1), (100, 1)));
        amal.folder_create(dossier, NewFolder { name: "f".into(), ..NewFolder::default() }).await.unwrap();
        assert_eq!(usage(&amal).await, (1_600, 2));
        is_counted_right(office).await;
        // The trash takes room; what is destroyed takes none.
        amal.object_trash(one, ANY).await.unwrap();
        assert_eq!(usage(&amal).await, (1_600, 2));
        amal.object_restore(one).await.unwrap();
        office.system.version_destroy(one, VersionName::Id(first_version(&amal, one).await), ANY).await.unwrap();
        office.system.object_destroy(one, ANY).await.unwrap();
        assert_eq!((usage(&amal).await, usage(&rana).await), ((0, 1), (100, 1)));
        is_counted_right(office).await;
        let all = office.system.usage_list(WindowRequest { offset: 0, limit: 1 }).await.unwrap();
        assert_eq!(all.items[0].user.name, "rana", "who takes most comes first");
        assert!(matches!(
            amal.usage_list(WindowRequest { offset: 0, limit: 1 }).await,
            Err(RepositoryError::Forbidden { .. })
        ));
        assert!(matches!(amal.usage_get(rana.actor().id()).await, Err(RepositoryError::Forbidden { .. })));
    })
    .await;
}

async fn first_version(session: &Session, id: ObjectId) -> ObjectId {
    session.version_get(id, VersionName::Label(1, 0)).await.unwrap().summary.id
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_takes_more_than_he_may_and_nothing_has_changed_then() {
    each_office(async |office| {
        let amal = office.user("amal", &["staff"]).await;
        let dossier = office.dossier("A").await;
        let one = paper(&amal, dossier, "one", &[1; 600]).await.unwrap();
        limit(office, &amal, Some(1_000), Some(3)).await;
        is_exceeded(paper(&amal, dossier, "two", &[2; 401]).await, 1_001, 2);
        let bytes = content(&amal, "one", &[3; 500]).await;
        is_exceeded(amal.content_put(one, ANY, bytes, Default::default()).await, 1_100, 1);
        assert_eq!(usage(&amal).await, (600, 1));
        assert_eq!(amal.object_get(one).await.unwrap().summary.content.unwrap().size_bytes, 600);
        paper(&amal, dossier, "two", &[2; 400]).await.unwrap();
        paper(&amal, dossier, "three", &[]).await.unwrap();
        is_exceeded(paper(&amal, dossier, "four", &[]).await, 1_000, 4);
        is_exceeded(
            amal.folder_create(dossier, NewFolder { name: "f".into(), ..NewFolder::default() }).await,
            1_000,
            4,
        );
        // Who takes more already keeps it, changes it, and makes room.
        limit(office, &amal, Some(10), None).await;
        let title = ObjectChanges { title: Some("Another".into()), ..ObjectChanges::default() };
        amal.object_update(one, ANY, title).await.unwrap();
        let bytes = content(&amal, "one", &[9; 1]).await;
        is_exceeded(amal.content_put(one, ANY, bytes, Default::default()).await, 1_001, 3);
        office.system.object_destroy(one, ANY).await.unwrap();
        assert_eq!(usage(&amal).await, (400, 2));
        limit(office, &amal, None, None).await;
        paper(&amal, dossier, "one", &[1; 2_000]).await.unwrap();
        let stale = office.system.quota_put(amal.actor().id(), Precondition::Token(1), Quota::default()).await;
        assert!(matches!(stale, Err(RepositoryError::Stale { .. })));
        assert!(matches!(
            amal.quota_put(amal.actor().id(), ANY, Quota::default()).await,
            Err(RepositoryError::Forbidden { .. })
        ));
        is_counted_right(office).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_do_not_take_more_together() {
    each_office(async |office| {
        let amal = office.user("amal", &["staff"]).await;
        let dossier = office.dossier("A").await;
        limit(office, &amal, Some(500), None).await;
        let tries = (0..12).map(|number: u8| {
            let amal = &amal;
            async move { paper(amal, dossier, &number.to_string(), &[number; 100]).await.is_ok() }
        });
        let taken = futures::future::join_all(tries).await.into_iter().filter(|is_taken| *is_taken).count();
        assert_eq!(taken, 5);
        assert_eq!(usage(&amal).await, (500, 5));
        is_counted_right(office).await;
    })
    .await;
}
