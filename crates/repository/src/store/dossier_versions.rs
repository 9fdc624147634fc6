//! Rows of versions of dossiers, and of what they name.

use cartulary_db::{Conn, each_db};
use diesel::dsl::exists;
use diesel::prelude::*;

use super::schema::dossier_version_member;
use crate::Result;

/// Says whether a version of a dossier names this version of a document.
pub(crate) fn is_named(conn: &mut Conn, version: i64) -> Result<bool> {
    let named = each_db!(conn, |c| diesel::select(exists(
        dossier_version_member::table.filter(dossier_version_member::version_no.eq(version))
    ))
    .get_result::<bool>(c))?;
    Ok(named)
}
