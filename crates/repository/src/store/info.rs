//! The few facts about the repository itself.

use cartulary_db::{Conn, each_db, upsert};
use diesel::prelude::*;

use super::schema::repository_info::dsl::{key, repository_info, value};
use crate::Result;

/// Returns the fact under `name`.
pub(crate) fn get(conn: &mut Conn, name: &str) -> Result<Option<String>> {
    let found = each_db!(conn, |c| repository_info.filter(key.eq(name)).select(value).first::<String>(c).optional())?;
    Ok(found)
}

/// Writes the fact under `name`, whether it was there or not.
pub(crate) fn put(conn: &mut Conn, name: &str, text: &str) -> Result<()> {
    each_db!(conn, |c| {
        upsert(diesel::insert_into(repository_info).values((key.eq(name), value.eq(text))), &["key"], value.eq(text))
            .execute(c)
    })?;
    Ok(())
}
