//! Rows of blobs and of the contents that bind them.

use std::collections::BTreeMap;

use cartulary_db::{Conn, among, each_db, per_db, prepared};
use diesel::dsl::{exists, not};
use diesel::prelude::*;

use super::schema::{blob, blob_lease, content, object, rendition};
use crate::Result;

/// A blob.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = blob)]
pub(crate) struct BlobRow {
    pub no: i64,
    pub digest: String,
    pub generation: i32,
    pub size_bytes: i64,
    pub condemned_at: Option<i64>,
}

/// A content with the blob that holds its bytes.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = content)]
pub(crate) struct ContentRow {
    pub object_no: i64,
    pub media_type: String,
    pub file_name: String,
    #[diesel(select_expression = blob::digest)]
    pub digest: String,
    #[diesel(select_expression = blob::generation)]
    pub generation: i32,
    #[diesel(select_expression = blob::size_bytes)]
    pub size_bytes: i64,
}

/// The slot of a document's main content.
pub(crate) const MAIN_SLOT: &str = "content";

/// Returns the living (not condemned) blob with this digest.
pub(crate) fn living(conn: &mut Conn, digest: &str) -> Result<Option<BlobRow>> {
    let row = each_db!(conn, |c| blob::table
        .filter(blob::digest.eq(digest).and(blob::condemned_at.is_null()))
        .select(BlobRow::as_select())
        .get_result(c)
        .optional())?;
    Ok(row)
}

/// Says whether a living blob has this digest, and which generation no row of the digest has used.
pub(crate) fn is_living_and_next(conn: &mut Conn, digest: &str) -> Result<(bool, i32)> {
    let rows: Vec<(i32, Option<i64>)> = each_db!(conn, |c| blob::table
        .filter(blob::digest.eq(digest))
        .select((blob::generation, blob::condemned_at))
        .load(c))?;
    let is_living = rows.iter().any(|(_, condemned_at)| condemned_at.is_none());
    let last = rows.iter().map(|(generation, _)| *generation).max();
    Ok((is_living, last.map_or(0, |last| last + 1)))
}

/// Inserts a living blob whose bytes are durable; returns `None` when a living one, or this generation, is there.
pub(crate) fn insert(conn: &mut Conn, digest: &str, generation: i32, size: i64, now: i64) -> Result<Option<i64>> {
    let no = each_db!(conn, |c| diesel::insert_into(blob::table)
        .values((
            blob::digest.eq(digest),
            blob::generation.eq(generation),
            blob::size_bytes.eq(size),
            blob::created_at.eq(now),
        ))
        .on_conflict_do_nothing()
        .returning(blob::no)
        .get_result::<i64>(c)
        .optional())?;
    Ok(no)
}

/// Locks a blob's row against condemnation for this transaction and returns it while it lives.
pub(crate) fn living_locked(conn: &mut Conn, digest: &str) -> Result<Option<BlobRow>> {
    per_db!(conn,
        sqlite(_c) => living(conn, digest),
        postgres(c) => {
            let row = blob::table
                .filter(blob::digest.eq(digest).and(blob::condemned_at.is_null()))
                .select(BlobRow::as_select())
                .for_key_share()
                .get_result(c)
                .optional()?;
            Ok(row)
        },
    )
}

/// Binds a blob to a slot of an object.
pub(crate) fn bind(
    conn: &mut Conn,
    object_no: i64,
    blob_no: i64,
    media_type: &str,
    file_name: &str,
    file_name_raw: Option<&[u8]>,
) -> Result<()> {
    let values = (
        content::blob_no.eq(blob_no),
        content::media_type.eq(media_type),
        content::file_name.eq(file_name),
        content::file_name_raw.eq(file_name_raw),
    );
    each_db!(conn, |c| {
        prepared(
            diesel::insert_into(content::table)
                .values((content::object_no.eq(object_no), content::slot.eq(MAIN_SLOT), values))
                .on_conflict((content::object_no, content::slot))
                .do_update()
                .set(values),
        )
        .execute(c)
    })?;
    Ok(())
}

/// Returns the main contents of objects, by object number.
pub(crate) fn contents_of(conn: &mut Conn, objects: &[i64]) -> Result<BTreeMap<i64, ContentRow>> {
    let rows: Vec<ContentRow> = load_among!(
        conn,
        objects,
        content::object_no,
        content::table.inner_join(blob::table).filter(content::slot.eq(MAIN_SLOT)).select(ContentRow::as_select())
    );
    Ok(rows.into_iter().map(|row| (row.object_no, row)).collect())
}

/// Returns up to `limit` contents with this digest whose object's number is above `after`, with the object's scope.
pub(crate) fn holders(conn: &mut Conn, digest: &str, after: i64, limit: i64) -> Result<Vec<(ContentRow, i64)>> {
    let rows: Vec<(ContentRow, i64)> = each_db!(conn, |c| content::table
        .inner_join(blob::table)
        .inner_join(object::table.on(object::no.eq(content::object_no)))
        .filter(blob::digest.eq(digest).and(content::object_no.gt(after)).and(object::trashed_at.is_null()))
        .order(content::object_no)
        .limit(limit)
        .select((ContentRow::as_select(), object::scope_no,))
        .load(c))?;
    Ok(rows)
}

/// Returns up to `limit` blobs with numbers above `after`, condemned ones included.
pub(crate) fn page(conn: &mut Conn, after: i64, limit: i64) -> Result<Vec<BlobRow>> {
    let rows = each_db!(conn, |c| blob::table
        .filter(blob::no.gt(after))
        .order(blob::no)
        .limit(limit)
        .select(BlobRow::as_select())
        .load(c))?;
    Ok(rows)
}

/// Returns the blob with this number.
pub(crate) fn by_no(conn: &mut Conn, no: i64) -> Result<Option<BlobRow>> {
    let row =
        each_db!(conn, |c| blob::table.filter(blob::no.eq(no)).select(BlobRow::as_select()).get_result(c).optional())?;
    Ok(row)
}

/// Says whether a row of any state has this digest and generation.
pub(crate) fn is_known(conn: &mut Conn, digest: &str, generation: i32) -> Result<bool> {
    let known = each_db!(conn, |c| diesel::select(exists(
        blob::table.filter(blob::digest.eq(digest).and(blob::generation.eq(generation)))
    ))
    .get_result::<bool>(c))?;
    Ok(known)
}

/// Condemns up to `limit` blobs made before `before` that nothing refers to; returns how many.
pub(crate) fn condemn(conn: &mut Conn, before: i64, now: i64, limit: i64) -> Result<usize> {
    let unbound = each_db!(conn, |c| blob::table
        .filter(
            blob::condemned_at
                .is_null()
                .and(blob::created_at.lt(before))
                .and(not(exists(content::table.filter(content::blob_no.eq(blob::no)))))
                .and(not(exists(rendition::table.filter(rendition::blob_no.eq(blob::no.nullable())))))
        )
        .order(blob::no)
        .limit(limit)
        .select(blob::no)
        .load::<i64>(c))?;
    per_db!(conn,
        sqlite(c) => {
            let living = blob::table.filter(among(blob::no, unbound));
            Ok(prepared(diesel::update(living).set(blob::condemned_at.eq(now))).execute(c)?)
        },
        postgres(c) => {
            // A reference holds a key-share lock on the row: those in use right now are passed over, and the
            // condition is asked again under the lock.
            let locked: Vec<i64> =
                blob::table.filter(blob::no.eq_any(&unbound)).select(blob::no).for_update().skip_locked().load(c)?;
            let still_unbound = blob::table.filter(
                blob::no
                    .eq_any(locked)
                    .and(not(exists(content::table.filter(content::blob_no.eq(blob::no)))))
                    .and(not(exists(rendition::table.filter(rendition::blob_no.eq(blob::no.nullable()))))),
            );
            Ok(prepared(diesel::update(still_unbound).set(blob::condemned_at.eq(now))).execute(c)?)
        },
    )
}

/// Returns up to `limit` blobs condemned before `before`.
pub(crate) fn condemned(conn: &mut Conn, before: i64, limit: i64) -> Result<Vec<BlobRow>> {
    let rows = each_db!(conn, |c| blob::table
        .filter(blob::condemned_at.lt(before))
        .order(blob::no)
        .limit(limit)
        .select(BlobRow::as_select())
        .load(c))?;
    Ok(rows)
}

/// Claims the removal of a condemned blob for one collector; returns whether it is this one's.
pub(crate) fn claim_condemned(conn: &mut Conn, no: i64, seen: i64, now: i64) -> Result<bool> {
    let count = each_db!(conn, |c| prepared(
        diesel::update(blob::table.filter(blob::no.eq(no).and(blob::condemned_at.eq(seen))))
            .set(blob::condemned_at.eq(now.max(seen + 1)))
    )
    .execute(c))?;
    Ok(count == 1)
}

/// Removes the row of a condemned blob whose bytes are gone.
pub(crate) fn delete_condemned(conn: &mut Conn, no: i64) -> Result<usize> {
    let count =
        each_db!(conn, |c| diesel::delete(blob::table.filter(blob::no.eq(no).and(blob::condemned_at.is_not_null())))
            .execute(c))?;
    Ok(count)
}

/// Writes when a blob's bytes were last found sound.
pub(crate) fn put_verified(conn: &mut Conn, nos: &[i64], now: i64) -> Result<()> {
    each_db!(conn, |c| prepared(
        diesel::update(blob::table.filter(among(blob::no, nos.iter().copied()))).set(blob::verified_at.eq(now))
    )
    .execute(c))?;
    Ok(())
}

/// Takes or renews a lease that keeps all bytes in place until `expires_at`.
pub(crate) fn put_lease(conn: &mut Conn, id: &str, holder: &str, expires_at: i64) -> Result<()> {
    each_db!(conn, |c| {
        prepared(
            diesel::insert_into(blob_lease::table)
                .values((blob_lease::id.eq(id), blob_lease::holder.eq(holder), blob_lease::expires_at.eq(expires_at)))
                .on_conflict(blob_lease::id)
                .do_update()
                .set(blob_lease::expires_at.eq(expires_at)),
        )
        .execute(c)
    })?;
    Ok(())
}

/// Ends a lease.
pub(crate) fn delete_lease(conn: &mut Conn, id: &str) -> Result<()> {
    each_db!(conn, |c| diesel::delete(blob_lease::table.filter(blob_lease::id.eq(id))).execute(c))?;
    Ok(())
}

/// Says whether a lease is running at `now`.
pub(crate) fn is_leased(conn: &mut Conn, now: i64) -> Result<bool> {
    let leased = each_db!(conn, |c| diesel::select(exists(blob_lease::table.filter(blob_lease::expires_at.gt(now))))
        .get_result::<bool>(c))?;
    Ok(leased)
}

/// Inserts a condemned row for a file that no row knows; returns whether it was new.
pub(crate) fn insert_condemned(conn: &mut Conn, digest: &str, generation: i32, size: i64, now: i64) -> Result<bool> {
    let count = each_db!(conn, |c| diesel::insert_into(blob::table)
        .values((
            blob::digest.eq(digest),
            blob::generation.eq(generation),
            blob::size_bytes.eq(size),
            blob::created_at.eq(now),
            blob::condemned_at.eq(now),
        ))
        .on_conflict_do_nothing()
        .execute(c))?;
    Ok(count == 1)
}
