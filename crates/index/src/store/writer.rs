//! Writes operations into one index and keeps their order: an entry gives way only to a higher change.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use tantivy::indexer::{IndexWriterOptions, LogMergePolicy, UserOperation};
use tantivy::{Index, IndexWriter, TantivyError, Term};

use super::paper::{Paper, Room};
use super::schema::Fields;
use super::snapshot::Snapshot;
use crate::entry::{Applied, Checkpoint, Entry, Operation};
use crate::error::IndexError;

/// How much memory the engine's writer may use, in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriterLimits {
    /// Threads that index, 1 to 8.
    pub threads: usize,
    /// Bytes that each thread collects before it writes a segment; at least 15 MB.
    pub bytes_per_thread: usize,
}

impl Default for WriterLimits {
    /// One thread with 30 MB: each further one writes a segment of its own with each commit, however little there is.
    fn default() -> Self {
        Self { threads: 1, bytes_per_thread: 30_000_000 }
    }
}

/// What was applied since the last commit.
#[derive(Debug, Clone, Copy)]
enum Pending {
    Put(i64),
    Removed,
}

/// What became of the versions of a live object since the last commit.
#[derive(Debug, Default)]
struct PendingVersions {
    /// Those that were committed went with the live object.
    gone: bool,
    put: BTreeSet<i64>,
}

/// The one writer of an index. It exists only while there is something to write.
pub(crate) struct Writer {
    fields: Fields,
    limits: WriterLimits,
    engine: Option<IndexWriter<Paper>>,
    room: Arc<Room>,
    pending: HashMap<i64, Pending>,
    /// What became of the versions of live objects since the last commit.
    pending_versions: HashMap<i64, PendingVersions>,
    removed: Tombstones,
    pub(crate) checkpoint: Option<Checkpoint>,
    /// The checkpoint has moved without anything to write.
    unsaved_checkpoint: bool,
}

impl Writer {
    pub(crate) fn new(fields: Fields, limits: WriterLimits, checkpoint: Option<Checkpoint>) -> Self {
        Self {
            fields,
            limits,
            engine: None,
            room: Arc::default(),
            pending: HashMap::new(),
            pending_versions: HashMap::new(),
            removed: Tombstones::default(),
            checkpoint,
            unsaved_checkpoint: false,
        }
    }

    /// Number of objects touched since the last commit.
    pub(crate) fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Whether the engine's writer, with its threads and memory, exists now.
    pub(crate) fn is_open(&self) -> bool {
        self.engine.is_some()
    }

    /// Applies operations in order. After an error nothing since the last commit is kept.
    pub(crate) fn apply(
        &mut self,
        index: &Index,
        snapshot: &Snapshot,
        operations: Vec<Operation>,
    ) -> Result<Applied, IndexError> {
        let mut applied = Applied::default();
        for operation in operations {
            if let Err(error) = self.apply_one(index, snapshot, operation, &mut applied) {
                self.forget();
                return Err(IndexError::from_engine("write to the index", error));
            }
        }
        Ok(applied)
    }

    fn apply_one(
        &mut self,
        index: &Index,
        snapshot: &Snapshot,
        operation: Operation,
        applied: &mut Applied,
    ) -> Result<(), TantivyError> {
        match operation {
            Operation::Put(entry) => self.put(index, snapshot, *entry, 1, applied),
            Operation::Repair(entry) => self.put(index, snapshot, *entry, 0, applied),
            Operation::Remove { object_no, change } => self.remove(index, snapshot, object_no, change, applied),
        }
    }

    fn put(
        &mut self,
        index: &Index,
        snapshot: &Snapshot,
        entry: Entry,
        least_step: i64,
        applied: &mut Applied,
    ) -> Result<(), TantivyError> {
        let (object_no, change, past_of) = (entry.object_no, entry.change, entry.past_of);
        let known = self.change_of(snapshot, object_no)?;
        let newest = known.max(self.removed.change_of(object_no));
        if newest.is_some_and(|newest| change < newest.saturating_add(least_step)) {
            applied.ignored += 1;
            return Ok(());
        }
        let (paper, shortened) = Paper::new(self.fields, entry, &self.room)?;
        let term = Term::from_field_i64(self.fields.object_no, object_no);
        let mut steps = Vec::with_capacity(2);
        // A deletion is looked up in every segment: it is made only where there is something to delete.
        if known.is_some() || self.pending.contains_key(&object_no) {
            steps.push(UserOperation::Delete(term));
        }
        steps.push(UserOperation::Add(paper));
        self.engine(index)?.run(steps)?;
        self.pending.insert(object_no, Pending::Put(change));
        if let Some(live_no) = past_of {
            self.pending_versions.entry(live_no).or_default().put.insert(object_no);
        }
        applied.put += 1;
        if shortened {
            tracing::warn!(object.no = object_no, "text of an object is too long and is searchable only in part");
            applied.shortened.push(object_no);
        }
        Ok(())
    }

    fn remove(
        &mut self,
        index: &Index,
        snapshot: &Snapshot,
        object_no: i64,
        change: i64,
        applied: &mut Applied,
    ) -> Result<(), TantivyError> {
        let known = self.change_of(snapshot, object_no)?;
        if known.is_some_and(|known| known > change) {
            applied.ignored += 1;
            return Ok(());
        }
        self.removed.note(object_no, change);
        if known.is_none() {
            applied.ignored += 1;
            return Ok(());
        }
        let (object_no_field, past_of_field) = (self.fields.object_no, self.fields.past_of);
        let versions = self.versions_of(snapshot, object_no)?;
        let engine = self.engine(index)?;
        engine.delete_term(Term::from_field_i64(object_no_field, object_no));
        if !versions.is_empty() {
            engine.delete_term(Term::from_field_i64(past_of_field, object_no));
            self.pending_versions.insert(object_no, PendingVersions { gone: true, put: BTreeSet::new() });
            self.pending.extend(versions.into_iter().map(|version| (version, Pending::Removed)));
        }
        self.pending.insert(object_no, Pending::Removed);
        applied.removed += 1;
        Ok(())
    }

    fn change_of(&self, snapshot: &Snapshot, object_no: i64) -> Result<Option<i64>, TantivyError> {
        match self.pending.get(&object_no) {
            Some(Pending::Put(change)) => Ok(Some(*change)),
            Some(Pending::Removed) => Ok(None),
            None => snapshot.change_of(&self.fields, object_no),
        }
    }

    /// The versions of a live object that have entries, with what is still to be committed.
    pub(crate) fn versions_of(&self, snapshot: &Snapshot, live_no: i64) -> Result<BTreeSet<i64>, TantivyError> {
        let pending = self.pending_versions.get(&live_no);
        let mut versions = match pending {
            Some(PendingVersions { gone: true, .. }) => BTreeSet::new(),
            _ => snapshot.versions_of(&self.fields, live_no)?.into_iter().collect(),
        };
        versions.extend(pending.into_iter().flat_map(|pending| &pending.put));
        versions.retain(|version| !matches!(self.pending.get(version), Some(Pending::Removed)));
        Ok(versions)
    }

    fn engine(&mut self, index: &Index) -> Result<&mut IndexWriter<Paper>, TantivyError> {
        if self.engine.is_none() {
            let options = IndexWriterOptions::builder()
                .num_worker_threads(self.limits.threads)
                .memory_budget_per_thread(self.limits.bytes_per_thread)
                .num_merge_threads(1)
                .build();
            let engine = index.writer_with_options(options)?;
            let mut policy = LogMergePolicy::default();
            policy.set_del_docs_ratio_before_merge(0.3);
            engine.set_merge_policy(Box::new(policy));
            self.engine = Some(engine);
        }
        self.engine.as_mut().ok_or_else(|| TantivyError::SystemError("no writer".to_owned()))
    }

    /// Makes everything applied durable, together with the checkpoint. Answers whether there is a new state to read.
    pub(crate) fn commit(&mut self, index: &Index, checkpoint: Checkpoint) -> Result<bool, IndexError> {
        let same_log = self.checkpoint.as_ref().is_some_and(|old| old.log_identity == checkpoint.log_identity);
        if self.pending.is_empty() && same_log {
            self.unsaved_checkpoint |= self.checkpoint.as_ref() != Some(&checkpoint);
            self.checkpoint = Some(checkpoint);
            return Ok(false);
        }
        self.save(index, checkpoint)?;
        Ok(true)
    }

    fn save(&mut self, index: &Index, checkpoint: Checkpoint) -> Result<(), IndexError> {
        let saved = write_commit(self.engine(index), &checkpoint);
        if let Err(error) = saved {
            self.forget();
            return Err(IndexError::from_engine("commit to the index", error));
        }
        self.pending.clear();
        self.pending_versions.clear();
        self.unsaved_checkpoint = false;
        self.checkpoint = Some(checkpoint);
        Ok(())
    }

    /// Waits for merges, saves a checkpoint that has only moved, and gives threads and memory back.
    pub(crate) fn rest(&mut self, index: &Index) -> Result<(), IndexError> {
        if !self.pending.is_empty() {
            return Ok(());
        }
        if self.unsaved_checkpoint
            && let Some(checkpoint) = self.checkpoint.clone()
        {
            self.save(index, checkpoint)?;
        }
        match self.engine.take() {
            Some(engine) => engine
                .wait_merging_threads()
                .map_err(|error| IndexError::from_engine("finish merging the index", error)),
            None => Ok(()),
        }
    }

    /// Drops the engine's writer and all that was not committed.
    pub(crate) fn forget(&mut self) {
        self.engine = None;
        self.pending.clear();
        self.pending_versions.clear();
    }
}

fn write_commit(
    engine: Result<&mut IndexWriter<Paper>, TantivyError>,
    checkpoint: &Checkpoint,
) -> Result<(), TantivyError> {
    let mut prepared = engine?.prepare_commit()?;
    prepared.set_payload(&payload(checkpoint));
    prepared.commit()?;
    Ok(())
}

/// The checkpoint as it is kept in the engine's commit, with a checksum of its own.
fn payload(checkpoint: &Checkpoint) -> String {
    let text = format!("{} {}", checkpoint.position, checkpoint.log_identity);
    format!("{:08x} {text}", crc32fast::hash(text.as_bytes()))
}

/// Reads [`payload`] back; `None` when it is damaged.
pub(crate) fn read_payload(payload: &str) -> Option<Checkpoint> {
    let (checksum, text) = payload.split_once(' ')?;
    if u32::from_str_radix(checksum, 16).ok()? != crc32fast::hash(text.as_bytes()) {
        return None;
    }
    let (position, log_identity) = text.split_once(' ')?;
    Some(Checkpoint { log_identity: log_identity.to_owned(), position: position.parse().ok()? })
}

/// The latest removals, so that an older entry that arrives after one does not bring the object back.
#[derive(Debug, Default)]
struct Tombstones {
    changes: HashMap<i64, i64>,
    order: VecDeque<i64>,
}

impl Tombstones {
    const MAX: usize = 100_000;

    fn note(&mut self, object_no: i64, change: i64) {
        match self.changes.get_mut(&object_no) {
            Some(known) => *known = (*known).max(change),
            None => {
                self.changes.insert(object_no, change);
                self.order.push_back(object_no);
            }
        }
        if self.order.len() > Self::MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.changes.remove(&oldest);
        }
    }

    fn change_of(&self, object_no: i64) -> Option<i64> {
        self.changes.get(&object_no).copied()
    }
}
