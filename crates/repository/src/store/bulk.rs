//! Rows of bulk actions, and of what became of each object.

use cartulary_db::{Conn, among, each_db, insert_numbered, is_word, update_rows};
use diesel::prelude::*;

use super::schema::{bulk_action, bulk_item, disposition, job};
use crate::Result;

/// A bulk action.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = bulk_action)]
pub(crate) struct BulkRow {
    pub no: i64,
    pub id: String,
    pub job_id: String,
    pub principal_no: i64,
    pub statement: String,
    pub act: String,
    pub created_at: i64,
    pub counted_at: Option<i64>,
    pub aborted_at: Option<i64>,
    pub finished_at: Option<i64>,
    pub total_count: i64,
    pub done_count: i64,
    pub failed_count: i64,
    pub skipped_count: i64,
}

/// A bulk action to insert.
#[derive(Clone, Debug, Insertable)]
#[diesel(table_name = bulk_action)]
pub(crate) struct NewBulkRow<'a> {
    pub id: &'a str,
    pub job_id: &'a str,
    pub principal_no: i64,
    pub statement: &'a str,
    pub act: &'a str,
    pub created_at: i64,
}

/// What became of one object.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = bulk_item)]
pub(crate) struct ItemRow {
    pub ordinal: i64,
    pub object_id: String,
    /// What became of it; nothing yet without one.
    pub outcome: Option<String>,
    pub code: Option<String>,
    pub detail: Option<String>,
    /// What it was, as JSON: of dispositions.
    pub evidence: Option<String>,
}

/// The review that a bulk action waits for, or had.
#[derive(Clone, Debug, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = disposition)]
pub(crate) struct DispositionRow {
    pub action_no: i64,
    pub reviewed_at: Option<i64>,
    pub reviewed_by: Option<i64>,
    pub is_approved: Option<bool>,
    pub comment: String,
}

impl DispositionRow {
    /// Returns the review of an action.
    pub(crate) fn reviewed(action: i64, at: i64, by: i64, is_approved: bool, comment: &str) -> Self {
        let (reviewed_at, reviewed_by, is_approved) = (Some(at), Some(by), Some(is_approved));
        Self { action_no: action, reviewed_at, reviewed_by, is_approved, comment: comment.to_owned() }
    }

    /// Returns that an action waits for its review.
    pub(crate) const fn open(action: i64) -> Self {
        let (reviewed_at, reviewed_by, is_approved) = (None, None, None);
        Self { action_no: action, reviewed_at, reviewed_by, is_approved, comment: String::new() }
    }
}

#[derive(Insertable)]
#[diesel(table_name = bulk_item)]
struct NewItemRow {
    action_no: i64,
    ordinal: i64,
    object_id: String,
    evidence: Option<String>,
}

pub(crate) const DONE: &str = "done";
pub(crate) const FAILED: &str = "failed";
pub(crate) const SKIPPED: &str = "skipped";

/// How many rows one statement inserts.
const ROWS: usize = 200;

/// Inserts an action and returns its number.
pub(crate) fn insert(conn: &mut Conn, row: &NewBulkRow<'_>) -> Result<i64> {
    Ok(insert_numbered!(conn, diesel::insert_into(bulk_action::table).values(row), bulk_action::no)?)
}

/// Counts the actions of somebody that wait or are under way, but for those that were stopped or wait for somebody else.
pub(crate) fn count_under_way(conn: &mut Conn, principal: i64) -> Result<i64> {
    let count = each_db!(conn, |c| bulk_action::table
        .inner_join(job::table.on(job::id.eq(bulk_action::job_id)))
        .filter(bulk_action::principal_no.eq(principal).and(bulk_action::finished_at.is_null()))
        .filter(bulk_action::aborted_at.is_null())
        .filter(is_word(job::state, "waiting").or(is_word(job::state, "running")))
        .count()
        .get_result::<i64>(c))?;
    Ok(count)
}

/// Returns the action with this outward id.
pub(crate) fn by_id(conn: &mut Conn, id: &str) -> Result<Option<BulkRow>> {
    let row = each_db!(conn, |c| bulk_action::table
        .filter(bulk_action::id.eq(id))
        .select(BulkRow::as_select())
        .get_result(c)
        .optional())?;
    Ok(row)
}

/// Whose actions are meant.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Whose {
    Everybodys,
    /// Those of one maker.
    Of(i64),
    /// Those of one maker, and dispositions of all.
    OfAndDispositions(i64),
}

/// Inserts the review that an action waits for.
pub(crate) fn insert_disposition(conn: &mut Conn, row: &DispositionRow) -> Result<()> {
    each_db!(conn, |c| diesel::insert_into(disposition::table).values(row).execute(c))?;
    Ok(())
}

/// Returns the review of an action.
pub(crate) fn disposition(conn: &mut Conn, action: i64) -> Result<Option<DispositionRow>> {
    let row = each_db!(conn, |c| disposition::table
        .filter(disposition::action_no.eq(action))
        .select(DispositionRow::as_select())
        .get_result(c)
        .optional())?;
    Ok(row)
}

/// Returns the review of an action, locked against others on PostgreSQL (the writer is alone on SQLite).
pub(crate) fn disposition_locked(conn: &mut Conn, action: i64) -> Result<Option<DispositionRow>> {
    cartulary_db::per_db!(conn,
        sqlite(_c) => disposition(conn, action),
        postgres(c) => {
            let row = disposition::table
                .filter(disposition::action_no.eq(action))
                .select(DispositionRow::as_select())
                .for_update()
                .get_result(c)
                .optional()?;
            Ok(row)
        },
    )
}

/// Writes the review of an action.
pub(crate) fn put_review(conn: &mut Conn, action: i64, row: &DispositionRow) -> Result<()> {
    each_db!(conn, |c| update_rows(disposition::table.filter(disposition::action_no.eq(action))).set(row).execute(c))?;
    Ok(())
}

/// Says which job does an action.
pub(crate) fn put_job(conn: &mut Conn, action: i64, job: &str) -> Result<()> {
    each_db!(conn, |c| update_rows(bulk_action::table.filter(bulk_action::no.eq(action)))
        .set(bulk_action::job_id.eq(job))
        .execute(c))?;
    Ok(())
}

/// Returns a window of actions, newest first, and their number.
pub(crate) fn window(conn: &mut Conn, whose: Whose, offset: i64, limit: i64) -> Result<(i64, Vec<BulkRow>)> {
    let total = each_db!(conn, |c| {
        let mut query = bulk_action::table.into_boxed();
        query = match whose {
            Whose::Everybodys => query,
            Whose::Of(by) => query.filter(bulk_action::principal_no.eq(by)),
            Whose::OfAndDispositions(by) => query.filter(
                bulk_action::principal_no
                    .eq(by)
                    .or(bulk_action::no.eq_any(disposition::table.select(disposition::action_no))),
            ),
        };
        query.count().get_result::<i64>(c)
    })?;
    let rows = each_db!(conn, |c| {
        let mut query = bulk_action::table.select(BulkRow::as_select()).into_boxed();
        query = match whose {
            Whose::Everybodys => query,
            Whose::Of(by) => query.filter(bulk_action::principal_no.eq(by)),
            Whose::OfAndDispositions(by) => query.filter(
                bulk_action::principal_no
                    .eq(by)
                    .or(bulk_action::no.eq_any(disposition::table.select(disposition::action_no))),
            ),
        };
        query.order(bulk_action::no.desc()).offset(offset).limit(limit).load(c)
    })?;
    Ok((total, rows))
}

/// Lists objects of an action with what they are, beginning with a place.
pub(crate) fn insert_items(conn: &mut Conn, action: i64, first: i64, items: &[(String, Option<String>)]) -> Result<()> {
    let item = |(ordinal, (id, evidence)): (i64, &(String, Option<String>))| NewItemRow {
        action_no: action,
        ordinal,
        object_id: id.clone(),
        evidence: evidence.clone(),
    };
    let rows: Vec<NewItemRow> = (first..).zip(items).map(item).collect();
    for part in rows.chunks(ROWS) {
        each_db!(conn, |c| diesel::insert_into(bulk_item::table).values(part).execute(c))?;
    }
    Ok(())
}

/// Takes all objects off an action's list.
pub(crate) fn delete_items(conn: &mut Conn, action: i64) -> Result<()> {
    each_db!(conn, |c| diesel::delete(bulk_item::table.filter(bulk_item::action_no.eq(action))).execute(c))?;
    Ok(())
}

/// Says that all objects are listed, and how many.
pub(crate) fn put_counted(conn: &mut Conn, action: i64, total: i64, now: i64) -> Result<()> {
    each_db!(conn, |c| update_rows(bulk_action::table.filter(bulk_action::no.eq(action)))
        .set((bulk_action::counted_at.eq(now), bulk_action::total_count.eq(total)))
        .execute(c))?;
    Ok(())
}

/// Returns up to `limit` objects of which nothing became yet, in their order.
pub(crate) fn open_items(conn: &mut Conn, action: i64, limit: i64) -> Result<Vec<ItemRow>> {
    let rows = each_db!(conn, |c| bulk_item::table
        .filter(bulk_item::action_no.eq(action).and(bulk_item::outcome.is_null()))
        .order(bulk_item::ordinal)
        .limit(limit)
        .select(ItemRow::as_select())
        .load(c))?;
    Ok(rows)
}

/// Says of objects that something became of them, and counts them.
pub(crate) fn put_outcome(
    conn: &mut Conn,
    action: i64,
    ordinals: &[i64],
    outcome: &'static str,
    reason: Option<(&str, &str)>,
) -> Result<()> {
    let count = each_db!(conn, |c| update_rows(
        bulk_item::table.filter(
            bulk_item::action_no
                .eq(action)
                .and(among(bulk_item::ordinal, ordinals.iter().copied()))
                .and(bulk_item::outcome.is_null())
        )
    )
    .set((
        bulk_item::outcome.eq(outcome),
        bulk_item::code.eq(reason.map(|(code, _)| code)),
        bulk_item::detail.eq(reason.map(|(_, detail)| detail)),
    ))
    .execute(c))?;
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let done = if outcome == DONE { count } else { 0 };
    let failed = if outcome == FAILED { count } else { 0 };
    let skipped = if outcome == SKIPPED { count } else { 0 };
    each_db!(conn, |c| update_rows(bulk_action::table.filter(bulk_action::no.eq(action)))
        .set((
            bulk_action::done_count.eq(bulk_action::done_count + done),
            bulk_action::failed_count.eq(bulk_action::failed_count + failed),
            bulk_action::skipped_count.eq(bulk_action::skipped_count + skipped),
        ))
        .execute(c))?;
    Ok(())
}

/// Says that an action shall do no more.
pub(crate) fn put_aborted(conn: &mut Conn, action: i64, now: i64) -> Result<()> {
    let open = bulk_action::finished_at.is_null().and(bulk_action::aborted_at.is_null());
    each_db!(conn, |c| update_rows(bulk_action::table.filter(bulk_action::no.eq(action).and(open)))
        .set(bulk_action::aborted_at.eq(now))
        .execute(c))?;
    Ok(())
}

/// Says that an action has ended.
pub(crate) fn put_finished(conn: &mut Conn, action: i64, now: i64) -> Result<()> {
    each_db!(conn, |c| update_rows(bulk_action::table.filter(bulk_action::no.eq(action)))
        .set(bulk_action::finished_at.eq(now))
        .execute(c))?;
    Ok(())
}

/// Which of an action's objects are listed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Which {
    All,
    /// Those that nothing became of yet.
    Open,
    /// Those of one outcome.
    Of(&'static str),
}

/// Returns a window of an action's objects, in their order.
pub(crate) fn items(conn: &mut Conn, action: i64, which: Which, offset: i64, limit: i64) -> Result<Vec<ItemRow>> {
    let rows = each_db!(conn, |c| {
        let query = bulk_item::table
            .filter(bulk_item::action_no.eq(action))
            .order(bulk_item::ordinal)
            .offset(offset)
            .limit(limit)
            .select(ItemRow::as_select())
            .into_boxed();
        match which {
            Which::All => query.load(c),
            Which::Open => query.filter(bulk_item::outcome.is_null()).load(c),
            Which::Of(outcome) => query.filter(is_word(bulk_item::outcome, outcome)).load(c),
        }
    })?;
    Ok(rows)
}

/// Removes some actions that ended before an instant, with their lists; returns how many. Dispositions stay.
pub(crate) fn delete_finished(conn: &mut Conn, before: i64, limit: i64) -> Result<usize> {
    let nos: Vec<i64> = each_db!(conn, |c| bulk_action::table
        .filter(bulk_action::finished_at.lt(before))
        .filter(bulk_action::no.ne_all(disposition::table.select(disposition::action_no)))
        .limit(limit)
        .select(bulk_action::no)
        .load(c))?;
    each_db!(conn, |c| diesel::delete(bulk_item::table.filter(among(bulk_item::action_no, nos.clone()))).execute(c))?;
    let count =
        each_db!(conn, |c| diesel::delete(bulk_action::table.filter(among(bulk_action::no, nos.clone()))).execute(c))?;
    Ok(count)
}
