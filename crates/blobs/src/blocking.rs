//! Moves blocking work off the asynchronous threads.

use std::io;

use tokio::task::{JoinHandle, spawn_blocking};

use crate::error::{BlobError, Result};

/// Runs `work` on a thread that may block, and waits for it.
pub(crate) async fn run<T, F>(work: F) -> Result<T>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T> + Send + 'static,
{
    joined(spawn_blocking(work)).await
}

/// Begins `work` on a thread that may block; nobody waits for it.
pub(crate) fn begin<F>(work: F)
where
    F: FnOnce() + Send + 'static,
{
    drop(spawn_blocking(work));
}

/// Waits for work that was started before.
pub(crate) async fn joined<T>(handle: JoinHandle<Result<T>>) -> Result<T> {
    match handle.await {
        Ok(result) => result,
        Err(error) => Err(broken_off(error)),
    }
}

/// Says that work did not come to its end.
pub(crate) fn broken_off(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> BlobError {
    BlobError::Io { act: "finish a task", source: io::Error::other(error) }
}
