//! Rows of users, groups, memberships and credentials.

use std::collections::{BTreeMap, BTreeSet};

use cartulary_db::{Conn, among, each_db, insert_numbered, update_rows, upsert};
use cartulary_model::text_key;
use diesel::prelude::*;
use diesel::result::DatabaseErrorKind;

use super::schema::{group_member, principal, user_credential};
use super::sessions;
use crate::{RepositoryError, Result};

/// A user or a group.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = principal)]
pub(crate) struct PrincipalRow {
    pub no: i64,
    pub id: String,
    pub kind: String,
    pub name: String,
    pub display_name: String,
    pub epoch: i64,
    pub disabled_at: Option<i64>,
}

/// A user's password.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = user_credential)]
pub(crate) struct CredentialRow {
    pub password_hash: String,
    pub must_change: bool,
    pub changed_at: i64,
}

/// The words of `principal.kind`.
pub(crate) const USER: &str = "user";
/// See [`USER`].
pub(crate) const GROUP: &str = "group";

/// Inserts a user or group and returns its number.
pub(crate) fn insert(conn: &mut Conn, id: &str, kind: &str, name: &str, display_name: &str, now: i64) -> Result<i64> {
    let insert = diesel::insert_into(principal::table).values((
        principal::id.eq(id),
        principal::kind.eq(kind),
        principal::name.eq(name),
        principal::name_key.eq(text_key(name)),
        principal::display_name.eq(display_name),
        principal::created_at.eq(now),
    ));
    Ok(insert_numbered!(conn, insert, principal::no)?)
}

/// Returns the user or group with this name, folded.
pub(crate) fn by_name(conn: &mut Conn, kind: &str, name: &str) -> Result<Option<PrincipalRow>> {
    let row = each_db!(conn, |c| principal::table
        .filter(principal::kind.eq(kind).and(principal::name_key.eq(text_key(name))))
        .select(PrincipalRow::as_select())
        .get_result(c)
        .optional())?;
    Ok(row)
}

/// Returns the kinds and names of all users and groups.
pub(crate) fn names(conn: &mut Conn) -> Result<Vec<(String, String)>> {
    let names = each_db!(conn, |c| principal::table.select((principal::kind, principal::name)).load(c))?;
    Ok(names)
}

/// Returns the user or group with this outward id.
pub(crate) fn by_id(conn: &mut Conn, id: &str) -> Result<Option<PrincipalRow>> {
    let row = each_db!(conn, |c| principal::table
        .filter(principal::id.eq(id))
        .select(PrincipalRow::as_select())
        .get_result(c)
        .optional())?;
    Ok(row)
}

/// Returns the user or group with this number.
pub(crate) fn by_no(conn: &mut Conn, no: i64) -> Result<Option<PrincipalRow>> {
    let row = each_db!(conn, |c| principal::table
        .filter(principal::no.eq(no))
        .select(PrincipalRow::as_select())
        .get_result(c)
        .optional())?;
    Ok(row)
}

/// Returns those of `nos` that are there, by number.
pub(crate) fn by_nos(conn: &mut Conn, nos: &BTreeSet<i64>) -> Result<BTreeMap<i64, PrincipalRow>> {
    let nos: Vec<i64> = nos.iter().copied().collect();
    let rows: Vec<PrincipalRow> =
        load_among!(conn, nos.as_slice(), principal::no, principal::table.select(PrincipalRow::as_select()));
    Ok(rows.into_iter().map(|row| (row.no, row)).collect())
}

/// Returns a window of users or groups by name, and their number.
pub(crate) fn window(conn: &mut Conn, kind: &str, offset: i64, limit: i64) -> Result<(i64, Vec<PrincipalRow>)> {
    let total = each_db!(conn, |c| principal::table.filter(principal::kind.eq(kind)).count().get_result::<i64>(c))?;
    let rows = each_db!(conn, |c| principal::table
        .filter(principal::kind.eq(kind))
        .order(principal::name_key)
        .offset(offset)
        .limit(limit)
        .select(PrincipalRow::as_select())
        .load(c))?;
    Ok((total, rows))
}

/// Changes the name that people read and whether the principal may sign in.
pub(crate) fn update(conn: &mut Conn, no: i64, display_name: &str, disabled_at: Option<i64>) -> Result<()> {
    each_db!(conn, |c| update_rows(principal::table.filter(principal::no.eq(no)))
        .set((principal::display_name.eq(display_name), principal::disabled_at.eq(disabled_at)))
        .execute(c))?;
    Ok(())
}

/// Gives a group another name, and another one that people read.
pub(crate) fn rename(conn: &mut Conn, no: i64, name: &str, display_name: &str) -> Result<()> {
    let names =
        (principal::name.eq(name), principal::name_key.eq(text_key(name)), principal::display_name.eq(display_name));
    each_db!(conn, |c| update_rows(principal::table.filter(principal::no.eq(no))).set(names.clone()).execute(c))?;
    Ok(())
}

/// Deletes a group; who was in it is not any more. Something that names it otherwise keeps it.
pub(crate) fn delete_group(conn: &mut Conn, no: i64) -> Result<()> {
    let of_group = || group_member::group_no.eq(no).or(group_member::member_no.eq(no));
    each_db!(conn, |c| diesel::delete(group_member::table.filter(of_group())).execute(c))?;
    let deleted = each_db!(conn, |c| diesel::delete(principal::table.filter(principal::no.eq(no))).execute(c));
    match deleted {
        Err(diesel::result::Error::DatabaseError(DatabaseErrorKind::ForeignKeyViolation, _)) => {
            Err(RepositoryError::conflict("group_in_use", "something of the office names the group"))
        }
        deleted => Ok(deleted.map(drop)?),
    }
}

/// Turns a principal's epoch: its sessions end.
pub(crate) fn turn_epoch(conn: &mut Conn, no: i64) -> Result<()> {
    each_db!(conn, |c| update_rows(principal::table.filter(principal::no.eq(no)))
        .set(principal::epoch.eq(principal::epoch + 1))
        .execute(c))?;
    Ok(())
}

/// Turns the epochs of a principal and, if it is a group, of all who are in it, through groups too, and those of their
/// sessions: what was begun with the rights of before writes nothing, and the sessions go on with those of now.
pub(crate) fn turn_rights(conn: &mut Conn, no: i64) -> Result<()> {
    let mut met = BTreeSet::new();
    let mut fringe = vec![no];
    while let Some(next) = fringe.pop() {
        if met.insert(next) {
            turn_epoch(conn, next)?;
            let epoch = by_no(conn, next)?.map_or(0, |row| row.epoch);
            sessions::take_along(conn, next, epoch)?;
            fringe.extend(members_of(conn, next)?.into_iter().map(|member| member.no));
        }
    }
    Ok(())
}

/// Returns the numbers of all groups that contain `member`, nested ones included.
pub(crate) fn groups_of(conn: &mut Conn, member: i64) -> Result<BTreeSet<i64>> {
    let mut found = BTreeSet::new();
    let mut fringe = vec![member];
    while !fringe.is_empty() {
        let groups: Vec<i64> = each_db!(conn, |c| group_member::table
            .filter(among(group_member::member_no, fringe.clone()))
            .select(group_member::group_no)
            .load(c))?;
        fringe = groups.into_iter().filter(|group| found.insert(*group)).collect();
    }
    Ok(found)
}

/// Returns the direct members of a group.
pub(crate) fn members_of(conn: &mut Conn, group: i64) -> Result<Vec<PrincipalRow>> {
    let rows = each_db!(conn, |c| principal::table
        .filter(
            principal::no
                .eq_any(group_member::table.filter(group_member::group_no.eq(group)).select(group_member::member_no))
        )
        .order(principal::name_key)
        .select(PrincipalRow::as_select())
        .load(c))?;
    Ok(rows)
}

/// Returns the groups that contain `member` directly.
pub(crate) fn direct_groups_of(conn: &mut Conn, member: i64) -> Result<Vec<PrincipalRow>> {
    let rows = each_db!(conn, |c| principal::table
        .filter(
            principal::no
                .eq_any(group_member::table.filter(group_member::member_no.eq(member)).select(group_member::group_no))
        )
        .order(principal::name_key)
        .select(PrincipalRow::as_select())
        .load(c))?;
    Ok(rows)
}

/// Puts `member` into `group`; nothing happens when it is there.
pub(crate) fn add_member(conn: &mut Conn, group: i64, member: i64) -> Result<()> {
    each_db!(conn, |c| diesel::insert_into(group_member::table)
        .values((group_member::group_no.eq(group), group_member::member_no.eq(member)))
        .on_conflict_do_nothing()
        .execute(c))?;
    Ok(())
}

/// Takes `member` out of `group`.
pub(crate) fn remove_member(conn: &mut Conn, group: i64, member: i64) -> Result<()> {
    each_db!(conn, |c| diesel::delete(
        group_member::table.filter(group_member::group_no.eq(group).and(group_member::member_no.eq(member)))
    )
    .execute(c))?;
    Ok(())
}

/// Returns a user's credential.
pub(crate) fn credential(conn: &mut Conn, user: i64) -> Result<Option<CredentialRow>> {
    let row = each_db!(conn, |c| user_credential::table
        .filter(user_credential::principal_no.eq(user))
        .select(CredentialRow::as_select())
        .get_result(c)
        .optional())?;
    Ok(row)
}

/// Writes a user's password hash.
pub(crate) fn put_credential(conn: &mut Conn, user: i64, hash: &str, must_change: bool, now: i64) -> Result<()> {
    let values = (
        user_credential::password_hash.eq(hash),
        user_credential::must_change.eq(must_change),
        user_credential::changed_at.eq(now),
    );
    each_db!(conn, |c| {
        upsert(
            diesel::insert_into(user_credential::table).values((user_credential::principal_no.eq(user), values)),
            &["principal_no"],
            values,
        )
        .execute(c)
    })?;
    Ok(())
}
