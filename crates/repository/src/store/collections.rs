//! Rows of collections and of what is in them.

use cartulary_db::{Conn, among, each_db, update_rows};
use diesel::dsl::count_star;
use diesel::prelude::*;

use super::schema::{collection, collection_item, object};
use super::schema_of_people::share;
use crate::Result;

/// A collection.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = collection)]
pub(crate) struct CollectionRow {
    pub no: i64,
    pub id: String,
    pub owner_no: i64,
    pub is_favourites: bool,
    pub name: String,
    pub change_token: i64,
    pub created_at: i64,
    pub modified_at: i64,
}

/// A collection to insert.
#[derive(Clone, Debug, Insertable)]
#[diesel(table_name = collection)]
pub(crate) struct NewCollectionRow {
    pub id: String,
    pub owner_no: i64,
    pub is_favourites: bool,
    pub name: String,
    pub created_at: i64,
    pub modified_at: i64,
}

/// An object in a collection.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = collection_item)]
pub(crate) struct ItemRow {
    pub collection_no: i64,
    pub object_no: i64,
    pub ordinal: i64,
    pub added_by: i64,
    pub added_at: i64,
}

/// Inserts a collection, unless one has its id.
pub(crate) fn insert(conn: &mut Conn, row: &NewCollectionRow) -> Result<()> {
    each_db!(conn, |c| diesel::insert_into(collection::table).values(row).on_conflict_do_nothing().execute(c))?;
    Ok(())
}

/// Returns the collection with this outward id.
pub(crate) fn by_id(conn: &mut Conn, id: &str) -> Result<Option<CollectionRow>> {
    let row = each_db!(conn, |c| collection::table
        .filter(collection::id.eq(id))
        .select(CollectionRow::as_select())
        .get_result(c)
        .optional())?;
    Ok(row)
}

/// Locks a collection until the end of the transaction, and returns it as it is then.
pub(crate) fn locked(conn: &mut Conn, id: &str) -> Result<Option<CollectionRow>> {
    each_db!(conn, |c| update_rows(collection::table.filter(collection::id.eq(id)))
        .set(collection::change_token.eq(collection::change_token))
        .execute(c))?;
    by_id(conn, id)
}

/// Returns somebody's collections and those with some ids, each once.
pub(crate) fn of(conn: &mut Conn, owner: i64, ids: &[String]) -> Result<Vec<CollectionRow>> {
    let rows = each_db!(conn, |c| collection::table
        .filter(collection::owner_no.eq(owner).or(among(collection::id, ids.iter().cloned())))
        .select(CollectionRow::as_select())
        .load(c))?;
    Ok(rows)
}

/// Returns how many collections somebody has.
pub(crate) fn count_of(conn: &mut Conn, owner: i64) -> Result<i64> {
    let count =
        each_db!(conn, |c| collection::table.filter(collection::owner_no.eq(owner)).count().get_result::<i64>(c))?;
    Ok(count)
}

/// Writes the name of a collection, and that it changed.
pub(crate) fn put(conn: &mut Conn, no: i64, name: &str, at: i64) -> Result<()> {
    each_db!(conn, |c| update_rows(collection::table.filter(collection::no.eq(no)))
        .set((
            collection::name.eq(name),
            collection::modified_at.eq(at),
            collection::change_token.eq(collection::change_token + 1),
        ))
        .execute(c))?;
    Ok(())
}

/// Deletes a collection with what is in it.
pub(crate) fn delete(conn: &mut Conn, no: i64) -> Result<()> {
    each_db!(conn, |c| diesel::delete(collection_item::table.filter(collection_item::collection_no.eq(no)))
        .execute(c))?;
    each_db!(conn, |c| diesel::delete(collection::table.filter(collection::no.eq(no))).execute(c))?;
    Ok(())
}

/// Returns all that is in a collection, in order.
pub(crate) fn items(conn: &mut Conn, collection: i64) -> Result<Vec<ItemRow>> {
    let rows = each_db!(conn, |c| collection_item::table
        .filter(collection_item::collection_no.eq(collection))
        .order((collection_item::ordinal, collection_item::object_no))
        .select(ItemRow::as_select())
        .load(c))?;
    Ok(rows)
}

/// Returns what is in a collection and not in the trash, in order, each with its scope.
pub(crate) fn living_items(conn: &mut Conn, collection: i64) -> Result<Vec<(i64, i64)>> {
    let rows = each_db!(conn, |c| collection_item::table
        .inner_join(object::table)
        .filter(collection_item::collection_no.eq(collection).and(object::trashed_at.is_null()))
        .order((collection_item::ordinal, collection_item::object_no))
        .select((collection_item::object_no, object::scope_no))
        .load(c))?;
    Ok(rows)
}

/// Returns how much of each scope is in collections, of what is not in the trash: collection, scope, how many.
pub(crate) fn counts(conn: &mut Conn, collections: &[i64]) -> Result<Vec<(i64, i64, i64)>> {
    let rows = each_db!(conn, |c| collection_item::table
        .inner_join(object::table)
        .filter(among(collection_item::collection_no, collections.iter().copied()))
        .filter(object::trashed_at.is_null())
        .group_by((collection_item::collection_no, object::scope_no))
        .select((collection_item::collection_no, object::scope_no, count_star()))
        .load(c))?;
    Ok(rows)
}

/// Puts an object into a collection.
pub(crate) fn add(conn: &mut Conn, row: &ItemRow) -> Result<()> {
    each_db!(conn, |c| diesel::insert_into(collection_item::table).values(row).execute(c))?;
    Ok(())
}

/// Gives what is in a collection another place.
pub(crate) fn put_ordinal(conn: &mut Conn, collection: i64, object: i64, ordinal: i64) -> Result<()> {
    let item = collection_item::collection_no.eq(collection).and(collection_item::object_no.eq(object));
    each_db!(conn, |c| update_rows(collection_item::table.filter(item))
        .set(collection_item::ordinal.eq(ordinal))
        .execute(c))?;
    Ok(())
}

/// Takes an object out of a collection.
pub(crate) fn remove(conn: &mut Conn, collection: i64, object: i64) -> Result<()> {
    let item = collection_item::collection_no.eq(collection).and(collection_item::object_no.eq(object));
    each_db!(conn, |c| diesel::delete(collection_item::table.filter(item)).execute(c))?;
    Ok(())
}

/// Takes objects out of all collections.
pub(crate) fn forget_objects(conn: &mut Conn, objects: &[i64]) -> Result<()> {
    let of = among(collection_item::object_no, objects.iter().copied());
    each_db!(conn, |c| diesel::delete(collection_item::table.filter(of)).execute(c))?;
    Ok(())
}

/// Returns up to `limit` of somebody's collections that he shows to others: number and id.
pub(crate) fn shown_of(conn: &mut Conn, owner: i64, limit: i64) -> Result<Vec<(i64, String)>> {
    let is_shown = diesel::dsl::exists(share::table.filter(share::subject_id.eq(collection::id)));
    let rows = each_db!(conn, |c| collection::table
        .filter(collection::owner_no.eq(owner).and(collection::is_favourites.eq(false)).and(is_shown))
        .order(collection::no)
        .limit(limit)
        .select((collection::no, collection::id))
        .load(c))?;
    Ok(rows)
}

/// Gives a collection to somebody else.
pub(crate) fn put_owner(conn: &mut Conn, no: i64, owner: i64) -> Result<()> {
    each_db!(conn, |c| update_rows(collection::table.filter(collection::no.eq(no)))
        .set((collection::owner_no.eq(owner), collection::change_token.eq(collection::change_token + 1)))
        .execute(c))?;
    Ok(())
}
