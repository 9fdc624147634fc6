//! Tags: words that people put on objects, for everybody or for themselves.
//!
//! Two that read alike (case, accents, forms of Arabic letters) are one. A shared tag is the object's: whoever may change the
//! properties puts it and takes it away, whoever may read them sees it. A private one is only its owner's.

use std::collections::{BTreeMap, BTreeSet};

use cartulary_db::Conn;
use cartulary_index::fold_label;
use cartulary_model::permission::{READ_PROPERTIES, WRITE_PROPERTIES};
use cartulary_model::{ChangeKind, ObjectId, Timestamp};
use serde_json::json;

use crate::bootstrap::parse_id;
use crate::object::{
    Current, ObjectSummary, Precondition, PrincipalName, WINDOW_ROWS_MAX, Window, WindowRequest, Written,
};
use crate::services::detail::principal_name;
use crate::services::folders::{cut, window};
use crate::services::objects::{made_before, remember_made, request_digest};
use crate::services::readings::Reading;
use crate::services::wording;
use crate::store::objects::{self, ObjectRow};
use crate::store::principals;
use crate::store::tags::{self, EVERYBODY, NewTagRow, TagRow};
use crate::transaction::{Change, Tx};
use crate::{RepositoryError, Result, Session};

/// How long a label may be. *Units*: characters.
pub(crate) const LABEL_MAX: usize = 100;
/// How many tags everybody sees on one object, and how many of each person's there are beside.
pub(crate) const ON_OBJECT_MAX: i64 = 100;
/// The token of every tag: one is put and taken away, and never changes.
const TOKEN: i64 = 1;

/// A tag to put on an object.
#[derive(Clone, Debug, Default)]
pub struct NewTag {
    /// The word.
    pub label: String,
    /// Whether only the caller sees it.
    pub is_private: bool,
    /// A repeated request with the same key finds what the first made.
    pub idempotency_key: Option<String>,
}

/// A tag of an object.
#[derive(Clone, Debug)]
pub struct TagView {
    /// Its id.
    pub id: ObjectId,
    /// The word, as it was written first.
    pub label: String,
    /// Whether only the caller sees it.
    pub is_private: bool,
    /// Who put it.
    pub put_by: PrincipalName,
    /// When.
    pub put_at: Timestamp,
    /// What `If-Match` takes.
    pub change_token: i64,
}

/// A label, and how many objects have it that the caller may read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagUse {
    /// How it is written most.
    pub label: String,
    /// On how many objects it is.
    pub count: u64,
}

impl Session {
    /// Puts a tag on a live object; if it is there already, returns that.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` without `ReadProperties`, and for a shared one without `WriteProperties`; `Invalid` for the label;
    /// `Conflict` `not_live` on versions and working copies, `too_many_tags`.
    pub async fn tag_put(&self, object: ObjectId, new: NewTag) -> Result<Written<TagView>> {
        let label = wording::label("label", &new.label, LABEL_MAX)?;
        let key = key_of(&label);
        let session = self.clone();
        let digest = request_digest(&json!(["tag", object.to_string(), label, new.is_private]));
        self.transact(move |tx| {
            let idempotency_key = new.idempotency_key.as_deref();
            if let Some(id) = made_before(tx, idempotency_key, &digest)? {
                let (_, row) = session.tag_seen(tx.conn, object, &id.to_string(), tx.now)?;
                return session.tag_view(tx.conn, row);
            }
            let (wanted, holder) =
                if new.is_private { (READ_PROPERTIES, session.actor.no) } else { (WRITE_PROPERTIES, EVERYBODY) };
            session.authorised(tx.conn, object, READ_PROPERTIES, tx.now)?;
            let row = session.for_change(tx, object, wanted, &Precondition::Any)?;
            refuse_unless_live(&row)?;
            let tag = match tags::with_key(tx.conn, row.no, &key, holder)? {
                Some(tag) => tag,
                None => session.insert_tag(tx, &row, &label, &key, holder)?,
            };
            remember_made(tx, idempotency_key, &digest, &tag.id)?;
            session.tag_view(tx.conn, tag)
        })
        .await
    }

    fn insert_tag(&self, tx: &mut Tx<'_>, row: &ObjectRow, label: &str, key: &str, holder: i64) -> Result<TagRow> {
        if tags::count_on(tx.conn, row.no, holder)? >= ON_OBJECT_MAX {
            let detail = format!("an object has at most {ON_OBJECT_MAX} tags: take one away first");
            return Err(RepositoryError::conflict("too_many_tags", detail));
        }
        let id = ObjectId::generate().to_string();
        let new = NewTagRow {
            id: &id,
            object_no: row.no,
            label,
            label_key: key,
            put_by: self.actor.no,
            holder_no: holder,
            created_at: tx.now.as_millis(),
        };
        tags::insert(tx.conn, &new)?;
        if holder == EVERYBODY {
            let change = Change { after: Some(json!({ "tag": label })), ..of_object(row)? };
            tx.record(ChangeKind::Noted, change)?;
        }
        tags::by_id(tx.conn, &id)?.ok_or_else(|| RepositoryError::not_found("the tag"))
    }

    /// Takes a tag away.
    ///
    /// # Errors
    /// `NotFound`, also for another person's private one; `Forbidden` for a shared one without `WriteProperties`; `Stale`.
    pub async fn tag_remove(&self, object: ObjectId, tag: ObjectId, precondition: Precondition) -> Result<Written<()>> {
        let session = self.clone();
        self.transact(move |tx| {
            let (row, tag) = session.tag_seen(tx.conn, object, &tag.to_string(), tx.now)?;
            if tag.holder_no == EVERYBODY {
                let access = &session.repository.inner.access;
                access.require(tx.conn, &session.actor, row.scope_no, WRITE_PROPERTIES, tx.now)?;
            }
            if !precondition.holds_for_token(TOKEN) {
                let current = Current::Tag(Box::new(session.tag_view(tx.conn, tag)?));
                return Err(RepositoryError::Stale { expected: precondition.clone(), token: TOKEN, current });
            }
            tags::delete(tx.conn, tag.no)?;
            if tag.holder_no == EVERYBODY {
                let change = Change { before: Some(json!({ "tag": tag.label })), ..of_object(&row)? };
                tx.record(ChangeKind::Noted, change)?;
            }
            Ok(())
        })
        .await
    }

    /// Returns the tags of an object, by label: those that everybody sees, and the caller's own.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` without `ReadProperties`.
    pub async fn tag_list(&self, object: ObjectId) -> Result<Vec<TagView>> {
        let (session, now) = (self.clone(), self.repository.clock().now());
        let read = move |conn: &mut Conn| -> Result<(Vec<TagView>, Vec<Reading>)> {
            let row = session.authorised(conn, object, READ_PROPERTIES, now)?;
            let rows = tags::of_objects(conn, &[row.no], session.actor.no)?;
            let views = rows.into_iter().map(|row| session.tag_view(conn, row)).collect::<Result<_>>()?;
            Ok((views, session.reading_of(conn, &row)?.into_iter().collect()))
        };
        self.read_noted("tags", read).await
    }

    /// Returns the labels that begin with some letters, of tags that the caller sees on objects whose properties he may read
    /// now, with the number of these objects; those of most objects first, at most `limit`.
    ///
    /// # Errors
    /// The database's.
    pub async fn tag_suggest(&self, beginning: &str, limit: u64) -> Result<Vec<TagUse>> {
        let (session, now) = (self.clone(), self.repository.clock().now());
        let beginning: String = fold_label(&beginning.chars().take(LABEL_MAX).collect::<String>());
        let limit = usize::try_from(limit.min(WINDOW_ROWS_MAX)).unwrap_or(usize::MAX);
        let read = move |conn: &mut Conn| -> Result<Vec<TagUse>> {
            let uses = tags::uses(conn, &beginning, session.actor.no)?;
            let scopes: BTreeSet<i64> = uses.iter().map(|(_, _, scope, _)| *scope).collect();
            let access = &session.repository.inner.access;
            let visible = access.allowing(conn, &session.actor, &scopes, READ_PROPERTIES, now)?;
            let mut labels: BTreeMap<String, BTreeMap<String, i64>> = BTreeMap::new();
            for (key, label, _, count) in uses.into_iter().filter(|(_, _, scope, _)| visible.contains(scope)) {
                *labels.entry(key).or_default().entry(label).or_default() += count;
            }
            let mut found = Vec::with_capacity(labels.len());
            for (key, written) in labels {
                let most = written.iter().max_by_key(|(label, count)| (**count, std::cmp::Reverse((*label).clone())));
                let Some((label, _)) = most else { continue };
                found.push((written.values().sum::<i64>(), key, label.clone()));
            }
            found.sort_by(|one, other| other.0.cmp(&one.0).then_with(|| one.1.cmp(&other.1)));
            found.truncate(limit);
            let mut answered = Vec::with_capacity(found.len());
            for (_, key, label) in found {
                // Exactly, for the few that are answered: an object may have a label twice.
                let count = session.tagged_in(conn, &key, now)?.len() as u64;
                answered.push(TagUse { label, count });
            }
            Ok(answered)
        };
        self.repository.database().read(read).await
    }

    /// Returns a window of the objects with a tag that the caller sees and whose properties he may read, the last changed first.
    ///
    /// # Errors
    /// `Invalid` for the label.
    pub async fn tagged_list(&self, label: &str, request: WindowRequest) -> Result<Window<ObjectSummary>> {
        let (session, now) = (self.clone(), self.repository.clock().now());
        let key = key_of(&wording::label("label", label, LABEL_MAX)?);
        let read = move |conn: &mut Conn| {
            let nos = session.tagged_in(conn, &key, now)?;
            session.window_of_numbers(conn, &nos, request, now)
        };
        self.read_noted("tagged", read).await
    }

    fn tagged_in(&self, conn: &mut Conn, key: &str, now: Timestamp) -> Result<Vec<i64>> {
        let tagged = tags::objects_with(conn, key, self.actor.no)?;
        let scopes: BTreeSet<i64> = tagged.iter().map(|(_, scope)| *scope).collect();
        let access = &self.repository.inner.access;
        let visible = access.allowing(conn, &self.actor, &scopes, READ_PROPERTIES, now)?;
        Ok(tagged.into_iter().filter(|(_, scope)| visible.contains(scope)).map(|(no, _)| no).collect())
    }

    /// Returns a window of objects whose numbers are known, in that order; all may be seen. With it the readings to note.
    pub(crate) fn window_of_numbers(
        &self,
        conn: &mut Conn,
        nos: &[i64],
        request: WindowRequest,
        now: Timestamp,
    ) -> Result<(Window<ObjectSummary>, Vec<Reading>)> {
        let wanted = cut(nos, request);
        let mut rows = objects::by_nos(conn, wanted)?;
        let rows: Vec<ObjectRow> = wanted.iter().filter_map(|no| rows.remove(no)).collect();
        let items = self.summaries_of(conn, &rows, now)?;
        let readings = self.readings_among(conn, wanted, now)?;
        Ok((window(nos.len() as u64, items, request), readings))
    }

    /// Returns a tag that the caller sees, with its object.
    fn tag_seen(&self, conn: &mut Conn, object: ObjectId, id: &str, now: Timestamp) -> Result<(ObjectRow, TagRow)> {
        let row = self.authorised(conn, object, READ_PROPERTIES, now)?;
        let is_mine =
            |tag: &TagRow| tag.object_no == row.no && (tag.holder_no == EVERYBODY || tag.holder_no == self.actor.no);
        let tag = tags::by_id(conn, id)?.filter(is_mine);
        Ok((row, tag.ok_or_else(|| RepositoryError::not_found("the tag"))?))
    }

    fn tag_view(&self, conn: &mut Conn, row: TagRow) -> Result<TagView> {
        let people = principals::by_nos(conn, &BTreeSet::from([row.put_by]))?;
        Ok(TagView {
            id: parse_id(&row.id)?,
            label: row.label,
            is_private: row.holder_no != EVERYBODY,
            put_by: principal_name(&people, row.put_by)?,
            put_at: Timestamp::from_millis(row.created_at),
            change_token: TOKEN,
        })
    }
}

/// Returns the key of a label; what has no letters and figures at all is its own.
pub(crate) fn key_of(label: &str) -> String {
    let key = fold_label(label);
    if key.is_empty() { label.to_owned() } else { key }
}

/// Refuses what people put on a document, not on one state of it.
pub(crate) fn refuse_unless_live(row: &ObjectRow) -> Result<()> {
    if row.role == objects::LIVE {
        return Ok(());
    }
    Err(RepositoryError::conflict("not_live", "is a version or a working copy: take the document"))
}

/// Returns a change of an object that says nothing yet.
pub(crate) fn of_object(row: &ObjectRow) -> Result<Change> {
    let object = Some((row.no, parse_id(&row.id)?));
    Ok(Change { object, series_no: row.series_no, scope_no: Some(row.scope_no), ..Change::default() })
}
