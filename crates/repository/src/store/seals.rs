//! Rows of the seals of the change log.

use cartulary_db::{Conn, each_db};
use diesel::prelude::*;

use super::schema::{change, change_seal};
use crate::Result;

/// A seal: the root over the chain hashes of the entries after the seal before it, up to its own position.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = change_seal)]
pub(crate) struct SealRow {
    pub day: String,
    pub position: i64,
    pub merkle_root: Vec<u8>,
}

/// Inserts a seal.
pub(crate) fn insert(conn: &mut Conn, row: &SealRow) -> Result<()> {
    each_db!(conn, |c| diesel::insert_into(change_seal::table)
        .values((
            change_seal::day.eq(&row.day),
            change_seal::position.eq(row.position),
            change_seal::merkle_root.eq(&row.merkle_root),
        ))
        .execute(c))?;
    Ok(())
}

/// Returns the seal before a position: the last one that ends below it.
pub(crate) fn before(conn: &mut Conn, position: i64) -> Result<Option<SealRow>> {
    let row = each_db!(conn, |c| change_seal::table
        .filter(change_seal::position.lt(position))
        .order(change_seal::position.desc())
        .select(SealRow::as_select())
        .first(c)
        .optional())?;
    Ok(row)
}

/// Returns the seal that holds a position.
pub(crate) fn holding(conn: &mut Conn, position: i64) -> Result<Option<SealRow>> {
    let row = each_db!(conn, |c| change_seal::table
        .filter(change_seal::position.ge(position))
        .order(change_seal::position)
        .select(SealRow::as_select())
        .first(c)
        .optional())?;
    Ok(row)
}

/// Returns how many seals have a label that begins like this.
pub(crate) fn count_of_day(conn: &mut Conn, day: &str) -> Result<i64> {
    let pattern = format!("{day}%");
    Ok(each_db!(conn, |c| change_seal::table.filter(change_seal::day.like(pattern.as_str())).count().get_result(c))?)
}

/// Returns how many seals there are, and a window of them, the newest first.
pub(crate) fn window(conn: &mut Conn, offset: i64, limit: i64) -> Result<(i64, Vec<SealRow>)> {
    let total = each_db!(conn, |c| change_seal::table.count().get_result(c))?;
    let rows = each_db!(conn, |c| change_seal::table
        .order(change_seal::position.desc())
        .offset(offset)
        .limit(limit)
        .select(SealRow::as_select())
        .load(c))?;
    Ok((total, rows))
}

/// Returns the chain hashes of the entries after a position and up to another, in order, at most `limit`.
pub(crate) fn chains(conn: &mut Conn, after: i64, until: i64, limit: i64) -> Result<Vec<(i64, Vec<u8>)>> {
    let rows: Vec<(Option<i64>, Option<Vec<u8>>)> = each_db!(conn, |c| change::table
        .filter(change::position.gt(after).and(change::position.le(until)))
        .order(change::position)
        .limit(limit)
        .select((change::position, change::chain))
        .load(c))?;
    Ok(rows.into_iter().filter_map(|(position, chain)| position.zip(chain)).collect())
}
