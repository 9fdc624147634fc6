//! What the process as a whole asks of the system: open files, memory, signals.
#![expect(unsafe_code, reason = "the allocator is spoken to in C")]

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

/// How the allocator keeps house: few heaps, and what is free goes back to the system within a second or so of use.
/// Source: jemalloc(3), TUNING and `opt.*`.
#[cfg(target_os = "linux")]
#[unsafe(export_name = "malloc_conf")]
static ALLOCATOR_SETTINGS: &[u8; 48] = b"narenas:4,dirty_decay_ms:1000,muzzy_decay_ms:0\0\0";

/// Gives memory that is free back to the system; for after a burst of work.
pub fn give_memory_back() {
    #[cfg(target_os = "linux")]
    // SAFETY: the control takes no arguments and gives back pages that nobody uses; 4096 stands for all heaps
    // (jemalloc(3), `arena.<i>.purge`, `MALLCTL_ARENAS_ALL`). Any thread may call it at any time.
    unsafe {
        tikv_jemalloc_sys::mallctl(
            c"arena.4096.purge".as_ptr(),
            std::ptr::null_mut(),
            std::ptr::null_mut(),
            std::ptr::null_mut(),
            0,
        );
    }
}
