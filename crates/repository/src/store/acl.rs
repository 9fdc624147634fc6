//! Rows of scopes and access lists.

use cartulary_db::{Conn, among, each_db, insert_numbered, per_db, update_rows};
use cartulary_model::Timestamp;
use cartulary_model::permission::AccessEntry;
use diesel::dsl::max;
use diesel::prelude::*;

use super::schema::{acl_change, acl_entry, acl_row, scope};
use crate::Result;

/// The list that people keep; others belong to processes.
pub(crate) const LOCAL: &str = "local";

/// One access list: its place below another, and whether it inherits.
#[derive(Clone, Copy, Debug, Queryable, Selectable)]
#[diesel(table_name = acl_row)]
pub(crate) struct AclRow {
    pub no: i64,
    pub parent_no: Option<i64>,
    pub inherits: bool,
}

/// One entry, as stored.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = acl_entry)]
pub(crate) struct EntryRow {
    pub acl_row_no: i64,
    pub list: String,
    pub principal_no: i64,
    pub permission: String,
    pub grants: bool,
    pub begin_at: Option<i64>,
    pub end_at: Option<i64>,
}

impl From<EntryRow> for AccessEntry {
    fn from(row: EntryRow) -> Self {
        Self {
            principal_no: row.principal_no,
            permission: row.permission,
            grants: row.grants,
            begin_at: row.begin_at.map(Timestamp::from_millis),
            end_at: row.end_at.map(Timestamp::from_millis),
        }
    }
}

/// The scope of a folder, and of the documents in it that have no list of their own.
pub(crate) const FOLDER: &str = "folder";
/// The scope of an object that lies in no folder.
pub(crate) const UNFILED: &str = "unfiled";
/// The scope of a version series that has a list of its own.
pub(crate) const SERIES: &str = "series";

/// A scope, the list that it points to, and the scope of the folder that it lies in.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = scope)]
pub(crate) struct ScopeRow {
    pub no: i64,
    pub kind: String,
    pub acl_row_no: i64,
    pub parent_no: Option<i64>,
}

/// Inserts a list below `parent` and returns its number.
pub(crate) fn insert_row(conn: &mut Conn, parent: Option<i64>, inherits: bool) -> Result<i64> {
    let insert =
        diesel::insert_into(acl_row::table).values((acl_row::parent_no.eq(parent), acl_row::inherits.eq(inherits)));
    Ok(insert_numbered!(conn, insert, acl_row::no)?)
}

/// Says whether a list inherits.
pub(crate) fn put_inherits(conn: &mut Conn, row: i64, inherits: bool) -> Result<()> {
    each_db!(conn, |c| update_rows(acl_row::table.filter(acl_row::no.eq(row)))
        .set(acl_row::inherits.eq(inherits))
        .execute(c))?;
    Ok(())
}

/// Replaces the entries of one name in a list, in the given order.
pub(crate) fn replace_entries(conn: &mut Conn, row: i64, list: &str, entries: &[AccessEntry]) -> Result<()> {
    each_db!(conn, |c| diesel::delete(
        acl_entry::table.filter(acl_entry::acl_row_no.eq(row).and(acl_entry::list.eq(list)))
    )
    .execute(c))?;
    for (ordinal, entry) in entries.iter().enumerate() {
        let ordinal = i32::try_from(ordinal).unwrap_or(i32::MAX);
        each_db!(conn, |c| diesel::insert_into(acl_entry::table)
            .values((
                acl_entry::acl_row_no.eq(row),
                acl_entry::list.eq(list),
                acl_entry::ordinal.eq(ordinal),
                acl_entry::principal_no.eq(entry.principal_no),
                acl_entry::permission.eq(&entry.permission),
                acl_entry::grants.eq(entry.grants),
                acl_entry::begin_at.eq(entry.begin_at.map(Timestamp::as_millis)),
                acl_entry::end_at.eq(entry.end_at.map(Timestamp::as_millis)),
            ))
            .execute(c))?;
    }
    Ok(())
}

/// Returns one list.
pub(crate) fn row(conn: &mut Conn, no: i64) -> Result<Option<AclRow>> {
    let row = each_db!(conn, |c| acl_row::table
        .filter(acl_row::no.eq(no))
        .select(AclRow::as_select())
        .get_result(c)
        .optional())?;
    Ok(row)
}

/// Returns the names of all lists that have entries, each with the row that it belongs to.
pub(crate) fn named_lists(conn: &mut Conn) -> Result<Vec<(i64, String)>> {
    let lists = each_db!(conn, |c| acl_entry::table
        .filter(acl_entry::list.ne(LOCAL))
        .select((acl_entry::acl_row_no, acl_entry::list))
        .distinct()
        .load(c))?;
    Ok(lists)
}

/// Returns the lists that grant a user or group something, or deny it.
pub(crate) fn lists_naming(conn: &mut Conn, principal: i64) -> Result<Vec<i64>> {
    let lists = each_db!(conn, |c| acl_entry::table
        .filter(acl_entry::principal_no.eq(principal))
        .select(acl_entry::acl_row_no)
        .distinct()
        .order(acl_entry::acl_row_no)
        .load(c))?;
    Ok(lists)
}

/// Takes a principal out of lists that nothing has any more, which stay for what the log says of their objects.
pub(crate) fn forget_in(conn: &mut Conn, lists: &[i64], principal: i64, now: i64) -> Result<()> {
    for list in lists {
        each_db!(conn, |c| diesel::delete(
            acl_entry::table.filter(acl_entry::acl_row_no.eq(*list).and(acl_entry::principal_no.eq(principal)))
        )
        .execute(c))?;
        log_change(conn, Some(*list), None, now)?;
    }
    Ok(())
}

/// Returns the scopes that some lists are the own ones of, with their kinds: those above do not point to them.
pub(crate) fn own_scopes(conn: &mut Conn, lists: &[i64]) -> Result<Vec<(i64, String)>> {
    let above = diesel::alias!(scope as above);
    let rows: Vec<(i64, String, i64, Option<i64>)> = each_db!(conn, |c| scope::table
        .left_join(above.on(above.field(scope::no).nullable().eq(scope::parent_no)))
        .filter(among(scope::acl_row_no, lists.iter().copied()))
        .select((scope::no, scope::kind, scope::acl_row_no, above.field(scope::acl_row_no).nullable()))
        .load(c))?;
    let own = rows.into_iter().filter(|(_, _, list, above)| Some(*list) != *above);
    Ok(own.map(|(no, kind, ..)| (no, kind)).collect())
}

/// Returns all lists.
pub(crate) fn rows(conn: &mut Conn) -> Result<Vec<AclRow>> {
    let rows = each_db!(conn, |c| acl_row::table.select(AclRow::as_select()).load(c))?;
    Ok(rows)
}

/// Returns the entries of one list, in the order of evaluation: process lists before the local one.
pub(crate) fn entries_of(conn: &mut Conn, row: i64) -> Result<Vec<EntryRow>> {
    let entries = each_db!(conn, |c| acl_entry::table
        .filter(acl_entry::acl_row_no.eq(row))
        .order((acl_entry::list.eq(LOCAL), acl_entry::list, acl_entry::ordinal))
        .select(EntryRow::as_select())
        .load(c))?;
    Ok(entries)
}

/// Returns the entries of all lists, each list's in the order of evaluation.
pub(crate) fn entries(conn: &mut Conn) -> Result<Vec<EntryRow>> {
    let entries = each_db!(conn, |c| acl_entry::table
        .order((acl_entry::acl_row_no, acl_entry::list.eq(LOCAL), acl_entry::list, acl_entry::ordinal))
        .select(EntryRow::as_select())
        .load(c))?;
    Ok(entries)
}

/// Inserts a scope and returns its number.
pub(crate) fn insert_scope(conn: &mut Conn, kind: &str, row: i64, parent: Option<i64>) -> Result<i64> {
    let insert = diesel::insert_into(scope::table).values((
        scope::kind.eq(kind),
        scope::acl_row_no.eq(row),
        scope::parent_no.eq(parent),
    ));
    Ok(insert_numbered!(conn, insert, scope::no)?)
}

/// Returns one scope.
pub(crate) fn scope_by_no(conn: &mut Conn, no: i64) -> Result<Option<ScopeRow>> {
    let row = each_db!(conn, |c| scope::table
        .filter(scope::no.eq(no))
        .select(ScopeRow::as_select())
        .get_result(c)
        .optional())?;
    Ok(row)
}

/// Returns all scopes.
pub(crate) fn scopes(conn: &mut Conn) -> Result<Vec<ScopeRow>> {
    let rows = each_db!(conn, |c| scope::table.select(ScopeRow::as_select()).load(c))?;
    Ok(rows)
}

/// Returns the scopes below `parents` that point to the list `row`.
pub(crate) fn scopes_below(conn: &mut Conn, parents: &[i64], row: i64) -> Result<Vec<i64>> {
    let nos = each_db!(conn, |c| scope::table
        .filter(among(scope::parent_no, parents.iter().copied()).and(scope::acl_row_no.eq(row)))
        .select(scope::no)
        .load(c))?;
    Ok(nos)
}

/// Returns the scopes of folders below those of `parents`.
pub(crate) fn folders_below(conn: &mut Conn, parents: &[i64]) -> Result<Vec<i64>> {
    let nos = each_db!(conn, |c| scope::table
        .filter(among(scope::parent_no, parents.iter().copied()).and(scope::kind.eq(FOLDER)))
        .select(scope::no)
        .load(c))?;
    Ok(nos)
}

/// Takes the scopes of destroyed folders out of the tree; what the change log says of them stays filtered by their lists.
pub(crate) fn detach_scopes(conn: &mut Conn, nos: &[i64]) -> Result<()> {
    each_db!(conn, |c| update_rows(scope::table.filter(among(scope::no, nos.iter().copied())))
        .set(scope::parent_no.eq(None::<i64>))
        .execute(c))?;
    Ok(())
}

/// Points a scope to another list.
pub(crate) fn point_scope(conn: &mut Conn, no: i64, row: i64) -> Result<()> {
    each_db!(conn, |c| update_rows(scope::table.filter(scope::no.eq(no))).set(scope::acl_row_no.eq(row)).execute(c))?;
    Ok(())
}

/// Says below which scope another one lies.
pub(crate) fn put_scope_parent(conn: &mut Conn, no: i64, parent: i64) -> Result<()> {
    each_db!(conn, |c| update_rows(scope::table.filter(scope::no.eq(no))).set(scope::parent_no.eq(parent)).execute(c))?;
    Ok(())
}

/// Puts a list below another.
pub(crate) fn put_row_parent(conn: &mut Conn, no: i64, parent: i64) -> Result<()> {
    each_db!(conn, |c| update_rows(acl_row::table.filter(acl_row::no.eq(no)))
        .set(acl_row::parent_no.eq(parent))
        .execute(c))?;
    Ok(())
}

/// Moves the lists of scopes below `parents` from under `old` to under `new`.
pub(crate) fn reparent_rows(conn: &mut Conn, parents: &[i64], old: i64, new: i64) -> Result<Vec<i64>> {
    let rows: Vec<i64> =
        each_db!(conn, |c| acl_row::table
            .filter(acl_row::parent_no.eq(old).and(acl_row::no.ne(new)).and(acl_row::no.eq_any(
                scope::table.filter(among(scope::parent_no, parents.iter().copied())).select(scope::acl_row_no)
            )))
            .select(acl_row::no)
            .load(c))?;
    each_db!(conn, |c| update_rows(acl_row::table.filter(among(acl_row::no, rows.clone())))
        .set(acl_row::parent_no.eq(new))
        .execute(c))?;
    Ok(rows)
}

/// Appends to the numbered log: a list changed, a scope was pointed elsewhere, or (neither) memberships changed.
pub(crate) fn log_change(conn: &mut Conn, row: Option<i64>, scope_no: Option<i64>, now: i64) -> Result<()> {
    // Numbered under a lock on PostgreSQL, so that numbers become visible in order; the writer is alone on SQLite.
    let last = last_change_locked(conn)?;
    each_db!(conn, |c| diesel::insert_into(acl_change::table)
        .values((
            acl_change::no.eq(last + 1),
            acl_change::acl_row_no.eq(row),
            acl_change::scope_no.eq(scope_no),
            acl_change::at.eq(now),
        ))
        .execute(c))?;
    Ok(())
}

fn last_change_locked(conn: &mut Conn) -> Result<i64> {
    per_db!(conn,
        sqlite(_c) => (),
        postgres(c) => { diesel::sql_query("LOCK TABLE acl_change IN EXCLUSIVE MODE").execute(c)?; },
    );
    last_change(conn)
}

/// Returns the newest number of the log of list changes.
pub(crate) fn last_change(conn: &mut Conn) -> Result<i64> {
    let no: Option<i64> = each_db!(conn, |c| acl_change::table.select(max(acl_change::no)).get_result(c))?;
    Ok(no.unwrap_or(0))
}

/// A change of lists: its number, and the list, or the scope, or neither for memberships.
pub(crate) type ListChange = (i64, Option<i64>, Option<i64>);

/// Returns the changes after `no`.
pub(crate) fn changes_after(conn: &mut Conn, no: i64) -> Result<Vec<ListChange>> {
    let changes = each_db!(conn, |c| acl_change::table
        .filter(acl_change::no.gt(no))
        .order(acl_change::no)
        .select((acl_change::no, acl_change::acl_row_no, acl_change::scope_no))
        .load(c))?;
    Ok(changes)
}
