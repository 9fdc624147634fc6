//! Rows of what people put on objects, and keep for themselves, that refer to what is not there.

use std::collections::BTreeMap;

use cartulary_db::{Conn, each_db};
use diesel::dsl::{exists, not};
use diesel::prelude::*;

use super::objects::{LIVE, RELATIONSHIP};
use super::schema::{
    annotation, blob, collection, collection_item, comment, object, object_lock, principal, relationship, tag,
};
use super::schema_of_people::{saved_search, share, subscription};
use super::subscriptions::{COLLECTION, OBJECT, SAVED_SEARCH, TREE};
use crate::Result;

/// Returns the rows of a table whose object is not there, or is no live one.
macro_rules! on_no_live_object {
    ($conn:ident, $limit:ident, $table:ident, $subject:expr) => {
        each_db!($conn, |c| $table::table
            .filter(not(exists(object::table.filter(object::no.eq($table::object_no).and(object::role.eq(LIVE))))))
            .select($subject)
            .limit($limit)
            .load(c))?
    };
}

/// Returns tags whose object or holder is not there, by their ids.
pub(crate) fn tags(conn: &mut Conn, limit: i64) -> Result<Vec<String>> {
    let mut found: Vec<String> = on_no_live_object!(conn, limit, tag, tag::id);
    let of_nobody: Vec<String> = each_db!(conn, |c| tag::table
        .filter(tag::holder_no.ne(0).and(not(exists(principal::table.filter(principal::no.eq(tag::holder_no))))))
        .select(tag::id)
        .limit(limit)
        .load(c))?;
    found.extend(of_nobody);
    Ok(found)
}

/// Returns comments whose object is not there.
pub(crate) fn comments(conn: &mut Conn, limit: i64) -> Result<Vec<String>> {
    Ok(on_no_live_object!(conn, limit, comment, comment::id))
}

/// Where a comment stands in a thread.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = comment)]
pub(crate) struct ThreadRow {
    pub no: i64,
    pub id: String,
    pub object_no: i64,
    /// 0: the thread begins with it.
    pub thread_no: i64,
    /// 0: it answers none.
    pub answers_no: i64,
}

/// Returns where comments stand, in the order of their numbers.
pub(crate) fn threads(conn: &mut Conn, after: i64, limit: i64) -> Result<Vec<ThreadRow>> {
    let rows = each_db!(conn, |c| comment::table
        .filter(comment::no.gt(after))
        .order(comment::no)
        .limit(limit)
        .select(ThreadRow::as_select())
        .load(c))?;
    Ok(rows)
}

/// Returns the objects of those of some comments that are there, by the numbers of the comments.
pub(crate) fn objects_of_comments(conn: &mut Conn, nos: &[i64]) -> Result<BTreeMap<i64, i64>> {
    let rows: Vec<(i64, i64)> =
        load_among!(conn, nos, comment::no, comment::table.select((comment::no, comment::object_no)));
    Ok(rows.into_iter().collect())
}

/// Returns annotations whose object is not there, or whose bytes are not.
pub(crate) fn annotations(conn: &mut Conn, limit: i64) -> Result<Vec<String>> {
    let mut found: Vec<String> = on_no_live_object!(conn, limit, annotation, annotation::id);
    let of_no_bytes: Vec<String> = each_db!(conn, |c| annotation::table
        .filter(not(exists(blob::table.filter(blob::digest.eq(annotation::digest)))))
        .select(annotation::id)
        .limit(limit)
        .load(c))?;
    found.extend(of_no_bytes);
    Ok(found)
}

/// Returns the objects, by their numbers, that are in collections and not there, or in collections that are not.
pub(crate) fn collection_items(conn: &mut Conn, limit: i64) -> Result<Vec<i64>> {
    let mut found: Vec<i64> = on_no_live_object!(conn, limit, collection_item, collection_item::object_no);
    let in_nothing: Vec<i64> = each_db!(conn, |c| collection_item::table
        .filter(not(exists(collection::table.filter(collection::no.eq(collection_item::collection_no)))))
        .select(collection_item::object_no)
        .limit(limit)
        .load(c))?;
    found.extend(in_nothing);
    Ok(found)
}

/// Returns relationships, by their numbers, of which an end is not there, or is no live object.
pub(crate) fn relationships(conn: &mut Conn, limit: i64) -> Result<Vec<i64>> {
    let source = || object::table.filter(object::no.eq(relationship::source_no).and(object::role.eq(LIVE)));
    let target = || object::table.filter(object::no.eq(relationship::target_no).and(object::role.eq(LIVE)));
    let itself = || object::table.filter(object::no.eq(relationship::object_no).and(object::base.eq(RELATIONSHIP)));
    let found = each_db!(conn, |c| relationship::table
        .filter(not(exists(source())).or(not(exists(target()))).or(not(exists(itself()))))
        .select(relationship::object_no)
        .limit(limit)
        .load(c))?;
    Ok(found)
}

/// Returns relationships, by their numbers, that are in the trash, where none belongs.
pub(crate) fn trashed_relationships(conn: &mut Conn, limit: i64) -> Result<Vec<i64>> {
    let found = each_db!(conn, |c| object::table
        .filter(object::base.eq(RELATIONSHIP).and(object::trashed_at.is_not_null()))
        .select(object::no)
        .limit(limit)
        .load(c))?;
    Ok(found)
}

/// Returns the objects, by their numbers, that are locked and not there, or whose owner of the lock is not.
pub(crate) fn locks(conn: &mut Conn, limit: i64) -> Result<Vec<i64>> {
    let locked = || object::table.filter(object::no.eq(object_lock::object_no));
    let owner = || principal::table.filter(principal::no.eq(object_lock::owner_no));
    let found = each_db!(conn, |c| object_lock::table
        .filter(not(exists(locked())).or(not(exists(owner()))))
        .select(object_lock::object_no)
        .limit(limit)
        .load(c))?;
    Ok(found)
}

/// Returns subscriptions to what is not there; favourites are there from the beginning, under the id of whose they are.
pub(crate) fn subscriptions(conn: &mut Conn, limit: i64) -> Result<Vec<String>> {
    let live = || object::table.filter(object::id.eq(subscription::target_id).and(object::role.eq(LIVE)));
    let kept = || collection::table.filter(collection::id.eq(subscription::target_id));
    let favourites = || principal::table.filter(principal::id.eq(subscription::target_id));
    let saved = || saved_search::table.filter(saved_search::id.eq(subscription::target_id));
    let is_of_object = || subscription::kind.eq(OBJECT).or(subscription::kind.eq(TREE));
    let to_no_object: Vec<String> = each_db!(conn, |c| subscription::table
        .filter(is_of_object().and(not(exists(live()))))
        .select(subscription::id)
        .limit(limit)
        .load(c))?;
    let to_no_collection: Vec<String> = each_db!(conn, |c| subscription::table
        .filter(subscription::kind.eq(COLLECTION).and(not(exists(kept()))).and(not(exists(favourites()))))
        .select(subscription::id)
        .limit(limit)
        .load(c))?;
    let to_no_search: Vec<String> = each_db!(conn, |c| subscription::table
        .filter(subscription::kind.eq(SAVED_SEARCH).and(not(exists(saved()))))
        .select(subscription::id)
        .limit(limit)
        .load(c))?;
    Ok([to_no_object, to_no_collection, to_no_search].concat())
}

/// Returns the ids of what is shown to somebody and is neither a collection nor a saved search.
pub(crate) fn shares(conn: &mut Conn, limit: i64) -> Result<Vec<String>> {
    let kept = || collection::table.filter(collection::id.eq(share::subject_id));
    let saved = || saved_search::table.filter(saved_search::id.eq(share::subject_id));
    let found = each_db!(conn, |c| share::table
        .filter(not(exists(kept())).and(not(exists(saved()))))
        .select(share::subject_id)
        .distinct()
        .limit(limit)
        .load(c))?;
    Ok(found)
}

/// Returns the ids of collections and saved searches whose owner is not there.
pub(crate) fn of_nobody(conn: &mut Conn, limit: i64) -> Result<Vec<String>> {
    let of_collection = || principal::table.filter(principal::no.eq(collection::owner_no));
    let of_search = || principal::table.filter(principal::no.eq(saved_search::owner_no));
    let collections: Vec<String> = each_db!(conn, |c| collection::table
        .filter(not(exists(of_collection())))
        .select(collection::id)
        .limit(limit)
        .load(c))?;
    let searches: Vec<String> = each_db!(conn, |c| saved_search::table
        .filter(not(exists(of_search())))
        .select(saved_search::id)
        .limit(limit)
        .load(c))?;
    Ok([collections, searches].concat())
}
