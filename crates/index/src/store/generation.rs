//! One index in a folder of its own: open, write, commit, read.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use tantivy::directory::MmapDirectory;
use tantivy::{Index, IndexReader, ReloadPolicy};

use super::check;
use super::schema::{self, Fields};
use super::snapshot::Snapshot;
use super::writer::{Writer, WriterLimits, read_payload};
use crate::entry::{Applied, Checkpoint, Operation};
use crate::error::IndexError;
use crate::text::tokenizers;

/// Blocks of stored text that a reader keeps unpacked, per segment. A block can be large, so they are few.
const STORE_CACHE_BLOCKS: usize = 4;

/// An opened index.
pub(crate) struct Generation {
    pub(crate) number: u64,
    pub(crate) dir: PathBuf,
    pub(crate) fields: Fields,
    index: Index,
    reader: IndexReader,
    snapshot: RwLock<Arc<Snapshot>>,
    writer: Mutex<Writer>,
    /// A commit failed, and the snapshot may be older than what is on disk.
    stale: AtomicBool,
}

impl Generation {
    /// Makes an empty index.
    pub(crate) fn create(dir: &Path, number: u64, limits: WriterLimits) -> Result<Self, IndexError> {
        let act = "create the index";
        fs::create_dir_all(dir).map_err(|error| IndexError::from_io(act, error))?;
        let builder = Index::builder()
            .schema(schema::schema())
            .settings(schema::settings())
            .tokenizers(tokenizers::manager())
            .fast_field_tokenizers(tokenizers::manager());
        let index = builder.create_in_dir(dir).map_err(|error| IndexError::from_engine(act, error))?;
        Self::finish(index, dir, number, limits).map_err(|error| IndexError::from_engine(act, error))
    }

    /// Opens an index that was written before. Whatever is wrong with it, including a panic of the engine, is damage.
    pub(crate) fn open(dir: &Path, number: u64, limits: WriterLimits) -> Result<Self, IndexError> {
        let opened = catch_unwind(AssertUnwindSafe(|| Self::open_unguarded(dir, number, limits)));
        opened.unwrap_or_else(|_| Err(IndexError::damaged("it cannot be read")))
    }

    fn open_unguarded(dir: &Path, number: u64, limits: WriterLimits) -> Result<Self, IndexError> {
        let damage = check::find_damage(dir, check::OPENING_BUDGET);
        if let Some(reason) = damage.map_err(|error| IndexError::damaged(error.to_string()))? {
            return Err(IndexError::damaged(reason));
        }
        let damaged = |error: tantivy::TantivyError| IndexError::damaged(error.to_string());
        let directory = MmapDirectory::open(dir).map_err(|error| IndexError::damaged(error.to_string()))?;
        let mut index = Index::open(directory).map_err(damaged)?;
        index.set_tokenizers(tokenizers::manager());
        index.set_fast_field_tokenizers(tokenizers::manager());
        if index.schema() != schema::schema() || *index.settings() != schema::settings() {
            return Err(IndexError::damaged("its fields are not those of this version"));
        }
        let generation = Self::finish(index, dir, number, limits).map_err(damaged)?;
        generation.check_counts()?;
        Ok(generation)
    }

    fn finish(index: Index, dir: &Path, number: u64, limits: WriterLimits) -> Result<Self, tantivy::TantivyError> {
        let fields = Fields::find(&index.schema())?;
        let reader = index
            .reader_builder()
            .reload_policy(ReloadPolicy::Manual)
            .doc_store_cache_num_blocks(STORE_CACHE_BLOCKS)
            .try_into()?;
        let checkpoint = match index.load_metas()?.payload {
            None => None,
            Some(payload) => Some(
                read_payload(&payload)
                    .ok_or_else(|| tantivy::TantivyError::SystemError("the checkpoint cannot be read".to_owned()))?,
            ),
        };
        let snapshot = Snapshot::new(reader.searcher(), checkpoint.clone())?;
        Ok(Self {
            number,
            dir: dir.to_owned(),
            fields,
            index,
            reader,
            snapshot: RwLock::new(Arc::new(snapshot)),
            writer: Mutex::new(Writer::new(fields, limits, checkpoint)),
            stale: AtomicBool::new(false),
        })
    }

    /// The list of segments carries counts that no checksum covers: compare them with the segments themselves.
    fn check_counts(&self) -> Result<(), IndexError> {
        let snapshot = self.snapshot();
        for (segment, columns) in snapshot.searcher.segment_readers().iter().zip(&snapshot.columns) {
            let alive = segment.alive_bitset();
            let right = columns.fits(segment)
                && alive.is_none_or(|alive| {
                    alive.bitset().max_value() == segment.max_doc()
                        && u32::try_from(alive.num_alive_docs()) == Ok(segment.num_docs())
                });
            if !right {
                return Err(IndexError::damaged(format!("segment {:?} has a wrong count", segment.segment_id())));
            }
        }
        Ok(())
    }

    /// The committed state that readers see now.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The writer, to ask it something.
    pub(crate) fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn apply(&self, operations: Vec<Operation>) -> Result<Applied, IndexError> {
        let mut writer = self.writer();
        self.refresh(&mut writer)?;
        // Taken under the writer's lock, so that it goes with what is pending.
        let snapshot = self.snapshot();
        writer.apply(&self.index, &snapshot, operations)
    }

    pub(crate) fn versions_of(&self, live_nos: &[i64]) -> Result<BTreeMap<i64, BTreeSet<i64>>, IndexError> {
        let mut writer = self.writer();
        self.refresh(&mut writer)?;
        let snapshot = self.snapshot();
        let versions = live_nos.iter().map(|live_no| Ok((*live_no, writer.versions_of(&snapshot, *live_no)?)));
        let versions: Result<BTreeMap<_, _>, tantivy::TantivyError> = versions.collect();
        versions.map_err(|error| IndexError::from_engine("read the committed index", error))
    }

    pub(crate) fn commit(&self, checkpoint: Checkpoint) -> Result<(), IndexError> {
        let mut writer = self.writer();
        self.refresh(&mut writer)?;
        // Whether the engine's commit came through is known only at the end of this function.
        self.stale.store(true, Ordering::Relaxed);
        let changed = writer.commit(&self.index, checkpoint.clone())?;
        if changed {
            self.reload(Some(checkpoint))?;
            self.stale.store(false, Ordering::Relaxed);
            // The engine replaces its list of segments by a rename, and leaves that to the next commit to make durable.
            let synced = File::open(&self.dir).and_then(|dir| dir.sync_all());
            synced.map_err(|error| IndexError::from_io("commit to the index", error))
        } else {
            // Nothing to read anew; only the position has moved.
            let old = self.snapshot();
            let moved =
                Snapshot { searcher: old.searcher.clone(), columns: old.columns.clone(), checkpoint: Some(checkpoint) };
            self.show(moved);
            self.stale.store(false, Ordering::Relaxed);
            Ok(())
        }
    }

    /// After a commit that failed: reads what is on disk, so that what did come through is not written twice.
    fn refresh(&self, writer: &mut Writer) -> Result<(), IndexError> {
        if !self.stale.load(Ordering::Relaxed) {
            return Ok(());
        }
        let act = "read the committed index";
        writer.forget();
        let metas = self.index.load_metas().map_err(|error| IndexError::from_engine(act, error))?;
        let checkpoint = metas.payload.as_deref().and_then(read_payload);
        self.reload(checkpoint.clone())?;
        writer.checkpoint = checkpoint;
        self.stale.store(false, Ordering::Relaxed);
        Ok(())
    }

    pub(crate) fn rest(&self) -> Result<(), IndexError> {
        let mut writer = self.writer();
        if writer.pending() > 0 {
            return Ok(());
        }
        let had_engine = writer.is_open();
        writer.rest(&self.index)?;
        if had_engine { self.reload(writer.checkpoint.clone()) } else { Ok(()) }
    }

    fn reload(&self, checkpoint: Option<Checkpoint>) -> Result<(), IndexError> {
        let act = "read the committed index";
        self.reader.reload().map_err(|error| IndexError::from_engine(act, error))?;
        let snapshot = Snapshot::new(self.reader.searcher(), checkpoint);
        self.show(snapshot.map_err(|error| IndexError::from_engine(act, error))?);
        Ok(())
    }

    fn show(&self, snapshot: Snapshot) {
        *self.snapshot.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(snapshot);
    }
}
