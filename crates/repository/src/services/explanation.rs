//! Why somebody may do something, or not: the entry that decides, and where it stands.

use std::collections::{BTreeMap, BTreeSet};

use cartulary_db::Conn;
use cartulary_model::ObjectId;
use cartulary_model::permission::{AccessEntry, BROWSE, Permission, READ_SECURITY};

use crate::bootstrap::SYSTEM;
use crate::object::{ParentName, PrincipalName};
use crate::policies::is_mark;
use crate::services::access_lists::{AccessGrant, find_principal, grants_of, has_own_list};
use crate::services::detail::name_of;
use crate::store::objects::{self, ObjectRow};
use crate::store::principals::{self, PrincipalRow};
use crate::store::{acl, filing};
use crate::{RepositoryError, Result, Session};

/// More folders than this above an object are not looked through.
const FOLDERS_ABOVE_MAX: usize = 1_000;

/// What a user or group may do on an object, and why.
#[derive(Clone, Debug)]
pub struct AccessExplanation {
    /// Of whom.
    pub principal: PrincipalName,
    /// Whether that is a group.
    pub is_group: bool,
    /// Whether it is an administrator, whom no list binds.
    pub is_administrator: bool,
    /// One for each permission, or for the one asked for.
    pub permissions: Vec<ExplainedPermission>,
}

/// Whether one permission is held, and why.
#[derive(Clone, Debug)]
pub struct ExplainedPermission {
    /// The atomic permission.
    pub permission: Permission,
    /// Whether it is held.
    pub granted: bool,
    /// The entry that decides; nothing when none speaks of it (then it is not held), and for administrators.
    pub decided_by: Option<DecidingEntry>,
}

/// An entry that decides.
#[derive(Clone, Debug)]
pub struct DecidingEntry {
    /// The entry; its principal is the user, or the group through which it speaks of them.
    pub entry: AccessGrant,
    /// The object in whose list it stands; absent when the caller may not browse it.
    pub object: Option<ParentName>,
    /// Whether that is another object than the one asked about.
    pub is_inherited: bool,
}

/// A list that counts for an object, with its entries in two forms and the object that it is the list of.
struct Counting {
    entries: Vec<AccessEntry>,
    grants: Vec<AccessGrant>,
    owner: Option<ObjectRow>,
}

impl Session {
    /// Says what a user or group (by name or by id; the caller unless given) may do on an object, and which entry decides.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` without `ReadSecurity`; `Invalid` for an unknown principal or permission.
    pub async fn access_explanation(
        &self,
        id: ObjectId,
        who: Option<String>,
        permission: Option<String>,
    ) -> Result<AccessExplanation> {
        let (session, now) = (self.clone(), self.repository.clock().now());
        let read = move |conn: &mut Conn| -> Result<AccessExplanation> {
            let row = session.authorised(conn, id, READ_SECURITY, now)?;
            let who = who.clone().unwrap_or_else(|| session.actor.id.to_string());
            let principal = find_principal(conn, &who)?.ok_or_else(|| {
                let detail = format!("`{who}` is neither a user nor a group");
                RepositoryError::invalid("principal", "unknown_principal", detail)
            })?;
            let known = session.repository.permissions();
            let wanted: Vec<Permission> = match &permission {
                None => known.atoms().to_vec(),
                Some(name) => known.atoms().iter().copied().filter(|atom| atom == name).collect(),
            };
            if wanted.is_empty() {
                return Err(RepositoryError::invalid("permission", "unknown_permission", "is no single permission"));
            }
            let principals = session.principals_of(conn, &principal)?;
            let is_administrator =
                principal.name == SYSTEM || principals.contains(&session.repository.inner.administrators_no);
            let lists = if is_administrator { Vec::new() } else { session.lists_of(conn, &row)? };
            let hiding = if is_administrator { None } else { session.hiding_entry(conn, &row, &principals, now)? };
            let mut permissions = Vec::with_capacity(wanted.len());
            for permission in wanted {
                let deciding = hiding.as_ref().map(|(entry, owner)| (entry.clone(), owner.as_ref()));
                let deciding = deciding.or_else(|| {
                    lists.iter().find_map(|list| {
                        let decisive = known.decisive(&list.entries, &principals, permission, now)?;
                        let place = list.entries.iter().position(|entry| std::ptr::eq(entry, decisive))?;
                        Some((list.grants.get(place)?.clone(), list.owner.as_ref()))
                    })
                });
                let granted = is_administrator || deciding.as_ref().is_some_and(|(entry, _)| entry.grants);
                let decided_by = match deciding {
                    None => None,
                    Some((entry, owner)) => Some(session.deciding(conn, &row, entry, owner, now)?),
                };
                permissions.push(ExplainedPermission { permission, granted, decided_by });
            }
            let is_group = principal.kind == principals::GROUP;
            Ok(AccessExplanation { principal: name_of(&principal)?, is_group, is_administrator, permissions })
        };
        self.repository.database().read(read).await
    }

    fn deciding(
        &self,
        conn: &mut Conn,
        asked: &ObjectRow,
        entry: AccessGrant,
        owner: Option<&ObjectRow>,
        now: cartulary_model::Timestamp,
    ) -> Result<DecidingEntry> {
        let is_own = |owner: &ObjectRow| {
            owner.no == asked.no || (owner.series_no.is_some() && owner.series_no == asked.series_no)
        };
        let is_inherited = !owner.is_some_and(is_own);
        let object = match owner {
            Some(owner) if self.repository.inner.access.allows(conn, &self.actor, owner.scope_no, BROWSE, now)? => {
                Some(self.parent_name(owner)?)
            }
            _ => None,
        };
        Ok(DecidingEntry { entry, object, is_inherited })
    }

    /// Returns all whose entries speak of a user or group: itself, the groups around it, and everyone.
    fn principals_of(&self, conn: &mut Conn, principal: &PrincipalRow) -> Result<BTreeSet<i64>> {
        let mut all = principals::groups_of(conn, principal.no)?;
        all.extend([principal.no, self.repository.inner.everyone_no]);
        Ok(all)
    }

    /// Returns the mark of a security policy that hides an object from principals, as an entry, and whose list it stands in.
    fn hiding_entry(
        &self,
        conn: &mut Conn,
        row: &ObjectRow,
        principals: &BTreeSet<i64>,
        now: cartulary_model::Timestamp,
    ) -> Result<Option<(AccessGrant, Option<ObjectRow>)>> {
        let scope = acl::scope_by_no(conn, row.scope_no)?.ok_or_else(|| RepositoryError::not_found("the scope"))?;
        let found = self.repository.inner.access.hiding_mark(conn, scope.acl_row_no, principals, now)?;
        let Some((list, mark)) = found else { return Ok(None) };
        let live = self.live_of(conn, row)?.unwrap_or_else(|| row.clone());
        let owner = owners_of(conn, &live)?.remove(&list);
        Ok(grants_of(conn, list)?.into_iter().find(|grant| grant.list == mark).map(|grant| (grant, owner)))
    }

    /// Returns the lists that count for an object, nearest first.
    fn lists_of(&self, conn: &mut Conn, row: &ObjectRow) -> Result<Vec<Counting>> {
        let live = self.live_of(conn, row)?.unwrap_or_else(|| row.clone());
        let mut owners = owners_of(conn, &live)?;
        let scope = acl::scope_by_no(conn, row.scope_no)?.ok_or_else(|| RepositoryError::not_found("the scope"))?;
        let mut lists = Vec::new();
        let mut next = Some(scope.acl_row_no);
        while let Some(list) = next {
            let counting = acl::entries_of(conn, list)?.into_iter().filter(|entry| !is_mark(&entry.list));
            let entries = counting.map(AccessEntry::from).collect();
            let grants = grants_of(conn, list)?.into_iter().filter(|grant| !is_mark(&grant.list)).collect();
            lists.push(Counting { entries, grants, owner: owners.remove(&list) });
            next = acl::row(conn, list)?.filter(|list| list.inherits).and_then(|list| list.parent_no);
        }
        Ok(lists)
    }
}

/// Returns whose each list is, of an object and the folders above it.
fn owners_of(conn: &mut Conn, live: &ObjectRow) -> Result<BTreeMap<i64, ObjectRow>> {
    let mut owners = BTreeMap::new();
    let mut current = Some(live.clone());
    for _ in 0..FOLDERS_ABOVE_MAX {
        let Some(row) = current else { break };
        let above = filing::primary_place(conn, row.no)?;
        current = match above {
            Some(place) => objects::by_no(conn, place.no)?,
            None => None,
        };
        if let Some(scope) = acl::scope_by_no(conn, row.scope_no)?
            && has_own_list(conn, &row, scope.acl_row_no)?
        {
            owners.insert(scope.acl_row_no, row);
        }
    }
    Ok(owners)
}
