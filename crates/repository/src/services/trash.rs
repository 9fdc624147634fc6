//! The trash: objects go there with what lies in them, are listed, and come back.

use std::collections::{BTreeMap, BTreeSet};

use cartulary_db::Conn;
use cartulary_model::permission::{BROWSE, REMOVE_CHILDREN};
use cartulary_model::{BaseType, ChangeKind, ObjectId, Timestamp};
use serde_json::{Value, json};

use crate::bootstrap::parse_id;
use crate::listing::{Collection, ListRequest};
use crate::object::{ListOrder, ObjectDetail, ObjectSummary, ParentName, Precondition, PrincipalName, Window, Written};
use crate::services::detail::principal_name;
use crate::services::filing::{chosen_name, follow_filing, make_primary, record_moved, refuse_taken};
use crate::services::folders::numbers_of;
use crate::services::retention::Removal;
use crate::services::scopes;
use crate::services::trees::{self, Tree};
use crate::store::filing::FilingRow;
use crate::store::objects::{self, ObjectRow};
use crate::store::trash::{self, TrashAct};
use crate::store::{filing, principals};
use crate::transaction::{Change, Tx};
use crate::{RepositoryError, Result, Session};

/// Something in the trash.
#[derive(Clone, Debug)]
pub struct TrashedObject {
    /// What it is.
    pub summary: ObjectSummary,
    /// When it was put there.
    pub trashed_at: Timestamp,
    /// By whom.
    pub trashed_by: PrincipalName,
    /// The folder that it lay in, when the caller may browse it and it is not in the trash itself.
    pub parent: Option<ParentName>,
}

/// How an object comes back from the trash.
#[derive(Clone, Debug, Default)]
pub struct Restoring {
    /// The folder that it goes to, instead of where it was.
    pub folder: Option<ObjectId>,
    /// Its name from then on, when it is another.
    pub name: Option<String>,
}

impl Session {
    /// Puts an object in the trash; its name is free at once. All that lies in a folder goes along, and comes back with it;
    /// only a document that lies in another folder too stays there.
    ///
    /// # Errors
    /// `Stale`, `Forbidden` without `RemoveChildren`, `NotFound`; `Conflict` for versions, the root folder, `use_bulk_action`
    /// for more than 10,000 objects, `tree_not_removable`, `under_hold`, `under_retention`, `is_record`.
    pub async fn object_trash(&self, id: ObjectId, precondition: Precondition) -> Result<Written<()>> {
        let session = self.clone();
        self.transact(move |tx| session.trash_in_tx(tx, id, &precondition).map(drop)).await
    }

    /// Does so, and returns how many objects went.
    pub(crate) fn trash_in_tx(&self, tx: &mut Tx<'_>, id: ObjectId, precondition: &Precondition) -> Result<u64> {
        self.trash_by(tx, id, precondition, Removal::Ordinary)
    }

    /// Does so by one way or the other.
    pub(crate) fn trash_by(
        &self,
        tx: &mut Tx<'_>,
        id: ObjectId,
        precondition: &Precondition,
        removal: Removal,
    ) -> Result<u64> {
        self.lock_trees_for(tx, id)?;
        let wanted = removal.wanted(REMOVE_CHILDREN);
        let row = self.object_to_file(tx, id, wanted, precondition)?;
        self.refuse_root(&row)?;
        let tree = trees::living(tx, &row)?;
        self.refuse_tree(tx, &tree, wanted, removal)?;
        trash::put_trashed(tx.conn, &tree.rows, TrashAct { root: row.no, at: tx.now.as_millis(), by: tx.actor_no })?;
        trash::hide_filings(tx.conn, &tree.nos())?;
        for document in &tree.staying {
            leave_hidden(tx, document)?;
        }
        record_all(tx, ChangeKind::Trashed, &tree)?;
        Ok(tree.rows.len() as u64)
    }

    /// Takes an object out of the trash, where it was, with all that went there with it.
    ///
    /// # Errors
    /// As [`Session::object_restore_to`].
    pub async fn object_restore(&self, id: ObjectId) -> Result<Written<ObjectDetail>> {
        self.object_restore_to(id, Restoring::default()).await
    }

    /// Takes an object out of the trash, with all that went there with it; into another folder or under another name
    /// where these are given.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` without `RemoveChildren` on it, or `AddChildren` in the other folder; `NameTaken` when its name
    /// was given to another meanwhile; `Invalid` for the name; `Conflict` `target_required` when no folder is left that it lay
    /// in, `too_deep`, `not_a_folder`.
    pub async fn object_restore_to(&self, id: ObjectId, wanted: Restoring) -> Result<Written<ObjectDetail>> {
        let session = self.clone();
        self.transact(move |tx| {
            session.lock_trees_for(tx, id)?;
            let row = session.trashed_to_change(tx, id, REMOVE_CHILDREN)?;
            session.untrash_in_tx(tx, &row, &wanted)?;
            let row = objects::by_no(tx.conn, row.no)?.ok_or_else(|| RepositoryError::not_found("the object"))?;
            session.detail_of(tx.conn, &row, tx.now)
        })
        .await
    }

    /// Does so with an object whose rights were looked at.
    pub(crate) fn untrash_in_tx(&self, tx: &mut Tx<'_>, row: &ObjectRow, wanted: &Restoring) -> Result<()> {
        let tree = trees::trashed(tx.conn, row)?;
        trash::put_restored(tx.conn, &tree.rows)?;
        if let Some(name) = wanted.name.as_ref().filter(|name| **name != row.name) {
            self.rename(tx, row, &chosen_name(name)?)?;
        }
        let row = objects::by_no(tx.conn, row.no)?.ok_or_else(|| RepositoryError::not_found("the object"))?;
        match wanted.folder {
            Some(folder) => self.restore_into(tx, &row, folder)?,
            None => restore_in_place(tx, &row)?,
        }
        show_tree(tx, &row, &tree)?;
        record_all(tx, ChangeKind::Restored, &tree)
    }

    /// Puts an object that was in the trash into another folder, and into that one only.
    fn restore_into(&self, tx: &mut Tx<'_>, row: &ObjectRow, folder: ObjectId) -> Result<()> {
        let folder = self.folder_to_fill(tx, folder)?;
        scopes::check_place(tx, row, &folder)?;
        refuse_taken(tx.conn, &folder, &row.name)?;
        let filings = filing::filings_of(tx.conn, &[row.no])?;
        let kept = filings.iter().find(|one| one.parent_no == folder.no).or_else(|| filings.first());
        for other in filings.iter().filter(|one| Some(one.no) != kept.map(|kept| kept.no)) {
            filing::delete(tx.conn, other.no)?;
        }
        match kept {
            Some(kept) if kept.parent_no == folder.no => trash::show_filings(tx.conn, &[kept.no])?,
            Some(kept) => filing::put_parent(tx.conn, kept.no, folder.no, &row.name)?,
            None => filing::insert(tx.conn, folder.no, row.no, &row.name, None, tx.now.as_millis())?,
        }
        make_primary(tx, row, folder.no)?;
        objects::put_unfiled(tx.conn, row.no, None)?;
        scopes::follow(tx, row, folder.scope_no)
    }

    /// Locks an object in the trash and returns it, if the caller may browse it and has `wanted` on it.
    pub(crate) fn trashed_to_change(
        &self,
        tx: &mut Tx<'_>,
        id: ObjectId,
        wanted: cartulary_model::permission::Permission,
    ) -> Result<ObjectRow> {
        objects::lock(tx.conn, &id.to_string())?;
        let row = objects::by_id(tx.conn, &id.to_string())?;
        let row = row.filter(|row| row.trashed_at.is_some() && row.role == objects::LIVE);
        let row = row.ok_or_else(|| RepositoryError::not_found("the object"))?;
        self.repository.inner.access.require(tx.conn, &self.actor, row.scope_no, wanted, tx.now)?;
        self.refuse_locked_for(tx.conn, &row, wanted, tx.now)?;
        Ok(row)
    }

    /// Returns a window of what was put in the trash and the caller may take out, the latest first. What went along with a
    /// folder is not listed by itself.
    ///
    /// # Errors
    /// The database's.
    pub async fn trash_list(&self, request: impl Into<ListRequest>) -> Result<Window<TrashedObject>> {
        let (session, now) = (self.clone(), self.repository.clock().now());
        let request = request.into();
        let read = move |conn: &mut Conn| -> Result<_> {
            let order = ListOrder::CreatedDescending;
            let rows = session.rows_of(conn, &Collection::Trash, order, request, REMOVE_CHILDREN)?;
            let readings = session.readings_among(conn, &numbers_of(&rows.items), now)?;
            Ok((rows.map_all(|rows| session.trashed_of_rows(conn, &rows, now))?, readings))
        };
        self.read_noted("trash", read).await
    }

    /// Returns one object in the trash.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` without `RemoveChildren`.
    pub async fn trash_get(&self, id: ObjectId) -> Result<TrashedObject> {
        let (session, now) = (self.clone(), self.repository.clock().now());
        let read = move |conn: &mut Conn| -> Result<_> {
            let row = objects::by_id(conn, &id.to_string())?;
            let row = row.filter(|row| row.trashed_at.is_some() && row.role == objects::LIVE);
            let row = row.ok_or_else(|| RepositoryError::not_found("the object"))?;
            session.repository.inner.access.require(conn, &session.actor, row.scope_no, REMOVE_CHILDREN, now)?;
            let readings = session.readings_among(conn, &[row.no], now)?;
            let found = session.trashed_of_rows(conn, &[row], now)?.pop();
            Ok((found.ok_or_else(|| RepositoryError::not_found("the object"))?, readings))
        };
        self.read_noted("trash", read).await
    }

    fn trashed_of_rows(&self, conn: &mut Conn, rows: &[ObjectRow], now: Timestamp) -> Result<Vec<TrashedObject>> {
        let nos: Vec<i64> = rows.iter().map(|row| row.no).collect();
        let acts: BTreeMap<i64, trash::TrashedRow> =
            trash::trashed(conn, &nos)?.into_iter().map(|act| (act.no, act)).collect();
        let people = principals::by_nos(conn, &acts.values().filter_map(|act| act.trashed_by).collect())?;
        let parents = filing::primary_parents(conn, &nos)?;
        let folders = objects::by_nos(conn, &parents.values().copied().collect::<Vec<_>>())?;
        let summaries = self.summaries_of(conn, rows, now)?;
        let mut trashed = Vec::with_capacity(rows.len());
        for (row, summary) in rows.iter().zip(summaries) {
            let Some(act) = acts.get(&row.no) else { continue };
            let folder = parents.get(&row.no).and_then(|no| folders.get(no));
            let parent = match folder.filter(|folder| folder.trashed_at.is_none()) {
                Some(folder)
                    if self.repository.inner.access.allows(conn, &self.actor, folder.scope_no, BROWSE, now)? =>
                {
                    Some(self.parent_name(folder)?)
                }
                _ => None,
            };
            trashed.push(TrashedObject {
                summary,
                trashed_at: Timestamp::from_millis(act.trashed_at.unwrap_or_default()),
                trashed_by: principal_name(&people, act.trashed_by.unwrap_or_default())?,
                parent,
            });
        }
        Ok(trashed)
    }
}

/// Lets a document that lies in a folder outside the trash follow that one, when it followed one that went there.
fn leave_hidden(tx: &mut Tx<'_>, document: &ObjectRow) -> Result<()> {
    let filings = filing::filings_of(tx.conn, &[document.no])?;
    let is_followed = filings.iter().any(|one| one.is_primary && !one.is_trashed);
    let next = filings.iter().find(|one| !one.is_trashed);
    if let Some(next) = next.filter(|_| !is_followed) {
        follow_filing(tx, document, next)?;
    }
    objects::touch(tx.conn, document.no)?;
    record_moved(tx, document, json!({ "folderTrashed": true }))
}

/// Shows an object again in those of its folders that are not in the trash.
fn restore_in_place(tx: &mut Tx<'_>, row: &ObjectRow) -> Result<()> {
    let filings = filing::filings_of(tx.conn, &[row.no])?;
    let folders = objects::by_nos(tx.conn, &filings.iter().map(|one| one.parent_no).collect::<Vec<_>>())?;
    let is_living = |one: &&FilingRow| folders.get(&one.parent_no).is_some_and(|folder| folder.trashed_at.is_none());
    let living: Vec<&FilingRow> = filings.iter().filter(is_living).collect();
    let Some(first) = living.first() else {
        if is_unfiled(tx, row)? {
            return Ok(());
        }
        let detail = "the folder that it lay in is gone or in the trash: say which folder it shall go to";
        return Err(RepositoryError::conflict("target_required", detail));
    };
    for filing in &living {
        if let Some(folder) = folders.get(&filing.parent_no) {
            refuse_taken(tx.conn, folder, &row.name)?;
        }
    }
    trash::show_filings(tx.conn, &living.iter().map(|one| one.no).collect::<Vec<_>>())?;
    if living.iter().any(|one| one.is_primary) { Ok(()) } else { follow_filing(tx, row, first) }
}

/// Says whether an object lay in no folder before it went to the trash.
fn is_unfiled(tx: &mut Tx<'_>, row: &ObjectRow) -> Result<bool> {
    Ok(objects::unfiled_of_some(tx.conn, &[row.no])?.iter().any(|one| one.no == row.no))
}

/// Shows what came back with a folder, and what never left.
///
/// A document that stayed elsewhere may bear a name by now that another has here: then it lies here no more.
fn show_tree(tx: &mut Tx<'_>, root: &ObjectRow, tree: &Tree) -> Result<()> {
    let members: BTreeSet<i64> = tree.rows.iter().map(|row| row.no).collect();
    let below: Vec<i64> = members.iter().copied().filter(|no| *no != root.no).collect();
    let (within, outside): (Vec<_>, Vec<_>) = filing::filings_of(tx.conn, &below)?
        .into_iter()
        .filter(|one| one.is_trashed)
        .partition(|one| members.contains(&one.parent_no));
    trash::show_filings(tx.conn, &within.iter().map(|one| one.no).collect::<Vec<_>>())?;
    let guests = trash::children(tx.conn, &tree.nos())?.into_iter();
    let guests = guests.filter(|(filing, row)| filing.is_trashed && row.trashed_at.is_none());
    let guests: Vec<FilingRow> = guests.map(|(filing, _)| filing).collect();
    let parents = objects::by_nos(tx.conn, &outside.iter().map(|one| one.parent_no).collect::<Vec<_>>())?;
    let is_living = |one: &FilingRow| parents.get(&one.parent_no).is_some_and(|folder| folder.trashed_at.is_none());
    for filing in outside.into_iter().filter(is_living).chain(guests) {
        let Some(row) = objects::by_no(tx.conn, filing.child_no)? else { continue };
        if filing::is_taken(tx.conn, filing.parent_no, &row.name)? {
            filing::delete(tx.conn, filing.no)?;
        } else {
            trash::show_filings(tx.conn, &[filing.no])?;
        }
        if !members.contains(&row.no) {
            objects::touch(tx.conn, row.no)?;
            record_moved(tx, &row, json!({ "folderRestored": true }))?;
        }
    }
    let mut filings: BTreeMap<i64, Vec<FilingRow>> = BTreeMap::new();
    for filing in filing::filings_of(tx.conn, &below)?.into_iter().filter(|one| !one.is_trashed) {
        filings.entry(filing.child_no).or_default().push(filing);
    }
    for document in tree.rows.iter().filter(|row| row.no != root.no && row.base != BaseType::Folder.as_str()) {
        let living = filings.remove(&document.no).unwrap_or_default();
        if let Some(first) = living.first().filter(|_| !living.iter().any(|one| one.is_primary)) {
            follow_filing(tx, document, first)?;
        }
    }
    Ok(())
}

/// Records what happened to each object of a tree; those below the root name it.
pub(crate) fn record_all(tx: &mut Tx<'_>, kind: ChangeKind, tree: &Tree) -> Result<()> {
    let root = tree.rows.first().map(|row| row.id.clone()).unwrap_or_default();
    let now = objects::by_nos(tx.conn, &tree.nos())?;
    for row in &tree.rows {
        let detail: Option<Value> = (row.id != root).then(|| json!({ "with": root }));
        let scope_no = now.get(&row.no).map_or(row.scope_no, |now| now.scope_no);
        let object = Some((row.no, parse_id(&row.id)?));
        let change = Change { object, series_no: row.series_no, scope_no: Some(scope_no), detail, ..Change::default() };
        tx.record(kind, change)?;
    }
    Ok(())
}
