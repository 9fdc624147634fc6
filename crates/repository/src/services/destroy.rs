//! Objects are destroyed: their rows go, the change log keeps what they were, and the bytes are left to the collector of
//! garbage.

use std::collections::{BTreeMap, BTreeSet};

use cartulary_model::permission::{DESTROY, REMOVE_CHILDREN};
use cartulary_model::{BaseType, ChangeKind, ObjectId, SlotName};
use serde_json::json;

use crate::bootstrap::parse_id;
use crate::object::{Precondition, Written};
use crate::services::detail::properties_of;
use crate::services::filing::record_moved;
use crate::services::relationships::destroy_links_of;
use crate::services::retention::Removal;
use crate::services::trees::{self, Tree};
use crate::store::objects::{self, ObjectRow};
use crate::store::{acl, blobs, filing, subscriptions, trash};
use crate::transaction::{Change, Tx};
use crate::{RepositoryError, Result, Session};

impl Session {
    /// Destroys an object, in the trash or not, with all that lies in it.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` without `Destroy`; `Stale`; `Conflict` as [`Session::object_trash`], and `in_dossier_version`
    /// when a version of a dossier that stays names it.
    pub async fn object_destroy(&self, id: ObjectId, precondition: Precondition) -> Result<Written<()>> {
        let session = self.clone();
        self.transact(move |tx| session.destroy_living_in_tx(tx, id, &precondition).map(drop)).await
    }

    /// Destroys what is in the trash, with all that went there with it.
    ///
    /// # Errors
    /// As [`Session::object_destroy`].
    pub async fn trash_destroy(&self, id: ObjectId, precondition: Precondition) -> Result<Written<()>> {
        let session = self.clone();
        self.transact(move |tx| session.destroy_trashed_in_tx(tx, id, &precondition).map(drop)).await
    }

    /// Destroys an object that need not be in the trash, and returns how many objects went.
    pub(crate) fn destroy_living_in_tx(
        &self,
        tx: &mut Tx<'_>,
        id: ObjectId,
        precondition: &Precondition,
    ) -> Result<u64> {
        self.remove_in_tx(tx, id, precondition, Removal::Ordinary)
    }

    /// Destroys it by one way or the other.
    pub(crate) fn remove_in_tx(
        &self,
        tx: &mut Tx<'_>,
        id: ObjectId,
        precondition: &Precondition,
        removal: Removal,
    ) -> Result<u64> {
        let row = self.authorised(tx.conn, id, removal.wanted(DESTROY), tx.now)?;
        self.trash_by(tx, id, precondition, removal)?;
        self.destroy_in_tx(tx, &row, removal)
    }

    /// Destroys an object in the trash, and returns how many objects went.
    pub(crate) fn destroy_trashed_in_tx(
        &self,
        tx: &mut Tx<'_>,
        id: ObjectId,
        precondition: &Precondition,
    ) -> Result<u64> {
        self.lock_trees_for(tx, id)?;
        let row = self.trashed_to_change(tx, id, REMOVE_CHILDREN)?;
        self.repository.inner.access.require(tx.conn, &self.actor, row.scope_no, DESTROY, tx.now)?;
        self.check_precondition(tx.conn, &row, precondition, tx.now)?;
        self.destroy_in_tx(tx, &row, Removal::Ordinary)
    }

    fn destroy_in_tx(&self, tx: &mut Tx<'_>, row: &ObjectRow, removal: Removal) -> Result<u64> {
        let mut tree = trees::trashed(tx.conn, row)?;
        objects::lock_all(tx.conn, &tree.nos())?;
        keep_what_lies_elsewhere(tx, row, &mut tree)?;
        let nos = tree.nos();
        self.refuse_tree(tx, &tree, removal.wanted(DESTROY), removal)?;
        let going: BTreeSet<i64> = nos.iter().copied().collect();
        let naming = trash::dossiers_naming(tx.conn, &nos)?;
        if naming.iter().any(|dossier| !going.contains(dossier)) {
            let detail = "a version of a dossier names it: it stays as long as that does";
            return Err(RepositoryError::conflict("in_dossier_version", detail));
        }
        self.record_destroyed(tx, &tree)?;
        let is_folder = |row: &&ObjectRow| row.base == BaseType::Folder.as_str();
        let scopes: Vec<i64> = tree.rows.iter().filter(is_folder).map(|row| row.scope_no).collect();
        acl::detach_scopes(tx.conn, &scopes)?;
        destroy_links_of(tx, &nos)?;
        keep_scopes_of_news(tx, &tree)?;
        trash::destroy(tx.conn, &nos, &tree.series(), self.repository.inner.root_no)?;
        Ok(nos.len() as u64)
    }

    fn record_destroyed(&self, tx: &mut Tx<'_>, tree: &Tree) -> Result<()> {
        let nos = tree.nos();
        let mut contents = blobs::slots_of(tx.conn, &nos)?;
        let parents = filing::primary_parents(tx.conn, &nos)?;
        let folders = objects::by_nos(tx.conn, &parents.values().copied().collect::<Vec<_>>())?;
        for row in &tree.rows {
            let parent = parents.get(&row.no).and_then(|no| folders.get(no)).map(|folder| folder.id.clone());
            let mut slots = contents.remove(&row.no).unwrap_or_default();
            let mut before = json!({
                "type": row.type_id, "name": row.name, "title": row.title, "properties": properties_of(row)?,
                "content": slots.remove(SlotName::MAIN),
            });
            if let (Some(map), false) = (before.as_object_mut(), slots.is_empty()) {
                map.insert("contents".to_owned(), json!(slots));
            }
            let change = Change {
                object: Some((row.no, parse_id(&row.id)?)),
                series_no: row.series_no,
                scope_no: Some(row.scope_no),
                before: Some(before),
                detail: Some(json!({ "parent": parent })),
                ..Change::default()
            };
            tx.record(ChangeKind::Destroyed, change)?;
        }
        Ok(())
    }
}

/// Writes down where what goes lay last, with what people were told of it: by that it is known who may still know of it.
fn keep_scopes_of_news(tx: &mut Tx<'_>, tree: &Tree) -> Result<()> {
    let mut by_scope: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for row in &tree.rows {
        by_scope.entry(row.scope_no).or_default().push(row.no);
    }
    for (scope, nos) in by_scope {
        subscriptions::put_scope(tx.conn, &nos, scope)?;
    }
    Ok(())
}

/// Takes documents out of a tree that lie in folders outside it too, though these be in the trash: they stay there.
fn keep_what_lies_elsewhere(tx: &mut Tx<'_>, root: &ObjectRow, tree: &mut Tree) -> Result<()> {
    let going: BTreeSet<i64> = tree.nos().into_iter().collect();
    let is_document = |row: &&ObjectRow| row.no != root.no && row.base != BaseType::Folder.as_str();
    let documents: Vec<i64> = tree.rows.iter().filter(is_document).map(|row| row.no).collect();
    let filings = filing::filings_of(tx.conn, &documents)?;
    let elsewhere = filings.iter().filter(|one| !going.contains(&one.parent_no));
    let kept: BTreeSet<i64> = elsewhere.map(|one| one.child_no).collect();
    if kept.is_empty() {
        return Ok(());
    }
    let (staying, going): (Vec<_>, Vec<_>) = tree.rows.drain(..).partition(|row| kept.contains(&row.no));
    tree.rows = going;
    trash::put_alone(tx.conn, &kept.into_iter().collect::<Vec<_>>(), root.no)?;
    for document in &staying {
        objects::touch(tx.conn, document.no)?;
        record_moved(tx, document, json!({ "folderDestroyed": true }))?;
    }
    Ok(())
}
