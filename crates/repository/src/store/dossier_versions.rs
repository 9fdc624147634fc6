//! Rows of versions of dossiers, and of what they name.

use cartulary_db::{Conn, among, each_db, insert_numbered, update_rows};
use diesel::dsl::{exists, max, not};
use diesel::prelude::*;

use super::schema::{dossier_version, dossier_version_member, filing};
use crate::Result;

/// How many rows one statement inserts.
const INSERT_ROWS: usize = 1_000;

/// A version of a dossier.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = dossier_version)]
pub(crate) struct DossierVersionRow {
    pub no: i64,
    pub id: String,
    pub dossier_no: i64,
    pub number: i32,
    pub comment: String,
    pub name: String,
    pub title: String,
    pub properties: String,
    pub position: i64,
    pub digest: Vec<u8>,
    pub made_at: i64,
    pub made_by: i64,
    /// What its manifest names: 1, what lies directly in the dossier; 2, all that lies below it.
    pub format: i32,
}

/// A version of a dossier to insert.
#[derive(Clone, Debug, Insertable)]
#[diesel(table_name = dossier_version, treat_none_as_default_value = false)]
pub(crate) struct NewDossierVersionRow<'a> {
    pub id: String,
    pub dossier_no: i64,
    pub number: i32,
    pub comment: &'a str,
    pub name: &'a str,
    pub title: &'a str,
    pub properties: &'a str,
    pub position: i64,
    pub digest: &'a [u8],
    pub made_at: i64,
    pub made_by: i64,
    pub format: i32,
}

impl<'a> From<&'a DossierVersionRow> for NewDossierVersionRow<'a> {
    fn from(row: &'a DossierVersionRow) -> Self {
        Self {
            id: row.id.clone(),
            dossier_no: row.dossier_no,
            number: row.number,
            comment: &row.comment,
            name: &row.name,
            title: &row.title,
            properties: &row.properties,
            position: row.position,
            digest: &row.digest,
            made_at: row.made_at,
            made_by: row.made_by,
            format: row.format,
        }
    }
}

/// What a version of a dossier says of one member.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = dossier_version_member, treat_none_as_default_value = false)]
pub(crate) struct MemberRow {
    pub dossier_version_no: i64,
    pub ordinal: i32,
    pub live_no: i64,
    pub version_no: Option<i64>,
    pub name: String,
    /// The folder that it lay in; none: the dossier itself.
    pub parent_no: Option<i64>,
}

/// A child of a folder, in the order of receipt.
#[derive(Clone, Debug, Queryable)]
pub(crate) struct ChildRow {
    pub child_no: i64,
    pub name: String,
    pub ordinal: i64,
    pub is_trashed: bool,
}

/// Inserts a version of a dossier and returns its number in the table.
pub(crate) fn insert(conn: &mut Conn, row: &NewDossierVersionRow<'_>) -> Result<i64> {
    Ok(insert_numbered!(conn, diesel::insert_into(dossier_version::table).values(row), dossier_version::no)?)
}

/// Inserts what a version of a dossier names.
pub(crate) fn insert_members(conn: &mut Conn, members: &[MemberRow]) -> Result<()> {
    for some in members.chunks(INSERT_ROWS) {
        each_db!(conn, |c| diesel::insert_into(dossier_version_member::table).values(some).execute(c))?;
    }
    Ok(())
}

/// Returns the number of a dossier's newest version, 0 without one.
pub(crate) fn last_number(conn: &mut Conn, dossier: i64) -> Result<i32> {
    let last: Option<i32> = each_db!(conn, |c| dossier_version::table
        .filter(dossier_version::dossier_no.eq(dossier))
        .select(max(dossier_version::number))
        .get_result(c))?;
    Ok(last.unwrap_or(0))
}

/// Returns a window of a dossier's versions, newest first, and their number.
pub(crate) fn window(conn: &mut Conn, dossier: i64, offset: i64, limit: i64) -> Result<(i64, Vec<DossierVersionRow>)> {
    let of_dossier = dossier_version::dossier_no.eq(dossier);
    let total = each_db!(conn, |c| dossier_version::table.filter(of_dossier).count().get_result::<i64>(c))?;
    let rows = each_db!(conn, |c| dossier_version::table
        .filter(of_dossier)
        .order(dossier_version::number.desc())
        .offset(offset)
        .limit(limit)
        .select(DossierVersionRow::as_select())
        .load(c))?;
    Ok((total, rows))
}

/// Returns the version of a dossier with this number.
pub(crate) fn by_number(conn: &mut Conn, dossier: i64, number: i32) -> Result<Option<DossierVersionRow>> {
    let row = each_db!(conn, |c| dossier_version::table
        .filter(dossier_version::dossier_no.eq(dossier).and(dossier_version::number.eq(number)))
        .select(DossierVersionRow::as_select())
        .get_result(c)
        .optional())?;
    Ok(row)
}

/// Returns the version of a dossier with this outward id.
pub(crate) fn by_id(conn: &mut Conn, id: &str) -> Result<Option<DossierVersionRow>> {
    let row = each_db!(conn, |c| dossier_version::table
        .filter(dossier_version::id.eq(id))
        .select(DossierVersionRow::as_select())
        .get_result(c)
        .optional())?;
    Ok(row)
}

/// Returns up to `limit` versions of dossiers with numbers in the table above `after`.
pub(crate) fn page(conn: &mut Conn, after: i64, limit: i64) -> Result<Vec<DossierVersionRow>> {
    let rows = each_db!(conn, |c| dossier_version::table
        .filter(dossier_version::no.gt(after))
        .order(dossier_version::no)
        .limit(limit)
        .select(DossierVersionRow::as_select())
        .load(c))?;
    Ok(rows)
}

/// Returns what a version of a dossier names, in order.
pub(crate) fn members(conn: &mut Conn, version: i64) -> Result<Vec<MemberRow>> {
    let rows = each_db!(conn, |c| dossier_version_member::table
        .filter(dossier_version_member::dossier_version_no.eq(version))
        .order(dossier_version_member::ordinal)
        .select(MemberRow::as_select())
        .load(c))?;
    Ok(rows)
}

/// Says whether a version of a dossier names this version of a document.
pub(crate) fn is_named(conn: &mut Conn, version: i64) -> Result<bool> {
    let named = each_db!(conn, |c| diesel::select(exists(
        dossier_version_member::table.filter(dossier_version_member::version_no.eq(version))
    ))
    .get_result::<bool>(c))?;
    Ok(named)
}

/// Returns up to `limit` children of a folder that are not in the trash, in the order of receipt.
pub(crate) fn children(conn: &mut Conn, folder: i64, limit: i64) -> Result<Vec<ChildRow>> {
    let rows = each_db!(conn, |c| filing::table
        .filter(filing::parent_no.eq(folder).and(not(filing::is_trashed)))
        .order((filing::ordinal, filing::child_no))
        .limit(limit)
        .select((filing::child_no, filing::name, filing::ordinal, filing::is_trashed))
        .load(c))?;
    Ok(rows)
}

/// Returns up to `limit` children of some folders that are not in the trash, in the order of receipt, each with its folder.
pub(crate) fn children_of_some(conn: &mut Conn, folders: &[i64], limit: i64) -> Result<Vec<(i64, ChildRow)>> {
    let rows = each_db!(conn, |c| filing::table
        .filter(among(filing::parent_no, folders.iter().copied()).and(not(filing::is_trashed)))
        .order((filing::ordinal, filing::child_no))
        .limit(limit)
        .select((filing::parent_no, (filing::child_no, filing::name, filing::ordinal, filing::is_trashed)))
        .load(c))?;
    Ok(rows)
}

/// Returns up to `limit` children of a folder, those in the trash too.
pub(crate) fn all_children(conn: &mut Conn, folder: i64, limit: i64) -> Result<Vec<ChildRow>> {
    let rows = each_db!(conn, |c| filing::table
        .filter(filing::parent_no.eq(folder))
        .limit(limit)
        .select((filing::child_no, filing::name, filing::ordinal, filing::is_trashed))
        .load(c))?;
    Ok(rows)
}

/// Returns a child of a folder, in the trash or not.
pub(crate) fn child(conn: &mut Conn, folder: i64, child: i64) -> Result<Option<ChildRow>> {
    let row = each_db!(conn, |c| filing::table
        .filter(filing::parent_no.eq(folder).and(filing::child_no.eq(child)))
        .select((filing::child_no, filing::name, filing::ordinal, filing::is_trashed))
        .get_result(c)
        .optional())?;
    Ok(row)
}

/// Gives a child of a folder another place in the order of receipt.
pub(crate) fn put_ordinal(conn: &mut Conn, folder: i64, child: i64, ordinal: i64) -> Result<()> {
    each_db!(conn, |c| update_rows(
        filing::table.filter(filing::parent_no.eq(folder).and(filing::child_no.eq(child)))
    )
    .set(filing::ordinal.eq(ordinal))
    .execute(c))?;
    Ok(())
}
