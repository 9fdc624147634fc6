//! What people put on an object, in a bag: tags that everybody sees, comments, annotations. What is one person's own stays.

use std::collections::{BTreeMap, BTreeSet};

use cartulary_db::Conn;
use cartulary_model::Timestamp;

use super::form::{BagAnnotation, BagComment, BagNotes, BagObject, BagTag};
use super::gather::Gathering;
use crate::bootstrap::parse_id;
use crate::services::annotations::{AnnotationContent, ON_OBJECT_MAX as ANNOTATIONS_MAX};
use crate::services::comments::ON_OBJECT_MAX as COMMENTS_MAX;
use crate::services::tags::{LABEL_MAX, ON_OBJECT_MAX as TAGS_MAX, key_of};
use crate::services::{comments as saying, wording};
use crate::store::annotations::{self, NewAnnotationRow};
use crate::store::comments::{self, NewCommentRow};
use crate::store::tags::{self, EVERYBODY, NewTagRow};
use crate::transaction::Tx;
use crate::{RepositoryError, Result};

/// Returns what people put on an object; annotations for who may read the content.
pub(super) fn gathered(
    conn: &mut Conn,
    no: i64,
    may_read_content: bool,
    gathering: &mut Gathering,
) -> Result<BagNotes> {
    let mut notes = BagNotes::default();
    for tag in tags::of_objects(conn, &[no], EVERYBODY)? {
        let put_by = gathering.person(conn, tag.put_by)?;
        notes.tags.push(BagTag { label: tag.label, put_by, put_at: Timestamp::from_millis(tag.created_at) });
    }
    let rows = comments::of_objects(conn, &[no])?;
    let ids: BTreeMap<i64, String> = rows.iter().map(|row| (row.no, row.id.clone())).collect();
    for row in rows {
        notes.comments.push(BagComment {
            id: parse_id(&row.id)?,
            thread: ids.get(&row.thread_no).map(|id| parse_id(id)).transpose()?,
            reply_to: ids.get(&row.answers_no).map(|id| parse_id(id)).transpose()?,
            author: gathering.person(conn, row.author_no)?,
            text: row.body,
            resolved: row.is_resolved,
            deleted: row.is_deleted,
            created_at: Timestamp::from_millis(row.created_at),
            edited_at: row.edited_at.map(Timestamp::from_millis),
        });
    }
    let marks = if may_read_content { annotations::of_object(conn, no)? } else { Vec::new() };
    for row in marks {
        notes.annotations.push(BagAnnotation {
            id: parse_id(&row.id)?,
            digest: row.digest,
            motivation: row.motivation,
            body: row.body,
            colour: row.colour,
            places: serde_json::from_str(&row.boxes).map_err(RepositoryError::internal)?,
            creator: gathering.person(conn, row.creator_no)?,
            created_at: Timestamp::from_millis(row.created_at),
            modified_at: Timestamp::from_millis(row.modified_at),
        });
    }
    Ok(notes)
}

/// Returns what is wrong with what people put on an object, each with a stable code; `latest`: after it no instant of the past
/// is.
pub(super) fn faults_of(object: &BagObject, latest: Timestamp) -> Vec<(&'static str, String)> {
    let notes = &object.notes;
    let mut faults = Vec::new();
    let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    if count(notes.tags.len()) > TAGS_MAX
        || count(notes.comments.len()) > COMMENTS_MAX
        || count(notes.annotations.len()) > ANNOTATIONS_MAX
    {
        faults.push(("too_many_notes", "has more tags, comments or annotations than an object may have".to_owned()));
    }
    if instants_of(notes).any(|at| at > latest) {
        faults.push(("future_instant", "was tagged or spoken of at an instant that has not come yet".to_owned()));
    }
    let digests = digests_of(object);
    let words = |error: RepositoryError| error.to_string();
    let mut keys = BTreeSet::new();
    for tag in &notes.tags {
        match wording::label("tag", &tag.label, LABEL_MAX) {
            Ok(label) if !keys.insert(key_of(&label)) => {
                faults.push(("duplicate_tag", format!("has the tag `{label}` twice")));
            }
            Ok(_) => {}
            Err(error) => faults.push(("invalid_tag", words(error))),
        }
    }
    let mut met = BTreeSet::new();
    for comment in &notes.comments {
        let is_known = |id: &cartulary_model::ObjectId| met.contains(id);
        if !comment.thread.iter().chain(&comment.reply_to).all(is_known) {
            faults.push((
                "unknown_comment",
                format!("the comment `{}` answers one that does not stand before it", comment.id),
            ));
        }
        if !met.insert(comment.id) {
            faults.push(("duplicate_id", format!("`{}` is the id of two comments", comment.id)));
        }
        if !comment.deleted
            && let Err(error) = wording::text("comment", &comment.text, saying::TEXT_MAX)
        {
            faults.push(("invalid_comment", words(error)));
        }
    }
    for annotation in &notes.annotations {
        if let Err(error) = content_of(annotation).and_then(AnnotationContent::checked) {
            faults.push(("invalid_annotation", words(error)));
        }
        if !digests.contains(annotation.digest.as_str()) {
            faults.push(("invalid_annotation", "is on a content that the object does not have".to_owned()));
        }
    }
    faults
}

fn instants_of(notes: &BagNotes) -> impl Iterator<Item = Timestamp> {
    let tags = notes.tags.iter().map(|tag| tag.put_at);
    let comments = notes.comments.iter().flat_map(|one| std::iter::once(one.created_at).chain(one.edited_at));
    tags.chain(comments).chain(notes.annotations.iter().flat_map(|one| [one.created_at, one.modified_at]))
}

/// Returns the digests of the contents that an object and its versions have.
fn digests_of(object: &BagObject) -> BTreeSet<&str> {
    let versions = object.series.iter().flat_map(|series| {
        let working = series.working.as_ref().map(|copy| &copy.values);
        series.versions.iter().map(|version| &version.values).chain(working)
    });
    let all = std::iter::once(&object.values).chain(versions);
    all.flat_map(|values| values.contents.values()).map(|content| content.digest.as_str()).collect()
}

/// Returns of whom it speaks.
pub(super) fn people_of(notes: &BagNotes) -> Vec<&String> {
    let tags = notes.tags.iter().map(|tag| &tag.put_by);
    let comments = notes.comments.iter().map(|comment| &comment.author);
    tags.chain(comments).chain(notes.annotations.iter().map(|annotation| &annotation.creator)).collect()
}

/// Puts on an object what people had put on it.
pub(super) fn insert(
    tx: &mut Tx<'_>,
    object_no: i64,
    notes: &BagNotes,
    no_of: impl Fn(&str) -> Result<i64>,
) -> Result<()> {
    for tag in &notes.tags {
        let key = key_of(&tag.label);
        if tags::with_key(tx.conn, object_no, &key, EVERYBODY)?.is_some() {
            continue;
        }
        let new = NewTagRow {
            id: &fresh(),
            object_no,
            label: &tag.label,
            label_key: &key,
            put_by: no_of(&tag.put_by)?,
            holder_no: EVERYBODY,
            created_at: tag.put_at.as_millis(),
        };
        tags::insert(tx.conn, &new)?;
    }
    let mut nos = BTreeMap::new();
    for comment in &notes.comments {
        let is_taken = comments::by_id(tx.conn, &comment.id.to_string())?.is_some();
        let number = |id: Option<cartulary_model::ObjectId>| id.and_then(|id| nos.get(&id).copied()).unwrap_or(0);
        let new = NewCommentRow {
            id: &if is_taken { fresh() } else { comment.id.to_string() },
            object_no,
            thread_no: number(comment.thread),
            answers_no: number(comment.reply_to),
            author_no: no_of(&comment.author)?,
            body: if comment.deleted { "" } else { &comment.text },
            is_resolved: comment.resolved,
            is_deleted: comment.deleted,
            created_at: comment.created_at.as_millis(),
            edited_at: comment.edited_at.map(Timestamp::as_millis),
        };
        nos.insert(comment.id, comments::insert(tx.conn, &new)?);
    }
    for annotation in &notes.annotations {
        let is_taken = annotations::by_id(tx.conn, &annotation.id.to_string())?.is_some();
        let new = NewAnnotationRow {
            id: &if is_taken { fresh() } else { annotation.id.to_string() },
            object_no,
            digest: &annotation.digest,
            motivation: &annotation.motivation,
            body: annotation.body.as_deref(),
            colour: annotation.colour.as_deref(),
            boxes: &serde_json::to_string(&annotation.places).map_err(RepositoryError::internal)?,
            creator_no: no_of(&annotation.creator)?,
            created_at: annotation.created_at.as_millis(),
            modified_at: annotation.modified_at.as_millis(),
        };
        annotations::insert(tx.conn, &new)?;
    }
    Ok(())
}

fn fresh() -> String {
    cartulary_model::ObjectId::generate().to_string()
}

fn content_of(annotation: &BagAnnotation) -> Result<AnnotationContent> {
    let unknown = |_| RepositoryError::invalid("digest", "unknown_content", "is no SHA-256");
    Ok(AnnotationContent {
        digest: annotation.digest.parse().map_err(unknown)?,
        places: annotation.places.clone(),
        motivation: annotation.motivation.clone(),
        body: annotation.body.clone(),
        colour: annotation.colour.clone(),
    })
}
