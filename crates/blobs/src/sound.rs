//! Which stored blobs this process has seen to be right: a range is given out only of such a one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::StorageKey;
use crate::sealing::ContentKey;

/// So many are remembered; then all are forgotten, and seen again when they are asked for.
const SEEN_MAX: usize = 65_536;
/// How many blobs are looked through at once on behalf of ranges.
const TURNS: usize = 16;

/// What changes whenever stored bytes are written again: of a file inode, instant of change and length, of an object
/// its entity tag. Damage that leaves it as it was is found by `verify`, and by the next process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mark(Box<str>);

impl Mark {
    /// Makes a mark of what a store says.
    pub(crate) fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }
}

/// What a range of a blob needs: the mark that the stored bytes had when they were seen to be right, or to be sealed.
#[derive(Clone, Debug)]
pub(crate) struct Proof {
    pub(crate) mark: Mark,
    /// The key of a sealed blob, whose chunks prove themselves; none of a plain one, which was looked through.
    pub(crate) seal: Option<Arc<ContentKey>>,
}

/// The blobs that were seen to be right, by their keys.
#[derive(Debug, Default)]
pub(crate) struct Sound {
    seen: Mutex<HashMap<StorageKey, Proof>>,
    /// Two readers of one blob do not look through it twice.
    turns: [tokio::sync::Mutex<()>; TURNS],
}

impl Sound {
    /// Returns what was seen of a blob.
    pub(crate) fn proof(&self, key: &StorageKey) -> Option<Proof> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    /// Notes that the blob is right as long as it has the mark.
    pub(crate) fn remember(&self, key: StorageKey, proof: Proof) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= SEEN_MAX {
            seen.clear();
        }
        seen.insert(key, proof);
    }

    /// Forgets a blob that has another mark now.
    pub(crate) fn forget(&self, key: &StorageKey) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }

    /// Waits for the turn to look through a blob.
    pub(crate) async fn turn(&self, key: &StorageKey) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        let digest = key.digest();
        let [first, ..] = digest.as_bytes();
        let turn = self.turns.get(usize::from(*first) % TURNS)?;
        Some(turn.lock().await)
    }
}
