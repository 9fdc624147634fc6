//! Rows of the room that users take, and may take.

use std::collections::BTreeMap;

use cartulary_db::{Conn, among, each_db, per_db, upsert};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable};

use super::principals::{PrincipalRow, USER};
use super::schema::{blob, content, object, principal, quota, series_blob, space, space_change};
use crate::Result;

#[cfg(feature = "postgres")]
diesel::define_sql_function! {
    /// The number of the transaction that is under way, on PostgreSQL.
    fn txid_current() -> BigInt;
}

/// What a user takes, or what one transaction takes or gives back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    pub size_bytes: i64,
    pub object_count: i64,
}

/// What a user may take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = quota, treat_none_as_null = true, treat_none_as_default_value = false)]
pub(crate) struct QuotaRow {
    pub principal_no: i64,
    pub bytes_max: Option<i64>,
    pub objects_max: Option<i64>,
}

/// Takes out what this transaction has taken and given back since it was last asked, by user.
pub(crate) fn take_changes(conn: &mut Conn) -> Result<BTreeMap<i64, Taken>> {
    let columns = (space_change::principal_no, space_change::size_bytes, space_change::object_count);
    // On SQLite the writer is alone: whatever is here is of this transaction.
    let rows: Vec<(i64, i64, i64)> = per_db!(conn,
        sqlite(c) => {
            let rows = space_change::table.select(columns).load(c)?;
            if !rows.is_empty() {
                diesel::delete(space_change::table).execute(c)?;
            }
            rows
        },
        postgres(c) => diesel::delete(space_change::table.filter(space_change::transaction_no.eq(txid_current())))
            .returning(columns)
            .get_results(c)?,
    );
    let mut changes: BTreeMap<i64, Taken> = BTreeMap::new();
    for (principal, size_bytes, object_count) in rows {
        let sum = changes.entry(principal).or_default();
        sum.size_bytes += size_bytes;
        sum.object_count += object_count;
    }
    Ok(changes)
}

/// Adds to what a user takes, and returns what it is then. On PostgreSQL nobody else counts for that user until the
/// transaction ends.
pub(crate) fn add(conn: &mut Conn, principal: i64, more: Taken) -> Result<Taken> {
    let values = || {
        (
            space::principal_no.eq(principal),
            space::size_bytes.eq(more.size_bytes),
            space::object_count.eq(more.object_count),
        )
    };
    let sum = || {
        (
            space::size_bytes.eq(space::size_bytes + more.size_bytes),
            space::object_count.eq(space::object_count + more.object_count),
        )
    };
    let (size_bytes, object_count) = each_db!(conn, |c| diesel::insert_into(space::table)
        .values(values())
        .on_conflict(space::principal_no)
        .do_update()
        .set(sum())
        .returning((space::size_bytes, space::object_count))
        .get_result(c))?;
    Ok(Taken { size_bytes, object_count })
}

/// Returns what a user takes.
pub(crate) fn taken(conn: &mut Conn, principal: i64) -> Result<Taken> {
    let row: Option<(i64, i64)> = each_db!(conn, |c| space::table
        .filter(space::principal_no.eq(principal))
        .select((space::size_bytes, space::object_count))
        .get_result(c)
        .optional())?;
    let (size_bytes, object_count) = row.unwrap_or_default();
    Ok(Taken { size_bytes, object_count })
}

/// Returns what a user may take; nothing: whatever there is.
pub(crate) fn quota(conn: &mut Conn, principal: i64) -> Result<Option<QuotaRow>> {
    let row = each_db!(conn, |c| quota::table
        .filter(quota::principal_no.eq(principal))
        .select(QuotaRow::as_select())
        .get_result(c)
        .optional())?;
    Ok(row)
}

/// Writes what a user may take.
pub(crate) fn put_quota(conn: &mut Conn, row: &QuotaRow) -> Result<()> {
    let insert = diesel::insert_into(quota::table).values(row);
    each_db!(conn, |c| upsert(insert, &["principal_no"], row).execute(c))?;
    Ok(())
}

/// A user with what he takes and may take.
pub(crate) type UsageRow = (PrincipalRow, Option<i64>, Option<i64>, Option<QuotaRow>);

/// Returns a window of the users, who takes most first, and their number.
pub(crate) fn window(conn: &mut Conn, offset: i64, limit: i64) -> Result<(i64, Vec<UsageRow>)> {
    let are_users = || principal::kind.eq(USER);
    let total = each_db!(conn, |c| principal::table.filter(are_users()).count().get_result(c))?;
    let rows = each_db!(conn, |c| principal::table
        .left_join(space::table.on(space::principal_no.eq(principal::no)))
        .left_join(quota::table.on(quota::principal_no.eq(principal::no)))
        .filter(are_users())
        .order((sql::<BigInt>("COALESCE(space.size_bytes, 0) DESC"), principal::name_key, principal::no))
        .offset(offset)
        .limit(limit)
        .select((
            PrincipalRow::as_select(),
            space::size_bytes.nullable(),
            space::object_count.nullable(),
            Option::<QuotaRow>::as_select(),
        ))
        .load(c))?;
    Ok((total, rows))
}

/// Returns what a user takes by the objects and the bytes that are there.
pub(crate) fn counted(conn: &mut Conn, principal: i64) -> Result<Taken> {
    let size_bytes: Option<i64> = each_db!(conn, |c| series_blob::table
        .filter(series_blob::principal_no.eq(principal))
        .select(sql::<Nullable<BigInt>>("CAST(SUM(size_bytes) AS BIGINT)"))
        .get_result(c))?;
    let object_count = each_db!(conn, |c| object::table
        .filter(object::created_by.eq(principal).and(object::role.eq(super::objects::LIVE)))
        .count()
        .get_result(c))?;
    Ok(Taken { size_bytes: size_bytes.unwrap_or_default(), object_count })
}

/// Writes what a user takes.
pub(crate) fn put_taken(conn: &mut Conn, principal: i64, taken: Taken) -> Result<()> {
    let before = self::taken(conn, principal)?;
    let more = Taken {
        size_bytes: taken.size_bytes - before.size_bytes,
        object_count: taken.object_count - before.object_count,
    };
    add(conn, principal, more).map(drop)
}

/// A document's bytes as they are counted: the series, the blob, and how many contents have it.
type CountedRow = (i64, i64, i64);

/// Returns some series of which the bytes are not counted as they are, of those from `after` on, and the last that was
/// looked at; nothing when there are no more.
pub(crate) fn miscounted(conn: &mut Conn, after: i64, limit: i64) -> Result<Option<(i64, Vec<i64>)>> {
    use super::schema::version_series;
    let series: Vec<i64> = each_db!(conn, |c| version_series::table
        .filter(version_series::no.gt(after))
        .order(version_series::no)
        .limit(limit)
        .select(version_series::no)
        .load(c))?;
    let Some(last) = series.last().copied() else { return Ok(None) };
    let counted: Vec<CountedRow> = each_db!(conn, |c| series_blob::table
        .filter(among(series_blob::series_no, series.iter().copied()))
        .select((series_blob::series_no, series_blob::blob_no, series_blob::uses))
        .load(c))?;
    let held: Vec<(Option<i64>, i64)> = each_db!(conn, |c| content::table
        .inner_join(object::table.on(object::no.eq(content::object_no)))
        .filter(among(object::series_no.assume_not_null(), series.iter().copied()))
        .select((object::series_no, content::blob_no))
        .load(c))?;
    let mut uses: BTreeMap<(i64, i64), i64> = BTreeMap::new();
    for (series, blob) in held {
        *uses.entry((series.unwrap_or_default(), blob)).or_default() += 1;
    }
    for (series, blob, count) in counted {
        *uses.entry((series, blob)).or_default() -= count;
    }
    let mut wrong: Vec<i64> = uses.into_iter().filter(|(_, more)| *more != 0).map(|((series, _), _)| series).collect();
    wrong.dedup();
    Ok(Some((last, wrong)))
}

/// Returns for whom something else counts than is there. Where others write meanwhile, look again under [`hold`].
pub(crate) fn differing(conn: &mut Conn) -> Result<Vec<i64>> {
    let sum = || sql::<Nullable<BigInt>>("CAST(SUM(size_bytes) AS BIGINT)");
    let bytes: Vec<(i64, Option<i64>)> = each_db!(conn, |c| series_blob::table
        .group_by(series_blob::principal_no)
        .select((series_blob::principal_no, sum()))
        .load(c))?;
    let objects: Vec<(i64, i64)> = each_db!(conn, |c| object::table
        .filter(object::role.eq(super::objects::LIVE))
        .group_by(object::created_by)
        .select((object::created_by, diesel::dsl::count_star()))
        .load(c))?;
    let said: Vec<(i64, i64, i64)> =
        each_db!(conn, |c| space::table.select((space::principal_no, space::size_bytes, space::object_count)).load(c))?;
    let mut differences: BTreeMap<i64, Taken> = BTreeMap::new();
    for (principal, size_bytes) in bytes {
        differences.entry(principal).or_default().size_bytes += size_bytes.unwrap_or_default();
    }
    for (principal, object_count) in objects {
        differences.entry(principal).or_default().object_count += object_count;
    }
    for (principal, size_bytes, object_count) in said {
        let difference = differences.entry(principal).or_default();
        difference.size_bytes -= size_bytes;
        difference.object_count -= object_count;
    }
    let are_different = differences.into_iter().filter(|(_, difference)| *difference != Taken::default());
    Ok(are_different.map(|(principal, _)| principal).collect())
}

/// Counts the bytes of a document again; the triggers note what that changes for whom.
pub(crate) fn recount_series(conn: &mut Conn, series: i64) -> Result<()> {
    let held: Vec<(i64, i64, i64)> = each_db!(conn, |c| content::table
        .inner_join(object::table.on(object::no.eq(content::object_no)))
        .inner_join(blob::table.on(blob::no.eq(content::blob_no)))
        .filter(object::series_no.eq(series))
        .select((content::blob_no, blob::size_bytes, object::created_by))
        .load(c))?;
    let owner: Option<i64> = each_db!(conn, |c| object::table
        .filter(object::series_no.eq(series).and(object::role.eq(super::objects::LIVE)))
        .select(object::created_by)
        .get_result(c)
        .optional())?;
    let mut rows: BTreeMap<i64, (i64, i64, i64)> = BTreeMap::new();
    for (blob, size_bytes, maker) in held {
        rows.entry(blob).or_insert((owner.unwrap_or(maker), size_bytes, 0)).2 += 1;
    }
    each_db!(conn, |c| diesel::delete(series_blob::table.filter(series_blob::series_no.eq(series))).execute(c))?;
    for (blob_no, (principal_no, size_bytes, uses)) in rows {
        each_db!(conn, |c| diesel::insert_into(series_blob::table)
            .values((
                series_blob::series_no.eq(series),
                series_blob::blob_no.eq(blob_no),
                series_blob::principal_no.eq(principal_no),
                series_blob::size_bytes.eq(size_bytes),
                series_blob::uses.eq(uses),
            ))
            .execute(c))?;
    }
    Ok(())
}

/// Holds what a user takes against others on PostgreSQL, until the transaction ends.
pub(crate) fn hold(conn: &mut Conn, principal: i64) -> Result<()> {
    add(conn, principal, Taken::default()).map(drop)
}
