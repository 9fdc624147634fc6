//! Legal holds: named reasons for which versions stay, whatever their retention says, until the hold is released.

use std::collections::BTreeSet;

use cartulary_db::Conn;
use cartulary_model::permission::MANAGE_LEGAL_HOLD;
use cartulary_model::{ChangeKind, ObjectId, Timestamp};
use serde_json::json;

use crate::bootstrap::parse_id;
use crate::object::{ObjectSummary, PrincipalName, WINDOW_ROWS_MAX, Window, WindowRequest, Written};
use crate::services::detail::principal_name;
use crate::services::folders::window;
use crate::services::objects::{made_before, remember_made, request_digest};
use crate::services::retention::{REASON_CHARACTERS_MAX, check_words, said_of};
use crate::store::objects::{self, ObjectRow};
use crate::store::principals;
use crate::store::retention::{self, HoldRow, NewHoldRow};
use crate::transaction::{Change, Tx};
use crate::{RepositoryError, Result, Session};

/// How long the name of a hold may be, in characters.
pub(crate) const NAME_CHARACTERS_MAX: usize = 200;
/// How many versions one release takes in its transaction.
const RELEASED_MAX: usize = 10_000;

/// A legal hold.
#[derive(Clone, Debug)]
pub struct LegalHold {
    /// Its id.
    pub id: ObjectId,
    /// Its name.
    pub name: String,
    /// Why.
    pub reason: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: PrincipalName,
    /// When and by whom it was released as a whole, and why.
    pub released: Option<HoldRelease>,
}

/// That a hold was released.
#[derive(Clone, Debug)]
pub struct HoldRelease {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: PrincipalName,
    /// Why.
    pub reason: String,
}

/// A legal hold to make.
#[derive(Clone, Debug, Default)]
pub struct NewLegalHold {
    /// Its name.
    pub name: String,
    /// Why.
    pub reason: String,
    /// A key under which a repeated request finds what the first one made.
    pub idempotency_key: Option<String>,
}

impl Session {
    /// Makes a legal hold; nothing is under it yet.
    ///
    /// # Errors
    /// `Forbidden` for those who have `ManageLegalHold` nowhere; `Invalid`.
    pub async fn legal_hold_create(&self, new: NewLegalHold) -> Result<Written<LegalHold>> {
        check_words("name", &new.name, NAME_CHARACTERS_MAX)?;
        check_words("reason", &new.reason, REASON_CHARACTERS_MAX)?;
        let session = self.clone();
        let digest = request_digest(&json!(["legal-hold", new.name, new.reason]));
        self.transact(move |tx| {
            session.require_holds(tx.conn, tx.now)?;
            let key = new.idempotency_key.as_deref();
            if let Some(id) = made_before(tx, key, &digest)? {
                return session.hold_view(tx.conn, &id.to_string());
            }
            let id = ObjectId::generate().to_string();
            let (created_at, created_by) = (tx.now.as_millis(), tx.actor_no);
            let row = NewHoldRow { id: &id, name: &new.name, reason: &new.reason, created_at, created_by };
            retention::insert_hold(tx.conn, &row)?;
            let after = json!({ "name": new.name, "reason": new.reason });
            note(tx, &id, Change { after: Some(after), ..Change::default() })?;
            remember_made(tx, key, &digest, &id)?;
            session.hold_view(tx.conn, &id)
        })
        .await
    }

    /// Returns a window of the legal holds, the newest first, released ones too.
    ///
    /// # Errors
    /// `Forbidden` for those who have `ManageLegalHold` nowhere.
    pub async fn legal_hold_list(&self, request: WindowRequest) -> Result<Window<LegalHold>> {
        let (session, now) = (self.clone(), self.repository.clock().now());
        let limit = i64::try_from(request.limit.min(WINDOW_ROWS_MAX)).unwrap_or(i64::MAX);
        let read = move |conn: &mut Conn| -> Result<Window<LegalHold>> {
            session.require_holds(conn, now)?;
            let offset = i64::try_from(request.offset).unwrap_or(i64::MAX);
            let (total, rows) = retention::holds(conn, offset, limit)?;
            let items = rows.into_iter().map(|row| view(conn, row)).collect::<Result<Vec<_>>>()?;
            Ok(window(total.unsigned_abs(), items, request))
        };
        self.repository.database().read(read).await
    }

    /// Returns one legal hold.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` for those who have `ManageLegalHold` nowhere.
    pub async fn legal_hold_get(&self, id: ObjectId) -> Result<LegalHold> {
        let (session, now) = (self.clone(), self.repository.clock().now());
        let read = move |conn: &mut Conn| -> Result<LegalHold> {
            session.require_holds(conn, now)?;
            session.hold_view(conn, &id.to_string())
        };
        self.repository.database().read(read).await
    }

    /// Returns a window of the versions under a hold, in the order of their making: those on which the caller has
    /// `ManageLegalHold`.
    ///
    /// # Errors
    /// As [`Session::legal_hold_get`].
    pub async fn held_list(&self, id: ObjectId, request: WindowRequest) -> Result<Window<ObjectSummary>> {
        let (session, now) = (self.clone(), self.repository.clock().now());
        let request = WindowRequest { limit: request.limit.min(WINDOW_ROWS_MAX), ..request };
        let read = move |conn: &mut Conn| {
            session.require_holds(conn, now)?;
            let hold = hold_of(retention::hold_by_id(conn, &id.to_string())?)?;
            let scopes = retention::scopes_held(conn, hold.no)?;
            let access = &session.repository.inner.access;
            let allowing = access.allowing(conn, &session.actor, &scopes, MANAGE_LEGAL_HOLD, now)?;
            let offset = i64::try_from(request.offset).unwrap_or(i64::MAX);
            let limit = i64::try_from(request.limit).unwrap_or(i64::MAX);
            let (total, nos) = retention::held_window(conn, hold.no, &allowing, (offset, limit))?;
            let mut rows = objects::by_nos(conn, &nos)?;
            let rows: Vec<ObjectRow> = nos.iter().filter_map(|no| rows.remove(no)).collect();
            let items = session.summaries_of(conn, &rows, now)?;
            let readings = session.readings_among(conn, &nos, now)?;
            Ok((window(total.unsigned_abs(), items, request), readings))
        };
        self.read_noted("legal hold", read).await
    }

    /// Puts a version, or all versions of a document, under a hold; those in the trash too. A document that was changed since
    /// its last version gets one with that. What is under it stays so.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` without `ManageLegalHold` on the document; `Conflict` `hold_released`, `not_a_document`,
    /// `working_copy`.
    pub async fn hold_put(&self, hold: ObjectId, id: ObjectId) -> Result<Written<()>> {
        let session = self.clone();
        self.transact(move |tx| session.hold_in_tx(tx, hold, id)).await
    }

    /// Does so.
    pub(crate) fn hold_in_tx(&self, tx: &mut Tx<'_>, hold: ObjectId, id: ObjectId) -> Result<()> {
        let hold = hold_of(retention::hold_locked(tx.conn, &hold.to_string())?)?;
        let row = self.to_hold(tx, id)?;
        if hold.released_at.is_some() {
            let detail = "the hold was released: make another";
            return Err(RepositoryError::conflict("hold_released", detail));
        }
        let kept = self.versions_to_keep(tx, &row)?;
        let nos: Vec<i64> = kept.iter().map(|version| version.object_no).collect();
        let before = said_of(&kept, &retention::awaited(tx.conn, &nos)?);
        let mut is_new = false;
        for no in &nos {
            is_new |= retention::insert_held(tx.conn, hold.no, *no, tx.now.as_millis(), tx.actor_no)?;
        }
        if !is_new {
            return Ok(());
        }
        retention::put_records(tx.conn, &nos, tx.now.as_millis())?;
        self.record_retention(tx, &row, &nos, &before, Some(json!({ "heldBy": hold.id }))).map(drop)
    }

    /// Releases a version, or all versions of a document, from a hold; other holds stay.
    ///
    /// # Errors
    /// As [`Session::hold_put`]; `NotFound` for what is not under it.
    pub async fn hold_release(&self, hold: ObjectId, id: ObjectId) -> Result<Written<()>> {
        let session = self.clone();
        self.transact(move |tx| session.unhold_in_tx(tx, hold, id)).await
    }

    /// Does so.
    pub(crate) fn unhold_in_tx(&self, tx: &mut Tx<'_>, hold: ObjectId, id: ObjectId) -> Result<()> {
        let hold = hold_of(retention::hold_locked(tx.conn, &hold.to_string())?)?;
        let row = self.to_hold(tx, id)?;
        let kept = self.kept_of(tx.conn, &row)?;
        let nos: Vec<i64> = kept.iter().map(|version| version.object_no).collect();
        let before = said_of(&kept, &retention::awaited(tx.conn, &nos)?);
        let mut was_held = false;
        for no in &nos {
            was_held |= retention::delete_held(tx.conn, hold.no, *no)?;
        }
        if !was_held {
            return Err(RepositoryError::not_found("the document under this hold"));
        }
        self.record_retention(tx, &row, &nos, &before, Some(json!({ "releasedFrom": hold.id }))).map(drop)
    }

    /// Releases all that is under a hold, for ever: nothing comes under it any more.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` without `ManageLegalHold` on all that is under it; `Invalid` for the reason; `Conflict`
    /// `hold_released`, `use_bulk_action` for more than 10,000 versions.
    pub async fn legal_hold_release(&self, id: ObjectId, reason: String) -> Result<Written<LegalHold>> {
        check_words("reason", &reason, REASON_CHARACTERS_MAX)?;
        let session = self.clone();
        self.transact(move |tx| {
            session.require_holds(tx.conn, tx.now)?;
            let hold = hold_of(retention::hold_locked(tx.conn, &id.to_string())?)?;
            if hold.released_at.is_some() {
                return Err(RepositoryError::conflict("hold_released", "the hold was released already"));
            }
            let limit = i64::try_from(RELEASED_MAX + 1).unwrap_or(i64::MAX);
            let rows = retention::held(tx.conn, hold.no, limit)?;
            if rows.len() > RELEASED_MAX {
                let detail = "more than 10,000 versions are under it: release them by a bulk action first";
                return Err(RepositoryError::conflict("use_bulk_action", detail));
            }
            let scopes: BTreeSet<i64> = rows.iter().map(|(_, _, scope)| *scope).collect();
            let access = &session.repository.inner.access;
            if access.allowing(tx.conn, &session.actor, &scopes, MANAGE_LEGAL_HOLD, tx.now)?.len() < scopes.len() {
                return Err(RepositoryError::Forbidden { permission: MANAGE_LEGAL_HOLD.to_owned() });
            }
            session.release_all(tx, &hold, &rows)?;
            retention::put_released(tx.conn, hold.no, tx.now.as_millis(), tx.actor_no, &reason)?;
            let before = json!({ "name": hold.name, "heldCount": rows.len() });
            let change =
                Change { before: Some(before), after: Some(json!({ "released": reason })), ..Change::default() };
            note(tx, &hold.id, change)?;
            session.hold_view(tx.conn, &hold.id)
        })
        .await
    }

    fn release_all(&self, tx: &mut Tx<'_>, hold: &HoldRow, rows: &[retention::HeldRow]) -> Result<()> {
        let series: BTreeSet<i64> = rows.iter().map(|(_, series, _)| *series).collect();
        let documents = objects::live_of_series(tx.conn, &series)?;
        objects::lock_all(tx.conn, &documents.iter().map(|row| row.no).collect::<Vec<_>>())?;
        for document in documents {
            let nos: Vec<i64> =
                rows.iter().filter(|(_, series, _)| Some(*series) == document.series_no).map(|(no, ..)| *no).collect();
            let kept = retention::of_versions(tx.conn, &nos)?;
            let before = said_of(&kept, &retention::awaited(tx.conn, &nos)?);
            for no in &nos {
                retention::delete_held(tx.conn, hold.no, *no)?;
            }
            self.record_retention(tx, &document, &nos, &before, Some(json!({ "releasedFrom": hold.id })))?;
        }
        Ok(())
    }

    /// Returns a document or version that is held or released, in the trash or not, locked against others.
    fn to_hold(&self, tx: &mut Tx<'_>, id: ObjectId) -> Result<ObjectRow> {
        let missing = || RepositoryError::not_found("the object");
        self.lock_document_of(tx, id)?;
        let seen = objects::by_id(tx.conn, &id.to_string())?.ok_or_else(missing)?;
        let row = objects::locked(tx.conn, seen.no)?.ok_or_else(missing)?;
        if row.role == objects::WORKING && !self.may_see_working_copy(tx.conn, &row, tx.now)? {
            return Err(missing());
        }
        let access = &self.repository.inner.access;
        access.require(tx.conn, &self.actor, row.scope_no, MANAGE_LEGAL_HOLD, tx.now)?;
        Ok(row)
    }

    fn require_holds(&self, conn: &mut Conn, now: Timestamp) -> Result<()> {
        match self.has_anywhere(conn, MANAGE_LEGAL_HOLD, now)? {
            true => Ok(()),
            false => Err(RepositoryError::Forbidden { permission: MANAGE_LEGAL_HOLD.to_owned() }),
        }
    }

    fn hold_view(&self, conn: &mut Conn, id: &str) -> Result<LegalHold> {
        let row = hold_of(retention::hold_by_id(conn, id)?)?;
        view(conn, row)
    }
}

fn hold_of(row: Option<HoldRow>) -> Result<HoldRow> {
    row.ok_or_else(|| RepositoryError::not_found("the legal hold"))
}

fn view(conn: &mut Conn, row: HoldRow) -> Result<LegalHold> {
    let people = principals::by_nos(conn, &[Some(row.created_by), row.released_by].into_iter().flatten().collect())?;
    let released = match row.released_at.zip(row.released_by) {
        Some((at, by)) => Some(HoldRelease {
            at: Timestamp::from_millis(at),
            by: principal_name(&people, by)?,
            reason: row.release_reason.unwrap_or_default(),
        }),
        None => None,
    };
    Ok(LegalHold {
        id: parse_id(&row.id)?,
        name: row.name,
        reason: row.reason,
        created_at: Timestamp::from_millis(row.created_at),
        created_by: principal_name(&people, row.created_by)?,
        released,
    })
}

fn note(tx: &mut Tx<'_>, id: &str, change: Change) -> Result<()> {
    tx.record(ChangeKind::Retention, Change { detail: Some(json!({ "legalHold": id })), ..change })
}
