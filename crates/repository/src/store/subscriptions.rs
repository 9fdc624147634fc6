//! Rows of subscriptions, of what their owners were told, and of the place in the log.

use cartulary_db::{Conn, among, each_db, insert_numbered, update_rows};
use diesel::prelude::*;

use super::schema_of_people::{notification, subscription, subscription_place as place};
use crate::Result;

/// A subscription.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = subscription)]
pub(crate) struct SubscriptionRow {
    pub no: i64,
    pub id: String,
    pub owner_no: i64,
    pub kind: String,
    pub target_id: String,
    pub own_changes: bool,
    pub from_position: i64,
    pub change_token: i64,
    pub created_at: i64,
}

/// A subscription to insert.
#[derive(Clone, Debug, Insertable)]
#[diesel(table_name = subscription)]
pub(crate) struct NewSubscriptionRow<'a> {
    pub id: &'a str,
    pub owner_no: i64,
    pub kind: &'static str,
    pub target_id: &'a str,
    pub own_changes: bool,
    pub from_position: i64,
    pub created_at: i64,
}

/// What somebody was told.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = notification)]
pub(crate) struct NotificationRow {
    pub no: i64,
    pub id: String,
    pub subscription_id: String,
    pub change_kind: String,
    pub object_no: i64,
    pub object_id: String,
    pub scope_no: i64,
    pub made_by: i64,
    pub made_at: i64,
    pub read_at: Option<i64>,
}

/// Something that somebody is to be told.
#[derive(Clone, Debug, Insertable)]
#[diesel(table_name = notification)]
pub(crate) struct NewNotificationRow {
    pub id: String,
    pub owner_no: i64,
    pub subscription_id: String,
    pub log_identity: String,
    pub position: i64,
    pub change_kind: String,
    pub object_no: i64,
    pub object_id: String,
    pub scope_no: i64,
    pub made_by: i64,
    pub made_at: i64,
}

pub(crate) const OBJECT: &str = "object";
pub(crate) const TREE: &str = "tree";
pub(crate) const SAVED_SEARCH: &str = "saved_search";
pub(crate) const COLLECTION: &str = "collection";

/// Inserts a subscription.
pub(crate) fn insert(conn: &mut Conn, row: &NewSubscriptionRow<'_>) -> Result<i64> {
    Ok(insert_numbered!(conn, diesel::insert_into(subscription::table).values(row), subscription::no)?)
}

/// Returns the subscription with this outward id.
pub(crate) fn by_id(conn: &mut Conn, id: &str) -> Result<Option<SubscriptionRow>> {
    let row = each_db!(conn, |c| subscription::table
        .filter(subscription::id.eq(id))
        .select(SubscriptionRow::as_select())
        .get_result(c)
        .optional())?;
    Ok(row)
}

/// Returns somebody's subscription to something.
pub(crate) fn of_target(conn: &mut Conn, owner: i64, kind: &str, target: &str) -> Result<Option<SubscriptionRow>> {
    let row = each_db!(conn, |c| subscription::table
        .filter(
            subscription::owner_no.eq(owner).and(subscription::kind.eq(kind)).and(subscription::target_id.eq(target))
        )
        .select(SubscriptionRow::as_select())
        .get_result(c)
        .optional())?;
    Ok(row)
}

/// Locks a subscription until the end of the transaction, and returns it as it is then.
pub(crate) fn locked(conn: &mut Conn, id: &str) -> Result<Option<SubscriptionRow>> {
    each_db!(conn, |c| update_rows(subscription::table.filter(subscription::id.eq(id)))
        .set(subscription::change_token.eq(subscription::change_token))
        .execute(c))?;
    by_id(conn, id)
}

/// Returns all subscriptions of somebody, oldest first.
pub(crate) fn of(conn: &mut Conn, owner: i64) -> Result<Vec<SubscriptionRow>> {
    let rows = each_db!(conn, |c| subscription::table
        .filter(subscription::owner_no.eq(owner))
        .order(subscription::no)
        .select(SubscriptionRow::as_select())
        .load(c))?;
    Ok(rows)
}

/// Returns all subscriptions of a kind to some targets.
pub(crate) fn to(conn: &mut Conn, kind: &'static str, targets: &[String]) -> Result<Vec<SubscriptionRow>> {
    let rows = each_db!(conn, |c| subscription::table
        .filter(subscription::kind.eq(kind).and(among(subscription::target_id, targets.iter().cloned())))
        .order(subscription::no)
        .select(SubscriptionRow::as_select())
        .load(c))?;
    Ok(rows)
}

/// Returns all subscriptions of a kind.
pub(crate) fn of_kind(conn: &mut Conn, kind: &'static str) -> Result<Vec<SubscriptionRow>> {
    let rows = each_db!(conn, |c| subscription::table
        .filter(subscription::kind.eq(kind))
        .order(subscription::no)
        .select(SubscriptionRow::as_select())
        .load(c))?;
    Ok(rows)
}

/// Returns the position after which the earliest subscription begins; nothing when there is none.
pub(crate) fn earliest(conn: &mut Conn) -> Result<Option<i64>> {
    let earliest =
        each_db!(conn, |c| subscription::table.select(diesel::dsl::min(subscription::from_position)).get_result(c))?;
    Ok(earliest)
}

/// Writes whether somebody's own changes are told.
pub(crate) fn put_own_changes(conn: &mut Conn, no: i64, own_changes: bool) -> Result<()> {
    each_db!(conn, |c| update_rows(subscription::table.filter(subscription::no.eq(no)))
        .set((subscription::own_changes.eq(own_changes), subscription::change_token.eq(subscription::change_token + 1)))
        .execute(c))?;
    Ok(())
}

/// Deletes subscriptions of some kinds to what is no more.
pub(crate) fn delete_to(conn: &mut Conn, kinds: &[&'static str], targets: &[String]) -> Result<()> {
    for kind in kinds {
        each_db!(conn, |c| diesel::delete(
            subscription::table
                .filter(subscription::kind.eq(*kind).and(among(subscription::target_id, targets.iter().cloned())))
        )
        .execute(c))?;
    }
    Ok(())
}

/// Deletes a subscription.
pub(crate) fn delete(conn: &mut Conn, no: i64) -> Result<()> {
    each_db!(conn, |c| diesel::delete(subscription::table.filter(subscription::no.eq(no))).execute(c))?;
    Ok(())
}

/// Returns the log and the position up to which everybody was told.
pub(crate) fn place(conn: &mut Conn) -> Result<Option<(String, i64)>> {
    let row = each_db!(conn, |c| place::table.select((place::log_identity, place::position)).get_result(c).optional())?;
    Ok(row)
}

/// Moves the place on, if it is where it was; says whether it was.
pub(crate) fn move_place(conn: &mut Conn, from: Option<&(String, i64)>, to: (&str, i64)) -> Result<bool> {
    let moved = match from {
        None => each_db!(conn, |c| diesel::insert_into(place::table)
            .values((place::no.eq(1), place::log_identity.eq(to.0), place::position.eq(to.1)))
            .on_conflict_do_nothing()
            .execute(c))?,
        Some((log, position)) => each_db!(conn, |c| update_rows(
            place::table.filter(place::no.eq(1).and(place::log_identity.eq(log)).and(place::position.eq(*position)))
        )
        .set((place::log_identity.eq(to.0), place::position.eq(to.1)))
        .execute(c))?,
    };
    Ok(moved == 1)
}

/// Writes down what somebody is to be told, unless it is written down already.
pub(crate) fn tell(conn: &mut Conn, row: &NewNotificationRow) -> Result<()> {
    each_db!(conn, |c| diesel::insert_into(notification::table).values(row).on_conflict_do_nothing().execute(c))?;
    Ok(())
}

/// Returns what somebody was told, the newest first; only what he has not read if that is said.
pub(crate) fn told(conn: &mut Conn, owner: i64, unread_only: bool) -> Result<Vec<NotificationRow>> {
    let rows = each_db!(conn, |c| {
        let mut query = notification::table.filter(notification::owner_no.eq(owner)).into_boxed();
        if unread_only {
            query = query.filter(notification::read_at.is_null());
        }
        query.order(notification::no.desc()).select(NotificationRow::as_select()).load(c)
    })?;
    Ok(rows)
}

/// Writes whether and when somebody read what he was told.
pub(crate) fn put_read(conn: &mut Conn, owner: i64, nos: &[i64], at: Option<i64>) -> Result<()> {
    let mine = notification::owner_no.eq(owner).and(among(notification::no, nos.iter().copied()));
    each_db!(conn, |c| update_rows(notification::table.filter(mine)).set(notification::read_at.eq(at)).execute(c))?;
    Ok(())
}

/// Writes by which scope it is known who may know of what was told of some objects.
pub(crate) fn put_scope(conn: &mut Conn, objects: &[i64], scope: i64) -> Result<()> {
    each_db!(conn, |c| update_rows(
        notification::table.filter(among(notification::object_no, objects.iter().copied()))
    )
    .set(notification::scope_no.eq(scope))
    .execute(c))?;
    Ok(())
}

/// Forgets what somebody was told beyond the newest ones.
pub(crate) fn keep_newest(conn: &mut Conn, owner: i64, kept: i64) -> Result<()> {
    let beyond: Option<i64> = each_db!(conn, |c| notification::table
        .filter(notification::owner_no.eq(owner))
        .order(notification::no.desc())
        .offset(kept)
        .limit(1)
        .select(notification::no)
        .get_result(c)
        .optional())?;
    let Some(beyond) = beyond else { return Ok(()) };
    each_db!(conn, |c| diesel::delete(
        notification::table.filter(notification::owner_no.eq(owner).and(notification::no.le(beyond)))
    )
    .execute(c))?;
    Ok(())
}

/// Forgets what anybody was told of changes before an instant.
pub(crate) fn forget_before(conn: &mut Conn, at: i64) -> Result<()> {
    each_db!(conn, |c| diesel::delete(notification::table.filter(notification::made_at.lt(at))).execute(c))?;
    Ok(())
}
