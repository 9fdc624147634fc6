//! The connections that are lent out, and the snapshot in which a read runs.

use std::cell::Cell;
use std::num::NonZeroU64;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use diesel::RunQueryDsl;
use diesel::connection::{AnsiTransactionManager, TransactionManager};
use diesel::r2d2::{ManageConnection, Pool, R2D2Connection};
use diesel::result::QueryResult;

use crate::config::DatabaseConfig;
use crate::conn::{Backend, Conn};
use crate::each_db;
use crate::error::{DbError, panic_text};
use crate::prepared::verbatim;
use crate::sqlite;

/// Where the connections of a pool lead.
#[derive(Clone)]
pub(crate) enum Target {
    /// The SQLite file; its connections only read.
    Sqlite { url: String },
    /// The PostgreSQL server; its connections read and write.
    #[cfg(feature = "postgres")]
    Postgres { url: secrecy::SecretString },
}

/// A connection of the pool and what is known of it.
pub(crate) struct Pooled {
    pub(crate) conn: Conn,
    /// Set when the state of the connection is not certain any more; the pool then closes it.
    pub(crate) is_suspect: bool,
    /// Set by the connection when a statement failed in a way that a new attempt may mend.
    #[cfg_attr(not(feature = "postgres"), expect(dead_code, reason = "only PostgreSQL makes transactions try again"))]
    pub(crate) is_transient: Arc<AtomicBool>,
}

/// Opens and checks the connections of a pool.
pub(crate) struct Manager {
    target: Target,
}

impl ManageConnection for Manager {
    type Connection = Pooled;
    type Error = DbError;

    fn connect(&self) -> Result<Pooled, DbError> {
        let is_transient = Arc::new(AtomicBool::new(false));
        let conn = match &self.target {
            Target::Sqlite { url } => Conn::Sqlite(sqlite::open_reader(url)?),
            #[cfg(feature = "postgres")]
            Target::Postgres { url } => Conn::Postgres(crate::postgres::open(url, Arc::clone(&is_transient))?),
        };
        Ok(Pooled { conn, is_suspect: false, is_transient })
    }

    fn is_valid(&self, pooled: &mut Pooled) -> Result<(), DbError> {
        match &mut pooled.conn {
            Conn::Sqlite(_) => Ok(()),
            #[cfg(feature = "postgres")]
            Conn::Postgres(conn) => Ok(conn.ping()?),
        }
    }

    fn has_broken(&self, pooled: &mut Pooled) -> bool {
        pooled.is_suspect || each_db!(&mut pooled.conn, |c| c.is_broken())
    }
}

/// Opens a pool, with its first connection.
pub(crate) fn open(config: &DatabaseConfig, target: Target) -> Result<Pool<Manager>, DbError> {
    let size = config.pool_size();
    let max_lifetime = match config.backend {
        Backend::Sqlite => None,
        Backend::Postgres => Some(std::time::Duration::from_secs(30 * 60)),
    };
    Pool::builder()
        .max_size(size)
        .min_idle(Some(1))
        .max_lifetime(max_lifetime)
        .connection_timeout(config.wait())
        .error_handler(Box::new(LogFaults))
        .build(Manager { target })
        .map_err(|e| DbError::Open(e.to_string()))
}

#[derive(Debug)]
struct LogFaults;

impl diesel::r2d2::HandleError<DbError> for LogFaults {
    fn handle_error(&self, error: DbError) {
        tracing::error!(error = &error as &dyn std::error::Error, "a database connection failed");
    }
}

thread_local! {
    /// The number of the snapshot that the read on this thread sees.
    static SNAPSHOT: Cell<Option<NonZeroU64>> = const { Cell::new(None) };
}

/// The number of the snapshot that was taken last, in this process.
static SNAPSHOTS: AtomicU64 = AtomicU64::new(0);

/// Returns the number of the snapshot that the read on this thread sees; nothing elsewhere.
pub(crate) fn snapshot() -> Option<NonZeroU64> {
    SNAPSHOT.get()
}

/// Runs `act` in a read-only snapshot that ends with it. It begins no transaction of its own.
pub(crate) fn read_in_snapshot<T, E, F>(pooled: &mut Pooled, act: F) -> Result<T, E>
where
    F: FnOnce(&mut Conn) -> Result<T, E>,
    E: From<DbError>,
{
    if let Err(error) = begin_snapshot(&mut pooled.conn) {
        pooled.is_suspect = true;
        return Err(DbError::from(error).into());
    }
    SNAPSHOT.set(NonZeroU64::new(SNAPSHOTS.fetch_add(1, Ordering::Relaxed).wrapping_add(1)));
    let result = catch_unwind(AssertUnwindSafe(|| act(&mut pooled.conn)));
    SNAPSHOT.set(None);
    if end_snapshot(&mut pooled.conn).is_err() {
        pooled.is_suspect = true;
    }
    match result {
        Ok(result) => result,
        Err(payload) => Err(DbError::Panicked(panic_text(payload.as_ref())).into()),
    }
}

/// Begins a snapshot. On SQLite the statement is kept prepared, which diesel's own transactions are not; a read is so
/// short that it would notice.
fn begin_snapshot(conn: &mut Conn) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(conn) => verbatim("BEGIN").execute(conn).map(drop),
        #[cfg(feature = "postgres")]
        Conn::Postgres(conn) => {
            let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
            AnsiTransactionManager::begin_transaction_sql(conn, begin)
        }
    }
}

/// Ends a snapshot.
fn end_snapshot(conn: &mut Conn) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(conn) => verbatim("ROLLBACK").execute(conn).map(drop),
        #[cfg(feature = "postgres")]
        Conn::Postgres(conn) => roll_back_all(conn),
    }
}

/// Ends the transaction, nested ones included, without keeping anything.
#[cfg(feature = "postgres")]
pub(crate) fn undo(pooled: &mut Pooled) {
    if each_db!(&mut pooled.conn, |c| roll_back_all(c)).is_err() {
        pooled.is_suspect = true;
    }
}

pub(crate) fn roll_back_all<C>(conn: &mut C) -> QueryResult<()>
where
    C: diesel::Connection<TransactionManager = AnsiTransactionManager>,
{
    while depth(conn)? > 0 {
        AnsiTransactionManager::rollback_transaction(conn)?;
    }
    Ok(())
}

/// Returns how many transactions are open in one another.
pub(crate) fn depth<C>(conn: &mut C) -> QueryResult<u32>
where
    C: diesel::Connection<TransactionManager = AnsiTransactionManager>,
{
    let depth = AnsiTransactionManager::transaction_manager_status_mut(conn).transaction_depth()?;
    Ok(depth.map_or(0, std::num::NonZeroU32::get))
}
