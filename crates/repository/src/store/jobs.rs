//! Rows of jobs.

use cartulary_db::{Conn, among, each_db, is_word, per_db, update_rows};
use cartulary_model::Timestamp;
use diesel::prelude::*;

use super::schema::job;
use crate::Result;

/// A job to enqueue.
#[derive(Clone, Debug)]
pub(crate) struct NewJob {
    pub kind: &'static str,
    /// Ids, never data.
    pub payload: serde_json::Value,
    /// While a job with this key waits or runs, another is not inserted.
    pub dedupe_key: Option<String>,
    /// Higher goes first: a person waits.
    pub priority: i32,
}

/// A job.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = job)]
pub(crate) struct JobRow {
    pub no: i64,
    pub id: String,
    pub kind: String,
    pub payload: String,
    pub state: String,
    pub attempts: i32,
    pub progress: Option<String>,
    pub reason: Option<String>,
    pub created_at: i64,
    pub created_by: Option<i64>,
    pub finished_at: Option<i64>,
}

#[derive(Insertable)]
#[diesel(table_name = job, treat_none_as_default_value = false)]
struct NewJobRow<'a> {
    id: String,
    kind: &'static str,
    payload: String,
    dedupe_key: Option<&'a str>,
    state: &'static str,
    priority: i32,
    run_after: i64,
    created_at: i64,
    created_by: Option<i64>,
}

/// Inserts a job in the caller's transaction.
pub(crate) fn insert(conn: &mut Conn, new: &NewJob, now: Timestamp, by: Option<i64>) -> Result<()> {
    insert_as(conn, uuid::Uuid::now_v7().to_string(), new, now, by)
}

/// Inserts a job under an outward id, by which somebody follows it.
pub(crate) fn insert_as(conn: &mut Conn, id: String, new: &NewJob, now: Timestamp, by: Option<i64>) -> Result<()> {
    let row = NewJobRow {
        id,
        kind: new.kind,
        payload: new.payload.to_string(),
        dedupe_key: new.dedupe_key.as_deref(),
        state: "waiting",
        priority: new.priority,
        // At once, whatever the clock says when somebody looks: it may have been set back.
        run_after: 0,
        created_at: now.as_millis(),
        created_by: by,
    };
    each_db!(conn, |c| diesel::insert_into(job::table).values(&row).on_conflict_do_nothing().execute(c))?;
    Ok(())
}

/// Takes up to `limit` due jobs under a lease, and those whose lease ran out.
pub(crate) fn claim(conn: &mut Conn, owner: &str, now: i64, lease_until: i64, limit: i64) -> Result<Vec<JobRow>> {
    let due = || is_word(job::state, "waiting").and(job::run_after.le(now));
    let nos: Vec<i64> = per_db!(conn,
        sqlite(c) => job::table
            .filter(due()).order((job::priority.desc(), job::run_after, job::no)).limit(limit).select(job::no).load(c)?,
        postgres(c) => job::table
            .filter(due()).order((job::priority.desc(), job::run_after, job::no)).limit(limit).select(job::no)
            .for_update().skip_locked().load(c)?,
    );
    each_db!(conn, |c| update_rows(job::table.filter(among(job::no, nos.clone())))
        .set((
            job::state.eq("running"),
            job::lease_owner.eq(owner),
            job::lease_until.eq(lease_until),
            job::attempts.eq(job::attempts + 1),
        ))
        .execute(c))?;
    let rows = each_db!(conn, |c| job::table
        .filter(among(job::no, nos.clone()))
        .order((job::priority.desc(), job::no))
        .select(JobRow::as_select())
        .load(c))?;
    Ok(rows)
}

/// Puts jobs back whose worker stopped renewing their lease.
pub(crate) fn release_expired(conn: &mut Conn, now: i64) -> Result<usize> {
    let count = each_db!(conn, |c| update_rows(
        job::table.filter(is_word(job::state, "running").and(job::lease_until.lt(now)))
    )
    .set((job::state.eq("waiting"), job::lease_owner.eq(None::<String>), job::run_after.eq(now)))
    .execute(c))?;
    Ok(count)
}

/// Puts back what anybody holds: nobody is at work on a database that was put back, or that one process has after another.
pub(crate) fn release_all(conn: &mut Conn) -> Result<()> {
    each_db!(conn, |c| update_rows(job::table.filter(is_word(job::state, "running")))
        .set((job::state.eq("waiting"), job::lease_owner.eq(None::<String>), job::run_after.eq(0)))
        .execute(c))?;
    Ok(())
}

/// Puts back what `owner` holds, as a clean stop does; the try does not count.
pub(crate) fn release_owned(conn: &mut Conn, owner: &str, now: i64) -> Result<usize> {
    let count = each_db!(conn, |c| update_rows(
        job::table.filter(is_word(job::state, "running").and(job::lease_owner.eq(owner)))
    )
    .set((
        job::state.eq("waiting"),
        job::lease_owner.eq(None::<String>),
        job::run_after.eq(now),
        job::attempts.eq(job::attempts - 1),
    ))
    .execute(c))?;
    Ok(count)
}

/// Renews the lease of everything that `owner` runs.
pub(crate) fn renew(conn: &mut Conn, owner: &str, lease_until: i64) -> Result<usize> {
    let count = each_db!(conn, |c| update_rows(
        job::table.filter(is_word(job::state, "running").and(job::lease_owner.eq(owner)))
    )
    .set(job::lease_until.eq(lease_until))
    .execute(c))?;
    Ok(count)
}

/// Ends a job: done without a reason, dead with one.
pub(crate) fn finish(conn: &mut Conn, no: i64, owner: &str, dead_reason: Option<&str>, now: i64) -> Result<usize> {
    let state = if dead_reason.is_some() { "dead" } else { "done" };
    let count = each_db!(conn, |c| update_rows(
        job::table.filter(job::no.eq(no).and(job::lease_owner.eq(owner)).and(is_word(job::state, "running")))
    )
    .set((job::state.eq(state), job::reason.eq(dead_reason), job::finished_at.eq(now)))
    .execute(c))?;
    Ok(count)
}

/// Writes what a job says of itself.
pub(crate) fn put_progress(conn: &mut Conn, id: &str, progress: &str) -> Result<()> {
    each_db!(conn, |c| update_rows(job::table.filter(job::id.eq(id))).set(job::progress.eq(progress)).execute(c))?;
    Ok(())
}

/// Puts a job back for another try after `run_after`.
pub(crate) fn retry(conn: &mut Conn, no: i64, owner: &str, reason: &str, run_after: i64) -> Result<()> {
    each_db!(conn, |c| update_rows(
        job::table.filter(job::no.eq(no).and(job::lease_owner.eq(owner)).and(is_word(job::state, "running")))
    )
    .set((job::state.eq("waiting"), job::reason.eq(reason), job::run_after.eq(run_after)))
    .execute(c))?;
    Ok(())
}

/// Returns how many jobs were given up.
pub(crate) fn count_dead(conn: &mut Conn) -> Result<i64> {
    let dead = || is_word(job::state, "dead").and(job::finished_at.is_not_null());
    let count = each_db!(conn, |c| job::table.filter(dead()).count().get_result::<i64>(c))?;
    Ok(count)
}

/// Returns how many jobs wait, and how many run.
pub(crate) fn count_open(conn: &mut Conn) -> Result<(i64, i64)> {
    let waiting = each_db!(conn, |c| job::table.filter(is_word(job::state, "waiting")).count().get_result::<i64>(c))?;
    let running = each_db!(conn, |c| job::table.filter(is_word(job::state, "running")).count().get_result::<i64>(c))?;
    Ok((waiting, running))
}

/// Returns a window of jobs, newest first, and their number; of one state and one maker when given.
pub(crate) fn window(
    conn: &mut Conn,
    state: Option<&str>,
    by: Option<i64>,
    offset: i64,
    limit: i64,
) -> Result<(i64, Vec<JobRow>)> {
    let total = each_db!(conn, |c| {
        let mut query = job::table.into_boxed();
        if let Some(state) = state {
            query = query.filter(job::state.eq(state));
        }
        if let Some(by) = by {
            query = query.filter(job::created_by.eq(by));
        }
        query.count().get_result::<i64>(c)
    })?;
    let rows = each_db!(conn, |c| {
        let mut query = job::table.select(JobRow::as_select()).into_boxed();
        if let Some(state) = state {
            query = query.filter(job::state.eq(state));
        }
        if let Some(by) = by {
            query = query.filter(job::created_by.eq(by));
        }
        query.order(job::no.desc()).offset(offset).limit(limit).load(c)
    })?;
    Ok((total, rows))
}

/// Returns the job with this outward id.
pub(crate) fn by_id(conn: &mut Conn, id: &str) -> Result<Option<JobRow>> {
    let row =
        each_db!(conn, |c| job::table.filter(job::id.eq(id)).select(JobRow::as_select()).get_result(c).optional())?;
    Ok(row)
}

/// Removes done jobs that ended before `before`.
pub(crate) fn delete_done(conn: &mut Conn, before: i64) -> Result<usize> {
    let count =
        each_db!(conn, |c| diesel::delete(job::table.filter(job::state.eq("done").and(job::finished_at.lt(before))))
            .execute(c))?;
    Ok(count)
}

/// Says whether a job waits that is due, or one runs whose lease ran out.
pub(crate) fn is_due(conn: &mut Conn, now: i64) -> Result<bool> {
    let due = each_db!(conn, |c| diesel::select(diesel::dsl::exists(
        job::table.filter(is_word(job::state, "waiting").and(job::run_after.le(now)))
    ))
    .get_result::<bool>(c))?;
    if due {
        return Ok(true);
    }
    let expired = each_db!(conn, |c| diesel::select(diesel::dsl::exists(
        job::table.filter(is_word(job::state, "running").and(job::lease_until.lt(now)))
    ))
    .get_result::<bool>(c))?;
    Ok(expired)
}
