//! Where objects lie: filed in further folders, taken out, moved, and found by their paths.

use cartulary_db::{Conn, portable};
use cartulary_model::permission::{ADD_CHILDREN, BROWSE, Permission, REMOVE_CHILDREN, WRITE_SECURITY};
use cartulary_model::{BaseType, ChangeKind, Name, ObjectId, nfc};
use serde_json::{Value, json};

use crate::bootstrap::parse_id;
use crate::listing::{Collection, ListRequest};
use crate::object::{ListOrder, ObjectDetail, ObjectSummary, Precondition, Window, Written};
use crate::services::documents::free_name;
use crate::services::folders::numbers_of;
use crate::services::objects::refuse_version;
use crate::services::readings::Reading;
use crate::services::scopes;
use crate::store::filing::{self, FilingRow};
use crate::store::objects::{self, ObjectRow};
use crate::transaction::{Change, Tx};
use crate::{RepositoryError, Result, Session};

/// What becomes of an object that is taken out of its last folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastFolder {
    /// It is not taken out.
    Keep,
    /// It lies in no folder then: its creator and administrators see it.
    Leave,
}

/// A move of an object from one folder to another.
#[derive(Clone, Debug)]
pub struct ObjectMove {
    /// The folder that it leaves; the primary one unless given.
    pub from: Option<ObjectId>,
    /// The folder that it goes to.
    pub to: ObjectId,
    /// Its name from then on, when it is another.
    pub name: Option<String>,
}

impl Session {
    /// Files an object in a further folder; nothing changes when it lies there. An object that lies in no folder gets it as
    /// its primary one, and follows its access list.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` without `AddChildren` there, or, of an unfiled object, without `WriteSecurity` on it;
    /// `Stale`; `NameTaken`; `Conflict` `folder_has_one_parent`, `not_a_folder`, `immutable`.
    pub async fn object_file(
        &self,
        id: ObjectId,
        folder: ObjectId,
        precondition: Precondition,
    ) -> Result<Written<ObjectDetail>> {
        let session = self.clone();
        self.transact(move |tx| {
            let row = session.object_to_file(tx, id, BROWSE, &precondition)?;
            refuse_folder(&row)?;
            let folder = session.folder_to_fill(tx, folder)?;
            let living = living_filings(tx.conn, row.no)?;
            if living.iter().any(|filing| filing.parent_no == folder.no) {
                return session.detail_of(tx.conn, &row, tx.now);
            }
            refuse_taken(tx.conn, &folder, &row.name)?;
            if living.is_empty() {
                let access = &session.repository.inner.access;
                access.require(tx.conn, &session.actor, row.scope_no, WRITE_SECURITY, tx.now)?;
                filing::insert(tx.conn, folder.no, row.no, &row.name, None, tx.now.as_millis())?;
                make_primary(tx, &row, folder.no)?;
                objects::put_unfiled(tx.conn, row.no, None)?;
                scopes::follow(tx, &row, folder.scope_no)?;
            } else {
                filing::insert_further(tx.conn, folder.no, row.no, &row.name, tx.now.as_millis())?;
            }
            session.finish_filing(tx, &row, json!({ "filedIn": folder.id }))
        })
        .await
    }

    /// Takes an object out of one of its folders. When that was the primary one, the oldest other becomes it, and the
    /// object follows its access list.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` without `RemoveChildren` on both; `Stale`; `Conflict` `last_folder` when it lies in no other
    /// and shall [`LastFolder::Keep`], `folder_has_one_parent`, `immutable`.
    pub async fn object_unfile(
        &self,
        id: ObjectId,
        folder: ObjectId,
        precondition: Precondition,
        last: LastFolder,
    ) -> Result<Written<ObjectDetail>> {
        let session = self.clone();
        self.transact(move |tx| {
            let row = session.object_to_file(tx, id, REMOVE_CHILDREN, &precondition)?;
            refuse_folder(&row)?;
            let folder = session.authorised(tx.conn, folder, REMOVE_CHILDREN, tx.now)?;
            let living = living_filings(tx.conn, row.no)?;
            let (here, others): (Vec<_>, Vec<_>) = living.into_iter().partition(|one| one.parent_no == folder.no);
            let here = here.first().ok_or_else(|| RepositoryError::not_found("the object in this folder"))?;
            match others.first() {
                None if last == LastFolder::Keep => {
                    let detail = "it lies in no other folder: put it in the trash, or say that it shall lie in none";
                    return Err(RepositoryError::conflict("last_folder", detail));
                }
                None => {
                    // Those in the trash too: it shall lie in no folder, whatever comes back.
                    for filing in filing::filings_of(tx.conn, &[row.no])? {
                        filing::delete(tx.conn, filing.no)?;
                    }
                    objects::put_unfiled(tx.conn, row.no, Some(tx.now.as_millis()))?;
                    scopes::unfile(tx, &row)?;
                }
                Some(next) => {
                    filing::delete(tx.conn, here.no)?;
                    if here.is_primary {
                        follow_filing(tx, &row, next)?;
                    }
                }
            }
            session.finish_filing(tx, &row, json!({ "takenFrom": folder.id }))
        })
        .await
    }

    /// Makes one of an object's folders the primary one, whose access list it follows.
    ///
    /// # Errors
    /// `NotFound`, also for a folder that it does not lie in; `Forbidden` without `WriteSecurity`; `Stale`; `Conflict`
    /// `immutable`.
    pub async fn object_primary_put(
        &self,
        id: ObjectId,
        folder: ObjectId,
        precondition: Precondition,
    ) -> Result<Written<ObjectDetail>> {
        let session = self.clone();
        self.transact(move |tx| {
            let row = session.object_to_file(tx, id, WRITE_SECURITY, &precondition)?;
            let folder = session.authorised(tx.conn, folder, BROWSE, tx.now)?;
            let living = living_filings(tx.conn, row.no)?;
            let filing = living.into_iter().find(|one| one.parent_no == folder.no);
            let filing = filing.ok_or_else(|| RepositoryError::not_found("the object in this folder"))?;
            if filing.is_primary {
                return session.detail_of(tx.conn, &row, tx.now);
            }
            follow_filing(tx, &row, &filing)?;
            session.finish_filing(tx, &row, json!({ "primary": folder.id }))
        })
        .await
    }

    /// Moves an object from one folder to another, under the same name or another. What it follows of the access list of
    /// its primary folder, it follows in the new one.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` without `RemoveChildren` on the object and in the folder it leaves, and `AddChildren` in the
    /// new one; `Stale`; `NameTaken`; `Invalid` for the name; `Conflict` `cyclic_move`, `too_deep`, `not_a_folder`,
    /// `already_filed`, `not_filed`, `root_folder`, `immutable`, `use_bulk_action`.
    pub async fn object_move(
        &self,
        id: ObjectId,
        precondition: Precondition,
        wanted: ObjectMove,
    ) -> Result<Written<ObjectDetail>> {
        let session = self.clone();
        self.transact(move |tx| session.move_in_tx(tx, id, &precondition, &wanted)).await
    }

    /// See [`Session::object_move`].
    pub(crate) fn move_in_tx(
        &self,
        tx: &mut Tx<'_>,
        id: ObjectId,
        precondition: &Precondition,
        wanted: &ObjectMove,
    ) -> Result<ObjectDetail> {
        self.lock_trees_for(tx, id)?;
        let row = self.object_to_file(tx, id, REMOVE_CHILDREN, precondition)?;
        self.refuse_root(&row)?;
        let to = self.folder_to_fill(tx, wanted.to)?;
        let from = self.filing_to_leave(tx, &row, wanted.from)?;
        let name = match &wanted.name {
            Some(name) if *name != row.name => chosen_name(name)?,
            _ => row.name.clone(),
        };
        let is_elsewhere = from.parent_no != to.no;
        if !is_elsewhere && name == row.name {
            return self.detail_of(tx.conn, &row, tx.now);
        }
        if is_elsewhere && living_filings(tx.conn, row.no)?.iter().any(|one| one.parent_no == to.no) {
            let detail = "it lies in that folder already: take it out of the other one instead";
            return Err(RepositoryError::conflict("already_filed", detail));
        }
        scopes::check_place(tx, &row, &to)?;
        refuse_taken(tx.conn, &to, &name)?;
        if is_elsewhere {
            filing::put_parent(tx.conn, from.no, to.no, &name)?;
        }
        if is_elsewhere && from.is_primary {
            scopes::follow(tx, &row, to.scope_no)?;
        }
        self.rename(tx, &row, &name)?;
        let detail = json!({ "from": parent_id(tx.conn, from.parent_no)?, "to": to.id, "name": name });
        self.finish_filing(tx, &row, detail)
    }

    /// Returns the object at a path of names from the root folder, each after a `/`.
    ///
    /// # Errors
    /// `NotFound`, also when the caller may not browse a folder on the way; `Invalid` for what is no path.
    pub async fn object_by_path(&self, path: &str) -> Result<ObjectDetail> {
        let names = names_of(path)?;
        let (session, now) = (self.clone(), self.repository.clock().now());
        let read = move |conn: &mut Conn| -> Result<(ObjectDetail, Option<Reading>)> {
            let access = &session.repository.inner.access;
            let missing = || RepositoryError::not_found("the object");
            let mut at = objects::by_no(conn, session.repository.inner.root_no)?.ok_or_else(missing)?;
            access.require(conn, &session.actor, at.scope_no, BROWSE, now)?;
            for name in &names {
                let child = filing::child_by_name(conn, at.no, name)?.ok_or_else(missing)?;
                at = objects::by_no(conn, child)?.ok_or_else(missing)?;
                access.require(conn, &session.actor, at.scope_no, BROWSE, now)?;
            }
            Ok((session.detail_of(conn, &at, now)?, session.reading_of(conn, &at)?))
        };
        let (detail, reading) = self.repository.database().read(read).await?;
        self.note_reading_of(&detail, reading).await?;
        Ok(detail)
    }

    /// Returns a window of the objects that lie in no folder and that the caller may browse, the newest first.
    ///
    /// # Errors
    /// The database's.
    pub async fn unfiled_list(&self, request: impl Into<ListRequest>) -> Result<Window<ObjectSummary>> {
        let (session, now) = (self.clone(), self.repository.clock().now());
        let request = request.into();
        let read = move |conn: &mut Conn| {
            let order = ListOrder::CreatedDescending;
            let rows = session.rows_of(conn, &Collection::Unfiled, order, request, BROWSE)?;
            let readings = session.readings_among(conn, &numbers_of(&rows.items), now)?;
            Ok((rows.map_all(|rows| session.summaries_of(conn, &rows, now))?, readings))
        };
        self.read_noted("unfiled", read).await
    }

    /// Locks an object that is filed, moved or put in order, and returns it as [`Session::authorised`] does.
    pub(crate) fn object_to_file(
        &self,
        tx: &mut Tx<'_>,
        id: ObjectId,
        wanted: Permission,
        precondition: &Precondition,
    ) -> Result<ObjectRow> {
        objects::lock(tx.conn, &id.to_string())?;
        let row = self.authorised(tx.conn, id, wanted, tx.now)?;
        self.check_precondition(tx.conn, &row, precondition, tx.now)?;
        refuse_version(&row)?;
        if row.role != objects::LIVE {
            return Err(RepositoryError::conflict("not_filed", "a working copy lies in no folder"));
        }
        self.refuse_locked_for(tx.conn, &row, wanted, tx.now)?;
        Ok(row)
    }

    /// Lets those who move and trash folders do so one after the other, so that no two make a circle together.
    pub(crate) fn lock_trees_for(&self, tx: &mut Tx<'_>, id: ObjectId) -> Result<()> {
        let row = objects::by_id(tx.conn, &id.to_string())?;
        if row.is_none_or(|row| row.base != BaseType::Folder.as_str()) {
            return Ok(());
        }
        let key = portable::advisory_key(&self.repository.inner.log_identity, "trees");
        Ok(portable::lock_in_transaction(tx.conn, key)?)
    }

    /// Returns a folder that something may be filed in.
    pub(crate) fn folder_to_fill(&self, tx: &mut Tx<'_>, folder: ObjectId) -> Result<ObjectRow> {
        let row = self.authorised(tx.conn, folder, ADD_CHILDREN, tx.now)?;
        if row.base != BaseType::Folder.as_str() {
            return Err(RepositoryError::conflict("not_a_folder", "only a folder contains others"));
        }
        Ok(row)
    }

    /// Refuses what is done to the root folder.
    pub(crate) fn refuse_root(&self, row: &ObjectRow) -> Result<()> {
        if row.no == self.repository.inner.root_no {
            return Err(RepositoryError::conflict("root_folder", "the root folder stays"));
        }
        Ok(())
    }

    /// Returns the filing of an object in a folder, which the caller may browse; in the primary one unless one is given.
    pub(crate) fn filing_in(&self, tx: &mut Tx<'_>, row: &ObjectRow, folder: Option<ObjectId>) -> Result<FilingRow> {
        let living = living_filings(tx.conn, row.no)?;
        let found = match folder {
            None => living.into_iter().find(|one| one.is_primary),
            Some(folder) => {
                let folder = self.authorised(tx.conn, folder, BROWSE, tx.now)?;
                living.into_iter().find(|one| one.parent_no == folder.no)
            }
        };
        match (found, folder) {
            (Some(filing), _) => Ok(filing),
            (None, Some(_)) => Err(RepositoryError::not_found("the object in this folder")),
            (None, None) => Err(RepositoryError::conflict("not_filed", "it lies in no folder: file it in one")),
        }
    }

    fn filing_to_leave(&self, tx: &mut Tx<'_>, row: &ObjectRow, from: Option<ObjectId>) -> Result<FilingRow> {
        let filing = self.filing_in(tx, row, from)?;
        let folder = objects::by_no(tx.conn, filing.parent_no)?;
        let folder = folder.ok_or_else(|| RepositoryError::not_found("the folder"))?;
        let access = &self.repository.inner.access;
        match access.require(tx.conn, &self.actor, folder.scope_no, REMOVE_CHILDREN, tx.now) {
            // Whoever may not know of the folder named none.
            Err(RepositoryError::NotFound { .. }) => {
                Err(RepositoryError::Forbidden { permission: REMOVE_CHILDREN.to_owned() })
            }
            Err(error) => Err(error),
            Ok(()) => Ok(filing),
        }
    }

    /// Gives an object another name in all its folders; a title that follows the name keeps following it.
    pub(crate) fn rename(&self, tx: &mut Tx<'_>, row: &ObjectRow, name: &str) -> Result<()> {
        if name == row.name {
            return Ok(());
        }
        filing::rename(tx.conn, row.no, name)?;
        let title = if row.title == row.name { name } else { row.title.as_str() };
        let at = self.series_instant(tx, row)?;
        objects::update(tx.conn, row.no, name, title, &row.properties, at, tx.actor_no)
    }

    /// Raises the token, records the change of place and returns the object as it is now.
    fn finish_filing(&self, tx: &mut Tx<'_>, row: &ObjectRow, detail: Value) -> Result<ObjectDetail> {
        objects::touch(tx.conn, row.no)?;
        record_moved(tx, row, detail)?;
        self.detail_again(tx, row)
    }

    /// Returns an object as this transaction left it. Whoever may not see it any more, having moved it out of his own
    /// sight, is told that it is done: he sees of it what he saw, and no more.
    pub(crate) fn detail_again(&self, tx: &mut Tx<'_>, row: &ObjectRow) -> Result<ObjectDetail> {
        let now = objects::by_no(tx.conn, row.no)?.ok_or_else(|| RepositoryError::not_found("the object"))?;
        self.detail_of(tx.conn, &now, tx.now)
    }
}

/// Returns the filings of an object in folders that are not in the trash, the oldest first.
pub(crate) fn living_filings(conn: &mut Conn, child: i64) -> Result<Vec<FilingRow>> {
    let mut filings = filing::filings_of(conn, &[child])?;
    filings.retain(|one| !one.is_trashed);
    Ok(filings)
}

/// Makes a filing the primary one, and lets the object follow its folder.
pub(crate) fn follow_filing(tx: &mut Tx<'_>, row: &ObjectRow, filing: &FilingRow) -> Result<()> {
    filing::put_primary(tx.conn, row.no, filing.no)?;
    let folder = objects::by_no(tx.conn, filing.parent_no)?;
    let folder = folder.ok_or_else(|| RepositoryError::internal("a filing without its folder"))?;
    scopes::follow(tx, row, folder.scope_no)
}

/// Makes the filing in a folder the only primary one.
pub(crate) fn make_primary(tx: &mut Tx<'_>, row: &ObjectRow, folder_no: i64) -> Result<()> {
    let filings = filing::filings_of(tx.conn, &[row.no])?;
    match filings.iter().find(|one| one.parent_no == folder_no) {
        Some(filing) => filing::put_primary(tx.conn, row.no, filing.no),
        None => Err(RepositoryError::internal("what was just filed is not there")),
    }
}

/// Refuses a name that another object of the folder has, and proposes one.
pub(crate) fn refuse_taken(conn: &mut Conn, folder: &ObjectRow, name: &str) -> Result<()> {
    if filing::is_taken(conn, folder.no, name)? {
        return Err(RepositoryError::NameTaken { proposed: free_name(conn, folder.no, name)? });
    }
    Ok(())
}

/// Returns a name that a person chose.
pub(crate) fn chosen_name(name: &str) -> Result<String> {
    match Name::choose(name) {
        Ok(name) => Ok(name.as_str().to_owned()),
        Err(error) => Err(RepositoryError::invalid("name", "invalid_name", error.to_string())),
    }
}

/// Records that an object lies elsewhere than before.
pub(crate) fn record_moved(tx: &mut Tx<'_>, row: &ObjectRow, detail: Value) -> Result<()> {
    let scope_no = objects::by_no(tx.conn, row.no)?.map(|now| now.scope_no);
    let object = Some((row.no, parse_id(&row.id)?));
    let before = Some(json!({ "name": row.name }));
    let change = Change { object, series_no: row.series_no, scope_no, before, after: None, detail: Some(detail) };
    tx.record(ChangeKind::Moved, change)
}

fn refuse_folder(row: &ObjectRow) -> Result<()> {
    if row.base == BaseType::Folder.as_str() {
        let detail = "a folder lies in one other folder: move it instead";
        return Err(RepositoryError::conflict("folder_has_one_parent", detail));
    }
    Ok(())
}

fn parent_id(conn: &mut Conn, no: i64) -> Result<Option<String>> {
    Ok(objects::by_no(conn, no)?.map(|row| row.id))
}

/// Returns the names of a path, none for the root folder.
fn names_of(path: &str) -> Result<Vec<String>> {
    let unfit = |why: &str| RepositoryError::invalid("path", "invalid_path", why);
    let Some(rest) = path.strip_prefix('/') else { return Err(unfit("begins with `/`")) };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if rest.is_empty() {
        return Ok(Vec::new());
    }
    let names: Vec<String> = rest.split('/').map(nfc).collect();
    if names.len() > scopes::FOLDERS_DEEP_MAX + 1 {
        return Err(unfit("has more names than folders lie one in the other"));
    }
    if names.iter().any(|name| name.is_empty() || name.contains('\0')) {
        return Err(unfit("has a name between every two `/`"));
    }
    Ok(names)
}
