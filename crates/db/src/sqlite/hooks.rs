//! What diesel does not give: SQLite's own word on whether a transaction lives, a limit of time, and a lock on `COMMIT`.
#![expect(unsafe_code, reason = "SQLite's C interface; diesel 2.3 hands out no raw handle")]

use std::cell::Cell;
use std::ffi::{c_char, c_int, c_void};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

use diesel::SqliteConnection;
use libsqlite3_sys as ffi;

use crate::error::DbError;

/// How many steps of SQLite's virtual machine lie between two looks at the clock: well under a millisecond.
const STEPS_BETWEEN_LOOKS: c_int = 4_000;

/// What became of the writer's transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GroupState {
    /// It lives, and nothing is left open in it; with the number of rows that the connection has inserted, changed or
    /// deleted since it was opened.
    Alive(i64),
    /// A deferred foreign key is not satisfied.
    Unresolved,
    /// No transaction is open any more.
    Gone,
}

/// The values of `cartulary_group_state()` below 0, where there is no number of rows.
const UNRESOLVED: i64 = -1;
const GONE: i64 = -2;

diesel::define_sql_function! {
    /// Tells what became of the writer's transaction: how many rows it and those before it changed, or why it is no use.
    fn cartulary_group_state() -> BigInt;
}

/// Asks the connection itself what became of its transaction; any failure means that it is gone.
///
/// It is a SQL function, and not a call with a handle kept aside, so that the answer always comes from the very
/// connection that is asked, even if a closure exchanged it for another.
pub(crate) fn group_state(conn: &mut SqliteConnection) -> GroupState {
    use diesel::RunQueryDsl;
    match diesel::select(cartulary_group_state()).get_result::<i64>(conn) {
        Ok(UNRESOLVED) => GroupState::Unresolved,
        Ok(rows) if rows >= 0 => GroupState::Alive(rows),
        _ => GroupState::Gone,
    }
}

/// What the hooks of one writer connection obey: a deadline, and whether a commit is allowed now.
pub(crate) struct Guard {
    start: Instant,
    /// Microseconds after `start`; 0 is no deadline.
    deadline: AtomicU64,
    expired: AtomicBool,
    commit_allowed: AtomicBool,
}

impl Guard {
    fn new() -> Self {
        Self {
            start: Instant::now(),
            deadline: AtomicU64::new(0),
            expired: AtomicBool::new(false),
            commit_allowed: AtomicBool::new(true),
        }
    }

    /// Starts the time of a member; from now on statements beyond it are interrupted.
    pub(crate) fn start_clock(&self, budget: Duration) {
        let deadline = self.micros().saturating_add(u64::try_from(budget.as_micros()).unwrap_or(u64::MAX)).max(1);
        self.expired.store(false, Ordering::Relaxed);
        self.deadline.store(deadline, Ordering::Relaxed);
    }

    /// Stops the time and tells whether it ran out, in a statement or between them.
    pub(crate) fn stop_clock(&self) -> bool {
        let deadline = self.deadline.swap(0, Ordering::Relaxed);
        self.expired.load(Ordering::Relaxed) || (deadline > 0 && self.micros() > deadline)
    }

    /// Says whether `COMMIT` may succeed. It may only when the writer itself says it: a closure whose transaction was
    /// rolled back beneath it would otherwise go on statement by statement, each committed by itself.
    pub(crate) fn allow_commit(&self, allowed: bool) {
        self.commit_allowed.store(allowed, Ordering::Relaxed);
    }

    fn micros(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn must_stop(&self) -> bool {
        let deadline = self.deadline.load(Ordering::Relaxed);
        let is_over = deadline > 0 && self.micros() > deadline;
        if is_over {
            self.expired.store(true, Ordering::Relaxed);
        }
        is_over
    }
}

thread_local! {
    /// The handle of the connection that this thread opened last.
    static OPENED: Cell<*mut ffi::sqlite3> = const { Cell::new(ptr::null_mut()) };
}

static REGISTERED: Once = Once::new();

/// Opens a connection whose commits, time and state are under the returned guard.
///
/// # Errors
/// [`DbError::Open`] when the file cannot be opened or SQLite does not take the hooks.
pub(crate) fn open_guarded(url: &str) -> Result<(SqliteConnection, Arc<Guard>), DbError> {
    REGISTERED.call_once(|| {
        // SAFETY: `note_opened` has the signature that SQLite documents for the entry point of an extension.
        let code = unsafe { ffi::sqlite3_auto_extension(Some(note_opened)) };
        if code != ffi::SQLITE_OK {
            tracing::error!(code, "SQLite does not tell which connections it opens");
        }
    });
    OPENED.set(ptr::null_mut());
    let conn = super::establish(url)?;
    let Some(handle) = NonNull::new(OPENED.replace(ptr::null_mut())) else {
        return Err(DbError::Open("SQLite did not tell the handle of the new connection".to_owned()));
    };
    let guard = Arc::new(Guard::new());
    install(handle, &guard)?;
    Ok((conn, guard))
}

/// Puts the hooks into a connection. The handle is used here only, while the connection is certainly open.
fn install(handle: NonNull<ffi::sqlite3>, guard: &Arc<Guard>) -> Result<(), DbError> {
    let shared = Arc::into_raw(Arc::clone(guard)).cast_mut().cast::<c_void>();
    let flags = ffi::SQLITE_UTF8 | ffi::SQLITE_DIRECTONLY;
    // SAFETY: the handle is that of the connection opened a moment ago on this thread, which the caller still owns.
    // SQLite owns `shared` from here on: it gives it to `release` when the connection closes, or at once on failure.
    let code = unsafe {
        ffi::sqlite3_create_function_v2(
            handle.as_ptr(),
            c"cartulary_group_state".as_ptr(),
            0,
            flags,
            shared,
            Some(tell_state),
            None,
            None,
            Some(release),
        )
    };
    if code != ffi::SQLITE_OK {
        return Err(DbError::Open(format!("SQLite refused a function with code {code}")));
    }
    // SAFETY: the handle is open as above; `shared` lives until the connection closes, because the function holds it.
    unsafe {
        ffi::sqlite3_progress_handler(handle.as_ptr(), STEPS_BETWEEN_LOOKS, Some(stop_when_over), shared);
        ffi::sqlite3_commit_hook(handle.as_ptr(), Some(refuse_commit), shared);
    }
    Ok(())
}

/// Notes the handle of a connection that is being opened on this thread. It changes nothing in the connection.
unsafe extern "C" fn note_opened(
    handle: *mut ffi::sqlite3,
    _message: *mut *mut c_char,
    _routines: *const ffi::sqlite3_api_routines,
) -> c_int {
    let _ = OPENED.try_with(|opened| opened.set(handle));
    ffi::SQLITE_OK
}

/// Answers `cartulary_group_state()`.
unsafe extern "C" fn tell_state(
    context: *mut ffi::sqlite3_context,
    _count: c_int,
    _values: *mut *mut ffi::sqlite3_value,
) {
    // SAFETY: SQLite calls this with a valid context, whose connection is open while the function runs.
    unsafe {
        let handle = ffi::sqlite3_context_db_handle(context);
        let state = if ffi::sqlite3_get_autocommit(handle) != 0 {
            GONE
        } else if has_unresolved_keys(handle) {
            UNRESOLVED
        } else {
            ffi::sqlite3_total_changes64(handle)
        };
        ffi::sqlite3_result_int64(context, state);
    }
}

/// Tells whether a foreign key waits for its row until the commit.
///
/// # Safety
/// `handle` must be an open connection.
unsafe fn has_unresolved_keys(handle: *mut ffi::sqlite3) -> bool {
    let (mut current, mut highest) = (0, 0);
    // SAFETY: the caller says that the handle is open; the two numbers outlive the call.
    let code = unsafe {
        ffi::sqlite3_db_status(handle, ffi::SQLITE_DBSTATUS_DEFERRED_FKS, &raw mut current, &raw mut highest, 0)
    };
    code == ffi::SQLITE_OK && current != 0
}

/// Interrupts a statement when the member's time is over.
unsafe extern "C" fn stop_when_over(shared: *mut c_void) -> c_int {
    // SAFETY: `shared` is the guard that `install` gave, alive as long as the connection.
    let guard = unsafe { &*shared.cast_const().cast::<Guard>() };
    c_int::from(guard.must_stop())
}

/// Turns a commit into a rollback unless the writer allowed it.
unsafe extern "C" fn refuse_commit(shared: *mut c_void) -> c_int {
    // SAFETY: `shared` is the guard that `install` gave, alive as long as the connection.
    let guard = unsafe { &*shared.cast_const().cast::<Guard>() };
    c_int::from(!guard.commit_allowed.load(Ordering::Relaxed))
}

/// Gives back the connection's share of the guard.
unsafe extern "C" fn release(shared: *mut c_void) {
    // SAFETY: `shared` came from `Arc::into_raw` in `install`, and SQLite calls this once for it.
    drop(unsafe { Arc::from_raw(shared.cast_const().cast::<Guard>()) });
}
