//! Rows of comments.

use cartulary_db::{Conn, among, each_db, insert_numbered, update_rows};
use diesel::prelude::*;

use super::schema::comment;
use crate::Result;

/// A comment.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = comment)]
pub(crate) struct CommentRow {
    pub no: i64,
    pub id: String,
    pub object_no: i64,
    /// The comment that its thread begins with; 0: itself.
    pub thread_no: i64,
    /// The comment that it answers; 0: none.
    pub answers_no: i64,
    pub author_no: i64,
    pub body: String,
    pub is_resolved: bool,
    pub is_deleted: bool,
    pub change_token: i64,
    pub created_at: i64,
    pub edited_at: Option<i64>,
}

/// A comment to insert.
#[derive(Clone, Debug, Insertable)]
#[diesel(table_name = comment)]
pub(crate) struct NewCommentRow<'a> {
    pub id: &'a str,
    pub object_no: i64,
    pub thread_no: i64,
    pub answers_no: i64,
    pub author_no: i64,
    pub body: &'a str,
    pub is_resolved: bool,
    pub is_deleted: bool,
    pub created_at: i64,
    pub edited_at: Option<i64>,
}

/// Inserts a comment.
pub(crate) fn insert(conn: &mut Conn, row: &NewCommentRow<'_>) -> Result<i64> {
    Ok(insert_numbered!(conn, diesel::insert_into(comment::table).values(row), comment::no)?)
}

/// Returns the comment with this outward id.
pub(crate) fn by_id(conn: &mut Conn, id: &str) -> Result<Option<CommentRow>> {
    let row = each_db!(conn, |c| comment::table
        .filter(comment::id.eq(id))
        .select(CommentRow::as_select())
        .get_result(c)
        .optional())?;
    Ok(row)
}

/// Locks a comment until the end of the transaction, and returns it as it is then.
pub(crate) fn locked(conn: &mut Conn, id: &str) -> Result<Option<CommentRow>> {
    each_db!(conn, |c| update_rows(comment::table.filter(comment::id.eq(id)))
        .set(comment::change_token.eq(comment::change_token))
        .execute(c))?;
    by_id(conn, id)
}

/// Returns the outward ids of comments.
pub(crate) fn ids_of(conn: &mut Conn, nos: &[i64]) -> Result<Vec<(i64, String)>> {
    let rows = each_db!(conn, |c| comment::table
        .filter(among(comment::no, nos.iter().copied()))
        .select((comment::no, comment::id))
        .load(c))?;
    Ok(rows)
}

/// Returns how many comments an object has.
pub(crate) fn count_on(conn: &mut Conn, object: i64) -> Result<i64> {
    let count = each_db!(conn, |c| comment::table.filter(comment::object_no.eq(object)).count().get_result::<i64>(c))?;
    Ok(count)
}

/// Returns a window of the comments of an object, oldest first, and their number; of threads that are resolved, or are not,
/// when that is said.
pub(crate) fn window(
    conn: &mut Conn,
    object: i64,
    resolved: Option<bool>,
    offset: i64,
    limit: i64,
) -> Result<(i64, Vec<CommentRow>)> {
    let total = each_db!(conn, |c| {
        let mut query = comment::table.filter(comment::object_no.eq(object)).into_boxed();
        if let Some(resolved) = resolved {
            query = query.filter(comment::is_resolved.eq(resolved));
        }
        query.count().get_result::<i64>(c)
    })?;
    let rows = each_db!(conn, |c| {
        let mut query = comment::table.filter(comment::object_no.eq(object)).into_boxed();
        if let Some(resolved) = resolved {
            query = query.filter(comment::is_resolved.eq(resolved));
        }
        query.order(comment::no).offset(offset).limit(limit).select(CommentRow::as_select()).load(c)
    })?;
    Ok((total, rows))
}

/// Returns all comments of objects, in the order of making.
pub(crate) fn of_objects(conn: &mut Conn, objects: &[i64]) -> Result<Vec<CommentRow>> {
    let rows = each_db!(conn, |c| comment::table
        .filter(among(comment::object_no, objects.iter().copied()))
        .order(comment::no)
        .select(CommentRow::as_select())
        .load(c))?;
    Ok(rows)
}

/// Says whether a comment has answers, or others in its thread.
pub(crate) fn has_answers(conn: &mut Conn, no: i64) -> Result<bool> {
    let found = each_db!(conn, |c| diesel::select(diesel::dsl::exists(
        comment::table.filter(comment::thread_no.eq(no).or(comment::answers_no.eq(no)))
    ))
    .get_result::<bool>(c))?;
    Ok(found)
}

/// Writes what a comment says.
pub(crate) fn put_body(conn: &mut Conn, no: i64, body: &str, at: i64) -> Result<()> {
    each_db!(conn, |c| update_rows(comment::table.filter(comment::no.eq(no)))
        .set((comment::body.eq(body), comment::edited_at.eq(at), comment::change_token.eq(comment::change_token + 1),))
        .execute(c))?;
    Ok(())
}

/// Writes whether the thread that begins with a comment is resolved.
pub(crate) fn put_resolved(conn: &mut Conn, thread: i64, resolved: bool) -> Result<()> {
    each_db!(conn, |c| update_rows(comment::table.filter(comment::no.eq(thread).or(comment::thread_no.eq(thread))))
        .set((comment::is_resolved.eq(resolved), comment::change_token.eq(comment::change_token + 1)))
        .execute(c))?;
    Ok(())
}

/// Leaves of a comment nothing but its place.
pub(crate) fn empty(conn: &mut Conn, no: i64) -> Result<()> {
    each_db!(conn, |c| update_rows(comment::table.filter(comment::no.eq(no)))
        .set((comment::body.eq(""), comment::is_deleted.eq(true), comment::change_token.eq(comment::change_token + 1),))
        .execute(c))?;
    Ok(())
}

/// Deletes a comment.
pub(crate) fn delete(conn: &mut Conn, no: i64) -> Result<()> {
    each_db!(conn, |c| diesel::delete(comment::table.filter(comment::no.eq(no))).execute(c))?;
    Ok(())
}

/// Deletes the comments of objects.
pub(crate) fn clear(conn: &mut Conn, objects: &[i64]) -> Result<()> {
    let of = among(comment::object_no, objects.iter().copied());
    each_db!(conn, |c| diesel::delete(comment::table.filter(of)).execute(c))?;
    Ok(())
}
