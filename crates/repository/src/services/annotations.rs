//! Annotations: marks and notes on the pages of a document, that stay with the bytes they were put on.
//!
//! An annotation belongs to a document and to one content by its digest: it is shown with every version of the document that
//! has these bytes, and with no other document, whatever bytes that has. Whoever may read the content sees them and puts them.

use std::collections::BTreeSet;

use cartulary_db::Conn;
use cartulary_model::permission::{READ_CONTENT, WRITE_SECURITY};
use cartulary_model::{BlobDigest, ChangeKind, ObjectId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::bootstrap::parse_id;
use crate::object::{Current, Precondition, PrincipalName, WINDOW_ROWS_MAX, Window, WindowRequest, Written};
use crate::services::arrangements::page_counts;
use crate::services::detail::principal_name;
use crate::services::folders::window;
use crate::services::objects::{made_before, remember_made, request_digest};
use crate::services::tags::of_object;
use crate::services::wording;
use crate::store::annotations::{self, AnnotationRow, NewAnnotationRow};
use crate::store::objects::{self, ObjectRow};
use crate::store::{blobs, principals};
use crate::transaction::{Change, Tx};
use crate::{Faults, RepositoryError, Result, Session};

/// How long a note may be. *Units*: characters.
const BODY_MAX: usize = 10_000;
/// How many places one annotation marks at most.
const PLACES_MAX: usize = 500;
/// The last page that can be marked.
const PAGE_MAX: u32 = 1_000_000;
/// How many annotations a document has at most.
pub(crate) const ON_OBJECT_MAX: i64 = 10_000;
/// The side of a page. *Units*: millionths.
const WHOLE: u32 = 1_000_000;

/// Why somebody annotates. Source: Web Annotation Vocabulary §3.3, instances of `oa:Motivation`.
pub const MOTIVATIONS: [&str; 13] = [
    "assessing",
    "bookmarking",
    "classifying",
    "commenting",
    "describing",
    "editing",
    "highlighting",
    "identifying",
    "linking",
    "moderating",
    "questioning",
    "replying",
    "tagging",
];

/// A part of a page. *Units*: millionths of the page's width and height, from its upper left corner as it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageBox {
    /// From the left.
    pub x: u32,
    /// From above.
    pub y: u32,
    /// How wide.
    pub width: u32,
    /// How high.
    pub height: u32,
}

/// A place in a content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnnotatedPlace {
    /// The page, from 1; nothing: the content as a whole.
    pub page: Option<u32>,
    /// The part of the page; nothing: all of it.
    pub area: Option<PageBox>,
}

/// What an annotation says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnnotationContent {
    /// The bytes that it is on.
    pub digest: BlobDigest,
    /// The places, in the order that they were said in; at least one.
    pub places: Vec<AnnotatedPlace>,
    /// Why: one of [`MOTIVATIONS`].
    pub motivation: String,
    /// A note: plain text of any number of lines.
    pub body: Option<String>,
    /// The colour. *Shape*: `#rrggbb`, lower-case.
    pub colour: Option<String>,
}

/// An annotation.
#[derive(Clone, Debug)]
pub struct AnnotationView {
    /// Its id.
    pub id: ObjectId,
    /// The document that it is of.
    pub document: ObjectId,
    /// What it says.
    pub content: AnnotationContent,
    /// Who made it.
    pub by: PrincipalName,
    /// When.
    pub at: Timestamp,
    /// When it was last changed.
    pub modified_at: Timestamp,
    /// Another with every change.
    pub change_token: i64,
}

impl AnnotationContent {
    /// Returns it in its normal form.
    ///
    /// # Errors
    /// `Invalid`, with all that is wrong.
    pub(crate) fn checked(mut self) -> Result<Self> {
        let mut faults = Faults::default();
        self.put_in_order(&mut faults)?;
        faults.end().map(|()| self)
    }

    /// Puts it in its normal form, and gathers what is wrong with it.
    ///
    /// # Errors
    /// None but faults of ours.
    fn put_in_order(&mut self, faults: &mut Faults) -> Result<()> {
        if !MOTIVATIONS.contains(&self.motivation.as_str()) {
            faults.say("motivation", "unknown_motivation", format!("is one of {}", MOTIVATIONS.join(", ")));
        }
        if self.places.is_empty() {
            faults.say("target", "required", "is at least one place");
        }
        if self.places.len() > PLACES_MAX {
            faults.say("target", "too_many", format!("has at most {PLACES_MAX} places"));
        }
        for (position, place) in self.places.iter().take(PLACES_MAX).enumerate() {
            if let Some(detail) = fault_of(place) {
                faults.say(format!("target[{position}]"), "invalid_place", detail);
            }
        }
        let is_colour = |colour: &String| {
            let digits = colour.strip_prefix('#').unwrap_or_default();
            digits.len() == 6 && digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
        };
        if !self.colour.as_ref().is_none_or(is_colour) {
            faults.say("colour", "invalid_colour", "is `#rrggbb` in lower case");
        }
        if let Some(body) = &self.body {
            let body = faults.take(wording::text("body", body, BODY_MAX))?;
            self.body = body.or_else(|| self.body.take());
        }
        Ok(())
    }

    fn as_json(&self) -> Value {
        json!({
            "digest": self.digest, "places": self.places, "motivation": self.motivation, "body": self.body,
            "colour": self.colour,
        })
    }
}

fn fault_of(place: &AnnotatedPlace) -> Option<&'static str> {
    match (place.page, place.area) {
        (Some(page), _) if page == 0 || page > PAGE_MAX => Some("is on a page from 1 to 1,000,000"),
        (None, Some(_)) => Some("needs a page"),
        (_, Some(area)) if area.width == 0 || area.height == 0 => Some("has a box without any extent"),
        (_, Some(area)) => {
            let ends = |from: u32, extent: u32| from.checked_add(extent).is_some_and(|end| end <= WHOLE);
            let is_inside = ends(area.x, area.width) && ends(area.y, area.height);
            if is_inside { None } else { Some("has a box that goes beyond its page") }
        }
        _ => None,
    }
}

/// Gathers the places on pages beyond the last one, where it is known how many there are: of what was read, and of images,
/// which have one unless they are of a kind that has several.
fn check_places_are_there(
    conn: &mut Conn,
    object_no: i64,
    content: &AnnotationContent,
    faults: &mut Faults,
) -> Result<()> {
    let counted = page_counts(conn, &[content.digest.to_string()])?.remove(&content.digest);
    let count = match counted {
        Some(count) => count,
        None => {
            let contents = blobs::all_contents_of(conn, &[object_no])?.remove(&object_no).unwrap_or_default();
            let wanted = content.digest.to_string();
            let has_one = |kind: &str| kind.starts_with("image/") && !kind.starts_with("image/tif");
            match contents.iter().any(|one| one.digest == wanted && has_one(&one.media_type)) {
                true => 1,
                false => return Ok(()),
            }
        }
    };
    for (position, place) in content.places.iter().take(PLACES_MAX).enumerate() {
        if let Some(page) = place.page.filter(|page| *page > count && *page <= PAGE_MAX) {
            let pages = if count == 1 { "one page".to_owned() } else { format!("{count} pages") };
            let detail = format!("is on page {page}, and the content has {pages}");
            faults.say(format!("target[{position}]"), "out_of_range", detail);
        }
    }
    Ok(())
}

impl Session {
    /// Annotates a content of a document, or of a version of one. `faults` is what is known to be wrong already.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` without `ReadContent`; `Invalid` with all that is wrong, and when the document has not these bytes;
    /// `Conflict` `not_live` for a working copy, `too_many_annotations`.
    pub async fn annotation_create(
        &self,
        document: ObjectId,
        mut content: AnnotationContent,
        idempotency_key: Option<String>,
        mut faults: Faults,
    ) -> Result<Written<AnnotationView>> {
        // What of the places could not be read was told already.
        let is_read = faults.is_empty();
        content.put_in_order(&mut faults)?;
        let session = self.clone();
        let digest = request_digest(&json!(["annotation", document.to_string(), content.as_json()]));
        self.transact(move |tx| {
            let key = idempotency_key.as_deref();
            if let Some(id) = made_before(tx, key, &digest)? {
                let (live, row) = session.annotation_seen(tx.conn, id, tx.now)?;
                return annotation_view(tx.conn, &live, row);
            }
            let named = session.authorised(tx.conn, document, READ_CONTENT, tx.now)?;
            if named.role == objects::WORKING {
                return Err(RepositoryError::conflict("not_live", "is a working copy: annotate the document"));
            }
            let live = session.live_of(tx.conn, &named)?.unwrap_or_else(|| named.clone());
            let live = objects::locked(tx.conn, live.no)?.filter(|row| row.trashed_at.is_none());
            let live = live.ok_or_else(|| RepositoryError::not_found("the object"))?;
            let held = blobs::slots_of(tx.conn, &[named.no])?;
            let wanted = content.digest.to_string();
            let mut faults = faults.clone();
            let is_held = held.values().any(|slots| slots.values().any(|held| *held == wanted));
            if is_held {
                // How many pages other bytes have is nobody's to learn here.
                check_places_are_there(tx.conn, named.no, &content, &mut faults)?;
            } else if is_read {
                faults.say("target.source", "unknown_content", "is no content of this document");
            }
            faults.end()?;
            if annotations::count_on(tx.conn, live.no)? >= ON_OBJECT_MAX {
                let detail = format!("a document has at most {ON_OBJECT_MAX} annotations");
                return Err(RepositoryError::conflict("too_many_annotations", detail));
            }
            let id = ObjectId::generate();
            let row = NewAnnotationRow {
                id: &id.to_string(),
                object_no: live.no,
                digest: &wanted,
                motivation: &content.motivation,
                body: content.body.as_deref(),
                colour: content.colour.as_deref(),
                boxes: &places_json(&content.places)?,
                creator_no: session.actor.no,
                created_at: tx.now.as_millis(),
                modified_at: tx.now.as_millis(),
            };
            annotations::insert(tx.conn, &row)?;
            record(tx, &live, id, None, Some(&content))?;
            remember_made(tx, key, &digest, &id.to_string())?;
            let (live, row) = session.annotation_seen(tx.conn, id, tx.now)?;
            annotation_view(tx.conn, &live, row)
        })
        .await
    }

    /// Returns a window of the annotations on the contents of a document or version as it is, oldest first; of one content when
    /// it is named, which may also be that of another version of the document.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` without `ReadContent`.
    pub async fn annotation_list(
        &self,
        document: ObjectId,
        content: Option<BlobDigest>,
        request: WindowRequest,
    ) -> Result<Window<AnnotationView>> {
        let (session, now) = (self.clone(), self.repository.clock().now());
        let limit = i64::try_from(request.limit.min(WINDOW_ROWS_MAX)).unwrap_or(i64::MAX);
        let offset = i64::try_from(request.offset).unwrap_or(i64::MAX);
        let read = move |conn: &mut Conn| -> Result<_> {
            let named = session.authorised(conn, document, READ_CONTENT, now)?;
            let live = session.live_of(conn, &named)?.unwrap_or_else(|| named.clone());
            let digests: BTreeSet<String> = match content {
                Some(digest) => {
                    let digest = digest.to_string();
                    let is_held = annotations::has_bytes(conn, live.no, live.series_no, &digest)?;
                    is_held.then_some(digest).into_iter().collect()
                }
                None => {
                    let held = blobs::slots_of(conn, &[named.no])?;
                    held.into_values().flat_map(std::collections::BTreeMap::into_values).collect()
                }
            };
            let digests: Vec<String> = digests.into_iter().collect();
            let (total, rows) = annotations::window(conn, live.no, &digests, offset, limit)?;
            let items = annotation_views(conn, &live, rows)?;
            Ok((window(total.unsigned_abs(), items, request), session.reading_of(conn, &named)?))
        };
        let (found, reading) = self.repository.database().read(read).await?;
        self.note_reading(reading, json!("annotations")).await?;
        Ok(found)
    }

    /// Returns one annotation.
    ///
    /// # Errors
    /// `NotFound`, also when the caller may not read the content of its document.
    pub async fn annotation_get(&self, id: ObjectId) -> Result<AnnotationView> {
        let (session, now) = (self.clone(), self.repository.clock().now());
        let read = move |conn: &mut Conn| -> Result<_> {
            let (live, row) = session.annotation_seen(conn, id, now)?;
            Ok((annotation_view(conn, &live, row)?, session.reading_of(conn, &live)?))
        };
        let (found, reading) = self.repository.database().read(read).await?;
        self.note_reading(reading, json!("annotations")).await?;
        Ok(found)
    }

    /// Replaces what an annotation says, and where on the same content: its creator does, and whoever manages the document.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden`; `Stale`; `Invalid`, also for another content.
    pub async fn annotation_update(
        &self,
        id: ObjectId,
        precondition: Precondition,
        mut content: AnnotationContent,
        mut faults: Faults,
    ) -> Result<Written<AnnotationView>> {
        let is_read = faults.is_empty();
        content.put_in_order(&mut faults)?;
        let session = self.clone();
        self.transact(move |tx| {
            let (live, row) = session.annotation_to_change(tx, id, &precondition)?;
            let mut faults = faults.clone();
            if row.digest == content.digest.to_string() {
                check_places_are_there(tx.conn, live.no, &content, &mut faults)?;
            } else if is_read {
                faults.say("target.source", "another_content", "is another content: an annotation stays with its own");
            }
            faults.end()?;
            let before = content_of(&row)?;
            let changed = AnnotationRow {
                motivation: content.motivation.clone(),
                body: content.body.clone(),
                colour: content.colour.clone(),
                boxes: places_json(&content.places)?,
                modified_at: tx.now.as_millis(),
                ..row
            };
            annotations::put(tx.conn, &changed)?;
            record(tx, &live, id, Some(&before), Some(&content))?;
            let (live, row) = session.annotation_seen(tx.conn, id, tx.now)?;
            annotation_view(tx.conn, &live, row)
        })
        .await
    }

    /// Deletes an annotation: its creator does, and whoever manages the document.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden`; `Stale`.
    pub async fn annotation_delete(&self, id: ObjectId, precondition: Precondition) -> Result<Written<()>> {
        let session = self.clone();
        self.transact(move |tx| {
            let (live, row) = session.annotation_to_change(tx, id, &precondition)?;
            annotations::delete(tx.conn, row.no)?;
            record(tx, &live, id, Some(&content_of(&row)?), None)
        })
        .await
    }

    fn annotation_seen(&self, conn: &mut Conn, id: ObjectId, now: Timestamp) -> Result<(ObjectRow, AnnotationRow)> {
        let unknown = || RepositoryError::not_found("the annotation");
        let row = annotations::by_id(conn, &id.to_string())?.ok_or_else(unknown)?;
        let object = objects::by_no(conn, row.object_no)?.ok_or_else(unknown)?;
        match self.authorised(conn, parse_id(&object.id)?, READ_CONTENT, now) {
            Ok(object) if annotations::has_bytes(conn, object.no, object.series_no, &row.digest)? => Ok((object, row)),
            Ok(_) | Err(RepositoryError::NotFound { .. } | RepositoryError::Forbidden { .. }) => Err(unknown()),
            Err(other) => Err(other),
        }
    }

    fn annotation_to_change(
        &self,
        tx: &mut Tx<'_>,
        id: ObjectId,
        precondition: &Precondition,
    ) -> Result<(ObjectRow, AnnotationRow)> {
        let unknown = || RepositoryError::not_found("the annotation");
        let (seen, _) = self.annotation_seen(tx.conn, id, tx.now)?;
        let live = objects::locked(tx.conn, seen.no)?.filter(|row| row.trashed_at.is_none()).ok_or_else(unknown)?;
        let row = annotations::locked(tx.conn, &id.to_string())?.ok_or_else(unknown)?;
        if row.creator_no != self.actor.no {
            let access = &self.repository.inner.access;
            access.require(tx.conn, &self.actor, live.scope_no, WRITE_SECURITY, tx.now)?;
        }
        if precondition.holds_for_token(row.change_token) {
            return Ok((live, row));
        }
        let (expected, token) = (precondition.clone(), row.change_token);
        let current = Current::Annotation(Box::new(annotation_view(tx.conn, &live, row)?));
        Err(RepositoryError::Stale { expected, token, current })
    }
}

/// Records that an annotation came, changed or went.
fn record(
    tx: &mut Tx<'_>,
    live: &ObjectRow,
    id: ObjectId,
    before: Option<&AnnotationContent>,
    after: Option<&AnnotationContent>,
) -> Result<()> {
    let said = |content: &AnnotationContent| json!({ "annotation": id, "says": content.as_json() });
    let change = Change { before: before.map(said), after: after.map(said), ..of_object(live)? };
    tx.record(ChangeKind::Noted, change)
}

fn places_json(places: &[AnnotatedPlace]) -> Result<String> {
    serde_json::to_string(places).map_err(RepositoryError::internal)
}

/// Reads what is stored of an annotation.
fn content_of(row: &AnnotationRow) -> Result<AnnotationContent> {
    Ok(AnnotationContent {
        digest: row.digest.parse().map_err(RepositoryError::internal)?,
        places: serde_json::from_str(&row.boxes).map_err(RepositoryError::internal)?,
        motivation: row.motivation.clone(),
        body: row.body.clone(),
        colour: row.colour.clone(),
    })
}

fn annotation_view(conn: &mut Conn, live: &ObjectRow, row: AnnotationRow) -> Result<AnnotationView> {
    let view = annotation_views(conn, live, vec![row])?.pop();
    view.ok_or_else(|| RepositoryError::not_found("the annotation"))
}

fn annotation_views(conn: &mut Conn, live: &ObjectRow, rows: Vec<AnnotationRow>) -> Result<Vec<AnnotationView>> {
    let people: BTreeSet<i64> = rows.iter().map(|row| row.creator_no).collect();
    let people = principals::by_nos(conn, &people)?;
    let document = parse_id(&live.id)?;
    let view = |row: AnnotationRow| -> Result<AnnotationView> {
        Ok(AnnotationView {
            id: parse_id(&row.id)?,
            document,
            content: content_of(&row)?,
            by: principal_name(&people, row.creator_no)?,
            at: Timestamp::from_millis(row.created_at),
            modified_at: Timestamp::from_millis(row.modified_at),
            change_token: row.change_token,
        })
    };
    rows.into_iter().map(view).collect()
}
