//! Folders and dossiers: made, and listed in windows.

use std::collections::BTreeSet;

use cartulary_db::Conn;
use cartulary_model::permission::{ADD_CHILDREN, BROWSE, Permission, READ_CHILDREN};
use cartulary_model::{BaseType, ChangeKind, ObjectId};
use serde_json::json;

use crate::listing::{Collection, ListRequest, ListStart, NumberWindow};
use crate::object::{
    ListOrder, NewFolder, ObjectDetail, ObjectSummary, WINDOW_ROWS_MAX, Window, WindowRequest, Written,
};
use crate::services::life_cycles::first_state;
use crate::services::objects::{
    Naming, Proposed, check_new, index_values, remember_made, request_digest, with_facets, with_source,
};
use crate::services::scopes;
use crate::services::search::SearchQuery;
use crate::store::objects::{self, NewObjectRow, ObjectRow};
use crate::store::{acl, filing};
use crate::transaction::{Change, Tx};
use crate::{RepositoryError, Result, Session};

/// The type of a dossier that says no other; all types of dossiers lie below it.
const DOSSIER: &str = "dossier";

impl Session {
    /// Returns the id of the root folder.
    ///
    /// # Errors
    /// The database's.
    pub async fn root_folder(&self) -> Result<ObjectId> {
        let root = self.repository.inner.root_no;
        let row = self.repository.database().read(move |conn: &mut Conn| objects::by_no(conn, root)).await?;
        let row = row.ok_or_else(|| RepositoryError::not_found("the root folder"))?;
        crate::bootstrap::parse_id(&row.id)
    }

    /// Makes a dossier in the root folder.
    ///
    /// # Errors
    /// `Invalid` with all violations, `Conflict` `name_taken`, `Forbidden` without `AddChildren`.
    pub async fn dossier_create(&self, new: NewFolder) -> Result<Written<ObjectDetail>> {
        let root = self.root_folder().await?;
        let type_id = new.type_id.unwrap_or_else(|| DOSSIER.to_owned());
        let catalogue = self.repository.inner.declarations.known();
        let is_known = catalogue.types().get(&type_id).is_some();
        if is_known && !catalogue.types().is_among(&type_id, &[DOSSIER.to_owned()]) {
            return Err(RepositoryError::invalid("type", "not_a_dossier", "is no type of dossiers"));
        }
        self.folder_create(root, NewFolder { type_id: Some(type_id), ..new }).await
    }

    /// Makes a folder in another.
    ///
    /// # Errors
    /// As [`Session::dossier_create`]; `NotFound` for a parent that the caller may not browse.
    pub async fn folder_create(&self, parent: ObjectId, new: NewFolder) -> Result<Written<ObjectDetail>> {
        let session = self.clone();
        self.transact(move |tx| {
            let request = vec![
                json!("folder"),
                json!(parent.to_string()),
                json!(new.name),
                json!(new.title),
                json!(new.type_id),
                json!(new.properties),
            ];
            let digest = request_digest(&with_source(with_facets(request, &new.facets), new.source.as_ref()));
            if let Some(row) = session.replay(tx, new.idempotency_key.as_deref(), &digest)? {
                return session.detail_of(tx.conn, &row, tx.now);
            }
            let parent = session.authorised(tx.conn, parent, ADD_CHILDREN, tx.now)?;
            let row = session.insert_folder(tx, &parent, &new, Naming::Chosen)?;
            remember_made(tx, new.idempotency_key.as_deref(), &digest, &row.id)?;
            session.detail_of(tx.conn, &row, tx.now)
        })
        .await
    }

    /// Inserts a folder with its own scope, which points to its parent's access list.
    pub(crate) fn insert_folder(
        &self,
        tx: &mut Tx<'_>,
        parent: &ObjectRow,
        new: &NewFolder,
        naming: Naming,
    ) -> Result<ObjectRow> {
        let type_id = new.type_id.as_deref().unwrap_or("folder");
        let catalogue = self.repository.inner.declarations.held(tx.conn, type_id, &new.facets)?;
        let types = catalogue.types();
        let mut properties = new.properties.clone();
        types.put_defaults(type_id, &new.facets, &mut properties);
        let proposed = Proposed {
            type_id,
            base: BaseType::Folder,
            name: &new.name,
            naming,
            title: new.title.as_deref(),
            facets: &new.facets,
            properties: &properties,
        };
        let name = check_new(&catalogue, &proposed)?;
        if parent.base != BaseType::Folder.as_str() {
            return Err(RepositoryError::conflict("not_a_folder", "only a folder contains others"));
        }
        scopes::check_depth_in(tx, parent)?;
        let list = acl::scope_by_no(tx.conn, parent.scope_no)?.map(|scope| scope.acl_row_no);
        let list = list.ok_or_else(|| RepositoryError::internal("a folder without a scope"))?;
        let scope = acl::insert_scope(tx.conn, acl::FOLDER, list, Some(parent.scope_no))?;
        let id = ObjectId::generate();
        let at = tx.now.as_millis();
        let row = NewObjectRow {
            id: id.to_string(),
            base: BaseType::Folder.as_str(),
            role: objects::LIVE,
            type_id: type_id.to_owned(),
            series_no: None,
            scope_no: scope,
            name: name.as_str().to_owned(),
            title: new.title.clone().unwrap_or_else(|| name.as_str().to_owned()),
            properties: serde_json::to_string(&properties).map_err(RepositoryError::internal)?,
            state: first_state(types, type_id),
            created_at: at,
            created_by: tx.actor_no,
            modified_at: at,
            modified_by: tx.actor_no,
            source_system: new.source.as_ref().map(|source| source.system.clone()),
            source_id: new.source.as_ref().map(|source| source.id.clone()),
        };
        let no = objects::insert(tx.conn, &row)?;
        let row = row.numbered(no);
        filing::insert(tx.conn, parent.no, row.no, name.as_str(), None, at)?;
        objects::put_facets_of_new(tx.conn, row.no, &new.facets)?;
        index_values(tx.conn, types, row.no, (type_id, &new.facets), &properties, true)?;
        let after = json!({
            "type": type_id, "name": row.name, "title": row.title, "facets": new.facets, "properties": properties,
        });
        let after = with_source(after, new.source.as_ref());
        tx.record(
            ChangeKind::Created,
            Change { object: Some((row.no, id)), scope_no: Some(scope), after: Some(after), ..Change::default() },
        )?;
        Ok(row)
    }

    /// Returns a window of the dossiers that the caller may browse; with a filter, of those whose name or title has
    /// words that begin like its words.
    ///
    /// # Errors
    /// The database's; the index's for a filter.
    pub async fn dossier_list(
        &self,
        request: impl Into<ListRequest>,
        order: ListOrder,
        filter: Option<String>,
    ) -> Result<Window<ObjectSummary>> {
        let request = request.into();
        if let Some(filter) = filter.filter(|filter| !filter.trim().is_empty()) {
            let ListStart::Offset(offset) = request.start else {
                let detail = "continues a list without the filter";
                return Err(RepositoryError::invalid("cursor", "foreign_cursor", detail));
            };
            return self.dossier_filter(WindowRequest { offset, limit: request.limit }, &filter).await;
        }
        let collection = Collection::Dossiers(self.catalogue().await?.dossier_types());
        self.list(collection, None, request, order, "dossiers").await
    }

    async fn dossier_filter(&self, request: WindowRequest, filter: &str) -> Result<Window<ObjectSummary>> {
        let found = self
            .search(SearchQuery {
                text: filter.to_owned(),
                type_ids: self.catalogue().await?.dossier_types().to_vec(),
                offset: request.offset,
                limit: request.limit,
                names_only: true,
                ..SearchQuery::default()
            })
            .await?;
        let items: Vec<ObjectSummary> = found.hits.into_iter().map(|hit| hit.summary).collect();
        Ok(window(found.total, items, request))
    }

    /// Returns a window of what lies in a folder, of what the caller may browse.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` without `ReadChildren`.
    pub async fn children_list(
        &self,
        folder: ObjectId,
        request: impl Into<ListRequest>,
        order: ListOrder,
    ) -> Result<Window<ObjectSummary>> {
        let request = request.into();
        let (session, now) = (self.clone(), self.repository.clock().now());
        let row = self
            .repository
            .database()
            .read(move |conn: &mut Conn| session.authorised(conn, folder, READ_CHILDREN, now))
            .await?;
        self.list(Collection::Children(row.no), Some(row), request, order, "children").await
    }

    async fn list(
        &self,
        collection: Collection,
        folder: Option<ObjectRow>,
        request: ListRequest,
        order: ListOrder,
        door: &'static str,
    ) -> Result<Window<ObjectSummary>> {
        if folder.is_some_and(|folder| folder.base != BaseType::Folder.as_str()) {
            return Err(RepositoryError::conflict("not_a_folder", "only a folder contains others"));
        }
        let (session, now) = (self.clone(), self.repository.clock().now());
        let read = move |conn: &mut Conn| -> Result<_> {
            let rows = session.rows_of(conn, &collection, order, request, BROWSE)?;
            let readings = session.readings_among(conn, &numbers_of(&rows.items), now)?;
            Ok((rows.map_all(|rows| session.summaries_of(conn, &rows, now))?, readings))
        };
        self.read_noted(door, read).await
    }

    /// Returns a window of a collection, of that on which the caller has `wanted`, with the exact number of all that.
    pub(crate) fn rows_of(
        &self,
        conn: &mut Conn,
        collection: &Collection,
        order: ListOrder,
        request: ListRequest,
        wanted: Permission,
    ) -> Result<Window<ObjectRow>> {
        let request = ListRequest { limit: request.limit.min(WINDOW_ROWS_MAX), ..request };
        let (inner, now) = (&self.repository.inner, self.repository.clock().now());
        let mut list =
            |conn: &mut Conn, new: &BTreeSet<i64>| inner.access.listable(conn, &self.actor, wanted, new, now);
        let visibility: Option<crate::listing::Visibility<'_>> =
            if self.actor.is_administrator { None } else { Some(&mut list) };
        let NumberWindow { total, nos, end } = inner.listings.window(conn, collection, order, &request, visibility)?;
        let mut rows = objects::by_nos(conn, &nos)?;
        let items = nos.iter().filter_map(|no| rows.remove(no)).collect();
        Ok(Window { total, items, next_offset: None, next_place: end })
    }
}

/// Returns the numbers of objects.
pub(crate) fn numbers_of(rows: &[ObjectRow]) -> Vec<i64> {
    rows.iter().map(|row| row.no).collect()
}

/// Returns what lies in a window of a list that is known as a whole, at most [`WINDOW_ROWS_MAX`] of it.
pub(crate) fn cut<T>(all: &[T], request: WindowRequest) -> &[T] {
    let begin = usize::try_from(request.offset).unwrap_or(usize::MAX).min(all.len());
    let limit = usize::try_from(request.limit.min(WINDOW_ROWS_MAX)).unwrap_or(usize::MAX);
    all.get(begin..begin.saturating_add(limit).min(all.len())).unwrap_or_default()
}

/// Returns a window with the offset of the next one.
pub(crate) fn window<T>(total: u64, items: Vec<T>, request: WindowRequest) -> Window<T> {
    let end = request.offset.saturating_add(items.len() as u64);
    let next_offset = (end < total && !items.is_empty()).then_some(end);
    Window { total, items, next_offset, next_place: None }
}
