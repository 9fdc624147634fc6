//! Comments: what people say of an object, in threads that can be resolved.
//!
//! Whoever may read the properties of an object reads what is said of it, and answers.

use std::collections::{BTreeMap, BTreeSet};

use cartulary_db::Conn;
use cartulary_model::permission::{READ_PROPERTIES, WRITE_PROPERTIES, WRITE_SECURITY};
use cartulary_model::{ChangeKind, ObjectId, Timestamp};
use serde_json::json;

use crate::bootstrap::parse_id;
use crate::object::{Current, Precondition, PrincipalName, WINDOW_ROWS_MAX, Window, WindowRequest, Written};
use crate::services::detail::principal_name;
use crate::services::folders::window;
use crate::services::objects::{made_before, remember_made, request_digest};
use crate::services::tags::{of_object, refuse_unless_live};
use crate::services::wording;
use crate::store::comments::{self, CommentRow, NewCommentRow};
use crate::store::objects::{self, ObjectRow};
use crate::store::principals;
use crate::transaction::{Change, Tx};
use crate::{RepositoryError, Result, Session};

/// How long a comment may be. *Units*: characters.
pub(crate) const TEXT_MAX: usize = 10_000;
/// How many comments an object has at most.
pub(crate) const ON_OBJECT_MAX: i64 = 10_000;

/// A comment to make.
#[derive(Clone, Debug, Default)]
pub struct NewComment {
    /// What it says: plain text of any number of lines.
    pub text: String,
    /// The comment of the same object that it answers.
    pub reply_to: Option<ObjectId>,
    /// A repeated request with the same key finds what the first made.
    pub idempotency_key: Option<String>,
}

/// Changes to a comment; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct CommentChanges {
    /// What it says.
    pub text: Option<String>,
    /// Whether its thread is resolved.
    pub is_resolved: Option<bool>,
}

/// A comment.
#[derive(Clone, Debug)]
pub struct CommentView {
    /// Its id.
    pub id: ObjectId,
    /// The object that it is of.
    pub object: ObjectId,
    /// The comment that its thread begins with; itself, if it is that.
    pub thread: ObjectId,
    /// The comment that it answers.
    pub reply_to: Option<ObjectId>,
    /// Who says it.
    pub by: PrincipalName,
    /// What it says; nothing of one that was deleted and has answers.
    pub text: Option<String>,
    /// Whether its thread is resolved.
    pub is_resolved: bool,
    /// When it was made.
    pub at: Timestamp,
    /// When its text was last changed.
    pub edited_at: Option<Timestamp>,
    /// Another with every change.
    pub change_token: i64,
}

impl Session {
    /// Says something of a live object, or answers what somebody said.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` without `ReadProperties`; `Invalid` for the text, and for an answer to what is not there;
    /// `Conflict` `not_live`, `too_many_comments`.
    pub async fn comment_create(&self, object: ObjectId, new: NewComment) -> Result<Written<CommentView>> {
        let text = wording::text("text", &new.text, TEXT_MAX)?;
        let session = self.clone();
        let digest = request_digest(&json!(["comment", object.to_string(), text, new.reply_to]));
        self.transact(move |tx| {
            let key = new.idempotency_key.as_deref();
            if let Some(id) = made_before(tx, key, &digest)? {
                let (object, row) = session.comment_seen(tx.conn, id, tx.now)?;
                return session.comment_view(tx.conn, &object, row);
            }
            let object = session.for_change(tx, object, READ_PROPERTIES, &Precondition::Any)?;
            refuse_unless_live(&object)?;
            if comments::count_on(tx.conn, object.no)? >= ON_OBJECT_MAX {
                let detail = format!("an object has at most {ON_OBJECT_MAX} comments");
                return Err(RepositoryError::conflict("too_many_comments", detail));
            }
            let answered = match new.reply_to {
                Some(id) => Some(answered(tx.conn, &object, id)?),
                None => None,
            };
            let thread_no = answered.as_ref().map_or(0, thread_of);
            let id = ObjectId::generate();
            let row = NewCommentRow {
                id: &id.to_string(),
                object_no: object.no,
                thread_no,
                answers_no: answered.as_ref().map_or(0, |row| row.no),
                author_no: session.actor.no,
                body: &text,
                is_resolved: answered.as_ref().is_some_and(|row| row.is_resolved),
                is_deleted: false,
                created_at: tx.now.as_millis(),
                edited_at: None,
            };
            comments::insert(tx.conn, &row)?;
            let after = Some(json!({ "comment": id, "text": text }));
            tx.record(ChangeKind::Noted, Change { after, ..of_object(&object)? })?;
            remember_made(tx, key, &digest, &id.to_string())?;
            let (object, row) = session.comment_seen(tx.conn, id, tx.now)?;
            session.comment_view(tx.conn, &object, row)
        })
        .await
    }

    /// Returns a window of what is said of an object, oldest first; of threads that are resolved, or are not, when that is said.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` without `ReadProperties`.
    pub async fn comment_list(
        &self,
        object: ObjectId,
        resolved: Option<bool>,
        request: WindowRequest,
    ) -> Result<Window<CommentView>> {
        let (session, now) = (self.clone(), self.repository.clock().now());
        let limit = i64::try_from(request.limit.min(WINDOW_ROWS_MAX)).unwrap_or(i64::MAX);
        let offset = i64::try_from(request.offset).unwrap_or(i64::MAX);
        let read = move |conn: &mut Conn| -> Result<_> {
            let object = session.authorised(conn, object, READ_PROPERTIES, now)?;
            let (total, rows) = comments::window(conn, object.no, resolved, offset, limit)?;
            let items = session.comment_views(conn, &object, rows)?;
            Ok((window(total.unsigned_abs(), items, request), session.reading_of(conn, &object)?))
        };
        let (found, reading) = self.repository.database().read(read).await?;
        self.note_reading(reading, json!("comments")).await?;
        Ok(found)
    }

    /// Returns one comment.
    ///
    /// # Errors
    /// `NotFound`, also when the caller may not read the properties of its object.
    pub async fn comment_get(&self, id: ObjectId) -> Result<CommentView> {
        let (session, now) = (self.clone(), self.repository.clock().now());
        let read = move |conn: &mut Conn| -> Result<_> {
            let (object, row) = session.comment_seen(conn, id, now)?;
            Ok((session.comment_view(conn, &object, row)?, session.reading_of(conn, &object)?))
        };
        let (found, reading) = self.repository.database().read(read).await?;
        self.note_reading(reading, json!("comments")).await?;
        Ok(found)
    }

    /// Changes what a comment says, which its author does, or whether its thread is resolved, which the author of its beginning
    /// does, and whoever may change the object.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden`; `Stale`; `Invalid`; `Conflict` `comment_deleted`.
    pub async fn comment_update(
        &self,
        id: ObjectId,
        precondition: Precondition,
        changes: CommentChanges,
    ) -> Result<Written<CommentView>> {
        let text = changes.text.as_deref().map(|text| wording::text("text", text, TEXT_MAX)).transpose()?;
        let session = self.clone();
        self.transact(move |tx| {
            let (object, row) = session.comment_to_change(tx, id, &precondition)?;
            if row.is_deleted && text.is_some() {
                return Err(RepositoryError::conflict("comment_deleted", "the comment was deleted"));
            }
            if let Some(text) = &text {
                session.require_author(&row)?;
                comments::put_body(tx.conn, row.no, text, tx.now.as_millis())?;
                let before = Some(json!({ "comment": id, "text": row.body }));
                let after = Some(json!({ "comment": id, "text": text }));
                tx.record(ChangeKind::Noted, Change { before, after, ..of_object(&object)? })?;
            }
            if let Some(resolved) = changes.is_resolved {
                session.resolve(tx, &object, &row, resolved)?;
            }
            let (object, row) = session.comment_seen(tx.conn, id, tx.now)?;
            session.comment_view(tx.conn, &object, row)
        })
        .await
    }

    fn resolve(&self, tx: &mut Tx<'_>, object: &ObjectRow, row: &CommentRow, resolved: bool) -> Result<()> {
        if row.thread_no != 0 {
            let detail = "is of the whole thread: say it of the comment that it begins with";
            return Err(RepositoryError::invalid("resolved", "not_a_thread", detail));
        }
        if row.author_no != self.actor.no {
            let access = &self.repository.inner.access;
            access.require(tx.conn, &self.actor, object.scope_no, WRITE_PROPERTIES, tx.now)?;
        }
        if row.is_resolved == resolved {
            return Ok(());
        }
        comments::put_resolved(tx.conn, row.no, resolved)?;
        let before = Some(json!({ "comment": row.id, "resolved": row.is_resolved }));
        let after = Some(json!({ "comment": row.id, "resolved": resolved }));
        tx.record(ChangeKind::Noted, Change { before, after, ..of_object(object)? })
    }

    /// Deletes a comment: its author does, and whoever manages the object. Of one with answers its place stays.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden`; `Stale`.
    pub async fn comment_delete(&self, id: ObjectId, precondition: Precondition) -> Result<Written<()>> {
        let session = self.clone();
        self.transact(move |tx| {
            let (object, row) = session.comment_to_change(tx, id, &precondition)?;
            if row.is_deleted {
                return Err(RepositoryError::not_found("the comment"));
            }
            if row.author_no != session.actor.no {
                let access = &session.repository.inner.access;
                access.require(tx.conn, &session.actor, object.scope_no, WRITE_SECURITY, tx.now)?;
            }
            if comments::has_answers(tx.conn, row.no)? {
                comments::empty(tx.conn, row.no)?;
            } else {
                comments::delete(tx.conn, row.no)?;
            }
            let before = Some(json!({ "comment": id, "text": row.body }));
            tx.record(ChangeKind::Noted, Change { before, ..of_object(&object)? })
        })
        .await
    }

    fn require_author(&self, row: &CommentRow) -> Result<()> {
        if row.author_no == self.actor.no {
            return Ok(());
        }
        Err(RepositoryError::Forbidden { permission: "author".to_owned() })
    }

    fn comment_seen(&self, conn: &mut Conn, id: ObjectId, now: Timestamp) -> Result<(ObjectRow, CommentRow)> {
        let unknown = || RepositoryError::not_found("the comment");
        let row = comments::by_id(conn, &id.to_string())?.ok_or_else(unknown)?;
        let object = objects::by_no(conn, row.object_no)?.ok_or_else(unknown)?;
        match self.authorised(conn, parse_id(&object.id)?, READ_PROPERTIES, now) {
            Ok(object) => Ok((object, row)),
            Err(RepositoryError::NotFound { .. } | RepositoryError::Forbidden { .. }) => Err(unknown()),
            Err(other) => Err(other),
        }
    }

    fn comment_to_change(
        &self,
        tx: &mut Tx<'_>,
        id: ObjectId,
        precondition: &Precondition,
    ) -> Result<(ObjectRow, CommentRow)> {
        let unknown = || RepositoryError::not_found("the comment");
        let (seen, _) = self.comment_seen(tx.conn, id, tx.now)?;
        // The object first, as all do.
        let object = objects::locked(tx.conn, seen.no)?.filter(|row| row.trashed_at.is_none()).ok_or_else(unknown)?;
        let row = comments::locked(tx.conn, &id.to_string())?.ok_or_else(unknown)?;
        if precondition.holds_for_token(row.change_token) {
            return Ok((object, row));
        }
        let (expected, token) = (precondition.clone(), row.change_token);
        let current = Current::Comment(Box::new(self.comment_view(tx.conn, &object, row)?));
        Err(RepositoryError::Stale { expected, token, current })
    }

    fn comment_view(&self, conn: &mut Conn, object: &ObjectRow, row: CommentRow) -> Result<CommentView> {
        let view = self.comment_views(conn, object, vec![row])?.pop();
        view.ok_or_else(|| RepositoryError::not_found("the comment"))
    }

    fn comment_views(&self, conn: &mut Conn, object: &ObjectRow, rows: Vec<CommentRow>) -> Result<Vec<CommentView>> {
        let people: BTreeSet<i64> = rows.iter().map(|row| row.author_no).collect();
        let people = principals::by_nos(conn, &people)?;
        let nos: Vec<i64> = rows.iter().flat_map(|row| [row.thread_no, row.answers_no]).filter(|no| *no != 0).collect();
        let ids: BTreeMap<i64, String> = comments::ids_of(conn, &nos)?.into_iter().collect();
        let object = parse_id(&object.id)?;
        let view = |row: CommentRow| -> Result<CommentView> {
            let id = parse_id(&row.id)?;
            let thread = ids.get(&row.thread_no).map(|id| parse_id(id)).transpose()?;
            Ok(CommentView {
                id,
                object,
                thread: thread.unwrap_or(id),
                reply_to: ids.get(&row.answers_no).map(|id| parse_id(id)).transpose()?,
                by: principal_name(&people, row.author_no)?,
                text: (!row.is_deleted).then_some(row.body),
                is_resolved: row.is_resolved,
                at: Timestamp::from_millis(row.created_at),
                edited_at: row.edited_at.map(Timestamp::from_millis),
                change_token: row.change_token,
            })
        };
        rows.into_iter().map(view).collect()
    }
}

/// Returns the comment that is answered: one of the same object that has not been deleted.
fn answered(conn: &mut Conn, object: &ObjectRow, id: ObjectId) -> Result<CommentRow> {
    let row = comments::locked(conn, &id.to_string())?;
    let row = row.filter(|row| row.object_no == object.no && !row.is_deleted);
    row.ok_or_else(|| RepositoryError::invalid("replyTo", "unknown_comment", "is no comment of this object"))
}

/// Returns the comment that a thread begins with.
const fn thread_of(row: &CommentRow) -> i64 {
    if row.thread_no == 0 { row.no } else { row.thread_no }
}
