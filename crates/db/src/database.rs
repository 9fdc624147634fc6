//! The database as the rest of the program sees it: open, read, write, close.

use std::path::Path;
use std::sync::Arc;

use diesel::r2d2::{Pool, PooledConnection};
use tokio::sync::{oneshot, watch};

use crate::config::DatabaseConfig;
use crate::conn::{Backend, Conn};
use crate::error::DbError;
use crate::gate::{Gate, blocking};
use crate::migrations::{self, AppliedMigration, MigrationSet};
use crate::pool::{self, Manager, Target, read_in_snapshot};
use crate::sqlite::{self, Answer, Caller, Request, WriterHandle, WriterSettings};

/// Does what must happen once per commit, inside the transaction: the sequencer numbers the changes here.
///
/// On SQLite it is called after the members of a group have run and before `COMMIT`, if any of them wrote something; it
/// sees the rows of all of them. On PostgreSQL it is not called: there a leased process numbers what was committed.
pub trait BeforeCommit: Send + Sync {
    /// Works on the open transaction, which it must neither commit nor roll back.
    ///
    /// # Errors
    /// Any error undoes the group; its members are then run again one by one, and one that meets the error alone gets it.
    fn before_commit(&self, conn: &mut Conn) -> Result<(), DbError>;
}

/// The rows of one office. Clones share the same connections.
#[derive(Clone)]
pub struct Database {
    inner: Arc<Inner>,
}

struct Inner {
    backend: Backend,
    name: String,
    seats: u32,
    pool: Pool<Manager>,
    gate: Gate,
    commits: watch::Sender<u64>,
    writer: Writing,
    #[cfg(feature = "postgres")]
    budget: std::time::Duration,
}

/// How writes are made.
enum Writing {
    /// By the one writer of SQLite.
    Grouped(WriterHandle),
    /// By any connection of the pool.
    #[cfg(feature = "postgres")]
    Pooled,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("backend", &self.inner.backend).finish_non_exhaustive()
    }
}

impl Database {
    /// Opens the database, makes it if it is a SQLite file that does not exist yet, and applies the migrations that are
    /// missing: owner by owner in the order given, by version within each owner.
    ///
    /// `sequencer` is called before each commit on SQLite, see [`BeforeCommit`].
    ///
    /// # Errors
    /// [`DbError::Newer`] and [`DbError::MigrationChanged`] for a database that another version wrote,
    /// [`DbError::Migration`] when a migration fails, [`DbError::Open`] and [`DbError::Config`] when it cannot be opened.
    pub async fn open(
        config: &DatabaseConfig,
        migrations: &[MigrationSet],
        sequencer: Option<Arc<dyn BeforeCommit>>,
    ) -> Result<Self, DbError> {
        let config = config.clone();
        let migrations = migrations.to_vec();
        blocking(move || Self::open_blocking(&config, &migrations, sequencer)).await?
    }

    /// Opens the database like [`Database::open`], on a thread that may block.
    ///
    /// # Errors
    /// As [`Database::open`].
    pub fn open_blocking(
        config: &DatabaseConfig,
        migrations: &[MigrationSet],
        sequencer: Option<Arc<dyn BeforeCommit>>,
    ) -> Result<Self, DbError> {
        match config.backend {
            Backend::Sqlite => Self::open_sqlite(config, migrations, sequencer),
            Backend::Postgres => Self::open_postgres(config, migrations),
        }
    }

    fn open_sqlite(
        config: &DatabaseConfig,
        migrations: &[MigrationSet],
        sequencer: Option<Arc<dyn BeforeCommit>>,
    ) -> Result<Self, DbError> {
        let path = &config.sqlite.path;
        let mut conn = Conn::Sqlite(sqlite::create(path)?);
        migrations::migrate(&mut conn, migrations)?;
        drop(conn);
        let commits = watch::Sender::new(0);
        let settings = WriterSettings::new(config, path, sequencer, commits.clone())?;
        let writer = WriterHandle::start(settings, config.max_waiting)?;
        let url = sqlite::database_url(path)?;
        let name = url.clone();
        Self::assemble(config, name, Target::Sqlite { url }, commits, Writing::Grouped(writer))
    }

    #[cfg(feature = "postgres")]
    fn open_postgres(config: &DatabaseConfig, migrations: &[MigrationSet]) -> Result<Self, DbError> {
        let url = secrecy::SecretString::from(config.postgres.resolved_url()?);
        let mut first = crate::postgres::open(&url, Arc::default())?;
        let name = crate::postgres::examine(&mut first)?;
        let mut conn = Conn::Postgres(first);
        migrations::migrate(&mut conn, migrations)?;
        drop(conn);
        Self::assemble(config, name, Target::Postgres { url }, watch::Sender::new(0), Writing::Pooled)
    }

    #[cfg(not(feature = "postgres"))]
    fn open_postgres(_config: &DatabaseConfig, _migrations: &[MigrationSet]) -> Result<Self, DbError> {
        Err(DbError::Config(
            "this Cartulary was built without PostgreSQL; build it with `--features postgres`, or set `backend` to `sqlite`"
                .to_owned(),
        ))
    }

    fn assemble(
        config: &DatabaseConfig,
        name: String,
        target: Target,
        commits: watch::Sender<u64>,
        writer: Writing,
    ) -> Result<Self, DbError> {
        let seats = config.pool_size();
        let inner = Inner {
            backend: config.backend,
            name,
            seats,
            pool: pool::open(config, target)?,
            gate: Gate::new(seats, config.max_waiting, config.wait()),
            commits,
            writer,
            #[cfg(feature = "postgres")]
            budget: config.write_budget(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Returns the database system.
    pub fn backend(&self) -> Backend {
        self.inner.backend
    }

    /// Says whether writes are taken: on SQLite the one thread that writes must be there.
    pub fn takes_writes(&self) -> bool {
        match &self.inner.writer {
            Writing::Grouped(writer) => writer.is_at_work(),
            #[cfg(feature = "postgres")]
            Writing::Pooled => true,
        }
    }

    /// Returns how many bytes are free where a SQLite file lies, if that can be known: nothing is known of a server's
    /// disk. *Units*: bytes. May block as a disk does.
    pub fn free_bytes(&self) -> Option<u64> {
        match self.inner.backend {
            Backend::Sqlite => {
                let folder = Path::new(&self.inner.name).parent()?;
                let figures = rustix::fs::statvfs(folder).ok()?;
                Some(figures.f_bavail.saturating_mul(figures.f_frsize))
            }
            Backend::Postgres => None,
        }
    }

    /// Returns how many reads there may be at once.
    pub fn connections(&self) -> usize {
        usize::try_from(self.inner.seats).unwrap_or(1)
    }

    /// Returns the name of the database: its path, or its name on the server. Advisory keys and channels carry it.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// Runs `act` in a snapshot: what it reads belongs together, whatever is committed meanwhile. It cannot write.
    ///
    /// # Errors
    /// What `act` returns; [`DbError::Unavailable`] when too many wait or none was served in time; [`DbError::Panicked`].
    pub async fn read<T, E, F>(&self, act: F) -> Result<T, E>
    where
        F: FnOnce(&mut Conn) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        let inner = Arc::clone(&self.inner);
        self.inner.gate.run(move || inner.read_now(act)).await?
    }

    /// Runs `act` like [`Database::read`], where the caller stands if the rows are in a file of this machine and a
    /// connection is free: for a few rows by their keys, which take less time than the way to another thread and back.
    ///
    /// # Errors
    /// As [`Database::read`].
    pub async fn read_brief<T, E, F>(&self, act: F) -> Result<T, E>
    where
        F: FnOnce(&mut Conn) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        if self.inner.backend == Backend::Sqlite
            && let Some(_seat) = self.inner.gate.free_seat()
            && let Some(mut pooled) = self.inner.pool.try_get()
        {
            return read_in_snapshot(&mut pooled, act);
        }
        self.read(act).await
    }

    /// Runs `act` like [`Database::read`], on a thread that may block.
    ///
    /// # Errors
    /// As [`Database::read`].
    pub fn read_blocking<T, E, F>(&self, act: F) -> Result<T, E>
    where
        F: FnOnce(&mut Conn) -> Result<T, E>,
        E: From<DbError>,
    {
        let waiter = self.inner.gate.wait()?;
        let mut pooled = self.inner.connection()?;
        drop(waiter);
        read_in_snapshot(&mut pooled, act)
    }

    /// Runs `act` in one transaction and answers when it is durable.
    ///
    /// `act` may be run more than once, so it must do nothing outside the database, and must not keep what it learnt in
    /// an earlier run. On SQLite it runs in a group: other transactions commit with it, none of them can make it fail, and
    /// it must not wait for another write. It may not begin or end transactions by hand; diesel's
    /// nested `transaction` works. What `act` refuses leaves no trace.
    ///
    /// A caller that goes away before its turn is forgotten; once begun, the transaction runs to its end.
    ///
    /// # Errors
    /// What `act` returns; [`DbError::Unavailable`] when too many wait; [`DbError::OverBudget`], [`DbError::Panicked`],
    /// [`DbError::Misuse`] for a closure that was undone; [`DbError::StorageFull`], [`DbError::StorageFailed`],
    /// [`DbError::NotCommitted`] when the commit failed; [`DbError::OutcomeUnknown`] when a server broke off.
    pub async fn write<T, E, F>(&self, act: F) -> Result<T, E>
    where
        F: Fn(&mut Conn) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        match &self.inner.writer {
            Writing::Grouped(writer) => submit(writer, act).await.unwrap_or_else(|_| Err(no_answer().into())),
            #[cfg(feature = "postgres")]
            Writing::Pooled => {
                let inner = Arc::clone(&self.inner);
                self.inner.gate.run(move || inner.write_pooled(inner.connection()?, &act)).await?
            }
        }
    }

    /// Runs `act` like [`Database::write`], on a thread that may block. It must not be called on an asynchronous thread.
    ///
    /// # Errors
    /// As [`Database::write`].
    pub fn write_blocking<T, E, F>(&self, act: F) -> Result<T, E>
    where
        F: Fn(&mut Conn) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        match &self.inner.writer {
            Writing::Grouped(_) if sqlite::is_writer_thread() => {
                // It would wait for itself.
                Err(DbError::Misuse("waited for another write").into())
            }
            Writing::Grouped(writer) => submit(writer, act).blocking_recv().unwrap_or_else(|_| Err(no_answer().into())),
            #[cfg(feature = "postgres")]
            Writing::Pooled => {
                let waiter = self.inner.gate.wait()?;
                let pooled = self.inner.connection()?;
                drop(waiter);
                self.inner.write_pooled(pooled, &act)
            }
        }
    }

    /// Promises a write that another thread begins: whoever must do something first, such as making bytes durable, need
    /// not come back to an asynchronous thread in between. Returns what begins it, and what waits for its outcome.
    pub fn promise_write<T, E>(&self) -> (PromisedWrite<T, E>, impl Future<Output = Result<T, E>> + use<T, E>)
    where
        E: From<DbError>,
    {
        let (caller, answer) = oneshot::channel();
        let outcome = async { answer.await.unwrap_or_else(|_| Err(no_answer().into())) };
        (PromisedWrite { database: self.clone(), caller }, outcome)
    }

    /// Returns a counter that grows after every commit of this process that wrote something.
    ///
    /// Commits of other nodes on the same PostgreSQL do not move it.
    pub fn commits(&self) -> watch::Receiver<u64> {
        self.inner.commits.subscribe()
    }

    /// Returns what the database has applied, by owner and version.
    ///
    /// # Errors
    /// As [`Database::read`].
    pub async fn migrations(&self) -> Result<Vec<AppliedMigration>, DbError> {
        self.read(migrations::applied).await
    }

    /// Finishes the writes and reads under way, takes no more, and leaves the SQLite file complete without its log.
    ///
    /// Other clones of this database answer [`DbError::Unavailable`] from now on.
    pub async fn close(self) {
        self.inner.gate.close(self.inner.seats).await;
        let inner = self.inner;
        let closed = blocking(move || match &inner.writer {
            Writing::Grouped(writer) => writer.close(),
            #[cfg(feature = "postgres")]
            Writing::Pooled => {}
        })
        .await;
        if let Err(error) = closed {
            tracing::warn!(error = %error, "the database was not closed cleanly; the next start recovers it");
        }
    }

    /// Gives tests the faults that they can provoke in the SQLite writer.
    #[cfg(feature = "testing")]
    pub(crate) fn faults(&self) -> Option<&crate::sqlite::Faults> {
        match &self.inner.writer {
            Writing::Grouped(writer) => Some(&writer.faults),
            #[cfg(feature = "postgres")]
            Writing::Pooled => None,
        }
    }
}

impl Inner {
    fn connection(&self) -> Result<PooledConnection<Manager>, DbError> {
        self.pool.get().map_err(|e| DbError::Unavailable(e.to_string()))
    }

    fn read_now<T, E, F>(&self, act: F) -> Result<T, E>
    where
        F: FnOnce(&mut Conn) -> Result<T, E>,
        E: From<DbError>,
    {
        let mut pooled = self.connection()?;
        read_in_snapshot(&mut pooled, act)
    }

    #[cfg(feature = "postgres")]
    fn write_pooled<T, E, F>(&self, mut pooled: PooledConnection<Manager>, act: &F) -> Result<T, E>
    where
        F: Fn(&mut Conn) -> Result<T, E>,
        E: From<DbError>,
    {
        let result = crate::postgres::write_in_transaction(&mut pooled, self.budget, act);
        drop(pooled);
        if result.is_ok() {
            self.commits.send_modify(|count| *count = count.wrapping_add(1));
        }
        result
    }
}

/// A write that somebody waits for and nobody has begun.
#[derive(Debug)]
#[must_use = "somebody waits for it"]
pub struct PromisedWrite<T, E> {
    database: Database,
    caller: Caller<T, E>,
}

impl<T, E> PromisedWrite<T, E>
where
    T: Send + 'static,
    E: From<DbError> + Send + 'static,
{
    /// Runs `act` like [`Database::write`], on a thread that may block, and gives what comes of it to whoever waits. It
    /// does not run when nobody waits any more.
    pub fn begin<F>(self, act: F)
    where
        F: Fn(&mut Conn) -> Result<T, E> + Send + 'static,
    {
        let Self { database, caller } = self;
        match &database.inner.writer {
            Writing::Grouped(writer) => {
                writer.send(Request::of(caller, act));
            }
            #[cfg(feature = "postgres")]
            Writing::Pooled => {
                if !caller.is_closed() {
                    let _ = caller.send(database.write_blocking(act));
                }
            }
        }
    }

    /// Tells whoever waits that it will not come to the write.
    pub fn fail(self, error: E) {
        // Nobody may wait any more.
        let _ = self.caller.send(Err(error));
    }
}

/// Puts a transaction into the writer's queue; returns where its answer appears.
fn submit<T, E, F>(writer: &WriterHandle, act: F) -> Answer<T, E>
where
    F: Fn(&mut Conn) -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: From<DbError> + Send + 'static,
{
    let (member, answer) = Request::with_answer(act);
    writer.send(member);
    answer
}

fn no_answer() -> DbError {
    DbError::Unavailable("its writer ended before it answered".to_owned())
}
