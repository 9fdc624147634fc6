//! Syncs of files and of folders, one after the other where they are cheap, at the same time where they take long.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

/// Where a sync takes longer, waiting for two at once is worth a second thread. On a faster disk the thread costs more
/// processor time than the waiting takes (`benches/README.md`).
const SLOW: Duration = Duration::from_micros(500);

/// Each sync counts for so much of the pace: one in so many.
const WEIGHT: u64 = 8;

/// How long the syncs of a disk take of late.
#[derive(Debug, Default)]
pub(super) struct SyncPace {
    nanos: AtomicU64,
}

impl SyncPace {
    /// Makes a new file and its name durable, in any order: for names that nobody relies on before this has returned.
    /// Blocks.
    pub(super) fn sync_with_name(&self, file: &File, path: &Path) -> io::Result<()> {
        let Some(folder) = path.parent() else { return file.sync_all() };
        if !self.is_slow() {
            return self.timed(file).and_then(|()| sync_folder(folder));
        }
        let Ok(runtime) = Handle::try_current() else {
            return self.timed(file).and_then(|()| sync_folder(folder));
        };
        let own = folder.to_owned();
        let name = runtime.spawn_blocking(move || sync_folder(&own));
        let synced = self.timed(file);
        // The other thread is waited for in any case; one that never began (the program is about to end) has done nothing.
        let named = runtime.block_on(name).unwrap_or_else(|_| sync_folder(folder));
        synced.and(named)
    }

    fn is_slow(&self) -> bool {
        self.nanos.load(Ordering::Relaxed) > u64::try_from(SLOW.as_nanos()).unwrap_or(u64::MAX)
    }

    /// Syncs a file, and remembers how long it took. Two at once may forget one of the two times, which is harmless.
    fn timed(&self, file: &File) -> io::Result<()> {
        let began = Instant::now();
        file.sync_all()?;
        let nanos = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let before = self.nanos.load(Ordering::Relaxed);
        self.nanos.store(before - before / WEIGHT + nanos / WEIGHT, Ordering::Relaxed);
        Ok(())
    }
}

/// Makes durable which files a folder has. Blocks.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}
