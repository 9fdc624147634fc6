//! The index of a node: a folder with one live generation, and at times a second one that is being rebuilt.
//!
//! ```text
//! DIR/lock         held while the index is open
//! DIR/current      which generation is live, and its schema version; replaced atomically
//! DIR/g000007/     a generation: the engine's files
//! DIR/aside/       the last generation that could not be used, for whoever wants to know why
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use serde::{Deserialize, Serialize};

use crate::entry::{Applied, Checkpoint, Operation};
use crate::error::IndexError;
use crate::rebuild::ShadowIndex;
use crate::store::check;
use crate::store::generation::Generation;
use crate::store::schema::SCHEMA_VERSION;
use crate::store::snapshot::IndexedObject;
use crate::store::writer::WriterLimits;

/// The full-text index of this node. Clones share one index.
#[derive(Clone)]
pub struct FullTextIndex {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    root: PathBuf,
    limits: WriterLimits,
    live: RwLock<Arc<Generation>>,
    pub(crate) rebuilding: AtomicBool,
    pub(crate) damaged: AtomicBool,
    // The lock goes with the file.
    _lock: File,
}

/// What [`FullTextIndex::open`] found.
pub struct Opened {
    /// The index, ready for use. After [`OpenState::Unusable`] it is empty.
    pub index: FullTextIndex,
    /// In which state it was found.
    pub state: OpenState,
}

/// The state of an index when it was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenState {
    /// There was none, or nothing was ever committed to it: fill it from the beginning.
    Fresh,
    /// It is true up to this change: go on from there. With a foreign identity of the log nothing in it counts: see
    /// [`FullTextIndex::clear`].
    At(Checkpoint),
    /// It could not be used and was moved aside; a new, empty one is in its place: fill it from the beginning.
    Unusable {
        /// What was wrong.
        reason: String,
    },
}

/// Figures about the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexStats {
    /// Objects that can be found.
    pub objects: u64,
    /// Entries that were replaced or removed and still take room.
    pub deleted: u64,
    /// Segments on disk.
    pub segments: usize,
    /// Bytes on disk.
    pub size_bytes: u64,
    /// Objects applied and not yet committed.
    pub pending: usize,
    /// Whether the writer's threads and memory are in use.
    pub writer_open: bool,
    /// Whether a rebuild is running.
    pub rebuilding: bool,
    /// Whether a search met damage since the index was opened.
    pub damaged: bool,
    /// Up to which change it is true.
    pub checkpoint: Option<Checkpoint>,
}

/// The content of `DIR/current`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Current {
    schema_version: u32,
    generation: u64,
}

const CURRENT: &str = "current";
const ASIDE: &str = "aside";

impl FullTextIndex {
    /// Opens the index in a folder, or begins one.
    ///
    /// Up to 32 MiB of its files are checked whole, larger ones at their ends; call [`FullTextIndex::verify_files`] in
    /// the background for the rest.
    ///
    /// # Errors
    /// `Busy` when another handle holds the folder; `Unavailable` when the disk refuses. Damage is no error: it is
    /// [`OpenState::Unusable`].
    pub fn open(dir: &Path) -> Result<Opened, IndexError> {
        Self::open_with(dir, WriterLimits::default())
    }

    /// Opens the index with other limits for its writer.
    ///
    /// # Errors
    /// As [`FullTextIndex::open`].
    pub fn open_with(dir: &Path, limits: WriterLimits) -> Result<Opened, IndexError> {
        let unavailable = |error| IndexError::from_io("open the index", error);
        fs::create_dir_all(dir).map_err(unavailable)?;
        let lock = File::create(dir.join("lock")).map_err(unavailable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Err(IndexError::Busy { dir: dir.to_owned() }),
            Err(fs::TryLockError::Error(error)) => return Err(unavailable(error)),
        }
        let (generation, state) = match open_current(dir, limits).map_err(unavailable)? {
            Ok(Some(generation)) => {
                let state = generation.snapshot().checkpoint.clone().map_or(OpenState::Fresh, OpenState::At);
                (generation, state)
            }
            Ok(None) => (begin(dir, 1, limits)?, OpenState::Fresh),
            Err(reason) => {
                let number = move_aside(dir).map_err(unavailable)?;
                (begin(dir, number, limits)?, OpenState::Unusable { reason })
            }
        };
        sweep(dir, generation.number).map_err(unavailable)?;
        let inner = Inner {
            root: dir.to_owned(),
            limits,
            live: RwLock::new(Arc::new(generation)),
            rebuilding: AtomicBool::new(false),
            damaged: AtomicBool::new(false),
            _lock: lock,
        };
        Ok(Opened { index: Self { inner: Arc::new(inner) }, state })
    }

    /// Applies operations in order. They become visible and durable together, at the next commit.
    ///
    /// Waits while more text is on its way than the writer may hold.
    ///
    /// # Errors
    /// `Unavailable` or `Damaged`; then nothing since the last commit is kept: go on from
    /// [`FullTextIndex::checkpoint`].
    pub fn apply(&self, operations: Vec<Operation>) -> Result<Applied, IndexError> {
        self.live().apply(operations)
    }

    /// The versions that have entries of their own, by the number of their live object; what was applied counts, committed or
    /// not.
    ///
    /// # Errors
    /// `Unavailable` or `Damaged`.
    pub fn versions_of(&self, live_nos: &[i64]) -> Result<BTreeMap<i64, BTreeSet<i64>>, IndexError> {
        self.live().versions_of(live_nos)
    }

    /// Makes what was applied visible and durable, and says up to which change the index is now true.
    ///
    /// The checkpoint is part of the commit itself. When nothing was applied only the position moves; it is saved with
    /// the next commit, or by [`FullTextIndex::rest`].
    ///
    /// # Errors
    /// As [`FullTextIndex::apply`].
    pub fn commit(&self, checkpoint: Checkpoint) -> Result<(), IndexError> {
        self.live().commit(checkpoint)
    }

    /// Up to which change the index is true for whoever searches now.
    #[must_use]
    pub fn checkpoint(&self) -> Option<Checkpoint> {
        self.live().snapshot().checkpoint.clone()
    }

    /// Gives the writer's threads and memory back; call it when nothing has changed for some seconds.
    ///
    /// Waits for running merges. Does nothing while something is applied and not committed.
    ///
    /// # Errors
    /// `Unavailable` when the disk refuses.
    pub fn rest(&self) -> Result<(), IndexError> {
        self.live().rest()
    }

    /// Empties the index: for a change log of another identity, whose positions say nothing about what is here.
    ///
    /// To keep answering meanwhile, use [`FullTextIndex::start_rebuild`] instead.
    ///
    /// # Errors
    /// `RebuildRunning` when a rebuild is running, `Unavailable` when the disk refuses.
    pub fn clear(&self) -> Result<(), IndexError> {
        self.start_rebuild()?.replace()
    }

    /// Every object of the index with its change and scope, by object number. Takes 24 bytes an object.
    #[must_use]
    pub fn object_numbers(&self) -> Vec<IndexedObject> {
        let mut objects: Vec<IndexedObject> = self.live().snapshot().objects().collect();
        objects.sort_unstable();
        objects
    }

    /// Calls `visit` with every object of the index, in no particular order, without collecting them.
    pub fn visit_objects(&self, visit: impl FnMut(IndexedObject)) {
        self.live().snapshot().objects().for_each(visit);
    }

    /// Reads every file of the index and compares it with its checksum.
    ///
    /// # Errors
    /// `Damaged` when one differs, `Unavailable` when it cannot be read.
    pub fn verify_files(&self) -> Result<(), IndexError> {
        let live = self.live();
        // Merges replace files while they are read: a file that has gone is looked for again under the new list.
        for _ in 0..3 {
            match check::find_damage(&live.dir, u64::MAX) {
                Ok(None) => return Ok(()),
                Ok(Some(reason)) => {
                    self.inner.damaged.store(true, Ordering::Relaxed);
                    return Err(IndexError::Damaged { reason });
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(IndexError::from_io("read the files of the index", error)),
            }
        }
        Err(IndexError::damaged("a file is missing"))
    }

    /// Figures about the index.
    #[must_use]
    pub fn stats(&self) -> IndexStats {
        let live = self.live();
        let snapshot = live.snapshot();
        let segments = snapshot.searcher.segment_readers();
        let (pending, writer_open) = {
            let writer = live.writer();
            (writer.pending(), writer.is_open())
        };
        IndexStats {
            objects: snapshot.searcher.num_docs(),
            deleted: segments.iter().map(|segment| u64::from(segment.num_deleted_docs())).sum(),
            segments: segments.len(),
            size_bytes: size_of_dir(&live.dir),
            pending,
            writer_open,
            rebuilding: self.inner.rebuilding.load(Ordering::Acquire),
            damaged: self.inner.damaged.load(Ordering::Relaxed),
            checkpoint: snapshot.checkpoint.clone(),
        }
    }

    /// Starts to build a second index beside the live one, which goes on answering and being written.
    ///
    /// # Errors
    /// `RebuildRunning` when one is being built, `Unavailable` when the disk refuses.
    pub fn start_rebuild(&self) -> Result<ShadowIndex, IndexError> {
        ShadowIndex::start(Arc::clone(&self.inner))
    }

    pub(crate) fn live(&self) -> Arc<Generation> {
        self.inner.live()
    }
}

impl Inner {
    pub(crate) fn live(&self) -> Arc<Generation> {
        Arc::clone(&self.live.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes the generation after the live one.
    pub(crate) fn create_next(&self) -> Result<Generation, IndexError> {
        let number = self.live().number + 1;
        let dir = generation_dir(&self.root, number);
        remove_dir(&dir).map_err(|error| IndexError::from_io("start a rebuild", error))?;
        Generation::create(&dir, number, self.limits)
    }

    /// Makes a generation the live one, on disk first and then for readers.
    pub(crate) fn switch_to(&self, generation: Arc<Generation>) -> Result<(), IndexError> {
        let unavailable = |error| IndexError::from_io("switch to the rebuilt index", error);
        write_current(&self.root, generation.number).map_err(unavailable)?;
        let before = {
            let mut live = self.live.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *live, generation)
        };
        before.writer().forget();
        // Searches that still run keep the old files open; their names can go now.
        if let Err(error) = remove_dir(&before.dir) {
            tracing::warn!(error = %error, "the folder of the replaced index could not be removed");
        }
        Ok(())
    }
}

/// Opens what `DIR/current` names. `Ok(None)`: there is no index yet. The inner error says why it is of no use.
fn open_current(dir: &Path, limits: WriterLimits) -> io::Result<Result<Option<Generation>, String>> {
    let text = match fs::read(dir.join(CURRENT)) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let lost = newest_generation(dir)?.is_some();
            return Ok(if lost { Err("the file `current` is missing".to_owned()) } else { Ok(None) });
        }
        Err(error) => return Err(error),
    };
    let Ok(current) = serde_json::from_slice::<Current>(&text) else {
        return Ok(Err("the file `current` is damaged".to_owned()));
    };
    if current.schema_version != SCHEMA_VERSION {
        let found = current.schema_version;
        return Ok(Err(format!("it has schema version {found}, this program writes {SCHEMA_VERSION}")));
    }
    let generation = Generation::open(&generation_dir(dir, current.generation), current.generation, limits);
    Ok(generation.map(Some).map_err(|error| error.to_string()))
}

fn begin(dir: &Path, number: u64, limits: WriterLimits) -> Result<Generation, IndexError> {
    let unavailable = |error| IndexError::from_io("create the index", error);
    remove_dir(&generation_dir(dir, number)).map_err(unavailable)?;
    let generation = Generation::create(&generation_dir(dir, number), number, limits)?;
    write_current(dir, number).map_err(unavailable)?;
    Ok(generation)
}

/// Moves the newest generation aside; answers the number of the one to begin.
fn move_aside(dir: &Path) -> io::Result<u64> {
    let Some(newest) = newest_generation(dir)? else { return Ok(1) };
    remove_dir(&dir.join(ASIDE))?;
    fs::rename(generation_dir(dir, newest), dir.join(ASIDE))?;
    Ok(newest + 1)
}

/// Removes generations that are not live, and what atomic writes left when they were killed.
fn sweep(dir: &Path, live: u64) -> io::Result<()> {
    for number in generations(dir)? {
        if number != live {
            remove_dir(&generation_dir(dir, number))?;
        }
    }
    for entry in fs::read_dir(generation_dir(dir, live))? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(".tmp") {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn generation_dir(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("g{number:06}"))
}

fn generations(dir: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        let number: Option<u64> = name.to_string_lossy().strip_prefix('g').and_then(|digits| digits.parse().ok());
        numbers.extend(number);
    }
    Ok(numbers)
}

fn newest_generation(dir: &Path) -> io::Result<Option<u64>> {
    Ok(generations(dir)?.into_iter().max())
}

fn write_current(dir: &Path, generation: u64) -> io::Result<()> {
    let current = Current { schema_version: SCHEMA_VERSION, generation };
    let draft = dir.join("current.new");
    let mut file = File::create(&draft)?;
    file.write_all(serde_json::to_string(&current)?.as_bytes())?;
    file.sync_all()?;
    fs::rename(&draft, dir.join(CURRENT))?;
    File::open(dir)?.sync_all()
}

pub(crate) fn remove_dir(dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn size_of_dir(dir: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(dir) else { return 0 };
    entries.flatten().filter_map(|entry| entry.metadata().ok()).map(|metadata| metadata.len()).sum()
}
