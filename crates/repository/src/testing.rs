//! A repository for a unit test: its own database, and everything else in memory or in a folder that goes.

use cartulary_db::testing::TestDatabase;

use crate::{Repository, RepositoryConfig};

/// Opens a repository on a test's database.
pub(crate) async fn opened(database: &TestDatabase, folder: &tempfile::TempDir) -> Repository {
    let config = RepositoryConfig {
        database: database.config.clone(),
        store: cartulary_blobs::StoreConfig::Memory,
        index_dir: folder.path().join("index"),
        work_dir: folder.path().join("work"),
        worker: None,
        job_workers: 1,
        session_hours: 1,
        garbage_grace_ms: 0,
        trash_keep_ms: 0,
        office_types: cartulary_model::TypeFile::default(),
        webhooks: crate::WebhookRules::default(),
        backup: crate::BackupSettings::default(),
    };
    Repository::open(config, Vec::new()).await.unwrap()
}
