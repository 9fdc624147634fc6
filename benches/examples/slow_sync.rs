//! A library to be loaded before a program (`LD_PRELOAD`): each of its syncs takes `SLOW_SYNC_US` microseconds longer, or, with
//! `NO_SYNC`, does nothing at all.
//!
//! It stands for a slower disk, where the bytes are synced all the same, or for a control that keeps nothing through a power cut.
#![expect(unsafe_code, reason = "it stands in for functions of the C library")]

use std::ffi::c_int;
use std::os::fd::BorrowedFd;
use std::sync::OnceLock;
use std::time::Duration;

unsafe extern "C" {
    fn __errno_location() -> *mut c_int;
}

fn delay() -> Duration {
    static DELAY: OnceLock<Duration> = OnceLock::new();
    *DELAY.get_or_init(|| {
        let micros = std::env::var("SLOW_SYNC_US").ok().and_then(|text| text.parse().ok());
        Duration::from_micros(micros.unwrap_or(0))
    })
}

/// Syncs by the system itself, waits, and answers as the C library does.
fn slowly(number: c_int, sync: fn(BorrowedFd<'_>) -> rustix::io::Result<()>) -> c_int {
    static NO_SYNC: OnceLock<bool> = OnceLock::new();
    if *NO_SYNC.get_or_init(|| std::env::var_os("NO_SYNC").is_some()) {
        return 0;
    }
    // SAFETY: the caller gives a file of its own, as `fsync` of the C library wants; it is used in this call only.
    let outcome = sync(unsafe { BorrowedFd::borrow_raw(number) });
    std::thread::sleep(delay());
    match outcome {
        Ok(()) => 0,
        Err(error) => {
            // SAFETY: the C library gives each thread its own place.
            unsafe { *__errno_location() = error.raw_os_error() };
            -1
        }
    }
}

/// Stands in for `fsync(2)`.
#[unsafe(no_mangle)]
pub extern "C" fn fsync(number: c_int) -> c_int {
    slowly(number, |file| rustix::fs::fsync(file))
}

/// Stands in for `fdatasync(2)`.
#[unsafe(no_mangle)]
pub extern "C" fn fdatasync(number: c_int) -> c_int {
    slowly(number, |file| rustix::fs::fdatasync(file))
}
