//! Keeps a backup at the speed that it may have, so that the line and the disk stay free for people.

use std::time::Duration;

use tokio::time::Instant;

/// How far a backup may run ahead of its speed. *Units*: seconds.
const BURST_SECONDS: f64 = 0.25;

/// The speed of a backup.
#[derive(Debug)]
pub(super) struct Pace {
    bytes_per_second: u64,
    began: Instant,
    bytes: u64,
}

impl Pace {
    /// Begins; with 0 as fast as it goes.
    pub(super) fn new(bytes_per_second: u64) -> Self {
        Self { bytes_per_second, began: Instant::now(), bytes: 0 }
    }

    /// Waits until so many more bytes are within the speed.
    pub(super) async fn pass(&mut self, bytes: usize) {
        if self.bytes_per_second == 0 {
            return;
        }
        self.bytes += bytes as u64;
        #[expect(clippy::cast_precision_loss, reason = "a pause of some seconds needs no exact bytes")]
        let due = self.bytes as f64 / self.bytes_per_second as f64;
        let ahead = due - self.began.elapsed().as_secs_f64();
        if ahead > BURST_SECONDS {
            tokio::time::sleep(Duration::from_secs_f64(ahead)).await;
        }
    }
}
