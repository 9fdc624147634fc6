//! How often a store failed: what an operator should see.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

use crate::BlobError;

/// How often the store failed since it was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StoreCounters {
    /// Reads that met damaged bytes.
    pub corrupt: u64,
    /// Calls that found the store not available.
    pub unavailable: u64,
    /// Calls that were refused for want of space.
    pub no_space: u64,
}

/// The counters of a store that is in use.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    corrupt: AtomicU64,
    unavailable: AtomicU64,
    no_space: AtomicU64,
}

impl Counters {
    /// Counts and logs an error that an operator should see.
    pub(crate) fn note(&self, error: &BlobError) {
        match error {
            BlobError::Corrupt { key, fault } => {
                self.corrupt.fetch_add(1, Ordering::Relaxed);
                tracing::error!(blob.key = %key, fault = %fault, "a blob is damaged in the store");
            }
            BlobError::Unavailable { source } => {
                self.unavailable.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(error = %source, "the blob store is not available");
            }
            BlobError::NoSpace { free_bytes, reserve_bytes, .. } => {
                self.no_space.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(free_bytes, reserve_bytes, "the blob store refuses for want of space");
            }
            _ => {}
        }
    }

    /// Returns the figures of this moment.
    pub(crate) fn now(&self) -> StoreCounters {
        StoreCounters {
            corrupt: self.corrupt.load(Ordering::Relaxed),
            unavailable: self.unavailable.load(Ordering::Relaxed),
            no_space: self.no_space.load(Ordering::Relaxed),
        }
    }
}
