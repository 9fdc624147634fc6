//! Backups: everything comes back, only what is new is laid down, nothing else is written, and damage is seen.

use std::path::{Path, PathBuf};

use cartulary_blobs::{FolderSettings, ShelfConfig, StoreConfig};
use cartulary_db::testing::{self, TestDatabase};
use cartulary_repository::{
    BackupError, BackupPlace, BackupSettings, BackupState, CORE_MIGRATIONS, NewBackupTarget, RecoveryKey, Repository,
    RepositoryConfig, RestorePlan, VerifyOptions, WindowRequest,
};
use cartulary_tests::office::{TestOffice, each_office};
use secrecy::SecretString;

const TARGET: &str = "disk";
const PASSPHRASE: &str = "seven old ledgers";

fn shelf(office: &TestOffice) -> PathBuf {
    office.folder().join("disk")
}

fn at(path: &Path) -> ShelfConfig {
    ShelfConfig::Folder { path: path.to_owned() }
}

/// Sets a target up and returns the key of its sheet.
async fn set_up(office: &TestOffice) -> RecoveryKey {
    let new = NewBackupTarget {
        name: TARGET.to_owned(),
        shelf: at(&shelf(office)),
        every_hours: 24,
        bytes_per_second: 0,
        keep: 2,
        passphrase: Some(SecretString::from(PASSPHRASE)),
    };
    let sheet = office.config().backup.set_up(new, office.folder()).await.unwrap();
    let key = sheet.text.lines().skip_while(|line| !line.starts_with("Recovery key")).skip(2);
    let key: String = key.take_while(|line| !line.is_empty()).collect();
    assert!(key.trim().starts_with("AGE-SECR"), "{}", sheet.text);
    RecoveryKey::Sheet(SecretString::from(key))
}

/// An empty place for an office, with an empty database of the same kind.
struct NewPlace {
    folder: tempfile::TempDir,
    database: Option<TestDatabase>,
    plan: RestorePlan,
}

fn new_place(office: &TestOffice) -> NewPlace {
    let folder = tempfile::tempdir().unwrap();
    let database = if office.is_shared() { testing::postgres_database(&[]) } else { None };
    if let Some(database) = &database {
        database.run_sql("DROP TABLE IF EXISTS schema_migration");
    }
    let sqlite = cartulary_db::DatabaseConfig::sqlite(folder.path().join("db/office.sqlite"));
    let plan = RestorePlan {
        database: database.as_ref().map_or(sqlite, |database| database.config.clone()),
        store: StoreConfig::Folder(FolderSettings {
            path: folder.path().join("blobs"),
            reserve_bytes: 0,
            ..FolderSettings::default()
        }),
        work_dir: folder.path().to_owned(),
        migrations: vec![CORE_MIGRATIONS],
        has_database: false,
    };
    NewPlace { folder, database, plan }
}

impl NewPlace {
    async fn open(&self) -> Repository {
        let config = RepositoryConfig {
            database: self.plan.database.clone(),
            store: self.plan.store.clone(),
            index_dir: self.folder.path().join("index"),
            work_dir: self.folder.path().join("work"),
            worker: None,
            job_workers: 0,
            session_hours: 12,
            garbage_grace_ms: 0,
            trash_keep_ms: 0,
            office_types: cartulary_model::TypeFile::default(),
            backup: BackupSettings::default(),
            webhooks: cartulary_repository::WebhookRules::default(),
        };
        Repository::open(config, Vec::new()).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_office_comes_back_whole_under_a_new_log() {
    each_office(async |office| {
        let key = set_up(office).await;
        std::fs::write(office.folder().join("config/letters.toml"), "greeting = \"Dear\"").unwrap();
        let dossier = office.dossier("ACME").await;
        let kept = office.document(dossier, "letter.txt", "Dear Sir").await.value.summary.id;
        office.document(dossier, "big.txt", &"a long paper ".repeat(50_000)).await;
        office.settle().await;
        let snapshot = office.repository.backup_now(TARGET).await.unwrap();
        office.document(dossier, "later.txt", "after the backup").await;

        let place = BackupPlace::open(&at(&shelf(office)), &key).await.unwrap();
        assert_eq!(place.names().await.unwrap(), std::slice::from_ref(&snapshot));
        let described = place.describe(&snapshot).await.unwrap();
        assert_eq!((described.office.as_str(), described.lost.len()), ("Office of the tests", 0));
        let new = new_place(office);
        let config_dir = new.folder.path().join("config");
        place.put_configuration(&snapshot, &config_dir, new.folder.path()).await.unwrap();
        assert_eq!(std::fs::read_to_string(config_dir.join("letters.toml")).unwrap(), "greeting = \"Dear\"");
        let report = place.put_back(&snapshot, &new.plan, |_| ()).await.unwrap();
        assert_eq!((report.missing.len(), report.blobs), (0, described.blobs));

        let back = new.open().await;
        back.note_recovery(&snapshot).await.unwrap();
        back.sequence_now().await.unwrap();
        assert_ne!(back.log_identity(), office.repository.log_identity(), "whoever followed the old log must see it");
        let session = back.system_session();
        assert_eq!(session.object_get(kept).await.unwrap().summary.name, "letter.txt");
        let unfiled = session.object_get(dossier).await.unwrap();
        assert_eq!(unfiled.summary.name, "ACME");
        let found = back.verify(VerifyOptions { rehash: true, repair_index: true, log_only: false }, |_| ()).await;
        assert!(found.as_ref().unwrap().is_clean(), "{found:?}");
        back.close().await;
        drop(new.database);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_backup_lays_down_only_what_is_new() {
    each_office(async |office| {
        set_up(office).await;
        let dossier = office.dossier("ACME").await;
        for number in 0..20 {
            office.document(dossier, &format!("{number}.txt"), &format!("paper {number}")).await;
        }
        office.settle().await;
        office.repository.backup_now(TARGET).await.unwrap();
        office.document(dossier, "new.txt", "one more").await;
        office.settle().await;
        office.repository.backup_now(TARGET).await.unwrap();
        let runs = office.system.backup_runs(TARGET, WindowRequest { offset: 0, limit: 10 }).await.unwrap();
        let [second, first] = runs.items.as_slice() else { panic!("two backups: {runs:?}") };
        assert!(first.files_new > 40, "each paper and its text, and the database: {first:?}");
        assert!(second.files_new <= 8, "a paper, its text, changed parts of the database, the manifest: {second:?}");
        let standings = office.system.backup_list().await.unwrap();
        assert_eq!(standings[0].verified.as_ref().unwrap().id, second.id);
        for number in 0..3 {
            office.document(dossier, &format!("more {number}.txt"), "more").await;
            office.repository.backup_now(TARGET).await.unwrap();
        }
        let manifests = std::fs::read_dir(shelf(office).join("snapshots")).unwrap().count();
        assert_eq!(manifests, 4, "two backups are kept, each with the list of its parts");
        let check = office.config().backup.check(TARGET, |_| ()).await.unwrap();
        assert_eq!((check.snapshots, check.damaged.len()), (2, 0));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_not_plugged_in_is_waited_for_and_nothing_is_written_beside_it() {
    each_office(async |office| {
        set_up(office).await;
        let (disk, away) = (shelf(office), office.folder().join("away"));
        std::fs::rename(&disk, &away).unwrap();
        let error = office.repository.backup_now(TARGET).await.unwrap_err();
        assert!(error.passes(), "{error}");
        // The empty folder where the disk is mounted when it is there.
        std::fs::create_dir(&disk).unwrap();
        let error = office.repository.backup_now(TARGET).await.unwrap_err();
        assert!(matches!(error, BackupError::NoShelf { .. }) && error.passes(), "{error}");
        assert_eq!(std::fs::read_dir(&disk).unwrap().count(), 0);
        let run = office.system.backup_list().await.unwrap()[0].last.clone().unwrap();
        assert_eq!(run.state, BackupState::Running);
        assert!(run.reason.unwrap().contains("plug the disk in"));
        std::fs::remove_dir(&disk).unwrap();
        std::fs::rename(&away, &disk).unwrap();
        office.repository.backup_now(TARGET).await.unwrap();
        let runs = office.system.backup_runs(TARGET, WindowRequest { offset: 0, limit: 10 }).await.unwrap();
        assert_eq!((runs.total, runs.items[0].state), (1, BackupState::Done), "it is one backup, that waited");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_on_the_disk_is_seen_and_laid_down_anew() {
    each_office(async |office| {
        let key = set_up(office).await;
        let dossier = office.dossier("ACME").await;
        office.document(dossier, "letter.txt", "Dear Sir").await;
        office.settle().await;
        let snapshot = office.repository.backup_now(TARGET).await.unwrap();
        let some = walk(&shelf(office).join("blobs")).remove(0);
        let mut bytes = std::fs::read(&some).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        std::fs::write(&some, &bytes).unwrap();

        let place = BackupPlace::open(&at(&shelf(office)), &key).await.unwrap();
        let new = new_place(office);
        let report = place.put_back(&snapshot, &new.plan, |_| ()).await.unwrap();
        assert_eq!(report.missing.len(), 1, "what is damaged is named and never put back: {report:?}");

        let check = office.config().backup.check(TARGET, |_| ()).await.unwrap();
        assert_eq!(check.damaged.len(), 1);
        office.repository.backup_now(TARGET).await.unwrap();
        let check = office.config().backup.check(TARGET, |_| ()).await.unwrap();
        assert_eq!(check.damaged.len(), 0);
        // The same place again: it goes on and brings what was missing.
        let again = RestorePlan { has_database: true, ..new.plan.clone() };
        let report = place.put_back(&snapshot, &again, |_| ()).await.unwrap();
        assert_eq!(report.missing.len(), 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_its_own_key_opens_a_backup_and_the_disk_says_nothing() {
    each_office(async |office| {
        set_up(office).await;
        let dossier = office.dossier("ACME").await;
        office.document(dossier, "letter.txt", "a secret word: quagga").await;
        office.repository.backup_now(TARGET).await.unwrap();
        let disk = at(&shelf(office));
        let passphrase = |words: &str| RecoveryKey::Passphrase(SecretString::from(words));
        BackupPlace::open(&disk, &passphrase(PASSPHRASE)).await.unwrap();
        let error = BackupPlace::open(&disk, &passphrase("another one entirely")).await.unwrap_err();
        assert!(matches!(error, BackupError::WrongKey { .. }), "{error}");
        let other = RecoveryKey::Sheet(SecretString::from("AGE-SECRET-KEY-1QQQ"));
        assert!(matches!(BackupPlace::open(&disk, &other).await.unwrap_err(), BackupError::WrongKey { .. }));
        let digest = "quagga".as_bytes();
        for file in walk(&shelf(office)) {
            let bytes = std::fs::read(&file).unwrap();
            assert!(!bytes.windows(digest.len()).any(|some| some == digest), "{} is not sealed", file.display());
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_made_by_itself_when_it_is_due() {
    each_office(async |office| {
        set_up(office).await;
        office.system.backup_begin(TARGET).await.unwrap();
        office.settle().await;
        let standing = office.system.backup_list().await.unwrap().remove(0);
        assert_eq!(standing.verified.unwrap().state, BackupState::Done);
        let health = office.repository.health().await;
        let check = health.checks.iter().find(|check| check.name == "backup").unwrap();
        assert!(!check.is_degraded && check.reason.contains("0 h ago"), "{check:?}");
        office.repository.clock().shift(49 * 3_600_000);
        let health = office.repository.health().await;
        assert!(health.checks.iter().any(|check| check.name == "backup" && check.is_degraded));
        let reader = office.user("rita", &["readers"]).await;
        assert!(reader.backup_list().await.is_err() && reader.backup_begin(TARGET).await.is_err());
    })
    .await;
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(walk(&path)) } else { files.push(path) }
    }
    files.sort();
    files
}
