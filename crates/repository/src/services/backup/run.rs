//! Making a backup.

use std::collections::{BTreeSet, HashSet};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use cartulary_blobs::{BlobError, Shelf, StorageKey};
use cartulary_db::{Conn, copies};
use cartulary_model::BlobDigest;
use futures::StreamExt;
use sha2::{Digest, Sha256};

use super::manifest::{BLOBS, LIST_ENDING, Manifest, PARTS, Part, SNAPSHOTS, snapshots};
use super::pace::Pace;
use super::target::{BackupTarget, FORMAT, NameKey, put_text};
use super::{BackupError, seal};
use crate::store::backups::{self, Counts};
use crate::store::blobs::{self, BlobRow, Part as BlobPart};
use crate::{Repository, RepositoryError};

/// How large the parts of a database are, cut where their bytes say, so that what stays the same is found again. *Units*: bytes.
const PART_MIN_BYTES: usize = 256 * 1024;
const PART_BYTES: usize = 1024 * 1024;
const PART_MAX_BYTES: usize = 4 * 1024 * 1024;
/// How many blobs are looked at in one read of the database.
const PAGE: i64 = 500;
/// For how long the office keeps all bytes in place; renewed all the time. *Units*: milliseconds.
const LEASE_MS: i64 = 15 * 60_000;
const RENEW: Duration = Duration::from_secs(60);
/// In so many backups everything that lies on a shelf is read again.
const ROUNDS: u64 = 30;
/// How many lost blobs a manifest names.
const LOST_MAX: usize = 1_000;

impl Repository {
    /// Makes a backup now, or goes on with one that was cut, and returns its name on the shelf.
    ///
    /// # Errors
    /// [`BackupError`]; what was laid down stays and is not laid down again.
    pub async fn backup_now(&self, target: &str) -> Result<String, BackupError> {
        let settings = self.inner.config.backup.targets().read(target)?;
        let (new, name, now) = (uuid::Uuid::now_v7().to_string(), target.to_owned(), self.clock().now());
        let begin = move |conn: &mut Conn| backups::begin(conn, &new, &name, now.as_millis());
        let id = self.database().write(begin).await?;
        let made = self.back_up(&id, &settings).await;
        let now = self.clock().now().as_millis();
        let (snapshot, reason) = match &made {
            Ok(snapshot) => (Some(snapshot.clone()), None),
            Err(error) => (None, Some(crate::error_chain(error))),
        };
        let passes = made.as_ref().is_err_and(BackupError::passes);
        let ended = self.database().write(move |conn| -> crate::Result<()> {
            if passes {
                let last = backups::counts_of(conn, &id)?;
                return backups::put_progress(conn, &id, last, reason.as_deref());
            }
            backups::finish(conn, &id, snapshot.as_deref(), reason.as_deref(), now)
        });
        ended.await?;
        made
    }

    async fn back_up(&self, id: &str, settings: &BackupTarget) -> Result<String, BackupError> {
        let shelf = settings.open().await?;
        shelf.sweep().await?;
        let lease = format!("backup:{id}");
        self.lease_blobs(&lease, "backup", LEASE_MS).await?;
        let mut run = Run {
            repository: self.clone(),
            id: id.to_owned(),
            names: settings.name_key()?,
            recipient: settings.recipient()?,
            pace: Pace::new(settings.bytes_per_second),
            counts: Counts::default(),
            lost: Vec::new(),
            shelf,
        };
        let renewed = async {
            loop {
                tokio::time::sleep(RENEW).await;
                if let Err(error) = self.lease_blobs(&lease, "backup", LEASE_MS).await {
                    crate::repository::log_error("the lease of a backup could not be renewed", &error);
                }
            }
        };
        let made = tokio::select! {
            made = run.make(settings) => made,
            () = renewed => Err(BackupError::NoSnapshot),
        };
        self.release_blobs(&lease).await?;
        made
    }
}

/// A backup under way.
struct Run {
    repository: Repository,
    id: String,
    shelf: Shelf,
    names: NameKey,
    recipient: age::x25519::Recipient,
    pace: Pace,
    counts: Counts,
    lost: Vec<String>,
}

impl Run {
    async fn make(&mut self, settings: &BackupTarget) -> Result<String, BackupError> {
        let repository = self.repository.clone();
        let office = &repository.inner.config.backup;
        // Before the copy: what the log has then is in it.
        let position = repository.last_position().await?;
        let taken_at = repository.clock().now();
        let on_shelf: HashSet<String> = self.names_in(PARTS).await?;
        let mut needed = BTreeSet::new();
        let (database, database_digest) = self.copy_database(&on_shelf, &mut needed).await?;
        let configuration = self.copy_configuration(&on_shelf, &mut needed).await?;
        let (blobs, blob_bytes) = self.copy_blobs().await?;
        let manifest = Manifest {
            format: FORMAT,
            office: office.office.clone(),
            version: office.version.clone(),
            taken_at: taken_at.to_string(),
            log_identity: repository.log_identity().to_owned(),
            position,
            name_key: settings.name_key.clone(),
            backend: repository.database().backend(),
            database,
            database_digest,
            configuration,
            blobs,
            blob_bytes,
            lost: std::mem::take(&mut self.lost),
        };
        // Sorts by time; names of the same instant would be the same backup.
        let stamp = taken_at.to_string().replace([':', '.', '-'], "");
        let list = format!("{SNAPSHOTS}/{stamp}{LIST_ENDING}");
        let lines: String = needed.iter().map(|name| format!("{name}\n")).collect();
        put_text(&self.shelf, self.work_dir(), &list, lines.as_bytes()).await?;
        let packed = manifest.packed()?;
        let name = self.lay_down(SNAPSHOTS, &stamp, stream_of(packed)).await?;
        self.look_again(taken_at.as_millis()).await?;
        self.forget_old(settings.keep).await?;
        Ok(name)
    }

    fn work_dir(&self) -> &Path {
        &self.repository.inner.config.work_dir
    }

    /// Returns the names of the bytes that lie in a folder of the shelf.
    async fn names_in(&self, folder: &str) -> Result<HashSet<String>, BackupError> {
        let items = self.shelf.list(folder).await?;
        Ok(items.iter().filter_map(|item| seal::parts_of(&item.name)).map(|(name, _)| name.to_owned()).collect())
    }

    /// Seals bytes, lays them down and reads them back.
    async fn lay_down<E: Into<BackupError>>(
        &mut self,
        folder: &str,
        bytes_name: &str,
        bytes: impl futures::Stream<Item = Result<Bytes, E>> + Unpin,
    ) -> Result<String, BackupError> {
        let desk = self.shelf.desk(self.work_dir()).await?;
        let path = desk.join(uuid::Uuid::now_v7().to_string());
        let sealed = seal::seal(&self.recipient, path, bytes).await?;
        let name = sealed.name(folder, bytes_name);
        self.pace.pass(usize::try_from(sealed.size_bytes).unwrap_or(usize::MAX)).await;
        self.counts.files_new += 1;
        self.counts.bytes_new += i64::try_from(sealed.size_bytes).unwrap_or(i64::MAX);
        let sum = sealed.sum.clone();
        self.shelf.put(&name, sealed.path).await?;
        if seal::is_sound(&self.shelf, &name, &sum).await? {
            return Ok(name);
        }
        self.shelf.delete(&name).await?;
        Err(BackupError::NotReadBack { name })
    }

    /// Lays small bytes down under the name of their digest, unless they are there.
    async fn lay_part(
        &mut self,
        bytes: Vec<u8>,
        on_shelf: &HashSet<String>,
        needed: &mut BTreeSet<String>,
    ) -> Result<Part, BackupError> {
        let digest = BlobDigest::from_bytes(Sha256::digest(&bytes).into());
        let size_bytes = bytes.len() as u64;
        let name = self.names.name(&digest)?;
        if !on_shelf.contains(&name) && !needed.contains(&name) {
            self.lay_down(PARTS, &name, stream_of(bytes)).await?;
        }
        needed.insert(name);
        Ok(Part { digest: digest.to_string(), size_bytes })
    }

    async fn copy_database(
        &mut self,
        on_shelf: &HashSet<String>,
        needed: &mut BTreeSet<String>,
    ) -> Result<(Vec<Part>, String), BackupError> {
        let copy = Scratch(self.work_dir().join(format!("backup-{}", self.id)));
        let _ = tokio::fs::remove_file(&copy.0).await;
        copies::write_copy(&self.repository.inner.config.database, &copy.0).await?;
        self.lay_file(&copy.0, on_shelf, needed).await
    }

    /// Lays a file down in parts; returns them and the digest of the whole.
    async fn lay_file(
        &mut self,
        path: &Path,
        on_shelf: &HashSet<String>,
        needed: &mut BTreeSet<String>,
    ) -> Result<(Vec<Part>, String), BackupError> {
        let path = path.to_owned();
        let (sender, mut receiver) = tokio::sync::mpsc::channel(2);
        let cutting = tokio::task::spawn_blocking(move || -> std::io::Result<String> {
            let mut whole = Sha256::new();
            let file = File::open(&path)?;
            for chunk in fastcdc::v2020::StreamCDC::new(file, PART_MIN_BYTES, PART_BYTES, PART_MAX_BYTES) {
                let chunk = chunk.map_err(std::io::Error::other)?;
                whole.update(&chunk.data);
                if sender.blocking_send(chunk.data).is_err() {
                    break;
                }
            }
            Ok(hex::encode(whole.finalize()))
        });
        let mut parts = Vec::new();
        while let Some(bytes) = receiver.recv().await {
            parts.push(self.lay_part(bytes, on_shelf, needed).await?);
        }
        let digest = cutting.await.unwrap_or_else(|error| Err(std::io::Error::other(error)))?;
        Ok((parts, digest))
    }

    async fn copy_configuration(
        &mut self,
        on_shelf: &HashSet<String>,
        needed: &mut BTreeSet<String>,
    ) -> Result<Vec<Part>, BackupError> {
        let archive = Scratch(self.work_dir().join(format!("backup-{}-configuration", self.id)));
        let (settings, path) = (self.repository.inner.config.backup.clone(), archive.0.clone());
        let packed = tokio::task::spawn_blocking(move || pack_configuration(&settings, &path)).await;
        packed.unwrap_or_else(|error| Err(std::io::Error::other(error)))?;
        Ok(self.lay_file(&archive.0, on_shelf, needed).await?.0)
    }

    /// Lays down all blobs that are not there; returns how many the office has, and their bytes.
    async fn copy_blobs(&mut self) -> Result<(u64, u64), BackupError> {
        let (mut count, mut size_bytes) = (0_u64, 0_u64);
        for first in 0..=u8::MAX {
            let part = BlobPart(first);
            let folder = format!("{BLOBS}/{first:02x}");
            let on_shelf = self.names_in(&folder).await?;
            let mut after = part.begin();
            loop {
                let asked = after.clone();
                let read = move |conn: &mut Conn| blobs::living_of_part(conn, part, &asked, PAGE);
                let rows = self.repository.database().read(read).await?;
                let Some(last) = rows.last() else { break };
                after.clone_from(&last.digest);
                for row in rows {
                    count += 1;
                    size_bytes += row.size_bytes.unsigned_abs();
                    self.copy_blob(&folder, &row, &on_shelf).await?;
                }
            }
            self.counts.blobs = i64::try_from(count).unwrap_or(i64::MAX);
            let (id, counts) = (self.id.clone(), self.counts);
            let progress = move |conn: &mut Conn| backups::put_progress(conn, &id, counts, None);
            self.repository.database().write(progress).await?;
        }
        Ok((count, size_bytes))
    }

    async fn copy_blob(&mut self, folder: &str, row: &BlobRow, on_shelf: &HashSet<String>) -> Result<(), BackupError> {
        let digest: BlobDigest = row.digest.parse().map_err(RepositoryError::internal)?;
        let name = self.names.name(&digest)?;
        if on_shelf.contains(&name) {
            return Ok(());
        }
        let key = StorageKey::new(digest, row.generation.unsigned_abs());
        let read = self.repository.blobs().read(&key, digest, row.size_bytes.unsigned_abs(), None).await;
        let laid = match read {
            Ok(reader) => self.lay_down(folder, &name, reader.map(|chunk| chunk.map_err(FromOffice))).await,
            Err(error) => Err(FromOffice(error).into()),
        };
        match laid {
            // The office has lost it: the rest is worth the more.
            Err(BackupError::Office(RepositoryError::Corrupt { digest })) => {
                tracing::error!(blob.digest = %digest, "a blob is damaged or missing, and not in the backup");
                if self.lost.len() < LOST_MAX {
                    self.lost.push(digest);
                }
                Ok(())
            }
            other => other.map(drop),
        }
    }

    /// Reads part of what lies there from before again, another one each time.
    async fn look_again(&self, turn_ms: i64) -> Result<(), BackupError> {
        const DAY_MS: u64 = 86_400_000;
        let turn = turn_ms.unsigned_abs() / DAY_MS % ROUNDS;
        for first in (0..=u8::MAX).filter(|first| u64::from(*first) % ROUNDS == turn) {
            super::check::look_through(&self.shelf, &format!("{BLOBS}/{first:02x}"), |_| ()).await?;
        }
        Ok(())
    }

    /// Takes old backups off the shelf, and the parts that no other needs. Blobs stay.
    async fn forget_old(&self, keep: u32) -> Result<(), BackupError> {
        let all = snapshots(&self.shelf).await?;
        let keep = usize::try_from(keep.max(1)).unwrap_or(usize::MAX);
        let (old, kept) = all.split_at(all.len().saturating_sub(keep));
        if old.is_empty() {
            return Ok(());
        }
        let mut needed = HashSet::new();
        for name in kept {
            let Some(list) = self.parts_needed(name).await? else {
                // Of one of them it is not known what it needs: nothing goes.
                return Ok(());
            };
            needed.extend(list);
        }
        for name in old {
            self.shelf.delete(name).await?;
            self.shelf.delete(&list_of(name)).await?;
        }
        for item in self.shelf.list(PARTS).await? {
            let is_needed = seal::parts_of(&item.name).is_none_or(|(name, _)| needed.contains(name));
            if !is_needed {
                self.shelf.delete(&item.name).await?;
            }
        }
        Ok(())
    }

    async fn parts_needed(&self, snapshot: &str) -> Result<Option<Vec<String>>, BackupError> {
        const LIST_BYTES_MAX: usize = 64 * 1024 * 1024;
        let list = seal::read_small(&self.shelf, &list_of(snapshot), LIST_BYTES_MAX).await?;
        let text = list.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        Ok(text.map(|text| text.lines().map(str::to_owned).collect()))
    }
}

/// Returns the name of the list of a manifest's parts.
fn list_of(snapshot: &str) -> String {
    let stamp = seal::parts_of(snapshot).map_or(snapshot, |(stamp, _)| stamp);
    format!("{SNAPSHOTS}/{stamp}{LIST_ENDING}")
}

/// An error of the office's own store, and not of the shelf.
struct FromOffice(BlobError);

impl From<FromOffice> for BackupError {
    fn from(FromOffice(error): FromOffice) -> Self {
        match error {
            BlobError::NotFound => Self::Office(RepositoryError::Corrupt { digest: "missing".to_owned() }),
            other => Self::Office(other.into()),
        }
    }
}

fn stream_of(bytes: Vec<u8>) -> impl futures::Stream<Item = Result<Bytes, BackupError>> + Unpin {
    futures::stream::iter([Ok(Bytes::from(bytes))])
}

/// A file of this machine that goes with whoever needed it.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Packs the configuration: its folder, and the files elsewhere that it names, with a list of where they were.
fn pack_configuration(settings: &super::BackupSettings, path: &Path) -> std::io::Result<()> {
    let mut archive = tar::Builder::new(File::create(path)?);
    archive.follow_symlinks(true);
    if settings.config_dir.is_dir() {
        archive.append_dir_all("config", &settings.config_dir)?;
    }
    let mut places = Vec::new();
    for (number, file) in settings.more_files.iter().enumerate() {
        if file.starts_with(&settings.config_dir) || !file.is_file() {
            continue;
        }
        let name = format!("files/{number}");
        archive.append_path_with_name(file, &name)?;
        places.push((name, file.display().to_string()));
    }
    let places = serde_json::to_vec(&places).map_err(std::io::Error::other)?;
    let mut header = tar::Header::new_gnu();
    header.set_size(places.len() as u64);
    header.set_mode(0o600);
    archive.append_data(&mut header, "files.json", places.as_slice())?;
    let mut file = archive.into_inner()?;
    file.flush()
}
