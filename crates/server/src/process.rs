//! What the process as a whole asks of the system: open files, memory, signals.
#![expect(unsafe_code, reason = "glibc's allocator is told its limits by a C call that has no safe wrapper")]

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// How many files the office would like to have open at once: connections, blobs, the index.
const OPEN_FILES: u64 = 65_536;

/// Raises the number of files that may be open as far as this user may; returns what it is now.
pub fn raise_open_files() -> u64 {
    let now = getrlimit(Resource::Nofile);
    let current = now.current.unwrap_or(u64::MAX);
    let wanted = now.maximum.map_or(OPEN_FILES, |most| most.min(OPEN_FILES));
    if current >= wanted {
        return current;
    }
    let raised = Rlimit { current: Some(wanted), maximum: now.maximum };
    if setrlimit(Resource::Nofile, raised).is_ok() { wanted } else { current }
}

/// Keeps glibc from holding a heap for each thread: an idle office shall be small.
///
/// Two heaps serve two processors, large blocks go back to the system at once, and what is free at the top of a heap
/// is given back from 1 MB on.
pub fn keep_memory_small() {
    #[cfg(target_env = "gnu")]
    for (option, value) in
        [(libc::M_ARENA_MAX, 2), (libc::M_MMAP_THRESHOLD, 256 * 1024), (libc::M_TRIM_THRESHOLD, 1024 * 1024)]
    {
        // SAFETY: mallopt takes two integers and changes the allocator's own settings; it is called before any thread starts.
        unsafe {
            libc::mallopt(option, value);
        }
    }
}

/// Gives memory that is free back to the system; for after a burst of work.
pub fn give_memory_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim takes a number of bytes to keep and may be called by any thread at any time.
    unsafe {
        libc::malloc_trim(0);
    }
}
