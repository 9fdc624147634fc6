//! Rows of sign-in sessions. A token is kept as its SHA-256 only.

use cartulary_db::{Conn, each_db, insert_numbered, update_rows};
use diesel::prelude::*;

use super::schema::{principal, session};
use crate::Result;

/// A session.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = session)]
pub(crate) struct SessionRow {
    pub no: i64,
    pub kind: String,
    pub principal_no: i64,
    pub principal_epoch: i64,
    pub csrf_token: Option<String>,
    pub expires_at: i64,
}

/// A session to insert.
#[derive(Insertable)]
#[diesel(table_name = session)]
pub(crate) struct NewSessionRow<'a> {
    pub id: &'a str,
    pub kind: &'a str,
    pub principal_no: i64,
    pub principal_epoch: i64,
    pub token_digest: &'a [u8],
    pub csrf_token: Option<&'a str>,
    pub created_at: i64,
    pub seen_at: i64,
    pub expires_at: i64,
}

/// Inserts a session and returns its number.
pub(crate) fn insert(conn: &mut Conn, row: &NewSessionRow<'_>) -> Result<i64> {
    Ok(insert_numbered!(conn, diesel::insert_into(session::table).values(row), session::no)?)
}

/// Returns the epoch of a session and its user, when the session is still there and was not left behind by a change of
/// password or a lock.
pub(crate) fn epoch_held(conn: &mut Conn, no: i64) -> Result<Option<i64>> {
    let epoch: Option<i64> = each_db!(conn, |c| session::table
        .inner_join(principal::table)
        .filter(
            session::no.eq(no).and(principal::epoch.eq(session::principal_epoch)).and(principal::disabled_at.is_null())
        )
        .select(principal::epoch)
        .get_result(c)
        .optional())?;
    Ok(epoch)
}

/// Returns the session whose token has this digest.
pub(crate) fn by_token(conn: &mut Conn, token_digest: &[u8]) -> Result<Option<SessionRow>> {
    let row = each_db!(conn, |c| session::table
        .filter(session::token_digest.eq(token_digest))
        .select(SessionRow::as_select())
        .get_result(c)
        .optional())?;
    Ok(row)
}

/// Ends the session whose token has this digest.
pub(crate) fn delete(conn: &mut Conn, token_digest: &[u8]) -> Result<usize> {
    let count =
        each_db!(conn, |c| diesel::delete(session::table.filter(session::token_digest.eq(token_digest))).execute(c))?;
    Ok(count)
}

/// Ends all sessions of a user but the one numbered `except`.
pub(crate) fn delete_others(conn: &mut Conn, user: i64, except: i64) -> Result<usize> {
    let count = each_db!(conn, |c| diesel::delete(
        session::table.filter(session::principal_no.eq(user).and(session::no.ne(except)))
    )
    .execute(c))?;
    Ok(count)
}

/// Keeps a session through its user's change of epoch.
pub(crate) fn put_epoch(conn: &mut Conn, no: i64, epoch: i64) -> Result<()> {
    each_db!(conn, |c| update_rows(session::table.filter(session::no.eq(no)))
        .set(session::principal_epoch.eq(epoch))
        .execute(c))?;
    Ok(())
}

/// Takes the sessions of a user that held until `epoch` along to it; those that an earlier change left behind stay there.
pub(crate) fn take_along(conn: &mut Conn, user: i64, epoch: i64) -> Result<()> {
    let held = session::principal_no.eq(user).and(session::principal_epoch.eq(epoch - 1));
    each_db!(conn, |c| update_rows(session::table.filter(held)).set(session::principal_epoch.eq(epoch)).execute(c))?;
    Ok(())
}

/// Ends all sessions.
pub(crate) fn delete_all(conn: &mut Conn) -> Result<()> {
    each_db!(conn, |c| diesel::delete(session::table).execute(c))?;
    Ok(())
}

/// Removes sessions that ended before `now`.
pub(crate) fn delete_expired(conn: &mut Conn, now: i64) -> Result<usize> {
    let count = each_db!(conn, |c| diesel::delete(session::table.filter(session::expires_at.lt(now))).execute(c))?;
    Ok(count)
}

/// Writes that a session was used, and until when it now holds.
pub(crate) fn prolong(conn: &mut Conn, no: i64, now: i64, expires_at: i64) -> Result<()> {
    each_db!(conn, |c| update_rows(session::table.filter(session::no.eq(no)))
        .set((session::seen_at.eq(now), session::expires_at.eq(expires_at)))
        .execute(c))?;
    Ok(())
}
