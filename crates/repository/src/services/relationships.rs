//! Relationships: objects that link two others, lie in no folder, and are seen by who may see both.
//!
//! Their scope is one that shows nothing to anybody but administrators, so that whatever looks at scopes alone keeps them to
//! itself; here, and in statements, both ends decide.

use std::collections::{BTreeMap, BTreeSet};

use cartulary_db::Conn;
use cartulary_model::permission::{BROWSE, Permission, READ_PROPERTIES, WRITE_PROPERTIES};
use cartulary_model::{BaseType, ChangeKind, ObjectId, Properties, Timestamp, TypeRegistry};
use serde_json::json;

use crate::bootstrap::parse_id;
use crate::declarations::Catalogue;
use crate::object::{ObjectChanges, ObjectSummary, Precondition, Window, WindowRequest, Written};
use crate::services::detail::properties_of;
use crate::services::folders::{cut, window};
use crate::services::objects::{Naming, Proposed, check_new, index_values, made_before, remember_made, request_digest};
use crate::store::objects::{self, NewObjectRow, ObjectRow};
use crate::store::relationships::{self, EndRow, Ends, LinkRow};
use crate::store::{acl, info};
use crate::transaction::{Change, Tx};
use crate::{Faults, RepositoryError, Result, Session};

/// Under which name the number of the scope of all relationships is kept.
const SCOPE: &str = "relationship_scope";

/// A relationship to make.
#[derive(Clone, Debug)]
pub struct NewRelationship {
    /// Its type, which says what may be linked.
    pub type_id: String,
    /// What it goes out from.
    pub source: ObjectId,
    /// What it leads to.
    pub target: ObjectId,
    /// Its name; the label of its type unless given.
    pub name: Option<String>,
    /// Its properties.
    pub properties: Properties,
    /// The facets to attach.
    pub facets: Vec<String>,
    /// A repeated request with the same key finds what the first made.
    pub idempotency_key: Option<String>,
}

/// Which end of a relationship an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// It goes out from the object.
    Source,
    /// It leads to the object.
    Target,
    /// One of both.
    Either,
}

/// An end of a relationship.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelatedObject {
    /// Its id.
    pub id: ObjectId,
    /// Its base type.
    pub base: String,
    /// Its type.
    pub type_id: String,
    /// Its name.
    pub name: String,
    /// Its title.
    pub title: String,
}

/// A relationship.
#[derive(Clone, Debug)]
pub struct RelationshipView {
    /// What it is; its properties are there for who may read those of both ends.
    pub summary: ObjectSummary,
    /// The facets attached, for the same.
    pub facets: Vec<String>,
    /// What it goes out from.
    pub source: RelatedObject,
    /// What it leads to.
    pub target: RelatedObject,
}

impl Session {
    /// Links two objects.
    ///
    /// # Errors
    /// `NotFound` for an end that the caller may not browse; `Forbidden` without `WriteProperties` on the source; `Invalid` with
    /// all violations: an end of a type that may not be linked, a version, a working copy, an object with itself.
    pub async fn relationship_create(&self, new: NewRelationship) -> Result<Written<RelationshipView>> {
        let session = self.clone();
        let digest = request_digest(&json!([
            "relationship",
            new.type_id,
            new.source.to_string(),
            new.target.to_string(),
            new.name,
            new.properties,
            new.facets
        ]));
        self.transact(move |tx| {
            let key = new.idempotency_key.as_deref();
            if let Some(id) = made_before(tx, key, &digest)? {
                let (row, ends) = session.relationship_seen(tx.conn, id, tx.now)?;
                return session.relationship_view(tx.conn, &row, &ends, tx.now);
            }
            let (source, target) = session.ends_to_link(tx, &new)?;
            let row = session.insert_relationship(tx, &new, &source, &target)?;
            remember_made(tx, key, &digest, &row.id)?;
            let (row, ends) = session.relationship_seen(tx.conn, parse_id(&row.id)?, tx.now)?;
            session.relationship_view(tx.conn, &row, &ends, tx.now)
        })
        .await
    }

    /// Returns both ends as they are when nobody destroys them any more until this transaction ends.
    fn ends_to_link(&self, tx: &mut Tx<'_>, new: &NewRelationship) -> Result<(ObjectRow, ObjectRow)> {
        let source = self.authorised(tx.conn, new.source, WRITE_PROPERTIES, tx.now)?;
        let target = self.authorised(tx.conn, new.target, BROWSE, tx.now)?;
        let mut held = BTreeMap::new();
        for no in BTreeSet::from([source.no, target.no]) {
            let row = objects::locked(tx.conn, no)?.filter(|row| row.trashed_at.is_none());
            held.insert(no, row.ok_or_else(|| RepositoryError::not_found("the object"))?);
        }
        Ok((source, target))
    }

    /// Gathers why these two cannot be linked so.
    fn check_linkable(&self, tx: &mut Tx<'_>, type_id: &str, ends: [&ObjectRow; 2], faults: &mut Faults) -> Result<()> {
        let [source, target] = ends;
        for (field, row) in [("source", source), ("target", target)] {
            if row.role != objects::LIVE {
                faults.say(field, "not_linkable", "is a version or a working copy: link the document");
            }
        }
        if source.no == target.no {
            faults.say("target", "same_object", "is the source: it links two objects");
        }
        let catalogue = self.repository.inner.declarations.present(tx.conn)?;
        faults.take(check_ends(catalogue.types(), type_id, &source.type_id, &target.type_id))?;
        Ok(())
    }

    fn insert_relationship(
        &self,
        tx: &mut Tx<'_>,
        new: &NewRelationship,
        source: &ObjectRow,
        target: &ObjectRow,
    ) -> Result<ObjectRow> {
        let mut faults = Faults::default();
        self.check_linkable(tx, &new.type_id, [source, target], &mut faults)?;
        let catalogue = self.repository.inner.declarations.held(tx.conn, &new.type_id, &new.facets)?;
        let types = catalogue.types();
        let mut properties = new.properties.clone();
        types.put_defaults(&new.type_id, &new.facets, &mut properties);
        let label = types.get(&new.type_id).map(|resolved| resolved.definition.label.clone()).unwrap_or_default();
        let proposed = Proposed {
            type_id: &new.type_id,
            base: BaseType::Relationship,
            name: new.name.as_deref().unwrap_or(&label),
            naming: Naming::Chosen,
            title: None,
            facets: &new.facets,
            properties: &properties,
        };
        let name = faults.take(check_new(&catalogue, &proposed))?;
        faults.end()?;
        let name = name.ok_or_else(|| RepositoryError::internal("a name that was checked"))?;
        let (id, at, scope_no) = (ObjectId::generate(), tx.now.as_millis(), scope_of_all(tx)?);
        let row = NewObjectRow {
            state: None,
            id: id.to_string(),
            base: objects::RELATIONSHIP,
            role: objects::LIVE,
            type_id: new.type_id.clone(),
            series_no: None,
            scope_no,
            name: name.as_str().to_owned(),
            title: name.as_str().to_owned(),
            properties: serde_json::to_string(&properties).map_err(RepositoryError::internal)?,
            created_at: at,
            created_by: tx.actor_no,
            modified_at: at,
            modified_by: tx.actor_no,
            source_system: None,
            source_id: None,
        };
        let no = objects::insert(tx.conn, &row)?;
        let row = row.numbered(no);
        relationships::insert(tx.conn, LinkRow { object_no: no, source_no: source.no, target_no: target.no })?;
        objects::put_facets_of_new(tx.conn, no, &new.facets)?;
        index_values(tx.conn, types, no, (&new.type_id, &new.facets), &properties, true)?;
        let after = json!({
            "type": row.type_id, "name": row.name, "source": source.id, "target": target.id, "facets": new.facets,
            "properties": properties,
        });
        let change =
            Change { object: Some((no, id)), scope_no: Some(scope_no), after: Some(after), ..Change::default() };
        tx.record(ChangeKind::Created, change)?;
        Ok(row)
    }

    /// Returns a relationship.
    ///
    /// # Errors
    /// `NotFound` when there is none, or the caller may not browse both ends, or one of them is in the trash.
    pub async fn relationship_get(&self, id: ObjectId) -> Result<RelationshipView> {
        let (session, now) = (self.clone(), self.repository.clock().now());
        let read = move |conn: &mut Conn| -> Result<_> {
            let (row, ends) = session.relationship_seen(conn, id, now)?;
            let view = session.relationship_view(conn, &row, &ends, now)?;
            let may_read = session.relationships_in_sight(conn, &[row.no], READ_PROPERTIES, now)?.contains(&row.no);
            let reading = if may_read { session.reading_of(conn, &row)? } else { None };
            Ok((view, reading))
        };
        let (view, reading) = self.repository.database().read(read).await?;
        self.note_reading(reading, json!("properties")).await?;
        Ok(view)
    }

    /// Changes name, title, properties and facets of a relationship; what it links stays.
    ///
    /// # Errors
    /// As [`Session::relationship_get`]; `Forbidden` without `WriteProperties` on the source; `Stale`; `Invalid`.
    pub async fn relationship_update(
        &self,
        id: ObjectId,
        precondition: Precondition,
        changes: ObjectChanges,
    ) -> Result<Written<RelationshipView>> {
        let session = self.clone();
        self.transact(move |tx| {
            let (row, ends) = session.relationship_to_change(tx, id, &precondition)?;
            let changed = session.change_row_in_tx(tx, &row, &changes)?;
            session.relationship_view(tx.conn, &changed, &ends, tx.now)
        })
        .await
    }

    /// Destroys a relationship; nothing goes to the trash, where it would have no place to come back to.
    ///
    /// # Errors
    /// As [`Session::relationship_update`].
    pub async fn relationship_delete(&self, id: ObjectId, precondition: Precondition) -> Result<Written<()>> {
        let session = self.clone();
        self.transact(move |tx| {
            let (row, ends) = session.relationship_to_change(tx, id, &precondition)?;
            record_destroyed(tx, &row, &ends)?;
            relationships::destroy(tx.conn, &[row.no])
        })
        .await
    }

    /// Returns a window of the relationships of an object, in the order of making: those whose other end the caller may
    /// browse, of a type and those below it when one is given.
    ///
    /// # Errors
    /// `NotFound` for the object; `Invalid` for a type that is none of a relationship.
    pub async fn relationship_list(
        &self,
        object: ObjectId,
        direction: Direction,
        type_id: Option<String>,
        request: WindowRequest,
    ) -> Result<Window<RelationshipView>> {
        let (session, now) = (self.clone(), self.repository.clock().now());
        let read = move |conn: &mut Conn| -> Result<_> {
            let row = session.authorised(conn, object, BROWSE, now)?;
            let catalogue = session.repository.inner.declarations.present(conn)?;
            let types = type_id.as_deref().map(|id| family(&catalogue, id)).transpose()?;
            let mut links = Vec::new();
            if direction != Direction::Target {
                links.extend(relationships::from_source(conn, row.no, types.as_deref())?);
            }
            if direction != Direction::Source {
                links.extend(relationships::to_target(conn, row.no, types.as_deref())?);
            }
            links.sort_unstable_by_key(|link| link.object_no);
            let ends = relationships::with_ends(conn, &links)?;
            let seen = session.among_ends(conn, &ends, BROWSE, now)?;
            let seen: Vec<i64> = seen.iter().copied().collect();
            let nos = cut(&seen, request);
            let rows = objects::by_nos(conn, nos)?;
            let mut views = Vec::with_capacity(nos.len());
            for (row, ends) in nos.iter().filter_map(|no| Some((rows.get(no)?, ends.get(no)?))) {
                views.push(session.relationship_view(conn, row, ends, now)?);
            }
            let readable = session.among_ends(conn, &ends, READ_PROPERTIES, now)?;
            let readable: Vec<i64> = nos.iter().copied().filter(|no| readable.contains(no)).collect();
            let readings = session.readings_of(conn, &readable)?;
            Ok(((seen.len() as u64, views), readings))
        };
        let (total, items) = self.read_noted("relationships", read).await?;
        Ok(window(total, items, request))
    }

    /// Returns those of some relationships of which the caller has a permission on both ends, neither in the trash.
    pub(crate) fn relationships_in_sight(
        &self,
        conn: &mut Conn,
        nos: &[i64],
        wanted: Permission,
        now: Timestamp,
    ) -> Result<BTreeSet<i64>> {
        let ends = relationships::ends_of(conn, nos)?;
        self.among_ends(conn, &ends, wanted, now)
    }

    pub(crate) fn among_ends(
        &self,
        conn: &mut Conn,
        ends: &BTreeMap<i64, Ends>,
        wanted: Permission,
        now: Timestamp,
    ) -> Result<BTreeSet<i64>> {
        let scopes: BTreeSet<i64> = ends.values().flat_map(|one| [one.source.scope_no, one.target.scope_no]).collect();
        let visible = self.repository.inner.access.allowing(conn, &self.actor, &scopes, wanted, now)?;
        let is_seen = |end: &EndRow| end.trashed_at.is_none() && visible.contains(&end.scope_no);
        let both = ends.iter().filter(|(_, ends)| is_seen(&ends.source) && is_seen(&ends.target));
        Ok(both.map(|(no, _)| *no).collect())
    }

    fn relationship_seen(&self, conn: &mut Conn, id: ObjectId, now: Timestamp) -> Result<(ObjectRow, Ends)> {
        let unknown = || RepositoryError::not_found("the relationship");
        let row = objects::by_id(conn, &id.to_string())?.filter(|row| row.base == objects::RELATIONSHIP);
        let row = row.ok_or_else(unknown)?;
        let mut ends = relationships::ends_of(conn, &[row.no])?;
        if !self.among_ends(conn, &ends, BROWSE, now)?.contains(&row.no) {
            return Err(unknown());
        }
        let ends = ends.remove(&row.no).ok_or_else(unknown)?;
        Ok((row, ends))
    }

    fn relationship_to_change(
        &self,
        tx: &mut Tx<'_>,
        id: ObjectId,
        precondition: &Precondition,
    ) -> Result<(ObjectRow, Ends)> {
        let (seen, ends) = self.relationship_seen(tx.conn, id, tx.now)?;
        let access = &self.repository.inner.access;
        access.require(tx.conn, &self.actor, ends.source.scope_no, WRITE_PROPERTIES, tx.now)?;
        let row = objects::locked(tx.conn, seen.no)?;
        let row = row.ok_or_else(|| RepositoryError::not_found("the relationship"))?;
        self.check_precondition(tx.conn, &row, precondition, tx.now)?;
        Ok((row, ends))
    }

    fn relationship_view(
        &self,
        conn: &mut Conn,
        row: &ObjectRow,
        ends: &Ends,
        now: Timestamp,
    ) -> Result<RelationshipView> {
        let summary = self.summaries_of(conn, std::slice::from_ref(row), now)?.pop();
        let mut summary = summary.ok_or_else(|| RepositoryError::not_found("the relationship"))?;
        summary.properties = Properties::new();
        let mut facets = Vec::new();
        if self.relationships_in_sight(conn, &[row.no], READ_PROPERTIES, now)?.contains(&row.no) {
            summary.properties = properties_of(row)?;
            facets = objects::facets_of(conn, row.no)?;
        }
        Ok(RelationshipView { summary, facets, source: related(&ends.source)?, target: related(&ends.target)? })
    }
}

/// Refuses ends of types that a relationship does not link.
pub(crate) fn check_ends(types: &TypeRegistry, type_id: &str, source: &str, target: &str) -> Result<()> {
    let Some(resolved) = types.get(type_id) else { return Ok(()) };
    let mut faults = Faults::default();
    for (field, end, allowed) in
        [("source", source, &resolved.allowed_sources), ("target", target, &resolved.allowed_targets)]
    {
        if !types.is_among(end, allowed) {
            let detail = format!("is of the type `{end}`: it links {}", allowed.join(", "));
            faults.say(field, "type_not_allowed", detail);
        }
    }
    faults.end()
}

/// Destroys the relationships of objects that are about to be destroyed.
pub(crate) fn destroy_links_of(tx: &mut Tx<'_>, nos: &[i64]) -> Result<()> {
    let links = relationships::touching(tx.conn, nos)?;
    if links.is_empty() {
        return Ok(());
    }
    objects::lock_all(tx.conn, &links)?;
    let ends = relationships::ends_of(tx.conn, &links)?;
    for (no, row) in objects::by_nos(tx.conn, &links)? {
        if let Some(ends) = ends.get(&no) {
            record_destroyed(tx, &row, ends)?;
        }
    }
    relationships::destroy(tx.conn, &links)
}

fn record_destroyed(tx: &mut Tx<'_>, row: &ObjectRow, ends: &Ends) -> Result<()> {
    let before = json!({
        "type": row.type_id, "name": row.name, "title": row.title, "source": ends.source.id, "target": ends.target.id,
        "properties": properties_of(row)?,
    });
    let object = Some((row.no, parse_id(&row.id)?));
    let change = Change { object, scope_no: Some(row.scope_no), before: Some(before), ..Change::default() };
    tx.record(ChangeKind::Destroyed, change)
}

/// Returns the scope of all relationships, which shows them to nobody by itself.
pub(crate) fn scope_of_all(tx: &mut Tx<'_>) -> Result<i64> {
    if let Some(known) = info::get(tx.conn, SCOPE)? {
        return known.parse().map_err(RepositoryError::internal);
    }
    let list = acl::insert_row(tx.conn, None, false)?;
    let scope = acl::insert_scope(tx.conn, acl::UNFILED, list, None)?;
    acl::log_change(tx.conn, Some(list), None, tx.now.as_millis())?;
    info::put(tx.conn, SCOPE, &scope.to_string())?;
    Ok(scope)
}

fn family(catalogue: &Catalogue, type_id: &str) -> Result<Vec<String>> {
    let resolved = catalogue.types().get(type_id);
    if resolved.is_none_or(|resolved| resolved.definition.base != BaseType::Relationship) {
        return Err(RepositoryError::invalid("type", "unknown_type", "is no type of relationships"));
    }
    Ok(catalogue.types().family(type_id))
}

fn related(end: &EndRow) -> Result<RelatedObject> {
    Ok(RelatedObject {
        id: parse_id(&end.id)?,
        base: end.base.clone(),
        type_id: end.type_id.clone(),
        name: end.name.clone(),
        title: end.title.clone(),
    })
}
