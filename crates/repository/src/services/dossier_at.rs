//! A dossier as it stood at an instant, with today's permissions.
//!
//! The changes since are taken back, newest first: each entry of the log says what was before. What was destroyed since is
//! not there any more. Of a document the version counts that was the newest then.

use std::collections::{BTreeMap, BTreeSet};

use cartulary_db::Conn;
use cartulary_model::permission::{BROWSE, READ_CHILDREN, READ_PROPERTIES};
use cartulary_model::{BaseType, ObjectId, Properties, Timestamp};
use serde_json::Value;

use crate::bootstrap::parse_id;
use crate::object::{ObjectDetail, ObjectSummary, WINDOW_ROWS_MAX, Window, WindowRequest};
use crate::services::detail::{principal_name, properties_of};
use crate::services::folders::{cut, window};
use crate::services::manifest::{MEMBERS_MAX, refuse_large};
use crate::services::readings::Reading;
use crate::services::texts;
use crate::services::versions::label_of;
use crate::store::changes::{self, PastRow};
use crate::store::dossier_versions::{self, ChildRow};
use crate::store::objects::{self, ObjectRow};
use crate::store::{blobs, principals, versions};
use crate::{RepositoryError, Result, Session};

/// Among so many entries the last change of an object's values is looked for.
const ENTRIES_MAX: i64 = 50;

/// An object as it stood at an instant.
#[derive(Clone, Debug)]
struct Past {
    /// Whether it was there at all.
    existed: bool,
    /// Whether it lay in the dossier, and not in the trash.
    is_member: bool,
    /// Its place in the order of the dossier.
    ordinal: i64,
    name: String,
    title: String,
    properties: Properties,
    /// Its facets, when they may have changed since.
    facets: Option<Vec<String>>,
    /// The digest of its content, when that changed since.
    content: Option<Value>,
    /// The first change since; nothing when it stands as it stood.
    first_since: Option<i64>,
}

impl Past {
    /// Returns an object as it is now; `place` is its filing in the dossier, in the trash or not.
    fn present(row: &ObjectRow, place: Option<&ChildRow>) -> Result<Self> {
        Ok(Self {
            existed: true,
            is_member: row.trashed_at.is_none() && place.is_some_and(|place| !place.is_trashed),
            ordinal: place.map_or(i64::MAX, |place| place.ordinal),
            name: row.name.clone(),
            title: row.title.clone(),
            properties: properties_of(row)?,
            facets: None,
            content: None,
            first_since: None,
        })
    }

    /// Takes a change back.
    fn take_back(&mut self, change: &PastRow, dossier: &str, has_place: bool) -> Result<()> {
        let read = |text: &Option<String>| -> Result<Value> {
            let text = text.as_deref().unwrap_or("null");
            serde_json::from_str(text).map_err(RepositoryError::internal)
        };
        let (before, detail) = (read(&change.before_json)?, read(&Some(change.detail.clone()))?);
        let names_dossier = |field: &str| detail.get(field).and_then(Value::as_str) == Some(dossier);
        match change.kind.as_str() {
            "created" => (self.existed, self.is_member) = (false, false),
            "trashed" => self.is_member = has_place,
            "restored" => self.is_member = false,
            _ if names_dossier("to") || names_dossier("filedIn") => self.is_member = false,
            _ if names_dossier("from") || names_dossier("takenFrom") => self.is_member = true,
            _ => {}
        }
        if let Some(name) = before.get("name").and_then(Value::as_str) {
            name.clone_into(&mut self.name);
        }
        if let Some(title) = before.get("title").and_then(Value::as_str) {
            title.clone_into(&mut self.title);
        }
        if let Some(Value::Object(properties)) = before.get("properties") {
            self.properties = properties.clone();
        }
        if let Some(Value::Array(facets)) = before.get("facets") {
            self.facets = Some(facets.iter().filter_map(Value::as_str).map(str::to_owned).collect());
        }
        if let Some(content) = before.get("content") {
            self.content = Some(content.clone());
        }
        let is_of_order = before.get("folder").and_then(Value::as_str) == Some(dossier);
        if let Some(place) = before.get("place").and_then(Value::as_i64).filter(|_| is_of_order) {
            self.ordinal = place;
        }
        self.first_since = Some(change.no);
        Ok(())
    }
}

impl Session {
    /// Returns a dossier as it stood at an instant; permissions, folders and change token are today's.
    ///
    /// # Errors
    /// `NotFound`, also when it was not there then; `Conflict` `not_a_dossier`.
    pub async fn dossier_at(&self, id: ObjectId, at: Timestamp) -> Result<ObjectDetail> {
        let (session, now) = (self.clone(), self.repository.clock().now());
        let read = move |conn: &mut Conn| -> Result<(ObjectDetail, Option<Reading>)> {
            let row = session.authorised(conn, id, BROWSE, now)?;
            session.require_dossier(&row)?;
            let present = BTreeMap::from([(row.no, Past::present(&row, None)?)]);
            let past = taken_back(conn, &row.id, present, &BTreeSet::new(), at)?.remove(&row.no);
            let past = past.filter(|past| past.existed).ok_or_else(|| RepositoryError::not_found("the dossier"))?;
            let mut detail = session.detail_of(conn, &row, now)?;
            session.put_past(conn, &row, &past, &mut detail.summary, now)?;
            if detail.permissions.contains(&READ_PROPERTIES) {
                detail.facets = past.facets.unwrap_or(detail.facets);
            }
            Ok((detail, session.reading_of(conn, &row)?))
        };
        let (detail, reading) = self.repository.database().read(read).await?;
        self.note_reading_of(&detail, reading).await?;
        Ok(detail)
    }

    /// Returns a window of what lay in a dossier, or in any other folder, at an instant, in its order, of what the caller may
    /// browse today. A folder that lay in a dossier then is asked by its own id, also when it is in the trash by now.
    ///
    /// # Errors
    /// `NotFound`, also when the folder was not there then; `Forbidden` without `ReadChildren`; `Conflict` `use_bulk_action`
    /// when more than 10,000 objects lie, or lay, in it.
    pub async fn children_at(
        &self,
        id: ObjectId,
        at: Timestamp,
        request: WindowRequest,
    ) -> Result<Window<ObjectSummary>> {
        let (session, now) = (self.clone(), self.repository.clock().now());
        let request = WindowRequest { limit: request.limit.min(WINDOW_ROWS_MAX), ..request };
        let read = move |conn: &mut Conn| -> Result<(Window<ObjectSummary>, Vec<Reading>)> {
            let dossier = session.folder_of_then(conn, id, now)?;
            if dossier.created_at > at.as_millis() {
                return Err(RepositoryError::not_found("the folder"));
            }
            let (rows, pasts) = session.members_at(conn, &dossier, at, now)?;
            let mut members: Vec<(&ObjectRow, &Past)> =
                rows.iter().filter_map(|(no, row)| Some((row, pasts.get(no)?))).collect();
            members.retain(|(_, past)| past.existed && past.is_member);
            members.sort_by_key(|(row, past)| (past.ordinal, row.no));
            let shown = cut(&members, request);
            let items = session.summaries_at(conn, shown, at, now)?;
            let nos: Vec<i64> = shown.iter().map(|(row, _)| row.no).collect();
            let readings = session.readings_among(conn, &nos, now)?;
            Ok((window(members.len() as u64, items, request), readings))
        };
        self.read_noted("children at an instant", read).await
    }

    /// Returns a folder, in the trash or not, if the session may list what lies in it.
    fn folder_of_then(&self, conn: &mut Conn, id: ObjectId, now: Timestamp) -> Result<ObjectRow> {
        let row = objects::by_id(conn, &id.to_string())?;
        let row = row.filter(|row| row.role == objects::LIVE && row.base == BaseType::Folder.as_str());
        let row = row.ok_or_else(|| RepositoryError::not_found("the folder"))?;
        self.repository.inner.access.require(conn, &self.actor, row.scope_no, READ_CHILDREN, now)?;
        Ok(row)
    }

    /// Returns what lies in a dossier, or lay there after an instant, of what the caller may browse, each as it stood then.
    fn members_at(
        &self,
        conn: &mut Conn,
        dossier: &ObjectRow,
        at: Timestamp,
        now: Timestamp,
    ) -> Result<(BTreeMap<i64, ObjectRow>, BTreeMap<i64, Past>)> {
        let limit = i64::try_from(MEMBERS_MAX + 1).unwrap_or(i64::MAX);
        let places: BTreeMap<i64, ChildRow> = dossier_versions::all_children(conn, dossier.no, limit)?
            .into_iter()
            .map(|child| (child.child_no, child))
            .collect();
        let left = changes::left_since(conn, &dossier.id, at.as_millis(), limit)?;
        let nos: BTreeSet<i64> = places.keys().copied().chain(left).collect();
        refuse_large(nos.len())?;
        let mut rows = objects::by_nos(conn, &nos.into_iter().collect::<Vec<_>>())?;
        // What was brought in with its history was there before the log says so.
        rows.retain(|_, row| row.role == objects::LIVE && row.created_at <= at.as_millis());
        let scopes: BTreeSet<i64> = rows.values().map(|row| row.scope_no).collect();
        let visible = self.repository.inner.access.allowing(conn, &self.actor, &scopes, BROWSE, now)?;
        rows.retain(|_, row| visible.contains(&row.scope_no));
        let mut present = BTreeMap::new();
        for (no, row) in &rows {
            present.insert(*no, Past::present(row, places.get(no))?);
        }
        let placed = places.into_keys().collect();
        let pasts = taken_back(conn, &dossier.id, present, &placed, at)?;
        Ok((rows, pasts))
    }

    fn summaries_at(
        &self,
        conn: &mut Conn,
        members: &[(&ObjectRow, &Past)],
        at: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<ObjectSummary>> {
        let mut summaries = Vec::with_capacity(members.len());
        for (row, past) in members {
            let version = match row.series_no {
                Some(series) => versions::at_instant(conn, series, at.as_millis())?,
                None => None,
            };
            let shown = version.as_ref().map_or(*row, |(_, version)| version);
            let summary = self.summaries_of(conn, std::slice::from_ref(shown), now)?.pop();
            let mut summary = summary.ok_or_else(|| RepositoryError::not_found("the object"))?;
            summary.id = parse_id(&row.id)?;
            summary.created_at = Timestamp::from_millis(row.created_at);
            self.put_past(conn, row, past, &mut summary, now)?;
            if row.series_no.is_some() {
                self.put_version(conn, past, version.as_ref(), &mut summary)?;
            }
            summaries.push(summary);
        }
        Ok(summaries)
    }

    /// Says of a document which version it had, with a `+` when it had been changed since, and shows that version's content;
    /// none when it was another that no version kept.
    fn put_version(
        &self,
        conn: &mut Conn,
        past: &Past,
        version: Option<&(versions::VersionRow, ObjectRow)>,
        summary: &mut ObjectSummary,
    ) -> Result<()> {
        let Some((version, object)) = version else {
            (summary.version_label, summary.content) = (None, None);
            summary.text = summary.text.as_ref().map(|_| texts::none());
            return Ok(());
        };
        let own = blobs::contents_of(conn, &[version.object_no])?.remove(&version.object_no);
        let is_other_content = past
            .content
            .as_ref()
            .is_some_and(|content| content.as_str() != own.as_ref().map(|content| content.digest.as_str()));
        if is_other_content {
            summary.content = None;
            summary.text = summary.text.as_ref().map(|_| texts::none());
        }
        let is_changed = is_other_content || past.title != object.title || past.properties != properties_of(object)?;
        summary.version_label = Some(format!("{}{}", label_of(version), if is_changed { "+" } else { "" }));
        Ok(())
    }

    /// Puts the values that an object had, and who gave it them, into its summary.
    fn put_past(
        &self,
        conn: &mut Conn,
        row: &ObjectRow,
        past: &Past,
        summary: &mut ObjectSummary,
        now: Timestamp,
    ) -> Result<()> {
        past.name.clone_into(&mut summary.name);
        past.title.clone_into(&mut summary.title);
        let access = &self.repository.inner.access;
        if access.allows(conn, &self.actor, row.scope_no, READ_PROPERTIES, now)? {
            summary.properties = past.properties.clone();
        }
        let entries = match past.first_since {
            Some(first) => changes::before(conn, row.no, &row.id, first, ENTRIES_MAX)?,
            None => Vec::new(),
        };
        // Check-outs and places in an order are entries too, and change no value.
        let last = entries.iter().find(|(_, _, kind, after)| kind != "updated" || says_values(after.as_deref()));
        let (at, by) = last.map_or((row.modified_at, row.modified_by), |(at, by, ..)| (*at, *by));
        summary.modified_at = Timestamp::from_millis(at.min(row.modified_at));
        summary.modified_by = principal_name(&principals::by_nos(conn, &[by].into())?, by)?;
        Ok(())
    }
}

/// Says whether an entry is about the values of an object.
fn says_values(after: Option<&str>) -> bool {
    let after: Value = after.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    ["title", "content"].iter().any(|field| after.get(field).is_some())
}

/// Takes the changes of objects back that were made since an instant; `placed` are those that have a place in the dossier,
/// if only in the trash.
///
/// Of each object everything goes from its first change after the instant on, whatever the clock did then.
fn taken_back(
    conn: &mut Conn,
    dossier: &str,
    mut objects: BTreeMap<i64, Past>,
    placed: &BTreeSet<i64>,
    at: Timestamp,
) -> Result<BTreeMap<i64, Past>> {
    let nos: Vec<i64> = objects.keys().copied().collect();
    let rows = changes::of_objects_since(conn, &nos, at.as_millis())?;
    let mut first: BTreeMap<i64, i64> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.at > at.as_millis()) {
        // They come newest first, so that the last one that is seen is the first that was.
        first.insert(row.object_no.unwrap_or_default(), row.no);
    }
    for row in &rows {
        let no = row.object_no.unwrap_or_default();
        let is_since = first.get(&no).is_some_and(|first| row.no >= *first);
        if let Some(past) = objects.get_mut(&no).filter(|_| is_since) {
            past.take_back(row, dossier, placed.contains(&no))?;
        }
    }
    Ok(objects)
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::object::{NewDocument, NewFolder};
    use crate::{ObjectMove, Precondition};

    const ALL: WindowRequest = WindowRequest { offset: 0, limit: 100 };

    async fn names(session: &Session, dossier: ObjectId, at: Timestamp) -> Vec<String> {
        let children = session.children_at(dossier, at, ALL).await.unwrap();
        children.items.into_iter().map(|child| child.name).collect()
    }

    #[tokio::test]
    async fn what_was_moved_away_lay_in_the_dossier_before() {
        for database in cartulary_db::testing::each_database(&[crate::CORE_MIGRATIONS]) {
            let folder = tempfile::tempdir().unwrap();
            let repository = crate::testing::opened(&database, &folder).await;
            let session = repository.system_session();
            let new = |name: &str| NewFolder { name: name.to_owned(), ..NewFolder::default() };
            let from = session.dossier_create(new("from")).await.unwrap().value.summary.id;
            let to = session.dossier_create(new("to")).await.unwrap().value.summary.id;
            let paper = NewDocument { name: "paper".into(), ..NewDocument::default() };
            let paper = session.document_create(from, paper).await.unwrap().value.summary.id;
            let clock = repository.clock();
            let before = clock.now();
            clock.shift(1_000);
            let wanted = ObjectMove { from: None, to, name: Some("paper, moved".to_owned()) };
            session.object_move(paper, Precondition::Any, wanted).await.unwrap();
            let now = clock.now();
            assert_eq!(names(&session, from, before).await, ["paper"], "on {}", database.backend());
            assert!(names(&session, to, before).await.is_empty());
            assert!(names(&session, from, now).await.is_empty());
            assert_eq!(names(&session, to, now).await, ["paper, moved"]);
        }
    }
}
