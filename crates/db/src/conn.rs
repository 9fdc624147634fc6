//! A connection to one of the two databases, and the macros that run a query on it.

use std::fmt;
use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};

/// A database system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// SQLite, a file inside the data folder.
    #[default]
    Sqlite,
    /// PostgreSQL 15 or newer, a server.
    Postgres,
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        })
    }
}

/// A connection inside a transaction that [`Database`](crate::Database) opened.
///
/// Queries reach it through [`each_db!`](crate::each_db). A nested `transaction` of diesel works and is a savepoint;
/// `BEGIN`, `COMMIT` and `ROLLBACK` are not the closure's to say.
#[allow(missing_debug_implementations, reason = "diesel's connections have no Debug")]
pub enum Conn {
    /// A connection to SQLite.
    Sqlite(diesel::SqliteConnection),
    /// A connection to PostgreSQL.
    #[cfg(feature = "postgres")]
    Postgres(diesel::PgConnection),
}

impl Conn {
    /// Returns the database system that this connection leads to.
    pub const fn backend(&self) -> Backend {
        match self {
            Self::Sqlite(_) => Backend::Sqlite,
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => Backend::Postgres,
        }
    }

    /// Returns the number of the snapshot that this read sees, one for each call of
    /// [`Database::read`](crate::Database::read); nothing in a write, which sees rows that may still be undone.
    pub fn snapshot(&self) -> Option<NonZeroU64> {
        crate::pool::snapshot()
    }
}

/// Runs one query text on whichever database a `&mut Conn` leads to; the body is compiled once for each.
///
/// Inside the body `c` is `&mut SqliteConnection` or `&mut PgConnection`.
///
/// ```
/// use cartulary_db::{Conn, each_db};
/// use diesel::prelude::*;
///
/// fn one(conn: &mut Conn) -> QueryResult<i32> {
///     each_db!(conn, |c| diesel::select(1_i32.into_sql::<diesel::sql_types::Integer>()).get_result(c))
/// }
/// ```
#[cfg(feature = "postgres")]
#[macro_export]
macro_rules! each_db {
    ($conn:expr, |$c:ident| $body:expr) => {
        match &mut *$conn {
            $crate::Conn::Sqlite($c) => $body,
            $crate::Conn::Postgres($c) => $body,
        }
    };
}

/// Runs one query text on whichever database a `&mut Conn` leads to; the body is compiled once for each.
///
/// Inside the body `c` is `&mut SqliteConnection` or `&mut PgConnection`.
///
/// ```
/// use cartulary_db::{Conn, each_db};
/// use diesel::prelude::*;
///
/// fn one(conn: &mut Conn) -> QueryResult<i32> {
///     each_db!(conn, |c| diesel::select(1_i32.into_sql::<diesel::sql_types::Integer>()).get_result(c))
/// }
/// ```
#[cfg(not(feature = "postgres"))]
#[macro_export]
macro_rules! each_db {
    ($conn:expr, |$c:ident| $body:expr) => {
        match &mut *$conn {
            $crate::Conn::Sqlite($c) => $body,
        }
    };
}

/// Runs one of two bodies, for the rare query that differs between the databases (`FOR UPDATE SKIP LOCKED`).
///
/// The second body is compiled only with this crate's feature `postgres`; callers need no `cfg`.
///
/// ```
/// use cartulary_db::{Conn, per_db};
///
/// fn name(conn: &mut Conn) -> &'static str {
///     per_db!(conn, sqlite(_c) => "one file", postgres(_c) => "a server")
/// }
/// ```
#[cfg(feature = "postgres")]
#[macro_export]
macro_rules! per_db {
    ($conn:expr, sqlite($s:ident) => $sqlite:expr, postgres($p:ident) => $postgres:expr $(,)?) => {
        match &mut *$conn {
            $crate::Conn::Sqlite($s) => $sqlite,
            $crate::Conn::Postgres($p) => $postgres,
        }
    };
}

/// Runs one of two bodies, for the rare query that differs between the databases (`FOR UPDATE SKIP LOCKED`).
///
/// The second body is compiled only with this crate's feature `postgres`; callers need no `cfg`.
///
/// ```
/// use cartulary_db::{Conn, per_db};
///
/// fn name(conn: &mut Conn) -> &'static str {
///     per_db!(conn, sqlite(_c) => "one file", postgres(_c) => "a server")
/// }
/// ```
#[cfg(not(feature = "postgres"))]
#[macro_export]
macro_rules! per_db {
    ($conn:expr, sqlite($s:ident) => $sqlite:expr, postgres($p:ident) => $postgres:expr $(,)?) => {
        match &mut *$conn {
            $crate::Conn::Sqlite($s) => $sqlite,
        }
    };
}
