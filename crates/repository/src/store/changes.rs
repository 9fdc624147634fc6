//! Rows of the change log.

use std::collections::BTreeSet;

use cartulary_db::{Conn, among, each_db, per_db, update_rows};
use diesel::dsl::{max, min, sql};
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};

use super::schema::change;
use crate::Result;

/// A row to insert, not numbered yet.
#[derive(Insertable)]
#[diesel(table_name = change, treat_none_as_default_value = false)]
pub(crate) struct NewChangeRow<'a> {
    pub transaction_id: &'a str,
    pub at: i64,
    pub kind: &'a str,
    pub audit_only: bool,
    pub object_no: Option<i64>,
    pub object_id: Option<String>,
    pub series_no: Option<i64>,
    pub scope_no: Option<i64>,
    pub principal_no: i64,
    pub before_json: Option<String>,
    pub after_json: Option<String>,
    pub detail: String,
    pub values_digest: Vec<u8>,
}

/// A numbered row.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = change)]
pub(crate) struct ChangeRow {
    pub position: Option<i64>,
    pub transaction_id: String,
    pub at: i64,
    pub kind: String,
    pub audit_only: bool,
    pub object_no: Option<i64>,
    pub object_id: Option<String>,
    pub scope_no: Option<i64>,
    pub principal_no: i64,
    pub before_json: Option<String>,
    pub after_json: Option<String>,
    pub detail: String,
    pub values_digest: Vec<u8>,
    pub chain: Option<Vec<u8>>,
}

/// Inserts one row, to be numbered by the sequencer.
pub(crate) fn insert(conn: &mut Conn, row: &NewChangeRow<'_>) -> Result<()> {
    each_db!(conn, |c| diesel::insert_into(change::table).values(row).execute(c))?;
    Ok(())
}

/// Puts another scope into all that the log says of objects. The chain does not bind scopes: they say who may read an entry.
pub(crate) fn put_scope(conn: &mut Conn, objects: &[i64], scope: i64) -> Result<()> {
    each_db!(conn, |c| update_rows(change::table.filter(among(change::object_no, objects.iter().copied())))
        .set(change::scope_no.eq(scope))
        .execute(c))?;
    Ok(())
}

/// Returns up to `limit` rows that have no position, in the order of insertion: their numbers and digests.
pub(crate) fn unnumbered(conn: &mut Conn, limit: i64) -> Result<Vec<(i64, Vec<u8>)>> {
    // The order by position says to SQLite that its index of positions has them in order.
    let rows = each_db!(conn, |c| change::table
        .filter(change::position.is_null())
        .order((change::position, change::no))
        .limit(limit)
        .select((change::no, change::values_digest))
        .load(c))?;
    Ok(rows)
}

/// Gives a row its position and chain hash.
pub(crate) fn number(conn: &mut Conn, no: i64, position: i64, chain: &[u8]) -> Result<()> {
    each_db!(conn, |c| update_rows(change::table.filter(change::no.eq(no)))
        .set((change::position.eq(position), change::chain.eq(chain)))
        .execute(c))?;
    Ok(())
}

/// Returns the last position and its chain hash; `None` on an empty log.
pub(crate) fn last(conn: &mut Conn) -> Result<Option<(i64, Vec<u8>)>> {
    let position = last_position(conn)?;
    let chain: Option<Option<Vec<u8>>> = each_db!(conn, |c| change::table
        .filter(change::position.eq(position))
        .select(change::chain)
        .get_result(c)
        .optional())?;
    Ok(chain.flatten().map(|chain| (position, chain)))
}

/// Returns the transaction of the newest row that was committed, or is being committed by this connection.
pub(crate) fn last_transaction(conn: &mut Conn) -> Result<Option<String>> {
    let id = each_db!(conn, |c| change::table
        .order(change::no.desc())
        .select(change::transaction_id)
        .limit(1)
        .get_result(c)
        .optional())?;
    Ok(id)
}

/// Returns the last position, 0 on an empty log.
pub(crate) fn last_position(conn: &mut Conn) -> Result<i64> {
    let position: Option<i64> = each_db!(conn, |c| change::table.select(max(change::position)).get_result(c))?;
    Ok(position.unwrap_or(0))
}

/// Returns up to `limit` rows after `position`, in order.
pub(crate) fn after(conn: &mut Conn, position: i64, limit: i64) -> Result<Vec<ChangeRow>> {
    let rows = each_db!(conn, |c| change::table
        .filter(change::position.gt(position))
        .order(change::position)
        .limit(limit)
        .select(ChangeRow::as_select())
        .load(c))?;
    Ok(rows)
}

/// What of a row is told to whoever follows the log.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = change)]
pub(crate) struct ToldRow {
    pub position: Option<i64>,
    pub at: i64,
    pub kind: String,
    pub audit_only: bool,
    pub object_id: Option<String>,
    pub scope_no: Option<i64>,
    pub principal_no: i64,
}

/// Returns what is told of up to `limit` rows after `position`, in order: the values before and after, which may be large,
/// are not read.
pub(crate) fn told_after(conn: &mut Conn, position: i64, limit: i64) -> Result<Vec<ToldRow>> {
    let rows = each_db!(conn, |c| change::table
        .filter(change::position.gt(position))
        .order(change::position)
        .limit(limit)
        .select(ToldRow::as_select())
        .load(c))?;
    Ok(rows)
}

/// Returns the greatest position of a transaction's rows, and whether one of them is not numbered yet;
/// `None` when the transaction wrote nothing that is known.
pub(crate) fn of_transaction(conn: &mut Conn, transaction: &str) -> Result<Option<(i64, bool)>> {
    let positions: Vec<Option<i64>> = each_db!(conn, |c| change::table
        .filter(change::transaction_id.eq(transaction))
        .select(change::position)
        .load(c))?;
    if positions.is_empty() {
        return Ok(None);
    }
    let is_pending = positions.iter().any(Option::is_none);
    Ok(Some((positions.into_iter().flatten().max().unwrap_or(0), is_pending)))
}

/// Returns the objects whose access or presence changed after a position, or in what has none yet.
pub(crate) fn rescoped_after(conn: &mut Conn, position: i64) -> Result<Vec<i64>> {
    const KINDS: [&str; 5] = ["security", "moved", "trashed", "restored", "destroyed"];
    // Two queries: of an `OR` SQLite reads the whole log.
    let numbered: Vec<Option<i64>> = each_db!(conn, |c| change::table
        .filter(change::position.gt(position).and(change::kind.eq_any(KINDS)))
        .select(change::object_no)
        .load(c))?;
    let pending: Vec<Option<i64>> = each_db!(conn, |c| change::table
        .filter(change::position.is_null().and(change::kind.eq_any(KINDS)))
        .select(change::object_no)
        .load(c))?;
    let nos: BTreeSet<i64> = numbered.into_iter().chain(pending).flatten().collect();
    Ok(nos.into_iter().collect())
}

/// Says whether a row waits for its position.
pub(crate) fn has_unnumbered(conn: &mut Conn) -> Result<bool> {
    let some =
        each_db!(conn, |c| diesel::select(diesel::dsl::exists(change::table.filter(change::position.is_null())))
            .get_result::<bool>(c))?;
    Ok(some)
}

/// Returns the objects of rows that have no position yet.
pub(crate) fn unnumbered_objects(conn: &mut Conn) -> Result<Vec<i64>> {
    let nos: Vec<Option<i64>> = each_db!(conn, |c| change::table
        .filter(change::position.is_null().and(change::audit_only.eq(false)))
        .select(change::object_no)
        .load(c))?;
    Ok(nos.into_iter().flatten().collect())
}

/// What taking a change back needs of it.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = change)]
pub(crate) struct PastRow {
    pub no: i64,
    pub at: i64,
    pub kind: String,
    pub object_no: Option<i64>,
    pub before_json: Option<String>,
    pub detail: String,
}

/// Returns the changes of objects from the first one after an instant on, newest first.
pub(crate) fn of_objects_since(conn: &mut Conn, objects: &[i64], at: i64) -> Result<Vec<PastRow>> {
    let of_objects = among(change::object_no, objects.iter().copied());
    let first: Option<i64> = each_db!(conn, |c| change::table
        .filter(of_objects.clone().and(change::at.gt(at)))
        .select(min(change::no))
        .get_result(c))?;
    let Some(first) = first else { return Ok(Vec::new()) };
    let rows = each_db!(conn, |c| change::table
        .filter(of_objects.clone().and(change::no.ge(first)).and(change::audit_only.eq(false)))
        .order(change::no.desc())
        .select(PastRow::as_select())
        .load(c))?;
    Ok(rows)
}

/// Who made an entry of an object, when, and what it says.
pub(crate) type EntryRow = (i64, i64, String, Option<String>);

/// Returns up to `limit` entries of the making and changing of an object before a change, newest first, each with its
/// instant, who made it, its kind and the values after. Its id is asked for too: a number may have been another's.
pub(crate) fn before(conn: &mut Conn, object_no: i64, id: &str, no: i64, limit: i64) -> Result<Vec<EntryRow>> {
    const KINDS: [&str; 3] = ["created", "updated", "versioned"];
    let rows = each_db!(conn, |c| change::table
        .filter(
            change::object_no
                .eq(object_no)
                .and(change::object_id.eq(id))
                .and(change::no.lt(no))
                .and(change::kind.eq_any(KINDS))
        )
        .order(change::no.desc())
        .limit(limit)
        .select((change::at, change::principal_no, change::kind, change::after_json))
        .load(c))?;
    Ok(rows)
}

/// Returns up to `limit` objects that were moved away from, or taken out of, a folder after an instant. The expressions are
/// those of the index `change_left`.
pub(crate) fn left_since(conn: &mut Conn, folder: &str, at: i64, limit: i64) -> Result<Vec<i64>> {
    let nos: Vec<Option<i64>> = per_db!(conn,
        sqlite(c) => change::table
            .filter(sql::<Bool>("kind = 'moved' AND coalesce(json_extract(detail, '$.from'), json_extract(detail, '$.takenFrom')) = ")
                .bind::<Text, _>(folder))
            .filter(change::at.gt(at))
            .select(change::object_no)
            .limit(limit)
            .load(c)?,
        postgres(c) => change::table
            .filter(sql::<Bool>("kind = 'moved' AND coalesce(detail::json ->> 'from', detail::json ->> 'takenFrom') = ")
                .bind::<Text, _>(folder))
            .filter(change::at.gt(at))
            .select(change::object_no)
            .limit(limit)
            .load(c)?,
    );
    Ok(nos.into_iter().flatten().collect())
}

/// Returns what the entries of versions of an object say, made here or brought in, each with its position, newest first.
pub(crate) fn details_of(conn: &mut Conn, object_no: i64, id: &str) -> Result<Vec<(Option<i64>, String)>> {
    const KINDS: [&str; 2] = ["versioned", "imported"];
    let rows = each_db!(conn, |c| change::table
        .filter(change::object_no.eq(object_no).and(change::object_id.eq(id)).and(change::kind.eq_any(KINDS)))
        .order(change::no.desc())
        .select((change::position, change::detail))
        .load(c))?;
    Ok(rows)
}
