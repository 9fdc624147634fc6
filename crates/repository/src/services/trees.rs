//! What lies in a folder, and in those in it: what goes to the trash together, and comes back or is destroyed together.

use std::collections::{BTreeMap, BTreeSet};

use cartulary_db::Conn;
use cartulary_model::BaseType;
use cartulary_model::permission::Permission;

use crate::services::retention::{Removal, refuse_kept};
use crate::store::objects::{self, ObjectRow};
use crate::store::{filing, retention, trash, versions};
use crate::transaction::Tx;
use crate::{RepositoryError, Result, Session};

/// How many objects one act takes along in its transaction.
const TREE_OBJECTS_MAX: usize = 10_000;

/// A folder with all that is below it, or a single document.
#[derive(Debug)]
pub(crate) struct Tree {
    /// What goes along, the root first, folders before what lies in them.
    pub rows: Vec<ObjectRow>,
    /// Documents in the tree that lie in folders outside too, and stay there.
    pub staying: Vec<ObjectRow>,
}

impl Tree {
    pub(crate) fn nos(&self) -> Vec<i64> {
        self.rows.iter().map(|row| row.no).collect()
    }

    /// Returns the series of the documents.
    pub(crate) fn series(&self) -> Vec<i64> {
        self.rows.iter().filter_map(|row| row.series_no).collect()
    }
}

fn is_folder(row: &ObjectRow) -> bool {
    row.base == BaseType::Folder.as_str()
}

/// Returns what of a living tree goes to the trash with its root, locked against others that file something in it.
///
/// # Errors
/// `Conflict` `use_bulk_action` for too large a tree.
pub(crate) fn living(tx: &mut Tx<'_>, root: &ObjectRow) -> Result<Tree> {
    let mut folders = vec![root.clone()];
    let mut documents: BTreeMap<i64, ObjectRow> = BTreeMap::new();
    let mut fringe = if is_folder(root) { vec![root.no] } else { Vec::new() };
    while !fringe.is_empty() {
        objects::lock_all(tx.conn, &fringe)?;
        let limit = i64::try_from(TREE_OBJECTS_MAX + 1).unwrap_or(i64::MAX);
        let children = trash::living_children(tx.conn, &fringe, limit)?;
        fringe.clear();
        for (_, row) in children {
            if is_folder(&row) {
                fringe.push(row.no);
                folders.push(row);
            } else {
                documents.insert(row.no, row);
            }
        }
        refuse_large(folders.len() + documents.len())?;
    }
    let nos: Vec<i64> = documents.keys().copied().collect();
    objects::lock_all(tx.conn, &nos)?;
    let inside: BTreeSet<i64> = folders.iter().map(|row| row.no).collect();
    let filings = filing::filings_of(tx.conn, &nos)?;
    let outside = filings.iter().filter(|one| !one.is_trashed && !inside.contains(&one.parent_no));
    let staying: BTreeSet<i64> = outside.map(|one| one.child_no).collect();
    let (staying, along): (Vec<_>, Vec<_>) = documents.into_values().partition(|row| staying.contains(&row.no));
    Ok(Tree { rows: folders.into_iter().chain(along).collect(), staying })
}

/// Returns what of a tree went to the trash with `root`, or with the folder that it went with itself.
///
/// # Errors
/// `NotFound` when it is not in the trash.
pub(crate) fn trashed(conn: &mut Conn, root: &ObjectRow) -> Result<Tree> {
    let act = trash::trashed(conn, &[root.no])?.pop().ok_or_else(|| RepositoryError::not_found("the object"))?;
    let with = act.trashed_with.unwrap_or(act.no);
    let mut seen = BTreeSet::from([root.no]);
    let mut rows = vec![root.clone()];
    let mut fringe = if is_folder(root) { vec![root.no] } else { Vec::new() };
    while !fringe.is_empty() {
        let children: Vec<ObjectRow> = trash::children(conn, &fringe)?.into_iter().map(|(_, row)| row).collect();
        let nos: Vec<i64> = children.iter().map(|row| row.no).collect();
        let along = trash::trashed(conn, &nos)?.into_iter().filter(|one| one.trashed_with == Some(with));
        let along: BTreeSet<i64> = along.map(|one| one.no).collect();
        fringe.clear();
        for row in children {
            if along.contains(&row.no) && seen.insert(row.no) {
                if is_folder(&row) {
                    fringe.push(row.no);
                }
                rows.push(row);
            }
        }
    }
    Ok(Tree { rows, staying: Vec::new() })
}

fn refuse_large(count: usize) -> Result<()> {
    if count > TREE_OBJECTS_MAX {
        let detail = "more than 10,000 objects lie in this folder: do this as a bulk action";
        return Err(RepositoryError::conflict("use_bulk_action", detail));
    }
    Ok(())
}

impl Session {
    /// Refuses what the caller may do to the root of a tree, and not to all of it; like a conflict of names, it names
    /// nothing that the caller may not see.
    ///
    /// # Errors
    /// `Conflict` `tree_not_removable`; `under_hold`, `under_retention` or `is_record` when something is kept.
    pub(crate) fn refuse_tree(&self, tx: &mut Tx<'_>, tree: &Tree, wanted: Permission, removal: Removal) -> Result<()> {
        let scopes: BTreeSet<i64> = tree.rows.iter().map(|row| row.scope_no).collect();
        let allowing = self.repository.inner.access.allowing(tx.conn, &self.actor, &scopes, wanted, tx.now)?;
        if allowing.len() < scopes.len() {
            let detail = "something in this folder is not yours to remove: remove what is, or ask who may";
            return Err(RepositoryError::conflict("tree_not_removable", detail));
        }
        self.refuse_locked_tree(tx.conn, &tree.rows, tx.now)?;
        let root = tree.rows.first();
        if let Some(document) = root.filter(|root| root.series_no.is_some()) {
            self.refuse_checked_out(tx.conn, document, tx.now)?;
        } else if versions::is_any_checked_out(tx.conn, &tree.series())? {
            let detail = "a document in this folder is checked out: check it in, or cancel that, first";
            return Err(RepositoryError::conflict("tree_not_removable", detail));
        }
        let kept = retention::of_series(tx.conn, &tree.series())?;
        refuse_kept(tx.conn, &kept, removal, tx.now)
    }
}
