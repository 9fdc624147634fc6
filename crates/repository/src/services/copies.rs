//! Copies of documents and of folders with what lies in them; no byte of content is copied.

use std::collections::{BTreeMap, BTreeSet};

use cartulary_model::permission::{BROWSE, READ_CHILDREN, READ_CONTENT, READ_PROPERTIES};
use cartulary_model::{BaseType, ChangeKind, ObjectId};
use serde_json::json;

use crate::bootstrap::parse_id;
use crate::object::{ObjectDetail, Written};
use crate::services::filing::{chosen_name, refuse_taken};
use crate::services::life_cycles::first_state;
use crate::services::objects::{refuse_version, remember_made, request_digest};
use crate::services::scopes;
use crate::services::working_copies::refuse_working_copy;
use crate::store::objects::{self, NewObjectRow, ObjectRow};
use crate::store::versions::{self, VersionRow};
use crate::store::{acl, copies, filing, trash};
use crate::transaction::{Change, Tx};
use crate::{RepositoryError, Result, Session};

/// How many objects one act copies in its transaction: each is several rows, and all writers wait meanwhile.
const COPIED_MAX: usize = 2_000;
/// How many objects that were left out are named.
const NAMED_MAX: usize = 1_000;

/// A copy to make.
#[derive(Clone, Debug)]
pub struct NewCopy {
    /// The folder that it goes to.
    pub folder: ObjectId,
    /// Its name, when it is another.
    pub name: Option<String>,
    /// A key under which a repeated request finds what the first one made.
    pub idempotency_key: Option<String>,
}

/// What was copied.
#[derive(Clone, Debug)]
pub struct Copied {
    /// The copy.
    pub detail: ObjectDetail,
    /// How many objects were made; 0 when an earlier request with the same key made them.
    pub copied_count: u64,
    /// What the caller sees in the folder and may not read, and the copy has not; at most 1,000 are named.
    pub left_out: Vec<LeftOut>,
}

/// Something that a copy has not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// The object's id.
    pub id: ObjectId,
    /// Its name.
    pub name: String,
    /// The permission that the caller has not.
    pub permission: &'static str,
}

/// What is copied, folders before what lies in them.
#[derive(Debug, Default)]
struct Source {
    /// The folder that it lies in and the object; of the root no folder.
    places: Vec<(Option<i64>, ObjectRow)>,
    left_out: Vec<LeftOut>,
}

impl Session {
    /// Copies a document, or a folder with all in it that the caller may read, into a folder. A copy begins with version 1.0
    /// and follows the access list of its folder; lists, retention and versions of the original stay with it.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` without `AddChildren` in the folder, or without the rights to read the object; `NameTaken`;
    /// `Invalid` for the name; `Conflict` `cyclic_move`, `too_deep`, `not_a_folder`, `root_folder`, `immutable`,
    /// `use_bulk_action` for more than 2,000 objects.
    pub async fn object_copy(&self, id: ObjectId, wanted: NewCopy) -> Result<Written<Copied>> {
        let session = self.clone();
        self.transact(move |tx| {
            let key = wanted.idempotency_key.as_deref();
            let digest = request_digest(&json!(["copy", id.to_string(), wanted.folder.to_string(), wanted.name]));
            if let Some(row) = session.replay(tx, key, &digest)? {
                let detail = session.detail_of(tx.conn, &row, tx.now)?;
                return Ok(Copied { detail, copied_count: 0, left_out: Vec::new() });
            }
            objects::lock(tx.conn, &id.to_string())?;
            let row = session.authorised(tx.conn, id, READ_PROPERTIES, tx.now)?;
            refuse_version(&row)?;
            refuse_working_copy(&row)?;
            session.refuse_root(&row)?;
            session.require_readable(tx, &row)?;
            let folder = session.folder_to_fill(tx, wanted.folder)?;
            let name = match &wanted.name {
                Some(name) if *name != row.name => chosen_name(name)?,
                _ => row.name.clone(),
            };
            scopes::check_place(tx, &row, &folder)?;
            refuse_taken(tx.conn, &folder, &name)?;
            let mut source = session.source_of(tx, &row)?;
            // A copy begins its life.
            let catalogue = session.repository.inner.declarations.present(tx.conn)?;
            for (_, row) in &mut source.places {
                row.state = first_state(catalogue.types(), &row.type_id);
            }
            let (made, copied_count) = copy_all(tx, &source, &folder, &name)?;
            remember_made(tx, key, &digest, &made.id)?;
            let detail = session.detail_of(tx.conn, &made, tx.now)?;
            Ok(Copied { detail, copied_count, left_out: source.left_out })
        })
        .await
    }

    fn require_readable(&self, tx: &mut Tx<'_>, row: &ObjectRow) -> Result<()> {
        let wanted = if row.base == BaseType::Folder.as_str() { READ_CHILDREN } else { READ_CONTENT };
        self.repository.inner.access.require(tx.conn, &self.actor, row.scope_no, wanted, tx.now)
    }

    /// Returns what the caller may read of a tree, and what it sees of it and may not read.
    fn source_of(&self, tx: &mut Tx<'_>, root: &ObjectRow) -> Result<Source> {
        let mut source = Source { places: vec![(None, root.clone())], left_out: Vec::new() };
        let is_folder = |row: &ObjectRow| row.base == BaseType::Folder.as_str();
        let mut fringe = if is_folder(root) { vec![root.no] } else { Vec::new() };
        let mut seen = BTreeSet::from([root.no]);
        let limit = i64::try_from(COPIED_MAX + 1).unwrap_or(i64::MAX);
        let mut looked_at = 0;
        while !fringe.is_empty() {
            let children = trash::living_children(tx.conn, &fringe, limit)?;
            looked_at += children.len();
            if looked_at > COPIED_MAX {
                let detail = "more than 2,000 objects lie in this folder: copy the folders in it one by one";
                return Err(RepositoryError::conflict("use_bulk_action", detail));
            }
            let scopes: BTreeSet<i64> = children.iter().map(|(_, row)| row.scope_no).collect();
            let mut allowing = BTreeMap::new();
            for wanted in [BROWSE, READ_PROPERTIES, READ_CHILDREN, READ_CONTENT] {
                let access = &self.repository.inner.access;
                allowing.insert(wanted, access.allowing(tx.conn, &self.actor, &scopes, wanted, tx.now)?);
            }
            let lacks =
                |row: &ObjectRow, wanted: &str| !allowing.get(wanted).is_some_and(|set| set.contains(&row.scope_no));
            fringe.clear();
            for (filing, row) in children {
                if lacks(&row, BROWSE) {
                    continue;
                }
                let rest = if is_folder(&row) { READ_CHILDREN } else { READ_CONTENT };
                if let Some(permission) = [READ_PROPERTIES, rest].into_iter().find(|wanted| lacks(&row, wanted)) {
                    if source.left_out.len() < NAMED_MAX {
                        source.left_out.push(LeftOut { id: parse_id(&row.id)?, name: row.name, permission });
                    }
                    continue;
                }
                if is_folder(&row) && seen.insert(row.no) {
                    fringe.push(row.no);
                }
                source.places.push((Some(filing.parent_no), row));
            }
        }
        Ok(source)
    }
}

/// Copies everything into a folder; returns the copy of the root, and how many objects were made.
fn copy_all(tx: &mut Tx<'_>, source: &Source, folder: &ObjectRow, name: &str) -> Result<(ObjectRow, u64)> {
    let mut made: BTreeMap<i64, ObjectRow> = BTreeMap::new();
    let at = tx.now.as_millis();
    let mut first = None;
    for (parent, row) in &source.places {
        let (target, name) = match parent {
            None => (folder.clone(), name),
            Some(parent) => match made.get(parent) {
                Some(target) => (target.clone(), row.name.as_str()),
                None => continue,
            },
        };
        // A document that lies twice in the tree does so in the copy.
        if let Some(copy) = made.get(&row.no) {
            filing::insert_further(tx.conn, target.no, copy.no, name, at)?;
            continue;
        }
        let copy = copy_one(tx, row, &target, name)?;
        first.get_or_insert_with(|| copy.clone());
        made.insert(row.no, copy);
    }
    let first = first.ok_or_else(|| RepositoryError::internal("a copy of nothing"))?;
    Ok((first, made.len() as u64))
}

/// Copies one object into a folder, without what lies in it.
fn copy_one(tx: &mut Tx<'_>, row: &ObjectRow, folder: &ObjectRow, name: &str) -> Result<ObjectRow> {
    let at = tx.now.as_millis();
    let is_folder = row.base == BaseType::Folder.as_str();
    let base =
        [BaseType::Document, BaseType::Folder, BaseType::Item].into_iter().find(|base| base.as_str() == row.base);
    let base = base.ok_or_else(|| RepositoryError::conflict("not_filed", "only what lies in folders is copied"))?;
    let scope_no = if is_folder {
        let list = acl::scope_by_no(tx.conn, folder.scope_no)?.map(|scope| scope.acl_row_no);
        let list = list.ok_or_else(|| RepositoryError::internal("a folder without a scope"))?;
        acl::insert_scope(tx.conn, acl::FOLDER, list, Some(folder.scope_no))?
    } else {
        folder.scope_no
    };
    let series_no = match row.series_no {
        Some(_) => Some(versions::insert_series(tx.conn, &ObjectId::generate().to_string(), scope_no, 0, at)?),
        None => None,
    };
    let id = ObjectId::generate();
    let live = NewObjectRow {
        id: id.to_string(),
        base: base.as_str(),
        role: objects::LIVE,
        type_id: row.type_id.clone(),
        series_no,
        scope_no,
        name: name.to_owned(),
        title: if row.title == row.name { name.to_owned() } else { row.title.clone() },
        properties: row.properties.clone(),
        state: row.state.clone(),
        created_at: at,
        created_by: tx.actor_no,
        modified_at: at,
        modified_by: tx.actor_no,
        // It came from here.
        source_system: None,
        source_id: None,
    };
    let no = objects::insert(tx.conn, &live)?;
    filing::insert(tx.conn, folder.no, no, name, None, at)?;
    copies::copy_facets(tx.conn, row.no, no)?;
    copies::copy_values(tx.conn, row.no, no)?;
    let content_count = copies::copy_contents(tx.conn, row.no, no)?;
    if let Some(series) = series_no.filter(|_| content_count > 0) {
        copy_version(tx, &live, no, series)?;
    }
    let after = json!({ "type": row.type_id, "name": name, "title": live.title, "copyOf": row.id });
    let change = Change {
        object: Some((no, id)),
        series_no,
        scope_no: Some(scope_no),
        after: Some(after),
        detail: Some(json!({ "parent": folder.id })),
        ..Change::default()
    };
    tx.record(ChangeKind::Created, change)?;
    Ok(live.numbered(no))
}

/// Makes version 1.0 of a copy, with the contents that it has.
fn copy_version(tx: &mut Tx<'_>, live: &NewObjectRow, live_no: i64, series: i64) -> Result<()> {
    let at = tx.now.as_millis();
    let version = NewObjectRow { id: ObjectId::generate().to_string(), role: objects::VERSION, ..live.clone() };
    let no = objects::insert(tx.conn, &version)?;
    copies::copy_contents(tx.conn, live_no, no)?;
    copies::copy_facets(tx.conn, live_no, no)?;
    // Retention and holds are the other's.
    let (comment, made_by) = (String::new(), tx.actor_no);
    let row = VersionRow { object_no: no, major: 1, minor: 0, comment, made_at: at, made_by };
    versions::insert(tx.conn, series, &row)?;
    versions::put_latest(tx.conn, series, 1, 0, at)
}
