//! Why a file could not be read at all.

use crate::extraction::{Fault, FaultCode};
use std::time::Duration;

/// Why a worker gave no answer about a file.
///
/// None of these is a reason to refuse a file: the caller keeps it and records [`FormatsError::as_fault`] on its rendition.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FormatsError {
    /// The worker did not answer in time and was ended.
    #[error("cannot read the file: it took longer than {} s", .after.as_secs())]
    TimedOut {
        /// The limit that was passed.
        after: Duration,
    },
    /// The worker died before it answered.
    #[error("cannot read the file: the worker ended {how}")]
    Crashed {
        /// How it ended: a signal, an exit code, or an answer that makes no sense.
        how: String,
    },
    /// The worker asked for more memory than it may have.
    #[error("cannot read the file: it needs more than {limit_bytes} bytes of memory")]
    MemoryExceeded {
        /// The limit in bytes.
        limit_bytes: u64,
    },
    /// The file is larger than a worker takes in.
    #[error("cannot read the file: {size_bytes} bytes are more than the {limit_bytes} that a worker takes in")]
    TooLarge {
        /// The size of the file in bytes.
        size_bytes: u64,
        /// The limit in bytes.
        limit_bytes: u64,
    },
    /// The file could not be opened by this process.
    #[error("cannot open the file to read it")]
    Unreadable {
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// No worker can be started, or the pool is shutting down.
    #[error("cannot read the file: no worker is available ({reason})")]
    Unavailable {
        /// Why not.
        reason: String,
    },
}

impl FormatsError {
    /// The same as a fault, to be recorded with the file.
    pub fn as_fault(&self) -> Fault {
        let code = match self {
            Self::TimedOut { .. } => FaultCode::TimedOut,
            Self::Crashed { .. } => FaultCode::WorkerCrashed,
            Self::MemoryExceeded { .. } => FaultCode::MemoryExceeded,
            Self::TooLarge { .. } => FaultCode::FileTooLarge,
            Self::Unreadable { .. } => FaultCode::FileUnreadable,
            Self::Unavailable { .. } => FaultCode::WorkerUnavailable,
        };
        Fault::of_file(code, self.to_string())
    }

    /// Whether trying again later may help, because the file itself is not to blame.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Unreadable { .. })
    }
}
