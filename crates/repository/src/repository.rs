//! The repository itself: what it is made of, how it opens and how it closes.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use cartulary_blobs::{BlobStore, StoreConfig};
use cartulary_db::{Backend, Conn, Database, DatabaseConfig, DbError, MigrationFile, MigrationSet};
use cartulary_formats::{WorkerConfig, WorkerPool};
use cartulary_index::{FullTextIndex, Opened};
use cartulary_model::permission::Permissions;
use cartulary_model::{TypeFile, TypeRegistry};

use crate::access::Access;
use crate::authentication::Authentication;
use crate::clock::Clock;
use crate::declarations::Declarations;
use crate::listing::Listings;
use crate::module::{self, JobHandler, Module};
use crate::policies::Policies;
use crate::sequencer::SequenceInCommit;
use crate::services::BackupSettings;
use crate::session::{Actor, Session};
use crate::turns::Turns;
use crate::webhook_sender::WebhookRules;
use crate::{bootstrap, error_chain, policies};

/// The core's own tables.
pub const CORE_MIGRATIONS: MigrationSet = MigrationSet {
    owner: "core",
    sqlite: &[
        MigrationFile {
            version: "0001",
            name: "foundation",
            up: include_str!("../../../schema/core/migrations/sqlite/0001_foundation/up.sql"),
            down: include_str!("../../../schema/core/migrations/sqlite/0001_foundation/down.sql"),
        },
        MigrationFile {
            version: "0002",
            name: "fewer_indexes",
            up: include_str!("../../../schema/core/migrations/sqlite/0002_fewer_indexes/up.sql"),
            down: include_str!("../../../schema/core/migrations/sqlite/0002_fewer_indexes/down.sql"),
        },
        MigrationFile {
            version: "0003",
            name: "words_and_tries",
            up: include_str!("../../../schema/core/migrations/sqlite/0003_words_and_tries/up.sql"),
            down: include_str!("../../../schema/core/migrations/sqlite/0003_words_and_tries/down.sql"),
        },
        MigrationFile {
            version: "0004",
            name: "plain_checks",
            up: include_str!("../../../schema/core/migrations/sqlite/0004_plain_checks/up.sql"),
            down: include_str!("../../../schema/core/migrations/sqlite/0004_plain_checks/down.sql"),
        },
        MigrationFile {
            version: "0005",
            name: "declarations",
            up: include_str!("../../../schema/core/migrations/sqlite/0005_declarations/up.sql"),
            down: include_str!("../../../schema/core/migrations/sqlite/0005_declarations/down.sql"),
        },
        MigrationFile {
            version: "0006",
            name: "working_copies",
            up: include_str!("../../../schema/core/migrations/sqlite/0006_working_copies/up.sql"),
            down: include_str!("../../../schema/core/migrations/sqlite/0006_working_copies/down.sql"),
        },
        MigrationFile {
            version: "0007",
            name: "filing_and_trash",
            up: include_str!("../../../schema/core/migrations/sqlite/0007_filing_and_trash/up.sql"),
            down: include_str!("../../../schema/core/migrations/sqlite/0007_filing_and_trash/down.sql"),
        },
        MigrationFile {
            version: "0008",
            name: "numbers_once",
            up: include_str!("../../../schema/core/migrations/sqlite/0008_numbers_once/up.sql"),
            down: include_str!("../../../schema/core/migrations/sqlite/0008_numbers_once/down.sql"),
        },
        MigrationFile {
            version: "0013",
            name: "bulk_actions",
            up: include_str!("../../../schema/core/migrations/sqlite/0013_bulk_actions/up.sql"),
            down: include_str!("../../../schema/core/migrations/sqlite/0013_bulk_actions/down.sql"),
        },
        MigrationFile {
            version: "0014",
            name: "retention",
            up: include_str!("../../../schema/core/migrations/sqlite/0014_retention/up.sql"),
            down: include_str!("../../../schema/core/migrations/sqlite/0014_retention/down.sql"),
        },
        MigrationFile {
            version: "0015",
            name: "locks",
            up: include_str!("../../../schema/core/migrations/sqlite/0015_locks/up.sql"),
            down: include_str!("../../../schema/core/migrations/sqlite/0015_locks/down.sql"),
        },
        MigrationFile {
            version: "0016",
            name: "quotas",
            up: include_str!("../../../schema/core/migrations/sqlite/0016_quotas/up.sql"),
            down: include_str!("../../../schema/core/migrations/sqlite/0016_quotas/down.sql"),
        },
        MigrationFile {
            version: "0017",
            name: "checked_out_by",
            up: include_str!("../../../schema/core/migrations/sqlite/0017_checked_out_by/up.sql"),
            down: include_str!("../../../schema/core/migrations/sqlite/0017_checked_out_by/down.sql"),
        },
        MigrationFile {
            version: "0018",
            name: "uploads",
            up: include_str!("../../../schema/core/migrations/sqlite/0018_uploads/up.sql"),
            down: include_str!("../../../schema/core/migrations/sqlite/0018_uploads/down.sql"),
        },
        MigrationFile {
            version: "0019",
            name: "arrangements",
            up: include_str!("../../../schema/core/migrations/sqlite/0019_arrangements/up.sql"),
            down: include_str!("../../../schema/core/migrations/sqlite/0019_arrangements/down.sql"),
        },
        MigrationFile {
            version: "0022",
            name: "relationships",
            up: include_str!("../../../schema/core/migrations/sqlite/0022_relationships/up.sql"),
            down: include_str!("../../../schema/core/migrations/sqlite/0022_relationships/down.sql"),
        },
        MigrationFile {
            version: "0023",
            name: "tags_and_collections",
            up: include_str!("../../../schema/core/migrations/sqlite/0023_tags_and_collections/up.sql"),
            down: include_str!("../../../schema/core/migrations/sqlite/0023_tags_and_collections/down.sql"),
        },
        MigrationFile {
            version: "0024",
            name: "comments_and_annotations",
            up: include_str!("../../../schema/core/migrations/sqlite/0024_comments_and_annotations/up.sql"),
            down: include_str!("../../../schema/core/migrations/sqlite/0024_comments_and_annotations/down.sql"),
        },
        MigrationFile {
            version: "0025",
            name: "saved_searches",
            up: include_str!("../../../schema/core/migrations/sqlite/0025_saved_searches/up.sql"),
            down: include_str!("../../../schema/core/migrations/sqlite/0025_saved_searches/down.sql"),
        },
        MigrationFile {
            version: "0026",
            name: "subscriptions",
            up: include_str!("../../../schema/core/migrations/sqlite/0026_subscriptions/up.sql"),
            down: include_str!("../../../schema/core/migrations/sqlite/0026_subscriptions/down.sql"),
        },
        MigrationFile {
            version: "0027",
            name: "webhooks",
            up: include_str!("../../../schema/core/migrations/sqlite/0027_webhooks/up.sql"),
            down: include_str!("../../../schema/core/migrations/sqlite/0027_webhooks/down.sql"),
        },
        MigrationFile {
            version: "0030",
            name: "sources",
            up: include_str!("../../../schema/core/migrations/sqlite/0030_sources/up.sql"),
            down: include_str!("../../../schema/core/migrations/sqlite/0030_sources/down.sql"),
        },
        MigrationFile {
            version: "0031",
            name: "exports",
            up: include_str!("../../../schema/core/migrations/sqlite/0031_exports/up.sql"),
            down: include_str!("../../../schema/core/migrations/sqlite/0031_exports/down.sql"),
        },
        MigrationFile {
            version: "0033",
            name: "backups",
            up: include_str!("../../../schema/core/migrations/sqlite/0033_backups/up.sql"),
            down: include_str!("../../../schema/core/migrations/sqlite/0033_backups/down.sql"),
        },
        MigrationFile {
            version: "0034",
            name: "contents_of_exports",
            up: include_str!("../../../schema/core/migrations/sqlite/0034_contents_of_exports/up.sql"),
            down: include_str!("../../../schema/core/migrations/sqlite/0034_contents_of_exports/down.sql"),
        },
        MigrationFile {
            version: "0036",
            name: "trees_of_dossiers",
            up: include_str!("../../../schema/core/migrations/sqlite/0036_trees_of_dossiers/up.sql"),
            down: include_str!("../../../schema/core/migrations/sqlite/0036_trees_of_dossiers/down.sql"),
        },
        MigrationFile {
            version: "0037",
            name: "principals_once",
            up: include_str!("../../../schema/core/migrations/sqlite/0037_principals_once/up.sql"),
            down: include_str!("../../../schema/core/migrations/sqlite/0037_principals_once/down.sql"),
        },
    ],
    postgres: &[
        MigrationFile {
            version: "0001",
            name: "foundation",
            up: include_str!("../../../schema/core/migrations/postgres/0001_foundation/up.sql"),
            down: include_str!("../../../schema/core/migrations/postgres/0001_foundation/down.sql"),
        },
        MigrationFile {
            version: "0002",
            name: "fewer_indexes",
            up: include_str!("../../../schema/core/migrations/postgres/0002_fewer_indexes/up.sql"),
            down: include_str!("../../../schema/core/migrations/postgres/0002_fewer_indexes/down.sql"),
        },
        MigrationFile {
            version: "0003",
            name: "words_and_tries",
            up: include_str!("../../../schema/core/migrations/postgres/0003_words_and_tries/up.sql"),
            down: include_str!("../../../schema/core/migrations/postgres/0003_words_and_tries/down.sql"),
        },
        MigrationFile {
            version: "0004",
            name: "plain_checks",
            up: include_str!("../../../schema/core/migrations/postgres/0004_plain_checks/up.sql"),
            down: include_str!("../../../schema/core/migrations/postgres/0004_plain_checks/down.sql"),
        },
        MigrationFile {
            version: "0005",
            name: "declarations",
            up: include_str!("../../../schema/core/migrations/postgres/0005_declarations/up.sql"),
            down: include_str!("../../../schema/core/migrations/postgres/0005_declarations/down.sql"),
        },
        MigrationFile {
            version: "0006",
            name: "working_copies",
            up: include_str!("../../../schema/core/migrations/postgres/0006_working_copies/up.sql"),
            down: include_str!("../../../schema/core/migrations/postgres/0006_working_copies/down.sql"),
        },
        MigrationFile {
            version: "0007",
            name: "filing_and_trash",
            up: include_str!("../../../schema/core/migrations/postgres/0007_filing_and_trash/up.sql"),
            down: include_str!("../../../schema/core/migrations/postgres/0007_filing_and_trash/down.sql"),
        },
        MigrationFile {
            version: "0008",
            name: "numbers_once",
            up: include_str!("../../../schema/core/migrations/postgres/0008_numbers_once/up.sql"),
            down: include_str!("../../../schema/core/migrations/postgres/0008_numbers_once/down.sql"),
        },
        MigrationFile {
            version: "0013",
            name: "bulk_actions",
            up: include_str!("../../../schema/core/migrations/postgres/0013_bulk_actions/up.sql"),
            down: include_str!("../../../schema/core/migrations/postgres/0013_bulk_actions/down.sql"),
        },
        MigrationFile {
            version: "0014",
            name: "retention",
            up: include_str!("../../../schema/core/migrations/postgres/0014_retention/up.sql"),
            down: include_str!("../../../schema/core/migrations/postgres/0014_retention/down.sql"),
        },
        MigrationFile {
            version: "0015",
            name: "locks",
            up: include_str!("../../../schema/core/migrations/postgres/0015_locks/up.sql"),
            down: include_str!("../../../schema/core/migrations/postgres/0015_locks/down.sql"),
        },
        MigrationFile {
            version: "0016",
            name: "quotas",
            up: include_str!("../../../schema/core/migrations/postgres/0016_quotas/up.sql"),
            down: include_str!("../../../schema/core/migrations/postgres/0016_quotas/down.sql"),
        },
        MigrationFile {
            version: "0017",
            name: "checked_out_by",
            up: include_str!("../../../schema/core/migrations/postgres/0017_checked_out_by/up.sql"),
            down: include_str!("../../../schema/core/migrations/postgres/0017_checked_out_by/down.sql"),
        },
        MigrationFile {
            version: "0018",
            name: "uploads",
            up: include_str!("../../../schema/core/migrations/postgres/0018_uploads/up.sql"),
            down: include_str!("../../../schema/core/migrations/postgres/0018_uploads/down.sql"),
        },
        MigrationFile {
            version: "0019",
            name: "arrangements",
            up: include_str!("../../../schema/core/migrations/postgres/0019_arrangements/up.sql"),
            down: include_str!("../../../schema/core/migrations/postgres/0019_arrangements/down.sql"),
        },
        MigrationFile {
            version: "0022",
            name: "relationships",
            up: include_str!("../../../schema/core/migrations/postgres/0022_relationships/up.sql"),
            down: include_str!("../../../schema/core/migrations/postgres/0022_relationships/down.sql"),
        },
        MigrationFile {
            version: "0023",
            name: "tags_and_collections",
            up: include_str!("../../../schema/core/migrations/postgres/0023_tags_and_collections/up.sql"),
            down: include_str!("../../../schema/core/migrations/postgres/0023_tags_and_collections/down.sql"),
        },
        MigrationFile {
            version: "0024",
            name: "comments_and_annotations",
            up: include_str!("../../../schema/core/migrations/postgres/0024_comments_and_annotations/up.sql"),
            down: include_str!("../../../schema/core/migrations/postgres/0024_comments_and_annotations/down.sql"),
        },
        MigrationFile {
            version: "0025",
            name: "saved_searches",
            up: include_str!("../../../schema/core/migrations/postgres/0025_saved_searches/up.sql"),
            down: include_str!("../../../schema/core/migrations/postgres/0025_saved_searches/down.sql"),
        },
        MigrationFile {
            version: "0026",
            name: "subscriptions",
            up: include_str!("../../../schema/core/migrations/postgres/0026_subscriptions/up.sql"),
            down: include_str!("../../../schema/core/migrations/postgres/0026_subscriptions/down.sql"),
        },
        MigrationFile {
            version: "0027",
            name: "webhooks",
            up: include_str!("../../../schema/core/migrations/postgres/0027_webhooks/up.sql"),
            down: include_str!("../../../schema/core/migrations/postgres/0027_webhooks/down.sql"),
        },
        MigrationFile {
            version: "0030",
            name: "sources",
            up: include_str!("../../../schema/core/migrations/postgres/0030_sources/up.sql"),
            down: include_str!("../../../schema/core/migrations/postgres/0030_sources/down.sql"),
        },
        MigrationFile {
            version: "0031",
            name: "exports",
            up: include_str!("../../../schema/core/migrations/postgres/0031_exports/up.sql"),
            down: include_str!("../../../schema/core/migrations/postgres/0031_exports/down.sql"),
        },
        MigrationFile {
            version: "0033",
            name: "backups",
            up: include_str!("../../../schema/core/migrations/postgres/0033_backups/up.sql"),
            down: include_str!("../../../schema/core/migrations/postgres/0033_backups/down.sql"),
        },
        MigrationFile {
            version: "0034",
            name: "contents_of_exports",
            up: include_str!("../../../schema/core/migrations/postgres/0034_contents_of_exports/up.sql"),
            down: include_str!("../../../schema/core/migrations/postgres/0034_contents_of_exports/down.sql"),
        },
        MigrationFile {
            version: "0036",
            name: "trees_of_dossiers",
            up: include_str!("../../../schema/core/migrations/postgres/0036_trees_of_dossiers/up.sql"),
            down: include_str!("../../../schema/core/migrations/postgres/0036_trees_of_dossiers/down.sql"),
        },
        MigrationFile {
            version: "0037",
            name: "principals_once",
            up: include_str!("../../../schema/core/migrations/postgres/0037_principals_once/up.sql"),
            down: include_str!("../../../schema/core/migrations/postgres/0037_principals_once/down.sql"),
        },
    ],
};

const CORE_TYPES: &str = include_str!("../../../schema/core/types/core.toml");

/// Where a repository keeps what, and how much it may use.
#[derive(Clone, Debug)]
pub struct RepositoryConfig {
    /// The rows.
    pub database: DatabaseConfig,
    /// The bytes.
    pub store: StoreConfig,
    /// The folder of the full-text index, which can be deleted and is then rebuilt.
    pub index_dir: PathBuf,
    /// A folder for what may be lost at any time.
    pub work_dir: PathBuf,
    /// The contained workers that read files; without them texts wait.
    pub worker: Option<WorkerConfig>,
    /// How many jobs run at once on this node.
    pub job_workers: usize,
    /// For how long a sign-in holds without use. *Units*: hours.
    pub session_hours: u32,
    /// How old unreferenced bytes are before they are condemned, and again before they go. *Units*: milliseconds.
    pub garbage_grace_ms: i64,
    /// How long what was deleted stays in the trash; 0: until somebody destroys it. *Units*: milliseconds.
    pub trash_keep_ms: i64,
    /// Types, facets and vocabularies that the office declares in its configuration folder.
    pub office_types: TypeFile,
    /// How webhooks are sent.
    pub webhooks: WebhookRules,
    /// What backups must know beside this.
    pub backup: BackupSettings,
}

/// Why a repository does not open.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// What modules and the office contribute does not fit together; every problem is listed.
    #[error("what modules and the office declare does not fit together: {}", .0.join("; "))]
    Problems(Vec<String>),
    /// The database.
    #[error("the database does not open")]
    Database(#[from] DbError),
    /// The blob store.
    #[error("the blob store does not open")]
    Blobs(#[from] cartulary_blobs::BlobError),
    /// The blobs need another master key than the one that is named.
    #[error("{reason}")]
    Keys {
        /// Which is needed, which is there, and what to do.
        reason: String,
    },
    /// The full-text index.
    #[error("the full-text index does not open")]
    Index(#[from] cartulary_index::IndexError),
    /// The first rows.
    #[error("the repository cannot be set up")]
    Setup(#[from] crate::RepositoryError),
    /// A folder.
    #[error("the folder `{path}` cannot be made")]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

pub(crate) struct Inner {
    pub(crate) config: RepositoryConfig,
    pub(crate) database: Database,
    pub(crate) blobs: BlobStore,
    pub(crate) index: FullTextIndex,
    pub(crate) workers: Option<WorkerPool>,
    pub(crate) declarations: Declarations,
    pub(crate) access: Access,
    pub(crate) appending: Turns,
    pub(crate) policies: Arc<Policies>,
    pub(crate) listings: Listings,
    pub(crate) authentication: Authentication,
    pub(crate) clock: Clock,
    pub(crate) handlers: Vec<JobHandler>,
    pub(crate) log_identity: String,
    pub(crate) root_no: i64,
    pub(crate) everyone_no: i64,
    pub(crate) administrators_no: i64,
    pub(crate) system: Arc<Actor>,
    /// The position up to which this node's index is true.
    pub(crate) indexed: tokio::sync::watch::Sender<i64>,
    /// When the index last took what there was.
    pub(crate) fed: std::sync::Mutex<std::time::Instant>,
    /// Told by whoever waits until the index has passed a change.
    pub(crate) index_wanted: tokio::sync::Notify,
    /// How many texts are read whole at once for those who ask for one.
    pub(crate) text_reading: tokio::sync::Semaphore,
    /// How many statements are worked at at once: the other connections that read are everybody's.
    pub(crate) statements: Arc<tokio::sync::Semaphore>,
    /// Wakes who looks for jobs, as soon as one was enqueued here.
    pub(crate) jobs_wanted: tokio::sync::Notify,
    /// Wakes who sends webhooks.
    pub(crate) webhooks_wanted: tokio::sync::Notify,
    /// Held by whoever writes the index.
    pub(crate) feeding: tokio::sync::Mutex<()>,
    pub(crate) containment: OnceLock<String>,
}

/// The repository. Cheap to clone; every clone is the same one.
#[derive(Clone)]
pub struct Repository {
    pub(crate) inner: Arc<Inner>,
}

impl std::fmt::Debug for Repository {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Repository").field("log_identity", &self.inner.log_identity).finish_non_exhaustive()
    }
}

impl Repository {
    /// Opens the repository with its modules: checks everything that they contribute together, brings the tables up to
    /// date, and sets up an empty database.
    ///
    /// # Errors
    /// [`BootError`]; nothing runs then.
    pub async fn open(config: RepositoryConfig, modules: Vec<Module>) -> Result<Self, BootError> {
        let contributed = check_contributions(&config, &modules)?;
        let permissions = module::permissions(&modules).map_err(BootError::Problems)?;
        for folder in [&config.index_dir, &config.work_dir] {
            std::fs::create_dir_all(folder).map_err(|source| BootError::Folder { path: folder.clone(), source })?;
        }
        let mut migrations = vec![CORE_MIGRATIONS];
        migrations.extend(modules.iter().flat_map(|module| module.migrations.iter().cloned()));
        let database = Database::open(&config.database, &migrations, Some(Arc::new(SequenceInCommit))).await?;
        let blobs = BlobStore::open(&config.store).await?;
        if database.backend() == Backend::Sqlite {
            // Nobody else works on these rows, nor on the folder of their blobs, nor in the folder of their work.
            crate::scratch::sweep(&config.work_dir, Duration::ZERO);
            let swept = blobs.sweep_own_folder().await?;
            if swept > 0 {
                tracing::info!(swept, "removed uploads that an earlier process left half-way");
            }
        }
        crate::scratch::sweep(&config.work_dir, Duration::from_secs(24 * 3600));
        let facts = bootstrap::ensure(&database).await?;
        crate::services::sealing::check_keys(&database, &blobs).await?;
        let Opened { index, .. } = FullTextIndex::open(&config.index_dir)?;
        let workers = config.worker.clone().map(WorkerPool::new);
        let indexed = match index.checkpoint() {
            Some(at) if at.log_identity == facts.log_identity => at.position,
            Some(_) => {
                tracing::warn!("the index belongs to another change log: it is emptied and filled again");
                index.clear()?;
                0
            }
            None => 0,
        };
        let is_shared = database.backend() == Backend::Postgres;
        let open = move |conn: &mut Conn| Declarations::open(conn, contributed.clone(), is_shared);
        let declarations = database.read(open).await?.map_err(BootError::Problems)?;
        let compiled = Policies::compile(&database, &modules, facts.everyone_no, Clock::default().now()).await?;
        let policies = Arc::new(compiled);
        let mut handlers = crate::work::core_handlers();
        handlers.extend(modules.into_iter().flat_map(|module| module.jobs));
        let statements = (database.connections() / 2).max(1);
        let inner = Inner {
            database,
            blobs,
            index,
            workers,
            declarations,
            access: Access::new(permissions, Arc::clone(&policies)),
            appending: Turns::default(),
            policies,
            listings: Listings::default(),
            authentication: Authentication::default(),
            clock: Clock::default(),
            handlers,
            log_identity: facts.log_identity,
            root_no: facts.root_no,
            everyone_no: facts.everyone_no,
            administrators_no: facts.administrators_no,
            system: Arc::new(facts.system),
            indexed: tokio::sync::watch::Sender::new(indexed),
            fed: std::sync::Mutex::new(std::time::Instant::now()),
            index_wanted: tokio::sync::Notify::new(),
            jobs_wanted: tokio::sync::Notify::new(),
            webhooks_wanted: tokio::sync::Notify::new(),
            text_reading: tokio::sync::Semaphore::new(2),
            statements: Arc::new(tokio::sync::Semaphore::new(statements)),
            feeding: tokio::sync::Mutex::new(()),
            containment: OnceLock::new(),
            config,
        };
        let repository = Self { inner: Arc::new(inner) };
        policies::settle_all(&repository).await?;
        Ok(repository)
    }

    /// Says whether what modules and the office contribute holds together, and opens nothing.
    ///
    /// # Errors
    /// [`BootError::Problems`], with all of them, as [`Repository::open`] answers.
    pub fn check(config: &RepositoryConfig, modules: &[Module]) -> Result<(), BootError> {
        check_contributions(config, modules).map(drop)
    }

    /// Returns a session of the built-in user `system`, for commands that open the data folder themselves and for jobs.
    pub fn system_session(&self) -> Session {
        Session { repository: self.clone(), actor: Arc::clone(&self.inner.system) }
    }

    /// Returns all types and facets, as this node knew them last; [`Session::catalogue`] asks.
    pub fn types(&self) -> Arc<TypeRegistry> {
        self.inner.declarations.known().shared_types()
    }

    /// Returns the permissions that entries of access lists may name.
    pub fn permissions(&self) -> &Permissions {
        self.inner.access.known_permissions()
    }

    /// Returns the clock.
    pub fn clock(&self) -> Clock {
        self.inner.clock.clone()
    }

    /// Returns the blob store, for health and checks.
    pub fn blobs(&self) -> &BlobStore {
        &self.inner.blobs
    }

    /// Returns the full-text index, for health and checks.
    pub fn index(&self) -> &FullTextIndex {
        &self.inner.index
    }

    /// Returns the identity of the change log: a restore makes a new one.
    pub fn log_identity(&self) -> &str {
        &self.inner.log_identity
    }

    pub(crate) fn database(&self) -> &Database {
        &self.inner.database
    }

    /// Says whether several nodes may write: then nothing in memory is believed without asking the database.
    pub(crate) fn is_shared(&self) -> bool {
        self.inner.database.backend() == Backend::Postgres
    }

    /// Closes the database; stop the background tasks first. Work that was broken off, such as a job whose file is read at this
    /// moment, lets go of the repository only when the thread that does it comes back: that is waited for, but not for ever.
    pub async fn close(self) {
        let mut inner = self.inner;
        for _ in 0..LOOKS_WHILE_CLOSING {
            match Arc::try_unwrap(inner) {
                Ok(inner) => return inner.database.close().await,
                Err(shared) => inner = shared,
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
        let holders = Arc::strong_count(&inner).saturating_sub(1);
        tracing::warn!(holders, "the repository is still in use: its database closes with the process");
    }
}

/// How often closing looks whether the repository is still in use: for two seconds.
const LOOKS_WHILE_CLOSING: u32 = 200;
const BETWEEN_LOOKS: std::time::Duration = std::time::Duration::from_millis(10);

/// Returns everything that the core, the modules and the office's files declare, if it holds together.
fn check_contributions(config: &RepositoryConfig, modules: &[Module]) -> Result<TypeFile, BootError> {
    let mut problems = module::check(modules).err().unwrap_or_default();
    let mut declared = match TypeFile::parse(CORE_TYPES) {
        Ok(file) => file,
        Err(problem) => {
            problems.push(format!("the core's types: {problem}"));
            TypeFile::default()
        }
    };
    let of_modules = modules.iter().map(|module| &module.types);
    for file in of_modules.chain([&config.office_types]) {
        declared.types.extend(file.types.iter().cloned());
        declared.vocabularies.extend(file.vocabularies.iter().cloned());
    }
    match TypeRegistry::check_all(declared.clone()) {
        Ok(types) => problems.extend(policies::problems(modules, &types)),
        Err(more) => problems.extend(more),
    }
    if problems.is_empty() { Ok(declared) } else { Err(BootError::Problems(problems)) }
}

/// Logs an error with its chain of causes, once, where it is handled.
pub(crate) fn log_error(what: &str, error: &(dyn std::error::Error + 'static)) {
    tracing::error!(error = %error_chain(error), "{what}");
}
