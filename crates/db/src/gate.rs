//! The one way in which blocking work of the database leaves the asynchronous threads, with a bound on those who wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::DbError;

/// Lets as many in as there are connections, and so many wait.
pub(crate) struct Gate {
    seats: Arc<Semaphore>,
    waiting: AtomicUsize,
    max_waiting: usize,
    wait: Duration,
}

/// One who waits; counted as long as this lives, also when the caller gives up.
pub(crate) struct Waiter<'a>(&'a AtomicUsize);

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Gate {
    pub(crate) fn new(seats: u32, max_waiting: usize, wait: Duration) -> Self {
        let seats = usize::try_from(seats).unwrap_or(1);
        Self { seats: Arc::new(Semaphore::new(seats)), waiting: AtomicUsize::new(0), max_waiting, wait }
    }

    /// Runs `work` on a thread that may block, as soon as a seat is free.
    ///
    /// A caller that goes away while waiting is forgotten; once begun, the work runs to its end.
    pub(crate) async fn run<T, F>(&self, work: F) -> Result<T, DbError>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let seat = self.seat().await?;
        let sitting = move || {
            let done = work();
            drop(seat);
            done
        };
        blocking(sitting).await
    }

    /// Joins those who wait, unless they are too many.
    pub(crate) fn wait(&self) -> Result<Waiter<'_>, DbError> {
        if self.seats.is_closed() {
            return Err(DbError::Unavailable("it is closed".to_owned()));
        }
        let before = self.waiting.fetch_add(1, Ordering::AcqRel);
        let waiter = Waiter(&self.waiting);
        if before >= self.max_waiting {
            return Err(DbError::Unavailable(format!("{before} others wait already")));
        }
        Ok(waiter)
    }

    /// Returns a seat if one is free now.
    pub(crate) fn free_seat(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.seats).try_acquire_owned().ok()
    }

    async fn seat(&self) -> Result<OwnedSemaphorePermit, DbError> {
        if let Some(seat) = self.free_seat() {
            return Ok(seat);
        }
        let waiter = self.wait()?;
        let seat = tokio::time::timeout(self.wait, Arc::clone(&self.seats).acquire_owned()).await;
        drop(waiter);
        match seat {
            Ok(Ok(seat)) => Ok(seat),
            Ok(Err(_)) => Err(DbError::Unavailable("it is closed".to_owned())),
            Err(_) => {
                Err(DbError::Unavailable(format!("no connection became free within {} ms", self.wait.as_millis())))
            }
        }
    }

    /// Lets nobody in any more, and returns when those inside have left.
    pub(crate) async fn close(&self, seats: u32) {
        let all = Arc::clone(&self.seats).acquire_many_owned(seats).await;
        self.seats.close();
        drop(all);
    }
}

/// Runs `work` on a thread that may block.
pub(crate) async fn blocking<T, F>(work: F) -> Result<T, DbError>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => Ok(done),
        Err(error) if error.is_panic() => Err(DbError::Panicked(crate::error::panic_text(error.into_panic().as_ref()))),
        Err(_) => Err(DbError::Unavailable("the program is shutting down".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[tokio::test]
    async fn one_too_many_is_refused_and_the_others_are_served() {
        let gate = Arc::new(Gate::new(1, 1, Duration::from_secs(60)));
        let (let_go, held) = std::sync::mpsc::channel::<()>();
        let (began, begun) = tokio::sync::oneshot::channel();
        let first = tokio::spawn({
            let gate = Arc::clone(&gate);
            async move {
                let work = move || {
                    began.send(()).unwrap();
                    held.recv().unwrap();
                };
                gate.run(work).await
            }
        });
        begun.await.unwrap();
        let mut second = Box::pin(gate.run(|| 2));
        assert!(futures_pending(&mut second).await);
        assert!(matches!(gate.run(|| 3).await, Err(DbError::Unavailable(_))));
        let_go.send(()).unwrap();
        first.await.unwrap().unwrap();
        assert_eq!(second.await.unwrap(), 2);
    }

    /// Polls once and tells whether the future still waits.
    async fn futures_pending<F: Future + Unpin>(future: &mut F) -> bool {
        std::future::poll_fn(|context| {
            std::task::Poll::Ready(std::pin::Pin::new(&mut *future).poll(context).is_pending())
        })
        .await
    }
}
