//! Check-out: the private working copy of a document, and its end.
//!
//! A working copy is an object of the document's series with an id of its own. It lies in no folder, in no list and in no
//! index; whoever checked out and holders of `Unlock` see it, for others it is not there. Its title, properties and content
//! change like any object's. It ends with a check-in, which [`Session::version_create`] does, or is cancelled.

use cartulary_db::Conn;
use cartulary_model::permission::{BROWSE, READ_PROPERTIES, UNLOCK, WRITE_VERSION};
use cartulary_model::{BaseType, ChangeKind, ObjectId, Timestamp, Violation};
use serde_json::{Value, json};

use crate::bootstrap::parse_id;
use crate::object::{CheckOut, ObjectChanges, ObjectDetail, Precondition, VersionNote, Versioning, Written};
use crate::services::detail::{name_of, properties_of};
use crate::services::objects::{refuse_version, remember_made, request_digest};
use crate::services::readings::Reading;
use crate::services::versions::values_of;
use crate::store::objects::{self, NewObjectRow, ObjectRow};
use crate::store::versions::{self, Which};
use crate::store::{copies, principals};
use crate::transaction::{Change, Tx};
use crate::{RepositoryError, Result, Session};

impl Session {
    /// Checks a document out and returns its working copy. A repeated request with the same key finds the first one's.
    ///
    /// # Errors
    /// `CheckedOut`, `Forbidden` without `WriteVersion`, `NotFound`; `Conflict` `immutable`, `not_a_document`.
    pub async fn document_check_out(
        &self,
        id: ObjectId,
        idempotency_key: Option<String>,
    ) -> Result<Written<ObjectDetail>> {
        let session = self.clone();
        self.transact(move |tx| {
            let digest = request_digest(&json!(["working-copy", id.to_string()]));
            if let Some(row) = session.replay(tx, idempotency_key.as_deref(), &digest)? {
                return session.detail_of(tx.conn, &row, tx.now);
            }
            let live = session.for_change(tx, id, WRITE_VERSION, &Precondition::Any)?;
            refuse_version(&live)?;
            let copy = session.check_out_in_tx(tx, &live)?;
            remember_made(tx, idempotency_key.as_deref(), &digest, &copy.id)?;
            session.detail_of(tx.conn, &copy, tx.now)
        })
        .await
    }

    fn check_out_in_tx(&self, tx: &mut Tx<'_>, live: &ObjectRow) -> Result<ObjectRow> {
        let Some(series) = live.series_no else {
            return Err(RepositoryError::conflict("not_a_document", "only a document is checked out"));
        };
        let found = versions::series_locked(tx.conn, series)?.and_then(|series| series.checked_out_by);
        if let Some(by) = found {
            return Err(self.checked_out_error(tx.conn, live, by, tx.now)?);
        }
        let at = self.series_instant(tx, live)?;
        let id = ObjectId::generate();
        let row = NewObjectRow {
            id: id.to_string(),
            role: objects::WORKING,
            created_at: at,
            created_by: tx.actor_no,
            modified_at: at,
            modified_by: tx.actor_no,
            ..copied(live)
        };
        let no = objects::insert(tx.conn, &row)?;
        let copy = row.numbered(no);
        copies::copy_contents(tx.conn, live.no, copy.no)?;
        copies::copy_facets(tx.conn, live.no, copy.no)?;
        versions::put_checked_out(tx.conn, series, Some(tx.actor_no))?;
        objects::touch(tx.conn, live.no)?;
        let me = self.actor.id.to_string();
        record_check_out(tx, live, json!({ "checkedOutBy": null }), json!({ "checkedOutBy": me }))?;
        let after = json!({ "name": copy.name, "title": copy.title, "properties": properties_of(&copy)? });
        let change = Change { after: Some(after), detail: Some(json!({ "documentId": live.id })), ..of_object(&copy)? };
        tx.record(ChangeKind::Created, change)?;
        Ok(copy)
    }

    /// Returns the working copy of a document.
    ///
    /// # Errors
    /// `NotFound` when there is none, or the caller may not know of it.
    pub async fn working_copy_get(&self, id: ObjectId) -> Result<ObjectDetail> {
        let (session, now) = (self.clone(), self.repository.clock().now());
        let read = move |conn: &mut Conn| -> Result<(ObjectDetail, Option<Reading>)> {
            let row = session.working_copy_of(conn, id, now)?;
            Ok((session.detail_of(conn, &row, now)?, session.reading_of(conn, &row)?))
        };
        let (detail, reading) = self.repository.database().read_brief(read).await?;
        self.note_reading_of(&detail, reading).await?;
        Ok(detail)
    }

    /// Returns the working copy that a document's id or its own leads to, if the session may see it.
    fn working_copy_of(&self, conn: &mut Conn, id: ObjectId, now: Timestamp) -> Result<ObjectRow> {
        let row = self.authorised(conn, id, BROWSE, now)?;
        let copy = match row.series_no {
            _ if row.role == objects::WORKING => Some(row),
            Some(series) => objects::working_of_series(conn, series)?,
            None => None,
        };
        let missing = || RepositoryError::not_found("the working copy");
        let copy = copy.ok_or_else(missing)?;
        if self.may_see_working_copy(conn, &copy, now)? { Ok(copy) } else { Err(missing()) }
    }

    /// Gives up a working copy, by its own id or its document's, with what was changed in it. The document stays as it is.
    ///
    /// # Errors
    /// `Stale`; `NotFound` when there is none, or the caller may not know of it.
    pub async fn check_out_cancel(&self, id: ObjectId, precondition: Precondition) -> Result<Written<()>> {
        let session = self.clone();
        self.transact(move |tx| {
            let seen = session.working_copy_of(tx.conn, id, tx.now)?;
            let copy = objects::locked(tx.conn, seen.no)?;
            let copy = copy.ok_or_else(|| RepositoryError::not_found("the working copy"))?;
            session.check_precondition(tx.conn, &copy, &precondition, tx.now)?;
            session.refuse_locked(tx.conn, &copy, tx.now)?;
            let live = session.live_of(tx.conn, &copy)?;
            let live = live.ok_or_else(|| RepositoryError::internal("a working copy without a document"))?;
            objects::locked(tx.conn, live.no)?;
            let owner = session.end_check_out(tx, &copy)?;
            objects::touch(tx.conn, live.no)?;
            record_check_out(tx, &live, json!({ "checkedOutBy": owner }), json!({ "checkedOutBy": null }))
        })
        .await
    }

    /// Removes a working copy, and returns the id of who had it.
    pub(crate) fn end_check_out(&self, tx: &mut Tx<'_>, copy: &ObjectRow) -> Result<Option<String>> {
        let series = copy.series_no.ok_or_else(|| RepositoryError::internal("a working copy without a series"))?;
        let owner = versions::series_locked(tx.conn, series)?.and_then(|series| series.checked_out_by);
        let owner = match owner {
            Some(no) => principals::by_nos(tx.conn, &[no].into())?.remove(&no).map(|row| row.id),
            None => None,
        };
        let before = values_of(tx.conn, copy)?;
        versions::put_checked_out(tx.conn, series, None)?;
        versions::destroy(tx.conn, copy.no)?;
        tx.record(ChangeKind::Destroyed, Change { before: Some(before), ..of_object(copy)? })?;
        Ok(owner)
    }

    /// Says whether the session may know of a working copy: whoever checked out, and holders of `Unlock`.
    pub(crate) fn may_see_working_copy(&self, conn: &mut Conn, copy: &ObjectRow, now: Timestamp) -> Result<bool> {
        let owner = match copy.series_no {
            Some(series) => versions::series(conn, series)?.and_then(|series| series.checked_out_by),
            None => None,
        };
        if owner == Some(self.actor.no) {
            return Ok(true);
        }
        self.repository.inner.access.allows(conn, &self.actor, copy.scope_no, UNLOCK, now)
    }

    /// Refuses a change of a live document that is checked out, also to whoever did.
    pub(crate) fn refuse_checked_out(&self, conn: &mut Conn, row: &ObjectRow, now: Timestamp) -> Result<()> {
        let Some(series) = row.series_no.filter(|_| row.role == objects::LIVE) else { return Ok(()) };
        match versions::series_locked(conn, series)?.and_then(|series| series.checked_out_by) {
            Some(by) => Err(self.checked_out_error(conn, row, by, now)?),
            None => Ok(()),
        }
    }

    /// Refuses changes of title and properties while a document is checked out, and those that a working copy does not take.
    /// The name stays the document's own: it is about where it lies, not about what it is.
    pub(crate) fn check_versioning(&self, tx: &mut Tx<'_>, row: &ObjectRow, changes: &ObjectChanges) -> Result<()> {
        let is_of_document = row.series_no.is_some();
        if !is_of_document && !changes.note.is_silent() {
            let detail = "only a document has versions";
            return Err(RepositoryError::invalid("version", "not_a_document", detail));
        }
        if row.role == objects::WORKING && changes.name.as_ref().is_some_and(|name| *name != row.name) {
            let detail = "a working copy has the name of its document: rename the document instead";
            return Err(RepositoryError::invalid("name", "not_of_working_copy", detail));
        }
        refuse_note_to_working_copy(row, &changes.note)?;
        let is_rename = changes.title.is_none()
            && changes.properties.is_empty()
            && changes.facets.is_none()
            && changes.note.is_silent();
        if is_rename { Ok(()) } else { self.refuse_checked_out(tx.conn, row, tx.now) }
    }

    pub(crate) fn checked_out_error(
        &self,
        conn: &mut Conn,
        row: &ObjectRow,
        by: i64,
        now: Timestamp,
    ) -> Result<RepositoryError> {
        let by = self.check_out_of(conn, row, by, now)?.by.map(Box::new);
        Ok(RepositoryError::CheckedOut { by })
    }

    /// Returns what the session may know of a check-out by somebody.
    fn check_out_of(&self, conn: &mut Conn, row: &ObjectRow, by: i64, now: Timestamp) -> Result<CheckOut> {
        let access = &self.repository.inner.access;
        let may_know = by == self.actor.no || access.allows(conn, &self.actor, row.scope_no, READ_PROPERTIES, now)?;
        let person = principals::by_nos(conn, &[by].into())?.remove(&by).filter(|_| may_know);
        let copy = match row.series_no {
            Some(series) => objects::working_of_series(conn, series)?,
            None => None,
        };
        let copy = match copy {
            Some(copy) if self.may_see_working_copy(conn, &copy, now)? => Some(parse_id(&copy.id)?),
            _ => None,
        };
        Ok(CheckOut { by: person.as_ref().map(name_of).transpose()?, working_copy_id: copy })
    }

    /// Returns what an object has to do with versions; `live` is the document that it is of, when it is not that itself.
    pub(crate) fn versioning_of(
        &self,
        conn: &mut Conn,
        row: &ObjectRow,
        live: Option<&ObjectRow>,
        now: Timestamp,
    ) -> Result<Versioning> {
        let Some(series_no) = row.series_no else { return Ok(Versioning::default()) };
        let series = versions::series(conn, series_no)?;
        let checked_out = match series.as_ref().and_then(|series| series.checked_out_by) {
            Some(by) => Some(self.check_out_of(conn, row, by, now)?),
            None => None,
        };
        let mut versioning = Versioning {
            document_id: live.map(|live| parse_id(&live.id)).transpose()?,
            is_working_copy: row.role == objects::WORKING,
            checked_out,
            ..Versioning::default()
        };
        if row.role == objects::VERSION {
            let is =
                |found: Option<(versions::VersionRow, ObjectRow)>| found.is_some_and(|(_, found)| found.no == row.no);
            versioning.is_latest = is(versions::of_series(conn, series_no, Which::Latest)?);
            versioning.is_latest_major = is(versions::of_series(conn, series_no, Which::LatestMajor)?);
        }
        Ok(versioning)
    }
}

/// Refuses to a working copy what only a document has: a place, versions.
pub(crate) fn refuse_working_copy(row: &ObjectRow) -> Result<()> {
    if row.role == objects::WORKING {
        let detail = "this is a working copy: check it in or cancel the check-out, or name the document instead";
        return Err(RepositoryError::conflict("working_copy", detail));
    }
    Ok(())
}

/// Refuses what is said of a version to a working copy, which makes none until it is checked in.
pub(crate) fn refuse_note_to_working_copy(row: &ObjectRow, note: &VersionNote) -> Result<()> {
    if row.role != objects::WORKING || note.is_silent() {
        return Ok(());
    }
    let detail = "a working copy makes no version before it is checked in: say it then";
    let mut violations = Vec::new();
    if !note.comment.is_empty() {
        violations.push(Violation::new("comment", "not_of_working_copy", detail));
    }
    if note.increment.is_some() {
        violations.push(Violation::new("version", "not_of_working_copy", detail));
    }
    Err(RepositoryError::Invalid { violations })
}

/// Returns the scope in which a change of an object is told of: of a working copy, none. It is private, and only
/// administrators read in the log what is in no scope.
pub(crate) fn scope_in_log(row: &ObjectRow) -> Option<i64> {
    (row.role != objects::WORKING).then_some(row.scope_no)
}

/// Returns a row with all values of another, to be given an id, a role and instants.
pub(crate) fn copied(row: &ObjectRow) -> NewObjectRow {
    NewObjectRow {
        id: row.id.clone(),
        base: BaseType::Document.as_str(),
        role: objects::LIVE,
        type_id: row.type_id.clone(),
        series_no: row.series_no,
        scope_no: row.scope_no,
        name: row.name.clone(),
        title: row.title.clone(),
        properties: row.properties.clone(),
        state: row.state.clone(),
        created_at: row.created_at,
        created_by: row.created_by,
        modified_at: row.modified_at,
        modified_by: row.modified_by,
        source_system: row.source_system.clone(),
        source_id: row.source_id.clone(),
    }
}

/// Returns a change of an object, without values.
pub(crate) fn of_object(row: &ObjectRow) -> Result<Change> {
    let object = Some((row.no, parse_id(&row.id)?));
    Ok(Change { object, series_no: row.series_no, scope_no: scope_in_log(row), ..Change::default() })
}

fn record_check_out(tx: &mut Tx<'_>, live: &ObjectRow, before: Value, after: Value) -> Result<()> {
    tx.record(ChangeKind::Updated, Change { before: Some(before), after: Some(after), ..of_object(live)? })
}
