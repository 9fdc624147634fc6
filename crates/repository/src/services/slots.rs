//! The contents of an object by their slots: the main one and attachments; listed, put, appended to and taken away.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use cartulary_db::Conn;
use cartulary_model::permission::{READ_CONTENT, WRITE_VERSION};
use cartulary_model::{ChangedPart, ContentRule, ObjectId, SlotName, Timestamp};
use futures::{Stream, StreamExt};

use crate::object::{
    Content, NewContent, ObjectDetail, Precondition, TextSummary, VersionNote, Window, WindowRequest, Written,
};
use crate::services::detail::content_of;
use crate::services::documents::BoundContent;
use crate::services::folders::{cut, window};
use crate::services::objects::refuse_version;
use crate::services::readings::Reading;
use crate::services::texts;
use crate::services::working_copies::refuse_note_to_working_copy;
use crate::store::arrangements;
use crate::store::blobs::{self, ContentRow};
use crate::store::objects::{self, ObjectRow};
use crate::store::versions;
use crate::transaction::Tx;
use crate::{RepositoryError, Result, Session};

/// How many contents an object has at most.
pub(crate) const SLOTS_MAX: i64 = 100;

/// What lies in one slot.
#[derive(Clone, Debug)]
pub struct SlotContent {
    /// The slot's name; `content` is the main one.
    pub slot: String,
    /// The bytes.
    pub content: Content,
    /// How far their text is.
    pub text: TextSummary,
}

/// Bytes to put behind those that a slot has.
#[derive(Debug)]
pub struct ContentToAppend<S> {
    /// The bytes.
    pub body: S,
    /// The file's name, if there is no content yet; the former one stays.
    pub file_name: String,
}

fn still_appending() -> RepositoryError {
    let detail = "another part of this document is still on its way, and nothing of this one was appended: send it again \
                  when that is done";
    RepositoryError::conflict("content_changed", detail)
}

impl Session {
    /// Lists the contents of a document, version or working copy: the main one first, then in the order of their slots.
    ///
    /// # Errors
    /// `NotFound` when the caller may not know of the object; `Forbidden` without `ReadContent`.
    pub async fn slot_list(&self, id: ObjectId, request: WindowRequest) -> Result<Window<SlotContent>> {
        let (session, now) = (self.clone(), self.repository.clock().now());
        let read = move |conn: &mut Conn| -> Result<(Vec<SlotContent>, Option<Reading>)> {
            let row = session.authorised(conn, id, READ_CONTENT, now)?;
            let rows = blobs::all_contents_of(conn, &[row.no])?.remove(&row.no).unwrap_or_default();
            let slots = rows.iter().map(|row| slot_of(conn, row)).collect::<Result<_>>()?;
            Ok((slots, session.reading_of(conn, &row)?))
        };
        let (slots, reading) = self.repository.database().read(read).await?;
        self.note_reading(reading, serde_json::json!("contents")).await?;
        let total = slots.len() as u64;
        let items = cut(&slots, request).to_vec();
        Ok(window(total, items, request))
    }

    /// Says before a body comes whether a change of a slot's content would be taken, and returns the name of the file that
    /// is there, else, for the main content, that of the object. The change asks again.
    ///
    /// # Errors
    /// As [`Session::slot_put`].
    pub async fn slot_check(&self, id: ObjectId, slot: SlotName, precondition: Precondition) -> Result<Option<String>> {
        let (session, now) = (self.clone(), self.repository.clock().now());
        let look = move |conn: &mut Conn| -> Result<Option<String>> {
            let row = session.slot_as_read(conn, id, &slot, &precondition, now)?;
            if let Some(series) = row.series_no.filter(|_| row.role == objects::LIVE)
                && let Some(by) = versions::series(conn, series)?.and_then(|series| series.checked_out_by)
            {
                return Err(session.checked_out_error(conn, &row, by, now)?);
            }
            session.refuse_locked(conn, &row, now)?;
            let may_read =
                session.repository.inner.access.allows(conn, &session.actor, row.scope_no, READ_CONTENT, now)?;
            let former = if may_read { blobs::content_in(conn, row.no, &slot)? } else { None };
            let of_object = (slot.as_str() == SlotName::MAIN).then_some(row.name);
            Ok(former.map(|content| content.file_name).or(of_object))
        };
        self.repository.database().read_brief(look).await
    }

    /// Gives a slot of a document new content, as [`Session::content_put`] does to the main one.
    ///
    /// # Errors
    /// As [`Session::content_put`]; `Conflict` `too_many_contents`; `Invalid` when documents of its type have no content.
    pub async fn slot_put(
        &self,
        id: ObjectId,
        slot: SlotName,
        precondition: Precondition,
        content: NewContent,
        note: VersionNote,
    ) -> Result<Written<ObjectDetail>> {
        let session = self.clone();
        let bound = BoundContent::in_slot(&content, slot);
        let upload = content.bytes.upload;
        self.with_received(content.bytes, move |tx, blob| {
            let row = session.slot_for_change(tx, id, &bound.slot, &precondition)?;
            session.use_upload(tx, upload, bound.digest)?;
            let bound = bound.with_name_of(tx.conn, &row)?;
            session.put_unless_same(tx, &row, &bound, blob, &note)
        })
        .await
    }

    /// Puts bytes behind those that a slot of a document has; of an empty slot they are the content.
    ///
    /// # Errors
    /// As [`Session::slot_put`]; `Conflict` `content_changed` when somebody else changed the content meanwhile;
    /// `Interrupted` when the body breaks off: then nothing is appended.
    pub async fn slot_append<S, E>(
        &self,
        id: ObjectId,
        slot: SlotName,
        precondition: Precondition,
        more: ContentToAppend<S>,
        note: VersionNote,
    ) -> Result<Written<ObjectDetail>>
    where
        S: Stream<Item = std::result::Result<Bytes, E>>,
        E: std::fmt::Display,
    {
        // One after the other: who comes while another's part is under way is appended behind that, or finds that the content
        // is no longer what he had read.
        let _turn = self.repository.inner.appending.turn(id).await.ok_or_else(still_appending)?;
        let (former, raw) = self.former_content(id, slot.clone(), precondition.clone()).await?;
        let (staged, file_name) = match &former {
            None => (self.content_stage(more.body).await?, more.file_name),
            Some(row) => {
                let opened = self.open(row, None).await?;
                // What breaks of ours is told as that, and not as a body that broke off.
                let damage: Mutex<Option<RepositoryError>> = Mutex::default();
                let ours = opened.bytes.map(|chunk| {
                    chunk.map_err(|error| {
                        *damage.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                        "the former content cannot be read".to_owned()
                    })
                });
                let theirs = more.body.map(|chunk| chunk.map_err(|error| error.to_string()));
                let staged = self.content_stage(ours.chain(theirs)).await;
                if let Some(error) = damage.into_inner().unwrap_or_else(PoisonError::into_inner) {
                    return Err(error);
                }
                (staged?, row.file_name.clone())
            }
        };
        let content = NewContent { bytes: staged.into(), file_name, file_name_raw: raw, media_type: None };
        let bound = BoundContent::in_slot(&content, slot);
        let base = former.map(|row| row.digest);
        let session = self.clone();
        self.with_received(content.bytes, move |tx, blob| {
            let row = session.slot_for_change(tx, id, &bound.slot, &precondition)?;
            let present = blobs::content_in(tx.conn, row.no, &bound.slot)?.map(|content| content.digest);
            if present != base {
                let detail = "the content was changed while this part was on its way, and nothing of it was appended: look \
                              at what is there now, and send the part again if it is still wanted";
                return Err(RepositoryError::conflict("content_changed", detail));
            }
            session.put_unless_same(tx, &row, &bound, blob, &note)
        })
        .await
    }

    /// Takes the content out of a slot of a document; without any it is a placeholder. Versions keep what they have.
    ///
    /// # Errors
    /// As [`Session::slot_put`]; `NotFound` when the slot is empty; `Invalid` for the main content of a type that needs it.
    pub async fn slot_delete(
        &self,
        id: ObjectId,
        slot: SlotName,
        precondition: Precondition,
        note: VersionNote,
    ) -> Result<Written<ObjectDetail>> {
        let session = self.clone();
        self.transact(move |tx| {
            let row = session.slot_for_change(tx, id, &slot, &precondition)?;
            refuse_version(&row)?;
            let before = blobs::content_in(tx.conn, row.no, &slot)?;
            let before = before.ok_or_else(|| RepositoryError::not_found("the content"))?;
            session.refuse_checked_out(tx.conn, &row, tx.now)?;
            refuse_note_to_working_copy(&row, &note)?;
            if slot.is_main() {
                session.check_content_rule(tx.conn, &row, false)?;
            }
            let plan = session.plan_versions(tx, &row, ChangedPart::Content, &note)?;
            session.keep_before(tx, &row, &plan)?;
            let at = session.series_instant(tx, &row)?;
            blobs::unbind(tx.conn, row.no, &slot)?;
            if slot.is_main() {
                arrangements::clear(tx.conn, &[row.no])?;
            }
            let change = (&slot, Some(before.digest), None);
            let changed = session.finish_content_change(tx, &row, &plan, &note, change, at)?;
            session.detail_of(tx.conn, &changed, tx.now)
        })
        .await
    }

    /// Returns the document whose slot is changed, locked for it, if it is as the caller read it: by its own token, or by
    /// the digest of what lies in the slot.
    fn slot_for_change(
        &self,
        tx: &mut Tx<'_>,
        id: ObjectId,
        slot: &SlotName,
        precondition: &Precondition,
    ) -> Result<ObjectRow> {
        let row = self.for_change(tx, id, WRITE_VERSION, &Precondition::Any)?;
        let precondition = self.precondition_in(tx.conn, &row, slot, precondition, tx.now)?;
        self.check_precondition(tx.conn, &row, &precondition, tx.now)?;
        Ok(row)
    }

    /// Returns the document whose slot is to be changed, if it is as the caller read it: before a body comes, without a lock.
    fn slot_as_read(
        &self,
        conn: &mut Conn,
        id: ObjectId,
        slot: &SlotName,
        precondition: &Precondition,
        now: Timestamp,
    ) -> Result<ObjectRow> {
        let row = self.authorised(conn, id, WRITE_VERSION, now)?;
        let precondition = self.precondition_in(conn, &row, slot, precondition, now)?;
        self.check_precondition(conn, &row, &precondition, now)?;
        refuse_version(&row)?;
        Ok(row)
    }

    /// Puts content into a slot of a document that is locked for it, unless just that lies there and no version is asked for.
    fn put_unless_same(
        &self,
        tx: &mut Tx<'_>,
        row: &ObjectRow,
        bound: &BoundContent,
        blob: i64,
        note: &VersionNote,
    ) -> Result<ObjectDetail> {
        if note.is_silent() && bound.is_the_content_of(tx.conn, row)? {
            return self.detail_of(tx.conn, row, tx.now);
        }
        let changed = self.put_content_in_tx(tx, row, bound, blob, note)?;
        self.detail_of(tx.conn, &changed, tx.now)
    }

    /// Returns a precondition in which the digest of an attachment is replaced by whether the slot has it. Who may not read
    /// the content cannot match it.
    fn precondition_in(
        &self,
        conn: &mut Conn,
        row: &ObjectRow,
        slot: &SlotName,
        precondition: &Precondition,
        now: Timestamp,
    ) -> Result<Precondition> {
        if slot.is_main() {
            return Ok(precondition.clone());
        }
        Ok(match precondition {
            Precondition::Content(wanted) => {
                let access = &self.repository.inner.access;
                let may_read = access.allows(conn, &self.actor, row.scope_no, READ_CONTENT, now)?;
                let present = blobs::content_in(conn, row.no, slot)?.map(|content| content.digest);
                let is_same = may_read && present == Some(wanted.to_string());
                if is_same { Precondition::Any } else { Precondition::OneOf(Vec::new()) }
            }
            Precondition::OneOf(all) => {
                let each = all.iter().map(|one| self.precondition_in(conn, row, slot, one, now));
                Precondition::OneOf(each.collect::<Result<_>>()?)
            }
            other => other.clone(),
        })
    }

    async fn former_content(
        &self,
        id: ObjectId,
        slot: SlotName,
        precondition: Precondition,
    ) -> Result<(Option<ContentRow>, Option<Vec<u8>>)> {
        let (session, now) = (self.clone(), self.repository.clock().now());
        let look = move |conn: &mut Conn| -> Result<_> {
            let row = session.slot_as_read(conn, id, &slot, &precondition, now)?;
            Ok((blobs::content_in(conn, row.no, &slot)?, blobs::raw_name_of(conn, row.no, &slot)?))
        };
        self.repository.database().read(look).await
    }

    /// Refuses content where the type of a document has none, or none where it needs some.
    pub(crate) fn check_content_rule(&self, conn: &mut Conn, row: &ObjectRow, has_content: bool) -> Result<()> {
        let catalogue = self.repository.inner.declarations.present(conn)?;
        match catalogue.types().get(&row.type_id).map(|resolved| resolved.definition.content) {
            Some(ContentRule::Required) if !has_content => {
                Err(RepositoryError::invalid("content", "required", "documents of this type need content"))
            }
            Some(ContentRule::Notallowed) if has_content => {
                Err(RepositoryError::invalid("content", "not_allowed", "documents of this type have no content"))
            }
            _ => Ok(()),
        }
    }
}

/// Refuses one content more than an object has at most.
pub(crate) fn refuse_many(conn: &mut Conn, row: &ObjectRow) -> Result<()> {
    if blobs::count_contents(conn, row.no)? < SLOTS_MAX {
        return Ok(());
    }
    let detail = format!("a document has at most {SLOTS_MAX} contents: take one away first");
    Err(RepositoryError::conflict("too_many_contents", detail))
}

fn slot_of(conn: &mut Conn, row: &ContentRow) -> Result<SlotContent> {
    let text = match texts::has_text(&row.media_type, &row.file_name) {
        true => texts::blob_of(conn, &row.digest)?.map(|(rendition, _)| rendition),
        false => None,
    };
    let text = texts::summary_of_row(row, text.as_ref());
    Ok(SlotContent { slot: row.slot.clone(), content: content_of(row)?, text })
}
