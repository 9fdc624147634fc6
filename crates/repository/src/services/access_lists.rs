//! Who may do what on one object, read and written.

use std::collections::{BTreeMap, BTreeSet};

use cartulary_db::Conn;
use cartulary_model::permission::{AccessEntry, READ_SECURITY, WRITE_SECURITY};
use cartulary_model::{BaseType, ChangeKind, ObjectId, Timestamp, Violation};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::bootstrap::parse_id;
use crate::object::{Precondition, PrincipalName, Written};
use crate::policies::is_mark;
use crate::services::detail::name_of;
use crate::store::objects::{self, ObjectRow};
use crate::store::principals::{self, PrincipalRow};
use crate::store::{acl, filing};
use crate::transaction::{Change, Tx};
use crate::{RepositoryError, Result, Session, policies};

/// More folders than this below an object that gets its first list: not in one transaction (architecture.md §4.7).
pub(crate) const FOLDERS_BELOW_MAX: usize = 10_000;
/// The most entries of one list.
pub(crate) const ENTRIES_MAX: usize = 1_000;
/// How many named lists one object has at most, beside the one that people keep.
pub(crate) const LISTS_MAX: usize = 100;
/// The longest name of a list.
const LIST_NAME_BYTES_MAX: usize = 100;

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
    /// From when it holds; absent: always.
    pub begin_at: Option<Timestamp>,
    /// Until when it holds, exclusive; absent: for ever.
    pub end_at: Option<Timestamp>,
    /// The named list that it stands in.
    pub list: String,
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

/// One entry to write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewAccessEntry {
    /// A user or group, by name or by id.
    pub principal: String,
    /// A permission or a group of permissions.
    pub permission: String,
    /// Whether it grants; otherwise it denies.
    pub grants: bool,
    /// From when it holds; absent: always.
    pub begin_at: Option<Timestamp>,
    /// Until when it holds, exclusive; absent: for ever.
    pub end_at: Option<Timestamp>,
}

impl NewAccessEntry {
    /// Returns an entry that grants for ever.
    pub fn granting(principal: impl Into<String>, permission: impl Into<String>) -> Self {
        Self { principal: principal.into(), permission: permission.into(), grants: true, begin_at: None, end_at: None }
    }
}

/// A new list of own entries.
#[derive(Clone, Debug)]
pub struct NewAccessList {
    /// All local entries, in the order of evaluation: the first that speaks of somebody decides.
    pub entries: Vec<NewAccessEntry>,
    /// Whether what the lists above say holds too.
    pub inherits: bool,
}

/// What one writes to: the list that people keep, or one that a process keeps beside it, which is evaluated before.
#[derive(Clone, Debug)]
enum Writing {
    Local(NewAccessList),
    Named { name: String, entries: Vec<NewAccessEntry> },
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
        self.write_access(id, precondition, Writing::Local(list)).await
    }

    /// Replaces the entries of a named list, as a process does while it runs; without entries the list is gone. It is
    /// evaluated before the list that people keep.
    ///
    /// # Errors
    /// As [`Session::acl_put`]; `Invalid` for a name that is none, or is `local`; `Conflict` `too_many_lists`.
    pub async fn acl_put_named(
        &self,
        id: ObjectId,
        precondition: Precondition,
        name: String,
        entries: Vec<NewAccessEntry>,
    ) -> Result<Written<AccessList>> {
        if !is_list_name(&name) || name == acl::LOCAL {
            let detail = "is called by ASCII letters, figures, `-`, `_`, `.` and `:`, at most 100, and not `local`";
            return Err(RepositoryError::invalid("name", "invalid_name", detail));
        }
        let is_left_behind = entries.is_empty() && !self.repository.inner.policies.has(&name);
        if policies::is_mark(&name) && !(is_left_behind && self.actor.is_administrator) {
            let detail = "is that of a security policy, which a module puts";
            return Err(RepositoryError::invalid("name", "invalid_name", detail));
        }
        self.write_access(id, precondition, Writing::Named { name, entries }).await
    }

    async fn write_access(
        &self,
        id: ObjectId,
        precondition: Precondition,
        writing: Writing,
    ) -> Result<Written<AccessList>> {
        let session = self.clone();
        self.transact(move |tx| {
            let row = session.for_change(tx, id, WRITE_SECURITY, &precondition)?;
            objects_may_have_lists(&row)?;
            let (name, wanted) = match &writing {
                Writing::Local(list) => (acl::LOCAL, &list.entries),
                Writing::Named { name, entries } => (name.as_str(), entries),
            };
            let entries = session.resolve_entries(tx.conn, wanted)?;
            let before = access_list(tx.conn, &row)?;
            let is_there = before.entries.iter().any(|entry| entry.list == name);
            let is_nothing = matches!(writing, Writing::Named { .. }) && entries.is_empty() && !is_there;
            if is_nothing {
                return Ok(before);
            }
            let names = before.entries.iter().map(|entry| entry.list.as_str());
            let named: BTreeSet<&str> = names.filter(|name| *name != acl::LOCAL && !is_mark(name)).collect();
            if name != acl::LOCAL && !is_there && named.len() >= LISTS_MAX {
                let detail = format!("an object has at most {LISTS_MAX} named lists: take one away first");
                return Err(RepositoryError::conflict("too_many_lists", detail));
            }
            let inherits = if let Writing::Local(list) = &writing { Some(list.inherits) } else { None };
            session
                .gives_what_it_has(tx, &row, &entries, |tx| write_entries(tx, &row, name, &entries, inherits, &before))
        })
        .await
    }
}

impl Session {
    /// Lets an entry stand at the end of the list that people keep of an object, or takes it out; what is so stays.
    pub(crate) fn put_entry_in_tx(
        &self,
        tx: &mut Tx<'_>,
        id: ObjectId,
        entry: &NewAccessEntry,
        is_wanted: bool,
    ) -> Result<()> {
        let row = self.for_change(tx, id, WRITE_SECURITY, &Precondition::Any)?;
        objects_may_have_lists(&row)?;
        let Some(entry) = self.resolve_entries(tx.conn, std::slice::from_ref(entry))?.pop() else { return Ok(()) };
        let scope = acl::scope_by_no(tx.conn, row.scope_no)?.ok_or_else(|| RepositoryError::not_found("the scope"))?;
        let mut entries: Vec<AccessEntry> = Vec::new();
        if has_own_list(tx.conn, &row, scope.acl_row_no)? {
            let all = acl::entries_of(tx.conn, scope.acl_row_no)?;
            entries.extend(all.into_iter().filter(|one| one.list == acl::LOCAL).map(AccessEntry::from));
        }
        if entries.contains(&entry) == is_wanted {
            return Ok(());
        }
        if is_wanted {
            entries.push(entry);
        } else {
            entries.retain(|one| *one != entry);
        }
        if entries.len() > ENTRIES_MAX {
            return Err(RepositoryError::invalid("entries", "list_too_long", "a list has at most 1,000 entries"));
        }
        let before = access_list(tx.conn, &row)?;
        self.gives_what_it_has(tx, &row, &entries, |tx| {
            write_entries(tx, &row, acl::LOCAL, &entries, None, &before).map(drop)
        })
    }

    /// Writes entries of an object's lists, unless a permission would be given that the caller has not: named by an entry that
    /// was not there, or come to himself by it (where a denial goes, or a list inherits again). Administrators have all.
    fn gives_what_it_has<T>(
        &self,
        tx: &mut Tx<'_>,
        row: &ObjectRow,
        entries: &[AccessEntry],
        write: impl FnOnce(&mut Tx<'_>) -> Result<T>,
    ) -> Result<T> {
        let (access, permissions) = (&self.repository.inner.access, self.repository.permissions());
        let had = access.permissions(tx.conn, &self.actor, row.scope_no, tx.now)?;
        let scope = acl::scope_by_no(tx.conn, row.scope_no)?.ok_or_else(|| RepositoryError::not_found("the scope"))?;
        let mut known: Vec<AccessEntry> = Vec::new();
        if has_own_list(tx.conn, row, scope.acl_row_no)? {
            known.extend(acl::entries_of(tx.conn, scope.acl_row_no)?.into_iter().map(AccessEntry::from));
        }
        let missing = |stated: &str| {
            permissions.atoms().iter().copied().find(|atom| permissions.covers(stated, atom) && !had.contains(atom))
        };
        let given = entries.iter().filter(|entry| entry.grants && !known.contains(entry));
        if let Some(permission) = given.filter_map(|entry| missing(&entry.permission)).next() {
            return Err(RepositoryError::Forbidden { permission: permission.to_owned() });
        }
        let written = write(tx)?;
        let row = objects::by_no(tx.conn, row.no)?.ok_or_else(|| RepositoryError::not_found("the object"))?;
        let has = access.permissions(tx.conn, &self.actor, row.scope_no, tx.now)?;
        match has.into_iter().find(|permission| !had.contains(permission)) {
            Some(more) => Err(RepositoryError::Forbidden { permission: more.to_owned() }),
            None => Ok(written),
        }
    }

    pub(crate) fn resolve_entries(&self, conn: &mut Conn, wanted: &[NewAccessEntry]) -> Result<Vec<AccessEntry>> {
        let permissions = self.repository.permissions();
        let mut violations = Vec::new();
        if wanted.len() > ENTRIES_MAX {
            violations.push(Violation::new("entries", "list_too_long", "a list has at most 1,000 entries"));
        }
        let mut seen = BTreeSet::new();
        let mut entries = Vec::new();
        for (position, entry) in wanted.iter().take(ENTRIES_MAX).enumerate() {
            let field = format!("entries[{position}]");
            if !permissions.is_known(&entry.permission) {
                let detail = format!("`{}` is no permission: `GET /permissions` lists them", entry.permission);
                violations.push(Violation::new(format!("{field}.permission"), "unknown_permission", detail));
            }
            if entry.begin_at.zip(entry.end_at).is_some_and(|(begin, end)| begin >= end) {
                violations.push(Violation::new(format!("{field}.ends"), "never_holds", "is not after its beginning"));
            }
            let Some(principal) = find_principal(conn, &entry.principal)? else {
                let detail = format!("`{}` is neither a user nor a group", entry.principal);
                violations.push(Violation::new(format!("{field}.principal"), "unknown_principal", detail));
                continue;
            };
            // The first decides, so that a second one of the same words would say nothing, or contradict it.
            if !seen.insert((principal.no, entry.permission.clone(), entry.begin_at, entry.end_at)) {
                violations.push(Violation::new(field, "duplicate_entry", "stands in the list twice"));
            }
            entries.push(AccessEntry {
                principal_no: principal.no,
                permission: entry.permission.clone(),
                grants: entry.grants,
                begin_at: entry.begin_at,
                end_at: entry.end_at,
            });
        }
        if violations.is_empty() { Ok(entries) } else { Err(RepositoryError::Invalid { violations }) }
    }
}

/// Exchanges entries in the lists of an object as `exchanged` says, and records it; says whether it did so in all of them:
/// those of which it returns nothing stay as they are.
pub(crate) fn exchange_entries(
    tx: &mut Tx<'_>,
    row: &ObjectRow,
    exchanged: impl Fn(&[AccessEntry]) -> Option<Vec<AccessEntry>>,
) -> Result<bool> {
    let scope = acl::scope_by_no(tx.conn, row.scope_no)?.ok_or_else(|| RepositoryError::not_found("the scope"))?;
    let mut lists: BTreeMap<String, Vec<AccessEntry>> = BTreeMap::new();
    // What a module hides is no grant, and stays.
    for entry in acl::entries_of(tx.conn, scope.acl_row_no)?.into_iter().filter(|entry| !is_mark(&entry.list)) {
        lists.entry(entry.list.clone()).or_default().push(entry.into());
    }
    let mut is_whole = true;
    for (name, entries) in lists {
        match exchanged(&entries) {
            Some(other) if other != entries => {
                let before = access_list(tx.conn, row)?;
                write_entries(tx, row, &name, &other, None, &before)?;
            }
            Some(_) => {}
            None => is_whole = false,
        }
    }
    Ok(is_whole)
}

/// Writes the entries of one of an object's lists, and whether it inherits where that is said, and records it.
fn write_entries(
    tx: &mut Tx<'_>,
    row: &ObjectRow,
    name: &str,
    entries: &[AccessEntry],
    inherits: Option<bool>,
    before: &AccessList,
) -> Result<AccessList> {
    let own = own_list(tx, row)?;
    acl::replace_entries(tx.conn, own, name, entries)?;
    if let Some(inherits) = inherits {
        acl::put_inherits(tx.conn, own, inherits)?;
    }
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
            before: Some(as_json(before, name)),
            after: Some(as_json(&after, name)),
            ..Change::default()
        },
    )?;
    Ok(after)
}

/// Says whether a list can be called so; `local` is the one that people keep.
pub(crate) fn is_list_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= LIST_NAME_BYTES_MAX
        && name.chars().all(|one| one.is_ascii_alphanumeric() || matches!(one, '-' | '_' | '.' | ':'))
}

/// Returns what the log says of one of an object's lists: the others did not change.
fn as_json(all: &AccessList, name: &str) -> serde_json::Value {
    let entries: Vec<_> = all.entries.iter().filter(|entry| entry.list == name).map(entry_json).collect();
    match name {
        acl::LOCAL => json!({ "entries": entries, "inherits": all.inherits }),
        name => json!({ "entries": entries, "inherits": all.inherits, "list": name }),
    }
}

fn entry_json(entry: &AccessGrant) -> serde_json::Value {
    let mut words = json!([entry.principal.name, entry.permission, entry.grants]);
    let is_plain = entry.begin_at.is_none() && entry.end_at.is_none() && entry.list == acl::LOCAL;
    if let Some(words) = words.as_array_mut().filter(|_| !is_plain) {
        words.push(json!({ "list": entry.list, "begins": entry.begin_at, "ends": entry.end_at }));
    }
    words
}

fn objects_may_have_lists(row: &ObjectRow) -> Result<()> {
    if row.role != objects::LIVE {
        let detail = "a version or working copy follows its document: change the document's access instead";
        return Err(RepositoryError::conflict("immutable", detail));
    }
    Ok(())
}

/// Returns a user or group by id or by name.
pub(crate) fn find_principal(conn: &mut Conn, who: &str) -> Result<Option<PrincipalRow>> {
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

/// Returns the entries of a list as people read them, in the order of evaluation.
pub(crate) fn grants_of(conn: &mut Conn, list: i64) -> Result<Vec<AccessGrant>> {
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
            begin_at: entry.begin_at.map(Timestamp::from_millis),
            end_at: entry.end_at.map(Timestamp::from_millis),
            list: entry.list,
        });
    }
    Ok(grants)
}

/// Says whether the list that an object's scope points to is its own, and not its parent's.
pub(crate) fn has_own_list(conn: &mut Conn, row: &ObjectRow, list: i64) -> Result<bool> {
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
pub(crate) fn own_list(tx: &mut Tx<'_>, row: &ObjectRow) -> Result<i64> {
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
    } else {
        let scope = acl::insert_scope(tx.conn, acl::SERIES, own, Some(row.scope_no))?;
        match row.series_no {
            Some(series) => objects::put_series_scope(tx.conn, series, scope)?,
            None => objects::put_scope(tx.conn, row.no, scope)?,
        }
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
