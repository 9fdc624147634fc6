//! Rows of what is brought in with its history: as it was elsewhere, with the instants and numbers that it had there.

use cartulary_db::{Conn, each_db, update_rows};
use diesel::prelude::*;

use super::schema::{dossier_version, object, version_series};
use crate::Result;

/// Returns those of some ids that objects have.
pub(crate) fn known_ids(conn: &mut Conn, ids: &[String]) -> Result<Vec<String>> {
    Ok(load_among!(conn, ids, object::id, object::table.select(object::id)))
}

/// Returns those of some ids that series have.
pub(crate) fn known_series(conn: &mut Conn, ids: &[String]) -> Result<Vec<String>> {
    Ok(load_among!(conn, ids, version_series::id, version_series::table.select(version_series::id)))
}

/// Returns those of some ids that versions of dossiers have.
pub(crate) fn known_dossier_versions(conn: &mut Conn, ids: &[String]) -> Result<Vec<String>> {
    Ok(load_among!(conn, ids, dossier_version::id, dossier_version::table.select(dossier_version::id)))
}

/// What an object of another office says of when and by whom.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Past {
    pub created_at: i64,
    pub created_by: i64,
    pub modified_at: i64,
    pub modified_by: i64,
}

/// Gives the root folder what it was elsewhere.
pub(crate) fn put_root(conn: &mut Conn, no: i64, title: &str, properties: &str, past: Past) -> Result<()> {
    each_db!(conn, |c| update_rows(object::table.filter(object::no.eq(no)))
        .set((
            object::title.eq(title),
            object::properties.eq(properties),
            object::change_token.eq(object::change_token + 1),
            object::created_at.eq(past.created_at),
            object::created_by.eq(past.created_by),
            object::modified_at.eq(past.modified_at),
            object::modified_by.eq(past.modified_by),
        ))
        .execute(c))?;
    Ok(())
}

/// Keeps the manifest of a version of a dossier as it came from another office.
pub(crate) fn put_manifest(conn: &mut Conn, no: i64, text: &str) -> Result<()> {
    each_db!(conn, |c| update_rows(dossier_version::table.filter(dossier_version::no.eq(no)))
        .set(dossier_version::manifest.eq(text))
        .execute(c))?;
    Ok(())
}
