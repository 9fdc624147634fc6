//! A second index that is built while the first one answers, and takes its place.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::entry::{Applied, Checkpoint, Operation};
use crate::error::IndexError;
use crate::index::{Inner, remove_dir};
use crate::store::generation::Generation;

/// An index under construction.
///
/// Note the position `P` of the change log, put an entry for every object of the database, commit with `P`, then
/// replay the log from `P`, committing on the way. When little is left, stop feeding the live index, replay the rest,
/// commit and [`switch`](ShadowIndex::switch). Dropped without a switch, it leaves nothing behind.
pub struct ShadowIndex {
    owner: Arc<Inner>,
    generation: Arc<Generation>,
    switched: bool,
}

impl ShadowIndex {
    pub(crate) fn start(owner: Arc<Inner>) -> Result<Self, IndexError> {
        if owner.rebuilding.swap(true, Ordering::AcqRel) {
            return Err(IndexError::RebuildRunning);
        }
        match owner.create_next() {
            Ok(generation) => Ok(Self { owner, generation: Arc::new(generation), switched: false }),
            Err(error) => {
                owner.rebuilding.store(false, Ordering::Release);
                Err(error)
            }
        }
    }

    /// As [`FullTextIndex::apply`](crate::FullTextIndex::apply), on the new index only.
    ///
    /// # Errors
    /// `Unavailable` or `Damaged`.
    pub fn apply(&self, operations: Vec<Operation>) -> Result<Applied, IndexError> {
        self.generation.apply(operations)
    }

    /// As [`FullTextIndex::versions_of`](crate::FullTextIndex::versions_of), of the new index.
    ///
    /// # Errors
    /// `Unavailable` or `Damaged`.
    pub fn versions_of(&self, live_nos: &[i64]) -> Result<BTreeMap<i64, BTreeSet<i64>>, IndexError> {
        self.generation.versions_of(live_nos)
    }

    /// As [`FullTextIndex::commit`](crate::FullTextIndex::commit), on the new index only.
    ///
    /// # Errors
    /// `Unavailable` or `Damaged`.
    pub fn commit(&self, checkpoint: Checkpoint) -> Result<(), IndexError> {
        self.generation.commit(checkpoint)
    }

    /// Up to which change the new index is true.
    #[must_use]
    pub fn checkpoint(&self) -> Option<Checkpoint> {
        self.generation.snapshot().checkpoint.clone()
    }

    /// Puts the new index in the place of the live one. Searches see one or the other, never nothing.
    ///
    /// The live index must not be written meanwhile. Dropped on error: the live index stays.
    ///
    /// # Errors
    /// `Behind` when the new index has not reached the live one's position in the same log; `Unavailable` when the disk
    /// refuses.
    pub fn switch(self) -> Result<(), IndexError> {
        let (rebuilt, live) = (self.checkpoint(), self.owner.live().snapshot().checkpoint.clone());
        let behind = match (&rebuilt, &live) {
            (Some(rebuilt), Some(live)) => {
                rebuilt.log_identity == live.log_identity && rebuilt.position < live.position
            }
            (None, _) => true,
            (Some(_), None) => false,
        };
        if behind {
            let position = |checkpoint: Option<Checkpoint>| checkpoint.map(|checkpoint| checkpoint.position);
            return Err(IndexError::Behind { rebuilt: position(rebuilt), live: position(live) });
        }
        self.replace()
    }

    /// Takes the place of the live index, whatever that one holds.
    pub(crate) fn replace(mut self) -> Result<(), IndexError> {
        // The position may have moved without a commit; on disk it must not fall behind.
        self.generation.rest()?;
        self.owner.switch_to(Arc::clone(&self.generation))?;
        self.owner.damaged.store(false, Ordering::Relaxed);
        self.switched = true;
        Ok(())
    }
}

impl Drop for ShadowIndex {
    fn drop(&mut self) {
        if !self.switched {
            self.generation.writer().forget();
            if let Err(error) = remove_dir(&self.generation.dir) {
                tracing::warn!(error = %error, "the folder of an abandoned rebuild could not be removed");
            }
        }
        self.owner.rebuilding.store(false, Ordering::Release);
    }
}
