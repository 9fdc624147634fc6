//! Rows of page arrangements, and of the blobs that they take pages of.

use std::collections::BTreeMap;

use cartulary_db::{Conn, among, each_db, upsert};
use diesel::prelude::*;
use diesel::sql_types::BigInt;

use super::blobs::BlobRow;
use super::schema::{arrangement, arrangement_source, blob, object, rendition};
use crate::Result;

/// The arrangement of an object.
#[derive(Clone, Debug, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = arrangement)]
pub(crate) struct ArrangementRow {
    pub object_no: i64,
    pub digest: String,
    pub page_count: i32,
    pub pages: String,
}

/// Gives an object an arrangement, in place of the one it has, which takes pages of these blobs.
pub(crate) fn put(conn: &mut Conn, row: &ArrangementRow, blobs: &[i64]) -> Result<()> {
    let insert = diesel::insert_into(arrangement::table).values(row);
    each_db!(conn, |c| upsert(insert, &["object_no"], row).execute(c))?;
    each_db!(conn, |c| diesel::delete(
        arrangement_source::table.filter(arrangement_source::object_no.eq(row.object_no))
    )
    .execute(c))?;
    for blob in blobs {
        each_db!(conn, |c| diesel::insert_into(arrangement_source::table)
            .values((arrangement_source::object_no.eq(row.object_no), arrangement_source::blob_no.eq(blob)))
            .execute(c))?;
    }
    Ok(())
}

/// Returns the arrangements of those objects that have one, by object number.
pub(crate) fn of_objects(conn: &mut Conn, objects: &[i64]) -> Result<BTreeMap<i64, ArrangementRow>> {
    let rows: Vec<ArrangementRow> =
        load_among!(conn, objects, arrangement::object_no, arrangement::table.select(ArrangementRow::as_select()));
    Ok(rows.into_iter().map(|row| (row.object_no, row)).collect())
}

/// Takes the arrangements from objects.
pub(crate) fn clear(conn: &mut Conn, objects: &[i64]) -> Result<()> {
    let theirs = || objects.iter().copied();
    each_db!(conn, |c| diesel::delete(
        arrangement_source::table.filter(among(arrangement_source::object_no, theirs()))
    )
    .execute(c))?;
    each_db!(conn, |c| diesel::delete(arrangement::table.filter(among(arrangement::object_no, theirs()))).execute(c))?;
    Ok(())
}

/// Gives an object the arrangement of another, and returns 1 if that has one.
pub(crate) fn copy(conn: &mut Conn, from: i64, to: i64) -> Result<usize> {
    let count = each_db!(conn, |c| arrangement::table
        .filter(arrangement::object_no.eq(from))
        .select((to.into_sql::<BigInt>(), arrangement::digest, arrangement::page_count, arrangement::pages))
        .insert_into(arrangement::table)
        .into_columns((arrangement::object_no, arrangement::digest, arrangement::page_count, arrangement::pages))
        .execute(c))?;
    each_db!(conn, |c| arrangement_source::table
        .filter(arrangement_source::object_no.eq(from))
        .select((to.into_sql::<BigInt>(), arrangement_source::blob_no))
        .insert_into(arrangement_source::table)
        .into_columns((arrangement_source::object_no, arrangement_source::blob_no))
        .execute(c))?;
    Ok(count)
}

/// Returns the blobs that an object's arrangement takes pages of, by digest.
pub(crate) fn sources(conn: &mut Conn, object: i64) -> Result<BTreeMap<String, BlobRow>> {
    let rows: Vec<BlobRow> = each_db!(conn, |c| arrangement_source::table
        .inner_join(blob::table.on(blob::no.eq(arrangement_source::blob_no)))
        .filter(arrangement_source::object_no.eq(object))
        .select(BlobRow::as_select())
        .load(c))?;
    Ok(rows.into_iter().map(|row| (row.digest.clone(), row)).collect())
}

/// Returns one object that has the arrangement with this digest.
pub(crate) fn one_with(conn: &mut Conn, digest: &str) -> Result<Option<ArrangementRow>> {
    let row = each_db!(conn, |c| arrangement::table
        .filter(arrangement::digest.eq(digest))
        .order(arrangement::object_no)
        .limit(1)
        .select(ArrangementRow::as_select())
        .get_result(c)
        .optional())?;
    Ok(row)
}

/// Returns the objects that show the file that was made of an arrangement, by the digest of that or of the file.
pub(crate) fn showing(conn: &mut Conn, digest: &str, kind: &str) -> Result<Vec<i64>> {
    let made: Vec<String> = each_db!(conn, |c| rendition::table
        .inner_join(blob::table.on(rendition::blob_no.eq(blob::no.nullable())))
        .filter(blob::digest.eq(digest).and(rendition::kind.eq(kind)))
        .select(rendition::source_digest)
        .load(c))?;
    let digests = made.into_iter().chain([digest.to_owned()]);
    let nos = each_db!(conn, |c| arrangement::table
        .inner_join(object::table.on(object::no.eq(arrangement::object_no)))
        .filter(among(arrangement::digest, digests.clone()))
        .select(object::no)
        .load(c))?;
    Ok(nos)
}
