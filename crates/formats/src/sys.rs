//! The call into the C library that has no safe wrapper: peak memory of this process.
#![expect(unsafe_code, reason = "getrusage is not wrapped by std or rustix")]

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
