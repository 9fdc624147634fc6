//! Rows that say to whom something of a person's is shown: a collection, a saved search.

use cartulary_db::{Conn, among, each_db};
use diesel::prelude::*;

use super::schema_of_people::share;
use crate::Result;

/// That something is shown to somebody.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = share)]
pub(crate) struct ShareRow {
    pub subject_id: String,
    pub principal_no: i64,
    pub may_write: bool,
}

/// Returns to whom something is shown.
pub(crate) fn of(conn: &mut Conn, subject: &str) -> Result<Vec<ShareRow>> {
    let rows = each_db!(conn, |c| share::table
        .filter(share::subject_id.eq(subject))
        .order(share::principal_no)
        .select(ShareRow::as_select())
        .load(c))?;
    Ok(rows)
}

/// Returns what is shown to one of some principals.
pub(crate) fn shown_to(conn: &mut Conn, principals: &[i64]) -> Result<Vec<ShareRow>> {
    let rows = each_db!(conn, |c| share::table
        .filter(among(share::principal_no, principals.iter().copied()))
        .select(ShareRow::as_select())
        .load(c))?;
    Ok(rows)
}

/// Replaces to whom something is shown.
pub(crate) fn replace(conn: &mut Conn, subject: &str, rows: &[ShareRow]) -> Result<()> {
    each_db!(conn, |c| diesel::delete(share::table.filter(share::subject_id.eq(subject))).execute(c))?;
    for row in rows {
        each_db!(conn, |c| diesel::insert_into(share::table).values(row).execute(c))?;
    }
    Ok(())
}

/// No longer shows something to somebody.
pub(crate) fn remove(conn: &mut Conn, subject: &str, principal: i64) -> Result<()> {
    let row = share::subject_id.eq(subject).and(share::principal_no.eq(principal));
    each_db!(conn, |c| diesel::delete(share::table.filter(row)).execute(c))?;
    Ok(())
}
