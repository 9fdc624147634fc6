//! Rows of version series and immutable versions.

use std::collections::{BTreeMap, BTreeSet};

use cartulary_db::{Conn, among, each_db, insert_numbered, update_rows};
use diesel::prelude::*;

use super::objects::ObjectRow;
use super::schema::{object, object_facet, property_value, retention_event, version, version_series};
use crate::Result;

/// A version series.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = version_series)]
pub(crate) struct SeriesRow {
    pub checked_out_by: Option<i64>,
    pub latest_major: i32,
    pub latest_minor: i32,
    pub destroyed_major: i32,
    pub destroyed_minor: i32,
    pub clock: i64,
}

/// A version.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = version)]
pub(crate) struct VersionRow {
    pub object_no: i64,
    pub major: i32,
    pub minor: i32,
    pub comment: String,
    pub made_at: i64,
    pub made_by: i64,
}

#[derive(Insertable)]
#[diesel(table_name = version_series, treat_none_as_default_value = false)]
struct NewSeriesRow<'a> {
    id: &'a str,
    scope_no: i64,
    latest_major: i32,
    clock: i64,
}

/// Inserts a series whose latest version will be `major.0`, without one 0, and returns its number.
pub(crate) fn insert_series(conn: &mut Conn, id: &str, scope: i64, major: i32, clock: i64) -> Result<i64> {
    let row = NewSeriesRow { id, scope_no: scope, latest_major: major, clock };
    Ok(insert_numbered!(conn, diesel::insert_into(version_series::table).values(&row), version_series::no)?)
}

/// Returns a series.
pub(crate) fn series(conn: &mut Conn, no: i64) -> Result<Option<SeriesRow>> {
    let row = each_db!(conn, |c| version_series::table
        .filter(version_series::no.eq(no))
        .select(SeriesRow::as_select())
        .get_result(c)
        .optional())?;
    Ok(row)
}

/// A series in a walk through all: its number, its latest major number and who has it checked out.
pub(crate) type SeriesState = (i64, i32, Option<i64>);

/// Returns up to `limit` series with numbers above `after`.
pub(crate) fn series_page(conn: &mut Conn, after: i64, limit: i64) -> Result<Vec<SeriesState>> {
    let rows = each_db!(conn, |c| version_series::table
        .filter(version_series::no.gt(after))
        .order(version_series::no)
        .limit(limit)
        .select((version_series::no, version_series::latest_major, version_series::checked_out_by))
        .load(c))?;
    Ok(rows)
}

/// Returns up to `limit` series that a user has checked out.
pub(crate) fn checked_out_of(conn: &mut Conn, principal: i64, after: i64, limit: i64) -> Result<Vec<i64>> {
    let rows = each_db!(conn, |c| version_series::table
        .filter(version_series::checked_out_by.eq(principal).and(version_series::no.gt(after)))
        .order(version_series::no)
        .limit(limit)
        .select(version_series::no)
        .load(c))?;
    Ok(rows)
}

/// Returns a series, locked against others on PostgreSQL (the writer is alone on SQLite).
pub(crate) fn series_locked(conn: &mut Conn, no: i64) -> Result<Option<SeriesRow>> {
    let row = cartulary_db::per_db!(conn,
        sqlite(c) => version_series::table
            .filter(version_series::no.eq(no)).select(SeriesRow::as_select()).get_result(c).optional()?,
        postgres(c) => version_series::table
            .filter(version_series::no.eq(no)).select(SeriesRow::as_select()).for_update().get_result(c).optional()?,
    );
    Ok(row)
}

/// Writes the latest number of a series and its clock.
pub(crate) fn put_latest(conn: &mut Conn, no: i64, major: i32, minor: i32, clock: i64) -> Result<()> {
    each_db!(conn, |c| update_rows(version_series::table.filter(version_series::no.eq(no)))
        .set((
            version_series::latest_major.eq(major),
            version_series::latest_minor.eq(minor),
            version_series::clock.eq(clock),
        ))
        .execute(c))?;
    Ok(())
}

/// Writes which version is the latest once a newer one is destroyed, and the greatest major and the greatest minor number of
/// those that were, which nobody gets again.
pub(crate) fn fall_back(conn: &mut Conn, no: i64, latest: (i32, i32), destroyed: (i32, i32)) -> Result<()> {
    each_db!(conn, |c| update_rows(version_series::table.filter(version_series::no.eq(no)))
        .set((
            version_series::latest_major.eq(latest.0),
            version_series::latest_minor.eq(latest.1),
            version_series::destroyed_major.eq(destroyed.0),
            version_series::destroyed_minor.eq(destroyed.1),
        ))
        .execute(c))?;
    Ok(())
}

/// Writes the clock of a series.
pub(crate) fn put_clock(conn: &mut Conn, no: i64, clock: i64) -> Result<()> {
    each_db!(conn, |c| update_rows(version_series::table.filter(version_series::no.eq(no)))
        .set(version_series::clock.eq(clock))
        .execute(c))?;
    Ok(())
}

/// Writes who has checked a series out; nobody ends it.
pub(crate) fn put_checked_out(conn: &mut Conn, no: i64, by: Option<i64>) -> Result<()> {
    each_db!(conn, |c| update_rows(version_series::table.filter(version_series::no.eq(no)))
        .set(version_series::checked_out_by.eq(by))
        .execute(c))?;
    Ok(())
}

#[derive(Insertable)]
#[diesel(table_name = version, treat_none_as_default_value = false)]
struct NewVersionRow<'a> {
    object_no: i64,
    series_no: i64,
    major: i32,
    minor: i32,
    comment: &'a str,
    made_at: i64,
    made_by: i64,
}

/// Inserts a version of a series; the object row is there already.
pub(crate) fn insert(conn: &mut Conn, series: i64, row: &VersionRow) -> Result<()> {
    let row = NewVersionRow {
        object_no: row.object_no,
        series_no: series,
        major: row.major,
        minor: row.minor,
        comment: &row.comment,
        made_at: row.made_at,
        made_by: row.made_by,
    };
    each_db!(conn, |c| diesel::insert_into(version::table).values(&row).execute(c))?;
    Ok(())
}

/// Returns a window of a series' versions with their outward ids, newest first, and their number.
pub(crate) fn window(
    conn: &mut Conn,
    series: i64,
    offset: i64,
    limit: i64,
) -> Result<(i64, Vec<(VersionRow, String)>)> {
    let total = each_db!(conn, |c| version::table.filter(version::series_no.eq(series)).count().get_result::<i64>(c))?;
    let rows = each_db!(conn, |c| version::table
        .inner_join(object::table)
        .filter(version::series_no.eq(series))
        .order((version::major.desc(), version::minor.desc()))
        .offset(offset)
        .limit(limit)
        .select((VersionRow::as_select(), object::id))
        .load(c))?;
    Ok((total, rows))
}

/// Returns the version that an object is.
pub(crate) fn by_object(conn: &mut Conn, object_no: i64) -> Result<Option<VersionRow>> {
    let row = each_db!(conn, |c| version::table
        .filter(version::object_no.eq(object_no))
        .select(VersionRow::as_select())
        .get_result(c)
        .optional())?;
    Ok(row)
}

/// Which version of a series is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// The newest.
    Latest,
    /// The newest whose minor number is 0.
    LatestMajor,
    /// The one with these numbers.
    Numbered(i32, i32),
}

/// Returns a version of a series, with its object.
pub(crate) fn of_series(conn: &mut Conn, series: i64, which: Which) -> Result<Option<(VersionRow, ObjectRow)>> {
    let (major, minor) = match which {
        Which::Numbered(major, minor) => (Some(major), Some(minor)),
        Which::LatestMajor => (None, Some(0)),
        Which::Latest => (None, None),
    };
    let row = each_db!(conn, |c| {
        let mut query = version::table
            .inner_join(object::table)
            .filter(version::series_no.eq(series))
            .order((version::major.desc(), version::minor.desc()))
            .limit(1)
            .select((VersionRow::as_select(), ObjectRow::as_select()))
            .into_boxed();
        if let Some(major) = major {
            query = query.filter(version::major.eq(major));
        }
        if let Some(minor) = minor {
            query = query.filter(version::minor.eq(minor));
        }
        query.get_result(c).optional()
    })?;
    Ok(row)
}

/// Returns the newest version that a series had at an instant, with its object.
pub(crate) fn at_instant(conn: &mut Conn, series: i64, at: i64) -> Result<Option<(VersionRow, ObjectRow)>> {
    let row = each_db!(conn, |c| version::table
        .inner_join(object::table)
        .filter(version::series_no.eq(series).and(version::made_at.le(at)))
        .order(version::made_at.desc())
        .limit(1)
        .select((VersionRow::as_select(), ObjectRow::as_select()))
        .get_result(c)
        .optional())?;
    Ok(row)
}

/// Returns those of `objects` that are versions, by object number.
pub(crate) fn by_objects(conn: &mut Conn, objects: &[i64]) -> Result<BTreeMap<i64, VersionRow>> {
    let rows: Vec<VersionRow> =
        load_among!(conn, objects, version::object_no, version::table.select(VersionRow::as_select()));
    Ok(rows.into_iter().map(|row| (row.object_no, row)).collect())
}

/// Removes the rows of an object that is a version or a working copy, and of what hangs on it.
pub(crate) fn destroy(conn: &mut Conn, object_no: i64) -> Result<()> {
    super::blobs::clear_contents(conn, object_no)?;
    each_db!(conn, |c| diesel::delete(object_facet::table.filter(object_facet::object_no.eq(object_no))).execute(c))?;
    each_db!(conn, |c| diesel::delete(property_value::table.filter(property_value::object_no.eq(object_no)))
        .execute(c))?;
    each_db!(conn, |c| diesel::delete(retention_event::table.filter(retention_event::object_no.eq(object_no)))
        .execute(c))?;
    each_db!(conn, |c| diesel::delete(version::table.filter(version::object_no.eq(object_no))).execute(c))?;
    each_db!(conn, |c| diesel::delete(object::table.filter(object::no.eq(object_no))).execute(c))?;
    Ok(())
}

/// Returns the objects that are versions of some series, by series number.
pub(crate) fn numbers_of(conn: &mut Conn, series: &[i64]) -> Result<BTreeMap<i64, BTreeSet<i64>>> {
    let rows: Vec<(i64, i64)> =
        load_among!(conn, series, version::series_no, version::table.select((version::series_no, version::object_no)));
    let mut numbers: BTreeMap<i64, BTreeSet<i64>> = BTreeMap::new();
    for (series_no, no) in rows {
        numbers.entry(series_no).or_default().insert(no);
    }
    Ok(numbers)
}

/// Says whether one of these series is checked out.
pub(crate) fn is_any_checked_out(conn: &mut Conn, series: &[i64]) -> Result<bool> {
    let found: Option<i64> = each_db!(conn, |c| version_series::table
        .filter(among(version_series::no, series.iter().copied()).and(version_series::checked_out_by.is_not_null()))
        .select(version_series::no)
        .limit(1)
        .get_result(c)
        .optional())?;
    Ok(found.is_some())
}

/// The latest version of a series.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Latest {
    pub object_no: i64,
    pub major: i32,
    pub minor: i32,
    pub made_at: i64,
}

/// Returns the latest version of each series that has one, by series number.
pub(crate) fn latest(conn: &mut Conn, series: &[i64]) -> Result<BTreeMap<i64, Latest>> {
    let rows: Vec<(i64, i64, i32, i32, i64)> = load_among!(
        conn,
        series,
        version_series::no,
        version_series::table
            .inner_join(
                version::table.on(version::series_no
                    .eq(version_series::no)
                    .and(version::major.eq(version_series::latest_major))
                    .and(version::minor.eq(version_series::latest_minor)))
            )
            .select((version_series::no, version::object_no, version::major, version::minor, version::made_at))
    );
    let latest = |(no, object_no, major, minor, made_at)| (no, Latest { object_no, major, minor, made_at });
    Ok(rows.into_iter().map(latest).collect())
}
