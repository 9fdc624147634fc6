//! What filing does to who may do what: an object without a list of its own follows its primary folder.

use cartulary_model::BaseType;
use cartulary_model::permission::AccessEntry;

use crate::services::access_lists::{FOLDERS_BELOW_MAX, repoint_folders};
use crate::store::acl::{self, ScopeRow};
use crate::store::objects::{self, ObjectRow};
use crate::transaction::Tx;
use crate::{RepositoryError, Result};

/// How many folders may lie one in the other, the root folder counted: no path that people use comes near.
pub(crate) const FOLDERS_DEEP_MAX: usize = 200;
/// What the creator of an unfiled object may do with it.
const CREATOR_MAY: &str = "Manage";

/// Lets an object follow the folder with this scope, its new primary one.
///
/// A folder keeps its scope, and those below keep theirs: only the lists that they point to change. A document without a
/// list of its own takes the folder's scope; its own list, where it has one, goes below the folder's.
///
/// # Errors
/// `Conflict` `use_bulk_action` when too many folders below would have to follow.
pub(crate) fn follow(tx: &mut Tx<'_>, row: &ObjectRow, folder_scope: i64) -> Result<()> {
    let own = scope(tx, row.scope_no)?;
    let is_folder = row.base == BaseType::Folder.as_str();
    let inherits_whole = own.kind == acl::FOLDER || own.kind == acl::UNFILED;
    match row.series_no {
        _ if is_folder => follow_as_folder(tx, &own, folder_scope),
        Some(series) if inherits_whole => objects::put_series_scope(tx.conn, series, folder_scope),
        None if inherits_whole => objects::put_scope(tx.conn, row.no, folder_scope),
        _ => follow_with_list(tx, &own, folder_scope),
    }
}

fn follow_as_folder(tx: &mut Tx<'_>, own: &ScopeRow, folder_scope: i64) -> Result<()> {
    let before = match own.parent_no {
        Some(parent) => Some(scope(tx, parent)?.acl_row_no),
        None => None,
    };
    let after = scope(tx, folder_scope)?.acl_row_no;
    if before != Some(own.acl_row_no) {
        return follow_with_list(tx, own, folder_scope);
    }
    acl::put_scope_parent(tx.conn, own.no, folder_scope)?;
    if own.acl_row_no == after { Ok(()) } else { repoint_folders(tx, own.no, own.acl_row_no, after) }
}

fn follow_with_list(tx: &mut Tx<'_>, own: &ScopeRow, folder_scope: i64) -> Result<()> {
    let after = scope(tx, folder_scope)?.acl_row_no;
    acl::put_scope_parent(tx.conn, own.no, folder_scope)?;
    acl::put_row_parent(tx.conn, own.acl_row_no, after)?;
    acl::log_change(tx.conn, Some(own.acl_row_no), None, tx.now.as_millis())
}

/// Gives an object that lies in no folder a scope of its own: its creator and administrators see it. A list that it had
/// is left behind with the place it was for.
pub(crate) fn unfile(tx: &mut Tx<'_>, row: &ObjectRow) -> Result<()> {
    let scope = insert_unfiled(tx, row.created_by)?;
    match row.series_no {
        Some(series) => objects::put_series_scope(tx.conn, series, scope),
        None => objects::put_scope(tx.conn, row.no, scope),
    }
}

/// Makes the scope of an object that lies in no folder, and returns its number.
pub(crate) fn insert_unfiled(tx: &mut Tx<'_>, creator: i64) -> Result<i64> {
    let list = acl::insert_row(tx.conn, None, false)?;
    let entry = AccessEntry {
        principal_no: creator,
        permission: CREATOR_MAY.to_owned(),
        grants: true,
        begin_at: None,
        end_at: None,
    };
    acl::replace_entries(tx.conn, list, acl::LOCAL, &[entry])?;
    let scope = acl::insert_scope(tx.conn, acl::UNFILED, list, None)?;
    acl::log_change(tx.conn, Some(list), None, tx.now.as_millis())?;
    Ok(scope)
}

/// Refuses a folder that would lie in itself, or deeper than folders may.
///
/// # Errors
/// `Conflict` `cyclic_move` or `too_deep`; `use_bulk_action` when too many folders lie below.
pub(crate) fn check_place(tx: &mut Tx<'_>, row: &ObjectRow, folder: &ObjectRow) -> Result<()> {
    if row.base != BaseType::Folder.as_str() {
        return Ok(());
    }
    let above = scopes_above(tx, folder.scope_no)?;
    if above.contains(&row.scope_no) {
        let detail = "a folder cannot lie in itself, nor in a folder below it";
        return Err(RepositoryError::conflict("cyclic_move", detail));
    }
    let mut height = 0;
    let (mut fringe, mut count) = (vec![row.scope_no], 0);
    while !fringe.is_empty() && above.len() + height <= FOLDERS_DEEP_MAX {
        height += 1;
        count += fringe.len();
        if count > FOLDERS_BELOW_MAX {
            let detail = "more than 10,000 folders lie below: do this as a bulk action";
            return Err(RepositoryError::conflict("use_bulk_action", detail));
        }
        fringe = acl::folders_below(tx.conn, &fringe)?;
    }
    refuse_depth(above.len() + height)
}

/// Refuses a new folder in one that lies as deep as folders may.
///
/// # Errors
/// `Conflict` `too_deep`.
pub(crate) fn check_depth_in(tx: &mut Tx<'_>, folder: &ObjectRow) -> Result<()> {
    let above = scopes_above(tx, folder.scope_no)?;
    refuse_depth(above.len() + 1)
}

fn refuse_depth(depth: usize) -> Result<()> {
    if depth > FOLDERS_DEEP_MAX {
        return Err(RepositoryError::conflict("too_deep", "at most 200 folders lie one in the other"));
    }
    Ok(())
}

/// Returns the scopes from a folder up to the root, its own first; of a deeper place than there may be, no more.
fn scopes_above(tx: &mut Tx<'_>, folder_scope: i64) -> Result<Vec<i64>> {
    let mut above = vec![folder_scope];
    let mut next = scope(tx, folder_scope)?.parent_no;
    while let Some(no) = next.filter(|_| above.len() <= FOLDERS_DEEP_MAX) {
        above.push(no);
        next = scope(tx, no)?.parent_no;
    }
    Ok(above)
}

fn scope(tx: &mut Tx<'_>, no: i64) -> Result<ScopeRow> {
    acl::scope_by_no(tx.conn, no)?.ok_or_else(|| RepositoryError::internal("a scope is missing"))
}
