//! Rows of locks.

use cartulary_db::{Conn, each_db};
use diesel::prelude::*;

use super::schema::object_lock;
use crate::Result;

/// A lock.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = object_lock, treat_none_as_default_value = false)]
pub(crate) struct LockRow {
    pub object_no: i64,
    pub owner_no: i64,
    pub locked_at: i64,
    pub expires_at: Option<i64>,
    pub comment: String,
}

/// Returns the lock of an object, unless it has expired.
pub(crate) fn of_object(conn: &mut Conn, object: i64, now: i64) -> Result<Option<LockRow>> {
    let row: Option<LockRow> = each_db!(conn, |c| object_lock::table
        .filter(object_lock::object_no.eq(object))
        .select(LockRow::as_select())
        .get_result(c)
        .optional())?;
    Ok(row.filter(|lock| holds_at(lock, now)))
}

/// Returns those locks of objects that have not expired.
pub(crate) fn of_objects(conn: &mut Conn, objects: &[i64], now: i64) -> Result<Vec<LockRow>> {
    let rows: Vec<LockRow> =
        load_among!(conn, objects, object_lock::object_no, object_lock::table.select(LockRow::as_select()));
    Ok(rows.into_iter().filter(|lock| holds_at(lock, now)).collect())
}

/// Returns up to `limit` locks of a user, those that have expired too.
pub(crate) fn of_owner(conn: &mut Conn, owner: i64, limit: i64) -> Result<Vec<LockRow>> {
    let rows = each_db!(conn, |c| object_lock::table
        .filter(object_lock::owner_no.eq(owner))
        .order(object_lock::object_no)
        .limit(limit)
        .select(LockRow::as_select())
        .load(c))?;
    Ok(rows)
}

/// Unlocks an object if a user has locked it.
pub(crate) fn delete_of(conn: &mut Conn, object: i64, owner: i64) -> Result<()> {
    each_db!(conn, |c| diesel::delete(
        object_lock::table.filter(object_lock::object_no.eq(object).and(object_lock::owner_no.eq(owner)))
    )
    .execute(c))?;
    Ok(())
}

fn holds_at(lock: &LockRow, now: i64) -> bool {
    lock.expires_at.is_none_or(|end| end > now)
}

/// Locks an object, instead of whoever had it.
pub(crate) fn put(conn: &mut Conn, row: &LockRow) -> Result<()> {
    delete(conn, row.object_no)?;
    each_db!(conn, |c| diesel::insert_into(object_lock::table).values(row).execute(c))?;
    Ok(())
}

/// Unlocks an object.
pub(crate) fn delete(conn: &mut Conn, object: i64) -> Result<()> {
    each_db!(conn, |c| diesel::delete(object_lock::table.filter(object_lock::object_no.eq(object))).execute(c))?;
    Ok(())
}
