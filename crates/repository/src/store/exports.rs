//! Rows of exports, and what they walk through.

use std::collections::BTreeMap;

use cartulary_db::{Conn, among, each_db, insert_numbered, is_word, update_rows};
use diesel::dsl::not;
use diesel::prelude::*;

use super::objects::{LIVE, ObjectRow, RELATIONSHIP, VERSION};
use super::schema::{blob, content, dossier_version, export, filing, object, version, version_series};
use super::versions::VersionRow;
use crate::Result;

/// An export.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = export)]
pub(crate) struct ExportRow {
    pub no: i64,
    pub id: String,
    pub job_id: String,
    pub principal_no: i64,
    pub scope: String,
    pub created_at: i64,
    pub counted_at: Option<i64>,
    pub aborted_at: Option<i64>,
    pub finished_at: Option<i64>,
    pub expires_at: Option<i64>,
    pub total_count: i64,
    pub done_count: i64,
    pub left_out_count: i64,
    pub blob_no: Option<i64>,
}

/// An export to insert.
#[derive(Clone, Debug, Insertable)]
#[diesel(table_name = export)]
pub(crate) struct NewExportRow<'a> {
    pub id: &'a str,
    pub job_id: &'a str,
    pub principal_no: i64,
    pub scope: &'a str,
    pub created_at: i64,
}

/// Inserts an export and returns its number.
pub(crate) fn insert(conn: &mut Conn, row: &NewExportRow<'_>) -> Result<i64> {
    Ok(insert_numbered!(conn, diesel::insert_into(export::table).values(row), export::no)?)
}

/// Returns the export with this outward id.
pub(crate) fn by_id(conn: &mut Conn, id: &str) -> Result<Option<ExportRow>> {
    let row = each_db!(conn, |c| export::table
        .filter(export::id.eq(id))
        .select(ExportRow::as_select())
        .get_result(c)
        .optional())?;
    Ok(row)
}

/// Counts the exports of somebody that are there: those that wait or are made, and those that are kept.
pub(crate) fn count_of(conn: &mut Conn, principal: i64) -> Result<i64> {
    Ok(each_db!(conn, |c| export::table.filter(export::principal_no.eq(principal)).count().get_result::<i64>(c))?)
}

/// Removes an export; its bytes are left to the collector of garbage.
pub(crate) fn delete(conn: &mut Conn, no: i64) -> Result<()> {
    each_db!(conn, |c| diesel::delete(export::table.filter(export::no.eq(no))).execute(c))?;
    Ok(())
}

/// Returns a window of exports, newest first, and their number; of one maker when given.
pub(crate) fn window(conn: &mut Conn, by: Option<i64>, offset: i64, limit: i64) -> Result<(i64, Vec<ExportRow>)> {
    let total = each_db!(conn, |c| {
        let mut query = export::table.into_boxed();
        if let Some(by) = by {
            query = query.filter(export::principal_no.eq(by));
        }
        query.count().get_result::<i64>(c)
    })?;
    let rows = each_db!(conn, |c| {
        let mut query = export::table.select(ExportRow::as_select()).into_boxed();
        if let Some(by) = by {
            query = query.filter(export::principal_no.eq(by));
        }
        query.order(export::no.desc()).offset(offset).limit(limit).load(c)
    })?;
    Ok((total, rows))
}

/// Says how many objects an export has to take; what an earlier try counted is forgotten.
pub(crate) fn put_counted(conn: &mut Conn, no: i64, total: i64, now: i64) -> Result<()> {
    each_db!(conn, |c| update_rows(export::table.filter(export::no.eq(no)))
        .set((
            export::counted_at.eq(now),
            export::total_count.eq(total),
            export::done_count.eq(0_i64),
            export::left_out_count.eq(0_i64),
        ))
        .execute(c))?;
    Ok(())
}

/// Says how far an export is.
pub(crate) fn put_progress(conn: &mut Conn, no: i64, done: i64, left_out: i64) -> Result<()> {
    each_db!(conn, |c| update_rows(export::table.filter(export::no.eq(no)))
        .set((export::done_count.eq(done), export::left_out_count.eq(left_out)))
        .execute(c))?;
    Ok(())
}

/// Says that an export shall do no more.
pub(crate) fn put_aborted(conn: &mut Conn, no: i64, now: i64) -> Result<()> {
    let open = export::finished_at.is_null().and(export::aborted_at.is_null());
    each_db!(conn, |c| update_rows(export::table.filter(export::no.eq(no).and(open)))
        .set(export::aborted_at.eq(now))
        .execute(c))?;
    Ok(())
}

/// Says that an export has ended, with its bag, until when that is kept; without one, it was aborted.
pub(crate) fn put_finished(conn: &mut Conn, no: i64, bag: Option<i64>, now: i64, expires_at: i64) -> Result<()> {
    each_db!(conn, |c| update_rows(export::table.filter(export::no.eq(no)))
        .set((export::finished_at.eq(now), export::expires_at.eq(expires_at), export::blob_no.eq(bag)))
        .execute(c))?;
    Ok(())
}

/// Says what is in the bag of an export, as bytes of sets: the objects, and those with contents.
pub(crate) fn put_taken(conn: &mut Conn, no: i64, objects: &[u8], with_content: &[u8]) -> Result<()> {
    each_db!(conn, |c| update_rows(export::table.filter(export::no.eq(no)))
        .set((export::objects.eq(objects), export::with_content.eq(with_content)))
        .execute(c))?;
    Ok(())
}

/// Returns what is in the bag of an export; nothing of one that was made before that was kept.
pub(crate) fn taken(conn: &mut Conn, no: i64) -> Result<Option<(Vec<u8>, Vec<u8>)>> {
    let (objects, with_content): (Option<Vec<u8>>, Option<Vec<u8>>) = each_db!(conn, |c| export::table
        .filter(export::no.eq(no))
        .select((export::objects, export::with_content))
        .get_result(c))?;
    Ok(objects.zip(with_content))
}

/// Removes some exports that expired before an instant; returns how many.
pub(crate) fn delete_expired(conn: &mut Conn, before: i64, limit: i64) -> Result<usize> {
    let nos: Vec<i64> = each_db!(conn, |c| export::table
        .filter(export::expires_at.lt(before))
        .limit(limit)
        .select(export::no)
        .load(c))?;
    let count = each_db!(conn, |c| diesel::delete(export::table.filter(among(export::no, nos.clone()))).execute(c))?;
    Ok(count)
}

/// Returns up to `limit` children of a folder with numbers above `after` that are not in the trash, in the order of numbers.
pub(crate) fn children_page(conn: &mut Conn, folder: i64, after: i64, limit: i64) -> Result<Vec<ObjectRow>> {
    let rows = each_db!(conn, |c| filing::table
        .inner_join(object::table)
        .filter(filing::parent_no.eq(folder).and(not(filing::is_trashed)).and(filing::child_no.gt(after)))
        .order(filing::child_no)
        .limit(limit)
        .select(ObjectRow::as_select())
        .load(c))?;
    Ok(rows)
}

/// Returns up to `limit` objects with numbers above `after` that went to the trash out of a folder.
pub(crate) fn trashed_page(conn: &mut Conn, folder: i64, after: i64, limit: i64) -> Result<Vec<ObjectRow>> {
    let rows = each_db!(conn, |c| filing::table
        .inner_join(object::table)
        .filter(filing::parent_no.eq(folder).and(filing::is_trashed).and(filing::child_no.gt(after)))
        .filter(object::trashed_at.is_not_null())
        .order(filing::child_no)
        .limit(limit)
        .select(ObjectRow::as_select())
        .load(c))?;
    Ok(rows)
}

/// Returns up to `limit` objects with numbers above `after` that lie in no folder, those in the trash included.
pub(crate) fn unfiled_page(conn: &mut Conn, after: i64, limit: i64) -> Result<Vec<ObjectRow>> {
    let rows = each_db!(conn, |c| object::table
        .filter(object::unfiled_at.is_not_null())
        .filter(is_word(object::role, LIVE).and(object::no.gt(after)))
        .order(object::no)
        .limit(limit)
        .select(ObjectRow::as_select())
        .load(c))?;
    Ok(rows)
}

/// Returns up to `limit` folders and documents with numbers above `after`, those in the trash included.
pub(crate) fn live_page(conn: &mut Conn, after: i64, limit: i64) -> Result<Vec<ObjectRow>> {
    let rows = each_db!(conn, |c| object::table
        .filter(is_word(object::role, LIVE).and(object::base.ne(RELATIONSHIP)).and(object::no.gt(after)))
        .order(object::no)
        .limit(limit)
        .select(ObjectRow::as_select())
        .load(c))?;
    Ok(rows)
}

/// Since when an object lies in no folder.
pub(crate) fn unfiled_at(conn: &mut Conn, no: i64) -> Result<Option<i64>> {
    let at = each_db!(conn, |c| object::table.filter(object::no.eq(no)).select(object::unfiled_at).get_result(c))?;
    Ok(at)
}

/// A place of an object in a folder.
#[derive(Clone, Debug, Queryable)]
pub(crate) struct PlaceInFolder {
    pub parent_no: i64,
    pub parent_id: String,
    pub ordinal: i64,
    pub filed_at: i64,
}

/// Returns the folders that an object lies in and that are not in the trash, the primary one first.
pub(crate) fn places_of(conn: &mut Conn, child: i64) -> Result<Vec<PlaceInFolder>> {
    let rows = each_db!(conn, |c| filing::table
        .inner_join(object::table.on(object::no.eq(filing::parent_no)))
        .filter(filing::child_no.eq(child).and(not(filing::is_trashed)))
        .order((filing::is_primary.desc(), filing::no))
        .select((filing::parent_no, object::id, filing::ordinal, filing::filed_at))
        .load(c))?;
    Ok(rows)
}

/// Returns all versions of a series with their objects, oldest first.
pub(crate) fn versions_of(conn: &mut Conn, series: i64) -> Result<Vec<(VersionRow, ObjectRow)>> {
    let rows = each_db!(conn, |c| version::table
        .inner_join(object::table)
        .filter(version::series_no.eq(series))
        .order((version::major, version::minor))
        .select((VersionRow::as_select(), ObjectRow::as_select()))
        .load(c))?;
    Ok(rows)
}

/// The bytes in a slot of an object.
#[derive(Clone, Debug, Queryable)]
pub(crate) struct SlotRow {
    pub object_no: i64,
    pub slot: String,
    pub media_type: String,
    pub file_name: String,
    pub file_name_raw: Option<Vec<u8>>,
    pub digest: String,
    pub generation: i32,
    pub size_bytes: i64,
}

/// Returns what is in all slots of objects, by object number.
pub(crate) fn slots_of(conn: &mut Conn, objects: &[i64]) -> Result<BTreeMap<i64, Vec<SlotRow>>> {
    let query = content::table.inner_join(blob::table).order((content::object_no, content::slot)).select((
        content::object_no,
        content::slot,
        content::media_type,
        content::file_name,
        content::file_name_raw,
        blob::digest,
        blob::generation,
        blob::size_bytes,
    ));
    let rows: Vec<SlotRow> = load_among!(conn, objects, content::object_no, query);
    let mut slots: BTreeMap<i64, Vec<SlotRow>> = BTreeMap::new();
    for row in rows {
        slots.entry(row.object_no).or_default().push(row);
    }
    Ok(slots)
}

/// Returns how many bytes some documents and their versions have, each content counted wherever it is.
pub(crate) fn size_of(conn: &mut Conn, series: &[i64]) -> Result<u64> {
    let sizes: Vec<i64> = each_db!(conn, |c| content::table
        .inner_join(blob::table)
        .inner_join(object::table.on(object::no.eq(content::object_no)))
        .filter(among(object::series_no, series.iter().copied()))
        .filter(object::role.eq(LIVE).or(object::role.eq(VERSION)))
        .select(blob::size_bytes)
        .load(c))?;
    Ok(sizes.into_iter().map(i64::unsigned_abs).sum())
}

/// Returns all versions of a dossier, oldest first.
pub(crate) fn dossier_versions_of(
    conn: &mut Conn,
    dossier: i64,
) -> Result<Vec<super::dossier_versions::DossierVersionRow>> {
    let rows = each_db!(conn, |c| dossier_version::table
        .filter(dossier_version::dossier_no.eq(dossier))
        .order(dossier_version::number)
        .select(super::dossier_versions::DossierVersionRow::as_select())
        .load(c))?;
    Ok(rows)
}

/// Returns the outward id of a series.
pub(crate) fn series_id(conn: &mut Conn, no: i64) -> Result<String> {
    let id = each_db!(conn, |c| version_series::table
        .filter(version_series::no.eq(no))
        .select(version_series::id)
        .get_result(c))?;
    Ok(id)
}

/// Returns the manifest of a version of a dossier as it came from another office; nothing of one that was made here.
pub(crate) fn kept_manifest(conn: &mut Conn, no: i64) -> Result<Option<String>> {
    let text = each_db!(conn, |c| dossier_version::table
        .filter(dossier_version::no.eq(no))
        .select(dossier_version::manifest)
        .get_result(c))?;
    Ok(text)
}

/// Says whether an export shall do no more.
pub(crate) fn is_aborted(conn: &mut Conn, no: i64) -> Result<bool> {
    let at: Option<Option<i64>> = each_db!(conn, |c| export::table
        .filter(export::no.eq(no))
        .select(export::aborted_at)
        .get_result(c)
        .optional())?;
    // What is not there any more was deleted by whoever had it.
    Ok(at.is_none_or(|at| at.is_some()))
}
