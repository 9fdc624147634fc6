//! The demonstration office in a real one: filled once, and a second time without adding anything.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeMap;
use std::sync::Mutex;

use cartulary_blobs::{FolderSettings, StoreConfig};
use cartulary_db::DatabaseConfig;
use cartulary_demo::{Filled, fill, module};
use cartulary_repository::{
    BackgroundTasks, ListOrder, NewFolder, ObjectChanges, ObjectSummary, Precondition, Repository, RepositoryConfig,
    Session, WindowRequest,
};

const ALL: WindowRequest = WindowRequest { offset: 0, limit: 1000 };

struct Office {
    session: Session,
    background: BackgroundTasks,
    _folder: tempfile::TempDir,
}

async fn office() -> Office {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let config = RepositoryConfig {
        database: DatabaseConfig::sqlite(path.join("office.sqlite")),
        store: StoreConfig::Folder(FolderSettings {
            path: path.join("blobs"),
            reserve_bytes: 0,
            ..FolderSettings::default()
        }),
        index_dir: path.join("index"),
        work_dir: path.join("work"),
        worker: None,
        job_workers: 1,
        session_hours: 12,
        garbage_grace_ms: 0,
        trash_keep_ms: 0,
        office_types: cartulary_model::TypeFile::default(),
        webhooks: cartulary_repository::WebhookRules::default(),
        backup: cartulary_repository::BackupSettings::default(),
    };
    let repository = Repository::open(config, vec![module()]).await.unwrap();
    let background = repository.start_background();
    Office { session: repository.system_session(), background, _folder: folder }
}

/// Returns every dossier with its papers, by name.
async fn contents(session: &Session) -> BTreeMap<String, (ObjectSummary, Vec<ObjectSummary>)> {
    let mut all = BTreeMap::new();
    for dossier in session.dossier_list(ALL, ListOrder::Name, None).await.unwrap().items {
        let papers = session.children_list(dossier.id, ALL, ListOrder::Receipt).await.unwrap().items;
        all.insert(dossier.name.clone(), (dossier, papers));
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_office_is_filled_once() {
    let office = office().await;
    let told = Mutex::new(Vec::new());
    let filled = fill(&office.session, |done, of| told.lock().unwrap().push((done, of))).await.unwrap();
    let contents_once = contents(&office.session).await;
    let papers: Vec<&ObjectSummary> = contents_once.values().flat_map(|(_, papers)| papers).collect();

    assert_eq!(filled.dossiers, 24);
    assert_eq!(contents_once.len(), 24);
    assert_eq!(filled.documents as usize, papers.len());
    assert!((150..260).contains(&filled.documents), "{filled:?}");
    assert!(filled.versions > filled.documents, "several have more than one version: {filled:?}");
    let told = told.into_inner().unwrap();
    assert_eq!(told.last(), Some(&(filled.documents, filled.documents)));

    for (name, (dossier, papers)) in &contents_once {
        assert!((3..=12).contains(&papers.len()), "{name} has {} papers", papers.len());
        assert!(dossier.type_id.starts_with("demo:"), "{name}");
        assert!(papers.iter().all(|paper| paper.type_id == "demo:paper"), "{name}");
        let names: Vec<&String> = papers.iter().map(|paper| &paper.name).collect();
        assert!(names.is_sorted(), "{name} is not in the order of receipt: {names:?}");
    }
    assert!(papers.iter().filter(|paper| paper.content.is_none()).count() >= 5, "placeholders are missing");
    assert_eq!(papers.iter().filter(|paper| paper.version_label.as_deref() == Some("3.0")).count(), 1);
    assert!(papers.iter().any(|paper| paper.version_label.as_deref() == Some("1.1")));

    let again = fill(&office.session, |_, _| ()).await.unwrap();
    assert_eq!(again, Filled::default());
    let contents_twice = contents(&office.session).await;
    let tokens = |all: &BTreeMap<String, (ObjectSummary, Vec<ObjectSummary>)>| -> Vec<i64> {
        all.values().flat_map(|(_, papers)| papers.iter().map(|paper| paper.change_token)).collect()
    };
    assert_eq!(tokens(&contents_once), tokens(&contents_twice), "something was written again");
    office.background.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_people_changed_is_left_alone() {
    let office = office().await;
    let session = &office.session;
    let name = "TM-2026-000788";
    session.dossier_create(NewFolder { name: name.to_owned(), ..NewFolder::default() }).await.unwrap();
    let filled = fill(session, |_, _| ()).await.unwrap();
    assert_eq!(filled.dossiers, 23, "a dossier of that name was there");

    let (_, papers) = contents(session).await.remove(name).unwrap();
    let renamed = ObjectChanges { name: Some("renamed.txt".to_owned()), ..ObjectChanges::default() };
    session.object_update(papers[1].id, Precondition::Any, renamed).await.unwrap();
    session.object_trash(papers[2].id, Precondition::Any).await.unwrap();
    assert_eq!(fill(session, |_, _| ()).await.unwrap(), Filled::default());
    let (_, after) = contents(session).await.remove(name).unwrap();
    assert_eq!(after.len(), papers.len() - 1);
    office.background.stop().await;
}
