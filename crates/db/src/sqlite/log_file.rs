//! SQLite's write-ahead log, taken to the disk with one call a commit, into room that was made before.
//!
//! SQLite writes each page of its log with two calls, for the head and for the bytes: some seventy for a group of
//! uploads. This layer over SQLite's own file gathers writes that follow each other, and hands them over before anything
//! else is asked of the file: a read, its size, a sync.
//!
//! A sync of bytes that made the file longer also writes where it ends: twice the time and twice the work of a sync of
//! bytes written over others (250 µs against 130, and 105 µs of processor time against 60, on ext4). So a log that grows
//! gets [`ROOM_BLOCKS`] of zeros behind its end, once for many commits. To SQLite they are the end of the log: a frame of
//! page 0 is none (`walDecodeFrame`).
//!
//! Invariant: whoever writes keeps `synchronous = FULL`. Then each commit syncs the log before it tells other
//! connections, by the shared index of the log, that there is more of it; so nobody misses what is still gathered.
//! Source: <https://www.sqlite.org/vfs.html>, and `walFrames` in SQLite's `wal.c`.
#![expect(unsafe_code, reason = "SQLite's C interface to files")]

use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::Once;
use std::sync::atomic::{AtomicPtr, Ordering};

use libsqlite3_sys as ffi;

/// So much is gathered at most: SQLite's own file writes no more at once (`seekAndWriteFd` cuts the count to 17 bits).
/// *Units*: bytes.
const GATHERED_BYTES_MAX: usize = 0x1_ffff;

/// What is written behind the end of a log that grows, [`ROOM_BLOCKS`] times.
static ZEROS: [u8; 1 << 16] = [0; 1 << 16];

/// A log that grows gets room of 1 MiB at once. *Units*: blocks of [`ZEROS`].
const ROOM_BLOCKS: usize = 16;

/// SQLite's own access to files, over which ours lies.
static SYSTEM: AtomicPtr<ffi::sqlite3_vfs> = AtomicPtr::new(ptr::null_mut());

static REGISTERED: Once = Once::new();

/// Makes every connection that is opened from now on gather what it writes to its log. Without it SQLite works as well,
/// with more calls.
pub(super) fn register() {
    REGISTERED.call_once(|| {
        // SAFETY: SQLite's own access to files lives as long as the process, and nobody changes it.
        let system = unsafe { ffi::sqlite3_vfs_find(ptr::null()) };
        // SAFETY: as above; the pointer was just given by SQLite.
        let Some(own) = (unsafe { system.as_ref() }) else {
            tracing::error!("SQLite has no access to files");
            return;
        };
        SYSTEM.store(system, Ordering::Release);
        let gathering = ffi::sqlite3_vfs {
            szOsFile: own.szOsFile + HEAD_BYTES,
            pNext: ptr::null_mut(),
            zName: c"cartulary".as_ptr(),
            xOpen: Some(open),
            ..*own
        };
        // SAFETY: it is never freed, as SQLite wants. All but the opening is SQLite's own and finds its own data there.
        let code = unsafe { ffi::sqlite3_vfs_register(Box::leak(Box::new(gathering)), 1) };
        if code != ffi::SQLITE_OK {
            tracing::error!(code, "SQLite writes its log page by page");
        }
    });
}

/// What follows each other in a file and is not written yet, and how long the file is.
#[derive(Debug, Default)]
struct Gathered {
    /// Where it begins. *Units*: bytes.
    start: i64,
    bytes: Vec<u8>,
    /// Where the file ends, room included; `None` until it was asked. Another connection may have cut it since: the next
    /// commits make it longer themselves then, and are slower. *Units*: bytes.
    end: Option<i64>,
}

impl Gathered {
    /// Adds bytes that follow those that are here; refuses others, and more than it may hold.
    fn add(&mut self, bytes: &[u8], offset: i64) -> bool {
        if self.bytes.is_empty() {
            self.start = offset;
        }
        let follows = i64::try_from(self.bytes.len()).is_ok_and(|count| self.start.checked_add(count) == Some(offset));
        let fits = self.bytes.len() + bytes.len() <= GATHERED_BYTES_MAX;
        if follows && fits {
            self.bytes.extend_from_slice(bytes);
        }
        follows && fits
    }
}

/// A file of the log, as SQLite holds it: our head, and behind it SQLite's own file.
#[repr(C)]
struct LogFile {
    methods: *const ffi::sqlite3_io_methods,
    gathered: *mut Gathered,
}

#[expect(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "it is sixteen")]
const HEAD_BYTES: c_int = size_of::<LogFile>() as c_int;

static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 1,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(cut),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    // Shared memory and maps belong to the database file, never to its log.
    xShmMap: None,
    xShmLock: None,
    xShmBarrier: None,
    xShmUnmap: None,
    xFetch: None,
    xUnfetch: None,
};

/// Opens a file: a log with our head, any other as SQLite does.
unsafe extern "C" fn open(
    _vfs: *mut ffi::sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    let system = SYSTEM.load(Ordering::Acquire);
    // SAFETY: it was stored before this function was registered, and lives as long as the process.
    let Some(open) = (unsafe { (*system).xOpen }) else { return ffi::SQLITE_CANTOPEN };
    if flags & ffi::SQLITE_OPEN_WAL == 0 {
        // SAFETY: SQLite's arguments, to SQLite's own function; the memory of `file` is larger than it needs.
        return unsafe { open(system, name, file, flags, out_flags) };
    }
    // SAFETY: SQLite gave memory of `szOsFile` bytes, our head and its own file, and nobody else uses it yet.
    unsafe {
        let head = file.cast::<LogFile>();
        head.write(LogFile { methods: ptr::null(), gathered: ptr::null_mut() });
        let own = own(file);
        (*own).pMethods = ptr::null();
        let code = open(system, name, own, flags, out_flags);
        if code == ffi::SQLITE_OK {
            (*head).gathered = Box::into_raw(Box::default());
            (*head).methods = &raw const METHODS;
        } else if let Some(close) = (*own).pMethods.as_ref().and_then(|methods| methods.xClose) {
            // SQLite wants a half-open file closed; of ours it knows nothing.
            close(own);
        }
        code
    }
}

/// Returns SQLite's own file behind our head.
///
/// # Safety
/// `file` must be memory for a log, as SQLite gives it to [`open`].
unsafe fn own(file: *mut ffi::sqlite3_file) -> *mut ffi::sqlite3_file {
    // SAFETY: the caller says that our head and SQLite's file lie there; the head keeps the alignment.
    unsafe { file.cast::<LogFile>().add(1).cast() }
}

/// Returns what is gathered for a file.
///
/// # Safety
/// `file` must be a log that [`open`] opened, and nobody else may use it meanwhile.
unsafe fn gathered<'a>(file: *mut ffi::sqlite3_file) -> &'a mut Gathered {
    // SAFETY: it was made when the file was opened and is freed when it is closed; SQLite calls the methods of a file
    // from the one thread that uses its connection.
    unsafe { &mut *(*file.cast::<LogFile>()).gathered }
}

/// Writes what is gathered. It is gone then, whether that failed or not: SQLite begins the commit again.
///
/// # Safety
/// As [`gathered`].
unsafe fn hand_over(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        let gathered = gathered(file);
        if gathered.bytes.is_empty() {
            return ffi::SQLITE_OK;
        }
        let code = write_own(file, &gathered.bytes, gathered.start);
        let end = i64::try_from(gathered.bytes.len()).ok().and_then(|count| gathered.start.checked_add(count));
        gathered.bytes.clear();
        if let (ffi::SQLITE_OK, Some(end)) = (code, end) {
            make_room(file, end);
        }
        code
    }
}

/// Makes room behind bytes that were written up to `end`, if the file ends there. A disk that has no more gives none:
/// the bytes stand before it, and each commit makes the file longer then.
///
/// # Safety
/// As [`gathered`].
unsafe fn make_room(file: *mut ffi::sqlite3_file, end: i64) {
    // SAFETY: the caller's promise.
    unsafe {
        let gathered = gathered(file);
        let known = gathered.end.or_else(|| own_size(file));
        if known.is_none_or(|known| known > end) {
            gathered.end = known;
            return;
        }
        let mut reached = end;
        for _ in 0..ROOM_BLOCKS {
            if write_own(file, &ZEROS, reached) != ffi::SQLITE_OK {
                break;
            }
            reached = reached.saturating_add_unsigned(ZEROS.len() as u64);
        }
        gathered.end = Some(reached);
    }
}

/// Returns the size of SQLite's own file. *Units*: bytes.
///
/// # Safety
/// As [`gathered`].
unsafe fn own_size(file: *mut ffi::sqlite3_file) -> Option<i64> {
    // SAFETY: the caller's promise; an open file has methods.
    unsafe {
        let own = own(file);
        let ask = (*(*own).pMethods).xFileSize?;
        let mut size = 0;
        (ask(own, &raw mut size) == ffi::SQLITE_OK).then_some(size)
    }
}

/// Writes bytes to SQLite's own file.
///
/// # Safety
/// As [`gathered`].
unsafe fn write_own(file: *mut ffi::sqlite3_file, bytes: &[u8], offset: i64) -> c_int {
    let Ok(count) = c_int::try_from(bytes.len()) else { return ffi::SQLITE_IOERR_WRITE };
    // SAFETY: the caller's promise; an open file has methods.
    unsafe {
        let own = own(file);
        match (*(*own).pMethods).xWrite {
            Some(write) => write(own, bytes.as_ptr().cast(), count, offset),
            None => ffi::SQLITE_IOERR_WRITE,
        }
    }
}

unsafe extern "C" fn write(file: *mut ffi::sqlite3_file, bytes: *const c_void, count: c_int, offset: i64) -> c_int {
    let Ok(count) = usize::try_from(count) else { return ffi::SQLITE_IOERR_WRITE };
    // SAFETY: SQLite gives an open file and as many bytes as it says.
    unsafe {
        let bytes = std::slice::from_raw_parts(bytes.cast::<u8>(), count);
        if gathered(file).add(bytes, offset) {
            return ffi::SQLITE_OK;
        }
        let code = hand_over(file);
        if code != ffi::SQLITE_OK || gathered(file).add(bytes, offset) {
            return code;
        }
        write_own(file, bytes, offset)
    }
}

/// Cuts the file, after which nobody knows what room is left.
unsafe extern "C" fn cut(file: *mut ffi::sqlite3_file, size: i64) -> c_int {
    // SAFETY: SQLite gives an open file.
    unsafe {
        let code = truncate(file, size);
        gathered(file).end = None;
        code
    }
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: SQLite closes an open file once; what is gathered came from `Box::into_raw`.
    unsafe {
        let written = hand_over(file);
        drop(Box::from_raw((*file.cast::<LogFile>()).gathered));
        let own = own(file);
        let closed = match (*(*own).pMethods).xClose {
            Some(close) => close(own),
            None => ffi::SQLITE_OK,
        };
        if written == ffi::SQLITE_OK { closed } else { written }
    }
}

/// Asks SQLite's own file, after what is gathered was written.
macro_rules! ask_own {
    ($(fn $name:ident = $method:ident($($argument:ident: $type:ty),*) or $missing:expr;)*) => {$(
        unsafe extern "C" fn $name(file: *mut ffi::sqlite3_file $(, $argument: $type)*) -> c_int {
            // SAFETY: SQLite's arguments, of an open file, to SQLite's own function.
            unsafe {
                let code = hand_over(file);
                if code != ffi::SQLITE_OK {
                    return code;
                }
                let own = own(file);
                match (*(*own).pMethods).$method {
                    Some(ask) => ask(own $(, $argument)*),
                    None => $missing,
                }
            }
        }
    )*};
}

ask_own! {
    fn read = xRead(bytes: *mut c_void, count: c_int, offset: i64) or ffi::SQLITE_IOERR_READ;
    fn truncate = xTruncate(size: i64) or ffi::SQLITE_IOERR_TRUNCATE;
    fn sync = xSync(flags: c_int) or ffi::SQLITE_IOERR_FSYNC;
    fn file_size = xFileSize(size: *mut i64) or ffi::SQLITE_IOERR_FSTAT;
    fn lock = xLock(level: c_int) or ffi::SQLITE_IOERR_LOCK;
    fn unlock = xUnlock(level: c_int) or ffi::SQLITE_IOERR_UNLOCK;
    fn check_reserved_lock = xCheckReservedLock(answer: *mut c_int) or ffi::SQLITE_IOERR_CHECKRESERVEDLOCK;
    fn file_control = xFileControl(wanted: c_int, argument: *mut c_void) or ffi::SQLITE_NOTFOUND;
}

unsafe extern "C" fn sector_size(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: SQLite gives an open file.
    unsafe {
        let own = own(file);
        (*(*own).pMethods).xSectorSize.map_or(0, |ask| ask(own))
    }
}

unsafe extern "C" fn device_characteristics(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: SQLite gives an open file.
    unsafe {
        let own = own(file);
        (*(*own).pMethods).xDeviceCharacteristics.map_or(0, |ask| ask(own))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_is_gathered_and_what_does_not_is_refused() {
        let mut gathered = Gathered::default();
        assert!(gathered.add(&[1; 24], 4_120));
        assert!(gathered.add(&[2; 4_096], 4_144));
        assert!(!gathered.add(&[3; 24], 4_120), "it lies before");
        assert!(!gathered.add(&[3; 24], 9_000), "there is a gap");
        assert_eq!((gathered.start, gathered.bytes.len()), (4_120, 4_120));
    }

    #[test]
    fn no_more_is_gathered_than_the_bound() {
        let mut gathered = Gathered::default();
        assert!(!gathered.add(&vec![1; GATHERED_BYTES_MAX + 1], 0));
        assert!(gathered.add(&vec![1; GATHERED_BYTES_MAX], 0));
        assert!(!gathered.add(&[1], GATHERED_BYTES_MAX as i64));
    }
}
