//! Rows of uploads in several requests, and of the parts that have arrived.

use cartulary_db::{Conn, among, each_db, insert_numbered, update_rows};
use diesel::prelude::*;

use super::blobs::BlobRow;
use super::schema::{blob, upload, upload_part};
use crate::Result;

/// An upload.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = upload)]
pub(crate) struct UploadRow {
    pub no: i64,
    pub id: String,
    pub principal_no: i64,
    pub length_bytes: i64,
    pub offset_bytes: i64,
    pub metadata: String,
    pub file_name: String,
    pub announced: Option<String>,
    pub created_at: i64,
    pub expires_at: i64,
    pub used_at: Option<i64>,
    pub digest: Option<String>,
}

/// An upload to insert.
#[derive(Clone, Debug, Insertable)]
#[diesel(table_name = upload)]
pub(crate) struct NewUploadRow<'a> {
    pub id: &'a str,
    pub principal_no: i64,
    pub length_bytes: i64,
    pub metadata: &'a str,
    pub file_name: &'a str,
    pub announced: Option<String>,
    pub created_at: i64,
    pub expires_at: i64,
}

/// Inserts an upload of which nothing has arrived, and returns its number.
pub(crate) fn insert(conn: &mut Conn, row: &NewUploadRow<'_>) -> Result<i64> {
    Ok(insert_numbered!(conn, diesel::insert_into(upload::table).values(row), upload::no)?)
}

/// Returns the upload with this outward id.
pub(crate) fn by_id(conn: &mut Conn, id: &str) -> Result<Option<UploadRow>> {
    let row = each_db!(conn, |c| upload::table
        .filter(upload::id.eq(id))
        .select(UploadRow::as_select())
        .get_result(c)
        .optional())?;
    Ok(row)
}

/// Returns a window of somebody's uploads that have not expired, newest first, and their number.
pub(crate) fn window(
    conn: &mut Conn,
    principal: i64,
    now: i64,
    offset: i64,
    limit: i64,
) -> Result<(i64, Vec<UploadRow>)> {
    let is_theirs = || upload::principal_no.eq(principal).and(upload::expires_at.gt(now));
    let total = each_db!(conn, |c| upload::table.filter(is_theirs()).count().get_result::<i64>(c))?;
    let rows = each_db!(conn, |c| upload::table
        .filter(is_theirs())
        .order(upload::no.desc())
        .offset(offset)
        .limit(limit)
        .select(UploadRow::as_select())
        .load(c))?;
    Ok((total, rows))
}

/// Counts somebody's uploads that are no content yet and have not expired.
pub(crate) fn count_open(conn: &mut Conn, principal: i64, now: i64) -> Result<i64> {
    let count = each_db!(conn, |c| upload::table
        .filter(upload::principal_no.eq(principal).and(upload::expires_at.gt(now)).and(upload::used_at.is_null()))
        .count()
        .get_result::<i64>(c))?;
    Ok(count)
}

/// Returns how many bytes somebody's uploads will have that are no content yet and have not expired.
pub(crate) fn open_bytes(conn: &mut Conn, principal: i64, now: i64) -> Result<u64> {
    let lengths: Vec<i64> = each_db!(conn, |c| upload::table
        .filter(upload::principal_no.eq(principal).and(upload::expires_at.gt(now)).and(upload::used_at.is_null()))
        .select(upload::length_bytes)
        .load(c))?;
    Ok(lengths.into_iter().fold(0, |sum, length| sum.saturating_add(length.unsigned_abs())))
}

/// Adds a part behind what has arrived; returns false, and adds nothing, when something else has come meanwhile.
pub(crate) fn add_part(
    conn: &mut Conn,
    no: i64,
    begins_at: i64,
    (blob_no, size_bytes): (i64, i64),
    expires_at: i64,
) -> Result<bool> {
    let is_expected = upload::no.eq(no).and(upload::offset_bytes.eq(begins_at)).and(upload::used_at.is_null());
    let fits = upload::length_bytes.ge(begins_at + size_bytes);
    let count = each_db!(conn, |c| update_rows(upload::table.filter(is_expected.and(fits)))
        .set((upload::offset_bytes.eq(begins_at + size_bytes), upload::expires_at.eq(expires_at)))
        .execute(c))?;
    if count == 0 {
        return Ok(false);
    }
    each_db!(conn, |c| diesel::insert_into(upload_part::table)
        .values(
            (upload_part::upload_no.eq(no), upload_part::begins_at.eq(begins_at), upload_part::blob_no.eq(blob_no),)
        )
        .execute(c))?;
    Ok(true)
}

/// Returns the blobs of the parts of an upload, in their order.
pub(crate) fn parts(conn: &mut Conn, no: i64) -> Result<Vec<BlobRow>> {
    let rows = each_db!(conn, |c| upload_part::table
        .inner_join(blob::table.on(blob::no.eq(upload_part::blob_no)))
        .filter(upload_part::upload_no.eq(no))
        .order(upload_part::begins_at)
        .select(BlobRow::as_select())
        .load(c))?;
    Ok(rows)
}

/// Says that an upload became the content with this digest, and lets go of its parts; returns false when it had been
/// something already.
pub(crate) fn use_up(conn: &mut Conn, no: i64, digest: &str, now: i64) -> Result<bool> {
    let count =
        each_db!(conn, |c| update_rows(upload::table.filter(upload::no.eq(no).and(upload::used_at.is_null())))
            .set((upload::used_at.eq(now), upload::digest.eq(digest)))
            .execute(c))?;
    if count == 1 {
        delete_parts(conn, &[no])?;
    }
    Ok(count == 1)
}

fn delete_parts(conn: &mut Conn, nos: &[i64]) -> Result<()> {
    each_db!(conn, |c| diesel::delete(upload_part::table.filter(among(upload_part::upload_no, nos.iter().copied())))
        .execute(c))?;
    Ok(())
}

/// Forgets uploads with their parts; the bytes are left to the collector of garbage.
pub(crate) fn delete(conn: &mut Conn, nos: &[i64]) -> Result<()> {
    delete_parts(conn, nos)?;
    each_db!(conn, |c| diesel::delete(upload::table.filter(among(upload::no, nos.iter().copied()))).execute(c))?;
    Ok(())
}

/// Returns up to `limit` uploads that have expired.
pub(crate) fn expired(conn: &mut Conn, now: i64, limit: i64) -> Result<Vec<i64>> {
    let nos = each_db!(conn, |c| upload::table
        .filter(upload::expires_at.le(now))
        .order(upload::expires_at)
        .limit(limit)
        .select(upload::no)
        .load(c))?;
    Ok(nos)
}

/// Returns up to `limit` uploads that are no content yet, with numbers above `after`.
pub(crate) fn open_page(conn: &mut Conn, after: i64, limit: i64) -> Result<Vec<UploadRow>> {
    let rows = each_db!(conn, |c| upload::table
        .filter(upload::no.gt(after).and(upload::used_at.is_null()))
        .order(upload::no)
        .limit(limit)
        .select(UploadRow::as_select())
        .load(c))?;
    Ok(rows)
}

/// Returns how many bytes the parts of an upload have.
pub(crate) fn size_of_parts(conn: &mut Conn, no: i64) -> Result<i64> {
    let sizes: Vec<i64> = each_db!(conn, |c| upload_part::table
        .inner_join(blob::table.on(blob::no.eq(upload_part::blob_no)))
        .filter(upload_part::upload_no.eq(no))
        .select(blob::size_bytes)
        .load(c))?;
    Ok(sizes.into_iter().sum())
}
