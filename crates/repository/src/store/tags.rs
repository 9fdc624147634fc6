//! Rows of tags.

use cartulary_db::{Conn, among, each_db, insert_numbered};
use diesel::dsl::count_star;
use diesel::prelude::*;

use super::schema::{object, tag};
use crate::Result;

/// A tag.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = tag)]
pub(crate) struct TagRow {
    pub no: i64,
    pub id: String,
    pub object_no: i64,
    pub label: String,
    pub put_by: i64,
    /// [`EVERYBODY`], or the one whose it is.
    pub holder_no: i64,
    pub created_at: i64,
}

/// A tag to insert.
#[derive(Clone, Debug, Insertable)]
#[diesel(table_name = tag)]
pub(crate) struct NewTagRow<'a> {
    pub id: &'a str,
    pub object_no: i64,
    pub label: &'a str,
    pub label_key: &'a str,
    pub put_by: i64,
    pub holder_no: i64,
    pub created_at: i64,
}

/// The holder of a tag that everybody sees.
pub(crate) const EVERYBODY: i64 = 0;

/// Inserts a tag.
pub(crate) fn insert(conn: &mut Conn, row: &NewTagRow<'_>) -> Result<i64> {
    Ok(insert_numbered!(conn, diesel::insert_into(tag::table).values(row), tag::no)?)
}

/// Returns the tag with this outward id.
pub(crate) fn by_id(conn: &mut Conn, id: &str) -> Result<Option<TagRow>> {
    let row =
        each_db!(conn, |c| tag::table.filter(tag::id.eq(id)).select(TagRow::as_select()).get_result(c).optional())?;
    Ok(row)
}

/// Returns the tag of a holder on an object with a key.
pub(crate) fn with_key(conn: &mut Conn, object: i64, key: &str, holder: i64) -> Result<Option<TagRow>> {
    let row = each_db!(conn, |c| tag::table
        .filter(tag::object_no.eq(object).and(tag::label_key.eq(key)).and(tag::holder_no.eq(holder)))
        .select(TagRow::as_select())
        .get_result(c)
        .optional())?;
    Ok(row)
}

/// Returns how many tags of a holder an object has.
pub(crate) fn count_on(conn: &mut Conn, object: i64, holder: i64) -> Result<i64> {
    let count = each_db!(conn, |c| tag::table
        .filter(tag::object_no.eq(object).and(tag::holder_no.eq(holder)))
        .count()
        .get_result::<i64>(c))?;
    Ok(count)
}

/// Returns the tags of objects that everybody sees and those of one person, by label.
pub(crate) fn of_objects(conn: &mut Conn, objects: &[i64], person: i64) -> Result<Vec<TagRow>> {
    let rows = each_db!(conn, |c| tag::table
        .filter(among(tag::object_no, objects.iter().copied()))
        .filter(tag::holder_no.eq(EVERYBODY).or(tag::holder_no.eq(person)))
        .order((tag::object_no, tag::label_key, tag::holder_no))
        .select(TagRow::as_select())
        .load(c))?;
    Ok(rows)
}

/// Deletes a tag.
pub(crate) fn delete(conn: &mut Conn, no: i64) -> Result<()> {
    each_db!(conn, |c| diesel::delete(tag::table.filter(tag::no.eq(no))).execute(c))?;
    Ok(())
}

/// How often a label is on objects of a scope: its key, how it is written, the scope, how many.
pub(crate) type UseRow = (String, String, i64, i64);

/// Returns where labels are used whose key begins with some letters, of what everybody sees and of one person's, on what is
/// not in the trash. An object that has a label from both is counted twice only where it is written in two ways.
pub(crate) fn uses(conn: &mut Conn, beginning: &str, person: i64) -> Result<Vec<UseRow>> {
    let end = format!("{beginning}\u{10ffff}");
    let rows = each_db!(conn, |c| tag::table
        .inner_join(object::table)
        .filter(tag::label_key.ge(beginning).and(tag::label_key.lt(&end)))
        .filter(tag::holder_no.eq(EVERYBODY).or(tag::holder_no.eq(person)))
        .filter(object::trashed_at.is_null())
        .group_by((tag::label_key, tag::label, object::scope_no))
        .select((tag::label_key, tag::label, object::scope_no, count_star()))
        .load(c))?;
    Ok(rows)
}

/// Returns the objects, not in the trash, that have a label which everybody sees or one person does, each once, with their
/// scopes; the last changed first.
pub(crate) fn objects_with(conn: &mut Conn, key: &str, person: i64) -> Result<Vec<(i64, i64)>> {
    let tagged = tag::table
        .filter(tag::label_key.eq(key))
        .filter(tag::holder_no.eq(EVERYBODY).or(tag::holder_no.eq(person)))
        .select(tag::object_no);
    let rows = each_db!(conn, |c| object::table
        .filter(object::no.eq_any(tagged).and(object::trashed_at.is_null()))
        .order((object::modified_at.desc(), object::no))
        .select((object::no, object::scope_no))
        .load(c))?;
    Ok(rows)
}

/// Deletes the tags of objects.
pub(crate) fn clear(conn: &mut Conn, objects: &[i64]) -> Result<()> {
    each_db!(conn, |c| diesel::delete(tag::table.filter(among(tag::object_no, objects.iter().copied()))).execute(c))?;
    Ok(())
}
