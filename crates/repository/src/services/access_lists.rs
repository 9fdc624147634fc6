//! Who may do what on one object, read and written.

use std::collections::BTreeSet;

use cartulary_db::Conn;
use cartulary_model::permission::{self, AccessEntry, READ_SECURITY, WRITE_SECURITY};
use cartulary_model::{BaseType, ChangeKind, ObjectId, Timestamp, Violation};
use serde_json::json;

use crate::bootstrap::parse_id;
use crate::object::{Precondition, PrincipalName, Written};
use crate::services::detail::name_of;
use crate::store::objects::{self, ObjectRow};
use crate::store::principals::{self, PrincipalRow};
use crate::store::{acl, filing};
use crate::transaction::{Change, Tx};
use crate::{RepositoryError, Result, Session};

/// More folders than this below an object that gets its first list: not in one transaction (architecture.md §4.7).
pub(crate) const FOLDERS_BELOW_MAX: usize = 10_000;
/// The most entries of one list.
const ENTRIES_MAX: usize = 1_000;

/// One entry as people read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessGrant {
    /// Whom it speaks of.
    pub principal: PrincipalName,
    /// Whether that is a group.
    pub is_group: bool,
    /// A permission or a group of permissions.
    pub permission: String,
    /// Whether it grants; otherwise it denies.
    pub grants: bool,
}

/// An object's access list.
#[derive(Clone, Debug)]
pub struct AccessList {
    /// Its own entries, in the order of evaluation.
    pub entries: Vec<AccessGrant>,
    /// Whether what the lists above say holds too.
    pub inherits: bool,
    /// What the lists above say, nearest first.
    pub inherited: Vec<AccessGrant>,
    /// The object's change token.
    pub change_token: i64,
}

/// A new list of own entries; all grant.
#[derive(Clone, Debug)]
pub struct NewAccessList {
    /// The principal (a user or group by name, or by id) and the permission, in the order of evaluation.
    pub entries: Vec<(String, String)>,
    /// Whether what the lists above say holds too.
    pub inherits: bool,
}

impl Session {
    /// Returns who may do what on an object.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` without `ReadSecurity`.
    pub async fn acl_get(&self, id: ObjectId) -> Result<AccessList> {
        let (session, now) = (self.clone(), self.repository.clock().now());
        let read = move |conn: &mut Conn| -> Result<AccessList> {
            let row = session.authorised(conn, id, READ_SECURITY, now)?;
            access_list(conn, &row)
        };
        self.repository.database().read(read).await
    }

    /// Replaces an object's own entries. It holds at once, for everything below that inherits.
    ///
    /// # Errors
    /// `Invalid` for unknown principals and permissions; `Stale`; `Forbidden` without `WriteSecurity`; `Conflict`
    /// `use_bulk_action` when too many folders below would have to follow.
    pub async fn acl_put(
        &self,
        id: ObjectId,
        precondition: Precondition,
        list: NewAccessList,
    ) -> Result<Written<AccessList>> {
        let session = self.clone();
        self.transact(move |tx| {
            let row = session.authorised(tx.conn, id, WRITE_SECURITY, tx.now)?;
            session.check_precondition(tx.conn, &row, &precondition, tx.now)?;
            objects_may_have_lists(&row)?;
            let entries = resolve_entries(tx.conn, &list)?;
            let before = access_list(tx.conn, &row)?;
            let own = own_list(tx, &row)?;
            acl::replace_entries(tx.conn, own, &entries)?;
            acl::put_inherits(tx.conn, own, list.inherits)?;
            acl::log_change(tx.conn, Some(own), None, tx.now.as_millis())?;
            objects::touch(tx.conn, row.no)?;
            let row = objects::by_no(tx.conn, row.no)?.ok_or_else(|| RepositoryError::not_found("the object"))?;
            let after = access_list(tx.conn, &row)?;
            tx.record(
                ChangeKind::Security,
                Change {
                    object: Some((row.no, parse_id(&row.id)?)),
                    series_no: row.series_no,
                    scope_no: Some(row.scope_no),
                    before: Some(as_json(&before)),
                    after: Some(as_json(&after)),
                    ..Change::default()
                },
            )?;
            Ok(after)
        })
        .await
    }
}

fn as_json(list: &AccessList) -> serde_json::Value {
    let entries: Vec<_> =
        list.entries.iter().map(|entry| json!([entry.principal.name, entry.permission, entry.grants])).collect();
    json!({ "entries": entries, "inherits": list.inherits })
}

fn objects_may_have_lists(row: &ObjectRow) -> Result<()> {
    if row.role == objects::VERSION {
        let detail = "a version follows its document: change the document's access instead";
        return Err(RepositoryError::conflict("immutable", detail));
    }
    Ok(())
}

fn resolve_entries(conn: &mut Conn, list: &NewAccessList) -> Result<Vec<AccessEntry>> {
    let mut violations = Vec::new();
    if list.entries.len() > ENTRIES_MAX {
        violations.push(Violation::new("entries", "list_too_long", "a list has at most 1,000 entries"));
    }
    let mut seen = BTreeSet::new();
    let mut entries = Vec::new();
    for (position, (who, stated)) in list.entries.iter().take(ENTRIES_MAX).enumerate() {
        let field = format!("entries[{position}]");
        if !permission::is_known(stated) {
            let detail = format!("`{stated}` is no permission");
            violations.push(Violation::new(format!("{field}.permission"), "unknown_permission", detail));
        }
        let Some(principal) = find_principal(conn, who)? else {
            let detail = format!("`{who}` is neither a user nor a group");
            violations.push(Violation::new(format!("{field}.principal"), "unknown_principal", detail));
            continue;
        };
        if !seen.insert((principal.no, stated.clone())) {
            violations.push(Violation::new(field, "duplicate_entry", "stands in the list twice"));
        }
        entries.push(AccessEntry {
            principal_no: principal.no,
            permission: stated.clone(),
            grants: true,
            begin_at: None::<Timestamp>,
            end_at: None,
        });
    }
    if violations.is_empty() { Ok(entries) } else { Err(RepositoryError::Invalid { violations }) }
}

fn find_principal(conn: &mut Conn, who: &str) -> Result<Option<PrincipalRow>> {
    if let Some(row) = principals::by_id(conn, who)? {
        return Ok(Some(row));
    }
    if let Some(row) = principals::by_name(conn, principals::USER, who)? {
        return Ok(Some(row));
    }
    principals::by_name(conn, principals::GROUP, who)
}

fn access_list(conn: &mut Conn, row: &ObjectRow) -> Result<AccessList> {
    let scope = acl::scope_by_no(conn, row.scope_no)?.ok_or_else(|| RepositoryError::not_found("the scope"))?;
    let own = if has_own_list(conn, row, scope.acl_row_no)? { Some(scope.acl_row_no) } else { None };
    let entries = match own {
        Some(list) => grants_of(conn, list)?,
        None => Vec::new(),
    };
    let own_row = match own {
        Some(list) => acl::row(conn, list)?,
        None => None,
    };
    let inherits = own_row.is_none_or(|list| list.inherits);
    let mut above = if own.is_some() { own_row.and_then(|list| list.parent_no) } else { Some(scope.acl_row_no) };
    let mut inherited = Vec::new();
    while let Some(list) = above.filter(|_| inherits) {
        inherited.extend(grants_of(conn, list)?);
        above = acl::row(conn, list)?.filter(|list| list.inherits).and_then(|list| list.parent_no);
    }
    Ok(AccessList { entries, inherits, inherited, change_token: row.change_token })
}

fn grants_of(conn: &mut Conn, list: i64) -> Result<Vec<AccessGrant>> {
    let entries = acl::entries_of(conn, list)?;
    let people = principals::by_nos(conn, &entries.iter().map(|entry| entry.principal_no).collect())?;
    let mut grants = Vec::with_capacity(entries.len());
    for entry in entries {
        let Some(row) = people.get(&entry.principal_no) else { continue };
        grants.push(AccessGrant {
            principal: name_of(row)?,
            is_group: row.kind == principals::GROUP,
            permission: entry.permission,
            grants: entry.grants,
        });
    }
    Ok(grants)
}

/// Says whether the list that an object's scope points to is its own, and not its parent's.
fn has_own_list(conn: &mut Conn, row: &ObjectRow, list: i64) -> Result<bool> {
    Ok(parent_list(conn, row)? != Some(list))
}

/// Returns the scope of an object's primary folder; nothing for the root folder and what is unfiled.
fn parent_scope(conn: &mut Conn, row: &ObjectRow) -> Result<Option<i64>> {
    Ok(filing::primary_place(conn, row.no)?.map(|folder| folder.scope_no))
}

fn parent_list(conn: &mut Conn, row: &ObjectRow) -> Result<Option<i64>> {
    let Some(scope) = parent_scope(conn, row)? else { return Ok(None) };
    Ok(acl::scope_by_no(conn, scope)?.map(|scope| scope.acl_row_no))
}

/// Returns the object's own list, giving it one when it has none yet.
fn own_list(tx: &mut Tx<'_>, row: &ObjectRow) -> Result<i64> {
    let scope = acl::scope_by_no(tx.conn, row.scope_no)?.ok_or_else(|| RepositoryError::not_found("the scope"))?;
    let old = scope.acl_row_no;
    let is_folder = row.base == BaseType::Folder.as_str();
    if is_folder && has_own_list(tx.conn, row, old)? {
        return Ok(old);
    }
    let parent = parent_scope(tx.conn, row)?;
    if !is_folder && parent != Some(row.scope_no) {
        return Ok(old);
    }
    let own = acl::insert_row(tx.conn, Some(old), true)?;
    if is_folder {
        repoint_folders(tx, row.scope_no, old, own)?;
    } else if let Some(series) = row.series_no {
        let scope = acl::insert_scope(tx.conn, acl::SERIES, own, Some(row.scope_no))?;
        objects::put_series_scope(tx.conn, series, scope)?;
    }
    Ok(own)
}

/// Points a folder's scope, and those below that followed the old list, to the new one.
pub(crate) fn repoint_folders(tx: &mut Tx<'_>, scope: i64, old: i64, new: i64) -> Result<()> {
    let at = tx.now.as_millis();
    let mut fringe = vec![scope];
    let mut repointed = 0;
    while !fringe.is_empty() {
        repointed += fringe.len();
        if repointed > FOLDERS_BELOW_MAX {
            let detail = "more than 10,000 folders below would have to follow: do this as a bulk action";
            return Err(RepositoryError::conflict("use_bulk_action", detail));
        }
        for scope in &fringe {
            acl::point_scope(tx.conn, *scope, new)?;
            acl::log_change(tx.conn, None, Some(*scope), at)?;
        }
        for list in acl::reparent_rows(tx.conn, &fringe, old, new)? {
            acl::log_change(tx.conn, Some(list), None, at)?;
        }
        fringe = acl::scopes_below(tx.conn, &fringe, old)?;
    }
    Ok(())
}
