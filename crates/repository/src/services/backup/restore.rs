//! Putting an office back from a backup: its configuration, its database under a new log, and every blob, each proved.

use std::collections::HashMap;
use std::io::Write;
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;

use cartulary_blobs::{BlobStore, Shelf, ShelfConfig, StorageKey, StoreConfig, VerifyOutcome};
use cartulary_db::{Backend, Conn, Database, DatabaseConfig, MigrationSet, copies};
use cartulary_model::BlobDigest;
use futures::{StreamExt, TryStreamExt};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use super::BackupError;
use super::manifest::{BLOBS, Manifest, PARTS, Part, snapshots};
use super::seal;
use super::target::{NameKey, SEALED_KEY, read_mark};
use crate::services::sealing;
use crate::store::blobs::{self, BlobRow, Part as BlobPart};
use crate::store::{info, jobs, sessions};
use crate::{Repository, RepositoryError, Session};

/// How many blobs are put back at the same time.
const AT_ONCE: usize = 4;
const PAGE: i64 = 500;
/// The largest part of a database, opened. *Units*: bytes.
const PART_BYTES_MAX: usize = 16 * 1024 * 1024;
/// The largest sealed key. *Units*: bytes.
const KEY_BYTES_MAX: usize = 64 * 1024;
/// How many missing blobs a report names.
const MISSING_MAX: usize = 1_000;

/// What opens a backup.
#[derive(Clone, Debug)]
pub enum RecoveryKey {
    /// The key of the recovery sheet; spaces and lines do not count.
    Sheet(SecretString),
    /// The passphrase that was given when the target was set up.
    Passphrase(SecretString),
}

/// An opened shelf with backups.
pub struct BackupPlace {
    shelf: Shelf,
    key: age::x25519::Identity,
}

impl std::fmt::Debug for BackupPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BackupPlace").field("shelf", &self.shelf).finish_non_exhaustive()
    }
}

/// A backup on a shelf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupSnapshot {
    /// What it is called.
    pub name: String,
    /// Of when it is: a UTC instant.
    pub taken_at: String,
    /// The office's name.
    pub office: String,
    /// The version of the program that made it.
    pub version: String,
    /// In which kind of database its rows go.
    pub backend: Backend,
    /// The size of its database. *Units*: bytes.
    pub database_bytes: u64,
    /// How many blobs it has.
    pub blobs: u64,
    /// Their bytes.
    pub blob_bytes: u64,
    /// Blobs that the office had lost before the backup.
    pub lost: Vec<String>,
}

/// A file that lay outside of the configuration's folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestoredFile {
    /// Where it was.
    pub was: String,
    /// Where it is now.
    pub now: PathBuf,
}

/// Where an office is put back.
#[derive(Clone, Debug)]
pub struct RestorePlan {
    /// Its database: not there, or empty.
    pub database: DatabaseConfig,
    /// The store of its blobs.
    pub store: StoreConfig,
    /// A folder for what may be lost at any time, with room for a copy of the database.
    pub work_dir: PathBuf,
    /// The migrations of the modules that it had.
    pub migrations: Vec<MigrationSet>,
    /// Whether the database was put back by an earlier try, and only blobs are missing.
    pub has_database: bool,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestoreProgress {
    /// The database is read from the shelf: so many of so many bytes.
    Database(u64, u64),
    /// The database is back.
    DatabaseDone,
    /// So many of so many blobs are back.
    Blobs(u64, u64),
}

/// What was put back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RestoreReport {
    /// How many blobs.
    pub blobs: u64,
    /// Their bytes.
    pub blob_bytes: u64,
    /// Digests of blobs that are not on the shelf, or damaged there.
    pub missing: Vec<String>,
}

impl BackupPlace {
    /// Opens a shelf with its key.
    ///
    /// # Errors
    /// [`BackupError::NoShelf`], [`BackupError::WrongKey`]; when the shelf cannot be read.
    pub async fn open(config: &ShelfConfig, key: &RecoveryKey) -> Result<Self, BackupError> {
        let shelf = Shelf::open(config)?;
        let Some(mark) = read_mark(&shelf).await? else {
            return Err(BackupError::NoShelf { place: config.to_string() });
        };
        let text = match key {
            RecoveryKey::Sheet(text) => text.clone(),
            RecoveryKey::Passphrase(passphrase) => unseal_key(&shelf, passphrase.clone()).await?,
        };
        let text: String = text.expose_secret().chars().filter(|character| !character.is_whitespace()).collect();
        let identity = age::x25519::Identity::from_str(&text.to_uppercase())
            .map_err(|reason| BackupError::WrongKey { reason: reason.to_owned() })?;
        if identity.to_public().to_string() != mark.recipient {
            return Err(BackupError::WrongKey { reason: "it is the key of other backups".to_owned() });
        }
        Ok(Self { shelf, key: identity })
    }

    /// Says whether a passphrase opens a shelf too.
    ///
    /// # Errors
    /// When the shelf cannot be read.
    pub async fn has_passphrase(config: &ShelfConfig) -> Result<bool, BackupError> {
        let shelf = Shelf::open(config)?;
        Ok(seal::read_small(&shelf, SEALED_KEY, KEY_BYTES_MAX).await?.is_some())
    }

    /// Returns the names of all backups, oldest first.
    ///
    /// # Errors
    /// When the shelf cannot be read.
    pub async fn names(&self) -> Result<Vec<String>, BackupError> {
        snapshots(&self.shelf).await
    }

    /// Returns what a backup is of.
    ///
    /// # Errors
    /// [`BackupError::Damaged`]; when the shelf cannot be read.
    pub async fn describe(&self, name: &str) -> Result<BackupSnapshot, BackupError> {
        let manifest = Manifest::open(&self.shelf, name, &self.key).await?;
        Ok(BackupSnapshot {
            name: name.to_owned(),
            taken_at: manifest.taken_at,
            office: manifest.office,
            version: manifest.version,
            backend: manifest.backend,
            database_bytes: manifest.database.iter().map(|part| part.size_bytes).sum(),
            blobs: manifest.blobs,
            blob_bytes: manifest.blob_bytes,
            lost: manifest.lost,
        })
    }

    /// Puts the configuration of a backup into a folder, and files that lay elsewhere beside it.
    ///
    /// # Errors
    /// [`BackupError::Damaged`]; when the shelf cannot be read, or a file not be written.
    pub async fn put_configuration(
        &self,
        name: &str,
        config_dir: &Path,
        work_dir: &Path,
    ) -> Result<Vec<RestoredFile>, BackupError> {
        let manifest = Manifest::open(&self.shelf, name, &self.key).await?;
        let names = NameKey::parse(&manifest.name_key)?;
        let archive = work_dir.join("restored-configuration");
        self.assemble(&manifest.configuration, &names, &archive, |_| ()).await?;
        let (packed, target) = (archive.clone(), config_dir.to_owned());
        let unpacked = tokio::task::spawn_blocking(move || unpack_configuration(&packed, &target)).await;
        let files = unpacked.unwrap_or_else(|error| Err(std::io::Error::other(error)));
        let _ = tokio::fs::remove_file(&archive).await;
        Ok(files?)
    }

    /// Puts the database and all blobs of a backup back. The log gets a new identity, so that whoever followed the old one
    /// skips nothing; sessions end, and what was under way begins anew.
    ///
    /// # Errors
    /// [`BackupError`]; the same call goes on after a stop.
    pub async fn put_back(
        &self,
        name: &str,
        plan: &RestorePlan,
        mut tell: impl FnMut(RestoreProgress),
    ) -> Result<RestoreReport, BackupError> {
        let manifest = Manifest::open(&self.shelf, name, &self.key).await?;
        if manifest.backend != plan.database.backend {
            let reason = format!("the backup is of {}, and `database.backend` is another", manifest.backend);
            return Err(BackupError::BadKey { what: "database", reason });
        }
        let names = NameKey::parse(&manifest.name_key)?;
        if !plan.has_database {
            let total: u64 = manifest.database.iter().map(|part| part.size_bytes).sum();
            let copy = plan.work_dir.join("restored-database");
            let told = |bytes| tell(RestoreProgress::Database(bytes, total));
            let digest = self.assemble(&manifest.database, &names, &copy, told).await?;
            if digest != manifest.database_digest {
                let reason = "its parts make another database than was copied".to_owned();
                return Err(BackupError::Damaged { name: name.to_owned(), reason });
            }
            let put = copies::put_back(&plan.database, &copy).await;
            let _ = tokio::fs::remove_file(&copy).await;
            put?;
        }
        let database = Database::open(&plan.database, &plan.migrations, None).await?;
        if !plan.has_database {
            database.write(begin_anew).await?;
            tell(RestoreProgress::DatabaseDone);
        }
        let store = BlobStore::open(&plan.store).await?;
        let blobs =
            Blobs { place: self, names: &names, database: &database, store: &store, resumed: plan.has_database };
        let report = blobs.put_back(manifest.blobs, &mut tell).await;
        if report.is_ok() {
            let keys = store.key_ids();
            database.write(move |conn| sealing::begin_anew(conn, &keys)).await?;
        }
        database.close().await;
        report
    }

    /// Writes parts one after the other into a file; returns the digest of all. Each must have its own.
    async fn assemble(
        &self,
        parts: &[Part],
        names: &NameKey,
        path: &Path,
        mut tell: impl FnMut(u64),
    ) -> Result<String, BackupError> {
        let failed = |source| BackupError::File { path: path.to_owned(), source };
        let on_shelf = files_of(&self.shelf, PARTS).await?;
        let mut file = std::fs::File::create(path).map_err(failed)?;
        let (mut whole, mut bytes) = (Sha256::new(), 0);
        for part in parts {
            let digest: BlobDigest = part.digest.parse().map_err(RepositoryError::internal)?;
            let name = names.name(&digest)?;
            let missing = || BackupError::Damaged { name: name.clone(), reason: "it is missing".to_owned() };
            let file_name = on_shelf.get(&name).ok_or_else(missing)?;
            let opened = seal::open_small(&self.shelf, file_name, &self.key, PART_BYTES_MAX).await?;
            if BlobDigest::from_bytes(Sha256::digest(&opened).into()) != digest {
                let reason = "it has other bytes than its name says".to_owned();
                return Err(BackupError::Damaged { name: file_name.clone(), reason });
            }
            whole.update(&opened);
            file.write_all(&opened).map_err(failed)?;
            bytes += part.size_bytes;
            tell(bytes);
        }
        file.sync_all().map_err(failed)?;
        Ok(hex::encode(whole.finalize()))
    }
}

impl Repository {
    /// Writes into the log that the office was put back from a backup.
    ///
    /// # Errors
    /// The database's.
    pub async fn note_recovery(&self, snapshot: &str) -> crate::Result<()> {
        let session: Session = self.system_session();
        let detail = serde_json::json!({ "backup": snapshot });
        session
            .transact(move |tx| {
                let change = crate::transaction::Change { detail: Some(detail.clone()), ..Default::default() };
                tx.record(cartulary_model::ChangeKind::Recovered, change)
            })
            .await?;
        Ok(())
    }
}

/// Returns the files of a folder of a shelf, by the name of their bytes.
async fn files_of(shelf: &Shelf, folder: &str) -> Result<HashMap<String, String>, BackupError> {
    let items = shelf.list(folder).await?;
    let named = items.into_iter().filter_map(|item| {
        let name = seal::parts_of(&item.name)?.0.to_owned();
        Some((name, item.name))
    });
    Ok(named.collect())
}

/// Makes a copied database that of an office which begins now.
fn begin_anew(conn: &mut Conn) -> crate::Result<()> {
    info::put(conn, "logIdentity", &uuid::Uuid::new_v4().to_string())?;
    sessions::delete_all(conn)?;
    blobs::delete_leases(conn)?;
    jobs::release_all(conn)
}

async fn unseal_key(shelf: &Shelf, passphrase: SecretString) -> Result<SecretString, BackupError> {
    let wrong = |reason: &str| BackupError::WrongKey { reason: reason.to_owned() };
    let sealed = seal::read_small(shelf, SEALED_KEY, KEY_BYTES_MAX).await?;
    let sealed = sealed.ok_or_else(|| wrong("no passphrase was given when it was set up: use the recovery key"))?;
    let opening = tokio::task::spawn_blocking(move || {
        let identity = age::scrypt::Identity::new(passphrase.expose_secret().to_owned().into());
        age::decrypt(&identity, &sealed)
    });
    let opened = opening.await.map_err(RepositoryError::internal)?;
    let opened = opened.map_err(|error| wrong(&error.to_string()))?;
    String::from_utf8(opened).map(SecretString::from).map_err(|_| wrong("what it opens is no key"))
}

/// Unpacks an archive of a configuration; nothing of it leaves the folder.
fn unpack_configuration(archive: &Path, config_dir: &Path) -> std::io::Result<Vec<RestoredFile>> {
    let beside = config_dir.join("restored-files");
    let mut places: Vec<(String, String)> = Vec::new();
    std::fs::create_dir_all(config_dir)?;
    for entry in tar::Archive::new(std::fs::File::open(archive)?).entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        if path == Path::new("files.json") {
            places = serde_json::from_reader(&mut entry).map_err(std::io::Error::other)?;
            continue;
        }
        let inside: PathBuf = path.components().skip(1).collect();
        let is_plain = inside.components().all(|part| matches!(part, Component::Normal(_)));
        if !is_plain || inside.as_os_str().is_empty() || entry.header().entry_type().is_symlink() {
            continue;
        }
        let root = if path.starts_with("config") { config_dir } else { beside.as_path() };
        let target = root.join(inside);
        if let Some(folder) = target.parent() {
            std::fs::create_dir_all(folder)?;
        }
        entry.unpack(target)?;
    }
    let restored = places.into_iter().map(|(name, was)| {
        let file = Path::new(&name).file_name().unwrap_or_default().to_owned();
        RestoredFile { was, now: beside.join(file) }
    });
    Ok(restored.collect())
}

/// The blobs of an office that is put back.
struct Blobs<'a> {
    place: &'a BackupPlace,
    names: &'a NameKey,
    database: &'a Database,
    store: &'a BlobStore,
    /// Whether some may be there from an earlier try.
    resumed: bool,
}

impl Blobs<'_> {
    async fn put_back(&self, total: u64, tell: &mut impl FnMut(RestoreProgress)) -> Result<RestoreReport, BackupError> {
        let mut report = RestoreReport::default();
        for first in 0..=u8::MAX {
            let part = BlobPart(first);
            let files = files_of(&self.place.shelf, &format!("{BLOBS}/{first:02x}")).await?;
            let mut after = part.begin();
            loop {
                let asked = after.clone();
                let read = move |conn: &mut Conn| blobs::living_of_part(conn, part, &asked, PAGE);
                let rows = self.database.read(read).await?;
                let Some(last) = rows.last() else { break };
                after.clone_from(&last.digest);
                let put = futures::stream::iter(rows).map(|row| {
                    let files = &files;
                    async move { self.put_one(&row, files).await.map(|is_there| (row, is_there)) }
                });
                let put: Vec<(BlobRow, bool)> = put.buffer_unordered(AT_ONCE).try_collect().await?;
                for (row, is_there) in put {
                    if is_there {
                        report.blobs += 1;
                        report.blob_bytes += row.size_bytes.unsigned_abs();
                    } else if report.missing.len() < MISSING_MAX {
                        report.missing.push(row.digest);
                    }
                }
                tell(RestoreProgress::Blobs(report.blobs, total));
            }
        }
        Ok(report)
    }

    /// Puts one blob back; says whether it is there.
    async fn put_one(&self, row: &BlobRow, files: &HashMap<String, String>) -> Result<bool, BackupError> {
        let digest: BlobDigest = row.digest.parse().map_err(RepositoryError::internal)?;
        let key = StorageKey::new(digest, row.generation.unsigned_abs());
        if self.resumed {
            let outcome = self.store.verify(&key, digest, row.size_bytes.unsigned_abs()).await?;
            if outcome == VerifyOutcome::Sound {
                return Ok(true);
            }
        }
        let Some(file) = files.get(&self.names.name(&digest)?) else { return Ok(false) };
        let opened = seal::open(&self.place.shelf, file, &self.place.key).await?;
        let staged = match self.store.stage(opened).await {
            Ok(staged) => staged,
            // What cannot be opened is damaged on the shelf; what does not fit here is another thing.
            Err(cartulary_blobs::BlobError::Body { .. }) => return Ok(false),
            Err(error) => return Err(BackupError::Office(error.into())),
        };
        if staged.digest != digest {
            self.store.discard(staged).await;
            return Ok(false);
        }
        self.store.commit(staged, &key).await.map_err(|error| BackupError::Office(error.into()))?;
        Ok(true)
    }
}
