//! Bytes that are on their way to a disk which may hang.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::blocking;
use crate::error::{BlobError, Result};
use crate::folder::Folder;

/// What [`BlobStore::commit_then`](crate::BlobStore::commit_then) has begun.
#[must_use = "nobody else gives up when the disk hangs"]
pub struct Storing {
    patience: Option<(Duration, Box<dyn FnOnce() + Send>)>,
}

impl std::fmt::Debug for Storing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let patience = self.patience.as_ref().map(|(patience, _)| patience);
        f.debug_struct("Storing").field("patience", &patience).finish_non_exhaustive()
    }
}

impl Storing {
    /// Waits for what comes of the outcome. When the disk has not answered in time, the outcome is
    /// [`BlobError::Unavailable`], now and for good: what the disk has taken when it answers later is an orphan.
    pub async fn ended<T>(self, outcome: impl Future<Output = T>) -> T {
        let Some((patience, give_up)) = self.patience else { return outcome.await };
        let mut outcome = std::pin::pin!(outcome);
        match tokio::time::timeout(patience, &mut outcome).await {
            Ok(ended) => ended,
            Err(_) => {
                give_up();
                outcome.await
            }
        }
    }

    /// Says that nothing is to be waited for: hands the outcome over on a thread that may block.
    pub(crate) fn has_ended<F>(outcome: Result<()>, then: F) -> Self
    where
        F: FnOnce(Result<()>) + Send + 'static,
    {
        blocking::begin(move || then(outcome));
        Self { patience: None }
    }

    /// Begins to store, as soon as the folder has a slot.
    pub(crate) async fn begin<P, F>(folder: &Folder, size_bytes: u64, put: P, then: F) -> Self
    where
        P: FnOnce(&Folder) -> Result<()> + Send + 'static,
        F: FnOnce(Result<()>) + Send + 'static,
    {
        let lane = folder.lane().for_bytes(size_bytes);
        let slot = match lane.slot().await {
            Ok(slot) => slot,
            Err(error) => return Self::has_ended(Err(error), then),
        };
        let folder = folder.clone();
        let patience = lane.patience();
        // Whoever comes first takes it: the thread with the outcome, or the one whose patience is over.
        let waiting = Arc::new(Mutex::new(Some(then)));
        let given_up = Arc::clone(&waiting);
        blocking::begin(move || {
            let stored = put(&folder);
            drop(slot);
            tell(&waiting, stored);
        });
        Self { patience: Some((patience, Box::new(move || tell(&given_up, Err(lane.overdue()))))) }
    }
}

/// Gives the outcome to whoever waits for it, unless they have one.
fn tell<F>(waiting: &Mutex<Option<F>>, outcome: Result<(), BlobError>)
where
    F: FnOnce(Result<()>),
{
    let then = waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(then) = then {
        then(outcome);
    }
}
