//! PostgreSQL: how its connections are set up, and the transaction that is tried again when others got in its way.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use diesel::connection::{
    AnsiTransactionManager, Connection, InstrumentationEvent, SimpleConnection, TransactionManager,
};
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel::{PgConnection, RunQueryDsl};
use secrecy::{ExposeSecret, SecretString};

use crate::conn::Conn;
use crate::each_db;
use crate::error::{DbError, panic_text};
use crate::pool::{Pooled, depth, undo};

/// How often a transaction is tried before its error is the caller's.
const MAX_ATTEMPTS: u32 = 5;

/// What every connection keeps to.
const SET_UP: &str = "SET application_name = 'cartulary'; SET idle_in_transaction_session_timeout = '60s';";

/// Asks for messages in English, because diesel tells apart neither a deadlock nor a full disk but by the words. Where
/// the role may not choose the language, the server's setting stays, and `lc_messages = 'C'` there is advised.
const ENGLISH: &str =
    "SELECT set_config('lc_messages', 'C', false) WHERE has_parameter_privilege('lc_messages', 'SET');";

/// Opens a connection; `is_transient` is set whenever a statement fails in a way that a new attempt may mend.
pub(crate) fn open(url: &SecretString, is_transient: Arc<AtomicBool>) -> Result<PgConnection, DbError> {
    let mut conn = PgConnection::establish(url.expose_secret()).map_err(|e| DbError::Open(e.to_string()))?;
    conn.batch_execute(SET_UP)?;
    // A server too old to know the question is refused by `examine`.
    let _ = conn.batch_execute(ENGLISH);
    conn.set_instrumentation(move |event: InstrumentationEvent<'_>| {
        if let InstrumentationEvent::FinishQuery { error: Some(error), .. } = event
            && is_passing(error)
        {
            is_transient.store(true, Ordering::Relaxed);
        }
    });
    Ok(conn)
}

#[derive(diesel::QueryableByName)]
struct Facts {
    #[diesel(sql_type = diesel::sql_types::Text)]
    name: String,
    #[diesel(sql_type = diesel::sql_types::Integer)]
    version: i32,
    #[diesel(sql_type = diesel::sql_types::Bool)]
    is_durable: bool,
}

/// Returns the name of the database, after a look at what Cartulary needs of the server.
///
/// # Errors
/// [`DbError::Open`] when the server is older than PostgreSQL 15.
pub(crate) fn examine(conn: &mut PgConnection) -> Result<String, DbError> {
    let facts: Facts = diesel::sql_query(
        "SELECT current_database()::text AS name, current_setting('server_version_num')::integer AS version, \
         current_setting('fsync') = 'on' AND current_setting('synchronous_commit') <> 'off' AS is_durable",
    )
    .get_result(conn)?;
    if facts.version < 150_000 {
        return Err(DbError::Open("PostgreSQL 15 or newer is needed".to_owned()));
    }
    if !facts.is_durable {
        tracing::warn!("the server has `fsync` or `synchronous_commit` off: a power loss can lose acknowledged writes");
    }
    Ok(facts.name)
}

/// Runs `act` in a transaction, again when the database asks for it, and commits.
pub(crate) fn write_in_transaction<T, E, F>(pooled: &mut Pooled, budget: Duration, act: &F) -> Result<T, E>
where
    F: Fn(&mut Conn) -> Result<T, E>,
    E: From<DbError>,
{
    let mut attempt = 1;
    loop {
        match one_attempt(pooled, budget, act) {
            Attempt::Done(result) => return result,
            Attempt::Again(error) if attempt >= MAX_ATTEMPTS || pooled.is_suspect => return Err(error),
            Attempt::Again(_) => {
                std::thread::sleep(pause(attempt));
                attempt += 1;
            }
        }
    }
}

enum Attempt<T, E> {
    Done(Result<T, E>),
    Again(E),
}

fn one_attempt<T, E, F>(pooled: &mut Pooled, budget: Duration, act: &F) -> Attempt<T, E>
where
    F: Fn(&mut Conn) -> Result<T, E>,
    E: From<DbError>,
{
    // One round trip for both; the budget is per statement here, because a server measures nothing else.
    let begin = format!("BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = {}", budget.as_millis());
    let begun = each_db!(&mut pooled.conn, |c| AnsiTransactionManager::begin_transaction_sql(c, &begin));
    if let Err(error) = begun {
        pooled.is_suspect = true;
        return Attempt::Done(Err(DbError::from(error).into()));
    }
    pooled.is_transient.store(false, Ordering::Relaxed);
    let result = catch_unwind(AssertUnwindSafe(|| act(&mut pooled.conn)));
    let value = match result {
        Ok(Ok(value)) => value,
        Ok(Err(error)) => {
            undo(pooled);
            let is_transient = pooled.is_transient.load(Ordering::Relaxed);
            return if is_transient { Attempt::Again(error) } else { Attempt::Done(Err(error)) };
        }
        Err(payload) => {
            undo(pooled);
            return Attempt::Done(Err(DbError::Panicked(panic_text(payload.as_ref())).into()));
        }
    };
    let is_balanced = each_db!(&mut pooled.conn, |c| depth(c)).is_ok_and(|depth| depth == 1);
    if !is_balanced {
        undo(pooled);
        return Attempt::Done(Err(DbError::Misuse("left a nested transaction open").into()));
    }
    commit(pooled, value)
}

fn commit<T, E: From<DbError>>(pooled: &mut Pooled, value: T) -> Attempt<T, E> {
    let was_aborted = pooled.is_transient.load(Ordering::Relaxed);
    let Err(error) = each_db!(&mut pooled.conn, |c| AnsiTransactionManager::commit_transaction(c)) else {
        return Attempt::Done(Ok(value));
    };
    if is_closed(&error) {
        pooled.is_suspect = true;
        return Attempt::Done(Err(DbError::OutcomeUnknown(error).into()));
    }
    let is_worth_another_try = was_aborted || is_passing(&error);
    undo(pooled);
    let error = DbError::from_commit(error).into();
    if is_worth_another_try { Attempt::Again(error) } else { Attempt::Done(Err(error)) }
}

fn is_closed(error: &DieselError) -> bool {
    match error {
        DieselError::RollbackErrorOnCommit { commit_error, .. } => is_closed(commit_error),
        DieselError::DatabaseError(kind, _) => matches!(kind, DatabaseErrorKind::ClosedConnection),
        _ => false,
    }
}

/// Tells whether the error is a serialisation failure (40001) or a deadlock (40P01, known by its English words only).
fn is_passing(error: &DieselError) -> bool {
    match error {
        DieselError::DatabaseError(DatabaseErrorKind::SerializationFailure, _) => true,
        DieselError::DatabaseError(DatabaseErrorKind::Unknown, information) => {
            information.message().starts_with("deadlock detected")
        }
        _ => false,
    }
}

/// Returns how long to wait before attempt `attempt + 1`: longer each time, and not the same for two that collided.
fn pause(attempt: u32) -> Duration {
    static TURN: AtomicU64 = AtomicU64::new(0);
    let turn = TURN.fetch_add(1, Ordering::Relaxed);
    let spread = (turn.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 54) & 0xFF;
    Duration::from_millis(2_u64.saturating_pow(attempt)).saturating_add(Duration::from_micros(spread * 20))
}
