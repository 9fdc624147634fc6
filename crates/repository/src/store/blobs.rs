//! Rows of blobs and of the contents that bind them.

use std::collections::BTreeMap;

use cartulary_db::{Conn, among, each_db, last_inserted, per_db, update_rows, upsert};
use cartulary_model::SlotName;
use diesel::dsl::{exists, not};
use diesel::prelude::*;

use super::objects::WORKING;
use super::schema::{arrangement_source, blob, blob_lease, content, export, object, rendition, upload_part};
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
    pub slot: String,
    pub media_type: String,
    pub file_name: String,
    #[diesel(select_expression = blob::digest)]
    pub digest: String,
    #[diesel(select_expression = blob::generation)]
    pub generation: i32,
    #[diesel(select_expression = blob::size_bytes)]
    pub size_bytes: i64,
}

/// Returns the living (not condemned) blob with this digest.
pub(crate) fn living(conn: &mut Conn, digest: &str) -> Result<Option<BlobRow>> {
    let row = each_db!(conn, |c| blob::table
        .filter(blob::digest.eq(digest).and(blob::condemned_at.is_null()))
        .select(BlobRow::as_select())
        .get_result(c)
        .optional())?;
    Ok(row)
}

/// Returns the generation of the living blob with this digest, if there is one, and one that no row of the digest used.
pub(crate) fn living_and_next(conn: &mut Conn, digest: &str) -> Result<(Option<i32>, i32)> {
    let rows: Vec<(i32, Option<i64>)> = each_db!(conn, |c| blob::table
        .filter(blob::digest.eq(digest))
        .select((blob::generation, blob::condemned_at))
        .load(c))?;
    let living = rows.iter().find(|(_, condemned_at)| condemned_at.is_none()).map(|(generation, _)| *generation);
    let last = rows.iter().map(|(generation, _)| *generation).max();
    Ok((living, last.map_or(0, |last| last + 1)))
}

#[derive(Insertable)]
#[diesel(table_name = blob, treat_none_as_default_value = false)]
struct NewBlobRow<'a> {
    digest: &'a str,
    generation: i32,
    size_bytes: i64,
    created_at: i64,
    condemned_at: Option<i64>,
}

/// Inserts a living blob whose bytes are durable; returns `None` when a living one, or this generation, is there.
pub(crate) fn insert(conn: &mut Conn, digest: &str, generation: i32, size: i64, now: i64) -> Result<Option<i64>> {
    let row = NewBlobRow { digest, generation, size_bytes: size, created_at: now, condemned_at: None };
    let insert = diesel::insert_into(blob::table).values(&row).on_conflict_do_nothing();
    let no = per_db!(conn,
        sqlite(c) => match insert.execute(c)? {
            0 => None,
            _ => Some(last_inserted(c)?),
        },
        postgres(c) => insert.returning(blob::no).get_result::<i64>(c).optional()?,
    );
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

/// A content of an object, to be bound.
#[derive(Clone, Copy, Debug, Insertable, AsChangeset)]
#[diesel(table_name = content, treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct NewContentRow<'a> {
    pub object_no: i64,
    pub slot: &'a str,
    pub blob_no: i64,
    pub media_type: &'a str,
    pub file_name: &'a str,
    pub file_name_raw: Option<&'a [u8]>,
}

/// Binds a blob to an object that has none yet.
pub(crate) fn bind_first(conn: &mut Conn, row: NewContentRow<'_>) -> Result<()> {
    each_db!(conn, |c| diesel::insert_into(content::table).values(row).execute(c))?;
    Ok(())
}

/// Binds a blob to an object, in place of the one it has.
pub(crate) fn bind(conn: &mut Conn, row: NewContentRow<'_>) -> Result<()> {
    let insert = diesel::insert_into(content::table).values(row);
    each_db!(conn, |c| upsert(insert, &["object_no", "slot"], row).execute(c))?;
    Ok(())
}

/// Takes all contents from an object, and the arrangement of its pages.
pub(crate) fn clear_contents(conn: &mut Conn, object: i64) -> Result<()> {
    each_db!(conn, |c| diesel::delete(content::table.filter(content::object_no.eq(object))).execute(c))?;
    super::arrangements::clear(conn, &[object])
}

/// Returns the main contents of objects, by object number.
pub(crate) fn contents_of(conn: &mut Conn, objects: &[i64]) -> Result<BTreeMap<i64, ContentRow>> {
    let rows: Vec<ContentRow> = load_among!(
        conn,
        objects,
        content::object_no,
        content::table.inner_join(blob::table).filter(content::slot.eq(SlotName::MAIN)).select(ContentRow::as_select())
    );
    Ok(rows.into_iter().map(|row| (row.object_no, row)).collect())
}

/// Returns all contents of objects, by object number: the main one first, then in the order of their slots' names.
pub(crate) fn all_contents_of(conn: &mut Conn, objects: &[i64]) -> Result<BTreeMap<i64, Vec<ContentRow>>> {
    let rows: Vec<ContentRow> = load_among!(
        conn,
        objects,
        content::object_no,
        content::table.inner_join(blob::table).select(ContentRow::as_select())
    );
    let mut contents: BTreeMap<i64, Vec<ContentRow>> = BTreeMap::new();
    for row in rows {
        contents.entry(row.object_no).or_default().push(row);
    }
    for rows in contents.values_mut() {
        rows.sort_by(|one, other| {
            (one.slot != SlotName::MAIN, &one.slot).cmp(&(other.slot != SlotName::MAIN, &other.slot))
        });
    }
    Ok(contents)
}

/// Returns the content in one slot of an object.
pub(crate) fn content_in(conn: &mut Conn, object: i64, slot: &SlotName) -> Result<Option<ContentRow>> {
    let row = each_db!(conn, |c| content::table
        .inner_join(blob::table)
        .filter(content::object_no.eq(object).and(content::slot.eq(slot.as_str())))
        .select(ContentRow::as_select())
        .get_result(c)
        .optional())?;
    Ok(row)
}

/// Takes the content in one slot from an object.
pub(crate) fn unbind(conn: &mut Conn, object: i64, slot: &SlotName) -> Result<()> {
    each_db!(conn, |c| diesel::delete(
        content::table.filter(content::object_no.eq(object).and(content::slot.eq(slot.as_str())))
    )
    .execute(c))?;
    Ok(())
}

/// Counts the contents of an object.
pub(crate) fn count_contents(conn: &mut Conn, object: i64) -> Result<i64> {
    let count = each_db!(conn, |c| content::table.filter(content::object_no.eq(object)).count().get_result::<i64>(c))?;
    Ok(count)
}

/// Returns the slots of objects with the digests of what is in them, by object number.
pub(crate) fn slots_of(conn: &mut Conn, objects: &[i64]) -> Result<BTreeMap<i64, BTreeMap<String, String>>> {
    let rows: Vec<(i64, String, String)> = load_among!(
        conn,
        objects,
        content::object_no,
        content::table.inner_join(blob::table).select((content::object_no, content::slot, blob::digest))
    );
    let mut slots: BTreeMap<i64, BTreeMap<String, String>> = BTreeMap::new();
    for (object, slot, digest) in rows {
        slots.entry(object).or_default().insert(slot, digest);
    }
    Ok(slots)
}

/// Returns the bytes of the name of a content of an object, when they are not UTF-8.
pub(crate) fn raw_name_of(conn: &mut Conn, object: i64, slot: &SlotName) -> Result<Option<Vec<u8>>> {
    let raw: Option<Option<Vec<u8>>> = each_db!(conn, |c| content::table
        .filter(content::object_no.eq(object).and(content::slot.eq(slot.as_str())))
        .select(content::file_name_raw)
        .get_result(c)
        .optional())?;
    Ok(raw.flatten())
}

/// Returns up to `limit` contents with this digest whose object's number is above `after`, with the object's scope. A
/// working copy is private: what only it has, nobody is told of by a digest.
pub(crate) fn holders(conn: &mut Conn, digest: &str, after: i64, limit: i64) -> Result<Vec<(ContentRow, i64)>> {
    let rows: Vec<(ContentRow, i64)> = each_db!(conn, |c| content::table
        .inner_join(blob::table)
        .inner_join(object::table.on(object::no.eq(content::object_no)))
        .filter(blob::digest.eq(digest).and(content::object_no.gt(after)).and(object::trashed_at.is_null()))
        .filter(object::role.ne(WORKING))
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

/// Part of the blobs, by the first byte of their digest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part(pub u8);

impl Part {
    /// The text before all digests of the part.
    pub(crate) fn begin(self) -> String {
        format!("{:02x}", self.0)
    }

    /// A text after all of them.
    fn end(self) -> String {
        format!("{:02x}g", self.0)
    }
}

/// Returns up to `limit` living blobs of a part after a digest, in the order of their digests.
pub(crate) fn living_of_part(conn: &mut Conn, part: Part, after: &str, limit: i64) -> Result<Vec<BlobRow>> {
    let rows = each_db!(conn, |c| blob::table
        .filter(blob::digest.gt(after).and(blob::digest.lt(part.end())).and(blob::condemned_at.is_null()))
        .order(blob::digest)
        .limit(limit)
        .select(BlobRow::as_select())
        .load(c))?;
    Ok(rows)
}

/// Some blobs of a part, in the order of their digests.
#[derive(Debug)]
pub(crate) struct Unbound {
    /// Those that nothing refers to, by number.
    pub nos: Vec<i64>,
    /// The last digest that was looked at; nothing when there are no more.
    pub last: Option<String>,
}

/// Looks at up to `limit` blobs of a part after a digest, and returns those made before `before` that nothing refers to.
pub(crate) fn unbound(conn: &mut Conn, part: Part, after: &str, before: i64, limit: i64) -> Result<Unbound> {
    let rows: Vec<(i64, String, i64)> = each_db!(conn, |c| blob::table
        .filter(blob::digest.gt(after).and(blob::digest.lt(part.end())).and(blob::condemned_at.is_null()))
        .order(blob::digest)
        .limit(limit)
        .select((blob::no, blob::digest, blob::created_at))
        .load(c))?;
    let last = rows.last().map(|(_, digest, _)| digest.clone());
    let old: Vec<i64> = rows.iter().filter(|(_, _, made)| *made < before).map(|(no, _, _)| *no).collect();
    Ok(Unbound { nos: unbound_among(conn, &old)?, last })
}

/// Returns those blobs of `nos` that live and that nothing refers to.
fn unbound_among(conn: &mut Conn, nos: &[i64]) -> Result<Vec<i64>> {
    if nos.is_empty() {
        return Ok(Vec::new());
    }
    let unbound = each_db!(conn, |c| blob::table
        .filter(
            among(blob::no, nos.iter().copied())
                .and(blob::condemned_at.is_null())
                .and(not(exists(content::table.filter(content::blob_no.eq(blob::no)))))
                .and(not(exists(rendition::table.filter(rendition::blob_no.eq(blob::no.nullable())))))
                .and(not(exists(arrangement_source::table.filter(arrangement_source::blob_no.eq(blob::no)))))
                .and(not(exists(upload_part::table.filter(upload_part::blob_no.eq(blob::no)))))
                .and(not(exists(export::table.filter(export::blob_no.eq(blob::no.nullable())))))
        )
        .select(blob::no)
        .load(c))?;
    Ok(unbound)
}

/// Condemns those blobs of `nos` that nothing refers to; returns how many.
pub(crate) fn condemn(conn: &mut Conn, nos: &[i64], now: i64) -> Result<usize> {
    // A reference holds a key-share lock on the row: those in use right now are passed over, and the condition is asked
    // again under the lock. The one writer of SQLite needs none.
    let locked: Vec<i64> = per_db!(conn,
        sqlite(_c) => nos.to_vec(),
        postgres(c) =>
            blob::table.filter(blob::no.eq_any(nos)).select(blob::no).for_update().skip_locked().load(c)?,
    );
    let still_unbound = unbound_among(conn, &locked)?;
    let count = each_db!(conn, |c| update_rows(blob::table.filter(among(blob::no, still_unbound)))
        .set(blob::condemned_at.eq(now))
        .execute(c))?;
    Ok(count)
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
    let count = each_db!(conn, |c| update_rows(blob::table.filter(blob::no.eq(no).and(blob::condemned_at.eq(seen))))
        .set(blob::condemned_at.eq(now.max(seen + 1)))
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
    each_db!(conn, |c| update_rows(blob::table.filter(among(blob::no, nos.iter().copied())))
        .set(blob::verified_at.eq(now))
        .execute(c))?;
    Ok(())
}

/// Takes or renews a lease that keeps all bytes in place until `expires_at`.
pub(crate) fn put_lease(conn: &mut Conn, id: &str, holder: &str, expires_at: i64) -> Result<()> {
    each_db!(conn, |c| {
        upsert(
            diesel::insert_into(blob_lease::table).values((
                blob_lease::id.eq(id),
                blob_lease::holder.eq(holder),
                blob_lease::expires_at.eq(expires_at),
            )),
            &["id"],
            blob_lease::expires_at.eq(expires_at),
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

/// Ends all leases.
pub(crate) fn delete_leases(conn: &mut Conn) -> Result<()> {
    each_db!(conn, |c| diesel::delete(blob_lease::table).execute(c))?;
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
    let row = NewBlobRow { digest, generation, size_bytes: size, created_at: now, condemned_at: Some(now) };
    let count = each_db!(conn, |c| diesel::insert_into(blob::table).values(&row).on_conflict_do_nothing().execute(c))?;
    Ok(count == 1)
}
