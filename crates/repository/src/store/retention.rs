//! Rows of what keeps versions: dates, events that are waited for, and legal holds.

use std::collections::{BTreeMap, BTreeSet};

use cartulary_db::{Conn, among, each_db, insert_numbered, update_rows};
use diesel::prelude::*;

use super::schema::{held_version, legal_hold, object, retention_event, version};
use crate::Result;

/// What keeps a version.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = version)]
pub(crate) struct KeptRow {
    pub object_no: i64,
    pub series_no: i64,
    pub retain_until: Option<i64>,
    pub legal_hold: bool,
    pub record_at: Option<i64>,
}

/// An event that a version waits for, with the period that begins with it.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = retention_event)]
pub(crate) struct AwaitedRow {
    pub object_no: i64,
    pub event: String,
    pub period: String,
}

/// A legal hold.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = legal_hold)]
pub(crate) struct HoldRow {
    pub no: i64,
    pub id: String,
    pub name: String,
    pub reason: String,
    pub created_at: i64,
    pub created_by: i64,
    pub released_at: Option<i64>,
    pub released_by: Option<i64>,
    pub release_reason: Option<String>,
}

/// A legal hold to insert.
#[derive(Clone, Debug, Insertable)]
#[diesel(table_name = legal_hold)]
pub(crate) struct NewHoldRow<'a> {
    pub id: &'a str,
    pub name: &'a str,
    pub reason: &'a str,
    pub created_at: i64,
    pub created_by: i64,
}

/// Returns what keeps the versions of some series, by the order of their making.
pub(crate) fn of_series(conn: &mut Conn, series: &[i64]) -> Result<Vec<KeptRow>> {
    let rows = load_among!(
        conn,
        series,
        version::series_no,
        version::table.order((version::series_no, version::made_at)).select(KeptRow::as_select())
    );
    Ok(rows)
}

/// Returns what keeps those of `objects` that are versions.
pub(crate) fn of_versions(conn: &mut Conn, objects: &[i64]) -> Result<Vec<KeptRow>> {
    Ok(load_among!(conn, objects, version::object_no, version::table.select(KeptRow::as_select())))
}

/// What keeps the versions of a series together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InShort {
    pub record_at: i64,
    pub retain_until: Option<i64>,
    pub is_held: bool,
    pub awaits_event: bool,
}

/// Returns in short what keeps the versions of a series, or one of them; nothing when nothing ever did.
pub(crate) fn in_short(conn: &mut Conn, series: i64, of_version: Option<i64>) -> Result<Option<InShort>> {
    use diesel::dsl::{exists, max, min};
    let least = of_version.unwrap_or(i64::MIN);
    let most = of_version.unwrap_or(i64::MAX);
    let are_meant = || {
        let of_series = version::series_no.eq(series).and(version::record_at.is_not_null());
        of_series.and(version::object_no.between(least, most))
    };
    let (record_at, retain_until): (Option<i64>, Option<i64>) = each_db!(conn, |c| version::table
        .filter(are_meant())
        .select((min(version::record_at), max(version::retain_until)))
        .get_result(c))?;
    let Some(record_at) = record_at else { return Ok(None) };
    let is_held = each_db!(conn, |c| diesel::select(exists(
        version::table.filter(are_meant().and(version::legal_hold.eq(true)))
    ))
    .get_result(c))?;
    let awaits_event = each_db!(conn, |c| diesel::select(exists(
        retention_event::table
            .inner_join(version::table.on(version::object_no.eq(retention_event::object_no)))
            .filter(are_meant())
    ))
    .get_result(c))?;
    Ok(Some(InShort { record_at, retain_until, is_held, awaits_event }))
}

/// Returns the events that versions wait for, ordered.
pub(crate) fn awaited(conn: &mut Conn, versions: &[i64]) -> Result<Vec<AwaitedRow>> {
    let rows = load_among!(
        conn,
        versions,
        retention_event::object_no,
        retention_event::table
            .order((retention_event::event, retention_event::object_no))
            .select(AwaitedRow::as_select())
    );
    Ok(rows)
}

/// Makes versions records from an instant on, if they are none yet.
pub(crate) fn put_records(conn: &mut Conn, versions: &[i64], at: i64) -> Result<()> {
    let are_none = || among(version::object_no, versions.iter().copied()).and(version::record_at.is_null());
    each_db!(conn, |c| update_rows(version::table.filter(are_none())).set(version::record_at.eq(at)).execute(c))?;
    Ok(())
}

/// Writes until when a version is kept.
pub(crate) fn put_until(conn: &mut Conn, version: i64, until: i64) -> Result<()> {
    each_db!(conn, |c| update_rows(version::table.filter(version::object_no.eq(version)))
        .set(version::retain_until.eq(until))
        .execute(c))?;
    Ok(())
}

/// Has a version wait for an event, with this period.
pub(crate) fn put_awaited(conn: &mut Conn, version: i64, event: &str, period: &str) -> Result<()> {
    delete_awaited(conn, version, event)?;
    each_db!(conn, |c| diesel::insert_into(retention_event::table)
        .values((
            retention_event::object_no.eq(version),
            retention_event::event.eq(event),
            retention_event::period.eq(period),
        ))
        .execute(c))?;
    Ok(())
}

/// Lets a version wait for an event no longer.
pub(crate) fn delete_awaited(conn: &mut Conn, version: i64, event: &str) -> Result<()> {
    each_db!(conn, |c| diesel::delete(
        retention_event::table.filter(retention_event::object_no.eq(version).and(retention_event::event.eq(event)))
    )
    .execute(c))?;
    Ok(())
}

/// Inserts a hold and returns its number.
pub(crate) fn insert_hold(conn: &mut Conn, row: &NewHoldRow<'_>) -> Result<i64> {
    Ok(insert_numbered!(conn, diesel::insert_into(legal_hold::table).values(row), legal_hold::no)?)
}

/// Returns the hold with this outward id, locked against others who use it on PostgreSQL (the writer is alone on SQLite).
pub(crate) fn hold_locked(conn: &mut Conn, id: &str) -> Result<Option<HoldRow>> {
    let row = cartulary_db::per_db!(conn,
        sqlite(c) => legal_hold::table
            .filter(legal_hold::id.eq(id)).select(HoldRow::as_select()).get_result(c).optional()?,
        postgres(c) => legal_hold::table
            .filter(legal_hold::id.eq(id)).select(HoldRow::as_select()).for_update().get_result(c).optional()?,
    );
    Ok(row)
}

/// Returns the hold with this outward id.
pub(crate) fn hold_by_id(conn: &mut Conn, id: &str) -> Result<Option<HoldRow>> {
    let row = each_db!(conn, |c| legal_hold::table
        .filter(legal_hold::id.eq(id))
        .select(HoldRow::as_select())
        .get_result(c)
        .optional())?;
    Ok(row)
}

/// Returns a window of the holds, the newest first, and their number.
pub(crate) fn holds(conn: &mut Conn, offset: i64, limit: i64) -> Result<(i64, Vec<HoldRow>)> {
    let total = each_db!(conn, |c| legal_hold::table.count().get_result::<i64>(c))?;
    let rows = each_db!(conn, |c| legal_hold::table
        .order(legal_hold::no.desc())
        .offset(offset)
        .limit(limit)
        .select(HoldRow::as_select())
        .load(c))?;
    Ok((total, rows))
}

/// Returns the holds that some versions are under, ordered by name; each once.
pub(crate) fn holds_of(conn: &mut Conn, versions: &[i64]) -> Result<Vec<HoldRow>> {
    let nos: Vec<i64> = load_among!(
        conn,
        versions,
        held_version::object_no,
        held_version::table.select(held_version::hold_no).distinct()
    );
    let rows: Vec<HoldRow> =
        load_among!(conn, nos.as_slice(), legal_hold::no, legal_hold::table.select(HoldRow::as_select()));
    let by_name: BTreeMap<(String, i64), HoldRow> =
        rows.into_iter().map(|row| ((row.name.clone(), row.no), row)).collect();
    Ok(by_name.into_values().collect())
}

/// Puts a version under a hold, unless it is; says whether it was not.
pub(crate) fn insert_held(conn: &mut Conn, hold: i64, version: i64, at: i64, by: i64) -> Result<bool> {
    let count = each_db!(conn, |c| diesel::insert_into(held_version::table)
        .values((
            held_version::hold_no.eq(hold),
            held_version::object_no.eq(version),
            held_version::held_at.eq(at),
            held_version::held_by.eq(by),
        ))
        .on_conflict_do_nothing()
        .execute(c))?;
    put_held(conn, version)?;
    Ok(count > 0)
}

/// Releases a version from a hold; says whether it was under it.
pub(crate) fn delete_held(conn: &mut Conn, hold: i64, version: i64) -> Result<bool> {
    let count = each_db!(conn, |c| diesel::delete(
        held_version::table.filter(held_version::hold_no.eq(hold).and(held_version::object_no.eq(version)))
    )
    .execute(c))?;
    put_held(conn, version)?;
    Ok(count > 0)
}

/// Writes whether a version is under any hold.
fn put_held(conn: &mut Conn, object: i64) -> Result<()> {
    let holds: i64 =
        each_db!(conn, |c| held_version::table.filter(held_version::object_no.eq(object)).count().get_result(c))?;
    each_db!(conn, |c| update_rows(version::table.filter(version::object_no.eq(object)))
        .set(version::legal_hold.eq(holds > 0))
        .execute(c))?;
    Ok(())
}

/// A version under a hold: its number, its series and its scope.
pub(crate) type HeldRow = (i64, i64, i64);

/// Returns the scopes of all versions under a hold, each once.
pub(crate) fn scopes_held(conn: &mut Conn, hold: i64) -> Result<BTreeSet<i64>> {
    let scopes: Vec<i64> = each_db!(conn, |c| held_version::table
        .inner_join(object::table.on(object::no.eq(held_version::object_no)))
        .filter(held_version::hold_no.eq(hold))
        .select(object::scope_no)
        .distinct()
        .load(c))?;
    Ok(scopes.into_iter().collect())
}

/// Returns how many versions under a hold have one of some scopes, and the numbers of a window of them, in the order of their
/// making.
pub(crate) fn held_window(
    conn: &mut Conn,
    hold: i64,
    scopes: &BTreeSet<i64>,
    (offset, limit): (i64, i64),
) -> Result<(i64, Vec<i64>)> {
    let total = each_db!(conn, |c| held_version::table
        .inner_join(object::table.on(object::no.eq(held_version::object_no)))
        .filter(held_version::hold_no.eq(hold).and(among(object::scope_no, scopes.iter().copied())))
        .count()
        .get_result::<i64>(c))?;
    let nos = each_db!(conn, |c| held_version::table
        .inner_join(object::table.on(object::no.eq(held_version::object_no)))
        .filter(held_version::hold_no.eq(hold).and(among(object::scope_no, scopes.iter().copied())))
        .order(held_version::object_no)
        .offset(offset)
        .limit(limit)
        .select(held_version::object_no)
        .load::<i64>(c))?;
    Ok((total, nos))
}

/// Returns up to `limit` versions under a hold, in the order of their making.
pub(crate) fn held(conn: &mut Conn, hold: i64, limit: i64) -> Result<Vec<HeldRow>> {
    let rows: Vec<HeldRow> = each_db!(conn, |c| held_version::table
        .inner_join(version::table.on(version::object_no.eq(held_version::object_no)))
        .inner_join(object::table.on(object::no.eq(held_version::object_no)))
        .filter(held_version::hold_no.eq(hold))
        .order(held_version::object_no)
        .limit(limit)
        .select((held_version::object_no, version::series_no, object::scope_no))
        .load(c))?;
    Ok(rows)
}

/// Says that a hold is over.
pub(crate) fn put_released(conn: &mut Conn, hold: i64, at: i64, by: i64, reason: &str) -> Result<()> {
    each_db!(conn, |c| update_rows(legal_hold::table.filter(legal_hold::no.eq(hold)))
        .set((legal_hold::released_at.eq(at), legal_hold::released_by.eq(by), legal_hold::release_reason.eq(reason),))
        .execute(c))?;
    Ok(())
}

/// Returns up to `limit` versions of which the row says another thing about holds than the holds do.
pub(crate) fn wrongly_held(conn: &mut Conn, limit: i64) -> Result<Vec<i64>> {
    let is_held = diesel::dsl::exists(held_version::table.filter(held_version::object_no.eq(version::object_no)));
    let rows = each_db!(conn, |c| version::table
        .filter(version::legal_hold.ne(is_held))
        .limit(limit)
        .select(version::object_no)
        .load(c))?;
    Ok(rows)
}
