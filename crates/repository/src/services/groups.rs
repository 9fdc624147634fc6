//! Groups that get other names, or are deleted.

use cartulary_db::Conn;
use cartulary_model::ObjectId;
use serde_json::json;

use crate::bootstrap::{ADMINISTRATORS, EVERYONE};
use crate::object::{Current, Precondition, Written};
use crate::services::people::{
    GroupView, check_display_name, check_name, find_group, group_view, note_people, refuse_taken_name,
};
use crate::store::principals::{self, PrincipalRow};
use crate::store::{acl, objects, shares};
use crate::transaction::Tx;
use crate::{Faults, RepositoryError, Result, Session};

/// What of a group shall be another.
#[derive(Clone, Debug, Default)]
pub struct GroupChanges {
    /// Another name; what the group may do stays.
    pub name: Option<String>,
    /// What people read.
    pub display_name: Option<String>,
}

impl Session {
    /// Gives a group other names. Access lists, members and rights stay: these go by what the group is.
    ///
    /// # Errors
    /// `Forbidden` for others than administrators; `NotFound`; `Stale`; `Invalid`; `Conflict` `name_taken`, `built_in_group`,
    /// and `group_in_use` when a module's policy names it.
    pub async fn group_update(
        &self,
        id: ObjectId,
        precondition: Precondition,
        changes: GroupChanges,
    ) -> Result<Written<GroupView>> {
        self.require_administrator()?;
        let mut faults = Faults::default();
        if let Some(name) = &changes.name {
            faults.take(check_name("name", name))?;
        }
        faults.take(check_display_name(changes.display_name.as_deref()))?;
        faults.end()?;
        let session = self.clone();
        let written = self
            .transact(move |tx| {
                let group = session.group_to_change(tx, id, &precondition)?;
                let name = changes.name.clone().unwrap_or_else(|| group.name.clone());
                if name != group.name {
                    session.refuse_needed(&group)?;
                    refuse_taken_by_other(tx.conn, &group, &name)?;
                }
                let label = changes.display_name.clone().unwrap_or_else(|| match group.display_name == group.name {
                    true => name.clone(),
                    false => group.display_name.clone(),
                });
                principals::rename(tx.conn, group.no, &name, &label)?;
                note_people(
                    tx,
                    json!({ "act": "group_update", "group": group.name, "name": name, "displayName": label }),
                )?;
                let group = find_group(tx.conn, id)?;
                group_view(tx.conn, &group)
            })
            .await?;
        self.repository.inner.authentication.forget();
        Ok(written)
    }

    /// Deletes a group. Whoever was in it is not any more, and what it was in does not contain it any more.
    ///
    /// # Errors
    /// `Forbidden` for others than administrators; `NotFound`; `Stale`; `Conflict` `built_in_group`, `last_administrator`, and
    /// `group_in_use` while an access list, a share or a module's policy names it.
    pub async fn group_delete(&self, id: ObjectId, precondition: Precondition) -> Result<Written<()>> {
        self.require_administrator()?;
        let session = self.clone();
        let written = self
            .transact(move |tx| {
                let group = session.group_to_change(tx, id, &precondition)?;
                session.refuse_needed(&group)?;
                let had_administrator = session.has_administrator(tx)?;
                let lists = acl::lists_naming(tx.conn, group.no)?;
                let owners = objects::owners_of_lists(tx.conn, &lists)?;
                if !owners.is_empty() {
                    let detail =
                        format!("access lists of {} objects name the group: take it out of them first", owners.len());
                    return Err(RepositoryError::conflict("group_in_use", detail));
                }
                if !shares::shown_to(tx.conn, &[group.no])?.is_empty() {
                    let detail =
                        "collections or saved searches are shown to the group: their owners show them to others first";
                    return Err(RepositoryError::conflict("group_in_use", detail));
                }
                acl::forget_in(tx.conn, &lists, group.no, tx.now.as_millis())?;
                for member in principals::members_of(tx.conn, group.no)? {
                    principals::turn_rights(tx.conn, member.no)?;
                }
                principals::delete_group(tx.conn, group.no)?;
                session.refuse_without_administrator(tx, had_administrator)?;
                acl::log_change(tx.conn, None, None, tx.now.as_millis())?;
                note_people(tx, json!({ "act": "group_delete", "group": group.name, "id": group.id }))
            })
            .await?;
        self.repository.inner.authentication.forget();
        Ok(written)
    }

    /// Returns a group as it is, if it is as the caller read it.
    fn group_to_change(&self, tx: &mut Tx<'_>, id: ObjectId, precondition: &Precondition) -> Result<PrincipalRow> {
        let group = find_group(tx.conn, id)?;
        let current = group_view(tx.conn, &group)?;
        if precondition.holds_for_token(current.change_token) {
            return Ok(group);
        }
        let (expected, token) = (precondition.clone(), current.change_token);
        Err(RepositoryError::Stale { expected, token, current: Current::Group(Box::new(current)) })
    }

    /// Refuses to take a group away that the office or one of its modules knows by its name.
    fn refuse_needed(&self, group: &PrincipalRow) -> Result<()> {
        if [ADMINISTRATORS, EVERYONE].contains(&group.name.as_str()) {
            return Err(RepositoryError::conflict("built_in_group", "the office needs this group under its name"));
        }
        if self.repository.inner.policies.names_group(group.no) {
            let detail = "a security policy of a module names the group";
            return Err(RepositoryError::conflict("group_in_use", detail));
        }
        Ok(())
    }
}

/// Refuses a name that somebody else has, or that looks like one.
fn refuse_taken_by_other(conn: &mut Conn, group: &PrincipalRow, name: &str) -> Result<()> {
    let same = principals::by_name(conn, principals::GROUP, name)?;
    // The same name in other letters is its own.
    if same.is_some_and(|row| row.no == group.no) { Ok(()) } else { refuse_taken_name(conn, name) }
}
