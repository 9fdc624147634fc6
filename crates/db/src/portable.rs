//! What both databases can do, said once.

use std::time::{SystemTime, UNIX_EPOCH};

use cartulary_model::BlobDigest;
use diesel::result::QueryResult;

use crate::conn::Conn;
use crate::per_db;

/// Returns the time by the database's clock: PostgreSQL's own, and for SQLite that of this machine.
///
/// *Units*: milliseconds since 1970-01-01T00:00:00Z.
pub fn now_millis(conn: &mut Conn) -> QueryResult<i64> {
    per_db!(conn, sqlite(_conn) => Ok(machine_millis()), postgres(c) => postgres_millis(c))
}

fn machine_millis() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(feature = "postgres")]
fn postgres_millis(conn: &mut diesel::PgConnection) -> QueryResult<i64> {
    use diesel::RunQueryDsl;
    #[derive(diesel::QueryableByName)]
    struct Now {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        now: i64,
    }
    let row: Now =
        diesel::sql_query("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now").get_result(conn)?;
    Ok(row.now)
}

/// Returns the key of an advisory lock of PostgreSQL for `purpose` in the database `name`.
///
/// PostgreSQL keeps advisory locks apart by database; the name is in the key all the same, so that a log of locks tells
/// two offices on one server apart.
pub fn advisory_key(name: &str, purpose: &str) -> i64 {
    let digest = BlobDigest::of(format!("cartulary {name} {purpose}").as_bytes());
    let first = digest.as_bytes().first_chunk::<8>().copied().unwrap_or_default();
    i64::from_be_bytes(first)
}

/// Holds the advisory lock `key` until the transaction ends; waits for it.
///
/// On SQLite it does nothing: whoever writes there writes alone.
pub fn lock_in_transaction(conn: &mut Conn, key: i64) -> QueryResult<()> {
    per_db!(
        conn,
        sqlite(_conn) => {
            let _ = key;
            Ok(())
        },
        postgres(c) => {
            use diesel::connection::SimpleConnection;
            c.batch_execute(&format!("SELECT pg_advisory_xact_lock({key})"))
        }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_differ_by_office_and_purpose() {
        assert_ne!(advisory_key("a", "sequencer"), advisory_key("b", "sequencer"));
        assert_ne!(advisory_key("a", "sequencer"), advisory_key("a", "migrations"));
    }
}
