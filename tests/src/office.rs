//! An office inside the test's own process: its own database, blob folder and index.
//!
//! ```ignore
//! each_office(async |office| {
//!     let dossier = office.dossier("ACME").await;
//!     let letter = office.document(dossier, "letter.txt", "Dear Sir").await;
//!     office.settle().await;
//! })
//! .await;
//! ```
//! The body runs on SQLite, and on PostgreSQL where `CARTULARY_TEST_POSTGRES` names a server.

#![expect(clippy::expect_used, clippy::print_stderr, reason = "a test that cannot have its office must fail, in words")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use cartulary_blobs::{FolderSettings, StagedBlob, StoreConfig};
use cartulary_db::testing::{self, TestDatabase};
use cartulary_formats::WorkerConfig;
use cartulary_model::ObjectId;
use cartulary_repository::{
    BackgroundTasks, BackupSettings, CORE_MIGRATIONS, Module, NewContent, NewDocument, NewFolder, NewUser,
    ObjectDetail, Repository, RepositoryConfig, Session, SessionKind, SignIn, Written,
};

/// A running office.
pub struct TestOffice {
    /// The repository.
    pub repository: Repository,
    /// A session of the built-in user, which may do everything.
    pub system: Session,
    background: Option<BackgroundTasks>,
    config: RepositoryConfig,
    modules: Vec<Module>,
    database: TestDatabase,
    folder: tempfile::TempDir,
}

/// The password of every user.
const PASSWORD: &str = "correct horse battery";

/// Runs a test on an office of each database that is at hand.
pub async fn each_office(test: impl AsyncFn(&mut TestOffice)) {
    for database in testing::each_database(&[CORE_MIGRATIONS]) {
        eprintln!("on {}", database.backend());
        let mut office = TestOffice::open(database).await;
        test(&mut office).await;
        office.stop_background().await;
    }
}

/// Runs a test on two offices of each database that is at hand: what leaves one can be brought into the other.
pub async fn each_pair(test: impl AsyncFn(&mut TestOffice, &mut TestOffice)) {
    let others = testing::each_database(&[CORE_MIGRATIONS]);
    for (database, other) in testing::each_database(&[CORE_MIGRATIONS]).into_iter().zip(others) {
        eprintln!("on {}", database.backend());
        let (mut office, mut other) = (TestOffice::open(database).await, TestOffice::open(other).await);
        test(&mut office, &mut other).await;
        office.stop_background().await;
        other.stop_background().await;
    }
}

impl TestOffice {
    async fn open(database: TestDatabase) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let worker = std::env::var_os("CARTULARY_TEST_WORKER").map(PathBuf::from).or_else(worker_beside_test);
        let config = RepositoryConfig {
            database: database.config.clone(),
            store: StoreConfig::Folder(FolderSettings {
                path: folder.path().join("blobs"),
                reserve_bytes: 0,
                ..FolderSettings::default()
            }),
            index_dir: folder.path().join("index"),
            work_dir: folder.path().join("work"),
            worker: worker.map(|program| WorkerConfig { workers: 1, ..WorkerConfig::new(program, Vec::new()) }),
            job_workers: 2,
            session_hours: 12,
            garbage_grace_ms: 0,
            trash_keep_ms: 90 * 24 * 3_600_000,
            office_types: cartulary_model::TypeFile::default(),
            webhooks: cartulary_repository::WebhookRules::default(),
            backup: BackupSettings {
                config_dir: folder.path().join("config"),
                more_files: Vec::new(),
                office: "Office of the tests".to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
            },
        };
        let repository = Repository::open(config.clone(), Vec::new()).await.expect("an office opens");
        let background = Some(repository.start_background());
        let system = repository.system_session();
        Self { repository, system, background, config, modules: Vec::new(), database, folder }
    }

    /// Tells whether the rows are with a server, which other nodes may use.
    pub fn is_shared(&self) -> bool {
        self.config.database.backend != cartulary_db::Backend::Sqlite
    }

    /// Returns the office's folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns what it was opened with.
    pub fn config(&self) -> &RepositoryConfig {
        &self.config
    }

    /// Returns the folder of its blobs.
    pub fn blob_folder(&self) -> PathBuf {
        self.folder.path().join("blobs")
    }

    /// Changes rows behind the office's back, as somebody who has the database does.
    pub fn tamper(&self, sql: &str) {
        self.database.run_sql(sql);
    }

    /// Stops jobs, index feed and sequencer, as when a node is stuck.
    pub async fn stop_background(&mut self) {
        if let Some(background) = self.background.take() {
            background.stop().await;
        }
    }

    /// Starts them again.
    pub fn start_background(&mut self) {
        self.background = Some(self.repository.start_background());
    }

    /// Closes the office and opens it again on the same data, configured in another way.
    pub async fn reopen_as(&mut self, change: impl FnOnce(&mut RepositoryConfig)) {
        change(&mut self.config);
        self.reopen().await;
    }

    /// Closes the office and opens it again on the same data, with these modules.
    pub async fn reopen_with(&mut self, modules: Vec<Module>) {
        self.modules = modules;
        self.reopen().await;
    }

    /// Opens the same rows once more, as another machine does where they are with a server.
    pub async fn another_node(&self) -> Repository {
        let config = RepositoryConfig { index_dir: self.folder.path().join("index-2"), ..self.config.clone() };
        Repository::open(config, self.modules.clone()).await.expect("another node opens")
    }

    /// Closes the office and opens it again on the same data.
    pub async fn reopen(&mut self) {
        self.reopen_after(|_| {}).await;
    }

    /// Closes the office, changes its database, and opens it again.
    pub async fn reopen_after(&mut self, change: impl FnOnce(&TestDatabase)) {
        self.stop_background().await;
        let parked = tempfile::tempdir().expect("a folder");
        let parked_config = RepositoryConfig {
            database: cartulary_db::DatabaseConfig::sqlite(parked.path().join("parked.sqlite")),
            store: StoreConfig::Memory,
            index_dir: parked.path().join("index"),
            work_dir: parked.path().join("work"),
            ..self.config.clone()
        };
        let parking = Repository::open(parked_config, Vec::new()).await.expect("a place to park");
        self.system = parking.system_session();
        let old = std::mem::replace(&mut self.repository, parking);
        old.close().await;
        change(&self.database);
        self.repository =
            Repository::open(self.config.clone(), self.modules.clone()).await.expect("the office opens again");
        self.system = self.repository.system_session();
        self.start_background();
    }

    /// Declares the types and facets of a file.
    pub async fn declare(&self, toml: &str) {
        for definition in cartulary_model::TypeFile::parse(toml).expect("types").types {
            self.system.type_create(definition).await.expect("a type");
        }
    }

    /// Makes a dossier.
    pub async fn dossier(&self, name: &str) -> ObjectId {
        let new = NewFolder { name: name.to_owned(), ..NewFolder::default() };
        self.system.dossier_create(new).await.expect("a dossier").value.summary.id
    }

    /// Makes a document of a text, and returns it with its transaction.
    pub async fn document(&self, dossier: ObjectId, name: &str, text: &str) -> Written<ObjectDetail> {
        let new = NewDocument {
            name: name.to_owned(),
            content: Some(content(&self.system, name, text.as_bytes()).await),
            ..NewDocument::default()
        };
        self.system.document_create(dossier, new).await.expect("a document")
    }

    /// Makes a user in some groups and signs it in.
    pub async fn user(&self, name: &str, groups: &[&str]) -> Session {
        let new = NewUser {
            username: name.to_owned(),
            password: Some(PASSWORD.to_owned()),
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
            ..NewUser::default()
        };
        self.system.user_create(new).await.expect("a user");
        self.sign_in(name).await
    }

    /// Signs in a user that [`TestOffice::user`] made.
    pub async fn sign_in(&self, name: &str) -> Session {
        let request = SignIn {
            username: name.to_owned(),
            password: PASSWORD.to_owned(),
            kind: SessionKind::Bearer,
            peer: std::net::Ipv4Addr::LOCALHOST.into(),
        };
        self.repository.sign_in(request).await.expect("a session").session
    }

    /// Waits until texts are read and the index has passed everything written so far.
    pub async fn settle(&self) {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
        loop {
            let (waiting, running) = (self.jobs("waiting").await, self.jobs("running").await);
            let marker = self.dossier_marker().await;
            self.repository.wait_indexed(&marker, Duration::from_secs(60)).await.expect("the index follows");
            if waiting + running == 0 && self.jobs("waiting").await + self.jobs("running").await == 0 {
                return;
            }
            assert!(tokio::time::Instant::now() < deadline, "jobs do not come to an end");
        }
    }

    async fn jobs(&self, state: &str) -> u64 {
        let state = cartulary_repository::JobState::parse(state);
        let window = cartulary_repository::WindowRequest { offset: 0, limit: 1 };
        self.system.job_list(state, window).await.expect("jobs").total
    }

    /// Writes something that changes nothing that tests look at, to wait for.
    async fn dossier_marker(&self) -> String {
        let root = self.system.root_folder().await.expect("the root folder");
        let precondition = cartulary_repository::Precondition::Any;
        let changes = cartulary_repository::ObjectChanges {
            title: Some("Cartulary".to_owned()),
            ..cartulary_repository::ObjectChanges::default()
        };
        self.system.object_update(root, precondition, changes).await.expect("a marker").transaction
    }
}

/// Stages bytes as content.
pub async fn content(session: &Session, file_name: &str, bytes: &[u8]) -> NewContent {
    let staged = stage(session, bytes).await;
    NewContent { bytes: staged.into(), file_name: file_name.to_owned(), file_name_raw: None, media_type: None }
}

/// Stages bytes.
pub async fn stage(session: &Session, bytes: &[u8]) -> StagedBlob {
    let chunk = Bytes::copy_from_slice(bytes);
    let body = futures::stream::iter([Ok::<_, std::io::Error>(chunk)]);
    session.content_stage(body).await.expect("staged bytes")
}

/// Returns this package's worker, which cargo puts beside the folder of the test binary.
fn worker_beside_test() -> Option<PathBuf> {
    let test = std::env::current_exe().ok()?;
    let worker = test.parent()?.parent()?.join("cartulary-test-worker");
    worker.exists().then_some(worker)
}
