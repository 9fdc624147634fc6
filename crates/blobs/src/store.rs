//! The store of blobs: what the repository calls.

use std::fmt::Display;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{Stream, StreamExt, TryStreamExt};
use tokio::sync::{Semaphore, oneshot};

use cartulary_model::{BlobDigest, Timestamp};

use crate::counters::{Counters, StoreCounters};
use crate::error::{BlobError, Result};
use crate::folder::{self, FileCursor, FileSink, Folder};
use crate::lane::Lane;
use crate::objects::{ObjectCursor, Objects, path_of};
use crate::probe::{probe_folder, probe_objects};
use crate::reader::{BlobReader, Cursor, Form, Opened, VerifyOutcome, Wanted};
use crate::sealing::{self, MasterKeys};
use crate::sound::{Proof, Sound};
use crate::staged::{StagedBlob, StagedBody};
use crate::storing::Storing;
use crate::{KeyId, SourceFile, StorageKey, StoreCapabilities, StoreConfig, blocking, stream_in};

/// How often a range is asked for again when the blob was stored anew meanwhile.
const RANGE_TRIES: usize = 3;
/// How many readers of one process may read a step ahead of their receivers.
const READ_AHEAD_SLOTS: usize = 64;

/// A place where blobs are kept. Cheap to clone; all clones are the same store.
///
/// Staging and committing are two acts, and so is what lies between: the repository's decision.
///
/// # Example
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use cartulary_blobs::{BlobStore, StorageKey, StoreConfig};
///
/// let store = BlobStore::open(&StoreConfig::Memory).await?;
/// let body = futures::stream::iter([Ok::<_, std::io::Error>("a paper".into())]);
/// let staged = store.stage(body).await?;
/// let (digest, size_bytes) = (staged.digest, staged.size_bytes);
/// let key = StorageKey::new(digest, 0);
/// store.commit(staged, &key).await?;
/// assert_eq!(store.read_to_vec(&key, digest, size_bytes, 1024).await?, b"a paper");
/// # Ok::<_, cartulary_blobs::BlobError>(()) }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct BlobStore {
    backend: Backend,
    read_ahead: Arc<Semaphore>,
    sound: Arc<Sound>,
    counters: Arc<Counters>,
}

/// Where the bytes are.
#[derive(Clone, Debug)]
pub(crate) enum Backend {
    Folder(Folder),
    Objects(Objects),
}

impl Backend {
    /// Returns the master keys, if the blobs are to be sealed.
    const fn keys(&self) -> Option<&Arc<MasterKeys>> {
        match self {
            Self::Folder(folder) => folder.keys(),
            Self::Objects(objects) => objects.keys(),
        }
    }

    /// Returns up to which size a body stays in memory, in bytes.
    pub(crate) const fn memory_bytes(&self) -> usize {
        match self {
            Self::Folder(_) => FileSink::BATCH_BYTES,
            Self::Objects(objects) => objects.part_bytes(),
        }
    }
}

/// Something that lies in a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedBlob {
    /// The key, or none for what is no blob: a staging file, or a leftover of another writer.
    pub key: Option<StorageKey>,
    /// The name as it stands in the store, relative to its root; with U+FFFD for what is not UTF-8.
    pub raw_name: String,
    /// The size, in bytes.
    pub size_bytes: u64,
    /// When it was last written, by the clock of the store.
    pub modified: Timestamp,
}

/// What came of the wish to have a blob sealed with the newest master key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resealed {
    /// It is so already.
    WasSealed,
    /// It was rewritten.
    Rewritten,
}

impl BlobStore {
    /// Opens a store; a folder is made, with its sub-folders synced, when it is not there. A bucket is not asked yet:
    /// see [`BlobStore::probe`].
    ///
    /// # Errors
    /// [`BlobError::Config`] when a setting, a secret or the file of the master key cannot be used, [`BlobError::Io`] when the folder cannot be made,
    /// [`BlobError::Unavailable`] when its disk does not answer.
    pub async fn open(config: &StoreConfig) -> Result<Self, BlobError> {
        let keys = match config.key_file() {
            None => None,
            Some(file) => {
                let file = file.to_owned();
                Some(Arc::new(blocking::run(move || MasterKeys::read(&file)).await?))
            }
        };
        let backend = match config {
            StoreConfig::Memory => Backend::Objects(Objects::in_memory()),
            StoreConfig::Folder(settings) => {
                let lane = Lane::new(Duration::from_millis(settings.timeout_ms));
                let (settings, own) = (settings.clone(), lane.clone());
                Backend::Folder(lane.run(move || Folder::open(&settings, keys, own)).await?)
            }
            StoreConfig::S3(settings) => {
                let settings = settings.clone();
                Backend::Objects(blocking::run(move || Objects::in_bucket(&settings)).await?.sealed_with(keys))
            }
        };
        Ok(Self {
            backend,
            read_ahead: Arc::new(Semaphore::new(READ_AHEAD_SLOTS)),
            sound: Arc::default(),
            counters: Arc::new(Counters::default()),
        })
    }

    /// Returns the names of the master keys that the store was opened with, the one that seals last; none if it stores
    /// blobs as they are.
    pub fn key_ids(&self) -> Vec<KeyId> {
        self.backend.keys().map(|keys| keys.ids()).unwrap_or_default()
    }

    /// Finds out by trying what the store can do: writes, reads, lists, creates twice and removes a probe object.
    ///
    /// # Errors
    /// Whatever keeps the store from serving; also [`BlobError::Unavailable`] when it gives back other bytes.
    pub async fn probe(&self) -> Result<StoreCapabilities, BlobError> {
        let outcome = match &self.backend {
            Backend::Folder(folder) => probe_folder(folder).await,
            Backend::Objects(objects) => probe_objects(objects).await,
        };
        self.noted(outcome)
    }

    /// Takes a body in: hashes it while it comes, keeps a small one in memory and a large one out of sight in the store.
    ///
    /// # Errors
    /// [`BlobError::NoSpace`] before anything is written when less than the reserve is free, or later when it becomes
    /// so; [`BlobError::Body`] when the body breaks off; [`BlobError::TooLarge`]; [`BlobError::Unavailable`];
    /// [`BlobError::Io`]. After an error nothing is kept.
    pub async fn stage<S, E>(&self, body: S) -> Result<StagedBlob, BlobError>
    where
        S: Stream<Item = Result<Bytes, E>>,
        E: Display,
    {
        let body = body.map(|chunk| chunk.map_err(|error| BlobError::Body { reason: error.to_string() }));
        let outcome = match self.check_space(None).await {
            Ok(()) => stream_in::stage(&self.backend, body).await,
            Err(error) => Err(error),
        };
        self.noted(outcome)
    }

    /// Takes in the file at `path`; see [`BlobStore::stage_source`].
    ///
    /// # Errors
    /// As [`SourceFile::open`] and [`BlobStore::stage_source`].
    pub async fn stage_file(&self, path: &Path) -> Result<StagedBlob, BlobError> {
        let path = path.to_owned();
        let source = blocking::run(move || SourceFile::open(&path)).await?;
        self.stage_source(source).await
    }

    /// Takes in an open file, reading it on threads that may block.
    ///
    /// # Errors
    /// [`BlobError::Changed`] when somebody changed the file since it was opened; [`BlobError::Source`] when it cannot
    /// be read; else as [`BlobStore::stage`].
    pub async fn stage_source(&self, source: SourceFile) -> Result<StagedBlob, BlobError> {
        let fits_in_memory = source.size_bytes() <= self.backend.memory_bytes() as u64;
        let outcome = match self.check_space(Some(source.size_bytes())).await {
            Err(error) => Err(error),
            Ok(()) if fits_in_memory => {
                blocking::run(move || Ok(StagedBlob::in_memory(vec![source.read_all()?]))).await
            }
            Ok(()) => stream_in::stage(&self.backend, source.into_stream()).await,
        };
        self.noted(outcome)
    }

    /// Makes a staged blob durable under `key`: when this returns, it survives a loss of power.
    ///
    /// What lies under the key already is replaced by the same bytes, which also mends it if it was damaged; two who
    /// commit the same key at once both succeed.
    ///
    /// # Errors
    /// [`BlobError::WrongKey`] when the key names another digest; [`BlobError::NoSpace`]; [`BlobError::Unavailable`];
    /// [`BlobError::Io`]. The staged bytes are gone in any case.
    pub async fn commit(&self, staged: StagedBlob, key: &StorageKey) -> Result<(), BlobError> {
        let (done, outcome) = oneshot::channel();
        // Nobody may wait any more.
        let storing = self.commit_then(staged, key, |stored| drop(done.send(stored))).await;
        storing.ended(outcome).await.unwrap_or_else(|error| Err(blocking::broken_off(error)))
    }

    /// Does what [`BlobStore::commit`] does, and gives the outcome to `then`, on the thread that stored the bytes if one
    /// did: there it may block, and need not wait until the caller's turn comes. If this is dropped before it has
    /// returned, `then` may not run at all.
    ///
    /// Whoever waits for what `then` does, waits by [`Storing::ended`]: a disk that hangs would keep them for ever.
    pub async fn commit_then<F>(&self, staged: StagedBlob, key: &StorageKey, then: F) -> Storing
    where
        F: FnOnce(Result<(), BlobError>) + Send + 'static,
    {
        let (store, key, size_bytes) = (self.clone(), *key, staged.size_bytes);
        let then = move |stored| then(store.noted(stored));
        if staged.digest != key.digest() {
            return Storing::has_ended(Err(BlobError::WrongKey { key }), then);
        }
        let outcome = match (&self.backend, staged.body) {
            (Backend::Folder(folder), StagedBody::Memory(chunks)) => {
                let put = move |folder: &Folder| folder.put(chunks, &key);
                return Storing::begin(folder, size_bytes, put, then).await;
            }
            (Backend::Folder(folder), StagedBody::File(file)) => {
                let put = move |folder: &Folder| folder.put_staged(file, &key);
                return Storing::begin(folder, size_bytes, put, then).await;
            }
            (Backend::Objects(objects), StagedBody::Memory(chunks)) => objects.put(chunks, &key).await,
            (Backend::Objects(objects), StagedBody::Object(object)) => {
                objects.put_staged(object, staged.size_bytes, &key).await
            }
            // It was staged in another store.
            (Backend::Folder(_), StagedBody::Object(_)) | (Backend::Objects(_), StagedBody::File(_)) => {
                Err(BlobError::WrongKey { key })
            }
        };
        Storing::has_ended(outcome, then)
    }

    /// Forgets a staged blob, because its bytes are already stored or not wanted.
    pub async fn discard(&self, staged: StagedBlob) {
        match staged.body {
            StagedBody::Memory(_) => {}
            StagedBody::File(file) => {
                let Backend::Folder(folder) = &self.backend else { return };
                let removed = folder.run(move |_| {
                    file.remove();
                    Ok(())
                });
                if let Err(error) = removed.await {
                    self.counters.note(&error);
                }
            }
            StagedBody::Object(object) => {
                if let Err(error) = object.discard().await {
                    self.counters.note(&error);
                }
            }
        }
    }

    /// Opens a blob for reading, whole or in a range of bytes; see [`BlobReader`].
    ///
    /// The first range of a blob that a process is asked for looks through the whole blob, so that no range of damaged
    /// bytes is given out; later ones begin at once, until the store says that it was written again. Of a sealed blob only the
    /// seal is looked at, because its chunks prove themselves.
    ///
    /// # Errors
    /// [`BlobError::NotFound`]; [`BlobError::NoKey`]; [`BlobError::Corrupt`] when the length, or the digest of a small blob, is wrong;
    /// [`BlobError::Range`] when the range does not lie within `size_bytes`; [`BlobError::Unavailable`];
    /// [`BlobError::Io`].
    pub async fn read(
        &self,
        key: &StorageKey,
        digest: BlobDigest,
        size_bytes: u64,
        range: Option<Range<u64>>,
    ) -> Result<BlobReader, BlobError> {
        let wanted = Wanted::new(key, digest, size_bytes, range)?;
        let opened = if wanted.is_whole() { self.open_whole(&wanted).await } else { self.open_range(&wanted).await };
        Ok(self.reader(&wanted, opened?))
    }

    fn reader(&self, wanted: &Wanted, opened: Opened) -> BlobReader {
        BlobReader::new(wanted, opened, Arc::clone(&self.read_ahead), Arc::clone(&self.counters))
    }

    /// Reads the first bytes; those of a small blob once more when they came wrong over the network.
    async fn open_whole(&self, wanted: &Wanted) -> Result<Opened> {
        let first = self.open_at(wanted, None).await;
        let is_worth_another_try =
            matches!((&first, &self.backend), (Err(BlobError::Corrupt { .. }), Backend::Objects(_)));
        if !is_worth_another_try {
            return self.noted(first);
        }
        let second = self.noted(self.open_at(wanted, None).await);
        // What went wrong once is told too; what goes on going wrong is counted once.
        if second.is_ok() { self.noted(first).or(second) } else { second }
    }

    /// Reads the first bytes of a range, of a blob that was seen to be right since it was last written.
    async fn open_range(&self, wanted: &Wanted) -> Result<Opened> {
        for _ in 0..RANGE_TRIES {
            let opened = match self.prove(wanted).await {
                Ok(proof) => self.noted(self.open_at(wanted, Some(proof)).await),
                Err(error) => Err(error),
            };
            match opened {
                Err(BlobError::Changed) => self.sound.forget(&wanted.key),
                other => return other,
            }
        }
        Err(BlobError::Changed)
    }

    /// Returns the proof of a blob that is right, having looked through all of it if this process had not yet.
    async fn prove(&self, wanted: &Wanted) -> Result<Proof> {
        if let Some(proof) = self.sound.proof(&wanted.key) {
            return Ok(proof);
        }
        let _turn = self.sound.turn(&wanted.key).await;
        if let Some(proof) = self.sound.proof(&wanted.key) {
            return Ok(proof);
        }
        let looked = match &self.backend {
            Backend::Folder(folder) => {
                let key = wanted.key;
                folder.run(move |folder| folder.look(&key)).await
            }
            Backend::Objects(objects) => objects.look(&wanted.key).await,
        };
        let (mark, length) = self.noted(looked)?;
        let proof = if wanted.form_of(length) == Some(Form::Sealed) {
            let unsealed = match &self.backend {
                Backend::Folder(folder) => {
                    let (wanted, mark) = (wanted.clone(), mark.clone());
                    folder.run(move |folder| folder.unseal(&wanted, &mark)).await
                }
                Backend::Objects(objects) => objects.unseal(wanted, &mark).await,
            };
            Proof { mark, seal: Some(self.noted(unsealed)?) }
        } else {
            let (proof, whole) = (Proof { mark, seal: None }, wanted.whole());
            let opened = self.noted(self.open_at(&whole, Some(proof.clone())).await);
            let mut reader = self.reader(&whole, opened?);
            while reader.try_next().await?.is_some() {}
            proof
        };
        self.sound.remember(wanted.key, proof.clone());
        Ok(proof)
    }

    /// Opens what is wanted and reads the first bytes; refuses with [`BlobError::Changed`] if it has not the mark.
    async fn open_at(&self, wanted: &Wanted, proof: Option<Proof>) -> Result<Opened> {
        let opening = wanted.clone();
        match &self.backend {
            Backend::Folder(folder) => {
                if let Some(bytes) = folder.read_at_hand(wanted, proof.as_ref())? {
                    return Ok((bytes, None));
                }
                let open = move |folder: &Folder| {
                    let (first, rest) = Box::new(FileCursor::open(folder, opening, proof.as_ref())?).advance()?;
                    Ok((first, rest.map(Cursor::File)))
                };
                folder.run(open).await
            }
            Backend::Objects(objects) => {
                let first = Box::pin(ObjectCursor::new(objects, opening, proof.as_ref())?.advance()).await;
                first.map(|(first, rest)| (first, rest.map(Cursor::Object)))
            }
        }
    }

    /// Returns all bytes of a blob of at most `limit_bytes`, verified.
    ///
    /// # Errors
    /// [`BlobError::TooLarge`] when `size_bytes` is beyond the limit; else as [`BlobStore::read`].
    pub async fn read_to_vec(
        &self,
        key: &StorageKey,
        digest: BlobDigest,
        size_bytes: u64,
        limit_bytes: u64,
    ) -> Result<Vec<u8>, BlobError> {
        if size_bytes > limit_bytes {
            return Err(BlobError::TooLarge { size_bytes, limit_bytes });
        }
        let mut reader = self.read(key, digest, size_bytes, None).await?;
        let mut bytes = Vec::with_capacity(usize::try_from(size_bytes).unwrap_or(0));
        while let Some(chunk) = reader.try_next().await? {
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    /// Returns the path of a blob's file, if the store is a folder and the file plain: for workers that open it themselves,
    /// read-only. Whether the file is there is not looked at, and its bytes are not verified.
    pub async fn local_path(&self, key: &StorageKey) -> Option<PathBuf> {
        let Backend::Folder(folder) = &self.backend else { return None };
        if folder.keys().is_some() {
            let asked = *key;
            let may_be_sealed = folder.run(move |folder| Ok(folder.may_be_sealed(&asked))).await;
            may_be_sealed.ok().filter(|may_be_sealed| !may_be_sealed)?;
        }
        Some(folder.path_of(key))
    }

    /// Rewrites a blob that is not sealed with the newest master key: plain, or sealed with an older one. It is read whole,
    /// its digest compared, and a whole file laid in its place; who reads it meanwhile reads on.
    ///
    /// # Errors
    /// As [`BlobStore::read`] and [`BlobStore::commit`]; [`BlobError::Config`] for a store without a master key. The blob is as it
    /// was then.
    pub async fn reseal(&self, key: &StorageKey, digest: BlobDigest, size_bytes: u64) -> Result<Resealed, BlobError> {
        let Some(newest) = self.backend.keys().map(|keys| keys.newest()) else {
            return Err(BlobError::Config { setting: "keyFile", reason: "no master key is named".to_owned() });
        };
        let wanted = Wanted::new(key, digest, size_bytes, None)?;
        let seal = match &self.backend {
            Backend::Folder(folder) => folder.run(move |folder| folder.seal_of(&wanted)).await,
            Backend::Objects(objects) => objects.seal_of(&wanted).await,
        };
        if self.noted(seal)?.as_deref().and_then(sealing::id_in) == Some(newest) {
            return Ok(Resealed::WasSealed);
        }
        let staged = match self.stage(self.read(key, digest, size_bytes, None).await?).await {
            Ok(staged) => staged,
            // The bytes that broke off are our own.
            Err(BlobError::Body { reason }) => return Err(BlobError::Unavailable { source: reason.into() }),
            Err(error) => return Err(error),
        };
        self.commit(staged, key).await.map(|()| Resealed::Rewritten)
    }

    /// Reads a blob whole and says whether its bytes are the right ones.
    ///
    /// # Errors
    /// [`BlobError::Unavailable`] or [`BlobError::Io`] when it could not be found out.
    pub async fn verify(
        &self,
        key: &StorageKey,
        digest: BlobDigest,
        size_bytes: u64,
    ) -> Result<VerifyOutcome, BlobError> {
        let outcome = async {
            let mut reader = self.read(key, digest, size_bytes, None).await?;
            while reader.try_next().await?.is_some() {}
            Ok(VerifyOutcome::Sound)
        };
        match outcome.await {
            Err(BlobError::NotFound) => Ok(VerifyOutcome::Missing),
            Err(BlobError::Corrupt { fault, .. }) => Ok(fault.into()),
            Err(BlobError::NoKey { master, .. }) => Ok(VerifyOutcome::NoKey { master }),
            other => other,
        }
    }

    /// Removes the bytes under a key; nothing there counts as removed. After a loss of power they may be back, which is
    /// harmless: they are an orphan then.
    ///
    /// # Errors
    /// [`BlobError::Unavailable`] or [`BlobError::Io`].
    pub async fn delete(&self, key: &StorageKey) -> Result<(), BlobError> {
        let outcome = match &self.backend {
            Backend::Folder(folder) => {
                let key = *key;
                folder.run(move |folder| folder.delete(&key)).await
            }
            Backend::Objects(objects) => objects.delete(&path_of(key)).await,
        };
        self.noted(outcome)
    }

    /// Lists everything that lies in the store, in no promised order: blobs, what is being staged, and leftovers.
    pub fn list(&self) -> impl Stream<Item = Result<ListedBlob, BlobError>> + Send + Unpin + use<> {
        let counters = Arc::clone(&self.counters);
        let listed = match &self.backend {
            Backend::Folder(folder) => folder::list(folder),
            Backend::Objects(objects) => objects.list(),
        };
        listed.inspect_err(move |error| counters.note(error))
    }

    /// Lists the 256th part of what is stored: the blobs whose digest begins with `first`, in no promised order.
    pub fn list_part(&self, first: u8) -> impl Stream<Item = Result<ListedBlob, BlobError>> + Send + Unpin + use<> {
        let counters = Arc::clone(&self.counters);
        let listed = match &self.backend {
            Backend::Folder(folder) => folder::list_part(folder, first),
            Backend::Objects(objects) => objects.list_part(first),
        };
        listed.inspect_err(move |error| counters.note(error))
    }

    /// Removes what was staged and neither committed nor discarded, if nobody wrote to it for `older_than`, and returns
    /// how much that was. A blob that is still on its way in after that time is lost to its sender: choose a day, or
    /// zero before anything can be staged.
    ///
    /// # Errors
    /// [`BlobError::Unavailable`] or [`BlobError::Io`].
    pub async fn sweep_staging(&self, older_than: Duration) -> Result<usize, BlobError> {
        let outcome = match &self.backend {
            Backend::Folder(folder) => {
                let swept = folder.clone();
                folder.lane().run_long(move || swept.sweep(older_than)).await
            }
            Backend::Objects(objects) => objects.sweep(older_than).await,
        };
        self.noted(outcome)
    }

    /// Removes what another process has left on its way in, and returns how much that was: for who has the folder to
    /// itself, before anything is staged. Of other stores nothing is removed, because others may be using them.
    ///
    /// # Errors
    /// As [`BlobStore::sweep_staging`].
    pub async fn sweep_own_folder(&self) -> Result<usize, BlobError> {
        match &self.backend {
            // Little is left by one process, and whoever starts must not wait for ever.
            Backend::Folder(folder) => self.noted(folder.run(|folder| folder.sweep(Duration::ZERO)).await),
            Backend::Objects(_) => Ok(0),
        }
    }

    /// Returns how many bytes are free where the store keeps them, if it can be known.
    pub async fn free_bytes(&self) -> Option<u64> {
        match &self.backend {
            // A disk that hangs is not waited for again.
            Backend::Folder(folder) if folder.lane().check().is_err() => None,
            Backend::Folder(folder) => folder.run(Folder::free_bytes).await.ok(),
            Backend::Objects(_) => None,
        }
    }

    /// Says why a folder cannot be stored to now, from a look at it; another store is only known by how calls end.
    ///
    /// # Errors
    /// [`BlobError::Unavailable`].
    pub async fn check_reach(&self) -> Result<(), BlobError> {
        match &self.backend {
            Backend::Folder(folder) => {
                folder.lane().check()?;
                folder.run(Folder::check_reach).await
            }
            Backend::Objects(_) => Ok(()),
        }
    }

    /// Returns how often the store failed since it was opened.
    pub fn counters(&self) -> StoreCounters {
        self.counters.now()
    }

    /// Refuses when there is no room for what comes.
    async fn check_space(&self, needed_bytes: Option<u64>) -> Result<()> {
        match &self.backend {
            Backend::Folder(folder) if folder.had_room(needed_bytes) => Ok(()),
            Backend::Folder(folder) => folder.run(move |folder| folder.check_space(needed_bytes)).await,
            Backend::Objects(_) => Ok(()),
        }
    }

    fn noted<T>(&self, outcome: Result<T>) -> Result<T> {
        outcome.inspect_err(|error| self.counters.note(error))
    }
}
