//! Rows of the trash: what went there, with what, and what is destroyed.

use cartulary_db::{Conn, among, each_db, is_word, update_rows};
use diesel::dsl::not;
use diesel::prelude::*;

use super::filing::FilingRow;
use super::objects::{self, ObjectRow, OrderRow};
use super::schema::{
    content, dossier_version, dossier_version_member, filing, import_entry, import_source, object, object_facet,
    object_lock, property_value, retention_event, version, version_series,
};
use crate::Result;

/// When an object went to the trash, by whom, and with which folder.
#[derive(Clone, Copy, Debug, Queryable, Selectable)]
#[diesel(table_name = object)]
pub(crate) struct TrashedRow {
    pub no: i64,
    /// Nothing: it is not in the trash.
    pub trashed_at: Option<i64>,
    pub trashed_by: Option<i64>,
    /// The folder whose tree it went with; nothing when it was put there itself.
    pub trashed_with: Option<i64>,
}

/// Who puts what in the trash, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TrashAct {
    /// The object that was named.
    pub root: i64,
    pub at: i64,
    pub by: i64,
}

/// Puts objects in the trash with their versions, and raises the change tokens of those that change.
pub(crate) fn put_trashed(conn: &mut Conn, rows: &[ObjectRow], act: TrashAct) -> Result<()> {
    let nos: Vec<i64> = rows.iter().map(|row| row.no).collect();
    let trashed = (object::trashed_at.eq(act.at), object::trashed_by.eq(act.by));
    each_db!(conn, |c| update_rows(object::table.filter(among(object::no, nos.clone())))
        .set((trashed, object::trashed_with.eq(act.root), object::change_token.eq(object::change_token + 1)))
        .execute(c))?;
    each_db!(conn, |c| update_rows(object::table.filter(object::no.eq(act.root)))
        .set(object::trashed_with.eq(None::<i64>))
        .execute(c))?;
    put_versions(conn, rows, Some(act))
}

/// Takes objects out of the trash with their versions.
pub(crate) fn put_restored(conn: &mut Conn, rows: &[ObjectRow]) -> Result<()> {
    let nos: Vec<i64> = rows.iter().map(|row| row.no).collect();
    each_db!(conn, |c| update_rows(object::table.filter(among(object::no, nos.clone())))
        .set((
            object::trashed_at.eq(None::<i64>),
            object::trashed_by.eq(None::<i64>),
            object::trashed_with.eq(None::<i64>),
            object::change_token.eq(object::change_token + 1),
        ))
        .execute(c))?;
    put_versions(conn, rows, None)
}

/// Lets objects lie in the trash by themselves that went there with a folder.
pub(crate) fn put_alone(conn: &mut Conn, nos: &[i64], with: i64) -> Result<()> {
    each_db!(conn, |c| update_rows(
        object::table.filter(among(object::no, nos.iter().copied()).and(object::trashed_with.eq(with)))
    )
    .set(object::trashed_with.eq(None::<i64>))
    .execute(c))?;
    Ok(())
}

/// Says of the versions of documents what is said of them; nothing else of a version changes.
fn put_versions(conn: &mut Conn, rows: &[ObjectRow], act: Option<TrashAct>) -> Result<()> {
    let series: Vec<i64> = rows.iter().filter_map(|row| row.series_no).collect();
    if series.is_empty() {
        return Ok(());
    }
    let versions = || among(object::series_no, series.clone()).and(object::role.eq(objects::VERSION));
    each_db!(conn, |c| update_rows(object::table.filter(versions()))
        .set((object::trashed_at.eq(act.map(|act| act.at)), object::trashed_by.eq(act.map(|act| act.by))))
        .execute(c))?;
    Ok(())
}

/// Hides the filings of objects and those in them; their names are free.
pub(crate) fn hide_filings(conn: &mut Conn, nos: &[i64]) -> Result<()> {
    each_db!(conn, |c| update_rows(filing::table.filter(among(filing::child_no, nos.iter().copied())))
        .set(filing::is_trashed.eq(true))
        .execute(c))?;
    each_db!(conn, |c| update_rows(filing::table.filter(among(filing::parent_no, nos.iter().copied())))
        .set(filing::is_trashed.eq(true))
        .execute(c))?;
    Ok(())
}

/// Shows filings again; two of a name in one folder are a unique violation.
pub(crate) fn show_filings(conn: &mut Conn, nos: &[i64]) -> Result<()> {
    let shown = each_db!(conn, |c| update_rows(filing::table.filter(among(filing::no, nos.iter().copied())))
        .set(filing::is_trashed.eq(false))
        .execute(c));
    shown.map(drop).map_err(super::filing::name_taken)
}

/// Returns what is known of those objects that are in the trash.
pub(crate) fn trashed(conn: &mut Conn, nos: &[i64]) -> Result<Vec<TrashedRow>> {
    let rows = each_db!(conn, |c| object::table
        .filter(among(object::no, nos.iter().copied()).and(object::trashed_at.is_not_null()))
        .select(TrashedRow::as_select())
        .load(c))?;
    Ok(rows)
}

/// Returns what orders all that was put in the trash by itself; it begins with the instant when that was done.
pub(crate) fn orders(conn: &mut Conn) -> Result<Vec<OrderRow>> {
    let rows: Vec<(i64, i64, String, Option<i64>, i64)> = each_db!(conn, |c| object::table
        .filter(is_word(object::role, "live").and(object::trashed_at.is_not_null()).and(object::trashed_with.is_null()))
        .select((object::no, object::scope_no, object::name, object::trashed_at, object::modified_at))
        .load(c))?;
    Ok(rows.into_iter().map(order_row).collect())
}

/// Returns those of `nos` that [`orders`] has.
pub(crate) fn orders_of_some(conn: &mut Conn, nos: &[i64]) -> Result<Vec<OrderRow>> {
    let rows: Vec<(i64, i64, String, Option<i64>, i64)> = each_db!(conn, |c| object::table
        .filter(among(object::no, nos.iter().copied()))
        .filter(is_word(object::role, "live").and(object::trashed_at.is_not_null()).and(object::trashed_with.is_null()))
        .select((object::no, object::scope_no, object::name, object::trashed_at, object::modified_at))
        .load(c))?;
    Ok(rows.into_iter().map(order_row).collect())
}

fn order_row((no, scope_no, name, trashed_at, modified_at): (i64, i64, String, Option<i64>, i64)) -> OrderRow {
    OrderRow { no, scope_no, name, created_at: trashed_at.unwrap_or_default(), modified_at }
}

/// Returns the objects that lie in folders, in the trash or not, each with its filing there, in the folders' order.
pub(crate) fn children(conn: &mut Conn, parents: &[i64]) -> Result<Vec<(FilingRow, ObjectRow)>> {
    let rows = each_db!(conn, |c| filing::table
        .inner_join(object::table)
        .filter(among(filing::parent_no, parents.iter().copied()))
        .order((filing::parent_no, filing::ordinal, filing::no))
        .select((FilingRow::as_select(), ObjectRow::as_select()))
        .load(c))?;
    Ok(rows)
}

/// Returns up to `limit` objects that lie in folders and not in the trash.
pub(crate) fn living_children(conn: &mut Conn, parents: &[i64], limit: i64) -> Result<Vec<(FilingRow, ObjectRow)>> {
    let rows = each_db!(conn, |c| filing::table
        .inner_join(object::table)
        .filter(among(filing::parent_no, parents.iter().copied()).and(not(filing::is_trashed)))
        .order((filing::parent_no, filing::ordinal, filing::no))
        .limit(limit)
        .select((FilingRow::as_select(), ObjectRow::as_select()))
        .load(c))?;
    Ok(rows)
}

/// Returns the dossiers whose versions name one of the objects.
pub(crate) fn dossiers_naming(conn: &mut Conn, nos: &[i64]) -> Result<Vec<i64>> {
    let rows = each_db!(conn, |c| dossier_version_member::table
        .inner_join(dossier_version::table.on(dossier_version::no.eq(dossier_version_member::dossier_version_no)))
        .filter(among(dossier_version_member::live_no, nos.iter().copied()))
        .select(dossier_version::dossier_no)
        .distinct()
        .load(c))?;
    Ok(rows)
}

/// Destroys objects with all that belongs to them; `live` are the live ones, `series` their series. Bytes stay for the
/// collector of garbage; scopes and lists stay, because the change log is filtered by them.
pub(crate) fn destroy(conn: &mut Conn, live: &[i64], series: &[i64], root_folder: i64) -> Result<()> {
    let of_series: Vec<i64> = each_db!(conn, |c| object::table
        .filter(among(object::series_no, series.iter().copied()))
        .select(object::no)
        .load(c))?;
    let mut all: Vec<i64> = live.iter().copied().chain(of_series).collect();
    all.sort_unstable();
    all.dedup();
    super::arrangements::clear(conn, &all)?;
    super::tags::clear(conn, &all)?;
    super::comments::clear(conn, &all)?;
    super::annotations::clear(conn, &all)?;
    super::collections::forget_objects(conn, &all)?;
    let all = || all.iter().copied();
    let live = || live.iter().copied();
    each_db!(conn, |c| {
        let manifests =
            dossier_version::table.filter(among(dossier_version::dossier_no, live())).select(dossier_version::no);
        diesel::delete(
            dossier_version_member::table.filter(dossier_version_member::dossier_version_no.eq_any(manifests)),
        )
        .execute(c)?;
        diesel::delete(dossier_version::table.filter(among(dossier_version::dossier_no, live()))).execute(c)?;
        diesel::delete(retention_event::table.filter(among(retention_event::object_no, all()))).execute(c)?;
        diesel::delete(version::table.filter(among(version::object_no, all()))).execute(c)?;
        diesel::delete(content::table.filter(among(content::object_no, all()))).execute(c)?;
        diesel::delete(property_value::table.filter(among(property_value::object_no, all()))).execute(c)?;
        diesel::delete(object_facet::table.filter(among(object_facet::object_no, all()))).execute(c)?;
        diesel::delete(object_lock::table.filter(among(object_lock::object_no, live()))).execute(c)?;
        diesel::delete(filing::table.filter(among(filing::child_no, live()))).execute(c)?;
        diesel::delete(filing::table.filter(among(filing::parent_no, live()))).execute(c)?;
        diesel::delete(import_entry::table.filter(among(import_entry::document_no, all()))).execute(c)?;
        update_rows(import_source::table.filter(among(import_source::folder_no, live())))
            .set(import_source::folder_no.eq(root_folder))
            .execute(c)?;
        diesel::delete(object::table.filter(among(object::no, all()))).execute(c)?;
        diesel::delete(version_series::table.filter(among(version_series::no, series.iter().copied()))).execute(c)
    })?;
    Ok(())
}

/// Returns up to `limit` objects that were put in the trash by themselves before an instant, the oldest first, after
/// another of them.
pub(crate) fn page(conn: &mut Conn, after: (i64, i64), before: i64, limit: i64) -> Result<Vec<(i64, ObjectRow)>> {
    let is_in_trash =
        || is_word(object::role, "live").and(object::trashed_at.is_not_null()).and(object::trashed_with.is_null());
    let rows: Vec<(Option<i64>, ObjectRow)> = each_db!(conn, |c| object::table
        .filter(is_in_trash())
        .filter(object::trashed_at.ge(after.0).and(object::trashed_at.lt(before)))
        .filter(object::trashed_at.gt(after.0).or(object::no.gt(after.1)))
        .order((object::trashed_at, object::no))
        .limit(limit)
        .select((object::trashed_at, ObjectRow::as_select()))
        .load(c))?;
    Ok(rows.into_iter().map(|(at, row)| (at.unwrap_or_default(), row)).collect())
}

/// Returns up to `limit` living objects of one folder, in the order of their filing, after another.
pub(crate) fn living_page(conn: &mut Conn, parent: i64, after: i64, limit: i64) -> Result<Vec<(i64, ObjectRow)>> {
    let rows = each_db!(conn, |c| filing::table
        .inner_join(object::table)
        .filter(filing::parent_no.eq(parent).and(not(filing::is_trashed)).and(filing::no.gt(after)))
        .order(filing::no)
        .limit(limit)
        .select((filing::no, ObjectRow::as_select()))
        .load(c))?;
    Ok(rows)
}
