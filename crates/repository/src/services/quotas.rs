//! Quotas: how much room each user takes, and may take.
//!
//! What counts for a user are the objects that he made, those in the trash too, and their contents in all versions; the same
//! bytes count once in a document. The database counts along (triggers write into `space_change` what a transaction takes and
//! gives back); at its end the transaction adds that to one row of each user concerned, and is refused when it would take
//! more than the user may. So a write costs one more statement, however much there is, and the row is held for the commit only.

use std::collections::BTreeSet;
use std::sync::Arc;

use cartulary_db::Conn;
use cartulary_model::{ChangeKind, ObjectId};
use serde_json::json;

use crate::error::QuotaExcess;
use crate::module::{JobContext, JobError, JobHandler};
use crate::object::{Current, Precondition, PrincipalName, WINDOW_ROWS_MAX, Window, WindowRequest, Written};
use crate::services::VerifyReport;
use crate::services::detail::name_of;
use crate::services::folders::window;
use crate::services::jobs::{JobView, ask_for};
use crate::services::people::{find_user, token_of};
use crate::store::jobs::{self, NewJob};
use crate::store::objects;
use crate::store::principals::{self, PrincipalRow};
use crate::store::space::{self, QuotaRow, Taken};
use crate::transaction::{Change, Tx};
use crate::{Repository, RepositoryError, Result, Session};

const RECOUNT: &str = "core.recount-space";
/// How many documents are looked at in one read.
const PAGE: i64 = 500;

/// How much room a user takes, and may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageView {
    /// Who.
    pub user: PrincipalName,
    /// What he takes. *Units*: bytes.
    pub size_bytes: u64,
    /// How many objects he has made that are there, in the trash too.
    pub object_count: u64,
    /// What he may take.
    pub quota: Quota,
    /// Another with every change of what he may take.
    pub change_token: i64,
}

/// How much room a user may take; what is `None` has no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    /// How much. *Units*: bytes.
    pub bytes_max: Option<u64>,
    /// How many objects.
    pub objects_max: Option<u64>,
}

impl Session {
    /// Returns a window of all users with what they take, who takes most first.
    ///
    /// # Errors
    /// `Forbidden` for others than administrators.
    pub async fn usage_list(&self, request: WindowRequest) -> Result<Window<UsageView>> {
        self.require_administrator()?;
        let limit = i64::try_from(request.limit.min(WINDOW_ROWS_MAX)).unwrap_or(i64::MAX);
        let read = move |conn: &mut Conn| -> Result<Window<UsageView>> {
            let offset = i64::try_from(request.offset).unwrap_or(i64::MAX);
            let (total, rows) = space::window(conn, offset, limit)?;
            let item = |(user, size_bytes, object_count, quota): space::UsageRow| {
                let (size_bytes, object_count) = (size_bytes.unwrap_or_default(), object_count.unwrap_or_default());
                view(&user, Taken { size_bytes, object_count }, quota)
            };
            let items = rows.into_iter().map(item).collect::<Result<Vec<_>>>()?;
            Ok(window(total.unsigned_abs(), items, request))
        };
        self.repository.database().read(read).await
    }

    /// Returns what a user takes: oneself, or for administrators anyone.
    ///
    /// # Errors
    /// `Forbidden`; `NotFound`.
    pub async fn usage_get(&self, id: ObjectId) -> Result<UsageView> {
        if id != self.actor.id {
            self.require_administrator()?;
        }
        let read = move |conn: &mut Conn| -> Result<UsageView> {
            let user = find_user(conn, id)?;
            usage_of(conn, &user)
        };
        self.repository.database().read_brief(read).await
    }

    /// Says how much room a user may take. Who takes more already keeps it, and takes no more.
    ///
    /// # Errors
    /// `Forbidden` for others than administrators; `NotFound`; `Stale`.
    pub async fn quota_put(
        &self,
        id: ObjectId,
        precondition: Precondition,
        quota: Quota,
    ) -> Result<Written<UsageView>> {
        self.require_administrator()?;
        self.transact(move |tx| {
            let user = find_user(tx.conn, id)?;
            // Of two who say it at once, the second finds what the first said.
            space::hold(tx.conn, user.no)?;
            let before = usage_of(tx.conn, &user)?;
            if !precondition.holds_for_token(before.change_token) {
                let (expected, token) = (precondition.clone(), before.change_token);
                return Err(RepositoryError::Stale { expected, token, current: Current::Usage(Box::new(before)) });
            }
            let stored = |most: Option<u64>| most.map(|most| i64::try_from(most).unwrap_or(i64::MAX));
            let (bytes_max, objects_max) = (stored(quota.bytes_max), stored(quota.objects_max));
            space::put_quota(tx.conn, &QuotaRow { principal_no: user.no, bytes_max, objects_max })?;
            let said = |quota: Quota| json!({ "maxBytes": quota.bytes_max, "maxObjects": quota.objects_max });
            let change = Change {
                before: Some(said(before.quota)),
                after: Some(said(quota)),
                detail: Some(json!({ "act": "quota_put", "user": user.name })),
                ..Change::default()
            };
            tx.record(ChangeKind::Principal, change)?;
            usage_of(tx.conn, &user)
        })
        .await
    }

    /// Has a job count again what everybody takes.
    ///
    /// # Errors
    /// `Forbidden` for others than administrators.
    pub async fn usage_recount(&self) -> Result<Written<JobView>> {
        self.require_administrator()?;
        self.transact(|tx| ask_for(tx, &NewJob { kind: RECOUNT, payload: json!({}), dedupe_key: None, priority: 0 }))
            .await
    }
}

impl Repository {
    /// Counts again what everybody takes, and mends what is wrong: first of each document, then of each user. The office may
    /// work meanwhile. Returns of how many documents and users something was wrong.
    ///
    /// # Errors
    /// The database's.
    pub async fn recount_space(&self) -> Result<u64> {
        let mut mended = 0;
        for series in self.miscounted_series().await? {
            let recount = move |tx: &mut Tx<'_>| -> Result<()> {
                let live = objects::live_of_series(tx.conn, &BTreeSet::from([series]))?;
                objects::lock_all(tx.conn, &live.iter().map(|row| row.no).collect::<Vec<_>>())?;
                space::recount_series(tx.conn, series)?;
                settle_space(tx.conn)
            };
            self.transact(self.inner.system.no, recount).await?;
            mended += 1;
        }
        let differing = self.database().read(|conn: &mut Conn| space::differing(conn)).await?;
        for principal in differing {
            let recount = move |tx: &mut Tx<'_>| -> Result<bool> {
                space::hold(tx.conn, principal)?;
                let (said, counted) = (space::taken(tx.conn, principal)?, space::counted(tx.conn, principal)?);
                space::put_taken(tx.conn, principal, counted)?;
                Ok(said != counted)
            };
            mended += u64::from(self.transact(self.inner.system.no, recount).await?.value);
        }
        Ok(mended)
    }

    /// Checks that what counts is what is there.
    pub(crate) async fn verify_space(&self, report: &mut VerifyReport) -> Result<()> {
        for series in self.miscounted_series().await? {
            report.fault("space_miscounted", series.to_string(), "the bytes of a document are not counted as they are");
        }
        let differing = self.database().read(|conn: &mut Conn| space::differing(conn)).await?;
        for principal in differing {
            let look = move |tx: &mut Tx<'_>| -> Result<bool> {
                space::hold(tx.conn, principal)?;
                Ok(space::taken(tx.conn, principal)? != space::counted(tx.conn, principal)?)
            };
            // What others wrote meanwhile is no fault.
            if self.transact(self.inner.system.no, look).await?.value {
                let detail = "for a user something else counts than is there: count again";
                report.fault("space_miscounted", principal.to_string(), detail);
            }
        }
        Ok(())
    }

    async fn miscounted_series(&self) -> Result<Vec<i64>> {
        let (mut after, mut all) = (0, Vec::new());
        loop {
            let read = move |conn: &mut Conn| space::miscounted(conn, after, PAGE);
            let Some((last, wrong)) = self.database().read(read).await? else { return Ok(all) };
            after = last;
            all.extend(wrong);
        }
    }
}

/// Returns the jobs of this file.
pub(crate) fn quota_handlers() -> Vec<JobHandler> {
    vec![JobHandler { kind: RECOUNT, run: Arc::new(|context| Box::pin(recount(context))) }]
}

async fn recount(context: JobContext) -> std::result::Result<(), JobError> {
    let mended = context.repository.recount_space().await.map_err(JobError::from)?;
    let (id, text) = (context.job_id, json!({ "mendedCount": mended }).to_string());
    let put = move |conn: &mut Conn| jobs::put_progress(conn, &id, &text);
    context.repository.database().write(put).await.map_err(JobError::from)
}

/// Adds what this transaction took and gave back to what the users take, and refuses what is more than they may take. It comes
/// last in a transaction: on PostgreSQL nobody waits long for the rows that it holds, and always in the same order.
///
/// # Errors
/// `QuotaExceeded`.
pub(crate) fn settle_space(conn: &mut Conn) -> Result<()> {
    for (principal, more) in space::take_changes(conn)? {
        if more == Taken::default() {
            continue;
        }
        let taken = space::add(conn, principal, more)?;
        if more.size_bytes <= 0 && more.object_count <= 0 {
            continue;
        }
        let Some(quota) = space::quota(conn, principal)? else { continue };
        let is_over = |more: i64, taken: i64, most: Option<i64>| more > 0 && most.is_some_and(|most| taken > most);
        if is_over(more.size_bytes, taken.size_bytes, quota.bytes_max)
            || is_over(more.object_count, taken.object_count, quota.objects_max)
        {
            let user = principals::by_no(conn, principal)?.ok_or_else(|| RepositoryError::not_found("the user"))?;
            let limits = quota_of(Some(quota));
            let excess = QuotaExcess {
                user: name_of(&user)?,
                size_bytes: taken.size_bytes.unsigned_abs(),
                bytes_max: limits.bytes_max,
                object_count: taken.object_count.unsigned_abs(),
                objects_max: limits.objects_max,
                is_shown: true,
            };
            return Err(RepositoryError::QuotaExceeded { excess: Box::new(excess) });
        }
    }
    Ok(())
}

/// Refuses what is on its way to a user who could not keep it. *Units*: bytes.
///
/// # Errors
/// `QuotaExceeded`.
pub(crate) fn refuse_over_quota(conn: &mut Conn, principal: i64, coming: u64) -> Result<()> {
    let limits = quota_of(space::quota(conn, principal)?);
    let Some(most) = limits.bytes_max else { return Ok(()) };
    let taken = space::taken(conn, principal)?;
    let size_bytes = taken.size_bytes.max(0).unsigned_abs().saturating_add(coming);
    if coming == 0 || size_bytes <= most {
        return Ok(());
    }
    let user = principals::by_no(conn, principal)?.ok_or_else(|| RepositoryError::not_found("the user"))?;
    let excess = QuotaExcess {
        user: name_of(&user)?,
        size_bytes,
        bytes_max: limits.bytes_max,
        object_count: taken.object_count.max(0).unsigned_abs(),
        objects_max: limits.objects_max,
        is_shown: true,
    };
    Err(RepositoryError::QuotaExceeded { excess: Box::new(excess) })
}

fn usage_of(conn: &mut Conn, user: &PrincipalRow) -> Result<UsageView> {
    let (taken, quota) = (space::taken(conn, user.no)?, space::quota(conn, user.no)?);
    view(user, taken, quota)
}

fn quota_of(row: Option<QuotaRow>) -> Quota {
    let most = |most: Option<i64>| most.map(i64::unsigned_abs);
    row.map_or(Quota::default(), |row| Quota { bytes_max: most(row.bytes_max), objects_max: most(row.objects_max) })
}

fn view(user: &PrincipalRow, taken: Taken, quota: Option<QuotaRow>) -> Result<UsageView> {
    let quota = quota_of(quota);
    Ok(UsageView {
        user: name_of(user)?,
        size_bytes: taken.size_bytes.max(0).unsigned_abs(),
        object_count: taken.object_count.max(0).unsigned_abs(),
        quota,
        change_token: token_of(&json!([user.id, quota.bytes_max, quota.objects_max])),
    })
}
