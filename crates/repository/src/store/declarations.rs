//! Types and vocabularies that were declared at run time, and what uses them.

use cartulary_db::{Conn, among, each_db, is_word, per_db};
use diesel::prelude::*;

use super::info;
use super::objects::LIVE;
use super::schema::{object, object_facet, type_definition, vocabulary_definition};
use crate::{RepositoryError, Result};

/// The fact that counts the changes of what is declared.
const VERSION: &str = "declarations";

/// A declaration: its id, its definition as JSON, and its version.
pub(crate) type DeclaredRow = (String, String, i64);

/// Returns the number of changes that were made to what is declared.
pub(crate) fn version(conn: &mut Conn) -> Result<i64> {
    let found = info::get(conn, VERSION)?;
    found.map_or(Ok(0), |text| text.parse().map_err(RepositoryError::internal))
}

/// Counts one more change, and returns its number.
pub(crate) fn count_change(conn: &mut Conn) -> Result<i64> {
    let next = version(conn)? + 1;
    info::put(conn, VERSION, &next.to_string())?;
    Ok(next)
}

/// Returns the types, by id.
pub(crate) fn types(conn: &mut Conn) -> Result<Vec<DeclaredRow>> {
    Ok(each_db!(conn, |c| type_definition::table.order(type_definition::id).load(c))?)
}

/// Returns the vocabularies, by id.
pub(crate) fn vocabularies(conn: &mut Conn) -> Result<Vec<DeclaredRow>> {
    Ok(each_db!(conn, |c| vocabulary_definition::table.order(vocabulary_definition::id).load(c))?)
}

/// Writes a type in place of the one with its id, if there is one.
pub(crate) fn put_type(conn: &mut Conn, id: &str, definition: &str, version: i64) -> Result<()> {
    delete_type(conn, id)?;
    each_db!(conn, |c| diesel::insert_into(type_definition::table)
        .values((
            type_definition::id.eq(id),
            type_definition::definition.eq(definition),
            type_definition::version.eq(version),
        ))
        .execute(c))?;
    Ok(())
}

/// Writes a vocabulary in place of the one with its id, if there is one.
pub(crate) fn put_vocabulary(conn: &mut Conn, id: &str, definition: &str, version: i64) -> Result<()> {
    delete_vocabulary(conn, id)?;
    each_db!(conn, |c| diesel::insert_into(vocabulary_definition::table)
        .values((
            vocabulary_definition::id.eq(id),
            vocabulary_definition::definition.eq(definition),
            vocabulary_definition::version.eq(version),
        ))
        .execute(c))?;
    Ok(())
}

/// Removes a type.
pub(crate) fn delete_type(conn: &mut Conn, id: &str) -> Result<()> {
    each_db!(conn, |c| diesel::delete(type_definition::table.filter(type_definition::id.eq(id))).execute(c))?;
    Ok(())
}

/// Removes a vocabulary.
pub(crate) fn delete_vocabulary(conn: &mut Conn, id: &str) -> Result<()> {
    each_db!(conn, |c| diesel::delete(vocabulary_definition::table.filter(vocabulary_definition::id.eq(id)))
        .execute(c))?;
    Ok(())
}

/// Keeps a type as it is until the transaction ends: whoever makes an object of it holds it, whoever changes it waits. On
/// SQLite there is one writer, and nothing to hold.
pub(crate) fn hold_type(conn: &mut Conn, id: &str) -> Result<()> {
    per_db!(conn,
        sqlite(_c) => { let _ = id; },
        postgres(c) => {
            let _: Option<String> = type_definition::table
                .filter(type_definition::id.eq(id))
                .select(type_definition::id)
                .for_key_share()
                .get_result(c)
                .optional()?;
        },
    );
    Ok(())
}

/// Waits until nobody holds a type, and lets nobody hold it until the transaction ends.
pub(crate) fn hold_type_alone(conn: &mut Conn, id: &str) -> Result<()> {
    per_db!(conn,
        sqlite(_c) => { let _ = id; },
        postgres(c) => {
            let _: Option<String> = type_definition::table
                .filter(type_definition::id.eq(id))
                .select(type_definition::id)
                .for_update()
                .get_result(c)
                .optional()?;
        },
    );
    Ok(())
}

/// Says whether there is an object of one of the types, in the trash or not.
pub(crate) fn has_objects(conn: &mut Conn, types: &[String]) -> Result<bool> {
    let found: Option<i64> = each_db!(conn, |c| object::table
        .filter(among(object::type_id, types.iter().cloned()).and(is_word(object::role, LIVE)))
        .select(object::no)
        .limit(1)
        .get_result(c)
        .optional())?;
    Ok(found.is_some())
}

/// Says whether a facet is attached to an object, or was to a version that is still there.
pub(crate) fn is_attached(conn: &mut Conn, facet: &str) -> Result<bool> {
    let found: Option<i64> = each_db!(conn, |c| object_facet::table
        .filter(object_facet::facet_id.eq(facet))
        .select(object_facet::object_no)
        .limit(1)
        .get_result(c)
        .optional())?;
    Ok(found.is_some())
}
