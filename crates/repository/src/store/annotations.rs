//! Rows of annotations.

use cartulary_db::{Conn, among, each_db, insert_numbered, update_rows};
use diesel::dsl::{exists, not};
use diesel::prelude::*;

use super::objects::WORKING;
use super::schema::{annotation, blob, content, object};
use crate::Result;

/// An annotation.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = annotation)]
pub(crate) struct AnnotationRow {
    pub no: i64,
    pub id: String,
    pub object_no: i64,
    pub digest: String,
    pub motivation: String,
    pub body: Option<String>,
    pub colour: Option<String>,
    pub boxes: String,
    pub creator_no: i64,
    pub change_token: i64,
    pub created_at: i64,
    pub modified_at: i64,
}

/// An annotation to insert.
#[derive(Clone, Debug, Insertable)]
#[diesel(table_name = annotation)]
pub(crate) struct NewAnnotationRow<'a> {
    pub id: &'a str,
    pub object_no: i64,
    pub digest: &'a str,
    pub motivation: &'a str,
    pub body: Option<&'a str>,
    pub colour: Option<&'a str>,
    pub boxes: &'a str,
    pub creator_no: i64,
    pub created_at: i64,
    pub modified_at: i64,
}

/// Inserts an annotation.
pub(crate) fn insert(conn: &mut Conn, row: &NewAnnotationRow<'_>) -> Result<i64> {
    Ok(insert_numbered!(conn, diesel::insert_into(annotation::table).values(row), annotation::no)?)
}

/// Returns the annotation with this outward id.
pub(crate) fn by_id(conn: &mut Conn, id: &str) -> Result<Option<AnnotationRow>> {
    let row = each_db!(conn, |c| annotation::table
        .filter(annotation::id.eq(id))
        .select(AnnotationRow::as_select())
        .get_result(c)
        .optional())?;
    Ok(row)
}

/// Locks an annotation until the end of the transaction, and returns it as it is then.
pub(crate) fn locked(conn: &mut Conn, id: &str) -> Result<Option<AnnotationRow>> {
    each_db!(conn, |c| update_rows(annotation::table.filter(annotation::id.eq(id)))
        .set(annotation::change_token.eq(annotation::change_token))
        .execute(c))?;
    by_id(conn, id)
}

/// Returns how many annotations an object has.
pub(crate) fn count_on(conn: &mut Conn, object: i64) -> Result<i64> {
    let count =
        each_db!(conn, |c| annotation::table.filter(annotation::object_no.eq(object)).count().get_result::<i64>(c))?;
    Ok(count)
}

/// Returns a window of the annotations of an object on some bytes, oldest first, and their number.
pub(crate) fn window(
    conn: &mut Conn,
    object: i64,
    digests: &[String],
    offset: i64,
    limit: i64,
) -> Result<(i64, Vec<AnnotationRow>)> {
    let on = || annotation::object_no.eq(object).and(among(annotation::digest, digests.iter().cloned()));
    let total = each_db!(conn, |c| annotation::table.filter(on()).count().get_result::<i64>(c))?;
    let rows = each_db!(conn, |c| annotation::table
        .filter(on())
        .order(annotation::no)
        .offset(offset)
        .limit(limit)
        .select(AnnotationRow::as_select())
        .load(c))?;
    Ok((total, rows))
}

/// Returns all annotations of an object, in the order of making.
pub(crate) fn of_object(conn: &mut Conn, object: i64) -> Result<Vec<AnnotationRow>> {
    let rows = each_db!(conn, |c| annotation::table
        .filter(annotation::object_no.eq(object))
        .order(annotation::no)
        .select(AnnotationRow::as_select())
        .load(c))?;
    Ok(rows)
}

/// Writes what an annotation says, and where.
pub(crate) fn put(conn: &mut Conn, row: &AnnotationRow) -> Result<()> {
    each_db!(conn, |c| update_rows(annotation::table.filter(annotation::no.eq(row.no)))
        .set((
            annotation::motivation.eq(&row.motivation),
            annotation::body.eq(&row.body),
            annotation::colour.eq(&row.colour),
            annotation::boxes.eq(&row.boxes),
            annotation::modified_at.eq(row.modified_at),
            annotation::change_token.eq(annotation::change_token + 1),
        ))
        .execute(c))?;
    Ok(())
}

/// Deletes an annotation.
pub(crate) fn delete(conn: &mut Conn, no: i64) -> Result<()> {
    each_db!(conn, |c| diesel::delete(annotation::table.filter(annotation::no.eq(no))).execute(c))?;
    Ok(())
}

/// Says whether a document or a version of it has some bytes.
pub(crate) fn has_bytes(conn: &mut Conn, live: i64, series: Option<i64>, digest: &str) -> Result<bool> {
    let holders = content::table
        .inner_join(blob::table)
        .inner_join(object::table.on(object::no.eq(content::object_no)))
        .filter(blob::digest.eq(digest).and(object::role.ne(WORKING)));
    let found = match series {
        Some(series) => {
            each_db!(conn, |c| diesel::select(exists(holders.filter(object::series_no.eq(series)))).get_result(c))?
        }
        None => each_db!(conn, |c| diesel::select(exists(holders.filter(object::no.eq(live)))).get_result(c))?,
    };
    Ok(found)
}

/// Deletes the annotations of a document on bytes that neither it nor a version of it has any more.
pub(crate) fn forget_orphans(conn: &mut Conn, live: i64, series: i64) -> Result<()> {
    let held = content::table
        .inner_join(blob::table)
        .inner_join(object::table.on(object::no.eq(content::object_no)))
        .filter(object::series_no.eq(series))
        .select(blob::digest);
    each_db!(conn, |c| diesel::delete(
        annotation::table.filter(annotation::object_no.eq(live).and(not(annotation::digest.eq_any(held))))
    )
    .execute(c))?;
    Ok(())
}

/// Deletes the annotations of objects.
pub(crate) fn clear(conn: &mut Conn, objects: &[i64]) -> Result<()> {
    let of = among(annotation::object_no, objects.iter().copied());
    each_db!(conn, |c| diesel::delete(annotation::table.filter(of)).execute(c))?;
    Ok(())
}
