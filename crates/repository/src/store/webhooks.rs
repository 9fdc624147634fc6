//! Rows of webhooks, and of what was sent to each.

use cartulary_db::{Conn, each_db, insert_numbered, is_word, update_rows};
use diesel::prelude::*;

use super::schema::{webhook, webhook_delivery as delivery};
use crate::Result;

/// A webhook. It has a secret: it is not to be printed.
#[derive(Clone, Queryable, Selectable)]
#[diesel(table_name = webhook)]
pub(crate) struct WebhookRow {
    pub no: i64,
    pub id: String,
    pub owner_no: i64,
    pub name: String,
    pub url: String,
    pub secret: String,
    pub filter: String,
    pub state: String,
    pub code: Option<String>,
    pub detail: Option<String>,
    pub change_token: i64,
    pub created_at: i64,
    pub log_identity: String,
    pub position: i64,
    pub next_at: i64,
    pub lease_owner: Option<String>,
}

/// A webhook to insert.
#[derive(Clone, Insertable)]
#[diesel(table_name = webhook)]
pub(crate) struct NewWebhookRow<'a> {
    pub id: &'a str,
    pub owner_no: i64,
    pub name: &'a str,
    pub url: &'a str,
    pub secret: &'a str,
    pub filter: &'a str,
    pub state: &'static str,
    pub created_at: i64,
    pub log_identity: &'a str,
    pub position: i64,
}

/// Something that was sent, or is to be sent.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = delivery)]
pub(crate) struct DeliveryRow {
    pub no: i64,
    pub id: String,
    pub kind: String,
    pub previous_log: Option<String>,
    pub after_position: i64,
    pub to_position: i64,
    pub state: String,
    pub attempts: i64,
    pub code: Option<String>,
    pub detail: Option<String>,
    pub created_at: i64,
    pub finished_at: Option<i64>,
}

/// Something to be sent.
#[derive(Clone, Debug, Insertable)]
#[diesel(table_name = delivery)]
pub(crate) struct NewDeliveryRow<'a> {
    pub id: String,
    pub webhook_no: i64,
    pub kind: &'static str,
    pub previous_log: Option<&'a str>,
    pub after_position: i64,
    pub to_position: i64,
    pub state: &'static str,
    pub created_at: i64,
}

pub(crate) const ACTIVE: &str = "active";
pub(crate) const FAILING: &str = "failing";
pub(crate) const PAUSED: &str = "paused";

pub(crate) const PENDING: &str = "pending";
pub(crate) const DELIVERED: &str = "delivered";
pub(crate) const DEAD: &str = "dead";

pub(crate) const CHANGES: &str = "changes";
pub(crate) const LOG_REPLACED: &str = "log_replaced";

/// Inserts a webhook.
pub(crate) fn insert(conn: &mut Conn, row: &NewWebhookRow<'_>) -> Result<i64> {
    Ok(insert_numbered!(conn, diesel::insert_into(webhook::table).values(row), webhook::no)?)
}

/// Returns the webhook with this outward id.
pub(crate) fn by_id(conn: &mut Conn, id: &str) -> Result<Option<WebhookRow>> {
    let row = each_db!(conn, |c| webhook::table
        .filter(webhook::id.eq(id))
        .select(WebhookRow::as_select())
        .get_result(c)
        .optional())?;
    Ok(row)
}

/// Returns the webhook with this number.
pub(crate) fn by_no(conn: &mut Conn, no: i64) -> Result<Option<WebhookRow>> {
    let row = each_db!(conn, |c| webhook::table
        .filter(webhook::no.eq(no))
        .select(WebhookRow::as_select())
        .get_result(c)
        .optional())?;
    Ok(row)
}

/// Locks a webhook until the end of the transaction, and returns it as it is then.
pub(crate) fn locked(conn: &mut Conn, no: i64) -> Result<Option<WebhookRow>> {
    each_db!(conn, |c| update_rows(webhook::table.filter(webhook::no.eq(no)))
        .set(webhook::next_at.eq(webhook::next_at))
        .execute(c))?;
    by_no(conn, no)
}

/// Returns how many webhooks somebody has.
pub(crate) fn count_of(conn: &mut Conn, owner: i64) -> Result<i64> {
    let count = each_db!(conn, |c| webhook::table.filter(webhook::owner_no.eq(owner)).count().get_result::<i64>(c))?;
    Ok(count)
}

/// Returns a window of webhooks, oldest first, and their number; of one owner when given.
pub(crate) fn window(conn: &mut Conn, of: Option<i64>, offset: i64, limit: i64) -> Result<(i64, Vec<WebhookRow>)> {
    let total = each_db!(conn, |c| {
        let mut query = webhook::table.into_boxed();
        if let Some(of) = of {
            query = query.filter(webhook::owner_no.eq(of));
        }
        query.count().get_result::<i64>(c)
    })?;
    let rows = each_db!(conn, |c| {
        let mut query = webhook::table.select(WebhookRow::as_select()).into_boxed();
        if let Some(of) = of {
            query = query.filter(webhook::owner_no.eq(of));
        }
        query.order(webhook::no).offset(offset).limit(limit).load(c)
    })?;
    Ok((total, rows))
}

/// Returns the webhooks that are not paused, are due, and that nobody works on.
pub(crate) fn due(conn: &mut Conn, now: i64) -> Result<Vec<WebhookRow>> {
    let rows = each_db!(conn, |c| webhook::table
        .filter(webhook::state.ne(PAUSED).and(webhook::next_at.le(now)).and(webhook::lease_until.lt(now)))
        .order(webhook::no)
        .select(WebhookRow::as_select())
        .load(c))?;
    Ok(rows)
}

/// Takes a webhook under a lease unless somebody has it; says whether it was taken.
pub(crate) fn claim(conn: &mut Conn, no: i64, owner: &str, now: i64, until: i64) -> Result<bool> {
    let free = webhook::lease_until.lt(now).or(webhook::lease_owner.eq(owner));
    let taken = each_db!(conn, |c| update_rows(webhook::table.filter(webhook::no.eq(no).and(free)))
        .set((webhook::lease_owner.eq(owner), webhook::lease_until.eq(until)))
        .execute(c))?;
    Ok(taken == 1)
}

/// Gives back what `owner` works on; one webhook, or all.
pub(crate) fn release(conn: &mut Conn, owner: &str, no: Option<i64>) -> Result<()> {
    let none = (webhook::lease_owner.eq(None::<String>), webhook::lease_until.eq(0));
    match no {
        Some(no) => each_db!(conn, |c| update_rows(
            webhook::table.filter(webhook::no.eq(no).and(webhook::lease_owner.eq(owner)))
        )
        .set(none)
        .execute(c))?,
        None => {
            each_db!(conn, |c| update_rows(webhook::table.filter(webhook::lease_owner.eq(owner))).set(none).execute(c))?
        }
    };
    Ok(())
}

/// Takes all leases away: those of a process that is no more.
pub(crate) fn release_all(conn: &mut Conn) -> Result<()> {
    each_db!(conn, |c| update_rows(webhook::table.filter(webhook::lease_until.gt(0)))
        .set((webhook::lease_owner.eq(None::<String>), webhook::lease_until.eq(0)))
        .execute(c))?;
    Ok(())
}

/// Writes what its owner changed.
pub(crate) fn put(conn: &mut Conn, row: &WebhookRow) -> Result<()> {
    each_db!(conn, |c| update_rows(webhook::table.filter(webhook::no.eq(row.no)))
        .set((
            webhook::name.eq(&row.name),
            webhook::url.eq(&row.url),
            webhook::secret.eq(&row.secret),
            webhook::filter.eq(&row.filter),
            webhook::state.eq(&row.state),
            webhook::code.eq(&row.code),
            webhook::detail.eq(&row.detail),
            webhook::next_at.eq(row.next_at),
            webhook::change_token.eq(webhook::change_token + 1),
        ))
        .execute(c))?;
    Ok(())
}

/// Writes how it stands with a webhook: its state, why, when it is tried next, and up to where it is done.
pub(crate) fn put_progress(conn: &mut Conn, row: &WebhookRow) -> Result<()> {
    each_db!(conn, |c| update_rows(webhook::table.filter(webhook::no.eq(row.no)))
        .set((
            webhook::state.eq(&row.state),
            webhook::code.eq(&row.code),
            webhook::detail.eq(&row.detail),
            webhook::next_at.eq(row.next_at),
            webhook::log_identity.eq(&row.log_identity),
            webhook::position.eq(row.position),
        ))
        .execute(c))?;
    Ok(())
}

/// Moves the place of a webhook on over what does not concern it, unless it was moved meanwhile.
pub(crate) fn pass_over(conn: &mut Conn, no: i64, from: i64, to: i64) -> Result<()> {
    each_db!(conn, |c| update_rows(webhook::table.filter(webhook::no.eq(no).and(webhook::position.eq(from))))
        .set(webhook::position.eq(to))
        .execute(c))?;
    Ok(())
}

/// Deletes a webhook with all that was sent to it.
pub(crate) fn delete(conn: &mut Conn, no: i64) -> Result<()> {
    each_db!(conn, |c| diesel::delete(delivery::table.filter(delivery::webhook_no.eq(no))).execute(c))?;
    each_db!(conn, |c| diesel::delete(webhook::table.filter(webhook::no.eq(no))).execute(c))?;
    Ok(())
}

/// Inserts something to be sent.
pub(crate) fn insert_delivery(conn: &mut Conn, row: &NewDeliveryRow<'_>) -> Result<()> {
    each_db!(conn, |c| diesel::insert_into(delivery::table).values(row).execute(c))?;
    Ok(())
}

/// Returns what is to be sent next: that the log is another one, else what waits longest.
pub(crate) fn next_pending(conn: &mut Conn, webhook: i64) -> Result<Option<DeliveryRow>> {
    let replaced = pending_of(conn, webhook, Some(LOG_REPLACED))?;
    if replaced.is_some() { Ok(replaced) } else { pending_of(conn, webhook, None) }
}

fn pending_of(conn: &mut Conn, webhook: i64, kind: Option<&'static str>) -> Result<Option<DeliveryRow>> {
    let row = each_db!(conn, |c| {
        let mut query = delivery::table
            .filter(delivery::webhook_no.eq(webhook).and(is_word(delivery::state, PENDING)))
            .select(DeliveryRow::as_select())
            .into_boxed();
        if let Some(kind) = kind {
            query = query.filter(delivery::kind.eq(kind));
        }
        query.order(delivery::no).limit(1).get_result(c).optional()
    })?;
    Ok(row)
}

/// Takes back what waits to be sent of changes after a position: it is gathered anew.
pub(crate) fn drop_pending_after(conn: &mut Conn, webhook: i64, position: i64) -> Result<()> {
    each_db!(conn, |c| diesel::delete(
        delivery::table.filter(
            delivery::webhook_no
                .eq(webhook)
                .and(is_word(delivery::state, PENDING))
                .and(delivery::kind.eq(CHANGES))
                .and(delivery::to_position.gt(position))
        )
    )
    .execute(c))?;
    Ok(())
}

/// Writes what became of a delivery.
pub(crate) fn put_delivery(conn: &mut Conn, row: &DeliveryRow) -> Result<()> {
    each_db!(conn, |c| update_rows(delivery::table.filter(delivery::no.eq(row.no)))
        .set((
            delivery::state.eq(&row.state),
            delivery::attempts.eq(row.attempts),
            delivery::code.eq(&row.code),
            delivery::detail.eq(&row.detail),
            delivery::finished_at.eq(row.finished_at),
        ))
        .execute(c))?;
    Ok(())
}

/// Returns a delivery of a webhook by its outward id.
pub(crate) fn delivery_by_id(conn: &mut Conn, webhook: i64, id: &str) -> Result<Option<DeliveryRow>> {
    let row = each_db!(conn, |c| delivery::table
        .filter(delivery::webhook_no.eq(webhook).and(delivery::id.eq(id)))
        .select(DeliveryRow::as_select())
        .get_result(c)
        .optional())?;
    Ok(row)
}

/// Returns a window of a webhook's deliveries of one state, oldest first, and their number.
pub(crate) fn deliveries(
    conn: &mut Conn,
    webhook: i64,
    state: &'static str,
    offset: i64,
    limit: i64,
) -> Result<(i64, Vec<DeliveryRow>)> {
    let total = count_deliveries(conn, webhook, state)?;
    let rows = each_db!(conn, |c| delivery::table
        .filter(delivery::webhook_no.eq(webhook).and(is_word(delivery::state, state)))
        .order(delivery::no)
        .offset(offset)
        .limit(limit)
        .select(DeliveryRow::as_select())
        .load(c))?;
    Ok((total, rows))
}

/// Returns how many deliveries of a webhook are in a state.
pub(crate) fn count_deliveries(conn: &mut Conn, webhook: i64, state: &'static str) -> Result<i64> {
    let count = each_db!(conn, |c| delivery::table
        .filter(delivery::webhook_no.eq(webhook).and(is_word(delivery::state, state)))
        .count()
        .get_result::<i64>(c))?;
    Ok(count)
}

/// Puts deliveries that were given up back to be sent, in their order; returns how many they are.
pub(crate) fn replay_dead(conn: &mut Conn, webhook: i64) -> Result<usize> {
    let count = each_db!(conn, |c| update_rows(
        delivery::table.filter(delivery::webhook_no.eq(webhook).and(is_word(delivery::state, DEAD)))
    )
    .set((delivery::state.eq(PENDING), delivery::attempts.eq(0), delivery::finished_at.eq(None::<i64>),))
    .execute(c))?;
    Ok(count)
}

/// Forgets what was delivered, but for the newest `kept`.
pub(crate) fn forget_delivered(conn: &mut Conn, webhook: i64, kept: i64) -> Result<()> {
    let oldest: Option<i64> = each_db!(conn, |c| delivery::table
        .filter(delivery::webhook_no.eq(webhook).and(is_word(delivery::state, DELIVERED)))
        .order(delivery::no.desc())
        .offset(kept)
        .limit(1)
        .select(delivery::no)
        .get_result(c)
        .optional())?;
    let Some(oldest) = oldest else { return Ok(()) };
    each_db!(conn, |c| diesel::delete(delivery::table.filter(
        delivery::webhook_no.eq(webhook).and(is_word(delivery::state, DELIVERED)).and(delivery::no.le(oldest))
    ))
    .execute(c))?;
    Ok(())
}
