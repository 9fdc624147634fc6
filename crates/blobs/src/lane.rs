//! The calls to one folder, which may block: so many at once, and none waited for without an end.
//!
//! A disk that hangs (a network drive that is away, a controller that starts again) keeps a thread for each call, and
//! gives no error. Without a bound all threads that may block would stand there, those of the database's readers too.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;

use crate::blocking::joined;
use crate::error::{BlobError, Result};

/// More calls than these are not under way at once: more than a disk works on, and fewer than a process has threads.
const SLOTS: usize = 32;

/// A disk is at least so fast. *Units*: bytes in a second.
const SLOWEST: u64 = 1024 * 1024;

/// The way to a folder. Cheap to clone; all clones are the same way.
#[derive(Clone, Debug)]
pub(crate) struct Lane {
    slots: Arc<Semaphore>,
    due: Arc<Due>,
    patience: Duration,
}

/// When the calls that are under way should be back, each with a number of its own.
#[derive(Debug, Default)]
struct Due {
    calls: Mutex<BTreeSet<(Instant, u64)>>,
    last: AtomicU64,
}

/// A place in the lane, held until the call has come back from the disk, whether anybody waits for it or not.
#[derive(Debug)]
pub(crate) struct Slot {
    _permit: OwnedSemaphorePermit,
    due: Arc<Due>,
    call: Option<(Instant, u64)>,
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(call) = &self.call {
            self.due.calls.lock().unwrap_or_else(PoisonError::into_inner).remove(call);
        }
    }
}

impl Lane {
    /// Makes a lane whose calls are each waited for as long as `patience`.
    pub(crate) fn new(patience: Duration) -> Self {
        Self { slots: Arc::new(Semaphore::new(SLOTS)), due: Arc::default(), patience }
    }

    /// Returns the same lane for calls that move so many bytes, which may take longer.
    pub(crate) fn for_bytes(&self, size_bytes: u64) -> Self {
        let patience = self.patience.saturating_add(Duration::from_secs(size_bytes / SLOWEST));
        Self { patience, ..self.clone() }
    }

    /// Returns how long a call is waited for.
    pub(crate) const fn patience(&self) -> Duration {
        self.patience
    }

    /// Waits for a slot.
    ///
    /// # Errors
    /// [`BlobError::Unavailable`] when none became free in time.
    pub(crate) async fn slot(&self) -> Result<Slot> {
        Ok(self.slot_of(self.permit().await?))
    }

    async fn permit(&self) -> Result<OwnedSemaphorePermit> {
        if let Ok(permit) = Arc::clone(&self.slots).try_acquire_owned() {
            return Ok(permit);
        }
        match timeout(self.patience, Arc::clone(&self.slots).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(self.overdue()),
        }
    }

    /// Returns a slot if one is free.
    pub(crate) fn free_slot(&self) -> Option<Slot> {
        Arc::clone(&self.slots).try_acquire_owned().ok().map(|permit| self.slot_of(permit))
    }

    fn slot_of(&self, permit: OwnedSemaphorePermit) -> Slot {
        let call = Instant::now()
            .checked_add(self.patience)
            .map(|back_by| (back_by, self.due.last.fetch_add(1, Ordering::Relaxed)));
        if let Some(call) = call {
            self.due.calls.lock().unwrap_or_else(PoisonError::into_inner).insert(call);
        }
        Slot { _permit: permit, due: Arc::clone(&self.due), call }
    }

    /// Says whether a call should have been back.
    ///
    /// # Errors
    /// [`BlobError::Unavailable`] when one should.
    pub(crate) fn check(&self) -> Result<()> {
        let calls = self.due.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let is_overdue = calls.first().is_some_and(|(back_by, _)| *back_by < Instant::now());
        if is_overdue { Err(self.overdue()) } else { Ok(()) }
    }

    /// Runs `work` on a thread that may block, and waits for it.
    ///
    /// # Errors
    /// [`BlobError::Unavailable`] when it does not end in time; it may end later, unheard.
    pub(crate) async fn run<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T> + Send + 'static,
    {
        let handle = begin(self.slot().await?, work);
        self.in_time(handle).await
    }

    /// Runs `work` as [`Lane::run`] does, and waits for it until it ends: for what goes through a whole folder.
    pub(crate) async fn run_long<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T> + Send + 'static,
    {
        let slot = Self { patience: Duration::MAX, ..self.clone() }.slot_of(self.permit().await?);
        joined(begin(slot, work)).await
    }

    /// Waits for a call that was begun before.
    ///
    /// # Errors
    /// As [`Lane::run`].
    pub(crate) async fn in_time<T>(&self, call: JoinHandle<Result<T>>) -> Result<T> {
        timeout(self.patience, joined(call)).await.unwrap_or_else(|_| Err(self.overdue()))
    }

    /// Says that the disk did not answer.
    pub(crate) fn overdue(&self) -> BlobError {
        let words = format!("the disk of the blobs has not answered for {} ms", self.patience.as_millis());
        BlobError::Unavailable { source: words.into() }
    }
}

/// Begins `work` on a thread that may block; the slot is free again when it ends.
pub(crate) fn begin<T, F>(slot: Slot, work: F) -> JoinHandle<T>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    spawn_blocking(move || {
        let _held = slot;
        work()
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::sync::mpsc;

    use super::*;

    /// A disk that hangs: calls come back when the sender is dropped.
    fn hang(lane: &Lane, calls: usize) -> mpsc::Sender<()> {
        let (sender, receiver) = mpsc::channel::<()>();
        let receiver = Arc::new(std::sync::Mutex::new(receiver));
        for _ in 0..calls {
            let receiver = Arc::clone(&receiver);
            drop(begin(lane.free_slot().unwrap(), move || receiver.lock().unwrap().recv().unwrap_or_default()));
        }
        sender
    }

    #[tokio::test]
    async fn a_call_that_hangs_is_answered_and_keeps_its_slot_until_it_is_back() {
        let lane = Lane::new(Duration::from_millis(20));
        let (let_go, held) = mpsc::channel::<()>();
        let answer = lane.run(move || Ok(held.recv().is_ok())).await;
        assert!(matches!(answer, Err(BlobError::Unavailable { .. })), "{answer:?}");
        assert_eq!(lane.slots.available_permits(), SLOTS - 1);
        assert!(lane.check().is_err(), "it is still under way");
        drop(let_go);
        let all = Arc::clone(&lane.slots).acquire_many_owned(u32::try_from(SLOTS).unwrap()).await;
        assert!(all.is_ok());
        assert!(lane.check().is_ok());
    }

    #[tokio::test]
    async fn when_all_slots_hang_others_are_answered_and_take_no_thread() {
        let lane = Lane::new(Duration::from_millis(20));
        let let_go = hang(&lane, SLOTS);
        let answer = lane.run(|| Ok(())).await;
        assert!(matches!(answer, Err(BlobError::Unavailable { .. })), "{answer:?}");
        drop(let_go);
        let lane = Lane { patience: Duration::from_secs(60), ..lane };
        assert!(lane.run(|| Ok(())).await.is_ok());
    }
}
