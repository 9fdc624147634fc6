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

/// Waits for work that was started before.
pub(crate) async fn joined<T>(handle: JoinHandle<Result<T>>) -> Result<T> {
    match handle.await {
        Ok(result) => result,
        Err(error) => Err(BlobError::Io { act: "finish a task", source: io::Error::other(error) }),
    }
}
