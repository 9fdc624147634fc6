//! The clock of the repository.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use cartulary_model::Timestamp;

/// Tells the time; tests move it. Orders never depend on it: the change log's positions and each series' own clock do.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    offset_ms: Arc<AtomicI64>,
    /// Where it stands; 0 while it goes.
    held_at_ms: Arc<AtomicI64>,
}

impl Clock {
    /// Returns the present instant.
    pub fn now(&self) -> Timestamp {
        let held_at_ms = self.held_at_ms.load(Ordering::Relaxed);
        if held_at_ms != 0 {
            return Timestamp::from_millis(held_at_ms);
        }
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let millis = i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_millis(millis).plus_millis(self.offset_ms.load(Ordering::Relaxed))
    }

    /// Stops the clock at the present instant, as a test does.
    pub fn hold(&self) {
        self.held_at_ms.store(self.now().as_millis(), Ordering::Relaxed);
    }

    /// Moves the clock by `millis`, as a test or a wrong battery does.
    pub fn shift(&self, millis: i64) {
        self.offset_ms.fetch_add(millis, Ordering::Relaxed);
    }
}
