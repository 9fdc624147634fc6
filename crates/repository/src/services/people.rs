//! Users and groups.

use std::collections::BTreeSet;
use std::net::IpAddr;

use cartulary_db::Conn;
use cartulary_model::key::{self, LookAlike};
use cartulary_model::{ChangeKind, ObjectId, Violation, text_key};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::authentication::{AuthenticatedSession, one_time_password};
use crate::bootstrap::{ADMINISTRATORS, EVERYONE, SYSTEM, parse_id};
use crate::object::{Current, Precondition, PrincipalName, WINDOW_ROWS_MAX, Window, WindowRequest, Written};
use crate::services::detail::name_of;
use crate::services::folders::window;
use crate::services::objects::{made_before, remember_made, request_digest};
use crate::store::principals::{self, PrincipalRow};
use crate::store::{acl, sessions};
use crate::transaction::{Change, Tx};
use crate::{Faults, RepositoryError, Result, Session, passwords};

/// A user.
#[derive(Clone, Debug)]
pub struct UserView {
    /// The outward id.
    pub id: ObjectId,
    /// The login name.
    pub username: String,
    /// What people read.
    pub display_name: String,
    /// Whether permissions do not bind the user.
    pub is_administrator: bool,
    /// Whether the user may not sign in.
    pub is_disabled: bool,
    /// Whether another password must be chosen at the next sign-in.
    pub must_change_password: bool,
    /// The names of the groups that contain the user directly.
    pub groups: Vec<String>,
    /// Another with every change of the user: of what stands above, and of the password.
    pub change_token: i64,
}

/// A group.
#[derive(Clone, Debug)]
pub struct GroupView {
    /// The outward id.
    pub id: ObjectId,
    /// Its name.
    pub name: String,
    /// What people read.
    pub display_name: String,
    /// Users and groups in it.
    pub members: Vec<PrincipalName>,
    /// Another with every change of the group: of its names, and of who is in it.
    pub change_token: i64,
}

/// A new group.
#[derive(Clone, Debug, Default)]
pub struct NewGroup {
    /// Its name.
    pub name: String,
    /// What people read; the name unless given.
    pub display_name: Option<String>,
    /// A key under which a repeated request finds what the first one made.
    pub idempotency_key: Option<String>,
}

impl NewGroup {
    /// Returns a new group with this name.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }
}

/// A new user.
#[derive(Clone, Default)]
pub struct NewUser {
    /// The login name.
    pub username: String,
    /// What people read; the login name unless given.
    pub display_name: Option<String>,
    /// A first password, to be changed; one is made when none is given.
    pub password: Option<String>,
    /// Whether the user is an administrator.
    pub administrator: bool,
    /// The names of groups to be in.
    pub groups: Vec<String>,
    /// A key under which a repeated request finds what the first one made.
    pub idempotency_key: Option<String>,
}

impl std::fmt::Debug for NewUser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewUser").field("username", &self.username).finish_non_exhaustive()
    }
}

/// Changes to a user; what is `None` stays.
#[derive(Clone, Default)]
pub struct UserChanges {
    /// What people read.
    pub display_name: Option<String>,
    /// Whether the user is an administrator.
    pub administrator: Option<bool>,
    /// Whether the user may not sign in.
    pub disabled: Option<bool>,
    /// A new password, to be changed at the next sign-in.
    pub password: Option<String>,
    /// All groups to be in, but `administrators` and `everyone`.
    pub groups: Option<Vec<String>>,
}

impl std::fmt::Debug for UserChanges {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserChanges").field("disabled", &self.disabled).finish_non_exhaustive()
    }
}

impl Session {
    /// Refuses others than administrators.
    ///
    /// # Errors
    /// `Forbidden`.
    pub fn require_administrator(&self) -> Result<()> {
        if self.actor.is_administrator {
            return Ok(());
        }
        Err(RepositoryError::Forbidden { permission: "administrator".to_owned() })
    }

    /// Returns a window of all users by name.
    ///
    /// # Errors
    /// `Forbidden` for others than administrators.
    pub async fn user_list(&self, request: WindowRequest) -> Result<Window<UserView>> {
        self.require_administrator()?;
        let (session, limit) = (self.clone(), request.limit.min(WINDOW_ROWS_MAX));
        let read = move |conn: &mut Conn| -> Result<Window<UserView>> {
            let offset = i64::try_from(request.offset).unwrap_or(i64::MAX);
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let (total, rows) = principals::window(conn, principals::USER, offset, limit)?;
            let items = rows.iter().map(|row| session.user_view(conn, row)).collect::<Result<Vec<_>>>()?;
            Ok(window(total.unsigned_abs(), items, request))
        };
        self.repository.database().read(read).await
    }

    /// Returns one user: oneself, or for administrators anyone.
    ///
    /// # Errors
    /// `Forbidden`; `NotFound`.
    pub async fn user_get(&self, id: ObjectId) -> Result<UserView> {
        if id != self.actor.id {
            self.require_administrator()?;
        }
        let session = self.clone();
        let read = move |conn: &mut Conn| -> Result<UserView> {
            let row = find_user(conn, id)?;
            session.user_view(conn, &row)
        };
        self.repository.database().read(read).await
    }

    fn user_view(&self, conn: &mut Conn, row: &PrincipalRow) -> Result<UserView> {
        let groups: Vec<String> = principals::direct_groups_of(conn, row.no)?.into_iter().map(|row| row.name).collect();
        let credential = principals::credential(conn, row.no)?;
        let all_groups = principals::groups_of(conn, row.no)?;
        let is_administrator = row.name == SYSTEM || all_groups.contains(&self.repository.inner.administrators_no);
        let must_change_password = credential.as_ref().is_some_and(|credential| credential.must_change);
        let password_at = credential.map(|credential| credential.changed_at);
        let state = json!([
            row.name,
            row.display_name,
            is_administrator,
            row.disabled_at,
            must_change_password,
            password_at,
            groups
        ]);
        Ok(UserView {
            id: parse_id(&row.id)?,
            username: row.name.clone(),
            display_name: row.display_name.clone(),
            is_administrator,
            is_disabled: row.disabled_at.is_some(),
            must_change_password,
            groups,
            change_token: token_of(&state),
        })
    }

    /// Makes a user; returns the password to hand over when one was made. A repeated request finds the user, and no password:
    /// it is kept nowhere, so that whoever lost the first answer sets another.
    ///
    /// # Errors
    /// `Forbidden`; `Invalid`; `Conflict` `name_taken` or `idempotency_key_reused`.
    pub async fn user_create(&self, new: NewUser) -> Result<Written<(UserView, Option<String>)>> {
        self.require_administrator()?;
        let mut faults = Faults::default();
        faults.take(check_name("username", &new.username))?;
        faults.take(check_display_name(new.display_name.as_deref()))?;
        let made = if new.password.is_none() { Some(one_time_password()?) } else { None };
        let password = new.password.clone().or_else(|| made.clone()).unwrap_or_default();
        let is_fit = faults.take(passwords::check("password", &password))?.is_some();
        if is_fit {
            faults.take(passwords::refuse_name("password", &password, &new.username))?;
        }
        let hash =
            if faults.is_empty() { self.repository.inner.authentication.hash(password).await? } else { String::new() };
        let session = self.clone();
        let written = self
            .transact(move |tx| {
                // Of a password only that there is one: the digest of a request must not help anybody to guess it.
                let digest = request_digest(&json!([
                    "user",
                    new.username,
                    new.display_name,
                    new.password.is_some(),
                    new.administrator,
                    new.groups
                ]));
                if let Some(id) = made_before(tx, new.idempotency_key.as_deref(), &digest)? {
                    let row = find_user(tx.conn, id)?;
                    return Ok((session.user_view(tx.conn, &row)?, None));
                }
                let mut faults = faults.clone();
                faults.take(groups_named(tx.conn, &new.groups))?;
                faults.end()?;
                refuse_taken_name(tx.conn, &new.username)?;
                let (id, now) = (ObjectId::generate().to_string(), tx.now.as_millis());
                let label = new.display_name.clone().unwrap_or_else(|| new.username.clone());
                let no = principals::insert(tx.conn, &id, principals::USER, &new.username, &label, now)?;
                principals::put_credential(tx.conn, no, &hash, true, now)?;
                let mut groups = new.groups.clone();
                if new.administrator {
                    groups.push(ADMINISTRATORS.to_owned());
                }
                put_groups(tx, no, &groups)?;
                remember_made(tx, new.idempotency_key.as_deref(), &digest, &id)?;
                note_people(tx, json!({ "act": "user_create", "user": new.username, "groups": groups }))?;
                let row = principals::by_no(tx.conn, no)?.ok_or_else(|| RepositoryError::not_found("the user"))?;
                Ok((session.user_view(tx.conn, &row)?, made.clone()))
            })
            .await?;
        self.repository.inner.authentication.forget();
        Ok(written)
    }

    /// Changes a user. After another password or a lock whoever is signed in as it must sign in again; other groups hold at
    /// once, and its sessions go on.
    ///
    /// # Errors
    /// `Forbidden`; `NotFound`; `Stale`; `Invalid`; `Conflict` `last_administrator`.
    pub async fn user_update(
        &self,
        id: ObjectId,
        precondition: Precondition,
        changes: UserChanges,
    ) -> Result<Written<UserView>> {
        self.require_administrator()?;
        let mut faults = Faults::default();
        faults.take(check_display_name(changes.display_name.as_deref()))?;
        if let Some(password) = &changes.password {
            faults.take(passwords::check("password", password))?;
        }
        let hash = match &changes.password {
            Some(password) if faults.is_empty() => {
                Some(self.repository.inner.authentication.hash(password.clone()).await?)
            }
            _ => None,
        };
        let has_new_password = hash.is_some();
        let session = self.clone();
        let written = self
            .transact(move |tx| {
                let row = find_user(tx.conn, id)?;
                session.check_user(tx.conn, &row, &precondition)?;
                let now = tx.now.as_millis();
                session.check_user_changes(tx.conn, &row, &changes, faults.clone())?;
                let had_administrator = session.has_administrator(tx)?;
                let label = changes.display_name.clone().unwrap_or_else(|| row.display_name.clone());
                let disabled_at = match changes.disabled {
                    Some(true) => row.disabled_at.or(Some(now)),
                    Some(false) => None,
                    None => row.disabled_at,
                };
                principals::update(tx.conn, row.no, &label, disabled_at)?;
                if let Some(hash) = &hash {
                    principals::put_credential(tx.conn, row.no, hash, true, now)?;
                }
                let has_other_groups = session.put_memberships(tx, row.no, &changes)?;
                let is_shut_out = hash.is_some() || (row.disabled_at.is_none() && disabled_at.is_some());
                if is_shut_out {
                    principals::turn_epoch(tx.conn, row.no)?;
                } else if has_other_groups {
                    principals::turn_rights(tx.conn, row.no)?;
                }
                session.refuse_without_administrator(tx, had_administrator)?;
                note_people(
                    tx,
                    json!({ "act": "user_update", "user": row.name, "disabled": disabled_at.is_some(),
                    "password": hash.is_some(), "groups": changes.groups, "administrator": changes.administrator }),
                )?;
                let row = find_user(tx.conn, id)?;
                session.user_view(tx.conn, &row)
            })
            .await?;
        self.repository.inner.authentication.forget();
        if has_new_password {
            self.repository.inner.authentication.forget_tries(&written.value.username);
        }
        Ok(written)
    }

    /// Refuses changes with all that is wrong with them; `faults` is what is known of that already.
    fn check_user_changes(
        &self,
        conn: &mut Conn,
        row: &PrincipalRow,
        changes: &UserChanges,
        mut faults: Faults,
    ) -> Result<()> {
        if let Some(password) =
            changes.password.as_ref().filter(|_| faults.list().iter().all(|one| one.field != "password"))
        {
            faults.take(passwords::refuse_name("password", password, &row.name))?;
        }
        if let Some(groups) = &changes.groups {
            faults.take(groups_named(conn, groups))?;
        }
        faults.end()
    }

    /// Refuses with the present values when a user is not as the caller read him.
    pub(crate) fn check_user(&self, conn: &mut Conn, row: &PrincipalRow, precondition: &Precondition) -> Result<()> {
        let now = self.user_view(conn, row)?;
        if precondition.holds_for_token(now.change_token) {
            return Ok(());
        }
        let (expected, token) = (precondition.clone(), now.change_token);
        Err(RepositoryError::Stale { expected, token, current: Current::User(Box::new(now)) })
    }

    /// Lets a user sign in no more, and ends what he is signed in with.
    pub(crate) fn shut_out(&self, tx: &mut Tx<'_>, row: &PrincipalRow) -> Result<()> {
        if row.disabled_at.is_some() {
            return Ok(());
        }
        let had_administrator = self.has_administrator(tx)?;
        principals::update(tx.conn, row.no, &row.display_name, Some(tx.now.as_millis()))?;
        principals::turn_epoch(tx.conn, row.no)?;
        self.refuse_without_administrator(tx, had_administrator)
    }

    /// Says whether somebody can sign in as an administrator: a user who is not shut out, in whatever group of groups.
    pub(crate) fn has_administrator(&self, tx: &mut Tx<'_>) -> Result<bool> {
        let mut seen = BTreeSet::new();
        let mut waiting = vec![self.repository.inner.administrators_no];
        while let Some(group) = waiting.pop() {
            if !seen.insert(group) {
                continue;
            }
            for member in principals::members_of(tx.conn, group)? {
                if member.kind == principals::GROUP {
                    waiting.push(member.no);
                } else if member.disabled_at.is_none() {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Refuses what took the right to administer from the last one who could sign in with it.
    pub(crate) fn refuse_without_administrator(&self, tx: &mut Tx<'_>, had_one: bool) -> Result<()> {
        if had_one && !self.has_administrator(tx)? {
            let detail = "one administrator must stay who can sign in";
            return Err(RepositoryError::conflict("last_administrator", detail));
        }
        Ok(())
    }

    /// Puts a user into the groups that are asked for; says whether they are others than before.
    fn put_memberships(&self, tx: &mut Tx<'_>, user: i64, changes: &UserChanges) -> Result<bool> {
        let administrators = self.repository.inner.administrators_no;
        let before = direct_groups(tx, user)?;
        if let Some(groups) = &changes.groups {
            for group in principals::direct_groups_of(tx.conn, user)? {
                if group.no != administrators {
                    principals::remove_member(tx.conn, group.no, user)?;
                }
            }
            put_groups(tx, user, groups)?;
        }
        match changes.administrator {
            Some(true) => principals::add_member(tx.conn, administrators, user)?,
            Some(false) => principals::remove_member(tx.conn, administrators, user)?,
            None => {}
        }
        let has_others = direct_groups(tx, user)? != before;
        if has_others {
            acl::log_change(tx.conn, None, None, tx.now.as_millis())?;
        }
        Ok(has_others)
    }

    /// Changes one's own password; other sessions of the user end.
    ///
    /// # Errors
    /// `WrongCredentials` when the current password is wrong; `Invalid` for a new one that is too short or the same.
    pub async fn password_change(
        &self,
        session: &AuthenticatedSession,
        peer: IpAddr,
        current: String,
        new: String,
    ) -> Result<()> {
        passwords::check("newPassword", &new)?;
        if new == current {
            return Err(RepositoryError::invalid("newPassword", "same_password", "the new password is the old one"));
        }
        let user = self.actor.no;
        let read = move |conn: &mut Conn| -> Result<_> {
            Ok((principals::by_no(conn, user)?, principals::credential(conn, user)?))
        };
        let (row, credential) = self.repository.database().read(read).await?;
        if let Some(row) = row {
            passwords::refuse_name("newPassword", &new, &row.name)?;
        }
        let credential = credential.ok_or(RepositoryError::WrongCredentials)?;
        let authentication = &self.repository.inner.authentication;
        self.repository.check_own_password(&self.actor.username, peer, current, credential.password_hash).await?;
        let hash = authentication.hash(new).await?;
        let kept = session.session_no;
        self.transact(move |tx| {
            principals::put_credential(tx.conn, user, &hash, false, tx.now.as_millis())?;
            principals::turn_epoch(tx.conn, user)?;
            sessions::delete_others(tx.conn, user, kept)?;
            let epoch = principals::by_no(tx.conn, user)?.map_or(0, |row| row.epoch);
            sessions::put_epoch(tx.conn, kept, epoch)?;
            note_people(tx, json!({ "act": "password_change" }))
        })
        .await?;
        authentication.forget();
        Ok(())
    }

    /// Returns a window of all groups by name, with their members.
    ///
    /// # Errors
    /// `Forbidden` for others than administrators.
    pub async fn group_list(&self, request: WindowRequest) -> Result<Window<GroupView>> {
        self.require_administrator()?;
        let limit = i64::try_from(request.limit.min(WINDOW_ROWS_MAX)).unwrap_or(i64::MAX);
        let read = move |conn: &mut Conn| -> Result<Window<GroupView>> {
            let offset = i64::try_from(request.offset).unwrap_or(i64::MAX);
            let (total, rows) = principals::window(conn, principals::GROUP, offset, limit)?;
            let items = rows.iter().map(|row| group_view(conn, row)).collect::<Result<Vec<_>>>()?;
            Ok(window(total.unsigned_abs(), items, request))
        };
        self.repository.database().read(read).await
    }

    /// Returns one group with its members.
    ///
    /// # Errors
    /// `Forbidden` for others than administrators; `NotFound`.
    pub async fn group_get(&self, id: ObjectId) -> Result<GroupView> {
        self.require_administrator()?;
        let read = move |conn: &mut Conn| -> Result<GroupView> {
            let group = find_group(conn, id)?;
            group_view(conn, &group)
        };
        self.repository.database().read(read).await
    }

    /// Makes a group.
    ///
    /// # Errors
    /// `Forbidden`; `Invalid`; `Conflict` `name_taken` or `idempotency_key_reused`.
    pub async fn group_create(&self, new: NewGroup) -> Result<Written<GroupView>> {
        self.require_administrator()?;
        let mut faults = Faults::default();
        faults.take(check_name("name", &new.name))?;
        faults.take(check_display_name(new.display_name.as_deref()))?;
        faults.end()?;
        self.transact(move |tx| {
            let digest = request_digest(&json!(["group", new.name, new.display_name]));
            if let Some(id) = made_before(tx, new.idempotency_key.as_deref(), &digest)? {
                let group = find_group(tx.conn, id)?;
                return group_view(tx.conn, &group);
            }
            let name = &new.name;
            refuse_taken_name(tx.conn, name)?;
            let (id, label) = (ObjectId::generate().to_string(), new.display_name.as_deref().unwrap_or(name));
            let no = principals::insert(tx.conn, &id, principals::GROUP, name, label, tx.now.as_millis())?;
            remember_made(tx, new.idempotency_key.as_deref(), &digest, &id)?;
            note_people(tx, json!({ "act": "group_create", "group": name }))?;
            let row = principals::by_no(tx.conn, no)?.ok_or_else(|| RepositoryError::not_found("the group"))?;
            group_view(tx.conn, &row)
        })
        .await
    }

    /// Sets all members of a group: users, or other groups.
    ///
    /// # Errors
    /// `Forbidden`; `NotFound`; `Stale`; `Invalid` for unknown members; `Conflict` for circles, for `everyone`, and
    /// `last_administrator`.
    pub async fn group_set_members(
        &self,
        id: ObjectId,
        precondition: Precondition,
        members: Vec<ObjectId>,
    ) -> Result<Written<GroupView>> {
        self.require_administrator()?;
        let session = self.clone();
        let written = self
            .transact(move |tx| {
                let had_administrator = session.has_administrator(tx)?;
                let group = find_group(tx.conn, id)?;
                let current = group_view(tx.conn, &group)?;
                if !precondition.holds_for_token(current.change_token) {
                    let (expected, token) = (precondition.clone(), current.change_token);
                    let current = Current::Group(Box::new(current));
                    return Err(RepositoryError::Stale { expected, token, current });
                }
                if group.name == EVERYONE {
                    return Err(RepositoryError::conflict("built_in_group", "everyone is in this group by itself"));
                }
                let chosen = find_members(tx.conn, &group, &members)?;
                let before: BTreeSet<i64> =
                    principals::members_of(tx.conn, group.no)?.into_iter().map(|member| member.no).collect();
                let after: BTreeSet<i64> = chosen.iter().map(|member| member.no).collect();
                for old in before.difference(&after) {
                    principals::remove_member(tx.conn, group.no, *old)?;
                }
                for new in after.difference(&before) {
                    principals::add_member(tx.conn, group.no, *new)?;
                }
                for changed in before.symmetric_difference(&after) {
                    principals::turn_rights(tx.conn, *changed)?;
                }
                session.refuse_without_administrator(tx, had_administrator)?;
                acl::log_change(tx.conn, None, None, tx.now.as_millis())?;
                let names: Vec<&str> = chosen.iter().map(|member| member.name.as_str()).collect();
                note_people(tx, json!({ "act": "group_set_members", "group": group.name, "members": names }))?;
                group_view(tx.conn, &group)
            })
            .await?;
        self.repository.inner.authentication.forget();
        Ok(written)
    }
}

fn direct_groups(tx: &mut Tx<'_>, user: i64) -> Result<BTreeSet<i64>> {
    Ok(principals::direct_groups_of(tx.conn, user)?.into_iter().map(|group| group.no).collect())
}

pub(crate) fn find_user(conn: &mut Conn, id: ObjectId) -> Result<PrincipalRow> {
    let row = principals::by_id(conn, &id.to_string())?.filter(|row| row.kind == principals::USER);
    row.filter(|row| row.name != SYSTEM).ok_or_else(|| RepositoryError::not_found("the user"))
}

pub(crate) fn find_group(conn: &mut Conn, id: ObjectId) -> Result<PrincipalRow> {
    let row = principals::by_id(conn, &id.to_string())?.filter(|row| row.kind == principals::GROUP);
    row.ok_or_else(|| RepositoryError::not_found("the group"))
}

/// Returns the change token of a user or group: a number made of all that it is. A counter would have to be raised in each
/// place that changes what one sees of somebody, in groups of groups too; the one of sign-ins ends sessions when it turns.
pub(crate) fn token_of(state: &serde_json::Value) -> i64 {
    let digest = Sha256::digest(state.to_string().as_bytes());
    let first = digest.iter().take(8).fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
    i64::try_from(first >> 1).unwrap_or_default()
}

fn find_members(conn: &mut Conn, group: &PrincipalRow, members: &[ObjectId]) -> Result<Vec<PrincipalRow>> {
    let above = principals::groups_of(conn, group.no)?;
    let mut found = Vec::new();
    let mut violations = Vec::new();
    let mut is_circle = false;
    for (position, member) in members.iter().enumerate() {
        match principals::by_id(conn, &member.to_string())? {
            Some(row) => {
                is_circle |= row.no == group.no || above.contains(&row.no);
                found.push(row);
            }
            None => {
                let field = format!("members[{position}]");
                violations.push(Violation::new(field, "unknown_principal", "is neither a user nor a group"));
            }
        }
    }
    match (violations.is_empty(), is_circle) {
        (false, _) => Err(RepositoryError::Invalid { violations }),
        (true, true) => Err(RepositoryError::conflict("group_circle", "a group cannot contain itself")),
        (true, false) => Ok(found),
    }
}

pub(crate) fn group_view(conn: &mut Conn, row: &PrincipalRow) -> Result<GroupView> {
    let members = principals::members_of(conn, row.no)?.iter().map(name_of).collect::<Result<Vec<_>>>()?;
    let ids: Vec<String> = members.iter().map(|member| member.id.to_string()).collect();
    Ok(GroupView {
        id: parse_id(&row.id)?,
        name: row.name.clone(),
        display_name: row.display_name.clone(),
        members,
        change_token: token_of(&json!([row.name, row.display_name, ids])),
    })
}

/// Returns the groups with these names, or which names no group has.
fn groups_named(conn: &mut Conn, names: &[String]) -> Result<Vec<PrincipalRow>> {
    let mut found = Vec::with_capacity(names.len());
    let mut faults = Faults::default();
    for (position, name) in names.iter().enumerate() {
        match principals::by_name(conn, principals::GROUP, name)? {
            Some(group) => found.push(group),
            None => faults.say(format!("groups[{position}]"), "unknown_group", format!("there is no group `{name}`")),
        }
    }
    faults.end().map(|()| found)
}

fn put_groups(tx: &mut Tx<'_>, user: i64, names: &[String]) -> Result<()> {
    for group in groups_named(tx.conn, names)? {
        principals::add_member(tx.conn, group.no, user)?;
    }
    acl::log_change(tx.conn, None, None, tx.now.as_millis())
}

pub(crate) fn note_people(tx: &mut Tx<'_>, detail: serde_json::Value) -> Result<()> {
    tx.record(ChangeKind::Principal, Change { detail: Some(detail), ..Change::default() })
}

/// How long a name for people may be. *Units*: characters.
const DISPLAY_NAME_MAX: usize = 200;

/// Refuses a display name that no list can show.
pub(crate) fn check_display_name(name: Option<&str>) -> Result<()> {
    let is_plain = |name: &str| {
        name.contains(key::is_visible) && key::length(name) <= DISPLAY_NAME_MAX && !name.contains(key::is_misleading)
    };
    if name.is_none_or(is_plain) {
        return Ok(());
    }
    let detail = "a display name has 1 to 200 characters, one of them visible, no control characters and none that are invisible or turn the \
                  direction";
    Err(RepositoryError::invalid("displayName", "invalid_name", detail))
}

/// Users and groups have their names from one pot: an access list names either. A name that looks like another's is as
/// good as taken, since people choose by what they see; the key would have to be made anew with every version of Unicode,
/// so it is not kept: few names are made, and all of an office's are compared in milliseconds.
pub(crate) fn refuse_taken_name(conn: &mut Conn, name: &str) -> Result<()> {
    let seen = LookAlike::of(name);
    for (kind, other) in principals::names(conn)? {
        let is_same = text_key(&other) == text_key(name);
        if !is_same && !LookAlike::of(&other).is_like(&seen) {
            continue;
        }
        let whose = if kind == principals::GROUP { "a group" } else { "a user" };
        let detail = match is_same {
            true => format!("{whose} has this name: choose another"),
            false => format!("{whose} has a name that looks the same, `{other}`: choose another"),
        };
        return Err(RepositoryError::conflict("name_taken", detail));
    }
    Ok(())
}

pub(crate) fn check_name(field: &str, name: &str) -> Result<()> {
    let is_plain = name.contains(key::is_visible)
        && key::length(name) <= 100
        && name.trim() == name
        && !matches!(name, "." | "..")
        && !name.contains(|one| key::is_misleading(one) || one == '/')
        // An access list names people by name or by id: who bore the id of another would get what is meant for them.
        && uuid::Uuid::try_parse(name).is_err();
    if is_plain {
        if key::mixes_alike_scripts(name) {
            let detail = "a name does not mix letters of scripts that are taken for each other, as Latin and Cyrillic";
            return Err(RepositoryError::invalid(field, "invalid_name", detail));
        }
        return Ok(());
    }
    let detail = "a name has 1 to 100 characters, no slash, no control or invisible characters, no space at its ends, and is \
                  neither `.` nor `..` nor written like an id";
    Err(RepositoryError::invalid(field, "invalid_name", detail))
}
