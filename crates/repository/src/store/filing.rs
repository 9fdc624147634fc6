//! Rows of filing: what lies in which folder, under which name, in which order.

use std::collections::BTreeMap;

use cartulary_db::{Conn, among, each_db, update_rows};
use diesel::dsl::{exists, max, min, not};
use diesel::prelude::*;
use sha2::{Digest, Sha256};

use super::objects::{ObjectRow, OrderRow};
use super::schema::{filing, object, scope};
use crate::{RepositoryError, Result};

/// Returns the key under which a name is unique in its folder.
pub(crate) fn name_digest(name: &str) -> Vec<u8> {
    Sha256::digest(name.as_bytes()).to_vec()
}

/// Says of a violation what it means here: two of a name in one folder, or a folder that was destroyed while somebody
/// waited to file something in it.
pub(crate) fn name_taken(error: diesel::result::Error) -> RepositoryError {
    use diesel::result::DatabaseErrorKind::ForeignKeyViolation;
    if cartulary_db::is_unique_violation(&error) {
        return RepositoryError::conflict(
            "name_taken",
            "another object in this folder has the same name: choose another",
        );
    }
    match error {
        diesel::result::Error::DatabaseError(ForeignKeyViolation, _) => RepositoryError::not_found("the folder"),
        error => error.into(),
    }
}

#[derive(Insertable)]
#[diesel(table_name = filing, treat_none_as_default_value = false)]
struct NewFilingRow<'a> {
    parent_no: i64,
    child_no: i64,
    name: &'a str,
    name_digest: Vec<u8>,
    ordinal: i64,
    is_primary: bool,
    filed_at: i64,
}

/// How far apart the places of two objects are that come one after the other: room for others between them.
pub(crate) const STEP: i64 = 1 << 20;

/// One object in one folder.
#[derive(Clone, Copy, Debug, Queryable, Selectable)]
#[diesel(table_name = filing)]
pub(crate) struct FilingRow {
    pub no: i64,
    pub parent_no: i64,
    pub child_no: i64,
    pub ordinal: i64,
    pub is_primary: bool,
    pub is_trashed: bool,
}

/// Files `child` in `parent` as its primary folder, at a place in the order of receipt; last unless one is given.
///
/// # Errors
/// A unique violation when the name is taken; `NotFound` when the folder went to the trash meanwhile.
pub(crate) fn insert(
    conn: &mut Conn,
    parent: i64,
    child: i64,
    name: &str,
    ordinal: Option<i64>,
    now: i64,
) -> Result<()> {
    let ordinal = match ordinal {
        Some(ordinal) => ordinal,
        None => next_ordinal(conn, parent)?,
    };
    insert_row(conn, parent, child, name, ordinal, true, now)
}

/// Files `child` in a further folder, as the last there.
///
/// # Errors
/// As [`insert`].
pub(crate) fn insert_further(conn: &mut Conn, parent: i64, child: i64, name: &str, now: i64) -> Result<()> {
    let ordinal = next_ordinal(conn, parent)?;
    insert_row(conn, parent, child, name, ordinal, false, now)
}

/// Files `child` in `parent` at a place in its order.
///
/// # Errors
/// As [`insert`].
pub(crate) fn insert_row(
    conn: &mut Conn,
    parent: i64,
    child: i64,
    name: &str,
    ordinal: i64,
    is_primary: bool,
    now: i64,
) -> Result<()> {
    let row = NewFilingRow {
        parent_no: parent,
        child_no: child,
        name,
        name_digest: name_digest(name),
        ordinal,
        is_primary,
        filed_at: now,
    };
    let filed = each_db!(conn, |c| diesel::insert_into(filing::table).values(&row).execute(c));
    filed.map_err(name_taken)?;
    refuse_lost_folder(conn, parent)
}

/// Puts a filing into another folder, as the last there and under a name.
///
/// # Errors
/// As [`insert`].
pub(crate) fn put_parent(conn: &mut Conn, no: i64, parent: i64, name: &str) -> Result<()> {
    let ordinal = next_ordinal(conn, parent)?;
    let moved = each_db!(conn, |c| update_rows(filing::table.filter(filing::no.eq(no)))
        .set((
            filing::parent_no.eq(parent),
            filing::ordinal.eq(ordinal),
            filing::is_trashed.eq(false),
            filing::name.eq(name),
            filing::name_digest.eq(name_digest(name)),
        ))
        .execute(c));
    moved.map_err(name_taken)?;
    refuse_lost_folder(conn, parent)
}

/// Refuses when a folder went to the trash while something was filed in it: on PostgreSQL the row that was filed waited
/// for who did that, and sees it now. The writer is alone on SQLite, and looked before.
fn refuse_lost_folder(conn: &mut Conn, folder: i64) -> Result<()> {
    let is_lost = cartulary_db::per_db!(conn,
        sqlite(_c) => {
            let _ = folder;
            false
        },
        postgres(c) => object::table
            .filter(object::no.eq(folder).and(object::trashed_at.is_not_null()))
            .select(object::no)
            .get_result::<i64>(c)
            .optional()?
            .is_some(),
    );
    if is_lost { Err(RepositoryError::not_found("the folder")) } else { Ok(()) }
}

/// Takes an object out of one folder.
pub(crate) fn delete(conn: &mut Conn, no: i64) -> Result<()> {
    each_db!(conn, |c| diesel::delete(filing::table.filter(filing::no.eq(no))).execute(c))?;
    Ok(())
}

/// Makes one of a child's filings the primary one.
pub(crate) fn put_primary(conn: &mut Conn, child: i64, no: i64) -> Result<()> {
    each_db!(conn, |c| update_rows(filing::table.filter(filing::child_no.eq(child)))
        .set(filing::is_primary.eq(filing::no.eq(no)))
        .execute(c))?;
    Ok(())
}

/// Writes a filing's place in the order of its folder.
pub(crate) fn put_ordinal(conn: &mut Conn, no: i64, ordinal: i64) -> Result<()> {
    each_db!(conn, |c| update_rows(filing::table.filter(filing::no.eq(no)))
        .set(filing::ordinal.eq(ordinal))
        .execute(c))?;
    Ok(())
}

/// Returns all filings of children, the oldest first.
pub(crate) fn filings_of(conn: &mut Conn, children: &[i64]) -> Result<Vec<FilingRow>> {
    let rows = each_db!(conn, |c| filing::table
        .filter(among(filing::child_no, children.iter().copied()))
        .order(filing::no)
        .select(FilingRow::as_select())
        .load(c))?;
    Ok(rows)
}

/// Returns the first place in the order of a folder; nothing when it is empty.
pub(crate) fn first_ordinal(conn: &mut Conn, parent: i64) -> Result<Option<i64>> {
    let first: Option<i64> = each_db!(conn, |c| filing::table
        .filter(filing::parent_no.eq(parent))
        .select(min(filing::ordinal))
        .get_result(c))?;
    Ok(first)
}

/// Returns up to `limit` filings of a folder from a place on, in its order, but not that of `but`.
pub(crate) fn from_ordinal(conn: &mut Conn, parent: i64, ordinal: i64, but: i64, limit: i64) -> Result<Vec<FilingRow>> {
    let rows = each_db!(conn, |c| filing::table
        .filter(filing::parent_no.eq(parent).and(filing::ordinal.ge(ordinal)).and(filing::child_no.ne(but)))
        .order((filing::ordinal, filing::child_no))
        .limit(limit)
        .select(FilingRow::as_select())
        .load(c))?;
    Ok(rows)
}

/// Returns the greatest place in a folder below one, but not that of `but`.
pub(crate) fn ordinal_before(conn: &mut Conn, parent: i64, ordinal: i64, but: i64) -> Result<Option<i64>> {
    let before: Option<i64> = each_db!(conn, |c| filing::table
        .filter(filing::parent_no.eq(parent).and(filing::ordinal.lt(ordinal)).and(filing::child_no.ne(but)))
        .select(max(filing::ordinal))
        .get_result(c))?;
    Ok(before)
}

/// Returns the place after the last of a folder.
pub(crate) fn next_ordinal(conn: &mut Conn, parent: i64) -> Result<i64> {
    Ok(last_ordinal(conn, parent)?.saturating_add(STEP))
}

fn last_ordinal(conn: &mut Conn, parent: i64) -> Result<i64> {
    let last: Option<i64> = each_db!(conn, |c| filing::table
        .filter(filing::parent_no.eq(parent))
        .select(max(filing::ordinal))
        .get_result(c))?;
    Ok(last.unwrap_or(0))
}

/// Says whether a name is taken among what is not in the trash.
pub(crate) fn is_taken(conn: &mut Conn, parent: i64, name: &str) -> Result<bool> {
    let taken = each_db!(conn, |c| diesel::select(exists(filing::table.filter(
        filing::parent_no.eq(parent).and(filing::name_digest.eq(name_digest(name))).and(not(filing::is_trashed))
    )))
    .get_result::<bool>(c))?;
    Ok(taken)
}

/// Returns the number of the child that bears a name and is not in the trash.
pub(crate) fn child_by_name(conn: &mut Conn, parent: i64, name: &str) -> Result<Option<i64>> {
    let no = each_db!(conn, |c| filing::table
        .filter(
            filing::parent_no.eq(parent).and(filing::name_digest.eq(name_digest(name))).and(not(filing::is_trashed))
        )
        .select(filing::child_no)
        .get_result(c)
        .optional())?;
    Ok(no)
}

/// Gives a child another name in all its folders.
pub(crate) fn rename(conn: &mut Conn, child: i64, name: &str) -> Result<()> {
    let renamed = each_db!(conn, |c| update_rows(filing::table.filter(filing::child_no.eq(child)))
        .set((filing::name.eq(name), filing::name_digest.eq(name_digest(name))))
        .execute(c));
    renamed.map(drop).map_err(name_taken)
}

/// Returns the folders that a child lies in and that are not in the trash, the primary one first, each with whether it
/// is that.
pub(crate) fn folders_of(conn: &mut Conn, child: i64) -> Result<Vec<(bool, ObjectRow)>> {
    let rows = each_db!(conn, |c| filing::table
        .inner_join(object::table.on(object::no.eq(filing::parent_no)))
        .filter(filing::child_no.eq(child).and(object::trashed_at.is_null()))
        .order((filing::is_primary.desc(), filing::no))
        .select((filing::is_primary, ObjectRow::as_select()))
        .load(c))?;
    Ok(rows)
}

/// What a path needs of a folder.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = object)]
pub(crate) struct PlaceRow {
    pub no: i64,
    pub scope_no: i64,
    pub name: String,
}

impl From<ObjectRow> for PlaceRow {
    fn from(row: ObjectRow) -> Self {
        Self { no: row.no, scope_no: row.scope_no, name: row.name }
    }
}

/// Returns the folder that a child was first filed in.
pub(crate) fn primary_place(conn: &mut Conn, child: i64) -> Result<Option<PlaceRow>> {
    let row = each_db!(conn, |c| filing::table
        .inner_join(object::table.on(object::no.eq(filing::parent_no)))
        .filter(filing::child_no.eq(child).and(filing::is_primary.eq(true)))
        .select(PlaceRow::as_select())
        .get_result(c)
        .optional())?;
    Ok(row)
}

/// Returns the primary folders of children, by child.
pub(crate) fn primary_parents(conn: &mut Conn, children: &[i64]) -> Result<BTreeMap<i64, i64>> {
    let rows: Vec<(i64, i64)> = each_db!(conn, |c| filing::table
        .filter(among(filing::child_no, children.iter().copied()).and(filing::is_primary.eq(true)))
        .select((filing::child_no, filing::parent_no))
        .load(c))?;
    Ok(rows.into_iter().collect())
}

/// Returns the children of a folder that are not in the trash, each with its scope and its name.
pub(crate) fn names_of_children(conn: &mut Conn, parent: i64) -> Result<Vec<(i64, i64, String)>> {
    let rows = each_db!(conn, |c| filing::table
        .inner_join(object::table)
        .filter(filing::parent_no.eq(parent).and(not(filing::is_trashed)))
        .select((object::no, object::scope_no, filing::name))
        .load(c))?;
    Ok(rows)
}

/// Returns the children of a folder that are not in the trash, each with its scope and when it was made.
pub(crate) fn beginnings_of_children(conn: &mut Conn, parent: i64) -> Result<Vec<(i64, i64, i64)>> {
    let rows = each_db!(conn, |c| filing::table
        .inner_join(object::table)
        .filter(filing::parent_no.eq(parent).and(not(filing::is_trashed)))
        .select((object::no, object::scope_no, object::created_at))
        .load(c))?;
    Ok(rows)
}

/// Returns the children of a folder that are not in the trash, each with its scope and when it was last changed.
pub(crate) fn changes_of_children(conn: &mut Conn, parent: i64) -> Result<Vec<(i64, i64, i64)>> {
    let rows = each_db!(conn, |c| filing::table
        .inner_join(object::table)
        .filter(filing::parent_no.eq(parent).and(not(filing::is_trashed)))
        .select((object::no, object::scope_no, object::modified_at))
        .load(c))?;
    Ok(rows)
}

/// Returns the children of a folder that are not in the trash, each with its scope and its place in the order of receipt.
pub(crate) fn places_of_children(conn: &mut Conn, parent: i64) -> Result<Vec<(i64, i64, i64)>> {
    let rows = each_db!(conn, |c| filing::table
        .inner_join(object::table)
        .filter(filing::parent_no.eq(parent).and(not(filing::is_trashed)))
        .select((object::no, object::scope_no, filing::ordinal))
        .load(c))?;
    Ok(rows)
}

/// Returns what orders those of `children` that lie in a folder and not in the trash, each with its place in the order of receipt.
pub(crate) fn orders_of_some(conn: &mut Conn, parent: i64, children: &[i64]) -> Result<Vec<(OrderRow, i64)>> {
    let rows = each_db!(conn, |c| filing::table
        .inner_join(object::table)
        .filter(
            filing::parent_no
                .eq(parent)
                .and(not(filing::is_trashed))
                .and(among(filing::child_no, children.iter().copied()))
        )
        .select((
            (object::no, object::scope_no, filing::name, object::created_at, object::modified_at),
            filing::ordinal,
        ))
        .load(c))?;
    Ok(rows)
}

/// A filing with what must agree with it.
#[derive(Clone, Debug, Queryable)]
pub(crate) struct CheckRow {
    pub no: i64,
    pub child_no: i64,
    pub is_primary: bool,
    pub is_trashed: bool,
    pub child_base: String,
    pub child_trashed_at: Option<i64>,
    pub child_scope: i64,
    pub scope_kind: String,
    pub parent_trashed_at: Option<i64>,
    pub parent_scope: i64,
}

/// Returns up to `limit` filings with numbers above `after`.
pub(crate) fn page(conn: &mut Conn, after: i64, limit: i64) -> Result<Vec<CheckRow>> {
    let parent = diesel::alias!(object as parent);
    let rows = each_db!(conn, |c| filing::table
        .inner_join(object::table.inner_join(scope::table))
        .inner_join(parent.on(parent.field(object::no).eq(filing::parent_no)))
        .filter(filing::no.gt(after))
        .order(filing::no)
        .limit(limit)
        .select((
            filing::no,
            filing::child_no,
            filing::is_primary,
            filing::is_trashed,
            object::base,
            object::trashed_at,
            object::scope_no,
            scope::kind,
            parent.field(object::trashed_at),
            parent.field(object::scope_no),
        ))
        .load(c))?;
    Ok(rows)
}
