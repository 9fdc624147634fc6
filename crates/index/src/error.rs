//! What can go wrong with the index, named by what the caller can do about it.

use std::path::PathBuf;

/// The error of every fallible act on the full-text index.
///
/// Nothing that a person types is an error: a query is always answered. What remains is the disk, damage,
/// and the order of acts during a rebuild.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// Another process, or another handle of this one, holds the folder.
    #[error("cannot open the index in {}: it is in use", dir.display())]
    Busy {
        /// The folder of the index.
        dir: PathBuf,
    },
    /// The disk or the engine refused; nothing since the last commit is kept. Try again from
    /// [`FullTextIndex::checkpoint`](crate::FullTextIndex::checkpoint).
    #[error("cannot {act}")]
    Unavailable {
        /// What was being done, as a verb phrase.
        act: &'static str,
        /// Why it did not work.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The files of the index are damaged: rebuild it.
    #[error("the index is damaged: {reason}")]
    Damaged {
        /// What was found.
        reason: String,
    },
    /// A rebuild is already running.
    #[error("cannot start a rebuild: one is running")]
    RebuildRunning,
    /// The rebuilt index has not yet reached the position of the live one.
    #[error("cannot switch to the rebuilt index: it stands at {rebuilt:?}, the live one at {live:?}")]
    Behind {
        /// Position that the rebuilt index has reached.
        rebuilt: Option<i64>,
        /// Position of the live index.
        live: Option<i64>,
    },
}

impl IndexError {
    /// Wraps an error of the engine: damage stays damage, everything else is a refusal that may pass.
    pub(crate) fn from_engine(act: &'static str, error: tantivy::TantivyError) -> Self {
        match error {
            tantivy::TantivyError::DataCorruption(corruption) => Self::Damaged { reason: format!("{corruption:?}") },
            other => Self::Unavailable { act, source: Box::new(other) },
        }
    }

    /// Wraps an error of the file system.
    pub(crate) fn from_io(act: &'static str, error: std::io::Error) -> Self {
        Self::Unavailable { act, source: Box::new(error) }
    }

    /// Says that the index is damaged.
    pub(crate) fn damaged(reason: impl Into<String>) -> Self {
        Self::Damaged { reason: reason.into() }
    }
}
