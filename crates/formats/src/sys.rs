//! The two calls into the C library that have no safe wrapper: peak memory of this process, and giving free memory back.
#![expect(unsafe_code, reason = "getrusage and malloc_trim are not wrapped by std or rustix")]

/// Returns the largest resident size this process has had, in bytes.
pub fn peak_memory_bytes() -> u64 {
    // SAFETY: an all-zero `rusage` is valid, the call writes only into it, and its result is checked.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        if libc::getrusage(libc::RUSAGE_SELF, &raw mut usage) != 0 {
            return 0;
        }
        usage
    };
    u64::try_from(usage.ru_maxrss).unwrap_or(0).saturating_mul(1024)
}

/// Gives memory that is no longer used back to the system, where the allocator can.
pub fn release_free_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: `malloc_trim` takes a plain number and touches only memory that the allocator owns and nobody uses.
    unsafe {
        libc::malloc_trim(0);
    }
}
