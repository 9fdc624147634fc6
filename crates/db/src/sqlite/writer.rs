//! The thread that owns the one writing connection, and the queue in front of it.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use tokio::sync::watch;

use crate::config::DatabaseConfig;
use crate::conn::Conn;
use crate::database::BeforeCommit;
use crate::error::{DbError, panic_text};
use crate::sqlite::hooks::{self, Guard};
use crate::sqlite::member::Member;

/// What the writer needs to know.
pub(crate) struct WriterSettings {
    pub(super) url: String,
    pub(super) max_group: usize,
    pub(super) max_group_time: Duration,
    pub(super) budget: Duration,
    pub(super) before_commit: Option<Arc<dyn BeforeCommit>>,
    pub(super) commits: watch::Sender<u64>,
    pub(super) faults: Arc<Faults>,
}

impl WriterSettings {
    pub(crate) fn new(
        config: &DatabaseConfig,
        path: &Path,
        before_commit: Option<Arc<dyn BeforeCommit>>,
        commits: watch::Sender<u64>,
    ) -> Result<Self, DbError> {
        Ok(Self {
            url: super::database_url(path)?,
            max_group: config.sqlite.max_group.max(1),
            max_group_time: Duration::from_millis(config.sqlite.max_group_ms),
            budget: config.write_budget(),
            before_commit,
            commits,
            faults: Arc::default(),
        })
    }
}

/// Faults that tests provoke; nothing in production sets them.
#[derive(Default)]
pub(crate) struct Faults {
    /// The size that the database file may reach. *Units*: pages; 0 is no bound.
    pub(crate) max_pages: AtomicU32,
    /// How many of the next commits fail.
    pub(crate) failing_commits: AtomicU32,
}

thread_local! {
    static IS_WRITER: Cell<bool> = const { Cell::new(false) };
}

/// Tells whether this thread is a writer, that is, whether the caller stands inside a write.
pub(crate) fn is_writer_thread() -> bool {
    IS_WRITER.get()
}

/// The writer, as the rest of the process sees it.
pub(crate) struct WriterHandle {
    queue: RwLock<Option<SyncSender<Box<dyn Member>>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    capacity: usize,
    #[cfg_attr(not(feature = "testing"), expect(dead_code, reason = "tests provoke faults through it"))]
    pub(crate) faults: Arc<Faults>,
}

impl WriterHandle {
    /// Opens the writing connection and starts its thread.
    pub(crate) fn start(settings: WriterSettings, capacity: usize) -> Result<Self, DbError> {
        let capacity = capacity.max(1);
        let (queue, waiting) = sync_channel(capacity);
        let faults = Arc::clone(&settings.faults);
        let connection = WriterConnection::open(&settings)?;
        let writer = Writer { settings, connection: Some(connection), waiting };
        let thread = std::thread::Builder::new()
            .name("db-writer".to_owned())
            .spawn(move || writer.run())
            .map_err(|e| DbError::Open(format!("no thread for the writer: {e}")))?;
        Ok(Self { queue: RwLock::new(Some(queue)), thread: Mutex::new(Some(thread)), capacity, faults })
    }

    /// Puts a transaction into the queue, or answers it at once with the reason why not.
    pub(crate) fn send(&self, member: Box<dyn Member>) {
        let queue = self.queue.read().unwrap_or_else(PoisonError::into_inner);
        let (why, mut member) = match queue.as_ref() {
            None => ("it is closed".to_owned(), member),
            Some(queue) => match queue.try_send(member) {
                Ok(()) => return,
                Err(TrySendError::Full(member)) => (format!("{} transactions wait already", self.capacity), member),
                Err(TrySendError::Disconnected(member)) => ("its writer has ended".to_owned(), member),
            },
        };
        member.overrule(DbError::Unavailable(why));
        member.answer();
    }

    /// Says whether its thread still takes transactions.
    pub(crate) fn is_at_work(&self) -> bool {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// Takes no more transactions, finishes those in the queue and folds the log into the database file.
    pub(crate) fn close(&self) {
        drop(self.queue.write().unwrap_or_else(PoisonError::into_inner).take());
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("the database writer had ended before it was closed");
        }
    }
}

/// The writing connection and what guards it.
pub(super) struct WriterConnection {
    pub(super) conn: Conn,
    pub(super) guard: Arc<Guard>,
    /// The number of its schema, as far as is known.
    pub(super) schema_version: i32,
}

impl WriterConnection {
    fn open(settings: &WriterSettings) -> Result<Self, DbError> {
        let (mut conn, guard) = hooks::open_guarded(&settings.url)?;
        super::set_up_writer(&mut conn, settings.faults.max_pages.load(Ordering::Relaxed))?;
        guard.allow_commit(false);
        let schema_version = super::schema_version(&mut conn)?;
        Ok(Self { conn: Conn::Sqlite(conn), guard, schema_version })
    }
}

/// The state of the writer thread.
pub(super) struct Writer {
    pub(super) settings: WriterSettings,
    /// Absent after it was discarded, until the next transaction opens a new one.
    pub(super) connection: Option<WriterConnection>,
    pub(super) waiting: Receiver<Box<dyn Member>>,
}

impl Writer {
    fn run(mut self) {
        IS_WRITER.set(true);
        while let Ok(first) = self.waiting.recv() {
            let served = catch_unwind(AssertUnwindSafe(|| self.serve(first)));
            if let Err(payload) = served {
                // A destructor of a closure or of a result; whoever was in the group hears that nobody answers.
                tracing::error!(
                    panic = panic_text(payload.as_ref()),
                    "the database writer panicked outside a transaction"
                );
                self.discard();
            }
        }
        self.fold_log();
    }

    /// Returns the connection, a new one if the old one was discarded.
    pub(super) fn connection(&mut self) -> Result<&mut WriterConnection, DbError> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => WriterConnection::open(&self.settings)?,
        };
        Ok(self.connection.insert(connection))
    }

    /// Closes the connection, which undoes whatever it had open.
    pub(super) fn discard(&mut self) {
        let closed = catch_unwind(AssertUnwindSafe(|| drop(self.connection.take())));
        if closed.is_err() {
            tracing::error!("a discarded connection did not close cleanly");
        }
    }

    /// Returns the next member of a running group of `taken`, if one waits and the bounds allow it.
    pub(super) fn next_member(&self, taken: usize, started: Instant) -> Option<Box<dyn Member>> {
        let is_complete = taken >= self.settings.max_group || started.elapsed() >= self.settings.max_group_time;
        if is_complete { None } else { self.waiting.try_recv().ok() }
    }

    fn fold_log(&mut self) {
        let Some(WriterConnection { conn: Conn::Sqlite(conn), .. }) = self.connection.as_mut() else {
            return;
        };
        if let Err(error) = conn.batch_execute("PRAGMA wal_checkpoint(TRUNCATE);") {
            tracing::warn!(error = %error, "the log was not folded into the database file; the next start does it");
        }
    }
}
