//! Rows of backups.

use cartulary_db::{Conn, each_db, is_word, update_rows};
use diesel::prelude::*;

use super::schema::backup_run;
use crate::Result;

/// A backup.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = backup_run)]
pub(crate) struct RunRow {
    pub id: String,
    pub target: String,
    pub state: String,
    pub started_at: i64,
    pub finished_at: Option<i64>,
    pub snapshot: Option<String>,
    pub blobs: i64,
    pub files_new: i64,
    pub bytes_new: i64,
    pub reason: Option<String>,
}

/// How far a backup is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub blobs: i64,
    pub files_new: i64,
    pub bytes_new: i64,
}

/// Inserts a backup that begins. One that was cut, or waited for its disk, is gone on with: `None` makes no second row.
pub(crate) fn begin(conn: &mut Conn, id: &str, target: &str, now: i64) -> Result<String> {
    let open: Option<String> = each_db!(conn, |c| backup_run::table
        .filter(backup_run::target.eq(target).and(is_word(backup_run::state, "running")))
        .order(backup_run::no.desc())
        .select(backup_run::id)
        .first(c)
        .optional())?;
    if let Some(open) = open {
        return Ok(open);
    }
    let values = (
        backup_run::id.eq(id),
        backup_run::target.eq(target),
        backup_run::state.eq("running"),
        backup_run::started_at.eq(now),
    );
    each_db!(conn, |c| diesel::insert_into(backup_run::table).values(values).execute(c))?;
    Ok(id.to_owned())
}

/// Says how far a backup is, and what it waits for.
pub(crate) fn put_progress(conn: &mut Conn, id: &str, counts: Counts, reason: Option<&str>) -> Result<()> {
    each_db!(conn, |c| update_rows(backup_run::table.filter(backup_run::id.eq(id)))
        .set((
            backup_run::blobs.eq(counts.blobs),
            backup_run::files_new.eq(counts.files_new),
            backup_run::bytes_new.eq(counts.bytes_new),
            backup_run::reason.eq(reason),
        ))
        .execute(c))?;
    Ok(())
}

/// Returns how far a backup was.
pub(crate) fn counts_of(conn: &mut Conn, id: &str) -> Result<Counts> {
    let (blobs, files_new, bytes_new) = each_db!(conn, |c| backup_run::table
        .filter(backup_run::id.eq(id))
        .select((backup_run::blobs, backup_run::files_new, backup_run::bytes_new))
        .get_result::<(i64, i64, i64)>(c))?;
    Ok(Counts { blobs, files_new, bytes_new })
}

/// Ends a backup: with its name on the shelf it is done, without one it was given up.
pub(crate) fn finish(conn: &mut Conn, id: &str, snapshot: Option<&str>, reason: Option<&str>, now: i64) -> Result<()> {
    let state = if snapshot.is_some() { "done" } else { "failed" };
    each_db!(conn, |c| update_rows(backup_run::table.filter(backup_run::id.eq(id)))
        .set((
            backup_run::state.eq(state),
            backup_run::snapshot.eq(snapshot),
            backup_run::reason.eq(reason),
            backup_run::finished_at.eq(now),
        ))
        .execute(c))?;
    Ok(())
}

/// Returns the last backup of a target that was begun.
pub(crate) fn last(conn: &mut Conn, target: &str) -> Result<Option<RunRow>> {
    let row = each_db!(conn, |c| backup_run::table
        .filter(backup_run::target.eq(target))
        .order(backup_run::no.desc())
        .select(RunRow::as_select())
        .first(c)
        .optional())?;
    Ok(row)
}

/// Returns the last backup of a target that is whole.
pub(crate) fn last_done(conn: &mut Conn, target: &str) -> Result<Option<RunRow>> {
    let row = each_db!(conn, |c| backup_run::table
        .filter(backup_run::target.eq(target).and(backup_run::state.eq("done")))
        .order(backup_run::no.desc())
        .select(RunRow::as_select())
        .first(c)
        .optional())?;
    Ok(row)
}

/// Returns a window of the backups of a target, newest first, and their number.
pub(crate) fn window(conn: &mut Conn, target: &str, offset: i64, limit: i64) -> Result<(i64, Vec<RunRow>)> {
    let total =
        each_db!(conn, |c| backup_run::table.filter(backup_run::target.eq(target)).count().get_result::<i64>(c))?;
    let rows = each_db!(conn, |c| backup_run::table
        .filter(backup_run::target.eq(target))
        .order(backup_run::no.desc())
        .offset(offset)
        .limit(limit)
        .select(RunRow::as_select())
        .load(c))?;
    Ok((total, rows))
}

/// Forgets backups that began long ago, but for the last whole one of each target.
pub(crate) fn delete_old(conn: &mut Conn, before: i64) -> Result<()> {
    let kept: Vec<i64> = each_db!(conn, |c| backup_run::table
        .filter(backup_run::state.eq("done"))
        .group_by(backup_run::target)
        .select(diesel::dsl::max(backup_run::no))
        .load::<Option<i64>>(c))?
    .into_iter()
    .flatten()
    .collect();
    each_db!(conn, |c| diesel::delete(
        backup_run::table.filter(backup_run::started_at.lt(before).and(diesel::dsl::not(backup_run::no.eq_any(&kept))))
    )
    .execute(c))?;
    Ok(())
}
