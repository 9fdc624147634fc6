//! Opens an office: folders, lock, repository, first administrator; and closes it again.

pub mod demo;
mod folders;
mod lock;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use cartulary_blobs::{SecretSource, StoreConfig};
use cartulary_formats::{ContainmentChoice, WorkerConfig};
use cartulary_http::{HttpWebhooks, OutboundConfig};
use cartulary_model::TypeFile;
use cartulary_repository::{BackupSettings, Repository, RepositoryConfig, WebhookRules};

pub use folders::can_prepare;
pub use lock::{DataLock, LockError};

use crate::configuration::{Configuration, Containment, DataFolder, Loaded};
use crate::modules;

/// What a data folder is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To answer people: texts are read.
    Serve,
    /// To answer people of a demonstration office.
    ServeDemo,
    /// For one command: texts wait for the next start of the office.
    Command,
}

/// An opened office: while it lives, no other program opens its data folder.
#[derive(Debug)]
pub struct Office {
    /// The repository.
    pub repository: Repository,
    lock: Arc<DataLock>,
}

impl Office {
    /// Opens the data folder and everything in it.
    ///
    /// # Errors
    /// Another program has it open, or something in it does not open.
    pub async fn open(loaded: &Loaded, purpose: Purpose) -> anyhow::Result<Self> {
        Self::try_open(loaded, purpose).await.map_err(|error| said_of_a_full_disk(error, &loaded.data.root))
    }

    async fn try_open(loaded: &Loaded, purpose: Purpose) -> anyhow::Result<Self> {
        if let Some(reason) = crate::cli::restore::unfinished(&loaded.data.root) {
            bail!(reason);
        }
        folders::prepare(loaded).await?;
        let lock = DataLock::take(&loaded.data.lock_file())?;
        let mut config = repository_config(&loaded.configuration, &loaded.data)?;
        if purpose == Purpose::Command {
            config.worker = None;
        }
        let is_demo = purpose == Purpose::ServeDemo || loaded.data.demo_mark().exists();
        let modules = if is_demo { modules::with_demo() } else { modules::usual() };
        let repository = Repository::open(config, modules).await?;
        Ok(Self { repository, lock: Arc::new(lock) })
    }

    /// Writes into the lock's file where the office answers, for commands that find it locked.
    pub fn announce(&self, address: &str) {
        self.lock.announce(address);
    }

    /// Closes the database and frees the data folder.
    pub async fn close(self) {
        self.repository.close().await;
        drop(self.lock);
    }
}

/// A full disk shows itself in many ways, some of them without its name: this says it.
fn said_of_a_full_disk(error: anyhow::Error, folder: &Path) -> anyhow::Error {
    /// Less than a start needs.
    const TOO_LITTLE_BYTES: u64 = 1024 * 1024;
    let is_full = rustix::fs::statvfs(folder)
        .is_ok_and(|figures| figures.f_bavail.saturating_mul(figures.f_frsize) < TOO_LITTLE_BYTES);
    if !is_full {
        return error;
    }
    error.context(format!("there is no room left on the disk of `{}`: make some and start again", folder.display()))
}

/// Opens an office for a command that needs it to itself, and says what to do when it is open already.
///
/// # Errors
/// See [`Office::open`]; also when there is no data folder: a command does not make one.
pub async fn open_for_command(loaded: &Loaded, hint: &str) -> anyhow::Result<Office> {
    if !loaded.data.root.is_dir() {
        bail!("there is no data folder `{}`; name it with --data DIR", loaded.data.root.display());
    }
    open_or_hint(loaded, hint).await
}

/// Opens an office for one command; when it is open already, says who has it and what to do instead.
///
/// # Errors
/// See [`Office::open`].
pub async fn open_or_hint(loaded: &Loaded, hint: &str) -> anyhow::Result<Office> {
    Office::open(loaded, Purpose::Command).await.map_err(|error| match error.downcast_ref::<LockError>() {
        Some(occupied @ LockError::Occupied { .. }) => anyhow::anyhow!("{occupied}. {hint}"),
        _ => error,
    })
}

/// Returns that there is no data folder, and what makes one.
pub fn no_data_folder_yet(data: &DataFolder) -> String {
    format!("`{}` is not there; `cartulary serve` makes it", data.root.display())
}

/// Makes the repository's configuration of the office's.
///
/// # Errors
/// A type of the office is not well formed, or the program does not know where it lies.
pub fn repository_config(configuration: &Configuration, data: &DataFolder) -> anyhow::Result<RepositoryConfig> {
    Ok(RepositoryConfig {
        database: configuration.database.clone(),
        store: configuration.store.clone(),
        index_dir: configuration.index.path.clone(),
        work_dir: configuration.work.path.clone(),
        worker: Some(worker_config(configuration)?),
        job_workers: configuration.work.jobs,
        session_hours: configuration.session.hours,
        trash_keep_ms: i64::from(configuration.work.trash_days).saturating_mul(24 * 60 * 60 * 1000),
        garbage_grace_ms: i64::from(configuration.work.garbage_grace_hours).saturating_mul(60 * 60 * 1000),
        office_types: office_types(data)?,
        webhooks: webhook_rules(configuration)?,
        backup: backup_settings(configuration, data),
    })
}

/// Returns how webhooks are sent: by HTTP.
fn webhook_rules(configuration: &Configuration) -> anyhow::Result<WebhookRules> {
    let settings = &configuration.webhooks;
    let outbound = OutboundConfig {
        allow: settings.allow.clone(),
        allow_http: settings.allow_http,
        timeout: Duration::from_secs(settings.timeout_seconds),
    };
    Ok(WebhookRules { sender: Some(Arc::new(HttpWebhooks::new(&outbound)?)), ..WebhookRules::default() })
}

/// Returns what backups must know beside database and store.
pub fn backup_settings(configuration: &Configuration, data: &DataFolder) -> BackupSettings {
    let mut more_files: Vec<PathBuf> = configuration.database.postgres.url_file.iter().cloned().collect();
    let (server, named) = (&configuration.server, |path: &&PathBuf| !path.as_os_str().is_empty());
    more_files.extend(
        [&server.tls.certificate, &server.tls.key, &server.metrics_token_file].into_iter().filter(named).cloned(),
    );
    if let StoreConfig::S3(store) = &configuration.store {
        more_files.extend([&store.access_key, &store.secret_key].into_iter().filter_map(SecretSource::file));
    }
    more_files.extend(configuration.store.key_file().map(Path::to_owned));
    BackupSettings {
        config_dir: data.config(),
        more_files,
        office: configuration.office.name.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

/// Returns how contained readers are started: as this same program.
///
/// # Errors
/// The program does not know where it lies.
pub fn worker_config(configuration: &Configuration) -> anyhow::Result<WorkerConfig> {
    let work = &configuration.work;
    let program = std::env::current_exe().context("cannot find out where this program lies")?;
    let usual = WorkerConfig::new(program, vec!["worker".to_owned()]);
    Ok(WorkerConfig {
        workers: work.readers,
        memory_bytes: work.reader_memory_bytes,
        cpu_seconds_per_page: work.reader_seconds_per_page,
        wall: Duration::from_secs(work.reader_seconds_per_file),
        output_bytes: work.reader_text_bytes,
        containment: match work.containment {
            Containment::Auto => ContainmentChoice::Auto,
            Containment::Bubblewrap => ContainmentChoice::Bubblewrap,
            Containment::Landlock => ContainmentChoice::Landlock,
            Containment::LimitsOnly => ContainmentChoice::LimitsOnly,
        },
        ..usual
    })
}

/// Reads the office's own types: every `*.toml` in `config/office/types`, in the order of their names.
///
/// # Errors
/// A file cannot be read or is not well formed; it is named.
pub fn office_types(data: &DataFolder) -> anyhow::Result<TypeFile> {
    let folder = data.office_types();
    let mut files = match std::fs::read_dir(&folder) {
        Ok(entries) => {
            entries.collect::<Result<Vec<_>, _>>().with_context(|| format!("cannot read `{}`", folder.display()))?
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error).with_context(|| format!("cannot read `{}`", folder.display())),
    };
    files.sort_by_key(std::fs::DirEntry::file_name);
    let mut all = TypeFile::default();
    for path in
        files.iter().map(std::fs::DirEntry::path).filter(|path| path.extension().is_some_and(|end| end == "toml"))
    {
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
        let file = TypeFile::parse(&text).map_err(|reason| anyhow::anyhow!("`{}`: {reason}", path.display()))?;
        all.types.extend(file.types);
        all.vocabularies.extend(file.vocabularies);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_type_file_that_is_wrong_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::new(folder.path());
        assert!(office_types(&data).unwrap().types.is_empty());
        std::fs::create_dir_all(data.office_types()).unwrap();
        std::fs::write(data.office_types().join("letters.toml"), "types = 7").unwrap();
        let error = office_types(&data).unwrap_err().to_string();
        assert!(error.contains("letters.toml"), "{error}");
    }
}
