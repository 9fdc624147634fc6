//! Hand-overs: a user who leaves is shut out, and what he has locked, checked out and been granted goes to another, as do the
//! collections and saved searches that others see; what he kept for himself stays his.
//!
//! A job does it, a few at a time: what was handed over is no longer the one's, so that it can begin again at any time. A lock
//! or a working copy goes only to who may write the object. Otherwise the lock ends; the working copy stays as it is, for in it
//! is what nobody else has, and who may unlock it says what becomes of it. Where a list denies the one something, it stays as it
//! is: what the order of its entries means for another is for people to say. What stays is named in the report.

use std::collections::BTreeSet;
use std::sync::Arc;

use cartulary_db::Conn;
use cartulary_model::permission::{AccessEntry, WRITE_PROPERTIES};
use cartulary_model::{ChangeKind, ObjectId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::bootstrap::{SYSTEM, parse_id};
use crate::module::{JobContext, JobError, JobHandler};
use crate::object::{Precondition, Written};
use crate::services::access_lists::exchange_entries;
use crate::services::jobs::{JobView, ask_for};
use crate::services::locks;
use crate::services::people::{find_user, note_people};
use crate::services::working_copies::of_object;
use crate::store::jobs::{self, NewJob};
use crate::store::locks::{self as lock_rows, LockRow};
use crate::store::objects;
use crate::store::principals::{self, PrincipalRow};
use crate::store::{acl, collections, saved_searches, shares, versions};
use crate::transaction::{Change, Tx};
use crate::{RepositoryError, Result, Session};

const HAND_OVER: &str = "core.hand-over";
/// How much one transaction hands over.
const BATCH: i64 = 50;
/// How much of what stays is named.
const NAMED_MAX: usize = 1_000;
/// An access list, as the report says it.
const LIST: &str = "list";

/// Who hands over, to whom, and who asked for it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Payload {
    from: i64,
    to: i64,
    by: i64,
}

/// What a hand-over did.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    locks_handed_over: u64,
    /// Of objects that the other may not write.
    locks_ended: u64,
    working_copies_handed_over: u64,
    /// Of documents that the other may not write.
    working_copies_left: u64,
    lists_handed_over: u64,
    /// Those that deny the one something.
    lists_left: u64,
    /// Collections that others see.
    collections_handed_over: u64,
    /// Saved searches that others see.
    saved_searches_handed_over: u64,
    /// The objects of what stays as it is; the first 1,000.
    left: Vec<Left>,
}

/// Something that stays with the one.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Left {
    /// `workingCopy` or `list`.
    kind: &'static str,
    /// The document that is checked out, or the object whose list it is.
    object_id: ObjectId,
    /// `may_not_write` or `denies`.
    reason: &'static str,
}

impl Report {
    fn leave(&mut self, left: Left) {
        if left.kind == LIST {
            self.lists_left += 1;
        } else {
            self.working_copies_left += 1;
        }
        if self.left.len() < NAMED_MAX {
            self.left.push(left);
        }
    }
}

impl Session {
    /// Shuts a user out, and has a job hand over to another what he has locked, checked out and been granted.
    ///
    /// # Errors
    /// `Forbidden` for others than administrators; `NotFound`; `Stale`; `Invalid` when the other is the same one, is shut out,
    /// or is no user; `Conflict` `last_administrator`.
    pub async fn user_hand_over(
        &self,
        id: ObjectId,
        precondition: Precondition,
        to: ObjectId,
    ) -> Result<Written<JobView>> {
        self.require_administrator()?;
        let session = self.clone();
        let written = self
            .transact(move |tx| {
                let from = find_user(tx.conn, id)?;
                session.check_user(tx.conn, &from, &precondition)?;
                let to = heir(tx.conn, &from, to)?;
                session.shut_out(tx, &from)?;
                note_people(tx, json!({ "act": "user_hand_over", "user": from.name, "to": to.name }))?;
                let payload = Payload { from: from.no, to: to.no, by: session.actor.no };
                let payload = serde_json::to_value(payload).map_err(RepositoryError::internal)?;
                ask_for(tx, &NewJob { kind: HAND_OVER, payload, dedupe_key: None, priority: 1 })
            })
            .await?;
        self.repository.inner.authentication.forget();
        Ok(written)
    }
}

/// Returns the user who shall have it.
fn heir(conn: &mut Conn, from: &PrincipalRow, to: ObjectId) -> Result<PrincipalRow> {
    let refused = |code, detail| RepositoryError::invalid("to", code, detail);
    let to = principals::by_id(conn, &to.to_string())?.filter(|row| row.kind == principals::USER);
    let to = to.ok_or_else(|| refused("unknown_principal", "is no user"))?;
    if to.no == from.no || to.name == SYSTEM || from.name == SYSTEM {
        return Err(refused("same_user", "is another person than who leaves"));
    }
    if to.disabled_at.is_some() {
        return Err(refused("shut_out", "may not sign in"));
    }
    Ok(to)
}

/// Returns the jobs of this file.
pub(crate) fn hand_over_handlers() -> Vec<JobHandler> {
    vec![JobHandler { kind: HAND_OVER, run: Arc::new(|context| Box::pin(run(context))) }]
}

async fn run(context: JobContext) -> std::result::Result<(), JobError> {
    let payload: Payload =
        serde_json::from_value(context.payload).map_err(|error| JobError::Dead(error.to_string()))?;
    let by = context.repository.session_of(payload.by).await?;
    by.require_administrator().map_err(|error| JobError::Dead(error.to_string()))?;
    let to = context.repository.session_of(payload.to).await?;
    let work = HandOver { by, to, from: payload.from, job: context.job_id };
    let mut report = Report::default();
    // Grants first: by them the other may write what was locked.
    work.lists(&mut report).await?;
    work.working_copies(&mut report).await?;
    work.kept(&mut report).await?;
    work.locks(&mut report).await?;
    Ok(work.tell(&report).await?)
}

/// A hand-over that is under way.
struct HandOver {
    /// Who asked for it.
    by: Session,
    /// Who gets it.
    to: Session,
    /// Who leaves.
    from: i64,
    /// The job that people follow.
    job: String,
}

impl HandOver {
    /// Says how far it is.
    async fn tell(&self, report: &Report) -> Result<()> {
        let text = serde_json::to_string(report).map_err(RepositoryError::internal)?;
        let id = self.job.clone();
        self.by.repository.database().write(move |conn: &mut Conn| jobs::put_progress(conn, &id, &text)).await
    }

    /// Lets the other have the collections and saved searches that others see.
    async fn kept(&self, report: &mut Report) -> Result<()> {
        let (from_id, to_id) = (self.id_of_from().await?, self.to.actor.id.to_string());
        loop {
            let (from, to) = (self.from, self.to.actor.no);
            let (from_id, to_id) = (from_id.clone(), to_id.clone());
            let act = move |tx: &mut Tx<'_>| -> Result<(u64, u64)> {
                let collections = collections::shown_of(tx.conn, from, BATCH)?;
                for (no, id) in &collections {
                    collections::put_owner(tx.conn, *no, to)?;
                    shares::remove(tx.conn, id, to)?;
                }
                let searches = saved_searches::shown_of(tx.conn, from, BATCH)?;
                for (no, id) in &searches {
                    saved_searches::put_owner(tx.conn, *no, to)?;
                    shares::remove(tx.conn, id, to)?;
                }
                if !collections.is_empty() || !searches.is_empty() {
                    let ids = |rows: &[(i64, String)]| rows.iter().map(|(_, id)| id.clone()).collect::<Vec<_>>();
                    let (collections, searches) = (ids(&collections), ids(&searches));
                    let detail = json!({
                        "act": "hand_over_kept", "from": from_id, "to": to_id, "collections": collections,
                        "savedSearches": searches,
                    });
                    note_people(tx, detail)?;
                }
                Ok((collections.len() as u64, searches.len() as u64))
            };
            let (collections, searches) = self.by.transact(act).await?.value;
            report.collections_handed_over += collections;
            report.saved_searches_handed_over += searches;
            self.tell(report).await?;
            if collections + searches == 0 {
                return Ok(());
            }
        }
    }

    /// Lets the other stand in the lists, where the one stood.
    async fn lists(&self, report: &mut Report) -> Result<()> {
        let from = self.from;
        let find = move |conn: &mut Conn| -> Result<Vec<i64>> {
            let lists = acl::lists_naming(conn, from)?;
            objects::owners_of_lists(conn, &lists)
        };
        let owners = self.by.repository.database().read(find).await?;
        for some in owners.chunks(usize::try_from(BATCH).unwrap_or(1)) {
            let (some, heir) = (some.to_vec(), self.to.clone());
            let act = move |tx: &mut Tx<'_>| -> Result<(u64, Vec<ObjectId>)> {
                let (mut done, mut left) = (0, Vec::new());
                let shared = principals::groups_of(tx.conn, from)?;
                let is_shared = |no: &i64| shared.contains(no) || *no == heir.repository.inner.everyone_no;
                let only_his: BTreeSet<i64> =
                    heir.actor.principals.iter().copied().filter(|no| !is_shared(no)).collect();
                let replaced = |entries: &[AccessEntry]| replaced(entries, from, heir.actor.no, &only_his);
                for no in &some {
                    let Some(row) = objects::locked(tx.conn, *no)? else { continue };
                    match exchange_entries(tx, &row, replaced)? {
                        true => done += 1,
                        false => left.push(parse_id(&row.id)?),
                    }
                }
                Ok((done, left))
            };
            let (done, left) = self.by.transact(act).await?.value;
            report.lists_handed_over += done;
            left.into_iter().for_each(|object_id| report.leave(Left { kind: LIST, object_id, reason: "denies" }));
            self.tell(report).await?;
        }
        Ok(())
    }

    /// Lets the other have what the one has checked out, where he may write.
    async fn working_copies(&self, report: &mut Report) -> Result<()> {
        let from = self.from;
        let (from_id, to_id) = (self.id_of_from().await?, self.to.actor.id.to_string());
        let mut after = 0;
        loop {
            let (from_id, to_id, heir) = (from_id.clone(), to_id.clone(), self.to.clone());
            let act = move |tx: &mut Tx<'_>| -> Result<(Option<i64>, u64, Vec<ObjectId>)> {
                let to = heir.actor.no;
                let (mut done, mut left) = (0, Vec::new());
                let series = versions::checked_out_of(tx.conn, from, after, BATCH)?;
                for one in &series {
                    let live = objects::live_of_series(tx.conn, &[*one].into())?.pop();
                    let live = live.ok_or_else(|| RepositoryError::internal("a series without a document"))?;
                    objects::locked(tx.conn, live.no)?;
                    let owner = versions::series_locked(tx.conn, *one)?.and_then(|series| series.checked_out_by);
                    if owner != Some(from) {
                        continue;
                    }
                    let access = &heir.repository.inner.access;
                    if !access.allows(tx.conn, &heir.actor, live.scope_no, WRITE_PROPERTIES, tx.now)? {
                        left.push(parse_id(&live.id)?);
                        continue;
                    }
                    done += 1;
                    versions::put_checked_out(tx.conn, *one, Some(to))?;
                    objects::touch(tx.conn, live.no)?;
                    let (before, after) = (json!({ "checkedOutBy": from_id }), json!({ "checkedOutBy": to_id }));
                    record(tx, &of_object(&live)?, before, after)?;
                }
                Ok((series.last().copied(), done, left))
            };
            let (last, done, left) = self.by.transact(act).await?.value;
            report.working_copies_handed_over += done;
            let stays = |object_id| Left { kind: "workingCopy", object_id, reason: "may_not_write" };
            left.into_iter().for_each(|object_id| report.leave(stays(object_id)));
            self.tell(report).await?;
            match last {
                Some(last) => after = last,
                None => return Ok(()),
            }
        }
    }

    /// Lets the other have the locks of the one, where he may write.
    async fn locks(&self, report: &mut Report) -> Result<()> {
        loop {
            let (from, to) = (self.from, self.to.clone());
            let act = move |tx: &mut Tx<'_>| -> Result<(u64, u64)> {
                let (mut done, mut ended) = (0, 0);
                for seen in lock_rows::of_owner(tx.conn, from, BATCH)? {
                    match hand_over_lock(tx, &to, seen.object_no, from)? {
                        true => done += 1,
                        false => ended += 1,
                    }
                }
                Ok((done, ended))
            };
            let (done, ended) = self.by.transact(act).await?.value;
            report.locks_handed_over += done;
            report.locks_ended += ended;
            self.tell(report).await?;
            if done + ended == 0 {
                return Ok(());
            }
        }
    }

    async fn id_of_from(&self) -> Result<String> {
        let from = self.from;
        let read = move |conn: &mut Conn| principals::by_no(conn, from);
        let row = self.by.repository.database().read(read).await?;
        Ok(row.ok_or_else(|| RepositoryError::not_found("the user"))?.id)
    }
}

/// Returns a list in which the other stands where the one stood; nothing when it denies something to the one, or to the other
/// or a group that only the other is in (`only_his`): a grant before it would take that away.
fn replaced(entries: &[AccessEntry], from: i64, to: i64, only_his: &BTreeSet<i64>) -> Option<Vec<AccessEntry>> {
    let is_theirs = |entry: &AccessEntry| entry.principal_no == from || only_his.contains(&entry.principal_no);
    if entries.iter().any(|entry| !entry.grants && is_theirs(entry)) {
        return None;
    }
    let mut kept: Vec<AccessEntry> = Vec::with_capacity(entries.len());
    for entry in entries {
        let principal_no = if entry.principal_no == from { to } else { entry.principal_no };
        let entry = AccessEntry { principal_no, ..entry.clone() };
        // The first of the same words decides.
        let is_same = |one: &AccessEntry| {
            (one.principal_no, &one.permission, one.begin_at, one.end_at)
                == (entry.principal_no, &entry.permission, entry.begin_at, entry.end_at)
        };
        if !kept.iter().any(is_same) {
            kept.push(entry);
        }
    }
    Some(kept)
}

/// Gives a lock to the other if he may write, and ends it otherwise; says whether he has it.
fn hand_over_lock(tx: &mut Tx<'_>, to: &Session, object: i64, from: i64) -> Result<bool> {
    let row = objects::locked(tx.conn, object)?.ok_or_else(|| RepositoryError::internal("a lock of nothing"))?;
    let lock = lock_rows::of_object(tx.conn, object, tx.now.as_millis())?.filter(|lock| lock.owner_no == from);
    let Some(lock) = lock else {
        lock_rows::delete_of(tx.conn, object, from)?;
        return Ok(false);
    };
    let access = &to.repository.inner.access;
    let detail = Some(json!({ "handedOver": true }));
    if access.allows(tx.conn, &to.actor, row.scope_no, WRITE_PROPERTIES, tx.now)? {
        let after = LockRow { owner_no: to.actor.no, ..lock.clone() };
        lock_rows::put(tx.conn, &after)?;
        locks::record(tx, &row, (Some(&lock), Some(&after)), detail)?;
        return Ok(true);
    }
    lock_rows::delete(tx.conn, object)?;
    locks::record(tx, &row, (Some(&lock), None), detail)?;
    Ok(false)
}

fn record(tx: &mut Tx<'_>, of: &Change, before: Value, after: Value) -> Result<()> {
    let detail = Some(json!({ "handedOver": true }));
    tx.record(ChangeKind::Updated, Change { before: Some(before), after: Some(after), detail, ..*of })
}
