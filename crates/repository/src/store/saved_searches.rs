//! Rows of saved searches.

use cartulary_db::{Conn, among, each_db, insert_numbered, update_rows};
use diesel::prelude::*;

use super::schema_of_people::{saved_search, share};
use crate::Result;

/// A saved search.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = saved_search)]
pub(crate) struct SavedSearchRow {
    pub no: i64,
    pub id: String,
    pub owner_no: i64,
    pub name: String,
    pub search: String,
    pub change_token: i64,
    pub created_at: i64,
    pub modified_at: i64,
}

/// A saved search to insert.
#[derive(Clone, Debug, Insertable)]
#[diesel(table_name = saved_search)]
pub(crate) struct NewSavedSearchRow<'a> {
    pub id: &'a str,
    pub owner_no: i64,
    pub name: &'a str,
    pub search: &'a str,
    pub created_at: i64,
    pub modified_at: i64,
}

/// Inserts a saved search.
pub(crate) fn insert(conn: &mut Conn, row: &NewSavedSearchRow<'_>) -> Result<i64> {
    Ok(insert_numbered!(conn, diesel::insert_into(saved_search::table).values(row), saved_search::no)?)
}

/// Returns the saved search with this outward id.
pub(crate) fn by_id(conn: &mut Conn, id: &str) -> Result<Option<SavedSearchRow>> {
    let row = each_db!(conn, |c| saved_search::table
        .filter(saved_search::id.eq(id))
        .select(SavedSearchRow::as_select())
        .get_result(c)
        .optional())?;
    Ok(row)
}

/// Locks a saved search until the end of the transaction, and returns it as it is then.
pub(crate) fn locked(conn: &mut Conn, id: &str) -> Result<Option<SavedSearchRow>> {
    each_db!(conn, |c| update_rows(saved_search::table.filter(saved_search::id.eq(id)))
        .set(saved_search::change_token.eq(saved_search::change_token))
        .execute(c))?;
    by_id(conn, id)
}

/// Returns somebody's saved searches and those with some ids, each once.
pub(crate) fn of(conn: &mut Conn, owner: i64, ids: &[String]) -> Result<Vec<SavedSearchRow>> {
    let rows = each_db!(conn, |c| saved_search::table
        .filter(saved_search::owner_no.eq(owner).or(among(saved_search::id, ids.iter().cloned())))
        .select(SavedSearchRow::as_select())
        .load(c))?;
    Ok(rows)
}

/// Returns how many saved searches somebody has.
pub(crate) fn count_of(conn: &mut Conn, owner: i64) -> Result<i64> {
    let count =
        each_db!(conn, |c| saved_search::table.filter(saved_search::owner_no.eq(owner)).count().get_result::<i64>(c))?;
    Ok(count)
}

/// Writes what is called so, and what it looks for.
pub(crate) fn put(conn: &mut Conn, no: i64, name: &str, search: &str, at: i64) -> Result<()> {
    each_db!(conn, |c| update_rows(saved_search::table.filter(saved_search::no.eq(no)))
        .set((
            saved_search::name.eq(name),
            saved_search::search.eq(search),
            saved_search::modified_at.eq(at),
            saved_search::change_token.eq(saved_search::change_token + 1),
        ))
        .execute(c))?;
    Ok(())
}

/// Deletes a saved search.
pub(crate) fn delete(conn: &mut Conn, no: i64) -> Result<()> {
    each_db!(conn, |c| diesel::delete(saved_search::table.filter(saved_search::no.eq(no))).execute(c))?;
    Ok(())
}

/// Returns saved searches in the order of their numbers.
pub(crate) fn page(conn: &mut Conn, after: i64, limit: i64) -> Result<Vec<SavedSearchRow>> {
    let rows = each_db!(conn, |c| saved_search::table
        .filter(saved_search::no.gt(after))
        .order(saved_search::no)
        .limit(limit)
        .select(SavedSearchRow::as_select())
        .load(c))?;
    Ok(rows)
}

/// Returns up to `limit` of somebody's saved searches that he shows to others: number and id.
pub(crate) fn shown_of(conn: &mut Conn, owner: i64, limit: i64) -> Result<Vec<(i64, String)>> {
    let is_shown = diesel::dsl::exists(share::table.filter(share::subject_id.eq(saved_search::id)));
    let rows = each_db!(conn, |c| saved_search::table
        .filter(saved_search::owner_no.eq(owner).and(is_shown))
        .order(saved_search::no)
        .limit(limit)
        .select((saved_search::no, saved_search::id))
        .load(c))?;
    Ok(rows)
}

/// Gives a saved search to somebody else.
pub(crate) fn put_owner(conn: &mut Conn, no: i64, owner: i64) -> Result<()> {
    each_db!(conn, |c| update_rows(saved_search::table.filter(saved_search::no.eq(no)))
        .set((saved_search::owner_no.eq(owner), saved_search::change_token.eq(saved_search::change_token + 1)))
        .execute(c))?;
    Ok(())
}
