//! Locks: an object that somebody has locked is changed by nobody else until it is unlocked, or the lock expires.
//!
//! What a lock keeps: name, title, properties, facets, content, versions, state, places, and that it is removed. It does not
//! keep who may do what, nor retention. The lock of a document is that of its working copy too: who checks out while
//! somebody else has locked is refused, and so is who locks what somebody else has checked out.

use cartulary_db::Conn;
use cartulary_model::permission::{
    BROWSE, Permission, READ_PROPERTIES, SET_RETENTION, UNLOCK, WRITE_PROPERTIES, WRITE_SECURITY,
};
use cartulary_model::{ChangeKind, ObjectId, Timestamp};
use serde_json::{Value, json};

use crate::object::{LockView, ObjectDetail, Precondition, Written};
use crate::services::detail::name_of;
use crate::services::objects::refuse_version;
use crate::services::versions::check_comment;
use crate::services::working_copies::{of_object, refuse_working_copy};
use crate::store::locks::{self, LockRow};
use crate::store::objects::{self, ObjectRow};
use crate::store::{principals, versions};
use crate::transaction::{Change, Tx};
use crate::{RepositoryError, Result, Session};

/// A lock to set.
#[derive(Clone, Debug, Default)]
pub struct NewLock {
    /// When it ends by itself; never unless given.
    pub expires_at: Option<Timestamp>,
    /// Why.
    pub comment: String,
}

impl Session {
    /// Returns the lock of an object.
    ///
    /// # Errors
    /// `NotFound`, also when it is not locked.
    pub async fn lock_get(&self, id: ObjectId) -> Result<(LockView, i64)> {
        let (session, now) = (self.clone(), self.repository.clock().now());
        let read = move |conn: &mut Conn| -> Result<(LockView, i64)> {
            let row = session.authorised(conn, id, BROWSE, now)?;
            let lock = session.lock_of(conn, &row, now)?;
            Ok((lock.ok_or_else(|| RepositoryError::not_found("the lock"))?, row.change_token))
        };
        self.repository.database().read_brief(read).await
    }

    /// Locks an object; whoever has locked it already gives the lock another end.
    ///
    /// # Errors
    /// `Stale`; `NotFound`; `Forbidden` without `WriteProperties`; `Locked` and `CheckedOut` by somebody else; `Invalid` for an
    /// end that is past; `Conflict` `immutable`, `working_copy`, `root_folder`.
    pub async fn object_lock(
        &self,
        id: ObjectId,
        precondition: Precondition,
        new: NewLock,
    ) -> Result<Written<ObjectDetail>> {
        check_comment(&new.comment)?;
        let session = self.clone();
        self.transact(move |tx| {
            if new.expires_at.is_some_and(|end| end <= tx.now) {
                return Err(RepositoryError::invalid("expiresAt", "in_the_past", "comes after the present"));
            }
            let row = session.for_change(tx, id, WRITE_PROPERTIES, &precondition)?;
            refuse_version(&row)?;
            refuse_working_copy(&row)?;
            session.refuse_root(&row)?;
            session.refuse_checked_out_by_other(tx, &row)?;
            let before = locks::of_object(tx.conn, row.no, tx.now.as_millis())?;
            let lock = LockRow {
                object_no: row.no,
                owner_no: tx.actor_no,
                locked_at: before.as_ref().map_or(tx.now.as_millis(), |before| before.locked_at),
                expires_at: new.expires_at.map(Timestamp::as_millis),
                comment: new.comment.clone(),
            };
            locks::put(tx.conn, &lock)?;
            record(tx, &row, (before.as_ref(), Some(&lock)), None)?;
            session.changed_detail(tx, &row)
        })
        .await
    }

    /// Unlocks an object that one has locked oneself, or breaks the lock of somebody else.
    ///
    /// # Errors
    /// `Stale`; `NotFound`, also when it is not locked; `Forbidden` without `Unlock` for another's lock.
    pub async fn object_unlock(&self, id: ObjectId, precondition: Precondition) -> Result<Written<ObjectDetail>> {
        let session = self.clone();
        self.transact(move |tx| {
            let seen = session.authorised(tx.conn, id, BROWSE, tx.now)?;
            let row = objects::locked(tx.conn, seen.no)?.filter(|row| row.trashed_at.is_none());
            let row = row.ok_or_else(|| RepositoryError::not_found("the object"))?;
            session.check_precondition(tx.conn, &row, &precondition, tx.now)?;
            let lock = locks::of_object(tx.conn, row.no, tx.now.as_millis())?;
            let lock = lock.ok_or_else(|| RepositoryError::not_found("the lock"))?;
            let is_broken = lock.owner_no != session.actor.no;
            if is_broken {
                let access = &session.repository.inner.access;
                access.require(tx.conn, &session.actor, row.scope_no, UNLOCK, tx.now)?;
            }
            locks::delete(tx.conn, row.no)?;
            record(tx, &row, (Some(&lock), None), is_broken.then(|| json!({ "lockBroken": true })))?;
            session.changed_detail(tx, &row)
        })
        .await
    }

    fn changed_detail(&self, tx: &mut Tx<'_>, row: &ObjectRow) -> Result<ObjectDetail> {
        let row = objects::by_no(tx.conn, row.no)?.ok_or_else(|| RepositoryError::not_found("the object"))?;
        self.detail_of(tx.conn, &row, tx.now)
    }

    fn refuse_checked_out_by_other(&self, tx: &mut Tx<'_>, row: &ObjectRow) -> Result<()> {
        let series = row.series_no.map(|series| versions::series_locked(tx.conn, series)).transpose()?.flatten();
        match series.and_then(|series| series.checked_out_by) {
            Some(by) if by != self.actor.no => self.refuse_checked_out(tx.conn, row, tx.now),
            _ => Ok(()),
        }
    }

    /// Refuses a change of what somebody else has locked, if it is one that a lock keeps.
    pub(crate) fn refuse_locked_for(
        &self,
        conn: &mut Conn,
        row: &ObjectRow,
        wanted: Permission,
        now: Timestamp,
    ) -> Result<()> {
        if [WRITE_SECURITY, SET_RETENTION].contains(&wanted) { Ok(()) } else { self.refuse_locked(conn, row, now) }
    }

    /// Refuses a change of what somebody else has locked.
    pub(crate) fn refuse_locked(&self, conn: &mut Conn, row: &ObjectRow, now: Timestamp) -> Result<()> {
        let lock = self.lock_row_of(conn, row, now)?.filter(|lock| lock.owner_no != self.actor.no);
        match lock {
            Some(lock) => Err(self.locked_error(conn, row, &lock, now)?),
            None => Ok(()),
        }
    }

    /// Says whether somebody else has locked an object.
    pub(crate) fn is_locked_by_other(&self, conn: &mut Conn, row: &ObjectRow, now: Timestamp) -> Result<bool> {
        Ok(self.lock_row_of(conn, row, now)?.is_some_and(|lock| lock.owner_no != self.actor.no))
    }

    /// Refuses to remove a tree in which somebody else has locked something.
    pub(crate) fn refuse_locked_tree(&self, conn: &mut Conn, rows: &[ObjectRow], now: Timestamp) -> Result<()> {
        let nos: Vec<i64> = rows.iter().map(|row| row.no).collect();
        let mut others = locks::of_objects(conn, &nos, now.as_millis())?;
        others.retain(|lock| lock.owner_no != self.actor.no);
        let root = rows.first().and_then(|root| Some((root, others.iter().find(|lock| lock.object_no == root.no)?)));
        match root {
            Some((root, lock)) => Err(self.locked_error(conn, root, lock, now)?),
            None if others.is_empty() => Ok(()),
            None => {
                let detail = "something in this folder is locked by somebody else: it stays until that is unlocked";
                Err(RepositoryError::conflict("tree_not_removable", detail))
            }
        }
    }

    /// Returns the lock of an object; of a working copy that of its document, of a version none.
    fn lock_row_of(&self, conn: &mut Conn, row: &ObjectRow, now: Timestamp) -> Result<Option<LockRow>> {
        let no = match row.role.as_str() {
            objects::VERSION => return Ok(None),
            objects::WORKING => self.live_of(conn, row)?.map_or(row.no, |live| live.no),
            _ => row.no,
        };
        locks::of_object(conn, no, now.as_millis())
    }

    fn locked_error(
        &self,
        conn: &mut Conn,
        row: &ObjectRow,
        lock: &LockRow,
        now: Timestamp,
    ) -> Result<RepositoryError> {
        let LockView { by, expires_at, .. } = self.view_of(conn, row, lock, now)?;
        Ok(RepositoryError::Locked { by: by.map(Box::new), expires_at })
    }

    /// Returns what the session may know of the lock of an object.
    pub(crate) fn lock_of(&self, conn: &mut Conn, row: &ObjectRow, now: Timestamp) -> Result<Option<LockView>> {
        match self.lock_row_of(conn, row, now)? {
            Some(lock) => Ok(Some(self.view_of(conn, row, &lock, now)?)),
            None => Ok(None),
        }
    }

    fn view_of(&self, conn: &mut Conn, row: &ObjectRow, lock: &LockRow, now: Timestamp) -> Result<LockView> {
        let access = &self.repository.inner.access;
        let is_own = lock.owner_no == self.actor.no;
        let may_know = is_own || access.allows(conn, &self.actor, row.scope_no, READ_PROPERTIES, now)?;
        let owner = principals::by_nos(conn, &[lock.owner_no].into())?.remove(&lock.owner_no).filter(|_| may_know);
        Ok(LockView {
            by: owner.as_ref().map(name_of).transpose()?,
            is_own,
            locked_at: Timestamp::from_millis(lock.locked_at),
            expires_at: lock.expires_at.map(Timestamp::from_millis),
            comment: if may_know { lock.comment.clone() } else { String::new() },
        })
    }
}

/// Raises the change token of an object, and writes into the log who locked or unlocked it.
pub(crate) fn record(
    tx: &mut Tx<'_>,
    row: &ObjectRow,
    (before, after): (Option<&LockRow>, Option<&LockRow>),
    detail: Option<Value>,
) -> Result<()> {
    let owners = [before, after].into_iter().flatten().map(|lock| lock.owner_no).collect();
    let people = principals::by_nos(tx.conn, &owners)?;
    let said = |lock: Option<&LockRow>| -> Value {
        let owner = lock.and_then(|lock| people.get(&lock.owner_no)).map(|owner| owner.id.clone());
        let end = lock.and_then(|lock| lock.expires_at).map(Timestamp::from_millis);
        json!({ "lockedBy": owner, "lockExpiresAt": end })
    };
    objects::touch(tx.conn, row.no)?;
    let change = Change { before: Some(said(before)), after: Some(said(after)), detail, ..of_object(row)? };
    tx.record(ChangeKind::Updated, change)
}
